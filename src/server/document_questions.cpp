#include "server/document_questions.h"

#include <algorithm>
#include <utility>

#include "observe/log.h"

namespace hf {
namespace {

Result<documents::Answer> answer_of(documents::DocumentStore& store, const Audience& audience,
                                    const documents::Question& question) {
  const auto as_answer = [](auto answer) -> Result<documents::Answer> {
    if (!answer) return tl::unexpected(std::move(answer.error()));
    return documents::Answer(*std::move(answer));
  };
  if (const auto* bill = std::get_if<documents::BillQuestion>(&question)) return as_answer(store.get(audience, *bill));
  if (const auto* list = std::get_if<documents::BillListQuestion>(&question))
    return as_answer(store.list(audience, *list));
  return as_answer(store.look_up(audience, std::get<documents::LookupQuestion>(question)));
}

}  // namespace

Result<std::unique_ptr<DocumentQuestions>> DocumentQuestions::open(const Config& config, const Catalog& catalog,
                                                                   Worker& worker, Told told) {
  std::unique_ptr<DocumentQuestions> made(new DocumentQuestions(std::move(told)));
  const std::shared_ptr<const Catalog> shared(std::shared_ptr<void>(), &catalog);  // it outlives us
  for (std::uint32_t i = 0; i < config.document_connections; ++i) {
    auto store = documents::DocumentStore::at(config.documents, shared);
    if (!store) return tl::unexpected(std::move(store.error()));
    made->readers_.push_back({std::make_shared<documents::DocumentStore>(*std::move(store)), worker.strand(1), false});
  }
  if (auto ready = made->readers_.front().store->prepare(config.namespaces.front()); !ready)
    return tl::unexpected(std::move(ready.error()));
  return made;
}

Result<void> DocumentQuestions::ask(Ticket ticket, AudiencePtr audience, documents::Question question) {
  if (waiting_.size() + counts_.running >= document_questions_max) {
    ++counts_.refused;
    return fail(Code::too_many, "The database does not keep up with the questions: repeat later.");
  }
  waiting_.push_back({ticket, std::move(audience), std::move(question), false});
  begin_some();
  return {};
}

void DocumentQuestions::cancel(Ticket ticket) {
  const auto found = std::ranges::find(waiting_, ticket, &Asked::ticket);
  if (found != waiting_.end()) found->cancelled = true;
}

DocumentCounts DocumentQuestions::counts() const {
  DocumentCounts counts = counts_;
  counts.queued = waiting_.size();
  return counts;
}

void DocumentQuestions::begin_some() {
  while (!waiting_.empty()) {
    const auto idle = std::ranges::find(readers_, false, &Reader::busy);
    if (idle == readers_.end() && !waiting_.front().cancelled) return;
    Asked next = std::move(waiting_.front());
    waiting_.pop_front();
    const Ticket ticket = next.ticket;
    if (next.cancelled) {
      told_(ticket, fail(Code::unavailable));
    } else if (auto begun = begin(*idle, std::move(next)); !begun) {
      told_(ticket, tl::unexpected(std::move(begun.error())));
    }
  }
}

Result<void> DocumentQuestions::begin(Reader& reader, Asked asked) {
  const Ticket ticket = asked.ticket;
  auto given =
      reader.strand.give([store = reader.store, audience = std::move(asked.audience),
                          question = std::move(asked.question)] { return answer_of(*store, *audience, question); },
                         [this, &reader, ticket](Result<documents::Answer>&& answer) {
                           reader.busy = false;
                           --counts_.running;
                           answered(ticket, std::move(answer));
                           begin_some();
                         });
  if (!given) return given;
  reader.busy = true;
  ++counts_.running;
  return {};
}

// What a database says of its troubles is for the log: it may name hosts, files and values.
void DocumentQuestions::answered(Ticket ticket, Result<documents::Answer>&& answer) {
  const bool failed = !answer && answer.error().code == Code::unavailable;
  if (failed) {
    ++counts_.failed;
    if (!failing_) log(LogLevel::error, "documents_unavailable", {{"why", answer.error().detail}});
    answer = fail(Code::unavailable, "The document store cannot answer now: repeat later. The server's log says why.");
  } else if (failing_) {
    log(LogLevel::info, "documents_available");
  }
  failing_ = failed;
  told_(ticket, std::move(answer));
}

}  // namespace hf
