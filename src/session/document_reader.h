#pragma once

// The port through which the hub reads the document store. Reading waits for a database, so the answer comes later,
// with the question's ticket.

#include "base/result.h"
#include "model/documents.h"
#include "model/status_commands.h"
#include "store/lock_engine.h"

namespace hf {

class DocumentReader {
 public:
  virtual ~DocumentReader() = default;
  // Begins to answer what `audience` may see; the answer comes once, by Hub::on_documents(), and is of the question's
  // kind. If this fails, no answer comes: too_many if too many questions are open; unavailable.
  virtual Result<void> ask(Ticket ticket, AudiencePtr audience, documents::Question question) = 0;
  // Nobody wants the answer any more. One still comes, and means nothing.
  virtual void cancel(Ticket ticket) = 0;
};

}  // namespace hf
