// Random histories of people who edit one bill on a real database: they get locks of a real lock tree, lose them
// without noticing, look again or not, and save late; somebody else writes round the fence. With the fence no change is
// lost. The same histories without it, or with a half of it, must be found out: else this test could not fail.

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>

#include "tests/fence/locks.h"
#include "tests/fence/save.h"

namespace hf::test {
namespace {

constexpr std::array<const char*, 3> targets = {"SaleOrder:1001", "SaleOrder:1001/SaleOrderDetail/7",
                                                "SaleOrder:1001/SaleOrderDetail/8"};

constexpr int steps = 250;

// What of the fence's statement a history leaves out.
enum class Part : std::uint8_t { none, version, token, all };

// The bill's quantity and those of its two lines: each counts how often it was written.
using Quantities = std::array<Number, 3>;

struct Editor {
  std::string name;
  std::array<std::optional<Grant>, targets.size()> locks;  // as he believes
  std::array<Token, targets.size()> tokens{};              // of them
  std::optional<Number> version;                           // what he sees, if he has opened the bill
  Quantities seen{};
};

class History {
 public:
  History(FenceDatabase& database, std::uint64_t seed, Part left_out)
      : erp_(database.connect()), random_(seed), left_out_(left_out), editors_(2 + random_.below(3)) {
    for (std::size_t i = 0; i < editors_.size(); ++i) editors_[i].name = "editor-" + std::to_string(i);
    EXPECT_TRUE(FenceDatabase::empty(erp_));
    EXPECT_TRUE(begin_save(erp_, {}) && erp_.execute(order(1001, 0)) && erp_.execute(line(7, 1001, 0)) &&
                erp_.execute(line(8, 1001, 0)) && end_save(erp_, {}));
  }

  // What is wrong after so many steps; empty: nothing.
  std::string run(int count) {
    for (int i = 0; i < count; ++i) {
      step(editors_[random_.below(editors_.size())]);
      const std::string wrong = look();
      if (!wrong.empty()) return "step " + std::to_string(i) + ": " + wrong;
    }
    return {};
  }
  int saved() const { return saved_; }
  int refused() const { return refused_; }

 private:
  void step(Editor& editor) {
    const std::size_t which = random_.below(targets.size());
    switch (random_.below(8)) {
      case 0:
      case 1: acquire(editor, which); break;
      case 2:
      case 3: open(editor); break;
      case 4:
      case 5: save_one(editor); break;
      case 6: lose(editor, which); break;
      default:
        if (random_.one_in(4)) round(which);
    }
  }

  void acquire(Editor& editor, std::size_t which) {
    if (editor.locks[which]) return;
    editor.locks[which] = locks_.acquire(editor.name, targets[which]);
    // The tokens of what he had may have grown with it.
    for (std::size_t i = 0; i < targets.size(); ++i) {
      if (!editor.locks[i]) continue;
      if (const Token token = locks_.token_of(*editor.locks[i], targets[i]); token != 0) editor.tokens[i] = token;
    }
  }

  void open(Editor& editor) {
    editor.version = version_of(erp_);
    editor.seen = read();
  }

  // The lock ends and he does not know, or he gives it back and does.
  void lose(Editor& editor, std::size_t which) {
    if (!editor.locks[which]) return;
    if (random_.one_in(3)) {
      locks_.release(*editor.locks[which]);
      editor.locks[which].reset();
    } else {
      locks_.force(*editor.locks[which]);
    }
  }

  // With what he sees and with a lock that he believes in. A save of the bill writes its lines too, as he sees them.
  void save_one(Editor& editor) {
    std::size_t which = random_.below(targets.size());
    for (std::size_t i = 0; i < targets.size() && !editor.locks[which]; ++i) which = (which + 1) % targets.size();
    if (!editor.version || !editor.locks[which]) return;
    Quantities written = editor.seen;
    ++written[which];
    const BillAt bill{.version = *editor.version, .token = editor.tokens[which]};
    erp_.begin();
    if (erp_.execute(fence_of(bill, which == 0 ? Under::bill : Under::part)) != 1) {
      erp_.roll_back();
      ++refused_;
      return;
    }
    for (std::size_t i = 0; i < targets.size(); ++i) {
      if (which == 0 || i == which) erp_.execute(set(i, std::to_string(written[i])));
    }
    ASSERT_TRUE(end_save(erp_, bill));
    ++writes_[which];
    ++versions_;
    ++saved_;
    editor.version = *editor.version + 1;  // his form shows what he has saved
    editor.seen = written;
  }

  void round(std::size_t which) {
    ASSERT_TRUE(erp_.execute(set(which, column(which) + " + 1")));
    ++writes_[which];
    ++versions_;
  }

  std::string fence_of(const BillAt& bill, Under lock) const {
    std::string sql = fence(bill, lock);
    const auto leave_out = [&sql](const std::string& condition) {
      const auto at = sql.find(condition);
      EXPECT_NE(at, std::string::npos) << condition;
      sql.erase(at, condition.size());
    };
    if (left_out_ == Part::version || left_out_ == Part::all)
      leave_out(" AND version = " + std::to_string(bill.version));
    if (left_out_ == Part::token || left_out_ == Part::all) {
      leave_out(" AND token <= " + std::to_string(bill.token));
      if (lock == Under::bill) leave_out(" AND part_token <= " + std::to_string(bill.token));
    }
    return sql;
  }

  static std::string column(std::size_t which) { return which == 0 ? "\"TotalQty\"" : "\"Quantity\""; }
  static std::string where(std::size_t which) {
    return which == 0 ? " WHERE \"SOrder_ID\" = 1001" : " WHERE \"SaleOrderDetail_ID\" = " + std::to_string(6 + which);
  }
  static std::string table(std::size_t which) { return which == 0 ? "\"tb_SaleOrder\"" : "\"tb_SaleOrderDetail\""; }
  static std::string set(std::size_t which, const std::string& value) {
    return "UPDATE " + table(which) + " SET " + column(which) + " = " + value + where(which);
  }
  Quantities read() {
    Quantities now{};
    for (std::size_t i = 0; i < now.size(); ++i)
      now[i] = erp_.ask("SELECT " + column(i) + " FROM " + table(i) + where(i)).value_or(-1);
    return now;
  }
  Number ask(const char* column) { return erp_.ask(std::string("SELECT ") + column + " FROM hf_bill").value_or(-1); }

  std::string look() {
    if (read() != writes_) return "a change is lost";
    if (version_of(erp_) != versions_) return "the version is not the number of writes";
    const Number token = ask("token");
    const Number part_token = ask("part_token");
    if (token < token_ || part_token < part_token_) return "a token fell";
    token_ = token;
    part_token_ = part_token;
    return {};
  }

  Connection erp_;
  Random random_;
  Part left_out_;
  std::vector<Editor> editors_;
  Locks locks_;
  Quantities writes_{};
  Number versions_ = 1;
  Number token_ = 0, part_token_ = 0;
  int saved_ = 0, refused_ = 0;
};

class FenceHistory : public ::testing::TestWithParam<Dialect> {
 protected:
  void SetUp() override { ASSERT_TRUE(database.is_made()); }
  // Seeds in which something goes wrong.
  int found(Part left_out) {
    int bad = 0;
    for (std::uint64_t seed = 1; seed <= 5; ++seed) bad += History(database, seed, left_out).run(steps).empty() ? 0 : 1;
    return bad;
  }
  FenceDatabase database{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Databases, FenceHistory,
                         ::testing::Values(Dialect::sqlite, Dialect::postgresql, Dialect::mysql),
                         [](const auto& tested) { return std::string(name_of(tested.param)); });

TEST_P(FenceHistory, loses_no_change_skips_no_version_and_never_lowers_a_token) {
  const std::uint64_t seeds = std::getenv("HF_SOAK") != nullptr ? 500 : 5;
  int saved = 0;
  int refused = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    History history(database, seed, Part::none);
    ASSERT_EQ(history.run(steps), "") << "seed " << seed;
    saved += history.saved();
    refused += history.refused();
  }
  EXPECT_GT(saved, static_cast<int>(seeds) * 5) << "a history in which nobody saves shows nothing";
  EXPECT_GT(refused, static_cast<int>(seeds) * 2);
}

TEST_P(FenceHistory, is_found_out_without_the_fence_and_with_either_half_of_it) {
  EXPECT_EQ(found(Part::all), 5);
  EXPECT_GE(found(Part::version), 3) << "tokens alone: who saves late, before the next holder, is overwritten";
  EXPECT_GE(found(Part::token), 1) << "the version alone: a token falls";
}

}  // namespace
}  // namespace hf::test
