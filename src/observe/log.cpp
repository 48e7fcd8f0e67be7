#include "observe/log.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <ctime>
#include <mutex>

namespace hf {
namespace {

constexpr std::array<std::string_view, 5> level_names = {"debug", "info", "warning", "error", "off"};

std::atomic<LogLevel> level_from = LogLevel::info;

// Lines of several threads do not mix, whatever a pipe takes at a time. What cannot be written has nobody to be told.
void write_whole(std::string_view text) {
  static std::mutex one_at_a_time;
  const std::lock_guard guard(one_at_a_time);
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      pollfd room{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
      ::poll(&room, 1, -1);
    } else if (errno != EINTR) {
      return;
    }
  }
}

void append_text(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      constexpr std::string_view hex = "0123456789abcdef";
      out += "\\u00";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_value(std::string& out, const LogField& field) {
  if (const auto* text = std::get_if<std::string_view>(&field.value)) {
    append_text(out, *text);
  } else if (const auto* flag = std::get_if<bool>(&field.value)) {
    out += *flag ? "true" : "false";
  } else if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
    out += std::to_string(*number);
  } else if (const auto* count = std::get_if<std::uint64_t>(&field.value)) {
    out += std::to_string(*count);
  } else if (const auto* real = std::get_if<double>(&field.value)) {
    std::array<char, 400> digits{};  // the largest double has 309 before the point
    const auto end = std::to_chars(digits.begin(), digits.end(), *real, std::chars_format::fixed, 3).ptr;
    out.append(digits.begin(), end);
  }
}

std::string now_text() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.", &utc);
  const std::string rest = std::to_string(1000 + millis).substr(1);  // three digits
  return std::string(text.data(), size) + rest + "Z";
}

}  // namespace

void set_log_level(LogLevel level) noexcept { level_from.store(level, std::memory_order_relaxed); }

bool log_level_from_name(std::string_view name, LogLevel& level) noexcept {
  for (std::size_t i = 0; i < level_names.size(); ++i) {
    if (level_names[i] == name) {
      level = static_cast<LogLevel>(i);
      return true;
    }
  }
  return false;
}

std::string log_line(std::string_view at, LogLevel level, std::string_view event,
                     std::initializer_list<LogField> fields) {
  std::string line = "{\"at\":";
  append_text(line, at);
  line += ",\"level\":";
  append_text(line, level_names[static_cast<std::size_t>(level)]);
  line += ",\"event\":";
  append_text(line, event);
  for (const LogField& field : fields) {
    line += ',';
    append_text(line, field.name);
    line += ':';
    append_value(line, field);
  }
  line += '}';
  return line;
}

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (level == LogLevel::off || level < level_from.load(std::memory_order_relaxed)) return;
  write_whole(log_line(now_text(), level, event, fields) + '\n');
}

}  // namespace hf
