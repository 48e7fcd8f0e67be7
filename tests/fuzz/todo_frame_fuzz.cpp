// Whatever a server says of a to-do tree, its follower keeps a tree that agrees with itself: a frame that fits is
// applied but for the rows that cannot be read, any other changes nothing and is not passed over. The input is a
// sequence of frames, one a line.

#include "client/todo_core.h"
#include "fuzz.h"

namespace hf {
namespace {

constexpr std::size_t rows_max = 50;

Tally sum_of(const client::TodoRowMap& rows) {
  Tally sum;
  for (const auto& [key, row] : rows) add(sum, row_tally(key.type + ":" + key.id, key.group, *row.bill.version));
  return sum;
}

std::string digest_of(const Tally& sum) {
  return R"({"event":"todo.digest","cursor":"proof","rows":)" + std::to_string(sum.rows) + R"(,"sum0":)" +
         std::to_string(sum.sum0) + R"(,"sum1":)" + std::to_string(sum.sum1) + "}";
}

void run(std::string_view text) {
  client::TodoCore tree({.rows_max = rows_max});
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const client::TodoRowMap before = tree.rows();
    const auto changes = tree.feed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    HF_ASSERT(tree.rows().size() <= rows_max);
    if (!changes) {
      HF_ASSERT(tree.rows() == before && tree.wants_resubscribe() && tree.cursor().empty() && !tree.live());
    } else if (changes->snapshot.empty()) {
      for (const auto& [key, row] : before) {
        const auto now = tree.rows().find(key);
        HF_ASSERT(now == tree.rows().end() || now->second.bill.version >= row.bill.version);
      }
    }
    // A digest of what is kept is never disputed, unless there should be more.
    client::TodoCore proved = tree;
    HF_ASSERT(proved.feed(digest_of(sum_of(tree.rows()))).has_value());
    HF_ASSERT(proved.doubts() == 0 || proved.doubts() == tree.doubts() || tree.unread() > 0);
  }
}

}  // namespace
}  // namespace hf

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hf::run(hf::text_of(data, size));
  return 0;
}
