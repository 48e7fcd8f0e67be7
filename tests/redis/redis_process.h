#pragma once

// Redis for tests: real servers, sentinels and Clusters on free ports of 127.0.0.1, each in a temporary directory.
//
// Every process is ended by its id when its object goes, and by the kernel when the thread that started it ends
// without that, so a test that fails or is killed leaves none behind. Start them on a thread that outlives them.
//
//   RedisProcess redis;                            // answers when the constructor returns
//   RedisLink::open(loop, redis.url());
//   redis.command({"SET", "key", "value"});        // a client of its own, blocking
//   redis.kill();
//   ASSERT_TRUE(redis.start());                    // again, on the same port and directory
//
// RedisSentinels and RedisCluster hold several of them and a url() that names them all.

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "redis/port.h"
#include "redis/url.h"
#include "tests/server/server_process.h"

namespace hf::test {

// An authority, and a certificate signed by it for 127.0.0.1 and localhost, made when it is constructed.
class TestCertificates {
 public:
  TestCertificates();
  std::string ca() const { return directory_.path() + "/ca.crt"; }
  std::string certificate() const { return directory_.path() + "/server.crt"; }
  std::string key() const { return directory_.path() + "/server.key"; }

 private:
  TemporaryDirectory directory_;
};

struct RedisOptions {
  bool appendonly = false;
  std::string password = {};                  // requirepass
  std::vector<std::string> users = {};        // as in an ACL file: "alice on >secret ~* &* +@all"
  const TestCertificates* certificates = {};  // with them: TLS on tls_port(), beside port()
  bool socket = false;                        // a Unix socket beside port(): socket_path()
  bool cluster = false;
  bool sentinel = false;
  std::vector<std::string> lines = {};  // of redis.conf, whatever else it shall have
};

class RedisProcess {
 public:
  // Starts it and waits until it answers; is_running() is false if it never did.
  explicit RedisProcess(RedisOptions options = {});
  ~RedisProcess();
  RedisProcess(const RedisProcess&) = delete;
  RedisProcess& operator=(const RedisProcess&) = delete;

  // Starts it again on the same directory and ports. False if it does not answer.
  bool start();
  // SIGTERM, then SIGKILL if it takes too long.
  void stop();
  // SIGKILL: no time for anything.
  void kill();
  // SIGSTOP and SIGCONT: its sockets stay open and say nothing.
  void pause() const;
  void resume() const;

  bool is_running() const noexcept { return pid_ > 0; }
  pid_t pid() const noexcept { return pid_; }
  std::uint16_t port() const noexcept { return port_; }
  std::uint16_t tls_port() const noexcept { return tls_port_; }
  std::uint16_t bus_port() const noexcept { return bus_port_; }
  std::string socket_path() const { return directory_.path() + "/redis.sock"; }
  const std::string& directory() const noexcept { return directory_.path(); }
  redis::HostPort address() const { return {"127.0.0.1", port_}; }
  // redis://127.0.0.1:PORT, with the password if there is one.
  redis::Url url() const;
  // The reply to one command, on a connection of its own; an error "FIXTURE …" if there is none.
  redis::Reply command(const redis::Arguments& arguments, int patience_ms = 10'000) const;
  // One line of INFO, "role" say; empty if there is none.
  std::string info(const std::string& name) const;
  // What it has written to its log, for people.
  std::string log() const;

 private:
  void choose_ports();
  void write_config() const;
  bool launch();
  void end(int signal, int patience_ms);

  RedisOptions options_;
  TemporaryDirectory directory_;
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
  std::uint16_t tls_port_ = 0;
  std::uint16_t bus_port_ = 0;
};

// A master with replicas, and three sentinels that fail over within a few seconds.
class RedisSentinels {
 public:
  explicit RedisSentinels(std::size_t replicas = 1, const RedisOptions& options = {});
  bool is_ready() const noexcept { return ready_; }
  // redis+sentinel://…/mymaster
  redis::Url url() const;
  // The one that calls itself master now and runs; null: none does.
  RedisProcess* master() const;
  RedisProcess& server(std::size_t index) const { return *servers_[index]; }
  std::size_t servers() const noexcept { return servers_.size(); }
  RedisProcess& sentinel(std::size_t index) const { return *sentinels_[index]; }

 private:
  std::vector<std::unique_ptr<RedisProcess>> servers_;
  std::vector<std::unique_ptr<RedisProcess>> sentinels_;
  std::string password_;
  bool ready_ = false;
};

// Masters that share the slots evenly, with or without a replica each; a replica takes over within a few seconds.
class RedisCluster {
 public:
  enum class Replicas : std::uint8_t { none, one_each };
  explicit RedisCluster(std::size_t masters = 3, Replicas replicas = Replicas::none, const RedisOptions& options = {});
  bool is_ready() const noexcept { return ready_; }
  // redis+cluster://… with every node.
  redis::Url url() const;
  RedisProcess& node(std::size_t index) const { return *nodes_[index]; }
  std::size_t nodes() const noexcept { return nodes_.size(); }
  // The running master that owns the slot of `key`, by its own words; null: none does.
  RedisProcess* owner(const std::string& key) const;
  // A running master that does not own it.
  RedisProcess* other(const std::string& key) const;
  static std::string id(const RedisProcess& node);

  // The steps of moving a slot, as in the Redis manual: after begin_move, keys are moved with move_key, and
  // finish_move tells every master.
  static bool begin_move(std::uint16_t slot, const RedisProcess& from, const RedisProcess& to);
  static bool move_key(const std::string& key, const RedisProcess& from, const RedisProcess& to);
  bool finish_move(std::uint16_t slot, const RedisProcess& to) const;

 private:
  bool join(std::size_t masters);

  std::vector<std::unique_ptr<RedisProcess>> nodes_;
  std::string password_;
  bool ready_ = false;
};

// Asks `condition` again and again until it holds; false if it does not within `patience_ms`.
bool eventually(const std::function<bool()>& condition, int patience_ms = 20'000);

}  // namespace hf::test
