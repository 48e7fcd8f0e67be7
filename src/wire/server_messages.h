#pragma once

// What a server said, back as values: for the SDK and for tests that hold encoding and parsing together.
//
// Unknown fields and unknown pushes are let through (a newer server may say more); what is malformed is
// Code::invalid. Times have milliseconds, so a value that was cut to them comes back equal.
//
// Pure functions, thread-safe.

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/commands.h"
#include "wire/answers.h"
#include "wire/messages.h"

namespace hf {

struct UnknownPush {
  std::string name;
  bool operator==(const UnknownPush&) const = default;
};

// TargetChanged comes back with what lock.changed tells: no token, and the one target.
using Push = std::variant<UnknownPush, Welcome, Ping, SessionState, Drain, AuthRequired, LockGranted, LockWaiting,
                          WaitEnded, LockLost, LockExpiring, LockRequested, LockAnswered, SessionEnded, TargetChanged>;

struct OkAnswer {
  std::string_view body;
};  // the JSON object of `ok`, where it lies in the message
struct ErrorAnswer {
  Refusal refusal;
  std::vector<May> may;  // of each conflict
};

struct ServerMessage {
  MessageId id;  // answers
  std::variant<OkAnswer, ErrorAnswer, Push> what;
};

// One message from the server.
Result<ServerMessage> parse_server_message(std::string_view text);

// The answer to `op` in an `ok` body or a 2xx HTTP body: the outcome that encode_answer was given. Invalid for an
// operation that the lock engine does not answer.
Result<LockOutcome> parse_outcome(Op op, std::string_view body);
Result<Granted> parse_granted(std::string_view body);
Result<Grant> parse_grant(std::string_view body);
// A problem document. An unknown code is taken by its `status`: 4xx invalid, else unavailable.
Result<ErrorAnswer> parse_problem(std::string_view body);

}  // namespace hf
