#include "redis/log_entry.h"

#include "engine/change_codec.h"

namespace hf::redis {

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
        w.varint(section.status_count);
        w.text(section.status);
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
  if (format == entry_format_oldest) entry.format = CommandFormat::by_place;
  entry.kind = static_cast<EntryKind>(r.u8());
  entry.clock_us = r.i64();
  switch (entry.kind) {
    case EntryKind::commands: {
      const std::uint64_t count = r.varint();
      for (std::uint64_t i = 0; i < count && r.ok(); ++i) {
        EntrySection section;
        section.ns = r.text();
        section.count = r.varint();
        section.commands = r.text();
        section.status_count = r.varint();
        section.status = r.text();
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
