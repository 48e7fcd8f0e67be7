// A cursor that is read as another would leave rows in somebody's tree that are done, or leave out new ones.
#include "session/todo_cursor.h"

#include <gtest/gtest.h>

#include "wire/messages.h"

namespace hf::session {
namespace {

TEST(TodoCursor, is_read_back_as_it_was_and_is_short) {
  for (const bool paged : {false, true}) {
    const TodoCursor cursor{{EpochId{Id128{UINT64_MAX, 7}}, UINT64_MAX, 3, UINT64_MAX, paged}, UINT64_MAX - 1};
    std::string text;
    append_cursor(text, cursor);
    EXPECT_EQ(parse_cursor(text), cursor) << text;
    EXPECT_LE(text.size(), 150u);
    EXPECT_LE(text.size(), cursor_bytes_max);
  }
}

TEST(TodoCursor, is_refused_when_it_is_cut_longer_or_turned_around) {
  const TodoCursor cursor{{EpochId{Id128{5, 7}}, 11, 3, 9, false}, 13};
  std::string text;
  append_cursor(text, cursor);
  for (std::size_t n = 0; n < text.size(); ++n) {
    const auto read = parse_cursor(std::string_view(text).substr(0, n));
    EXPECT_FALSE(read) << n;
  }
  EXPECT_FALSE(parse_cursor(text + "-1"));
  EXPECT_FALSE(parse_cursor(text + " "));
  EXPECT_FALSE(parse_cursor("2" + text.substr(1)));
  std::string back;
  append_cursor(back, TodoCursor{{EpochId{Id128{5, 7}}, 11, 9, 3, false}, 13});
  EXPECT_FALSE(parse_cursor(back)) << "since lies after through";
}

}  // namespace
}  // namespace hf::session
