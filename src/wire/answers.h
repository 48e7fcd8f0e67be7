#pragma once

// What a server says, as bytes: answers, problems and pushes, appended to a string.
//
// WebSocket  {"id":7,"ok":{…}}  {"id":7,"error":{code,title,detail,…}}  {"event":"lock.lost",…}
// HTTP       the object of `ok`; application/problem+json (RFC 9457)
//
// What the members are says each struct (`said`, model/field_rule.h); values that have no function here are written by
// append_said() of wire/said_writer.h.
//
// Pure functions, thread-safe.

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "model/commands.h"
#include "wire/messages.h"
#include "wire/pushes.h"
#include "wire/view.h"

namespace hf {

// The language that an Accept-Language header prefers: zh if it stands before en with no lower weight, else en.
Language language_of(std::string_view accept_language) noexcept;

// The body of a success: what the protocol's table says for `op`. A Refusal becomes a problem.
// `secret` is what session.open hands out.
void append_outcome(std::string& out, Op op, const LockOutcome& outcome, const View& view = {},
                    const Secret& secret = {});
// The HTTP status of that answer.
int http_status_of(Op op, const LockOutcome& outcome) noexcept;

// {"id":…,"ok":…} or {"id":…,"error":…}.
void encode_answer(std::string& out, const MessageId& id, Op op, const LockOutcome& outcome, const View& view = {},
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

// The push for `event`; false, with nothing appended, for one that no client is told so (ClockAlarm, RunChanged).
// TargetChanged becomes lock.changed or lock.free.
bool encode_event(std::string& out, const LockEvent& event, const View& view = {});

void encode_welcome(std::string& out, const Welcome& welcome, const View& view = {});

void encode_ping(std::string& out, const Ping& ping);
// `session.state` as a push.
void encode_session_state(std::string& out, const SessionSnapshot& session, const View& view = {});
void encode_drain(std::string& out, Millis retry);
// `by`: until when the identity must be renewed.
void encode_auth_required(std::string& out, std::optional<Wall> by);

}  // namespace hf
