#pragma once

// What `holdfastd backup` and `holdfastd restore` do: an installation moves from one engine to another by a file.
//
// A whole move is for a source that has stopped: sessions, locks, queues and requests go along, leases start anew,
// tokens go on above. From an old backup only holds are kept: the others went on with their work since it was made and
// hold what they hold no more. The audit trail stays where it is.
//
// An engine is named by a Config, as a node names it (engine.kind, server.data, engine.redis, engine.redis_name); what
// it decides by is the Config's limits and the catalog. Everything blocks, and refuses what is in use with a sentence.

#include <cstdint>
#include <string>

#include "base/result.h"
#include "catalog/catalog.h"
#include "model/lock.h"
#include "server/backup_file.h"
#include "server/config.h"

namespace hf {

// What tokens are raised by when an old backup is restored: more than was given since.
inline constexpr Token token_raise = Token{1} << 40;

enum class Restore : std::uint8_t { whole, only_holds };

struct MoveCounts {
  std::uint64_t namespaces = 0, sessions = 0, edits = 0, temporaries = 0, holds = 0, queued = 0, requests = 0;
  bool operator==(const MoveCounts&) const = default;
};

// The state of the engine that `config` names. Fails if there is none, if a node has it in use, or if it is damaged.
Result<Backup> take_state(const Config& config, const Catalog& catalog);
// What save_backup() wrote. Fails as read_backup() does, or with too_large beyond `bytes_max`.
Result<Backup> load_backup(const std::string& path, std::size_t bytes_max = backup_bytes_max);
// Makes of a backup what shall be put into an engine, and counts what was in it. Fails if it makes no sense.
Result<MoveCounts> prepare(Backup& backup, const Config& config, const Catalog& catalog, Restore restore);
// Fails if the engine that `config` names has state already, or is in use. REQUIRES: `backup` was prepared.
Result<void> put_state(const Backup& backup, const Config& config, const Catalog& catalog);

// The two commands: they say on standard output what was done, or why not on standard error, and give the exit code.
int run_backup(const Config& config, const std::string& path);
int run_restore(const Config& config, const std::string& path, Restore restore);

}  // namespace hf
