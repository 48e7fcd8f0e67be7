#pragma once

// The port to a Redis: commands go out, replies come back, in whatever topology. net/redis_link.h implements it over
// sockets, the simulator without.
//
// A link follows one hash slot: standalone Redis has but one; with Sentinel it is the master that the sentinels name;
// in a Cluster the master that owns the slot of `LinkOptions::key`. MOVED, ASK, TRYAGAIN, LOADING and CLUSTERDOWN are
// handled by the link: such an answer says that nothing was done, so the link repeats the command in the right place
// until its timeout.
//
// Not thread-safe: one loop owns it. Callbacks are never called from inside a call to the link.

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "redis/reply.h"

namespace hf::redis {

using Arguments = std::vector<std::string>;
// The reply, which may be an error of Redis; or why there is none: `unavailable` if the command was surely not
// carried out, `unknown_outcome` if it may have been (the connection broke or the time ran out after it was sent).
using Done = std::function<void(Result<Reply>)>;

// What Redis says about itself on a new connection (INFO server, replication, persistence, memory).
struct ServerInfo {
  std::string run_id;   // changes with each start of the process
  std::string version;  // "7.0.15"
  std::string maxmemory_policy;
  std::string address;  // host:port, for people
  bool aof = false;
  bool saves = false;  // writes RDB files by itself
  std::uint32_t replicas = 0;
};

class Link {
 public:
  virtual ~Link() = default;
  // Sends `arguments` as soon as there is a connection, pipelined behind earlier ones. `done` is called exactly once,
  // within `timeout`. Commands of one link are carried out in the order of send(), except across a reconnection.
  virtual void send(Arguments arguments, Millis timeout, Done done) = 0;
  // Called with each new connection (after authentication; the role is verified to be master), before any waiting
  // command is sent on it; and with each lost connection, with the reason.
  virtual void on_up(std::function<void(const ServerInfo&)> call) = 0;
  virtual void on_down(std::function<void(const std::string& why)> call) = 0;
  virtual bool is_up() const = 0;
  // Why there is no connection, or what a command waits for; empty: nothing is wrong, or nothing was tried yet.
  virtual const std::string& trouble() const = 0;
  // Drops the connection, if there is one, and connects again now (the owner knows better than the socket).
  virtual void reconnect() = 0;
};

}  // namespace hf::redis
