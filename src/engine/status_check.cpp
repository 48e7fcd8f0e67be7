// The check of a board's invariants in slices: of each bill, log entry, group, person, notice and batch what can be
// seen without a look at all others. check() sees the rest: sums over everything.
#include <algorithm>

#include "engine/check_cursor.h"
#include "engine/status_board_state.h"

namespace hf {

struct StatusBoard::State::Slices {
  using Found = std::string;
  static constexpr std::size_t past_max = 16;  // of a bill's past, its newest states

  static Found in_list(const State& s, BillIx i) {
    const BillRec& rec = s.bills[i];
    if (rec.newer == no_index ? s.newest != i
                              : s.bills[rec.newer].older != i || !s.bills[rec.newer].now ||
                                    s.bills[rec.newer].now->offset() <= rec.now->offset())
      return "the list of changes is out of order";
    if (rec.older == no_index ? s.oldest != i : s.bills[rec.older].newer != i)
      return "the list of changes is out of order";
    return {};
  }

  static Found of_past(const State& s, const BillRec& rec) {
    if (!rec.past) return {};
    const std::size_t size = rec.past->size();
    for (std::size_t n = size - std::min(size, past_max); n < size; ++n) {
      const Bill& state = *(*rec.past)[n];
      const Bill& next = n + 1 < size ? *(*rec.past)[n + 1] : *rec.now;
      if (state.offset() >= next.offset()) return "a past is out of order";
      if (next.life() < state.life()) return "a life went back";
      if (next.life() == state.life() && next.version() < state.version()) return "a version went back";
      if (next.offset() <= s.floor) return "a past is longer than the log";
    }
    return {};
  }

  static Found in_groups(const State& s, BillIx i) {
    const Bill& bill = *s.bills[i].now;
    for (std::size_t place = 0; (bill.groups() >> place) != 0; ++place) {
      if (((bill.groups() >> place) & 1) == 0) continue;
      const GroupRows& group = s.groups[bill.type_index()][place];
      if (group.rows.bill_of(bill.stamp().born) != i) return "a bill is not among its group's rows";
      const auto department = group.departments.find(bill.text(Bill::department));
      if (department == group.departments.end() || department->second.rows == 0 ||
          department->second.rows > group.all.rows)
        return "a department's tally is wrong";
    }
    return {};
  }

  static Found of_bonds(const State& s, BillIx i) {
    for (const Bond how : {created, handled, owned}) {
      const Neighbours& link = s.bills[i].links[how];
      if (link.person == no_index) continue;
      const PersonRec& person = s.people[link.person];
      if (s.bills[i].now->groups() == 0 || person.bills == 0) return "a person is bound to a bill of nobody";
      if ((link.previous == no_index ? person.first[how] : s.bills[link.previous].links[how].next) != i ||
          (link.next != no_index && s.bills[link.next].links[how].previous != i))
        return "a person's bills are out of order";
    }
    return {};
  }

  static Found of_bill(const State& s, BillIx i) {
    const BillRec& rec = s.bills[i];
    if (!rec.now) return {};  // a free place
    if (s.find(rec.now->text(Bill::key)) != i) return "a bill is not found by its key";
    if (rec.now->offset() > s.last) return "a bill is newer than the log";
    if (rec.now->offset() > s.floor && s.log[rec.now->offset() - s.floor - 1].bill != rec.now)
      return "the log does not have a bill's newest state";
    if (s.bills_of(rec.now->type()) == 0) return "the bills of a type are not counted";
    for (Found broken : {in_list(s, i), of_past(s, rec), in_groups(s, i), of_bonds(s, i)}) {
      if (!broken.empty()) return broken;
    }
    return {};
  }

  static bool bills(const State& s, std::uint64_t& at, std::string& broken) {
    if (at >= s.bills.end()) return false;
    broken = of_bill(s, static_cast<BillIx>(at++));
    return true;
  }

  // `at`: an offset.
  static bool log(const State& s, std::uint64_t& at, std::string& broken) {
    at = std::max(at, s.floor + 1);
    if (at > s.last) return false;
    const LogEntry& entry = s.log[at - s.floor - 1];
    if (entry.bill && (entry.bill->offset() != at || entry.rec >= s.bills.end() || !s.bills[entry.rec].now ||
                       s.bills[entry.rec].now->text(Bill::key) != entry.bill->text(Bill::key)))
      broken = "an entry is not at its offset";
    if (entry.run && (entry.bill || entry.run->offset != at)) broken = "a run is not at its offset";
    ++at;
    return true;
  }

  // `at`: counts the groups of all types.
  static bool groups(const State& s, std::uint64_t& at, std::string& broken) {
    std::uint64_t place = at;
    for (const std::vector<GroupRows>& of_type : s.groups) {
      if (place >= of_type.size()) {
        place -= of_type.size();
        continue;
      }
      const GroupRows& group = of_type[place];
      Tally sum;
      for (const auto& [name, tally] : group.departments) add(sum, tally);
      if (sum != group.all || group.rows.size() != group.all.rows) broken = "a group's tally is wrong";
      ++at;
      return true;
    }
    return false;
  }

  static bool people(const State& s, std::uint64_t& at, std::string& broken) {
    if (at >= s.people.end()) return false;
    const auto i = static_cast<PersonIx>(at++);
    const PersonRec& person = s.people[i];
    if (person.id.empty()) return true;  // a free place
    const auto by_id = s.person_by_id.find(person.id);
    if (by_id == s.person_by_id.end() || by_id->second != i) broken = "a person is lost";
    if (person.bills == 0) broken = "a person without bills lives";
    for (const Bond how : {created, handled, owned}) {
      const BillIx first = person.first[how];
      if (first == no_index) continue;
      const Neighbours& link = s.bills[first].links[how];
      if (link.person != i || link.previous != no_index) broken = "a person is bound to a bill of somebody else";
    }
    return true;
  }

  // `at`: a number.
  static bool notices(const State& s, std::uint64_t& at, std::string& broken) {
    const auto found = s.notices.lower_bound(at);
    if (found == s.notices.end()) return false;
    const auto& [number, notice] = *found;
    at = number + 1;
    if (notice->number != number || number >= s.next_notice) broken = "a notice is not at its number";
    for (const std::string& person : notice->persons) {
      const auto inbox = s.inboxes.find(person);
      if (inbox == s.inboxes.end() || !inbox->second.contains(number)) broken = "an inbox is wrong";
    }
    const bool to_class = notice->reviewers || notice->department || !notice->roles.empty();
    if (to_class != s.class_notices.contains(number)) broken = "a notice is filed wrong";
    if (!to_class && notice->persons.empty()) broken = "a notice has no reader";
    return true;
  }

  // `at`: a number.
  static bool batches(const State& s, std::uint64_t& at, std::string& broken) {
    if (s.batches.empty()) return false;
    const std::uint64_t first = s.batches.front().number;
    at = std::max(at, first);
    if (at - first >= s.batches.size()) return false;
    const BatchRec& batch = s.batches[at - first];
    const auto by_id = s.batch_by_id.find(batch.id);
    if (batch.number != at || by_id == s.batch_by_id.end() || by_id->second != at)
      broken = "the batches are counted wrong";
    ++at;
    return true;
  }
};

std::size_t StatusBoard::check_some(CheckCursor& cursor, std::size_t entities, std::string& broken) const {
  using C = State::Slices;
  static constexpr std::array<CheckPart<State>, 6> parts{C::bills,  C::log,     C::groups,
                                                         C::people, C::notices, C::batches};
  return look_on(parts, *state_, cursor, entities, broken);
}

}  // namespace hf
