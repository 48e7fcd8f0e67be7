#pragma once

// JsonWriter appends JSON to a string: commas, escapes, numbers, times. It keeps no tree and allocates
// nothing but the string's growth.
//
// The caller keeps to the grammar (a key before each value in an object); the writer keeps the commas.
// Strings are escaped as RFC 8259 §7 demands and otherwise copied: valid UTF-8 in, valid JSON out.

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/id.h"
#include "base/time.h"
#include "base/time_text.h"

namespace hf {

// Appends `text` quoted and escaped.
void append_json_string(std::string& out, std::string_view text);

class JsonWriter {
 public:
  // Appends to `out`, which outlives the writer.
  explicit JsonWriter(std::string& out) noexcept : out_(out) {}

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return shut('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return shut(']'); }

  // `name` needs no escape: a constant of ours. REQUIRES: it has at most 60 bytes.
  JsonWriter& key(std::string_view name) {
    char text[64];  // put together here, so that the string grows once
    std::size_t n = 0;
    if (comma_) text[n++] = ',';
    text[n++] = '"';
    n += name.copy(text + n, 60);
    text[n++] = '"';
    text[n++] = ':';
    out_.append(text, n);
    comma_ = false;
    return *this;
  }
  // A name from outside.
  JsonWriter& key_escaped(std::string_view name) {
    comma();
    append_json_string(out_, name);
    out_.push_back(':');
    comma_ = false;
    return *this;
  }

  JsonWriter& string(std::string_view text) {
    comma();
    append_json_string(out_, text);
    return *this;
  }
  JsonWriter& number(std::uint64_t n) {
    comma();
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, n);
    out_.append(digits, static_cast<std::size_t>(end.ptr - digits));
    return *this;
  }
  JsonWriter& signed_number(std::int64_t n) {
    comma();
    char digits[21];
    const auto end = std::to_chars(digits, digits + sizeof digits, n);
    out_.append(digits, static_cast<std::size_t>(end.ptr - digits));
    return *this;
  }
  JsonWriter& boolean(bool value) { return raw(value ? "true" : "false"); }
  JsonWriter& null() { return raw("null"); }
  JsonWriter& time(Wall t) {
    comma();
    out_.push_back('"');
    append_time(out_, t);
    out_.push_back('"');
    return *this;
  }
  JsonWriter& id(const Id128& value) {
    comma();
    out_.push_back('"');
    value.append_to(out_);
    out_.push_back('"');
    return *this;
  }
  template <class Tag>
  JsonWriter& id(const Id<Tag>& value) {
    return id(value.value);
  }
  // One value that is JSON already.
  JsonWriter& raw(std::string_view json) {
    comma();
    out_.append(json);
    return *this;
  }

  // key and value; `some` leaves empty ones out.
  JsonWriter& field(std::string_view name, std::string_view text) { return key(name).string(text); }
  JsonWriter& some(std::string_view name, std::string_view text) { return text.empty() ? *this : field(name, text); }

  std::string& out() noexcept { return out_; }

 private:
  void comma() {
    if (comma_) out_.push_back(',');
    comma_ = true;
  }
  JsonWriter& open(char c) {
    comma();
    out_.push_back(c);
    comma_ = false;
    return *this;
  }
  JsonWriter& shut(char c) {
    out_.push_back(c);
    comma_ = true;
    return *this;
  }

  std::string& out_;
  bool comma_ = false;
};

}  // namespace hf
