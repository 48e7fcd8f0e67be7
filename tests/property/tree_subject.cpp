#include <algorithm>
#include <map>
#include <span>

#include "engine/change.h"
#include "property/describe.h"
#include "property/subject.h"

namespace hf::test {
namespace {

// Keeps the last change of each key, as a store does: puts in the order of their keys.
std::string fold(std::string_view journal) {
  std::map<std::pair<Entity, Id128>, std::string_view> last;
  while (auto change = take_change(journal)) {
    const auto key = std::pair(change->header.entity, change->header.key);
    if (change->header.entity == Entity::note) continue;
    if ((change->header.flags & change_erase) != 0)
      last.erase(key);
    else
      last[key] = change->whole;
  }
  std::string folded;
  for (const auto& [key, whole] : last) folded += whole;
  return folded;
}

class TreeSubject final : public Subject {
 public:
  explicit TreeSubject(const LockTreeOptions& options) : options_(options), tree_(options) {}

  LockOutcome apply(const LockCommand& command, Wall clock, std::vector<LockEvent>& events) override {
    const std::size_t before = journal_.size();
    LockOutcome outcome = tree_.apply(command, clock, events, journal_);
    if (journal_.size() != before) recorded_ = tree_.now();
    return outcome;
  }

  Restarted restart(Wall clock) override {
    Restarted restarted;
    restarted.floor = tree_.last_token() + 1000;
    LockTree replayed(options_);
    if (!replayed.recover(journal_)) return {{}, 0, {}, "the journal is refused"};
    (void)replayed.recovered(clock, restarted.floor);
    LockTree folded(options_);
    const std::string state = fold(journal_);
    if (!folded.recover(state)) return {{}, 0, {}, "the folded journal is refused"};
    (void)folded.recovered(clock, restarted.floor);
    if (std::string why = replayed.check(); !why.empty()) return {{}, 0, {}, "check() after a replay: " + why};
    if (std::string why = same_answers(replayed, folded, clock); !why.empty())
      return {{}, 0, {}, "folded and replayed differ: " + why};
    if (replayed.now() < recorded_ - Millis(1000))
      return {{}, 0, {}, "engine time fell behind the last recorded change"};
    restarted.recorded = replayed.now();
    Caller admin;
    admin.admin = true;
    std::vector<LockEvent> ignored;
    std::string unread;
    const LockOutcome sessions = folded.apply(ListSessions{admin, 500}, clock, ignored, unread);
    for (const SessionSnapshot& s : std::get<SessionList>(sessions).sessions)
      restarted.seqs.emplace_back(s.session, s.seq);
    tree_ = LockTree(options_);
    // Goes on from the folded state in every other restart, so that either is lived on.
    journal_ = even_ ? state : journal_;
    even_ = !even_;
    if (!tree_.recover(journal_)) return {{}, 0, {}, "the journal is refused the second time"};
    (void)tree_.recovered(clock, restarted.floor);
    recorded_ = tree_.now();
    return restarted;
  }

  std::string check() override { return tree_.check(); }
  std::string image() const override {
    std::string bytes;
    tree_.image(bytes);
    return bytes;
  }

 private:
  static std::string same_answers(LockTree& a, LockTree& b, Wall clock) {
    Caller admin;
    admin.admin = true;
    ListLocks all;
    all.caller = admin;
    all.limit = 500;
    for (const LockCommand& query : {LockCommand(all), LockCommand(ListSessions{admin, 500}),
                                     LockCommand(ListWaits{admin, 500}), LockCommand(GetStats{})}) {
      std::vector<LockEvent> a_told;
      std::vector<LockEvent> b_told;
      std::string ignored;
      const std::string x = describe(a.apply(query, clock, a_told, ignored));
      const std::string y = describe(b.apply(query, clock, b_told, ignored));
      if (x != y) return x + "\n  " + y;
      if (describe(a_told) != describe(b_told)) return "what is told differs";
    }
    return {};
  }

  LockTreeOptions options_;
  LockTree tree_;
  std::string journal_;
  Instant recorded_{};
  bool even_ = false;
};

class TwinSubject final : public Subject {
 public:
  explicit TwinSubject(const LockTreeOptions& options)
      : options_(options), first_(tree_subject(options)), second_(options) {}

  LockOutcome apply(const LockCommand& command, Wall clock, std::vector<LockEvent>& events) override {
    const std::size_t before = events.size();
    LockOutcome outcome = first_->apply(command, clock, events);
    std::vector<LockEvent> others;
    std::string unread;
    const LockOutcome other = second_.apply(command, clock, others, unread);
    if (difference_.empty() && !alike(outcome, other))
      difference_ = "twins answer differently: " + describe(outcome) + detail(outcome) + " and " + describe(other) +
                    detail(other);
    if (difference_.empty() && !std::ranges::equal(std::span(events).subspan(before), others))
      difference_ = "twins tell differently after " + describe(command);
    if (++count_ % 17 == 0) make_twin(clock);
    return outcome;
  }

  Restarted restart(Wall clock) override {
    Restarted restarted = first_->restart(clock);
    make_twin(clock);
    return restarted;
  }

  std::string check() override {
    if (!difference_.empty()) return difference_;
    if (std::string broken = second_.check(); !broken.empty()) return "the twin: " + broken;
    return first_->check();
  }
  std::string image() const override { return first_->image(); }

 private:
  static std::string detail(const LockOutcome& outcome) {
    const auto* refusal = std::get_if<Refusal>(&outcome);
    return refusal == nullptr ? std::string() : " (" + refusal->detail + ")";
  }
  // What is remembered of an answer is less than the answer: a refusal loses its list of conflicts, and the answer to
  // an extension is the lock as it is now, or that it is gone.
  static bool alike(LockOutcome first, LockOutcome second) {
    for (LockOutcome* outcome : {&first, &second}) {
      if (auto* refusal = std::get_if<Refusal>(outcome)) refusal->conflicts.clear();
    }
    if (const auto* grant = std::get_if<Grant>(&first)) {
      const auto* now = std::get_if<Grant>(&second);
      const auto* gone = std::get_if<Refusal>(&second);
      return (now != nullptr && now->lock == grant->lock) || (gone != nullptr && gone->code == Code::lock_gone);
    }
    return first == second;
  }
  void make_twin(Wall clock) {
    const std::string bytes = first_->image();
    second_ = LockTree(options_);
    if (!second_.recover(bytes) || !second_.recovered(clock, 0)) difference_ = "the image is refused";
  }

  LockTreeOptions options_;
  std::unique_ptr<Subject> first_;
  LockTree second_;
  std::uint64_t count_ = 0;
  std::string difference_;
};

}  // namespace

std::unique_ptr<Subject> twin_subject(const LockTreeOptions& options) { return std::make_unique<TwinSubject>(options); }

std::unique_ptr<Subject> tree_subject(const LockTreeOptions& options) { return std::make_unique<TreeSubject>(options); }

}  // namespace hf::test
