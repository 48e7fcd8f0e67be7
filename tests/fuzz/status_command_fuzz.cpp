// What another node wrote into the log is read as a command of the status board or refused: nothing is read beyond the
// bytes, and what was read is written again as it stood.

#include "engine/status_command_codec.h"
#include "fuzz.h"

namespace hf {
namespace {

void run(std::string_view bytes) {
  while (true) {
    const std::string_view before = bytes;
    const auto command = take_status_command(bytes);
    if (!command) {
      HF_ASSERT(bytes.data() == before.data() && bytes.size() == before.size());
      return;
    }
    HF_ASSERT(bytes.size() < before.size());
    std::string again;
    write_status_command(again, *command);
    std::string_view rest = again;
    HF_ASSERT(take_status_command(rest).has_value() && rest.empty());
  }
}

}  // namespace
}  // namespace hf

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hf::run(hf::text_of(data, size));
  return 0;
}
