#include "redis/replica.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <tuple>

#include "base/assert.h"
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
    auto commands = section.read();
    if (!commands) return std::nullopt;
    read.push_back(*std::move(commands));
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
    partition->state->image(image.trees.back().image);
  }
  return write_base_image(image);
}

std::string Replica::check() const {
  for (const auto& partition : partitions_) {
    const std::string broken = partition->state->check();
    if (!broken.empty()) return partition->name + ": " + broken;
  }
  return {};
}

SlicedCheck::Slice Replica::check_some(std::size_t entities) {
  return sliced_.look(entities, partitions_.size(),
                      [&](std::size_t i) { return std::tie(partitions_[i]->name, *partitions_[i]->state); });
}

// ------------------------------------------------------------------------------------------------- as a whole

void Replica::make_anew(Partition& partition) const {
  partition.state = std::make_unique<NamespaceState>(options_.tree, options_.board);
  partition.state->locks().set_watching(watching_);
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
  for (const auto& partition : partitions_) partition->state->locks().set_watching(any);
}

bool Replica::begin_with(const BaseImage& image) {
  stand({image.generation, image.number}, image.last);
  trail_.begin(place_);
  members_.insert(image.members.begin(), image.members.end());
  for (const BaseImage::Tree& tree : image.trees) {
    Partition& partition = *partitions_[index_of(tree.ns)];
    make_anew(partition);
    partition.born = true;
    if (!partition.state->recover(tree.image) || !partition.state->recovered(clock_of(last_, std::nullopt), 0, {}))
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
    if (board(ns).epoch().is_nil()) begin_epoch(ns, origin, "first", clock);
    for (const Command& command : commands[i]) decide(ns, 0, command, clock);
  }
}

void Replica::apply_own(const std::vector<Item>& items, Wall clock) {
  for (const Item& item : items) decide(item.ns, item.ticket, item.command, clock, Whose::own);
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
    if (!partitions_[i]->state->locks().reopen(clock, reopened_by + (origin.lo >> 32))) HF_ASSERT(false);
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
    const auto ns = static_cast<NamespaceIndex>(i);
    if (tree(ns).has_unheard()) decide(ns, 0, LockCommand(living), clock);
  }
  return gone;
}

void Replica::decide(NamespaceIndex ns, Ticket ticket, const Command& command, Wall clock, Whose whose) {
  HF_ASSERT(ns < partitions_.size() && (ticket == 0 || whose == Whose::own));
  events_.clear();
  journal_.clear();
  Outcome outcome = partitions_[ns]->state->apply(command, clock, events_, journal_);
  trail_.add(partitions_[ns]->name, journal_);
  if (options_.on_decided)
    options_.on_decided({place_.generation, place_.number, ns, clock, &command, &outcome, &events_});
  if (sink_ == nullptr) return;
  for (const Event& event : events_) sink_->on_event(ns, event);
  if (ticket != 0) return sink_->on_outcome(ticket, std::move(outcome));
  const auto* const of_locks = std::get_if<LockCommand>(&command);
  const auto* const over = of_locks != nullptr ? std::get_if<TakeOver>(of_locks) : nullptr;
  if (over != nullptr && whose == Whose::others && refusal_in(outcome) == nullptr)
    sink_->on_taken_elsewhere(over->session);
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
