#pragma once

// Structured logs: one JSON object a line, on standard error, for machines to read and people to grep.
//
//   {"at":"2026-01-02T03:04:05.678Z","level":"info","event":"ready","listen":"127.0.0.1:7420","ms":12}
//
// An event is a short name in snake_case; what varies is in fields. No secret, token or body is ever a field:
// whoever logs names single values, there is no way to log a whole request.
//
// Thread-safe. A line is written whole. Below the level set nothing is formatted.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace hf {

enum class LogLevel : std::uint8_t { debug, info, warning, error, off };

struct LogField {
  std::string_view name;
  std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool> value;

  LogField(std::string_view n, std::string_view v) : name(n), value(v) {}
  LogField(std::string_view n, const std::string& v) : name(n), value(std::string_view(v)) {}
  LogField(std::string_view n, const char* v) : name(n), value(std::string_view(v)) {}
  LogField(std::string_view n, bool v) : name(n), value(v) {}
  LogField(std::string_view n, int v) : name(n), value(static_cast<std::int64_t>(v)) {}
  LogField(std::string_view n, std::int64_t v) : name(n), value(v) {}
  LogField(std::string_view n, std::uint64_t v) : name(n), value(v) {}
  LogField(std::string_view n, double v) : name(n), value(v) {}
};

// The level from which lines are written; info at first.
void set_log_level(LogLevel level) noexcept;
// The level of that name (debug, info, warning, error, off); false if there is none.
bool log_level_from_name(std::string_view name, LogLevel& level) noexcept;

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

// The line without its end: what log() writes for an event at `at` (RFC 3339). For tests.
std::string log_line(std::string_view at, LogLevel level, std::string_view event,
                     std::initializer_list<LogField> fields);

}  // namespace hf
