#include "show.h"

#include <algorithm>

#include "width.h"
#include "wire/json_text.h"
#include "wire/json_writer.h"
#include "words.h"

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
  if (name.empty() && user.empty()) return tr("somebody");
  if (name.empty() || name == user) return plain(user);
  return user.empty() ? plain(name) : tr("{} ({})", plain(name), plain(user));
}

std::string where(const holdfast::ClientInfo& client) {
  std::vector<std::string> parts;
  for (const std::string& part : {client.program, client.window, client.host}) {
    if (!part.empty()) parts.push_back(part);
  }
  return joined(parts, tr(", "));
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
  if (seconds < 1) return tr("a moment");
  if (seconds < 120) return tr("{} s", seconds);
  if (seconds < 2 * 3600) return tr("{} min", seconds / 60);
  if (seconds < 48 * 3600) return tr("{} h", seconds / 3600);
  return tr("{} days", seconds / 86400);
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
  const std::string target = plain(c.target) + (c.label.empty() ? "" : " [" + plain(c.label) + "]");
  std::string out;
  if (c.waiting) {
    out = tr("{}: {} waits for it before you, for {}", target, who(c.user_name, c.user), since(c.since));
  } else if (c.kind == holdfast::Kind::hold) {
    out = tr("{}: held by the business rule of another bill, for {}", target, since(c.since));
  } else if (c.same_user) {
    out = tr("{}: your own other window has it, for {}", target, since(c.since));
  } else {
    out = tr("{}: {} has it, for {}", target, who(c.user_name, c.user), since(c.since));
  }
  const auto line = [&](const std::string& text) { out += "\n    " + text; };
  if (const std::string from = where(c.client); !from.empty()) line(tr("from {}", from));
  if (!c.waiting && c.last_activity_at.time_since_epoch().count() > 0) {
    const auto now = std::chrono::time_point_cast<holdfast::Millis>(std::chrono::system_clock::now());
    const bool active = now - c.last_activity_at < std::chrono::seconds(1);
    line(active ? tr("active right now") : tr("idle for {}", since(c.last_activity_at)));
  }
  if (!c.reason.empty()) line(tr("reason: {}", plain(c.reason)));
  if (c.queue > 0) line(tr("{} waiting in the queue", c.queue));
  const auto may = [&](std::string_view what) { return std::find(c.may.begin(), c.may.end(), what) != c.may.end(); };
  const auto offer = [&](std::string_view what, const std::string& way, const std::string& arguments) {
    if (may(what)) line(way + plain(typed(arguments)));
  };
  offer("request", tr("ask for it:   "), "request " + c.target + " --message '…'");
  offer("wait", tr("wait for it:  "), "lock --wait 5m " + c.target);
  offer("transfer", tr("release it:   "), "unlock " + c.target);
  offer("notify", tr("watch it:     "), "watch " + c.target);
  offer("force", tr("end it:       "), "force " + c.target + " --reason '…'");
  line(tr("lock {}", plain(c.lock)));
  return out + "\n";
}

std::string conflicts(const holdfast::Error& error) {
  std::string out;
  for (const holdfast::Conflict& one : error.conflicts) out += "  " + conflict(one);
  if (error.conflicts_total > error.conflicts.size())
    out += "  " + tr("and {} more", error.conflicts_total - error.conflicts.size()) + "\n";
  return out;
}

std::string table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  const auto measure = [&](const std::vector<std::string>& cells) {
    widths.resize(std::max(widths.size(), cells.size()));
    for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], columns(cells[i]));
  };
  measure(head);
  for (const auto& row : rows) measure(row);
  std::string out;
  const auto line = [&](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      out += cells[i];
      if (i + 1 < cells.size()) out.append(widths[i] - columns(cells[i]) + 2, ' ');
    }
    out.erase(out.find_last_not_of(' ') + 1);
    out += '\n';
  };
  if (!head.empty()) line(head);
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
    auto value = parse_json(error.json);
    if (value && value->is_object()) return std::move(value->get_object());
  }
  boost::json::object out{{"code", error.code_name}, {"title", error.title}};
  if (!error.detail.empty()) out["detail"] = error.detail;
  if (!error.field.empty()) out["field"] = error.field;
  return out;
}

}  // namespace hf::cli
