#include "wire/batch_frame.h"

#include <gtest/gtest.h>

namespace hf {
namespace {

std::string long_text() {
  std::string text;
  for (int i = 0; i < 5000; ++i) text.append("{\"id\":\"").append(std::to_string(i * 7919)).append("\"},");
  return text;
}

TEST(BatchFrame, one_compressed_end_goes_behind_many_beginnings) {
  const std::string end = long_text();
  const std::string deflated = deflate_end(end);
  EXPECT_LT(deflated.size(), end.size() / 3);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{255}, batch_beginning_max}) {
    const std::string beginning(size, 'b');
    std::string frame;
    append_batch(frame, beginning, deflated);
    EXPECT_EQ(read_batch(frame, 1 << 20).value(), beginning + end) << size;
  }
}

TEST(BatchFrame, a_message_of_just_the_most_bytes_is_taken_and_one_more_is_too_large) {
  std::string frame;
  append_batch(frame, {}, deflate_end(std::string(100'000, 'x')));
  EXPECT_EQ(read_batch(frame, 100'000).value().size(), 100'000U);
  EXPECT_EQ(read_batch(frame, 99'999).error().code, Code::too_large);
  EXPECT_EQ(read_batch(frame, 10).error().code, Code::too_large);
}

TEST(BatchFrame, what_is_no_whole_batch_is_refused) {
  std::string frame;
  append_batch(frame, "head", deflate_end(long_text()));
  EXPECT_EQ(read_batch("", 100).error().code, Code::invalid);
  EXPECT_EQ(read_batch("\x01", 100).error().code, Code::invalid);
  EXPECT_EQ(read_batch("\x02" + frame.substr(1), 1 << 20).error().code, Code::invalid);
  EXPECT_EQ(read_batch(frame + "x", 1 << 20).error().code, Code::invalid);
  for (std::size_t cut = 1; cut < frame.size(); cut += 101)
    EXPECT_EQ(read_batch(std::string_view(frame).substr(0, cut), 1 << 20).error().code, Code::invalid) << cut;
}

}  // namespace
}  // namespace hf
