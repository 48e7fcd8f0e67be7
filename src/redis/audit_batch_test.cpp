// If a batch of the trail came back otherwise than it was written, one node would show another history than the rest.

#include "redis/audit_batch.h"

#include <gtest/gtest.h>

namespace hf::redis {
namespace {

std::vector<AuditRow> some() {
  return {{{1, 7}, wall_us(5), "main", "abc"},
          {{1, 7}, wall_us(5), "other", std::string(3000, 'x')},
          {{2, 9}, wall_us(6), "", ""}};
}

Reply text(std::string value) {
  Reply reply;
  reply.kind = Reply::Kind::text;
  reply.text = std::move(value);
  return reply;
}
Reply list(std::vector<Reply> items) {
  Reply reply;
  reply.kind = Reply::Kind::array;
  reply.items = std::move(items);
  return reply;
}
Reply entry(const std::string& id, const std::string& from, const std::string& data) {
  return list({text(id), list({text("f"), text(from), text("i"), text(Id128{3, 4}.text()), text("t"), text("1"),
                               text("r"), text("2"), text("d"), text(data)})});
}

TEST(AuditBatch, rows_come_back_as_they_were_and_smaller_on_the_way) {
  const std::string bytes = write_audit_rows(some());
  EXPECT_LT(bytes.size(), 200U);
  EXPECT_EQ(read_audit_rows(bytes), some());
  EXPECT_EQ(read_audit_rows(write_audit_rows({})), std::vector<AuditRow>());
}

TEST(AuditBatch, no_damaged_byte_is_taken_for_another_history) {
  const std::string bytes = write_audit_rows(some());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    const auto read = read_audit_rows(damaged);
    EXPECT_TRUE(!read || *read == some()) << i;  // a few bits of zlib's header say nothing of the content
  }
  EXPECT_FALSE(read_audit_rows(bytes.substr(0, bytes.size() - 1)));
  EXPECT_FALSE(read_audit_rows(""));
}

TEST(AuditBatch, ids_of_the_stream_are_places_of_the_log) {
  EXPECT_EQ(audit_id({2, 30}), "2-30");
  EXPECT_EQ(audit_id({}), "");
  EXPECT_EQ(read_audit_id("2-30"), (LogPlace{2, 30}));
  EXPECT_EQ(read_audit_id(""), LogPlace());
  for (const char* wrong : {"2", "2-", "-3", "2-3-4", "a-1", "2-30 "}) EXPECT_FALSE(read_audit_id(wrong)) << wrong;
}

TEST(AuditBatch, an_entry_whose_rows_lie_outside_it_is_refused) {
  const std::string data = write_audit_rows(some());
  const auto read = read_audit_entry(entry("2-9", "1-6", data));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->from, (LogPlace{1, 6}));
  EXPECT_EQ(read->to, (LogPlace{2, 9}));
  EXPECT_EQ(read->id, (Id128{3, 4}));
  EXPECT_EQ(read->rows, some());
  EXPECT_FALSE(read_audit_entry(entry("2-8", "1-6", data)));
  EXPECT_FALSE(read_audit_entry(entry("2-9", "1-7", data)));
  EXPECT_FALSE(read_audit_entry(entry("2-9", "x", data)));
  EXPECT_FALSE(read_audit_entry(text("2-9")));
  auto turned = some();
  std::swap(turned[0], turned[1]);
  EXPECT_FALSE(read_audit_entry(entry("2-9", "1-6", write_audit_rows(turned))));
}

}  // namespace
}  // namespace hf::redis
