// The lock primitive within one process, without a server.
#include <holdfast/distributed_lock.h>

#include <cstdio>

int main() {
  auto locks = holdfast::make_local_distributed_lock();

  auto mine = locks->try_acquire("stock:A-17", holdfast::Millis(30'000));
  if (!mine || !*mine) return std::fprintf(stderr, "not acquired\n"), 1;
  std::printf("held under token %llu\n", static_cast<unsigned long long>((*mine)->token));

  auto other = locks->try_acquire("stock:A-17", holdfast::Millis(30'000));
  if (!other || *other) return std::fprintf(stderr, "granted twice\n"), 1;  // a value, no error: it is held

  auto extended = locks->extend("stock:A-17", holdfast::Millis(60'000), (*mine)->value);
  auto released = locks->release("stock:A-17", (*mine)->value);
  return extended && *extended && released && *released ? 0 : 1;
}
