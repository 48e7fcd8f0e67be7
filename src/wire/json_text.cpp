#include "wire/json_text.h"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <cmath>
#include <string>

#include "base/limits.h"
#include "wire/messages.h"

namespace hf {
namespace {

namespace json = boost::json;

enum class Wide : std::uint8_t { lists, objects };  // what a wide object becomes

// A list begins with this where it stands for a wide object. No text brings it: the parser gives a whole number that
// fits as a signed one.
constexpr std::uint64_t wide_mark = 0;

constexpr std::size_t longest_wide_name() {
  std::size_t longest = 0;
  for (const std::string_view name : json_wide_names) longest = std::max(longest, name.size());
  return longest;
}

bool is_wide_list(const json::array& list) noexcept {
  return !list.empty() && list.front().is_uint64() && list.front().get_uint64() == wide_mark;
}

// Builds the tree as Boost's own parser does, and counts the keys that come. A tree keeps only the last of
// two equal keys, so one that has fewer than came had a key twice.
class TreeBuilder {
 public:
  static constexpr std::size_t max_object_size = json::object::max_size();
  static constexpr std::size_t max_array_size = json::array::max_size();
  static constexpr std::size_t max_key_size = json::string::max_size();
  static constexpr std::size_t max_string_size = json::string::max_size();

  json::value_stack stack;
  std::size_t keys = 0;
  std::size_t objects = 0;  // built

  TreeBuilder(Wide wide, json::storage_ptr scratch, unsigned char* buffer, std::size_t size)
      : stack(std::move(scratch), buffer, size), wide_(wide) {}

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) {
    Level& level = open_level(std::exchange(wide_follows_, false));
    if (is_list(level)) stack.push_uint64(wide_mark);
    return true;
  }
  bool on_object_end(std::size_t n, json::error_code&) {
    wide_follows_ = false;  // the last key's, whose value was no object
    if (is_list(levels_[--depth_])) {
      stack.push_array(1 + 2 * n);
    } else {
      stack.push_object(n);
      ++objects;
    }
    return true;
  }
  bool on_array_begin(json::error_code&) {
    wide_follows_ = false;
    open_level(false);
    return true;
  }
  bool on_array_end(std::size_t n, json::error_code&) {
    --depth_;
    stack.push_array(n);
    return true;
  }
  bool on_key_part(json::string_view s, std::size_t size, json::error_code&) {
    if (size <= longest_wide_name()) key_.append(s.data(), s.size());
    stack.push_chars(s);
    return true;
  }
  bool on_key(json::string_view s, std::size_t size, json::error_code& error) {
    Level& level = levels_[depth_ - 1];
    ++keys;
    if (++level.keys > (level.wide ? json_wide_keys_max : json_object_keys_max)) {
      error = json::error::object_too_large;
      return false;
    }
    if (is_list(level)) {
      stack.push_string(s);
    } else {
      stack.push_key(s);
    }
    wide_follows_ = size <= longest_wide_name() && is_wide(key_.append(s.data(), s.size()));
    key_.clear();
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

 private:
  // An object or a list that is not at its end.
  struct Level {
    bool wide = false;
    std::size_t keys = 0;
  };

  static bool is_wide(std::string_view key) noexcept {
    return std::find(json_wide_names.begin(), json_wide_names.end(), key) != json_wide_names.end();
  }
  bool is_list(const Level& level) const noexcept { return level.wide && wide_ == Wide::lists; }
  Level& open_level(bool wide) noexcept {
    levels_[depth_] = Level{wide, 0};
    return levels_[depth_++];
  }

  Wide wide_;
  std::array<Level, json_depth_max> levels_;  // the parser goes no deeper
  std::size_t depth_ = 0;
  std::string key_;  // as far as it has come in parts; short ones only
  bool wide_follows_ = false;
};

std::size_t count_keys(const json::value& value);

std::size_t count_keys_of_list(const json::array& list) {
  std::vector<std::string_view> keys;
  keys.reserve(list.size() / 2);
  std::size_t inside = 0;
  for (std::size_t i = 1; i + 1 < list.size(); i += 2) {
    keys.push_back(text_of(list[i].get_string()));
    if (list[i + 1].is_structured()) inside += count_keys(list[i + 1]);
  }
  std::sort(keys.begin(), keys.end());
  return inside + static_cast<std::size_t>(std::unique(keys.begin(), keys.end()) - keys.begin());
}

// Different keys, of all objects.
std::size_t count_keys(const json::value& value) {
  std::size_t keys = 0;
  if (const auto* object = value.if_object()) {
    keys = object->size();
    for (const auto& member : *object) {
      if (member.value().is_structured()) keys += count_keys(member.value());
    }
  } else if (const auto* array = value.if_array()) {
    if (is_wide_list(*array)) return count_keys_of_list(*array);
    for (const json::value& element : *array) {
      if (element.is_structured()) keys += count_keys(element);
    }
  }
  return keys;
}

struct Parsed {
  std::optional<json::value> root;
  const char* why = "";
  std::size_t keys = 0;
  std::size_t objects = 0;
};

Parsed parse(std::string_view text, Wide wide, const json::storage_ptr& memory) {
  json::parse_options options;
  options.max_depth = json_depth_max;
  unsigned char scratch[2048];
  json::basic_parser<TreeBuilder> parser(options, wide, json::storage_ptr(), scratch, sizeof scratch);
  TreeBuilder& builder = parser.handler();
  builder.stack.reset(memory);
  json::error_code error;
  const std::size_t taken = parser.write_some(false, text.data(), text.size(), error);
  Parsed parsed;
  parsed.keys = builder.keys;
  parsed.objects = builder.objects;
  if (error == json::error::too_deep) {
    parsed.why = "it is nested too deep";
  } else if (error == json::error::object_too_large) {
    parsed.why = "an object in it has too many keys";
  } else if (error) {
    parsed.why = "it is not JSON";
  } else if (taken != text.size()) {
    parsed.why = "something follows the value";
  } else {
    parsed.root.emplace(builder.stack.release());
    if (builder.keys != 0 && count_keys(*parsed.root) != builder.keys) {
      parsed.root.reset();
      parsed.why = "a key occurs twice in one object";
    }
  }
  return parsed;
}

}  // namespace

Json::Json(std::string_view text) : memory_(block_.data(), block_.size()) {
  Parsed parsed = parse(text, Wide::lists, &memory_);
  root_ = std::move(parsed.root);
  why_ = parsed.why;
  keys_read_ = parsed.keys;
  objects_built_ = parsed.objects;
}

std::optional<WideMembers> wide_members(const json::value& value) {
  const json::array* list = value.if_array();
  if (list == nullptr || !is_wide_list(*list)) return std::nullopt;
  WideMembers members;
  members.reserve(list->size() / 2);
  for (std::size_t i = 1; i + 1 < list->size(); i += 2)
    members.emplace_back(text_of((*list)[i].get_string()), &(*list)[i + 1]);
  return members;
}

Result<json::value> parse_json(std::string_view text) {
  Parsed parsed = parse(text, Wide::objects, json::storage_ptr());
  if (!parsed.root) return fail(Code::invalid, parsed.why);
  return std::move(*parsed.root);
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
