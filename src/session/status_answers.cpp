#include "session/status_answers.h"

#include "base/assert.h"
#include "wire/json_writer.h"
#include "wire/said_writer.h"
#include "wire/status_said.h"

namespace hf {
namespace {

PersonView person_in(const Bill& bill, Bill::Text user, Bill::Text name) { return {bill.text(user), bill.text(name)}; }

template <class View, class Pointers>
std::vector<View> each(const Pointers& pointers) {
  std::vector<View> views;
  views.reserve(pointers.size());
  for (const auto& pointer : pointers) views.emplace_back(*pointer);
  return views;
}

struct StatusWriter {
  std::string& out;
  const StatusAnswer& about;

  void operator()(const Refusal&) const { HF_ASSERT(false); }
  void operator()(const TodoDiff&) const { HF_ASSERT(false); }
  void operator()(const Done& done) const { append_said(out, done); }
  void operator()(const Published& published) const {
    append_said(out, PublishAnswer{published.epoch, {published.results.begin(), published.results.end()}});
  }
  void operator()(const ResyncTaken& taken) const { append_said(out, ResyncOpen{about.resync, taken.bills}); }
  void operator()(const ResyncCommitted& done) const {
    append_said(out, ResyncDone{done.epoch, done.bills, done.left});
  }
  void operator()(const StatusFound& found) const {
    if (found.bill->stamp().deleted) return append_said(out, DeletedBill{found.epoch, LoggedBill(*found.bill)});
    append_said(out, KnownBill{found.epoch, LoggedBill(*found.bill)});
  }
  void operator()(const History& history) const {
    append_said(
        out, HistoryPage{history.epoch, each<LoggedBill>(history.states), each<StepView>(history.runs), history.next});
  }
  void operator()(const Todo& todo) const {
    TodoCounted counted{todo.cursor.epoch, {}};
    append_counts(counted.counts.json, todo.groups, about.catalog);
    append_said(out, counted);
  }
  void operator()(const TodoPage& page) const {
    RowsPage rows{page.epoch, {}, page.next};
    for (const BillPtr& bill : page.bills) rows.rows.emplace_back(about.group, *bill);
    append_said(out, rows);
  }
  void operator()(const NoticeList& list) const {
    NoticesPage page{each<NoticeView>(list.notices), {}};
    if (!list.notices.empty()) page.next = std::to_string(list.notices.back()->number);
    append_said(out, page);
  }
};

}  // namespace

BillView::BillView(const Bill& bill)
    : type(bill.type()),
      id(bill.id()),
      version(bill.version()),
      no(bill.text(Bill::no)),
      state(bill.state()),
      creator(person_in(bill, Bill::creator, Bill::creator_name)),
      handler(person_in(bill, Bill::handler, Bill::handler_name)),
      owner(person_in(bill, Bill::owner, Bill::owner_name)),
      actor(person_in(bill, Bill::actor, Bill::actor_name)),
      department(bill.text(Bill::department)),
      action(bill.text(Bill::action)),
      reason(bill.text(Bill::reason)),
      at(bill.stamp().at),
      title(bill.text(Bill::title)),
      partner(bill.text(Bill::partner)),
      amount(bill.text(Bill::amount)),
      cause(bill.text(Bill::cause)),
      deleted(bill.stamp().deleted) {}

LoggedBill::LoggedBill(const Bill& bill)
    : offset(bill.offset()), state(bill), born(bill.life()), unordered(bill.stamp().unordered) {}

RowView::RowView(std::string_view name, const Bill& of)
    : group(name), bill(of), born(of.life()), unordered(of.stamp().unordered) {}

StepView::StepView(const Run& told)
    : run(told.event.run),
      type(told.event.type),
      id(told.event.id),
      step(told.event.step),
      action(told.event.action),
      error(told.event.error),
      actor{told.event.actor.user, told.event.actor.name},
      at(told.event.at),
      offset(told.offset) {}

NoticeView::NoticeView(const Notice& told)
    : notice(told.number),
      type(told.bill->type()),
      id(told.bill->id()),
      version(told.bill->version()),
      no(told.bill->text(Bill::no)),
      title(told.bill->text(Bill::title)),
      action(told.bill->text(Bill::action)),
      reason(told.bill->text(Bill::reason)),
      actor(person_in(*told.bill, Bill::actor, Bill::actor_name)),
      at(told.bill->stamp().at),
      rejection(told.rejection) {}

ResultView::ResultView(const PublishResult& result) {
  using Kind = PublishResult::Kind;
  if (result.kind == Kind::logged) {
    offset = result.number;
    return;
  }
  version = result.number;
  differs = result.kind == Kind::differs;
  stale = !differs;
  deleted = result.kind == Kind::deleted;
}

void append_bill_members(std::string& out, const Bill& bill) {
  JsonWriter w(out);
  const RowView row({}, bill);
  const View everybody;
  SaidWriter writer(w, everybody);
  BillMembers::said(writer, row.bill, row.born, row.unordered);
}

void append_row(std::string& out, std::string_view group, std::string_view members) {
  JsonWriter(out).begin_object().field("group", group).raw(members).end_object();
}

void append_editing(std::string& out, std::string_view user, std::string_view name, Wall since) {
  append_said<EditingMembers>(out, EditingView{{user, name}, since});
}

void append_removal(std::string& out, std::string_view group, const Removal& removal, const Audience& audience) {
  const Bill& by = *removal.by;
  RemovalView view{.type = by.type(), .id = by.id(), .group = group};
  if (may_know(audience, removal)) {
    view.version = by.version();
    view.born = by.life();
    view.by = person_in(by, Bill::actor, Bill::actor_name);
    view.action = by.text(Bill::action);
    view.at = by.stamp().at;
    view.deleted = by.stamp().deleted;
  } else {
    view.version = removal.seen->version();
    view.born = removal.seen->life();
  }
  append_said<RemovalMembers>(out, view);
}

void append_notice(std::string& out, const Notice& notice) { append_push(out, NoticeView(notice)); }
void append_notices_read(std::string& out, const std::vector<std::uint64_t>& numbers) {
  append_push(out, NumbersRead{numbers});
}
void append_run(std::string& out, const Run& run) { append_push(out, StepView(run)); }
void append_bill_changed(std::string& out, const Bill& bill) {
  append_push(out, BillChanged{bill.text(Bill::key), LoggedBill(bill)});
}
void append_bill_gone(std::string& out, std::string_view target) { append_push(out, BillGone{std::string(target)}); }

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

std::string_view group_name(const Catalog& catalog, Catalog::Index type, std::uint32_t place) noexcept {
  const auto& content = catalog.content();
  return content.groups[content.types[type].groups[place]].name;
}

void append_status_outcome(std::string& out, const StatusOutcome& outcome, const StatusAnswer& about) {
  std::visit(StatusWriter{out, about}, outcome);
}

}  // namespace hf
