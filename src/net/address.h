#pragma once

// Where a node listens: HOST:PORT as people write it, "127.0.0.1:7420", "[::1]:7420", "localhost:7420".
// The host is an address or "localhost", which is 127.0.0.1: a listening address needs no name service, and what
// is a loopback address must be known for certain. Port 0 lets the system choose.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hf {

struct ListenAddress {
  std::string host;  // an address: "127.0.0.1", "::1"
  std::uint16_t port = 0;
  bool loopback = false;  // only this machine can reach it

  // "127.0.0.1:7420", "[::1]:7420".
  std::string text() const;
  bool operator==(const ListenAddress&) const = default;
};

// The address that `text` names; invalid, with field "listen", if it is none.
Result<ListenAddress> parse_listen_address(std::string_view text);

}  // namespace hf
