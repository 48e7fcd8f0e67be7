// What people do themselves, beside what they follow: the scenarios of README.md in which somebody's own change is
// answered and told, or somebody was quicker. If these fail, somebody sees his own work twice, or works on with a
// bill that is not what he looks at.
#include "simulation/scenario_fixture.h"
#include "wire/messages.h"

namespace hf::sim {
namespace {

WorldOptions seeded(std::uint64_t seed, bool redis) {
  WorldOptions options;
  options.seed = seed;
  options.redis = redis;
  options.nodes = redis ? 2 : 1;
  return options;
}

// The bill's next version, by this person.
StatusEvent next(const World& world, const std::string& id, std::int64_t s, const std::string& actor,
                 const std::string& action = "审核") {
  StatusEvent e;
  const StatusEvent* const known = world.erp.now(Erp::key_of(id));
  e.type = Erp::key_of(id).substr(0, 1);
  e.id = id;
  e.version = (known == nullptr ? 0 : *known->version) + 1;
  e.state = {{"S", s}, {"P", 0}};
  e.creator = {"u0", ""};
  e.none = {"owner", "department"};
  e.actor = {actor, "Name of " + actor};
  e.action = action;
  return e;
}

// The version that a screen has; 0: it has no row of the bill.
Version shown(const Seat& seat, const std::string& id) {
  for (const auto& [row, version] : seat.screen->rows()) {
    if (row.starts_with(Erp::key_of(id) + "/")) return version;
  }
  return 0;
}

// A change of one bill by a person whose client follows, too: published with one batch id until it is answered.
class Deed {
 public:
  Deed(World& world, const Seat& seat, StatusEvent event) : world_(world), seat_(seat), event_(std::move(event)) {
    token_ = world.token({.user = event_.actor.user}, {"status.publish"});
    append_fields(body_, Fields(Publish{{.request_id = "deed-" + event_.actor.user + "-" + event_.id + "-" +
                                                       std::to_string(*event_.version)},
                                        {event_}}));
  }
  void send() {
    ++tries_;
    world_.request("POST", "/v1/status", token_, body_, [this](int status, const std::string& text) {
      if (status != 200) return send();
      said_ = boost::json::parse(text).at("results").at(0);
      shown_when_answered_ = shown(seat_, event_.id);
    });
  }
  const StatusEvent& event() const { return event_; }
  bool answered() const { return !said_.is_null(); }
  bool won() const { return said_.as_object().contains("offset"); }
  // Somebody was quicker: with this version.
  std::optional<Version> refused_by() const {
    const auto& said = said_.as_object();
    if (!said.contains("stale") && !said.contains("differs")) return std::nullopt;
    return said.at("version").to_number<Version>();
  }
  Version shown_when_answered() const { return shown_when_answered_; }
  int tries() const { return tries_; }

 private:
  World& world_;
  const Seat& seat_;
  StatusEvent event_;
  std::string token_, body_;
  boost::json::value said_;
  Version shown_when_answered_ = 0;
  int tries_ = 0;
};

TEST_F(Scenario, scenario_30_what_somebody_does_himself_is_told_once_on_each_of_his_clients) {
  std::size_t answer_first = 0, row_first = 0, repeated = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World& w = begin(seeded(seed, seed % 2 == 0));
    for (int i = 0; i < 5; ++i) sit("u0");
    ASSERT_TRUE(all_live());
    for (std::int64_t change = 1; change <= 6; ++change) {
      Deed deed(w, *w.seats[0], next(w, a(1), 1 + change % 2, "u0"));
      w.erp.commit(w.erp.begin_with(deed.event()));
      std::vector<std::size_t> before;
      for (const auto& seat : w.seats) before.push_back(seat->judge->upserts);
      w.answers_lost_one_in = change % 3 == 0 ? 1 : 0;
      deed.send();
      w.answers_lost_one_in = 0;
      ASSERT_TRUE(until([&] { return deed.answered(); }));
      EXPECT_TRUE(deed.won()) << "a repeat is answered as the first was";
      ++(deed.shown_when_answered() == *deed.event().version ? row_first : answer_first);
      repeated += deed.tries() > 1 ? 1 : 0;
      ASSERT_TRUE(w.converges_within(Millis(1'000))) << w.difference();
      w.time.run(Millis(300));
      for (std::size_t i = 0; i < w.seats.size(); ++i)
        EXPECT_EQ(w.seats[i]->judge->upserts - before[i], 1u) << "client " << i << ", seed " << seed;
    }
    ASSERT_TRUE(w.faults.empty()) << w.faults.front();
  }
  EXPECT_GT(answer_first, 10u);
  EXPECT_GT(row_first, 10u);
  EXPECT_GT(repeated, 10u);
}

// What a program shows of a bill that its user has just changed: the change, until the row has come so far.
class OwnRow {
 public:
  explicit OwnRow(const Deed& deed) : mine_(*deed.event().version) {}
  void look(Version row) {
    settled_ = settled_ || row >= mine_;
    const Version shows = settled_ ? row : mine_;
    if (seen_.empty() || seen_.back() != shows) seen_.push_back(shows);
  }
  bool settled() const { return settled_; }
  const std::vector<Version>& seen() const { return seen_; }

 private:
  Version mine_;
  bool settled_ = false;
  std::vector<Version> seen_;
};

TEST_F(Scenario,
       scenario_31_an_own_row_settles_by_its_version_whether_the_answer_comes_before_the_row_after_it_or_never) {
  enum class Answer : std::uint8_t { before_the_row, after_it, never };
  for (const Answer answer : {Answer::before_the_row, Answer::after_it, Answer::never}) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      World& w = begin(seeded(seed, seed % 2 == 0));
      Seat& seat = sit("u0");
      w.change(a(1), 1);
      ASSERT_TRUE(converged());
      Deed deed(w, seat, next(w, a(1), 2, "u0"));
      w.erp.commit(w.erp.begin_with(deed.event()));
      OwnRow own(deed);
      const std::size_t told = seat.judge->upserts;
      w.read(seat, answer != Answer::before_the_row);
      w.answers_lost_one_in = answer == Answer::before_the_row ? 0 : 1;
      deed.send();
      const auto until_shown = [&](const auto& done) {
        return until([&] {
          own.look(shown(seat, a(1)));
          return done();
        });
      };
      if (answer == Answer::before_the_row) {
        ASSERT_TRUE(until_shown([&] { return deed.answered(); }));
        EXPECT_FALSE(own.settled());
        w.read(seat, true);
      }
      ASSERT_TRUE(until_shown([&] { return own.settled(); })) << "a repeat comes through at last";
      if (answer != Answer::before_the_row) EXPECT_FALSE(deed.answered());
      if (answer == Answer::after_it) {
        w.answers_lost_one_in = 0;
        ASSERT_TRUE(until_shown([&] { return deed.answered(); }));
      }
      if (deed.answered()) EXPECT_TRUE(deed.won());
      ASSERT_TRUE(w.converges_within(Millis(1'000))) << w.difference();
      (void)until_shown([&] { return false; });  // and stays so
      EXPECT_EQ(own.seen(), (std::vector<Version>{2})) << "no flicker";
      EXPECT_EQ(seat.judge->upserts - told, 1u);
      ASSERT_TRUE(w.faults.empty()) << w.faults.front();
      w.answers_lost_one_in = 0;
      ASSERT_TRUE(until([&] { return deed.answered(); }));
    }
  }
}

TEST_F(Scenario, scenario_32_who_acts_on_an_old_version_is_refused_with_the_newest_one_and_learns_who_was_quicker) {
  for (const bool redis : {false, true}) {
    World& w = begin(seeded(1, redis));
    Seat& wang = sit("wang");
    const std::string token = w.token(wang.claims, {"lock.edit", "status.publish"});
    const std::string of_li = w.token({.user = "li", .roles = {"all"}}, {"lock.edit"});
    w.change(a(1), 2);
    ASSERT_TRUE(converged());
    const auto session_of = [&](const std::string& who) {
      return std::string(ask("POST", "/v1/sessions", who, "{}").at("session").as_string().c_str());
    };
    const std::string session = session_of(token), session_of_li = session_of(of_li);
    const std::string bill = Erp::key_of(a(1));
    const auto wish = [&](const std::string& in, Version version) {
      return R"({"session":")" + in + R"(","targets":[")" + bill + R"("],"wait_ms":2000,"if_versions":{")" + bill +
             R"(":)" + std::to_string(version) + "}}";
    };
    w.read(wang, false);
    w.commit(w.erp.begin_with(next(w, a(1), 1, "li")), 0);
    ASSERT_TRUE(all_published());
    w.time.run(Millis(1'000));
    EXPECT_EQ(shown(wang, a(1)), 1u) << "he looks at what was";

    // To lock it for work on what he looks at.
    const auto stale = ask("POST", "/v1/locks", token, wish(session, 1));
    EXPECT_EQ(status, 409);
    EXPECT_EQ(stale.at("code").as_string(), "stale_version");
    EXPECT_EQ(stale.at("target").as_string(), bill);
    EXPECT_EQ(stale.at("known_version").to_number<Version>(), 2u);
    // To say what he did to it.
    StatusEvent late = next(w, a(1), 8, "wang", "作废");
    late.version = 2;
    for (const Version version : {Version{1}, Version{2}}) {
      late.version = version;
      Deed deed(w, wang, late);
      deed.send();
      ASSERT_TRUE(until([&] { return deed.answered(); }));
      EXPECT_EQ(deed.refused_by(), 2u) << version;
    }
    // The state, and who.
    const auto now = ask("GET", "/v1/status/A/" + a(1), token);
    EXPECT_EQ(status, 200);
    EXPECT_EQ(now.at("version").to_number<Version>(), 2u);
    EXPECT_EQ(now.at("actor").at("name").as_string(), "Name of li");
    EXPECT_EQ(now.at("action").as_string(), "审核");
    EXPECT_EQ(now.at("state").at("S").to_number<int>(), 1);
    w.read(wang, true);
    ASSERT_TRUE(converged()) << w.difference();
    EXPECT_EQ(shown(wang, a(1)), 2u);
    EXPECT_EQ(wang.judge->upserts, 2u) << "each state once";

    // Who waits for the lock is told so as well, when it would be his.
    const auto held = ask("POST", "/v1/locks", of_li, wish(session_of_li, 2));
    ASSERT_EQ(status, 201);
    EXPECT_EQ(held.at("versions").at(bill).to_number<Version>(), 2u);
    std::optional<int> ended;
    std::string why;
    w.request("POST", "/v1/locks", token, wish(session, 2), [&](int code, std::string text) {
      ended = code;
      why = std::move(text);
    });
    w.time.run(Millis(200));
    ASSERT_FALSE(ended) << "he waits: " << why;
    w.commit(w.erp.begin_with(next(w, a(1), 2, "li")), 0);
    ASSERT_TRUE(converged());
    ask("DELETE", std::string("/v1/locks/") + held.at("lock").as_string().c_str(), of_li,
        R"({"session":")" + session_of_li + "\"}");
    ASSERT_EQ(status, 200);
    ASSERT_TRUE(until([&] { return ended.has_value(); }));
    EXPECT_EQ(*ended, 409);
    EXPECT_EQ(boost::json::parse(why).at("known_version").to_number<Version>(), 3u);
    ask("POST", "/v1/locks", token, wish(session, 3));
    EXPECT_EQ(status, 201) << "with what he sees now";
    EXPECT_TRUE(w.faults.empty());
  }
}

TEST_F(Scenario, scenario_33_of_an_undo_and_the_next_approval_one_wins_by_its_version_and_all_screens_agree) {
  std::size_t undone = 0, approved = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    World& w = begin(seeded(seed, seed % 4 != 0));
    Seat& li = sit("li");
    Seat& chen = sit("chen");
    w.change(a(1), 2);
    ASSERT_TRUE(converged());
    Deed undo(w, li, next(w, a(1), 1, "li", "撤销")), approval(w, chen, next(w, a(1), 8, "chen"));
    // Either may be told before its answer; what the database keeps is what was taken.
    for (const Deed* deed : {&undo, &approval}) w.erp.commit(w.erp.begin_with(deed->event()));
    w.answers_lost_one_in = seed % 5 == 0 ? 2 : 0;
    undo.send();
    approval.send();
    w.answers_lost_one_in = 0;
    ASSERT_TRUE(until([&] { return undo.answered() && approval.answered(); }));
    ASSERT_NE(undo.won(), approval.won()) << "seed " << seed;
    const Deed& winner = undo.won() ? undo : approval;
    const Deed& loser = undo.won() ? approval : undo;
    EXPECT_EQ(loser.refused_by(), 2u);
    ++(undo.won() ? undone : approved);
    w.erp.commit(w.erp.begin_with(winner.event()));
    ASSERT_TRUE(w.converges_within(Millis(1'000))) << w.difference();
    EXPECT_EQ(li.screen->rows(), chen.screen->rows());
    EXPECT_EQ(shown(li, a(1)), undo.won() ? 2u : 0u) << "approved, it is in no group of the tree";
    EXPECT_EQ(ask("GET", "/v1/status/A/" + a(1), w.token(li.claims)).at("actor").at("user").as_string(),
              winner.event().actor.user);
    ASSERT_TRUE(w.faults.empty()) << w.faults.front();
  }
  EXPECT_GT(undone, 5u);
  EXPECT_GT(approved, 5u);
}

}  // namespace
}  // namespace hf::sim
