#include "store/embedded/journal_format.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>

namespace hf {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

constexpr std::size_t kChecksumBytes = 4;

template <class T>
void append(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

template <class T>
T read(const char* bytes) noexcept {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// `before` is the checksum of what goes before.
std::uint32_t checksum_of(std::uint32_t before, std::string_view bytes) noexcept {
  return static_cast<std::uint32_t>(XXH3_64bits_withSeed(bytes.data(), bytes.size(), before));
}

template <class T>
std::uint32_t checksum_of_value(std::uint32_t before, T value) noexcept {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  return checksum_of(before, std::string_view(bytes, sizeof value));
}

std::uint32_t row_checksum(std::string_view sections, std::uint64_t seq, std::int64_t at_us) noexcept {
  return checksum_of(checksum_of_value(checksum_of_value(0, seq), at_us), sections);
}

}  // namespace

std::array<char, 16> key_blob(const Id128& key) noexcept {
  const std::uint64_t big[2] = {__builtin_bswap64(key.hi), __builtin_bswap64(key.lo)};
  std::array<char, 16> blob;
  std::memcpy(blob.data(), big, sizeof big);
  return blob;
}

std::optional<Id128> key_from_blob(std::string_view blob) noexcept {
  if (blob.size() != 16) return std::nullopt;
  return Id128{__builtin_bswap64(read<std::uint64_t>(blob.data())),
               __builtin_bswap64(read<std::uint64_t>(blob.data() + 8))};
}

void begin_row(std::string& row) { row.assign(kChecksumBytes, '\0'); }

void add_section(std::string& row, NamespaceIndex ns, std::string_view changes) {
  append(row, ns);
  append(row, static_cast<std::uint32_t>(changes.size()));
  row.append(changes);
}

void seal_row(std::string& row, std::uint64_t seq, std::int64_t at_us) noexcept {
  const std::uint32_t checksum = row_checksum(std::string_view(row).substr(kChecksumBytes), seq, at_us);
  std::memcpy(row.data(), &checksum, sizeof checksum);
}

std::optional<std::string_view> open_row(std::string_view row, std::uint64_t seq, std::int64_t at_us) noexcept {
  if (row.size() < kChecksumBytes) return std::nullopt;
  const std::string_view sections = row.substr(kChecksumBytes);
  if (row_checksum(sections, seq, at_us) != read<std::uint32_t>(row.data())) return std::nullopt;
  return sections;
}

std::optional<SectionView> take_section(std::string_view& sections) noexcept {
  constexpr std::size_t header = sizeof(NamespaceIndex) + sizeof(std::uint32_t);
  if (sections.size() < header) return std::nullopt;
  SectionView section;
  section.ns = read<NamespaceIndex>(sections.data());
  const std::size_t length = read<std::uint32_t>(sections.data() + sizeof section.ns);
  if (length > sections.size() - header) return std::nullopt;
  section.changes = sections.substr(header, length);
  sections.remove_prefix(header + length);
  return section;
}

std::uint32_t state_checksum(const StateKey& key, std::string_view body) noexcept {
  char head[2 + 1 + 16];
  std::memcpy(head, &key.ns, 2);
  head[2] = static_cast<char>(key.entity);
  std::memcpy(head + 3, &key.key.hi, 8);
  std::memcpy(head + 11, &key.key.lo, 8);
  return checksum_of(checksum_of(0, std::string_view(head, sizeof head)), body);
}

std::string seal_state(std::string_view body, std::uint32_t checksum) {
  std::string sealed;
  sealed.reserve(kChecksumBytes + body.size());
  append(sealed, checksum);
  sealed.append(body);
  return sealed;
}

std::optional<StateView> open_state(const StateKey& key, std::string_view sealed) noexcept {
  if (sealed.size() < kChecksumBytes) return std::nullopt;
  const StateView view{sealed.substr(kChecksumBytes), read<std::uint32_t>(sealed.data())};
  if (state_checksum(key, view.body) != view.checksum) return std::nullopt;
  return view;
}

void append_put(std::string& out, const StateKey& key, std::string_view body) {
  char head[4 + 1 + 1 + 16];
  const auto length = static_cast<std::uint32_t>(sizeof head - 4 + body.size());
  std::memcpy(head, &length, 4);
  head[4] = static_cast<char>(key.entity);
  head[5] = static_cast<char>(change_fresh);
  std::memcpy(head + 6, &key.key.hi, 8);
  std::memcpy(head + 14, &key.key.lo, 8);
  out.append(head, sizeof head);
  out.append(body);
}

std::string ceiling_name(std::size_t ns) { return "ceiling/" + std::to_string(ns); }

std::string seal_meta(std::string_view name, std::string_view bytes) {
  std::string sealed(bytes);
  append(sealed, checksum_of(checksum_of(0, name), bytes));
  return sealed;
}

std::optional<std::string_view> open_meta(std::string_view name, std::string_view sealed) noexcept {
  if (sealed.size() < kChecksumBytes) return std::nullopt;
  const std::string_view bytes = sealed.substr(0, sealed.size() - kChecksumBytes);
  if (checksum_of(checksum_of(0, name), bytes) != read<std::uint32_t>(sealed.data() + bytes.size()))
    return std::nullopt;
  return bytes;
}

std::string bytes_of(const FoldPoint& point) {
  std::string bytes;
  for (const std::uint64_t v : {point.folded_to, point.folding_to, point.rows, point.sum, point.kept_bytes})
    append(bytes, v);
  return bytes;
}

std::optional<FoldPoint> fold_point_from(std::string_view bytes) noexcept {
  if (bytes.size() != 40) return std::nullopt;
  const auto at = [&](std::size_t i) { return read<std::uint64_t>(bytes.data() + 8 * i); };
  return FoldPoint{at(0), at(1), at(2), at(3), at(4)};
}

std::string bytes_of(std::uint64_t value) {
  std::string bytes;
  append(bytes, value);
  return bytes;
}

std::optional<std::uint64_t> number_from(std::string_view bytes) noexcept {
  if (bytes.size() != sizeof(std::uint64_t)) return std::nullopt;
  return read<std::uint64_t>(bytes.data());
}

}  // namespace hf
