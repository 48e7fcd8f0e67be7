#include "property/reference_pages.h"

#include <algorithm>
#include <charconv>

#include "engine/page.h"

namespace hf::test {

namespace {

// How many rows a cursor says were told; nothing if it is none.
std::optional<std::size_t> place_of(std::string_view after) {
  std::size_t place = 0;
  const auto [end, error] = std::from_chars(after.data(), after.data() + after.size(), place);
  if (after.empty()) return 0;
  return error == std::errc() && end == after.data() + after.size() ? std::optional(place) : std::nullopt;
}

}  // namespace

SessionSnapshot page_of(const SessionSnapshot& all, std::size_t begin, std::size_t rows_max, std::size_t bytes_max) {
  SessionSnapshot out = all;
  out.locks.clear();
  out.waits.clear();
  out.asks.clear();
  Page page(bytes_max);
  std::size_t row = 0;
  const auto takes = [&](std::size_t bytes) {
    if (row < begin) return ++row != 0 && false;
    if (out.next.empty() && (row - begin == rows_max || !page.takes(bytes))) out.next = std::to_string(row);
    ++row;
    return out.next.empty();
  };
  for (const Grant& lock : all.locks) {
    if (takes(bytes_of(lock))) out.locks.push_back(lock);
  }
  const auto others =
      std::ranges::find_if(all.asks, [&](const AskInfo& ask) { return ask.wait.session != all.session; });
  std::size_t together = 0;  // the waits and what they ask are one row
  for (const WaitInfo& wait : all.waits) together += bytes_of(wait);
  for (auto own = all.asks.begin(); own != others; ++own) together += bytes_of(*own);
  if (!all.waits.empty() && takes(together)) {
    out.waits = all.waits;
    out.asks.assign(all.asks.begin(), others);
  }
  for (auto ask = others; ask != all.asks.end(); ++ask) {
    if (takes(bytes_of(*ask))) out.asks.push_back(*ask);
  }
  return out;
}

Result<SessionSnapshot> page_of(const SessionSnapshot& all, const GetSession& question) {
  const auto begin = place_of(question.after);
  if (!begin) return fail(Code::invalid, "no cursor");
  const bool whole = question.limit == 0 && question.after.empty();
  const std::size_t rows_max = question.limit == 0 ? SIZE_MAX : question.limit;
  SessionSnapshot page = page_of(all, *begin, rows_max, whole ? state_bytes_max : page_bytes_max);
  if (whole && !page.next.empty()) return fail(Code::too_large, "too much");
  return page;
}

// The cursor is the last session, with its place in time, for it may end meanwhile.
std::optional<SessionList> page_of(std::vector<SessionSnapshot> all, std::string_view after, std::size_t rows_max) {
  const auto place = [](const SessionSnapshot& s) { return std::pair(s.opened_at, s.session); };
  if (!after.empty()) {
    const std::size_t dash = std::min(after.find('-'), after.size());
    const auto session = SessionId::parse(after.substr(std::min(dash + 1, after.size())));
    const auto opened = place_of(after.substr(0, dash));
    if (!session || !opened) return std::nullopt;
    const std::pair last(wall_us(static_cast<std::int64_t>(*opened)), *session);
    std::erase_if(all, [&](const SessionSnapshot& s) { return place(s) <= last; });
  }
  std::ranges::sort(all, {}, place);
  SessionList list;
  const bool more = all.size() > rows_max;
  if (more) all.resize(rows_max);
  list.sessions = std::move(all);
  if (more)
    list.next = std::to_string(to_us(list.sessions.back().opened_at)) + "-" + list.sessions.back().session.text();
  return list;
}

}  // namespace hf::test
