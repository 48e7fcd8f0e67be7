#pragma once

// A batch of rows as it goes to the server, and what the server's answer says of it.
//
// The batch id is made of the rows' ids and texts alone: a relay that publishes the same rows again, also another one,
// publishes the same batch, which the server answers as before and does not log twice.
//
// Pure functions, thread-safe.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hf::outbox {

using RowId = std::int64_t;

struct Row {
  RowId id = 0;
  std::string event;        // empty if it is longer than event_bytes_max
  std::uint64_t bytes = 0;  // of the event
  bool operator==(const Row&) const = default;
};

// What the server said to one event: any of them acknowledges it, but `deleted`: the bill was deleted before, and the
// event does not begin it anew.
struct Verdict {
  enum class Kind : std::uint8_t { logged, stale, differs, deleted };
  Kind kind = Kind::logged;
  std::uint64_t number = 0;  // the offset, or the version that the server knows
  bool operator==(const Verdict&) const = default;
};

// An event says 2 KB of texts (docs/protocol.md); escapes, names and spaces make that several times as long in JSON.
inline constexpr std::uint64_t event_bytes_max = 16 * 1024;

// Why a row cannot be sent at all: it would spoil the batch that it lies in. Nothing: the server will judge it.
std::optional<std::string> unfit(const Row& row);
std::string batch_id_of(const std::vector<Row>& rows);
// {"batch_id":…,"events":[…]}. REQUIRES: no row is unfit().
std::string body_of(const std::vector<Row>& rows);
// The answer to a batch of `rows` events; unavailable if it is none.
Result<std::vector<Verdict>> read_verdicts(std::string_view body, std::size_t rows);
// Which of `rows` events a refusal is about, by its field: 3 for "events[3].version".
std::optional<std::size_t> place_named(std::string_view field, std::size_t rows) noexcept;
// Whether the event says that its bill is no more.
bool is_deletion(const Row& row);
// "SaleOrder:1001 (row 7)", as far as the event tells its bill.
std::string describe(const Row& row);

}  // namespace hf::outbox
