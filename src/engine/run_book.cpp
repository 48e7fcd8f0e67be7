#include "engine/run_book.h"

#include <algorithm>

#include "base/assert.h"

namespace hf {

std::string RunBook::key_of(std::string_view user, std::string_view request_id) {
  std::string key(user);
  key.push_back('\0');
  return key.append(request_id);
}

RunRecord& RunBook::at(const RunId& run) {
  const auto it = runs_.find(run);
  HF_ASSERT(it != runs_.end());
  return it->second;
}

const RunRecord* RunBook::find(const RunId& run) const {
  const auto it = runs_.find(run);
  return it == runs_.end() ? nullptr : &it->second;
}

const RunRecord* RunBook::begun_by(std::string_view user, std::string_view request_id) const {
  const auto it = by_request_.find(key_of(user, request_id));
  return it == by_request_.end() ? nullptr : find(it->second);
}

std::optional<std::string_view> RunBook::refuses(std::string_view user, bool service) const {
  if (live_ >= limits_.runs_max) return "Too many runs are under way: wait until some have ended.";
  const auto it = live_by_user_.find(user);
  const std::uint32_t own = it == live_by_user_.end() ? 0 : it->second;
  if (own >= (service ? limits_.runs_per_service_max : limits_.runs_per_user_max))
    return "This user has too many runs under way: finish one.";
  return std::nullopt;
}

const RunRecord* RunBook::after(std::uint64_t number) const {
  const auto it = by_number_.upper_bound(number);
  return it == by_number_.end() ? nullptr : find(it->second);
}

// ---------------------------------------------------------------------------------------------- what becomes of them

void RunBook::assert_counts() const noexcept {
  HF_ASSERT(live_ + ended_.size() == runs_.size() && by_number_.size() == runs_.size());
  HF_ASSERT(live_by_user_.size() <= live_ && by_request_.size() <= runs_.size());
}

// REQUIRES: its id, its number and its request are no other run's
void RunBook::add(RunRecord&& run) {
  HF_ASSERT(run.number > 0 && !run.info.bills.empty());
  by_number_.emplace(run.number, run.info.run);
  if (!run.request_id.empty()) by_request_[key_of(run.info.user, run.request_id)] = run.info.run;
  if (run.is_live()) {
    ++live_;
    ++live_by_user_[run.info.user];
  } else {
    ended_.emplace(run.ended, run.number, run.info.run);
  }
  next_number_ = std::max(next_number_, run.number + 1);
  const RunId id = run.info.run;
  runs_.emplace(id, std::move(run));
  assert_counts();
}

void RunBook::no_longer_live(const RunRecord& run) {
  const auto it = live_by_user_.find(run.info.user);
  HF_ASSERT(run.is_live() && live_ > 0 && it != live_by_user_.end() && it->second > 0);
  --live_;
  if (--it->second == 0) live_by_user_.erase(it);
}

const RunRecord& RunBook::begin(RunRecord run, std::string& journal, const Stamp& stamp) {
  HF_ASSERT(run.info.state == RunState::locking && !runs_.contains(run.info.run));
  HF_ASSERT(run.request_id.empty() || begun_by(run.info.user, run.request_id) == nullptr);
  run.number = next_number_;
  const RunId id = run.info.run;
  add(std::move(run));
  put(at(id), journal, stamp, true);
  return at(id);
}

const RunRecord& RunBook::start(const RunId& id, Wall when, std::string& journal, const Stamp& stamp) {
  RunRecord& run = at(id);
  HF_ASSERT(run.info.state == RunState::locking);
  run.info.state = RunState::running;
  run.info.changed_at = when;
  ++tally_.begun;
  put(run, journal, stamp, false);
  return run;
}

void RunBook::forget(const RunId& id, std::string& journal) {
  const RunRecord& run = at(id);
  HF_ASSERT(run.info.state == RunState::locking);
  no_longer_live(run);
  erase(id, journal);
  assert_counts();
}

void RunBook::erase(const RunId& id, std::string& journal) {
  const RunRecord& run = at(id);
  if (!run.request_id.empty()) {
    const std::size_t repeats = by_request_.erase(key_of(run.info.user, run.request_id));
    HF_ASSERT(repeats == 1);
  }
  const std::size_t numbered = by_number_.erase(run.number);
  HF_ASSERT(numbered == 1);
  const ChangeFrame frame(journal, Entity::run, change_erase, id.value);
  runs_.erase(id);
}

const RunRecord& RunBook::step(const RunId& id, std::string_view step, std::string_view step_id, Wall when,
                               std::string& journal, const Stamp& stamp) {
  RunRecord& run = at(id);
  HF_ASSERT(run.info.state == RunState::running);
  run.info.step = step;
  run.info.changed_at = when;
  run.step_id = step_id;
  put(run, journal, stamp, false);
  return run;
}

const RunRecord& RunBook::end(const RunId& id, RunState state, std::string_view error, EndReason reason, Instant now,
                              Wall when, std::string& journal, const Stamp& stamp) {
  RunRecord& run = at(id);
  HF_ASSERT(run.info.state == RunState::running || run.info.state == RunState::unknown);
  HF_ASSERT(state == RunState::done || state == RunState::failed ||
            (state == RunState::unknown && run.info.state == RunState::running));
  if (run.info.state == RunState::running) {
    no_longer_live(run);
    run.ended = now;
    ended_.emplace(now, run.number, id);
  }
  run.info.state = state;
  run.info.error = error;
  run.info.changed_at = when;
  run.reason = reason;
  std::uint64_t& count = state == RunState::done     ? tally_.done
                         : state == RunState::failed ? tally_.failed
                                                     : tally_.unknown;
  ++count;
  put(run, journal, stamp, false);
  HF_ASSERT(!run.is_live() && ended_.contains({run.ended, run.number, id}));
  assert_counts();
  return run;
}

bool RunBook::tell(const RunId& id, Wall when, std::string& journal, const Stamp& stamp) {
  const auto it = runs_.find(id);
  if (it == runs_.end() || it->second.told) return false;
  RunRecord& run = it->second;
  run.told = true;
  const bool settles = run.info.state == RunState::unknown;
  if (settles) {
    run.info.state = RunState::done;
    run.info.error.clear();
    run.info.changed_at = when;
    ++tally_.settled;
  }
  put(run, journal, settles ? stamp : Stamp{Action::none, stamp.at, stamp.actor}, false);
  return settles;
}

void RunBook::sweep(Instant now, std::string& journal) {
  while (!ended_.empty()) {
    const auto [when, number, oldest] = *ended_.begin();
    if (ended_.size() <= limits_.runs_ended_max && now - when < limits_.run_kept) return;
    HF_ASSERT(!at(oldest).is_live() && at(oldest).number == number);
    ended_.erase(ended_.begin());
    erase(oldest, journal);
    assert_counts();
  }
}

// ---------------------------------------------------------------------------------------------- as bytes

void RunBook::put(const RunRecord& run, std::string& journal, const Stamp& stamp, bool fresh) const {
  ChangeFrame frame(journal, Entity::run, fresh ? change_fresh : 0, run.info.run.value);
  write_stamp(*frame, stamp);
  frame->u8(static_cast<std::uint8_t>(run.info.state));
  frame->id(run.info.session.value);
  frame->text(run.info.user);
  frame->text(run.info.action);
  frame->text(run.info.step);
  frame->text(run.info.error);
  frame->varint(run.info.bills.size());
  for (const Target& bill : run.info.bills) frame->text(bill.text());
  frame->text(run.info.user_name);
  frame->id(run.info.node);
  frame->i64(to_us(run.info.begun_at));
  frame->i64(to_us(run.info.changed_at));
  frame->varint(run.number);
  frame->text(run.request_id);
  frame->u64(run.fingerprint);
  frame->text(run.step_id);
  frame->i64(to_us(run.ended));
  frame->u8(static_cast<std::uint8_t>(run.reason));
  frame->u8(static_cast<std::uint8_t>((run.own_session ? 1 : 0) | (run.told ? 2 : 0)));
}

bool RunBook::restore(const Id128& key, std::string_view body) {
  ByteReader r(body);
  read_stamp(r);
  const RunHead head = read_run_head(r);
  RunRecord run;
  run.info.run.value = key;
  run.info.state = head.state;
  run.info.session = head.session;
  run.info.user = head.user;
  run.info.action = head.action;
  run.info.step = head.step;
  run.info.error = head.error;
  for (const std::string_view text : head.bills) {
    auto bill = Target::parse(text);
    if (!bill) return false;
    run.info.bills.push_back(*std::move(bill));
  }
  run.info.user_name = r.text();
  run.info.node = r.id();
  run.info.begun_at = wall_us(r.i64());
  run.info.changed_at = wall_us(r.i64());
  run.number = r.varint();
  run.request_id = r.text();
  run.fingerprint = r.u64();
  run.step_id = r.text();
  run.ended = instant_us(r.i64());
  const std::uint8_t reason = r.u8();
  const std::uint8_t bits = r.u8();
  if (!r.at_end() || !r.ok() || run.info.bills.empty() || reason > static_cast<std::uint8_t>(EndReason::engine_lost) ||
      bits > 3 || run.number == 0 || by_number_.contains(run.number) || runs_.contains(run.info.run) ||
      (!run.request_id.empty() && begun_by(run.info.user, run.request_id) != nullptr)) {
    return false;
  }
  run.reason = static_cast<EndReason>(reason);
  run.own_session = (bits & 1) != 0;
  run.told = (bits & 2) != 0;
  add(std::move(run));
  return true;
}

void RunBook::write(std::string& journal, const Stamp& stamp) const {
  for (const auto& [number, id] : by_number_) put(*find(id), journal, stamp, true);
}

// ---------------------------------------------------------------------------------------------- what must hold

std::string RunBook::check(const RunRecord& run) const {
  const RunId& id = run.info.run;
  if (run.info.bills.empty()) return "run_without_bills";
  if (run.is_live() ? !live_by_user_.contains(run.info.user) : !ended_.contains({run.ended, run.number, id}))
    return run.is_live() ? "runs_by_user" : "run_never_forgotten";
  const auto numbered = by_number_.find(run.number);
  if (numbered == by_number_.end() || numbered->second != id || run.number >= next_number_) return "runs_by_number";
  if (!run.request_id.empty() && begun_by(run.info.user, run.request_id) != &run) return "runs_by_request";
  return {};
}

std::string RunBook::check() const {
  std::map<std::string, std::uint32_t, std::less<>> by_user;
  std::size_t live = 0, repeatable = 0;
  for (const auto& [number, id] : by_number_) {
    const RunRecord* const run = find(id);
    if (run == nullptr || run->info.run != id) return "runs_by_number";
    if (std::string broken = check(*run); !broken.empty()) return broken;
    repeatable += run->request_id.empty() ? 0 : 1;
    if (!run->is_live()) continue;
    ++live;
    ++by_user[run->info.user];
  }
  if (live != live_ || by_user != live_by_user_) return "runs_by_user";
  if (ended_.size() + live_ != runs_.size()) return "runs_ended";
  if (by_number_.size() != runs_.size()) return "runs_by_number";
  if (by_request_.size() != repeatable) return "runs_by_request";
  return {};
}

}  // namespace hf
