#include "tests/redis/engine_nodes.h"

#include <boost/asio/io_context.hpp>

#include "net/os_secrets.h"

namespace hf::test {

const Outcome* Told::outcome_of(Ticket ticket) const {
  for (const One& one : all) {
    if (one.ticket == ticket) return &one.outcome;
  }
  return nullptr;
}

std::vector<Event> Told::events() const {
  std::vector<Event> found;
  for (const One& one : all) {
    if (one.ticket == 0) found.push_back(one.event);
  }
  return found;
}

bool TestLoop::until(const std::function<bool()>& done, Millis patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    loop_.context().run_one_for(std::chrono::milliseconds(20));
  }
  return true;
}

EngineNode::EngineNode(TestLoop& loop, NodeOptions options) : loop_(loop), options_(std::move(options)) {
  LinkOptions link;
  link.key = redis::Engine::key_of(options_.name);
  link.name = "write";
  writer_ = RedisLink::open(loop_.loop(), options_.url, link);
  link.name = "read";
  reader_ = RedisLink::open(loop_.loop(), options_.url, link);
  redis::EngineOptions engine;
  engine.name = options_.name;
  engine.node = "node-" + std::to_string(options_.self);
  engine.self = Id128{options_.self, 1};
  engine.timeout = options_.timeout;
  engine.quarantine = options_.quarantine;
  engine.log_bytes_max = options_.log_bytes_max;
  engine.wait_replicas = options_.wait_replicas;
  engine.rules = options_.rules;
  engine.clock_of_caller = options_.clock_of_caller;
  if (options_.clock_of_caller) engine.heartbeats_wait = Micros(0);
  engine.tree = options_.tree;
  engine.monotonic = [] { return Loop::now().monotonic; };
  engine.random = [secrets = std::make_shared<OsSecrets>()] { return secrets->next_id(); };
  engine_ = std::make_unique<redis::Engine>(std::move(engine), *writer_, *reader_);
  engine_->attach(told_);
  (void)engine_->open_namespace("main");
  loop_.loop().every(Millis(20), [this, alive = std::weak_ptr(ticking_)] {
    if (!alive.expired()) engine_->tick();
  });
}

EngineNode::~EngineNode() { ticking_.reset(); }

bool EngineNode::live() const {
  std::string why;
  return engine_->ready(why);
}

void EngineNode::reconnect() {
  writer_->reconnect();
  reader_->reconnect();
}

Ticket EngineNode::post(Command command, NamespaceIndex ns, Wall clock) {
  const Ticket ticket = next_ticket_++;
  engine_->submit(ns, ticket, std::move(command), clock);
  engine_->flush();
  return ticket;
}

Outcome EngineNode::ask(Command command, NamespaceIndex ns) {
  const Ticket ticket = post(std::move(command), ns);
  if (!loop_.until([&] { return told_.outcome_of(ticket) != nullptr; })) return Refusal{.code = Code::unknown_outcome};
  return *told_.outcome_of(ticket);
}

}  // namespace hf::test
