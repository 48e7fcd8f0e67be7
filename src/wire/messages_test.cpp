// What a client asks must be understood as it was meant or refused with the field at fault: a duration read as
// another, or a field dropped in silence, would make a lock that ends too early or too late.

#include "wire/messages.h"

#include <gtest/gtest.h>

namespace hf {
namespace {

const std::string kId = "0000000000000000000000000a";
const std::string kOther = "0000000000000000000000000b";
const SessionId kSession = *SessionId::parse(kId);
const LockId kLock = *LockId::parse(kOther);

Target target(std::string_view text) { return *Target::parse(text); }

Result<Fields> read(const std::string& text) {
  auto message = parse_message(text);
  if (!message) return tl::unexpected<Error>(message.error());
  return message->fields;
}

// How `{"op":OP,REST}` is refused: "code field".
std::string refusal(const std::string& op, const std::string& rest) {
  const auto fields = read("{\"op\":\"" + op + "\"" + (rest.empty() ? "" : ",") + rest + "}");
  if (fields) return "accepted";
  EXPECT_FALSE(fields.error().detail.empty());
  return std::string(code_name(fields.error().code)) + " " + fields.error().field;
}
const std::string kTargets = R"("targets":["SaleOrder:1"])";
std::string acquire(const std::string& rest) { return refusal("lock.acquire", kTargets + "," + rest); }

TEST(Messages, an_acquire_is_read_with_every_field) {
  const auto fields = read(R"({"id":7,"op":"lock.acquire","session":")" + kId +
                           R"(","targets":["SaleOrder:1001","SaleOrder:1002/SaleOrderDetail/7"],
    "mode":"shared","kind":"hold","owner":"SaleOut:77","ttl_ms":60000,"wait_ms":1e3,"if_versions":{"SaleOrder:1001":9007199254740991},
    "label":"XS-1001","reason":"因为","request_id":"r1","unknown":{"a":[1]},"version":null})");
  ASSERT_TRUE(fields) << fields.error().detail;
  Acquire expected;
  expected.session = kSession;
  expected.targets = {target("SaleOrder:1001"), target("SaleOrder:1002/SaleOrderDetail/7")};
  expected.mode = Mode::shared;
  expected.kind = Kind::hold;
  expected.owner = "SaleOut:77";
  expected.ttl = Millis(60'000);
  expected.wait = Millis(1000);
  expected.if_versions = {{"SaleOrder:1001", token_max}};
  expected.label = "XS-1001";
  expected.reason = "因为";
  expected.caller.request_id = "r1";
  EXPECT_EQ(std::get<Acquire>(*fields), expected);
}

TEST(Messages, an_id_comes_back_as_it_was_also_with_fields_that_are_refused) {
  const auto id_of = [](const std::string& id) {
    const auto message = parse_message("{\"id\":" + id + ",\"op\":\"nonsense\"}");
    if (!message) return "refused: " + message.error().field;
    EXPECT_FALSE(message->fields);
    EXPECT_EQ(message->fields.error().field, "op");
    std::string out;
    append_message_id(out, message->id);
    return out;
  };
  EXPECT_EQ(id_of("7"), "7");
  EXPECT_EQ(id_of("0"), "0");
  EXPECT_EQ(id_of("9007199254740991"), "9007199254740991");
  EXPECT_EQ(id_of("\"a\\n\\\"b\""), "\"a\\n\\\"b\"");
  EXPECT_EQ(id_of("null"), "null");
  EXPECT_EQ(id_of("\"" + std::string(64, 'x') + "\""), "\"" + std::string(64, 'x') + "\"");
  EXPECT_EQ(id_of("\"" + std::string(65, 'x') + "\""), "refused: id");
  for (const char* bad : {"-1", "1.5", "9007199254740992", "18446744073709551615", "1e400", "true", "{}", "[]"}) {
    EXPECT_TRUE(id_of(bad).starts_with("refused")) << bad;
  }
}

TEST(Messages, what_is_no_message_is_refused_whole) {
  for (const char* bad :
       {"", "null", "[]", "7", "{", "{}x", "{\"op\":\"pong\",}", "{'op':1}", "{\"op\":\"p\xFF\"}", "\xEF\xBB\xBF{}",
        "{\"op\":\"pong\",\"op\":\"pong\"}", "{\"op\":\"pong\",\"x\":[{\"a\":1,\"a\":2}]}",
        "{\"op\":\"pong\",\"x\":{\"y\":1},\"x\":{\"y\":1}}", "// c\n{}"}) {
    const auto message = parse_message(bad);
    ASSERT_FALSE(message) << bad;
    EXPECT_EQ(message.error().code, Code::invalid);
    EXPECT_EQ(message.error().field, "message");
  }
  EXPECT_TRUE(read(" {\"op\":\"stats.get\"} \n"));
}

TEST(Messages, depth_and_size_have_limits) {
  const auto nested = [](std::size_t depth) {  // the message's own object is the first level
    return "{\"op\":\"stats.get\",\"x\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_TRUE(read(nested(json_depth_max)));
  EXPECT_FALSE(read(nested(json_depth_max + 1)));
  EXPECT_FALSE(read(nested(100'000)));

  const std::string text = "{\"op\":\"stats.get\"}";
  ParseLimits limits;
  limits.message_bytes_max = text.size();
  EXPECT_TRUE(parse_message(text, limits));
  const auto larger = parse_message(text + " ", limits);
  ASSERT_FALSE(larger);
  EXPECT_EQ(larger.error().code, Code::too_large);
}

TEST(Messages, a_field_of_a_wrong_kind_is_named) {
  EXPECT_EQ(acquire("\"session\":\"x\""), "invalid session");
  EXPECT_EQ(acquire("\"session\":\"00000000000000000000000000\""), "invalid session");
  EXPECT_EQ(acquire("\"session\":7"), "invalid session");
  EXPECT_EQ(acquire("\"mode\":\"write\""), "invalid mode");
  EXPECT_EQ(acquire("\"kind\":\"lock\""), "invalid kind");
  EXPECT_EQ(acquire("\"label\":[]"), "invalid label");
  for (const char* bad : {"-1", "1.5", "\"1000\"", "true", "9007199254740992", "3162240000001", "1e20"}) {
    EXPECT_EQ(acquire(std::string("\"wait_ms\":") + bad), "invalid wait_ms") << bad;
    EXPECT_EQ(acquire(std::string("\"ttl_ms\":") + bad), "invalid ttl_ms") << bad;
  }
  EXPECT_EQ(acquire("\"wait_ms\":3162240000000"), "accepted") << "a hundred years";
  for (const char* bad : {"[]", "7", "{\"SaleOrder\":1}", "{\"SaleOrder:1/D\":1}", "{\"SaleOrder:1\":-1}",
                          "{\"SaleOrder:1\":\"1\"}", "{\"SaleOrder:1\":null}"}) {
    EXPECT_EQ(acquire(std::string("\"if_versions\":") + bad), "invalid if_versions") << bad;
  }
  EXPECT_EQ(refusal("lock.acquire", R"("targets":"SaleOrder:1")"), "invalid targets");
  EXPECT_EQ(refusal("lock.acquire", R"("targets":[7])"), "invalid targets");
  EXPECT_EQ(refusal("lock.acquire", R"("targets":["SaleOrder:"])"), "invalid targets");
  const std::string lock = "\"lock\":\"" + kOther + "\"";
  EXPECT_EQ(refusal("lock.release", lock + ",\"token\":0"), "invalid token") << "0 would switch the comparison off";
  EXPECT_EQ(refusal("lock.release", lock + ",\"token\":9007199254740992"), "invalid token");
  EXPECT_EQ(refusal("lock.release", lock + ",\"token\":9007199254740991"), "accepted");
  EXPECT_EQ(refusal("lock.release", lock + ",\"all\":1"), "invalid all");
  EXPECT_EQ(refusal("lock.release", lock + ",\"version\":-1"), "invalid version");
  EXPECT_EQ(refusal("lock.list", "\"limit\":0"), "invalid limit");
  EXPECT_EQ(refusal("lock.list", "\"limit\":4294967296"), "invalid limit");
  EXPECT_EQ(refusal("lock.list", "\"next\":7"), "invalid next");
  EXPECT_EQ(refusal("lock.list", "\"next\":\"x\""), "invalid next");
  EXPECT_EQ(refusal("pong", "\"idle_ms\":7"), "invalid idle_ms");
  EXPECT_EQ(refusal("pong", "\"idle_ms\":{\"x\":7}"), "invalid idle_ms");
  EXPECT_EQ(refusal("hello", "\"client\":7"), "invalid client");
  EXPECT_EQ(refusal("hello", R"("client":{"host":7})"), "invalid client.host");
  EXPECT_EQ(refusal("run.start", ""), "invalid op");
}

TEST(Messages, each_size_has_a_limit_that_is_reached_and_not_passed) {
  struct Case {
    std::string op, rest, field;
    std::size_t max;
  };
  const std::string lock = "\"lock\":\"" + kOther + "\",";
  const std::vector<Case> cases{{"lock.acquire", kTargets + ",", "label", label_bytes_max},
                                {"lock.acquire", kTargets + ",", "reason", reason_bytes_max},
                                {"lock.acquire", kTargets + ",", "owner", owner_bytes_max},
                                {"lock.acquire", kTargets + ",", "request_id", request_id_bytes_max},
                                {"lock.request", lock, "message", message_bytes_max},
                                {"lock.force", lock, "reason", reason_bytes_max},
                                {"hello", "", "token", 8192},
                                {"hello", "", "client", client_field_bytes_max},
                                {"lock.list", "", "user", user_bytes_max},
                                {"audit.list", "", "next", cursor_bytes_max}};
  for (const Case& c : cases) {
    const auto of = [&](std::size_t size) {
      return refusal(c.op, c.rest + "\"" + c.field + "\":\"" + std::string(size, 'x') + "\"");
    };
    EXPECT_EQ(of(c.max), "accepted") << c.op << " " << c.field;
    EXPECT_EQ(of(c.max + 1), "too_large " + c.field) << c.op;
  }
  const auto targets = [](std::size_t n) {
    std::string list = R"("targets":["T:0")";
    for (std::size_t i = 1; i < n; ++i) list += ",\"T:" + std::to_string(i) + "\"";
    return list + "]";
  };
  EXPECT_EQ(refusal("lock.acquire", targets(1000)), "accepted");
  EXPECT_EQ(refusal("lock.acquire", targets(1001)), "too_large targets");
  const auto versions = [](std::size_t n) {
    std::string object = R"("if_versions":{"T:0":1)";
    for (std::size_t i = 1; i < n; ++i) object += ",\"T:" + std::to_string(i) + "\":1";
    return object + "}";
  };
  EXPECT_EQ(acquire(versions(1000)), "accepted");
  EXPECT_EQ(acquire(versions(1001)), "too_large if_versions");
}

TEST(Messages, a_required_field_that_is_missing_is_named) {
  const std::string lock = "\"lock\":\"" + kOther + "\"";
  const std::string request = "\"request\":\"" + kOther + "\"";
  EXPECT_EQ(refusal("auth", ""), "invalid token");
  EXPECT_EQ(refusal("hello", ""), "accepted");
  EXPECT_EQ(refusal("hello", "\"session\":\"" + kId + "\""), "invalid secret");
  EXPECT_EQ(refusal("hello", "\"secret\":\"" + kId + "\""), "invalid session");
  EXPECT_EQ(refusal("lock.acquire", ""), "invalid targets");
  EXPECT_EQ(refusal("lock.acquire", "\"targets\":[]"), "invalid targets");
  for (const char* op :
       {"lock.get", "lock.release", "lock.extend", "lock.transfer", "lock.force", "lock.request", "lock.verify"}) {
    EXPECT_EQ(refusal(op, ""), "invalid lock") << op;
  }
  EXPECT_EQ(refusal("lock.extend", lock), "invalid ttl_ms");
  EXPECT_EQ(refusal("lock.transfer", lock), "invalid to_session");
  EXPECT_EQ(refusal("lock.force", lock), "invalid reason");
  EXPECT_EQ(refusal("lock.verify", lock), "invalid token");
  EXPECT_EQ(refusal("lock.verify", lock + ",\"token\":1"), "invalid targets");
  EXPECT_EQ(refusal("lock.cancel_wait", ""), "invalid wait");
  EXPECT_EQ(refusal("lock.check", ""), "invalid targets");
  for (const char* op : {"request.agree", "request.refuse", "request.defer", "request.withdraw"}) {
    EXPECT_EQ(refusal(op, ""), "invalid request") << op;
  }
  EXPECT_EQ(refusal("request.defer", request), "invalid ms");
  EXPECT_EQ(refusal("watch", ""), "invalid targets");
  EXPECT_EQ(refusal("unwatch", ""), "invalid targets");
}

TEST(Messages, a_body_and_what_path_and_query_say_become_one_set_of_fields) {
  auto fields = parse_fields(Op::lock_extend, "{\"ttl_ms\":5000,\"lock\":\"" + kId + "\"}");
  ASSERT_TRUE(fields);
  ASSERT_TRUE(set_field(*fields, "lock", kOther));
  ASSERT_TRUE(set_field(*fields, "session", kId));
  ASSERT_TRUE(set_field(*fields, "nothing_of_ours", "x"));
  ASSERT_TRUE(check_fields(*fields));
  const Extend& command = std::get<Extend>(*fields);
  EXPECT_EQ(command.lock, kLock) << "the path wins";
  EXPECT_EQ(command.session, kSession);
  EXPECT_EQ(command.ttl, Millis(5000));

  auto release = parse_fields(Op::lock_release, "");
  ASSERT_TRUE(release);
  EXPECT_FALSE(check_fields(*release));
  ASSERT_TRUE(set_field(*release, "all", "true"));
  ASSERT_TRUE(set_field(*release, "token", "17"));
  ASSERT_TRUE(set_field(*release, "targets", "T:1,2"));
  ASSERT_TRUE(set_field(*release, "targets", "T:3"));
  EXPECT_EQ(std::get<Release>(*release).targets, (std::vector{target("T:1,2"), target("T:3")}));
  EXPECT_TRUE(std::get<Release>(*release).all);
  for (const auto& [name, text] : std::vector<std::pair<const char*, const char*>>{{"token", "0"},
                                                                                   {"token", "1x"},
                                                                                   {"token", ""},
                                                                                   {"token", "-1"},
                                                                                   {"token", "9007199254740992"},
                                                                                   {"all", "yes"},
                                                                                   {"targets", "T:"}}) {
    const auto bad = set_field(*release, name, text);
    ASSERT_FALSE(bad) << name << "=" << text;
    EXPECT_EQ(bad.error().field, name);
  }
  EXPECT_FALSE(set_field(*release, "request_id", std::string(65, 'x')));
  EXPECT_FALSE(parse_fields(Op::lock_release, "[]"));
}

// Plain messages are read without a tree. With a space before it no message is plain, so it takes the other way.
TEST(Messages, a_plain_message_means_what_its_tree_means) {
  const std::vector<std::string> rests{"",
                                       R"(,"id":0)",
                                       R"(,"id":9007199254740991)",
                                       R"(,"id":9007199254740992)",
                                       R"(,"id":01)",
                                       R"(,"id":1.0)",
                                       R"(,"id":1e3)",
                                       R"(,"id":-1)",
                                       R"(,"id":"a")",
                                       R"(,"id":"\u0061")",
                                       R"(,"id":null)",
                                       R"(,"id":true)",
                                       R"(,"id":99999999999999999999)",
                                       R"(,"id":")" + std::string(65, 'x') + "\"",
                                       R"(,"label":"因为")",
                                       R"(,"label":"a\nb")",
                                       ",\"label\":\"a\nb\"",
                                       ",\"label\":\"\x7f\"",
                                       R"(,"label":7)",
                                       R"(,"label":")" + std::string(101, 'x') + "\"",
                                       R"(,"mode":"shared","mode":"shared")",
                                       R"(,"op":"lock.get")",
                                       R"(,"mode":"none")",
                                       R"(,"wait_ms":1000,"ttl_ms":0)",
                                       R"(,"wait_ms":"1")",
                                       R"(,"wait_ms":3162240000001)",
                                       R"(,"unknown":1,"unknown2":[],"unknown3":["a","b"])",
                                       R"(,"unknown":{"a":1})",
                                       R"(,"unknown":[1])",
                                       R"(,"if_versions":{"SaleOrder:1":2})",
                                       R"(,"if_versions":["a"])",
                                       R"(,"if_versions":null)",
                                       R"(,"session":"x")",
                                       R"(,"session":")" + kId + "\"",
                                       R"(,"request_id":"r-1","owner":"o","reason":"r","kind":"hold")",
                                       ",",
                                       R"(,"a")",
                                       R"(,"a":)",
                                       R"(,"a":nul)",
                                       R"(,"a":tru)",
                                       R"(,"a":"b)",
                                       R"(,"a":["b")",
                                       R"(,"a":["b",])",
                                       "}x",
                                       "} ",
                                       "}"};
  for (const std::string op : {"lock.acquire", "lock.release", "hello", "none"}) {
    for (const std::string targets : {R"(["SaleOrder:1"])", R"(["SaleOrder:2","SaleOrder:1/P/7"])", "[]", R"(["a:"])",
                                      R"("SaleOrder:1")", "[1]", R"(["SaleOrder:1",["x"]])"}) {
      for (const std::string& rest : rests) {
        const std::string text =
            R"({"op":")" + op + R"(","targets":)" + targets + R"(,"lock":")" + kOther + "\"" + rest + "}";
        const auto one = parse_message(text);
        const auto other = parse_message(" " + text);
        ASSERT_EQ(one.has_value(), other.has_value()) << text;
        if (!one) {
          EXPECT_EQ(one.error(), other.error()) << text;
          continue;
        }
        EXPECT_EQ(one->id, other->id) << text;
        ASSERT_EQ(one->fields.has_value(), other->fields.has_value()) << text;
        if (one->fields) EXPECT_EQ(*one->fields, *other->fields) << text;
        if (!one->fields) EXPECT_EQ(one->fields.error(), other->fields.error()) << text;
      }
    }
  }
}

TEST(Messages, a_repeat_has_the_same_fingerprint_and_another_request_has_not) {
  const auto print = [](const std::string& rest) {
    const auto fields = read("{\"op\":\"lock.acquire\"," + kTargets + rest + "}");
    return fields ? fingerprint_of(*fields) : 0;
  };
  const std::uint64_t first = print("");
  EXPECT_EQ(print(",\"request_id\":\"a\""), first);
  EXPECT_EQ(print(",\"session\":\"" + kId + "\""), first);
  EXPECT_EQ(print(",\"wait_ms\":5000"), first) << "who waits on may wait another time";
  EXPECT_NE(print(",\"ttl_ms\":5000"), first);
  EXPECT_NE(print(",\"mode\":\"shared\""), first);
  EXPECT_NE(print(",\"label\":\"x\""), first);
  EXPECT_NE(print(",\"if_versions\":{\"SaleOrder:1\":2}"), first);
  const auto check = read("{\"op\":\"lock.check\"," + kTargets + "}");
  EXPECT_NE(fingerprint_of(*check), first) << "another operation";
}

TEST(Messages, every_operation_has_its_name_and_says_where_its_request_id_goes) {
  for (std::size_t i = 0; i < std::variant_size_v<Fields>; ++i) {
    const Op op = static_cast<Op>(i);
    EXPECT_EQ(op_from_name(name_of(op)), op);
    auto fields = parse_fields(op, "{\"session\":\"" + kId + "\",\"request_id\":\"r\",\"batch_id\":\"r\"}");
    ASSERT_TRUE(fields) << name_of(op);
    EXPECT_EQ(op_of(*fields), op);
    const std::string* request_id = request_id_field(*fields);
    EXPECT_EQ(request_id != nullptr, is_mutating(op)) << name_of(op);
    if (request_id != nullptr) EXPECT_EQ(*request_id, "r") << name_of(op);
  }
  EXPECT_EQ(op_from_name("lock.acquire "), std::nullopt);
}

}  // namespace
}  // namespace hf
