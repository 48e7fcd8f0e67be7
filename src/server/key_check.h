#pragma once

// What is wrong with a key beyond its form: a secret that a guesser tries first, and a file that others may touch.
//
// Each answer is a sentence that says what to do, or empty: nothing is wrong. No secret is ever in a sentence.

#include <cstdint>
#include <string>
#include <string_view>

namespace hf {

// Texts of one or a few characters, a short text repeated, and secrets from examples.
std::string weakness_of_secret(std::string_view secret);

// Who beside the owner may do what the file must keep from them: its secret read, or its public key replaced.
struct FileExposure {
  std::string to_all;    // anybody on this machine may
  std::string to_group;  // the file's group may
};
enum class KeyFile : std::uint8_t { secret, public_key };
FileExposure exposure_of(const std::string& path, KeyFile kind);

}  // namespace hf
