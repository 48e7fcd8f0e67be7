#pragma once

// What writer, reader and schema of a server's words share (`said`, model/field_rule.h).

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace hf {

// The lines are those of the value's own struct. In its place stands a struct that says a value of another type.
struct Itself {};

template <class D, class T>
using Sayer = std::conditional_t<std::is_same_v<D, Itself>, std::remove_const_t<T>, D>;

struct AnyVisitor;  // never made: only to ask whether there is a `said`
template <class D, class T>
concept Says = requires(AnyVisitor& a, T& v) { &Sayer<D, T>::template said<AnyVisitor, T>; };

template <class D, class A, class T>
void say(A& a, T& v) {
  Sayer<D, T>::said(a, v);
}

template <class D, class T>
constexpr std::string_view event_of() {
  return Sayer<D, T>::event;
}

// A list that a reader takes as far as it goes: what cannot be read is counted.
template <class T>
struct Readable {
  static constexpr bool taken_strictly = true;  // it is a list, or the whole is malformed
  std::vector<T> all;
  std::uint32_t unread = 0;
};

// A T that is written already, as JSON.
template <class T>
struct Ready {
  std::string json;
  bool empty() const noexcept { return json.empty(); }
};

}  // namespace hf
