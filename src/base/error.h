#pragma once

// What can go wrong, as a value.
//
// A Code names a refusal or an operating error that a caller can react to; errors.def is the one list of
// them. An Error adds the sentence that says what to do about this very case, and the field it is about.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hf {

enum class Code : std::uint8_t {
#define HF_ERROR(name, number, status, en, zh) name = number,
#include "base/errors.def"
#undef HF_ERROR
};

// The code's name on the wire, e.g. "locked".
std::string_view code_name(Code code) noexcept;
// The HTTP status that the code is sent with.
int code_http_status(Code code) noexcept;
// The code's general sentence.
std::string_view code_sentence(Code code) noexcept;
std::string_view code_sentence_zh(Code code) noexcept;
// The code of that name, or nothing.
std::optional<Code> code_from_name(std::string_view name) noexcept;

struct Error {
  Code code;
  std::string detail;  // what happened here and what to do; empty: the code's sentence says it
  std::string field;   // for invalid and too_large: the field at fault
  bool operator==(const Error&) const = default;
};

}  // namespace hf
