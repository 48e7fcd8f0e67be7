// Several writers at the same moment, on real databases. If one of these fails, the fence holds only while nobody
// hurries.

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/fence/save.h"

namespace hf::test {
namespace {

constexpr int patience_ms = 60'000;
constexpr int step_ms = 150;  // MariaDB brings what it tells up to date when nobody has asked for 100 ms
constexpr Token token = 100;

class AtOnce : public ::testing::TestWithParam<Dialect> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(database.is_made());
    ASSERT_TRUE(save(erp, {.id = 1001, .version = 0, .token = token}, order(1001, 0)));
    ASSERT_TRUE(save(erp, {.id = 1002, .version = 0, .token = token}, order(1002, 0)));
  }
  bool locks_rows() const { return GetParam() != Dialect::sqlite; }
  // Waits until another connection waits for a lock that somebody holds.
  bool somebody_waits() {
    const char* const asked = GetParam() == Dialect::postgresql
                                  ? "SELECT COUNT(*) FROM pg_locks WHERE NOT granted"
                                  : "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'";
    for (int waited = 0; waited < patience_ms; waited += step_ms) {
      if (watcher.ask(asked).value_or(0) > 0) return true;
      ::poll(nullptr, 0, step_ms);
    }
    return false;
  }

  FenceDatabase database{GetParam()};
  Connection erp = database.connect();
  Connection watcher = database.connect();
};

INSTANTIATE_TEST_SUITE_P(Databases, AtOnce, ::testing::Values(Dialect::sqlite, Dialect::postgresql, Dialect::mysql),
                         [](const auto& tested) { return std::string(name_of(tested.param)); });

TEST_P(AtOnce, of_two_first_writers_one_is_refused) {
  const BillAt fresh{.id = 2001, .version = 0, .token = token};
  ASSERT_TRUE(begin_save(erp, fresh));
  std::atomic<int> saved{-1};
  std::jthread second([&] {
    Connection own = database.connect();
    saved = save(own, fresh, order(2001, 2)) ? 1 : 0;
  });
  if (locks_rows()) {
    EXPECT_TRUE(somebody_waits());
  }
  ASSERT_TRUE(erp.execute(order(2001, 1)));
  ASSERT_TRUE(end_save(erp, fresh));
  second.join();
  EXPECT_EQ(saved, 0);
  EXPECT_EQ(version_of(erp, 2001), 1);
  EXPECT_EQ(quantity_of(erp, 2001), 1);
}

TEST_P(AtOnce, if_the_first_of_two_first_writers_rolls_back_the_second_saves) {
  const BillAt fresh{.id = 2001, .version = 0, .token = token};
  ASSERT_TRUE(begin_save(erp, fresh));
  std::atomic<int> saved{-1};
  std::jthread second([&] {
    Connection own = database.connect();
    saved = save(own, fresh, order(2001, 2)) ? 1 : 0;
  });
  if (locks_rows()) {
    EXPECT_TRUE(somebody_waits());
  }
  erp.roll_back();
  second.join();
  EXPECT_EQ(saved, 1);
  EXPECT_EQ(version_of(erp, 2001), 1);
}

TEST_P(AtOnce, many_first_writers_make_one_bill) {
  constexpr int writers = 4;
  for (Number id = 3001; id <= 3005; ++id) {
    std::atomic<int> saved{0};
    std::vector<std::jthread> threads;
    for (int i = 0; i < writers; ++i) {
      threads.emplace_back([&, i] {
        Connection own = database.connect();
        if (save(own, {.id = id, .version = 0, .token = token}, order(id, i))) ++saved;
      });
    }
    threads.clear();
    EXPECT_EQ(saved, 1) << "bill " << id;
    EXPECT_EQ(version_of(erp, id), 1);
  }
}

TEST_P(AtOnce, a_write_without_the_fence_waits_for_a_fenced_save_and_is_counted_after_it) {
  const BillAt bill{.version = 1, .token = token};
  ASSERT_TRUE(begin_save(erp, bill));
  ASSERT_TRUE(erp.execute(line(7, 1001, 1)));
  std::atomic<bool> written{false};
  std::jthread second([&] {
    Connection own = database.connect();
    written = own.execute(line(8, 1001, 1)).has_value();
  });
  if (locks_rows()) {
    EXPECT_TRUE(somebody_waits());
  }
  ASSERT_TRUE(end_save(erp, bill));
  second.join();
  EXPECT_TRUE(written);
  EXPECT_EQ(version_of(erp), 3);
  EXPECT_FALSE(save(erp, {.version = 2, .token = token}, set_quantity(1)))
      << "the first has not seen the second's line";
}

TEST_P(AtOnce, bills_fenced_in_opposite_order_lose_a_transaction_but_no_change) {
  if (!locks_rows()) {
    // One writer at a time: whoever comes second waits at its BEGIN, so there is no order to be opposite.
    ASSERT_TRUE(begin_save(erp, {.id = 1001, .version = 1, .token = token}));
    EXPECT_FALSE(watcher.execute("PRAGMA busy_timeout = 0") && watcher.execute("BEGIN IMMEDIATE"));
    return;
  }
  std::atomic<int> saved{0};
  std::atomic<int> begun{0};
  const auto work = [&](Number first, Number second) {
    Connection own = database.connect();
    const bool first_is_ours = begin_save(own, {.id = first, .version = 1, .token = token});
    ++begun;
    while (begun < 2) std::this_thread::yield();
    if (first_is_ours && own.execute(fence({.id = second, .version = 1, .token = token})) == 1 &&
        own.execute(set_quantity(5, first)) && own.execute(set_quantity(5, second)) &&
        own.execute(last({.id = first})) && own.execute(last({.id = second})) && own.commit()) {
      ++saved;
      return;
    }
    own.roll_back();
  };
  std::jthread forth([&] { work(1001, 1002); });
  std::jthread back([&] { work(1002, 1001); });
  forth.join();
  back.join();
  EXPECT_EQ(saved, 1) << "the database ends one of the two";
  EXPECT_EQ(version_of(erp, 1001), 2);
  EXPECT_EQ(version_of(erp, 1002), 2);
}

// Each reads, adds one and saves, again and again, until it has saved so many times.
struct Adder {
  const FenceDatabase& database;
  int saves;
  std::vector<Number> bills;  // in the order in which it fences them
  int errors = 0;             // what the database itself refused

  void run() {
    Connection own = database.connect();
    for (int done = 0; done < saves;) done += save_once(own) ? 1 : 0;
  }
  bool save_once(Connection& own) {
    std::vector<BillAt> read;
    std::vector<Number> quantities;
    for (const Number id : bills) {
      read.push_back({.id = id, .version = version_of(own, id), .token = token});
      quantities.push_back(quantity_of(own, id));
    }
    bool good = own.begin();
    for (const BillAt& bill : read) good = good && hit(own, fence(bill));
    for (std::size_t i = 0; i < read.size(); ++i) good = good && hit(own, set_quantity(quantities[i] + 1, read[i].id));
    for (const BillAt& bill : read) good = good && hit(own, last(bill));
    if (good && own.commit()) return true;
    own.roll_back();
    return false;
  }
  bool hit(Connection& own, const std::string& sql) {
    const auto rows = own.execute(sql);
    if (!rows) ++errors;
    return rows == 1;
  }
};

TEST_P(AtOnce, no_change_is_lost_and_in_one_order_of_bills_nobody_is_ended) {
  constexpr int writers = 3;
  constexpr int saves = 15;
  std::vector<Adder> adders(writers, Adder{database, saves, {1001, 1002}});
  std::vector<std::jthread> threads;
  threads.reserve(adders.size());
  for (Adder& adder : adders) threads.emplace_back([&adder] { adder.run(); });
  threads.clear();
  for (const Adder& adder : adders) EXPECT_EQ(adder.errors, 0);
  for (const Number id : {1001, 1002}) {
    EXPECT_EQ(quantity_of(erp, id), writers * saves);
    EXPECT_EQ(version_of(erp, id), 1 + writers * saves);
  }
}

}  // namespace
}  // namespace hf::test
