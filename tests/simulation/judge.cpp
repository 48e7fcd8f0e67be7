#include "simulation/judge.h"

#include <algorithm>
#include <boost/json.hpp>

namespace hf::sim {
namespace {

std::string text_of(const boost::json::object& o, const char* name) {
  const auto* value = o.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

}  // namespace

template <class F>
bool Judge::any_claims(F&& f) const {
  return std::ranges::any_of(claims_, f);
}

void Judge::connected(const Claims& claims) {
  claims_ = {claims};
  unanswered_ = 0;
}

void Judge::subscribing(const Selection& selection) {
  selection_ = selection;
  ++unanswered_;
}

// Every bill that the text names, whatever the message is.
void Judge::names_nothing_hidden(std::string_view message, const boost::json::object& said) {
  for (std::size_t at = message.find('Q'); at != std::string_view::npos; at = message.find('Q', at + 1)) {
    if (at + 7 > message.size() || message[at + 6] != 'Q') continue;
    const std::string_view id = message.substr(at, 7);
    if (!std::ranges::all_of(id.substr(1, 5), [](char c) { return c >= '0' && c <= '9'; })) continue;
    const std::string key = Erp::key_of(id);
    at += 6;
    if (any_claims([&](const Claims& who) { return erp_.ever_saw(who, key); })) continue;
    const std::string event = text_of(said, "event");
    // One's own locks, of bills that one saw once.
    if (event.starts_with("lock.") || event == "welcome" || text_of(said, "id") == "lock") continue;
    const auto is_mine = [&](const Claims& who) {
      const auto* const past = erp_.past(key);
      return past != nullptr &&
             std::ranges::any_of(*past, [&](const StatusEvent& e) { return e.creator.user == who.user; });
    };
    if (event == "notice" && any_claims(is_mine)) continue;  // a rejection is told to its creator
    // A step is told to its actor, and to who edits the bill, whatever he sees by now.
    if (event == "run.step" && any_claims([&](const Claims& who) {
          return text_of(said.at("actor").as_object(), "user") == who.user || erp_.was_edited_by(key, who.user);
        })) {
      continue;
    }
    return fault("a leak", message);
  }
}

void Judge::rows_are_true(std::string_view message, const boost::json::object& said, const TodoScreen& screen) {
  const bool live = text_of(said, "event") == "todo.live";
  const auto row_of = [](const boost::json::object& row) {
    return text_of(row, "type") + ":" + text_of(row, "id") + "/" + text_of(row, "group");
  };
  if (text_of(said, "editing") == "all") edited_.clear();
  if (const auto* list = said.if_contains("upsert")) {
    for (const auto& each : list->as_array()) {
      ++upserts;
      const auto& row = each.as_object();
      const std::string key = text_of(row, "type") + ":" + text_of(row, "id"), name = row_of(row);
      const auto version = row.at("version").to_number<Version>();
      const auto states = erp_.states(key, version);
      if (states.empty()) return fault("a state that was never committed", message);
      const bool in_group = std::ranges::any_of(states, [&](const StatusEvent* state) {
        return test::StatusModel::groups(*state).contains(text_of(row, "group"));
      });
      if (!in_group) return fault("a row of a group that the state is not in", message);
      const bool seen = std::ranges::any_of(states, [&](const StatusEvent* state) {
        return any_claims([&](const Claims& who) { return erp_.sees(who, *state); });
      });
      if (!seen) return fault("a leak of a row", message);
      const Newest told{born_of(row), version};
      if (told < highest_[key]) return fault("a version goes back on the screen", message);
      highest_[key] = told;
      const auto has = screen.rows().find(name);
      const std::string editing = row.contains("editing") ? boost::json::serialize(row.at("editing")) : "";
      const bool edited = std::exchange(edited_[name], editing) != editing;
      const bool born_again = std::exchange(born_[name], told.first) != told.first;
      if (unanswered_ != 0) continue;
      const bool known = live && !edited && !born_again && !erp_.was_edited(key) && has != screen.rows().end() &&
                         version <= has->second;
      if (known && screen.live()) return fault("told twice", message);
      if (known && mode == "diff" && !paged_) return fault("a diff tells what the cursor had", message);
      if (!selection_.has_rows(group_of(name))) return fault("a row that was not subscribed", message);
    }
  }
  if (const auto* list = said.if_contains("remove")) {
    for (const auto& each : list->as_array()) {
      ++removals;
      const auto& row = each.as_object();
      const std::string key = text_of(row, "type") + ":" + text_of(row, "id");
      const auto version = row.at("version").to_number<Version>();
      if (erp_.states(key, version).empty()) return fault("a removal by what was never committed", message);
      // The bill may have moved on in other groups since it left this one.
      highest_[key] = std::max(highest_[key], Newest{born_of(row), version});
      const Version until = born_of(row) != 0 ? UINT64_MAX : version;  // of its former lives he may have seen any
      if (!any_claims([&](const Claims& who) { return erp_.ever_saw(who, key, until); })) {
        return fault("a removal of what he never saw", message);
      }
      const auto states = erp_.states(key, version);
      const bool seen = std::ranges::any_of(states, [&](const StatusEvent* state) {
        // A deletion that leaves out whose the bill was is told to who saw it before.
        return any_claims([&](const Claims& who) {
          return erp_.sees(who, *state) || (state->deleted && erp_.ever_saw(who, key, version - 1));
        });
      });
      if (!seen) return fault("a removal that tells of a state that he may not see", message);
    }
  }
}

void Judge::hear(std::string_view message, TodoScreen& screen) {
  const boost::json::value value = boost::json::parse(message);
  const auto& said = value.as_object();
  names_nothing_hidden(message, said);
  if (text_of(said, "id").starts_with("auth") && said.contains("ok")) claims_.erase(claims_.begin());
  if (text_of(said, "id") == "todo" && unanswered_ > 0) --unanswered_;
  if (const auto* ok = said.if_contains("ok"); text_of(said, "id") == "todo" && ok != nullptr) {
    mode = text_of(ok->as_object(), "mode");
    reason = text_of(ok->as_object(), "reason");
  }
  const std::string event = text_of(said, "event");
  const bool frame = event == "todo.page" || event == "todo.live";
  if (frame) {
    ++frames;
    if (said.contains("reason") && unanswered_ == 0) {
      ++snapshots;
      reason = text_of(said, "reason");
      paged_ = true;
    }
    rows_are_true(message, said, screen);
  }
  notices += event == "notice" ? 1 : 0;
  runs += event == "run.step" ? 1 : 0;
  screen.hear(message);
  if (unanswered_ != 0) return;
  if (event == "todo.live") {
    paged_ = false;
    Counts counted;
    for (const auto& [row, version] : screen.rows()) ++counted[group_of(row)];
    for (const auto& [group, count] : screen.counts()) {
      if (selection_.has_rows(group) && counted[group] != count) fault("a count is not its rows", message);
    }
    for (const auto& [group, count] : counted) {
      if (!screen.counts().contains(group)) fault("rows without a count", message);
    }
  }
  if (event == "todo.digest") {
    ++digests;
    if (digest_in(said) != digest_of(screen.rows())) return fault("a digest is not that of the rows", message);
    if (const auto* edited = said.if_contains("edited")) {
      ++digests_of_edited;
      if (digest_in(edited->as_object()) != digest_of(screen.editing()))
        return fault("a digest of who edits is not that of the rows", message);
    }
    if (screen.doubts()) fault("a client doubts a digest that is right", message);
  }
}

}  // namespace hf::sim
