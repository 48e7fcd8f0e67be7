// What follows from the bills: the log's end, who changed last, the rows of groups, their counts, whose bills they are.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine/status_board_state.h"

namespace hf {

std::size_t bytes_of(const Run& run) noexcept {
  const RunEvent& e = run.event;
  return sizeof(Run) + e.type.size() + e.id.size() + e.step.size() + e.action.size() + e.error.size() +
         e.actor.user.size() + e.actor.name.size();
}

std::size_t KeyHash::operator()(std::string_view text) const noexcept { return XXH64(text.data(), text.size(), 0); }

std::string_view StatusBoard::State::group_name(Catalog::Index type, std::size_t place) const {
  const auto& content = catalog().content();
  return content.groups[content.types[type].groups[place]].name;
}

BillIx StatusBoard::State::find(std::string_view key) const {
  const auto at = by_key.find(key);
  return at == by_key.end() ? no_index : *at;
}

void StatusBoard::State::append(LogEntry entry) {
  HF_ASSERT((entry.bill != nullptr) != (entry.run != nullptr));
  // Invariant 1: the entry that comes is the one whose offset comes next.
  HF_ASSERT((entry.bill ? entry.bill->offset() : entry.run->offset) == floor + log.size() + 1);
  log_bytes += entry.bill ? entry.bill->bytes() : bytes_of(*entry.run);
  if (entry.run) runs.push_back(entry.run);
  log.push_back(std::move(entry));
}

BillIx StatusBoard::State::install(const BillPtr& state) {
  HF_ASSERT(state->offset() == last);
  BillIx i = find(state->text(Bill::key));
  BillPtr before;
  if (i == no_index) {
    i = bills.make();
    bills[i].now = state;
    by_key.insert(i);
    ++bills_by_type.try_emplace(std::string(state->type())).first->second;
  } else {
    BillRec& rec = bills[i];
    before = std::exchange(rec.now, state);
    HF_ASSERT(before->offset() < state->offset() && before->life() <= state->life());
    unlink_changed(i);
    if (!rec.past) rec.past = std::make_unique<Past>();
    rec.past->push(before);
  }
  link_newest(i);
  index(i, before.get(), state.get());
  note_closed(i);
  append({state, nullptr, i});
  return i;
}

void StatusBoard::State::note_closed(BillIx bill) {
  const Bill& state = *bills[bill].now;
  if (!state.closed() || state.stamp().deleted || state.stamp().left) return;
  closed.emplace_back(state.offset(), bill);
  if (closed.size() < closed_compact_at) return;
  std::erase_if(closed, [&](const auto& entry) { return !is_newest(entry); });
  closed_compact_at = 2 * closed.size() + 1024;
}

void StatusBoard::State::link_newest(BillIx bill) {
  BillRec& rec = bills[bill];
  HF_ASSERT(newest == no_index || bills[newest].now->offset() < rec.now->offset());
  rec.older = newest;
  rec.newer = no_index;
  (newest == no_index ? oldest : bills[newest].newer) = bill;
  newest = bill;
}

void StatusBoard::State::unlink_changed(BillIx bill) {
  const BillRec& rec = bills[bill];
  HF_ASSERT((rec.newer == no_index) == (newest == bill) && (rec.older == no_index) == (oldest == bill));
  (rec.newer == no_index ? newest : bills[rec.newer].older) = rec.older;
  (rec.older == no_index ? oldest : bills[rec.older].newer) = rec.newer;
}

void StatusBoard::State::index(BillIx bill, const Bill* before, const Bill* after) {
  const std::uint32_t old_groups = before != nullptr ? before->groups() : 0;
  const std::uint32_t new_groups = after != nullptr ? after->groups() : 0;
  const Catalog::Index type = before != nullptr ? before->type_index() : after->type_index();
  // Made anew it stands where new bills do.
  const bool moved = before != nullptr && after != nullptr && before->stamp().born != after->stamp().born;
  for (std::size_t place = 0; ((old_groups | new_groups) >> place) != 0; ++place) {
    const bool was = ((old_groups >> place) & 1) != 0;
    const bool is = ((new_groups >> place) & 1) != 0;
    if (!was && !is) continue;
    GroupRows& group = groups[type][place];
    if (was) {
      const Tally row = tally_of(*before, group_name(type, place));
      subtract(group.all, row);
      const auto department = group.departments.find(before->text(Bill::department));
      HF_ASSERT(department != group.departments.end() && department->second.rows > 0);
      subtract(department->second, row);
      if (department->second.rows == 0) group.departments.erase(department);
      if (!is || moved) group.rows.erase(before->stamp().born);
    }
    if (is) {
      const Tally row = tally_of(*after, group_name(type, place));
      add(group.all, row);
      const std::string_view name = after->text(Bill::department);
      auto department = group.departments.find(name);
      if (department == group.departments.end()) department = group.departments.emplace(name, Tally{}).first;
      add(department->second, row);
      if (!was || moved) group.rows.insert({after->stamp().born, bill});
    }
  }
  std::array<std::string_view, bond_count> people_now;
  if (new_groups != 0) {
    people_now = {after->text(Bill::creator), after->text(Bill::handler), after->text(Bill::owner)};
    if (people_now[handled] == people_now[created]) people_now[handled] = {};
  }
  for (const Bond how : {created, handled, owned}) {
    const PersonIx was = bills[bill].links[how].person;
    const std::string_view had = was == no_index ? std::string_view() : people[was].id;
    if (had == people_now[how]) continue;
    if (was != no_index) unbond(bill, how);
    if (!people_now[how].empty()) bond(bill, how, people_now[how]);
  }
}

void StatusBoard::State::bond(BillIx bill, Bond how, std::string_view id) {
  auto at = person_by_id.find(id);
  if (at == person_by_id.end()) {
    const PersonIx made = people.make();
    people[made].id = id;
    at = person_by_id.emplace(id, made).first;
  }
  PersonRec& person = people[at->second];
  ++person.bills;
  Neighbours& link = bills[bill].links[how];
  link = {at->second, no_index, person.first[how]};
  if (link.next != no_index) bills[link.next].links[how].previous = bill;
  person.first[how] = bill;
}

void StatusBoard::State::unbond(BillIx bill, Bond how) {
  const Neighbours link = std::exchange(bills[bill].links[how], Neighbours{});
  HF_ASSERT(link.person != no_index);
  PersonRec& person = people[link.person];
  HF_ASSERT(person.bills > 0 && (link.previous == no_index) == (person.first[how] == bill));
  (link.previous == no_index ? person.first[how] : bills[link.previous].links[how].next) = link.next;
  if (link.next != no_index) bills[link.next].links[how].previous = link.previous;
  if (--person.bills > 0) return;
  const std::size_t forgotten = person_by_id.erase(person.id);
  HF_ASSERT(forgotten == 1);
  person = {};
  people.free(link.person);
}

void StatusBoard::State::remove_bill(BillIx bill) {
  BillRec& rec = bills[bill];
  HF_ASSERT(rec.now);
  index(bill, rec.now.get(), nullptr);
  unlink_changed(bill);
  const std::size_t forgotten = by_key.erase(bill);
  const auto type = bills_by_type.find(rec.now->type());
  HF_ASSERT(forgotten == 1 && type != bills_by_type.end() && type->second > 0);
  if (--type->second == 0) bills_by_type.erase(type);
  if (rec.past) {
    for (std::size_t i = 0; i < rec.past->size(); ++i) erase(Entity::status_bill, {0, (*rec.past)[i]->offset()});
  }
  erase(Entity::status_bill, {0, rec.now->offset()});
  rec = {};
  bills.free(bill);
}

void StatusBoard::State::drop_past(BillRec& rec) {
  while (rec.past && !rec.past->empty()) {
    const Offset until = rec.past->size() > 1 ? (*rec.past)[1]->offset() : rec.now->offset();
    if (until > floor) return;
    erase(Entity::status_bill, {0, (*rec.past)[0]->offset()});
    rec.past->pop();
  }
  rec.past.reset();
}

bool StatusBoard::State::trim() {
  if (log.empty()) return false;
  const LogEntry& front = log.front();
  const bool purged = !front.bill && !front.run;
  const Instant logged = front.bill ? front.bill->stamp().logged : front.run ? front.run->logged : Instant{};
  if (!purged && log.size() <= limits().log_entries_max && log_bytes <= limits().log_bytes_max &&
      now() - logged <= limits().log_age_max) {
    return false;
  }
  const LogEntry entry = std::move(log.front());
  log.pop_front();
  ++floor;
  if (entry.run) {
    HF_ASSERT(entry.run->offset == floor && runs.front() == entry.run && log_bytes >= bytes_of(*entry.run));
    log_bytes -= bytes_of(*entry.run);
    runs.pop_front();
    erase(Entity::status_run, {0, floor});
  } else if (entry.bill) {
    HF_ASSERT(entry.bill->offset() == floor && log_bytes >= entry.bill->bytes());
    log_bytes -= entry.bill->bytes();
    BillRec& rec = bills[entry.rec];
    HF_ASSERT(rec.now);  // a bill outlives what the log has of it
    drop_past(rec);
    if (rec.now == entry.bill && !on_board(*rec.now) && rec.now->groups() == 0) remove_bill(entry.rec);
  }
  return true;
}

}  // namespace hf
