#include "wire/json_text.h"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <cmath>

#include "base/limits.h"
#include "wire/messages.h"

namespace hf {
namespace {

namespace json = boost::json;

// Builds the tree as Boost's own parser does, and counts the keys that come. A tree keeps only the last of
// two equal keys, so one that has fewer than came had a key twice.
struct TreeBuilder {
  static constexpr std::size_t max_object_size = json::object::max_size();
  static constexpr std::size_t max_array_size = json::array::max_size();
  static constexpr std::size_t max_key_size = json::string::max_size();
  static constexpr std::size_t max_string_size = json::string::max_size();

  json::value_stack stack;
  std::size_t keys = 0;

  TreeBuilder(json::storage_ptr scratch, unsigned char* buffer, std::size_t size)
      : stack(std::move(scratch), buffer, size) {}

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) { return true; }
  bool on_object_end(std::size_t n, json::error_code&) {
    stack.push_object(n);
    return true;
  }
  bool on_array_begin(json::error_code&) { return true; }
  bool on_array_end(std::size_t n, json::error_code&) {
    stack.push_array(n);
    return true;
  }
  bool on_key_part(json::string_view s, std::size_t, json::error_code&) {
    stack.push_chars(s);
    return true;
  }
  bool on_key(json::string_view s, std::size_t, json::error_code&) {
    ++keys;
    stack.push_key(s);
    return true;
  }
  bool on_string_part(json::string_view s, std::size_t, json::error_code&) {
    stack.push_chars(s);
    return true;
  }
  bool on_string(json::string_view s, std::size_t, json::error_code&) {
    stack.push_string(s);
    return true;
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t i, json::string_view, json::error_code&) {
    stack.push_int64(i);
    return true;
  }
  bool on_uint64(std::uint64_t u, json::string_view, json::error_code&) {
    stack.push_uint64(u);
    return true;
  }
  bool on_double(double d, json::string_view, json::error_code&) {
    stack.push_double(d);
    return true;
  }
  bool on_bool(bool b, json::error_code&) {
    stack.push_bool(b);
    return true;
  }
  bool on_null(json::error_code&) {
    stack.push_null();
    return true;
  }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }
};

std::size_t count_keys(const json::value& value) noexcept {
  std::size_t keys = 0;
  if (const auto* object = value.if_object()) {
    keys = object->size();
    for (const auto& member : *object) {
      if (member.value().is_structured()) keys += count_keys(member.value());
    }
  } else if (const auto* array = value.if_array()) {
    for (const json::value& element : *array) {
      if (element.is_structured()) keys += count_keys(element);
    }
  }
  return keys;
}

json::parse_options options() noexcept {
  json::parse_options o;
  o.max_depth = json_depth_max;
  return o;
}

}  // namespace

Json::Json(std::string_view text) : memory_(block_.data(), block_.size()) {
  unsigned char scratch[2048];
  json::basic_parser<TreeBuilder> parser(options(), json::storage_ptr(), scratch, sizeof scratch);
  parser.handler().stack.reset(&memory_);
  json::error_code error;
  const std::size_t taken = parser.write_some(false, text.data(), text.size(), error);
  if (error) {
    why_ = error == json::error::too_deep ? "it is nested too deep" : "it is not JSON";
    return;
  }
  if (taken != text.size()) {
    why_ = "something follows the value";
    return;
  }
  root_.emplace(parser.handler().stack.release());
  if (parser.handler().keys != 0 && count_keys(*root_) != parser.handler().keys) {
    root_.reset();
    why_ = "a key occurs twice in one object";
  }
}

std::optional<std::uint64_t> whole_number(const boost::json::value& value) noexcept {
  switch (value.kind()) {
    case json::kind::int64:
      if (value.get_int64() < 0 || static_cast<std::uint64_t>(value.get_int64()) > token_max) return std::nullopt;
      return static_cast<std::uint64_t>(value.get_int64());
    case json::kind::uint64: return std::nullopt;  // Boost keeps what fits in int64: this is beyond
    case json::kind::double_: {
      const double d = value.get_double();
      if (!(d >= 0 && d <= static_cast<double>(token_max)) || std::trunc(d) != d) return std::nullopt;
      return static_cast<std::uint64_t>(d);
    }
    default: return std::nullopt;
  }
}

}  // namespace hf
