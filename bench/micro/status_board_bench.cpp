// What the status board costs: a publish in batches of 100, a person's counts, a page and a diff, and the memory of a
// bill, on a board of a million open bills of the real ERP's catalog.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <fstream>
#include <sstream>

#include "base/random.h"
#include "catalog/catalog_loader.h"
#include "engine/status_board.h"

namespace {

using namespace hf;

constexpr std::size_t kBills = 1'000'000;
constexpr std::size_t kPeople = 200;
constexpr std::size_t kDepartments = 20;
const char* const kTypes[] = {"SaleOrder", "SaleOut", "PurOrder", "PurEntry", "Receivable"};

std::size_t memory() { return mallinfo2().uordblks + mallinfo2().hblkhd; }

struct Million {
  StatusBoardOptions options;
  StatusBoard board;
  Wall clock = wall_us(1'800'000'000'000'000);
  Random random{1};
  std::vector<BoardEvent> events;
  std::string journal;
  double bytes_per_bill = 0;

  Million() {
    std::ifstream file(HF_SOURCE_DIR "/catalog/ruinorerp.toml", std::ios::binary);
    std::stringstream stream;
    stream << file.rdbuf();
    options.catalog = std::make_shared<const Catalog>(*load_catalog(stream.str(), "ruinorerp.toml"));
    options.limits.log_entries_max = 1000;  // so that what is measured is the board
    board = StatusBoard(options);
    board.recovered(clock, EpochId{{1, 1}});
    const std::size_t before = memory();
    for (std::size_t i = 0; i < kBills; i += 100) publish(i, 1);
    bytes_per_bill = static_cast<double>(memory() - before) / static_cast<double>(board.stats().bills);
  }

  // The events of a bill are those of an order: some 110 bytes of text and two states.
  StatusEvent event(std::size_t i, Version version) {
    StatusEvent e;
    e.type = kTypes[i % 5];
    e.id = std::to_string(1'740'000'000'000'000'000 + i);
    e.no = "SO251122" + std::to_string(1000 + i);
    e.version = version;
    const std::int64_t state = static_cast<std::int64_t>(random.below(2)) + 1;
    e.state = {{i % 5 == 4 ? "ARAPStatus" : "DataStatus", state}, {"ApprovalStatus", std::int64_t{0}}};
    const std::string person = std::to_string(random.below(kPeople));
    e.creator = {"u" + person, "张三" + person};
    e.owner = {"E" + person, "张三" + person};
    e.actor = e.creator;
    e.department = "D" + std::to_string(random.below(kDepartments));
    e.action = "保存";
    e.partner = "K" + std::to_string(random.below(5000));
    e.amount = "1280.50";
    e.at = clock;
    return e;
  }
  void publish(std::size_t first, Version version) {
    Publish batch;
    batch.caller.user = "erp";
    for (std::size_t i = first; i < first + 100; ++i) batch.events.emplace_back(event(i, version));
    submit(batch);
  }
  StatusOutcome submit(const StatusCommand& command) {
    events.clear();
    journal.clear();
    clock += Micros(10);
    return board.apply(command, clock, events, journal);
  }
  AudiencePtr audience(const Claims& claims) const {
    return std::make_shared<const Audience>(*options.catalog, claims);
  }
};

Million& million() {
  static Million made;
  return made;
}

AudiencePtr reader(int kind) {
  if (kind == 0) return million().audience({.user = "see", .roles = {"viewer"}});
  if (kind == 1) return million().audience({.user = "m", .departments = {"D1", "D2"}, .roles = {"manager"}});
  return million().audience({.user = "u7", .employee = "E7", .roles = {"sales"}});
}

void publish_batches_of_100(benchmark::State& state) {
  Million& m = million();
  static Version version = 1;
  std::vector<Publish> batches(64);
  for (auto _ : state) {
    state.PauseTiming();
    ++version;
    for (Publish& batch : batches) {
      batch = {};
      batch.caller.user = "erp";
      const std::size_t first = m.random.below(kBills / 100) * 100;
      for (std::size_t i = first; i < first + 100; ++i) batch.events.emplace_back(m.event(i, version * 1000));
    }
    state.ResumeTiming();
    for (const Publish& batch : batches) benchmark::DoNotOptimize(m.submit(batch));
  }
  state.SetItemsProcessed(state.iterations() * 6400);
  state.counters["bytes_per_bill"] = m.bytes_per_bill;
}
BENCHMARK(publish_batches_of_100);

void counts_of_a_person(benchmark::State& state) {
  const AudiencePtr who = reader(static_cast<int>(state.range(0)));
  double rows = 0;
  for (auto _ : state) {
    const auto todo = std::get<Todo>(million().submit(GetTodo{who}));
    rows = 0;
    for (const GroupTally& each : todo.groups) rows += each.tally.rows;
  }
  state.counters["rows"] = rows;
}
BENCHMARK(counts_of_a_person)->DenseRange(0, 2);  // all, two of twenty departments, own

void a_page_of_500(benchmark::State& state) {
  Million& m = million();
  const AudiencePtr who = reader(static_cast<int>(state.range(0)));
  GetTodoPage ask{who, m.options.catalog->index_of(*m.options.catalog->find_type("SaleOrder")), 0};
  double rows = 0;
  for (auto _ : state) {
    const auto page = std::get<TodoPage>(m.submit(ask));
    rows = static_cast<double>(page.bills.size());
    ask.after = page.next;
  }
  state.counters["rows"] = rows;
}
BENCHMARK(a_page_of_500)->DenseRange(0, 2);

void a_diff_of_the_last_batch(benchmark::State& state) {
  Million& m = million();
  const AudiencePtr who = reader(static_cast<int>(state.range(0)));
  Cursor cursor = std::get<Todo>(m.submit(GetTodo{who})).cursor;
  cursor.paged = false;
  m.publish(0, 1'000'000'000'000 + m.board.last_offset());
  double rows = 0;
  for (auto _ : state) {
    const auto diff = std::get<TodoDiff>(m.submit(GetTodoDiff{who, cursor}));
    rows = static_cast<double>(diff.changed.size() + diff.removed.size());
  }
  state.counters["rows"] = rows;
}
BENCHMARK(a_diff_of_the_last_batch)->DenseRange(0, 2);

// What a node that joins needs: the image of a million bills, and a board made from it.
void an_image(benchmark::State& state) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    million().board.image(out);
  }
  state.counters["bytes_per_bill"] = static_cast<double>(out.size()) / kBills;
}
BENCHMARK(an_image)->Unit(benchmark::kMillisecond);

void a_board_from_an_image(benchmark::State& state) {
  Million& m = million();
  std::string image;
  m.board.image(image);
  for (auto _ : state) {
    StatusBoard board(m.options);
    board.recover(image);
    board.recovered(m.clock, EpochId{{2, 2}});
    state.PauseTiming();
    {
      const StatusBoard gone = std::move(board);
    }
    state.ResumeTiming();
  }
}
BENCHMARK(a_board_from_an_image)->Unit(benchmark::kMillisecond);

// A resync of 100,000 bills of a type that has 200,000: what its commit takes.
void a_commit_of_100000_bills(benchmark::State& state) {
  Million& m = million();
  std::uint64_t number = 100;
  for (auto _ : state) {
    state.PauseTiming();
    const ResyncId id{{5, ++number}};
    const Caller caller{.user = "erp"};
    m.submit(OpenResync{caller, id, "SaleOrder"});
    for (std::size_t first = 0; first < 500'000; first += 5000) {
      ResyncPage page{caller, id, {}};
      for (std::size_t i = first; i < first + 5000; i += 5) page.events.push_back(m.event(i, 1));
      m.submit(page);
    }
    state.ResumeTiming();
    m.submit(CommitResync{caller, id, EpochId{{6, number}}});
  }
}
BENCHMARK(a_commit_of_100000_bills)->Unit(benchmark::kMillisecond)->Iterations(3);

}  // namespace
