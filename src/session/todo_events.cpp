// What the board tells, noted in the windows of the channels and persons whom it concerns.
#include <algorithm>

#include "session/status_answers.h"
#include "session/todo_delivery_state.h"

namespace hf::session {

void TodoDelivery::State::changed(NamespaceIndex ns, const StatusChanged& event) {
  const Bill& after = *event.after;
  const Bill* const before = event.before.get();
  if (const auto log = logs.find(ns); log != logs.end()) log->second.last = after.offset();
  const Catalog::Index type = after.type_index();
  if (type >= begins.size()) return;
  const std::uint32_t was = before != nullptr ? before->groups() : 0;
  const std::uint32_t is = after.groups();
  if ((was | is) == 0) return;
  std::array<Tally, catalog::groups_per_type_max> minus, plus;
  for (std::uint32_t place = 0; ((was | is) >> place) != 0; ++place) {
    const std::string_view name = ((was | is) >> place & 1) != 0 ? group_name(catalog, type, place) : "";
    if ((was >> place & 1) != 0) minus[place] = row_tally(before->text(Bill::key), name, before->version());
    if ((is >> place & 1) != 0) plus[place] = row_tally(after.text(Bill::key), name, after.version());
  }
  const auto count = [&](std::uint32_t had, std::uint32_t has, TodoWindow& window, auto&& tally) {
    for (std::uint32_t place = 0; ((had | has) >> place) != 0; ++place) {
      if (((had | has) >> place & 1) == 0) continue;
      const std::uint32_t group = group_of(type, place);
      Tally& sum = tally(group);
      if ((had >> place & 1) != 0) subtract(sum, minus[place]);
      if ((has >> place & 1) != 0) add(sum, plus[place]);
      window.touch(group);
    }
  };
  for (const auto& [id, channel] : channels) {
    Channel& c = *channel;
    if (c.ns != ns || !c.counted || !c.selection->counted[type]) continue;
    const std::uint32_t had = was != 0 && c.audience->sees_by_class(before->facts()) ? was : 0;
    const std::uint32_t has = is != 0 && c.audience->sees_by_class(after.facts()) ? is : 0;
    if ((had | has) == 0) continue;
    count(had, has, c.window, [&](std::uint32_t group) -> Tally& { return c.tallies[group]; });
    c.window.note(event.before, event.after, had, has);
    soil(c);
  }
  const std::vector<Follower*> persons = concerned(ns, before, after);
  for (Follower* const f : persons) {
    const Audience& who = *f->what.audience;
    if (!f->channel->selection->counted[type]) continue;
    const bool saw = before != nullptr && visible(who, before->facts());
    const bool sees = visible(who, after.facts());
    const std::uint32_t had = saw && !who.sees_by_class(before->facts()) ? was : 0;
    const std::uint32_t has = sees && !who.sees_by_class(after.facts()) ? is : 0;
    // His class is told less of what it ceases to see than he may know.
    const bool knows_more =
        was != 0 && saw && sees && who.sees_by_class(before->facts()) && !who.sees_by_class(after.facts());
    if ((had | has) == 0 && !knows_more) continue;
    count(had, has, f->window, [&](std::uint32_t group) -> Tally& { return f->personal[group]; });
    for (std::uint32_t place = 0; ((had | has) >> place) != 0; ++place) {
      const auto at = f->personal.find(group_of(type, place));
      if (at != f->personal.end() && at->second == Tally{}) f->personal.erase(at);
    }
    if (f->stage != Stage::live) {
      f->window.clear();  // it will ask for what has changed
      continue;
    }
    f->window.note(event.before, event.after, saw ? was : 0, sees ? is : 0);
    soil(*f->channel);
  }
  flush_if_full(ns, persons);
}

// After an event has been noted for everybody: so that rows and counts of each frame agree.
void TodoDelivery::State::flush_if_full(NamespaceIndex ns, const std::vector<Follower*>& told) {
  const auto full = [&](const TodoWindow& w) {
    return w.changes().size() + w.runs().size() >= limits.bills_per_frame_max;
  };
  for (const auto& [id, channel] : channels) {
    if (channel->ns == ns && full(channel->window)) flush(*channel);
  }
  for (Follower* const f : told) {
    if (full(f->window)) flush(*f->channel);
  }
  writer.forget();  // its bills may be gone
}

void TodoDelivery::State::ran(NamespaceIndex ns, const RunTold& event) {
  const Run& run = *event.run;
  if (const auto log = logs.find(ns); log != logs.end()) log->second.last = run.offset;
  const Bill* const bill = event.bill.get();
  const bool typed = bill != nullptr && bill->type_index() < begins.size();
  const auto by_class = [&](const Channel& c) {
    return typed && c.selection->counted[bill->type_index()] && c.audience->sees_by_class(bill->facts());
  };
  for (const auto& [id, channel] : channels) {
    Channel& c = *channel;
    if (c.ns != ns || !c.counted || !by_class(c)) continue;
    c.window.note(event.run);
    soil(c);
  }
  std::vector<Follower*> told;
  if (typed) told = concerned(ns, nullptr, *bill);
  each_tracked(ns, 'u', run.event.actor.user, [&](Follower& f) { told.push_back(&f); });
  const std::string key = std::string(run.event.type).append(1, ':').append(run.event.id);
  const TodoEditing::Editor* const editor = editing.find(ns, key);
  const std::string holder = editor != nullptr ? editor->user : std::string();
  each_tracked(ns, 'u', holder, [&](Follower& f) { told.push_back(&f); });
  std::ranges::sort(told, {}, &Follower::connection);
  told.erase(std::ranges::unique(told).begin(), told.end());
  for (Follower* const f : told) {
    if (f->stage != Stage::live || by_class(*f->channel)) continue;
    const bool sees =
        typed && f->channel->selection->counted[bill->type_index()] && visible(*f->what.audience, bill->facts());
    const std::string& user = f->what.audience->user();
    if (!sees && user != run.event.actor.user && user != holder) continue;
    f->window.note(event.run);
    soil(*f->channel);
  }
  flush_if_full(ns, told);
}

// Somebody else edits the bill now, or nobody: its rows are told again as they are.
void TodoDelivery::State::edited(const TodoAsker& asker, const StatusOutcome& outcome) {
  const auto ns = static_cast<NamespaceIndex>(asker.id);
  const auto* const refusal = std::get_if<Refusal>(&outcome);
  if (refusal != nullptr && refusal->code != Code::not_found) return editing.put_back(asker.serial);
  const auto* const found = std::get_if<StatusFound>(&outcome);
  editing.answered(asker.serial, found != nullptr ? found->bill : nullptr);
  if (found == nullptr) return;  // what is not on the board has no rows
  const BillPtr& bill = found->bill;
  ++stirs;
  const Catalog::Index type = bill->type_index();
  const std::uint32_t rows = bill->groups();
  if (type >= begins.size() || rows == 0) return;
  const BillFacts facts = bill->facts();
  for (const auto& [id, channel] : channels) {
    Channel& c = *channel;
    if (c.ns != ns || !c.counted || !c.selection->counted[type] || !c.audience->sees_by_class(facts)) continue;
    c.window.note(bill, bill, rows, rows, stirs);
    soil(c);
  }
  const std::vector<Follower*> persons = concerned(ns, nullptr, *bill);
  for (Follower* const f : persons) {
    const Audience& who = *f->what.audience;
    if (f->stage != Stage::live || !f->channel->selection->counted[type]) continue;
    if (!visible(who, facts) || who.sees_by_class(facts)) continue;
    f->window.note(bill, bill, rows, rows, stirs);
    soil(*f->channel);
  }
  flush_if_full(ns, persons);
}

// All bills that are edited and shown to him, but those in `told`: what the client knew of others is void.
std::vector<BillPtr> TodoDelivery::State::edited_for(const Follower& f, const std::vector<BillPtr>& told) const {
  std::vector<const Bill*> known;
  for (const BillPtr& bill : told) known.push_back(bill.get());
  std::ranges::sort(known);
  std::vector<BillPtr> edited;
  editing.each(f.what.ns, [&](const BillPtr& bill, const TodoEditing::Editor&) {
    if (bill->type_index() >= begins.size()) return;
    if (rows_for(f, *bill) != 0 && !std::ranges::binary_search(known, bill.get())) edited.push_back(bill);
  });
  return edited;
}

// A notice is kept until it is read: who reads too slowly finds it in notice.list.
void TodoDelivery::State::noticed(NamespaceIndex ns, const Notice& notice) {
  std::vector<Follower*> told;
  for (const std::string& reader : notice.persons) {
    each_tracked(ns, reader.front(), std::string_view(reader).substr(2), [&](Follower& f) { told.push_back(&f); });
  }
  const BillFacts bill = notice.bill->facts();
  for (const auto& [key, circle] : circles) {
    const Audience& one = *circle.one;
    if (circle.followers.front()->what.ns != ns) continue;
    if ((notice.department && one.in_department(bill.department)) || (notice.reviewers && one.reviews(bill.type)) ||
        std::ranges::any_of(notice.roles, [&](const std::string& role) { return one.has_role(role); })) {
      told.insert(told.end(), circle.followers.begin(), circle.followers.end());
    }
  }
  std::ranges::sort(told, {}, &Follower::connection);
  told.erase(std::ranges::unique(told).begin(), told.end());
  std::string text;
  for (Follower* const f : told) {
    if (!hears_of_notices(*f) || !is_reader(*f->what.audience, notice)) continue;
    if (text.empty()) append_notice(text, notice);
    port.tell(f->connection, text);
  }
}

void TodoDelivery::State::notices_read(NamespaceIndex ns, const NoticesRead& read) {
  const auto tell = [&](char kind, const std::string& id, const std::vector<std::uint64_t>& numbers) {
    if (numbers.empty()) return;
    std::string text;
    append_notices_read(text, numbers);
    each_tracked(ns, kind, id, [&](Follower& f) {
      const bool told_as_user = kind == 'e' && f.what.audience->user() == read.user;
      if (hears_of_notices(f) && !told_as_user) port.tell(f.connection, text);
    });
  };
  tell('u', read.user, read.numbers);
  tell('e', read.employee, read.shared);
}

void TodoDelivery::State::reset(NamespaceIndex ns, const BoardReset&) {
  logs.erase(ns);  // the next counts say where it is
  for (const auto& [id, channel] : channels) {
    Channel& c = *channel;
    if (c.ns != ns) continue;
    c.serial = next_serial++;
    c.asked = c.counted = c.dirty = false;
    c.tallies.assign(groups.size(), Tally{});
    c.window.clear();
    for (Follower* const f : c.followers) {
      const bool fresh = !f->begun && !f->what.cursor;
      restart(*f, fresh ? SnapshotReason::first : SnapshotReason::epoch);
    }
  }
}

}  // namespace hf::session
