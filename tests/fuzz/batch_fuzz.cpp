// A server's compressed batch is inflated as far as the limit allows and no further, or refused.

#include "fuzz.h"
#include "wire/batch_frame.h"

namespace hf {
namespace {

void run(std::string_view bytes) {
  constexpr std::size_t bytes_max = 1 << 16;
  const auto text = read_batch(bytes, bytes_max);
  if (!text) return;
  HF_ASSERT(text->size() <= bytes_max);
  std::string again;
  append_batch(again, {}, deflate_end(*text));
  HF_ASSERT(read_batch(again, bytes_max).value() == *text);
}

}  // namespace
}  // namespace hf

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hf::run(hf::text_of(data, size));
  return 0;
}
