// What a person may do and is told, the same by socket and by HTTP. If one of these were false, somebody would edit
// without the right to, see what he may not see, or be told of another company's bills.
#include "session/hub_fixture_test.h"

namespace hf::test {
namespace {

class HubOperations : public HubTest {
 protected:
  std::string acquire(ConnectionId c, const std::string& target, const std::string& more = "") {
    const auto answer = ask(c, R"({"id":1,"op":"lock.acquire","targets":[")" + target + "\"]" + more + "}");
    EXPECT_EQ(text(answer, "error"), "");
    return text(answer, "ok.lock");
  }
  std::string code(ConnectionId c, const std::string& message) { return text(ask(c, message), "error.code"); }
};

TEST_F(HubOperations, two_people_one_bill_and_a_hand_over) {
  start();
  const ConnectionId li = greet(token("li"));
  const ConnectionId wang = greet(token("wang"));
  const std::string lock = acquire(li, "SaleOrder:1001", R"(,"label":"SO-1001")");

  const auto refused = ask(wang, R"({"id":2,"op":"lock.acquire","targets":["SaleOrder:1001"]})");
  EXPECT_EQ(text(refused, "error.code"), "locked");
  EXPECT_EQ(text(refused, "error.conflicts_total"), "1");
  EXPECT_EQ(text(refused, "error.conflicts.0.holder.user"), "li");
  EXPECT_EQ(text(refused, "error.conflicts.0.label"), "SO-1001");
  EXPECT_EQ(text(refused, "error.conflicts.0.may"), R"(["read_only","notify","wait","request"])");

  const auto asked = ask(wang, R"({"id":3,"op":"lock.request","lock":")" + lock + R"(","message":"please"})");
  const std::string request = text(asked, "ok.request");
  ASSERT_EQ(request.size(), 26u);
  EXPECT_EQ(text(asked, "ok.position"), "1");
  ASSERT_EQ(said(li, "lock.requested").size(), 1u);
  EXPECT_EQ(text(said(li, "lock.requested")[0], "request.message"), "please");

  ask(li, R"({"id":4,"op":"request.agree","request":")" + request + "\"}");
  EXPECT_EQ(text(last(li), "ok.granted"), "true");
  ASSERT_EQ(said(wang, "lock.granted").size(), 1u);
  EXPECT_EQ(text(said(wang, "lock.granted")[0], "grant.targets.0"), "SaleOrder:1001");
  ASSERT_EQ(said(li, "lock.lost").size(), 1u);
  EXPECT_EQ(text(said(li, "lock.lost")[0], "reason"), "handed_over");
}

TEST_F(HubOperations, a_wait_is_answered_queued_and_granted_by_a_push) {
  start();
  const ConnectionId li = greet(token("li"));
  const ConnectionId wang = greet(token("wang"));
  const std::string lock = acquire(li, "SaleOrder:1");
  const auto queued = ask(wang, R"({"id":2,"op":"lock.acquire","targets":["SaleOrder:1"],"wait_ms":60000})");
  EXPECT_EQ(text(queued, "ok.queued.position"), "1");
  EXPECT_EQ(text(ask(li, R"({"id":3,"op":"lock.release","lock":")" + lock + "\"}"), "ok.released"), "true");
  ASSERT_EQ(said(wang, "lock.granted").size(), 1u);
  EXPECT_EQ(text(said(wang, "lock.granted")[0], "wait"), text(queued, "ok.queued.wait"));
}

TEST_F(HubOperations, what_happens_to_a_detached_session_is_in_its_resumed_welcome) {
  start();
  const std::string wangs = token("wang");
  const ConnectionId li = greet(token("li"));
  const ConnectionId wang = greet(wangs);
  const std::string lock = acquire(li, "SaleOrder:1");
  ask(wang, R"({"id":2,"op":"lock.acquire","targets":["SaleOrder:1"],"wait_ms":60000})");
  hub->disconnected(wang, now);
  ask(li, R"({"id":3,"op":"lock.release","lock":")" + lock + "\"}");
  const auto w =
      hello(connect(), wangs,
            R"(,"session":")" + text(welcome, "session") + R"(","secret":")" + text(welcome, "secret") + '"');
  EXPECT_EQ(text(w, "state.locks.0.targets.0"), "SaleOrder:1");
}

TEST_F(HubOperations, rights_are_checked_on_all_targets_before_anything_is_told) {
  start();
  const ConnectionId li = greet(token("li"));
  acquire(li, "SaleOrder:1");
  const ConnectionId wang = greet(token("wang", {"lock.view:SaleOut", "lock.edit:SaleOut"}));
  EXPECT_EQ(code(wang, R"({"id":1,"op":"lock.acquire","targets":["SaleOut:1","SaleOrder:1"]})"), "forbidden");
  EXPECT_EQ(code(wang, R"({"id":2,"op":"lock.check","targets":["SaleOrder:1"]})"), "forbidden");
  EXPECT_EQ(code(wang, R"({"id":3,"op":"watch","targets":["SaleOrder:1"]})"), "forbidden");
  EXPECT_EQ(code(wang, R"({"id":4,"op":"lock.list","type":"SaleOrder"})"), "forbidden");
  EXPECT_EQ(code(wang, R"({"id":5,"op":"lock.acquire","targets":["SaleOut:1"]})"), "");
}

TEST_F(HubOperations, a_view_limited_to_types_sees_no_lock_of_others) {
  start();
  const ConnectionId li = greet(token("li"));
  const std::string order = acquire(li, "SaleOrder:1");
  const std::string out = acquire(li, "SaleOut:1");
  const ConnectionId wang = greet(token("wang", {"lock.view:SaleOut"}));
  const auto list = ask(wang, R"({"id":1,"op":"lock.list"})");
  EXPECT_EQ(list.at("ok").at("locks").as_array().size(), 1u);
  EXPECT_EQ(text(list, "ok.locks.0.lock"), out);
  EXPECT_EQ(code(wang, R"({"id":2,"op":"lock.get","lock":")" + order + "\"}"), "not_found");
  EXPECT_EQ(code(wang, R"({"id":3,"op":"lock.get","lock":")" + out + "\"}"), "");
}

TEST_F(HubOperations, without_a_right_nothing_is_read) {
  start();
  const ConnectionId c = greet(token("li", {}));
  EXPECT_EQ(code(c, R"({"id":1,"op":"lock.list"})"), "forbidden");
  EXPECT_EQ(code(c, R"({"id":2,"op":"lock.get","lock":"00000000000000000000000001"})"), "forbidden");
  EXPECT_EQ(code(c, R"({"id":3,"op":"stats.get"})"), "forbidden");
  EXPECT_EQ(code(c, R"({"id":4,"op":"audit.list"})"), "forbidden");
  EXPECT_EQ(
      code(c, R"({"id":5,"op":"lock.verify","lock":"00000000000000000000000001","token":1,"targets":["SaleOrder:1"]})"),
      "forbidden");
}

TEST_F(HubOperations, force_needs_its_right_for_the_locks_type) {
  start();
  const ConnectionId li = greet(token("li"));
  const std::string order = acquire(li, "SaleOrder:1");
  const std::string out = acquire(li, "SaleOut:1");
  const auto force = [](const std::string& lock) {
    return R"({"id":1,"op":"lock.force","lock":")" + lock + R"(","reason":"stock-taking"})";
  };
  EXPECT_EQ(code(greet(token("wang")), force(order)), "forbidden");
  const ConnectionId chief = greet(token("chief", {"lock.view", "lock.force:SaleOut"}));
  EXPECT_EQ(code(chief, force(order)), "forbidden");
  EXPECT_TRUE(said(li, "lock.lost").empty());
  EXPECT_EQ(code(chief, force(out)), "");
  ASSERT_EQ(said(li, "lock.lost").size(), 1u);
  EXPECT_EQ(text(said(li, "lock.lost")[0], "reason"), "forced");
  EXPECT_EQ(text(said(li, "lock.lost")[0], "by.user"), "chief");
  const ConnectionId admin = greet(token("boss", {"lock.force"}));
  EXPECT_EQ(code(admin, force(order)), "");
}

TEST_F(HubOperations, force_needs_a_reason_that_can_be_read) {
  start();
  const std::string order = acquire(greet(token("li")), "SaleOrder:1");
  const ConnectionId chief = greet(token("chief", {"lock.force"}));
  for (const char* blank : {"", "  ", "\\t\\n", "\u3000 ", "\u00A0\u200B", "\uFEFF", "\\u0000\u2028"}) {
    EXPECT_EQ(code(chief, R"({"id":1,"op":"lock.force","lock":")" + order + R"(","reason":")" + blank + "\"}"),
              "invalid")
        << blank;
  }
  EXPECT_EQ(code(chief, R"({"id":1,"op":"lock.force","lock":")" + order + R"(","reason":" x"})"), "");
}

TEST_F(HubOperations, asking_needs_the_right_to_edit_the_locks_type) {
  start();
  const ConnectionId li = greet(token("li"));
  const std::string order = acquire(li, "SaleOrder:1");
  const auto request = R"({"id":1,"op":"lock.request","lock":")" + order + "\"}";
  EXPECT_EQ(code(greet(token("a", {"lock.view"})), request), "forbidden");
  EXPECT_EQ(code(greet(token("b", {"lock.edit:SaleOut", "lock.view"})), request), "forbidden");
  EXPECT_TRUE(said(li, "lock.requested").empty());
  EXPECT_EQ(code(greet(token("c", {"lock.edit:SaleOrder"})), request), "");
  EXPECT_EQ(said(li, "lock.requested").size(), 1u);
}

TEST_F(HubOperations, a_lock_that_one_may_not_know_of_cannot_be_asked_for) {
  start();
  const ConnectionId li = greet(token("li"));
  const std::string order = acquire(li, "SaleOrder:1");
  const auto request = [&](std::string_view more) {
    return R"({"id":1,"op":"lock.request","lock":")" + order + '"' + std::string(more) + '}';
  };
  const ConnectionId b = greet(token("b", {"lock.edit:SaleOut", "lock.view:SaleOut"}));
  EXPECT_EQ(code(b, request("")), "not_found");
  EXPECT_EQ(code(b, request(R"(,"targets":["SaleOut:1"])")), "not_found");
  const ConnectionId c = greet(token("c"));
  EXPECT_EQ(code(c, request(R"(,"targets":["SaleOut:1"])")), "invalid");
  EXPECT_TRUE(said(li, "lock.requested").empty());
  EXPECT_EQ(code(c, request(R"(,"targets":["SaleOrder:1/SaleOrderDetail"])")), "");
  EXPECT_EQ(said(li, "lock.requested").size(), 1u);
}

TEST_F(HubOperations, holds_need_their_right_and_temporary_locks_are_not_for_clients) {
  start();
  const ConnectionId li = greet(token("li"));
  const std::string hold =
      R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"],"kind":"hold","owner":"SaleOut:7","ttl_ms":60000})";
  EXPECT_EQ(code(li, hold), "forbidden");
  EXPECT_EQ(code(li, R"({"id":2,"op":"lock.acquire","targets":["SaleOrder:1"],"kind":"temporary"})"), "forbidden");
  const ConnectionId erp = greet(token("erp", {"lock.hold:SaleOrder"}));
  const auto held = ask(erp, hold);
  EXPECT_EQ(text(held, "ok.kind"), "hold");
  const std::string release =
      R"({"id":3,"op":"lock.release","owner":"SaleOut:7","lock":")" + text(held, "ok.lock") + "\"}";
  EXPECT_NE(code(li, release), "");
  EXPECT_EQ(code(greet(token("erp2", {"lock.hold:SaleOut"})), release), "forbidden");
  EXPECT_EQ(code(greet(token("erp3", {"lock.hold:SaleOrder"})), release), "");
}

TEST_F(HubOperations, a_hold_is_extended_by_who_may_hold_its_type_and_an_edit_lock_by_its_session) {
  start();
  const ConnectionId erp = greet(token("erp", {"lock.hold:SaleOrder", "lock.edit"}));
  const std::string hold = text(
      ask(erp, R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"],"kind":"hold","owner":"x","ttl_ms":60000})"),
      "ok.lock");
  const std::string edit = acquire(erp, "SaleOut:1");
  const auto extend = [](const std::string& lock) {
    return R"({"id":2,"op":"lock.extend","ttl_ms":90000,"lock":")" + lock + "\"}";
  };
  EXPECT_EQ(code(erp, extend(hold)), "");
  EXPECT_EQ(code(erp, extend(edit)), "");
  EXPECT_EQ(code(greet(token("erp2", {"lock.hold:SaleOut"})), extend(hold)), "forbidden");
  EXPECT_EQ(code(greet(token("wang")), extend(edit)), "not_holder");
  http("POST", "/v1/locks/" + hold + "/extend", token("erp3", {"lock.hold"}), R"({"ttl_ms":90000})");
  EXPECT_EQ(status, 200);
}

TEST_F(HubOperations, what_one_may_do_about_a_conflict_follows_from_rights_and_kind) {
  start();
  const std::string lis = token("li", {"lock.view", "lock.edit", "lock.force"});
  const ConnectionId li = greet(lis);
  const ConnectionId other_window = greet(lis);
  acquire(li, "SaleOrder:1");
  EXPECT_EQ(
      text(ask(other_window, R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"]})"), "error.conflicts.0.may"),
      R"(["read_only","notify","wait","request","transfer","force"])");
  const ConnectionId viewer = greet(token("v", {"lock.view"}));
  EXPECT_EQ(
      text(ask(viewer, R"({"id":1,"op":"lock.check","targets":["SaleOrder:1"]})"), "ok.targets.0.conflicts.0.may"),
      R"(["read_only","notify"])");
}

TEST_F(HubOperations, types_and_parts_unknown_to_a_strict_catalog_are_invalid) {
  catalog::Content content;
  catalog::Type type;
  type.name = "SaleOrder";
  catalog::Part part;
  part.name = "SaleOrderDetail";
  type.parts.push_back(part);
  content.types.push_back(type);
  content.tables.emplace_back();
  catalog = Catalog(content);
  start();
  const ConnectionId c = greet(token("li"));
  for (const char* unknown : {"Nonsense:1", "SaleOrder:1/Nonsense", "SaleOrder:1/Nonsense/1"}) {
    const auto answer = ask(c, R"({"id":1,"op":"lock.acquire","targets":[")" + std::string(unknown) + "\"]}");
    EXPECT_EQ(text(answer, "error.code"), "invalid") << unknown;
    EXPECT_EQ(text(answer, "error.field"), "targets");
  }
  acquire(c, "SaleOrder:1/SaleOrderDetail/7");
  for (const char* filter : {"lock.list", "lock.release_all"}) {
    const auto answer = ask(c, R"({"id":1,"op":")" + std::string(filter) + R"(","type":"Nonsense"})");
    EXPECT_EQ(text(answer, "error.code"), "invalid") << filter;
    EXPECT_EQ(text(answer, "error.field"), "type");
    EXPECT_EQ(code(c, R"({"id":1,"op":")" + std::string(filter) + R"(","type":"SaleOrder"})"), "") << filter;
  }
  options.strict_types = false;
  start();
  acquire(greet(token("li")), "Nonsense:1");
}

TEST_F(HubOperations, namespaces_are_apart_in_everything) {
  options.namespaces = {"default", "b"};
  start();
  const ConnectionId a = greet(token("li"));
  const std::string session_a = text(welcome, "session");
  const std::string lock = acquire(a, "SaleOrder:1");
  const ConnectionId b = greet(token("li", {"lock.view", "lock.edit", "lock.force", "admin"}, "b"));
  acquire(b, "SaleOrder:1");
  EXPECT_EQ(code(b, R"({"id":1,"op":"lock.get","lock":")" + lock + "\"}"), "not_found");
  EXPECT_EQ(ask(b, R"({"id":2,"op":"lock.list"})").at("ok").at("locks").as_array().size(), 1u);
  EXPECT_EQ(code(b, R"({"id":3,"op":"lock.force","reason":"x","lock":")" + lock + "\"}"), "not_found");
  EXPECT_EQ(code(b, R"({"id":4,"op":"session.state","session":")" + session_a + "\"}"), "session_gone");
  ask(b, R"({"id":5,"op":"watch","targets":["SaleOrder:1"]})");
  const std::size_t heard = transport.sent[b].size();
  ask(a, R"({"id":6,"op":"lock.release","lock":")" + lock + "\"}");
  EXPECT_EQ(transport.sent[b].size(), heard);
  EXPECT_EQ(text(ask(b, R"({"id":7,"op":"stats.get"})"), "ok.locks"), "1");
}

TEST_F(HubOperations, another_users_session_is_forbidden) {
  start();
  greet(token("li"));
  const std::string li_session = text(welcome, "session");
  const ConnectionId wang = greet(token("wang"));
  EXPECT_EQ(code(wang, R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"],"session":")" + li_session + "\"}"),
            "forbidden");
  EXPECT_EQ(code(wang, R"({"id":2,"op":"session.end","session":")" + li_session + "\"}"), "forbidden");
  EXPECT_EQ(code(wang, R"({"id":3,"op":"session.state","session":")" + li_session + "\"}"), "forbidden");
}

TEST_F(HubOperations, hidden_names_are_null_for_all_but_oneself_and_admin) {
  options.hide_names = true;
  start();
  const ConnectionId li = greet(token("li"));
  acquire(li, "SaleOrder:1", R"(,"reason":"prices")");
  const std::string check = R"({"id":1,"op":"lock.check","targets":["SaleOrder:1"]})";
  const auto seen = ask(greet(token("wang")), check);
  for (const char* member : {"user", "name", "session", "client", "reason"}) {
    EXPECT_EQ(text(seen, "ok.targets.0.conflicts.0.holder." + std::string(member)), "null") << member;
  }
  EXPECT_EQ(text(ask(greet(token("boss", {"lock.view", "admin"})), check), "ok.targets.0.conflicts.0.holder.user"),
            "li");
  EXPECT_EQ(code(greet(token("wang")), R"({"id":2,"op":"lock.list","user":"li"})"), "forbidden");
  EXPECT_EQ(code(greet(token("wang")), R"({"id":3,"op":"audit.list"})"), "forbidden");
}

TEST_F(HubOperations, a_repeat_with_the_same_request_id_gives_the_same_lock_and_with_other_arguments_is_refused) {
  start();
  const ConnectionId c = greet(token("li"));
  const std::string lock = acquire(c, "SaleOrder:1", R"(,"request_id":"r1")");
  EXPECT_EQ(acquire(c, "SaleOrder:1", R"(,"request_id":"r1")"), lock);
  EXPECT_EQ(code(c, R"({"id":2,"op":"lock.acquire","targets":["SaleOrder:2"],"request_id":"r1"})"),
            "request_id_reused");
}

TEST_F(HubOperations, a_repeated_session_open_tells_the_same_session_and_secret) {
  start();
  const ConnectionId c = greet(token("li"));
  const auto first = ask(c, R"({"id":1,"op":"session.open","request_id":"o1"})");
  const auto again = ask(c, R"({"id":1,"op":"session.open","request_id":"o1"})");
  EXPECT_EQ(text(first, "ok.session").size(), 26u);
  EXPECT_EQ(text(again, "ok.session"), text(first, "ok.session"));
  EXPECT_EQ(text(again, "ok.secret"), text(first, "ok.secret"));
  const auto w =
      hello(connect(), token("li"),
            R"(,"session":")" + text(again, "ok.session") + R"(","secret":")" + text(again, "ok.secret") + '"');
  EXPECT_EQ(text(w, "resumed"), "true");
}

// ---------------------------------------------------------------------------------------------- watching

TEST_F(HubOperations, a_watcher_is_told_the_state_now_and_then_each_change) {
  start();
  const ConnectionId li = greet(token("li"));
  const ConnectionId wang = greet(token("wang"));
  const std::string lock = acquire(li, "SaleOrder:1");
  const auto now_state = ask(wang, R"({"id":1,"op":"watch","targets":["SaleOrder:1","SaleOrder:2"]})");
  EXPECT_EQ(text(now_state, "ok.targets.0.free"), "false");
  EXPECT_EQ(text(now_state, "ok.targets.0.conflicts.0.holder.user"), "li");
  EXPECT_EQ(text(now_state, "ok.targets.1.free"), "true");
  acquire(li, "SaleOrder:2/SaleOrderDetail/7");
  ASSERT_EQ(said(wang, "lock.changed").size(), 1u);
  EXPECT_EQ(text(said(wang, "lock.changed")[0], "target"), "SaleOrder:2/SaleOrderDetail/7");
  EXPECT_EQ(text(said(wang, "lock.changed")[0], "holder.user"), "li");
  ask(li, R"({"id":2,"op":"lock.release","lock":")" + lock + "\"}");
  ASSERT_EQ(said(wang, "lock.free").size(), 1u);
  EXPECT_EQ(text(said(wang, "lock.free")[0], "target"), "SaleOrder:1");
  acquire(li, "SaleOrder:3");
  EXPECT_EQ(said(wang, "lock.changed").size(), 1u);
  ask(wang, R"({"id":3,"op":"unwatch","targets":["SaleOrder:1"]})");
  EXPECT_EQ(text(last(wang), "ok.watched"), "1");
  acquire(li, "SaleOrder:1");
  EXPECT_EQ(said(wang, "lock.changed").size(), 1u);
}

TEST_F(HubOperations, a_lock_on_a_whole_type_concerns_who_watches_its_bills) {
  start();
  const ConnectionId li = greet(token("li"));
  const ConnectionId wang = greet(token("wang"));
  ask(wang, R"({"id":1,"op":"watch","targets":["SaleOrder:1","SaleOrder:2"]})");
  acquire(li, "SaleOrder");
  ASSERT_EQ(said(wang, "lock.changed").size(), 1u);
  EXPECT_EQ(text(said(wang, "lock.changed")[0], "target"), "SaleOrder");
}

TEST_F(HubOperations, windows_that_share_a_connection_hear_a_change_once) {
  start();
  const ConnectionId li = greet(token("li"));
  const ConnectionId wang = greet(token("wang"));
  const auto tab = ask(wang, R"({"id":1,"op":"session.open"})");
  ask(wang, R"({"id":2,"op":"watch","targets":["SaleOrder:1"]})");
  ask(wang, R"({"id":3,"op":"watch","targets":["SaleOrder:1"],"session":")" + text(tab, "ok.session") + "\"}");
  acquire(li, "SaleOrder:1");
  EXPECT_EQ(said(wang, "lock.changed").size(), 1u);
}

TEST_F(HubOperations, a_session_watches_200_bills_and_no_more) {
  start();
  const ConnectionId c = greet(token("li"));
  const auto watch = [&](int from, int to) {
    std::string targets;
    for (int i = from; i < to; ++i) targets += (i > from ? ",\"SaleOrder:" : "\"SaleOrder:") + std::to_string(i) + "\"";
    return R"({"id":1,"op":"watch","targets":[)" + targets + "]}";
  };
  EXPECT_EQ(code(c, watch(0, 201)), "too_many");
  EXPECT_EQ(code(c, watch(0, 200)), "");
  EXPECT_EQ(code(c, watch(100, 200)), "") << "watched already";
  EXPECT_EQ(code(c, watch(200, 201)), "too_many");
  EXPECT_EQ(code(c, R"({"id":1,"op":"watch","targets":["SaleOrder"]})"), "invalid");
}

TEST_F(HubOperations, two_watches_on_their_way_at_once_stay_within_the_limit) {
  options.limits.watched_per_session_max = 1;
  start();
  const ConnectionId c = greet(token("li"));
  tell(c, R"({"id":1,"op":"watch","targets":["SaleOrder:1"]})");
  tell(c, R"({"id":2,"op":"watch","targets":["SaleOrder:2"]})");
  engine.pump();
  EXPECT_EQ(text(last(c), "id"), "2");
  EXPECT_EQ(text(last(c), "error.code"), "too_many");
}

TEST_F(HubOperations, a_watch_ends_with_the_right_to_view) {
  start();
  const ConnectionId li = greet(token("li"));
  const ConnectionId wang = greet(token("wang"));
  ask(wang, R"({"id":1,"op":"watch","targets":["SaleOrder:1","SaleOut:1"]})");
  ask(wang, R"({"id":2,"op":"auth","token":")" + token("wang", {"lock.view:SaleOut"}) + "\"}");
  acquire(li, "SaleOrder:1");
  EXPECT_TRUE(said(wang, "lock.changed").empty());
  acquire(li, "SaleOut:1");
  EXPECT_EQ(said(wang, "lock.changed").size(), 1u);
}

TEST_F(HubOperations, a_closed_socket_hears_nothing_and_leaves_no_watch) {
  start();
  const ConnectionId li = greet(token("li"));
  const ConnectionId wang = greet(token("wang"));
  ask(wang, R"({"id":1,"op":"watch","targets":["SaleOrder:1"]})");
  hub->disconnected(wang, now);
  const std::size_t heard = transport.sent[wang].size();
  acquire(li, "SaleOrder:1");
  EXPECT_EQ(transport.sent[wang].size(), heard);
}

TEST_F(HubOperations, the_engine_makes_events_for_watchers_only_while_somebody_watches) {
  start();
  EXPECT_FALSE(engine.watching);
  const ConnectionId c = greet(token("li"));
  tell(c, R"({"id":1,"op":"watch","targets":["SaleOrder:1"]})");
  EXPECT_TRUE(engine.watching) << "before the answer: no change after it may be missed";
  engine.pump();
  for (int n = 1; n <= 12; ++n) {
    pass(Millis(10'000));
    ask(c, R"({"op":"pong","n":)" + std::to_string(n) + "}");
  }
  EXPECT_TRUE(engine.watching);
  ask(c, R"({"id":2,"op":"unwatch","targets":["SaleOrder:1"]})");
  pass(Millis(100));
  EXPECT_FALSE(engine.watching);
}

TEST_F(HubOperations, audit_and_catalog_and_stats_are_read_by_socket_too) {
  start();
  const ConnectionId c = greet(token("li"));
  const auto trail = ask(c, R"({"id":1,"op":"audit.list","user":"li","limit":5})");
  EXPECT_EQ(text(trail, "ok.entries.0.action"), "acquire");
  EXPECT_EQ(text(trail, "ok.next"), "17");
  const std::vector<std::pair<std::string, std::string>> filters{{"user", "li"}, {"limit", "5"}};
  EXPECT_EQ(audit.filters, filters);
  EXPECT_EQ(text(ask(c, R"({"id":2,"op":"catalog.get"})"), "error"), "");
  EXPECT_EQ(text(ask(c, R"({"id":3,"op":"stats.get"})"), "ok.node"), "n1");
}

}  // namespace
}  // namespace hf::test
