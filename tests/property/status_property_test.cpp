// Random histories of publishes, resyncs, changed rights, snapshots and diffs, each compared with the plain model: a
// difference means that a row stays in somebody's list, is missing from it, or is shown to who may not see it.
//
// HF_SEED=n runs the one history of that seed, HF_STEPS=n that many steps in all.

#include <gtest/gtest.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "base/random.h"
#include "engine/change.h"
#include "engine/command_codec.h"
#include "engine/status_board.h"
#include "property/status_model.h"

namespace hf::test {
namespace {

using Rows = std::map<std::string, Version>;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

// A client: the rows that it shows and its cursor, as the protocol tells it to keep them.
struct Client {
  Claims claims;
  AudiencePtr audience;
  Rows rows;
  std::map<std::string, Offset> lives;  // of its rows
  std::optional<Cursor> cursor;
  std::vector<std::pair<Catalog::Index, std::uint32_t>> pages;  // still to read
  Offset after = 0;                                             // within the first of them
  bool reading() const { return !pages.empty(); }
};

class History {
 public:
  explicit History(std::uint64_t seed) : random_(seed), catalog_(model_catalog()) {
    options_.catalog = catalog_;
    options_.clock_step_max = Millis(std::chrono::hours(24 * 365));
    options_.limits.log_entries_max = 10 + random_.below(100);
    options_.limits.rows_per_page_max = 1 + static_cast<std::uint32_t>(random_.below(6));
    options_.limits.rows_looked_at_max = 2 + static_cast<std::uint32_t>(random_.below(20));
    options_.limits.batches_kept_max = 5;
    options_.limits.notices_per_person_max = 3;
    board_ = StatusBoard(options_);
    EXPECT_TRUE(board_.recovered(clock_, epoch()));
    for (std::size_t i = 0; i < 5; ++i) clients_.push_back(client(i));
    live_ = clients_;
    for (Client& each : live_) snapshot(each);
  }

  void step() {
    if (random_.one_in(3)) clock_ += Micros(random_.below(3'600'000'000));
    if (random_.one_in(40)) clock_ += std::chrono::hours(24 * (1 + random_.below(8)));
    tick();
    switch (random_.below(20)) {
      case 0: return resync();
      case 1: return change_rights();
      case 2: return restart();
      case 3: return from_image();
      case 4:
      case 5:
      case 6:
      case 7:
      case 8:
      case 9: return read(clients_[random_.below(clients_.size())]);
      case 10: return go_back(clients_[random_.below(clients_.size())]);
      case 11: return catch_up(clients_[random_.below(clients_.size())]);
      case 12: return read_notices();
      default: return publish();
    }
  }

  void check() {
    ASSERT_EQ(board_.check(), "");
    tick();
    for (Client& each : live_) ASSERT_EQ(each.rows, model_.rows(each.claims, clock_)) << each.claims.user;
    for (Client& each : clients_) catch_up(each);
  }

 private:
  EpochId epoch() { return EpochId{{99, ++made_}}; }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[random_.below(from.size())];
  }

  Client client(std::size_t i) {
    Client made;
    made.claims.user = "u" + std::to_string(i % 3);
    made.claims.employee = "e" + std::to_string(i % 3);
    if (random_.one_in(2)) made.claims.departments.push_back("D1");
    if (random_.one_in(3)) made.claims.departments.push_back("D2");
    static const std::vector<std::vector<std::string>> roles{
        {"all"}, {"office"}, {"seller"}, {"seller", "b_all"}, {}, {"office", "b_all"}};
    made.claims.roles = pick(roles);
    made.audience = std::make_shared<const Audience>(*catalog_, made.claims);
    return made;
  }

  StatusOutcome apply(const StatusCommand& command) {
    events_.clear();
    StatusOutcome outcome;
    if (is_query(command)) {
      outcome = board_.apply(command, clock_, events_, journal_);
    } else {
      std::string bytes;
      write_command(bytes, command);
      std::string_view rest = bytes;
      outcome = board_.apply(std::get<StatusCommand>(*take_command(rest)), clock_, events_, journal_);
    }
    for (const BoardEvent& event : events_) {
      if (const auto* const changed = std::get_if<StatusChanged>(&event)) {
        for (Client& each : live_) live(each, *changed);
      }
      if (std::holds_alternative<BoardReset>(event)) reset_ = true;
    }
    for (auto at = deadline_.begin(); at != deadline_.end();) {
      const bool over = at->second.second <= clock_;
      if (over) model_.drop(at->first);
      at = over ? deadline_.erase(at) : std::next(at);
    }
    return outcome;
  }

  // ---- what a client does with what it is told

  static std::string row(const Bill& bill, const std::string& group) {
    return std::string(bill.text(Bill::key)) + "/" + group;
  }
  template <class F>
  void each_group(const Bill& bill, std::uint32_t groups, F&& f) {
    for (std::size_t place = 0; (groups >> place) != 0; ++place) {
      if (((groups >> place) & 1) == 0) continue;
      f(catalog_->content().groups[catalog_->content().types[bill.type_index()].groups[place]].name);
    }
  }
  void show(Client& client, const Bill& bill, std::uint32_t groups) {
    ASSERT_TRUE(visible(*client.audience, bill.facts())) << "a leak";
    each_group(bill, groups, [&](const std::string& group) {
      Version& shown = client.rows[row(bill, group)];
      Offset& life = client.lives[row(bill, group)];
      EXPECT_GE(std::pair(bill.life(), bill.version()), std::pair(life, shown)) << "a version went back on a screen";
      shown = bill.version();
      life = bill.life();
    });
  }
  void hide(Client& client, const Bill& by, std::uint32_t groups, bool exact) {
    each_group(by, groups, [&](const std::string& group) {
      EXPECT_TRUE(client.rows.erase(row(by, group)) == 1 || !exact) << "told of a row that it never had";
      const auto life = client.lives.find(row(by, group));
      if (life == client.lives.end()) return;
      EXPECT_GE(by.life(), life->second) << "a removal of a newer bill's row";
      client.lives.erase(life);
    });
  }
  void live(Client& client, const StatusChanged& changed) {
    const std::uint32_t had = changed.before ? changed.before->rows(*client.audience) : 0;
    const std::uint32_t has = changed.after->rows(*client.audience);
    if (has != 0) show(client, *changed.after, has);
    if ((had & ~has) != 0) hide(client, *changed.after, had & ~has, true);
  }

  void begin(Client& client) {
    const auto todo = std::get<Todo>(apply(GetTodo{client.audience}));
    client.rows.clear();
    client.lives.clear();
    client.cursor = todo.cursor;
    client.pages.clear();
    for (const GroupTally& each : todo.groups) client.pages.emplace_back(each.type, each.group);
    client.after = 0;
  }
  // One frame more: a page, or a part of a diff. True once there is nothing more.
  bool next(Client& client) {
    if (client.reading()) {
      const auto [type, group] = client.pages.back();
      const auto page = std::get<TodoPage>(apply(GetTodoPage{client.audience, type, group, client.after}));
      if (page.epoch != client.cursor->epoch) {
        begin(client);
        return false;
      }
      for (const BillPtr& bill : page.bills) {
        EXPECT_TRUE((bill->groups() >> group) & 1);
        show(client, *bill, std::uint32_t{1} << group);
      }
      client.after = page.next;
      if (page.next == 0) client.pages.pop_back();
      return false;
    }
    const auto diff = std::get<TodoDiff>(
        apply(GetTodoDiff{client.audience, client.cursor, 1 + static_cast<std::uint32_t>(random_.below(5))}));
    if (diff.snapshot != SnapshotReason::none) {
      begin(client);
      return false;
    }
    const bool exact = !client.cursor->paged && client.cursor->since == client.cursor->through;
    for (const BillPtr& bill : diff.changed) show(client, *bill, bill->rows(*client.audience));
    for (const Removal& each : diff.removed) hide(client, *each.by, each.groups, exact);
    client.cursor = diff.cursor;
    return !diff.more;
  }
  void snapshot(Client& client) {
    begin(client);
    for (int n = 0; !next(client); ++n) ASSERT_LT(n, 10'000);
  }

  void read(Client& client) {
    if (!client.cursor) return begin(client);
    next(client);
  }
  // A client that was away comes back with what it had kept.
  void go_back(Client& client) {
    const std::size_t i = static_cast<std::size_t>(&client - clients_.data());
    if (random_.one_in(2) || !kept_.contains(i)) {
      kept_[i] = client;
    } else {
      client = kept_[i];
    }
  }
  void catch_up(Client& client) {
    for (int n = 0; !client.cursor || !next(client); ++n) {
      ASSERT_LT(n, 10'000);
      if (!client.cursor) begin(client);
    }
    const Rows expected = model_.rows(client.claims, clock_);
    ASSERT_EQ(client.rows, expected) << client.claims.user;
    Tally digest, told;
    for (const auto& [name, version] : client.rows) {
      const std::string text = name + "@" + std::to_string(version);
      digest.rows += 1;
      digest.sum0 += XXH32(text.data(), text.size(), 0);
      digest.sum1 += XXH32(text.data(), text.size(), 1);
    }
    const auto todo = std::get<Todo>(apply(GetTodo{client.audience}));
    for (const GroupTally& each : todo.groups) {
      told.rows += each.tally.rows;
      told.sum0 += each.tally.sum0;
      told.sum1 += each.tally.sum1;
    }
    ASSERT_EQ(digest, told);
  }
  void change_rights() {
    const std::size_t i = random_.below(clients_.size());
    Client other = client(i);
    clients_[i].claims = other.claims;
    clients_[i].audience = other.audience;
    clients_[i].pages.clear();
    kept_.erase(i);
    if (!clients_[i].cursor || clients_[i].cursor->epoch != board_.epoch()) return;
    if (clients_[i].cursor->audience == other.audience->key()) {  // it has the rights back that it had
      clients_[i].cursor.reset();
      return;
    }
    clients_[i].cursor->paged = false;
    const auto diff = std::get<TodoDiff>(apply(GetTodoDiff{other.audience, clients_[i].cursor}));
    EXPECT_EQ(diff.snapshot, SnapshotReason::audience);
  }

  // ---- what happens to the board

  StatusEvent some_event(const std::string& type) {
    StatusEvent e;
    e.type = type;
    e.id = std::to_string(random_.below(6));
    const std::vector<std::int64_t> states{1, 2, 2, 8};
    e.state = {{"S", pick(states)}, {"P", random_.one_in(3) ? 2 : 0}};
    const auto person = [&](const char* prefix) { return Person{prefix + std::to_string(random_.below(4)), ""}; };
    e.creator = person("u");
    if (random_.one_in(2)) e.handler = person("u");
    e.owner = person("e");
    if (!random_.one_in(4)) e.department = random_.one_in(2) ? "D1" : "D2";
    e.at = wall_us(1'790'000'000'000'000 + static_cast<std::int64_t>(random_.below(1000)));
    e.deleted = random_.one_in(8);
    if (random_.one_in(6)) e.action = "驳回";
    Version& version = versions_[type + ":" + e.id];
    switch (random_.below(6)) {
      case 0: break;  // none
      case 1: e.version = version; break;
      case 2: e.version = version > 2 ? version - 1 - random_.below(2) : 0; break;
      default: e.version = version + 1 + random_.below(2);
    }
    e.created = !e.deleted && random_.one_in(5);
    if (e.created && random_.one_in(3)) e.version = random_.below(3);
    return e;
  }
  void publish() {
    Publish batch;
    batch.caller.user = "erp";
    if (random_.one_in(4) && !last_.events.empty()) {
      batch.events = {random_.one_in(2) ? last_.events.front() : last_.events.back()};  // again, under no batch id
    } else {
      for (std::uint64_t n = 1 + random_.below(4); n > 0; --n) batch.events.emplace_back(some_event(type()));
    }
    if (random_.one_in(2)) {
      batch.caller.request_id = "b" + std::to_string(++made_);
      batch.caller.fingerprint = made_;
    }
    if (random_.one_in(3)) {
      batch.events.emplace_back(RunEvent{.type = "A", .id = "1", .step = "s", .actor = {"u1", ""}});
    }
    const Offset before = board_.last_offset();
    const auto outcome = apply(batch);
    const auto& answer = std::get<Published>(outcome);
    ASSERT_EQ(answer.results.size(), batch.events.size());
    Offset last_logged = 0;
    for (std::size_t i = 0; i < answer.results.size(); ++i) {
      const PublishResult& result = answer.results[i];
      if (std::holds_alternative<RunEvent>(batch.events[i])) {
        ASSERT_EQ(result, (PublishResult{PublishResult::Kind::logged, board_.last_offset()}));
        continue;
      }
      const auto& event = std::get<StatusEvent>(batch.events[i]);
      model_.stage(event, true);
      const auto verdict = model_.verdict(event, clock_);
      if (verdict) ASSERT_EQ(result.kind, *verdict);
      if (!event.created && model_.is_deleted(event)) {
        ASSERT_TRUE(result.kind == PublishResult::Kind::deleted || result.kind == PublishResult::Kind::logged);
      }
      if (result.kind != PublishResult::Kind::logged) continue;
      ASSERT_GT(result.number, before);
      ASSERT_TRUE(last_logged == 0 || result.number == last_logged + 1) << "offsets are not dense";
      last_logged = result.number;
      const Version version = logged_version(result.number);
      if (event.version) ASSERT_EQ(version, *event.version);
      if (const auto counted = model_.counted_up(event, clock_); !event.version && counted) {
        ASSERT_EQ(version, *counted);
      }
      model_.publish(event, version, clock_);
      versions_[event.type + ":" + event.id] = version;
    }
    if (!batch.caller.request_id.empty()) {
      ASSERT_EQ(std::get<Published>(apply(batch)), answer) << "a repeat was answered otherwise";
    }
    if (std::holds_alternative<RunEvent>(batch.events.back())) batch.events.pop_back();
    last_ = batch;
  }
  void read_notices() {
    const Client& client = clients_[random_.below(clients_.size())];
    ReadNotices read{Caller{.user = client.claims.user}, client.claims.employee, {}};
    const auto list = std::get<NoticeList>(apply(ListNotices{client.audience}));
    for (const NoticePtr& each : list.notices) {
      ASSERT_TRUE(is_reader(*client.audience, *each));
      if (random_.one_in(2)) read.numbers.push_back(each->number);
    }
    apply(read);
    const auto left = std::get<NoticeList>(apply(ListNotices{client.audience}));
    for (const NoticePtr& each : left.notices) {
      ASSERT_TRUE(std::ranges::find(read.numbers, each->number) == read.numbers.end());
    }
  }
  Version logged_version(Offset offset) const {
    for (const BoardEvent& event : events_) {
      const auto* const changed = std::get_if<StatusChanged>(&event);
      if (changed != nullptr && changed->after->offset() == offset) return changed->after->version();
    }
    ADD_FAILURE() << "a logged event was not told";
    return 0;
  }
  std::string type() { return random_.one_in(3) ? "B" : "A"; }

  void resync() {
    const std::string of = type();
    Caller caller{.user = "erp"};
    if (!model_.is_open(of) || random_.one_in(6)) {
      const ResyncId id{{7, ++made_}};
      ASSERT_TRUE(std::holds_alternative<ResyncTaken>(apply(OpenResync{caller, id, of})));
      model_.open(of);
      deadline_[of] = {id, clock_ + options_.limits.resync_idle_max};
      return;
    }
    const ResyncId id = deadline_[of].first;
    if (random_.one_in(4)) {
      const EpochId next = epoch();
      const auto outcome = apply(CommitResync{caller, id, next});
      if (!model_.is_open(of)) {
        ASSERT_EQ(std::get<Refusal>(outcome).code, Code::not_found);
        return;
      }
      ASSERT_EQ(std::get<ResyncCommitted>(outcome).epoch, next);
      ASSERT_TRUE(reset_);
      model_.commit(of, clock_);
      deadline_.erase(of);
      std::erase_if(versions_, [&](const auto& each) { return each.first.starts_with(of + ":"); });
      for (Client& each : live_) snapshot(each);
      return;
    }
    ResyncPage page{caller, id, {}};
    for (std::uint64_t n = 1 + random_.below(5); n > 0; --n) page.events.push_back(some_event(of));
    const auto outcome = apply(page);
    if (!model_.is_open(of)) {
      ASSERT_EQ(std::get<Refusal>(outcome).code, Code::not_found);
      return;
    }
    ASSERT_TRUE(std::holds_alternative<ResyncTaken>(outcome));
    for (const StatusEvent& event : page.events) model_.stage(event, false);
    deadline_[of].second = clock_ + options_.limits.resync_idle_max;
  }
  void tick() { apply(StatusTick{}); }

  // ---- what must not show

  std::string image() const {
    std::string out;
    board_.image(out);
    return out;
  }
  // The journal as a store folds it: the last change of each key; a fresh put and its erase are nothing.
  std::string folded() {
    std::map<std::pair<Entity, Id128>, std::string> kept;
    for (std::string_view rest = journal_; !rest.empty();) {
      const auto change = take_change(rest);
      const auto key = std::pair(change->header.entity, change->header.key);
      if ((change->header.flags & change_erase) != 0) {
        EXPECT_EQ(kept.erase(key), 1u) << "erased what is not there";
        continue;
      }
      const bool fresh = (change->header.flags & change_fresh) != 0;
      EXPECT_TRUE(!fresh || !kept.contains(key)) << "a fresh put of what is there";
      kept[key] = change->whole;
    }
    std::string out;
    for (const auto& [key, change] : kept) out += change;
    return out;
  }
  void restart() {
    tick();
    board_.seal(journal_);
    const std::string expected = image();
    const std::string state = folded();
    for (const bool fold : {false, true}) {
      StatusBoard again(options_);
      ASSERT_TRUE(again.recover(fold ? state : journal_));
      ASSERT_TRUE(again.recovered(clock_, EpochId{{1, 1}}));
      ASSERT_EQ(again.check(), "");
      std::string out;
      again.image(out);
      ASSERT_TRUE(out == expected) << "a restart changed the board";
      board_ = std::move(again);
    }
    journal_ = state;
  }
  void from_image() {
    const std::string expected = image();
    StatusBoard twin(options_);
    ASSERT_TRUE(twin.recover(expected));
    ASSERT_TRUE(twin.recovered(clock_, EpochId{{1, 1}}));
    std::string out;
    twin.image(out);
    ASSERT_TRUE(out == expected) << "an image is not exact";
    board_ = std::move(twin);  // what it does from here on is held against the model
  }

  Random random_;
  std::shared_ptr<const Catalog> catalog_;
  StatusBoardOptions options_;
  StatusBoard board_;
  StatusModel model_;
  Wall clock_ = wall_us(1'800'000'000'000'000);
  std::uint64_t made_ = 0;
  std::vector<BoardEvent> events_;
  std::string journal_;
  std::vector<Client> clients_, live_;
  std::map<std::size_t, Client> kept_;
  std::map<std::string, Version> versions_;
  std::map<std::string, std::pair<ResyncId, Wall>> deadline_;
  Publish last_;
  bool reset_ = false;
};

TEST(StatusProperty, every_client_shows_what_the_model_says) {
  const std::uint64_t one_seed = from_environment("HF_SEED", 0);
  const std::uint64_t total = from_environment("HF_STEPS", 300'000);
  std::uint64_t done = 0;
  for (std::uint64_t seed = one_seed != 0 ? one_seed : 1; done < total; ++seed) {
    SCOPED_TRACE("HF_SEED=" + std::to_string(seed));
    History history(seed);
    for (int n = 0; n < 400; ++n) {
      history.step();
      if (n % 20 == 19) history.check();
      if (testing::Test::HasFailure()) return;
    }
    done += 400;
    if (one_seed != 0) return;
  }
}

}  // namespace
}  // namespace hf::test
