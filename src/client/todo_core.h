#pragma once

// TodoCore keeps what a follower of a to-do tree shows: its rows, its counts and the cursor that they belong to, out
// of the frames that the server sends ("To-do" in docs/protocol.md) and out of nothing else.
//
// Invariants:
//   1. all that can be read of a frame is applied at once, then its cursor holds; a text that is no frame changes
//      nothing;
//   2. a row's version never falls but with a snapshot's beginning;
//   3. rows, and who edits them, are as the newest digest proved them to be, or wants_resubscribe().
//
// What does not fit (a digest that differs, a frame that cannot be read) ends in a subscription without a cursor:
// until that snapshot begins, rows are shown on, but no cursor of theirs is kept. A row or removal that cannot be read,
// as a newer server may send it, is passed over. It ends so too, but for a row of a snapshot, which would have it
// again: that one is unread(), and the digests prove the others. Pure; not thread-safe.

#include <map>
#include <string>
#include <string_view>

#include "holdfast/result.h"
#include "holdfast/status.h"
#include "model/status_tally.h"

namespace hf::client {

// In the order of the tree.
struct TodoKey {
  std::string type, group, id;
  auto operator<=>(const TodoKey&) const = default;
};
using TodoRowMap = std::map<TodoKey, holdfast::TodoRow>;

struct TodoCoreLimits {
  std::size_t rows_max = 2'000'000;
};

class TodoCore {
 public:
  explicit TodoCore(TodoCoreLimits limits = {}) : limits_(limits) {}

  // One message of the server. What it has changed; nothing, if it is no frame of a tree, or repeats what is known.
  // Fails with `invalid` if it cannot be read, with too_large beyond rows_max: then wants_resubscribe().
  holdfast::Result<holdfast::TodoChanges> feed(std::string_view frame);

  const TodoRowMap& rows() const noexcept { return rows_; }
  const holdfast::TodoCounts& counts() const noexcept { return counts_; }
  // Where to go on after an interruption; empty: with a snapshot.
  const std::string& cursor() const noexcept { return cursor_; }
  // Caught up: the tree follows.
  bool live() const noexcept { return live_; }
  // Rows that the user has and rows() lacks, for they cannot be read. Counts count them.
  std::uint32_t unread() const noexcept { return unread_.rows; }
  // How often what came did not fit, since a digest has proved that every row is here, and says who edits it.
  std::uint32_t doubts() const noexcept { return doubts_; }

  // Subscribe now, with cursor(), which is empty. True until subscribing().
  bool wants_resubscribe() const noexcept { return wants_resubscribe_; }
  // A subscription with cursor() is on its way: what comes from now on catches up first.
  void subscribing() noexcept { live_ = wants_resubscribe_ = false; }
  // The server does not know the cursor.
  void forget_cursor() noexcept { cursor_.clear(); }

 private:
  struct Frame;
  struct Removal;
  holdfast::Result<Frame> read(std::string_view text) const;
  std::size_t rows_after(const Frame& frame) const;
  void begin();
  void forget_editing(holdfast::TodoChanges& changes);
  void put(holdfast::TodoRow&& row, holdfast::TodoChanges& changes);
  void count_in(const holdfast::TodoRow& row);
  void count_out(const holdfast::TodoRow& row);
  void remove(Removal&& removal, holdfast::TodoChanges& changes);
  void doubt();
  void prove(Frame&& digest);

  TodoCoreLimits limits_;
  TodoRowMap rows_;
  Tally sum_;     // of rows_
  Tally edited_;  // of those of rows_ that say who edits them
  Tally unread_;  // of the others, its sums as the first digest after the snapshot had them
  holdfast::TodoCounts counts_;
  std::string cursor_;
  std::uint32_t doubts_ = 0;
  bool live_ = false;
  bool wants_resubscribe_ = false;
  bool doubted_ = false;      // until a snapshot begins
  bool in_snapshot_ = false;  // until it is whole
  bool unread_proved_ = false;
  bool edited_differed_ = false;  // since a digest proved who edits
};

}  // namespace hf::client
