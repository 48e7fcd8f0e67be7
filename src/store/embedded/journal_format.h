#pragma once

// How the journal's rows lie in SQLite, with a checksum in each, so that a flipped bit is seen when it is read.
//
//   journal.body  u32 checksum, then for each namespace: u16 index, u32 length, changes (engine/change.h)
//   state.key     16 bytes, big-endian: SQLite's order of blobs is the order of StateKey
//   state.body    u32 checksum, then the change's body
//   meta.value    bytes, then u32 checksum
//
// A checksum is the low half of XXH3 over the row's other columns and what follows or goes before it. All
// other integers are little-endian. Pure functions; any thread.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/change.h"
#include "store/lock_engine.h"

namespace hf {

constexpr std::uint64_t database_page_bytes = 4096;

struct StateKey {
  NamespaceIndex ns = 0;
  Entity entity = Entity::note;
  Id128 key;
  auto operator<=>(const StateKey&) const = default;
};

std::array<char, 16> key_blob(const Id128& key) noexcept;
std::optional<Id128> key_from_blob(std::string_view blob) noexcept;

// A journal row's body is built in place: begin_row, add_section…, seal_row.
void begin_row(std::string& row);
void add_section(std::string& row, NamespaceIndex ns, std::string_view changes);
void seal_row(std::string& row, std::uint64_t seq, std::int64_t at_us) noexcept;
// The sections of a row; nothing if it is not what was sealed.
std::optional<std::string_view> open_row(std::string_view row, std::uint64_t seq, std::int64_t at_us) noexcept;
struct SectionView {
  NamespaceIndex ns = 0;
  std::string_view changes;
};
// Takes the first section off `sections`; nothing if it is empty or malformed.
std::optional<SectionView> take_section(std::string_view& sections) noexcept;

std::uint32_t state_checksum(const StateKey& key, std::string_view body) noexcept;
// `body` with its checksum before it.
std::string seal_state(std::string_view body, std::uint32_t checksum);
struct StateView {
  std::string_view body;
  std::uint32_t checksum = 0;
};
std::optional<StateView> open_state(const StateKey& key, std::string_view sealed) noexcept;
// Appends a put, flagged fresh, of a state row: what recovery reads.
void append_put(std::string& out, const StateKey& key, std::string_view body);

// The name under which the tokens of a namespace are kept.
std::string ceiling_name(std::size_t ns);
std::string seal_meta(std::string_view name, std::string_view bytes);
std::optional<std::string_view> open_meta(std::string_view name, std::string_view sealed) noexcept;

// How far the journal is folded into the state, and what the state must look like.
struct FoldPoint {
  std::uint64_t folded_to = 0;   // journal rows up to here are in the state
  std::uint64_t folding_to = 0;  // >= folded_to; if greater, some keys of the rows up to here are in the state
  std::uint64_t rows = 0;        // of the state
  std::uint64_t sum = 0;         // of their checksums, modulo 2^64
  std::uint64_t kept_bytes = 0;  // of the journal rows up to folded_to that are still there
  bool operator==(const FoldPoint&) const = default;
};
std::string bytes_of(const FoldPoint& point);
std::optional<FoldPoint> fold_point_from(std::string_view bytes) noexcept;

std::string bytes_of(std::uint64_t value);
std::optional<std::uint64_t> number_from(std::string_view bytes) noexcept;

}  // namespace hf
