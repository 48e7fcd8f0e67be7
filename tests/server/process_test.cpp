// holdfastd as an operator meets it: how it starts, says what is wrong, is stopped, and what it costs.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <thread>
#include <utility>

#include "tests/server/people.h"
#include "tests/server/server_process.h"

namespace hf::test {
namespace {

using Clock = std::chrono::steady_clock;

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif
#else
constexpr bool sanitized = false;
#endif

TEST(Holdfastd, says_its_version_and_refuses_unknown_flags) {
  EXPECT_TRUE(run_program({holdfastd_path(), "--version"}).output.starts_with("holdfastd 0."));
  EXPECT_EQ(run_program({holdfastd_path(), "--nonsense"}).exit_code, 2);
  EXPECT_EQ(run_program({holdfastd_path(), "--help"}).exit_code, 0);
}

TEST(Holdfastd, in_development_it_never_listens_to_the_network) {
  const TemporaryDirectory data;
  const Ended ended = run_program({holdfastd_path(), "--dev", "--listen", "0.0.0.0:0", "--data", data.path()});
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_NE(ended.errors.find("listens to this machine only"), std::string::npos) << ended.errors;
}

TEST(Holdfastd, without_keys_it_does_not_start) {
  const TemporaryDirectory data;
  const Ended ended = run_program({holdfastd_path(), "--listen", "127.0.0.1:0", "--data", data.path()});
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_NE(ended.errors.find("[[auth.key]]"), std::string::npos) << ended.errors;
}

TEST(Holdfastd, a_redis_engine_without_a_redis_or_with_a_wrong_one_is_said_so) {
  const Ended without = run_program({holdfastd_path(), "--dev", "--engine", "redis"});
  EXPECT_EQ(without.exit_code, 2);
  EXPECT_NE(without.errors.find("engine.redis: name the Redis"), std::string::npos) << without.errors;
  const Ended wrong = run_program({holdfastd_path(), "--dev", "--engine", "redis", "--redis", "http://127.0.0.1:1"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_NE(wrong.errors.find("engine.redis: "), std::string::npos) << wrong.errors;
}

TEST(Holdfastd, check_config_names_every_mistake_with_its_line) {
  const TemporaryDirectory files;
  const std::string path = files.path() + "/holdfast.toml";
  std::ofstream(path) << "[server]\ndev = true\nlisten = 7\n[nonsense]\n[log]\nlevel = \"loud\"\n";
  const Ended ended = run_program({holdfastd_path(), "--config", path, "--check-config"});
  EXPECT_EQ(ended.exit_code, 2);
  for (const char* part : {":3: server.listen", ":4: there is no section [nonsense]", ":6: log.level"}) {
    EXPECT_NE(ended.errors.find(part), std::string::npos) << part << "\nin\n" << ended.errors;
  }
  EXPECT_EQ(run_program({holdfastd_path(), "--dev", "--check-config"}).exit_code, 0);
}

TEST(Holdfastd, a_second_one_on_the_same_data_is_refused) {
  const TemporaryDirectory data;
  const ServerProcess server(data.path());
  ASSERT_NE(server.port(), 0) << server.log();
  const Ended ended = run_program({holdfastd_path(), "--dev", "--listen", "127.0.0.1:0", "--data", data.path()});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_FALSE(ended.errors.empty());
  const Ended taken = run_program({holdfastd_path(), "--dev", "--listen", "127.0.0.1:" + std::to_string(server.port()),
                                   "--data", data.path() + "/other"});
  EXPECT_EQ(taken.exit_code, 1);
  EXPECT_NE(taken.errors.find("Cannot listen on"), std::string::npos) << taken.errors;
}

TEST(Holdfastd, the_development_key_is_for_its_owner_alone_and_in_no_log) {
  const TemporaryDirectory data;
  ServerProcess server(data.path(), {}, {"HOLDFAST_LOG_LEVEL=debug"});
  ASSERT_NE(server.port(), 0) << server.log();
  const Person li(server.port(), "li");
  struct stat about{};
  ASSERT_EQ(::stat((data.path() + "/dev.key").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777U, 0600U);
  std::string key;
  std::ifstream(data.path() + "/dev.key") >> key;
  const auto ended = server.stop();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->errors.find(key), std::string::npos);
  EXPECT_EQ(ended->errors.find(li.token()), std::string::npos);
}

// A file that others can read tells them whose locks there are, and by which key to sign.
TEST(Holdfastd, what_it_makes_is_its_owners_alone_whatever_the_umask) {
  for (const char* const mask : {"000", "022"}) {
    const TemporaryDirectory home;
    const std::string data = home.path() + "/made/data";
    ServerProcess server(home.path(), {"--data", data}, {},
                         {"sh", "-c", std::string("umask ") + mask + "; exec \"$0\" \"$@\""});
    ASSERT_NE(server.port(), 0) << server.log();
    Person li(server.port(), "li");
    li.open_session(server.port());
    EXPECT_EQ(li.acquire(server.port(), "SaleOrder:1").status, 201);
    const auto modes = [&](const std::string& under) {
      std::map<std::string, unsigned> found;
      for (const auto& one : std::filesystem::recursive_directory_iterator(under))
        found[one.path().filename().string()] = static_cast<unsigned>(one.status().permissions());
      return found;
    };
    const auto working = modes(home.path() + "/made");
    for (const char* const name : {"data", "dev.key", "holdfast.db", "holdfast.db-wal", "holdfast.lock"})
      EXPECT_TRUE(working.contains(name)) << name;
    ASSERT_TRUE(server.stop());
    const Ended backup = run_program({"sh", "-c", std::string("umask ") + mask + "; exec \"$0\" \"$@\"",
                                      holdfastd_path(), "backup", data + "/kept.backup", "--data", data});
    ASSERT_EQ(backup.exit_code, 0) << backup.errors;
    auto all = modes(home.path() + "/made");
    EXPECT_TRUE(all.contains("kept.backup"));
    all.insert(working.begin(), working.end());
    for (const auto& [name, mode] : all) EXPECT_EQ(mode, name == "data" ? 0700U : 0600U) << name << " under " << mask;
  }
}

TEST(Holdfastd, failed_sign_ins_are_counted_by_reason_and_logged_without_the_token) {
  const TemporaryDirectory data;
  const ServerProcess server(data.path());
  ASSERT_NE(server.port(), 0) << server.log();
  const Person li(server.port(), "li");
  std::string guess = li.token();
  guess.replace(guess.rfind('.') + 1, 4, "AAAA");
  Client client(server.port());
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(client.request("GET", "/v1/sessions", "", {{"Authorization", "Bearer " + guess}}).status, 401);
  const std::string metrics = client.request("GET", "/metrics").body;
  EXPECT_NE(metrics.find("holdfast_sign_in_failures_total{reason=\"bad_signature\"} 100\n"), std::string::npos);
  EXPECT_NE(metrics.find("holdfast_refusals_total{code=\"unauthenticated\"} 100\n"), std::string::npos);
  const std::string log = server.log();
  EXPECT_NE(log.find(R"("event":"sign_in_failed","address":"127.0.0.1","reason":"bad_signature")"), std::string::npos);
  EXPECT_EQ(log.find(guess), std::string::npos);
  EXPECT_EQ(log.find(guess.substr(guess.rfind('.'))), std::string::npos);
}

TEST(Holdfastd, check_config_refuses_a_weak_key_and_warns_of_open_doors) {
  const TemporaryDirectory data;
  const std::string file = data.path() + "/holdfast.toml";
  const std::string secret = data.path() + "/jwt.secret";
  std::ofstream(file) << "[server]\norigins = [\"*\"]\n[[auth.key]]\nkid = \"k\"\nsecret_file = \"" + secret + "\"\n";
  std::ofstream(secret) << "changemechangemechangemechangeme\n";
  std::filesystem::permissions(secret, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  const std::vector<std::string> check = {holdfastd_path(), "--config", file, "--check-config"};
  const Ended weak = run_program(check);
  EXPECT_EQ(weak.exit_code, 2);
  EXPECT_NE(weak.errors.find("guessers"), std::string::npos) << weak.errors;
  EXPECT_EQ(weak.errors.find("changeme"), std::string::npos);
  EXPECT_EQ(run_program({holdfastd_path(), "--config", file, "--data", data.path() + "/d"}).exit_code, 1)
      << "what the check refuses does not start";
  std::ofstream(secret) << "h7Qd0vWmZk3pYt9xLr2BsNcF5gJ8uEaT1oKi\n";
  const Ended open = run_program(check);
  EXPECT_EQ(open.exit_code, 0) << open.errors;
  EXPECT_NE(open.errors.find("warning: server.origins"), std::string::npos) << open.errors;
  EXPECT_NE(open.errors.find("warning: auth.audience"), std::string::npos) << open.errors;
  std::filesystem::permissions(secret, static_cast<std::filesystem::perms>(0644));
  EXPECT_EQ(run_program(check).exit_code, 2) << "everybody could read it";
}

TEST(Holdfastd, a_signal_drains_it_websockets_are_told_1012_and_nothing_is_freed) {
  const TemporaryDirectory data;
  auto server = std::make_unique<ServerProcess>(data.path(), std::vector<std::string>{},
                                                std::vector<std::string>{"HOLDFAST_SERVER_DRAIN_MS=300"});
  ASSERT_NE(server->port(), 0) << server->log();
  Person li(server->port(), "li");
  li.open_session(server->port());
  const Answer granted = li.acquire(server->port(), "SaleOrder:1");
  ASSERT_EQ(granted.status, 201);
  std::vector<std::unique_ptr<Client>> sockets;
  for (int i = 0; i < 5; ++i) {
    sockets.push_back(std::make_unique<Client>(server->port()));
    ASSERT_EQ(text_at(li.hello(*sockets.back()), "event"), "welcome");
  }
  server->signal(SIGTERM);
  for (auto& socket : sockets) {
    Received message;
    bool told = false;
    do {
      message = socket->receive();
      told = told || text_at(message.json(), "event") == "drain";
    } while (message && message.opcode != Opcode::close);
    EXPECT_EQ(message.close_code, 1012);
    EXPECT_TRUE(told);
  }
  sockets.clear();
  const auto ended = server->wait();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->exit_code, 0) << ended->errors;
  server = std::make_unique<ServerProcess>(data.path());
  EXPECT_EQ(li.call(server->port(), "GET", "/v1/locks/" + text_at(granted.json(), "lock")).status, 200);
}

TEST(Holdfastd, a_second_signal_ends_it_at_once) {
  const TemporaryDirectory data;
  ServerProcess server(data.path(), {}, {"HOLDFAST_SERVER_DRAIN_MS=600000"});
  ASSERT_NE(server.port(), 0) << server.log();
  const Person li(server.port(), "li");
  Client first(server.port()), second(server.port());
  ASSERT_EQ(text_at(li.hello(first), "event"), "welcome");
  ASSERT_EQ(text_at(li.hello(second), "event"), "welcome");
  server.signal(SIGTERM);
  ASSERT_TRUE(first.receive_with("event", "drain"));
  server.signal(SIGTERM);
  const auto ended = server.wait();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->exit_code, 128 + SIGTERM);
}

// The log line `event`, once it is there.
bool says(const ServerProcess& server, std::string_view event) {
  const auto until = Clock::now() + std::chrono::seconds(10);
  while (server.log().find(event) == std::string::npos) {
    if (Clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST(Holdfastd, a_hangup_is_logged_and_ends_nothing) {
  const TemporaryDirectory data;
  ServerProcess server(data.path());
  ASSERT_NE(server.port(), 0) << server.log();
  server.signal(SIGHUP);
  ASSERT_TRUE(says(server, "hangup_ignored")) << server.log();
  server.signal(SIGHUP);
  Person li(server.port(), "li");
  li.open_session(server.port());
  EXPECT_EQ(li.acquire(server.port(), "SaleOrder:1").status, 201);
  const auto ended = server.stop();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->exit_code, 0) << "and it was not taken for the first of two signals to stop";
}

// A terminal whose program is holdfastd, as started from a shell's prompt.
class Terminal {
 public:
  Terminal() : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)), input_(::dup(0)) {
    if (master_ < 0 || ::grantpt(master_) != 0 || ::unlockpt(master_) != 0) return;
    const int slave = ::open(::ptsname(master_), O_RDWR | O_NOCTTY | O_CLOEXEC);
    ::dup2(slave, 0);  // what is started now has it for its input
    ::close(slave);
  }
  ~Terminal() { close(); }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  void close() {
    if (input_ < 0) return;
    ::dup2(input_, 0);
    ::close(std::exchange(input_, -1));
    ::close(master_);
  }

 private:
  int master_;
  int input_;
};

TEST(Holdfastd, goes_on_when_its_terminal_closes) {
  for (const bool logs_there : {false, true}) {
    SCOPED_TRACE(logs_there ? "it writes its log to the terminal" : "its log goes to a file");
    const TemporaryDirectory data;
    Terminal terminal;
    const std::string run = logs_there ? R"(exec "$@" 2>/dev/tty)" : R"(exec "$@")";
    ServerProcess server(data.path(), {}, {}, {"setsid", "--ctty", "sh", "-c", run, "sh"});
    ASSERT_NE(server.port(), 0) << server.log();
    terminal.close();
    if (logs_there) server.signal(SIGHUP);  // once more, with nowhere to say so
    if (!logs_there) ASSERT_TRUE(says(server, "hangup_ignored")) << server.log();
    Person li(server.port(), "li");
    li.open_session(server.port());
    EXPECT_EQ(li.acquire(server.port(), "SaleOrder:1").status, 201);
    const auto ended = server.stop();
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->exit_code, 0);
  }
}

// Nothing that it grants any more would outlive it: who starts it again must be told by the exit code.
TEST(Holdfastd, ends_with_70_when_its_data_directory_is_removed) {
  const TemporaryDirectory data;
  ServerProcess server(data.path());
  ASSERT_NE(server.port(), 0) << server.log();
  Person li(server.port(), "li");
  li.open_session(server.port());
  ASSERT_EQ(li.acquire(server.port(), "SaleOrder:1").status, 201);
  std::filesystem::remove_all(data.path());
  const auto ended = server.wait();
  ASSERT_TRUE(ended) << "it goes on without its files";
  EXPECT_EQ(ended->exit_code, 70);
}

TEST(Holdfastd, an_idle_one_stops_without_waiting_for_the_time_that_leaving_may_take) {
  const TemporaryDirectory data;
  ServerProcess server(data.path(), {}, {"HOLDFAST_SERVER_DRAIN_MS=600000"});
  ASSERT_NE(server.port(), 0) << server.log();
  const auto ended = server.stop();
  ASSERT_TRUE(ended) << "it waits ten minutes for nobody";
  EXPECT_EQ(ended->exit_code, 0);
}

TEST(Holdfastd, serves_while_a_slow_client_dribbles_its_header) {
  const TemporaryDirectory data;
  const ServerProcess server(data.path(), {}, {"HOLDFAST_HTTP_HEADER_TIMEOUT_MS=300"});
  ASSERT_NE(server.port(), 0) << server.log();
  std::vector<std::unique_ptr<Client>> slow;
  for (int i = 0; i < 50; ++i) {
    slow.push_back(std::make_unique<Client>(server.port()));
    slow.back()->send("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: a");
  }
  EXPECT_EQ(Client(server.port()).request("GET", "/healthz").status, 200);
  for (auto& client : slow) {
    client->send("b");
    EXPECT_EQ(client->read_answer().status, 408);
  }
}

TEST(Holdfastd, more_connections_than_descriptors_never_stop_the_engine) {
  const TemporaryDirectory data;
  const ServerProcess server(data.path(), {}, {}, {"prlimit", "--nofile=1100:1100"});
  ASSERT_NE(server.port(), 0) << server.log();
  Person li(server.port(), "li");
  li.open_session(server.port());
  Client working(server.port());
  ASSERT_EQ(text_at(li.hello(working), "event"), "welcome");
  std::vector<std::unique_ptr<Client>> crowd;
  int refused = 0;
  for (int i = 0; i < 700; ++i) {
    crowd.push_back(std::make_unique<Client>(server.port()));
    refused += crowd.back()->request("GET", "/healthz").status == 503 ? 1 : 0;
  }
  EXPECT_GT(refused, 0);
  EXPECT_LT(refused, 200);
  working.send_text(R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"]})");
  EXPECT_FALSE(text_at(working.receive_with("id", 1).json(), "ok.token").empty());
  crowd.clear();
  EXPECT_EQ(li.acquire(server.port(), "SaleOrder:2").status, 201);
}

TEST(Holdfastd, thousands_of_idle_websockets_cost_at_most_6_kb_each) {
  const TemporaryDirectory data;
  const ServerProcess server(
      data.path(), {"--durability", "relaxed"},
      {"HOLDFAST_LIMITS_SESSIONS_PER_USER_MAX=5000", "HOLDFAST_HTTP_CONNECTIONS_PER_USER_MAX=5000"});
  ASSERT_NE(server.port(), 0) << server.log();
  const Person li(server.port(), "li");
  std::vector<std::unique_ptr<Client>> clients;
  const auto add = [&](int count) {
    for (int i = 0; i < count; ++i) {
      clients.push_back(std::make_unique<Client>(server.port()));
      ASSERT_EQ(text_at(li.hello(*clients.back()), "event"), "welcome");
    }
  };
  add(1000);  // what the start left free is used up
  const std::uint64_t before = server.memory();
  add(2000);
  const std::uint64_t each = (server.memory() - before) / 2000;
  RecordProperty("bytes_per_idle_websocket", static_cast<int>(each));
  std::printf("%llu bytes for each idle WebSocket with its session\n", static_cast<unsigned long long>(each));
  if (!sanitized) {
    EXPECT_LE(each, 6U * 1024);
  }
  clients[500]->send_text(R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"]})");
  EXPECT_FALSE(text_at(clients[500]->receive_with("id", 1).json(), "ok.token").empty());
}

}  // namespace
}  // namespace hf::test
