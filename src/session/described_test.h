#pragma once

// Holds a message that was put together by hand to the lines that describe it (`said`, model/field_rule.h): the same
// members, in the same order, none left out that is always there.

#include <boost/json.hpp>
#include <optional>
#include <vector>

#include "model/field_rule.h"
#include "wire/said.h"

namespace hf::test {

template <class D, class T = D>
bool is_described(const boost::json::object& object, std::size_t from);

class DescribedMembers {
 public:
  static constexpr bool reads = false;

  DescribedMembers(const boost::json::object& object, std::size_t from)
      : at_(object.begin() + static_cast<std::ptrdiff_t>(from)), end_(object.end()) {}
  bool all() const { return right_ && at_ == end_; }

  template <class T, class D = Itself>
  DescribedMembers& operator()(const char* name, const T&, const FieldRule& rule = {}, D = {}) {
    if (at_ != end_ && at_->key() == name) {
      right_ = right_ && fits<D>(static_cast<const T*>(nullptr), at_->value());
      ++at_;
    } else if (rule.required || rule.key) {
      right_ = false;
    }
    return *this;
  }

 private:
  template <class D, class T>
  static bool fits(const std::vector<T>*, const boost::json::value& value) {
    if (!value.is_array()) return std::is_same_v<D, Itself> && value.is_object();  // columns
    bool right = true;
    for (const boost::json::value& one : value.get_array())
      right = right && fits<D>(static_cast<const T*>(nullptr), one);
    return right;
  }
  template <class D, class T>
  static bool fits(const std::optional<T>*, const boost::json::value& value) {
    return fits<D>(static_cast<const T*>(nullptr), value);
  }
  template <class D, class T>
  static bool fits(const T*, const boost::json::value& value) {
    if constexpr (Says<D, T>) {
      return value.is_object() && is_described<D, T>(value.get_object(), 0);
    } else {
      return true;
    }
  }

  boost::json::object::const_iterator at_, end_;
  bool right_ = true;
};

// Whether the object's members, from one on, are what D says of a T.
template <class D, class T>
bool is_described(const boost::json::object& object, std::size_t from) {
  const T blank{};
  DescribedMembers members(object, from);
  say<D>(members, blank);
  return members.all();
}

}  // namespace hf::test
