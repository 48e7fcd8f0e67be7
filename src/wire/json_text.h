#pragma once

// JSON text in, a tree out: Boost.JSON with what the protocol demands besides. Whatever others have written is read
// here: messages, bodies, tokens, answers, files.
//
// Refused: more than json_depth_max levels, text that is not UTF-8, a key twice in one object, too many keys in one
// object, anything after the value.
//
// Boost.JSON 1.81 finds keys by a hash that everybody can compute, so keys that somebody chose cost the square of
// their number. An object therefore has few keys; reading stops at the first one beyond, before the object is built.

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hf {

inline constexpr std::size_t json_object_keys_max = 256;
// Of objects by target, session or type: those that are called like this, wherever they stand.
inline constexpr std::size_t json_wide_keys_max = 10'000;
inline constexpr std::array<std::string_view, 6> json_wide_names{"counts", "idle_ms", "if_versions",
                                                                 "seq",    "tokens",  "versions"};

// The tree lives in the Json's own memory: a block inside it first, then the heap. A wide object is no object in it,
// but a list that wide_members() reads: nothing is hashed.
class Json {
 public:
  // Parses `text`; the tree keeps no view of it. O(bytes × log(keys)).
  explicit Json(std::string_view text);
  Json(const Json&) = delete;
  Json& operator=(const Json&) = delete;

  bool ok() const noexcept { return root_.has_value(); }
  const char* why() const noexcept { return why_; }          // REQUIRES: !ok()
  const boost::json::value& root() const { return *root_; }  // REQUIRES: ok()
  // The root if it is an object, else null.
  const boost::json::object* object() const noexcept { return root_ ? root_->if_object() : nullptr; }
  // How many keys were read until the end, or until the text was refused.
  std::size_t keys_read() const noexcept { return keys_read_; }
  // How many objects were built until then.
  std::size_t objects_built() const noexcept { return objects_built_; }

 private:
  std::array<unsigned char, 4096> block_;
  boost::json::monotonic_resource memory_;
  std::optional<boost::json::value> root_;
  const char* why_ = "";
  std::size_t keys_read_ = 0;
  std::size_t objects_built_ = 0;
};

// The members of a wide object of a Json, in the order of the text; nothing if `value` is none.
using WideMembers = std::vector<std::pair<std::string_view, const boost::json::value*>>;
std::optional<WideMembers> wide_members(const boost::json::value& value);

// The same text as a tree on the heap, for a program that reads what its own server or its own file says: its wide
// objects are objects. `invalid`, and why, for what Json refuses.
Result<boost::json::value> parse_json(std::string_view text);

// A whole number from 0 to 2^53-1, also one written like 1e3; nothing for any other value.
std::optional<std::uint64_t> whole_number(const boost::json::value& value) noexcept;

inline std::string_view text_of(const boost::json::string& s) noexcept { return {s.data(), s.size()}; }

}  // namespace hf
