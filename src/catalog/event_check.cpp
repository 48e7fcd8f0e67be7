#include "catalog/event_check.h"

#include <algorithm>
#include <string_view>

namespace hf {
namespace {

using catalog::Column;
using catalog::ColumnKind;
using catalog::StatusModel;
using catalog::Type;

// The values in a sentence, or the columns.
template <class List, class Text>
std::string listed(const List& list, Text text) {
  std::string made;
  for (const auto& each : list) made.append(made.empty() ? "" : ", ").append(text(each));
  return made;
}

std::string values_of(const StatusModel& model) {
  return listed(model.values, [](const catalog::StatusValue& each) { return std::to_string(each.value); });
}

class EventCheck {
 public:
  EventCheck(const Catalog& catalog, const Type& type, const StatusEvent& event, const std::string& where)
      : content_(catalog.content()), type_(type), event_(event), where_(where) {}

  std::optional<Error> run() {
    for (const BillField& field : event_.state) check(field);
    for (const std::string& name : event_.none) check_null(name);
    if (!event_.deleted) check_whole();
    return std::move(error_);
  }

 private:
  void check(const BillField& field) {
    const bool whole = field.value.index() == 0;
    if (const StatusModel* const model = model_of(field.name)) return check(field, *model);
    const Column* const column = column_of(field.name);
    if (column == nullptr) return unknown(field.name);
    switch (column->kind) {
      case ColumnKind::integer:
        if (!whole) bad(field.name, "must be a whole number.");
        return;
      case ColumnKind::boolean:
        if (!whole || std::get<0>(field.value) < 0 || std::get<0>(field.value) > 1) {
          bad(field.name, "must be true or false.");
        }
        return;
      case ColumnKind::text:
        if (whole) bad(field.name, "must be a text.");
        return;
      case ColumnKind::id:  // too large for a JSON number, some of them
      case ColumnKind::money:
      case ColumnKind::decimal:
      case ColumnKind::time:
      case ColumnKind::date:
      case ColumnKind::bytes: return;
    }
  }

  void check(const BillField& field, const StatusModel& model) {
    if (model.values.empty() && field.value.index() == 0) return;
    if (field.value.index() == 0) {
      const std::int64_t value = std::get<0>(field.value);
      if (std::ranges::any_of(model.values, [value](const auto& each) { return each.value == value; })) return;
    }
    bad(field.name, "must be a whole number that " + model.name + " has: one of " + values_of(model) + ".");
  }

  void check_null(const std::string& name) {
    if (!name.starts_with(state_)) return;
    const std::string_view column_name = std::string_view(name).substr(state_.size());
    if (const StatusModel* const model = model_of(column_name)) {
      return bad(column_name, "is null: a bill is always in one state. Send one of " + values_of(*model) + ".");
    }
    const Column* const column = column_of(column_name);
    if (column == nullptr) return unknown(column_name);
    if (!column->nullable) bad(column_name, "is null, and the ERP's table does not allow that: send its value.");
  }

  void check_whole() {
    for (const std::string& name : type_.group_fields) {
      const bool stated = std::ranges::any_of(event_.state, [&](const BillField& f) { return f.name == name; }) ||
                          says_none(event_, std::string(state_).append(name));
      if (stated) continue;
      const StatusModel* const model = model_of(name);
      const std::string values = model != nullptr && !model->values.empty() ? ": one of " + values_of(*model) : "";
      return bad(name, "is missing, and an event states the whole bill: send its value" + values + ".");
    }
    check_person("creator", event_.creator.user, "user");
    if (type_.asks_owner) check_person("owner", event_.owner.user, "employee");
    if (type_.asks_department) check_person("department", event_.department, "department");
  }

  void check_person(const char* name, const std::string& id, std::string_view what) {
    if (!id.empty() || says_none(event_, name)) return;
    fail(name, "is missing, and an event states the whole bill: send the id of the " + std::string(what) +
                   ", or null if the bill has none.");
  }

  void unknown(std::string_view name) {
    std::string known = listed(type_.group_fields, [](const std::string& each) { return each; });
    if (known.empty()) known = "none";
    bad(name,
        "is no column of " + type_.name + ": correct its name, or leave it out. Its groups ask for: " + known + ".");
  }

  const StatusModel* model_of(std::string_view name) const {
    for (const Catalog::Index index : type_.status) {
      if (content_.models[index].name == name) return &content_.models[index];
    }
    return nullptr;
  }
  const Column* column_of(std::string_view name) const {
    return type_.table < content_.tables.size() ? content_.tables[type_.table].find(name) : nullptr;
  }

  void bad(std::string_view column, std::string_view sentence) { fail(std::string(state_).append(column), sentence); }
  void fail(const std::string& place, std::string_view sentence) {
    if (error_) return;
    const std::string field = where_ + "." + place;
    error_ = Error{Code::invalid, "`" + field + "` " + std::string(sentence), field};
  }

  static constexpr std::string_view state_ = "state.";
  const catalog::Content& content_;
  const Type& type_;
  const StatusEvent& event_;
  const std::string& where_;
  std::optional<Error> error_;
};

}  // namespace

std::optional<Error> refuses_event(const Catalog& catalog, const StatusEvent& event, const std::string& where) {
  const Type* const type = catalog.find_type(event.type);
  return type == nullptr ? std::nullopt : EventCheck(catalog, *type, event, where).run();
}

}  // namespace hf
