// The process that kill9_test kills: an embedded engine that is given random commands and writes each line that
// it lets out to its standard output, one write for each, so that the parent has what was told at any moment.
//
//   kill9_child DIRECTORY full|relaxed SEED CLOCK_US
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "store/embedded/embedded_engine.h"
#include "store/embedded/engine_fixture.h"
#include "store/embedded/store_workload.h"

namespace {

void write_lines(hf::Told& told) {
  for (std::string& line : told.lines) {
    line += '\n';
    if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::_Exit(3);
  }
  told.lines.clear();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const hf::Wall clock = hf::wall_us(std::atoll(argv[4]));
  const std::uint64_t seed = std::strtoull(argv[3], nullptr, 10);
  hf::TestLoop loop;
  hf::EmbeddedOptions options;
  options.directory = argv[1];
  options.journal.durability = std::string(argv[2]) == "full" ? hf::Durability::full : hf::Durability::relaxed;
  // Small, so that every kind of work is going on when the end comes.
  options.journal.fold_bytes = 30'000;
  options.journal.fold_round_bytes = 20'000;
  options.journal.slice = hf::Micros(20);
  options.journal.wal_idle_bytes = 100'000;
  options.journal.wal_busy_bytes = 300'000;
  options.journal.audit_bytes_max = 200'000;
  options.journal.disk_reserve_bytes = 1;
  options.wake = loop.wake();
  auto engine = hf::EmbeddedEngine::open(std::move(options), clock);
  if (!engine || !(*engine)->open_namespace("default")) {
    std::fprintf(stderr, "kill9_child: %s\n", engine ? "no namespace" : engine.error().detail.c_str());
    return 1;
  }
  hf::Told told;
  (*engine)->attach(told);
  hf::Workload workload(seed, clock);
  hf::Random turns(seed);
  hf::Ticket ticket = 0;
  while (told.failed.empty()) {
    for (std::uint64_t n = 1 + turns.below(20); n > 0; --n)
      (*engine)->submit(0, ++ticket, workload.next(), workload.clock());
    (*engine)->flush();
    // Now and then the loop goes on without waiting, so that batches grow while one is in flight.
    if (!turns.one_in(3) && !loop.run(**engine, [&] { return !(*engine)->busy(); })) return 4;
    write_lines(told);
  }
  return 1;
}
