#include "documents/values.h"

#include <charconv>

#include "base/time_text.h"
#include "model/plain_text.h"

namespace hf::documents {

using catalog::Column;
using catalog::ColumnKind;

namespace {

tl::unexpected<Error> unsaid(const Column& column, std::string_view what) {
  return fail(Code::invalid, "It is " + std::string(what) + ".", column.name);
}

std::optional<std::string> time_said(std::string_view text) {
  const auto time = parse_time(text);
  if (!time) return std::nullopt;
  std::string made;
  append_time(made, *time);
  return made;
}

// Whether both databases keep the text: PostgreSQL has no zero byte and nothing but UTF-8.
bool is_kept(std::string_view text) {
  while (!text.empty()) {
    const char32_t character = take_character(text);
    if (character == no_character || character == 0) return false;
  }
  return true;
}

bool is_date(std::string_view text) {
  return text.size() == 10 && parse_time(std::string(text) + "T00:00:00Z").has_value();
}

int scale_of(const Column& column) { return column.kind == ColumnKind::money ? catalog::money_scale : column.scale; }

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<std::string> bytes_of_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = digit_of(hex[i]), low = digit_of(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

std::string hex_of_bytes(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex += digits[byte >> 4];
    hex += digits[byte & 15];
  }
  return hex;
}

std::optional<std::int64_t> whole_of(std::string_view text) noexcept {
  std::int64_t number = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (wrong != std::errc() || end != text.data() + text.size()) return std::nullopt;
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if ((digits.size() > 1 && digits.front() == '0') || text == "-0") return std::nullopt;
  return number;
}

Result<Cell> cell_said(const Column& column, std::string_view text) {
  switch (column.kind) {
    case ColumnKind::id:
    case ColumnKind::integer:
      if (const auto number = whole_of(text)) return Cell(*number);
      return unsaid(column, "a whole number");
    case ColumnKind::boolean:
      if (text == "true" || text == "1") return Cell(true);
      if (text == "false" || text == "0") return Cell(false);
      return unsaid(column, "true or false");
    case ColumnKind::money:
    case ColumnKind::decimal: {
      const auto number = Decimal::parse(text);
      const auto scaled = number ? number->exactly(scale_of(column)) : number;
      if (scaled) return Cell(*scaled);
      return unsaid(column, "a number with " + std::to_string(scale_of(column)) + " decimals at most");
    }
    case ColumnKind::text:
      if (!is_kept(text)) return unsaid(column, "a text in UTF-8 without zero bytes");
      return Cell(std::string(text));
    case ColumnKind::time:
      if (auto time = time_said(text)) return Cell(*std::move(time));
      return unsaid(column, "a time such as 2026-11-30T08:00:00Z");
    case ColumnKind::date:
      if (is_date(text)) return Cell(std::string(text));
      return unsaid(column, "a date such as 2026-11-30");
    case ColumnKind::bytes: return unsaid(column, "a picture or a file, which nothing is compared with");
  }
  return unsaid(column, "of no kind");
}

Result<database::Value> stored(Dialect dialect, const Column& column, const Cell& cell) {
  if (std::holds_alternative<std::monostate>(cell)) return database::Value();
  if (const auto* truth = std::get_if<bool>(&cell)) return database::Value(std::int64_t{*truth ? 1 : 0});
  if (const auto* whole = std::get_if<std::int64_t>(&cell)) return database::Value(*whole);
  if (const auto* number = std::get_if<Decimal>(&cell)) {
    const auto scaled = number->exactly(scale_of(column));
    if (!scaled) return fail(scaled.error().code, scaled.error().detail, column.name);
    if (dialect == Dialect::sqlite) return database::Value(scaled->units());
    return database::Value(scaled->text());
  }
  const std::string& text = std::get<std::string>(cell);
  return database::Value(column.kind == ColumnKind::bytes ? hex_of_bytes(text) : text);
}

Result<Cell> cell_read(Dialect dialect, const Column& column, const std::optional<std::string>& text) {
  if (!text) return Cell();
  const auto strange = [&] {
    return fail(Code::unavailable,
                "The document store: " + column.name + " holds '" + *text + "', which is no value of its kind.");
  };
  switch (column.kind) {
    case ColumnKind::id:
    case ColumnKind::integer:
      if (const auto number = whole_of(*text)) return Cell(*number);
      return strange();
    case ColumnKind::boolean:
      if (*text != "0" && *text != "1") return strange();
      return Cell(*text == "1");
    case ColumnKind::money:
    case ColumnKind::decimal: {
      if (dialect == Dialect::sqlite) {
        const auto units = whole_of(*text);
        if (!units || *units == INT64_MIN) return strange();
        return Cell(Decimal::of(*units, scale_of(column)));
      }
      const auto number = Decimal::parse(*text);
      const auto scaled = number ? number->exactly(scale_of(column)) : number;
      if (!scaled) return strange();
      return Cell(*scaled);
    }
    case ColumnKind::text:
    case ColumnKind::time:
    case ColumnKind::date: return Cell(*text);
    case ColumnKind::bytes:
      if (auto bytes = bytes_of_hex(*text)) return Cell(*std::move(bytes));
      return strange();
  }
  return strange();
}

}  // namespace hf::documents
