#include "redis/audit_batch.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/assert.h"
#include "engine/change_codec.h"

namespace hf::redis {
namespace {

constexpr std::uint8_t batch_format = 1;
// Ids and tokens do not shrink, all else does well at once; higher levels cost the loop four times as much for a tenth.
constexpr int level = 1;
constexpr std::size_t row_bytes = 24;              // beside its texts
constexpr std::size_t inflated_max = 512UL << 20;  // more than any entry of the log can change

std::string compressed(std::string_view bytes) {
  uLongf size = compressBound(static_cast<uLong>(bytes.size()));
  std::string out(size, '\0');
  HF_ASSERT(compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()),
                      static_cast<uLong>(bytes.size()), level) == Z_OK);
  out.resize(size);
  return out;
}

std::optional<std::string> inflated(std::string_view bytes) {
  std::string out(std::max<std::size_t>(bytes.size() * 8, 1024), '\0');
  for (; out.size() <= inflated_max; out.resize(out.size() * 4)) {
    uLongf size = out.size();
    const int rc = uncompress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()),
                              static_cast<uLong>(bytes.size()));
    if (rc == Z_OK) {
      out.resize(size);
      return out;
    }
    if (rc != Z_BUF_ERROR) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::string audit_id(const LogPlace& place) {
  if (place.is_nil()) return {};
  return std::to_string(place.generation) + "-" + std::to_string(place.number);
}

std::optional<LogPlace> read_audit_id(std::string_view text) {
  LogPlace place;
  if (text.empty()) return place;
  const char* const end = text.data() + text.size();
  const auto [dash, error] = std::from_chars(text.data(), end, place.generation);
  if (error != std::errc() || dash == end || *dash != '-') return std::nullopt;
  const auto [last, second] = std::from_chars(dash + 1, end, place.number);
  if (second != std::errc() || last != end) return std::nullopt;
  return place;
}

std::size_t audit_bytes(const AuditRow& row) noexcept { return row_bytes + row.ns.size() + row.changes.size(); }

std::string write_audit_rows(const std::vector<AuditRow>& rows) {
  std::string bytes;
  ByteWriter w(bytes);
  w.u8(batch_format);
  w.varint(rows.size());
  for (const AuditRow& row : rows) {
    w.varint(row.place.generation);
    w.varint(row.place.number);
    w.i64(to_us(row.at));
    w.text(row.ns);
    w.text(row.changes);
  }
  return compressed(bytes);
}

std::optional<std::vector<AuditRow>> read_audit_rows(std::string_view bytes) {
  const auto plain = inflated(bytes);
  if (!plain) return std::nullopt;
  ByteReader r(*plain);
  if (r.u8() != batch_format) return std::nullopt;
  std::vector<AuditRow> rows;
  const std::uint64_t count = r.varint();
  for (std::uint64_t i = 0; i < count && r.ok(); ++i) {
    AuditRow row;
    row.place.generation = r.varint();
    row.place.number = r.varint();
    row.at = wall_us(r.i64());
    row.ns = r.text();
    row.changes = r.text();
    rows.push_back(std::move(row));
  }
  if (!r.ok() || !r.at_end()) return std::nullopt;
  return rows;
}

std::optional<AuditBatch> read_audit_entry(const Reply& entry) {
  if (entry.items.size() != 2) return std::nullopt;
  const auto& fields = entry.items[1].items;
  constexpr std::array<std::string_view, 5> names{"f", "i", "t", "r", "d"};
  if (fields.size() < 2 * names.size()) return std::nullopt;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (fields[2 * i].text != names[i]) return std::nullopt;
  }
  const auto to = read_audit_id(entry.items[0].text);
  const auto from = read_audit_id(fields[1].text);
  const auto id = Id128::parse(fields[3].text);
  auto rows = read_audit_rows(fields[9].text);
  if (!to || !from || !id || !rows) return std::nullopt;
  const auto inside = [&](const AuditRow& row) { return row.place > *from && row.place <= *to; };
  const auto not_before = [](const AuditRow& a, const AuditRow& b) {
    return std::pair(a.place, std::string_view(a.ns)) >= std::pair(b.place, std::string_view(b.ns));
  };
  if (!std::ranges::all_of(*rows, inside) || std::ranges::adjacent_find(*rows, not_before) != rows->end())
    return std::nullopt;
  return AuditBatch{*from, *to, *id, *std::move(rows)};
}

}  // namespace hf::redis
