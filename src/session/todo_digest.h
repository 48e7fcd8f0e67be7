#pragma once

// The two parts of a digest: the rows, and the rows that say that somebody edits the bill. The second part is added up
// from the locks as the node knows them, not from the frames sent.

#include <optional>
#include <string>

#include "session/todo_cursor.h"
#include "session/todo_editing.h"
#include "session/todo_selection.h"

namespace hf::session {

// The edited rows of a selection, as their digest has them. O(edited bills of the namespace) each.
struct EditedRows {
  const Catalog& catalog;
  const TodoEditing& editing;
  NamespaceIndex ns;
  const TodoSelection& selection;
  bool hide_names;

  // Those that everybody of the audience's class sees.
  Tally by_class(const Audience& audience) const;
  // Those that the person sees beside them.
  Tally beyond_class(const Audience& audience) const;

 private:
  template <class Sees>
  Tally sum(const Sees& sees) const;
};

// Without `edited` the digest proves nothing about who edits.
void append_digest(std::string& out, const TodoCursor& cursor, const Tally& rows, const std::optional<Tally>& edited);

}  // namespace hf::session
