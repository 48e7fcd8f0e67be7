#pragma once

// DocumentQuestions answers what the hub asks of the document store, on threads of its own: each reads by a connection
// of its own. A question waits until a connection is free; beyond document_questions_max the next one is refused.
//
// Not thread-safe: the loop's. No answer comes once the worker has stopped.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "documents/sql/document_store.h"
#include "net/worker.h"
#include "server/config.h"
#include "session/document_reader.h"

namespace hf {

inline constexpr std::size_t document_questions_max = 256;  // of all users, that are not answered yet

struct DocumentCounts {
  std::uint64_t queued = 0, running = 0;  // now
  std::uint64_t refused = 0, failed = 0;
};

class DocumentQuestions final : public DocumentReader {
 public:
  using Told = std::function<void(Ticket, Result<documents::Answer>&&)>;
  // Brings the database to what the catalog says, and opens `connections` to it. `invalid` or `unavailable`, and what
  // to do. The catalog and the worker, which has as many threads, outlive it, or the worker has stopped.
  static Result<std::unique_ptr<DocumentQuestions>> open(const Config& config, const Catalog& catalog, Worker& worker,
                                                         Told told);

  Result<void> ask(Ticket ticket, AudiencePtr audience, documents::Question question) override;
  void cancel(Ticket ticket) override;

  DocumentCounts counts() const;

 private:
  struct Reader {
    std::shared_ptr<documents::DocumentStore> store;  // of the strand's jobs alone
    Worker::Strand strand;
    bool busy = false;
  };
  struct Asked {
    Ticket ticket = 0;
    AudiencePtr audience;
    documents::Question question;
    bool cancelled = false;
  };

  explicit DocumentQuestions(Told told) : told_(std::move(told)) {}
  void begin_some();
  Result<void> begin(Reader& reader, Asked asked);
  void answered(Ticket ticket, Result<documents::Answer>&& answer);

  const Told told_;
  std::vector<Reader> readers_;
  std::deque<Asked> waiting_;
  DocumentCounts counts_;
  bool failing_ = false;  // the last answer was that the database does not answer
};

}  // namespace hf
