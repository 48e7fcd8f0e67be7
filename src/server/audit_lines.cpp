#include "server/audit_lines.h"

#include <algorithm>
#include <charconv>

#include "engine/page.h"
#include "wire/json_writer.h"
#include "wire/said_writer.h"

namespace hf {
namespace {

constexpr int pages_per_answer_max = 8;

Result<AuditWanted> read_filters(const AuditQuestion& question, std::uint32_t lines_max) {
  AuditWanted wanted;
  for (const auto& [name, value] : question.filters) {
    if (name == "action") {
      wanted.filter.action = value;
    } else if (name == "user") {
      wanted.filter.user = value;
    } else if (name == "target") {
      wanted.filter.target = value;
    } else if (name == "holder") {
      wanted.holder = value;
    } else if (name == "session") {
      wanted.session = value;
    } else if (name == "lock") {
      wanted.filter.lock = LockId::parse(value);
      if (!wanted.filter.lock) return fail(Code::invalid, "That is no lock's id.", name);
    } else if (name == "since" || name == "until") {
      auto& to = name == "since" ? wanted.filter.from : wanted.filter.to;
      to = parse_time(value);
      if (!to) return fail(Code::invalid, "A time is written 2026-01-02T03:04:05Z.", name);
    } else if (name == "limit") {
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), wanted.limit);
      if (error != std::errc() || end != value.data() + value.size() || wanted.limit == 0)
        return fail(Code::invalid, "A limit is a number from 1.", name);
    }
  }
  wanted.limit = std::min(wanted.limit, lines_max);
  return wanted;
}

// GENERATION.SEQ.INDEX where a log has generations, else SEQ.INDEX.
std::string text_of(const AuditCursor& cursor) {
  std::string text = cursor.generation == 0 ? "" : std::to_string(cursor.generation) + ".";
  return text + std::to_string(cursor.seq) + "." + std::to_string(cursor.index);
}

Result<AuditCursor> read_cursor(std::string_view text) {
  AuditCursor cursor;
  if (text.empty()) return cursor;
  const auto refused = [] { return fail(Code::invalid, "That is no cursor of an earlier page.", "next"); };
  const bool has_generation = std::ranges::count(text, '.') == 2;
  const auto take = [&text](auto& number, bool last) {
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || (last ? at != end : at == end || *at != '.')) return false;
    text.remove_prefix(static_cast<std::size_t>(at - text.data()) + (last ? 0 : 1));
    return true;
  };
  if (has_generation && (!take(cursor.generation, false) || cursor.generation == 0)) return refused();
  if (!take(cursor.seq, false) || !take(cursor.index, true)) return refused();
  return cursor;
}

}  // namespace

Result<AuditWanted> read_audit_question(const AuditQuestion& question, std::uint32_t lines_max) {
  auto wanted = read_filters(question, lines_max);
  if (!wanted) return wanted;
  const auto cursor = read_cursor(question.next);
  if (!cursor) return tl::unexpected(cursor.error());
  wanted->from = *cursor;
  return wanted;
}

Result<AuditAnswer> audit_lines(const AuditSource& source, const AuditWanted& wanted,
                                const std::atomic<bool>& cancelled) {
  AuditAnswer answer;
  AuditCursor cursor = wanted.from;
  std::size_t bytes = 0;
  for (int page = 0; page < pages_per_answer_max && !cancelled; ++page) {
    auto got = source(wanted.filter, cursor, wanted.limit - answer.lines.size(), page_bytes_max - bytes);
    if (!got) return tl::unexpected(std::move(got.error()));
    for (const AuditEntry& entry : got->entries) {
      if (!wanted.holder.empty() && entry.holder != wanted.holder) continue;
      if (!wanted.session.empty() && entry.session.text() != wanted.session) continue;
      append_said(answer.lines.emplace_back(), entry);
      bytes += answer.lines.back().size();
    }
    if (got->end) return answer;
    cursor = got->next;
    if (answer.lines.size() >= wanted.limit || bytes >= page_bytes_max) break;
  }
  answer.next = text_of(cursor);
  return answer;
}

}  // namespace hf
