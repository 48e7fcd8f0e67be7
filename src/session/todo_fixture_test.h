#pragma once

// A hub with a real board and people who follow it: each TodoClient keeps rows and counts by nothing but the frames
// that came, as the protocol tells a client to, and holds every frame to what the protocol promises.

#include <fstream>
#include <sstream>

#include "catalog/catalog_loader.h"
#include "session/described_test.h"
#include "session/hub_fixture_test.h"
#include "session/status_answers.h"
#include "wire/messages.h"
#include "wire/status_said.h"

namespace hf::test {

// The row's text in a digest, without its version.
inline std::string row_key(const boost::json::value& row) {
  const auto text = [&](const char* name) { return std::string(row.at(name).as_string().c_str()); };
  return text("type") + ":" + text("id") + "/" + text("group");
}

inline const Catalog& erp_catalog() {
  static const Catalog loaded = [] {
    std::ifstream file(HF_SOURCE_DIR "/catalog/ruinorerp.toml", std::ios::binary);
    std::stringstream stream;
    stream << file.rdbuf();
    auto made = load_catalog(stream.str(), "ruinorerp.toml");
    EXPECT_TRUE(made) << made.error().text();
    return std::move(*made);
  }();
  return loaded;
}

struct TodoClient {
  AudiencePtr audience;                         // what its user may see now
  std::map<std::string, std::uint64_t> rows;    // "type:id/group" -> version
  std::map<std::string, std::uint64_t> born;    // of rows whose bill was made anew
  std::map<std::string, std::uint64_t> counts;  // "type/group"
  std::map<std::string, std::string> editing;   // rows that say that they are edited, and by whom
  std::map<std::string, std::string> since;     // the same rows: since when
  std::vector<std::string> removed;             // "row by action", in their order
  std::string cursor, mode, reason;             // of the newest answer or snapshot
  std::size_t frames = 0, upserts = 0, digests = 0, digests_of_edited = 0, snapshots = 0, read = 0;
  bool all_rows = true;
  bool live = false;
  bool versions_may_fall = false;  // a resync begins them anew

  // Whether the message changes rows. Digests are checked here, and all are held to what describes them.
  bool is_frame(std::string_view event, const boost::json::value& said) {
    const auto& o = said.as_object();
    const bool described = event == PageFrame::event     ? is_described<PageFrame>(o, 1)
                           : event == LiveFrame::event   ? is_described<LiveFrame>(o, 1)
                           : event == DigestFrame::event ? is_described<DigestFrame>(o, 1)
                                                         : true;
    EXPECT_TRUE(described) << "not as wire/status_said.h has it: " << boost::json::serialize(said);
    if (event == "todo.digest") check_digest(said);
    return event == "todo.page" || event == "todo.live";
  }

  void hear(const boost::json::value& said) {
    const auto& o = said.as_object();
    if (const auto* ok = o.if_contains("ok"); ok != nullptr && ok->is_object() && ok->as_object().contains("mode")) {
      mode = ok->at("mode").as_string();
      reason = ok->as_object().contains("reason") ? std::string(ok->at("reason").as_string()) : "";
      live = false;
      return;
    }
    if (!o.contains("event")) return;
    const std::string event(o.at("event").as_string());
    if (!is_frame(event, said)) return;
    ++frames;
    if (o.contains("editing")) {  // it tells all that are edited
      editing.clear();
      since.clear();
    }
    if (const auto* why = o.if_contains("reason")) {
      EXPECT_EQ(event, "todo.page");
      reason = std::string(why->as_string());
      ++snapshots;
      rows.clear();
      born.clear();
      editing.clear();
      counts.clear();
      cursor.clear();  // of rows that are not kept
      live = false;
    }
    if (const auto* list = o.if_contains("upsert")) {
      for (const auto& row : list->as_array()) {
        ++upserts;
        EXPECT_TRUE(may_see(row)) << "a leak: " << boost::json::serialize(row);
        std::uint64_t& version = rows[row_key(row)];
        const auto to = row.at("version").to_number<std::uint64_t>();
        const std::uint64_t life = born_of(row);
        EXPECT_GE(std::pair(life, to), std::pair(born[row_key(row)], version))
            << "a version goes back on the screen: " << boost::json::serialize(said);
        version = to;
        born[row_key(row)] = life;
        if (const auto* by = row.as_object().if_contains("editing")) {
          const auto* user = by->as_object().if_contains("user");
          editing[row_key(row)] = user != nullptr ? std::string(user->as_string()) : "";
          since[row_key(row)] = std::string(by->at("since").as_string());
        } else {
          editing.erase(row_key(row));
        }
      }
    }
    if (const auto* list = o.if_contains("remove")) {
      for (const auto& row : list->as_array()) {
        const auto found = rows.find(row_key(row));
        removed.push_back(row_key(row) + " by " + by(row));
        if (found != rows.end() && std::pair(born_of(row), row.at("version").to_number<std::uint64_t>()) >=
                                       std::pair(born[found->first], found->second)) {
          born.erase(found->first);
          editing.erase(found->first);
          rows.erase(found);
        }
      }
    }
    if (const auto* types = o.if_contains("counts")) {
      for (const auto& type : types->as_object()) {
        for (const auto& group : type.value().as_object()) {
          const std::string name = std::string(type.key()) + "/" + std::string(group.key());
          counts[name] = group.value().to_number<std::uint64_t>();
          if (event == "todo.live" && all_rows) EXPECT_EQ(counts[name], rows_of(name)) << boost::json::serialize(said);
        }
      }
    }
    if (const auto* text = o.if_contains("cursor")) cursor = std::string(text->as_string());
    if (event == "todo.live") live = true;
  }

  static std::uint64_t born_of(const boost::json::value& row) {
    const auto* const born = row.as_object().if_contains("born");
    return born != nullptr ? born->to_number<std::uint64_t>() : 0;
  }
  bool may_see(const boost::json::value& row) const {
    const auto& o = row.as_object();
    const auto of = [&](const char* name) {
      const auto* value = o.if_contains(name);
      if (value != nullptr && value->is_object()) value = value->as_object().if_contains("user");
      return value != nullptr ? std::string(value->as_string()) : std::string();
    };
    const std::string creator = of("creator"), handler = of("handler"), owner = of("owner"),
                      department = of("department");
    const auto* type = erp_catalog().find_type(of("type"));
    return type != nullptr &&
           visible(*audience, BillFacts{erp_catalog().index_of(*type), creator, handler, owner, department});
  }

  std::uint64_t rows_of(const std::string& group) const {
    const std::string type = group.substr(0, group.find('/')) + ":";
    const std::string end = group.substr(group.find('/'));
    std::uint64_t n = 0;
    for (const auto& [row, version] : rows) n += row.starts_with(type) && row.ends_with(end) ? 1 : 0;
    return n;
  }
  Tally sum() const {
    Tally sum;
    for (const auto& [row, version] : rows) {
      const std::size_t slash = row.rfind('/');
      add(sum, row_tally(std::string_view(row).substr(0, slash), std::string_view(row).substr(slash + 1), version));
    }
    return sum;
  }
  void check_digest(const boost::json::value& said) {
    ++digests;
    const Tally mine = sum();
    EXPECT_EQ(said.at("rows").to_number<std::uint32_t>(), mine.rows);
    EXPECT_EQ(said.at("sum0").to_number<std::uint32_t>(), mine.sum0);
    EXPECT_EQ(said.at("sum1").to_number<std::uint32_t>(), mine.sum1);
    if (const auto* edited = said.as_object().if_contains("edited")) {
      ++digests_of_edited;
      Tally all;
      for (const auto& [row, user] : editing) add(all, text_tally(row + "@" + user + "@" + since.at(row)));
      const Tally told{edited->at("rows").to_number<std::uint32_t>(), edited->at("sum0").to_number<std::uint32_t>(),
                       edited->at("sum1").to_number<std::uint32_t>()};
      EXPECT_EQ(told, all) << boost::json::serialize(said) << " of " << editing.size();
    }
    cursor = std::string(said.at("cursor").as_string());
  }
  static std::string by(const boost::json::value& removal) {
    const auto& o = removal.as_object();
    std::string text = o.contains("by") ? std::string(o.at("by").at("user").as_string()) : "nobody";
    if (o.contains("action")) text += " " + std::string(o.at("action").as_string());
    return text;
  }
};

class TodoTest : public HubTest {
 protected:
  static const Catalog& erp() { return erp_catalog(); }
  TodoTest() {
    catalog = erp();
    engine.board_catalog = std::make_shared<const Catalog>(erp());
  }

  struct Who {
    std::string user;
    std::vector<std::string> roles;
    std::vector<std::string> departments = {};
    std::vector<std::string> rights = {};
    std::string employee = {};
    std::string ns = "default";
  };
  std::string token_of(const Who& who) {
    Identity identity;
    identity.user = identity.name = who.user;
    identity.roles = who.roles;
    identity.departments = who.departments;
    identity.rights = who.rights;
    identity.employee = who.employee;
    identity.ns = who.ns;
    return sign_hs256(identity, kid, key_secret, now.wall, Millis(7LL * 24 * 3'600'000), "");
  }
  AudiencePtr audience_of(const Who& who) const {
    return std::make_shared<const Audience>(
        erp(), Claims{who.user, who.employee, who.departments, who.roles, who.rights, false});
  }

  static StatusEvent bill(const std::string& id, std::optional<Version> version, std::int64_t data = 2,
                          std::int64_t approval = 0) {
    StatusEvent e;
    e.type = "SaleOrder";
    e.id = id;
    e.no = "SO" + id;
    e.version = version;
    e.state = {{"DataStatus", data}, {"ApprovalStatus", approval}};
    e.creator = {"li", "Li"};
    e.actor = {"wang", "Wang"};
    e.action = "提交";
    e.department = "D1";
    e.none = {"creator", "owner", "department"};  // those that a test leaves empty
    return e;
  }
  static std::string publish_body(const std::vector<LogEvent>& events, const std::string& batch = {}) {
    std::string body;
    append_fields(body, Fields(Publish{{.request_id = batch}, events}));
    return body;
  }
  // Publishes by HTTP; the answer's body, with its status in `status`.
  boost::json::value publish(const std::vector<LogEvent>& events, const std::string& batch = {}) {
    return http("POST", "/v1/status", publisher, publish_body(events, batch));
  }
  // The board decides on it; nothing is committed yet if commits are late.
  void publish_only(const std::vector<LogEvent>& events) {
    hub->http(++exchanges, request("POST", "/v1/status", publisher, publish_body(events)), now);
  }
  Hub& begin() {
    Hub& made = start();
    publisher = token_of({"erp", {}, {}, {"status.publish"}});
    return made;
  }

  // ---- clients
  ConnectionId open(const Who& who) {
    const ConnectionId c = greet(token_of(who));
    clients[c].audience = audience_of(who);
    return c;
  }
  void subscribe(ConnectionId c, const std::string& more = {}) {
    hub->message(c, R"({"id":"todo","op":"todo.subscribe")" + more + "}", now);
    if (!engine.late) engine.pump();
    listen();
  }
  static std::string with_cursor(const std::string& cursor) { return R"(,"cursor":")" + cursor + "\""; }
  ConnectionId follow(const Who& who, const std::string& more = {}) {
    const ConnectionId c = open(who);
    subscribe(c, more);
    return c;
  }
  TodoClient& client(ConnectionId c) {
    listen();
    return clients[c];
  }
  void listen() {
    for (auto& [c, one] : clients) {
      const auto& said = transport.sent[c];
      while (one.read < said.size()) one.hear(boost::json::parse(said[one.read++]));
    }
  }
  void lose(ConnectionId c) {
    listen();
    hub->disconnected(c, now);
    transport.backlog.erase(c);
    engine.pump();
  }

  // What the board says that `who` sees.
  std::map<std::string, std::uint64_t> board_rows(const Who& who, NamespaceIndex ns = 0) {
    std::map<std::string, std::uint64_t> rows;
    const AudiencePtr audience = audience_of(who);
    const auto& types = erp().content().types;
    for (Catalog::Index type = 0; type < types.size(); ++type) {
      for (std::uint32_t group = 0; group < types[type].groups.size(); ++group) {
        GetTodoPage ask{audience, type, group, 0, 500};
        do {
          std::vector<BoardEvent> events;
          std::string journal;
          const StatusOutcome outcome = engine.states[ns].board().apply(ask, now.wall, events, journal);
          EXPECT_TRUE(events.empty());
          const auto* page = std::get_if<TodoPage>(&outcome);
          if (page == nullptr) break;
          for (const BillPtr& one : page->bills) {
            rows[std::string(one->text(Bill::key)) + "/" + std::string(group_name(erp(), type, group))] =
                one->version();
          }
          ask.after = page->next;
        } while (ask.after != 0);
      }
    }
    return rows;
  }

  std::string publisher;
  std::map<ConnectionId, TodoClient> clients;
  const Who viewer{"see", {"viewer"}};
  const Who li{"li", {"sales"}, {}, {}, "E-li"};
  const Who wu{"wu", {"sales"}, {}, {}, "E-wu"};
  const Who chief{"chief", {"manager"}, {"D1"}};
};

}  // namespace hf::test
