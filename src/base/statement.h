#pragma once

// One statement of SQL and the rows that it gives, as values: pure code makes and reads them, a connection runs them.
//
// What a person or a program says is always a value and never a part of the text.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace hf::database {

// What a statement's :v1, :v2 … stand for. The text may name each of them any number of times, also never.
using Value = std::variant<std::monostate, std::int64_t, std::string>;

struct Statement {
  std::string text;
  std::vector<Value> values;
  std::size_t columns = 0;  // of each row that it gives
};

using Row = std::vector<std::optional<std::string>>;  // as text; nothing: null
using Rows = std::vector<Row>;

}  // namespace hf::database
