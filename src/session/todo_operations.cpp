#include <algorithm>

#include "catalog/event_check.h"
#include "session/bill_id.h"
#include "session/hub_state.h"
#include "wire/said_writer.h"
#include "wire/status_said.h"
#include "wire/websocket.h"

namespace hf {

using session::forbidden;

namespace {

std::string_view type_of(const LogEvent& event) {
  return std::visit([](const auto& e) { return std::string_view(e.type); }, event);
}
std::string_view id_of(const LogEvent& event) {
  return std::visit([](const auto& e) { return std::string_view(e.id); }, event);
}

}  // namespace

// ---------------------------------------------------------------------------------------------- publishing

// Whom the events name as creator or actor is the publisher's word: the right makes it the ERP's. That an event states
// the whole bill is looked at here alone, before it goes to the engine; what a log already has is replayed as it is.
std::optional<Error> Hub::State::refuses_publishing(const Call& call, const std::vector<LogEvent>& events) const {
  const RightSet& rights = *call.who->rights;
  if (!rights.allows_somewhere(Right::status_publish)) return forbidden(Right::status_publish, {});
  for (const LogEvent& event : events) {
    if (!rights.allows(Right::status_publish, type_of(event))) return forbidden(Right::status_publish, type_of(event));
  }
  for (std::size_t i = 0; i < events.size(); ++i) {
    const std::string where = "events[" + std::to_string(i) + "]";
    if (auto error = session::refuses_bill(catalog, type_of(events[i]), id_of(events[i]), where + ".id")) return error;
    const auto* const state = std::get_if<StatusEvent>(&events[i]);
    if (state == nullptr) continue;
    if (auto error = refuses_event(catalog, *state, where)) return error;
  }
  return std::nullopt;
}

void Hub::State::operate(Call& call, Publish& f) {
  if (const auto error = refuses_new_work()) return refuse(call, *error);
  if (const auto error = refuses_publishing(call, f.events)) return refuse(call, *error);
  f.caller = take_caller(call);
  submit_status(call, Errand{.op = Op::status_publish}, std::move(f));
}

void Hub::State::operate(Call& call, StatusResyncFields& f) {
  if (const auto error = refuses_new_work()) return refuse(call, *error);
  if (const auto error = refuses_publishing(call, f.events)) return refuse(call, *error);
  if (f.resync.is_nil() && !call.who->rights->allows(Right::status_publish, f.type)) {
    return refuse(call, forbidden(Right::status_publish, f.type));
  }
  Errand errand{.op = Op::status_resync};
  StatusCommand command = to_command(std::move(f));
  const Caller caller = caller_of(call);
  if (auto* open = std::get_if<OpenResync>(&command)) {
    open->caller = caller;
    open->resync = errand.resync = ResyncId{secrets.next_id()};
  } else if (auto* page = std::get_if<ResyncPage>(&command)) {
    page->caller = caller;
    errand.resync = page->resync;
  } else if (auto* commit = std::get_if<CommitResync>(&command)) {
    commit->caller = caller;
    commit->epoch = EpochId{secrets.next_id()};
  } else if (auto* drop = std::get_if<DropResync>(&command)) {
    drop->caller = caller;
  }
  submit_status(call, std::move(errand), std::move(command));
}

// ---------------------------------------------------------------------------------------------- asking
// These need no right: the audience says what somebody may see, and the board tells him nothing else.

void Hub::State::operate(Call& call, GetStatus& f) {
  if (const auto error = session::refuses_bill(catalog, f.type, f.id, "bill")) return refuse(call, *error);
  f.audience = call.who->audience;
  submit_status(call, Errand{.op = Op::status_get}, std::move(f));
}

void Hub::State::operate(Call& call, GetHistory& f) {
  if (const auto error = session::refuses_bill(catalog, f.type, f.id, "bill")) return refuse(call, *error);
  f.audience = call.who->audience;
  submit_status(call, Errand{.op = Op::status_history}, std::move(f));
}

void Hub::State::operate(Call& call, TodoPageFields& f) {
  const catalog::Type* const type = catalog.find_type(f.type);
  if (type == nullptr) return refuse(call, Error{Code::not_found, {}, "type"});
  const auto& groups = catalog.content().groups;
  const auto place = std::ranges::find_if(type->groups, [&](auto group) { return groups[group].name == f.group; });
  if (place == type->groups.end()) return refuse(call, Error{Code::not_found, {}, "group"});
  GetTodoPage get{.audience = call.who->audience,
                  .type = catalog.index_of(*type),
                  .group = static_cast<std::uint32_t>(place - type->groups.begin()),
                  .after = f.next};
  if (f.limit) get.limit = *f.limit;
  submit_status(call, Errand{.op = Op::todo_page, .group = groups[*place].name}, std::move(get));
}

void Hub::State::operate(Call& call, ListNotices& f) {
  f.audience = call.who->audience;
  submit_status(call, Errand{.op = Op::notice_list}, std::move(f));
}

void Hub::State::operate(Call& call, ReadNotices& f) {
  f.caller = caller_of(call);
  f.employee = call.who->audience->employee();
  submit_status(call, Errand{.op = Op::notice_read}, std::move(f));
}

// ---------------------------------------------------------------------------------------------- following

void Hub::State::operate(Call& call, TodoSubscribeFields& f) {
  auto selection = session::select_todo(catalog, f.types, f.rows == TodoRows::all, f.open);
  if (!selection) return refuse(call, selection.error());
  if (call.face == Face::http) {
    GetTodo get{call.who->audience};
    return submit_status(call, Errand{.op = Op::todo_subscribe, .selection = std::move(*selection)}, std::move(get));
  }
  std::optional<session::TodoCursor> cursor;
  if (!f.cursor.empty()) {
    cursor = session::parse_cursor(f.cursor);
    if (!cursor) return refuse(call, Error{Code::invalid, "This is no cursor of ours: begin without one.", "cursor"});
  }
  if (!failed.empty()) return refuse(call, Error{Code::unavailable, {}, {}});
  const ConnectionId connection = call.peer;
  const BearerPtr who = call.who;
  supersede_subscribing(connection);
  subscribing.emplace(connection, std::move(call));
  learn_locks(who->ns, 0);
  todo.subscribe(connection, {who->ns, who->audience, who->audience_class, std::move(*selection), cursor});
}

void Hub::State::operate(Call& call, TodoUnsubscribeFields&) {
  supersede_subscribing(call.peer);
  todo.unsubscribe(call.peer);
  answer_body(call, "{}");
}

void Hub::State::learn_locks(NamespaceIndex ns, Token after) {
  if (after == 0) {
    somebody_watches();
    if (locks_known.size() <= ns) locks_known.resize(std::size_t{ns} + 1);
    if (locks_known[ns]) return;
    locks_known[ns] = true;
    todo.forget_locks(ns);
  }
  Errand errand;
  errand.op = Op::lock_list;
  errand.step = Step::locks;
  errand.asker = {session::TodoAsker::Kind::edited, ns, 0};
  engine.submit(ns, errands.put(std::move(errand)),
                ListLocks{.kind = Kind::edit, .limit = options.limits.list_page_max, .after = after}, now.wall);
}

void Hub::State::locks_listed(const Errand& errand, const LockOutcome& outcome) {
  const auto ns = static_cast<NamespaceIndex>(errand.asker.id);
  if (ns >= locks_known.size() || !locks_known[ns]) return;  // forgotten meanwhile
  const LockList* const list = std::get_if<LockList>(&outcome);
  if (list == nullptr) {
    locks_known[ns] = false;
    locks_unlisted = true;
    return;
  }
  for (const Grant& grant : list->locks) {
    for (const HeldTarget& held : grant.targets) todo.target_changed(ns, held.target, &grant);
  }
  if (list->next != 0 && todo.wants_locks(ns)) learn_locks(ns, list->next);
}

std::optional<Hub::State::Call> Hub::State::take_subscribing(ConnectionId connection) {
  const auto found = subscribing.find(connection);
  if (found == subscribing.end()) return std::nullopt;
  std::optional<Call> call(std::move(found->second));
  subscribing.erase(found);
  return call;
}

void Hub::State::supersede_subscribing(ConnectionId connection) {
  const auto former = take_subscribing(connection);
  if (former) refuse(*former, Error{Code::invalid, "A later message of this connection took its place.", "op"});
}

// ---------------------------------------------------------------------------------------------- to and from the board

void Hub::State::submit_status(Call& call, Errand&& errand, StatusCommand&& command) {
  errand.step = Step::status;
  errand.session = call.session;
  submit(call, std::move(errand), std::move(command));
}

void Hub::State::status_answered(Errand& errand, StatusOutcome&& outcome) {
  if (errand.step == Step::todo) return todo.answered(errand.asker, std::move(outcome));
  answer_status(errand, outcome);
}

void Hub::State::answer_status(const Errand& errand, StatusOutcome& outcome) {
  const Call& call = errand.call;
  if (errand.gone) return;
  if (const Refusal* refusal = std::get_if<Refusal>(&outcome)) return refuse(call, *refusal);
  if (is_answer_unwanted(call, errand.op)) return refuse(call, unread_refusal());
  if (Todo* const counts = std::get_if<Todo>(&outcome)) {
    std::erase_if(counts->groups, [&](const GroupTally& group) { return !errand.selection->counted[group.type]; });
  }
  if (call.face == Face::websocket && !connections.contains(call.peer)) return;
  std::string body;
  append_status_outcome(body, outcome, {catalog, errand.resync, errand.group});
  answer_body(call, std::move(body));
}

void Hub::State::TodoLink::ask(NamespaceIndex ns, const session::TodoAsker& asker, StatusCommand&& command) {
  if (!hub.failed.empty()) return;
  Errand errand;
  errand.op = Op::todo_subscribe;
  errand.step = Step::todo;
  errand.asker = asker;
  hub.engine.submit(ns, hub.errands.put(std::move(errand)), std::move(command), hub.now.wall);
}

void Hub::State::TodoLink::begun(ConnectionId connection, SnapshotReason snapshot) {
  const auto call = hub.take_subscribing(connection);
  if (!call) return;
  std::string body;
  const bool whole = snapshot != SnapshotReason::none;
  append_said(body, TodoBegun{whole ? "snapshot" : "diff", name_of(snapshot)});
  hub.answer_body(*call, std::move(body));
}

void Hub::State::TodoLink::refused(ConnectionId connection, const Refusal& refusal) {
  if (const auto call = hub.take_subscribing(connection)) hub.refuse(*call, refusal);
}

void Hub::State::TodoLink::tell(ConnectionId connection, std::string_view text) {
  hub.transport.send(connection, text);
}

void Hub::State::TodoLink::tell_batch(ConnectionId connection, std::string_view payload) {
  hub.transport.send_batch(connection, payload);
}

std::size_t Hub::State::TodoLink::unsent(ConnectionId connection) const { return hub.transport.unsent(connection); }

void Hub::State::TodoLink::wake_at(Micros monotonic) { hub.transport.wake_at(monotonic); }

void Hub::State::TodoLink::end(ConnectionId connection, End why) {
  if (!hub.failed.empty() || !hub.connections.contains(connection)) return;
  if (why == End::too_slow) return hub.shut(connection, close_code::too_slow, "you read too slowly");
  hub.shut(connection, close_code::drain, hub.drain_reason());
}

}  // namespace hf
