#include "simulation/node.h"

#include <boost/json.hpp>
#include <utility>

#include "wire/batch_frame.h"

namespace hf::sim {
namespace {

constexpr Millis tick_every{100};
constexpr Millis tick_redis_every{50};

}  // namespace

Node::Node(Scheduler& scheduler, Random& random, Network& network, NodeSetting setting)
    : scheduler_(scheduler),
      random_(random),
      network_(network),
      setting_(std::move(setting)),
      secrets_(random.next()) {}

Node::~Node() { kill(); }

void Node::start() {
  ++life_;
  LockEngine* engine = nullptr;
  if (setting_.redis != nullptr) {
    writer_ = std::make_unique<SimulatedLink>(scheduler_, *setting_.redis, random_);
    reader_ = std::make_unique<SimulatedLink>(scheduler_, *setting_.redis, random_);
    redis::EngineOptions options;
    options.name = "sim";
    options.node = "n" + std::to_string(setting_.index);
    options.self = Id128{setting_.index + 1, life_};
    options.board = setting_.board;
    options.log_bytes_max = 64 << 10;
    options.monotonic = [this] { return Micros(5'000'000) + scheduler_.now(); };
    options.random = [this] { return secrets_.next_id(); };
    on_redis_ = std::make_unique<redis::Engine>(std::move(options), *writer_, *reader_);
    engine = on_redis_.get();
  } else {
    durable_ = std::make_unique<DurableEngine>(scheduler_, random_, setting_.board, disk_, wall());
    engine = durable_.get();
  }
  HubOptions options;
  options.node = "n" + std::to_string(setting_.index);
  options.todo = setting_.todo;
  if (!options.keys.add_hs256(std::string(key_id), std::string(key_secret))) network_.fault("the key is refused");
  hub_ = std::make_unique<Hub>(std::move(options), *setting_.catalog, *engine, *this, secrets_);
  if (durable_) durable_->attach(*hub_);
  if (on_redis_) {
    on_redis_->attach(*hub_);
    cut_ = deaf_ = false;
    tick_redis(life_);
  }
  tick_hub(life_);
}

void Node::kill() {
  ++life_;
  still_ = false;
  kept_.clear();
  if (durable_) durable_->crash();
  exchanges_.clear();
  delivered_.clear();
  hub_.reset();
  durable_.reset();
  on_redis_.reset();
  writer_.reset();
  reader_.reset();
}

void Node::drain(Millis window) {
  hub_->drain(window, now());
  turn_end();
}

bool Node::ready() const {
  std::string why;
  return is_up() && (durable_ ? durable_->ready(why) : on_redis_->ready(why));
}

void Node::turn_end() {
  for (const ExchangeId exchange : std::exchange(delivered_, {})) hub_->http_delivered(exchange, now());
  if (durable_) durable_->flush();
  if (on_redis_) on_redis_->flush();
}

void Node::tick_hub(std::uint64_t life) {
  if (life != life_) return;
  if (!still_) {
    hub_->tick(now());
    turn_end();
  }
  scheduler_.after(tick_every, [this, life] { tick_hub(life); });
}

void Node::tick_redis(std::uint64_t life) {
  if (life != life_) return;
  if (!still_) on_redis_->tick();
  scheduler_.after(tick_redis_every, [this, life] { tick_redis(life); });
}

void Node::come(std::function<void()> what) {
  if (still_) {
    kept_.push_back(std::move(what));
    return;
  }
  what();
  turn_end();
}

void Node::connected(ConnectionId connection) {
  come([this, connection] { hub_->connected(connection, {}, now()); });
}

void Node::hear(ConnectionId connection, std::string_view text) {
  come([this, connection, text = std::string(text)] { hub_->message(connection, text, now()); });
}

void Node::disconnected(ConnectionId connection) {
  come([this, connection] { hub_->disconnected(connection, now()); });
}

void Node::request(HttpRequest request, Answered answered) {
  const ExchangeId exchange = ++next_exchange_;
  exchanges_.emplace(exchange, std::move(answered));
  come([this, exchange, request = std::move(request)]() mutable { hub_->http(exchange, std::move(request), now()); });
}

// Which of its sockets it looks at first when it goes on, nobody knows.
void Node::stand_still(bool on) {
  if (!is_up() || still_ == on) return;
  still_ = on;
  const auto links = [&] {
    if (writer_) writer_->stand_still(on);
    if (reader_) reader_->stand_still(on);
  };
  const bool redis_first = random_.one_in(2);
  if (redis_first) links();
  if (!on) {
    for (auto& what : std::exchange(kept_, {})) {
      scheduler_.after(Micros(0), [this, life = life_, what = std::move(what)]() mutable {
        if (life == life_) come(std::move(what));
      });
    }
  }
  if (!redis_first) links();
}

void Node::stall_disk(Micros commit_max) {
  if (durable_) durable_->commit_max = commit_max;
}
void Node::cut_redis(bool on) {
  if (!on_redis_) return;
  cut_ = on;
  writer_->cut(on);
  reader_->cut(on);
}
void Node::swallow_redis(bool on) {
  if (!on_redis_) return;
  deaf_ = on;
  writer_->swallow_answers(on);
  reader_->swallow_answers(on);
}

std::string Node::check() const {
  if (durable_) return durable_->check();
  return on_redis_ ? on_redis_->check() : "";
}

// Nothing that is not durable may leave.
void Node::send(ConnectionId connection, std::string_view text) {
  if (durable_ && durable_->has_undurable() && text.find("\"todo.") != std::string_view::npos) {
    const boost::json::value said = boost::json::parse(text);
    for (const char* list : {"upsert", "remove"}) {
      const auto* rows = said.as_object().if_contains(list);
      if (rows == nullptr) continue;
      for (const auto& row : rows->as_array()) {
        if (durable_->tells_undurable(row.as_object()))
          network_.fault("told before it is durable: " + std::string(text));
      }
    }
  }
  network_.to_client(setting_.index, connection, text);
}

void Node::send_batch(ConnectionId connection, std::string_view payload) {
  const auto text = read_batch(payload, 1 << 28);
  if (!text) return network_.fault("a batch that cannot be read");
  send(connection, *text);
}

void Node::wake_at(Micros monotonic) {
  const Micros wait = std::max(monotonic - now().monotonic, Micros{0});
  scheduler_.after(wait, [this, life = life_] {
    if (life == life_) come([this] { hub_->wake(now()); });
  });
}

void Node::close(ConnectionId connection, std::uint16_t code, std::string_view) {
  network_.close_client(setting_.index, connection, code);
}

void Node::respond(ExchangeId exchange, HttpResponse response) {
  auto node = exchanges_.extract(exchange);
  if (node.empty()) return network_.fault("an exchange is answered twice");
  if (response.confirm) delivered_.push_back(exchange);
  node.mapped()(response.status, std::move(response.body));
}

}  // namespace hf::sim
