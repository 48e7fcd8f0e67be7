#pragma once

// A run is one action of an ERP on some bills, done by the ERP while we keep others off these bills: what is known of
// it. Its commands: model/run_commands.h; the rules: engine/run_book.h, engine/lock_tree_runs.cpp.
//
// A run, its temporary locks, its wait for them and, where it was begun without a session, its session have one id.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/field_rule.h"
#include "model/lock.h"
#include "model/target.h"

namespace hf {

// locking: it waits for its locks. unknown: its locks ended before it said how it went; what was told of its bills
// settles it.
enum class RunState : std::uint8_t { locking, running, done, failed, unknown };
std::string_view name_of(RunState state) noexcept;

struct RunInfo {
  RunId run;
  std::string user, user_name;
  std::string action;         // the catalog's name
  std::vector<Target> bills;  // in text order
  SessionId session;          // that its locks belong to
  Id128 node;                 // that began it
  RunState state = RunState::locking;
  std::string step;   // the newest that it told
  std::string error;  // failed, unknown: why
  Wall begun_at{}, changed_at{};
  Wall expires_at{};          // running: unless it tells a step before
  std::vector<Grant> placed;  // the answer to FinishRun: holds
  bool operator==(const RunInfo&) const = default;

  static constexpr std::string_view said_as = "Run";

  template <class A, class V>
  static void said(A& a, V& v) {
    a("run", v.run, {.key = true});
    a("state", v.state, {.key = true});
    a("action", v.action, {.required = true});
    a("bills", v.bills, {.required = true});
    a.about(v.user);
    a("session", v.session, {.known = true, .personal = true});
    a("user", v.user, {.known = true, .personal = true});
    a("user_name", v.user_name, {.personal = true});
    a("node", v.node, {.known = true});
    a("step", v.step);
    a("error", v.error, {.personal = true, .sentence = true});
    a("begun_at", v.begun_at, {.known = true});
    a("changed_at", v.changed_at, {.known = true});
    a("expires_at", v.expires_at);
    a("placed", v.placed);
  }
};

// How many runs have begun, and ended how, since the engine's start.
struct RunTally {
  std::uint64_t begun = 0, done = 0, failed = 0, unknown = 0, settled = 0;
  bool operator==(const RunTally&) const = default;
};

// A run began, told a step or ended: the board tells it to whoever sees its bills.
struct RunChanged {
  RunInfo run;
  bool operator==(const RunChanged&) const = default;
};

}  // namespace hf
