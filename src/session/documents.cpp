#include <utility>

#include "base/assert.h"
#include "session/hub_state.h"
#include "wire/documents_said.h"
#include "wire/said_writer.h"

namespace hf {

namespace {

Millis when_again(const Error& error) {
  return error.code == Code::too_many || error.code == Code::unavailable ? session::retry_later : Millis{0};
}

Error no_store() {
  return {Code::not_found,
          "This server keeps no bills of your namespace: start it with --documents sqlite:PATH or "
          "postgresql://USER@HOST/DATABASE.",
          {}};
}

}  // namespace

// These need no right: the audience says what somebody may see, as of the trees.
void Hub::State::operate(Call& call, documents::BillQuestion& f) { ask_documents(call, Op::bill_get, std::move(f)); }
void Hub::State::operate(Call& call, documents::BillListQuestion& f) {
  ask_documents(call, Op::bill_list, std::move(f));
}
void Hub::State::operate(Call& call, documents::LookupQuestion& f) { ask_documents(call, Op::lookup, std::move(f)); }

void Hub::State::ask_documents(Call& call, Op op, documents::Question&& question) {
  if (options.documents == nullptr || documents_ns != call.who->ns) return refuse(call, no_store());
  std::uint32_t& asked = people.try_emplace(call.who->person).first->second.document_questions;
  if (asked >= document_questions_per_user_max) {
    const Error error{Code::too_many, "Too many of your questions about bills are on their way: wait for answers.", {}};
    return refuse(call, error, when_again(error));
  }
  ++asked;
  AudiencePtr audience = call.who->audience;
  const auto exchange = call.face == Face::http ? exchanges.find(call.peer) : exchanges.end();
  const Ticket ticket = send_errand(Errand{.call = std::move(call), .op = op, .step = Step::documents});
  if (exchange != exchanges.end()) exchange->second.ticket = ticket;
  document_tickets.push_back(ticket);
  if (auto begun = options.documents->ask(ticket, std::move(audience), std::move(question)); !begun)
    on_documents(ticket, tl::unexpected(std::move(begun.error())));
}

void Hub::State::on_documents(Ticket ticket, Result<documents::Answer>&& answer) {
  auto errand = errands.take(ticket);
  if (!errand) return;  // the engine has failed meanwhile
  const ConnectionId asker = session::asker_of(errand->call);
  documents_answered(*errand, ticket, std::move(answer));
  errand_done(asker);
}

void Hub::State::documents_answered(Errand& errand, Ticket ticket, Result<documents::Answer>&& answer) {
  Call& call = errand.call;
  std::erase(document_tickets, ticket);
  const auto person = people.find(call.who->person);
  HF_ASSERT(person != people.end() && person->second.document_questions > 0);
  --person->second.document_questions;
  if (errand.gone || (call.face == Face::websocket && !connections.contains(call.peer))) return;
  if (!answer) return refuse(call, answer.error(), when_again(answer.error()));
  if (is_answer_unwanted(call, errand.op)) return refuse(call, unread_refusal());
  if (auto* const bill = std::get_if<documents::Bill>(&*answer)) return look_at_lock(call, std::move(*bill));
  std::string body;
  const View view = view_of(call.face, call.language, *call.who);
  if (const auto* const page = std::get_if<documents::BillPage>(&*answer))
    append_said<BillPageMembers>(body, *page, view);
  if (const auto* const page = std::get_if<documents::LookupPage>(&*answer))
    append_said<LookupPageMembers>(body, *page, view);
  answer_body(call, std::move(body));
}

// Whoever sees the bill is told who holds it, if he may see locks of its type.
void Hub::State::look_at_lock(Call& call, documents::Bill&& bill) {
  auto target = Target::parse(bill.type + ":" + std::to_string(bill.id));
  if (!target || !call.who->rights->allows(Right::lock_view, bill.type))
    return answer_bill(call, {std::move(bill), {}});
  Check check;
  check.caller = caller_of(call);
  check.session = call.session;
  check.targets.push_back(*std::move(target));
  Errand errand{.op = Op::bill_get, .step = Step::bill_lock, .session = call.session};
  errand.bill = std::make_shared<documents::Bill>(std::move(bill));
  submit(call, std::move(errand), LockCommand(std::move(check)));
}

void Hub::State::bill_lock_answered(Errand& errand, LockOutcome& outcome) {
  const Call& call = errand.call;
  if (errand.gone || (call.face == Face::websocket && !connections.contains(call.peer))) return;
  if (const Refusal* const refusal = std::get_if<Refusal>(&outcome)) return refuse(call, *refusal);
  Checked* const checked = std::get_if<Checked>(&outcome);
  HF_ASSERT(checked != nullptr && checked->items.size() == 1 && errand.bill);
  answer_bill(call, {std::move(*errand.bill), std::move(checked->items.front())});
}

void Hub::State::answer_bill(const Call& call, const BillGot& got) {
  std::string body;
  append_said(body, got, view_of(call.face, call.language, *call.who));
  answer_body(call, std::move(body));
}

// His count stays until the answer has come: who asks, leaves and asks again has no more read for him at a time.
void Hub::State::cancel_documents(Face face, std::uint64_t peer) {
  for (const Ticket ticket : document_tickets) {
    const Errand& errand = *errands.find(ticket);
    if (errand.call.face == face && errand.call.peer == peer) options.documents->cancel(ticket);
  }
}

}  // namespace hf
