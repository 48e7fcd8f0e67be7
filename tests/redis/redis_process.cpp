#include "tests/redis/redis_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "redis/resp.h"
#include "redis/server_answers.h"
#include "redis/slots.h"

namespace hf::test {
namespace {

using redis::Arguments;
using redis::Reply;

constexpr int start_patience_ms = 30'000;  // sanitizers on a busy machine
constexpr int stop_patience_ms = 10'000;
constexpr int step_ms = 10;

// Below the ports that the system gives to clients, so that no client takes one while a server is restarted.
constexpr std::uint32_t port_first = 12'000;
constexpr std::uint32_t port_count = 20'000;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

bool is_free(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  const bool bound = ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(socket);
  return bound;
}

// Tests that run beside each other begin far apart.
std::uint16_t free_port() {
  static std::atomic<std::uint32_t> next{static_cast<std::uint32_t>(::getpid()) * 97U};
  for (int i = 0; i < 1000; ++i) {
    const auto port = static_cast<std::uint16_t>(port_first + next++ % port_count);
    if (is_free(port)) return port;
  }
  return 0;
}

// Starts a program in `directory`, its output in `log`; it ends with the thread that started it.
pid_t spawn(const std::vector<std::string>& arguments, const std::string& directory, const std::string& log) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    // Between fork and exec only what is safe in a signal handler: other threads of the test may hold locks.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent || ::chdir(directory.c_str()) != 0) ::_exit(126);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(out);
  return pid;
}

// Whether the process has ended; waits so long for it.
bool has_ended(pid_t pid, int patience_ms) {
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (handle < 0) return true;
  pollfd ended{handle, POLLIN, 0};
  const int ready = ::poll(&ended, 1, patience_ms);
  ::close(handle);
  return ready > 0 && ::waitpid(pid, nullptr, 0) == pid;
}

std::string read_all(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

Reply no_reply(const std::string& why) {
  Reply reply;
  reply.kind = Reply::Kind::error;
  reply.text = "FIXTURE " + why;
  return reply;
}

// One connection that asks and waits.
class Asker {
 public:
  Asker(std::uint16_t port, int patience_ms) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    timeval patience{patience_ms / 1000, patience_ms % 1000 * 1000};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const sockaddr_in address = loopback(port);
    connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~Asker() { ::close(socket_); }
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;

  Reply ask(const Arguments& arguments) {
    std::string bytes;
    redis::append_command(bytes, arguments);
    if (!connected_) return no_reply("is not connected");
    for (std::string_view rest = bytes; !rest.empty();) {
      const ssize_t sent = ::send(socket_, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent <= 0) return no_reply("cannot send");
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    std::array<char, 16 * 1024> block;
    while (true) {
      const ssize_t got = ::recv(socket_, block.data(), block.size(), 0);
      if (got <= 0) return no_reply("got no reply");
      std::string_view in(block.data(), static_cast<std::size_t>(got));
      auto reply = parser_.next(in);
      if (!reply) return no_reply(reply.error().detail);
      if (*reply) return std::move(**reply);
    }
  }

 private:
  int socket_;
  bool connected_ = false;
  redis::RespParser parser_;
};

bool is_ok(const Reply& reply) { return reply.kind == Reply::Kind::status; }

// A name of 40 hexadecimal digits, as sentinels have.
std::string sentinel_id(std::size_t index) {
  std::string id = std::to_string(index + 1);
  return std::string(40 - id.size(), 'a') + id;
}

redis::Url with_password(std::string text, const std::string& password) {
  redis::Url url = redis::parse_url(text).value_or(redis::Url{});
  if (!password.empty()) url.credentials = redis::Credentials{"", password};
  return url;
}

}  // namespace

bool eventually(const std::function<bool()>& condition, int patience_ms) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(patience_ms);
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= until) return condition();
    ::poll(nullptr, 0, step_ms);
  }
  return true;
}

TestCertificates::TestCertificates() {
  const auto openssl = [this](const std::vector<std::string>& more) {
    std::vector<std::string> all = {"openssl", "req",   "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                                    "-nodes",  "-days", "2"};
    all.insert(all.end(), more.begin(), more.end());
    const pid_t pid = spawn(all, directory_.path(), directory_.path() + "/openssl.log");
    if (pid > 0) has_ended(pid, start_patience_ms);
  };
  openssl({"-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=Test authority"});
  openssl({"-keyout", "server.key", "-out", "server.crt", "-subj", "/CN=Test server", "-CA", "ca.crt", "-CAkey",
           "ca.key", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-addext",
           "basicConstraints=critical,CA:FALSE"});
}

// ---------------------------------------------------------------------------------------------- one server

RedisProcess::RedisProcess(RedisOptions options) : options_(std::move(options)) {
  // Somebody else may take a port between our look and the server's start.
  for (int attempt = 0; attempt < 5 && !is_running(); ++attempt) {
    choose_ports();
    write_config();
    launch();
  }
}

RedisProcess::~RedisProcess() { kill(); }

void RedisProcess::choose_ports() {
  port_ = free_port();
  if (options_.certificates != nullptr) tls_port_ = free_port();
  if (options_.cluster) bus_port_ = free_port();
}

void RedisProcess::write_config() const {
  std::ofstream out(directory_.path() + "/redis.conf");
  out << "bind 127.0.0.1\nport " << port_ << "\ndir " << directory_.path() << "\nlogfile redis.log\n";
  if (!options_.sentinel) {
    out << "save \"\"\nappendonly " << (options_.appendonly ? "yes" : "no")
        << "\nenable-debug-command yes\nrepl-diskless-sync-delay 0\nrepl-ping-replica-period 1\n";
  }
  if (options_.cluster) {
    out << "cluster-enabled yes\ncluster-config-file nodes.conf\ncluster-node-timeout 1000\ncluster-port " << bus_port_
        << "\ncluster-allow-replica-migration no\n";
  }
  if (options_.certificates != nullptr) {
    out << "tls-port " << tls_port_ << "\ntls-cert-file " << options_.certificates->certificate() << "\ntls-key-file "
        << options_.certificates->key() << "\ntls-ca-cert-file " << options_.certificates->ca()
        << "\ntls-auth-clients no\n";
  }
  if (!options_.password.empty()) {
    out << "requirepass " << options_.password << "\nmasterauth " << options_.password << "\n";
  }
  if (options_.socket) out << "unixsocket " << socket_path() << "\n";
  for (const std::string& user : options_.users) out << "user " << user << "\n";
  for (const std::string& line : options_.lines) out << line << "\n";
}

bool RedisProcess::start() {
  if (is_running()) return true;
  return launch();
}

bool RedisProcess::launch() {
  std::vector<std::string> arguments = {"redis-server", directory_.path() + "/redis.conf"};
  if (options_.sentinel) arguments.emplace_back("--sentinel");
  pid_ = spawn(arguments, directory_.path(), directory_.path() + "/redis.log");
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(start_patience_ms);
  while (std::chrono::steady_clock::now() < until) {
    if (has_ended(pid_, step_ms)) {
      pid_ = -1;
      return false;
    }
    const Reply pong = command({"PING"}, 1000);
    if (is_ok(pong)) return true;
  }
  kill();
  return false;
}

void RedisProcess::end(int signal, int patience_ms) {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGCONT);
  ::kill(pid_, signal);
  if (!has_ended(pid_, patience_ms)) {
    ::kill(pid_, SIGKILL);
    has_ended(pid_, -1);
  }
  pid_ = -1;
}

void RedisProcess::stop() { end(SIGTERM, stop_patience_ms); }
void RedisProcess::kill() { end(SIGKILL, -1); }
void RedisProcess::pause() const {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGSTOP);
  // The signal is on its way only: until every thread has stopped the process may answer.
  const auto runs = [](const std::filesystem::directory_entry& task) {
    std::ifstream file(task.path() / "stat");
    const std::string text(std::istreambuf_iterator<char>(file), {});
    const std::size_t name_end = text.rfind(')');  // pid (name) state …
    return name_end != std::string::npos && name_end + 2 < text.size() && text[name_end + 2] != 'T';
  };
  const std::filesystem::directory_iterator tasks("/proc/" + std::to_string(pid_) + "/task");
  for (const auto& task : tasks) {
    while (runs(task)) ::poll(nullptr, 0, 1);
  }
}
void RedisProcess::resume() const {
  if (pid_ > 0) ::kill(pid_, SIGCONT);
}

redis::Url RedisProcess::url() const {
  return with_password("redis://127.0.0.1:" + std::to_string(port_), options_.password);
}

Reply RedisProcess::command(const Arguments& arguments, int patience_ms) const {
  Asker asker(port_, patience_ms);
  if (!options_.password.empty()) {
    Reply signed_in = asker.ask({"AUTH", options_.password});
    if (!is_ok(signed_in)) return signed_in;
  }
  return asker.ask(arguments);
}

std::string RedisProcess::info(const std::string& name) const {
  std::istringstream in(command({"INFO"}).text);
  for (std::string line; std::getline(in, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.starts_with(name + ":")) return line.substr(name.size() + 1);
  }
  return {};
}

std::string RedisProcess::log() const { return read_all(directory_.path() + "/redis.log"); }

// ---------------------------------------------------------------------------------------------- Sentinel

RedisSentinels::RedisSentinels(std::size_t replicas, const RedisOptions& options) : password_(options.password) {
  servers_.push_back(std::make_unique<RedisProcess>(options));
  const std::string master = std::to_string(servers_.front()->port());
  RedisOptions following = options;
  following.lines.push_back("replicaof 127.0.0.1 " + master);
  for (std::size_t i = 0; i < replicas; ++i) servers_.push_back(std::make_unique<RedisProcess>(following));
  ready_ = eventually([this] {
    for (std::size_t i = 1; i < servers_.size(); ++i) {
      if (servers_[i]->info("master_link_status") != "up") return false;
    }
    return true;
  });
  for (std::size_t i = 0; i < 3; ++i) {
    RedisOptions watching;
    watching.sentinel = true;
    watching.lines = {"sentinel myid " + sentinel_id(i), "sentinel monitor mymaster 127.0.0.1 " + master + " 2",
                      "sentinel down-after-milliseconds mymaster 700", "sentinel failover-timeout mymaster 5000"};
    if (!password_.empty()) watching.lines.push_back("sentinel auth-pass mymaster " + password_);
    sentinels_.push_back(std::make_unique<RedisProcess>(watching));
  }
  // Each learns of the others from what they publish on the master, every two seconds.
  ready_ = ready_ && eventually([this, replicas] {
             for (const auto& sentinel : sentinels_) {
               const Reply about = sentinel->command({"SENTINEL", "MASTER", "mymaster"});
               const auto is = [&about](std::string_view name, std::size_t value) {
                 for (std::size_t i = 0; i + 1 < about.items.size(); i += 2) {
                   if (about.items[i].text == name) return about.items[i + 1].text == std::to_string(value);
                 }
                 return false;
               };
               if (!is("num-other-sentinels", 2) || !is("num-slaves", replicas)) return false;
             }
             return true;
           });
}

redis::Url RedisSentinels::url() const {
  std::string text = "redis+sentinel://";
  for (const auto& sentinel : sentinels_) text += "127.0.0.1:" + std::to_string(sentinel->port()) + ",";
  text.back() = '/';
  return with_password(text + "mymaster", password_);
}

RedisProcess* RedisSentinels::master() const {
  for (const auto& server : servers_) {
    if (server->is_running() && server->info("role") == "master") return server.get();
  }
  return nullptr;
}

// ---------------------------------------------------------------------------------------------- Cluster

RedisCluster::RedisCluster(std::size_t masters, Replicas replicas, const RedisOptions& options)
    : password_(options.password) {
  RedisOptions node = options;
  node.cluster = true;
  const std::size_t count = replicas == Replicas::one_each ? 2 * masters : masters;
  for (std::size_t i = 0; i < count; ++i) nodes_.push_back(std::make_unique<RedisProcess>(node));
  ready_ = join(masters);
}

bool RedisCluster::join(std::size_t masters) {
  std::uint32_t first = 0;
  for (std::size_t i = 0; i < masters; ++i) {
    const auto last = static_cast<std::uint32_t>(redis::slots_count * (i + 1) / masters - 1);
    const bool epoch = is_ok(nodes_[i]->command({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)}));
    if (!epoch ||
        !is_ok(nodes_[i]->command({"CLUSTER", "ADDSLOTSRANGE", std::to_string(first), std::to_string(last)}))) {
      return false;
    }
    first = last + 1;
  }
  for (const auto& node : nodes_) {
    const Arguments meet = {"CLUSTER", "MEET", "127.0.0.1", std::to_string(node->port()),
                            std::to_string(node->bus_port())};
    if (!is_ok(nodes_.front()->command(meet))) return false;
  }
  const auto knows_all = [this](const RedisProcess& node) {
    const std::string text = node.command({"CLUSTER", "INFO"}).text;
    return text.find("cluster_state:ok") != std::string::npos &&
           text.find("cluster_known_nodes:" + std::to_string(nodes_.size()) + "\r") != std::string::npos;
  };
  const auto all = [this](const std::function<bool(const RedisProcess&)>& holds) {
    return std::ranges::all_of(nodes_, [&](const auto& node) { return holds(*node); });
  };
  if (!eventually([&] { return all(knows_all); })) return false;
  for (std::size_t i = masters; i < nodes_.size(); ++i) {
    const Arguments follow = {"CLUSTER", "REPLICATE", id(*nodes_[i - masters])};
    if (!eventually([&] { return is_ok(nodes_[i]->command(follow)); })) return false;
  }
  // Everybody must know the replicas, for those that do not will not vote for them.
  return eventually([&] {
    return all([&](const RedisProcess& node) {
      const auto ranges = redis::parse_slots(node.command({"CLUSTER", "SLOTS"}), node.address());
      if (!ranges || ranges->size() != masters || !knows_all(node)) return false;
      const bool replica = node.info("role") == "slave";
      return (!replica || node.info("master_link_status") == "up") &&
             std::ranges::all_of(*ranges, [&](const redis::SlotRange& range) {
               return range.replicas.size() == nodes_.size() / masters - 1;
             });
    });
  });
}

redis::Url RedisCluster::url() const {
  std::string text = "redis+cluster://";
  for (const auto& node : nodes_) text += "127.0.0.1:" + std::to_string(node->port()) + ",";
  text.pop_back();
  return with_password(text, password_);
}

RedisProcess* RedisCluster::owner(const std::string& key) const {
  const std::uint16_t slot = redis::key_slot(key);
  for (const auto& node : nodes_) {
    if (!node->is_running() || node->info("role") != "master") continue;
    const auto ranges = redis::parse_slots(node->command({"CLUSTER", "SLOTS"}), node->address());
    const redis::SlotRange* range = ranges ? redis::find_slot(*ranges, slot) : nullptr;
    if (range != nullptr && range->master.port == node->port()) return node.get();
  }
  return nullptr;
}

RedisProcess* RedisCluster::other(const std::string& key) const {
  const RedisProcess* owning = owner(key);
  for (const auto& node : nodes_) {
    if (node.get() != owning && node->is_running() && node->info("role") == "master") return node.get();
  }
  return nullptr;
}

std::string RedisCluster::id(const RedisProcess& node) { return node.command({"CLUSTER", "MYID"}).text; }

bool RedisCluster::begin_move(std::uint16_t slot, const RedisProcess& from, const RedisProcess& to) {
  return is_ok(to.command({"CLUSTER", "SETSLOT", std::to_string(slot), "IMPORTING", id(from)})) &&
         is_ok(from.command({"CLUSTER", "SETSLOT", std::to_string(slot), "MIGRATING", id(to)}));
}

bool RedisCluster::move_key(const std::string& key, const RedisProcess& from, const RedisProcess& to) {
  return is_ok(from.command({"MIGRATE", "127.0.0.1", std::to_string(to.port()), key, "0", "5000"}));
}

bool RedisCluster::finish_move(std::uint16_t slot, const RedisProcess& to) const {
  const Arguments command = {"CLUSTER", "SETSLOT", std::to_string(slot), "NODE", id(to)};
  if (!is_ok(to.command(command))) return false;
  for (const auto& node : nodes_) {
    if (node.get() == &to || !node->is_running() || node->info("role") != "master") continue;
    if (!is_ok(node->command(command))) return false;
  }
  return true;
}

}  // namespace hf::test
