#include "console.h"

#include <errno.h>
#include <string.h>

#include <atomic>
#include <iostream>
#include <mutex>

#include "show.h"

namespace hf::cli {
namespace {

using holdfast::Client;
using holdfast::Code;
using holdfast::Error;
using holdfast::Millis;
using holdfast::Result;

constexpr Millis connect_max{3'000};  // a person waits at the terminal

std::mutex& output() {
  static std::mutex mutex;
  return mutex;
}
std::atomic<int> first_error{0};
}  // namespace

void say(const std::string& text) {
  std::lock_guard guard(output());
  errno = 0;
  if (!(std::cout << text << std::flush) && first_error == 0) first_error = errno != 0 ? errno : -1;
}
void complain(const std::string& text) {
  std::lock_guard guard(output());
  std::cerr << text << std::flush;
}
void say_json(boost::json::object object) { say(boost::json::serialize(object) + "\n"); }
void say_event(const char* event, boost::json::object object) {
  object["event"] = event;
  say_json(std::move(object));
}

int output_error() noexcept { return first_error; }

holdfast::Options options_of(const Arguments& a) {
  holdfast::Options options;
  options.url = a.server;
  options.token = a.token;
  options.language = a.language;
  options.client.program = "holdfast";
  options.client.window = a.label;
  return options;
}

tl::unexpected<Error> no_token() {
  return holdfast::failure(
      Code::unauthenticated,
      "no token: give --token or set HOLDFAST_TOKEN; on a development server `holdfast token USER` makes one");
}

Error at_server(const Arguments& a, Error error) {
  if (error.code == Code::too_many)
    error.detail = error.text() + " `holdfast sessions` lists your sessions, with --end ID it ends one.";
  if (error.code == Code::unavailable) error.detail = a.server + ": " + error.text();
  return error;
}

Result<Client> connect(const Arguments& a, holdfast::Options options) {
  if (options.token.empty()) return no_token();
  auto client = Client::open(std::move(options));
  if (!client) return client;
  auto ready = client->wait_ready(connect_max);
  if (!ready) return tl::unexpected(at_server(a, ready.error()));
  return client;
}

int finish_output(int code) {
  say("");
  if (first_error == 0) return code;
  const int why = first_error;
  if (why != EPIPE)
    complain("holdfast: cannot write the output" + (why > 0 ? std::string(": ") + ::strerror(why) : "") + "\n");
  return code == exit_done ? exit_refused : code;
}

int report(const Arguments& a, const Error& error) {
  if (a.json) {
    say_json({{"error", to_json(error)}});
  } else {
    complain("holdfast: " + plain(error.text()) +
             (error.deadlock ? " Waiting would never end: both wait for each other." : "") + "\n" + conflicts(error));
  }
  switch (error.code) {
    case Code::invalid:
    case Code::too_large: return exit_usage;
    case Code::unavailable:
    case Code::draining:
    case Code::unknown_outcome: return exit_unavailable;
    default: return exit_refused;
  }
}

}  // namespace hf::cli
