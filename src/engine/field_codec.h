#pragma once

// The commands of the log as bytes, by the tags that their structs give their fields. A persistent format: nodes of
// several builds read one log.
//
//   command   u8 log_number, struct
//   struct    for each field that is not zero or empty, tags rising: u8 tag, value; at the end u8 0
//   value     text: varint size, bytes       id: 16 bytes       whole number, enumeration, duration: varint
//             list, map: varint size, items  bool: u8           time, signed number: i64, microseconds
//             optional: its value            variant: u8 index, value
//
// A field that is not there reads as zero or empty, so what a build adds must mean by zero what was before it. A tag or
// a number that a build does not know makes it refuse the whole: it cannot decide as the others do. A tag and a
// number that were ever written are never given to anything else.
//
// Entries of format 3 have a list for each family of commands, whose numbers count from 0 in each. So have those of
// format 2, and in them fields lie by place: all fields of the struct in the order of their tags, without tags, up to
// later(); those behind it follow if the bit `has_later` of log_number is set, up to tagged(), behind which none is.
//
// Internal to the engine. Not thread-safe.

#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/assert.h"
#include "engine/change_codec.h"
#include "engine/command_format.h"
#include "model/commands.h"
#include "model/field_rule.h"
#include "model/status.h"

namespace hf {

inline constexpr std::uint8_t has_later = 0x80;
inline constexpr std::size_t log_items_max = 100'000;  // no list of a command is longer

template <class C>
concept Logged = requires { C::log_number; };

class FieldWriter {
 public:
  explicit FieldWriter(std::string& out) : w_(out) {}

  template <Logged C>
  void command(const C& command) {
    w_.u8(C::log_number);
    put(command);
  }

  template <class T>
  FieldWriter& operator()(std::uint8_t tag, const T& field) {
    if (is_zero(field)) return *this;
    w_.u8(tag);
    put(field);
    return *this;
  }
  template <class T>
  FieldWriter& operator()(std::uint8_t tag, const char*, const T& field, const FieldRule& = {}) {
    return (*this)(tag, field);
  }
  FieldWriter& flags(std::uint8_t tag, bool first, bool second) {
    if (!first && !second) return *this;
    w_.u8(tag);
    w_.u8(static_cast<std::uint8_t>((first ? 1 : 0) | (second ? 2 : 0)));
    return *this;
  }
  template <class T>
  FieldWriter& operator()(const char*, const T&, const FieldRule& = {}) {
    return *this;  // of messages alone
  }
  FieldWriter& later() { return *this; }
  FieldWriter& tagged() { return *this; }

 private:
  template <class T>
  static bool is_zero(const T& v) {
    if constexpr (requires { v.empty(); }) {
      return v.empty();
    } else if constexpr (requires { v.has_value(); }) {
      return !v.has_value();
    } else if constexpr (std::equality_comparable<T> && std::is_default_constructible_v<T> &&
                         !requires { v.index(); }) {
      return v == T{};
    } else {
      return false;
    }
  }

  void put(const std::string& v) { w_.text(v); }
  void put(const Id128& v) { w_.id(v); }
  void put(const Target& v) { w_.text(v.text()); }
  template <class Tag>
  void put(const Id<Tag>& v) {
    w_.id(v.value);
  }
  void put(const Millis& v) { w_.varint(static_cast<std::uint64_t>(v.count())); }
  void put(const Wall& v) { w_.i64(to_us(v)); }
  void put(const std::int64_t& v) { w_.i64(v); }
  template <class T>
    requires std::is_unsigned_v<T> || std::is_enum_v<T>
  void put(const T& v) {
    w_.varint(static_cast<std::uint64_t>(v));
  }
  template <class T>
  void put(const std::vector<T>& v) {
    w_.varint(v.size());
    for (const T& item : v) put(item);
  }
  void put(const std::map<std::string, std::uint64_t>& v) {
    w_.varint(v.size());
    for (const auto& [key, value] : v) {
      put(key);
      put(value);
    }
  }
  template <class T>
  void put(const std::optional<T>& v) {
    put(*v);
  }
  template <class A, class B>
  void put(const std::variant<A, B>& v) {
    w_.u8(static_cast<std::uint8_t>(v.index()));
    std::visit([this](const auto& alternative) { this->put(alternative); }, v);
  }
  template <class T>
    requires requires(FieldWriter& a, const T& v) { T::fields(a, v); }
  void put(const T& v) {
    T::fields(*this, v);
    w_.u8(0);
  }

  ByteWriter w_;
};

// After a malformed field ok() is false and what is read is zero or empty.
template <CommandFormat Format>
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : r_(bytes) {}

  // `number`: the byte that the command began with.
  template <Logged C>
  void command(std::uint8_t number, C& command) {
    wants_later_ = (number & has_later) != 0;
    get(command);
    ok_ = ok_ && !wants_later_;  // of a struct that has none
  }
  bool ok() const { return ok_ && r_.ok(); }
  std::size_t left() const { return r_.left(); }

  template <class T>
  FieldReader& operator()(std::uint8_t tag, T& field) {
    if (!is_here(tag)) {
      field = T{};
    } else {
      get(field);
      pass(tag);
    }
    return *this;
  }
  template <class T>
  FieldReader& operator()(std::uint8_t tag, const char*, T& field, const FieldRule& = {}) {
    return (*this)(tag, field);
  }
  FieldReader& flags(std::uint8_t tag, bool& first, bool& second) {
    const bool here = is_here(tag);
    const std::uint8_t flags = here ? r_.u8() : std::uint8_t{0};
    ok_ = ok_ && flags <= 3;
    first = (flags & 1) != 0;
    second = (flags & 2) != 0;
    if (here) pass(tag);
    return *this;
  }
  template <class T>
  FieldReader& operator()(const char*, T& field, const FieldRule& = {}) {
    field = T{};
    return *this;
  }
  // Behind it lies what was added when there was no entry by place any more.
  FieldReader& tagged() {
    skips_ = true;
    return *this;
  }
  FieldReader& later() {
    skips_ = !std::exchange(wants_later_, false);
    return *this;
  }

 private:
  bool is_here(std::uint8_t tag) const { return Format == CommandFormat::by_place ? !skips_ : next_ == tag; }
  void pass(std::uint8_t tag) {
    if constexpr (Format == CommandFormat::by_tag) {
      next_ = r_.u8();
      ok_ = ok_ && (next_ == 0 || next_ > tag);
    }
  }

  void get(std::string& v) { v = r_.text(); }
  void get(Id128& v) { v = r_.id(); }
  void get(Target& v) {
    auto target = Target::parse(r_.text());
    ok_ = ok_ && target.has_value();
    if (target) v = std::move(*target);
  }
  template <class Tag>
  void get(Id<Tag>& v) {
    v.value = r_.id();
  }
  void get(Millis& v) {
    v = Millis(Format == CommandFormat::by_place ? r_.i64() : static_cast<std::int64_t>(r_.varint()));
  }
  void get(Wall& v) { v = wall_us(r_.i64()); }
  void get(std::int64_t& v) { v = r_.i64(); }
  void get(bool& v) { v = one_of_two() != 0; }
  void get(Mode& v) { get_enum(v, Mode::exclusive); }
  void get(Kind& v) { get_enum(v, Kind::hold); }
  template <class E>
  void get_enum(E& v, E last) {
    const std::uint64_t n = r_.varint();
    ok_ = ok_ && n <= static_cast<std::uint64_t>(last);
    v = ok_ ? static_cast<E>(n) : E{};
  }
  template <class T>
    requires std::is_unsigned_v<T> && (!std::is_same_v<T, bool>)
  void get(T& v) {
    const std::uint64_t n = r_.varint();
    v = static_cast<T>(n);
    ok_ = ok_ && v == n;
  }
  std::size_t count() {
    const std::uint64_t n = r_.varint();
    ok_ = ok_ && n <= log_items_max && n <= r_.left();  // an item is a byte at least
    return ok_ ? n : 0;
  }
  template <class T>
  void get(std::vector<T>& v) {
    const std::size_t n = count();
    v.clear();
    for (std::size_t i = 0; i < n && ok(); ++i) get(v.emplace_back());
  }
  void get(std::map<std::string, std::uint64_t>& v) {
    const std::size_t n = count();
    v.clear();
    for (std::size_t i = 0; i < n && ok(); ++i) {
      std::string key;
      get(key);
      get(v[std::move(key)]);
    }
  }
  template <class T>
  void get(std::optional<T>& v) {
    v.reset();
    if (Format == CommandFormat::by_tag || one_of_two() != 0) get(v.emplace());
  }
  template <class A, class B>
  void get(std::variant<A, B>& v) {
    if (one_of_two() == 0) {
      get(v.template emplace<0>());
    } else {
      get(v.template emplace<1>());
    }
  }
  template <class T>
    requires requires(FieldReader& a, T& v) { T::fields(a, v); }
  void get(T& v) {
    if constexpr (Format == CommandFormat::by_place) {
      T::fields(*this, v);
      skips_ = false;
    } else {
      const std::uint8_t outer = std::exchange(next_, r_.u8());
      T::fields(*this, v);
      ok_ = ok_ && next_ == 0;
      next_ = outer;
    }
  }
  std::uint8_t one_of_two() {
    const std::uint8_t n = r_.u8();
    ok_ = ok_ && n <= 1;
    return n;
  }

  ByteReader r_;
  bool ok_ = true;
  std::uint8_t next_ = 0;     // by tag: the tag that comes next; 0: the struct ends
  bool wants_later_ = false;  // by place
  bool skips_ = false;
};

// Whether the command is a question, which is never written.
template <class... C>
bool is_unlogged(const std::variant<C...>& command) noexcept {
  return std::visit([]<class One>(const One&) { return !Logged<One>; }, command);
}

// REQUIRES: the command is no question
template <class... C>
void write_logged(std::string& out, const std::variant<C...>& command) {
  HF_ASSERT(!is_unlogged(command));
  std::visit(
      [&]<class One>(const One& one) {
        if constexpr (Logged<One>) FieldWriter(out).command(one);
      },
      command);
}

// Takes the first command of the variant `Family` off `bytes`, whose numbers there count from `numbers_from`. Nothing,
// and `bytes` as it was, if it cannot be read.
template <class Family, CommandFormat Format>
std::optional<Family> take_logged(std::string_view& bytes, std::uint8_t numbers_from) {
  constexpr bool by_place = Format == CommandFormat::by_place;
  std::optional<Family> command;
  if (bytes.empty()) return command;
  const auto first = static_cast<std::uint8_t>(bytes.front());
  const int number = (by_place ? first & ~has_later : first) + numbers_from;
  FieldReader<Format> reader(bytes.substr(1));
  const auto read = [&]<class C>() {
    if constexpr (Logged<C>) {
      if (number != C::log_number || command) return;
      C value;
      reader.command(by_place ? first : std::uint8_t{0}, value);
      if (reader.ok()) command.emplace(std::move(value));
    }
  };
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (read.template operator()<std::variant_alternative_t<I, Family>>(), ...);
  }(std::make_index_sequence<std::variant_size_v<Family>>());
  if (command) bytes.remove_prefix(bytes.size() - reader.left());
  return command;
}

template <class Family>
std::optional<Family> take_logged(std::string_view& bytes, CommandFormat format, std::uint8_t numbers_from = 0) {
  return format == CommandFormat::by_place ? take_logged<Family, CommandFormat::by_place>(bytes, numbers_from)
                                           : take_logged<Family, CommandFormat::by_tag>(bytes, numbers_from);
}

// Whether the log numbers of the variant `Family` are different ones from `least` on and below `end`.
template <class Family>
constexpr bool numbers_within(std::uint8_t least, std::uint8_t end) {
  bool taken[256] = {}, right = end <= has_later;
  const auto take = [&]<class C>() {
    if constexpr (Logged<C>)
      right = right && C::log_number >= least && C::log_number < end && !std::exchange(taken[C::log_number], true);
  };
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (take.template operator()<std::variant_alternative_t<I, Family>>(), ...);
  }(std::make_index_sequence<std::variant_size_v<Family>>());
  return right;
}

}  // namespace hf
