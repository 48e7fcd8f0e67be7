#include "server/audit_questions.h"

#include <utility>

#include "server/audit_lines.h"

namespace hf {

Result<void> AuditQuestions::ask(Ticket ticket, NamespaceIndex ns, AuditQuestion question) {
  if (asked_.size() >= audit_questions_max)
    return fail(Code::too_many, "Too many ask for the audit trail at this moment: repeat in a second.");
  auto wanted = read_audit_question(question, lines_max_);
  if (!wanted) return tl::unexpected(std::move(wanted.error()));
  auto source = engine_.audit(ns, wanted->from);
  if (!source) return tl::unexpected(std::move(source.error()));
  auto cancelled = std::make_shared<std::atomic<bool>>(false);
  auto given = engine_.audit_strand().give([source = std::move(*source), wanted = std::move(*wanted),
                                            cancelled] { return audit_lines(source, wanted, *cancelled); },
                                           [this, ticket](Result<AuditAnswer>&& answer) {
                                             asked_.erase(ticket);
                                             told_(ticket, std::move(answer));
                                           });
  if (given) asked_.emplace(ticket, std::move(cancelled));
  return given;
}

void AuditQuestions::cancel(Ticket ticket) {
  if (const auto found = asked_.find(ticket); found != asked_.end()) *found->second = true;
}

}  // namespace hf
