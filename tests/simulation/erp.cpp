#include "simulation/erp.h"

#include <algorithm>

namespace hf::sim {
namespace {

std::string key_of_event(const StatusEvent& event) { return event.type + ":" + event.id; }

}  // namespace

bool Selection::counts(std::string_view type) const {
  return types.empty() || std::ranges::find(types, type) != types.end();
}

std::string group_of(const std::string& row) { return row.substr(0, row.find(':')) + row.substr(row.rfind('/')); }

std::string Erp::id_of(char type, std::size_t number) {
  const std::string digits = std::to_string(10'000 + number);
  return (type == 'A' ? "Q0" : "Q1") + digits.substr(1) + "Q";
}

Erp::Transaction Erp::begin(Random& random, std::size_t bills, std::size_t count, Fates fates) {
  Transaction made;
  for (std::size_t tries = 0; tries < 2 * count && made.changes.size() < count; ++tries) {
    const char type = random.one_in(3) ? 'B' : 'A';
    StatusEvent e;
    e.type = std::string(1, type);
    e.id = id_of(type, random.below(bills));
    if (!locked_.insert(key_of_event(e)).second) continue;
    const StatusEvent* const known = now(key_of_event(e));
    const bool gone = known != nullptr && known->deleted;
    if (gone && fates != Fates::made_again) {
      locked_.erase(key_of_event(e));
      continue;
    }
    e.created = gone || (fates == Fates::made_again && (known == nullptr || random.one_in(30)));
    e.version = (known != nullptr && !e.created ? *known->version : 0) + 1 + random.below(2);
    static constexpr std::int64_t states[] = {1, 1, 2, 2, 2, 8};
    e.state = {{"S", states[random.below(6)]}, {"P", random.one_in(4) ? 2 : 0}};
    const auto person = [&](const char* prefix) { return Person{prefix + std::to_string(random.below(4)), ""}; };
    e.creator = person("u");
    if (random.one_in(2)) e.handler = person("u");
    if (random.one_in(2)) e.owner = person("e");
    if (!random.one_in(4)) e.department = random.one_in(2) ? "D1" : "D2";
    e.actor = {"erp", ""};
    e.deleted = fates != Fates::changed && !e.created && random.one_in(10);
    if (e.deleted && known != nullptr && random.one_in(2)) e.version = known->version;  // its row is gone as it was
    if (random.one_in(12)) e.action = "驳回";
    made.changes.push_back(std::move(e));
  }
  return made;
}

Erp::Transaction Erp::begin_with(StatusEvent change) {
  locked_.insert(key_of_event(change));
  return {{std::move(change)}};
}

void Erp::commit(const Transaction& transaction) {
  for (const StatusEvent& change : transaction.changes) {
    bills_[key_of_event(change)].push_back(change);
    locked_.erase(key_of_event(change));
  }
}

void Erp::roll_back(const Transaction& transaction) {
  for (const StatusEvent& change : transaction.changes) locked_.erase(key_of_event(change));
}

std::vector<StatusEvent> Erp::bills_of(const std::string& type) const {
  std::vector<StatusEvent> all;
  for (const auto& [key, past] : bills_) {
    if (past.back().type == type && !past.back().deleted) all.push_back(past.back());
  }
  return all;
}

Rows Erp::rows(const Claims& who, const Selection& selection) const {
  Rows shown;
  for (const auto& [key, past] : bills_) {
    const StatusEvent& now = past.back();
    if (!rule_.sees(who, now)) continue;
    for (const std::string& group : test::StatusModel::groups(now)) {
      if (selection.has_rows(now.type + "/" + group)) shown[key + "/" + group] = *now.version;
    }
  }
  return shown;
}

std::map<std::string, std::uint64_t> Erp::counts(const Claims& who, const Selection& selection) const {
  Selection all = selection;
  all.open.reset();
  std::map<std::string, std::uint64_t> counted;
  for (const auto& [row, version] : rows(who, all)) ++counted[group_of(row)];
  return counted;
}

std::vector<const StatusEvent*> Erp::states(const std::string& key, Version version) const {
  std::vector<const StatusEvent*> found;
  const auto at = bills_.find(key);
  if (at == bills_.end()) return found;
  for (const StatusEvent& state : at->second) {
    if (*state.version == version) found.push_back(&state);
  }
  return found;
}

const std::vector<StatusEvent>* Erp::past(const std::string& key) const {
  const auto at = bills_.find(key);
  return at == bills_.end() ? nullptr : &at->second;
}

const StatusEvent* Erp::now(const std::string& key) const {
  const auto* const all = past(key);
  return all == nullptr ? nullptr : &all->back();
}

bool Erp::ever_saw(const Claims& who, const std::string& key, Version until) const {
  const auto* const all = past(key);
  return all != nullptr && std::ranges::any_of(*all, [&](const StatusEvent& state) {
           return *state.version <= until && rule_.sees(who, state);
         });
}

}  // namespace hf::sim
