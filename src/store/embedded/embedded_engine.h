#pragma once

// EmbeddedEngine decides in memory and keeps its decisions in one file: a NamespaceState for each namespace, a
// Journal for all of them.
//
// A command is applied at once, on the calling loop; its answer waits until its batch is committed. While one batch is
// being committed the next one grows: that is all there is to group commit. A command that changes nothing (a query, a
// refusal) waits only for the commit whose changes it may have seen.
//
// One worker thread of the engine uses the journal. At Durability::relaxed, where a commit takes a few microseconds,
// the loop itself commits whenever the worker does not use the journal and the commit needs no sync, and saves the way
// there and back. The audit trail is read by a connection of its own.
//
// submit(), flush(), deliver(), stop() and everything else but audit() belong to one loop. The only call to the outside
// from another thread is Options::wake. The sink is called from flush(), deliver() and stop() only, and may call
// submit() and flush() from within.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"
#include "engine/namespace_state.h"
#include "engine/sliced_check.h"
#include "store/embedded/journal.h"
#include "store/lock_engine.h"

namespace hf {

// Where a relaxed commit is made. A full one is always the worker's: the loop never waits for a disk.
enum class CommitOn : std::uint8_t { loop, worker };

struct EmbeddedOptions {
  std::string directory;
  JournalOptions journal;
  LockTreeOptions tree;
  StatusBoardOptions board;
  CommitOn relaxed_commits = CommitOn::loop;
  std::size_t namespaces_max = 100;
  std::size_t batch_bytes_max = 64 << 20;  // of changes not committed, beyond which acquires are refused
  Micros fold_at_stop{500'000};
  // Makes the ids of status logs: one for each namespace that has none.
  std::function<Id128()> next_id = [] { return Id128{1, 1}; };
  // Makes the loop call deliver(), soon. Called from any thread, also from within the loop's own calls.
  std::function<void()> wake = [] {};
};

class EmbeddedEngine final : public LockEngine {
 public:
  // Opens the directory, recovers every namespace and starts the worker. `clock` is the wall clock's reading;
  // leases of what is recovered start anew. Fails as Journal::open and load do.
  static Result<std::unique_ptr<EmbeddedEngine>> open(EmbeddedOptions options, Wall clock);
  // Stops as stop() does, without telling the sink.
  ~EmbeddedEngine() override;

  // Where to deliver to. REQUIRES: before the first flush(); outlives the engine or its stop().
  void attach(LockEngineSink& sink) { sink_ = &sink; }

  Result<NamespaceIndex> open_namespace(std::string_view name) override;
  void submit(NamespaceIndex ns, Ticket ticket, Command&& command, Wall clock) override;
  void flush() override;
  bool ready(std::string& why) const override;

  // Delivers what has been committed, then starts the next commit. Call it after each wake().
  void deliver();

  // Commits and delivers everything submitted, folds for at most Options::fold_at_stop, and closes the file. REQUIRES:
  // nothing is submitted afterwards.
  void stop();

  // One page of the audit trail: what has been answered. It blocks for as long as the disk takes, and waits for nothing
  // else. Any one thread at a time may ask, until stop().
  Result<AuditPage> audit(NamespaceIndex ns, const AuditFilter& filter, AuditCursor before, std::size_t limit,
                          std::size_t bytes_max = page_bytes_max);
  BoardStats board_stats(NamespaceIndex ns) const;

  // Copies the file to `path` while work goes on; deliver() calls `done` on the loop.
  void backup(const std::string& path, std::function<void(Result<void>)> done);

  // For an operator who put a backup in place: raises what every namespace's tokens start from.
  static Result<void> raise_tokens(const std::string& directory, Token amount);

  // The first broken invariant of any namespace, or empty. O(everything).
  std::string check() const;
  // A slice of check(), of up to `entities`; the next call goes on behind it.
  SlicedCheck::Slice check_some(std::size_t entities);
  // Whether anything submitted has not been delivered.
  bool busy() const noexcept;
  // Names by index.
  std::vector<std::string> namespace_names() const;
  EpochId epoch(NamespaceIndex ns) const override;
  void set_watching(bool any) override;

  struct Counters {
    std::uint64_t batches = 0;         // committed
    std::uint64_t batches_inline = 0;  // of them on the loop
    std::uint64_t commands = 0;
    std::uint64_t journal_bytes = 0;
  };
  const Counters& counters() const noexcept { return counters_; }

 private:
  struct Partition;
  struct Answer;
  struct Turn;
  enum class Handed : std::uint8_t { nothing, batch, stop };
  explicit EmbeddedEngine(EmbeddedOptions options);

  Result<void> recover(Wall clock);
  void forsake_unheard(Wall clock);
  // Why the command is refused, or empty: it is decided.
  std::string refusal_of(const Command& command) const;
  // What the namespace's commands of the gathering turn have changed so far.
  std::string& changes_of(NamespaceIndex ns);
  void pump();
  bool commit_here();
  void ask_to_tend();
  void hand_to_worker();
  void hand_out(Turn& turn);
  void break_down(std::string why);
  JournalBatch batch_of(Turn& turn);
  void settle(Turn& turn);

  void work();
  void sync_round();
  void commit_handed(std::unique_lock<std::mutex>& hold);
  void tend(std::unique_lock<std::mutex>& hold, std::uint64_t& seen);
  void watch_disk();

  EmbeddedOptions options_;
  LockEngineSink* sink_ = nullptr;
  std::vector<std::unique_ptr<Partition>> partitions_;
  std::vector<std::string> new_names_;  // not yet in a batch
  std::unique_ptr<Turn> gathering_;     // being filled by submit()
  std::unique_ptr<Turn> flying_;        // being committed, or empty
  bool in_flight_ = false;              // the worker has flying_
  bool flush_wanted_ = false;
  bool handing_out_ = false;
  bool failed_ = false;
  bool stopped_ = false;
  bool watching_ = true;
  Counters counters_;
  SlicedCheck sliced_;

  // Whoever holds journal_mutex_ uses the journal. Taken before state_mutex_, never after.
  mutable std::mutex journal_mutex_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<JournalReader> reader_;  // belongs to whoever calls audit(); ends before journal_

  std::mutex state_mutex_;
  std::condition_variable work_to_do_;
  std::condition_variable done_changed_;      // for stop()
  Handed handed_ = Handed::nothing;           // from the loop to the worker
  JournalBatch batch_;                        // valid while handed_ is batch; points into flying_
  bool done_ = false;                         // from the worker to the loop: handed_ was carried out
  std::string broken_;                        // the journal has failed
  std::vector<std::function<void()>> calls_;  // to be made on the loop
  bool tend_ = false;                         // the journal may want tending
  std::atomic<std::uint64_t> commits_{0};
  std::atomic<std::int64_t> wall_us_{0};  // the newest reading given
  std::atomic<bool> disk_low_{false};
  std::thread worker_;
};

}  // namespace hf
