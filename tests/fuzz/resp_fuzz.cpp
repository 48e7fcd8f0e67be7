// Whatever comes, it is read the same however it is cut, within the limits; what is refused stays refused; and what is
// read as a command's array of texts is written back as the same bytes.

#include "redis/resp.h"

#include <algorithm>
#include <optional>

#include "fuzz.h"

namespace hf {
namespace {

constexpr redis::RespLimits limits{
    .depth_max = 4, .line_bytes_max = 32, .bulk_bytes_max = 200, .reply_bytes_max = 4000};

bool same(const redis::Reply& a, const redis::Reply& b) {
  const bool numbers = a.number == b.number || (a.number != a.number && b.number != b.number);
  if (a.kind != b.kind || a.integer != b.integer || !numbers || a.text != b.text) return false;
  return std::ranges::equal(a.items, b.items, same);
}

void check(const redis::Reply& reply, std::size_t depth) {
  HF_ASSERT(reply.text.size() <= limits.bulk_bytes_max);
  HF_ASSERT(reply.items.empty() || depth < limits.depth_max);
  for (const redis::Reply& item : reply.items) check(item, depth + 1);
}

struct Read {
  std::vector<redis::Reply> replies;
  std::optional<Error> error;
};

Read read(std::string_view input, std::size_t piece) {
  redis::RespParser parser(limits);
  Read out;
  while (!input.empty()) {
    std::string_view bytes = input.substr(0, piece);
    input.remove_prefix(bytes.size());
    while (!bytes.empty()) {
      auto reply = parser.next(bytes);
      if (!reply) {
        out.error = reply.error();
        std::string_view more = "+OK\r\n";
        HF_ASSERT(!parser.next(more));
        return out;
      }
      if (*reply) out.replies.push_back(std::move(**reply));
    }
  }
  return out;
}

void write_back(const redis::Reply& reply) {
  if (reply.kind != redis::Reply::Kind::array || reply.items.empty()) return;
  redis::Arguments arguments;
  for (const redis::Reply& item : reply.items) {
    if (item.kind != redis::Reply::Kind::text) return;
    arguments.push_back(item.text);
  }
  std::string bytes;
  redis::append_command(bytes, arguments);
  const Read again = read(bytes, bytes.size());
  HF_ASSERT(!again.error && again.replies.size() == 1 && same(again.replies.front(), reply));
}

void run(std::string_view input) {
  if (input.empty()) return;
  const std::size_t piece = 1 + static_cast<unsigned char>(input.front()) % 16;
  input.remove_prefix(1);
  const Read whole = read(input, input.size() + 1);
  const Read cut = read(input, piece);
  HF_ASSERT(whole.error == cut.error);
  HF_ASSERT(std::ranges::equal(whole.replies, cut.replies, same));
  for (const redis::Reply& reply : whole.replies) {
    check(reply, 0);
    write_back(reply);
  }
}

}  // namespace
}  // namespace hf

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hf::run(hf::text_of(data, size));
  return 0;
}
