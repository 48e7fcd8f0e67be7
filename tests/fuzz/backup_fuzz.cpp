// A backup and an image in Redis may have been torn or made by anybody: what is read of them is what would be written,
// byte for byte, and nothing else is read.

#include <zlib.h>

#include "fuzz.h"
#include "redis/base_image.h"
#include "server/backup_file.h"

namespace hf {
namespace {

void run(std::string_view bytes) {
  if (const auto backup = read_backup(bytes, "it")) {
    const std::string again = write_backup(*backup);
    HF_ASSERT(read_backup(again, "it").value() == *backup);
  }
  if (const auto image = redis::read_base_image(bytes)) {
    HF_ASSERT(redis::read_base_image(redis::write_base_image(*image)).value() == *image);
  }
}

// No input meets a checksum by chance: the same bytes with the right one, and so what lies behind it.
void run_sealed(std::string_view bytes) {
  std::string sealed = write_backup({}).substr(0, 20) + std::string(bytes);
  const auto crc = static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(sealed.data()), sealed.size()));
  for (unsigned shift = 0; shift < 32; shift += 8) sealed.push_back(static_cast<char>(crc >> shift));
  run(sealed);
}

}  // namespace
}  // namespace hf

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hf::run(hf::text_of(data, size));
  hf::run_sealed(hf::text_of(data, size));
  return 0;
}
