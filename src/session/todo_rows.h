#pragma once

// TodoRows writes what frames say of rows: bills as they are now, rows that are lost, counts. The members that all rows
// of a bill share are written once and used again until forget(), which comes before the bill can go.
//
// Not thread-safe.

#include <boost/unordered/unordered_flat_map.hpp>
#include <string>
#include <vector>

#include "session/hub.h"
#include "session/todo_editing.h"
#include "session/todo_selection.h"
#include "session/todo_window.h"

namespace hf::session {

class TodoRows {
 public:
  // The pieces of a frame, without brackets.
  struct Pieces {
    std::string upsert, remove;
  };
  // The end of a frame, behind the cursor.
  struct Tail {
    std::string text;
    std::string deflated;  // the same, if it is large
  };

  // All of them outlive this.
  TodoRows(const Catalog& catalog, TodoEditing& editing, const TodoLimits& limits)
      : catalog_(catalog), editing_(editing), limits_(limits) {}

  void upsert(Pieces& to, NamespaceIndex ns, const Bill& bill, std::uint32_t rows);
  void remove(Pieces& to, const Removal& removal, std::uint32_t rows, const Audience& audience);
  // What the audience is to be told of a change, of the rows that are selected.
  void write(Pieces& to, NamespaceIndex ns, const TodoWindow::Change& change, const Audience& audience,
             const TodoSelection& selection);

  void append_tail(std::string& out, const Pieces& pieces, const std::vector<GroupTally>& counts) const;
  Tail tail_of(const Pieces& pieces, const std::vector<GroupTally>& counts) const;

  void forget() { written_.clear(); }

 private:
  const std::string& members_of(NamespaceIndex ns, const Bill& bill);

  const Catalog& catalog_;
  TodoEditing& editing_;
  const TodoLimits& limits_;
  boost::unordered_flat_map<const Bill*, std::string> written_;  // members of rows
};

}  // namespace hf::session
