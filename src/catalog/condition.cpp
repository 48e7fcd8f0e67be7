#include "catalog/condition.h"

#include <charconv>
#include <compare>

namespace hf {
namespace {

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_part(char c) { return is_name_start(c) || is_digit(c); }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

class ConditionParser {
 public:
  explicit ConditionParser(std::string_view text) : text_(text) {}

  tl::expected<Condition, ConditionProblem> parse() {
    if (text_.size() > condition_bytes_max) {
      return tl::make_unexpected(
          ConditionProblem{0, "is longer than " + std::to_string(condition_bytes_max) + " bytes"});
    }
    either();
    skip_space();
    if (!failed_ && at_ < text_.size()) fail("expected 'and', 'or' or the end");
    if (failed_) return tl::make_unexpected(std::move(problem_));
    made_.text_ = text_;
    return std::move(made_);
  }

 private:
  using Op = Condition::Op;

  // Each of these returns the index of the node that it made; meaningless after a failure.
  std::uint16_t either() { return chain(Op::either, "or", &ConditionParser::both); }
  std::uint16_t both() { return chain(Op::both, "and", &ConditionParser::negate); }

  std::uint16_t chain(Op op, std::string_view word, std::uint16_t (ConditionParser::*operand)()) {
    std::uint16_t left = (this->*operand)();
    while (!failed_ && take_word(word)) {
      const std::uint16_t right = (this->*operand)();
      left = add({op, left, right, 0});
    }
    return left;
  }

  std::uint16_t negate() {
    if (!take_word("not")) return primary();
    if (!deeper()) return 0;
    const std::uint16_t inner = negate();
    --depth_;
    return add({Op::negate, inner, 0, 0});
  }

  std::uint16_t primary() {
    if (!take("(")) return comparison();
    if (!deeper()) return 0;
    const std::uint16_t inner = either();
    --depth_;
    if (!failed_ && !take(")")) fail("expected ')'");
    return inner;
  }

  std::uint16_t comparison() {
    const std::string_view name = take_name();
    if (name.empty()) return fail("expected the name of a field");
    if (name == "and" || name == "or" || name == "in" || name == "true" || name == "false") {
      return fail("'" + std::string(name) + "' cannot be a field");
    }
    const std::uint16_t field = field_index(name);
    if (take_word("not")) {
      if (!take_word("in")) return fail("expected 'in'");
      const std::uint16_t inner = membership(field);
      return add({Op::negate, inner, 0, 0});
    }
    if (take_word("in")) return membership(field);
    const std::optional<Op> op = take_operator();
    if (!op) return fail("expected one of = != < <= > >= in");
    exact_ = *op == Op::equal || *op == Op::unequal;
    const auto first = static_cast<std::uint16_t>(made_.literals_.size());
    if (!literal(field)) return 0;
    return add({*op, field, first, 1});
  }

  std::uint16_t membership(std::uint16_t field) {
    if (!take("(")) return fail("expected '('");
    exact_ = true;
    const auto first = static_cast<std::uint16_t>(made_.literals_.size());
    do {
      if (!literal(field)) return 0;
    } while (take(","));
    if (!take(")")) return fail("expected ',' or ')'");
    const auto count = static_cast<std::uint16_t>(made_.literals_.size() - first);
    return add({Op::in, field, first, count});
  }

  bool literal(std::uint16_t field) {
    if (made_.literals_.size() >= condition_literals_max) {
      fail("has more than " + std::to_string(condition_literals_max) + " values");
      return false;
    }
    skip_space();
    if (at_ < text_.size() && text_[at_] == '\'') return quoted(field);
    if (take_word("true")) return number(field, 1);
    if (take_word("false")) return number(field, 0);
    std::int64_t value = 0;
    const char* const begin = text_.data() + at_;
    const char* const end = text_.data() + text_.size();
    const auto [stop, error] = std::from_chars(begin, end, value);
    if (error == std::errc::result_out_of_range) {
      fail("number out of range");
      return false;
    }
    if (error != std::errc() || (stop != end && (is_name_part(*stop) || *stop == '.'))) {
      fail("expected a whole number, a 'text', true or false");
      return false;
    }
    at_ += static_cast<std::size_t>(stop - begin);
    return number(field, value);
  }

  bool number(std::uint16_t field, std::int64_t value) {
    made_.literals_.emplace_back(value);
    made_.fields_[field].as_number = true;
    made_.fields_[field].beyond_zero |= value != 0;
    if (exact_) made_.fields_[field].exactly.push_back(value);
    return true;
  }

  bool quoted(std::uint16_t field) {
    std::string value;
    for (std::size_t i = at_ + 1; i < text_.size(); ++i) {
      if (text_[i] != '\'') {
        value += text_[i];
      } else if (i + 1 < text_.size() && text_[i + 1] == '\'') {
        value += '\'';
        ++i;
      } else {
        at_ = i + 1;
        made_.literals_.emplace_back(std::move(value));
        made_.fields_[field].as_text = true;
        return true;
      }
    }
    fail("the text has no closing quote");
    return false;
  }

  std::optional<Op> take_operator() {
    if (take("!=")) return Op::unequal;
    if (take("<=")) return Op::less_equal;
    if (take(">=")) return Op::greater_equal;
    if (take("<")) return Op::less;
    if (take(">")) return Op::greater;
    if (take("=")) return Op::equal;
    return std::nullopt;
  }

  std::uint16_t field_index(std::string_view name) {
    for (std::size_t i = 0; i < made_.fields_.size(); ++i) {
      if (made_.fields_[i].name == name) return static_cast<std::uint16_t>(i);
    }
    made_.fields_.push_back({std::string(name), false, false, false, {}});
    return static_cast<std::uint16_t>(made_.fields_.size() - 1);
  }

  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  bool take(std::string_view symbol) {
    skip_space();
    if (failed_ || !text_.substr(at_).starts_with(symbol)) return false;
    at_ += symbol.size();
    return true;
  }

  std::string_view peek_name() {
    skip_space();
    std::size_t end = at_;
    if (end < text_.size() && is_name_start(text_[end])) {
      while (end < text_.size() && is_name_part(text_[end])) ++end;
    }
    return text_.substr(at_, end - at_);
  }

  bool take_word(std::string_view word) {
    if (failed_ || peek_name() != word) return false;
    at_ += word.size();
    return true;
  }

  std::string_view take_name() {
    const std::string_view name = peek_name();
    at_ += name.size();
    return name;
  }

  bool deeper() {
    if (++depth_ <= condition_depth_max) return true;
    fail("is nested deeper than " + std::to_string(condition_depth_max));
    return false;
  }

  std::uint16_t add(Condition::Node node) {
    if (failed_) return 0;
    if (made_.nodes_.size() >= condition_nodes_max) {
      return fail("has more than " + std::to_string(condition_nodes_max) + " parts");
    }
    made_.nodes_.push_back(node);
    return static_cast<std::uint16_t>(made_.nodes_.size() - 1);
  }

  std::uint16_t fail(std::string reason) {
    if (!failed_) problem_ = {at_, std::move(reason)};
    failed_ = true;
    return 0;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  bool exact_ = false;  // the literal being read stands after =, != or in
  bool failed_ = false;
  ConditionProblem problem_;
  Condition made_;
};

tl::expected<Condition, ConditionProblem> Condition::parse(std::string_view text) {
  return ConditionParser(text).parse();
}

bool Condition::evaluate(const FieldSource& fields) const {
  return nodes_.empty() || evaluate(fields, nodes_.size() - 1);
}

bool Condition::evaluate(const FieldSource& fields, std::size_t index) const {
  const Node& node = nodes_[index];
  switch (node.op) {
    case Op::either: return evaluate(fields, node.left) || evaluate(fields, node.right);
    case Op::both: return evaluate(fields, node.left) && evaluate(fields, node.right);
    case Op::negate: return !evaluate(fields, node.left);
    default: break;
  }
  const std::optional<FieldValue> value = fields.field(fields_[node.left].name);
  if (!value) return false;
  for (std::size_t i = node.right; i < std::size_t{node.right} + node.count; ++i) {
    const Literal& literal = literals_[i];
    if (value->index() != literal.index()) continue;
    const std::strong_ordering order = value->index() == 0
                                           ? std::get<0>(*value) <=> std::get<0>(literal)
                                           : std::get<1>(*value) <=> std::string_view(std::get<1>(literal));
    const bool holds = node.op == Op::unequal         ? order != 0
                       : node.op == Op::less          ? order < 0
                       : node.op == Op::less_equal    ? order <= 0
                       : node.op == Op::greater       ? order > 0
                       : node.op == Op::greater_equal ? order >= 0
                                                      : order == 0;
    if (holds) return true;
  }
  return false;
}

}  // namespace hf
