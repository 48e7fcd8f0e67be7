// A batch of the audit trail is read whole, or refused; what was read is written and read again as it was.

#include "fuzz.h"
#include "redis/audit_batch.h"

namespace hf {
namespace {

void run(std::string_view bytes) {
  const auto rows = redis::read_audit_rows(bytes);
  if (!rows) return;
  HF_ASSERT(redis::read_audit_rows(redis::write_audit_rows(*rows)) == *rows);
}

}  // namespace
}  // namespace hf

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hf::run(hf::text_of(data, size));
  return 0;
}
