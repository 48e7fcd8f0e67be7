// What a page of bill.list costs: 50 bills out of 1,000,000 in SQLite, for who sees all and for who sees his own, first
// and deep in the list.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "catalog/catalog_loader.h"
#include "documents/sql/document_store.h"

namespace {

using namespace hf;

constexpr int bills = 1'000'000;
constexpr int people = 200;

struct Million {
  std::shared_ptr<const Catalog> catalog;
  std::filesystem::path path;
  std::unique_ptr<documents::DocumentStore> store;

  Million() {
    std::ifstream file(HF_SOURCE_DIR "/catalog/ruinorerp.toml", std::ios::binary);
    std::stringstream stream;
    stream << file.rdbuf();
    catalog = std::make_shared<const Catalog>(*load_catalog(stream.str(), "ruinorerp.toml"));
    path = std::filesystem::temp_directory_path() / ("bill_list_bench_" + std::to_string(::getpid()));
    std::filesystem::create_directory(path);
    store = std::make_unique<documents::DocumentStore>(
        *documents::DocumentStore::at("sqlite:" + (path / "documents.db").string(), catalog));
    if (auto made = store->prepare("default"); !made) std::abort();
    fill();
  }
  ~Million() {
    store.reset();
    std::filesystem::remove_all(path);
  }

  void run(const std::string& sql) {
    if (auto done = store->connection().write({sql, {}, 0}); !done) {
      std::fprintf(stderr, "%s\n", done.error().detail.c_str());
      std::abort();
    }
  }

  // By the database itself: orders in four states, of 200 people, over three years.
  void fill() {
    std::string names, values;
    for (const catalog::Column& column : catalog->find_table("tb_SaleOrder")->columns) {
      std::string value = "0";
      if (column.name == "SOrder_ID")
        value = "n.i";
      else if (column.name == "SOrderNo")
        value = "'SO' || printf('%07d', n.i)";
      else if (column.name == "DataStatus")
        value = "1 << (n.i % 4)";
      else if (column.name == "Employee_ID")
        value = "n.i % " + std::to_string(people);
      else if (column.name == "CustomerVendor_ID")
        value = "n.i % 5000";
      else if (catalog::is_moment(column.kind))
        value = "strftime('%Y-%m-%dT%H:%M:%S.000Z', 1700000000 + n.i * 90, 'unixepoch')";
      else if (column.nullable && column.name != "ApprovalStatus")
        continue;
      else if (column.kind == catalog::ColumnKind::text)
        value = "''";
      names += (names.empty() ? "\"" : ", \"") + column.name + "\"";
      values += (values.empty() ? "" : ", ") + value;
    }
    const std::string numbers =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + std::to_string(bills) + ") ";
    run("BEGIN");
    run(numbers + "INSERT INTO \"tb_SaleOrder\" (" + names + ") SELECT " + values + " FROM n");
    run(numbers +
        "INSERT INTO hf_bill (type, id, version, creator, creator_name, handler, handler_name, closed_by) "
        "SELECT 'SaleOrder', n.i, 3, 'u' || (n.i % 200), '', 'u' || (n.i % 7), '', '' FROM n");
    run("COMMIT");
  }
};

Million& million() {
  static Million made;
  return made;
}

void list(benchmark::State& state, const Claims& claims, documents::BillListQuestion question, int pages_before) {
  Million& store = million();
  const Audience audience(*store.catalog, claims);
  for (int i = 0; i < pages_before; ++i) question.next = store.store->list(audience, question)->next;
  for (auto _ : state) {
    const auto page = store.store->list(audience, question);
    if (!page || page->rows.size() != 50) {
      state.SkipWithError("no page");
      break;
    }
  }
}

const Claims all{.user = "root", .super = true};
const Claims own{.user = "u150", .employee = "150", .roles = {"sales"}};

documents::BillListQuestion orders() { return {.type = "SaleOrder"}; }

template <class Change>
documents::BillListQuestion orders(Change change) {
  documents::BillListQuestion question = orders();
  change(question);
  return question;
}

BENCHMARK_CAPTURE(list, newest_of_all, all, orders(), 0)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(list, of_all_deep, all, orders(), 200)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(list, with_total, all, orders([](auto& q) { q.total = true; }), 0) -> Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(list, in_a_state, all, orders([](auto& q) { q.states = {"1"}; }), 0) -> Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(list, of_a_group, all, orders([](auto& q) { q.group = "unreviewed"; }), 0)
    -> Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(list, of_a_partner, all, orders([](auto& q) { q.partner = "77"; }), 0)
    -> Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(list, by_number, all, orders([](auto& q) { q.sort = "SOrderNo"; }), 0)
    -> Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(list, newest_of_his_own, own, orders(), 0)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(list, his_own_by_day, own, orders([](auto& q) { q.sort = "-SaleDate"; }), 0)
    -> Unit(benchmark::kMillisecond);

}  // namespace
