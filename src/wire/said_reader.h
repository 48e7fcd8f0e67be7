#pragma once

// Reads back what a server said, by the lines that each struct has of it (`said`, model/field_rule.h).
//
// A member that is absent or null leaves what the struct begins with. A member that is malformed, and a value without
// what it is known by (FieldRule::key), is kept in Findings as bad. What is only shown may be taken kindly: then a
// malformed member counts as absent, so that a newer server may say more.
//
// Not thread-safe.

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <charconv>
#include <chrono>
#include <concepts>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/limits.h"
#include "model/field_rule.h"
#include "model/outcomes.h"
#include "model/status.h"
#include "wire/json_text.h"
#include "wire/json_writer.h"
#include "wire/said.h"
#include "wire/view.h"

namespace hf {

// How the enumerations are known on the wire: the last of each.
template <class E>
struct LastOf;
template <>
struct LastOf<Mode> {
  static constexpr Mode value = Mode::exclusive;
};
template <>
struct LastOf<Kind> {
  static constexpr Kind value = Kind::hold;
};
template <>
struct LastOf<EndReason> {
  static constexpr EndReason value = EndReason::engine_lost;
};
template <>
struct LastOf<AskState> {
  static constexpr AskState value = AskState::unanswered;
};
template <>
struct LastOf<RunState> {
  static constexpr RunState value = RunState::unknown;
};

struct Findings {
  enum class Taken : std::uint8_t { strictly, kindly } taken = Taken::strictly;
  std::string bad;        // the first member that is malformed or missing
  std::vector<May> mays;  // of each conflict: what its reader may do
};

class SaidReader {
 public:
  static constexpr bool reads = true;

  SaidReader(const boost::json::object& object, Findings& found) noexcept : object_(object), found_(found) {}

  void about(std::string_view) noexcept {}
  void about_if_any(std::string_view) noexcept {}
  void about_others() noexcept {}
  void mark(bool, const char*) noexcept {}

  template <class T, class D = Itself>
  SaidReader& operator()(const char* name, T& out, const FieldRule& rule = {}, D by = {}) {
    const boost::json::value* const value = find(name);
    if (value == nullptr) {
      if (rule.key) wrong(name);
      return *this;
    }
    const bool understood = take(*value, out, rule, by);
    if (understood && !(rule.key && is_nothing(out))) return *this;
    if (rule.key || found_.taken == Findings::Taken::strictly || requires { T::taken_strictly; }) return wrong(name);
    out = T{};
    return *this;
  }
  template <class T, class D = Itself>
  SaidReader& when(bool, const char* name, T& out, D by = {}) {
    return (*this)(name, out, {}, by);
  }
  template <class Members>
  void part(const char* name, bool, Members members) {
    const boost::json::value* const value = find(name);
    if (value == nullptr) return;
    const boost::json::object* const object = value->if_object();
    if (object == nullptr) return void(wrong(name));
    SaidReader inside(*object, found_);
    members(inside);
  }
  template <class First, class Second>
  void either(bool& is_first, const char* first_name, First first, const char* second_name, Second second) {
    is_first = find(first_name) != nullptr;
    part(first_name, true, first);
    if (!is_first) part(second_name, true, second);
  }
  void problem(const char* name, Refusal& out) { (*this)(name, out); }
  // An unknown code is taken by its `status`: 4xx invalid, else unavailable.
  void code(Code& out) {
    std::string name;
    (*this)("code", name);
    if (const auto known = code_from_name(name)) return void(out = *known);
    std::uint64_t status = 0;
    (*this)("status", status);
    out = status >= 400 && status < 500 ? Code::invalid : Code::unavailable;
    if (name.empty() && status == 0) wrong("code");
  }
  void may(const Conflict&) {
    May may = 0;
    const boost::json::value* const value = find("may");
    const boost::json::array* const list = value != nullptr ? value->if_array() : nullptr;
    if (value != nullptr && list == nullptr) wrong("may");
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
      const boost::json::string* const text = (*list)[i].if_string();
      for (const auto& [bit, name] : kMays) {
        if (text != nullptr && text_of(*text) == name) may |= bit;
      }
    }
    found_.mays.push_back(may);
  }
  void held(std::vector<HeldTarget>& out, Token token) {
    std::vector<Target> targets;
    (*this)("targets", targets);
    WideMembers tokens = members("tokens");
    std::sort(tokens.begin(), tokens.end());
    for (Target& target : targets) {
      Token own = token;
      const auto found = std::lower_bound(tokens.begin(), tokens.end(), std::string_view(target.text()),
                                          [](const auto& one, std::string_view text) { return one.first < text; });
      if (found != tokens.end() && found->first == target.text() && !take(*found->second, own, {}, Itself{})) {
        wrong("tokens");
      }
      out.push_back(HeldTarget{std::move(target), own});
    }
  }
  void fences(std::vector<HeldTarget>& out) {
    for (const auto& [text, value] : members("tokens")) {
      auto target = Target::parse(text);
      Token token = 0;
      if (target && take(*value, token, {}, Itself{})) {
        out.push_back(HeldTarget{*std::move(target), token});
      } else {
        wrong("tokens");
      }
    }
  }

  bool has(std::string_view name) const noexcept { return find(name) != nullptr; }

 private:
  template <class T>
  static bool is_nothing(const T& v) {
    if constexpr (requires { v.is_nil(); }) {
      return v.is_nil();
    } else if constexpr (std::same_as<T, std::string>) {
      return v.empty();
    } else {
      return false;
    }
  }
  SaidReader& wrong(std::string_view name) {
    if (found_.bad.empty()) found_.bad = name;
    return *this;
  }
  // The member, unless it is absent or null.
  const boost::json::value* find(std::string_view name) const noexcept {
    const boost::json::value* const value = object_.if_contains(boost::json::string_view(name.data(), name.size()));
    return value != nullptr && !value->is_null() ? value : nullptr;
  }
  // Of an object by target or session; none if it is absent.
  WideMembers members(const char* name) {
    const boost::json::value* const value = find(name);
    if (value == nullptr) return {};
    auto members = members_of(*value);
    if (members) return *std::move(members);
    wrong(name);
    return {};
  }
  static std::optional<WideMembers> members_of(const boost::json::value& value) {
    const boost::json::object* const object = value.if_object();
    if (object == nullptr) return wide_members(value);
    WideMembers members;
    for (const auto& one : *object)
      members.emplace_back(std::string_view(one.key().data(), one.key().size()), &one.value());
    return members;
  }

  // Each gives false if the value is no such thing.
  bool take(const boost::json::value& value, std::string& out, const FieldRule&, Itself) {
    const boost::json::string* const text = value.if_string();
    if (text == nullptr) return false;
    out.assign(text_of(*text));
    return true;
  }
  bool take(const boost::json::value& value, bool& out, const FieldRule&, Itself) {
    const bool* const flag = value.if_bool();
    if (flag != nullptr) out = *flag;
    return flag != nullptr;
  }
  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  bool take(const boost::json::value& value, T& out, const FieldRule& rule, Itself) {
    std::optional<std::uint64_t> number = rule.as_text ? std::nullopt : whole_number(value);
    if (const auto* const text = rule.as_text ? value.if_string() : nullptr) {
      std::uint64_t digits = 0;
      const char* const end = text->data() + text->size();
      const auto read = std::from_chars(text->data(), end, digits);
      if (read.ec == std::errc() && read.ptr == end && digits != 0 && digits <= token_max) number = digits;
    }
    if (!number || *number > std::numeric_limits<T>::max()) return false;
    out = static_cast<T>(*number);
    return true;
  }
  bool take(const boost::json::value& value, Millis& out, const FieldRule&, Itself) {
    const auto number = whole_number(value);
    if (number) out = Millis(static_cast<std::int64_t>(*number));
    return number.has_value();
  }
  template <class Clock, class Length>
  bool take(const boost::json::value& value, std::chrono::time_point<Clock, Length>& out, const FieldRule&, Itself) {
    const boost::json::string* const text = value.if_string();
    const auto time = text != nullptr ? parse_time(text_of(*text)) : std::nullopt;
    if (time) out = std::chrono::time_point<Clock, Length>(std::chrono::floor<Length>(time->time_since_epoch()));
    return time.has_value();
  }
  template <class Tag>
  bool take(const boost::json::value& value, Id<Tag>& out, const FieldRule&, Itself) {
    const boost::json::string* const text = value.if_string();
    const auto id = text != nullptr ? Id<Tag>::parse(text_of(*text)) : std::nullopt;
    if (id) out = *id;
    return id.has_value();
  }
  bool take(const boost::json::value& value, Id128& out, const FieldRule& rule, Itself by) {
    RunId id;  // any: they look alike
    if (!take(value, id, rule, by)) return false;
    out = id.value;
    return true;
  }
  bool take(const boost::json::value& value, Target& out, const FieldRule&, Itself) {
    const boost::json::string* const text = value.if_string();
    auto target = text != nullptr ? Target::parse(text_of(*text)) : fail(Code::invalid);
    if (!target) return false;
    out = *std::move(target);
    return true;
  }
  template <class E>
    requires std::is_enum_v<E>
  bool take(const boost::json::value& value, E& out, const FieldRule&, Itself) {
    const boost::json::string* const text = value.if_string();
    for (std::size_t i = 0; text != nullptr && i <= static_cast<std::size_t>(LastOf<E>::value); ++i) {
      if (name_of(static_cast<E>(i)) != text_of(*text)) continue;
      out = static_cast<E>(i);
      return true;
    }
    return false;
  }
  template <class T, class D>
  bool take(const boost::json::value& value, std::optional<T>& out, const FieldRule& rule, D by) {
    if (value.is_null()) {
      out.reset();
      return true;
    }
    const bool understood = take(value, out.emplace(), rule, by);
    if (!understood) out.reset();
    return understood;
  }
  template <class T, class D>
  bool take(const boost::json::value& value, std::vector<T>& out, const FieldRule& rule, D by) {
    const boost::json::array* const list = value.if_array();
    if (list == nullptr) return false;
    out.reserve(list->size());
    for (const boost::json::value& one : *list) {
      if (!take(one, out.emplace_back(), rule, by)) return false;
    }
    return true;
  }
  template <class T, class D>
  bool take(const boost::json::value& value, Readable<T>& out, const FieldRule& rule, D by) {
    const boost::json::array* const list = value.if_array();
    if (list == nullptr) return false;
    for (const boost::json::value& one : *list) {
      Findings inside{.taken = Findings::Taken::kindly, .bad = {}, .mays = {}};
      if (SaidReader(object_, inside).take(one, out.all.emplace_back(), rule, by) && inside.bad.empty()) continue;
      out.all.pop_back();
      ++out.unread;
    }
    return true;
  }
  // Columns: those that are neither a text nor a whole number are left out.
  using Column = std::variant<std::int64_t, std::string>;
  bool take(const boost::json::value& value, std::map<std::string, Column>& out, const FieldRule&, Itself) {
    const boost::json::object* const columns = value.if_object();
    for (std::size_t i = 0; columns != nullptr && i < columns->size(); ++i) {
      const auto& column = *(columns->begin() + static_cast<std::ptrdiff_t>(i));
      if (const std::int64_t* const number = column.value().if_int64()) {
        out.emplace(column.key(), *number);
      } else if (const boost::json::string* const text = column.value().if_string()) {
        out.emplace(column.key(), std::string(text_of(*text)));
      }
    }
    return columns != nullptr;
  }
  template <class T>
  bool take(const boost::json::value& value, std::map<std::string, T>& out, const FieldRule& rule, Itself by) {
    const auto members = members_of(value);
    if (!members) return false;
    for (const auto& [key, one] : *members) {
      if (!take(*one, out[std::string(key)], rule, by)) return false;
    }
    return true;
  }
  bool take(const boost::json::value& value, std::vector<std::pair<SessionId, std::uint64_t>>& out, const FieldRule&,
            Itself) {
    const auto members = members_of(value);
    if (!members) return false;
    for (const auto& [key, one] : *members) {
      const auto session = SessionId::parse(key);
      const auto number = whole_number(*one);
      if (!session || !number) return false;
      out.emplace_back(*session, *number);
    }
    return true;
  }
  template <class T, class D>
    requires Says<D, T>
  bool take(const boost::json::value& value, T& out, const FieldRule&, D) {
    const boost::json::object* const object = value.if_object();
    if (object == nullptr) return false;
    SaidReader inside(*object, found_);
    say<D>(inside, out);
    return true;
  }

  const boost::json::object& object_;
  Findings& found_;
};

// Reads `object` into `out` by the lines of its own struct or by those of D; false, with anything in `out`, without
// what it is known by. What is only shown is taken kindly.
template <class D = Itself, class T>
bool read_kindly(const boost::json::object& object, T& out) {
  Findings found{.taken = Findings::Taken::kindly, .bad = {}, .mays = {}};
  SaidReader in(object, found);
  say<D>(in, out);
  return found.bad.empty();
}

}  // namespace hf
