#pragma once

// TodoView keeps the to-do tree of a Client's user up to date.
//
//   auto view = holdfast::TodoView::open(client, {.on_change = [](const holdfast::TodoChanges& c) { … }});
//   for (const auto& [type, groups] : view->counts()) …
//
// It subscribes, keeps the rows, the counts and the cursor, resumes by the cursor after every interruption, checks its
// rows against the digests that the server sends, and takes a fresh snapshot if one differs.
//
// Promises:
//   1. The view shows what this user sees according to the server, as of the newest frame; state() says whether it is
//      live.
//   2. It reports each change once, in order, on the client's executor. A row's version never goes back, except with a
//      snapshot, which TodoChanges::snapshot announces.
//   3. It leaves out a row that this program cannot read because it is older than the server, and why() says so; all
//      other rows are as promised.
//   4. After the destructor returns no callback begins, if the destructor runs on the executor; elsewhere one may still
//      be running.
//
// A client follows one tree: a second view of it is refused. A view may outlive its client; then it no longer changes.
// A moved-from view may only be assigned to or destroyed. Thread-safe. rows() and counts() may be newer than the newest
// callback.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "holdfast/client.h"
#include "holdfast/status.h"

namespace holdfast {

enum class TodoState : std::uint8_t {
  connecting,   // no connection: what is shown may be old
  catching_up,  // connected; missing changes are on their way
  live,         // follows
  closed,       // for good: the client was closed, or the server refuses the subscription
};
std::string_view name_of(TodoState state) noexcept;

struct TodoOptions {
  std::vector<std::string> types;  // empty: all that this user's tree shows
  // Of which groups the view has rows; of the others it has only counts. Name a group for all types (unreviewed), or
  // for one (SaleOrder/unreviewed).
  enum class Rows : std::uint8_t { all, opened } rows = Rows::all;
  std::vector<std::string> open;  // the groups, with Rows::opened

  std::function<void(const TodoChanges&)> on_change;
  // why: connecting after a drop; live without some rows; closed.
  std::function<void(TodoState state, const Error& why)> on_state;
  // Without one of these callbacks its events go to Options::on_event.
  std::function<void(const Notice&)> on_notice;
  // The numbers of notices that on_notice reported and that the user has read since: here, in another window, or while
  // this one was away.
  std::function<void(const std::vector<std::uint64_t>&)> on_notices_read;
  std::function<void(const RunStep&)> on_run_step;
};

class TodoView {
 public:
  // Subscribes as soon as the client is connected. Fails with `invalid` if the client already follows a tree, with
  // session_gone if it was closed. A refusal by the server arrives as the state `closed`.
  static Result<TodoView> open(Client& client, TodoOptions options = {});
  ~TodoView();  // unsubscribes, without waiting for the answer
  TodoView(TodoView&&) noexcept;
  TodoView& operator=(TodoView&&) noexcept;
  TodoView(const TodoView&) = delete;
  TodoView& operator=(const TodoView&) = delete;

  TodoState state() const;
  Error why() const;  // of connecting after a drop; of live without some rows; of closed
  // Waits until the view is live; fails with `unavailable` if it is not by then, with why() if it is closed.
  Result<Nothing> wait_live(Millis at_most = Millis(10'000)) const;
  TodoCounts counts() const;
  // Copies: all rows, or those of a type, or of a group of it; by type, group and id.
  std::vector<TodoRow> rows(const std::string& type = {}, const std::string& group = {}) const;
  std::size_t size() const;  // how many rows
  // Where the view would go on; empty while a snapshot is under way.
  std::string cursor() const;

 private:
  struct State;
  explicit TodoView(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast
