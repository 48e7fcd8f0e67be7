// Requests under way: sent, sent again, answered, given up; and those that are no more than a question and its answer.
#include <algorithm>
#include <boost/json.hpp>

#include "client/core.h"
#include "client/core_parts.h"
#include "client/values.h"
#include "wire/json_text.h"
#include "wire/json_writer.h"

namespace hf::client {
namespace {

constexpr Millis repeat_base{50};
constexpr Millis repeat_max{2'000};

}  // namespace

using holdfast::failure;
using holdfast::Nothing;

std::uint64_t Core::submit(Time now, Pending pending, Millis deadline) {
  end_due(now);
  const std::uint64_t id = ++last_id_;
  if (phase_ == Phase::closed || pending_.size() >= pending_max + outbox_.size()) {
    auto why = phase_ == Phase::closed ? link_error_ : own(holdfast::Code::too_many, "too many calls are unanswered");
    if (pending.complete) pending.complete(now, tl::unexpected(std::move(why)));
    return id;
  }
  pending.deadline = deadline == forever ? Time::max() : now + (deadline.count() > 0 ? deadline : options_.deadline);
  if (std::string* request_id = request_id_field(pending.fields)) *request_id = id_prefix_ + std::to_string(id);
  if (pending.claims) ++claims_;
  if (deadline != forever) due_.emplace(rounded(pending.deadline), Due{Due::What::deadline, id, {}});
  if (!pending.in_line) unsent_.insert(id);
  pending_.emplace(id, std::move(pending));
  pump(now);
  return id;
}

void Core::pump(Time now) {
  if (phase_ != Phase::ready) return;
  while (!unsent_.empty() && in_flight_ < in_flight_max) {
    const std::uint64_t id = *unsent_.begin();
    unsent_.erase(unsent_.begin());
    if (auto it = pending_.find(id); it != pending_.end()) transmit(now, id, it->second);
  }
}

void Core::transmit(Time now, std::uint64_t id, Pending& pending) {
  if (auto* here = std::get_if<Transfer>(&pending.fields); here != nullptr && here->to_session.is_nil())
    here->to_session = session_;
  if (auto* todo = std::get_if<TodoSubscribeFields>(&pending.fields); todo != nullptr && followed_ != nullptr)
    todo->cursor = followed_->todo.cursor();
  if (!pending.sent) pending.sent_first = now;
  pending.sent_last = now;
  pending.sent = pending.in_flight = true;
  ++pending.attempts;
  ++in_flight_;
  std::string& out = out_.messages.emplace_back();
  if (pending.raw_op.empty()) {
    append_message(out, MessageId(id), pending.fields);
    return;
  }
  JsonWriter writer(out);
  writer.begin_object().key("id").number(id).key("op").string(pending.raw_op);
  if (!pending.raw_request_id.empty()) writer.key("request_id").string(pending.raw_request_id);
  if (!pending.raw_fields.empty()) {
    out.push_back(',');
    out.append(pending.raw_fields);
  }
  out.push_back('}');
}

// Without a caller: sent once on this link, its answer is of no interest.
void Core::quietly(Time now, Fields fields) {
  if (phase_ != Phase::ready) return;
  Pending pending;
  pending.fields = std::move(fields);
  submit(now, std::move(pending), Millis(0));
}

void Core::cancel_quietly(Time now, LockId wait) {
  quietly(now, CancelWait{.caller = {}, .session = {}, .wait = wait});
}

// One share of it, so that a handle of an earlier grant of the same lock keeps what it has.
void Core::release_quietly(Time now, const Grant& grant) {
  Release fields;
  fields.lock = grant.lock;
  fields.owner = grant.owner;
  quietly(now, std::move(fields));
}

void Core::finish(Time now, std::uint64_t id, holdfast::Result<Answered> result) {
  auto it = pending_.find(id);
  if (it == pending_.end()) return;
  Pending pending = std::move(it->second);
  pending_.erase(it);
  unsent_.erase(id);
  if (pending.in_flight) --in_flight_;
  if (pending.claims) --claims_;
  if (result) {
    result->sent = pending.sent_first;
    result->sent_last = pending.sent_last;
    result->abandoned = pending.abandoned;
  }
  if (pending.complete && (!pending.abandoned || result)) pending.complete(now, std::move(result));
  if (pending.claims) settle(now);
  pump(now);
}

void Core::refused(Time now, std::uint64_t id, const Refusal& refusal, std::string_view message) {
  auto it = pending_.find(id);
  if (it == pending_.end()) return;
  Pending& pending = it->second;
  auto error = to_public(refusal, message);
  if (may_repeat(refusal.code) && !pending.abandoned && pending.complete) {
    const auto span =
        std::min<std::int64_t>(repeat_max.count(), repeat_base.count() << std::min(pending.attempts, 10U));
    const auto jitter = static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(span) + 1));
    const Time again = now + std::max(Millis(jitter), refusal.retry_after);
    if (again < pending.deadline) {
      if (pending.in_flight) --in_flight_;
      pending.in_flight = false;
      pending.last_error = std::move(error);
      due_.emplace(rounded(again), Due{Due::What::retry, id, {}});
      pump(now);
      return;
    }
  }
  const bool gone = refusal.code == Code::session_gone;
  finish(now, id, tl::unexpected(std::move(error)));
  if (gone) ask_state(now);
}

void Core::late(Time now, std::uint64_t id) {
  auto it = pending_.find(id);
  if (it == pending_.end() || now < it->second.deadline) return;
  Pending& pending = it->second;
  if (!pending.sent) {
    auto why = own(holdfast::Code::unavailable,
                   link_error_.text().empty() ? "no connection to the server yet" : link_error_.text());
    if (phase_ == Phase::hello || phase_ == Phase::ready)
      why = own(holdfast::Code::unavailable, "the server is too slow");
    finish(now, id, tl::unexpected(std::move(why)));
    return;
  }
  auto why = !pending.in_flight && pending.last_error
                 ? *pending.last_error
                 : own(holdfast::Code::unknown_outcome, "sent, but not answered in time");
  if (!pending.claims) {
    finish(now, id, tl::unexpected(std::move(why)));
    return;
  }
  // What it brings must be given back: here if the answer still comes on this link, else when the server lists it.
  pending.complete(now, tl::unexpected(std::move(why)));
  if (!pending.in_flight) {
    orphans_ = true;
    pending.complete = nullptr;
    finish(now, id, tl::unexpected(own(holdfast::Code::unknown_outcome, {})));
    ask_state(now);
    return;
  }
  pending.abandoned = true;
}

// ---------------------------------------------------------------------------------------------- questions

void Core::watch(Time now, std::vector<Target> targets, Reply<Nothing> reply) {
  Pending pending;
  pending.fields = WatchFields{{}, targets};
  pending.complete = [this, reply, targets](Time, holdfast::Result<Answered> answered) {
    if (!answered) return answer<Nothing>(reply, tl::unexpected(answered.error()));
    watched_.insert(targets.begin(), targets.end());
    answer<Nothing>(reply, Nothing{});
  };
  submit(now, std::move(pending), Millis(0));
}

void Core::unwatch(Time now, std::vector<Target> targets, Reply<Nothing> reply) {
  for (const Target& target : targets) {
    watched_.erase(target);
    bills_shown_.erase(target.text());
  }
  Pending pending;
  pending.fields = UnwatchFields{{}, std::move(targets)};
  pending.complete = [this, reply](Time, holdfast::Result<Answered> answered) {
    if (!answered) return answer<Nothing>(reply, tl::unexpected(answered.error()));
    answer<Nothing>(reply, Nothing{});
  };
  submit(now, std::move(pending), Millis(0));
}

void Core::send(Time now, Fields fields, Reply<LockOutcome> reply) {
  Pending pending;
  const Op op = op_of(fields);
  pending.fields = std::move(fields);
  pending.complete = [this, reply, op](Time, holdfast::Result<Answered> answered) {
    if (!answered) return answer<LockOutcome>(reply, tl::unexpected(answered.error()));
    auto outcome = parse_outcome(op, answered->body);
    if (!outcome)
      return answer<LockOutcome>(reply, failure(holdfast::Code::unknown_outcome,
                                                "the server's answer cannot be read: " + outcome.error().detail));
    answer<LockOutcome>(reply, *std::move(outcome));
  };
  submit(now, std::move(pending), Millis(0));
}

void Core::call(Time now, const std::string& op, const std::string& fields_json, bool change, Reply<std::string> reply,
                Millis deadline) {
  const auto value = parse_json(fields_json.empty() ? std::string_view("{}") : std::string_view(fields_json));
  if (!value || !value->is_object() || op.empty()) {
    return answer<std::string>(reply,
                               failure(holdfast::Code::invalid, "the fields of a call are a JSON object", "fields"));
  }
  Pending pending;
  pending.fields = GetStats{};
  pending.raw_op = op;
  if (!value->get_object().empty()) {
    const std::string whole = boost::json::serialize(*value);
    pending.raw_fields = whole.substr(1, whole.size() - 2);
  }
  if (change) pending.raw_request_id = id_prefix_ + "r" + std::to_string(last_id_ + 1);
  pending.complete = [this, reply](Time, holdfast::Result<Answered> answered) {
    if (!answered) return answer<std::string>(reply, tl::unexpected(answered.error()));
    answer<std::string>(reply, std::string(answered->body));
  };
  submit(now, std::move(pending), deadline);
}

}  // namespace hf::client
