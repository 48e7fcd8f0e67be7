#pragma once

// A batch of the audit trail as bytes, as one entry of the trail's stream carries it.
//
//   field d, compressed by zlib, which also checks it:
//   u8 format, varint rows: varint generation, varint number, i64 at in microseconds, text namespace, text changes

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "redis/reply.h"
#include "store/audit.h"

namespace hf::redis {

// Of the trail's stream: "generation-number", which is an id of a stream as it stands; empty: nothing.
std::string audit_id(const LogPlace& place);
std::optional<LogPlace> read_audit_id(std::string_view text);

// The size of a row as the limit of the trail counts it.
std::size_t audit_bytes(const AuditRow& row) noexcept;

std::string write_audit_rows(const std::vector<AuditRow>& rows);
// Nothing if the bytes are malformed, or of a newer format.
std::optional<std::vector<AuditRow>> read_audit_rows(std::string_view bytes);

// One entry of the stream, as XRANGE answers it: its id, and f from, i id, t time in ms, r bytes, d data. Nothing if it
// is malformed, or of a newer format.
std::optional<AuditBatch> read_audit_entry(const Reply& entry);

}  // namespace hf::redis
