#include "engine/change.h"

#include <algorithm>

#include "engine/change_codec.h"

namespace hf {
namespace {

constexpr std::size_t kHeaderBytes = 4 + 1 + 1 + 16;

std::string_view action_name(Action action, std::optional<EndReason> reason) {
  switch (action) {
    case Action::none: return "";
    case Action::acquire: return "acquire";
    case Action::reenter: return "reenter";
    case Action::upgrade: return "upgrade";
    case Action::release: return "release";
    case Action::release_part: return "release_part";
    case Action::extend: return "extend";
    case Action::transfer: return "transfer";
    case Action::end:
      switch (reason.value_or(EndReason::released)) {
        case EndReason::released: return "release";
        case EndReason::expired: return "expire";
        case EndReason::max_hold: return "max_hold";
        case EndReason::forced: return "force";
        case EndReason::handed_over: return "hand_over";
        case EndReason::transferred: return "transfer";
        case EndReason::session_ended: return "session_end";
        case EndReason::engine_lost: return "engine_lost";
      }
      return "end";
    case Action::queue: return "wait";
    case Action::unqueue: return "wait_end";
    case Action::ask: return "request";
    case Action::refuse: return "refuse";
    case Action::defer: return "defer";
    case Action::unanswered: return "unanswered";
    case Action::agree: return "agree";
    case Action::session_open: return "session_open";
    case Action::session_resume: return "session_resume";
    case Action::session_end: return "session_end";
    case Action::run_begin: return "run_begin";
    case Action::run_step: return "run_step";
    case Action::run_finish: return "run_finish";
    case Action::run_fail: return "run_fail";
    case Action::run_unknown: return "run_unknown";
    case Action::run_settle: return "run_settle";
  }
  return "";
}

std::string held_text(const LockHead& head) {
  return std::string(name_of(head.kind)) + " " + std::string(name_of(head.mode)) + " by " + std::string(head.user) +
         ", token " + std::to_string(head.token);
}

std::vector<std::string> read_texts(ByteReader& r) {
  std::vector<std::string> texts;
  const std::uint64_t n = r.varint();
  for (std::uint64_t i = 0; i < n && r.ok(); ++i) texts.emplace_back(r.text());
  return texts;
}

std::string list_text(const std::vector<std::string>& targets) {
  std::string text;
  for (const std::string& target : targets) text += (text.empty() ? ": " : ", ") + target;
  return text;
}

// The targets that a grant lost, from behind what is left of it (lock_tree_journal.cpp); none in what earlier versions
// wrote.
std::vector<std::string> read_dropped(ByteReader& r, std::size_t left) {
  for (std::size_t i = 0; i < left && r.ok(); ++i) r.varint();
  r.varint();
  for (int times = 0; times < 3; ++times) r.i64();
  for (int texts = 0; texts < 2; ++texts) r.text();
  if (r.u8() != 0) {
    for (int texts = 0; texts < 4; ++texts) r.text();
  }
  return r.at_end() ? std::vector<std::string>() : read_texts(r);
}

}  // namespace

std::optional<ChangeView> take_change(std::string_view& bytes) noexcept {
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  ByteReader r(bytes);
  const std::uint32_t length = r.u32();
  if (length < kHeaderBytes - 4 || length > bytes.size() - 4) return std::nullopt;
  ChangeView view;
  view.header.entity = static_cast<Entity>(r.u8());
  view.header.flags = r.u8();
  view.header.key = r.id();
  if (view.header.entity < Entity::meta || view.header.entity > Entity::last) return std::nullopt;
  view.whole = bytes.substr(0, 4 + std::size_t{length});
  view.body = view.whole.substr(kHeaderBytes);
  bytes.remove_prefix(view.whole.size());
  return view;
}

std::optional<AuditEntry> audit_of(const ChangeView& change) {
  const Entity entity = change.header.entity;
  if (entity == Entity::note) {
    std::string_view inside = change.body;
    const auto noted = take_change(inside);
    return noted && noted->header.entity != Entity::note ? audit_of(*noted) : std::nullopt;
  }
  if (entity != Entity::session && entity != Entity::grant && entity != Entity::wait && entity != Entity::run)
    return std::nullopt;
  ByteReader r(change.body);
  const Stamp stamp = read_stamp(r);
  if (!r.ok() || stamp.action == Action::none || stamp.action > Action::last) return std::nullopt;
  AuditEntry entry;
  entry.at = stamp.at;
  entry.user = stamp.actor;
  const bool erased = (change.header.flags & change_erase) != 0;
  std::optional<EndReason> reason;
  if (entity == Entity::run) {
    if (erased) return std::nullopt;
    const RunHead head = read_run_head(r);
    entry.lock.value = change.header.key;
    entry.session = head.session;
    entry.holder = head.user;
    entry.targets.assign(head.bills.begin(), head.bills.end());
    entry.reason = head.error;
    entry.after = std::string(head.action) + ", " + std::string(name_of(head.state));
    if (!head.step.empty()) entry.after.append(": ").append(head.step);
  } else if (entity == Entity::session) {
    entry.session.value = change.header.key;
    entry.holder = r.text();
    if (erased) {
      entry.before = "open";
      entry.reason = r.text();
    } else {
      entry.after = "open";
    }
  } else {
    LockHead head;
    if (!read_lock_head(r, head)) return std::nullopt;
    entry.lock.value = change.header.key;
    entry.session = head.session;
    entry.holder = head.user;
    entry.targets.assign(head.targets.begin(), head.targets.end());
    entry.reason = head.reason;
    const std::string what = entity == Entity::grant ? held_text(head) : "waiting: " + entry.holder;
    if (erased) {
      const std::uint8_t why = r.u8();
      if (why > static_cast<std::uint8_t>(EndReason::engine_lost)) return std::nullopt;
      reason = static_cast<EndReason>(why);
      entry.before = what;
      entry.after = entity == Entity::grant ? std::string(name_of(*reason)) : "";
    } else {
      entry.after = what;
    }
    if (stamp.action == Action::release_part && entity == Entity::grant && !erased) {
      if (std::vector<std::string> dropped = read_dropped(r, entry.targets.size()); !dropped.empty()) {
        entry.after = what + list_text(entry.targets);
        std::vector<std::string> all = dropped;
        all.insert(all.end(), entry.targets.begin(), entry.targets.end());
        std::ranges::sort(all);
        entry.before = what + list_text(all);
        entry.targets = std::move(dropped);
      }
    }
  }
  if (!r.ok()) return std::nullopt;
  entry.action = action_name(stamp.action, reason);
  return entry;
}

}  // namespace hf
