#pragma once

// What a node reads before it starts: the catalog, and the keys that tokens are verified with. --check-config reads
// them too, so that what it passes will start.
//
// Everything that fails says which file or variable it is about and what to do; no secret is ever in a message.

#include <string>
#include <vector>

#include "base/result.h"
#include "catalog/catalog.h"
#include "server/config.h"
#include "wire/jwt.h"

namespace hf {

// catalog/ruinorerp.toml as it was when this program was built.
std::string embedded_catalog_text();
// docs/openapi.yaml, likewise.
std::string embedded_openapi_text();

// The catalog of config.catalog, or the built-in one. The detail of an error has a line for each problem.
Result<Catalog> open_catalog(const Config& config);

struct NodeKeys {
  JwtKeys keys;
  std::string dev_secret;             // with --dev: what development tokens are signed with; it is among `keys`
  std::vector<std::string> warnings;  // whole sentences: what is wrong with a key, but does not refuse the start
};
inline constexpr const char* dev_kid = "dev";

// The keys of config.keys and, with --dev, the one of the data directory. A secret that is easily guessed or that two
// keys share, and a file that everybody may touch, are errors, with --dev warnings; one that its group may touch is a
// warning.
enum class DevKey : std::uint8_t { make, leave };  // leave: a missing one is not made (--check-config)
Result<NodeKeys> open_keys(const Config& config, DevKey dev_key);

// This machine's name; "node" if it has none.
std::string host_name();

// The whole file; unavailable with its name and the system's reason if it cannot be read.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);
// Makes the directory and those above it, for this user alone.
Result<void> make_directory(const std::string& path);

}  // namespace hf
