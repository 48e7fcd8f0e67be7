#pragma once

// What the fuzz targets share. A target states what holds for any input with HF_ASSERT, which ends the process,
// so that libFuzzer keeps the input that broke it; that input then becomes a test beside the code and a seed in
// corpus/<target>/.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"

namespace hf {
inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}
}  // namespace hf

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
