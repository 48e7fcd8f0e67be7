#pragma once

// Why a change of a bill was refused: the error, and beside it what a form shows at its fields and lines.
//
// Values.

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "documents/bill_read.h"

namespace hf::documents {

// One bill of the store. In the order of type and id, in which bills are locked.
struct BillKey {
  std::string type;
  std::int64_t id = 0;
  auto operator<=>(const BillKey&) const = default;
};

// One place of a bill that is wrong.
struct FieldFault {
  std::string field;                // the column; empty: the line itself, or the part
  std::string part;                 // empty: the master
  std::optional<std::size_t> line;  // of those that were said for the part, from 0
  std::string detail;
  bool operator==(const FieldFault&) const = default;
};

// A line of which less is left than is asked.
struct Shortage {
  std::string effect;
  BillKey bill;
  std::string part;  // empty: the master
  std::int64_t line = 0;
  Decimal left, asked;
  std::vector<Reserver> reservers;  // whose drafts hold the rest, as far as the asker sees them
};

struct Refusal {
  Error error{Code::invalid, {}, {}};
  std::vector<FieldFault> fields;      // every wrong place of a save
  std::vector<Shortage> shortages;     // every line that has not enough left
  std::vector<BillLinked> in_the_way;  // bills that stand behind this one
  std::set<BillKey> touched;           // the change needs locks on all of these, and had not
  std::optional<Bill> current;         // of stale_version: the bill as it is now
  bool asks = false;                   // `error` is a question: the same again, confirmed, goes on
};

template <class T>
using Outcome = tl::expected<T, Refusal>;

inline tl::unexpected<Refusal> refuse(Error error) {
  Refusal refusal;
  refusal.error = std::move(error);
  return tl::unexpected<Refusal>(std::move(refusal));
}
inline tl::unexpected<Refusal> refuse(Code code, std::string detail, std::string field = {}) {
  return refuse(Error{code, std::move(detail), std::move(field)});
}

}  // namespace hf::documents
