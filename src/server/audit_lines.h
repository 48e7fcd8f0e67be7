#pragma once

// The audit trail as audit.list gives it: filters as text in, JSON lines and an opaque cursor out.
//
// What the store can filter it filters; `holder` and `session` are compared here, over as many pages of the store
// as one answer may read. An answer may therefore have fewer lines than asked for, and yet a `next`.

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "session/audit_reader.h"
#include "store/audit.h"

namespace hf {

// A page of so many entries and so many bytes, but one entry at least.
using AuditSource = std::function<Result<AuditPage>(const AuditFilter& filter, AuditCursor before, std::size_t limit,
                                                    std::size_t bytes_max)>;

// A question that makes sense.
struct AuditWanted {
  AuditFilter filter;
  std::string holder;
  std::string session;
  std::uint32_t limit = 100;
  AuditCursor from;
};

// Invalid, naming the field, for a filter or cursor that cannot be read.
Result<AuditWanted> read_audit_question(const AuditQuestion& question, std::uint32_t lines_max);

// Blocks as `source` does; once `cancelled` is set, at most for one more page of it.
Result<AuditAnswer> audit_lines(const AuditSource& source, const AuditWanted& wanted,
                                const std::atomic<bool>& cancelled);

}  // namespace hf
