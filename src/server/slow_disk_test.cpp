// If these fail, one slow disk makes everybody wait: who reads the audit trail holds up who wants to save a bill.
//
// Nothing is measured here. The disk stands still on order, and what does not need it must be answered all the same.

#include <gtest/gtest.h>

#include <future>
#include <set>
#include <thread>

#include "engine/change_codec.h"
#include "net/worker.h"
#include "server/audit_questions.h"
#include "server/audit_store.h"
#include "server/temporary_directory_test.h"
#include "session/hub_fixture_test.h"
#include "store/embedded/faulty_vfs.h"

namespace hf {
namespace {

using test::Directory;

constexpr std::chrono::seconds patience{20};

// A node without sockets, on a loop of its own: what comes in is posted there, what goes out lies on paper.
class SocketlessNode {
 public:
  SocketlessNode(const std::string& directory, const std::string& vfs) {
    config_.data = directory;
    config_.disk_reserve_bytes = 1;
    auto engine = open_embedded_host(config_, catalog_, loop_, worker_, vfs);
    if (!engine) {
      ADD_FAILURE() << engine.error().detail;
      std::abort();
    }
    engine_ = std::move(*engine);
    audit_ = std::make_unique<AuditQuestions>(*engine_, 500, [this](Ticket ticket, Result<AuditAnswer>&& answer) {
      hub_->on_audit(ticket, std::move(answer), Loop::now());
    });
    HubOptions hub;
    EXPECT_TRUE(hub.keys.add_hs256(std::string(test::kid), std::string(test::key_secret)));
    hub.audit = audit_.get();
    hub_ = std::make_unique<Hub>(std::move(hub), catalog_, engine_->port(), transport_, secrets_);
    engine_->attach(*hub_);
    loop_.set_turn_end([this] { engine_->port().flush(); });
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~SocketlessNode() {
    loop_.stop();
    thread_.join();
    worker_.stop();
    engine_->stop();
  }

  ExchangeId ask(const std::string& user, std::string method, std::string path, std::string body = {}) {
    Identity identity;
    identity.user = identity.name = user;
    identity.rights = {"lock.view", "lock.edit"};
    identity.ns = "default";
    HttpRequest request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.body = std::move(body);
    request.authorization =
        "Bearer " + sign_hs256(identity, test::kid, test::key_secret, Loop::now().wall, Millis(3'600'000), "");
    const ExchangeId id = ++exchanges_;
    loop_.post([this, id, request] {
      hub_->http(id, request, Loop::now());
      loop_.at_turn_end();
    });
    return id;
  }
  // The answer, if there is one by now; nothing at all if the loop does not turn.
  std::optional<std::optional<HttpResponse>> look(ExchangeId id) {
    auto promise = std::make_shared<std::promise<std::optional<HttpResponse>>>();
    auto future = promise->get_future();
    loop_.post([this, id, promise] {
      const auto found = transport_.responses.find(id);
      promise->set_value(found == transport_.responses.end() ? std::nullopt : std::optional(found->second));
    });
    if (future.wait_for(patience) != std::future_status::ready) return std::nullopt;
    return future.get();
  }
  // The answer, once it is there; nothing if it does not come.
  std::optional<HttpResponse> answer(ExchangeId id) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < deadline) {
      auto seen = look(id);
      if (!seen) return std::nullopt;
      if (*seen) return *std::move(seen);
      std::this_thread::yield();
    }
    return std::nullopt;
  }
  int status_of(ExchangeId id) {
    const auto given = answer(id);
    return given ? given->status : 0;
  }
  bool is_open(ExchangeId id) {
    const auto seen = look(id);
    return seen && !*seen;
  }
  std::string open_session(const std::string& user) {
    const auto given = answer(ask(user, "POST", "/v1/sessions"));
    return given ? std::string(boost::json::parse(given->body).at("session").as_string()) : "";
  }
  ExchangeId acquire(const std::string& user, const std::string& session, const std::string& target) {
    return ask(user, "POST", "/v1/locks", R"({"session":")" + session + R"(","targets":[")" + target + R"("]})");
  }

 private:
  Config config_;
  Loop loop_;
  Catalog catalog_;
  SeededSecrets secrets_{5};
  test::PaperTransport transport_;
  std::unique_ptr<EngineHost> engine_;
  Worker worker_{loop_};
  std::unique_ptr<AuditQuestions> audit_;
  std::unique_ptr<Hub> hub_;
  ExchangeId exchanges_ = 0;
  std::thread thread_;
};

TEST(SlowDisk, a_commit_that_takes_long_holds_up_neither_the_loop_nor_who_reads_the_audit_trail) {
  const Directory directory;
  FaultyVfs disk;
  SocketlessNode node(directory.path, disk.name());
  const std::string session = node.open_session("li");
  disk.hold_syncs();
  const ExchangeId lock = node.acquire("li", session, "SaleOrder:1");
  ASSERT_TRUE(disk.await_held_sync(patience));
  const ExchangeId trail = node.ask("wang", "GET", "/v1/audit");
  EXPECT_EQ(node.status_of(node.ask("zhao", "GET", "/healthz")), 200) << "the loop stands still";
  const auto read = node.answer(trail);
  EXPECT_TRUE(read && read->status == 200) << "reading waits for writing";
  EXPECT_TRUE(node.is_open(lock));
  EXPECT_TRUE(read && read->body.find("SaleOrder:1") == std::string::npos) << "it may be lost yet";
  disk.let_syncs_go();
  EXPECT_EQ(node.status_of(lock), 201);
}

TEST(SlowDisk, who_reads_the_audit_trail_holds_up_nobody_else) {
  const Directory directory;
  FaultyVfs disk;
  SocketlessNode node(directory.path, disk.name());
  const std::string session = node.open_session("li");
  disk.hold_reads();
  const ExchangeId trail = node.ask("wang", "GET", "/v1/audit");
  ASSERT_TRUE(disk.await_held_read(patience));
  const ExchangeId second = node.ask("zhao", "GET", "/v1/audit");
  EXPECT_EQ(node.status_of(node.acquire("li", session, "SaleOrder:1")), 201) << "a commit waits for a reader";
  EXPECT_EQ(node.status_of(node.ask("li", "GET", "/v1/stats")), 200);
  EXPECT_EQ(node.status_of(node.ask("wang", "GET", "/v1/audit")), 429) << "one question of a user at a time";
  EXPECT_TRUE(node.is_open(trail));
  EXPECT_TRUE(node.is_open(second)) << "it stands behind the first";
  disk.let_reads_go();
  EXPECT_EQ(node.status_of(trail), 200);
  EXPECT_EQ(node.status_of(second), 200);
}

TEST(SlowDisk, a_node_stops_though_questions_stand_in_line) {
  const Directory directory;
  FaultyVfs disk;
  std::thread opens;
  {
    SocketlessNode node(directory.path, disk.name());
    disk.hold_reads();
    for (const char* user : {"li", "wang", "zhao"}) node.ask(user, "GET", "/v1/audit");
    ASSERT_TRUE(disk.await_held_read(patience));
    EXPECT_EQ(node.status_of(node.ask("li", "GET", "/healthz")), 200);
    opens = std::thread([&disk] { disk.let_reads_go(); });
  }
  opens.join();
}

// ---- the mirror of a node that lives by Redis, whose loop must not wait for it either

class MirrorTest : public ::testing::Test {
 protected:
  Directory directory;
  Loop loop;
  std::shared_ptr<std::promise<void>> gate = std::make_shared<std::promise<void>>();
  std::string failed;
  Worker worker{loop, {.threads = 1}};
  Worker::Strand strand = worker.strand(4);
  std::unique_ptr<NodeAuditStore> store;

  MirrorTest() {
    auto mirror = AuditMirror::open(directory.path);
    EXPECT_TRUE(mirror) << mirror.error().detail;
    store = std::make_unique<NodeAuditStore>(std::move(*mirror), strand, [this](std::string why) { failed = why; });
  }
  ~MirrorTest() override { worker.stop(); }
  void stand_still() {
    std::promise<void> begun;
    ASSERT_TRUE(strand.give(
        [&begun, gate = gate->get_future().share()] {
          begun.set_value();
          gate.wait();
          return true;
        },
        [](bool) {}));
    ASSERT_EQ(begun.get_future().wait_for(patience), std::future_status::ready);
  }
  bool until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!done() && std::chrono::steady_clock::now() < deadline) loop.run_one(Millis(20));
    return done();
  }
  static void add_opened(std::string& changes, std::uint64_t session, const std::string& user) {
    const ChangeFrame change(changes, Entity::session, 0, Id128{1, session});
    ByteWriter w(changes);
    write_stamp(w, {Action::session_open, wall_us(1'760'000'000'000'000), user});
    w.text(user);
  }
  static AuditBatch batch(std::uint64_t from, std::uint64_t to) {
    AuditBatch made;
    made.from = {1, from};
    made.to = {1, to};
    made.id = Id128{9, to};
    made.rows.push_back({made.to, wall_us(1), "default", "x"});
    return made;
  }
};

TEST_F(MirrorTest, what_is_asked_is_done_in_order_and_told_later) {
  stand_still();
  std::vector<std::string> told;
  store->take(batch(0, 1), {}, [&](bool taken) { told.push_back(taken ? "taken" : "not taken"); });
  store->rows({}, 1000, [&](const auto& rows) { told.push_back(std::to_string(rows->size()) + " rows"); });
  store->cut({1, 0}, [&](const auto& end) { told.push_back(end->place.is_nil() ? "cut" : "not cut"); });
  EXPECT_TRUE(told.empty()) << "the loop has waited";
  gate->set_value();
  EXPECT_TRUE(until([&] { return told.size() == 3; }));
  EXPECT_EQ(told, (std::vector<std::string>{"taken", "1 rows", "cut"}));
  EXPECT_EQ(failed, "");
}

TEST_F(MirrorTest, what_finds_the_strand_full_is_told_so_at_once) {
  stand_still();
  for (int i = 0; i < 4; ++i) store->trim({});
  std::vector<std::string> told;
  store->take(batch(0, 1), {}, [&](bool taken) { told.push_back(taken ? "taken" : "not taken"); });
  store->rows({}, 1000, [&](const auto& rows) { told.push_back(rows ? "rows" : "no rows"); });
  store->cut({}, [&](const auto& end) { told.push_back(end ? "cut" : "not cut"); });
  store->set_aside([&](bool begun) { told.push_back(begun ? "begun" : "not begun"); });
  EXPECT_EQ(told, (std::vector<std::string>{"not taken", "no rows", "not cut", "not begun"}));
  gate->set_value();
}

TEST_F(MirrorTest, a_question_sees_what_the_node_knows_and_the_file_does_not_have_yet) {
  std::deque<AuditRow> newest;
  for (std::uint64_t n = 1; n < 4; ++n) {
    std::string changes;
    add_opened(changes, n, "li");
    newest.push_back({{1, n}, wall_us(1), n == 2 ? "other" : "default", changes});
  }
  const auto source = store->source("default", newest, {});
  ASSERT_TRUE(source);
  newest.clear();  // the node goes on meanwhile
  const auto page = (*source)({}, {}, 10, page_bytes_max);
  ASSERT_TRUE(page) << page.error().detail;
  EXPECT_EQ(page->entries.size(), 2U);
  EXPECT_TRUE(page->end);
  EXPECT_EQ(store->source("default", newest, {.seq = 3}).error().code, Code::invalid);
}

// Redis may be away for long: of what the node has then, a question copies no more than a page reads.
TEST_F(MirrorTest, more_than_a_page_reads_is_told_all_the_same_each_change_once) {
  std::deque<AuditRow> newest;
  for (std::uint64_t n = 1; n <= 12; ++n) {
    std::string changes;
    add_opened(changes, n, std::string(1 << 20, 'u'));
    newest.push_back({{1, n}, wall_us(1), "default", changes});
  }
  std::vector<std::string> sessions;
  AuditQuestion question;
  int answers = 0;
  do {
    const auto wanted = read_audit_question(question, 5);
    ASSERT_TRUE(wanted);
    const auto source = store->source("default", newest, wanted->from);
    ASSERT_TRUE(source);
    const std::atomic<bool> cancelled{false};
    const auto answer = audit_lines(*source, *wanted, cancelled);
    ASSERT_TRUE(answer) << answer.error().detail;
    for (const std::string& line : answer->lines)
      sessions.emplace_back(boost::json::parse(line).at("session").as_string());
    question.next = answer->next;
  } while (!question.next.empty() && ++answers < 50);
  EXPECT_LT(answers, 50);
  EXPECT_EQ(sessions.size(), 12U);
  EXPECT_EQ(std::set<std::string>(sessions.begin(), sessions.end()).size(), 12U);
}

}  // namespace
}  // namespace hf
