#pragma once

// SlicedCheck walks through the lock trees and boards of all namespaces and looks at a few of their entities each time
// it is called, so that a server that has nothing else to do finds a state that contradicts itself before a user does.
// What it sees of one entity is what check_some() of trees and boards say.
//
// Not thread-safe.

#include <cstddef>
#include <string>
#include <utility>

#include "engine/check_cursor.h"
#include "engine/namespace_state.h"

namespace hf {

class SlicedCheck {
 public:
  struct Slice {
    std::size_t entities = 0;  // looked at
    bool is_round = false;     // it came to the end of everything; the next slice begins anew
    std::string broken;        // the first invariant that does not hold; empty: all that were looked at do
  };

  // Looks at up to `entities` of `namespaces` many. `at(i)` gives the i-th: {name, its
  // NamespaceState}, by reference.
  template <class F>
  Slice look(std::size_t entities, std::size_t namespaces, F&& at) {
    Slice slice;
    while (slice.entities < entities && slice.broken.empty()) {
      if (namespace_ >= namespaces) {
        *this = SlicedCheck();
        slice.is_round = true;
        break;
      }
      const auto [name, state] = at(namespace_);
      const std::size_t left = entities - slice.entities;
      slice.entities += in_board_ ? state.board().check_some(cursor_, left, slice.broken)
                                  : state.locks().check_some(cursor_, left, slice.broken);
      if (!slice.broken.empty()) slice.broken = name + ": " + slice.broken;
      if (!cursor_.is_round) continue;
      namespace_ += in_board_ ? 1 : 0;
      in_board_ = !in_board_;
    }
    return slice;
  }

 private:
  std::size_t namespace_ = 0;
  bool in_board_ = false;
  CheckCursor cursor_;
};

}  // namespace hf
