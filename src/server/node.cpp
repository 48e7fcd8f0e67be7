#include "server/node.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <optional>

#include "net/gateway.h"
#include "net/os_secrets.h"
#include "net/worker.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "server/audit_questions.h"
#include "server/document_questions.h"
#include "server/engine_host.h"
#include "server/idle_check.h"
#include "server/metered_sink.h"
#include "server/notify.h"
#include "server/said.h"
#include "server/sign_in_log.h"
#include "server/startup.h"

namespace hf {
namespace {

constexpr Millis tick_period{100};
constexpr Millis figures_period{1000};
constexpr std::size_t descriptors_kept = 512;  // for the store, and for refusing connections when there are too many
constexpr Millis drain_patience{2000};         // beyond the window, for peers that do not take leave

const char* index_text =
    "This is Holdfast: a lock and status server for business documents. The first editor owns the bill.\n"
    "\n"
    "  GET  /healthz   alive\n"
    "  GET  /readyz    takes work\n"
    "  GET  /metrics   figures for Prometheus\n"
    "  GET  /v1/ws     WebSocket, subprotocol holdfast.v1.json\n"
    "  POST /v1/...    the same operations over HTTP\n"
    "\n"
    "GET /v1/openapi.yaml describes them for machines; docs/protocol.md of the source tree has every operation.\n"
    "`holdfast demo` shows them at work.\n";

// Raises the limit of descriptors as far as we may and tells how many connections that leaves: the store must always
// be able to open a file, or a flood of connections would stop the engine.
std::size_t connections_possible() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return descriptors_kept;
  const rlimit raised{limit.rlim_max, limit.rlim_max};
  const auto count = ::setrlimit(RLIMIT_NOFILE, &raised) == 0 ? limit.rlim_max : limit.rlim_cur;
  return count > 2 * descriptors_kept ? count - descriptors_kept : descriptors_kept;
}

HubOptions hub_options(const Config& config, const Catalog& catalog, NodeKeys keys) {
  HubOptions options;
  options.limits = config.limits;
  options.dev = config.dev;
  options.strict_types = catalog.strict_types();
  options.hide_names = config.hide_names;
  options.node = config.node.empty() ? host_name() : config.node;
  options.namespaces = config.namespaces;
  options.keys = std::move(keys.keys);
  options.dev_kid = dev_kid;
  options.dev_secret = std::move(keys.dev_secret);
  options.audience = config.audience;
  options.cookie_secure = config.cookie_secure;
  options.requests_per_second_max = config.requests_per_second_max;
  options.openapi = embedded_openapi_text();
  options.streams_per_user_max = config.streams_per_user_max;
  options.login_codes_max = config.login_codes_max;
  options.login_codes_per_user_max = config.login_codes_per_user_max;
  options.unread_per_connection_max = config.unread_per_connection_max;
  options.unread_per_user_max = config.unread_per_user_max;
  options.http_wait_max = config.http_wait_max;
  return options;
}

GatewayOptions gateway_options(const Config& config, const ListenAddress& listen) {
  GatewayOptions options;
  options.listen = listen;
  options.http.header_bytes_max = config.header_bytes_max;
  options.http.body_bytes_max = config.body_bytes_max;
  options.message_bytes_max = config.message_bytes_max;
  options.queue_bytes_max = config.queue_bytes_max;
  options.connections_max = std::min<std::size_t>(config.connections_max, connections_possible());
  if (options.connections_max < config.connections_max) {
    log(LogLevel::warning, "connections_limited",
        {{"connections_max", std::uint64_t{options.connections_max}}, {"why", "RLIMIT_NOFILE"}});
  }
  options.shares.connections_per_user_max = config.connections_per_user_max;
  options.shares.unidentified_per_address_max = config.unidentified_per_address_max;
  options.header_timeout = config.header_timeout;
  options.body_timeout = config.body_timeout;
  options.idle_timeout = config.idle_timeout;
  options.origins = config.origins;
  options.index = index_text;
  return options;
}

class Node final : public ConnectionHandler {
 public:
  Node(const Config& config, Catalog catalog) : config_(config), catalog_(std::move(catalog)) {}

  // Nothing, or why it does not start.
  Result<void> start(NodeKeys keys, Micros began);
  NodeExit run();

 private:
  void connected(ConnectionId connection, const WebSocketOpened& opened, Now now) override {
    idle_check_.worked();
    hub_->connected(connection, opened, now);
  }
  void message(ConnectionId connection, std::string_view text, Now now) override {
    idle_check_.worked();
    hub_->message(connection, text, now);
  }
  void leaving(ConnectionId connection, Now now) override { hub_->leaving(connection, now); }
  void disconnected(ConnectionId connection, Now now) override { hub_->disconnected(connection, now); }
  void http(ExchangeId exchange, HttpRequest request, Now now) override {
    idle_check_.worked();
    hub_->http(exchange, std::move(request), now);
  }
  void http_gone(ExchangeId exchange, Now now) override { hub_->http_gone(exchange, now); }
  void http_delivered(ExchangeId exchange, Now now) override { hub_->http_delivered(exchange, now); }
  void wake(Now now) override { hub_->wake(now); }
  void turn_end() override;

  Result<void> open_documents();
  void tick();
  void on_signal(int number);
  void on_failed(const std::string& why);
  void on_broken(const std::string& what);
  void leave(NodeExit exit);
  std::string metrics_text();
  NamespaceIndex namespaces() const { return static_cast<NamespaceIndex>(engine_->namespace_names().size()); }

  const Config& config_;
  const Catalog catalog_;
  OsSecrets secrets_;
  Metrics metrics_;
  // Somebody without a token is most often just not signed in yet: that is no warning.
  SignInLog sign_in_log_{[](std::string_view address, SignInFailure why, std::uint64_t left_out) {
    log(why == SignInFailure::missing ? LogLevel::info : LogLevel::warning, "sign_in_failed",
        {{"address", address}, {"reason", name_of(why)}, {"left_out", left_out}});
  }};
  Loop loop_;  // outlives all that posts to it
  std::unique_ptr<EngineHost> engine_;
  Worker worker_{loop_};  // stops before what its jobs work on ends
  std::unique_ptr<AuditQuestions> audit_;
  std::optional<Worker> documents_worker_;  // if there is a document store
  std::unique_ptr<DocumentQuestions> documents_;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<Hub> hub_;
  std::unique_ptr<MeteredSink> sink_;
  IdleCheck idle_check_{[this](std::size_t entities) { return engine_->check_some(entities); },
                        [] { return Loop::now().monotonic; }, [this](const std::string& what) { on_broken(what); }};
  std::optional<Micros> drain_until_;
  Micros ticked_{0};
  Micros figures_asked_{0};
  Micros watchdog_told_{0};
  Micros watchdog_period_{0};
  bool failed_ = false;
  NodeExit exit_ = NodeExit::drained;
};

Result<void> Node::open_documents() {
  if (config_.documents.empty()) return {};
  documents_worker_.emplace(loop_, WorkerOptions{.threads = config_.document_connections});
  auto opened = DocumentQuestions::open(config_, catalog_, *documents_worker_,
                                        [this](Ticket ticket, Result<documents::Answer>&& answer) {
                                          hub_->on_documents(ticket, std::move(answer), Loop::now());
                                          loop_.at_turn_end();
                                        });
  if (!opened) return tl::unexpected(std::move(opened.error()));
  documents_ = std::move(*opened);
  return {};
}

Result<void> Node::start(NodeKeys keys, Micros began) {
  auto listen = parse_listen_address(config_.listen);
  if (!listen) return tl::unexpected(listen.error());
  if (auto opened = open_documents(); !opened) return opened;
  auto engine = config_.engine == "redis" ? open_redis_host(config_, catalog_, loop_, worker_)
                                          : open_embedded_host(config_, catalog_, loop_, worker_);
  if (!engine) return tl::unexpected(engine.error());
  engine_ = std::move(*engine);

  GatewayOptions sockets = gateway_options(config_, *listen);
  sockets.on_refused = [this](Code code) { metrics_.refused(code); };
  sockets.on_sign_in_failed = [this](const std::string& from, SignInFailure why) {
    metrics_.sign_in_failed(why);
    sign_in_log_.failed(from, why, Loop::now().monotonic);
  };
  gateway_ = std::make_unique<Gateway>(loop_, *this, std::move(sockets));
  audit_ = std::make_unique<AuditQuestions>(*engine_, config_.limits.list_page_max,
                                            [this](Ticket ticket, Result<AuditAnswer>&& answer) {
                                              hub_->on_audit(ticket, std::move(answer), Loop::now());
                                              loop_.at_turn_end();
                                            });
  HubOptions options = hub_options(config_, catalog_, std::move(keys));
  options.metrics_text = [this] { return metrics_text(); };
  options.audit = audit_.get();
  options.documents = documents_.get();
  hub_ = std::make_unique<Hub>(std::move(options), catalog_, engine_->port(), *gateway_, secrets_);
  sink_ = std::make_unique<MeteredSink>(*hub_, metrics_, [this](const std::string& why) { on_failed(why); });
  engine_->attach(*sink_);

  auto address = gateway_->listen();
  if (!address) return tl::unexpected(address.error());
  loop_.every(tick_period, [this] { tick(); });
  loop_.on_signal([this](int number) { on_signal(number); });
  watchdog_period_ = watchdog_period() / 3;

  const auto ready_ms = to_ms(Loop::now().monotonic - began);
  std::puts(said("listening on http://" + address->text()).c_str());
  std::puts(said("ready in " + std::to_string(ready_ms) + " ms").c_str());
  std::fflush(stdout);
  log(LogLevel::info, "ready",
      {{"listen", address->text()},
       {"data", config_.data},
       {"durability", config_.durability},
       {"dev", config_.dev},
       {"ms", std::int64_t{ready_ms}}});
  notify_service_manager("READY=1");
  return {};
}

NodeExit Node::run() {
  tick();
  loop_.run();
  worker_.stop();
  if (documents_worker_) documents_worker_->stop();
  // What is still in the engine is committed; nobody is left to be told.
  if (!failed_) engine_->stop();
  log(LogLevel::info, "stopped", {{"exit", static_cast<int>(exit_)}});
  return exit_;
}

void Node::turn_end() {
  sink_->flushed(Loop::now().monotonic);
  engine_->port().flush();
}

void Node::tick() {
  const Now now = Loop::now();
  if (ticked_ != Micros{0})
    metrics_.tick_late(std::max(0.0, std::chrono::duration<double>(now.monotonic - ticked_ - tick_period).count()));
  ticked_ = now.monotonic;
  if (failed_) return leave(NodeExit::engine_failed);
  // Asked first: the tick itself gives the engine something to do.
  const bool busy = engine_->busy();
  const bool settled = hub_->idle() && gateway_->empty() && !busy;
  if (drain_until_ && (settled || now.monotonic >= *drain_until_)) return leave(NodeExit::drained);
  hub_->tick(now);
  gateway_->tick();
  engine_->tick();
  sign_in_log_.tick(now.monotonic);
  if (config_.idle_check && !busy) idle_check_.tick();
  if (now.monotonic - figures_asked_ >= figures_period) {
    figures_asked_ = now.monotonic;
    sink_->ask_figures(engine_->port(), namespaces(), now.wall);
  }
  if (watchdog_period_ > Micros{0} && now.monotonic - watchdog_told_ >= watchdog_period_) {
    watchdog_told_ = now.monotonic;
    notify_service_manager("WATCHDOG=1");
  }
  loop_.at_turn_end();
}

void Node::on_signal(int number) {
  if (number == SIGHUP) {  // a terminal that closes, or somebody's habit: no reason to stop serving
    log(LogLevel::info, "hangup_ignored", {{"what", "SIGHUP changes nothing: SIGTERM stops this node."}});
    return;
  }
  if (drain_until_) {
    log(LogLevel::warning, "stopped_at_once", {{"signal", number}});
    std::_Exit(128 + number);
  }
  const Now now = Loop::now();
  log(LogLevel::info, "draining", {{"signal", number}, {"window_ms", std::int64_t{config_.drain.count()}}});
  notify_service_manager("STOPPING=1");
  drain_until_ = now.monotonic + config_.drain + drain_patience;
  hub_->drain(config_.drain, now);
  gateway_->drain();
  loop_.at_turn_end();
}

// Called from within the engine: only remember. The answers that the hub gives now go out at the end of this turn,
// and the next tick leaves.
void Node::on_failed(const std::string& why) {
  failed_ = true;
  log(LogLevel::error, "engine_failed", {{"why", why}});
  loop_.at_turn_end();
}

// The state contradicts itself: a bug, or memory that failed. What it would answer next may be wrong, so it answers
// nothing more, and the next start takes the state from what was stored.
void Node::on_broken(const std::string& what) {
  log(LogLevel::error, "invariant_broken", {{"what", what}});
  sink_->on_failed("the state contradicts itself: " + what);
}

void Node::leave(NodeExit exit) {
  exit_ = exit;
  gateway_->stop_listening();
  gateway_->close_all();
  if (exit != NodeExit::drained) return loop_.stop();
  engine_->leave([this] { loop_.stop(); });
}

std::string Node::metrics_text() {
  const GatewayCounts counts = gateway_->counts();
  SocketTotals totals;
  totals.connections = counts.connections;
  totals.websockets = counts.websockets;
  totals.accepted = counts.accepted;
  totals.refused = counts.refused;
  totals.bytes_in = counts.bytes_in;
  totals.bytes_out = counts.bytes_out;
  totals.http_requests = counts.http_requests;
  totals.messages_in = counts.messages_in;
  totals.messages_out = counts.messages_out;
  totals.queue_drops = counts.queue_drops;
  metrics_.set(totals);
  BoardFigures boards;
  for (NamespaceIndex ns = 0; ns < namespaces(); ++ns) {
    const BoardStats stats = engine_->board_stats(ns);
    boards.bills += stats.bills;
    boards.bills_of_fullest_type = std::max(boards.bills_of_fullest_type, stats.bills_of_fullest_type);
  }
  metrics_.set(boards);
  const WorkerCounts jobs = worker_.counts();
  metrics_.set(WorkerFigures{.queued = jobs.queued,
                             .running = jobs.running,
                             .refused = jobs.refused,
                             .longest_seconds = std::chrono::duration<double>(jobs.longest).count()});
  if (documents_) {
    const DocumentCounts questions = documents_->counts();
    const WorkerCounts threads = documents_worker_->counts();
    metrics_.set(DocumentFigures{.queued = questions.queued,
                                 .running = questions.running,
                                 .refused = questions.refused,
                                 .failed = questions.failed,
                                 .longest_seconds = std::chrono::duration<double>(threads.longest).count()});
  }
  const IdleCheckCounts& checks = idle_check_.counts();
  metrics_.set(CheckFigures{.slices = checks.slices,
                            .entities = checks.entities,
                            .rounds = checks.rounds,
                            .seconds = std::chrono::duration<double>(checks.time).count()});
  std::string why;
  metrics_.set_ready(!drain_until_ && engine_->port().ready(why));
  return metrics_.text();
}

}  // namespace

NodeExit run_node(const Config& config) {
  const Micros began = Loop::now().monotonic;
  LogLevel level = LogLevel::info;
  if (log_level_from_name(config.log_level, level)) set_log_level(level);
  std::signal(SIGPIPE, SIG_IGN);

  const auto failed = [](const Error& error) {
    std::fprintf(stderr, "holdfastd: %s\n", said(error.detail).c_str());
    return NodeExit::start_failed;
  };
  auto catalog = open_catalog(config);
  if (!catalog) return failed(catalog.error());
  if (auto made = make_directory(config.data); !made) return failed(made.error());
  auto keys = open_keys(config, DevKey::make);
  if (!keys) return failed(keys.error());
  for (const auto& warnings : {warn_config(config), keys->warnings}) {
    for (const std::string& warning : warnings) log(LogLevel::warning, "configuration", {{"what", warning}});
  }
  Node node(config, std::move(*catalog));
  if (auto started = node.start(std::move(*keys), began); !started) return failed(started.error());
  return node.run();
}

}  // namespace hf
