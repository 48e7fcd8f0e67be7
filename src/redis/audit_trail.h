#pragma once

// AuditTrail keeps one audit trail for all nodes of an installation (docs/decisions/0015).
//
// An entry of the log changes the same on every node, so its changes are identified by the entry's place. Each node
// keeps the changes that it decided since the trail's end in Redis. The first node in rank appends them in batches, and
// always before a newer image lets entries leave the log. A batch is appended only where the trail ends, so nothing is
// there twice. Each node copies the trail into a store of its own, which answers for all but the newest changes.
//
//   hf:{NAME}:audit    stream: id GENERATION-NUMBER of the last entry in the batch, and redis/audit_batch.h
//   hf:{NAME}:meta     audited: where the trail ends; audit_trimmed: what is not kept any more; audit_bytes
//
// Pure: the link and the store do the work. Not thread-safe: the engine's loop owns it.

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "redis/audit_batch.h"
#include "redis/port.h"
#include "store/audit.h"

namespace hf::redis {

// One node's copy of the trail. The store does what it is asked in order, and may wait for a disk: `done` comes with
// the result, on the loop, maybe from inside the call. A store with too much to do refuses: `done` then gets false or
// nothing, and the caller asks again later. Once the store has failed, no `done` comes.
class AuditStore {
 public:
  struct End {
    LogPlace place;
    Id128 batch;
  };
  virtual ~AuditStore() = default;
  // Replaces everything after batch.from by the batch, and drops everything at or before `trimmed`. True: it did.
  virtual void take(AuditBatch batch, LogPlace trimmed, std::function<void(bool)> done) = 0;
  // Drops what is at or before `trimmed`, some time.
  virtual void trim(LogPlace trimmed) = 0;
  // Drops the batches that end after `after`, with all their rows, and gives the last batch that is left; if its place
  // is nil, none is.
  virtual void cut(LogPlace after, std::function<void(const std::optional<End>&)> done) = 0;
  // Starts an empty copy: the former one belongs to another trail. True: it did.
  virtual void set_aside(std::function<void(bool)> done) = 0;
  // The rows behind `after`, at least one if there is one; then those that fit into `bytes_max`, places as a whole.
  virtual void rows(LogPlace after, std::size_t bytes_max,
                    std::function<void(const std::optional<std::vector<AuditRow>>&)> done) = 0;
};

struct AuditTrailOptions {
  std::string meta, trail;  // keys
  Millis timeout{2000};
  std::uint64_t bytes_max = 1ULL << 30;  // of the changes kept, before they are compressed
  Millis age_max{30LL * 24 * 3600 * 1000};
  std::size_t batch_bytes = 256 << 10;  // of changes, at which they are appended
  Micros gap_after{60'000'000};         // by then each node that knows what the trail lacks had its turn
  std::function<Id128()> random;
  AuditStore* store = nullptr;  // none: this node answers no question about the trail
};

class AuditTrail {
 public:
  AuditTrail(AuditTrailOptions options, Link& writer);

  // The node's state is rebuilt as of `place`: forgets what it decided before.
  void begin(const LogPlace& place);
  // The changes of the entry being applied in a namespace, as a journal would have them.
  void add(std::string_view ns, std::string_view changes);
  // It has been applied.
  void end_entry(const LogPlace& place, Wall at);

  // As which log this node writes to Redis.
  struct Log {
    std::uint64_t generation = 0;
    bool open = true;
    bool operator==(const Log&) const = default;
  };
  // To be called each 100 ms or more often while this node decides. `rank`: how many go before it.
  void tick(const Log& log, std::size_t rank, Micros now);
  // Appends what the trail lacks up to `place`, in at most `batches_max`. `done` is called once: whether it is there.
  void settle(const Log& log, const LogPlace& place, std::size_t batches_max, std::function<void(bool)> done);

  // Whether store and rows() together are the trail; else why not, as a sentence.
  bool whole(std::string& why) const;
  // The rows that this node decided after the store's end, and maybe some before.
  const std::deque<AuditRow>& rows() const noexcept { return rows_; }

  struct Counters {
    std::uint64_t batches = 0, bytes = 0;  // appended by this node; bytes as they lie in Redis
    std::uint64_t gaps = 0;  // appended though the trail did not reach them: nobody knew what lies between
  };
  const Counters& counters() const noexcept { return counters_; }

 private:
  struct Payment {
    std::uint64_t number = 0;  // counts them
    Log log;
    LogPlace to;
    std::size_t batches_left = 0;
    bool over_gap = false;
    std::vector<std::function<void(bool)>> done;
  };
  enum class Source : std::uint8_t { nothing, rows, store };

  template <class F>
  auto guarded(F work);
  void ask();
  void hear(const LogPlace& audited, const LogPlace& trimmed);
  void check_store();
  void store_ends(const std::optional<AuditStore::End>& end);
  void replace_store();
  void accept_store(const LogPlace& end);
  void copy();
  void copied(const Result<Reply>& answer);
  void forget(const LogPlace& until);
  void count_lacking();
  Source source(bool over_gap) const;
  AuditBatch next_batch() const;
  void send_stored();
  void pay(const Log& log, const LogPlace& to, std::size_t batches_max, bool over_gap, std::function<void(bool)> done);
  void pay_on();
  void send(AuditBatch batch);
  void paid(const Result<Reply>& answer);
  void end_payment(bool paid);

  AuditTrailOptions options_;
  Link& writer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::uint64_t life_ = 0;  // counts begin(): what comes from before is stale

  LogPlace known_from_, known_to_;  // rows_ is what was changed between them
  Wall known_at_{};
  std::vector<AuditRow> entry_;
  std::deque<AuditRow> rows_;

  bool heard_ = false;  // Redis has said what audited_ is
  LogPlace audited_, trimmed_;
  std::size_t lacking_bytes_ = 0;  // of rows_, behind audited_
  Micros asked_at_{0}, moved_at_{0}, paid_at_{0};
  std::optional<Micros> due_since_;

  bool checked_ = false, checking_ = false;  // the store is a part of this trail
  LogPlace mirrored_;
  bool copying_ = false;
  std::string trouble_;

  std::optional<Payment> payment_;
  std::uint64_t payments_ = 0;
  Counters counters_;
};

}  // namespace hf::redis
