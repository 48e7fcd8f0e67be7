#pragma once

// The port through which the hub reads the audit trail. Reading may wait for a disk, so the answer comes later, with
// the question's ticket.

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/lock_engine.h"

namespace hf {

struct AuditQuestion {
  std::vector<std::pair<std::string, std::string>> filters;  // as text, by their names in audit.list
  std::string next;                                          // the cursor of the page; empty: the first
};

struct AuditAnswer {
  std::vector<std::string> lines;  // JSON, newest first
  std::string next;                // the cursor of the page after; empty: this is the last
};

class AuditReader {
 public:
  virtual ~AuditReader() = default;
  // Begins to answer; the answer comes once, by Hub::on_audit(), never from inside this call. If this fails, no answer
  // comes: invalid names the field that cannot be read; too_many if too many questions are open; unavailable.
  virtual Result<void> ask(Ticket ticket, NamespaceIndex ns, AuditQuestion question) = 0;
  // Nobody wants the answer any more. One still comes, soon, and means nothing.
  virtual void cancel(Ticket ticket) = 0;
};

}  // namespace hf
