#pragma once

// What a client can ask, as values: one Op for each operation of the protocol and one struct of fields for
// each Op, the same whether they come by WebSocket or by HTTP. Where an operation is a command of the engine, the
// command is that struct: what a message says of it is in its `fields`, the rest is the node's to fill in.
//
//   WebSocket   parse_message(text)                       -> id, op, fields, checked
//   HTTP        parse_fields(op, body), set_field(path and query), check_fields
//   SDK         append_message, append_fields             the way back
//
// Every malformed field is Code::invalid, every one over a size limit Code::too_large, and names the field.
// Unknown fields are ignored; null counts as absent; a key that occurs twice in an object is refused, since two
// readers might see two messages. `session` is never required here: the hub fills in the connection's own.
//
// Pure functions, thread-safe.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "model/commands.h"
#include "model/documents.h"
#include "model/field_rule.h"
#include "wire/jwt.h"
#include "wire/status_messages.h"

namespace hf {

inline constexpr std::size_t json_depth_max = 32;

struct ParseLimits {
  std::size_t message_bytes_max = std::size_t{1} << 20;
  std::size_t targets_max = 1000;  // also entries of if_versions, idle_ms, types, open and notices
  std::size_t events_max = StatusLimits{}.events_per_batch_max;
};

// The table of operations. HF_OP(name, wire name, fields, answer, mutating, HTTP's method and path)
//
// The answers are in model/outcomes.h, wire/answer_types.h and wire/status_said.h; one of a new operation may stand
// beside its fields.
// clang-format off
#define HF_OPS(HF_OP)                                                                                                  \
  HF_OP(hello, "hello", HelloFields, NoAnswer, true, "")                                                               \
  HF_OP(auth, "auth", AuthFields, Renewal, false, "")                                                                  \
  HF_OP(pong, "pong", PongFields, NoAnswer, false, "")                                                                 \
  HF_OP(session_open, "session.open", SessionOpenFields, OpenedSession, true, "POST /v1/sessions")                     \
  HF_OP(session_heartbeat, "session.heartbeat", Heartbeat, Renewed, false, "POST /v1/sessions/{session}/heartbeat")    \
  HF_OP(session_list, "session.list", ListSessions, SessionList, false, "GET /v1/sessions")                            \
  HF_OP(session_state, "session.state", GetSession, SessionSnapshot, false, "GET /v1/sessions/{session}")              \
  HF_OP(session_end, "session.end", EndSession, SessionClosed, true, "DELETE /v1/sessions/{session}")                  \
  HF_OP(lock_acquire, "lock.acquire", Acquire, Acquired, true, "POST /v1/locks")                                       \
  HF_OP(lock_get, "lock.get", GetLock, Grant, false, "GET /v1/locks/{lock}")                                           \
  HF_OP(lock_list, "lock.list", ListLocks, LockList, false, "GET /v1/locks")                                           \
  HF_OP(lock_release, "lock.release", Release, Released, true, "DELETE /v1/locks/{lock}")                              \
  HF_OP(lock_extend, "lock.extend", Extend, Granted, true, "POST /v1/locks/{lock}/extend")                             \
  HF_OP(lock_transfer, "lock.transfer", Transfer, Granted, true, "POST /v1/locks/{lock}/transfer")                     \
  HF_OP(lock_force, "lock.force", Force, Done, true, "POST /v1/locks/{lock}/force")                                    \
  HF_OP(lock_request, "lock.request", Ask, Requested, true, "POST /v1/locks/{lock}/requests")                          \
  HF_OP(lock_cancel_wait, "lock.cancel_wait", CancelWait, Withdrawn, true, "DELETE /v1/waits/{wait}")                  \
  HF_OP(lock_check, "lock.check", Check, Checked, false, "POST /v1/locks/check")                                       \
  HF_OP(lock_verify, "lock.verify", Verify, Verified, false, "POST /v1/locks/verify")                                  \
  HF_OP(lock_release_all, "lock.release_all", ReleaseAll, ReleasedMany, true, "POST /v1/locks/release-all")            \
  HF_OP(request_agree, "request.agree", Agree, Answered, true, "POST /v1/requests/{request}/agree")                    \
  HF_OP(request_refuse, "request.refuse", Refuse, Done, true, "POST /v1/requests/{request}/refuse")                    \
  HF_OP(request_defer, "request.defer", Defer, Done, true, "POST /v1/requests/{request}/defer")                        \
  HF_OP(request_withdraw, "request.withdraw", WithdrawFields, Withdrawn, true, "POST /v1/requests/{request}/withdraw") \
  HF_OP(request_list, "request.list", ListAsks, AskList, false, "GET /v1/requests")                                    \
  HF_OP(run_begin, "run.begin", BeginRun, Granted, true, "POST /v1/runs/begin")                                        \
  HF_OP(run_step, "run.step", StepRun, RunInfo, true, "POST /v1/runs/{run}/step")                                      \
  HF_OP(run_finish, "run.finish", FinishRun, RunInfo, true, "POST /v1/runs/{run}/finish")                              \
  HF_OP(run_fail, "run.fail", FailRun, RunInfo, true, "POST /v1/runs/{run}/fail")                                      \
  HF_OP(run_get, "run.get", GetRun, RunInfo, false, "GET /v1/runs/{run}")                                              \
  HF_OP(watch, "watch", WatchFields, Checked, false, "GET /v1/watch")                                                  \
  HF_OP(unwatch, "unwatch", UnwatchFields, WatchedCount, false, "")                                                    \
  HF_OP(status_publish, "status.publish", Publish, PublishAnswer, true, "POST /v1/status")                             \
  HF_OP(status_get, "status.get", GetStatus, BillAnswer, false, "GET /v1/status/{type}/{bill}")                        \
  HF_OP(status_history, "status.history", GetHistory, HistoryPage, false, "GET /v1/status/{type}/{bill}/history")      \
  HF_OP(status_resync, "status.resync", StatusResyncFields, ResyncAnswer, false, "POST /v1/status/resync")             \
  HF_OP(todo_subscribe, "todo.subscribe", TodoSubscribeFields, TodoAnswer, false, "GET /v1/todo")                      \
  HF_OP(todo_unsubscribe, "todo.unsubscribe", TodoUnsubscribeFields, Done, false, "")                                  \
  HF_OP(todo_page, "todo.page", TodoPageFields, RowsPage, false, "GET /v1/todo/{type}/{group}")                        \
  HF_OP(notice_list, "notice.list", ListNotices, NoticesPage, false, "GET /v1/notices")                                \
  HF_OP(notice_read, "notice.read", ReadNotices, Done, false, "POST /v1/notices/read")                                 \
  HF_OP(bill_get, "bill.get", documents::BillQuestion, BillGot, false, "GET /v1/bills/{type}/{bill}")                  \
  HF_OP(bill_list, "bill.list", documents::BillListQuestion, BillPageMembers, false, "GET /v1/bills/{type}")           \
  HF_OP(lookup, "lookup", documents::LookupQuestion, LookupPageMembers, false, "GET /v1/lookup/{table}")               \
  HF_OP(audit_list, "audit.list", AuditListFields, AuditTold, false, "GET /v1/audit")                                  \
  HF_OP(catalog_get, "catalog.get", CatalogGetFields, CatalogView, false, "GET /v1/catalog")                           \
  HF_OP(stats_get, "stats.get", GetStats, StatsAnswer, false, "GET /v1/stats")
// clang-format on

enum class Op : std::uint8_t {
#define HF_OP(name, wire, fields, answer, mutating, http) name,
  HF_OPS(HF_OP)
#undef HF_OP
};

std::string_view name_of(Op op) noexcept;  // "lock.acquire"
std::optional<Op> op_from_name(std::string_view name) noexcept;
bool is_mutating(Op op) noexcept;  // accepts a request_id

// ---------------------------------------------------------------------------------------------- fields
// A nil id, an empty text, an empty list, an absent optional, a number that is its field's default: not given.
// Durations are >= 0, numbers <= 2^53-1.

struct HelloFields {
  std::string request_id;  // of the session that it opens
  std::string token;
  SessionId session;  // with `secret`: resume
  Secret secret;
  ClientInfo client;            // {program, host, window}, or a text: the program
  std::optional<Millis> lease;  // lease_ms
  std::uint64_t attempt = 0;    // of a resume: the client's own count
  bool operator==(const HelloFields&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("request_id", v.request_id, {.bytes_max = request_id_bytes_max, .hashed = false});
    a("token", v.token, {.bytes_max = jwt_bytes_max});
    a("session", v.session);
    a("secret", v.secret);
    a("client", v.client);
    a("lease_ms", v.lease);
    a("attempt", v.attempt);
  }
};
struct AuthFields {
  std::string token;
  bool operator==(const AuthFields&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("token", v.token, {.required = true, .bytes_max = jwt_bytes_max});
  }
};
struct PongFields {
  std::uint64_t n = 0;
  std::vector<std::pair<SessionId, Millis>> idle;  // idle_ms {session: ms}
  bool operator==(const PongFields&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("n", v.n);
    a("idle_ms", v.idle);
  }
};
struct SessionOpenFields {
  std::string request_id;
  ClientInfo client;
  std::optional<Millis> lease;  // lease_ms
  bool operator==(const SessionOpenFields&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("request_id", v.request_id, {.bytes_max = request_id_bytes_max, .hashed = false});
    a("client", v.client);
    a("lease_ms", v.lease);
  }
};

struct WithdrawFields {
  std::string request_id;
  LockId request;  // required
  SessionId session;
  bool operator==(const WithdrawFields&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("request", v.request, {.required = true});
    a("session", v.session);
    a("request_id", v.request_id, {.bytes_max = request_id_bytes_max, .hashed = false});
  }
};
struct WatchFields {
  SessionId session;
  std::vector<Target> targets;
  bool again = false;  // who asks may show the bills from before: he is told of those that are gone, too
  bool operator==(const WatchFields&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("targets", v.targets, {.required = true});
    a("session", v.session);
    a("again", v.again);
  }
};  // targets required
struct UnwatchFields {
  SessionId session;
  std::vector<Target> targets;
  bool operator==(const UnwatchFields&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("targets", v.targets, {.required = true});
    a("session", v.session);
  }
};  // targets required
struct AuditListFields {
  std::string action, user, holder, target, lock, session;  // filters, as text
  std::string since, until;                                 // RFC 3339
  std::optional<std::uint32_t> limit;
  std::string next;
  bool operator==(const AuditListFields&) const = default;
  // The filters that are given, and the limit, by name; without `next`.
  std::vector<std::pair<std::string, std::string>> filters() const;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("action", v.action, {.bytes_max = target_segment_bytes_max});
    a("user", v.user, {.bytes_max = user_bytes_max});
    a("holder", v.holder, {.bytes_max = user_bytes_max});
    a("target", v.target, {.bytes_max = 4 * target_segment_bytes_max + 3});
    a("lock", v.lock, {.bytes_max = target_segment_bytes_max});
    a("session", v.session, {.bytes_max = target_segment_bytes_max});
    a("since", v.since, {.bytes_max = target_segment_bytes_max});
    a("until", v.until, {.bytes_max = target_segment_bytes_max});
    a("limit", v.limit);
    a("next", v.next, {.bytes_max = cursor_bytes_max});
  }
};
struct CatalogGetFields {
  bool operator==(const CatalogGetFields&) const = default;

  template <class A, class V>
  static void fields(A&, V&) {}
};

template <class First, class... F>
struct FieldsOf {
  using type = std::variant<F...>;
};
// In the order of Op: fields.index() is the Op.
#define HF_OP(name, wire, fields, answer, mutating, http) , fields
using Fields = FieldsOf<void HF_OPS(HF_OP)>::type;
#undef HF_OP

inline Op op_of(const Fields& fields) noexcept { return static_cast<Op>(fields.index()); }

// ---------------------------------------------------------------------------------------------- parsing

// A message's `id`, echoed as it came: a whole number up to 2^53-1, a text of up to 64 bytes, or none.
using MessageId = std::variant<std::monostate, std::uint64_t, std::string>;

struct ParsedMessage {
  MessageId id;           // what the answer must carry, also when the fields are refused
  Result<Fields> fields;  // an unknown `op` fails with field "op"
};

// One WebSocket message. Fails only where no id can be told: too large, not JSON, not an object, a bad id.
Result<ParsedMessage> parse_message(std::string_view text, const ParseLimits& limits = {});

// The fields of `op` in a JSON object; an empty text counts as {}. Required ones are not asked for: see
// check_fields.
Result<Fields> parse_fields(Op op, std::string_view json, const ParseLimits& limits = {});
// Sets one field from a text of a path or query, replacing what the body said; a list field takes one more
// element each time. A name that the op does not have is ignored.
Result<void> set_field(Fields& fields, std::string_view name, std::string_view text, const ParseLimits& limits = {});
// Invalid, naming the field, if a required one is missing.
Result<void> check_fields(const Fields& fields);

// The request id given. Null: the op is not mutating.
std::string* request_id_field(Fields& fields) noexcept;
// A hash of the operation and its arguments, without request id, session and wait_ms: a repeat may wait on.
std::uint64_t fingerprint_of(const Fields& fields);

// What the asker of a wait calls withdrawing it.
CancelWait to_command(const WithdrawFields& f);

// ---------------------------------------------------------------------------------------------- the way back

// Appends {"id":…,"op":…,fields…}; without "id" if there is none. Fields not given are left out.
void append_message(std::string& out, const MessageId& id, const Fields& fields);
// Appends the fields alone, as an HTTP body.
void append_fields(std::string& out, const Fields& fields);
void append_message_id(std::string& out, const MessageId& id);

}  // namespace hf
