#pragma once

// TodoView: the to-do tree of the user whose Client it stands on, kept up to date.
//
//   auto view = holdfast::TodoView::open(client, {.on_change = [](const holdfast::TodoChanges& c) { … }});
//   for (const auto& [type, groups] : view->counts()) …
//
// It subscribes, keeps the rows, the counts and the cursor, goes on by the cursor after every interruption, proves its
// rows with the digests that the server sends, and takes a fresh snapshot when one differs.
//
// Promises:
//   1. What is shown is what the server says this user sees, as of the newest frame; state() says if it follows.
//   2. Each change is told once, in order, on the client's executor; a row's version never goes back on the screen but
//      with a snapshot, which TodoChanges::snapshot announces.
//   3. A row that this program cannot read, for it is older than the server, is not shown, and why() says so; all other
//      rows are as promised.
//   4. No callback begins after the destructor returned, if it runs on the executor; elsewhere one may be under way.
//
// A client follows one tree: a second view of it is refused. A view may outlive its client; then it stands still. One
// that was moved from may be assigned to or destroyed, no more.
// Thread-safe. What rows() and counts() say may be newer than the newest callback.

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
  catching_up,  // connected; what is missing is on its way
  live,         // follows
  closed,       // for good: the client was closed, or the server refuses the subscription
};
std::string_view name_of(TodoState state) noexcept;

struct TodoOptions {
  std::vector<std::string> types;  // empty: all that this user's tree shows
  // Whose rows are told; of others only the counts. A group is named for all types (unreviewed), or with one
  // (SaleOrder/unreviewed).
  enum class Rows : std::uint8_t { all, opened } rows = Rows::all;
  std::vector<std::string> open;  // the groups, with Rows::opened

  std::function<void(const TodoChanges&)> on_change;
  // why: connecting after a drop; live without some rows; closed.
  std::function<void(TodoState state, const Error& why)> on_state;
  // Without these callbacks what they would tell goes to Options::on_event.
  std::function<void(const Notice&)> on_notice;
  // The numbers of notices that on_notice has told and that the user has read by now: here, in another window of his,
  // or while this one was away.
  std::function<void(const std::vector<std::uint64_t>&)> on_notices_read;
  std::function<void(const RunStep&)> on_run_step;
};

class TodoView {
 public:
  // Subscribes, or will when the client is connected. Fails with `invalid` if the client follows a tree already, with
  // session_gone if it was closed; what the server refuses comes as the state `closed`.
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
