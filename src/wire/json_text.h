#pragma once

// JSON text in, a tree out: Boost.JSON with what the protocol demands besides. For this module's own .cpp files.
//
// Refused: more than json_depth_max levels, text that is not UTF-8, a key twice in one object, anything after
// the value. The tree lives in the Json's own memory: a block inside it first, then the heap.

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string_view>

namespace hf {

class Json {
 public:
  // Parses `text`; the tree keeps no view of it.
  explicit Json(std::string_view text);
  Json(const Json&) = delete;
  Json& operator=(const Json&) = delete;

  bool ok() const noexcept { return root_.has_value(); }
  const char* why() const noexcept { return why_; }          // REQUIRES: !ok()
  const boost::json::value& root() const { return *root_; }  // REQUIRES: ok()
  // The root if it is an object, else null.
  const boost::json::object* object() const noexcept { return root_ ? root_->if_object() : nullptr; }

 private:
  std::array<unsigned char, 4096> block_;
  boost::json::monotonic_resource memory_;
  std::optional<boost::json::value> root_;
  const char* why_ = "";
};

// A whole number from 0 to 2^53-1, also one written like 1e3; nothing for any other value.
std::optional<std::uint64_t> whole_number(const boost::json::value& value) noexcept;

inline std::string_view text_of(const boost::json::string& s) noexcept { return {s.data(), s.size()}; }

}  // namespace hf
