#pragma once

// What a server says of bills, as JSON: answers to status.*, todo.* and notice.*, and the pieces of which the to-do
// frames are put together (session/todo_delivery.h), so that a piece is written once for all who are shown it.
//
// What the members are says wire/status_said.h.
//
// A state of a bill has no secret of its own: who may see the bill sees all of it. Pure functions, thread-safe.

#include <string>
#include <string_view>

#include "engine/status_outcomes.h"

namespace hf {

// The members of a bill's state, without braces.
void append_bill_members(std::string& out, const Bill& bill);
// `members` are those of the bill.
void append_row(std::string& out, std::string_view group, std::string_view members);
// Who edits the bill of a row; the user is empty where names are hidden.
void append_editing(std::string& out, std::string_view user, std::string_view name, Wall since);
void append_removal(std::string& out, std::string_view group, const Removal& removal, const Audience& audience);
void append_notice(std::string& out, const Notice& notice);
void append_notices_read(std::string& out, const std::vector<std::uint64_t>& numbers);
void append_run(std::string& out, const Run& run);
// To who watches a bill: what it is now; or that it is none of his, or none.
void append_bill_changed(std::string& out, const Bill& bill);
void append_bill_gone(std::string& out, std::string_view target);
// {type: {group: rows}} of `groups`, which are in the order of types.
void append_counts(std::string& out, const std::vector<GroupTally>& groups, const Catalog& catalog);

// The name of a type's group. REQUIRES: it has one at that place.
std::string_view group_name(const Catalog& catalog, Catalog::Index type, std::uint32_t place) noexcept;

// What an answer needs besides its outcome.
struct StatusAnswer {
  const Catalog& catalog;
  ResyncId resync;         // status.resync: the one opened
  std::string_view group;  // todo.page
};
// The body of a success. REQUIRES: `outcome` is neither a Refusal nor a TodoDiff.
void append_status_outcome(std::string& out, const StatusOutcome& outcome, const StatusAnswer& about);

}  // namespace hf
