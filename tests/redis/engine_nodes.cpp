#include "tests/redis/engine_nodes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>

#include "net/os_secrets.h"

namespace hf::test {

void Told::on_outcome(Ticket ticket, Outcome&& outcome) {
  if (auto* const of_locks = std::get_if<LockOutcome>(&outcome)) {
    all.push_back({ticket, 0, std::move(*of_locks), {}});
  } else {
    status.insert_or_assign(ticket, std::get<StatusOutcome>(std::move(outcome)));
  }
}

void Told::on_event(NamespaceIndex ns, const Event& event) {
  if (const auto* const of_locks = std::get_if<LockEvent>(&event)) {
    all.push_back({0, ns, {}, *of_locks});
  } else {
    board.push_back(std::get<BoardEvent>(event));
  }
}

const LockOutcome* Told::outcome_of(Ticket ticket) const {
  for (const One& one : all) {
    if (one.ticket == ticket) return &one.outcome;
  }
  return nullptr;
}

std::vector<LockEvent> Told::events() const {
  std::vector<LockEvent> found;
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

EngineNode::EngineNode(TestLoop& loop, NodeOptions options)
    : loop_(loop),
      options_(std::move(options)),
      worker_(loop.loop(), {.threads = options_.audit_directory.empty() ? 0U : 1U}),
      audit_strand_(worker_.strand(64)) {
  LinkOptions link;
  link.key = redis::Engine::key_of(options_.name);
  link.name = "write";
  writer_ = RedisLink::open(loop_.loop(), options_.url, link);
  link.name = "read";
  reader_ = RedisLink::open(loop_.loop(), options_.url, link);
  redis::EngineOptions engine;
  engine.name = options_.name;
  engine.node = options_.node.empty() ? "node-" + std::to_string(options_.self) : options_.node;
  engine.self = Id128{options_.self, 1};
  engine.timeout = options_.timeout;
  engine.quarantine = options_.quarantine;
  engine.log_bytes_max = options_.log_bytes_max;
  engine.wait_replicas = options_.wait_replicas;
  engine.rules = options_.rules;
  engine.clock_of_caller = options_.clock_of_caller;
  if (options_.clock_of_caller) engine.heartbeats_wait = Micros(0);
  engine.tree = options_.tree;
  engine.board = options_.board;
  if (!options_.audit_directory.empty()) {
    auto mirror = AuditMirror::open(options_.audit_directory);
    EXPECT_TRUE(mirror) << mirror.error().detail;
    if (mirror)
      audit_ = std::make_unique<NodeAuditStore>(std::move(*mirror), audit_strand_,
                                                [](const std::string& why) { ADD_FAILURE() << why; });
    engine.audit = audit_.get();
  }
  engine.audit_bytes_max = options_.audit_bytes_max;
  engine.audit_age_max = options_.audit_age_max;
  engine.audit_gap_after = options_.audit_gap_after;
  if (options_.history != nullptr) {
    const std::size_t node = options_.history->add_node();
    engine.on_decided = [history = options_.history, node](const redis::Decided& d) { history->decided(node, d); };
    told_.when_reset = [history = options_.history, node] { history->reset(node); };
  }
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

bool EngineNode::leave() {
  bool left = false;
  engine_->leave([&left] { left = true; });
  return loop_.until([&left] { return left; });
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

LockOutcome EngineNode::ask(LockCommand command, NamespaceIndex ns) {
  const Ticket ticket = post(std::move(command), ns);
  if (!loop_.until([&] { return told_.outcome_of(ticket) != nullptr; })) return Refusal{.code = Code::unknown_outcome};
  return *told_.outcome_of(ticket);
}

StatusOutcome EngineNode::ask(StatusCommand command) {
  const Ticket ticket = post(std::move(command));
  if (!loop_.until([&] { return told_.status.contains(ticket); })) return Refusal{.code = Code::unknown_outcome};
  return told_.status.at(ticket);
}

Result<AuditPage> EngineNode::trail_page(const AuditCursor& before, std::size_t limit) {
  std::string why;
  if (!audit_ || !engine_->trail().whole(why)) return fail(Code::unavailable, why);
  auto source = audit_->source("main", engine_->trail().rows(), before);
  if (!source) return tl::unexpected(source.error());
  const auto page = std::make_shared<std::optional<Result<AuditPage>>>();
  const auto given =
      audit_strand_.give([source = *source, before, limit] { return source({}, before, limit, page_bytes_max); },
                         [page](Result<AuditPage>&& read) { page->emplace(std::move(read)); });
  if (!given) return tl::unexpected(given.error());
  if (!loop_.until([&] { return page->has_value(); })) return fail(Code::unavailable, "No page came.");
  return *std::move(*page);
}

std::vector<std::string> EngineNode::trail(std::size_t page) {
  std::string why;
  EXPECT_TRUE(loop_.until([&] { return engine_->trail().whole(why); })) << why;
  std::vector<std::string> found;
  AuditPage read;
  do {
    auto next = trail_page(read.next, page);
    if (!next) {
      ADD_FAILURE() << next.error().detail;
      break;
    }
    read = *std::move(next);
    for (const AuditEntry& entry : read.entries)
      found.push_back(entry.action + " " + (entry.lock.is_nil() ? entry.session.text() : entry.lock.text()));
  } while (!read.end);
  std::ranges::reverse(found);
  return found;
}

Nodes::Nodes(const redis::Url& url) {
  base.url = url;
  base.history = &history;
}

Nodes::~Nodes() {
  EXPECT_EQ(history.verdict(), "");
  nodes.clear();
}

EngineNode& Nodes::add(std::uint64_t self) {
  NodeOptions options = base;
  options.self = self;
  nodes.push_back(std::make_unique<EngineNode>(loop, options));
  EXPECT_TRUE(all_live());
  return *nodes.back();
}

bool Nodes::all_live() {
  return loop.until([&] { return std::ranges::all_of(nodes, [](const auto& node) { return node->live(); }); },
                    Millis(60'000));
}

void Nodes::expect_agreement() {
  ASSERT_TRUE(all_live());
  std::vector<std::string> images;
  ASSERT_TRUE(loop.until([&] {
    images.clear();
    for (const auto& node : nodes) images.push_back(node->engine().image());
    return std::ranges::all_of(images, [&](const std::string& image) { return image == images[0]; });
  })) << "the nodes do not agree";
  EXPECT_EQ(nodes[0]->engine().check(), "");
}

bool Nodes::new_generation_after(std::uint64_t before) {
  return loop.until(
      [&] {
        return std::ranges::all_of(
            nodes, [&](const auto& node) { return node->live() && node->engine().counters().generation > before; });
      },
      Millis(60'000));
}

}  // namespace hf::test
