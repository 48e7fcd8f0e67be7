#include "console.h"

#include <errno.h>
#include <string.h>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <mutex>
#include <optional>

#include "catalog_names.h"
#include "show.h"
#include "words.h"

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

bool is_small(char c) { return c >= 'a' && c <= 'z'; }

// Libraries say "cannot connect: refused": on its own that is a sentence, with a capital and an end. A name such as
// wait_ms or http:// stays as it is.
std::string as_sentence(std::string text) {
  const std::size_t word = std::min(text.find_first_of(" ,.:;'`"), text.size());
  const bool is_word = std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(word), is_small);
  if (is_word && word > 0 && (word == text.size() || text[word] == ' ')) text[0] = static_cast<char>(text[0] - 32);
  static constexpr const char* ends[] = {".", "!", "?", "…", "。", "！", "？"};
  const bool ended =
      std::any_of(std::begin(ends), std::end(ends), [&](const char* end) { return text.ends_with(end); });
  if (!ended && !text.empty()) text += tr(".");
  return text;
}

std::string sentence_of(const Error& error) { return as_sentence(translated(error.text())); }

// Of a type that the catalog does not have: which ones may be meant.
std::string suggestions(const Arguments& a, const Error& error) {
  const bool of_server = !error.json.empty() && (error.code == Code::not_found || error.code == Code::invalid);
  if (!of_server && a.target.empty()) return {};
  if (error.code != Code::not_found && error.code != Code::invalid) return {};
  std::vector<std::string> named = a.types;
  named.push_back(a.type);
  named.push_back(a.target);
  named.insert(named.end(), a.targets.begin(), a.targets.end());
  std::string out;
  std::optional<CatalogNames> names;
  for (const std::string& one : named) {
    const std::string type = one.substr(0, one.find_first_of(":/"));
    if (type.empty() || a.token.empty()) continue;
    if (!names) names = CatalogNames::ask(a);
    if (names->empty() || names->has_type(type)) continue;
    for (const std::string& near : names->types_near(type)) out += (out.empty() ? "" : tr(", ")) + near;
  }
  if (out.empty()) return {};
  return "  " + tr("Did you mean {}? `{}` lists all types.", out, typed("catalog")) + "\n";
}

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
std::string complaint(const std::string& sentence) { return "holdfast: " + sentence + "\n"; }
void say_json(boost::json::object object) { say(boost::json::serialize(object) + "\n"); }
void say_event(const char* event, boost::json::object object) {
  object["event"] = event;
  say_json(std::move(object));
}

int output_error() noexcept { return first_error; }

holdfast::Options options_of(const Arguments& a) {
  holdfast::Options options;
  options.url = a.server;
  options.ca_file = a.ca;
  options.token = a.token;
  options.language = a.language;
  options.client.program = "holdfast";
  options.client.window = a.label;
  return options;
}

Error at_server(const Arguments& a, Error error) {
  if (error.code == Code::too_many) {
    error.detail =
        after(sentence_of(error), tr("`{}` lists your sessions, with --end ID it ends one.", typed("sessions")));
  }
  if (error.code == Code::unavailable && error.json.empty() && !error.field.empty()) {
    error.detail = tr("Cannot reach {}: {}", a.server, sentence_of(error));  // which says what to do
  } else if (error.code == Code::unavailable && error.json.empty()) {
    error.detail = tr("Cannot reach {}: {} Is it running? Another address: --server or HOLDFAST_SERVER.", a.server,
                      sentence_of(error));
  }
  if (error.code == Code::unauthenticated && !error.json.empty())
    error.detail = after(sentence_of(error), tr("`{}` does it.", typed("login")));
  return error;
}

Result<Client> connect(const Arguments& a, holdfast::Options options) {
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
    complain(complaint(why > 0 ? tr("The output cannot be written: {}.", ::strerror(why))
                               : tr("The output cannot be written.")));
  return code == exit_done ? exit_refused : code;
}

int report(const Arguments& a, const Error& error) {
  if (a.json) {
    say_json({{"error", to_json(error)}});
  } else {
    std::string text = plain(sentence_of(error));
    if (error.deadlock) text = after(text, tr("Waiting would never end: both wait for each other."));
    complain(complaint(text) + conflicts(error) + suggestions(a, error));
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
