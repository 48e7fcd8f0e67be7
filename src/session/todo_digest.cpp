#include "session/todo_digest.h"

#include "session/status_answers.h"
#include "wire/edited_tally.h"
#include "wire/said_writer.h"
#include "wire/status_said.h"

namespace hf::session {

template <class Sees>
Tally EditedRows::sum(const Sees& sees) const {
  Tally sum;
  editing.each(ns, [&](const BillPtr& bill, const TodoEditing::Editor& editor) {
    const Catalog::Index type = bill->type_index();
    if (type >= selection.rows.size()) return;
    const std::uint32_t rows = bill->groups() & selection.rows[type];
    if (rows == 0 || !sees(bill->facts())) return;
    for (std::uint32_t place = 0; (rows >> place) != 0; ++place) {
      if ((rows >> place & 1) == 0) continue;
      const std::string_view user = hide_names ? std::string_view() : std::string_view(editor.user);
      add(sum, edited_tally(bill->text(Bill::key), group_name(catalog, type, place), user, editor.since));
    }
  });
  return sum;
}

Tally EditedRows::by_class(const Audience& audience) const {
  return sum([&](const BillFacts& bill) { return audience.sees_by_class(bill); });
}

Tally EditedRows::beyond_class(const Audience& audience) const {
  return sum([&](const BillFacts& bill) { return visible(audience, bill) && !audience.sees_by_class(bill); });
}

void append_digest(std::string& out, const TodoCursor& cursor, const Tally& rows, const std::optional<Tally>& edited) {
  DigestFrame frame{{}, rows, edited};
  append_cursor(frame.cursor, cursor);
  append_push(out, frame);
}

}  // namespace hf::session
