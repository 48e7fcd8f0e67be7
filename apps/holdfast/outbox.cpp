#include "outbox.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <chrono>
#include <random>

#include "child.h"
#include "console.h"
#include "outbox/http_publisher.h"
#include "outbox/relay.h"
#include "outbox/sql/tables.h"
#include "show.h"
#include "words.h"

namespace hf::cli {
namespace {

namespace json = boost::json;
using holdfast::Code;

constexpr holdfast::Millis lease_default{10'000};
constexpr holdfast::Millis lease_min{2'000};
constexpr holdfast::Millis lease_max{600'000};

int report(const Arguments& a, const Error& error) {
  const auto code = error.code == hf::Code::invalid ? Code::invalid : Code::unavailable;
  return report(a, holdfast::failure(code, error.detail, error.field).value());
}

Result<outbox::SqlOutbox> outbox_at(const OutboxArguments& o) {
  if (o.from.empty()) return fail(hf::Code::invalid, tr("Give --from or set HOLDFAST_OUTBOX."), "from");
  return outbox::SqlOutbox::at(o.from);
}

std::string holder() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) name[0] = '\0';
  return std::string(name.data()) + ":" + std::to_string(::getpid());
}

// What goes wrong is for who reads the log; the rest is the course of things.
void tell(const Arguments& a, outbox::RelayNews news, const std::string& text) {
  if (a.json)
    say_json({{"event", outbox::name_of(news)}, {"text", text}});
  else
    complain(complaint(tr("{}: {}", tr(outbox::name_of(news)), plain(translated(text)))));
}

Result<outbox::RelayOptions> options_of(const OutboxArguments& o) {
  outbox::RelayOptions options;
  options.holder = holder();
  const auto lease = o.lease.empty() ? std::optional(lease_default) : parse_duration(o.lease);
  if (!lease || *lease < lease_min || *lease > lease_max) {
    return fail(hf::Code::invalid, tr("--lease is a time from 2s to 10m."), "lease");
  }
  options.lease = *lease;
  options.beat = *lease / 5;
  options.publish_max = *lease / 5 * 2;
  return options;
}

}  // namespace

int outbox_relay(const Arguments& a, const OutboxArguments& o) {
  auto from = outbox_at(o);
  if (!from) return report(a, from.error());
  auto options = options_of(o);
  if (!options) return report(a, options.error());
  if (a.token.empty() && o.token_file.empty())
    return report(
        a, holdfast::failure(Code::unauthenticated,
                             tr("There is no token. Give --token or --token-file, or sign in: {}", typed("login")))
               .value());
  Attention attention;
  if (!attention.take())
    return report(a, fail(hf::Code::unavailable, tr("Signals cannot be waited for: {}.", ::strerror(errno))).value());
  const outbox::ServerAddress server{a.server, a.ca, a.token, o.token_file, a.language};
  std::random_device seed;
  outbox::Relay relay(
      std::move(*from), std::move(*options), [] { return std::chrono::steady_clock::now(); }, seed(),
      [&server](const std::vector<outbox::Row>& rows, Millis deadline) {
        return outbox::publish_over_http(server, rows, deadline);
      },
      [&a](outbox::RelayNews news, const std::string& text) { tell(a, news, text); });
  while (true) {
    const Millis rest = relay.turn();
    const auto woken = attention.wait(static_cast<int>(rest.count()));
    if (woken.signal == 0 || woken.signal == SIGCHLD) continue;
    relay.stop();
    return exit_done;
  }
}

int outbox_status(const Arguments& a, const OutboxArguments& o) {
  auto from = outbox_at(o);
  if (!from) return report(a, from.error());
  const auto state = from->state();
  if (!state) return report(a, state.error());
  if (a.json) {
    json::array refused;
    for (const auto& row : state->refused_rows) refused.push_back(json::object{{"row", row.id}, {"why", row.why}});
    say_json({{"waiting", state->waiting},
              {"oldest_seconds", state->oldest_seconds},
              {"refused", state->refused},
              {"refused_rows", std::move(refused)},
              {"relay", state->lease.holder},
              {"fence", state->lease.fence}});
    return exit_done;
  }
  const std::string age = duration(std::chrono::seconds(state->oldest_seconds));
  say(table({tr("WAITING"), tr("OLDEST FOR"), tr("REFUSED"), tr("RELAY"), tr("FENCE")},
            {{std::to_string(state->waiting), state->waiting == 0 ? "" : age, std::to_string(state->refused),
              plain(state->lease.holder), std::to_string(state->lease.fence)}}));
  if (state->refused_rows.empty()) return exit_done;
  std::vector<std::vector<std::string>> rows;
  for (const auto& row : state->refused_rows) rows.push_back({std::to_string(row.id), plain(translated(row.why))});
  say("\n" + table({tr("ROW"), tr("REFUSED BECAUSE")}, rows));
  return exit_done;
}

int outbox_sql(const Arguments& a, const OutboxArguments& o) {
  const auto dialect = dialect_from_name(o.database);
  if (!dialect)
    return report(a,
                  fail(hf::Code::invalid, tr("It is for sqlite, postgresql, sqlserver or mysql."), "database").value());
  say(std::string(outbox::schema_of(*dialect)));
  return exit_done;
}

}  // namespace hf::cli
