#include "wire/status_answers.h"

#include "base/assert.h"
#include "wire/json_writer.h"

namespace hf {
namespace {

void write_person(JsonWriter& w, std::string_view key, std::string_view user, std::string_view name) {
  if (user.empty() && name.empty()) return;
  w.key(key).begin_object().some("user", user).some("name", name).end_object();
}

void write_life(JsonWriter& w, const Bill& bill) {
  if (bill.life() != 0) w.key("born").number(bill.life());
}

// That the bill is no more, and who says so: not what it was, which whoever deletes it need not repeat.
void write_deletion(JsonWriter& w, const Bill& bill) {
  w.field("type", bill.type()).field("id", bill.id()).key("version").number(bill.version());
  write_life(w, bill);
  w.key("deleted").boolean(true);
  write_person(w, "by", bill.text(Bill::actor), bill.text(Bill::actor_name));
  w.some("action", bill.text(Bill::action)).some("reason", bill.text(Bill::reason));
  w.key("at").time(bill.stamp().at);
}

void write_bill(JsonWriter& w, const Bill& bill) {
  w.field("type", bill.type()).field("id", bill.id()).key("version").number(bill.version());
  write_life(w, bill);
  w.some("no", bill.text(Bill::no));
  if (!bill.text(Bill::fields).empty()) {
    w.key("state").begin_object();
    for (const BillField& field : bill.state()) {
      w.key_escaped(field.name);
      if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
        w.signed_number(*number);
      } else {
        w.string(std::get<std::string>(field.value));
      }
    }
    w.end_object();
  }
  write_person(w, "creator", bill.text(Bill::creator), bill.text(Bill::creator_name));
  write_person(w, "handler", bill.text(Bill::handler), bill.text(Bill::handler_name));
  write_person(w, "owner", bill.text(Bill::owner), bill.text(Bill::owner_name));
  write_person(w, "actor", bill.text(Bill::actor), bill.text(Bill::actor_name));
  w.some("department", bill.text(Bill::department)).some("action", bill.text(Bill::action));
  w.some("reason", bill.text(Bill::reason)).key("at").time(bill.stamp().at);
  w.some("title", bill.text(Bill::title)).some("partner", bill.text(Bill::partner));
  w.some("amount", bill.text(Bill::amount)).some("cause", bill.text(Bill::cause));
  if (bill.stamp().deleted) w.key("deleted").boolean(true);
  if (bill.stamp().unordered) w.key("unordered").boolean(true);
}

void write_run(JsonWriter& w, const Run& run) {
  const RunEvent& e = run.event;
  w.key("run").id(e.run).field("type", e.type).field("id", e.id).some("step", e.step).some("action", e.action);
  w.some("error", e.error);
  write_person(w, "actor", e.actor.user, e.actor.name);
  if (e.at) w.key("at").time(*e.at);
  w.key("offset").number(run.offset);
}

void write_notice(JsonWriter& w, const Notice& notice) {
  const Bill& bill = *notice.bill;
  w.key("notice").number(notice.number).field("type", bill.type()).field("id", bill.id());
  w.key("version").number(bill.version()).some("no", bill.text(Bill::no)).some("title", bill.text(Bill::title));
  w.some("action", bill.text(Bill::action)).some("reason", bill.text(Bill::reason));
  write_person(w, "actor", bill.text(Bill::actor), bill.text(Bill::actor_name));
  w.key("at").time(bill.stamp().at);
  if (notice.rejection) w.key("rejection").boolean(true);
}

struct StatusWriter {
  JsonWriter& w;
  const StatusAnswer& about;

  void operator()(const Refusal&) const { HF_ASSERT(false); }
  void operator()(const TodoDiff&) const { HF_ASSERT(false); }
  void operator()(const Done&) const { w.begin_object().end_object(); }
  void operator()(const Published& published) const {
    w.begin_object().key("epoch").id(published.epoch).key("results").begin_array();
    for (const PublishResult& result : published.results) {
      w.begin_object();
      switch (result.kind) {
        case PublishResult::Kind::logged: w.key("offset"); break;
        case PublishResult::Kind::stale: w.key("stale").boolean(true).key("version"); break;
        case PublishResult::Kind::differs: w.key("differs").boolean(true).key("version"); break;
        case PublishResult::Kind::deleted:
          w.key("stale").boolean(true).key("deleted").boolean(true).key("version");
          break;
      }
      w.number(result.number).end_object();
    }
    w.end_array().end_object();
  }
  void operator()(const ResyncTaken& taken) const {
    w.begin_object().key("resync").id(about.resync).key("bills").number(taken.bills).end_object();
  }
  void operator()(const ResyncCommitted& committed) const {
    w.begin_object().key("epoch").id(committed.epoch).key("bills").number(committed.bills);
    w.key("left").number(committed.left).end_object();
  }
  void operator()(const StatusFound& found) const {
    w.begin_object().key("epoch").id(found.epoch).key("offset").number(found.bill->offset());
    if (found.bill->stamp().deleted) {
      write_deletion(w, *found.bill);
    } else {
      write_bill(w, *found.bill);
    }
    w.end_object();
  }
  void operator()(const History& history) const {
    w.begin_object().key("epoch").id(history.epoch).key("states").begin_array();
    for (const BillPtr& bill : history.states) {
      w.begin_object().key("offset").number(bill->offset());
      write_bill(w, *bill);
      w.end_object();
    }
    w.end_array();
    if (!history.runs.empty()) {
      w.key("runs").begin_array();
      for (const RunPtr& run : history.runs) {
        w.begin_object();
        write_run(w, *run);
        w.end_object();
      }
      w.end_array();
    }
    if (history.next != 0) w.field("next", std::to_string(history.next));
    w.end_object();
  }
  void operator()(const Todo& todo) const {
    w.begin_object().key("epoch").id(todo.cursor.epoch).key("counts").raw("");
    append_counts(w.out(), todo.groups, about.catalog);
    w.end_object();
  }
  void operator()(const TodoPage& page) const {
    w.begin_object().key("epoch").id(page.epoch).key("rows").begin_array();
    std::string members;
    for (const BillPtr& bill : page.bills) {
      members.clear();
      append_bill_members(members, *bill);
      w.raw("");
      append_row(w.out(), about.group, members);
    }
    w.end_array();
    if (page.next != 0) w.field("next", std::to_string(page.next));
    w.end_object();
  }
  void operator()(const NoticeList& list) const {
    w.begin_object().key("notices").begin_array();
    for (const NoticePtr& notice : list.notices) {
      w.begin_object();
      write_notice(w, *notice);
      w.end_object();
    }
    w.end_array();
    if (!list.notices.empty()) w.field("next", std::to_string(list.notices.back()->number));
    w.end_object();
  }
};

}  // namespace

void append_bill_members(std::string& out, const Bill& bill) {
  JsonWriter w(out);
  write_bill(w, bill);
}

void append_row(std::string& out, std::string_view group, std::string_view members) {
  JsonWriter(out).begin_object().field("group", group).raw(members).end_object();
}

void append_removal(std::string& out, std::string_view group, const Removal& removal, const Audience& audience) {
  const Bill& by = *removal.by;
  JsonWriter w(out);
  w.begin_object().field("type", by.type()).field("id", by.id()).field("group", group);
  if (!may_know(audience, removal)) {
    w.key("version").number(removal.seen->version());
    write_life(w, *removal.seen);
    w.end_object();
    return;
  }
  w.key("version").number(by.version());
  write_life(w, by);
  write_person(w, "by", by.text(Bill::actor), by.text(Bill::actor_name));
  w.some("action", by.text(Bill::action)).key("at").time(by.stamp().at);
  if (by.stamp().deleted) w.key("deleted").boolean(true);
  w.end_object();
}

void append_notice(std::string& out, const Notice& notice) {
  JsonWriter w(out);
  w.begin_object().field("event", "notice");
  write_notice(w, notice);
  w.end_object();
}

void append_notices_read(std::string& out, const std::vector<std::uint64_t>& numbers) {
  JsonWriter w(out);
  w.begin_object().field("event", "notice.read").key("notices").begin_array();
  for (const std::uint64_t number : numbers) w.number(number);
  w.end_array().end_object();
}

void append_run(std::string& out, const Run& run) {
  JsonWriter w(out);
  w.begin_object().field("event", "run.step");
  write_run(w, run);
  w.end_object();
}

void append_bill_changed(std::string& out, const Bill& bill) {
  JsonWriter w(out);
  w.begin_object().field("event", "bill.changed").field("target", bill.text(Bill::key));
  w.key("offset").number(bill.offset());
  write_bill(w, bill);
  w.end_object();
}

void append_bill_gone(std::string& out, std::string_view target) {
  JsonWriter w(out);
  w.begin_object().field("event", "bill.changed").field("target", target).key("gone").boolean(true).end_object();
}

void append_counts(std::string& out, const std::vector<GroupTally>& groups, const Catalog& catalog) {
  JsonWriter w(out);
  w.begin_object();
  const auto& types = catalog.content().types;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const bool begins = i == 0 || groups[i - 1].type != groups[i].type;
    if (begins && i != 0) w.end_object();
    if (begins) w.key_escaped(types[groups[i].type].name).begin_object();
    w.key_escaped(group_name(catalog, groups[i].type, groups[i].group)).number(groups[i].tally.rows);
  }
  if (!groups.empty()) w.end_object();
  w.end_object();
}

Tally edited_tally(std::string_view key, std::string_view group, std::string_view user, Wall since) {
  std::string row;
  row.reserve(key.size() + group.size() + user.size() + 27);
  row.append(key).append(1, '/').append(group).append(1, '@').append(user).append(1, '@');
  append_time(row, since);
  return text_tally(row);
}

std::string_view group_name(const Catalog& catalog, Catalog::Index type, std::uint32_t place) noexcept {
  const auto& content = catalog.content();
  return content.groups[content.types[type].groups[place]].name;
}

void append_status_outcome(std::string& out, const StatusOutcome& outcome, const StatusAnswer& about) {
  JsonWriter w(out);
  std::visit(StatusWriter{w, about}, outcome);
}

}  // namespace hf
