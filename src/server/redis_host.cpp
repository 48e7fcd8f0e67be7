#include <algorithm>
#include <set>

#include "base/fingerprint.h"
#include "net/os_secrets.h"
#include "net/redis_link.h"
#include "observe/log.h"
#include "redis/redis_engine.h"
#include "server/audit_store.h"
#include "server/engine_host.h"
#include "server/startup.h"
#include "wire/jwt.h"

namespace hf {
namespace {

constexpr std::size_t reasons_told = 16;
constexpr std::size_t trail_jobs_max = audit_questions_max + 64;  // questions, and what is copied meanwhile
// A node that lives must be back at a Redis that was replaced before the others stop waiting for it.
constexpr Millis link_backoff_max{1000};

// The trail lies beside the data of a node that may share its directory with others on this machine.
std::string trail_directory(const Config& config) {
  std::string name = "trail-" + config.listen;
  std::ranges::replace_if(
      name, [](char c) { return (c < '0' || c > '9') && (c < 'a' || c > 'z') && c != '.' && c != '-'; }, '_');
  return config.data + "/" + name;
}

// The name of a node that was given none: where it listens, which the next process there has too. A port that the
// system chooses is another each time.
std::string name_of_place(const std::string& listen) {
  std::string name = host_name() + " " + listen;
  if (listen.ends_with(":0")) name += " " + OsSecrets().next_id().text();
  return name;
}

// Of what every node must decide by: the limits, and each type's policy.
std::uint64_t digest_of_rules(const Config& config, const Catalog& catalog) {
  std::string rules;
  const auto add = [&](std::string_view text) { rules.append(text).push_back('\0'); };
  for (const ConfigKey& key : config_keys(config)) {
    if (key.section != "limits" && key.section != "status") continue;
    add(key.name);
    add(key.value);
  }
  for (const catalog::Type& type : catalog.content().types) {
    const catalog::LockPolicy& policy = catalog.policy(type.name);
    add(type.name);
    for (const Millis value : {policy.max_hold, policy.idle_takeover, policy.request_timeout})
      add(std::to_string(value.count()));
  }
  add(std::to_string(rules_version));
  add(group_rules(catalog));
  add(notice_rules(catalog));
  return fingerprint(rules);
}

class RedisHost final : public EngineHost {
 public:
  RedisHost(Loop& loop, Worker& worker) : loop_(loop), audit_strand_(worker.strand(trail_jobs_max)) {}

  Result<void> open(const Config& config, const Catalog& catalog) {
    auto url = redis::parse_url(config.redis);
    if (!url) return tl::unexpected(url.error());
    if (auto made = open_trail(config); !made) return made;
    redis::EngineOptions options = redis_engine_options(config, catalog);
    options.self = secrets_.next_id();
    options.random = [this] { return secrets_.next_id(); };
    options.audit = audit_.get();
    options.turn = [this] { loop_.at_turn_end(); };
    options.on_server = [strict = config.redis_strict](const redis::ServerInfo& info) { return judge(info, strict); };
    LinkOptions link;
    link.key = redis::Engine::key_of(options.name);
    link.name = "holdfast-write";
    link.backoff_max = link_backoff_max;
    writer_ = RedisLink::open(loop_, *url, link);
    link.name = "holdfast-read";
    reader_ = RedisLink::open(loop_, *url, link);
    engine_ = std::make_unique<redis::Engine>(std::move(options), *writer_, *reader_);
    return {};
  }

  LockEngine& port() override { return *engine_; }
  void attach(LockEngineSink& sink) override {
    sink_ = &sink;
    engine_->attach(sink);
  }
  void tick() override {
    engine_->tick();
    std::string why;
    const bool ready = engine_->ready(why);
    if (ready && !ready_) log(LogLevel::info, "redis_ready", {{"generation", engine_->counters().generation}});
    // Each reason once, until it is ready again: a link that goes on trying has many words for one trouble.
    if (ready) reasons_.clear();
    if (!ready && reasons_.size() < reasons_told && reasons_.insert(why).second)
      log(LogLevel::warning, "redis_away", {{"why", why}});
    ready_ = ready;
    if (const std::uint64_t gaps = engine_->trail().counters().gaps; gaps != audit_gaps_) {
      audit_gaps_ = gaps;
      log(LogLevel::warning, "audit_gap",
          {{"why", "No node knows some changes: the audit trail goes on behind them."}});
    }
  }
  SlicedCheck::Slice check_some(std::size_t entities) override { return engine_->check_some(entities); }
  bool busy() const override { return engine_->busy(); }
  std::vector<std::string> namespace_names() const override { return engine_->namespace_names(); }
  BoardStats board_stats(NamespaceIndex ns) const override { return engine_->board_stats(ns); }
  Result<AuditSource> audit(NamespaceIndex ns, const AuditCursor& from) override {
    if (std::string why; !engine_->trail().whole(why)) return fail(Code::unavailable, why);
    return audit_->source(engine_->namespace_names().at(ns), engine_->trail().rows(), from);
  }
  const Worker::Strand& audit_strand() const override { return audit_strand_; }
  void leave(std::function<void()> done) override { engine_->leave(std::move(done)); }
  void stop() override {}

 private:
  // What an operator must know about this Redis; with `strict`, why it is refused. Sentences; empty: nothing.
  static std::string judge(const redis::ServerInfo& info, bool strict) {
    std::string unsafe;
    if (info.maxmemory_policy != "noeviction")
      unsafe += "maxmemory-policy is " + info.maxmemory_policy + ": locks could be evicted, set noeviction. ";
    if (!info.aof && !info.saves && info.replicas == 0)
      unsafe += "It neither writes a file nor has a replica: a restart loses what no node remembers. ";
    if (info.version.starts_with("5.") || info.version.starts_with("4.") || info.version.starts_with("6.0"))
      unsafe += "Version " + info.version + " is too old: 6.2 or newer is needed. ";
    if (unsafe.empty()) return {};
    log(LogLevel::warning, "redis_unsafe", {{"address", info.address}, {"why", unsafe}});
    return strict ? unsafe : std::string();
  }

  Result<void> open_trail(const Config& config) {
    const std::string directory = trail_directory(config);
    if (auto made = make_directory(directory); !made) return tl::unexpected(made.error());
    auto mirror = AuditMirror::open(directory);
    if (!mirror) return tl::unexpected(mirror.error());
    audit_ = std::make_unique<NodeAuditStore>(std::move(*mirror), audit_strand_, [this](const std::string& why) {
      if (sink_ != nullptr) sink_->on_failed(why);
    });
    return {};
  }

  Loop& loop_;
  Worker::Strand audit_strand_;
  OsSecrets secrets_;
  LockEngineSink* sink_ = nullptr;
  std::unique_ptr<RedisLink> writer_, reader_;
  std::unique_ptr<NodeAuditStore> audit_;
  bool ready_ = false;
  std::uint64_t audit_gaps_ = 0;   // told
  std::set<std::string> reasons_;  // reported since it was ready
  std::unique_ptr<redis::Engine> engine_;
};

}  // namespace

redis::EngineOptions redis_engine_options(const Config& config, const Catalog& catalog) {
  redis::EngineOptions options;
  options.name = config.redis_name;
  options.node = config.node.empty() ? name_of_place(config.listen) : config.node;
  options.tree = tree_options(config, catalog);
  options.board = board_options(config, catalog);
  options.rules = digest_of_rules(config, catalog);
  options.timeout = config.redis_timeout;
  options.quarantine = config.redis_quarantine;
  options.wait_replicas = config.redis_wait_replicas;
  options.audit_bytes_max = config.audit_bytes;
  options.audit_age_max = config.audit_age;
  options.monotonic = [] { return Loop::now().monotonic; };
  return options;
}

Result<std::unique_ptr<EngineHost>> open_redis_host(const Config& config, const Catalog& catalog, Loop& loop,
                                                    Worker& worker) {
  auto host = std::make_unique<RedisHost>(loop, worker);
  if (auto opened = host->open(config, catalog); !opened) return tl::unexpected(opened.error());
  return host;
}

}  // namespace hf
