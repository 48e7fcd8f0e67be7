#pragma once

// RedisEngine keeps one log in Redis, by which every node decides.
//
// A batch of commands is one entry of a stream, appended by one script call. Every node reads the stream and applies
// each entry to its own LockTree. The tree is deterministic and the entry carries the clock, so at the same place of
// the log all nodes hold the same locks, grant the same waiters and see the same conflicts (state machine replication:
// Lamport 1978, Schneider 1990). A node answers a command when it reads its own entry: every answer is in the log, and
// every other node will know it too. No rule is written twice.
//
//   hf:{NAME}:log      stream: n number (dense), g generation, o node, b its batch, d bytes (redis/log_entry.h), t ms
//   hf:{NAME}:meta     hash: generation, opened (the generation of the last opening), open, number, run, base…, wanted
//   hf:{NAME}:nodes    hash: node -> its last batch, so that a repeat is not appended twice
//   hf:{NAME}:reports  hash: while the log is closed, how far each node has come
//   hf:{NAME}:members  hash: who has to be heard before a closed log is opened
//   hf:{NAME}:base:…   hash: the newest image of the state in pieces; the log begins where it ends
//   hf:{NAME}:audit    stream: the audit trail (redis/audit_trail.h)
//
// A gap in the numbers, another generation, or a place that the log does not know means that this node's state does not
// belong to this log: the node discards it and rebuilds it from the base (on_reset of the sink). If Redis is another
// process than before, the log is closed and the nodes report how far they have read. When all have reported, or after
// the quarantine, the node that has read furthest opens it, with its own image if the log lacks something. Then tokens
// go on higher, and leases start anew.
//
// What an entry comes to is the replica's to decide (redis/replica.h); the engine is the machine of phases around it.
//
// Pure: the links do the talking. Not thread-safe: one loop owns it.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "redis/audit_trail.h"
#include "redis/engine_options.h"
#include "redis/greeting.h"
#include "redis/log_entry.h"
#include "redis/port.h"
#include "redis/replica.h"
#include "redis/scripts.h"
#include "store/lock_engine.h"

namespace hf::redis {

class Engine final : public LockEngine {
 public:
  // Both links must follow the key `key_of(name)`; the reader's is for blocking reads alone. They outlive the engine.
  Engine(EngineOptions options, Link& writer, Link& reader);
  ~Engine() override;
  static std::string key_of(std::string_view name) { return "hf:{" + std::string(name) + "}:log"; }

  // REQUIRES: before the first tick().
  void attach(LockEngineSink& sink) {
    sink_ = &sink;
    replica_.attach(sink);
  }

  Result<NamespaceIndex> open_namespace(std::string_view name) override;
  void submit(NamespaceIndex ns, Ticket ticket, Command&& command, Wall clock) override;
  void flush() override;
  EpochId epoch(NamespaceIndex ns) const override { return replica_.board(ns).epoch(); }
  BoardStats board_stats(NamespaceIndex ns) const { return replica_.board(ns).stats(); }
  Id128 self() const override { return options_.self; }
  void set_watching(bool any) override;
  bool ready(std::string& why) const override;

  // To be called each 100 ms or more often.
  void tick();
  // Says goodbye to the other nodes. Calls `done` when they can know it, or after the timeout.
  void leave(std::function<void()> done);

  bool busy() const noexcept { return !gathering_.empty() || flying_.has_value(); }
  std::vector<std::string> namespace_names() const { return replica_.namespace_names(); }
  // The first broken invariant of any namespace, or empty. O(everything).
  std::string check() const { return replica_.check(); }
  // A slice of check(), of up to `entities`; the next call goes on behind it.
  SlicedCheck::Slice check_some(std::size_t entities) { return replica_.check_some(entities); }

  // Engine time of a namespace.
  Instant time(NamespaceIndex ns) const { return replica_.tree(ns).now(); }

  struct Counters {
    std::uint64_t entries = 0, bytes = 0, batches = 0, commands = 0;
    std::uint64_t resets = 0;  // how often the state was rebuilt
    std::uint64_t images = 0;  // written
    std::uint64_t generation = 0, number = 0, members = 0;
  };
  Counters counters() const noexcept;
  // Appends the state of this node: what a new one begins with.
  std::string image() const { return replica_.image(); }
  // Takes a state as this node's own: an empty log begins with it; if the log is not empty the node follows the log
  // instead, and counters().resets shows that. False if it is malformed. REQUIRES: nothing else was called.
  bool begin_with(const BaseImage& image) { return replica_.begin_with(image); }
  const AuditTrail& trail() const noexcept { return trail_; }

 private:
  enum class Phase : std::uint8_t { away, greeting, closed, loading, following, live };
  struct Batch {
    std::uint64_t number = 0;
    std::vector<Replica::Item> items;
    Entry entry;
    Micros began{0};
  };
  // What this version cannot read; nothing is tried again until something else is there.
  struct Aside {
    std::uint64_t generation = 0;
    std::string base;
    std::string why;
  };
  enum class Met : std::uint8_t { known, opening, elsewhere, unreadable };
  enum class Whose : std::uint8_t { own, others };  // entry

  void call(ScriptName script, std::vector<std::string> keys, std::vector<std::string> arguments, Done done);

  void greet();
  void greeted(const Result<Reply>& answer);
  std::map<Id128, std::string> unheard(const Greeting& greeting) const;
  void consider_opening(const Greeting& greeting);
  bool knows_more_than(const Greeting& greeting) const;
  void open(const Greeting& greeting, bool with_image);
  void upload(const std::string& image, std::string key, std::function<void(bool)> done);
  void load(const Greeting& greeting);
  void load_piece(std::shared_ptr<std::string> bytes, const Greeting& greeting, std::size_t at);
  // What is wrong with it, or empty.
  std::string take_image(std::string_view bytes);
  void step_aside(std::string why);
  void step_aside_for_good();
  void reset();
  void want_image();
  void follow(std::string read_from, std::uint64_t until);
  void go_live();
  void announce();
  bool reads() const noexcept { return phase_ == Phase::following || phase_ == Phase::live; }
  // Each link finds the master by itself, and for a while there may be two masters.
  bool on_one_redis() const { return reader_on_ == server_.run_id; }

  void read_on();
  void read(const Result<Reply>& answer);
  void confirm(const std::shared_ptr<const Reply>& entries);
  void take(const Reply& entries);
  Met take_entry(const Reply& reply);
  bool is_own(const Id128& origin, std::uint64_t batch) const {
    return origin == options_.self && flying_ && flying_->number == batch;
  }
  void apply(const Entry& entry, const std::vector<SectionCommands>& commands, const Id128& origin, bool own,
             Wall clock);
  void apply_of_node(const Entry& entry, const Id128& origin, Wall clock);
  void bury(const Replica::Gone& gone, Whose told_by);
  void hand_out();
  void consider_image();
  void write_image();
  void upload_image(const std::string& state, const Place& place, const std::string& last);

  void append();
  Batch next_batch();
  void append_entry(const Entry& entry);
  // Answers all commands under way with unknown_outcome, and forgets them. REQUIRES: there are some.
  void give_up(const char* why);
  void refuse(const std::vector<Replica::Item>& items, Code code, const std::string& why);
  std::string new_base_key() const;
  AuditTrailOptions trail_options() const;
  std::string key(std::string_view of) const;
  // Why this node is not ready. REQUIRES: it is not.
  std::string reason() const;
  bool joined() const { return replica_.joined(); }

  EngineOptions options_;
  Link& writer_;
  Link& reader_;
  LockEngineSink* sink_ = nullptr;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  Phase phase_ = Phase::away;
  std::string why_ = "Redis has not been reached yet.";
  std::string refused_;  // why the last entry was not taken; empty: it was
  ServerInfo server_;
  std::string reader_on_;          // run id
  std::uint64_t generation_ = 0;   // of the log when this node last asked
  std::string read_from_ = "0-0";  // where the reader goes on
  Wall redis_now_{};               // of the last greeting
  std::uint64_t until_ = 0;        // following: the place to read up to before this node decides anything
  bool reading_ = false;
  bool greeting_ = false;
  bool opening_ = false;
  std::uint64_t epoch_ = 0;  // counts phases: what comes from an earlier one is stale
  std::size_t log_bytes_ = 0;
  std::string base_;  // key of the image under the log when this node last asked
  std::size_t base_bytes_ = 0;
  bool imaging_ = false;
  std::optional<std::string> missing_;  // an image that could not be read, by its key
  std::optional<Aside> aside_;
  bool replaced_ = false;  // another process joined under this node's name

  std::vector<Replica::Item> gathering_;
  Micros gathering_since_{0};
  bool only_heartbeats_ = true;
  Wall callers_clock_{};
  std::optional<Batch> flying_;
  std::uint64_t next_batch_ = 1;

  Micros entry_at_{0};      // when an entry was last read
  Micros own_entry_at_{0};  // when this node last appended one
  Micros greeted_at_{0};
  Micros looked_at_{0};
  Micros parted_at_{0};  // when both links were last made anew because they were not on one Redis
  std::function<void()> left_;

  Counters counters_;
  AuditTrail trail_;
  Replica replica_;
};

}  // namespace hf::redis
