#include "tests/redis/shared_history.h"

#include <algorithm>
#include <limits>

#include "engine/command_codec.h"
#include "property/describe.h"
#include "property/history_checker.h"

namespace hf::test {

std::size_t SharedHistory::add_node() {
  nodes_.emplace_back();
  return nodes_.size() - 1;
}

void SharedHistory::decided(std::size_t node, const redis::Decided& decided) {
  Node& at = nodes_[node];
  const Place place{decided.generation, decided.number};
  auto it = at.entries.find(place);
  // A node that was reset reads the log once more: what it says now counts.
  if (it != at.entries.end() && it->second.resets != at.resets) it = at.entries.erase(it);
  if (it == at.entries.end() || it->first != place) it = at.entries.emplace_hint(it, place, Entry{});
  it->second.resets = at.resets;
  if (decided.command == nullptr) {
    it->second.opening = true;
    return;
  }
  const auto* const command = std::get_if<LockCommand>(decided.command);
  if (command == nullptr) return;  // the board's: nodes are compared by their images
  Step& step =
      it->second.steps.emplace_back(Step{*command, std::get<LockOutcome>(*decided.outcome), {}, decided.clock});
  for (const Event& event : *decided.events) {  // what the board tells of a run follows from these
    if (const auto* of_locks = std::get_if<LockEvent>(&event)) step.events.push_back(*of_locks);
  }
}

void SharedHistory::reset(std::size_t node) { ++nodes_[node].resets; }

// A generation ends where the next one begins; one that begins before an earlier one took its place.
std::map<std::uint64_t, std::uint64_t> SharedHistory::generations() const {
  std::map<std::uint64_t, std::uint64_t, std::greater<>> openings;  // generation -> number, newest first
  for (const Node& node : nodes_) {
    for (const auto& [place, entry] : node.entries) {
      if (entry.opening) openings[place.generation] = place.number;
    }
  }
  std::map<std::uint64_t, std::uint64_t> found;
  std::uint64_t before = std::numeric_limits<std::uint64_t>::max();
  for (const auto& [generation, number] : openings) {
    if (number >= before) continue;
    found[number] = generation;
    before = number;
  }
  return found;
}

bool SharedHistory::in_log(const std::map<std::uint64_t, std::uint64_t>& generations, const Place& place) const {
  const auto next = generations.upper_bound(place.number);
  return next != generations.begin() && std::prev(next)->second == place.generation;
}

// Questions are left out, for only the node that was asked decides them.
std::string SharedHistory::text_of(const Entry& entry) {
  std::string text = entry.opening ? "opened\n" : "";
  std::vector<LockEvent> events;
  for (const Step& step : entry.steps) {
    events.insert(events.end(), step.events.begin(), step.events.end());
    if (!is_query(step.command) && !std::holds_alternative<Tick>(step.command))
      text += describe(step.command) + " -> " + describe(step.outcome) + "\n";
  }
  for (const std::string& line : describe(events)) text += line + "\n";
  return text;
}

std::vector<Token> SharedHistory::tokens_of(const Entry& entry) {
  std::vector<Token> tokens;
  for (const Step& step : entry.steps) {
    if (const auto* granted = std::get_if<Granted>(&step.outcome); granted != nullptr && !granted->again)
      tokens.push_back(granted->grant.token);
    for (const LockEvent& event : step.events) {
      if (const auto* granted = std::get_if<LockGranted>(&event); granted != nullptr && !granted->granted.again)
        tokens.push_back(granted->granted.grant.token);
    }
  }
  return tokens;
}

std::string SharedHistory::verdict() const {
  const auto segments = generations();
  std::map<std::uint64_t, std::pair<const Entry*, std::string>> log;  // number -> who knows most of it, as text
  std::map<std::uint64_t, Token> first_token;                         // of a generation that is in the log
  const auto at = [](const Place& place) {
    return "entry " + std::to_string(place.number) + " of generation " + std::to_string(place.generation) + ": ";
  };
  const auto is_current = [&](const Node& node, const Place& place, const Entry& entry) {
    return in_log(segments, place) && entry.resets == node.resets;
  };
  for (const Node& node : nodes_) {
    for (const auto& [place, entry] : node.entries) {
      if (!is_current(node, place, entry)) continue;
      const std::string text = text_of(entry);
      auto& [known, known_text] = log[place.number];
      if (known != nullptr && text != known_text)
        return at(place) + "the nodes decided differently:\n" + text + "and\n" + known_text;
      if (known == nullptr || entry.steps.size() > known->steps.size()) known = &entry;
      known_text = text;
      for (const Token token : tokens_of(entry)) {
        const auto [it, made] = first_token.emplace(place.generation, token);
        it->second = std::min(it->second, token);
      }
    }
  }
  // What only nodes knew that have begun anew since, by an image.
  for (const Node& node : nodes_) {
    for (const auto& [place, entry] : node.entries) {
      if (in_log(segments, place) && log[place.number].first == nullptr) log[place.number].first = &entry;
    }
  }
  HistoryChecker checker;
  for (const auto& [number, entry] : log) {
    if (entry.first->opening) checker.restarted();
    for (const Step& step : entry.first->steps) {
      std::string broken = checker.record(step.command, step.clock, step.outcome, step.events);
      if (!broken.empty())
        return "entry " + std::to_string(number) + ": " + broken + "\n" + describe(step.command) + " -> " +
               describe(step.outcome);
    }
  }
  for (const Node& node : nodes_) {
    for (const auto& [place, entry] : node.entries) {
      if (is_current(node, place, entry)) continue;
      if (entry.resets == node.resets) return at(place) + "a node keeps what is not in the log";
      for (const Token token : tokens_of(entry)) {
        const auto later = first_token.upper_bound(place.generation);
        if (std::any_of(later, first_token.end(), [&](const auto& one) { return one.second <= token; }))
          return at(place) + "a token that was left behind is not below those given since";
      }
    }
  }
  return {};
}

std::size_t SharedHistory::left_behind() const {
  const auto segments = generations();
  std::size_t count = 0;
  for (const Node& node : nodes_) {
    for (const auto& [place, entry] : node.entries) {
      if (!in_log(segments, place)) count += tokens_of(entry).size();
    }
  }
  return count;
}

}  // namespace hf::test
