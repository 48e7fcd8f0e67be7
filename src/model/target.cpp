#include "model/target.h"

#include <algorithm>

#include "base/limits.h"
#include "model/plain_text.h"

namespace hf {
namespace {

// Well-formed UTF-8 without C0, DEL and C1 controls, ':' and '/'.
bool is_plain_utf8(std::string_view s) noexcept {
  while (!s.empty()) {
    const char32_t c = take_character(s);
    if (c == no_character || c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == ':' || c == '/') return false;
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
