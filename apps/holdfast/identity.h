#pragma once

// Who the user is and with which server he works: what the flags say, else the environment, else the profile.
//
//   server   --server, HOLDFAST_SERVER, the profile's, http://127.0.0.1:7420
//   ca       --ca, HOLDFAST_CA, the profile's, if its server is the one asked; else the authorities of the system
//   token    --token; --as NAME; HOLDFAST_TOKEN; HOLDFAST_USER; the profile's, if its server is the one asked
//
// --as and HOLDFAST_USER name a person: a server that runs with --dev gives a token for him. Without any of these,
// such a server on this machine is asked for a token for the user of the shell. These people may edit and publish
// (role editor, right status.publish); `holdfast token` makes a token for any other role.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "commands.h"
#include "holdfast/client.h"

namespace hf::cli {

// What a command needs: nothing; the server's address; the address and a token; or a token only if the user has
// said who he is.
enum class Needs : std::uint8_t { nothing, server, token, token_if_told };

// Completes `a`; the sentence says what to do if there is no token.
holdfast::Result<holdfast::Nothing> identify(Arguments& a, Needs needs);
// A token of a development server, for a person who may edit and publish.
holdfast::Result<std::string> development_token(const Arguments& a, const std::string& user);
// The same for anybody; an error is as the SDK tells it.
holdfast::Result<std::string> development_token(const Arguments& a, const holdfast::DevToken& who);
// The user of the shell; empty if it is not known.
std::string shell_user();
bool is_loopback(const std::string& server);

// What a token says of its user; it is not verified here.
struct TokenClaims {
  std::string user, name, ns;
  std::vector<std::string> roles, rights;
  std::optional<holdfast::WallTime> expires_at;
};
std::optional<TokenClaims> claims_of(const std::string& token);

}  // namespace hf::cli
