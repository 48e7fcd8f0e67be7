// The lock primitive over a Redis of your own, without a Holdfast server.
#include <holdfast/redis_distributed_lock.h>

#include <cstdio>

int main(int argc, char** argv) {
  const char* url = argc > 1 ? argv[1] : "redis://127.0.0.1:6379";
  auto locks = holdfast::make_redis_distributed_lock(url, {.prefix = "erp-locks"});
  if (!locks) return std::fprintf(stderr, "%s\n", locks.error().text().c_str()), 2;

  auto mine = (*locks)->try_acquire("stock:A-17", holdfast::Millis(30'000));
  if (!mine) return std::fprintf(stderr, "Redis: %s\n", mine.error().text().c_str()), 3;  // who holds it is not known
  if (!*mine) return std::puts("held by somebody else"), 1;
  std::printf("held under token %llu\n", static_cast<unsigned long long>((*mine)->token));

  // Whoever writes to the stock's table gives the token along, and the table takes no smaller one than it has seen.
  const std::string value = (*mine)->value;
  auto extended = (*locks)->extend("stock:A-17", holdfast::Millis(60'000), value);
  auto released = (*locks)->release("stock:A-17", value);
  return extended && *extended && released && *released ? 0 : 3;
}
