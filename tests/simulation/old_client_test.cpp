// A client that is older than its server: the last scenario of README.md about what clients hear. If it fails, an
// upgrade of the server leaves everybody who has not upgraded yet with a tree that stands still, or lies.
#include "simulation/scenario_fixture.h"
#include "simulation/sdk_screen.h"

namespace hf::sim {
namespace {

// The SDK's core on a server that says one bill in a way that it cannot read, and much besides that it has never heard
// of. What it shows of that bill is laid over with the truth, so that the judge holds it to all the rest.
class OldClient final : public TodoScreen {
 public:
  explicit OldClient(std::string strange) : strange_(std::move(strange)) {}
  void asked() override {
    sdk_.asked();
    truth_.asked();
  }
  void left() override {
    sdk_.left();
    truth_.left();
  }
  void hear(std::string_view message) override {
    truth_.hear(message);
    boost::json::value said = boost::json::parse(message);
    if (said.as_object().contains("event")) {
      sdk_.hear(R"({"event":"todo.moved","cursor":"nowhere","upsert":7,"rows":1})");
      said.as_object()["hint"] = boost::json::array{1, "two"};
    }
    for (const char* list : {"upsert", "remove"}) {
      auto* const rows = said.as_object().if_contains(list);
      if (rows == nullptr) continue;
      for (auto& row : rows->as_array()) make_strange(row.as_object());
    }
    sdk_.hear(boost::json::serialize(said));
    laid_over_ = sdk_.rows();
    std::erase_if(laid_over_, [this](const auto& row) { return row.first.starts_with(bill()); });
    for (const auto& row : truth_.rows()) {
      if (row.first.starts_with(bill())) laid_over_.insert(row);
    }
  }
  const Rows& rows() const override { return laid_over_; }
  const Counts& counts() const override { return sdk_.counts(); }
  const Editors& editing() const override { return sdk_.editing(); }
  const std::string& cursor() const override { return sdk_.cursor(); }
  bool live() const override { return sdk_.live(); }
  bool doubts() const override { return sdk_.doubts(); }

  const Rows& really_shown() const { return sdk_.rows(); }
  bool says_strangely = false;
  std::size_t not_read = 0;

 private:
  std::string bill() const { return Erp::key_of(strange_) + "/"; }
  void make_strange(boost::json::object& row) {
    row["since"] = "yesterday";
    if (!says_strangely || row.at("id").as_string() != strange_) return;
    row["version"] = boost::json::object{{"number", row.at("version")}};
    ++not_read;
  }

  std::string strange_;
  SdkScreen sdk_;
  ReferenceScreen truth_;
  Rows laid_over_;
};

TEST_F(Scenario, scenario_40_an_event_that_an_old_client_cannot_read_costs_it_that_row_and_nothing_else) {
  World& w = begin();
  auto screen = std::make_unique<OldClient>(a(3));
  OldClient& client = *screen;
  Seat& old = w.add_seat({"u0", "e-u0", {}, {"all"}, {}, false}, {}, std::move(screen));
  sit("u1");
  for (std::size_t i = 0; i < 6; ++i) w.change(a(i), 2);
  ASSERT_TRUE(converged());
  EXPECT_EQ(client.really_shown().size(), 6u);

  // One row is said in a new way: it is asked for anew, once, and then left out.
  client.says_strangely = true;
  w.change(a(3), 1);
  w.change(a(4), 1);
  ASSERT_TRUE(converged()) << w.difference();
  EXPECT_EQ(old.judge->snapshots, 2u);
  EXPECT_EQ(client.really_shown().size(), 5u);
  EXPECT_FALSE(client.really_shown().contains("A:" + a(3) + "/due")) << "not as it was before either";

  // All others follow, and the digests prove them.
  const std::size_t digests = old.judge->digests;
  for (std::size_t i = 0; i < 30; ++i) {
    w.change(a(i % 3), 1 + static_cast<std::int64_t>(i % 2));
    ASSERT_TRUE(converged()) << w.difference();
    w.time.run(Millis(2'000));
  }
  EXPECT_GT(old.judge->digests - digests, 4u);
  EXPECT_EQ(old.judge->snapshots, 2u);
  w.cut(old);
  ASSERT_TRUE(all_live());
  EXPECT_EQ(old.judge->mode, "diff");
  w.time.run(std::chrono::minutes(1));
  EXPECT_EQ(old.judge->snapshots, 2u) << "nothing is asked for without end";

  // Each further state of it is worth one look, no more.
  const std::size_t before = client.not_read;
  for (std::int64_t i = 0; i < 5; ++i) {
    w.change(a(3), 1 + i % 2);
    ASSERT_TRUE(converged()) << w.difference();
  }
  EXPECT_GE(client.not_read - before, 5u);
  EXPECT_LE(old.judge->snapshots, 2u + 5u);
  w.time.run(std::chrono::minutes(1));
  EXPECT_LE(old.judge->snapshots, 2u + 5u);
  EXPECT_EQ(client.really_shown().size(), 5u);

  // The bill goes, in words that it knows or not.
  w.change(a(3), 8);
  ASSERT_TRUE(converged()) << w.difference();
  EXPECT_EQ(client.really_shown(), client.rows());
}

}  // namespace
}  // namespace hf::sim
