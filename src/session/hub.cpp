#include "session/hub.h"

#include <algorithm>

#include "session/hub_state.h"
#include "wire/websocket.h"

namespace hf {

namespace {

TodoLimits todo_limits(const HubOptions& options) {
  TodoLimits limits = options.todo;
  limits.hide_names |= options.hide_names;
  return limits;
}

}  // namespace

Hub::State::State(HubOptions o, const Catalog& c, LockEngine& e, Transport& t, SecretSource& s)
    : options(std::move(o)),
      catalog(c),
      engine(e),
      transport(t),
      secrets(s),
      identities(options, c, e, s),
      open_key(s.next_id()),
      todo(c, todo_link, todo_limits(options)),
      everybody(std::make_shared<const Audience>(c, Claims{.super = true})),
      openapi_etag(session::entity_tag(options.openapi)) {
  engine.set_watching(watching_on);
  if (options.documents == nullptr || options.namespaces.empty()) return;
  if (const auto first = identities.namespace_of(options.namespaces.front())) documents_ns = *first;
}

void Hub::State::tick() {
  std::string why;
  engine_ready = failed.empty() && engine.ready(why);
  if (failed.empty()) {
    for (NamespaceIndex ns = 0; ns < identities.namespaces(); ++ns) {
      engine.submit(ns, 0, Tick{}, now.wall);
      if (board_due <= now.monotonic) engine.submit(ns, 0, StatusTick{}, now.wall);
    }
    if (board_due <= now.monotonic) {
      board_due = now.monotonic + board_tick;
      if (std::exchange(locks_unlisted, false) && !todo.nobody()) {
        for (std::size_t ns = 0; ns < locks_known.size(); ++ns) learn_locks(static_cast<NamespaceIndex>(ns), 0);
      }
    }
  }
  if (failed.empty()) {
    say_owed_again();
    for (WatchedBill& bill : std::exchange(bills_unanswered, {})) ask_bill(std::move(bill));
  }
  tell_positions();
  const double rate = options.requests_per_second_max;
  boost::unordered::erase_if(people, [&](auto& one) {
    return one.second.streams == 0 && one.second.audits == 0 && one.second.document_questions == 0 &&
           one.second.allowance.is_full(rate, now.monotonic);
  });
  todo.tick(now.monotonic);
  connections_due();
  exchanges_due();
  if (watching_on && watchers.nobody() && todo.nobody() && now.monotonic - watching_since > watching_kept) {
    engine.set_watching(watching_on = false);
    locks_known.clear();
    todo.forget_locks();
  }
}

// From before the first look at a bill, so that no change falls between the look and the watch.
void Hub::State::somebody_watches() {
  watching_since = now.monotonic;
  if (!watching_on) engine.set_watching(watching_on = true);
}

bool Hub::State::ready(std::string& why) const {
  if (draining) why = "draining";
  if (!failed.empty()) why = failed;
  return why.empty() && engine.ready(why);
}

void Hub::State::drain(Millis window) {
  if (draining) return;
  draining = true;
  drain_retry = std::max(drain_retry, window);
  std::vector<ConnectionId> open;
  for (const auto& [id, c] : connections) open.push_back(id);
  std::sort(open.begin(), open.end());
  // Spread, so that the next node does not meet them all at once.
  for (std::size_t i = 0; i < open.size(); ++i) {
    const Micros after = Micros(window) * static_cast<std::int64_t>(i) / static_cast<std::int64_t>(open.size());
    drains.push_back({now.monotonic + after, open[i]});
    scratch.clear();
    encode_drain(scratch, drain_retry);
    transport.send(open[i], scratch);
  }
  exchanges_due();
}

void Hub::State::end_waits() {
  run_waits_end({});
  std::vector<ExchangeId> waiting;
  for (const auto& [wait, ids] : waits) waiting.insert(waiting.end(), ids.begin(), ids.end());
  std::sort(waiting.begin(), waiting.end());
  waits.clear();
  for (const ExchangeId id : waiting) {
    const session::Exchange exchange = exchanges.find(id)->second;
    respond_error(id, Error{Code::unknown_outcome, {}, {}}, exchange.language);
    if (!exchange.repeatable) undo(exchange.who, undo_wait(exchange.who, exchange.session, exchange.wait));
  }
}

void Hub::State::reset() {
  end_waits();
  locks_known.clear();
  todo.forget_locks();
  std::vector<ExchangeId> streaming;
  for (const auto& [id, exchange] : exchanges) {
    if (exchange.state == Exchange::State::streaming) streaming.push_back(id);
  }
  std::sort(streaming.begin(), streaming.end());
  for (const ExchangeId id : streaming) end_stream(id);
  std::vector<ConnectionId> open;
  for (const auto& [id, c] : connections) open.push_back(id);
  std::sort(open.begin(), open.end());
  const std::string reason = std::string(close_code::engine_lost_reason) + " " + drain_reason();
  for (const ConnectionId id : open) shut(id, close_code::drain, reason);
}

void Hub::State::fail_all(std::string why) {
  if (!failed.empty()) return;
  failed = why.empty() ? "the engine has failed" : std::move(why);
  engine_ready = false;
  for (const Ticket ticket : errands.all()) {
    on_outcome(ticket, LockOutcome(session::refusal_of(Code::unknown_outcome)));
  }
  end_waits();
}

Hub::Hub(HubOptions options, const Catalog& catalog, LockEngine& engine, Transport& transport, SecretSource& secrets)
    : state_(std::make_unique<State>(std::move(options), catalog, engine, transport, secrets)) {}
Hub::~Hub() = default;

void Hub::connected(ConnectionId connection, const WebSocketOpened& opened, Now now) {
  state_->now = now;
  state_->connected(connection, opened);
}
void Hub::message(ConnectionId connection, std::string_view text, Now now) {
  state_->now = now;
  state_->message(connection, text);
}
void Hub::leaving(ConnectionId connection, Now now) {
  state_->now = now;
  state_->leaving(connection);
}
void Hub::disconnected(ConnectionId connection, Now now) {
  state_->now = now;
  state_->forget_connection(connection);
}
void Hub::http(ExchangeId exchange, HttpRequest request, Now now) {
  state_->now = now;
  state_->http(exchange, request);
}
void Hub::http_gone(ExchangeId exchange, Now now) {
  state_->now = now;
  state_->http_gone(exchange);
}
void Hub::http_delivered(ExchangeId exchange, Now now) {
  state_->now = now;
  state_->http_delivered(exchange);
}
void Hub::tick(Now now) {
  state_->now = now;
  state_->tick();
}
void Hub::drain(Millis window, Now now) {
  state_->now = now;
  state_->drain(window);
}
bool Hub::idle() const { return state_->connections.empty() && state_->exchanges.empty(); }

void Hub::on_audit(Ticket ticket, Result<AuditAnswer>&& answer, Now now) {
  state_->now = now;
  state_->on_audit(ticket, std::move(answer));
}

void Hub::on_documents(Ticket ticket, Result<documents::Answer>&& answer, Now now) {
  state_->now = now;
  state_->on_documents(ticket, std::move(answer));
}

void Hub::on_outcome(Ticket ticket, Outcome&& outcome) { state_->on_outcome(ticket, std::move(outcome)); }
void Hub::on_reset() { state_->reset(); }
void Hub::on_taken_elsewhere(const SessionId& session) { state_->taken_elsewhere(session); }
void Hub::on_event(NamespaceIndex ns, const Event& event) {
  std::visit([&](const auto& of_family) { state_->on_event(ns, of_family); }, event);
}
// Of locks, what a turn has brought was handed to the transport at once; it writes once per socket.
void Hub::wake(Now now) {
  state_->now = now;
  on_turn_end();
}
void Hub::on_turn_end() { state_->todo.turn_end(state_->now.monotonic); }
void Hub::on_failed(std::string why) { state_->fail_all(std::move(why)); }

}  // namespace hf
