#include <atomic>

#include "net/os_secrets.h"
#include "server/engine_host.h"
#include "store/embedded/embedded_engine.h"

namespace hf {
namespace {

class EmbeddedHost final : public EngineHost {
 public:
  EmbeddedHost(Loop& loop, Worker& worker) : loop_(loop), audit_strand_(worker.strand(audit_questions_max)) {}

  Result<void> open(EmbeddedOptions options) {
    options.wake = [this] {
      if (woken_.exchange(true)) return;  // one is on its way
      loop_.post([this] {
        woken_.store(false);
        engine_->deliver();
        loop_.at_turn_end();
      });
    };
    auto engine = EmbeddedEngine::open(std::move(options), Loop::now().wall);
    if (!engine) return tl::unexpected(engine.error());
    engine_ = std::move(*engine);
    return {};
  }

  LockEngine& port() override { return *engine_; }
  void attach(LockEngineSink& sink) override { engine_->attach(sink); }
  SlicedCheck::Slice check_some(std::size_t entities) override { return engine_->check_some(entities); }
  bool busy() const override { return engine_->busy(); }
  std::vector<std::string> namespace_names() const override { return engine_->namespace_names(); }
  BoardStats board_stats(NamespaceIndex ns) const override { return engine_->board_stats(ns); }
  Result<AuditSource> audit(NamespaceIndex ns, const AuditCursor& /*from*/) override {
    return [this, ns](const AuditFilter& filter, const AuditCursor& before, std::size_t limit, std::size_t bytes_max) {
      return engine_->audit(ns, filter, before, limit, bytes_max);
    };
  }
  const Worker::Strand& audit_strand() const override { return audit_strand_; }
  void stop() override { engine_->stop(); }

 private:
  Loop& loop_;
  Worker::Strand audit_strand_;
  std::atomic<bool> woken_{false};
  std::unique_ptr<EmbeddedEngine> engine_;
};

}  // namespace

LockTreeOptions tree_options(const Config& config, const Catalog& catalog) {
  LockTreeOptions options;
  options.limits = config.limits;
  options.policy = [&catalog](std::string_view type) {
    const catalog::LockPolicy& policy = catalog.policy(type);
    return TypePolicy{policy.max_hold, policy.idle_takeover, policy.request_timeout};
  };
  return options;
}

StatusBoardOptions board_options(const Config& config, const Catalog& catalog) {
  StatusBoardOptions options;
  options.catalog = {std::shared_ptr<const Catalog>(), &catalog};  // not owned: it outlives the engine
  options.clock_step_max = config.limits.clock_step_max;
  options.limits = config.status;
  options.notices = config.notices;
  return options;
}

Result<std::unique_ptr<EngineHost>> open_embedded_host(const Config& config, const Catalog& catalog, Loop& loop,
                                                       Worker& worker, const std::string& vfs) {
  EmbeddedOptions options;
  options.directory = config.data;
  options.journal.durability = config.durability == "relaxed" ? Durability::relaxed : Durability::full;
  options.journal.audit_age_max = std::chrono::duration_cast<std::chrono::hours>(config.audit_age);
  options.journal.audit_bytes_max = config.audit_bytes;
  options.journal.disk_reserve_bytes = config.disk_reserve_bytes;
  options.journal.vfs = vfs;
  options.tree = tree_options(config, catalog);
  options.board = board_options(config, catalog);
  options.next_id = [secrets = std::make_shared<OsSecrets>()] { return secrets->next_id(); };
  auto host = std::make_unique<EmbeddedHost>(loop, worker);
  if (auto opened = host->open(std::move(options)); !opened) return tl::unexpected(opened.error());
  return host;
}

}  // namespace hf
