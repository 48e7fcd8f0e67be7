#pragma once

// The audit trail as audit.list gives it: filters as text in, JSON lines and an opaque cursor out.
//
// What the store can filter it filters; `holder` and `session` are compared here, over as many pages of the store
// as one answer may read. An answer may therefore have fewer lines than asked for, and yet a `next`.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/embedded/journal.h"

namespace hf {

// A page of so many entries and so many bytes, but one entry at least.
using AuditSource = std::function<Result<AuditPage>(const AuditFilter& filter, AuditCursor before, std::size_t limit,
                                                    std::size_t bytes_max)>;

// `next` is the cursor of the page wanted, empty for the first; then that of the page after, empty at the end.
// Invalid, naming the field, for a filter that cannot be read.
Result<std::vector<std::string>> audit_lines(const AuditSource& source,
                                             const std::vector<std::pair<std::string, std::string>>& filters,
                                             std::uint32_t lines_max, std::string& next);

}  // namespace hf
