// A journal that was torn or overwritten is read as far as it makes sense: every change taken off lies within
// the bytes, and no change brings the audit down.

#include "engine/change.h"

#include "fuzz.h"

namespace hf {
namespace {

void run(std::string_view bytes) {
  while (true) {
    const std::string_view before = bytes;
    const auto change = take_change(bytes);
    if (!change) {
      HF_ASSERT(bytes.data() == before.data() && bytes.size() == before.size());
      return;
    }
    HF_ASSERT(!change->whole.empty() && change->whole.data() == before.data());
    HF_ASSERT(change->whole.size() + bytes.size() == before.size());
    HF_ASSERT(change->body.data() + change->body.size() == change->whole.data() + change->whole.size());
    (void)audit_of(*change);
  }
}

}  // namespace
}  // namespace hf

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hf::run(hf::text_of(data, size));
  return 0;
}
