#pragma once

// Writes what a server says, by the lines that each struct has of it (`said`, model/field_rule.h), as the reader of
// its View may see it.
//
// Not thread-safe.

#include <algorithm>
#include <concepts>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/sentences.h"
#include "model/documents.h"
#include "model/field_rule.h"
#include "model/outcomes.h"
#include "model/status.h"
#include "wire/json_writer.h"
#include "wire/said.h"
#include "wire/view.h"

namespace hf {

class SaidWriter {
 public:
  static constexpr bool reads = false;

  SaidWriter(JsonWriter& out, const View& view) noexcept : w_(out), view_(view) {}

  void about(std::string_view user) noexcept { hidden_ = view_.hide_names && user != view_.user; }
  void about_if_any(std::string_view user) noexcept {
    hidden_ = !user.empty() && view_.hide_names && user != view_.user;
  }
  void about_others() noexcept { hidden_ = view_.hide_names; }

  template <class T, class D = Itself>
  SaidWriter& operator()(const char* name, const T& v, const FieldRule& rule = {}, D by = {}) {
    if (rule.personal && hidden_) {
      w_.key(name).null();
    } else if (rule.required || rule.key || !is_empty(v)) {
      w_.key(name);
      put(v, rule, by);
    }
    return *this;
  }
  template <class T, class D = Itself>
  SaidWriter& when(bool is_so, const char* name, const T& v, D by = {}) {
    if (is_so) {
      w_.key(name);
      put(v, {}, by);
    }
    return *this;
  }
  void mark(bool is_so, const char* name) {
    if (is_so) w_.key(name).boolean(true);
  }
  template <class Members>
  void part(const char* name, bool is_there, Members members) {
    if (!is_there) return;
    w_.key(name).begin_object();
    members(*this);
    w_.end_object();
  }
  template <class First, class Second>
  void either(bool is_first, const char* first_name, First first, const char* second_name, Second second) {
    part(first_name, is_first, first);
    part(second_name, !is_first, second);
  }
  // A problem inside a push: it came by no HTTP.
  void problem(const char* name, const Refusal& v) {
    View by_socket = view_;
    by_socket.face = Face::websocket;
    w_.key(name).begin_object();
    SaidWriter inside(w_, by_socket);
    Refusal::said(inside, v);
    w_.end_object();
  }
  void code(Code v) {
    const std::string_view name = code_name(v);
    const bool by_http = view_.face == Face::http;
    if (by_http) w_.field("type", "urn:holdfast:problem:" + std::string(name));
    w_.field("code", name);
    w_.field("title", view_.language == Language::zh ? code_sentence_zh(v) : code_sentence(v));
    if (by_http) w_.key("status").signed_number(code_http_status(v));
  }
  void may(const Conflict& v) {
    const May may = may_of(v, view_);
    w_.key("may").begin_array();
    for (const auto& [bit, name] : kMays) {
      if ((may & bit) != 0) w_.string(name);
    }
    w_.end_array();
  }
  // A grant's targets, and the tokens of those that have another than the grant.
  void held(const std::vector<HeldTarget>& v, Token token) {
    w_.key("targets").begin_array();
    bool differs = false;
    for (const HeldTarget& one : v) {
      w_.string(one.target.text());
      differs = differs || one.token != token;
    }
    w_.end_array();
    if (!differs) return;
    w_.key("tokens").begin_object();
    for (const HeldTarget& one : v) {
      if (one.token != token) w_.key_escaped(one.target.text()).number(one.token);
    }
    w_.end_object();
  }
  // What a write of each target is fenced with; `token` says the same where it is one for all.
  void fences(const std::vector<HeldTarget>& v) {
    if (v.empty()) return;
    const Token token = v.front().token;
    if (std::ranges::all_of(v, [&](const HeldTarget& one) { return one.token == token; }))
      w_.key("token").number(token);
    w_.key("tokens").begin_object();
    for (const HeldTarget& one : v) w_.key_escaped(one.target.text()).number(one.token);
    w_.end_object();
  }

 private:
  template <class T>
  static bool is_empty(const T& v) {
    if constexpr (requires { v.is_nil(); }) {
      return v.is_nil();
    } else if constexpr (requires { v.empty(); }) {
      return v.empty();
    } else if constexpr (requires { v.has_value(); }) {
      return !v.has_value();
    } else if constexpr (!std::is_enum_v<T> && requires { v == T{}; }) {
      return v == T{};
    } else {
      return false;
    }
  }

  void put(std::string_view v, const FieldRule& rule, Itself) {
    if (rule.sentence && view_.language == Language::zh) {
      w_.string(in_chinese(v));
    } else {
      w_.string(v);
    }
  }
  void put(const Target& v, const FieldRule&, Itself) { w_.string(v.text()); }
  void put(const Id128& v, const FieldRule&, Itself) { w_.string(v.text()); }
  template <class Tag>
  void put(const Id<Tag>& v, const FieldRule&, Itself) {
    w_.id(v);
  }
  template <class E>
    requires std::is_enum_v<E>
  void put(E v, const FieldRule&, Itself) {
    w_.string(name_of(v));
  }
  void put(std::same_as<bool> auto v, const FieldRule&, Itself) { w_.boolean(v); }
  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  void put(T v, const FieldRule& rule, Itself) {
    if (rule.as_text) {
      w_.string(std::to_string(v));
    } else {
      w_.number(v);
    }
  }
  void put(std::signed_integral auto v, const FieldRule& rule, Itself) {
    if (rule.as_text) {
      w_.string(std::to_string(v));
    } else {
      w_.signed_number(v);
    }
  }
  void put(const Decimal& v, const FieldRule&, Itself) { w_.string(v.text()); }
  void put(Millis v, const FieldRule&, Itself) { w_.signed_number(v.count()); }
  void put(Wall v, const FieldRule&, Itself) { w_.time(v); }
  template <class T>
  void put(const Ready<T>& v, const FieldRule&, Itself) {
    w_.raw(v.json);
  }
  template <class T, class D>
  void put(const std::optional<T>& v, const FieldRule& rule, D by) {
    if (v) {
      put(*v, rule, by);
    } else {
      w_.null();
    }
  }
  template <class T, class D>
  void put(const std::vector<T>& v, const FieldRule& rule, D by) {
    w_.begin_array();
    for (const T& one : v) put(one, rule, by);
    w_.end_array();
  }
  template <class Key, class T>
  void put(const std::map<Key, T>& v, const FieldRule& rule, Itself by) {
    w_.begin_object();
    for (const auto& [key, one] : v) {
      w_.key_escaped(key);
      put(one, rule, by);
    }
    w_.end_object();
  }
  void put(const std::vector<std::pair<SessionId, std::uint64_t>>& v, const FieldRule&, Itself) {
    w_.begin_object();
    for (const auto& [session, number] : v) w_.key_escaped(session.text()).number(number);
    w_.end_object();
  }
  void put(const std::vector<BillField>& v, const FieldRule& rule, Itself by) {
    w_.begin_object();
    for (const BillField& field : v) {
      w_.key_escaped(field.name);
      std::visit([&](const auto& value) { put(value, rule, by); }, field.value);
    }
    w_.end_object();
  }
  void put(const std::vector<documents::BillField>& v, const FieldRule&, Itself) {
    w_.begin_object();
    for (const documents::BillField& field : v) {
      w_.key_escaped(field.column);
      if (std::holds_alternative<std::monostate>(field.value)) {
        w_.null();
      } else if (const bool* const truth = std::get_if<bool>(&field.value)) {
        w_.boolean(*truth);
      } else {
        w_.string(documents::text_of(field.value));
      }
    }
    w_.end_object();
  }
  template <class T, class D>
    requires Says<D, T>
  void put(const T& v, const FieldRule&, D) {
    w_.begin_object();
    SaidWriter inside(w_, view_);
    say<D>(inside, v);
    w_.end_object();
  }

  JsonWriter& w_;
  const View& view_;
  bool hidden_ = false;
};

// Appends `v` as an object, by the lines of its own struct or by those of D.
template <class D = Itself, class T>
void append_said(std::string& out, const T& v, const View& view = {}) {
  JsonWriter w(out);
  w.begin_object();
  SaidWriter writer(w, view);
  say<D>(writer, v);
  w.end_object();
}

// The same as a push, {"event":…, members}.
template <class D = Itself, class T>
void append_push(std::string& out, const T& v, const View& view = {}) {
  JsonWriter w(out);
  w.begin_object().field("event", event_of<D, T>());
  SaidWriter writer(w, view);
  say<D>(writer, v);
  w.end_object();
}

}  // namespace hf
