#pragma once

// The profile: which server a user works with, and the token by which it knows him, so that nobody exports tokens.
//
//   # ~/.config/holdfast/profile.toml, or under $XDG_CONFIG_HOME
//   server = "http://127.0.0.1:7420"      as --server takes it
//   ca = "/etc/erp/ca.pem"                as --ca takes it; may be missing
//   token = "eyJ…"
//
// The token is a secret: the file is made with mode 0600 in a directory of 0700, whole or not at all, and a file that
// others can read is refused. It is a small part of TOML: lines of `name = "text"`, and comments.

#include <optional>
#include <string>

#include "holdfast/client.h"

namespace hf::cli {

struct Profile {
  std::string server;
  std::string ca;
  std::string token;
};

// Where it lies; empty if the user has no home.
std::string profile_path();
// Nothing if there is none. Invalid: the file is readable for others or malformed; the sentence names it and says what
// to do.
holdfast::Result<std::optional<Profile>> read_profile();
holdfast::Result<holdfast::Nothing> write_profile(const Profile& profile);
// False if there was none.
holdfast::Result<bool> remove_profile();

}  // namespace hf::cli
