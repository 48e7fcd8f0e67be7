#include "net/os_secrets.h"

#include <sys/random.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/assert.h"

namespace hf {

void fill_random(void* bytes, std::size_t size) {
  auto* to = static_cast<char*>(bytes);
  while (size > 0) {
    const ssize_t got = getrandom(to, size, 0);
    if (got < 0) {
      HF_ASSERT(errno == EINTR);
      continue;
    }
    to += got;
    size -= static_cast<std::size_t>(got);
  }
}

OsSecrets::~OsSecrets() { explicit_bzero(block_.data(), sizeof(block_)); }

Id128 OsSecrets::next_id() {
  if (next_ == block_.size()) {
    fill_random(block_.data(), sizeof(block_));
    next_ = 0;
  }
  return std::exchange(block_[next_++], Id128{});
}

}  // namespace hf
