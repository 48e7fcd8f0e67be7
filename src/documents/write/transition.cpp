#include "documents/write/transition.h"

#include <algorithm>

#include "base/limits.h"
#include "documents/write/column_rules.h"
#include "model/plain_text.h"

namespace hf::documents {
namespace {

using catalog::Action;
using catalog::Index;
using document::Value;

std::string state_name(const Catalog& catalog, const BillImage& bill) {
  const std::optional<int> state = state_of(catalog, bill);
  if (!state) return "none";
  const catalog::StatusValue* const value = catalog.content().models[*bill.type->lifecycle].find(*state);
  return value != nullptr ? value->en : std::to_string(*state);
}

const catalog::Column* column_for_reason(const Catalog& catalog, const Action& action, const BillImage& bill) {
  const catalog::Table& table = catalog.content().tables[bill.type->table];
  const catalog::Move* const move = bill.type->lifecycle ? action.move_of(*bill.type->lifecycle) : nullptr;
  const bool closes = move != nullptr && move->to && catalog.content().models[*bill.type->lifecycle].closes(*move->to);
  const catalog::Column* const closing = closes ? table.find(stamps::closing_opinion) : nullptr;
  return closing != nullptr ? closing : table.find(stamps::opinion);
}

Result<void> check_reason(const Catalog& catalog, const Doing& doing, const BillImage& bill) {
  const std::string& reason = doing.reason;
  if (doing.action.reason_required && reason.find_first_not_of(" \t\r\n") == std::string::npos)
    return fail(Code::invalid, "Say why.", "reason");
  if (reason.size() > reason_bytes_max)
    return fail(Code::too_large, "It has at most " + std::to_string(reason_bytes_max) + " bytes.", "reason");
  if (!is_plain_prose(reason)) return fail(Code::invalid, "It has control characters: leave them out.", "reason");
  const catalog::Column* const column = column_for_reason(catalog, doing.action, bill);
  std::size_t characters = 0;
  for (std::string_view rest = reason; !rest.empty(); ++characters) static_cast<void>(take_character(rest));
  if (column != nullptr && column->length > 0 && characters > column->length)
    return fail(Code::too_large, "It has at most " + std::to_string(column->length) + " characters.", "reason");
  return {};
}

}  // namespace

Result<void> check_right(const Actor& actor, const Action& action, const catalog::Type& type) {
  if (actor.rights.allows_action(action.right, type.name)) return {};
  return fail(Code::forbidden, "You lack the right " + ("action." + action.right) + " for " + type.name + ".");
}

Result<void> check_action(const Catalog& catalog, const Actor& actor, const Doing& doing, const BillImage& bill) {
  const Action& action = doing.action;
  const bool mine = bill.creator.user == actor.person.user;
  if (!doing.of_itself) {
    if (auto may = check_right(actor, action, *bill.type); !may) return may;
    if (action.creator_only && !mine && !actor.super)
      return fail(Code::forbidden, "Only " + bill.creator.user + ", who made the bill, may do this.");
    if (catalog.content().four_eyes && action.reviews && mine)
      return fail(Code::forbidden, "You made the bill yourself: let somebody else review it.");
  }
  if (!catalog.offers(*bill.type, action, state_of(catalog, bill))) {
    return fail(Code::invalid,
                "The action " + action.name + " is not open to a bill in the state " + state_name(catalog, bill) + ".",
                "action");
  }
  return check_reason(catalog, doing, bill);
}

void move(const Catalog& catalog, const Actor& actor, const Doing& doing, Wall now, BillImage& bill) {
  const catalog::Type& type = *bill.type;
  const catalog::Table& table = catalog.content().tables[type.table];
  const catalog::Move* const move = type.lifecycle ? doing.action.move_of(*type.lifecycle) : nullptr;
  if (doing.action.name == "submit") bill.handler = actor.person;
  if (move == nullptr) return;
  if (move->to) {
    const std::string& column = catalog.content().models[*type.lifecycle].name;
    if (bill.master.number(column) != Decimal::of(*move->to)) bill.closed_by.clear();
    bill.master.set(column, Decimal::of(*move->to));
  }
  for (const Index index : type.status) {
    const catalog::StatusModel& model = catalog.content().models[index];
    if (model.kind != catalog::StatusKind::approval || !move->approval) continue;
    bill.master.set(model.name, Decimal::of(*move->approval));
    if (doing.action.reviews) {
      const bool yes = move->to && catalog.content().models[*type.lifecycle].is_approved(*move->to);
      stamp(table, stamps::verdict, std::int64_t{yes ? 1 : 0}, bill.master);
      stamp(table, stamps::approver, actor.employee ? Value(*actor.employee) : Value(), bill.master);
      stamp(table, stamps::approved_at, to_us(now), bill.master);
    } else if (*move->approval == model.initial) {
      for (const std::string_view column : {stamps::verdict, stamps::approver, stamps::approved_at})
        stamp(table, column, Value(), bill.master);
    }
  }
  const catalog::Column* const column = column_for_reason(catalog, doing.action, bill);
  if (column != nullptr && (doing.action.reviews || !doing.reason.empty()))
    stamp(table, column->name, doing.reason.empty() ? Value() : Value(doing.reason), bill.master);
}

const Action* approves_itself(const Catalog& catalog, const Action& action, const BillImage& bill) {
  const catalog::Type& type = *bill.type;
  if (!type.auto_approve_up_to || *type.auto_approve_up_to == 0 || type.amount.empty()) return nullptr;
  if (action.name != "submit" || bill.master.number(type.amount) > Decimal::of(*type.auto_approve_up_to))
    return nullptr;
  const Action* const approve = catalog.find_action("approve");
  return approve != nullptr && catalog.offers(type, *approve, state_of(catalog, bill)) ? approve : nullptr;
}

std::string rule_missing(const Catalog& catalog, const catalog::Type& type, const Action& action) {
  const Index index = catalog.index_of(type), doing = catalog.index_of(action);
  for (const catalog::Effect& effect : catalog.content().effects) {
    const bool acts = effect.from == index && (effect.on == doing || std::find(effect.undo.begin(), effect.undo.end(),
                                                                               doing) != effect.undo.end());
    if (!acts) continue;
    if (!effect.handler.empty()) return effect.handler;
    if (!effect.spread.empty() || !effect.companions.empty()) return effect.name;
  }
  // One number is drawn for what an action makes.
  const auto& creations = catalog.content().creations;
  const auto made = std::count_if(creations.begin(), creations.end(), [&](const catalog::Creation& each) {
    return each.on == doing && each.route_from(index) != nullptr;
  });
  if (made > 1) return "more than one creation";
  // 订单取消 and the like: what it does to money is a rule of the conversion that amounts to it.
  for (const catalog::Conversion& conversion : catalog.content().conversions) {
    if (conversion.action == doing && !conversion.handler.empty() && conversion.route_from(index) != nullptr)
      return conversion.handler;
  }
  return {};
}

}  // namespace hf::documents
