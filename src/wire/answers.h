#pragma once

// What a server says, as bytes: answers, problems and pushes, appended to a string.
//
// WebSocket  {"id":7,"ok":{…}}  {"id":7,"error":{code,title,detail,…}}  {"event":"lock.lost",…}
// HTTP       the object of `ok`; application/problem+json (RFC 9457)
//
// What is absent or empty is left out. A View says what the reader may see: with names hidden, user, name,
// client, session, reason and messages of others are null.
//
// Pure functions, thread-safe.

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/change.h"
#include "model/commands.h"
#include "wire/messages.h"

namespace hf {

enum class Language : std::uint8_t { en, zh };
// The language that an Accept-Language header prefers: zh if it stands before en with no lower weight, else en.
Language language_of(std::string_view accept_language) noexcept;

// How an answer travels. They differ in two places: what waits is {queued:{wait, position}} by WebSocket and
// {wait, position} by HTTP; a problem has `type` and `status` by HTTP only.
enum class Face : std::uint8_t { websocket, http };

struct View {
  Face face = Face::websocket;
  Language language = Language::en;
  bool hide_names = false;  // of everybody but `user`
  std::string_view user;    // the reader
  // What the reader may do to a conflict, by right and type ("lock.edit", "SaleOrder"). Empty: nothing but
  // read and be told.
  std::function<bool(std::string_view right, std::string_view type)> allowed;
};

// What the reader of a conflict may do next, as bits.
using May = unsigned;
inline constexpr May may_read_only = 1;
inline constexpr May may_notify = 2;
inline constexpr May may_wait = 4;
inline constexpr May may_request = 8;
inline constexpr May may_transfer = 16;
inline constexpr May may_force = 32;
inline constexpr std::array<std::pair<May, std::string_view>, 6> kMays{{{may_read_only, "read_only"},
                                                                        {may_notify, "notify"},
                                                                        {may_wait, "wait"},
                                                                        {may_request, "request"},
                                                                        {may_transfer, "transfer"},
                                                                        {may_force, "force"}}};
May may_of(const Conflict& conflict, const View& view);

// A grant: lock, token, targets (texts), tokens (target -> token, only those that differ), mode, kind,
// session, user, user_name, client, owner, label, reason, acquired_at, expires_at, holds.
void append_grant(std::string& out, const Grant& grant, const View& view = {});
// The same with again and versions.
void append_granted(std::string& out, const Granted& granted, const View& view = {});
// locks.md §4: target, lock, label, holder{…} or waiting{…}, same_user, queue, may[…].
void append_conflict(std::string& out, const Conflict& conflict, const View& view = {});
// {session, user, …, lease_ms, expires_at, seq, locks, waits, requests}
void append_session(std::string& out, const SessionSnapshot& session, const View& view = {});
void append_wait(std::string& out, const WaitInfo& wait, const View& view = {});
void append_ask(std::string& out, const AskInfo& ask, const View& view = {});
// One line of the audit trail.
void append_audit(std::string& out, const AuditEntry& entry);

// The body of a success: what the protocol's table says for `op`. A Refusal becomes a problem.
// `secret` is what session.open hands out.
void append_outcome(std::string& out, Op op, const Outcome& outcome, const View& view = {}, const Secret& secret = {});
// The HTTP status of that answer.
int http_status_of(Op op, const Outcome& outcome) noexcept;

// {"id":…,"ok":…} or {"id":…,"error":…}.
void encode_answer(std::string& out, const MessageId& id, Op op, const Outcome& outcome, const View& view = {},
                   const Secret& secret = {});
// {"id":…,"ok":BODY}, BODY being JSON already.
void encode_ok(std::string& out, const MessageId& id, std::string_view body);
void encode_error(std::string& out, const MessageId& id, const Refusal& refusal, const View& view = {});
void encode_error(std::string& out, const MessageId& id, const Error& error, Language language = Language::en);

// An error's members as an object; type and status by HTTP only.
void append_problem(std::string& out, const Refusal& refusal, const View& view = {});
// An application/problem+json body.
std::string encode_problem(const Refusal& refusal, View view = {});
std::string encode_problem(const Error& error, Language language = Language::en);

// ---------------------------------------------------------------------------------------------- pushes

// The push for `event`; false, with nothing appended, for one that no client is told (ClockAlarm).
// TargetChanged becomes lock.changed or lock.free.
bool encode_event(std::string& out, const Event& event, const View& view = {});

struct Welcome {
  SessionId session;
  Secret secret;
  std::string node;
  Millis lease{30'000};
  std::uint64_t seq = 0;
  std::string epoch;
  std::vector<std::string> rights;
  bool resumed = false;
  std::optional<SessionSnapshot> state;  // of a resumed session
  bool operator==(const Welcome&) const = default;
};
void encode_welcome(std::string& out, const Welcome& welcome, const View& view = {});

struct Ping {
  std::uint64_t n = 0;
  std::uint64_t acked = 0;
  std::vector<std::pair<SessionId, std::uint64_t>> seqs;  // `seq` {session: newest}
  bool operator==(const Ping&) const = default;
};
void encode_ping(std::string& out, const Ping& ping);
// `session.state` as a push.
void encode_session_state(std::string& out, const SessionSnapshot& session, const View& view = {});
void encode_drain(std::string& out, Millis retry);
// `by`: until when the identity must be renewed.
void encode_auth_required(std::string& out, std::optional<Wall> by);

}  // namespace hf
