#include "contract/embedded_subject.h"

#include "store/embedded/engine_fixture.h"
#include "store/embedded/store_fixture.h"

namespace hf::test {
namespace {

class EmbeddedSubject final : public Subject, public LockEngineSink {
 public:
  explicit EmbeddedSubject(const LockTreeOptions& options) : tree_(options) {}

  LockOutcome apply(const LockCommand& command, Wall clock, std::vector<LockEvent>& events) override {
    if (!engine_) open(clock);
    events_ = &events;
    outcome_.reset();
    engine_->submit(0, 1, LockCommand(command), clock);
    if (!loop_.settle(*engine_) || !outcome_) ADD_FAILURE() << "no answer came";
    return outcome_ ? *std::move(outcome_) : LockOutcome(Refusal{});
  }

  Restarted restart(Wall clock) override {
    open(clock);
    return {};
  }

  bool is_alone() const override { return true; }
  std::string check() override { return engine_ ? engine_->check() : std::string(); }

 private:
  void open(Wall clock) {
    engine_.reset();
    EmbeddedOptions options;
    options.directory = directory_.path();
    options.journal.durability = Durability::relaxed;
    options.journal.disk_reserve_bytes = 1;
    options.tree = tree_;
    options.wake = loop_.wake();
    auto opened = EmbeddedEngine::open(std::move(options), clock);
    if (!opened) {
      ADD_FAILURE() << opened.error().detail;
      std::abort();
    }
    engine_ = std::move(*opened);
    engine_->attach(*this);
    EXPECT_EQ(engine_->open_namespace("default"), NamespaceIndex{0});
  }

  void on_outcome(Ticket, Outcome&& outcome) override { outcome_ = std::get<LockOutcome>(std::move(outcome)); }
  void on_event(NamespaceIndex, const Event& event) override {
    if (const auto* of_locks = std::get_if<LockEvent>(&event)) events_->push_back(*of_locks);
  }
  void on_turn_end() override {}
  void on_failed(std::string why) override { ADD_FAILURE() << why; }

  const LockTreeOptions tree_;
  TemporaryDirectory directory_;
  TestLoop loop_;
  std::vector<LockEvent>* events_ = nullptr;
  std::optional<LockOutcome> outcome_;
  std::unique_ptr<EmbeddedEngine> engine_;
};

}  // namespace

std::unique_ptr<Subject> embedded_subject(const LockTreeOptions& options) {
  return std::make_unique<EmbeddedSubject>(options);
}

}  // namespace hf::test
