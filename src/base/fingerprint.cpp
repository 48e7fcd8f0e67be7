#include "base/fingerprint.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace hf {

std::uint64_t fingerprint(std::string_view bytes) noexcept { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace hf
