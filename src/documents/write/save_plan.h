#pragma once

// What a save makes of a bill: the said fields are checked against the catalog, every wrong one is named at once, and
// the totals are added up anew from the lines.
//
// A part that is said is said whole: its lines that are not among them go. A part that is not said stays as it is. A
// column that is not everybody's (column_rules.h) may be said with the value that it has.
//
// Pure functions, thread-safe.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "documents/write/bill_image.h"

namespace hf::documents {

inline constexpr std::size_t lines_per_bill_max = 2000;
inline constexpr std::size_t faults_told_max = 100;

struct SaidField {
  std::string column;
  std::optional<std::string> text;  // as values.h has it; nothing: null
};

struct SaidLine {
  std::optional<std::int64_t> id;  // absent: a new line
  std::vector<SaidField> fields;
};

struct SaidPart {
  std::string part;
  std::vector<SaidLine> lines;
};

struct SaidBill {
  std::vector<SaidField> fields;
  std::vector<SaidPart> parts;
};

// Who writes, when, and what the store draws for him.
struct Writing {
  Person person;
  std::optional<std::int64_t> employee;  // whom he is in the ERP
  Wall now{};
  std::function<std::int64_t()> next_id;
  std::string number;  // of a new bill; empty: it is said
};

// A bill with what the store itself writes into a new one: keys, number, first states, stamps.
BillImage fresh_bill(const Catalog& catalog, const catalog::Type& type, const Writing& writing);

// The new bill, of version 0. REQUIRES: writing.number, where the type has a prefix.
Outcome<BillImage> created(const Catalog& catalog, const catalog::Type& type, const SaidBill& said,
                           const Writing& writing);
// `before` with what is said. Its state is left as it is.
Outcome<BillImage> saved(const Catalog& catalog, const BillImage& before, const SaidBill& said, const Writing& writing);

// Adds the totals up again. `too_large`: a sum does not fit its column.
Result<void> add_totals(const Catalog& catalog, BillImage& bill);

// Sets the column where the table has it.
void stamp(const catalog::Table& table, std::string_view column, document::Value value, document::Row& row);

}  // namespace hf::documents
