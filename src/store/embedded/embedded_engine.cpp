#include "store/embedded/embedded_engine.h"

#include <chrono>
#include <tuple>
#include <utility>

#include "base/assert.h"

namespace hf {
namespace {

constexpr std::chrono::seconds kRound{1};  // syncs of relaxed commits, looks at the disk
constexpr std::chrono::milliseconds kGap{2};

// What an engine refuses that is short of room.
bool adds(const Command& command) {
  if (const auto* of_locks = std::get_if<LockCommand>(&command)) {
    return std::holds_alternative<Acquire>(*of_locks) || std::holds_alternative<Ask>(*of_locks) ||
           std::holds_alternative<BeginRun>(*of_locks);
  }
  const auto& of_status = std::get<StatusCommand>(command);
  return std::holds_alternative<Publish>(of_status) || std::holds_alternative<ResyncPage>(of_status);
}

}  // namespace

struct EmbeddedEngine::Partition {
  Partition(std::string name_, const EmbeddedOptions& options)
      : name(std::move(name_)), state(options.tree, options.board) {}
  std::string name;
  NamespaceState state;
  std::size_t section = 0;  // its place in the gathering turn's sections, plus one
};

struct EmbeddedEngine::Answer {
  Ticket ticket = 0;
  NamespaceIndex ns = 0;
  Outcome outcome;
  std::size_t events_end = 0;  // the events before this belong to it and to those before it
};

// What was decided between two commits.
struct EmbeddedEngine::Turn {
  std::vector<Answer> answers;
  std::vector<Event> events;
  struct Section {
    NamespaceIndex ns = 0;
    std::string changes;
  };
  std::vector<Section> sections;  // the first `used` are of this turn; the others are kept for their memory
  std::size_t used = 0;
  std::vector<JournalSection> views;
  std::vector<std::string> new_names;
  std::size_t change_bytes = 0;
  Wall at{};

  bool changes_something() const { return change_bytes != 0 || !new_names.empty(); }
  bool empty() const { return answers.empty() && !changes_something(); }
};

EmbeddedEngine::EmbeddedEngine(EmbeddedOptions options)
    : options_(std::move(options)), gathering_(std::make_unique<Turn>()), flying_(std::make_unique<Turn>()) {}

Result<std::unique_ptr<EmbeddedEngine>> EmbeddedEngine::open(EmbeddedOptions options, Wall clock) {
  std::unique_ptr<EmbeddedEngine> engine(new EmbeddedEngine(std::move(options)));
  auto journal = Journal::open(engine->options_.directory, engine->options_.journal);
  if (!journal) return tl::unexpected(std::move(journal.error()));
  engine->journal_ = std::move(*journal);
  if (auto ok = engine->recover(clock); !ok) return tl::unexpected(std::move(ok.error()));
  auto reader = engine->journal_->open_reader();
  if (!reader) return tl::unexpected(std::move(reader.error()));
  engine->reader_ = std::move(*reader);
  engine->watch_disk();
  engine->worker_ = std::thread([e = engine.get()] { e->work(); });
  return engine;
}

Result<void> EmbeddedEngine::recover(Wall clock) {
  for (const auto& known : journal_->namespaces())
    partitions_.push_back(std::make_unique<Partition>(known.name, options_));
  auto ok = journal_->load(
      [&](NamespaceIndex ns, std::string_view changes) { return partitions_[ns]->state.recover(changes); });
  if (!ok) return ok;
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    Partition& partition = *partitions_[i];
    if (!partition.state.recovered(clock, journal_->namespaces()[i].ceiling, EpochId{options_.next_id()}))
      return fail(Code::unavailable, options_.directory + "/holdfast.db contradicts itself in namespace " +
                                         partition.name + ". It was left as it is: put the newest backup in its place");
  }
  wall_us_ = to_us(clock);
  forsake_unheard(clock);
  return {};
}

// Who waited at the process that ran here before can be told nothing any more.
void EmbeddedEngine::forsake_unheard(Wall clock) {
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    NamespaceState& state = partitions_[i]->state;
    if (!state.locks().has_unheard()) continue;
    std::string& changes = changes_of(static_cast<NamespaceIndex>(i));
    std::vector<Event> nobodys;
    (void)state.apply(LockCommand(NodesLiving{}), clock, nobodys, changes);
    gathering_->change_bytes += changes.size();
    gathering_->at = clock;
    flush_wanted_ = true;
  }
}

EmbeddedEngine::~EmbeddedEngine() {
  sink_ = nullptr;
  stop();
}

// ------------------------------------------------------------------------------------------------ the loop

Result<NamespaceIndex> EmbeddedEngine::open_namespace(std::string_view name) {
  for (std::size_t i = 0; i < partitions_.size(); ++i)
    if (partitions_[i]->name == name) return static_cast<NamespaceIndex>(i);
  if (partitions_.size() >= options_.namespaces_max)
    return fail(Code::too_many,
                "there are " + std::to_string(options_.namespaces_max) + " namespaces, the most that are allowed",
                "ns");
  partitions_.push_back(std::make_unique<Partition>(std::string(name), options_));
  NamespaceState& state = partitions_.back()->state;
  state.locks().set_watching(watching_);
  if (!state.board().recovered(wall_us(wall_us_.load(std::memory_order_relaxed)), EpochId{options_.next_id()}))
    return fail(Code::unavailable, "the board of a new namespace cannot begin");
  gathering_->new_names.emplace_back(name);
  return static_cast<NamespaceIndex>(partitions_.size() - 1);
}

std::string EmbeddedEngine::refusal_of(const Command& command) const {
  if (!adds(command)) return {};
  std::string why;
  if (!ready(why)) return why;
  if (gathering_->change_bytes >= options_.batch_bytes_max)
    return "The disk does not keep up with the changes: repeat later.";
  return {};
}

std::string& EmbeddedEngine::changes_of(NamespaceIndex ns) {
  Turn& turn = *gathering_;
  Partition& partition = *partitions_[ns];
  if (partition.section == 0) {
    if (turn.used == turn.sections.size()) turn.sections.emplace_back();
    turn.sections[turn.used].ns = ns;
    turn.sections[turn.used].changes.clear();
    partition.section = ++turn.used;
  }
  HF_ASSERT(partition.section <= turn.used && turn.sections[partition.section - 1].ns == ns);
  return turn.sections[partition.section - 1].changes;
}

void EmbeddedEngine::submit(NamespaceIndex ns, Ticket ticket, Command&& command, Wall clock) {
  HF_ASSERT(ns < partitions_.size());
  if (failed_ || stopped_) return;
  Turn& turn = *gathering_;
  ++counters_.commands;
  turn.at = clock;
  wall_us_.store(to_us(clock), std::memory_order_relaxed);
  Answer& answer = turn.answers.emplace_back();
  answer.ticket = ticket;
  answer.ns = ns;
  if (std::string why = refusal_of(command); !why.empty()) {
    answer.outcome = refused(command, {.code = Code::unavailable, .detail = std::move(why)});
  } else {
    std::string& changes = changes_of(ns);
    const std::size_t before = changes.size();
    answer.outcome = partitions_[ns]->state.apply(command, clock, turn.events, changes);
    turn.change_bytes += changes.size() - before;
  }
  answer.events_end = turn.events.size();
}

void EmbeddedEngine::flush() {
  flush_wanted_ = true;
  if (!handing_out_) pump();
}

void EmbeddedEngine::deliver() {
  if (handing_out_ || stopped_) return;
  std::vector<std::function<void()>> calls;
  std::string broken;
  bool done = false;
  {
    const std::lock_guard hold(state_mutex_);
    std::swap(done, done_);
    calls.swap(calls_);
    broken = broken_;
  }
  if (done) {
    HF_ASSERT(in_flight_);
    in_flight_ = false;
    hand_out(*flying_);
  }
  if (!broken.empty()) break_down(std::move(broken));
  for (const auto& call : calls) call();
  pump();
}

// One turn at a time, so that a sink which goes on submitting does not keep the loop from its sockets.
void EmbeddedEngine::pump() {
  if (failed_ || in_flight_ || !flush_wanted_) return;
  flush_wanted_ = false;
  if (gathering_->empty()) return;
  HF_ASSERT(flying_->empty());  // what is swapped in begins anew
  std::swap(gathering_, flying_);
  for (std::size_t i = 0; i < flying_->used; ++i) partitions_[flying_->sections[i].ns]->section = 0;
  if (flying_->changes_something()) {
    batch_ = batch_of(*flying_);
    if (!commit_here()) return hand_to_worker();
    if (failed_) return;
  }
  hand_out(*flying_);
  if (flush_wanted_) options_.wake();
}

JournalBatch EmbeddedEngine::batch_of(Turn& turn) {
  turn.views.clear();
  for (std::size_t i = 0; i < turn.used; ++i) {
    auto& section = turn.sections[i];
    if (section.changes.empty()) continue;
    NamespaceState& state = partitions_[section.ns]->state;
    state.seal(section.changes);
    turn.views.push_back({section.ns, section.changes, state.locks().last_token()});
  }
  ++counters_.batches;
  counters_.journal_bytes += turn.change_bytes;
  return {turn.at, turn.new_names, turn.views};
}

// False: it is the worker's to do.
bool EmbeddedEngine::commit_here() {
  if (options_.journal.durability == Durability::full || options_.relaxed_commits == CommitOn::worker) return false;
  std::unique_lock hold(journal_mutex_, std::try_to_lock);
  if (!hold || journal_->waits_for_disk(batch_)) return false;
  const auto ok = journal_->commit(batch_);
  const bool tend = journal_->wants_tending();
  hold.unlock();
  ++commits_;
  ++counters_.batches_inline;
  if (!ok) {
    break_down(ok.error().detail);
  } else if (tend) {
    ask_to_tend();
  }
  return true;
}

// The worker is woken only if it does not know yet: to wake it for each commit would cost as much as the commit.
void EmbeddedEngine::ask_to_tend() {
  {
    const std::lock_guard hold(state_mutex_);
    if (std::exchange(tend_, true)) return;
  }
  work_to_do_.notify_one();
}

// It is woken outside of the lock, which it would run against.
void EmbeddedEngine::hand_to_worker() {
  HF_ASSERT(!in_flight_);
  in_flight_ = true;
  {
    const std::lock_guard hold(state_mutex_);
    handed_ = Handed::batch;
  }
  work_to_do_.notify_one();
}

void EmbeddedEngine::hand_out(Turn& turn) {
  handing_out_ = true;
  std::size_t event = 0;
  for (Answer& answer : turn.answers) {
    if (sink_ == nullptr) break;
    for (; event < answer.events_end; ++event) sink_->on_event(answer.ns, turn.events[event]);
    if (answer.ticket != 0) sink_->on_outcome(answer.ticket, std::move(answer.outcome));
  }
  // Guarantee 3: each event belonged to an answer, and came before it.
  HF_ASSERT(sink_ == nullptr || event == turn.events.size());
  if (sink_ != nullptr) sink_->on_turn_end();
  settle(turn);
  handing_out_ = false;
}

void EmbeddedEngine::settle(Turn& turn) {
  turn.answers.clear();
  turn.events.clear();
  turn.new_names.clear();
  turn.used = 0;
  turn.change_bytes = 0;
}

void EmbeddedEngine::break_down(std::string why) {
  if (failed_) return;
  failed_ = true;
  in_flight_ = false;
  handing_out_ = true;
  for (Turn* turn : {flying_.get(), gathering_.get()}) {
    for (Answer& answer : turn->answers) {
      if (answer.ticket == 0 || sink_ == nullptr) continue;
      std::visit(
          [](auto& of_family) {
            of_family =
                Refusal{.code = Code::unknown_outcome, .detail = "The store failed: repeat with the same request id."};
          },
          answer.outcome);
      sink_->on_outcome(answer.ticket, std::move(answer.outcome));
    }
    settle(*turn);
  }
  if (sink_ != nullptr) {
    sink_->on_turn_end();
    sink_->on_failed(std::move(why));
  }
  handing_out_ = false;
}

bool EmbeddedEngine::ready(std::string& why) const {
  if (failed_)
    why = "The store has failed: the process must stop and recover from the file.";
  else if (disk_low_.load(std::memory_order_relaxed))
    why = "The disk of the data directory has less than " + std::to_string(options_.journal.disk_reserve_bytes >> 20) +
          " MB free: locks can be released, not acquired.";
  else
    return true;
  return false;
}

bool EmbeddedEngine::busy() const noexcept { return in_flight_ || !gathering_->empty(); }

void EmbeddedEngine::stop() {
  if (stopped_) return;
  while (worker_.joinable() && !failed_ && busy()) {
    if (in_flight_) {
      std::unique_lock hold(state_mutex_);
      done_changed_.wait(hold, [&] { return done_ || !broken_.empty(); });
    }
    flush_wanted_ = true;
    deliver();
  }
  stopped_ = true;
  if (worker_.joinable()) {
    {
      const std::lock_guard hold(state_mutex_);
      handed_ = Handed::stop;
      work_to_do_.notify_all();
    }
    worker_.join();
  }
  reader_.reset();
  journal_.reset();
  std::vector<std::function<void()>> calls;
  calls.swap(calls_);
  for (const auto& call : calls) call();
}

BoardStats EmbeddedEngine::board_stats(NamespaceIndex ns) const { return partitions_[ns]->state.board().stats(); }

Result<AuditPage> EmbeddedEngine::audit(NamespaceIndex ns, const AuditFilter& filter, AuditCursor before,
                                        std::size_t limit, std::size_t bytes_max) {
  if (!reader_) return fail(Code::unavailable, "the engine has stopped");
  return reader_->page(ns, filter, before, limit, bytes_max);
}

void EmbeddedEngine::backup(const std::string& path, std::function<void(Result<void>)> done) {
  // `done` is called where the copy ends, which is the worker, or here: it goes over to the loop either way.
  auto on_loop = [this, done = std::move(done)](Result<void> result) {
    {
      const std::lock_guard hold(state_mutex_);
      calls_.push_back([done, result = std::move(result)] { done(result); });
    }
    options_.wake();
  };
  Result<void> begun = fail(Code::unavailable, "the engine has stopped");
  {
    const std::lock_guard hold(journal_mutex_);
    if (journal_) begun = journal_->begin_backup(path, on_loop);
  }
  if (!begun) return on_loop(std::move(begun));
  ask_to_tend();
}

Result<void> EmbeddedEngine::raise_tokens(const std::string& directory, Token amount) {
  auto journal = Journal::open(directory);
  if (!journal) return tl::unexpected(std::move(journal.error()));
  if (auto ok = (*journal)->load([](NamespaceIndex, std::string_view) { return true; }); !ok) return ok;
  return (*journal)->raise_ceilings(amount);
}

std::string EmbeddedEngine::check() const {
  for (const auto& partition : partitions_) {
    const std::string broken = partition->state.check();
    if (!broken.empty()) return partition->name + ": " + broken;
  }
  return {};
}

SlicedCheck::Slice EmbeddedEngine::check_some(std::size_t entities) {
  return sliced_.look(entities, partitions_.size(),
                      [&](std::size_t i) { return std::tie(partitions_[i]->name, partitions_[i]->state); });
}

std::vector<std::string> EmbeddedEngine::namespace_names() const {
  std::vector<std::string> names;
  names.reserve(partitions_.size());
  for (const auto& partition : partitions_) names.push_back(partition->name);
  return names;
}

EpochId EmbeddedEngine::epoch(NamespaceIndex ns) const { return partitions_[ns]->state.board().epoch(); }

void EmbeddedEngine::set_watching(bool any) {
  watching_ = any;
  for (const auto& partition : partitions_) partition->state.locks().set_watching(any);
}

// ---------------------------------------------------------------------------------------------- the worker

void EmbeddedEngine::watch_disk() {
  journal_->look_at_files();  // a failure stays: tend() tells it
  disk_low_.store(journal_->disk_free_bytes() < options_.journal.disk_reserve_bytes, std::memory_order_relaxed);
}

void EmbeddedEngine::work() {
  auto round_at = std::chrono::steady_clock::now() + kRound;
  std::uint64_t seen = 0;
  std::unique_lock hold(state_mutex_);
  while (handed_ != Handed::stop) {
    if (handed_ == Handed::batch) {
      commit_handed(hold);
    } else if (tend_) {
      tend(hold, seen);
    } else {
      work_to_do_.wait_until(hold, round_at, [&] { return handed_ != Handed::nothing || tend_; });
    }
    if (handed_ == Handed::stop || std::chrono::steady_clock::now() < round_at) continue;
    round_at = std::chrono::steady_clock::now() + kRound;
    hold.unlock();
    sync_round();
    hold.lock();
    tend_ = true;
  }
  hold.unlock();
  const std::lock_guard use(journal_mutex_);
  journal_->fold(options_.fold_at_stop);
}

// The loop goes on committing while the disk works. A failure stays: tend() tells it.
void EmbeddedEngine::sync_round() {
  std::unique_lock use(journal_mutex_);
  if (const auto log = journal_->begin_sync()) {
    use.unlock();
    const bool ok = log->run();
    use.lock();
    [[maybe_unused]] const auto ended = journal_->end_sync(*log, ok);
  }
  watch_disk();
}

// Called and left with `hold` held, as tend() is.
void EmbeddedEngine::commit_handed(std::unique_lock<std::mutex>& hold) {
  const JournalBatch batch = batch_;
  hold.unlock();
  std::unique_lock use(journal_mutex_);
  const auto ok = journal_->commit(batch);
  hold.lock();
  handed_ = handed_ == Handed::stop ? Handed::stop : Handed::nothing;
  if (ok)
    done_ = true;
  else
    broken_ = journal_->failed();
  done_changed_.notify_one();
  hold.unlock();
  options_.wake();
  ++commits_;
  journal_->tend(Journal::Pace::busy, wall_us(wall_us_.load(std::memory_order_relaxed)));
  const bool more = journal_->wants_tending();
  use.unlock();
  hold.lock();
  tend_ = tend_ || more;
}

// A gap is two milliseconds without a commit: then slices follow each other until a batch comes.
void EmbeddedEngine::tend(std::unique_lock<std::mutex>& hold, std::uint64_t& seen) {
  auto pace = Journal::Pace::idle;
  if (commits_ != seen) {
    seen = commits_;
    if (work_to_do_.wait_for(hold, kGap, [&] { return handed_ != Handed::nothing; })) return;
    if (commits_ != seen) pace = Journal::Pace::busy;
  }
  hold.unlock();
  std::unique_lock use(journal_mutex_);
  bool more = journal_->tend(pace, wall_us(wall_us_.load(std::memory_order_relaxed)));
  more = more || (pace == Journal::Pace::busy && journal_->wants_tending());
  const std::string failed = journal_->failed();
  use.unlock();
  hold.lock();
  tend_ = more;
  if (failed.empty() || !broken_.empty()) return;
  broken_ = failed;
  done_changed_.notify_one();
  hold.unlock();
  options_.wake();
  hold.lock();
}

}  // namespace hf
