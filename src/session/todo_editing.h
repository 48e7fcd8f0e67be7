#pragma once

// TodoEditing knows, for the rows of to-do trees, who edits which bill, and what the rows have said about it. The
// engine says who edits: the exclusive edit locks of whole bills. `told` is what all followers with the bill's rows
// were told last.
//
// Invariant: while the two differ, or some followers may have been told something else, an update is owed. It is owed
// until the board has answered what the bill is and every channel has noted it. A bill that is locked and freed before
// anybody has heard of it causes no update.
//
// It is bounded: beyond `bills_max` a locked bill is not marked. Not thread-safe.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/status_outcomes.h"
#include "session/hub.h"

namespace hf::session {

class TodoEditing {
 public:
  struct Editor {
    std::string user, name;
    Wall since{};
    bool operator==(const Editor&) const = default;
  };
  // A question to the board, and the number by which the answer comes back.
  struct Question {
    std::uint64_t number = 0;
    NamespaceIndex ns = 0;
    std::string key;
  };

  explicit TodoEditing(std::size_t bills_max) : bills_max_(bills_max) {}

  // The engine's news of a target, or an entry of its list. `grant` null: it is free.
  void changed(NamespaceIndex ns, const Target& target, const Grant* grant);
  // Up to `most` bills that are owed an update, the oldest first. REQUIRES: each is answered or put back.
  std::vector<Question> take_owed(std::size_t most);
  // The board has answered; `bill` null: there is none. The caller then tells everybody who sees the bill.
  void answered(std::uint64_t number, const BillPtr& bill);
  // The board could not answer: the question is asked again.
  void put_back(std::uint64_t number);

  // The board has this state of the bill now.
  void now_is(NamespaceIndex ns, const BillPtr& bill);
  // The board's bills are unknown again: asks for them anew.
  void forget_bills(NamespaceIndex ns);
  // Null: nobody edits it.
  const Editor* find(NamespaceIndex ns, std::string_view key) const;
  // The same, for a row that goes to some of the followers.
  const Editor* say(NamespaceIndex ns, std::string_view key);
  // Some follower was told of all edited bills, and so that all others are free.
  void said_all(NamespaceIndex ns) { ++spaces_[ns].said_all; }

  // Calls f(bill, editor) for each bill that is edited and on the board, by key.
  template <class F>
  void each(NamespaceIndex ns, F&& f) const {
    const auto at = spaces_.find(ns);
    if (at == spaces_.end()) return;
    for (const auto& [key, mark] : at->second.marks) {
      if (mark.now && mark.bill) f(mark.bill, *mark.now);
    }
  }
  bool is_full(NamespaceIndex ns) const;
  // No update is owed: the rows are right.
  bool settled(NamespaceIndex ns) const;
  // If it differs, each() may give something else.
  std::uint64_t edition(NamespaceIndex ns) const;

  // Forgets the locks, which will be listed anew; rows that said so are owed an update.
  void forget(NamespaceIndex ns);
  void clear();

 private:
  enum class Owed : std::uint8_t { nothing, in_line, asked };
  struct Mark {
    std::optional<Editor> now, told;
    BillPtr bill;         // as the board had it last; null while it is not known, or not there
    bool astray = false;  // some may have been told something other than `told`
    Owed owed = Owed::nothing;
    std::uint64_t owed_since = 0;  // Space::said_all then
  };
  using Marks = std::map<std::string, Mark, std::less<>>;
  struct Space {
    Marks marks;
    std::size_t edited = 0, owed = 0;
    std::uint64_t said_all = 0, edition = 0;
  };
  using Key = std::pair<NamespaceIndex, std::string>;

  void set(Space& space, Mark& mark, std::optional<Editor> now);
  // Decides whether an update is owed; drops a mark that says nothing.
  void weigh(NamespaceIndex ns, Space& space, Marks::iterator at);
  Mark* find_in(NamespaceIndex ns, std::string_view key);

  std::size_t bills_max_;
  std::map<NamespaceIndex, Space> spaces_;
  std::deque<Key> line_;  // entries that are no longer in line are skipped
  std::map<std::uint64_t, Key> asked_;
  std::uint64_t next_question_ = 1, editions_ = 0;
};

}  // namespace hf::session
