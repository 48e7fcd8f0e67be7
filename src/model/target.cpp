#include "model/target.h"

#include <algorithm>

#include "base/limits.h"

namespace hf {
namespace {

// Well-formed UTF-8 as RFC 3629 §4 has it, without C0, DEL and C1 controls, ':' and '/'.
bool is_plain_utf8(std::string_view s) noexcept {
  for (std::size_t i = 0; i < s.size();) {
    const auto c = static_cast<unsigned char>(s[i]);
    if (c < 0x80) {
      if (c < 0x20 || c == 0x7F || c == ':' || c == '/') return false;
      ++i;
      continue;
    }
    std::size_t extra = 0;
    std::uint32_t code = 0;
    if (c >= 0xC2 && c <= 0xDF) {
      extra = 1;
      code = c & 0x1FU;
    } else if (c >= 0xE0 && c <= 0xEF) {
      extra = 2;
      code = c & 0x0FU;
    } else if (c >= 0xF0 && c <= 0xF4) {
      extra = 3;
      code = c & 0x07U;
    } else {
      return false;
    }
    if (i + extra >= s.size()) return false;
    for (std::size_t k = 1; k <= extra; ++k) {
      const auto d = static_cast<unsigned char>(s[i + k]);
      if ((d & 0xC0U) != 0x80U) return false;
      code = (code << 6) | (d & 0x3FU);
    }
    const bool overlong = (extra == 2 && code < 0x800) || (extra == 3 && code < 0x10000);
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    if (overlong || surrogate || code > 0x10FFFF || (code >= 0x80 && code <= 0x9F)) return false;
    i += extra + 1;
  }
  return true;
}

}  // namespace

bool is_target_segment(std::string_view text) noexcept {
  return !text.empty() && text.size() <= target_segment_bytes_max && is_plain_utf8(text);
}

Result<Target> Target::parse(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return fail(Code::invalid,
                "A target is Type, Type:bill, Type:bill/Part or Type:bill/Part/line: " + std::string(why), "targets");
  };
  if (text.size() > 4 * target_segment_bytes_max + 3) return refuse("this one is too long.");
  const std::size_t colon = text.find(':');
  const std::string_view type = text.substr(0, colon);
  if (!is_target_segment(type)) return refuse("its type is empty, too long or has a character that is not allowed.");
  Target target;
  target.text_ = text;
  target.type_end_ = static_cast<std::uint16_t>(type.size());
  if (colon == std::string_view::npos) return target;

  std::size_t begin = colon + 1;
  for (std::uint16_t* end : {&target.bill_end_, &target.part_end_, static_cast<std::uint16_t*>(nullptr)}) {
    const std::size_t slash = end != nullptr ? text.find('/', begin) : std::string_view::npos;
    const std::size_t stop = slash == std::string_view::npos ? text.size() : slash;
    if (!is_target_segment(text.substr(begin, stop - begin))) {
      return refuse("a segment is empty, longer than 200 bytes or has a character that is not allowed.");
    }
    if (end != nullptr) *end = static_cast<std::uint16_t>(stop);
    if (slash == std::string_view::npos) return target;
    begin = slash + 1;
  }
  return target;
}

Target Target::from_text(std::string_view text) {
  Target target;
  target.text_ = text;
  const std::size_t colon = text.find(':');
  target.type_end_ = static_cast<std::uint16_t>(std::min(colon, text.size()));
  if (colon == std::string_view::npos) return target;
  const std::size_t first = text.find('/', colon);
  target.bill_end_ = static_cast<std::uint16_t>(std::min(first, text.size()));
  if (first == std::string_view::npos) return target;
  const std::size_t second = text.find('/', first + 1);
  target.part_end_ = static_cast<std::uint16_t>(std::min(second, text.size()));
  return target;
}

Level Target::level() const noexcept {
  if (bill_end_ == 0) return Level::type;
  if (part_end_ == 0) return Level::bill;
  return part_end_ == text_.size() ? Level::part : Level::line;
}

std::string_view Target::bill_id() const noexcept {
  if (bill_end_ == 0) return {};
  return std::string_view(text_).substr(type_end_ + 1U, bill_end_ - type_end_ - 1U);
}

std::string_view Target::part() const noexcept {
  if (part_end_ == 0) return {};
  return std::string_view(text_).substr(bill_end_ + 1U, part_end_ - bill_end_ - 1U);
}

std::string_view Target::line() const noexcept {
  if (part_end_ == 0 || part_end_ == text_.size()) return {};
  return std::string_view(text_).substr(part_end_ + 1U);
}

std::string_view Target::text_at(Level level) const noexcept {
  const std::string_view all = text_;
  switch (level) {
    case Level::type: return all.substr(0, type_end_);
    case Level::bill: return all.substr(0, bill_end_);
    case Level::part: return all.substr(0, part_end_);
    case Level::line: break;
  }
  return all;
}

}  // namespace hf
