// What a session is and has, whole or page by page, and the list of sessions.
#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "engine/lock_tree_state.h"
#include "engine/page.h"

namespace hf {
namespace {

Refusal no_cursor() {
  return Refusal{.code = Code::invalid, .detail = "This is no cursor of ours: begin without one.", .field = "next"};
}

std::optional<std::int64_t> whole_number(std::string_view text) noexcept {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Where a page of sessions ends. When and as what a session was opened never changes, so a walk finds each session that
// lives throughout.
struct SessionPlace {
  Wall opened_at{};
  SessionId session;
  auto operator<=>(const SessionPlace&) const = default;

  std::string text() const { return std::to_string(to_us(opened_at)) + "-" + session.text(); }
  static std::optional<SessionPlace> parse(std::string_view text) {
    const std::size_t dash = text.find('-', 1);
    if (dash == std::string_view::npos) return std::nullopt;
    const auto opened = whole_number(text.substr(0, dash));
    const auto session = SessionId::parse(text.substr(dash + 1));
    if (!opened || !session) return std::nullopt;
    return SessionPlace{wall_us(*opened), *session};
  }
};

// Where a page of a session's state ends. The state is its locks by token, then its waits, which stay together, then
// what its user is asked by others, in the order of the queue. A lock that gets another token moves behind all others:
// a walk may show it twice, but misses none.
struct StatePlace {
  enum class Part : std::uint8_t { locks, waits, asked };
  Part part = Part::locks;
  std::int64_t number = INT64_MIN;
  auto operator<=>(const StatePlace&) const = default;

  std::string text() const { return "lwa"[static_cast<std::size_t>(part)] + std::to_string(number); }
  static std::optional<StatePlace> parse(std::string_view text) {
    const std::size_t part = std::string_view("lwa").find(text.substr(0, 1));
    const auto number = text.empty() ? std::nullopt : whole_number(text.substr(1));
    if (part == std::string_view::npos || !number) return std::nullopt;
    return StatePlace{static_cast<Part>(part), *number};
  }
};

}  // namespace

SessionSnapshot LockTree::State::session_head(SessionIx index) const {
  const SessionRec& session = sessions[index];
  SessionSnapshot s;
  s.session = session.id;
  s.user = session.who->user;
  s.user_name = session.who->user_name;
  s.client = session.who->client;
  s.lease = session.lease;
  s.opened_at = session.opened_at;
  s.expires_at = clock.wall_of(session.lease_end);
  s.last_activity_at = clock.wall_of(session.last_activity);
  s.seq = session.seq;
  return s;
}

// A page of the session's state: what lies behind a place, as far as it fits.
class LockTree::State::StatePage {
 public:
  StatePage(const State& tree, SessionIx session, StatePlace after, std::size_t rows_max, std::size_t bytes_max)
      : tree_(tree), session_(session), last_(after), rows_max_(rows_max), bytes_(bytes_max) {}

  SessionSnapshot take() && {
    out_ = tree_.session_head(session_);
    if (locks() && waits() && asked()) return std::move(out_);
    out_.next = last_.text();
    return std::move(out_);
  }

 private:
  bool takes(StatePlace row, std::size_t bytes) {
    if (rows_ == rows_max_ || !bytes_.takes(bytes)) return false;
    ++rows_;
    last_ = row;
    return true;
  }

  bool locks() {
    std::vector<std::pair<StatePlace, GrantIx>> rows;
    for (GrantIx g = tree_.sessions[session_].first_grant; g != no_index; g = tree_.grants[g].next) {
      const StatePlace place{StatePlace::Part::locks, static_cast<std::int64_t>(tree_.grants[g].token)};
      if (place > last_) rows.emplace_back(place, g);
    }
    std::ranges::sort(rows);
    for (const auto& [place, g] : rows) {
      Grant value = tree_.grant_value(g);
      if (!takes(place, bytes_of(value))) return false;
      out_.locks.push_back(std::move(value));
    }
    return true;
  }

  bool waits() {
    const StatePlace place{StatePlace::Part::waits, 0};
    const auto& of_session = tree_.sessions[session_].waits;
    if (place <= last_ || of_session.empty()) return true;
    std::vector<WaitIx> own(of_session.begin(), of_session.end());
    std::ranges::sort(own, {}, [&](WaitIx w) { return tree_.waits[w].order; });
    std::vector<WaitInfo> values;
    std::vector<AskInfo> asks;
    std::size_t bytes = 0;
    for (const WaitIx w : own) {
      values.push_back(tree_.wait_value(w));
      bytes += bytes_of(values.back());
      if (!tree_.waits[w].ask) continue;
      asks.push_back(tree_.ask_value(w));
      bytes += bytes_of(asks.back());
    }
    if (!takes(place, bytes)) return false;
    out_.waits = std::move(values);
    out_.asks = std::move(asks);
    return true;
  }

  bool asked() {
    const auto user = tree_.users.find(tree_.sessions[session_].who->user);
    if (user == tree_.users.end()) return true;
    std::vector<std::pair<StatePlace, WaitIx>> rows;
    for (const WaitIx w : user->second.asked) {
      const WaitRec& wait = tree_.waits[w];
      const bool open = wait.ask->state == AskState::asked || wait.ask->state == AskState::deferred;
      const StatePlace place{StatePlace::Part::asked, wait.order};
      if (open && wait.session != session_ && place > last_) rows.emplace_back(place, w);
    }
    std::ranges::sort(rows);
    for (const auto& [place, w] : rows) {
      AskInfo value = tree_.ask_value(w);
      if (!takes(place, bytes_of(value))) return false;
      out_.asks.push_back(std::move(value));
    }
    return true;
  }

  const State& tree_;
  const SessionIx session_;
  StatePlace last_;
  const std::size_t rows_max_;
  std::size_t rows_ = 0;
  Page bytes_;
  SessionSnapshot out_;
};

SessionSnapshot LockTree::State::session_whole(SessionIx session, std::size_t bytes_max) const {
  return StatePage(*this, session, {}, SIZE_MAX, bytes_max).take();
}

OutcomeOf<GetSession> LockTree::State::run(const GetSession& c) {
  Refusal refusal;
  const SessionIx session = find_session(c.session, c.caller, refusal, true);
  if (session == no_index) return refusal;
  const auto after = c.after.empty() ? StatePlace{} : StatePlace::parse(c.after);
  if (!after) return no_cursor();
  if (c.limit == 0 && c.after.empty()) {
    SessionSnapshot whole = session_whole(session, state_bytes_max);
    if (whole.next.empty()) return whole;
    return Refusal{.code = Code::too_large,
                   .detail = "The session has more than one answer may hold: ask for it in pages, with `limit`.",
                   .field = "limit"};
  }
  const std::uint32_t limit = c.limit == 0 ? limits().list_page_max : std::min(c.limit, limits().list_page_max);
  return StatePage(*this, session, *after, limit, page_bytes_max).take();
}

OutcomeOf<ListSessions> LockTree::State::run(const ListSessions& c) {
  const auto after = c.after.empty() ? SessionPlace{} : SessionPlace::parse(c.after);
  if (!after) return no_cursor();
  std::vector<std::pair<SessionPlace, SessionIx>> found;
  for (SessionIx i = 0; i < sessions.end(); ++i) {
    const SessionRec& session = sessions[i];
    if (!session.live || !(c.caller.admin || session.who->user == c.caller.user)) continue;
    const SessionPlace place{session.opened_at, session.id};
    if (place > *after) found.emplace_back(place, i);
  }
  const std::size_t limit = std::clamp<std::size_t>(c.limit, 1, limits().list_page_max);
  const auto end = found.begin() + static_cast<std::ptrdiff_t>(std::min(limit, found.size()));
  std::ranges::partial_sort(found, end);
  SessionList list;
  Page page;
  for (auto it = found.begin(); it != end; ++it) {
    SessionSnapshot head = session_head(it->second);
    if (!page.takes(head_bytes_of(head))) break;
    list.sessions.push_back(std::move(head));
  }
  if (list.sessions.size() < found.size()) list.next = found[list.sessions.size() - 1].first.text();
  return list;
}

}  // namespace hf
