#include <algorithm>

#include "base/assert.h"
#include "session/hub_state.h"
#include "wire/said_writer.h"
#include "wire/status_said.h"

namespace hf {

namespace {

Millis retry_after(const Error& error) { return error.code == Code::too_many ? session::retry_later : Millis{0}; }

std::string body_of(AuditAnswer&& answer) {
  AuditTold page;
  page.next = std::move(answer.next);
  for (std::string& line : answer.lines) page.entries.push_back({std::move(line)});
  std::string body;
  append_said(body, page);
  return body;
}

}  // namespace

void Hub::State::operate(Call& call, AuditListFields& f) {
  // A line of the trail may name any type: who sees only some types sees none of it.
  const bool may =
      options.hide_names ? call.who->admin : call.who->admin || call.who->rights->allows_everywhere(Right::lock_view);
  if (!may) return refuse(call, session::forbidden(options.hide_names ? Right::admin : Right::lock_view, {}));
  if (options.audit == nullptr) return refuse(call, Error{Code::unavailable, "No audit trail is kept here.", {}});
  std::uint32_t& asked = people.try_emplace(call.who->person).first->second.audits;
  if (asked >= audit_questions_per_user_max) {
    const Error error{Code::too_many, "Ask one question about the audit trail at a time: wait for its answer.", {}};
    return refuse(call, error, retry_after(error));
  }
  ++asked;
  const NamespaceIndex ns = call.who->ns;
  const auto exchange = call.face == Face::http ? exchanges.find(call.peer) : exchanges.end();
  const Ticket ticket = send_errand(Errand{.call = std::move(call), .op = Op::audit_list, .step = Step::audit});
  if (exchange != exchanges.end()) exchange->second.ticket = ticket;
  audits.push_back(ticket);
  if (auto begun = options.audit->ask(ticket, ns, {f.filters(), std::move(f.next)}); !begun)
    on_audit(ticket, tl::unexpected(std::move(begun.error())));
}

void Hub::State::on_audit(Ticket ticket, Result<AuditAnswer>&& answer) {
  const auto errand = errands.take(ticket);
  if (!errand) return;  // the engine has failed meanwhile
  audit_answered(*errand, ticket, std::move(answer));
  errand_done(session::asker_of(errand->call));
}

void Hub::State::audit_answered(const Errand& errand, Ticket ticket, Result<AuditAnswer>&& answer) {
  const Call& call = errand.call;
  std::erase(audits, ticket);
  const auto person = people.find(call.who->person);
  HF_ASSERT(person != people.end() && person->second.audits > 0);
  --person->second.audits;
  if (errand.gone || (call.face == Face::websocket && !connections.contains(call.peer))) return;
  if (!answer) return refuse(call, answer.error(), retry_after(answer.error()));
  if (is_answer_unwanted(call, errand.op)) return refuse(call, unread_refusal());
  answer_body(call, body_of(*std::move(answer)));
}

// His count stays until the answer has come: who asks, leaves and asks again has no more read for him at a time.
void Hub::State::cancel_audits(Face face, std::uint64_t peer) {
  for (const Ticket ticket : audits) {
    const Errand& errand = *errands.find(ticket);
    if (errand.call.face == face && errand.call.peer == peer) options.audit->cancel(ticket);
  }
}

}  // namespace hf
