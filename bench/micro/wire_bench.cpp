// What a request costs on the wire: read, written, framed.

#include <benchmark/benchmark.h>

#include "wire/answers.h"
#include "wire/jwt.h"
#include "wire/messages.h"
#include "wire/server_messages.h"
#include "wire/websocket.h"

namespace hf {
namespace {

const std::string kAcquire =
    R"({"id":7,"op":"lock.acquire","session":"0000000000000000000000000b","targets":["SaleOrder:1001"],"request_id":"c1-000123","label":"XS-1001"})";

Grant a_grant() {
  Grant g;
  g.lock = *LockId::parse("3zqr8m0wd5y7fkx2b9htjn4c6g");
  g.token = 1'709'208'000'000'123;
  g.targets = {HeldTarget{*Target::parse("SaleOrder:1001"), g.token}};
  g.session = *SessionId::parse("1zqr8m0wd5y7fkx2b9htjn4c6g");
  g.user = "li";
  g.user_name = "李四";
  g.client = ClientInfo{"erp", "pc7", "w1"};
  g.label = "XS-1001";
  g.acquired_at = wall_us(1'709'208'000'000'000);
  g.expires_at = wall_us(1'709'208'030'000'000);
  return g;
}

void parse_acquire(benchmark::State& state) {
  for (auto _ : state) {
    auto message = parse_message(kAcquire);
    benchmark::DoNotOptimize(message);
  }
}
BENCHMARK(parse_acquire);

void parse_acquire_and_fingerprint(benchmark::State& state) {
  for (auto _ : state) {
    auto message = parse_message(kAcquire);
    benchmark::DoNotOptimize(fingerprint_of(*message->fields));
  }
}
BENCHMARK(parse_acquire_and_fingerprint);

void encode_grant(benchmark::State& state) {
  const LockOutcome outcome = Granted{a_grant(), false, {}};
  const MessageId id{std::uint64_t{7}};
  std::string out;
  for (auto _ : state) {
    out.clear();
    encode_answer(out, id, Op::lock_acquire, outcome);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(encode_grant);

void parse_grant_answer(benchmark::State& state) {
  std::string text;
  encode_answer(text, MessageId{std::uint64_t{7}}, Op::lock_acquire, Granted{a_grant(), false, {}});
  for (auto _ : state) {
    const auto message = parse_server_message(text);
    auto outcome = parse_outcome(Op::lock_acquire, std::get<OkAnswer>(message->what).body);
    benchmark::DoNotOptimize(outcome);
  }
}
BENCHMARK(parse_grant_answer);

struct Sink final : WebSocketSink {
  std::size_t bytes = 0;
  void on_message(Opcode, std::string_view payload) override { bytes += payload.size(); }
  void on_ping(std::string_view) override {}
  void on_pong(std::string_view) override {}
  void on_close(std::uint16_t, std::string_view) override {}
};

// A turn's worth of small requests: 16 frames.
void unframe_16_requests(benchmark::State& state) {
  std::string frames;
  for (int i = 0; i < 16; ++i) append_frame(frames, Opcode::text, kAcquire, 0x12345678U);
  WebSocketParser parser(WebSocketParser::Role::server, 1 << 20);
  Sink sink;
  std::string input;
  for (auto _ : state) {
    input = frames;
    benchmark::DoNotOptimize(parser.feed(input, sink));
  }
  state.SetItemsProcessed(state.iterations() * 16);
}
BENCHMARK(unframe_16_requests);

void verify_token(benchmark::State& state) {
  const std::string secret(32, 's');
  const Wall now = wall_us(1'709'208'000'000'000);
  JwtKeys keys;
  if (!keys.add_hs256("k", secret)) return;
  Identity li;
  li.user = "li";
  li.roles = {"sales"};
  const std::string token = sign_hs256(li, "k", secret, now, Millis(60'000), "");
  for (auto _ : state) {
    auto identity = verify_jwt(token, keys, now, "");
    benchmark::DoNotOptimize(identity);
  }
}
BENCHMARK(verify_token);

}  // namespace
}  // namespace hf
