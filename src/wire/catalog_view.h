#pragma once

// The catalog as clients see it: what they need to name, group and offer things. Tables, columns, conditions
// and the inner rules of conversions stay on the server. Things refer to each other by name.
//
// A value; the session makes it (session/catalog_json.h).

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace hf {

class Catalog;

// Views into a catalog.
struct CatalogView {
  using Text = std::string_view;
  using Texts = std::vector<std::string_view>;
  struct Named {
    Text name, zh, en;

    template <class A, class V>
    static void said(A& a, V& v) {
      a("name", v.name, {.required = true})("zh", v.zh)("en", v.en);
    }
  };
  struct Lock {
    Millis max_hold{0}, idle_takeover{0}, request_timeout{0};

    template <class A, class V>
    static void said(A& a, V& v) {
      a("max_hold_ms", v.max_hold, {.required = true})("idle_takeover_ms", v.idle_takeover, {.required = true});
      a("request_timeout_ms", v.request_timeout, {.required = true});
    }
  };
  struct Type {
    Named named;
    Text area;
    std::int64_t code = 0;
    Text key, no;
    Texts parts, status;
    Text lifecycle;
    std::vector<std::int64_t> editable_in;
    Texts groups, actions;
    Lock lock;

    template <class A, class V>
    static void said(A& a, V& v) {
      Named::said(a, v.named);
      a("area", v.area)("code", v.code, {.required = true})("key", v.key, {.required = true})("no", v.no);
      a("parts", v.parts, {.required = true})("status", v.status, {.required = true})("lifecycle", v.lifecycle);
      a("editable_in", v.editable_in, {.required = true})("groups", v.groups, {.required = true});
      a("actions", v.actions, {.required = true})("lock", v.lock, {.required = true});
    }
  };
  struct StatusValue {
    std::int64_t value = 0;
    Text zh, en;

    template <class A, class V>
    static void said(A& a, V& v) {
      a("value", v.value, {.required = true})("zh", v.zh)("en", v.en);
    }
  };
  struct Transition {
    std::int64_t from = 0;
    std::vector<std::int64_t> to;

    template <class A, class V>
    static void said(A& a, V& v) {
      a("from", v.from, {.required = true})("to", v.to, {.required = true});
    }
  };
  struct Model {
    Named named;
    Text kind;
    std::int64_t initial = 0;
    std::vector<StatusValue> values;
    std::vector<Transition> transitions;
    std::vector<std::int64_t> final;

    template <class A, class V>
    static void said(A& a, V& v) {
      Named::said(a, v.named);
      a("kind", v.kind, {.required = true})("initial", v.initial, {.required = true});
      a("values", v.values, {.required = true})("transitions", v.transitions, {.required = true});
      a("final", v.final, {.required = true});
    }
  };
  struct Action {
    Named named;
    Text kind, right;
    bool reason_required = false;
    Texts types;

    template <class A, class V>
    static void said(A& a, V& v) {
      Named::said(a, v.named);
      a("kind", v.kind, {.required = true})("right", v.right)("reason_required", v.reason_required);
      a("types", v.types);
    }
  };
  struct Route {
    Text from, to;

    template <class A, class V>
    static void said(A& a, V& v) {
      a("from", v.from, {.required = true})("to", v.to, {.required = true});
    }
  };
  struct Conversion {
    Named named;
    std::int64_t no = 0;
    Text kind, action;
    std::vector<Route> routes;
    Texts asks;

    template <class A, class V>
    static void said(A& a, V& v) {
      Named::said(a, v.named);
      a("no", v.no, {.required = true})("kind", v.kind, {.required = true})("action", v.action);
      a("routes", v.routes, {.required = true})("asks", v.asks, {.required = true});
    }
  };
  struct Role {
    Named named;
    Texts rights, tree;
    Text scope;

    template <class A, class V>
    static void said(A& a, V& v) {
      Named::said(a, v.named);
      a("rights", v.rights, {.required = true})("tree", v.tree, {.required = true});
      a("scope", v.scope, {.required = true});
    }
  };

  CatalogView() = default;
  explicit CatalogView(const Catalog& catalog);

  Text name;
  bool strict_types = false;
  Text edit_after_submit;
  std::vector<Type> types;
  std::vector<Model> models;
  std::vector<Action> actions;
  std::vector<Named> groups;
  std::vector<Conversion> conversions;
  std::vector<Role> roles;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("name", v.name, {.required = true})("strict_types", v.strict_types, {.required = true});
    a("edit_after_submit", v.edit_after_submit, {.required = true});
    a("types", v.types, {.required = true})("models", v.models, {.required = true});
    a("actions", v.actions, {.required = true})("groups", v.groups, {.required = true});
    a("conversions", v.conversions, {.required = true})("roles", v.roles, {.required = true});
  }
};

}  // namespace hf
