// What another node wrote into the log is read as commands or refused, in today's list of all families and in the older
// one of status alone: nothing is read beyond the bytes, and what was read is written again as it stood.

#include "engine/command_codec.h"
#include "fuzz.h"

namespace hf {
namespace {

template <class Take>
void read(std::string_view bytes, Take take) {
  while (true) {
    const std::string_view before = bytes;
    const auto command = take(bytes);
    if (!command) {
      HF_ASSERT(bytes.data() == before.data() && bytes.size() == before.size());
      return;
    }
    HF_ASSERT(bytes.size() < before.size());
    std::string again;
    write_command(again, *command);
    std::string_view rest = again;
    HF_ASSERT(take_command(rest).has_value() && rest.empty());
  }
}

void run(std::string_view bytes) {
  read(bytes, [](std::string_view& rest) { return take_command(rest); });
  read(bytes, [](std::string_view& rest) { return take_status_command(rest, CommandFormat::by_family); });
}

}  // namespace
}  // namespace hf

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hf::run(hf::text_of(data, size));
  return 0;
}
