// Whatever people do, in whatever order and however their lines break: every request that can still be answered is
// answered, exactly once, and nothing is said on a closed socket. A request without its answer is a frozen window.
#include <set>

#include "base/random.h"
#include "session/hub_fixture_test.h"

namespace hf::test {
namespace {

class HubRandom : public HubTest {
 protected:
  struct Socket {
    bool open = true;
    std::set<std::uint64_t> asked;
  };
  std::map<ConnectionId, Socket> sockets;
  std::set<ExchangeId> open_exchanges;
  std::set<ExchangeId> on_the_way;  // answers whose end is to be told
  std::vector<std::string> sessions, secrets_known, locks;
  std::uint64_t next_id = 0;

  std::string some(Random& random, const std::vector<std::string>& from) {
    if (from.empty() || random.one_in(20)) return "00000000000000000000000001";
    return from[random.below(from.size())];
  }

  std::string target(Random& random) {
    const std::string bill = "SaleOrder:" + std::to_string(random.below(3));
    switch (random.below(6)) {
      case 0: return "SaleOrder";
      case 1: return bill + "/SaleOrderDetail";
      case 2: return bill + "/SaleOrderDetail/" + std::to_string(random.below(2));
      default: return bill;
    }
  }

  // The op and fields of a random request, without braces and id.
  std::string body(Random& random, bool with_session) {
    const std::string session =
        with_session || random.one_in(3) ? R"(,"session":")" + some(random, sessions) + '"' : "";
    const std::string lock = R"(,"lock":")" + some(random, locks) + '"';
    const std::string request = R"(,"request":")" + some(random, locks) + '"';
    const std::string targets = R"(,"targets":[")" + target(random) + "\"]";
    const std::string repeat = random.one_in(3) ? R"(,"request_id":"r)" + std::to_string(random.below(9)) + '"' : "";
    switch (random.below(18)) {
      case 0:
      case 1:
      case 2: return R"("op":"lock.acquire")" + targets + session + repeat;
      case 3:
      case 4:
        return R"("op":"lock.acquire","wait_ms":)" + std::to_string(random.below(70'000)) + targets + session + repeat;
      case 5:
      case 6:
      case 7: return R"("op":"lock.release")" + lock + session + repeat;
      case 8: return R"("op":"lock.request")" + lock + session + repeat;
      case 9: return R"("op":"request.agree")" + request + repeat;
      case 10: return R"("op":"lock.cancel_wait","wait":")" + some(random, locks) + '"' + session;
      case 11: return R"("op":"lock.force","reason":"x")" + lock;
      case 12: return R"("op":"session.end")" + session;
      case 13: return R"("op":"watch")" + targets + session;
      case 14: return R"("op":"unwatch")" + targets + session;
      case 15: return R"("op":"session.state")" + session;
      case 16: return R"("op":"lock.list")";
      default: return R"("op":"session.open")" + repeat;
    }
  }

  // Learns ids from what was said, and strikes off what was answered.
  void listen() {
    for (auto& [c, said] : transport.sent) {
      for (const std::string& one : said) {
        const auto value = boost::json::parse(one);
        if (const std::string id = text(value, "id"); !id.empty() && id != "null") {
          ASSERT_EQ(sockets[c].asked.erase(std::stoull(id)), 1u) << "answered twice, or never asked: " << one;
        }
        for (const char* at : {"ok.lock", "ok.wait", "ok.queued.wait", "ok.request", "grant.lock"}) {
          if (std::string id = text(value, at); !id.empty()) locks.push_back(std::move(id));
        }
        if (text(value, "event") == "welcome") {
          sessions.push_back(text(value, "session"));
          secrets_known.push_back(text(value, "secret"));
        }
      }
      said.clear();
    }
    for (const ExchangeId e : open_exchanges) {
      if (const auto told = transport.responses.find(e); told != transport.responses.end() && told->second.confirm)
        on_the_way.insert(e);
    }
    std::erase_if(open_exchanges,
                  [&](ExchangeId e) { return transport.responses.contains(e) || transport.stream_ended.contains(e); });
  }

  void step(Random& random, const std::vector<std::string>& tokens) {
    std::vector<ConnectionId> open;
    for (const auto& [c, socket] : sockets) {
      if (socket.open && !transport.closed.contains(c)) open.push_back(c);
    }
    const std::string who = tokens[random.below(tokens.size())];
    switch (random.below(12)) {
      case 0: {
        const ConnectionId c = connect();
        sockets[c];
        tell(
            c, R"({"op":"hello","token":")" + who + "\"" + [&] {
              if (sessions.empty() || random.one_in(2)) return std::string("}");
              const std::size_t i = random.below(sessions.size());
              return R"(,"session":")" + sessions[i] + R"(","secret":")" + secrets_known[i] + "\"}";
            }());
        return;
      }
      case 1:
        if (!open.empty() && random.one_in(2)) {
          const ConnectionId c = open[random.below(open.size())];
          sockets[c].open = false;
          hub->disconnected(c, now);
        }
        return;
      case 2: {
        HttpRequest r = request("POST", "/v1/locks", who,
                                R"({"session":")" + some(random, sessions) + R"(","targets":[")" + target(random) +
                                    R"("],"wait_ms":)" + std::to_string(random.below(90'000)) + "}");
        if (random.one_in(2)) r.idempotency_key = "k" + std::to_string(random.below(4));
        hub->http(++exchanges, r, now);
        open_exchanges.insert(exchanges);
        return;
      }
      case 3:
        hub->http(++exchanges, request("GET", "/v1/watch?targets=SaleOrder:" + std::to_string(random.below(3)), who),
                  now);
        open_exchanges.insert(exchanges);
        return;
      case 4:
        if (!on_the_way.empty() && random.one_in(2)) {
          const ExchangeId e = *on_the_way.begin();
          on_the_way.erase(e);
          random.one_in(2) ? hub->http_gone(e, now) : hub->http_delivered(e, now);
        } else if (!open_exchanges.empty()) {
          const ExchangeId e =
              *std::next(open_exchanges.begin(), static_cast<std::ptrdiff_t>(random.below(open_exchanges.size())));
          hub->http_gone(e, now);
          open_exchanges.erase(e);
        }
        return;
      case 5:
        advance(Millis(static_cast<std::int64_t>(random.below(8'000))));
        hub->tick(now);
        return;
      case 6:
        if (!open.empty()) tell(open[random.below(open.size())], R"({"op":"pong","n":1})");
        return;
      case 7:
      case 8:
        engine.pump();
        listen();
        return;
      default:
        if (!open.empty()) {
          const ConnectionId c = open[random.below(open.size())];
          sockets[c].asked.insert(++next_id);
          tell(c, R"({"id":)" + std::to_string(next_id) + "," + body(random, false) + "}");
        }
    }
  }
};

TEST_F(HubRandom, every_request_is_answered_exactly_once) {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    transport = PaperTransport();
    engine = PaperEngine();
    sockets.clear();
    open_exchanges.clear();
    on_the_way.clear();
    sessions.clear();
    secrets_known.clear();
    locks.clear();
    start();
    const std::vector<std::string> tokens{token("li"),
                                          token("wang", {"lock.view", "lock.edit:SaleOrder", "lock.force:SaleOrder"}),
                                          token("chief", {"lock.view", "lock.edit", "lock.force", "admin"})};
    for (int i = 0; i < 400; ++i) {
      step(random, tokens);
      if (HasFatalFailure()) return;
    }
    const bool fails = random.one_in(4);
    if (fails) {
      hub->on_failed("lost");
      engine.queue.clear();
    } else {
      engine.pump();
      hub->drain(Millis(0), now);
      engine.pump();
    }
    listen();
    for (const auto& [c, socket] : sockets) {
      if (socket.open && !transport.closed.contains(c))
        EXPECT_TRUE(socket.asked.empty()) << "connection " << c << " waits for " << *socket.asked.begin();
    }
    std::erase_if(open_exchanges, [&](ExchangeId e) { return transport.streams.contains(e); });
    EXPECT_TRUE(open_exchanges.empty()) << "exchange " << *open_exchanges.begin() << " was never answered";
    if (HasFailure()) return;
    EXPECT_FALSE(sessions.empty());
  }
}

}  // namespace
}  // namespace hf::test
