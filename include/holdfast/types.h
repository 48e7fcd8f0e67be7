#pragma once

// The values of locking for users of the SDK: locks, conflicts, requests, lost locks and the reason.
//
// Plain data, compared and copied by value. Targets are texts: a type ("SaleOrder"), a bill
// ("SaleOrder:1001"), a detail table of a bill ("SaleOrder:1001/SaleOrderDetail"), or a line of one
// ("SaleOrder:1001/SaleOrderDetail/7"). Points in time are the server's wall clock: show them to people,
// do not decide by them. Whether a lock is still held is decided by LockHandle::held().

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

using Millis = std::chrono::milliseconds;
using WallTime = std::chrono::time_point<std::chrono::system_clock, Millis>;

// A fencing token: every later grant that could conflict has a greater one. 0: none.
using Token = std::uint64_t;

enum class Mode : std::uint8_t { shared, exclusive };
enum class Kind : std::uint8_t { edit, temporary, hold };

// Why a lock ended. The server reports the first eight; the client itself finds out the last four.
enum class LostReason : std::uint8_t {
  released,       // released, by another handle or another window of the session
  expired,        // its lease or its own time to live ran out
  max_hold,       // held as long as its type allows
  forced,         // ended by force: see `by` and `note`
  handed_over,    // given to somebody who asked
  transferred,    // continues in another session of the same user
  session_ended,  // its session was ended
  engine_lost,    // the server's store lost it
  deadline,  // the client could not renew it in time: the link is down or slow. The server may now grant it to others
  replaced,  // the session was taken over by another client: it holds the lock now
  missing,   // after an interruption the server no longer lists it
  closed,    // this client was closed
};
std::string_view name_of(LostReason reason) noexcept;
std::string_view name_of(Mode mode) noexcept;
std::string_view name_of(Kind kind) noexcept;

// Where a session runs. Shown to others who meet its locks; never trusted.
struct ClientInfo {
  std::string program;
  std::string host;
  std::string window;
  bool operator==(const ClientInfo&) const = default;
};

// A lock as the server describes it, one's own or another's.
struct LockInfo {
  std::string lock;  // its id
  Token token = 0;
  std::vector<std::string> targets;
  Mode mode = Mode::exclusive;
  Kind kind = Kind::edit;
  std::string session;  // these four are empty where names are hidden
  std::string user;
  std::string user_name;
  ClientInfo client;
  std::string owner;  // of a hold
  std::string label;
  std::string reason;
  WallTime acquired_at{};
  WallTime expires_at{};
  std::uint32_t holds = 1;  // how often it was acquired and not yet released
  bool operator==(const LockInfo&) const = default;
};

// One thing in the way of a refused acquire.
struct Conflict {
  std::string target;    // the target held, or waited for
  std::string lock;      // the lock's id, or the wait's
  bool waiting = false;  // somebody who waits before this request, not a holder
  std::string label;
  std::string user;
  std::string user_name;
  ClientInfo client;
  std::string session;
  WallTime since{};
  WallTime last_activity_at{};
  WallTime expires_at{};
  Kind kind = Kind::edit;
  std::string reason;
  std::uint32_t position = 0;    // of the waiter
  std::uint32_t queue = 0;       // how many wait for this target
  bool same_user = false;        // it is the caller's own, in another window
  std::vector<std::string> may;  // what the caller may do: read_only, notify, wait, request, transfer, force
  bool operator==(const Conflict&) const = default;
};

// Somebody asks for a lock: as the holder and as the asker see it.
struct Request {
  std::string request;  // its id; the wait behind it has the same
  std::string lock;     // the lock that is asked for
  std::vector<std::string> targets;
  Mode mode = Mode::exclusive;
  std::string user;  // who asks
  std::string user_name;
  std::string message;
  std::string label;
  std::string state;  // asked, deferred, refused, unanswered
  std::string answer_reason;
  std::uint32_t position = 0;
  WallTime since{};
  WallTime answer_by{};
  bool operator==(const Request&) const = default;
};

// How a request of this client was answered.
struct Answer {
  std::string request;
  std::string answer;  // agreed, refused, deferred, unanswered
  std::string reason;
  std::string by;  // who answered
  std::string by_name;
  WallTime answer_by{};  // deferred: until when
  bool operator==(const Answer&) const = default;
};

struct Lost {
  std::string lock;
  LostReason reason = LostReason::released;
  std::vector<std::string> targets;  // what ended
  bool whole = true;                 // false: the lock lives on with its other targets
  std::string by;                    // who ended it, if it was a person
  std::string by_name;
  std::string note;  // the reason that person gave
  bool operator==(const Lost&) const = default;
};

struct Verification {
  bool valid = false;
  Millis valid_for{0};
  std::string why;                      // not valid: not_found, lock_gone, not_holder, not_covered, too_short
  std::map<std::string, Token> tokens;  // valid: target -> what a write of it is fenced with
  bool operator==(const Verification&) const = default;
};

// What a try on one target would find now.
struct CheckedTarget {
  std::string target;
  bool free = true;
  bool mine = false;  // this session holds it
  std::vector<Conflict> conflicts;
  bool operator==(const CheckedTarget&) const = default;
};

struct LockPage {
  std::vector<LockInfo> locks;
  std::string next;  // cursor of the next page; empty: the end
  bool operator==(const LockPage&) const = default;
};

}  // namespace holdfast
