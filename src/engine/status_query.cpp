// Questions. Each asks visible() of every bill that it tells of.
#include <algorithm>

#include "engine/page.h"
#include "engine/status_board_state.h"

namespace hf {

std::string_view name_of(SnapshotReason reason) noexcept {
  switch (reason) {
    case SnapshotReason::none: return "";
    case SnapshotReason::first: return "first";
    case SnapshotReason::trimmed: return "trimmed";
    case SnapshotReason::epoch: return "epoch";
    case SnapshotReason::audience: return "audience";
  }
  return "";
}

bool may_know(const Audience& audience, const Removal& removal) noexcept {
  BillFacts facts = removal.by->facts();
  if (removal.by->stamp().deleted) {
    const BillFacts before = removal.seen->facts();
    if (facts.creator.empty()) facts.creator = before.creator;
    if (facts.handler.empty()) facts.handler = before.handler;
    if (facts.owner.empty()) facts.owner = before.owner;
    if (facts.department.empty()) facts.department = before.department;
  }
  return visible(audience, facts);
}

// ---------------------------------------------------------------------------------------------- one bill

// The bill's newest state, if it is on the board and the audience may see it.
const Bill* StatusBoard::State::seen(const Audience& audience, std::string_view type, std::string_view id) const {
  const BillIx i = find(std::string(type).append(1, ':').append(id));
  if (i == no_index || !on_board(*bills[i].now) || !visible(audience, bills[i].now->facts())) return nullptr;
  return bills[i].now.get();
}

// State `n` of the bill's past, or its newest behind that.
const BillPtr& StatusBoard::State::state_of(const BillRec& rec, std::size_t n) {
  return rec.past && n < rec.past->size() ? (*rec.past)[n] : rec.now;
}

// Whose the bill was with state `n`. A deletion need not say it, so the state before it does.
BillFacts StatusBoard::State::facts_of(const BillRec& rec, std::size_t n) {
  const Bill& state = *state_of(rec, n);
  if (!state.stamp().deleted || n == 0) return state.facts();
  const Bill& former = *state_of(rec, n - 1);
  return former.stamp().born == state.stamp().born ? former.facts() : state.facts();
}

// The bill, on the board or deleted, if the audience may see it or could.
BillIx StatusBoard::State::told(const Audience& audience, std::string_view type, std::string_view id) const {
  const BillIx i = find(std::string(type).append(1, ':').append(id));
  if (i == no_index) return no_index;
  const BillRec& rec = bills[i];
  if (!on_board(*rec.now) && !rec.now->stamp().deleted) return no_index;
  return visible(audience, facts_of(rec, rec.past ? rec.past->size() : 0)) ? i : no_index;
}

// The oldest state of the bill's past that the audience may see: before it was another bill of the same id, which it
// could not see at its end.
std::size_t StatusBoard::State::oldest_told(const Audience& audience, const BillRec& rec) {
  std::size_t oldest = rec.past ? rec.past->size() : 0;
  for (; oldest > 0; --oldest) {
    const bool begins_a_life = state_of(rec, oldest - 1)->stamp().born != state_of(rec, oldest)->stamp().born;
    if (begins_a_life && !visible(audience, facts_of(rec, oldest - 1))) break;
  }
  return oldest;
}

OutcomeOf<GetStatus> StatusBoard::State::run(const GetStatus& c) {
  const BillIx bill = told(*c.audience, c.type, c.id);
  if (bill == no_index) return Refusal{.code = Code::not_found};
  return StatusFound{epoch, bills[bill].now};
}

OutcomeOf<GetHistory> StatusBoard::State::run(const GetHistory& c) {
  const BillIx bill = told(*c.audience, c.type, c.id);
  if (bill == no_index) return Refusal{.code = Code::not_found};
  History history{.epoch = epoch};
  const BillRec& rec = bills[bill];
  const Offset before = c.before != 0 ? c.before : last + 1;
  const std::size_t most = std::clamp<std::size_t>(c.limit, 1, limits().history_max);
  const std::size_t count = rec.past ? rec.past->size() : 0;
  const std::size_t first_told = oldest_told(*c.audience, rec);
  const Offset begin = first_told == 0 ? 0 : state_of(rec, first_told)->offset();
  // States and runs not taken yet: those below `states`, and those before `run`. Of both the newest goes first, so
  // that a page has all of either down to its end.
  std::size_t states = count + 1;
  while (states > first_told && state_of(rec, states - 1)->offset() >= before) --states;
  auto run = std::ranges::lower_bound(runs, before, {}, [](const RunPtr& one) { return one->offset; });
  const auto oldest_run = std::ranges::lower_bound(runs, begin, {}, [](const RunPtr& one) { return one->offset; });
  const auto is_other = [&](const Run& one) { return one.event.type != c.type || one.event.id != c.id; };
  Page page;
  for (Offset taken = 0;;) {
    while (run > oldest_run && is_other(**std::prev(run))) --run;
    const Run* const step = run > oldest_run ? std::prev(run)->get() : nullptr;
    const Bill* const state = states > first_told ? state_of(rec, states - 1).get() : nullptr;
    if (step == nullptr && state == nullptr) return history;
    const bool is_state = step == nullptr || (state != nullptr && state->offset() > step->offset);
    const bool full = (is_state ? history.states.size() : history.runs.size()) == most;
    if (full || !page.takes(is_state ? state->bytes() : bytes_of(*step))) {
      history.next = taken;
      return history;
    }
    taken = is_state ? state->offset() : step->offset;
    if (is_state) {
      history.states.push_back(state_of(rec, --states));
    } else {
      history.runs.push_back(*--run);
    }
  }
}

// ---------------------------------------------------------------------------------------------- snapshots

template <class F>
void StatusBoard::State::each_personal(const Audience& audience, F&& f) const {
  const auto offer = [&](BillIx i) {
    const BillFacts facts = bills[i].now->facts();
    if (audience.scope_of(facts.type) && !audience.sees_by_class(facts)) f(i);
  };
  const auto user = person_by_id.find(std::string_view(audience.user()));
  if (user != person_by_id.end()) {
    for (const Bond how : {created, handled}) {  // a bill is in one of them only, for one person
      for (BillIx i = people[user->second].first[how]; i != no_index; i = bills[i].links[how].next) offer(i);
    }
  }
  const auto employee = person_by_id.find(std::string_view(audience.employee()));
  if (employee == person_by_id.end()) return;
  for (BillIx i = people[employee->second].first[owned]; i != no_index; i = bills[i].links[owned].next) {
    const BillFacts facts = bills[i].now->facts();
    if (facts.creator != audience.user() && facts.handler != audience.user()) offer(i);
  }
}

OutcomeOf<GetTodo> StatusBoard::State::run(const GetTodo& c) {
  const Audience& audience = *c.audience;
  Todo todo{.cursor = {epoch, audience.key(), last, last, true}};
  std::vector<std::size_t> begins(groups.size());
  bool personal = false;
  const auto add = [](Tally& to, const Tally& row) {
    to.rows += row.rows;
    to.sum0 += row.sum0;
    to.sum1 += row.sum1;
  };
  for (Catalog::Index type = 0; type < groups.size(); ++type) {
    const auto scope = audience.scope_of(type);
    begins[type] = todo.groups.size();
    if (!scope) continue;
    personal = personal || *scope != catalog::Scope::all;
    for (std::uint32_t place = 0; place < groups[type].size(); ++place) {
      GroupTally made{type, place, {}};
      const GroupRows& group = groups[type][place];
      if (*scope == catalog::Scope::all) made.tally = group.all;
      if (*scope == catalog::Scope::department) {
        for (const std::string& name : audience.departments()) {
          const auto at = group.departments.find(name);
          if (at != group.departments.end()) add(made.tally, at->second);
        }
      }
      todo.groups.push_back(made);
    }
  }
  if (!personal) return todo;
  each_personal(audience, [&](BillIx i) {
    const Bill& bill = *bills[i].now;
    for (std::uint32_t place = 0; (bill.groups() >> place) != 0; ++place) {
      if (((bill.groups() >> place) & 1) == 0) continue;
      add(todo.groups[begins[bill.type_index()] + place].tally, tally_of(bill, group_name(bill.type_index(), place)));
    }
  });
  return todo;
}

OutcomeOf<GetTodoPage> StatusBoard::State::run(const GetTodoPage& c) {
  const Audience& audience = *c.audience;
  const auto scope = audience.scope_of(c.type);
  if (!scope || c.group >= groups[c.type].size()) return Refusal{.code = Code::not_found, .field = "group"};
  TodoPage page{.offset = last, .epoch = epoch};
  Page room;
  const std::size_t most = std::clamp<std::size_t>(c.limit, 1, limits().rows_per_page_max);
  if (*scope == catalog::Scope::own) {
    std::vector<BillIx> found;
    each_personal(audience, [&](BillIx i) {
      const Bill& bill = *bills[i].now;
      if (bill.type_index() == c.type && ((bill.groups() >> c.group) & 1) != 0 && bill.stamp().born > c.after) {
        found.push_back(i);
      }
    });
    const std::size_t n = std::min(most, found.size());
    std::ranges::partial_sort(found, found.begin() + static_cast<std::ptrdiff_t>(n), {},
                              [&](BillIx i) { return bills[i].now->stamp().born; });
    for (std::size_t i = 0; i < n && room.takes(bills[found[i]].now->bytes()); ++i)
      page.bills.push_back(bills[found[i]].now);
    if (page.bills.size() < found.size()) page.next = page.bills.back()->stamp().born;
    return page;
  }
  std::uint32_t looked_at = 0;
  Offset last_seen = 0;
  groups[c.type][c.group].rows.walk(c.after, [&](const OrderedRows::Row& row) {
    if (page.bills.size() == most || looked_at == limits().rows_looked_at_max) {
      page.next = last_seen;
      return false;
    }
    const BillPtr& bill = bills[row.bill].now;
    const bool shown = visible(audience, bill->facts());
    if (shown && !room.takes(bill->bytes())) {
      page.next = last_seen;
      return false;
    }
    ++looked_at;
    last_seen = row.born;
    if (shown) page.bills.push_back(bill);
    return true;
  });
  return page;
}

// ---------------------------------------------------------------------------------------------- what changed

// The bill whose newest state is the first after `through`. Looks from both ends, and costs twice the shorter way: the
// states since then that are no longer the newest, or the bills changed since then.
BillIx StatusBoard::State::changed_after(Offset through) const {
  BillIx back = newest, found = no_index;
  for (Offset offset = through + 1;; ++offset) {
    if (back == no_index || bills[back].now->offset() <= through) return found;
    found = std::exchange(back, bills[back].older);
    const LogEntry& entry = log[offset - floor - 1];
    if (entry.bill && bills[entry.rec].now == entry.bill) return entry.rec;
  }
}

OutcomeOf<GetTodoDiff> StatusBoard::State::run(const GetTodoDiff& c) {
  const Audience& audience = *c.audience;
  TodoDiff diff;
  const auto snapshot = [&](SnapshotReason reason) {
    diff.snapshot = reason;
    return diff;
  };
  if (!c.cursor) return snapshot(SnapshotReason::first);
  const Cursor& cursor = *c.cursor;
  if (cursor.epoch != epoch || cursor.since > cursor.through || cursor.through > last) {
    return snapshot(SnapshotReason::epoch);
  }
  if (cursor.audience != audience.key()) return snapshot(SnapshotReason::audience);
  if (cursor.since < floor) return snapshot(SnapshotReason::trimmed);
  diff.cursor = cursor;
  const std::size_t most = std::clamp<std::size_t>(c.limit, 1, limits().rows_per_page_max);
  BillIx i = changed_after(cursor.through);
  for (std::uint32_t looked_at = 0; i != no_index; i = bills[i].newer) {
    if (diff.changed.size() + diff.removed.size() >= most || looked_at++ == limits().rows_looked_at_max) {
      diff.more = true;
      return diff;
    }
    difference(audience, cursor, bills[i], diff);
    diff.cursor.through = bills[i].now->offset();
  }
  diff.cursor = {epoch, audience.key(), last, last, false};
  // The newest runs, so from the end.
  for (auto at = runs.end(); at != runs.begin() && diff.runs.size() < limits().runs_per_diff_max;) {
    const Run& run = **--at;
    if (run.offset <= cursor.since) break;
    if (run.event.actor.user == audience.user() || seen(audience, run.event.type, run.event.id) != nullptr) {
      diff.runs.push_back(*at);
    }
  }
  std::ranges::reverse(diff.runs);
  return diff;
}

// What the bill's changes mean to the audience. The client has the rows that were true at `since`; after pages or a
// part of a diff it may have those of any state since then, and each of these was shown to this audience.
void StatusBoard::State::difference(const Audience& audience, const Cursor& cursor, const BillRec& rec,
                                    TodoDiff& into) const {
  const std::uint32_t now_rows = rec.now->rows(audience);
  if (now_rows != 0) into.changed.push_back(rec.now);
  const std::size_t count = rec.past ? rec.past->size() : 0;
  // The state in force at `since` is the last one not after it.
  std::size_t begin = count;
  while (begin > 0 && (*rec.past)[begin - 1]->offset() > cursor.since) --begin;
  const bool known = begin > 0;
  if (known) --begin;
  const bool exact = !cursor.paged && cursor.since == cursor.through;
  if (exact && !known) return;
  std::uint32_t had = 0;
  for (std::size_t n = begin; n < count && (!exact || n == begin); ++n) had |= (*rec.past)[n]->rows(audience);
  std::uint32_t lost = had & ~now_rows;
  // Each lost row goes with the state by which the audience ceased to have it for the last time.
  for (std::size_t n = count; n-- > begin && lost != 0;) {
    const std::uint32_t here = (*rec.past)[n]->rows(audience) & lost;
    if (here == 0) continue;
    into.removed.push_back({n + 1 == count ? rec.now : (*rec.past)[n + 1], here, (*rec.past)[n]});
    lost &= ~here;
  }
}

}  // namespace hf
