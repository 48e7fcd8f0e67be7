#include "simulation/durable_engine.h"

#include <algorithm>
#include <map>

#include "engine/change.h"
#include "wire/json_writer.h"

namespace hf::sim {
namespace {

// The journal as a store folds it: the last change of each key.
std::string folded(std::string_view journal) {
  std::map<std::pair<Entity, Id128>, std::string> kept;
  while (const auto change = take_change(journal)) {
    if (!is_folded(change->header.entity)) continue;
    const auto key = std::pair(change->header.entity, change->header.key);
    if ((change->header.flags & change_erase) != 0) {
      kept.erase(key);
    } else {
      kept[key] = change->whole;
    }
  }
  std::string out;
  for (const auto& [key, change] : kept) out += change;
  return out;
}

const StatusChanged* change_in(const Event& event) {
  const auto* const of_board = std::get_if<BoardEvent>(&event);
  return of_board == nullptr ? nullptr : std::get_if<StatusChanged>(of_board);
}

bool names(const boost::json::object& row, const Bill& state) {
  const auto* born = row.if_contains("born");
  return row.at("type").as_string() == state.type() && row.at("id").as_string() == state.id() &&
         row.at("version").to_number<Version>() == state.version() &&
         (born == nullptr ? 0 : born->to_number<Offset>()) == state.life();
}

bool tells(const boost::json::object& row, const StatusChanged& change) {
  const auto* at = row.if_contains("at");
  if (at == nullptr) {  // he may not know by what he lost the row: the removal names the state before it
    const Bill* seen = change.before.get();
    return seen != nullptr && !seen->stamp().deleted && !seen->stamp().left && names(row, *seen);
  }
  const Bill::Stamp& stamp = change.after->stamp();
  std::string time;
  append_time(time, stamp.at);
  return names(row, *change.after) && at->as_string() == time && row.contains("deleted") == stamp.deleted;
}

}  // namespace

DurableEngine::DurableEngine(Scheduler& scheduler, Random& random, StatusBoardOptions board, Disk& disk, Wall clock)
    : scheduler_(scheduler), random_(random), disk_(disk), state_({}, std::move(board)) {
  if (random_.one_in(2)) disk_.journal = folded(disk_.journal);
  const bool read = state_.recover(disk_.journal) && state_.recovered(clock, 0, EpochId{Id128{7, ++disk_.starts}});
  if (!read) broken_ = "the journal is not read again";
}

std::string DurableEngine::check() const { return broken_.empty() ? state_.check() : broken_; }

Result<NamespaceIndex> DurableEngine::open_namespace(std::string_view) { return NamespaceIndex{0}; }

void DurableEngine::submit(NamespaceIndex, Ticket ticket, Command&& command, Wall clock) {
  Told told;
  told.ticket = ticket;
  told.outcome = state_.apply(command, clock, told.events, gathering_.changes);
  for (const Event& event : told.events) {
    if (const StatusChanged* changed = change_in(event)) undurable_.push_back(*changed);
  }
  gathering_.told.push_back(std::move(told));
}

bool DurableEngine::tells_undurable(const boost::json::object& row) const {
  return std::ranges::any_of(undurable_, [&](const StatusChanged& change) { return tells(row, change); });
}

void DurableEngine::flush() {
  if (!writing_.empty() || gathering_.told.empty()) return;
  state_.seal(gathering_.changes);
  writing_.push_back(std::exchange(gathering_, {}));
  const auto most = static_cast<std::uint64_t>(commit_max.count());
  scheduler_.after(Micros(most / 10 + random_.below(most)), [this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) commit();
  });
}

void DurableEngine::commit() {
  Batch batch = std::move(writing_.front());
  writing_.pop_front();
  disk_.journal += batch.changes;
  deliver(std::move(batch));
  flush();
}

void DurableEngine::deliver(Batch&& batch) {
  for (const Told& told : batch.told) {
    for (const Event& event : told.events) {
      if (change_in(event) != nullptr) undurable_.pop_front();
    }
  }
  const std::weak_ptr<bool> alive = alive_;
  for (Told& told : batch.told) {
    for (const Event& event : told.events) sink_->on_event(0, event);
    if (told.ticket != 0) sink_->on_outcome(told.ticket, std::move(told.outcome));
  }
  sink_->on_turn_end();
}

void DurableEngine::crash() {
  alive_.reset();
  for (const Batch& batch : writing_) {
    if (random_.one_in(2)) break;
    disk_.journal += batch.changes;
  }
}

}  // namespace hf::sim
