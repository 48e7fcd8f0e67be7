#pragma once

// Target is a node of the lock tree, written as a path:
//
//   SaleOrder                          a type: every bill of it
//   SaleOrder:1001                     a bill with all its details
//   SaleOrder:1001/SaleOrderDetail     a part: one detail table of the bill
//   SaleOrder:1001/SaleOrderDetail/7   a line
//
// Case-sensitive UTF-8; a segment has 1 to 200 bytes and no ':', '/' or control character; ids are opaque.
// A Target is a value that is valid by construction. Whether its type and part exist, and how an id is spelt, is the
// catalog's to say, of what comes in (session/bill_id.h); what a store has kept is a Target whatever it says.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hf {

enum class Level : std::uint8_t { type, bill, part, line };

class Target {
 public:
  // The target that `text` names; invalid, with field "targets", if it is none.
  static Result<Target> parse(std::string_view text);

  // The target that `text` names. REQUIRES: `text` is the text() of a Target.
  static Target from_text(std::string_view text);

  const std::string& text() const noexcept { return text_; }
  Level level() const noexcept;
  std::string_view type() const noexcept { return std::string_view(text_).substr(0, type_end_); }
  // Empty above that level.
  std::string_view bill_id() const noexcept;
  std::string_view part() const noexcept;
  std::string_view line() const noexcept;
  // The text of this target's ancestor (or itself) at `level`. REQUIRES: level <= this->level().
  std::string_view text_at(Level level) const noexcept;

  bool operator==(const Target& other) const noexcept { return text_ == other.text_; }
  std::strong_ordering operator<=>(const Target& other) const noexcept { return text_ <=> other.text_; }

 private:
  std::string text_;
  std::uint16_t type_end_ = 0;  // each end: the length of the prefix that names that level; 0 = no such level
  std::uint16_t bill_end_ = 0;
  std::uint16_t part_end_ = 0;
};

// True if `text` can be one segment of a target.
bool is_target_segment(std::string_view text) noexcept;

}  // namespace hf
