#pragma once

// SignInLog decides which failed sign-ins are logged: of each address one a second at most, with a count of those
// before it that were not. So a guesser leaves a trace, and cannot fill the disk with it.
//
// It remembers a bounded number of addresses; those beyond share one entry. A pure value of the times that it is given.
// Not thread-safe.

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/sign_in_failure.h"
#include "base/time.h"

namespace hf {

class SignInLog {
 public:
  static constexpr Micros told_each{1'000'000};
  static constexpr std::size_t addresses_max = 4096;
  // `left_out`: failures of this address since it was last logged, this one not counted.
  using Tell = std::function<void(std::string_view address, SignInFailure why, std::uint64_t left_out)>;

  explicit SignInLog(Tell tell) : tell_(std::move(tell)) {}

  void failed(const std::string& address, SignInFailure why, Micros now);
  // Tells what was left out for a second and nothing came after. At least each second.
  void tick(Micros now);

 private:
  struct Entry {
    Micros told_at{0};
    std::uint64_t left_out = 0;
    SignInFailure newest = SignInFailure::missing;
  };
  Tell tell_;
  boost::unordered_flat_map<std::string, Entry> entries_;
};

}  // namespace hf
