#pragma once

// What an engine can be asked of runs (model/run.h). They belong to the commands of locks: numbers and tags are a
// persistent format, as in model/commands.h.

#include <cstdint>
#include <string>
#include <vector>

#include "base/limits.h"
#include "model/caller.h"
#include "model/field_rule.h"
#include "model/lock.h"
#include "model/outcomes.h"
#include "model/run.h"
#include "model/status.h"

namespace hf {

// Takes one atomic set of exclusive temporary locks on the bills. Against what others edit or hold it is refused at
// once, against temporaries it waits. Answered Granted, Queued or refused.
struct BeginRun {
  using Answer = Either<Granted, Queued>;
  Caller caller;
  SessionId session;  // nil: the run gets a session of its own, which ends with it
  RunId run;
  std::string action;
  std::vector<Target> bills;  // order and repeats do not matter
  Millis wait{5000};          // 0: try
  ClientInfo client;          // of its own session
  bool service = false;       // runs_per_service_max applies
  Id128 node{};
  bool operator==(const BeginRun&) const = default;

  static constexpr std::uint8_t log_number = 28;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, "request_id", v.caller);
    a(2, "session", v.session);
    a(3, v.run);
    a(4, "action", v.action, {.required = true, .bytes_max = action_name_bytes_max});
    a(5, "bills", v.bills, {.required = true});
    a(6, "wait_ms", v.wait, {.otherwise = 5000, .hashed = false});
    a(7, "client", v.client);
    a(8, v.service);
    a(9, v.node);
  }
};

// It lives, and this is how far it is.
struct StepRun {
  using Answer = RunInfo;
  Caller caller;
  RunId run;
  std::string step;  // empty: as before
  bool operator==(const StepRun&) const = default;

  static constexpr std::uint8_t log_number = 29;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, "request_id", v.caller);
    a(2, "run", v.run, {.required = true});
    a(3, "step", v.step, {.bytes_max = run_step_bytes_max});
  }
};

// A shared hold that the run's action places on one of its bills, for another of them.
struct RunHold {
  LockId lock;
  Target source;
  std::string owner, rule;
  std::vector<std::string> stops;
  Millis ttl{0};
  bool operator==(const RunHold&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.lock)(2, v.source)(3, v.owner)(4, v.rule)(5, v.stops)(6, v.ttl);
  }
};
// Holds of a rule on one of its bills, which the action ends.
struct RunRelease {
  Target source;
  std::string owner;  // empty: anybody's
  std::string rule;
  bool operator==(const RunRelease&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.source)(2, v.owner)(3, v.rule);
  }
};

// The ERP has committed it: its locks end, its holds begin.
struct FinishRun {
  using Answer = RunInfo;
  Caller caller;
  RunId run;
  std::vector<LogEvent> events;  // the node publishes them before it sends the command
  std::vector<RunHold> places;
  std::vector<RunRelease> ends;
  bool operator==(const FinishRun&) const = default;

  static constexpr std::uint8_t log_number = 30;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, "request_id", v.caller);
    a(2, "run", v.run, {.required = true});
    a("events", v.events);
    a(3, v.places);
    a(4, v.ends);
  }
};

// The ERP has rolled it back, or did not begin: its locks end.
struct FailRun {
  using Answer = RunInfo;
  Caller caller;
  RunId run;
  std::string error;
  bool operator==(const FailRun&) const = default;

  static constexpr std::uint8_t log_number = 31;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, "request_id", v.caller);
    a(2, "run", v.run, {.required = true});
    a(3, "error", v.error, {.required = true, .bytes_max = run_error_bytes_max});
  }
};

// A bill was told with the run as its cause: it was committed. Follows from what the board has decided; nobody asks it.
struct SettleRun {
  using Answer = Done;
  RunId run;
  bool operator==(const SettleRun&) const = default;

  static constexpr std::uint8_t log_number = 32;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.run);
  }
};

struct GetRun {
  using Answer = RunInfo;
  Caller caller;
  RunId run;
  bool operator==(const GetRun&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("run", v.run, {.required = true});
  }
};

}  // namespace hf
