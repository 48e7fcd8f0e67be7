#pragma once

// What a client can ask, as values: one Op for each operation of the protocol and one struct of fields for
// each Op, the same whether they come by WebSocket or by HTTP.
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
#include "engine/commands.h"
#include "wire/status_messages.h"

namespace hf {

inline constexpr std::size_t client_field_bytes_max = 200;  // each of program, host, window
inline constexpr std::size_t cursor_bytes_max = 1024;
inline constexpr std::size_t json_depth_max = 32;

struct ParseLimits {
  std::size_t message_bytes_max = std::size_t{1} << 20;
  std::size_t targets_max = 1000;  // also entries of if_versions, idle_ms, types, open and notices
  std::size_t events_max = StatusLimits{}.events_per_batch_max;
};

// HF_OP(name, wire name, fields, mutating)
#define HF_OPS(HF_OP)                                                       \
  HF_OP(hello, "hello", HelloFields, true)                                  \
  HF_OP(auth, "auth", AuthFields, false)                                    \
  HF_OP(pong, "pong", PongFields, false)                                    \
  HF_OP(session_open, "session.open", SessionOpenFields, true)              \
  HF_OP(session_heartbeat, "session.heartbeat", HeartbeatFields, false)     \
  HF_OP(session_end, "session.end", SessionEndFields, true)                 \
  HF_OP(session_list, "session.list", SessionListFields, false)             \
  HF_OP(session_state, "session.state", SessionStateFields, false)          \
  HF_OP(lock_acquire, "lock.acquire", AcquireFields, true)                  \
  HF_OP(lock_get, "lock.get", LockGetFields, false)                         \
  HF_OP(lock_list, "lock.list", LockListFields, false)                      \
  HF_OP(lock_release, "lock.release", ReleaseFields, true)                  \
  HF_OP(lock_extend, "lock.extend", ExtendFields, true)                     \
  HF_OP(lock_transfer, "lock.transfer", TransferFields, true)               \
  HF_OP(lock_force, "lock.force", ForceFields, true)                        \
  HF_OP(lock_request, "lock.request", LockRequestFields, true)              \
  HF_OP(lock_cancel_wait, "lock.cancel_wait", CancelWaitFields, true)       \
  HF_OP(lock_check, "lock.check", CheckFields, false)                       \
  HF_OP(lock_verify, "lock.verify", VerifyFields, false)                    \
  HF_OP(lock_release_all, "lock.release_all", ReleaseAllFields, true)       \
  HF_OP(request_agree, "request.agree", AgreeFields, true)                  \
  HF_OP(request_refuse, "request.refuse", RefuseFields, true)               \
  HF_OP(request_defer, "request.defer", DeferFields, true)                  \
  HF_OP(request_withdraw, "request.withdraw", WithdrawFields, true)         \
  HF_OP(request_list, "request.list", RequestListFields, false)             \
  HF_OP(watch, "watch", WatchFields, false)                                 \
  HF_OP(unwatch, "unwatch", UnwatchFields, false)                           \
  HF_OP(status_publish, "status.publish", StatusPublishFields, true)        \
  HF_OP(status_get, "status.get", StatusGetFields, false)                   \
  HF_OP(status_history, "status.history", StatusHistoryFields, false)       \
  HF_OP(status_resync, "status.resync", StatusResyncFields, false)          \
  HF_OP(todo_subscribe, "todo.subscribe", TodoSubscribeFields, false)       \
  HF_OP(todo_unsubscribe, "todo.unsubscribe", TodoUnsubscribeFields, false) \
  HF_OP(todo_page, "todo.page", TodoPageFields, false)                      \
  HF_OP(notice_list, "notice.list", NoticeListFields, false)                \
  HF_OP(notice_read, "notice.read", NoticeReadFields, false)                \
  HF_OP(audit_list, "audit.list", AuditListFields, false)                   \
  HF_OP(catalog_get, "catalog.get", CatalogGetFields, false)                \
  HF_OP(stats_get, "stats.get", StatsGetFields, false)

enum class Op : std::uint8_t {
#define HF_OP(name, wire, fields, mutating) name,
  HF_OPS(HF_OP)
#undef HF_OP
};

std::string_view name_of(Op op) noexcept;  // "lock.acquire"
std::optional<Op> op_from_name(std::string_view name) noexcept;
bool is_mutating(Op op) noexcept;  // accepts a request_id

// ---------------------------------------------------------------------------------------------- fields
// A nil id, an empty text, an empty list, an absent optional: not given. Durations are >= 0, numbers <= 2^53-1.

struct HelloFields {
  std::string request_id;  // of the session that it opens
  std::string token;
  SessionId session;  // with `secret`: resume
  Secret secret;
  ClientInfo client;            // {program, host, window}, or a text: the program
  std::optional<Millis> lease;  // lease_ms
  std::uint64_t attempt = 0;    // of a resume: the client's own count
  bool operator==(const HelloFields&) const = default;
};
struct AuthFields {
  std::string token;
  bool operator==(const AuthFields&) const = default;
};
struct PongFields {
  std::uint64_t n = 0;
  std::vector<std::pair<SessionId, Millis>> idle;  // idle_ms {session: ms}
  bool operator==(const PongFields&) const = default;
};
struct SessionOpenFields {
  std::string request_id;
  ClientInfo client;
  std::optional<Millis> lease;  // lease_ms
  bool operator==(const SessionOpenFields&) const = default;
};
struct HeartbeatFields {
  SessionId session;
  Millis idle{0};
  bool operator==(const HeartbeatFields&) const = default;
};
struct SessionEndFields {
  std::string request_id;
  SessionId session;
  bool operator==(const SessionEndFields&) const = default;
};
struct SessionListFields {
  std::optional<std::uint32_t> limit;
  bool operator==(const SessionListFields&) const = default;
};
struct SessionStateFields {
  SessionId session;
  bool operator==(const SessionStateFields&) const = default;
};

struct AcquireFields {
  std::string request_id;
  SessionId session;
  std::vector<Target> targets;  // required
  Mode mode = Mode::exclusive;
  Kind kind = Kind::edit;
  std::string owner;
  Millis ttl{0};                                     // ttl_ms
  Millis wait{0};                                    // wait_ms
  std::map<std::string, std::uint64_t> if_versions;  // bill text -> version
  std::string label;
  std::string reason;
  bool operator==(const AcquireFields&) const = default;
};
struct LockGetFields {
  LockId lock;
  bool operator==(const LockGetFields&) const = default;
};
struct LockListFields {
  std::string type, user, client;
  SessionId session;
  std::optional<Kind> kind;
  Millis older{0};  // older_ms
  std::optional<std::uint32_t> limit;
  Token next = 0;  // text on the wire: a cursor
  bool operator==(const LockListFields&) const = default;
};
struct ReleaseFields {
  std::string request_id;
  LockId lock;  // required
  SessionId session;
  std::string owner;
  Token token = 0;
  bool all = false;
  std::vector<Target> targets;
  std::optional<std::uint64_t> version;
  std::optional<std::uint32_t> holds;
  bool operator==(const ReleaseFields&) const = default;
};
struct ExtendFields {
  std::string request_id;
  LockId lock;  // required
  SessionId session;
  std::optional<Millis> ttl;  // ttl_ms, required
  bool operator==(const ExtendFields&) const = default;
};
struct TransferFields {
  std::string request_id;
  LockId lock;  // required
  SessionId session;
  SessionId to_session;  // required
  bool operator==(const TransferFields&) const = default;
};
struct ForceFields {
  std::string request_id;
  LockId lock;         // required
  std::string reason;  // required
  bool operator==(const ForceFields&) const = default;
};
struct LockRequestFields {
  std::string request_id;
  LockId lock;  // required
  SessionId session;
  std::vector<Target> targets;
  Mode mode = Mode::exclusive;
  std::string message;
  std::string label;
  std::optional<Millis> wait;  // wait_ms
  bool operator==(const LockRequestFields&) const = default;
};
struct CancelWaitFields {
  std::string request_id;
  SessionId session;
  LockId wait;  // required
  bool operator==(const CancelWaitFields&) const = default;
};
struct CheckFields {
  SessionId session;
  std::vector<Target> targets;  // required
  Mode mode = Mode::exclusive;
  bool operator==(const CheckFields&) const = default;
};
struct VerifyFields {
  LockId lock;                  // required
  Token token = 0;              // required
  std::vector<Target> targets;  // required
  Millis min_valid{0};          // min_valid_ms
  bool operator==(const VerifyFields&) const = default;
};
struct ReleaseAllFields {
  std::string request_id;
  SessionId session;
  std::string type;
  bool operator==(const ReleaseAllFields&) const = default;
};
struct AgreeFields {
  std::string request_id;
  LockId request;  // required
  SessionId session;
  std::optional<std::uint64_t> version;
  bool operator==(const AgreeFields&) const = default;
};
struct RefuseFields {
  std::string request_id;
  LockId request;  // required
  SessionId session;
  std::string reason;
  bool operator==(const RefuseFields&) const = default;
};
struct DeferFields {
  std::string request_id;
  LockId request;  // required
  SessionId session;
  std::optional<Millis> by;  // ms, required
  bool operator==(const DeferFields&) const = default;
};
struct WithdrawFields {
  std::string request_id;
  LockId request;  // required
  SessionId session;
  bool operator==(const WithdrawFields&) const = default;
};
struct RequestListFields {
  std::optional<std::uint32_t> limit;
  std::uint64_t next = 0;
  bool operator==(const RequestListFields&) const = default;
};
struct WatchFields {
  SessionId session;
  std::vector<Target> targets;
  bool again = false;  // who asks may show the bills from before: he is told of those that are gone, too
  bool operator==(const WatchFields&) const = default;
};  // targets required
struct UnwatchFields {
  SessionId session;
  std::vector<Target> targets;
  bool operator==(const UnwatchFields&) const = default;
};  // targets required
struct AuditListFields {
  std::string action, user, holder, target, lock, session;  // filters, as text
  std::string since, until;                                 // RFC 3339
  std::optional<std::uint32_t> limit;
  std::string next;
  bool operator==(const AuditListFields&) const = default;
  // The filters that are given, and the limit, by name; without `next`.
  std::vector<std::pair<std::string, std::string>> filters() const;
};
struct CatalogGetFields {
  bool operator==(const CatalogGetFields&) const = default;
};
struct StatsGetFields {
  bool operator==(const StatsGetFields&) const = default;
};

// In the order of Op: fields.index() is the Op.
using Fields =
    std::variant<HelloFields, AuthFields, PongFields, SessionOpenFields, HeartbeatFields, SessionEndFields,
                 SessionListFields, SessionStateFields, AcquireFields, LockGetFields, LockListFields, ReleaseFields,
                 ExtendFields, TransferFields, ForceFields, LockRequestFields, CancelWaitFields, CheckFields,
                 VerifyFields, ReleaseAllFields, AgreeFields, RefuseFields, DeferFields, WithdrawFields,
                 RequestListFields, WatchFields, UnwatchFields, StatusPublishFields, StatusGetFields,
                 StatusHistoryFields, StatusResyncFields, TodoSubscribeFields, TodoUnsubscribeFields, TodoPageFields,
                 NoticeListFields, NoticeReadFields, AuditListFields, CatalogGetFields, StatsGetFields>;

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

// The session that the fields name (nil: none), and where to put the default. Null: the op has no such field.
SessionId* session_field(Fields& fields) noexcept;
// The request id given. Null: the op is not mutating.
std::string* request_id_field(Fields& fields) noexcept;
// A hash of the operation and its arguments, without request id, session and wait_ms: a repeat may wait on.
std::uint64_t fingerprint_of(const Fields& fields);

// ---------------------------------------------------------------------------------------------- to commands
// Everything but `caller` and the ids that the node makes (Acquire::lock, Ask::wait, OpenSession).

Acquire to_command(AcquireFields&& f);
Release to_command(ReleaseFields&& f);
Extend to_command(const ExtendFields& f);
Transfer to_command(const TransferFields& f);
Force to_command(ForceFields&& f);
Ask to_command(LockRequestFields&& f);
CancelWait to_command(const CancelWaitFields& f);
CancelWait to_command(const WithdrawFields& f);
Check to_command(CheckFields&& f);
Verify to_command(VerifyFields&& f);
ReleaseAll to_command(ReleaseAllFields&& f);
Agree to_command(const AgreeFields& f);
Refuse to_command(RefuseFields&& f);
Defer to_command(const DeferFields& f);
GetLock to_command(const LockGetFields& f);
ListLocks to_command(LockListFields&& f);
Heartbeat to_command(const HeartbeatFields& f);
EndSession to_command(const SessionEndFields& f);
GetSession to_command(const SessionStateFields& f);
ListSessions to_command(const SessionListFields& f);
ListAsks to_command(const RequestListFields& f);

// ---------------------------------------------------------------------------------------------- the way back

// Appends {"id":…,"op":…,fields…}; without "id" if there is none. Fields not given are left out.
void append_message(std::string& out, const MessageId& id, const Fields& fields);
// Appends the fields alone, as an HTTP body.
void append_fields(std::string& out, const Fields& fields);
void append_message_id(std::string& out, const MessageId& id);

}  // namespace hf
