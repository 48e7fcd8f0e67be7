#pragma once

// A hub with a world of paper: a transport that keeps what it is given, an engine that a test answers by hand or
// that decides with a real LockTree and a real StatusBoard, and a clock that stands until a test moves it.

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <deque>
#include <map>

#include "engine/namespace_state.h"
#include "session/hub.h"
#include "wire/batch_frame.h"

namespace hf::test {

inline constexpr std::string_view kid = "dev";
inline constexpr std::string_view key_secret = "0123456789abcdef0123456789abcdef";
inline constexpr std::int64_t start_us = 1'760'000'000'000'000;  // 2025-10-09

struct PaperTransport final : Transport {
  std::map<ConnectionId, std::vector<std::string>> sent;
  std::map<ConnectionId, std::pair<std::uint16_t, std::string>> closed;
  std::map<ExchangeId, HttpResponse> responses;
  std::map<ExchangeId, std::vector<std::string>> streams;
  std::map<ExchangeId, bool> stream_ended;
  std::map<ConnectionId, std::size_t> backlog;  // bytes that a slow reader has not taken

  std::size_t connections_per_user_max = 200;
  std::map<ConnectionId, PersonKey> owners;
  std::map<Code, int> refusals;  // that were told, by either face
  std::vector<std::pair<ConnectionId, SignInFailure>> sign_ins_failed;

  std::size_t unsent(ConnectionId c) const override {
    const auto found = backlog.find(c);
    return found == backlog.end() ? 0 : found->second;
  }
  std::size_t unsent_of(PersonKey person) const override {
    std::size_t all = 0;
    for (const auto& [c, bytes] : backlog) {
      const auto owner = owners.find(c);
      if (owner != owners.end() && owner->second == person) all += bytes;
    }
    return all;
  }
  bool belongs(ConnectionId c, PersonKey person) override {
    const auto owner = owners.find(c);
    if (owner != owners.end() && owner->second == person) return true;
    const auto has = std::ranges::count_if(owners, [&](const auto& one) { return one.second == person; });
    if (static_cast<std::size_t>(has) >= connections_per_user_max) return false;
    owners[c] = person;
    return true;
  }
  void refused(Code code) override { ++refusals[code]; }
  void sign_in_failed(ConnectionId c, SignInFailure why) override { sign_ins_failed.emplace_back(c, why); }
  void send(ConnectionId c, std::string_view text) override {
    EXPECT_FALSE(closed.contains(c)) << "sent after close: " << text;
    sent[c].emplace_back(text);
  }
  std::map<ConnectionId, std::size_t> batch_bytes;
  void send_batch(ConnectionId c, std::string_view payload) override {
    batch_bytes[c] += payload.size();
    const auto text = read_batch(payload, 1 << 28);
    ASSERT_TRUE(text) << text.error().detail;
    send(c, *text);
  }
  std::optional<Micros> woken_at;  // the earliest that was asked for
  void wake_at(Micros monotonic) override { woken_at = std::min(monotonic, woken_at.value_or(monotonic)); }
  void close(ConnectionId c, std::uint16_t code, std::string_view reason) override {
    closed[c] = {code, std::string(reason)};
    owners.erase(c);
  }
  void respond(ExchangeId e, HttpResponse r) override {
    EXPECT_FALSE(responses.contains(e)) << "answered twice";
    EXPECT_EQ(r.refusal.has_value(), r.status >= 400 && r.content_type == "application/problem+json");
    if (r.refusal) ++refusals[*r.refusal];
    responses[e] = std::move(r);
  }
  void begin_stream(ExchangeId e) override { streams[e]; }
  void stream(ExchangeId e, std::string_view event) override {
    EXPECT_FALSE(stream_ended.contains(e));
    streams[e].emplace_back(event);
  }
  void end_stream(ExchangeId e) override { stream_ended[e] = true; }
};

// Keeps questions about the audit trail until a test has them answered.
struct PaperAudit final : AuditReader {
  struct Asked {
    Ticket ticket = 0;
    NamespaceIndex ns = 0;
    AuditQuestion question;
  };
  std::deque<Asked> asked;
  std::vector<std::pair<std::string, std::string>> filters;  // of the newest
  std::vector<Ticket> cancelled;
  std::optional<Error> refusal;  // what every question is met with
  bool late = false;             // a test answers itself
  Hub* hub = nullptr;

  Result<void> ask(Ticket ticket, NamespaceIndex ns, AuditQuestion question) override {
    if (refusal) return tl::unexpected(*refusal);
    filters = question.filters;
    asked.push_back({ticket, ns, std::move(question)});
    return {};
  }
  void cancel(Ticket ticket) override { cancelled.push_back(ticket); }
  void answer(Now now) {
    const Asked one = std::move(asked.front());
    asked.pop_front();
    hub->on_audit(one.ticket, AuditAnswer{.lines = {R"({"action":"acquire"})"}, .next = "17"}, now);
  }
  void pump(Now now) {
    while (!late && !asked.empty()) answer(now);
  }
};

// Keeps commands until pump() has a LockTree decide them, or until a test answers them itself. Boards decide at once;
// what they decided leaves with its commit: with pump(), or one command at a time while a test keeps commits `late`.
struct PaperEngine final : LockEngine {
  struct Submitted {
    NamespaceIndex ns;
    Ticket ticket;
    LockCommand command;
    Wall clock;
  };
  std::vector<std::string> names;
  std::deque<NamespaceState> states;
  std::deque<Submitted> queue;
  struct Decided {
    NamespaceIndex ns;
    Ticket ticket;
    StatusOutcome outcome;
    std::vector<Event> events;
  };
  std::shared_ptr<const Catalog> board_catalog = std::make_shared<const Catalog>();
  StatusLimits board_limits;
  std::deque<Decided> uncommitted;
  bool late = false;
  LockEngineSink* sink = nullptr;
  std::string not_ready;

  Result<NamespaceIndex> open_namespace(std::string_view name) override {
    names.emplace_back(name);
    StatusBoardOptions options;
    options.catalog = board_catalog;
    options.limits = board_limits;
    NamespaceState& state = states.emplace_back(LockTreeOptions{}, std::move(options));
    state.locks().set_watching(watching);
    EXPECT_TRUE(state.board().recovered(wall_us(start_us), EpochId{Id128{7, names.size()}}));
    return static_cast<NamespaceIndex>(names.size() - 1);
  }
  void submit(NamespaceIndex ns, Ticket ticket, Command&& command, Wall clock) override {
    if (auto* const of_locks = std::get_if<LockCommand>(&command)) {
      queue.push_back({ns, ticket, std::move(*of_locks), clock});
      return;
    }
    Decided d{ns, ticket, Done{}, {}};
    std::string journal;
    d.outcome = std::get<StatusOutcome>(states[ns].apply(command, clock, d.events, journal));
    uncommitted.push_back(std::move(d));
  }
  // The oldest decision that was not told is durable now. False: there is none.
  bool commit() {
    if (uncommitted.empty()) return false;
    Decided d = std::move(uncommitted.front());
    uncommitted.pop_front();
    for (const Event& event : d.events) sink->on_event(d.ns, event);
    if (d.ticket != 0) sink->on_outcome(d.ticket, std::move(d.outcome));
    return true;
  }
  void flush() override {}
  bool watching = true;
  EpochId epoch(NamespaceIndex ns) const override { return states[ns].board().epoch(); }
  void set_watching(bool any) override {
    watching = any;
    for (NamespaceState& state : states) state.locks().set_watching(any);
  }
  bool ready(std::string& why) const override {
    why = not_ready;
    return not_ready.empty();
  }
  void pump() {
    do {  // what a commit tells may ask for more
      while (!queue.empty()) {
        Submitted s = std::move(queue.front());
        queue.pop_front();
        std::vector<Event> events;
        std::string journal;
        Outcome outcome = states[s.ns].apply(std::move(s.command), s.clock, events, journal);
        for (const Event& event : events) sink->on_event(s.ns, event);
        if (s.ticket != 0) sink->on_outcome(s.ticket, std::move(outcome));
      }
      while (!late && commit()) {
      }
    } while (!queue.empty());
    sink->on_turn_end();
  }
  // The oldest command of that kind that waits, dropping what came before it.
  template <class C>
  Submitted take() {
    while (!queue.empty()) {
      Submitted s = std::move(queue.front());
      queue.pop_front();
      if (std::holds_alternative<C>(s.command)) return s;
    }
    ADD_FAILURE() << "no such command";
    return {};
  }
  template <class C>
  std::size_t count() const {
    std::size_t n = 0;
    for (const Submitted& s : queue) n += std::holds_alternative<C>(s.command) ? 1 : 0;
    return n;
  }
};

class HubTest : public ::testing::Test {
 protected:
  HubOptions options;
  Catalog catalog;
  PaperTransport transport;
  PaperEngine engine;
  PaperAudit audit;
  SeededSecrets secrets{11};
  std::unique_ptr<Hub> hub;
  Now now{wall_us(start_us), Micros(5'000'000)};
  ConnectionId connections = 0;
  ExchangeId exchanges = 0;

  HubTest() {
    EXPECT_TRUE(options.keys.add_hs256(std::string(kid), std::string(key_secret)));
    options.dev_secret = key_secret;
    options.node = "n1";
    options.metrics_text = [] { return "hf_up 1\n"; };
    options.audit = &audit;
  }
  // Makes the hub of the options as they are now.
  Hub& start() {
    hub = std::make_unique<Hub>(options, catalog, engine, transport, secrets);
    engine.sink = hub.get();
    audit.hub = hub.get();
    return *hub;
  }

  std::string token(std::string user, std::vector<std::string> rights = {"lock.view", "lock.edit"},
                    std::string ns = "default", Millis valid = Millis(3'600'000)) {
    Identity identity;
    identity.name = user + "-name";
    identity.user = std::move(user);
    identity.rights = std::move(rights);
    identity.ns = std::move(ns);
    return sign_hs256(identity, kid, key_secret, now.wall, valid, "");
  }

  void advance(Millis by) {
    now.wall += by;
    now.monotonic += by;
  }
  // Lets time pass in steps of 100 ms, as the loop does, and the engine decide.
  void pass(Millis by) {
    for (Millis left = by; left > Millis(0); left -= Millis(100)) {
      advance(std::min(left, Millis(100)));
      hub->tick(now);
      engine.pump();
    }
  }

  // ---- sockets
  ConnectionId connect(WebSocketOpened opened = {}) {
    hub->connected(++connections, opened, now);
    return connections;
  }
  void tell(ConnectionId c, std::string_view text) { hub->message(c, text, now); }
  // Sends, lets the engine decide, and gives back the last thing said to that connection.
  boost::json::value ask(ConnectionId c, std::string_view text) {
    hub->message(c, text, now);
    engine.pump();
    audit.pump(now);
    return last(c);
  }
  boost::json::value hello(ConnectionId c, const std::string& with_token, std::string more = {}) {
    return ask(c, R"({"op":"hello","token":")" + with_token + "\"" + more + "}");
  }
  // A connection that said hello; its welcome in `welcome`.
  ConnectionId greet(const std::string& with_token) {
    const ConnectionId c = connect();
    welcome = hello(c, with_token);
    EXPECT_EQ(text(welcome, "event"), "welcome") << boost::json::serialize(welcome);
    return c;
  }
  boost::json::value last(ConnectionId c) {
    const auto& said = transport.sent[c];
    return said.empty() ? boost::json::value() : boost::json::parse(said.back());
  }
  // Everything said to `c` that is the event `name`, or has it as an answer's id.
  std::vector<boost::json::value> said(ConnectionId c, std::string_view name) {
    std::vector<boost::json::value> found;
    for (const std::string& one : transport.sent[c]) {
      boost::json::value value = boost::json::parse(one);
      if (text(value, "event") == name) found.push_back(std::move(value));
    }
    return found;
  }

  // ---- HTTP
  HttpRequest request(std::string method, std::string path, const std::string& with_token = {}, std::string body = {}) {
    HttpRequest r;
    r.method = std::move(method);
    if (const auto q = path.find('?'); q != std::string::npos) {
      std::string rest = path.substr(q + 1);
      path.resize(q);
      while (!rest.empty()) {
        const auto end = rest.find('&');
        const std::string pair = rest.substr(0, end);
        rest = end == std::string::npos ? "" : rest.substr(end + 1);
        const auto equal = pair.find('=');
        r.query.emplace_back(pair.substr(0, equal), pair.substr(equal + 1));
      }
    }
    r.path = std::move(path);
    if (!with_token.empty()) r.authorization = "Bearer " + with_token;
    r.body = std::move(body);
    r.host = "localhost:7420";
    r.loopback = true;
    return r;
  }
  ExchangeId send(HttpRequest r) {
    hub->http(++exchanges, std::move(r), now);
    engine.pump();
    audit.pump(now);
    return exchanges;
  }
  // The answer's body, with its status in `status`; -1 if there is none yet.
  boost::json::value http(HttpRequest r) { return answer_of(send(std::move(r))); }
  boost::json::value http(std::string method, std::string path, const std::string& with_token = {},
                          std::string body = {}) {
    return http(request(std::move(method), std::move(path), with_token, std::move(body)));
  }
  boost::json::value answer_of(ExchangeId e) {
    status = -1;
    const auto found = transport.responses.find(e);
    if (found == transport.responses.end()) return {};
    status = found->second.status;
    headers = found->second.headers;
    content_type = found->second.content_type;
    if (found->second.body.empty() || found->second.content_type.starts_with("text/")) return {};
    return boost::json::parse(found->second.body);
  }
  std::string header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return {};
  }
  std::string open_session(const std::string& with_token) {
    const auto answer = http("POST", "/v1/sessions", with_token);
    EXPECT_EQ(status, 201) << boost::json::serialize(answer);
    return text(answer, "session");
  }

  // The text (or the JSON of anything else) at a path such as "error.conflicts.0.holder.user"; empty if there is none.
  static std::string text(const boost::json::value& value, std::string_view path) {
    const boost::json::value* at = &value;
    while (!path.empty()) {
      const auto dot = path.find('.');
      const std::string_view key = path.substr(0, dot);
      path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
      if (const auto* object = at->if_object()) {
        at = object->if_contains(boost::json::string_view(key.data(), key.size()));
      } else if (const auto* array = at->if_array()) {
        const auto index = static_cast<std::size_t>(std::stoul(std::string(key)));
        at = index < array->size() ? &(*array)[index] : nullptr;
      } else {
        at = nullptr;
      }
      if (at == nullptr) return {};
    }
    if (const auto* string = at->if_string()) return std::string(string->data(), string->size());
    return boost::json::serialize(*at);
  }

  boost::json::value welcome;
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string content_type;
};

}  // namespace hf::test
