#pragma once

// Replica is what the log has made on this node: the locks and the board of each namespace, the members, and how far it
// has come. The engine gives it one entry after the other; it decides them and tells the sink. It is the same on every
// node after the same entry, but for what is said to this node's own askers.
//
// Pure: it knows no link and no phase. What an entry means for Redis comes back to the engine, which tells it. Not
// thread-safe: the engine's.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/namespace_state.h"
#include "engine/sliced_check.h"
#include "redis/audit_trail.h"
#include "redis/base_image.h"
#include "redis/engine_options.h"
#include "redis/greeting.h"
#include "redis/log_entry.h"
#include "store/lock_engine.h"

namespace hf::redis {

// The clock of an entry is the milliseconds in its id, as versions without "t" have it, unless the id is ahead of what
// Redis' clock showed (`shown_ms`): an id never goes back, so once it was ahead, time would stand still until the clock
// is.
Wall clock_of(std::string_view id, std::optional<std::uint64_t> shown_ms);

// The commands of each section, in order; nothing if this version does not understand one.
using SectionCommands = std::vector<Command>;
std::optional<std::vector<SectionCommands>> read_commands(const Entry& entry);

constexpr Millis member_gone_after{20'000};  // without an entry of its own

class Replica {
 public:
  using Member = BaseImage::Member;
  using Members = std::map<Id128, Member>;
  // A command of this node, at its own place in the log.
  struct Item {
    Ticket ticket = 0;
    NamespaceIndex ns = 0;
    Command command;
  };

  // Both outlive this.
  Replica(const EngineOptions& options, AuditTrail& trail) : options_(options), trail_(trail) {}
  void attach(LockEngineSink& sink) { sink_ = &sink; }

  // ---- what it is
  const Place& place() const noexcept { return place_; }      // of the last entry applied
  const std::string& last() const noexcept { return last_; }  // its id
  const Members& members() const noexcept { return members_; }
  bool joined() const { return members_.contains(options_.self); }
  std::size_t rank() const;
  std::size_t namespaces() const noexcept { return partitions_.size(); }
  const std::string& name_of(NamespaceIndex ns) const { return partitions_[ns]->name; }
  const StatusBoard& board(NamespaceIndex ns) const { return partitions_[ns]->state->board(); }
  const LockTree& tree(NamespaceIndex ns) const { return partitions_[ns]->state->locks(); }
  bool knows(std::string_view name) const;
  std::vector<std::string> namespace_names() const;
  std::string image() const;
  // The first broken invariant of any namespace, or empty. O(everything).
  std::string check() const;
  // A slice of check(), of up to `entities`; the next call goes on behind it.
  SlicedCheck::Slice check_some(std::size_t entities);

  // ---- what becomes of it
  NamespaceIndex index_of(std::string_view name);  // made if it is new
  void set_watching(bool any);
  // False if the image is malformed.
  bool begin_with(const BaseImage& image);
  // Nothing is known any more, but the names of namespaces.
  void begin_anew();
  // The entry at `place` is the next to be applied, by one of the calls below, then end_entry() comes.
  void stand(const Place& place, std::string last);
  void end_entry(Wall clock) { trail_.end_entry(place_, clock); }
  void hear(const Id128& node, Wall clock);
  void apply_commands(const Entry& entry, const std::vector<SectionCommands>& commands, const Id128& origin,
                      Wall clock);
  void apply_own(const std::vector<Item>& items, Wall clock);
  void pass_time(Wall clock);

  // Who is dead, or as good as dead, by an entry: all nodes know it from the same one on.
  using Gone = std::vector<Id128>;
  Gone join(const Entry& entry, const Id128& origin, Wall clock);
  Gone leave(const Id128& origin, Wall clock);
  Gone open(const Entry& entry, const Id128& origin, Wall clock);
  Gone forget_silent(Wall clock);

 private:
  struct Partition {
    std::string name;
    std::unique_ptr<NamespaceState> state;
    bool born = false;  // the log has named it
  };
  enum class Whose : std::uint8_t { own, others };  // command

  void make_anew(Partition& partition) const;
  Gone forget(Gone gone, Wall clock);
  void decide(NamespaceIndex ns, Ticket ticket, const Command& command, Wall clock, Whose whose = Whose::others);
  void pass_time(NamespaceIndex ns, Wall clock);
  void begin_epoch(NamespaceIndex ns, const Id128& origin, const char* why, Wall clock);

  const EngineOptions& options_;
  AuditTrail& trail_;
  LockEngineSink* sink_ = nullptr;
  Place place_;
  std::string last_ = "0-0";
  Members members_;
  std::vector<std::unique_ptr<Partition>> partitions_;
  bool watching_ = true;
  SlicedCheck sliced_;
  std::vector<Event> events_;
  std::string journal_;
};

}  // namespace hf::redis
