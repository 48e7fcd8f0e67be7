#include "redis/replica.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <tuple>
#include <type_traits>

#include "base/assert.h"
#include "engine/command_codec.h"
#include "engine/status_command_codec.h"
#include "redis/digits.h"

namespace hf::redis {
namespace {

// Tokens are microseconds of engine time or above (decision 0001): an old master that goes on alone, cut off, does not
// catch up with the new one for 19 hours.
constexpr Token reopened_by = Token{1} << 36;

}  // namespace

Wall clock_of(std::string_view id, std::optional<std::uint64_t> shown_ms) {
  constexpr std::uint64_t ahead_max = 1000, ms_max = std::numeric_limits<std::int64_t>::max() / 1000;
  std::uint64_t ms = number_in(id);
  if (shown_ms && ms > *shown_ms && ms - *shown_ms > ahead_max) ms = *shown_ms;
  return wall_us(static_cast<std::int64_t>(std::min(ms, ms_max)) * 1000);
}

std::optional<std::vector<SectionCommands>> read_commands(const Entry& entry) {
  std::vector<SectionCommands> read;
  for (const EntrySection& section : entry.sections) {
    SectionCommands& in = read.emplace_back();
    std::string_view rest = section.commands;
    while (!rest.empty()) {
      auto command = take_command(rest, entry.format);
      if (!command) return std::nullopt;
      in.of_locks.push_back(*std::move(command));
    }
    rest = section.status;
    while (!rest.empty()) {
      auto command = take_status_command(rest, entry.format);
      if (!command) return std::nullopt;
      in.of_status.push_back(*std::move(command));
    }
    if (in.of_locks.size() != section.count || in.of_status.size() != section.status_count) return std::nullopt;
  }
  return read;
}

// ------------------------------------------------------------------------------------------------- what it is

std::size_t Replica::rank() const {
  return static_cast<std::size_t>(std::distance(members_.begin(), members_.find(options_.self)));
}

bool Replica::knows(std::string_view name) const {
  return std::ranges::any_of(partitions_, [&](const auto& p) { return p->name == name; });
}

std::vector<std::string> Replica::namespace_names() const {
  std::vector<std::string> names;
  names.reserve(partitions_.size());
  for (const auto& partition : partitions_) names.push_back(partition->name);
  return names;
}

std::string Replica::image() const {
  BaseImage image{
      .generation = place_.generation, .number = place_.number, .last = last_, .members = members_, .trees = {}};
  for (const auto& partition : partitions_) {
    if (!partition->born) continue;
    image.trees.push_back({partition->name, {}});
    partition->tree->image(image.trees.back().image);
    partition->board->image(image.trees.back().image);
  }
  return write_base_image(image);
}

std::string Replica::check() const {
  for (const auto& partition : partitions_) {
    std::string broken = partition->tree->check();
    if (broken.empty()) broken = partition->board->check();
    if (!broken.empty()) return partition->name + ": " + broken;
  }
  return {};
}

SlicedCheck::Slice Replica::check_some(std::size_t entities) {
  return sliced_.look(entities, partitions_.size(), [&](std::size_t i) {
    return std::tie(partitions_[i]->name, *partitions_[i]->tree, *partitions_[i]->board);
  });
}

// ------------------------------------------------------------------------------------------------- as a whole

void Replica::make_anew(Partition& partition) const {
  LockTreeOptions tree = options_.tree;
  tree.board_version = [&partition](std::string_view bill) { return partition.board->version_of(bill); };
  tree.board_life = [&partition](std::string_view bill) { return partition.board->life_of(bill); };
  partition.tree = std::make_unique<LockTree>(std::move(tree));
  partition.tree->set_watching(watching_);
  partition.board = std::make_unique<StatusBoard>(options_.board);
  partition.born = false;
}

NamespaceIndex Replica::index_of(std::string_view name) {
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    if (partitions_[i]->name == name) return static_cast<NamespaceIndex>(i);
  }
  auto made = std::make_unique<Partition>();
  made->name = name;
  make_anew(*made);
  partitions_.push_back(std::move(made));
  return static_cast<NamespaceIndex>(partitions_.size() - 1);
}

void Replica::set_watching(bool any) {
  watching_ = any;
  for (const auto& partition : partitions_) partition->tree->set_watching(any);
}

bool Replica::begin_with(const BaseImage& image) {
  stand({image.generation, image.number}, image.last);
  trail_.begin(place_);
  members_.insert(image.members.begin(), image.members.end());
  for (const BaseImage::Tree& tree : image.trees) {
    Partition& partition = *partitions_[index_of(tree.ns)];
    make_anew(partition);
    partition.born = true;
    if (!partition.tree->recover(tree.image) || !partition.tree->recovered(clock_of(last_, std::nullopt), 0))
      return false;
    if (!partition.board->recover(tree.image) || !partition.board->recovered(clock_of(last_, std::nullopt), {}))
      return false;
  }
  return true;
}

void Replica::begin_anew() {
  stand({}, "0-0");
  trail_.begin(place_);
  members_.clear();
  for (const auto& partition : partitions_) make_anew(*partition);
}

void Replica::stand(const Place& place, std::string last) {
  place_ = place;
  last_ = std::move(last);
}

// ------------------------------------------------------------------------------------------------- entry by entry

void Replica::hear(const Id128& node, Wall clock) {
  if (const auto member = members_.find(node); member != members_.end()) member->second.seen = clock;
}

void Replica::apply_commands(const Entry& entry, const std::vector<SectionCommands>& commands, const Id128& origin,
                             Wall clock) {
  HF_ASSERT(commands.size() == entry.sections.size());
  for (std::size_t i = 0; i < commands.size(); ++i) {
    const NamespaceIndex ns = index_of(entry.sections[i].ns);
    partitions_[ns]->born = true;
    if (partitions_[ns]->board->epoch().is_nil()) begin_epoch(ns, origin, "first", clock);
    // Questions only: time passes on the nodes too that were not asked.
    if (entry.sections[i].count == 0) decide(ns, 0, LockCommand(Tick{}), clock);
    for (const LockCommand& command : commands[i].of_locks) decide(ns, 0, command, clock);
    // What one batch asks of locks and of the board never meets: their order beside each other is the asker's own.
    for (const StatusCommand& command : commands[i].of_status) decide(ns, 0, command, clock);
  }
}

void Replica::apply_own(const std::vector<Item>& items, Wall clock) {
  for (const Item& item : items) {
    std::visit(
        [&]<class C>(const C& command) {
          if constexpr (std::is_same_v<C, LockCommand>) {
            decide(item.ns, item.ticket, command, clock, Whose::own);
          } else {
            decide(item.ns, item.ticket, command, clock);
          }
        },
        item.command);
  }
}

void Replica::pass_time(Wall clock) {
  for (std::size_t i = 0; i < partitions_.size() && !options_.clock_of_caller; ++i) {
    if (partitions_[i]->born) pass_time(static_cast<NamespaceIndex>(i), clock);
  }
}

// A node that is back under its name takes the place of its former self.
Replica::Gone Replica::join(const Entry& entry, const Id128& origin, Wall clock) {
  Gone former;
  for (const auto& [node, member] : members_) {
    if (node != origin && member.name == entry.name) former.push_back(node);
  }
  members_[origin] = Member{entry.name, clock, entry.rules};
  return former.empty() ? former : forget(std::move(former), clock);
}

Replica::Gone Replica::leave(const Id128& origin, Wall clock) { return forget({origin}, clock); }

Replica::Gone Replica::open(const Entry& entry, const Id128& origin, Wall clock) {
  // What differs with who opens: two sides of a cut that are both opened anew give no token twice.
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    if (!partitions_[i]->born) continue;
    if (!partitions_[i]->tree->reopen(clock, reopened_by + (origin.lo >> 32))) HF_ASSERT(false);
    // The log's tail may be gone: what clients have of it is not to be built upon.
    begin_epoch(static_cast<NamespaceIndex>(i), origin, "reopened", clock);
  }
  if (options_.on_decided) options_.on_decided({.generation = place_.generation, .number = place_.number});
  // Whoever was not heard joins anew when it comes: the next opening does not wait for it.
  return forget(entry.unheard, clock);
}

Replica::Gone Replica::forget_silent(Wall clock) {
  Gone gone;
  for (auto& [node, member] : members_) {
    member.seen = std::min(member.seen, clock);  // the clock may have been put right
    if (clock - member.seen > member_gone_after) gone.push_back(node);
  }
  return gone.empty() ? gone : forget(std::move(gone), clock);
}

Replica::Gone Replica::forget(Gone gone, Wall clock) {
  for (const Id128& node : gone) members_.erase(node);
  if (options_.clock_of_caller) return gone;
  NodesLiving living;
  for (const auto& [node, member] : members_) living.nodes.push_back(node);
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    if (partitions_[i]->tree->has_unheard()) decide(static_cast<NamespaceIndex>(i), 0, LockCommand(living), clock);
  }
  return gone;
}

void Replica::decide(NamespaceIndex ns, Ticket ticket, const LockCommand& command, Wall clock, Whose whose) {
  HF_ASSERT(ns < partitions_.size() && (ticket == 0 || whose == Whose::own));
  events_.clear();
  journal_.clear();
  LockOutcome outcome = partitions_[ns]->tree->apply(command, clock, events_, journal_);
  if (!journal_.empty()) trail_.add(partitions_[ns]->name, journal_);
  if (options_.on_decided)
    options_.on_decided({place_.generation, place_.number, ns, clock, &command, &outcome, &events_});
  if (sink_ == nullptr) return;
  for (LockEvent& event : events_) sink_->on_event(ns, std::move(event));
  if (ticket != 0) {
    sink_->on_outcome(ticket, std::move(outcome));
  } else if (const auto* over = std::get_if<TakeOver>(&command);
             over != nullptr && whose == Whose::others && std::holds_alternative<hf::Done>(outcome)) {
    sink_->on_taken_elsewhere(over->session);
  }
}

void Replica::decide(NamespaceIndex ns, Ticket ticket, const StatusCommand& command, Wall clock) {
  HF_ASSERT(ns < partitions_.size());
  std::vector<BoardEvent> events;
  journal_.clear();
  StatusOutcome outcome = partitions_[ns]->board->apply(command, clock, events, journal_);
  if (sink_ == nullptr) return;
  for (const BoardEvent& event : events) sink_->on_board_event(ns, event);
  if (ticket != 0) sink_->on_status(ticket, std::move(outcome));
}

void Replica::pass_time(NamespaceIndex ns, Wall clock) {
  decide(ns, 0, LockCommand(Tick{}), clock);
  decide(ns, 0, StatusCommand(StatusTick{}), clock);
}

// The same on every node: it is made of the entry's place and its writer.
void Replica::begin_epoch(NamespaceIndex ns, const Id128& origin, const char* why, Wall clock) {
  const EpochId epoch{Id128{origin.hi ^ place_.generation, origin.lo ^ place_.number}};
  decide(ns, 0, StatusCommand(BeginEpoch{epoch, why}), clock);
}

}  // namespace hf::redis
