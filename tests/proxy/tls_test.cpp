// The SDK, the command line and the relay of an outbox at a server that has TLS, through the proxies that give it TLS.
// If these fail, a company's programs cannot reach its server, or give their tokens to whoever stands in between.

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>

#include "client/http.h"
#include "holdfast/todo_view.h"
#include "outbox/http_publisher.h"
#include "tests/client/sdk_fixture.h"
#include "tests/proxy/authority.h"
#include "tests/proxy/proxy_process.h"
#include "tests/redis/redis_process.h"

namespace hf::test {
namespace {

using holdfast::Code;
using holdfast::Millis;

constexpr const char* all_names = "DNS:localhost,IP:127.0.0.1";

holdfast::StatusEvent order(const std::string& id, std::uint64_t version) {
  return {.type = "SaleOrder",
          .id = id,
          .no = "SO" + id,
          .version = version,
          .state = {{"DataStatus", std::int64_t{2}}, {"ApprovalStatus", std::int64_t{0}}},
          .creator = {"li", "Li"},
          .actor = {"wang", "Wang"},
          .action = "submit",
          .none = {"owner", "department"}};
}

// A server, and an authority whose certificates are given to the proxies before it.
class WithNode : public testing::Test {
 protected:
  WithNode() : node(data.path()) {}
  void SetUp() override { ASSERT_NE(node.port(), 0) << node.log(); }

  // Tokens come from the node itself: the proxy gives none.
  std::string token(const std::string& user, const std::string& role = "editor") const {
    return holdfast::dev_token("http://127.0.0.1:" + std::to_string(node.port()), {user, user, {role}, {}})
        .value_or("");
  }
  static std::string url_of(std::uint16_t port, const std::string& host = "localhost",
                            const std::string& scheme = "https") {
    return scheme + "://" + host + ":" + std::to_string(port) + "/holdfast";
  }
  std::unique_ptr<ProxyProcess> front(const ServerCertificate& certificate, Proxy proxy = Proxy::nginx) const {
    auto made = std::make_unique<ProxyProcess>(proxy, node.port(), node.port(), certificate);
    EXPECT_NE(made->port(), 0) << made->log();
    return made;
  }

  TemporaryDirectory data;
  ServerProcess node;
  Authority authority;
};

// ---- what works without TLS works with it

class OverTls : public WithNode, public testing::WithParamInterface<Proxy> {
 protected:
  void SetUp() override {
    WithNode::SetUp();
    proxy = front(authority.sign(all_names), GetParam());
    relay.emplace(proxy->port());
  }
  // Through a relay, so that a test can cut the way.
  std::string url(const std::string& scheme = "https") const { return url_of(relay->port(), "127.0.0.1", scheme); }
  holdfast::Client person(const std::string& user, holdfast::Options options = {}, const std::string& role = "editor") {
    if (options.url == holdfast::Options{}.url) options.url = url();
    options.ca_file = authority.ca_file();
    options.token = token(user, role);
    auto client = holdfast::Client::open(std::move(options));
    const auto ready = client->wait_ready(patience);
    EXPECT_TRUE(ready) << ready.error().text();
    return *std::move(client);
  }
  Ended run(std::vector<std::string> arguments, std::vector<std::string> environment = {}) const {
    arguments.insert(arguments.begin(), HF_HOLDFAST);
    environment.insert(environment.end(), {"XDG_CONFIG_HOME=" + data.path() + "/config", "LC_ALL=C"});
    return run_program(arguments, environment);
  }

  std::unique_ptr<ProxyProcess> proxy;
  std::optional<Relay> relay;
};

TEST_P(OverTls, people_lock_watch_publish_and_follow) {
  Told<holdfast::WatchEvent> taken;
  auto li = person("li", {.url = url("wss")});
  auto wang = person("wang", {.on_watch = [&](const holdfast::WatchEvent& event) {
                       if (event.what == holdfast::WatchEvent::What::lock_changed) taken.tell(event);
                     }});
  ASSERT_TRUE(wang.watch({"SaleOrder:1001"}));
  auto lock = li.acquire({.targets = {"SaleOrder:1001"}});
  ASSERT_TRUE(lock) << lock.error().text();
  const auto refused = wang.acquire({.targets = {"SaleOrder:1001"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::locked);
  const auto seen = taken.wait();
  ASSERT_TRUE(seen && seen->holder);
  EXPECT_EQ(seen->holder->user, "li");

  auto erp = person("erp", {}, "admin");
  ASSERT_TRUE(erp.publish({.events = {order("1", 1), order("2", 1)}}));
  auto view = holdfast::TodoView::open(li, {.types = {"SaleOrder"}});
  ASSERT_TRUE(view && view->wait_live(patience));
  EXPECT_EQ(view->rows().size(), 2U);
}

TEST_P(OverTls, a_cut_connection_is_made_anew_and_the_lock_is_kept) {
  Told<bool> resumed;
  auto li = person("li", {.on_link = [&](const holdfast::LinkChange& change) {
                     if (change.link == holdfast::Link::ready && change.resumed) resumed.tell(true);
                   }});
  auto lock = li.acquire({.targets = {"SaleOrder:1001"}});
  ASSERT_TRUE(lock) << lock.error().text();
  relay->cut();
  ASSERT_TRUE(resumed.wait());
  EXPECT_TRUE(lock->held());
  EXPECT_TRUE(lock->release());
}

TEST_P(OverTls, who_leaves_takes_leave_so_his_locks_are_free_before_their_lease_ends) {
  auto li = person("li", {.lease = Millis(600'000)});
  auto lock = li.acquire({.targets = {"SaleOrder:1001"}});
  ASSERT_TRUE(lock) << lock.error().text();
  li.close();
  auto wang = person("wang", {.deadline = patience});
  const auto got = wang.acquire({.targets = {"SaleOrder:1001"}, .wait = patience});
  EXPECT_TRUE(got) << got.error().text();
}

TEST_P(OverTls, who_leaves_is_not_held_up_by_a_network_that_has_died) {
  auto li = person("li");
  relay->swallow();
  li.close();
  EXPECT_EQ(li.link(), holdfast::Link::closed);
}

TEST_P(OverTls, the_command_line_locks_and_asks) {
  const std::string token_of_li = "HOLDFAST_TOKEN=" + token("li");
  const std::vector<std::string> here{"HOLDFAST_SERVER=" + url(), "HOLDFAST_CA=" + authority.ca_file(), token_of_li};
  const std::string script = "test \"$HOLDFAST_CA\" = " + authority.ca_file() + " && " HF_HOLDFAST " locks --json";
  const Ended held = run({"lock", "SaleOrder:1001", "--", "sh", "-c", script}, here);
  EXPECT_EQ(held.exit_code, 0) << held.errors;
  EXPECT_NE(held.output.find("SaleOrder:1001"), std::string::npos) << held.output << held.errors;
  const Ended flags = run({"--server", url("wss"), "--ca", authority.ca_file(), "check", "SaleOrder:1"}, {token_of_li});
  EXPECT_EQ(flags.exit_code, 0) << flags.errors;
}

TEST_P(OverTls, a_login_keeps_the_authority_for_its_own_server) {
  const Ended in = run({"login", "--server", url(), "--ca", authority.ca_file(), "--token", token("li")});
  ASSERT_EQ(in.exit_code, 0) << in.errors;
  const Ended kept = run({"locks"});
  EXPECT_EQ(kept.exit_code, 0) << kept.errors;
  const Ended same = run({"--server", url(), "locks"});
  EXPECT_EQ(same.exit_code, 0) << same.errors;
  const std::string elsewhere = url_of(proxy->port());
  const Ended other = run({"--server", elsewhere, "locks"}, {"HOLDFAST_TOKEN=" + token("li")});
  EXPECT_EQ(other.exit_code, 3) << "an authority of one server vouches for another: " << other.output;
}

TEST_P(OverTls, an_authority_of_the_system_needs_no_option) {
  const std::vector<std::string> here{"HOLDFAST_SERVER=" + url(), "HOLDFAST_TOKEN=" + token("li")};
  std::vector<std::string> trusting = here;
  trusting.push_back("SSL_CERT_FILE=" + authority.ca_file());
  const Ended trusted = run({"locks"}, trusting);
  EXPECT_EQ(trusted.exit_code, 0) << trusted.errors;
  EXPECT_EQ(run({"locks"}, here).exit_code, 3);
}

TEST_P(OverTls, a_relay_publishes_what_an_erp_wrote) {
  const std::vector<outbox::Row> rows{{1,
                                       R"({"type":"SaleOrder","id":"1","version":1,"action":"submit",)"
                                       R"("state":{"DataStatus":2,"ApprovalStatus":0},"creator":"li",)"
                                       R"("owner":null,"department":null})",
                                       0}};
  outbox::ServerAddress server{url(), authority.ca_file(), token("erp", "admin"), "", ""};
  const auto told = outbox::publish_over_http(server, rows, patience);
  ASSERT_TRUE(told) << told.error().detail;
  EXPECT_EQ(told->at(0).kind, outbox::Verdict::Kind::logged);
  for (const std::string& ca_file : {std::string(), Authority().ca_file(), std::string("/no/such/file")}) {
    server.ca_file = ca_file;
    const auto refused = outbox::publish_over_http(server, rows, patience);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, hf::Code::unavailable) << "the rows wait: " << refused.error().detail;
  }
}

INSTANTIATE_TEST_SUITE_P(Proxies, OverTls, testing::Values(Proxy::nginx, Proxy::haproxy),
                         [](const auto& info) { return info.param == Proxy::nginx ? "nginx" : "haproxy"; });

// ---- what is no server to be trusted is refused, in words that help

class NoTrust : public WithNode {
 protected:
  // What is said by HTTP and by WebSocket.
  static void expect_refusal(const std::string& url, const std::string& ca_file, const std::string& sentence,
                             const std::string& field) {
    const auto asked =
        client::call_over_http({.url = url, .ca_file = ca_file, .path = "/readyz", .deadline = patience});
    ASSERT_FALSE(asked) << url;
    EXPECT_EQ(asked.error().code, Code::unavailable);
    EXPECT_EQ(asked.error().text(), sentence);
    if (!field.empty()) EXPECT_EQ(asked.error().field, field);

    auto client = holdfast::Client::open({.url = url, .ca_file = ca_file, .token = "t"});
    ASSERT_TRUE(client) << client.error().text();
    holdfast::Error why;
    ASSERT_TRUE(eventually([&] {
      const auto ready = client->wait_ready(Millis(10));
      if (!ready) why = ready.error();
      return ready || why.text() != "no connection to the server yet";
    })) << url;
    EXPECT_EQ(why.code, Code::unavailable);
    EXPECT_EQ(why.text(), sentence);
    if (!field.empty()) EXPECT_EQ(why.field, field);
  }
};

constexpr const char* not_trusted =
    "the server's certificate is not trusted: give the certificate of the authority that signed it (--ca FILE, "
    "HOLDFAST_CA, Options::ca_file)";

TEST_F(NoTrust, an_authority_that_nobody_trusts) {
  const auto proxy = front(authority.sign(all_names));
  expect_refusal(url_of(proxy->port()), Authority().ca_file(), not_trusted, "ca_file");
  expect_refusal(url_of(proxy->port()), "", not_trusted, "ca_file");
}

TEST_F(NoTrust, a_certificate_that_is_over_or_not_yet_valid) {
  expect_refusal(url_of(front(authority.sign(all_names, {-3, -2}))->port()), authority.ca_file(),
                 "the server's certificate has expired: ask the server's operator to renew it", "url");
  expect_refusal(url_of(front(authority.sign(all_names, {2, 3}))->port()), authority.ca_file(),
                 "the server's certificate is not valid yet: check this machine's clock", "url");
}

TEST_F(NoTrust, a_certificate_for_another_name_or_address) {
  const auto proxy = front(authority.sign("DNS:erp.example.com,IP:127.0.0.2"));
  expect_refusal(url_of(proxy->port()), authority.ca_file(),
                 "the server's certificate does not name localhost: use the name that it was issued for", "url");
  expect_refusal(url_of(proxy->port(), "127.0.0.1"), authority.ca_file(),
                 "the server's certificate does not name 127.0.0.1: use the name that it was issued for", "url");
}

TEST_F(NoTrust, an_address_in_a_certificate_is_no_name_and_a_name_no_address) {
  const auto named = front(authority.sign("DNS:localhost,DNS:127.0.0.1"));
  expect_refusal(url_of(named->port(), "127.0.0.1"), authority.ca_file(),
                 "the server's certificate does not name 127.0.0.1: use the name that it was issued for", "url");
  EXPECT_TRUE(client::call_over_http(
      {.url = url_of(named->port()), .ca_file = authority.ca_file(), .path = "/readyz", .deadline = patience}));
}

TEST_F(NoTrust, a_server_without_tls_behind_https) {
  expect_refusal(url_of(node.port()), authority.ca_file(),
                 "the server does not speak TLS on this port: use http:// or ws://, or the port that speaks TLS",
                 "url");
}

TEST_F(NoTrust, a_server_with_tls_behind_http) {
  const auto proxy = front(authority.sign(all_names));
  expect_refusal(url_of(proxy->port(), "localhost", "http"), "",
                 "the server answered HTTP status 400: if it wants TLS, use https:// or wss://", "");
}

TEST_F(NoTrust, a_server_whose_tls_is_too_old) {
  auto old = authority.sign(all_names);
  old.nginx_lines = "ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;";
  expect_refusal(url_of(front(old)->port()), authority.ca_file(),
                 "the server offers neither TLS 1.2 nor TLS 1.3: ask its operator to enable one", "url");
}

TEST_F(NoTrust, the_command_line_says_so_in_its_users_language) {
  const auto proxy = front(authority.sign(all_names));
  const auto said = [&](const std::string& language, const std::string& command) {
    const Ended ended =
        run_program({HF_HOLDFAST, "--server", url_of(proxy->port()), command, "SaleOrder:1"},
                    {"HOLDFAST_TOKEN=" + token("li"), "LC_ALL=" + language, "XDG_CONFIG_HOME=/no/such"});
    EXPECT_EQ(ended.exit_code, 3);
    return ended.errors;
  };
  for (const char* command : {"check", "lock"}) {  // by HTTP, and by WebSocket
    EXPECT_EQ(said("C", command), "holdfast: Cannot reach " + url_of(proxy->port()) +
                                      ": The server's certificate is not trusted: give the certificate of the "
                                      "authority that signed it (--ca FILE, HOLDFAST_CA, Options::ca_file).\n");
    EXPECT_EQ(said("zh_CN.UTF-8", command), "holdfast: 无法连接 " + url_of(proxy->port()) +
                                                "：服务器的证书不受信任：请给出签发该证书的 CA 的证书（--ca 文件、"
                                                "HOLDFAST_CA、Options::ca_file）。\n");
  }
}

// Takes connections and says nothing.
class SilentServer {
 public:
  SilentServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { ::close(listener_); }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;
  std::uint16_t port() const { return port_; }

 private:
  int listener_;
  std::uint16_t port_ = 0;
};

TEST_F(NoTrust, a_handshake_that_is_not_answered_keeps_the_deadline_and_leaves_time_for_the_next_address) {
  const SilentServer silent;
  const auto alone = client::call_over_http({.url = url_of(silent.port(), "127.0.0.1"), .deadline = Millis(300)});
  ASSERT_FALSE(alone);
  EXPECT_EQ(alone.error().text(), "the server did not answer in time");

  const auto proxy = front(authority.sign(all_names));
  const auto second = client::call_over_http({.url = url_of(silent.port(), "127.0.0.1") + "," + url_of(proxy->port()),
                                              .ca_file = authority.ca_file(),
                                              .method = "POST",
                                              .path = "/readyz",
                                              .deadline = Millis(2'000)});
  ASSERT_FALSE(second);
  EXPECT_FALSE(second.error().json.empty()) << "not asked, though nothing was sent: " << second.error().text();

  auto client = holdfast::Client::open({.url = url_of(silent.port(), "127.0.0.1"), .token = "t"});
  ASSERT_TRUE(client);
  client->close();  // in the middle of a handshake
}

}  // namespace
}  // namespace hf::test
