// The file that moves an installation. If these fail, a damaged backup is taken for good, or a good one is lost.

#include "server/backup_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "server/moving.h"
#include "server/startup.h"
#include "store/embedded/store_fixture.h"

namespace hf {
namespace {

Backup some_backup() {
  Backup backup;
  backup.at = wall_us(1'800'000'000'000'000);
  backup.parts = {{"default", std::string("\0image", 6)}, {"test", ""}};
  return backup;
}

class BackupFile : public ::testing::Test {
 protected:
  TemporaryDirectory directory_;
  std::string path_ = directory_.file("backup");
};

TEST_F(BackupFile, is_read_as_it_was_written_and_only_its_owner_may) {
  ASSERT_TRUE(save_backup(path_, some_backup()));
  const auto read = load_backup(path_);
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(*read, some_backup());
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(path_).permissions(), perms::owner_read | perms::owner_write);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

TEST_F(BackupFile, never_takes_the_place_of_another) {
  std::ofstream(path_) << "mine";
  const auto saved = save_backup(path_, some_backup());
  ASSERT_FALSE(saved);
  EXPECT_NE(saved.error().detail.find("there already"), std::string::npos) << saved.error().detail;
  EXPECT_EQ(read_file(path_, 100).value_or(""), "mine");
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
  EXPECT_EQ(save_backup(directory_.file("no/such"), some_backup()).error().code, Code::unavailable);
}

TEST_F(BackupFile, any_flipped_bit_and_any_lost_end_is_refused) {
  const std::string good = write_backup(some_backup());
  for (std::size_t i = 0; i < good.size() * 8; ++i) {
    std::string bad = good;
    bad[i / 8] = static_cast<char>(bad[i / 8] ^ (1 << (i % 8)));
    EXPECT_FALSE(read_backup(bad, "it")) << "bit " << i;
  }
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(read_backup(good.substr(0, size), "it")) << size << " bytes";
  EXPECT_FALSE(read_backup(good + "x", "it"));
}

TEST_F(BackupFile, a_newer_format_is_told_from_a_damage) {
  std::string newer = write_backup(some_backup());
  newer[16] = 2;
  const auto read = read_backup(newer, "it");
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().detail.find("format 2"), std::string::npos) << read.error().detail;
  const auto other = read_backup("#!/bin/sh", "it");
  EXPECT_NE(other.error().detail.find("no backup"), std::string::npos) << other.error().detail;
}

TEST_F(BackupFile, a_file_over_the_limit_is_neither_written_nor_read) {
  const std::size_t size = write_backup(some_backup()).size();
  EXPECT_EQ(save_backup(path_, some_backup(), size - 1).error().code, Code::too_large);
  ASSERT_TRUE(save_backup(path_, some_backup(), size));
  EXPECT_EQ(load_backup(path_, size - 1).error().code, Code::too_large);
  EXPECT_TRUE(load_backup(path_, size));
}

}  // namespace
}  // namespace hf
