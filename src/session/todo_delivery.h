#pragma once

// TodoDelivery makes the to-do frames of one node: who follows which rows, what he has, what he is told next. It is fed
// with the board's events and outcomes in the order in which they leave the engine, which is the order in which the
// board decided them, after their commit. That order is all that it needs:
//
//   1. counts are asked for; from their outcome on, events keep them;
//   2. pages, or the changes since a cursor, are asked for one after the other; then what changed meanwhile;
//   3. the outcome that says "that is all" is true at its place among the events: the next event is the first to tell.
//
// Who may see the same by class and subscribes the same shares a channel: its counts are kept once, and what a flush
// window has brought is written once. What a person sees beyond his class is kept beside it. Of several changes of a
// row the last one leaves. A connection that does not read is told nothing until it has read, then what changed.
//
// A window is flushed at the end of the turn that opened it, unless the channel was flushed just before: each flush
// keeps the next one away in proportion to the people told, so that many who are told often leave time for other work,
// and a few are told at once. Nothing is sent to a connection from inside a call but by TodoPort. Not thread-safe.

#include <boost/container/small_vector.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "session/hub.h"
#include "session/status_answers.h"
#include "session/todo_cursor.h"
#include "session/todo_editing.h"
#include "session/todo_selection.h"
#include "session/todo_window.h"

namespace hf::session {

// Who asks a question of the board.
struct TodoAsker {
  enum class Kind : std::uint8_t { follower, channel, edited } kind = Kind::follower;
  std::uint64_t id = 0;      // connection or channel; of an edited bill: the namespace
  std::uint64_t serial = 0;  // an answer to a former question is not waited for any more; of an edited bill: its number
};

class TodoPort {
 public:
  virtual ~TodoPort() = default;
  // The outcome comes to TodoDelivery::answered, never from inside this call.
  virtual void ask(NamespaceIndex ns, const TodoAsker& asker, StatusCommand&& command) = 0;
  // The subscription has begun with a snapshot, or with none as a diff; or not at all.
  virtual void begun(ConnectionId connection, SnapshotReason snapshot) = 0;
  virtual void refused(ConnectionId connection, const Refusal& refusal) = 0;
  virtual void tell(ConnectionId connection, std::string_view text) = 0;
  virtual void tell_batch(ConnectionId connection, std::string_view payload) = 0;  // wire/batch_frame.h
  virtual std::size_t unsent(ConnectionId connection) const = 0;
  // Call turn_end() at this time of the monotonic clock too, if not before.
  virtual void wake_at(Micros monotonic) = 0;
  // Close it: it reads too slowly, or else what it follows cannot be told any more.
  enum class End : std::uint8_t { too_slow, lost };
  virtual void end(ConnectionId connection, End why) = 0;
};

class TodoDelivery {
 public:
  TodoDelivery(const Catalog& catalog, TodoPort& port, TodoLimits limits = {});
  ~TodoDelivery();

  struct Subscription {
    NamespaceIndex ns = 0;
    AudiencePtr audience;        // the person's
    AudiencePtr audience_class;  // of the same class, nobody's
    TodoSelectionPtr selection;
    std::optional<TodoCursor> cursor;
  };
  // Follows, in place of what the connection followed before.
  void subscribe(ConnectionId connection, Subscription subscription);
  // True if it followed.
  bool unsubscribe(ConnectionId connection);
  // The person's rights are others now: what he sees by them is a new snapshot, what he saw before is told no more.
  void renew(ConnectionId connection, AudiencePtr audience, AudiencePtr audience_class);

  void on_event(NamespaceIndex ns, const BoardEvent& event);
  // A target's holder is another now; `grant` null: nobody. Or it is held, as a list of locks says.
  void target_changed(NamespaceIndex ns, const Target& target, const Grant* grant);
  // Whether a list of the namespace's locks would tell more.
  bool wants_locks(NamespaceIndex ns) const;
  // Nobody is told of locks any more: what is known of them would grow old.
  void forget_locks();
  void forget_locks(NamespaceIndex ns);  // they are to be listed anew
  bool nobody() const noexcept;

  void answered(const TodoAsker& asker, StatusOutcome&& outcome);
  void turn_end(Micros now);
  // At least every 100 ms.
  void tick(Micros now);

  std::size_t channels() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hf::session
