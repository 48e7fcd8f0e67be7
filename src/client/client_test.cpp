// The client over a real socket, against a server that says what the test tells it to. If these fail, a user's
// program hangs, crashes, or believes what no Holdfast server said.

#include "holdfast/client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "client/url.h"
#include "wire/answers.h"
#include "wire/messages.h"
#include "wire/websocket.h"

namespace holdfast {
namespace {

using hf::Opcode;

// Accepts one connection after another on a port of its own and hands each message to `answer`.
class ScriptedServer : private hf::WebSocketSink {
 public:
  // What to do with a client's message; send() and close_link() may be called from it.
  using Answer = std::function<void(ScriptedServer&, const hf::ParsedMessage&)>;

  // `before` and `behind` the answer to the upgrade, in one piece with it.
  struct Around {
    std::string before, behind;
  };
  explicit ScriptedServer(Answer answer, std::string upgrade_answer = {}, Around around = {})
      : answer_(std::move(answer)), upgrade_answer_(std::move(upgrade_answer)), around_(std::move(around)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    EXPECT_EQ(::pipe(stop_), 0);
    thread_ = std::thread([this] { run(); });
  }
  ~ScriptedServer() override {
    ::close(stop_[1]);
    thread_.join();
    ::close(stop_[0]);
    ::close(listener_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  void send(std::string_view text) {
    std::string frame;
    hf::append_frame(frame, Opcode::text, text);
    write(frame);
  }
  void write(const std::string& bytes) {
    EXPECT_EQ(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  void close_link() { closing_ = true; }
  int links() const { return links_; }
  int pongs() const { return pongs_; }
  std::uint16_t close_seen() const { return close_seen_; }

 private:
  bool readable(int socket) const {
    pollfd fds[2] = {{socket, POLLIN, 0}, {stop_[0], POLLIN, 0}};
    return ::poll(fds, 2, -1) > 0 && fds[1].revents == 0;
  }
  void run() {
    while (readable(listener_)) {
      socket_ = ::accept(listener_, nullptr, nullptr);
      ++links_;
      closing_ = false;
      serve();
      ::close(socket_);
    }
  }
  void serve() {
    std::string head;
    char buffer[4096];
    while (head.find("\r\n\r\n") == std::string::npos) {
      if (!readable(socket_)) return;
      const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
      if (got <= 0) return;
      head.append(buffer, static_cast<std::size_t>(got));
    }
    if (!upgrade_answer_.empty()) return write(upgrade_answer_);
    const auto key = head.find("Sec-WebSocket-Key: ") + 19;
    write(around_.before +
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nsec-websocket-protocol: "
          "holdfast.v1.json\r\n"
          "Sec-WebSocket-Accept: " +
          hf::websocket_accept_key(head.substr(key, 24)) + "\r\n\r\n" + around_.behind);
    hf::WebSocketParser parser(hf::WebSocketParser::Role::server, 1 << 20);
    while (!closing_ && readable(socket_)) {
      const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
      if (got <= 0) return;
      EXPECT_FALSE(parser.feed({buffer, static_cast<std::size_t>(got)}, *this));
    }
  }
  void on_message(Opcode, std::string_view payload) override {
    auto message = hf::parse_message(payload);
    if (message && !message->fields) ADD_FAILURE() << payload;
    ASSERT_TRUE(message) << payload;
    answer_(*this, *message);
  }
  void on_ping(std::string_view) override {}
  void on_pong(std::string_view) override { ++pongs_; }
  void on_close(std::uint16_t code, std::string_view) override { close_seen_ = code; }

  Answer answer_;
  std::string upgrade_answer_;
  Around around_;
  int listener_ = -1;
  int socket_ = -1;
  int stop_[2] = {-1, -1};
  std::uint16_t port_ = 0;
  bool closing_ = false;
  std::atomic<int> links_{0};
  std::atomic<int> pongs_{0};
  std::atomic<std::uint16_t> close_seen_{0};
  std::thread thread_;
};

hf::Grant grant_of(const hf::Acquire& fields) {
  hf::Grant grant;
  grant.lock = hf::LockId{{1, 2}};
  grant.token = 77;
  for (const auto& target : fields.targets) grant.targets.push_back({target, 77});
  grant.session = hf::SessionId{{3, 4}};
  return grant;
}

// A server that grants everything.
void obliging(ScriptedServer& server, const hf::ParsedMessage& message) {
  ASSERT_TRUE(message.fields) << message.fields.error().detail << " " << message.fields.error().field;
  std::string text;
  if (std::holds_alternative<hf::HelloFields>(*message.fields)) {
    const auto& hello = std::get<hf::HelloFields>(*message.fields);
    hf::Welcome welcome;
    welcome.session = hf::SessionId{{3, 4}};
    welcome.secret = hf::Secret{{5, 6}};
    welcome.resumed = !hello.session.is_nil();
    welcome.rights = {"lock.edit"};
    encode_welcome(text, welcome);
  } else if (std::holds_alternative<hf::Acquire>(*message.fields)) {
    encode_answer(text, message.id, hf::Op::lock_acquire,
                  hf::Granted{grant_of(std::get<hf::Acquire>(*message.fields)), false, {}});
  } else if (std::holds_alternative<hf::Release>(*message.fields)) {
    encode_answer(text, message.id, hf::Op::lock_release, hf::Released{true, 0, false});
  } else if (std::holds_alternative<hf::EndSession>(*message.fields)) {
    encode_answer(text, message.id, hf::Op::session_end, hf::SessionClosed{0});
  } else {
    return;
  }
  server.send(text);
}

Options options(const ScriptedServer& server) {
  Options options;
  options.url = server.url();
  options.token = "t";
  return options;
}

TEST(Url, takes_a_scheme_with_host_port_and_path) {
  using hf::client::Url;
  EXPECT_EQ(hf::client::parse_url("http://erp:7420"), (Url{"erp", "7420", ""}));
  EXPECT_EQ(hf::client::parse_url("ws://[::1]:7420/"), (Url{"::1", "7420", ""}));
  EXPECT_EQ(hf::client::parse_url("http://erp/locks/"), (Url{"erp", "80", "/locks"}));
  EXPECT_EQ(hf::client::parse_url("https://erp/locks"), (Url{"erp", "443", "/locks", true}));
  EXPECT_EQ(hf::client::parse_url("wss://[::1]"), (Url{"::1", "443", "", true}));
  EXPECT_EQ(hf::client::parse_url("https://erp:7420"), (Url{"erp", "7420", "", true}));
}

TEST(Url, refuses_what_names_no_server) {
  for (const char* text : {"", "erp:7420", "ftp://erp", "httpss://erp", "://erp", "https://", "http://", "http://erp:0",
                           "http://erp:65536", "http://erp:x", "http://erp:", "http://user@erp", "http://[::1",
                           "http://[::1]7", "http://a b", "http://erp/\r\nX: y"}) {
    auto url = hf::client::parse_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().field, "url") << text;
  }
}

TEST(Client, wrong_options_are_refused_at_once) {
  EXPECT_EQ(Client::open({.url = "erp", .token = "t"}).error().field, "url");
  EXPECT_EQ(Client::open({.token = ""}).error().field, "token");
  EXPECT_EQ(Client::open({.token = "t", .lease = Millis(9'999)}).error().field, "lease");
  EXPECT_EQ(Client::open({.token = "t", .lease = Millis(1'800'001)}).error().field, "lease");
  EXPECT_EQ(Client::open({.token = "t", .deadline = Millis(0)}).error().field, "deadline");
}

TEST(Client, takes_and_gives_back_a_lock) {
  ScriptedServer server(obliging);
  auto client = Client::open(options(server));
  ASSERT_TRUE(client);
  auto lock = client->acquire({.targets = {"SaleOrder:1001"}});
  ASSERT_TRUE(lock) << lock.error().text();
  EXPECT_TRUE(lock->held());
  EXPECT_EQ(lock->token(), 77U);
  EXPECT_GT(lock->valid_for(), Millis(20'000));
  EXPECT_LE(lock->valid_for(), Millis(28'900));
  EXPECT_EQ(lock->info().targets, std::vector<std::string>{"SaleOrder:1001"});
  EXPECT_EQ(client->link(), Link::ready);
  EXPECT_EQ(client->rights(), std::vector<std::string>{"lock.edit"});
  EXPECT_TRUE(lock->release());
  EXPECT_FALSE(lock->held());
  EXPECT_EQ(lock->id(), "");
  EXPECT_TRUE(lock->release()) << "a second release of one's own is no error";
}

TEST(Client, a_destroyed_handle_releases) {
  std::promise<void> released;
  ScriptedServer server([&](ScriptedServer& s, const hf::ParsedMessage& message) {
    obliging(s, message);
    if (std::holds_alternative<hf::Release>(*message.fields)) released.set_value();
  });
  auto client = Client::open(options(server));
  {
    auto lock = client->acquire({.targets = {"SaleOrder:1001"}});
  }
  EXPECT_EQ(released.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
}

TEST(Client, a_blocking_call_inside_a_callback_does_not_hang) {
  ScriptedServer server(obliging);
  auto client = Client::open(options(server));
  std::promise<bool> done;
  client->acquire({.targets = {"SaleOrder:1"}}, [&](Result<LockHandle> first) {
    auto second = client->acquire({.targets = {"SaleOrder:1"}});
    done.set_value(first && second && second->held());
  });
  auto future = done.get_future();
  ASSERT_EQ(future.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_TRUE(future.get());
}

TEST(Client, callbacks_run_on_the_executor_that_was_given) {
  struct Queue : Executor {
    void post(std::function<void()> call) override {
      std::lock_guard guard(mutex);
      calls.push_back(std::move(call));
      more.notify_all();
    }
    void run_one() {
      std::unique_lock lock(mutex);
      ASSERT_TRUE(more.wait_for(lock, std::chrono::seconds(10), [&] { return !calls.empty(); }));
      auto call = std::move(calls.front());
      calls.erase(calls.begin());
      lock.unlock();
      call();
    }
    std::mutex mutex;
    std::condition_variable more;
    std::vector<std::function<void()>> calls;
  };
  ScriptedServer server(obliging);
  auto queue = std::make_shared<Queue>();
  auto wanted = options(server);
  wanted.executor = queue;
  auto client = Client::open(std::move(wanted));
  std::thread::id ran;
  client->acquire({.targets = {"SaleOrder:1"}}, [&](Result<LockHandle>) { ran = std::this_thread::get_id(); });
  queue->run_one();
  EXPECT_EQ(ran, std::this_thread::get_id());
}

TEST(Client, comes_back_after_a_drop_and_repeats_what_was_not_answered) {
  std::atomic<int> acquires{0};
  std::string first;
  ScriptedServer server([&](ScriptedServer& s, const hf::ParsedMessage& message) {
    if (std::holds_alternative<hf::Acquire>(*message.fields) && acquires++ == 0) {
      first = std::get<hf::Acquire>(*message.fields).caller.request_id;
      return s.close_link();
    }
    if (std::holds_alternative<hf::Acquire>(*message.fields))
      EXPECT_EQ(std::get<hf::Acquire>(*message.fields).caller.request_id, first);
    obliging(s, message);
  });
  auto client = Client::open(options(server));
  auto lock = client->acquire({.targets = {"SaleOrder:1001"}});
  ASSERT_TRUE(lock) << lock.error().text();
  EXPECT_EQ(acquires, 2);
  EXPECT_EQ(server.links(), 2);
}

TEST(Client, a_server_that_is_no_holdfast_is_told_from_one_that_is_down) {
  ScriptedServer web([](ScriptedServer&, const hf::ParsedMessage&) {},
                     "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  auto client = Client::open(options(web));
  auto ready = client->wait_ready(Millis(300));
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().code, Code::unavailable);
  EXPECT_NE(ready.error().text().find("404"), std::string::npos) << ready.error().text();

  auto nobody = Client::open({.url = "http://127.0.0.1:1", .token = "t", .deadline = Millis(300)});
  auto lock = nobody->acquire({.targets = {"SaleOrder:1001"}});
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code, Code::unavailable);
}

TEST(Client, an_upgrade_with_a_wrong_key_or_protocol_is_not_believed) {
  for (const char* answer : {"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: "
                             "AAAA\r\nSec-WebSocket-Protocol: holdfast.v1.json\r\n\r\n",
                             "HTTP/1.1 101 Switching Protocols\r\n\r\n", "\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n\r\n"}) {
    ScriptedServer server([](ScriptedServer&, const hf::ParsedMessage&) {}, answer);
    auto client = Client::open(options(server));
    EXPECT_FALSE(client->wait_ready(Millis(200))) << answer;
  }
}

TEST(Client, what_comes_around_the_answer_to_the_upgrade_is_read) {
  std::string ping;
  hf::append_frame(ping, Opcode::ping, "1");
  ScriptedServer server(obliging, {}, {"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", ping});
  auto client = Client::open(options(server));
  auto lock = client->acquire({.targets = {"SaleOrder:1001"}});
  ASSERT_TRUE(lock) << lock.error().text();
  EXPECT_EQ(server.pongs(), 1);
}

TEST(Client, an_answer_to_the_upgrade_that_is_none_is_told_as_what_it_is) {
  std::string interim;
  for (int i = 0; i < 100; ++i) interim += "HTTP/1.1 103 Early Hints\r\n\r\n";
  const std::pair<std::string, const char*> cases[] = {
      {"HTTP/1.1 101 Switching Protocols\r\nX: " + std::string(20'000, 'x'), "the server's answer is too large"},
      {interim, "the server's answer is too large"},
      {"HTTP/1.1 101 Switching Protocols\r\n", "the server closed the connection before its answer was complete"},
      {"\x15\x03\x03",
       "no Holdfast server there: its answer is not HTTP; if this port speaks TLS, use https:// or wss://"},
      {"HTTP/1.1 400 Bad Request\r\n\r\n",
       "the server answered HTTP status 400: if it wants TLS, use https:// or wss://"},
      {"HTTP/1.1 308 Permanent Redirect\r\nLocation: https://erp/\r\n\r\n",
       "the server answered HTTP status 308: if it wants TLS, use https:// or wss://"},
  };
  for (const auto& [answer, sentence] : cases) {
    ScriptedServer server([](ScriptedServer&, const hf::ParsedMessage&) {}, answer);
    auto client = Client::open(options(server));
    std::string said = "no connection to the server yet";
    for (int i = 0; i < 1'000 && said == "no connection to the server yet"; ++i)
      said = client->wait_ready(Millis(10)).error().text();
    EXPECT_EQ(said, sentence);
  }
}

TEST(Client, closing_ends_the_session_and_answers_everybody_who_waits) {
  std::atomic<bool> ended{false};
  std::promise<void> asked;
  ScriptedServer server([&](ScriptedServer& s, const hf::ParsedMessage& message) {
    if (std::holds_alternative<hf::Acquire>(*message.fields)) return asked.set_value();
    if (std::holds_alternative<hf::EndSession>(*message.fields)) ended = true;
    obliging(s, message);
    if (ended) s.close_link();
  });
  auto client = Client::open(options(server));
  Result<LockHandle> result = failure(Code::other);
  std::thread waiter([&] { result = client->acquire({.targets = {"SaleOrder:1001"}}); });
  asked.get_future().wait();
  client->close();
  waiter.join();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::session_gone);
  EXPECT_TRUE(ended);
  EXPECT_EQ(client->acquire({.targets = {"SaleOrder:1001"}}).error().code, Code::session_gone);
}

TEST(Client, a_handle_may_outlive_its_client) {
  ScriptedServer server(obliging);
  LockHandle lock;
  {
    auto client = Client::open(options(server));
    auto taken = client->acquire({.targets = {"SaleOrder:1001"}});
    ASSERT_TRUE(taken);
    lock = *std::move(taken);
    EXPECT_TRUE(lock.held());
  }
  EXPECT_FALSE(lock.held());
  EXPECT_TRUE(lock.release());
}

TEST(Client, a_client_may_be_destroyed_by_its_own_callback) {
  ScriptedServer server(obliging);
  std::promise<void> gone;
  auto client = std::make_shared<std::optional<Client>>();
  *client = *Client::open(options(server));
  (*client)->acquire({.targets = {"SaleOrder:1001"}}, [client, &gone](Result<LockHandle>) {
    client->reset();
    gone.set_value();
  });
  EXPECT_EQ(gone.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
}

TEST(Client, a_bad_token_is_an_answer_and_not_a_retry) {
  ScriptedServer server([](ScriptedServer& s, const hf::ParsedMessage& message) {
    std::string text;
    hf::Refusal refusal;
    refusal.code = hf::Code::unauthenticated;
    encode_answer(text, message.id, hf::Op::hello, refusal);
    s.send(text);
  });
  auto client = Client::open(options(server));
  auto ready = client->wait_ready();
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().code, Code::unauthenticated);
  EXPECT_EQ(server.links(), 1);
}

TEST(Client, a_token_provider_is_asked_on_the_executor_before_connecting) {
  std::string seen;
  ScriptedServer server([&](ScriptedServer& s, const hf::ParsedMessage& message) {
    if (std::holds_alternative<hf::HelloFields>(*message.fields))
      seen = std::get<hf::HelloFields>(*message.fields).token;
    obliging(s, message);
  });
  auto wanted = options(server);
  wanted.token_provider = [] { return Result<std::string>("fresh"); };
  auto client = Client::open(std::move(wanted));
  ASSERT_TRUE(client->wait_ready());
  EXPECT_EQ(seen, "fresh");
}

TEST(Client, many_threads_may_use_one_client) {
  ScriptedServer server(obliging);
  auto client = Client::open(options(server));
  std::atomic<int> held{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        auto lock = client->acquire({.targets = {"SaleOrder:" + std::to_string(t)}});
        if (lock && lock->token() == 77) ++held;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(held, 200);
}

TEST(DevToken, a_server_that_is_down_is_unavailable) {
  auto token = dev_token("http://127.0.0.1:1", {"li", "Li", {"editor"}, {}}, Millis(2'000));
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().code, Code::unavailable);
}

}  // namespace
}  // namespace holdfast
