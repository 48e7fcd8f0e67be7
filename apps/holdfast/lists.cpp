#include <algorithm>
#include <limits>

#include "asking.h"
#include "catalog_names.h"
#include "console.h"
#include "show.h"
#include "words.h"

namespace hf::cli {

namespace json = boost::json;

namespace {

constexpr std::size_t notices_at_a_time = 500;

struct Notices {
  std::vector<json::object> notices;
  bool more = false;  // than --limit
};

// The oldest first; page by page, for a page has at most 500.
holdfast::Result<Notices> unread_notices(const Arguments& a) {
  Notices all;
  const std::size_t limit = a.notices_limit == 0 ? std::numeric_limits<std::size_t>::max() : a.notices_limit;
  for (std::string next;;) {
    // One more than asked for tells whether there are more.
    const std::size_t left = limit - all.notices.size();
    json::object fields{{"limit", left < notices_at_a_time ? left + 1 : notices_at_a_time}};
    if (!next.empty()) fields["next"] = next;
    auto answer = ask(a, "GET", "/v1/notices" + query_of(fields));
    if (!answer) return tl::unexpected(answer.error());
    auto page = list_in(*answer, "notices");
    if (page.empty()) return all;
    for (json::object& one : page) {
      all.more = all.notices.size() == limit;
      if (all.more) return all;
      all.notices.push_back(std::move(one));
    }
    next = text_in(answer->get_object(), "next");
  }
}

std::string notice_table(const std::vector<json::object>& notices, const CatalogNames& names) {
  std::vector<std::vector<std::string>> rows;
  for (const json::object& one : notices) {
    const auto* by = one.if_contains("actor");
    const std::string no = plain_in(one, "no");
    rows.push_back({plain_in(one, "notice"), since(text_in(one, "at")),
                    names.type(text_in(one, "type")) + " " + (no.empty() ? plain_in(one, "id") : no),
                    names.action(text_in(one, "action")),
                    by != nullptr && by->is_object() ? plain_in(by->get_object(), "name") : "",
                    plain_in(one, "reason")});
  }
  return table({tr("NOTICE"), tr("SINCE"), tr("BILL"), tr("ACTION"), tr("BY"), tr("REASON")}, rows);
}

}  // namespace

int locks(const Arguments& a) {
  json::object fields{{"limit", a.limit}};
  if (!a.type.empty()) fields["type"] = a.type;
  if (!a.user.empty()) fields["user"] = a.user;
  if (!a.client.empty()) fields["client"] = a.client;
  if (!a.kind.empty()) fields["kind"] = a.kind;
  const auto older = duration_of(a.older, holdfast::Millis(0), "older");
  if (!older) return report(a, older.error());
  if (older->count() > 0) fields["older_ms"] = older->count();
  auto answer = ask(a, "GET", "/v1/locks" + query_of(fields));
  if (!answer) return report(a, answer.error());
  if (a.json) return say(json::serialize(*answer) + "\n"), exit_done;
  std::vector<std::vector<std::string>> rows;
  for (const json::object& one : list_in(*answer, "locks")) {
    rows.push_back({joined(one, "targets"), tr(plain_in(one, "mode")), person_in(one),
                    since(text_in(one, "acquired_at")), tr(plain_in(one, "kind")), plain_in(one, "label"),
                    plain_in(one, "lock")});
  }
  if (rows.empty())
    say(tr("No locks.") + "\n");
  else
    say(table({tr("TARGETS"), tr("MODE"), tr("HOLDER"), tr("FOR"), tr("KIND"), tr("LABEL"), tr("LOCK")}, rows));
  if (answer->is_object() && answer->get_object().contains("next"))
    say(tr("There are more: narrow it with --type, --user or --older, or raise --limit.") + "\n");
  return exit_done;
}

int sessions(const Arguments& a) {
  if (!a.session.empty()) {
    const auto id = id_of(a.session, Named::session);
    if (!id) return report(a, id.error());
    return done(a, tell(a, "DELETE", "/v1/sessions/" + *id), tr("Ended, and its locks with it."));
  }
  auto answer = ask(a, "GET", "/v1/sessions" + query_of({{"limit", a.limit}}));
  if (!answer) return report(a, answer.error());
  if (a.json) return say(json::serialize(*answer) + "\n"), exit_done;
  std::vector<std::vector<std::string>> rows;
  for (const json::object& one : list_in(*answer, "sessions")) {
    std::string from;
    if (const json::value* client = one.if_contains("client"); client != nullptr && client->is_object()) {
      from = plain_in(client->get_object(), "program") + " " + plain_in(client->get_object(), "window") + " " +
             plain_in(client->get_object(), "host");
    }
    rows.push_back({plain_in(one, "session"), person_in(one), from, since(text_in(one, "opened_at")),
                    since(text_in(one, "last_activity_at"))});
  }
  say(rows.empty() ? tr("No sessions.") + "\n"
                   : table({tr("SESSION"), tr("USER"), tr("FROM"), tr("OPEN FOR"), tr("IDLE FOR")}, rows));
  if (answer->is_object() && answer->get_object().contains("next")) say(tr("There are more: raise --limit.") + "\n");
  return exit_done;
}

int requests(const Arguments& a) {
  auto answer = ask(a, "GET", "/v1/requests");
  if (!answer) return report(a, answer.error());
  if (a.json) return say(json::serialize(*answer) + "\n"), exit_done;
  std::vector<std::vector<std::string>> rows;
  for (const json::object& one : list_in(*answer, "requests")) {
    rows.push_back({plain_in(one, "request"), joined(one, "targets"), person_in(one), tr(plain_in(one, "state")),
                    since(text_in(one, "since")), plain_in(one, "message")});
  }
  say(rows.empty() ? tr("No requests.") + "\n"
                   : table({tr("REQUEST"), tr("TARGETS"), tr("BY"), tr("STATE"), tr("FOR"), tr("MESSAGE")}, rows));
  if (answer->is_object() && answer->get_object().contains("next"))
    say(tr("There are more: answer these first.") + "\n");
  return exit_done;
}

int notices(const Arguments& a) {
  auto all = unread_notices(a);
  if (!all) return report(a, all.error());
  if (a.json) {
    json::array list(all->notices.begin(), all->notices.end());
    say(json::serialize(json::object{{"notices", std::move(list)}}) + "\n");
  } else if (all->notices.empty()) {
    say(tr("No notices.") + "\n");
  } else {
    say(notice_table(all->notices, CatalogNames::ask(a)));
    if (all->more) say(tr("There are more: raise --limit, or count these as read with --read.") + "\n");
  }
  json::array numbers;
  for (const json::object& one : all->notices) {
    if (const auto* number = one.if_contains("notice")) numbers.push_back(*number);
  }
  // What could not be shown was not read.
  for (std::size_t i = 0; a.read && output_error() == 0 && i < numbers.size(); i += notices_at_a_time) {
    const std::size_t end = std::min(i + notices_at_a_time, numbers.size());
    const json::array some(numbers.begin() + static_cast<std::ptrdiff_t>(i),
                           numbers.begin() + static_cast<std::ptrdiff_t>(end));
    auto read = ask(a, "POST", "/v1/notices/read", json::object{{"notices", some}});
    if (!read) return report(a, read.error());
  }
  return exit_done;
}

int stats(const Arguments& a) {
  auto answer = ask(a, "GET", "/v1/stats");
  if (!answer) return report(a, answer.error());
  if (a.json) return say(json::serialize(*answer) + "\n"), exit_done;
  std::vector<std::vector<std::string>> rows;
  if (answer->is_object()) {
    for (const auto& [key, value] : answer->get_object()) {
      rows.push_back(
          {std::string(key), plain(value.is_string() ? std::string(value.get_string()) : json::serialize(value))});
    }
  }
  say(table({tr("WHAT"), tr("NOW")}, rows));
  return exit_done;
}

}  // namespace hf::cli
