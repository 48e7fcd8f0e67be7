#include "net/shares.h"

#include "base/assert.h"

namespace hf {

Shares::Welcome Shares::come(const std::string& address) {
  std::size_t& count = addresses_[address];
  if (count >= limits_.unidentified_per_address_max + refused_per_address_max) return Welcome::dropped;
  return ++count > limits_.unidentified_per_address_max ? Welcome::refused : Welcome::welcome;
}

void Shares::leave(const std::string& address) {
  const auto at = addresses_.find(address);
  HF_ASSERT(at != addresses_.end() && at->second > 0);
  if (--at->second == 0) addresses_.erase(at);
}

bool Shares::take(PersonKey person) {
  const auto at = people_.try_emplace(person).first;
  if (at->second.connections >= limits_.connections_per_user_max) return false;
  ++at->second.connections;
  return true;
}

void Shares::give_back(PersonKey person, std::size_t unsent) {
  const auto at = people_.find(person);
  HF_ASSERT(at != people_.end() && at->second.connections > 0 && at->second.unsent >= unsent);
  at->second.unsent -= unsent;
  if (--at->second.connections == 0) people_.erase(at);
}

void Shares::unsent_changed(PersonKey person, std::size_t before, std::size_t now) {
  if (before == now) return;
  const auto at = people_.find(person);
  HF_ASSERT(at != people_.end() && at->second.unsent >= before);
  at->second.unsent += now - before;
}

std::size_t Shares::unsent(PersonKey person) const {
  const auto at = people_.find(person);
  return at == people_.end() ? 0 : at->second.unsent;
}

std::size_t Shares::connections(PersonKey person) const {
  const auto at = people_.find(person);
  return at == people_.end() ? 0 : at->second.connections;
}

std::size_t Shares::unidentified(const std::string& address) const {
  const auto at = addresses_.find(address);
  return at == addresses_.end() ? 0 : at->second;
}

}  // namespace hf
