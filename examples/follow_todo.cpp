// Follow one's to-do tree: what is there, then each change, until Ctrl-C.   follow_todo URL TOKEN [CHANGES]
#include <holdfast/todo_view.h>

#include <cstdio>
#include <cstdlib>
#include <semaphore>

int main(int argc, char** argv) {
  if (argc < 3) return std::fprintf(stderr, "usage: follow_todo URL TOKEN [CHANGES]\n"), 2;
  const int wanted = argc > 3 ? std::atoi(argv[3]) : 0;  // end after so many; 0: never

  auto client = holdfast::Client::open({.url = argv[1], .token = argv[2], .client = {.program = "follow_todo"}});
  if (!client) return std::fprintf(stderr, "%s\n", client.error().text().c_str()), 2;

  // Called on the client's thread, once for each frame: rows and counts that belong together. After an interruption
  // it goes on where it was; if that is not possible, `snapshot` says why everything shown before is void.
  int seen = 0;
  std::binary_semaphore done{0};
  auto view = holdfast::TodoView::open(*client, {.on_change = [&](const holdfast::TodoChanges& changes) {
    static constexpr char signs[] = {'+', '~', '-'};
    if (!changes.snapshot.empty()) std::printf("all rows anew: %s\n", changes.snapshot.c_str());
    for (const holdfast::TodoChange& change : changes.rows) {
      const holdfast::TodoRow& row = change.row;
      std::printf("%c %s %s %s%s%s\n", signs[static_cast<int>(change.what)], row.bill.type.c_str(), row.bill.id.c_str(),
                  row.group.c_str(), row.editing ? ", edited by " : "",
                  row.editing ? row.editing->by.user.c_str() : "");
      if (++seen == wanted) done.release();
    }
    std::fflush(stdout);
  }});
  if (!view) return std::fprintf(stderr, "%s\n", view.error().text().c_str()), 2;

  done.acquire();
  return 0;
}
