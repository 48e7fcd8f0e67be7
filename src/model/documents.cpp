#include "model/documents.h"

namespace hf::documents {

std::string text_of(const Cell& cell) {
  struct Say {
    std::string operator()(std::monostate) const { return {}; }
    std::string operator()(bool truth) const { return truth ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(const Decimal& number) const { return number.text(); }
    std::string operator()(const std::string& text) const { return text; }
  };
  return std::visit(Say(), cell);
}

}  // namespace hf::documents
