#include "documents/write/events.h"

#include <algorithm>
#include <set>

namespace hf::documents {
namespace {

// An id, or a text, as an event has it; empty: there is none.
std::string text_at(const BillImage& bill, const std::string& column) {
  if (column.empty()) return {};
  const document::Value& value = bill.master.at(column);
  if (const auto* const text = std::get_if<std::string>(&value)) return *text;
  if (const auto* const number = std::get_if<Decimal>(&value)) return number->text();
  const auto* const id = std::get_if<std::int64_t>(&value);
  return id != nullptr && *id != 0 ? std::to_string(*id) : std::string();
}

void add_state(const Catalog& catalog, const BillImage& bill, StatusEvent& event) {
  const catalog::Content& content = catalog.content();
  std::set<std::string> columns(bill.type->group_fields.begin(), bill.type->group_fields.end());
  for (const catalog::Index model : bill.type->status) {
    // A status is never null in an event: one that the row has not is told only if a group asks for it.
    if (!bill.master.is_null(content.models[model].name)) columns.insert(content.models[model].name);
  }
  const catalog::Table& table = content.tables[bill.type->table];
  const document::RowFields fields(bill.master, table);
  for (const std::string& column : columns) {
    const auto value = fields.field(column);
    if (!value) {
      event.none.push_back("state." + column);
    } else if (const auto* const number = std::get_if<std::int64_t>(&*value)) {
      event.state.push_back({column, *number});
    } else {
      event.state.push_back({column, std::string(std::get<std::string_view>(*value))});
    }
  }
}

}  // namespace

StatusEvent event_of(const Catalog& catalog, const BillImage& bill, const Happening& happening) {
  const catalog::Type& type = *bill.type;
  StatusEvent event;
  event.type = type.name;
  event.id = std::to_string(bill.id);
  event.no = bill.no();
  event.version = bill.version;
  add_state(catalog, bill, event);
  event.creator = bill.creator;
  event.handler = bill.handler;
  event.owner.user = text_at(bill, type.owner);
  event.department = text_at(bill, type.department);
  event.amount = text_at(bill, type.amount);
  if (event.creator.user.empty()) event.none.emplace_back("creator");
  if (event.owner.user.empty()) event.none.emplace_back("owner");
  if (event.department.empty()) event.none.emplace_back("department");
  event.actor = happening.actor;
  event.action = happening.action;
  event.reason = happening.reason;
  event.at = happening.at;
  event.cause = happening.cause;
  event.created = happening.created;
  event.deleted = happening.deleted;
  return event;
}

}  // namespace hf::documents
