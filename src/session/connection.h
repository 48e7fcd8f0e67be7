#pragma once

// Connection is what the hub knows of one WebSocket: its user, the sessions it carries, its pings, and how fast it may
// send requests. A plain value; the rules are the hub's.
//
// It is small (a test limits its size): ten thousand idle browsers are ten thousand of these. Rights are shared;
// watched targets and requests in flight are kept elsewhere, and only while there are some.

#include <boost/container/small_vector.hpp>
#include <cstdint>

#include "session/allowance.h"
#include "session/identities.h"
#include "wire/answers.h"

namespace hf::session {

struct Connection {
  BearerPtr who;                                          // null until a token was accepted
  SessionId session;                                      // the hello's, the default of requests; nil before it
  boost::container::small_vector<SessionId, 1> sessions;  // carried: pushes for them go here
  Micros hello_by{0};
  Micros heard{0};              // when it last answered a ping
  Allowance allowance;          // until its user is known; then his own counts
  std::uint64_t ping = 0;       // the newest sent
  std::uint64_t acked = 0;      // the newest whose pong has renewed every session
  std::uint64_t pong = 0;       // the one being renewed
  std::uint32_t pong_left = 0;  // sessions that it still has to renew
  std::uint32_t opening = 0;    // sessions on their way from the engine
  std::uint32_t asked = 0;      // whose answers are on their way from the engine
  Language language = Language::en;
  bool pong_failed = false;
  bool greeted = false;  // a hello was accepted: requests may come
  bool auth_asked = false;
  bool pinging = false;  // since its first session
  bool leaving = false;  // the peer sends nothing more: it is closed once its requests are answered
};

}  // namespace hf::session
