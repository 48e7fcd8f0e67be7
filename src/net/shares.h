#pragma once

// Shares counts who uses how much of a gateway: the connections and unread bytes of each person, and the connections of
// each address on which nobody has signed in yet.
//
// A connection counts with its address until it belongs to a person; then it counts with that person alone, so that
// many people behind one address never limit one another. A count of 0 takes no memory. Not thread-safe.

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <string>

#include "session/hub.h"

namespace hf {

class Shares {
 public:
  struct Limits {
    std::size_t connections_per_user_max = 200;
    std::size_t unidentified_per_address_max = 1000;
  };
  // What happens to a new connection of an address: beyond the limit some get an answer that says so, the rest are just
  // closed.
  enum class Welcome : std::uint8_t { welcome, refused, dropped };
  static constexpr std::size_t refused_per_address_max = 64;

  explicit Shares(Limits limits) : limits_(limits) {}

  // Adds a connection of the address. Dropped: it does not count.
  Welcome come(const std::string& address);
  // One less.
  void leave(const std::string& address);
  // Adds a connection of the person. False, and nothing has changed, if he has as many as he may.
  bool take(PersonKey person);
  void give_back(PersonKey person, std::size_t unsent);
  // His connections had so many bytes unsent and now have so many.
  void unsent_changed(PersonKey person, std::size_t before, std::size_t now);

  std::size_t unsent(PersonKey person) const;
  std::size_t connections(PersonKey person) const;
  std::size_t unidentified(const std::string& address) const;

 private:
  struct Person {
    std::size_t connections = 0;
    std::size_t unsent = 0;
  };
  Limits limits_;
  boost::unordered_flat_map<PersonKey, Person> people_;
  boost::unordered_flat_map<std::string, std::size_t> addresses_;
};

}  // namespace hf
