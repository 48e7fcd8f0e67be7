#include "documents/write/numbers.h"

#include <algorithm>
#include <chrono>

#include "base/assert.h"
#include "documents/sql_text.h"

namespace hf::documents {
namespace {

constexpr std::int64_t ms_2020 = 1'577'836'800'000;
constexpr int count_bits = 12, node_bits = 10;

std::string digits(unsigned number, std::size_t width) {
  std::string text = std::to_string(number);
  if (text.size() < width) text.insert(0, width - text.size(), '0');
  return text.substr(text.size() - width);
}

}  // namespace

Snowflakes::Snowflakes(std::uint32_t node) noexcept : node_(node) { HF_ASSERT(node < snowflake_nodes); }

std::int64_t Snowflakes::next(Wall now) noexcept {
  const std::int64_t ms = std::max<std::int64_t>(to_us(now) / 1000 - ms_2020, 0);
  const std::uint64_t floor = static_cast<std::uint64_t>(ms) << count_bits;
  std::uint64_t last = last_.load(std::memory_order_relaxed);
  std::uint64_t made = 0;
  do {
    made = std::max(last + 1, floor);
  } while (!last_.compare_exchange_weak(last, made, std::memory_order_relaxed));
  constexpr std::uint64_t count_mask = (std::uint64_t{1} << count_bits) - 1;
  return static_cast<std::int64_t>(((made >> count_bits) << (count_bits + node_bits)) | (node_ << count_bits) |
                                   (made & count_mask));
}

std::string number_day(const catalog::Numbering& numbering, Wall now, Micros zone) {
  const std::chrono::sys_time<Micros> there(now.time_since_epoch() + zone);
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(there));
  const auto year = static_cast<unsigned>(static_cast<int>(day.year()));
  const std::array<std::pair<std::string_view, std::string>, 4> parts = {{
      {"yyyy", digits(year, 4)},
      {"yy", digits(year, 2)},
      {"MM", digits(static_cast<unsigned>(day.month()), 2)},
      {"dd", digits(static_cast<unsigned>(day.day()), 2)},
  }};
  std::string made;
  for (std::string_view rest = numbering.date; !rest.empty();) {
    const auto at =
        std::find_if(parts.begin(), parts.end(), [rest](const auto& part) { return rest.starts_with(part.first); });
    made += at != parts.end() ? at->second : std::string(1, rest.front());
    rest.remove_prefix(at != parts.end() ? at->first.size() : 1);
  }
  return made;
}

std::string number_text(const catalog::Numbering& numbering, const std::string& prefix, const std::string& day,
                        std::int64_t count) {
  std::string text = std::to_string(count);
  const auto width = static_cast<std::size_t>(numbering.digits);
  if (text.size() < width) text.insert(0, width - text.size(), '0');
  return prefix + day + text;
}

database::Statement plan_number(Dialect dialect, const std::string& prefix, const std::string& day) {
  SqlText sql{dialect, {}};
  sql.add("INSERT INTO hf_number (prefix, day, last) VALUES (" + sql.bind(prefix) + ", " + sql.bind(day) + ", 1)");
  sql.add(" ON CONFLICT (prefix, day) DO UPDATE SET last = hf_number.last + 1 RETURNING last");
  sql.made.columns = 1;
  return std::move(sql.made);
}

}  // namespace hf::documents
