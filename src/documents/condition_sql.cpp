#include "documents/condition_sql.h"

namespace hf::documents {
namespace {

using Op = Condition::Op;

constexpr std::string_view never = "1 = 0";

class Saying {
 public:
  Saying(SqlText& sql, const catalog::Table& table, std::string_view alias, const Condition& condition)
      : sql_(sql), table_(table), alias_(alias), condition_(condition) {}

  std::string say(std::size_t index) {
    const Condition::Node& node = condition_.nodes()[index];
    switch (node.op) {
      case Op::either: return "(" + say(node.left) + " OR " + say(node.right) + ")";
      case Op::both: return "(" + say(node.left) + " AND " + say(node.right) + ")";
      case Op::negate: return "(NOT " + say(node.left) + ")";
      case Op::equal: return compare(node, "=");
      case Op::unequal: return compare(node, "<>");
      case Op::less: return compare(node, "<");
      case Op::less_equal: return compare(node, "<=");
      case Op::greater: return compare(node, ">");
      case Op::greater_equal: return compare(node, ">=");
      case Op::in: return compare(node, "=");
    }
    return std::string(never);
  }

 private:
  // True with any of the node's literals that is of the column's kind.
  std::string compare(const Condition::Node& node, std::string_view op) {
    const catalog::Column* const column = table_.find(condition_.fields()[node.left].name);
    if (column == nullptr) return std::string(never);
    const std::string value = compared(sql_.dialect, *column, alias_);
    const bool of_text = column->kind == catalog::ColumnKind::text;
    std::string any;
    for (std::size_t i = node.right; i < std::size_t{node.right} + node.count; ++i) {
      const Condition::Literal& literal = condition_.literals()[i];
      if (std::holds_alternative<std::string>(literal) != of_text) continue;
      if (!any.empty()) any += " OR ";
      any += value + " " + std::string(op) + " " + bind(literal);
    }
    if (any.empty()) return std::string(never);
    return column->nullable ? "(" + value + " IS NOT NULL AND (" + any + "))" : "(" + any + ")";
  }

  std::string bind(const Condition::Literal& literal) {
    if (const auto* number = std::get_if<std::int64_t>(&literal)) return sql_.bind(*number);
    return sql_.bind(std::get<std::string>(literal));
  }

  SqlText& sql_;
  const catalog::Table& table_;
  std::string_view alias_;
  const Condition& condition_;
};

}  // namespace

std::string condition_sql(SqlText& sql, const catalog::Table& table, std::string_view alias,
                          const Condition& condition) {
  if (condition.nodes().empty()) return "1 = 1";
  return Saying(sql, table, alias, condition).say(condition.nodes().size() - 1);
}

}  // namespace hf::documents
