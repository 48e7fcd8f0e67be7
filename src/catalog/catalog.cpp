#include "catalog/catalog.h"

#include <algorithm>

namespace hf {
namespace catalog {
namespace {

bool contains(const std::vector<int>& values, int value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

}  // namespace

const Column* Table::find(std::string_view column) const noexcept {
  const auto at = std::find_if(columns.begin(), columns.end(), [column](const Column& c) { return c.name == column; });
  return at == columns.end() ? nullptr : &*at;
}

const StatusValue* StatusModel::find(int value) const noexcept {
  const auto at =
      std::find_if(values.begin(), values.end(), [value](const StatusValue& v) { return v.value == value; });
  return at == values.end() ? nullptr : &*at;
}

bool StatusModel::allows(int from, int to) const noexcept {
  if (from == to || transitions.empty()) return true;
  const auto row =
      std::find_if(transitions.begin(), transitions.end(), [from](const Transition& t) { return t.from == from; });
  return row != transitions.end() && contains(row->to, to);
}

bool StatusModel::closes(int value) const noexcept { return contains(closing, value); }
bool StatusModel::is_approved(int value) const noexcept { return contains(approved, value); }

const Move* Action::move_of(Index model) const noexcept {
  const auto at = std::find_if(moves.begin(), moves.end(), [model](const Move& m) { return m.model == model; });
  return at == moves.end() ? nullptr : &*at;
}

const Part* Type::find_part(std::string_view part) const noexcept {
  const auto at = std::find_if(parts.begin(), parts.end(), [part](const Part& p) { return p.name == part; });
  return at == parts.end() ? nullptr : &*at;
}

const Route* Making::route_from(Index type) const noexcept {
  const auto at = std::find_if(routes.begin(), routes.end(), [type](const Route& r) { return r.from == type; });
  return at == routes.end() ? nullptr : &*at;
}

}  // namespace catalog

namespace {

template <class List>
auto find_named(const List& list, std::string_view name) -> decltype(list.data()) {
  const auto at = std::find_if(list.begin(), list.end(), [name](const auto& each) { return each.name == name; });
  return at == list.end() ? nullptr : &*at;
}

template <class List, class Names>
auto find_indexed(const List& list, const Names& names, std::string_view name) -> decltype(list.data()) {
  const auto at = names.find(name);
  return at == names.end() ? nullptr : &list[at->second];
}

}  // namespace

Catalog::Catalog() { content_.strict_types = false; }

Catalog::Catalog(catalog::Content content) : content_(std::move(content)) {
  const auto index = [](const auto& list, Names& names) {
    for (Index i = 0; i < list.size(); ++i) names.emplace(list[i].name, i);
  };
  index(content_.types, types_);
  index(content_.actions, actions_);
  index(content_.conversions, conversions_);
  index(content_.roles, roles_);
  for (Index i = 0; i < content_.types.size(); ++i) codes_.emplace(content_.types[i].code, i);
  work_out_what_events_state();
}

void Catalog::work_out_what_events_state() {
  for (catalog::Type& type : content_.types) {
    type.group_fields.clear();
    for (const Index group : type.groups) {
      for (const Condition::FieldUse& use : content_.groups[group].when.fields()) {
        if (std::ranges::find(type.group_fields, use.name) == type.group_fields.end()) {
          type.group_fields.push_back(use.name);
        }
      }
    }
  }
  for (const catalog::Role& role : content_.roles) {
    for (const Index type : role.tree) {
      // A person who does not see every bill sees his own, whatever his scope.
      content_.types[type].asks_owner |= role.scope != catalog::Scope::all;
      content_.types[type].asks_department |= role.scope == catalog::Scope::department;
    }
  }
  for (const catalog::Notice& notice : content_.notices) {
    for (const Index type : notice.types) {
      content_.types[type].asks_owner |= notice.owner;
      content_.types[type].asks_department |= notice.department;
    }
  }
}

const catalog::Type* Catalog::find_type(std::string_view name) const noexcept {
  return find_indexed(content_.types, types_, name);
}

const catalog::Type* Catalog::find_type(int code) const noexcept {
  const auto at = codes_.find(code);
  return at == codes_.end() ? nullptr : &content_.types[at->second];
}

const catalog::Action* Catalog::find_action(std::string_view name) const noexcept {
  return find_indexed(content_.actions, actions_, name);
}

const catalog::Action* Catalog::find_action_called(std::string_view name) const noexcept {
  if (const catalog::Action* const found = find_action(name)) return found;
  const auto called = [name](const catalog::Action& each) {
    return each.zh == name || std::find(each.aliases.begin(), each.aliases.end(), name) != each.aliases.end();
  };
  const auto at = std::find_if(content_.actions.begin(), content_.actions.end(), called);
  return at == content_.actions.end() ? nullptr : &*at;
}

const catalog::Conversion* Catalog::find_conversion(std::string_view name) const noexcept {
  return find_indexed(content_.conversions, conversions_, name);
}

const catalog::Role* Catalog::find_role(std::string_view name) const noexcept {
  return find_indexed(content_.roles, roles_, name);
}

const catalog::StatusModel* Catalog::find_model(std::string_view name) const noexcept {
  return find_named(content_.models, name);
}

const catalog::Group* Catalog::find_group(std::string_view name) const noexcept {
  return find_named(content_.groups, name);
}

const catalog::Table* Catalog::find_table(std::string_view name) const noexcept {
  return find_named(content_.tables, name);
}

const catalog::Lookup* Catalog::find_lookup(std::string_view name) const noexcept {
  return find_named(content_.lookups, name);
}

Catalog::Index Catalog::index_of(const catalog::Type& type) const noexcept {
  return static_cast<Index>(&type - content_.types.data());
}

Catalog::Index Catalog::index_of(const catalog::Action& action) const noexcept {
  return static_cast<Index>(&action - content_.actions.data());
}

bool Catalog::accepts_type(std::string_view type) const noexcept {
  return !content_.strict_types || find_type(type) != nullptr;
}

bool Catalog::accepts_part(std::string_view type, std::string_view part) const noexcept {
  return !content_.strict_types || has_part(type, part);
}

bool Catalog::has_part(std::string_view type, std::string_view part) const noexcept {
  const catalog::Type* const found = find_type(type);
  return found != nullptr && found->find_part(part) != nullptr;
}

const catalog::LockPolicy& Catalog::policy(std::string_view type) const noexcept {
  const catalog::Type* const found = find_type(type);
  return found != nullptr ? found->lock : content_.lock;
}

bool Catalog::offers(const catalog::Type& type, const catalog::Action& action,
                     std::optional<int> state) const noexcept {
  using catalog::ActionKind;
  if (!std::binary_search(type.actions.begin(), type.actions.end(), index_of(action))) return false;
  if (action.kind == ActionKind::create) return !state.has_value();
  if (action.kind == ActionKind::convert || !type.lifecycle) return true;
  const catalog::Move* const move = action.move_of(*type.lifecycle);
  if (move == nullptr || !state) return false;
  const auto in = [&state](const std::vector<int>& values) {
    return std::find(values.begin(), values.end(), *state) != values.end();
  };
  if (!in(move->from)) return false;
  if (action.kind == ActionKind::save) return in(type.editable_in);
  if (action.kind == ActionKind::erase) return in(content_.models[*type.lifecycle].deletable);
  return true;
}

Catalog::Expanded Catalog::expand(std::span<const std::string> roles, std::span<const std::string> rights) const {
  Expanded made;
  std::vector<std::optional<catalog::Scope>> scopes(content_.types.size());
  for (const std::string& name : roles) {
    const catalog::Role* const role = find_role(name);
    if (role == nullptr) {
      made.roles_unknown.push_back(name);
      continue;
    }
    for (std::string& refused : made.rights.add_all(role->rights)) made.rights_refused.push_back(std::move(refused));
    for (const Index type : role->tree) {
      if (!scopes[type] || *scopes[type] < role->scope) scopes[type] = role->scope;
    }
  }
  for (std::string& refused : made.rights.add_all(rights)) made.rights_refused.push_back(std::move(refused));
  for (Index type = 0; type < scopes.size(); ++type) {
    if (scopes[type]) made.tree.push_back({type, *scopes[type]});
  }
  return made;
}

bool Catalog::closes(const catalog::Type& type, const FieldSource& fields) const {
  return std::any_of(type.status.begin(), type.status.end(), [&](Index index) {
    const catalog::StatusModel& model = content_.models[index];
    const std::optional<FieldValue> value = fields.field(model.name);
    if (!value || value->index() != 0) return false;
    const std::int64_t number = std::get<0>(*value);
    return number >= 0 && number <= INT32_MAX && model.closes(static_cast<int>(number));
  });
}

bool Catalog::is_reviewer(const RightSet& rights, std::string_view type) const noexcept {
  const catalog::Action* const approve = find_action("approve");
  return approve != nullptr && rights.allows_action(approve->right, type);
}

}  // namespace hf
