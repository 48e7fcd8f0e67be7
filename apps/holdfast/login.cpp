// Signing in and out: `login`, `logout`, `whoami`, `token`.

#include "commands.h"

#include <errno.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>

#include "asking.h"
#include "console.h"
#include "identity.h"
#include "profile.h"
#include "show.h"
#include "words.h"

namespace hf::cli {
namespace {

using holdfast::Code;
using holdfast::Result;

constexpr std::size_t token_bytes_max = 16 * 1024;

tl::unexpected<holdfast::Error> wrong(std::string sentence, std::string field) {
  return holdfast::failure(Code::invalid, std::move(sentence), std::move(field));
}

// One line, without its end; what is typed at a terminal is not shown.
std::string typed_secret() {
  const bool terminal = ::isatty(STDIN_FILENO) == 1;
  termios before{};
  if (terminal) {
    complain(tr("Token from your sign-in (it is not shown): "));
    ::tcgetattr(STDIN_FILENO, &before);
    termios hidden = before;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  }
  std::string line;
  std::getline(std::cin, line);
  if (terminal) {
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    complain("\n");
  }
  return line;
}

Result<std::string> read_token(const Arguments& a) {
  std::string token;
  if (a.file == "-" || a.file.empty()) {
    token = typed_secret();
  } else {
    std::ifstream file(a.file, std::ios::binary);
    if (!file) return wrong(tr("{} cannot be read: {}.", a.file, ::strerror(errno)), "token-file");
    std::getline(file, token);
  }
  const auto first = token.find_first_not_of(" \t\r\n");
  if (first == std::string::npos)
    return wrong(tr("There is no token. Paste the one that your sign-in shows."), "token");
  token = token.substr(first, token.find_last_not_of(" \t\r\n") + 1 - first);
  const bool plain_letters = token.find_first_of(" \t\r\n\"\\") == std::string::npos;
  if (!plain_letters || token.size() > token_bytes_max) return wrong(tr("This is no token."), "token");
  return token;
}

// The token to keep: the one given, a development server's, or the one that is typed.
Result<std::string> token_for_login(const Arguments& a) {
  if (!a.token.empty()) return a.token;
  if (!a.file.empty()) return read_token(a);
  const std::string user = !a.as.empty() ? a.as : a.target;
  auto made = is_loopback(a.server) || !user.empty() ? development_token(a, user.empty() ? shell_user() : user)
                                                     : Result<std::string>(holdfast::failure(Code::unauthenticated));
  if (made || made.error().code != Code::unauthenticated || !user.empty()) return made;
  return read_token(a);
}

std::string who(const TokenClaims& claims) {
  if (claims.name.empty() || claims.name == claims.user) return plain(claims.user);
  return tr("{} ({})", plain(claims.name), plain(claims.user));
}

std::string listed(const std::vector<std::string>& all) {
  std::string out;
  for (const std::string& one : all) out += (out.empty() ? "" : tr(", ")) + plain(one);
  return out.empty() ? tr("none") : out;
}

std::string expiry(const TokenClaims& claims) {
  if (!claims.expires_at) return tr("never");
  const auto now = std::chrono::time_point_cast<holdfast::Millis>(std::chrono::system_clock::now());
  const auto left = std::chrono::duration_cast<holdfast::Millis>(*claims.expires_at - now);
  if (left.count() <= 0) return tr("it has expired: `{}`", typed("login"));
  return tr("in {}", duration(left));
}

}  // namespace

int login(const Arguments& given) {
  Arguments a = given;
  auto token = token_for_login(a);
  if (!token) return report(a, token.error());
  a.token = *token;
  // A token that the server does not take is of no use tomorrow either.
  auto answer = ask(a, "GET", "/v1/sessions?limit=1");
  if (!answer && answer.error().code != Code::forbidden) return report(a, answer.error());
  // The next command may be typed in another directory.
  std::error_code nowhere;
  const std::string ca = a.ca.empty() ? "" : std::filesystem::absolute(a.ca, nowhere).string();
  auto written = write_profile({a.server, nowhere ? a.ca : ca, a.token});
  if (!written) return report(a, written.error());
  const auto claims = claims_of(a.token).value_or(TokenClaims{});
  if (a.json) {
    say_json({{"ok", true}, {"user", claims.user}, {"server", a.server}, {"profile", profile_path()}});
  } else {
    say(tr("Signed in to {} as {}; it is kept in {}. `{}` ends that.", a.server, who(claims), profile_path(),
           typed("logout")) +
        "\n");
  }
  return exit_done;
}

int logout(const Arguments& a) {
  const auto removed = remove_profile();
  if (!removed) return report(a, removed.error());
  if (a.json)
    say_json({{"ok", true}, {"removed", *removed}});
  else
    say((*removed ? tr("Signed out: {} is removed.", profile_path()) : tr("You were not signed in.")) + "\n");
  return exit_done;
}

int whoami(const Arguments& a) {
  const auto claims = claims_of(a.token);
  if (!claims)
    return report(a, holdfast::failure(Code::unauthenticated, tr("The token is none that can be read.")).value());
  auto answer = ask(a, "GET", "/v1/sessions?limit=1");
  if (!answer && answer.error().code != Code::forbidden) return report(a, answer.error());
  if (a.json) {
    boost::json::object out{{"user", claims->user},
                            {"name", claims->name},
                            {"ns", claims->ns},
                            {"roles", texts(claims->roles)},
                            {"rights", texts(claims->rights)},
                            {"server", a.server},
                            {"token_from", a.token_from}};
    if (claims->expires_at) {
      out["expires_at_s"] =
          std::chrono::duration_cast<std::chrono::seconds>(claims->expires_at->time_since_epoch()).count();
    }
    return say_json(std::move(out)), exit_done;
  }
  std::vector<std::vector<std::string>> rows{{tr("User"), who(*claims)},
                                             {tr("Roles"), listed(claims->roles)},
                                             {tr("Further rights"), listed(claims->rights)},
                                             {tr("Server"), tr("{} (from {})", a.server, a.server_from)},
                                             {tr("Token"), tr("from {}", a.token_from)},
                                             {tr("Expires"), expiry(*claims)}};
  if (!claims->ns.empty() && claims->ns != "default") rows.push_back({tr("Namespace"), plain(claims->ns)});
  say(table({}, rows));
  return exit_done;
}

int token(const Arguments& a) {
  holdfast::DevToken who{a.target, a.name, a.roles, a.ns, a.employee, a.departments, a.super};
  if (who.roles.empty()) who.roles = {"editor"};
  auto made = development_token(a, who);
  if (!made) {
    holdfast::Error error = at_server(a, made.error());
    if (error.code == Code::not_found)
      error.detail = tr("{} gives no development tokens: it does not run with --dev. `{}` signs you in.", a.server,
                        typed("login"));
    return report(a, error);
  }
  if (a.json)
    say_json({{"token", *made}});
  else
    say(*made + "\n");
  return exit_done;
}

}  // namespace hf::cli
