#pragma once

// OsSecrets are ids that nobody can guess: the operating system's generator, read in blocks so that an id costs
// no system call. What was handed out is wiped from the block, so that it is nowhere twice.
//
// Not thread-safe: one owner.

#include <array>
#include <cstddef>

#include "base/random.h"

namespace hf {

class OsSecrets final : public SecretSource {
 public:
  OsSecrets() = default;
  ~OsSecrets() override;
  OsSecrets(const OsSecrets&) = delete;
  OsSecrets& operator=(const OsSecrets&) = delete;

  Id128 next_id() override;

 private:
  std::array<Id128, 256> block_{};
  std::size_t next_ = block_.size();
};

// Fills `bytes` from the operating system. It waits at boot until the kernel has entropy and cannot fail later.
void fill_random(void* bytes, std::size_t size);

}  // namespace hf
