#pragma once

// One entry of the log that all nodes of an installation live by, as bytes. What the log is: redis/redis_engine.h.
//
//   u8 format, u8 kind, i64 clock in microseconds or 0 (only tests put one there), then
//   commands: a section for each namespace: text name, varint number of commands, text of the commands
//     (engine/command_codec), in the order in which every node decides them
//   tick, leave: nothing    join: text name of the node, u64 rules
//   open: varint generation; then, if there are any, varint number of the members that were not heard, their ids
//
// A persistent format. Sections of 3 and 2 are read still: they have a list for each family, first locks, then status,
// in this order; and time passed for locks also where there was no command for them. In 2 the fields of commands lie by
// place. A node that reads a newer format, or a command that its build does not know, steps aside.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "engine/command_families.h"

namespace hf::redis {

inline constexpr std::uint8_t entry_format = 4, entry_format_oldest = 2;

enum class EntryKind : std::uint8_t { commands = 1, tick, join, leave, open };

struct EntrySection {
  std::string ns;
  std::uint64_t count = 0;
  std::string commands;  // one behind the other

  void add(const Command& command);
  // All of them; nothing if this build does not understand one.
  std::optional<std::vector<Command>> read() const;
};

struct Entry {
  EntryKind kind = EntryKind::tick;
  std::int64_t clock_us = 0;           // 0: Redis says it (redis/replica.h, clock_of)
  std::vector<EntrySection> sections;  // commands
  std::string name;                    // join
  std::uint64_t rules = 0;             // join
  std::uint64_t generation = 0;        // open
  std::vector<Id128> unheard;          // open: members that had not spoken in time
};

std::string write_entry(const Entry& entry);
// Nothing if the bytes are malformed or of a newer format. What an older format says is told as this one does.
std::optional<Entry> read_entry(std::string_view bytes);

}  // namespace hf::redis
