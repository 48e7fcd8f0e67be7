// ./run with programs of paper in the place of those that it builds and starts: what it tells them. If it fails,
// whoever tries Holdfast out does not get past its first command.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/server/server_process.h"

namespace hf::test {
namespace {

void write_program(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << text;
  ::chmod(path.c_str(), 0700);
}

std::string read_all(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

TEST(RunScript, redis_lies_in_the_data_directory_that_was_named_relative_or_not) {
  const TemporaryDirectory tree, elsewhere;
  const std::string at = tree.path();
  std::filesystem::copy_file(std::string(HF_SOURCE_DIR) + "/run", at + "/run");
  write_program(at + "/scripts/setup.sh", "hf_setup() { :; }\nhf_build() { :; }\n");
  write_program(at + "/bin/redis-server", "#!/bin/sh\necho \"$@\" >" + at + "/redis.told\n");
  write_program(at + "/build/bin/holdfastd",
                "#!/bin/sh\nwhile [ $# -gt 0 ]; do [ \"$1\" != --data ] || echo key >\"$2/dev.key\"; shift; done\n");
  for (const auto& [named, meant] : {std::pair<std::string, std::string>{"data of mine", at + "/data of mine"},
                                     {elsewhere.path() + "/data", elsewhere.path() + "/data"}}) {
    const Ended ended = run_program(
        {"env", "PATH=" + at + "/bin:/usr/bin:/bin", "bash", at + "/run", "--engine", "redis", "--data", named});
    EXPECT_EQ(ended.exit_code, 0) << ended.errors;
    EXPECT_NE(read_all(at + "/redis.told").find("--dir " + meant + "/redis --appendonly yes"), std::string::npos)
        << read_all(at + "/redis.told");
    EXPECT_TRUE(std::filesystem::is_directory(meant + "/redis"));
  }
}

}  // namespace
}  // namespace hf::test
