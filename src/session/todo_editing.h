#pragma once

// TodoEditing knows who edits which bill, for the rows of to-do trees, and what rows have said of it. What is comes
// from the engine: the exclusive edit locks of whole bills. What was said is what all who have the bill's rows were
// told last.
//
// Invariant: while the two differ, or some who follow may have been told something third, a telling is owed. It is owed
// until the board has answered what the bill is and every channel has noted it. A bill that is taken and freed before
// anybody has heard of it is not told.
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

#include "engine/status_commands.h"
#include "session/hub.h"

namespace hf::session {

class TodoEditing {
 public:
  struct Editor {
    std::string user, name;
    Wall since{};
    bool operator==(const Editor&) const = default;
  };
  // What the board is to be asked, and by which number the answer comes back.
  struct Question {
    std::uint64_t number = 0;
    NamespaceIndex ns = 0;
    std::string key;
  };

  explicit TodoEditing(std::size_t bills_max) : bills_max_(bills_max) {}

  // What the engine tells of a target, or lists. `grant` null: it is free.
  void changed(NamespaceIndex ns, const Target& target, const Grant* grant);
  // Up to `most` bills that are owed a telling, the oldest first. Each is to be answered, or put back.
  std::vector<Question> take_owed(std::size_t most);
  // The board has answered; `bill` null: it is not there. Whoever sees the bill is told right behind this.
  void answered(std::uint64_t number, const BillPtr& bill);
  // The board could not answer: the question is asked again.
  void put_back(std::uint64_t number);

  // The board has this state of the bill now.
  void now_is(NamespaceIndex ns, const BillPtr& bill);
  // What the board says is to be asked for anew.
  void forget_bills(NamespaceIndex ns);
  // Null: nobody edits it.
  const Editor* find(NamespaceIndex ns, std::string_view key) const;
  // The same, to say so in a row for some of those who follow.
  const Editor* say(NamespaceIndex ns, std::string_view key);
  // Somebody was told of all bills that are edited: by that, of all others that they are free.
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
  // Nothing is owed: rows say what is.
  bool settled(NamespaceIndex ns) const;
  // Another number: each() may give something else.
  std::uint64_t edition(NamespaceIndex ns) const;

  // What is locked is to be listed anew; rows that said so are told again.
  void forget(NamespaceIndex ns);
  void clear();

 private:
  enum class Owed : std::uint8_t { nothing, in_line, asked };
  struct Mark {
    std::optional<Editor> now, told;
    BillPtr bill;         // as the board had it last; null while it is not known, or not there
    bool astray = false;  // some may have been told otherwise than `told`
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
  // Owes a telling, or no more; drops a mark that says nothing.
  void weigh(NamespaceIndex ns, Space& space, Marks::iterator at);
  Mark* find_in(NamespaceIndex ns, std::string_view key);

  std::size_t bills_max_;
  std::map<NamespaceIndex, Space> spaces_;
  std::deque<Key> line_;  // what is not in line any more is passed over
  std::map<std::uint64_t, Key> asked_;
  std::uint64_t next_question_ = 1, editions_ = 0;
};

}  // namespace hf::session
