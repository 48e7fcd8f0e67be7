#include "show.h"

#include <algorithm>

#include "wire/json_writer.h"

namespace hf::cli {
namespace {

std::string joined(const std::vector<std::string>& texts, std::string_view between) {
  std::string out;
  for (const std::string& text : texts) {
    if (!out.empty()) out += between;
    out += plain(text);
  }
  return out;
}

std::string who(const std::string& name, const std::string& user) {
  if (name.empty() && user.empty()) return "somebody";
  if (name.empty() || name == user) return plain(user);
  return user.empty() ? plain(name) : plain(name) + " (" + plain(user) + ")";
}

std::string where(const holdfast::ClientInfo& client) {
  std::vector<std::string> parts;
  for (const std::string& part : {client.program, client.window, client.host}) {
    if (!part.empty()) parts.push_back(part);
  }
  return joined(parts, ", ");
}

// How many columns a text takes: a Chinese character takes two.
std::size_t columns(std::string_view text) {
  std::size_t width = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) == 0x80) continue;
    width += byte >= 0xE3 && byte <= 0xEF ? 2 : 1;
  }
  return width;
}

// The size of the character that `text` begins with if it turns the direction of writing or ends a line (U+061C,
// U+200E and F, U+2028 to E, U+2066 to 9); else 0.
std::size_t turning_bytes(std::string_view text) {
  if (text.starts_with("\xD8\x9C")) return 2;
  if (text.size() < 3 || text[0] != '\xE2') return 0;
  const auto last = static_cast<unsigned char>(text[2]);
  const bool in_80 = text[1] == '\x80' && (last == 0x8E || last == 0x8F || (last >= 0xA8 && last <= 0xAE));
  const bool in_81 = text[1] == '\x81' && last >= 0xA6 && last <= 0xA9;
  return in_80 || in_81 ? 3 : 0;
}

std::string time_text(holdfast::WallTime time) {
  std::string out;
  append_time(out, Wall(std::chrono::duration_cast<Micros>(time.time_since_epoch())));
  return out;
}

boost::json::array texts(const std::vector<std::string>& list) {
  boost::json::array out;
  for (const std::string& text : list) out.emplace_back(text);
  return out;
}

}  // namespace

std::string plain(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (const std::size_t size = turning_bytes(text.substr(i)); size > 0) {
      i += size - 1;
      continue;
    }
    // C1 control characters are C2 80 … C2 9F in UTF-8.
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
      ++i;
      continue;
    }
    if (byte == '\n' || byte == '\t') out.push_back(' ');
    if (byte >= 0x20 && byte != 0x7F) out.push_back(text[i]);
  }
  return out;
}

std::string duration(holdfast::Millis time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time).count();
  if (seconds < 1) return "a moment";
  if (seconds < 120) return std::to_string(seconds) + " s";
  if (seconds < 2 * 3600) return std::to_string(seconds / 60) + " min";
  if (seconds < 48 * 3600) return std::to_string(seconds / 3600) + " h";
  return std::to_string(seconds / 86400) + " days";
}

std::string since(holdfast::WallTime time) {
  const auto now = std::chrono::time_point_cast<holdfast::Millis>(std::chrono::system_clock::now());
  return duration(std::max(holdfast::Millis(0), now - time));
}

std::string since(std::string_view time) {
  const auto parsed = parse_time(time);
  if (!parsed) return plain(time);
  return since(holdfast::WallTime(std::chrono::duration_cast<holdfast::Millis>(parsed->time_since_epoch())));
}

std::string conflict(const holdfast::Conflict& c) {
  std::string out = plain(c.target);
  if (!c.label.empty()) out += " [" + plain(c.label) + "]";
  if (c.waiting) {
    out += ": " + who(c.user_name, c.user) + " waits for it before you, for " + since(c.since);
  } else if (c.kind == holdfast::Kind::hold) {
    out += ": held by the business rule of another bill, for " + since(c.since);
  } else {
    out += ": " + who(c.user_name, c.user) + (c.same_user ? ", your own other window," : "") + " has it, for " +
           since(c.since);
  }
  if (const std::string from = where(c.client); !from.empty()) out += "\n    from " + from;
  if (!c.waiting && c.last_activity_at.time_since_epoch().count() > 0) {
    const std::string idle = since(c.last_activity_at);
    out += idle == "a moment" ? "\n    active right now" : "\n    idle for " + idle;
  }
  if (!c.reason.empty()) out += "\n    reason: " + plain(c.reason);
  if (c.queue > 0) out += "\n    " + std::to_string(c.queue) + " waiting in the queue";
  const auto may = [&](std::string_view what) { return std::find(c.may.begin(), c.may.end(), what) != c.may.end(); };
  std::vector<std::string> ways;
  if (may("wait")) ways.push_back("holdfast lock --wait 5m " + c.target);
  if (may("request")) ways.push_back("holdfast request " + c.target + " --message '…'");
  if (may("transfer")) ways.push_back("holdfast unlock " + c.target);
  if (may("notify")) ways.push_back("holdfast watch " + c.target);
  if (may("force")) ways.push_back("holdfast force " + c.target + " --reason '…'");
  for (const std::string& way : ways) out += "\n    you may: " + plain(way);
  return out + "\n    lock " + plain(c.lock) + "\n";
}

std::string conflicts(const holdfast::Error& error) {
  std::string out;
  for (const holdfast::Conflict& one : error.conflicts) out += "  " + conflict(one);
  if (error.conflicts_total > error.conflicts.size()) {
    out += "  and " + std::to_string(error.conflicts_total - error.conflicts.size()) + " more\n";
  }
  return out;
}

std::string cut(const std::string& text, std::size_t width) {
  std::size_t used = 0;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i + 1;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    used += columns(std::string_view(text).substr(i, end - i));
    if (used > width) return text.substr(0, i);
    i = end;
  }
  return text;
}

std::string table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const std::string& name : head) widths.push_back(columns(name));
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) widths[i] = std::max(widths[i], columns(row[i]));
  }
  std::string out;
  const auto line = [&](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      out += cells[i];
      if (i + 1 < cells.size()) out.append(widths[i] - columns(cells[i]) + 2, ' ');
    }
    out += '\n';
  };
  line(head);
  for (const auto& row : rows) line(row);
  return out;
}

boost::json::object to_json(const holdfast::LockInfo& lock) {
  boost::json::object out{{"lock", lock.lock},
                          {"token", lock.token},
                          {"targets", texts(lock.targets)},
                          {"mode", std::string(name_of(lock.mode))},
                          {"kind", std::string(name_of(lock.kind))},
                          {"user", lock.user},
                          {"user_name", lock.user_name},
                          {"acquired_at", time_text(lock.acquired_at)},
                          {"expires_at", time_text(lock.expires_at)},
                          {"holds", lock.holds}};
  if (!lock.label.empty()) out["label"] = lock.label;
  if (!lock.reason.empty()) out["reason"] = lock.reason;
  return out;
}

boost::json::object to_json(const holdfast::Lost& lost) {
  boost::json::object out{{"lock", lost.lock},
                          {"reason", std::string(name_of(lost.reason))},
                          {"targets", texts(lost.targets)},
                          {"whole", lost.whole}};
  if (!lost.by.empty()) out["by"] = lost.by;
  if (!lost.by_name.empty()) out["by_name"] = lost.by_name;
  if (!lost.note.empty()) out["note"] = lost.note;
  return out;
}

boost::json::object to_json(const holdfast::Request& request) {
  return {{"request", request.request}, {"lock", request.lock},           {"targets", texts(request.targets)},
          {"user", request.user},       {"user_name", request.user_name}, {"message", request.message},
          {"state", request.state}};
}

boost::json::object to_json(const holdfast::Error& error) {
  if (!error.json.empty()) {
    boost::system::error_code failed;
    const auto value = boost::json::parse(error.json, failed);
    if (!failed && value.is_object()) return value.get_object();
  }
  boost::json::object out{{"code", error.code_name}, {"title", error.title}};
  if (!error.detail.empty()) out["detail"] = error.detail;
  if (!error.field.empty()) out["field"] = error.field;
  return out;
}

}  // namespace hf::cli
