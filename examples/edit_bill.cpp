// Edit a bill under a lock.   edit_bill URL TOKEN BILL
#include <holdfast/client.h>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: edit_bill URL TOKEN BILL\n"), 2;

  auto client = holdfast::Client::open({.url = argv[1], .token = argv[2], .client = {.program = "edit_bill"}});
  if (!client) return std::fprintf(stderr, "%s\n", client.error().text().c_str()), 2;

  auto lock = client->acquire({.targets = {argv[3]}, .wait = holdfast::Millis(5'000), .label = argv[3]});
  if (!lock) {
    std::fprintf(stderr, "%s\n", lock.error().text().c_str());
    for (const auto& conflict : lock.error().conflicts)
      std::fprintf(stderr, "  %s has it\n", conflict.user_name.c_str());
    return 1;
  }
  lock->on_lost([](const holdfast::Lost& lost) {
    std::fprintf(stderr, "stop editing: %s\n", std::string(name_of(lost.reason)).c_str());
  });

  // The work. Whatever is written carries the token, so that a write that comes late is refused.
  std::printf("editing %s, token %llu\n", argv[3], static_cast<unsigned long long>(lock->token()));
  if (!lock->held()) return 1;  // checked again before anything final

  auto released = lock->release();
  return released ? 0 : 1;
}
