#pragma once

// Condition is a small question about a bill, written in the catalog: `DataStatus=2 and ApprovalStatus=0`.
//
//   condition  = and { "or" and }            and = not { "and" not }          not = "not" not | primary
//   primary    = "(" condition ")" | name op literal | name ["not"] "in" "(" literal { "," literal } ")"
//   op         = "=" | "!=" | "<" | "<=" | ">" | ">="
//   literal    = whole number | 'text' ('' is a quote in it) | true | false (1 and 0)
//
// It is parsed once and evaluated often: a pure function of the fields, without allocation, whose cost is
// bounded by the limits below. It knows nothing of columns; the loader compares fields() with the tables.
//
// A comparison with a field that is missing, or of the other kind (number, text), is false, also `!=`: a bill of
// which nothing is known is in no group by accident. `not` turns that false into true.
//
// A value: copyable, immutable after parsing, safe to read from many threads.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

namespace hf {

inline constexpr std::size_t condition_bytes_max = 1000;
inline constexpr std::size_t condition_depth_max = 16;  // of parentheses and nots
inline constexpr std::size_t condition_nodes_max = 128;
inline constexpr std::size_t condition_literals_max = 256;

using FieldValue = std::variant<std::int64_t, std::string_view>;

// Where a condition finds the bill's fields. Booleans are 0 and 1.
class FieldSource {
 public:
  virtual ~FieldSource() = default;
  // The field's value, valid while evaluate() runs; nothing if the bill has none.
  virtual std::optional<FieldValue> field(std::string_view name) const = 0;
};

struct ConditionProblem {
  std::size_t offset = 0;  // in bytes from the start of the text
  std::string reason;
};

class Condition {
 public:
  // The always-true condition, with empty text.
  Condition() = default;

  // The condition that `text` says, or where and why it says none.
  static tl::expected<Condition, ConditionProblem> parse(std::string_view text);

  bool evaluate(const FieldSource& fields) const;

  // What it asks for: each field once, in order of first appearance, and with which kinds it is compared.
  struct FieldUse {
    std::string name;
    bool as_number = false;
    bool as_text = false;
    bool beyond_zero = false;           // it is compared with another number than 0
    std::vector<std::int64_t> exactly;  // the numbers it is compared with by =, != and in
  };
  const std::vector<FieldUse>& fields() const noexcept { return fields_; }
  const std::string& text() const noexcept { return text_; }

  bool operator==(const Condition& other) const noexcept { return text_ == other.text_; }

  // What it is made of, for who says it in another language (documents/condition_sql.h). The last node is the root; the
  // always-true condition has none.
  enum class Op : std::uint8_t { either, both, negate, equal, unequal, less, less_equal, greater, greater_equal, in };
  struct Node {
    Op op;
    std::uint16_t left;   // either, both, negate: a node; else: index into fields_
    std::uint16_t right;  // either, both: a node; else: first literal
    std::uint16_t count;  // of literals
  };
  using Literal = std::variant<std::int64_t, std::string>;
  const std::vector<Node>& nodes() const noexcept { return nodes_; }
  const std::vector<Literal>& literals() const noexcept { return literals_; }

 private:
  friend class ConditionParser;

  bool evaluate(const FieldSource& fields, std::size_t node) const;

  std::string text_;
  std::vector<Node> nodes_;
  std::vector<FieldUse> fields_;
  std::vector<Literal> literals_;
};

}  // namespace hf
