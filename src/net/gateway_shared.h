#pragma once

// GatewayShared is what all connections of a gateway share: the hub they talk to, options and counts, who is due when,
// and buffers that they use in turn.
//
// Internal to net. Not thread-safe: the loop's.

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "net/gateway.h"
#include "net/poller.h"

namespace hf {

class PeerConnection;

struct GatewayShared : std::enable_shared_from_this<GatewayShared> {
  GatewayShared(Loop& l, ConnectionHandler& h, GatewayOptions o)
      : loop(l), handler(h), options(std::move(o)), shares(options.shares) {}

  Loop& loop;
  ConnectionHandler& handler;
  GatewayOptions options;
  GatewayCounts counts;
  Shares shares;
  Poller poller;
  Now now = Loop::now();      // of the event being handled, or of the look at the sockets that told it
  std::uint64_t next_id = 1;  // of connections and exchanges
  bool draining = false;
  boost::unordered_flat_map<ConnectionId, std::shared_ptr<PeerConnection>> connections;
  boost::unordered_flat_map<ExchangeId, PeerConnection*> exchanges;
  std::vector<std::shared_ptr<PeerConnection>> dirty;      // have something to do at the end of the turn
  std::vector<std::weak_ptr<PeerConnection>> unconfirmed;  // wait for their peers' acknowledgements
  std::array<char, 64 * 1024> scratch;
  std::vector<std::string> spare;  // buffers for sending, used in turn by all
  std::string date;                // of the Date header
  std::int64_t date_second = -1;
  std::function<void()> on_ended;  // a connection went

  struct Due {
    Micros at;
    std::weak_ptr<PeerConnection> connection;
    bool operator<(const Due& other) const noexcept { return at > other.at; }
  };
  std::priority_queue<Due> due;

  std::string_view http_date_now() {
    const std::int64_t second = to_us(now.wall) / 1'000'000;
    if (second != date_second) {
      date = http_date(second);
      date_second = second;
    }
    return date;
  }

 protected:
  ~GatewayShared() = default;
};

}  // namespace hf
