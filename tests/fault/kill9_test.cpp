// `kill -9` at any moment: what was told before must be true after. The engine of one process after another is
// killed in the middle of its work; each time the file must hold the state after some command, none earlier than
// the last that was answered, and every answer must be what a lock tree in memory says.
//
//   kill9_test CHILD [gtest flags]; KILL9_SEED in the environment repeats a run
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "store/embedded/faulty_vfs.h"
#include "store/embedded/store_fixture.h"
#include "store/embedded/store_workload.h"

namespace hf {
namespace {

std::string child_path;
constexpr int kLives = 110;
constexpr Ticket kAheadMax = 20'000;  // more than a child can have decided without telling

std::uint64_t seed_of_run() {
  const char* given = std::getenv("KILL9_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : static_cast<std::uint64_t>(getpid());
}

struct Life {
  std::vector<std::string> lines;
  int status = 0;
};

// Runs a child until it has told `lines_max` lines, and a little longer; then kills it.
Life live(const std::string& directory, const char* durability, std::uint64_t seed, Wall clock, std::uint64_t lines_max,
          std::uint64_t longer) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
  const std::string seed_text = std::to_string(seed), clock_text = std::to_string(to_us(clock));
  const pid_t child = fork();
  if (child < 0) std::abort();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    execl(child_path.c_str(), child_path.c_str(), directory.c_str(), durability, seed_text.c_str(), clock_text.c_str(),
          nullptr);
    _exit(127);
  }
  close(ends[1]);
  Life life;
  std::string text;
  std::uint64_t lines = 0;
  char bytes[4096];
  bool killed = false;
  for (;;) {
    if (!killed && lines >= lines_max) {
      for (volatile std::uint64_t spin = 0; spin < longer; spin = spin + 1) {
      }
      kill(child, SIGKILL);
      killed = true;
    }
    const ssize_t n = read(ends[0], bytes, sizeof bytes);
    if (n <= 0) break;
    text.append(bytes, static_cast<std::size_t>(n));
    lines += static_cast<std::uint64_t>(std::count(bytes, bytes + n, '\n'));
  }
  close(ends[0]);
  waitpid(child, &life.status, 0);
  for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    life.lines.push_back(text.substr(begin, end - begin));
  return life;
}

struct Found {
  LockTree tree;
  std::string state;
  Token last_token = 0;
};

// Recovers the file as a new process does. The disk is spared the syncs: nobody cuts the power here.
std::optional<Found> find(const std::string& directory, const std::string& vfs, Wall clock) {
  JournalOptions options;
  options.vfs = vfs;
  auto journal = Journal::open(directory, options);
  if (!journal) {
    ADD_FAILURE() << journal.error().detail;
    return std::nullopt;
  }
  Found found;
  const auto loaded =
      (*journal)->load([&](NamespaceIndex, std::string_view changes) { return found.tree.recover(changes); });
  if (!loaded) {
    ADD_FAILURE() << loaded.error().detail;
    return std::nullopt;
  }
  if (!(*journal)->namespaces().empty()) EXPECT_TRUE(found.tree.recovered(clock, (*journal)->namespaces()[0].ceiling));
  EXPECT_EQ(found.tree.check(), "");
  found.last_token = found.tree.last_token();
  found.state = state_of(found.tree, clock);
  return found;
}

class Kill9 : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Durabilities, Kill9, testing::Values("full", "relaxed"),
                         [](const auto& i) { return std::string(i.param); });

}  // namespace

TEST_P(Kill9, loses_nothing_that_was_told) {
  const std::uint64_t run = seed_of_run();
  SCOPED_TRACE("KILL9_SEED=" + std::to_string(run));
  const TemporaryDirectory directory;
  const FaultyVfs vfs;
  Random random(run);
  Wall clock = wall_us(1'800'000'000'000'000);
  auto found = find(directory.path(), vfs.name(), clock);
  ASSERT_TRUE(found);
  std::size_t told = 0, ahead = 0;
  Token last_token = 0;
  for (int i = 0; i < kLives; ++i) {
    SCOPED_TRACE("life " + std::to_string(i));
    const std::uint64_t seed = random.next();
    const std::uint64_t lines_max = random.one_in(10) ? 0 : random.below(600);
    const Life life = live(directory.path(), GetParam(), seed, clock, lines_max, random.below(1'000'000));
    ASSERT_TRUE(WIFSIGNALED(life.status) && WTERMSIG(life.status) == SIGKILL)
        << "the child ended by itself: " << life.status;

    Workload workload(seed, clock);
    Shadow shadow(std::move(found->tree));
    std::vector<std::string> expected;
    Ticket ticket = 0;
    std::string state = found->state;
    const auto step = [&] {
      const LockCommand command = workload.next();
      shadow.apply(++ticket, command, workload.clock(), expected);
      state = shadow.state(workload.clock());
    };
    while (expected.size() < life.lines.size()) step();
    for (std::size_t k = 0; k < life.lines.size(); ++k) ASSERT_EQ(life.lines[k], expected[k]) << "line " << k;

    const Wall next_clock = workload.clock() + Millis(1000);
    found = find(directory.path(), vfs.name(), next_clock);
    ASSERT_TRUE(found);
    const Ticket answered = ticket;
    while (state != found->state && ticket < answered + kAheadMax) step();
    ASSERT_EQ(state, found->state) << "after " << answered << " answers no later state is the one found";
    ASSERT_GE(found->last_token, last_token) << "tokens went back";
    last_token = found->last_token;
    told += life.lines.size();
    ahead += ticket - answered;
    clock = next_clock;
  }
  RecordProperty("lines_told", static_cast<int>(told));
  std::printf("%d kills at %s: %zu lines told, %zu commands durable and not told\n", kLives, GetParam(), told, ahead);
}

TEST(Kill9Child, a_second_process_on_the_directory_is_refused) {
  const TemporaryDirectory directory;
  const auto first = Journal::open(directory.path());
  ASSERT_TRUE(first);
  const Life life = live(directory.path(), "full", 1, wall_us(1'800'000'000'000'000), 1, 0);
  EXPECT_TRUE(WIFEXITED(life.status) && WEXITSTATUS(life.status) == 1) << life.status;
  EXPECT_TRUE(life.lines.empty());
}

}  // namespace hf

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc < 2) {
    std::fprintf(stderr, "usage: kill9_test CHILD\n");
    return 2;
  }
  hf::child_path = argv[1];
  return RUN_ALL_TESTS();
}
