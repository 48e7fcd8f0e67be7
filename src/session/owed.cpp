// What the engine did for somebody who was never told of it is taken back, whatever happens on the way.
#include "base/assert.h"
#include "session/hub_state.h"

namespace hf {

Caller Hub::State::own_caller(const BearerPtr& who) const {
  Call call;
  call.who = who;
  return caller_of(call);
}

void Hub::State::owe(const BearerPtr& who, LockCommand command) {
  if (!failed.empty()) return;
  Errand errand;
  errand.call.who = who;
  errand.step = Step::owed;
  const Ticket ticket = errands.put(std::move(errand));
  owed.emplace(ticket, Owed{who, command});
  engine.submit(who->ns, ticket, std::move(command), now.wall);
}

void Hub::State::owed_answered(Ticket ticket, const LockOutcome& outcome) {
  const auto found = owed.find(ticket);
  HF_ASSERT(found != owed.end());
  Owed done = std::move(found->second);
  owed.erase(found);
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) {
    if (refusal->code != Code::unavailable && refusal->code != Code::unknown_outcome) return;
    if (owed_again.size() >= session::owed_max) owed_again.pop_front();
    owed_again.push_back(std::move(done));
    return;
  }
  // A wait that is taken back may have become a lock meanwhile.
  const auto* granted = std::get_if<Granted>(&outcome);
  const auto* cancel = std::get_if<CancelWait>(&done.command);
  if (granted == nullptr || cancel == nullptr) return;
  undo(done.who, undo_grant(done.who, granted->grant));
  owe(done.who, Heard{own_caller(done.who), cancel->session, cancel->wait});  // it is not taken back once more
}

void Hub::State::say_owed_again() {
  for (Owed& one : std::exchange(owed_again, {})) owe(one.who, std::move(one.command));
}

void Hub::State::undo(const BearerPtr& who, LockCommand&& command) {
  // Said twice, a release takes one count all the same.
  if (auto* release = std::get_if<Release>(&command); release != nullptr && release->caller.request_id.empty())
    release->caller.request_id = secrets.next_id().text();
  owe(who, std::move(command));
}

void Hub::State::hears(ExchangeId id, const Exchange& exchange) {
  const auto on_its_way = undelivered.find(id);
  if (on_its_way == undelivered.end()) return;
  on_its_way->second.heard = Heard{own_caller(exchange.who), exchange.session, exchange.wait};
}

void Hub::State::http_delivered(ExchangeId id) {
  const auto found = undelivered.find(id);
  if (found == undelivered.end()) return;
  const session::Undelivered arrived = std::move(found->second);
  undelivered.erase(found);
  if (arrived.heard) owe(arrived.who, *arrived.heard);
}

}  // namespace hf
