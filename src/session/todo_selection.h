#pragma once

// TodoSelection is what somebody subscribes of a to-do tree: which types are counted, and of which groups rows are
// told. A value, immutable once made: safe to read from many threads.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "catalog/catalog.h"

namespace hf::session {

// What somebody subscribes: which groups are counted and of which the rows are told, by type.
struct TodoSelection {
  std::vector<bool> counted;
  std::vector<std::uint32_t> rows;  // bits of groups
  std::uint64_t key = 0;            // equal for equal ones
};
using TodoSelectionPtr = std::shared_ptr<const TodoSelection>;

// What `types` and `open` name, of `catalog`; invalid, naming the field, if it is not there. Without `types` all types;
// of groups only those in `open` unless `all_rows`.
Result<TodoSelectionPtr> select_todo(const Catalog& catalog, const std::vector<std::string>& types, bool all_rows,
                                     const std::vector<std::string>& open);

}  // namespace hf::session
