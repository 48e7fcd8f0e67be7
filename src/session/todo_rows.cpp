#include "session/todo_rows.h"

#include "session/status_answers.h"
#include "wire/batch_frame.h"

namespace hf::session {

const std::string& TodoRows::members_of(NamespaceIndex ns, const Bill& bill) {
  const auto [at, fresh] = written_.try_emplace(&bill);
  if (!fresh) return at->second;
  append_bill_members(at->second, bill);
  if (const auto* const editor = editing_.say(ns, bill.text(Bill::key))) {
    at->second.append(R"(,"editing":)");
    const bool named = !limits_.hide_names;
    append_editing(at->second, named ? std::string_view(editor->user) : std::string_view(),
                   named ? std::string_view(editor->name) : std::string_view(), editor->since);
  }
  return at->second;
}

void TodoRows::upsert(Pieces& to, NamespaceIndex ns, const Bill& bill, std::uint32_t rows) {
  for (std::uint32_t place = 0; (rows >> place) != 0; ++place) {
    if ((rows >> place & 1) == 0) continue;
    if (!to.upsert.empty()) to.upsert.push_back(',');
    append_row(to.upsert, group_name(catalog_, bill.type_index(), place), members_of(ns, bill));
  }
}

void TodoRows::remove(Pieces& to, const Removal& removal, std::uint32_t rows, const Audience& audience) {
  for (std::uint32_t place = 0; (rows >> place) != 0; ++place) {
    if ((rows >> place & 1) == 0) continue;
    if (!to.remove.empty()) to.remove.push_back(',');
    append_removal(to.remove, group_name(catalog_, removal.by->type_index(), place), removal, audience);
  }
}

void TodoRows::write(Pieces& to, NamespaceIndex ns, const TodoWindow::Change& change, const Audience& audience,
                     const TodoSelection& selection) {
  const std::uint32_t told = selection.rows[change.now->type_index()];
  const std::uint32_t rows = change.now->rows(audience);
  upsert(to, ns, *change.now, rows & told);
  for (const Removal& removal : change.lost) remove(to, removal, removal.groups & told & ~rows, audience);
}

void TodoRows::append_tail(std::string& out, const Pieces& pieces, const std::vector<GroupTally>& counts) const {
  if (!pieces.upsert.empty()) out.append(R"(,"upsert":[)").append(pieces.upsert).push_back(']');
  if (!pieces.remove.empty()) out.append(R"(,"remove":[)").append(pieces.remove).push_back(']');
  if (!counts.empty()) {
    out.append(R"(,"counts":)");
    append_counts(out, counts, catalog_);
  }
  out.push_back('}');
}

TodoRows::Tail TodoRows::tail_of(const Pieces& pieces, const std::vector<GroupTally>& counts) const {
  Tail tail;
  append_tail(tail.text, pieces, counts);
  if (tail.text.size() >= limits_.batch_bytes_min) tail.deflated = deflate_end(tail.text);
  return tail;
}

}  // namespace hf::session
