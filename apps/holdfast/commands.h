#pragma once

// The commands of the command line `holdfast`: each takes what main() has read and gives the exit code.
//
// People get tables and sentences on standard output, what went wrong on standard error; --json gives one JSON
// object a line instead. Exit codes: 0 done, 1 refused (or what was to be
// printed could not be written), 2 wrong usage, 3 the server is not available.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "holdfast/client.h"
#include "holdfast/status.h"

namespace hf::cli {

inline constexpr int exit_done = 0;
inline constexpr int exit_refused = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_unavailable = 3;

struct Arguments {
  std::string server;         // one address, or several with commas between them
  bool server_given = false;  // by the user for this time, not by a profile or the default
  std::string server_from;    // whence it is, for people
  std::string ca;             // the file of authorities that sign servers' certificates; empty: the system's
  std::string token;
  std::string token_from;  // whence it is, for people
  std::string as;          // the name of --as
  bool json = false;
  std::string language;  // "zh-CN", or empty

  std::vector<std::string> targets;
  std::string target;  // a lock's id or a target; also a request's id, a user, a type
  std::vector<std::string> command;
  bool shared = false;
  std::string wait, ttl, label, reason, message, by, older;
  std::string type, user, client, kind;
  std::string action;  // run begin
  std::string name, ns;
  std::vector<std::string> roles;
  std::uint64_t fencing_token = 0;
  std::uint32_t limit = 100;
  std::uint32_t count = 0;  // watch, todo, demo-data: end after so many events; 0: never
  std::string session;      // sessions: the one to end

  std::string employee;  // token
  std::vector<std::string> departments;
  bool super = false;
  std::vector<std::string> types;  // todo
  std::string group;
  bool once = false;
  bool read = false;                // notices
  std::uint32_t notices_limit = 0;  // 0: all
  std::string file, batch_id;       // publish, resync; "-": standard input
  holdfast::StatusEvent event;      // publish; what its options say
  std::vector<std::string> state;
  std::string creator, handler, owner, actor;  // USER or USER=NAME
  std::uint32_t bills = 300;                   // demo-data
  std::uint32_t per_second = 4;
  std::uint64_t seed = 1;
  bool live = false;
};

int lock(const Arguments& a);
int request(const Arguments& a);
int unlock(const Arguments& a);
int locks(const Arguments& a);
int watch(const Arguments& a);
int agree(const Arguments& a);
int refuse(const Arguments& a);
int defer(const Arguments& a);
int force(const Arguments& a);
int check(const Arguments& a);
int verify(const Arguments& a);
int token(const Arguments& a);
int login(const Arguments& a);
int logout(const Arguments& a);
int whoami(const Arguments& a);
int catalog(const Arguments& a);
int sessions(const Arguments& a);
int requests(const Arguments& a);
int notices(const Arguments& a);
int stats(const Arguments& a);
int demo(const Arguments& a);
int todo(const Arguments& a);
int publish(const Arguments& a);
int resync(const Arguments& a);
int run_begin(const Arguments& a);
int run_step(const Arguments& a);
int run_finish(const Arguments& a);
int run_fail(const Arguments& a);
int run_get(const Arguments& a);
int demo_data(const Arguments& a);

// "30s", "2m", "500ms", "1h", or a number of seconds; nothing if it is none of them.
std::optional<holdfast::Millis> parse_duration(const std::string& text);
// The exit code of a command that gave `code`: another one if what it printed could not be written.
int finish_output(int code);
// Says what went wrong and gives the exit code for it.
int report(const Arguments& a, const holdfast::Error& error);

}  // namespace hf::cli
