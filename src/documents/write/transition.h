#pragma once

// Who may do what to a bill in which state, and what of the bill the action moves. All of it is the catalog's data: an
// action's moves, right, `creator_only`, `reason_required`, `reviews`; `four_eyes`; a type's `auto_approve_up_to`.
//
// Pure functions, thread-safe.

#include "catalog/rights.h"
#include "documents/write/save_plan.h"

namespace hf::documents {

struct Actor {
  Person person;
  std::optional<std::int64_t> employee;
  RightSet rights;
  bool super = false;  // may what only a bill's creator may
};

// An action that somebody asks for, and that he may: `auto_approve_up_to` approves without right and four eyes.
struct Doing {
  const catalog::Action& action;
  std::string reason;
  bool of_itself = false;  // no person asked for it
};

// `forbidden`: the right is lacking, only the creator may, or the second pair of eyes is. `invalid` names `action`, if
// the bill's state does not have it, or `reason`.
Result<void> check_action(const Catalog& catalog, const Actor& actor, const Doing& doing, const BillImage& bill);
// Before there is a bill: right and type.
Result<void> check_right(const Actor& actor, const catalog::Action& action, const catalog::Type& type);

// Moves the bill's states as the action does, and stamps who did it.
// REQUIRES: check_action() had nothing against it.
void move(const Catalog& catalog, const Actor& actor, const Doing& doing, Wall now, BillImage& bill);

// The action that approves a bill at its submission; null: somebody has to.
const catalog::Action* approves_itself(const Catalog& catalog, const catalog::Action& action, const BillImage& bill);

// The actions that a type cannot be put through yet, because the catalog gives them a rule in C++ that is not there.
// Empty: it can.
std::string rule_missing(const Catalog& catalog, const catalog::Type& type, const catalog::Action& action);

}  // namespace hf::documents
