#include "session/catalog_json.h"

#include <array>

#include "wire/said_writer.h"

namespace hf {
namespace {

using catalog::Content;
using catalog::Index;
using std::string_view;
using Named = CatalogView::Named;

// By the order of the enumerations.
constexpr std::array<string_view, 3> kStatusKinds{"lifecycle", "approval", "business"};
constexpr std::array<string_view, 5> kActionKinds{"create", "save", "delete", "move", "convert"};
constexpr std::array<string_view, 2> kConversionKinds{"generate", "act"};
constexpr std::array<string_view, 4> kQuestions{"confirm", "choose", "amount", "reason"};
constexpr std::array<string_view, 3> kScopes{"own", "department", "all"};

template <std::size_t N, class E>
string_view named(const std::array<string_view, N>& names, E value) {
  return names.at(static_cast<std::size_t>(value));
}

template <class List, class Of>
auto each(const List& list, Of of) {
  std::vector<decltype(of(list.front()))> out;
  out.reserve(list.size());
  for (const auto& element : list) out.push_back(of(element));
  return out;
}

Named names_of(const auto& thing) { return {thing.name, thing.zh, thing.en}; }
// Indexes, as the names of what they point to.
CatalogView::Texts names_at(const std::vector<Index>& indexes, const auto& list) {
  return each(indexes, [&](Index i) { return string_view(list[i].name); });
}
std::vector<std::int64_t> numbers_of(const std::vector<int>& values) { return {values.begin(), values.end()}; }

CatalogView::Type view_of(const Content& all, const catalog::Type& type) {
  return {.named = names_of(type),
          .area = type.area,
          .code = type.code,
          .key = type.key,
          .no = type.no,
          .parts = each(type.parts, [](const catalog::Part& part) { return string_view(part.name); }),
          .status = names_at(type.status, all.models),
          .lifecycle = type.lifecycle ? string_view(all.models[*type.lifecycle].name) : string_view(),
          .editable_in = numbers_of(type.editable_in),
          .groups = names_at(type.groups, all.groups),
          .actions = names_at(type.actions, all.actions),
          .lock = {type.lock.max_hold, type.lock.idle_takeover, type.lock.request_timeout}};
}

CatalogView::Model view_of(const catalog::StatusModel& model) {
  return {.named = names_of(model),
          .kind = named(kStatusKinds, model.kind),
          .initial = model.initial,
          .values = each(model.values,
                         [](const catalog::StatusValue& v) { return CatalogView::StatusValue{v.value, v.zh, v.en}; }),
          .transitions = each(model.transitions,
                              [](const catalog::StatusModel::Transition& t) {
                                return CatalogView::Transition{t.from, numbers_of(t.to)};
                              }),
          .final = numbers_of(model.final)};
}

CatalogView::Conversion view_of(const Content& all, const catalog::Conversion& conversion) {
  const auto route = [&](const catalog::Route& r) {
    return CatalogView::Route{all.types[r.from].name, all.types[r.to].name};
  };
  return {.named = names_of(conversion),
          .no = conversion.no,
          .kind = named(kConversionKinds, conversion.kind),
          .action = conversion.action ? string_view(all.actions[*conversion.action].name) : string_view(),
          .routes = each(conversion.routes, route),
          .asks = each(conversion.asks, [](catalog::Question question) { return named(kQuestions, question); })};
}

}  // namespace

CatalogView::CatalogView(const Catalog& catalog) {
  const Content& all = catalog.content();
  name = all.name;
  strict_types = all.strict_types;
  edit_after_submit = all.edit_after_submit == catalog::EditAfterSubmit::strict ? "strict" : "flexible";
  types = each(all.types, [&](const catalog::Type& type) { return view_of(all, type); });
  models = each(all.models, [](const catalog::StatusModel& model) { return view_of(model); });
  actions = each(all.actions, [&](const catalog::Action& action) {
    return Action{names_of(action), named(kActionKinds, action.kind), action.right, action.reason_required,
                  names_at(action.types, all.types)};
  });
  groups = each(all.groups, [](const catalog::Group& group) { return names_of(group); });
  conversions = each(all.conversions, [&](const catalog::Conversion& one) { return view_of(all, one); });
  roles = each(all.roles, [&](const catalog::Role& role) {
    return Role{names_of(role), each(role.rights, [](const std::string& right) { return string_view(right); }),
                names_at(role.tree, all.types), named(kScopes, role.scope)};
  });
}

void append_catalog(std::string& out, const Catalog& catalog) { append_said(out, CatalogView(catalog)); }

}  // namespace hf
