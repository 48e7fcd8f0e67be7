#include "redis/log_entry.h"

#include "engine/change_codec.h"
#include "engine/command_codec.h"

namespace hf::redis {
namespace {

// Takes a list of one family of an older entry over into `section`. False if it cannot be read.
template <class Take>
bool take_over(ByteReader& r, Take take, CommandFormat format, EntrySection& section) {
  std::uint64_t left = r.varint();
  std::string_view bytes = r.text();
  for (; left != 0 && !bytes.empty(); --left) {
    const auto command = take(bytes, format);
    if (!command) return false;
    section.add(*command);
  }
  return left == 0 && bytes.empty();
}

bool read_older(ByteReader& r, CommandFormat format, EntrySection& section) {
  if (!take_over(r, take_lock_command, format, section)) return false;
  if (section.count == 0) section.add(LockCommand(Tick{}));
  return take_over(r, take_status_command, format, section);
}

}  // namespace

void EntrySection::add(const Command& command) {
  ++count;
  write_command(commands, command);
}

std::optional<std::vector<Command>> EntrySection::read() const {
  std::vector<Command> read;
  std::string_view rest = commands;
  while (!rest.empty()) {
    auto command = take_command(rest);
    if (!command) return std::nullopt;
    read.push_back(*std::move(command));
  }
  if (read.size() != count) return std::nullopt;
  return read;
}

std::string write_entry(const Entry& entry) {
  std::string bytes;
  ByteWriter w(bytes);
  w.u8(entry_format);
  w.u8(static_cast<std::uint8_t>(entry.kind));
  w.i64(entry.clock_us);
  switch (entry.kind) {
    case EntryKind::commands:
      w.varint(entry.sections.size());
      for (const EntrySection& section : entry.sections) {
        w.text(section.ns);
        w.varint(section.count);
        w.text(section.commands);
      }
      break;
    case EntryKind::join:
      w.text(entry.name);
      w.u64(entry.rules);
      break;
    case EntryKind::open:
      w.varint(entry.generation);
      if (entry.unheard.empty()) break;
      w.varint(entry.unheard.size());
      for (const Id128& node : entry.unheard) w.id(node);
      break;
    case EntryKind::tick:
    case EntryKind::leave: break;
  }
  return bytes;
}

std::optional<Entry> read_entry(std::string_view bytes) {
  ByteReader r(bytes);
  const std::uint8_t format = r.u8();
  if (format < entry_format_oldest || format > entry_format) return std::nullopt;
  Entry entry;
  entry.kind = static_cast<EntryKind>(r.u8());
  entry.clock_us = r.i64();
  switch (entry.kind) {
    case EntryKind::commands: {
      const std::uint64_t count = r.varint();
      for (std::uint64_t i = 0; i < count && r.ok(); ++i) {
        EntrySection section;
        section.ns = r.text();
        if (format == entry_format) {
          section.count = r.varint();
          section.commands = r.text();
        } else if (!read_older(r, format == 2 ? CommandFormat::by_place : CommandFormat::by_family, section)) {
          return std::nullopt;
        }
        entry.sections.push_back(std::move(section));
      }
      break;
    }
    case EntryKind::join:
      entry.name = r.text();
      entry.rules = r.u64();
      break;
    case EntryKind::open: {
      entry.generation = r.varint();
      const std::uint64_t count = r.at_end() ? 0 : r.varint();
      for (std::uint64_t i = 0; i < count && r.ok(); ++i) entry.unheard.push_back(r.id());
      break;
    }
    case EntryKind::tick:
    case EntryKind::leave: break;
    default: return std::nullopt;
  }
  if (!r.ok() || !r.at_end()) return std::nullopt;
  return entry;
}

}  // namespace hf::redis
