#pragma once

// TodoSelection is the part of a to-do tree that a client subscribes to: the types to count, and the groups to send
// rows of. An immutable value: safe to read from many threads.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "catalog/catalog.h"

namespace hf::session {

// The groups to count and those to send rows of, by type.
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
