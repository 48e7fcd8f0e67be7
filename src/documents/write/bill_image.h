#pragma once

// A bill as a change has it in hand: its row of hf_bill, its master and its lines, as values to compute with.
//
// A change is made by comparing two images (change.h), so whoever computes a change computes the bill that shall be.
//
// Pure functions, thread-safe.

#include <string>
#include <vector>

#include "base/statement.h"
#include "catalog/document/row.h"
#include "documents/values.h"
#include "documents/write/refusal.h"

namespace hf::documents {

struct ImageLine {
  std::int64_t id = 0;
  document::Row row;
};

struct BillImage {
  const catalog::Type* type = nullptr;
  std::int64_t id = 0;
  Version version = 0;  // 0: it is not in the store yet
  Person creator, handler;
  std::string closed_by;  // the effect that closed it
  document::Row master;
  std::vector<std::vector<ImageLine>> parts;  // as the type's, each by its key

  BillKey key() const { return {type->name, id}; }
  std::string no() const;
};

// Null: the bill, or the part, has no such line.
const ImageLine* find_line(const std::vector<ImageLine>& lines, std::int64_t id) noexcept;
ImageLine* find_line(std::vector<ImageLine>& lines, std::int64_t id) noexcept;

// The lifecycle value; nothing if the type has no lifecycle or the row has no value.
std::optional<int> state_of(const Catalog& catalog, const BillImage& bill);
// False for a type without lifecycle.
bool is_approved(const Catalog& catalog, const BillImage& bill);

// ---- a column's value, from a database's cell and back

// `unavailable`: the cell is no value of its column.
Result<document::Value> value_of(const catalog::Column& column, const Cell& cell);
// REQUIRES: the value is of the column's kind or null.
Result<Cell> cell_of(const catalog::Column& column, const document::Value& value);

// ---- reading

// Version, who, which effect closed it, and the master's columns. No row: there is no such bill.
database::Statement plan_image(const Catalog& catalog, Dialect dialect, const catalog::Type& type, std::int64_t id);
Result<BillImage> read_image(const Catalog& catalog, Dialect dialect, const catalog::Type& type, std::int64_t id,
                             const database::Rows& rows);
// The lines of a part, by their keys.
database::Statement plan_image_lines(const Catalog& catalog, Dialect dialect, const catalog::Part& part,
                                     std::int64_t bill);
Result<std::vector<ImageLine>> read_image_lines(const Catalog& catalog, Dialect dialect, const catalog::Part& part,
                                                const database::Rows& rows);

}  // namespace hf::documents
