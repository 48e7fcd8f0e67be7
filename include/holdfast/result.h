#pragma once

// Errors as values. Nothing in the SDK throws: a call returns a Result<T>, which is the T or an Error. A refusal
// ("somebody else holds it") is an Error with the code `locked` that says who holds it and since when.
//
// The codes are the protocol's, with the same numbers and names everywhere; a code exists only where a caller can react
// to it. The SDK itself repeats calls that may be repeated (unavailable, unknown_outcome, too_many, draining and lost
// links) until the call's deadline, so a caller who gets one of these has already waited.

#include <tl/expected.hpp>

#include "holdfast/types.h"

namespace holdfast {

enum class Code : std::uint8_t {
  locked = 1,         // conflicts say by whom
  stale_version = 2,  // the bill has changed since it was read: load it again
  not_holder = 3,     // this session does not hold that lock with that token
  lock_gone = 4,      // the lock has ended
  request_gone = 5,   // the request, its asker or its lock has ended
  request_id_reused = 6,
  unauthenticated = 7,  // the token is missing, wrong or expired
  session_gone = 8,     // the session has ended, or was taken over
  forbidden = 9,
  not_found = 10,
  invalid = 11,  // `field` names what is wrong
  too_large = 12,
  too_many = 13,     // a limit is reached
  unavailable = 14,  // the server was not reached; nothing was done
  draining = 15,
  unknown_outcome = 16,  // sent but not answered: it may have been done
  other = 255,           // a code that this version of the SDK does not know: see `code_name`
};
std::string_view name_of(Code code) noexcept;

struct Error {
  Code code = Code::other;
  std::string code_name;            // as received; the name of `code` unless that is `other`
  std::string title;                // the general sentence, in the language asked for
  std::string detail;               // about this very case; may be empty
  std::string field;                // of invalid, too_large
  std::vector<Conflict> conflicts;  // of locked: the first 20
  std::uint32_t conflicts_total = 0;
  bool deadlock = false;  // of locked: waiting would never end
  Millis retry_after{0};  // of too_many
  std::string json;       // the whole error as the server sent it; empty: it is this client's own
  bool operator==(const Error&) const = default;

  // One sentence for people: detail, else title, else the code's name.
  const std::string& text() const noexcept { return !detail.empty() ? detail : !title.empty() ? title : code_name; }
};

template <class T>
using Result = tl::expected<T, Error>;

struct Nothing {
  bool operator==(const Nothing&) const = default;
};

// Makes an error of the SDK itself, or of an implementation of one of its interfaces.
tl::unexpected<Error> failure(Code code, std::string detail = {}, std::string field = {});

}  // namespace holdfast
