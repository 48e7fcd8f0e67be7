// docs/vectors has what a client must compute, for those who write one. Its values were made by other programs: if this
// fails, clients that were right are not any more.

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <fstream>
#include <sstream>

#include "base/hex_test.h"
#include "model/status_tally.h"
#include "session/todo_cursor.h"
#include "wire/batch_frame.h"

namespace hf::session {
namespace {

namespace json = boost::json;

json::value vectors(const std::string& name) {
  std::ifstream file(HF_SOURCE_DIR "/docs/vectors/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return json::parse(text.str());
}

std::string text_of(const json::value& value) { return json::value_to<std::string>(value); }

std::string bytes_of(const json::value& hex) { return test::bytes_of_hex(text_of(hex)); }

Tally tally_of(const json::value& digest) {
  return {digest.at("rows").to_number<std::uint32_t>(), digest.at("sum0").to_number<std::uint32_t>(),
          digest.at("sum1").to_number<std::uint32_t>()};
}

TEST(Vectors, a_digest_is_the_sum_of_its_rows) {
  const json::value all = vectors("digests.json");
  ASSERT_GE(all.at("rows").as_array().size(), 4U);
  for (const json::value& one : all.at("rows").as_array()) {
    Tally sum;
    for (const json::value& row : one.at("rows").as_array()) {
      add(sum, row_tally(text_of(row.at("type")) + ":" + text_of(row.at("id")), text_of(row.at("group")),
                         row.at("version").to_number<std::uint64_t>()));
    }
    EXPECT_EQ(sum, tally_of(one.at("digest"))) << one.at("name");
  }
  for (const json::value& one : all.at("edited").as_array()) {
    Tally sum;
    for (const json::value& row : one.at("rows").as_array()) {
      add(sum, text_tally(text_of(row.at("type")) + ":" + text_of(row.at("id")) + "/" + text_of(row.at("group")) + "@" +
                          text_of(row.at("user")) + "@" + text_of(row.at("since"))));
    }
    EXPECT_EQ(sum, tally_of(one.at("edited"))) << one.at("name");
  }
}

TEST(Vectors, a_frame_is_inflated_or_refused) {
  const json::value all = vectors("frames.json");
  for (const json::value& one : all.at("read").as_array()) {
    const auto message = read_batch(bytes_of(one.at("payload")), 1 << 20);
    ASSERT_TRUE(message) << one.at("name");
    EXPECT_EQ(*message, text_of(one.at("message"))) << one.at("name");
  }
  ASSERT_GE(all.at("refused").as_array().size(), 6U);
  for (const json::value& one : all.at("refused").as_array())
    EXPECT_FALSE(read_batch(bytes_of(one.at("payload")), 1 << 20)) << one.at("name");
}

TEST(Vectors, a_cursor_is_taken_or_refused) {
  const json::value all = vectors("cursors.json");
  for (const json::value& one : all.at("taken").as_array()) EXPECT_TRUE(parse_cursor(text_of(one))) << one;
  for (const json::value& one : all.at("refused").as_array()) EXPECT_FALSE(parse_cursor(text_of(one))) << one;
}

}  // namespace
}  // namespace hf::session
