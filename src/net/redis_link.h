#pragma once

// RedisLink is the port of redis/port.h over sockets: it finds the master, keeps one connection to it, and tries again
// for as long as it lives.
//
// It writes waiting commands once per turn. If a server is silent for probe_period the link sends a probe, and gives
// the connection up after another probe_timeout; while the server blocks for a command (XREAD BLOCK n, WAIT), after
// another n. BLOCK 0 is not supported. The link leaves a demoted master, a moved slot and a server that loads its data
// once the commands under way have been answered. While a slot migrates, each command goes where its keys are, one
// batch after the other.
//
// A Cluster has a script only where it was loaded. Answer NOSCRIPT by EVAL: SCRIPT LOAD has no key and stays with the
// owner of the slot, while a migrating key is already at the next one.
//
// Not thread-safe: the loop owns it, and outlives it. A destroyed link calls nothing more; a callback may destroy it.

#include <memory>
#include <string>

#include "net/loop.h"
#include "redis/port.h"
#include "redis/url.h"

namespace hf {

struct LinkOptions {
  std::string key;               // whose slot the link follows in a Cluster
  std::string name;              // what CLIENT LIST shows; empty: none
  Millis connect_timeout{2000};  // for each connection, until Redis has said who it is; the URL's comes first
  Millis probe_period{1000};
  Millis probe_timeout{2000};
  Millis backoff_min{50};
  Millis backoff_max{2000};
  std::size_t waiting_max = 100'000;  // commands that are not sent yet; more are answered `unavailable`
};

class RedisLink final : public redis::Link {
 public:
  // A link to what `url` names; the first connection is begun by the loop, after this call.
  // REQUIRES: `url` is one of parse_url(): it has a host or a socket's path.
  static std::unique_ptr<RedisLink> open(Loop& loop, redis::Url url, LinkOptions options = {});
  ~RedisLink() override;
  RedisLink(const RedisLink&) = delete;
  RedisLink& operator=(const RedisLink&) = delete;

  void send(redis::Arguments arguments, Millis timeout, redis::Done done) override;
  void on_up(std::function<void(const redis::ServerInfo&)> call) override;
  void on_down(std::function<void(const std::string& why)> call) override;
  bool is_up() const override;
  const std::string& trouble() const noexcept override;
  void reconnect() override;

 private:
  class State;
  explicit RedisLink(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace hf
