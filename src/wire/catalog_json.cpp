#include "wire/catalog_json.h"

#include <array>
#include <string_view>

#include "wire/json_writer.h"

namespace hf {
namespace {

using catalog::Content;
using catalog::Index;
using std::string_view;

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

void write_names(JsonWriter& w, const auto& thing) {
  w.field("name", thing.name).some("zh", thing.zh).some("en", thing.en);
}

void write_list(JsonWriter& w, string_view key, const auto& list, auto write) {
  w.key(key).begin_array();
  for (const auto& element : list) write(element);
  w.end_array();
}

// A list of indexes, as the names of what they point to.
void write_refs(JsonWriter& w, string_view key, const std::vector<Index>& indexes, const auto& list) {
  write_list(w, key, indexes, [&](Index i) { w.string(list[i].name); });
}
void write_values(JsonWriter& w, string_view key, const std::vector<int>& values) {
  write_list(w, key, values, [&](int value) { w.signed_number(value); });
}

void write_type(JsonWriter& w, const Content& all, const catalog::Type& type) {
  w.begin_object();
  write_names(w, type);
  w.some("area", type.area).key("code").signed_number(type.code).field("key", type.key).some("no", type.no);
  write_list(w, "parts", type.parts, [&](const catalog::Part& part) { w.string(part.name); });
  write_refs(w, "status", type.status, all.models);
  if (type.lifecycle) w.field("lifecycle", all.models[*type.lifecycle].name);
  write_values(w, "editable_in", type.editable_in);
  write_refs(w, "groups", type.groups, all.groups);
  write_refs(w, "actions", type.actions, all.actions);
  w.key("lock").begin_object();
  w.key("max_hold_ms").signed_number(type.lock.max_hold.count());
  w.key("idle_takeover_ms").signed_number(type.lock.idle_takeover.count());
  w.key("request_timeout_ms").signed_number(type.lock.request_timeout.count()).end_object();
  w.end_object();
}

void write_model(JsonWriter& w, const catalog::StatusModel& model) {
  w.begin_object();
  write_names(w, model);
  w.field("kind", named(kStatusKinds, model.kind)).key("initial").signed_number(model.initial);
  write_list(w, "values", model.values, [&](const catalog::StatusValue& v) {
    w.begin_object().key("value").signed_number(v.value).some("zh", v.zh).some("en", v.en).end_object();
  });
  write_list(w, "transitions", model.transitions, [&](const catalog::StatusModel::Transition& t) {
    w.begin_object().key("from").signed_number(t.from);
    write_values(w, "to", t.to);
    w.end_object();
  });
  write_values(w, "final", model.final);
  w.end_object();
}

void write_action(JsonWriter& w, const Content& all, const catalog::Action& action) {
  w.begin_object();
  write_names(w, action);
  w.field("kind", named(kActionKinds, action.kind)).some("right", action.right);
  if (action.reason_required) w.key("reason_required").boolean(true);
  if (!action.types.empty()) write_refs(w, "types", action.types, all.types);
  w.end_object();
}

void write_conversion(JsonWriter& w, const Content& all, const catalog::Conversion& conversion) {
  w.begin_object();
  write_names(w, conversion);
  w.key("no").signed_number(conversion.no).field("kind", named(kConversionKinds, conversion.kind));
  if (conversion.action) w.field("action", all.actions[*conversion.action].name);
  write_list(w, "routes", conversion.routes, [&](const catalog::Route& route) {
    w.begin_object().field("from", all.types[route.from].name).field("to", all.types[route.to].name).end_object();
  });
  write_list(w, "asks", conversion.asks, [&](catalog::Question question) { w.string(named(kQuestions, question)); });
  w.end_object();
}

void write_role(JsonWriter& w, const Content& all, const catalog::Role& role) {
  w.begin_object();
  write_names(w, role);
  write_list(w, "rights", role.rights, [&](const std::string& right) { w.string(right); });
  write_refs(w, "tree", role.tree, all.types);
  w.field("scope", named(kScopes, role.scope)).end_object();
}

}  // namespace

void append_catalog(std::string& out, const Catalog& whole) {
  const Content& all = whole.content();
  JsonWriter w(out);
  w.begin_object().field("name", all.name).key("strict_types").boolean(all.strict_types);
  w.field("edit_after_submit", all.edit_after_submit == catalog::EditAfterSubmit::strict ? "strict" : "flexible");
  write_list(w, "types", all.types, [&](const catalog::Type& type) { write_type(w, all, type); });
  write_list(w, "models", all.models, [&](const catalog::StatusModel& model) { write_model(w, model); });
  write_list(w, "actions", all.actions, [&](const catalog::Action& action) { write_action(w, all, action); });
  write_list(w, "groups", all.groups, [&](const catalog::Group& group) {
    w.begin_object();
    write_names(w, group);
    w.end_object();
  });
  write_list(w, "conversions", all.conversions, [&](const catalog::Conversion& c) { write_conversion(w, all, c); });
  write_list(w, "roles", all.roles, [&](const catalog::Role& role) { write_role(w, all, role); });
  w.end_object();
}

}  // namespace hf
