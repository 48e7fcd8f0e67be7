#include "base/time_text.h"

#include <algorithm>
#include <chrono>

namespace hf {
namespace {

constexpr std::int64_t kUsPerDay = 86'400'000'000;
constexpr std::int64_t kYear0Us = -62'167'219'200'000'000;     // 0000-01-01T00:00:00Z
constexpr std::int64_t kYear9999Us = 253'402'300'799'999'999;  // 9999-12-31T23:59:59.999999Z
void put_digits(char* at, unsigned value, int digits) noexcept {
  for (int i = digits; i-- > 0; value /= 10) at[i] = static_cast<char>('0' + value % 10);
}

// `count` digits at `at`, which has them; -1 if they are none.
int take_digits(std::string_view text, std::size_t at, std::size_t count) noexcept {
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (i >= text.size() || text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

}  // namespace

void append_time(std::string& out, Wall time) {
  const std::int64_t us = std::clamp(to_us(time), kYear0Us, kYear9999Us);
  std::int64_t days = us / kUsPerDay;
  if (us % kUsPerDay < 0) --days;
  const auto ms = static_cast<unsigned>((us - days * kUsPerDay) / 1000);
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};

  char text[] = "0000-00-00T00:00:00.000Z";
  put_digits(text, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  put_digits(text + 5, static_cast<unsigned>(date.month()), 2);
  put_digits(text + 8, static_cast<unsigned>(date.day()), 2);
  put_digits(text + 11, ms / 3'600'000, 2);
  put_digits(text + 14, ms / 60'000 % 60, 2);
  put_digits(text + 17, ms / 1000 % 60, 2);
  put_digits(text + 20, ms % 1000, 3);
  out.append(text, sizeof text - 1);
}

std::optional<Wall> parse_time(std::string_view text) noexcept {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't') || text[13] != ':' ||
      text[16] != ':') {
    return std::nullopt;
  }
  const int year = take_digits(text, 0, 4);
  const int month = take_digits(text, 5, 2);
  const int day = take_digits(text, 8, 2);
  const int hour = take_digits(text, 11, 2);
  const int minute = take_digits(text, 14, 2);
  const int second = take_digits(text, 17, 2);
  if (year < 0 || month < 0 || day < 0 || hour < 0 || minute < 0 || second < 0) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  // Second 60 is RFC 3339's leap second: the first instant of the next minute.
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;

  std::size_t at = 19;
  std::int64_t fraction = 0;
  if (text[at] == '.') {
    std::int64_t unit = 100'000;
    std::size_t digits = 0;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++digits, unit /= 10) {
      fraction += unit * (text[at] - '0');
    }
    if (digits == 0 || digits > 6) return std::nullopt;
  }
  std::int64_t offset_minutes = 0;
  const std::string_view zone = text.substr(at);
  if (zone != "Z" && zone != "z") {
    const int hours = take_digits(zone, 1, 2);
    const int minutes = take_digits(zone, 4, 2);
    if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':' || hours < 0 || hours > 23 ||
        minutes < 0 || minutes > 59) {
      return std::nullopt;
    }
    offset_minutes = (zone[0] == '-' ? -1 : 1) * (hours * 60 + minutes);
  }
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = days * 86'400 + hour * 3600 + minute * 60 + second - offset_minutes * 60;
  return wall_us(seconds * 1'000'000 + fraction);
}

}  // namespace hf
