#pragma once

// What a client sees of bills: the members of rows, states, steps, notices and frames, each named once for the server
// that writes them (session/status_answers.cpp) and for the SDK that reads them into its own values
// (client/status_values.cpp). A struct called …Members says any value that has members of those names.
//
// Pure functions, thread-safe.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/audit_entry.h"
#include "model/status.h"
#include "model/status_commands.h"
#include "model/status_tally.h"
#include "wire/said.h"

namespace hf {

// The board's own (engine/status_outcomes.h): the session makes views of them.
class Bill;
struct Run;
struct Notice;

// type → group → rows
using Counts = std::map<std::string, std::map<std::string, std::uint64_t>>;

struct PersonMembers {
  static constexpr std::string_view said_as = "Named";

  template <class A, class V>
  static void said(A& a, V& v) {
    a("user", v.user)("name", v.name);
  }
};
struct PersonView {
  std::string_view user, name;
  bool operator==(const PersonView&) const = default;
};

// ---------------------------------------------------------------------------------------------- bills

struct BillMembers {
  template <class A, class B, class Born, class Flag>
  static void said(A& a, B& bill, Born& born, Flag& unordered) {
    a("type", bill.type, {.key = true})("id", bill.id, {.key = true})("version", bill.version, {.key = true});
    a("born", born)("no", bill.no)("state", bill.state);
    a("creator", bill.creator, {}, PersonMembers{})("handler", bill.handler, {}, PersonMembers{});
    a("owner", bill.owner, {}, PersonMembers{})("actor", bill.actor, {}, PersonMembers{});
    a("department", bill.department)("action", bill.action)("reason", bill.reason);
    a("at", bill.at, {.required = true});
    a("title", bill.title)("partner", bill.partner)("amount", bill.amount)("cause", bill.cause);
    a("deleted", bill.deleted)("unordered", unordered);
  }
};
// That the bill is no more, and who says so: not what it was, which whoever deletes it need not repeat.
struct DeletedMembers {
  template <class A, class B, class Born>
  static void said(A& a, B& bill, Born& born) {
    a("type", bill.type, {.key = true})("id", bill.id, {.key = true})("version", bill.version, {.key = true});
    a("born", born)("deleted", bill.deleted, {.required = true})("by", bill.actor, {}, PersonMembers{});
    a("action", bill.action)("reason", bill.reason)("at", bill.at, {.required = true});
  }
};
// A bill's members, as views into it.
struct BillView {
  BillView() = default;
  explicit BillView(const Bill& bill);

  std::string_view type, id;
  Version version = 0;
  std::string_view no;
  std::vector<BillField> state;
  PersonView creator, handler, owner, actor;
  std::string_view department, action, reason;
  Wall at{};
  std::string_view title, partner, amount, cause;
  bool deleted = false;
};
// Where the log has it, and what it was there.
struct LoggedMembers {
  static constexpr std::string_view said_as = "LoggedBill";

  template <class A, class V>
  static void said(A& a, V& v) {
    a("offset", v.offset, {.key = true});
    BillMembers::said(a, v.state, v.born, v.unordered);
  }
};
struct LoggedBill {
  LoggedBill() = default;
  explicit LoggedBill(const Bill& bill);

  Offset offset = 0;
  BillView state;
  Offset born = 0;
  bool unordered = false;
};
struct KnownBill {
  EpochId epoch;
  LoggedBill logged;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("epoch", v.epoch, {.required = true});
    LoggedMembers::said(a, v.logged);
  }
};
struct DeletedBill {
  EpochId epoch;
  LoggedBill logged;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("epoch", v.epoch, {.required = true})("offset", v.logged.offset, {.key = true});
    DeletedMembers::said(a, v.logged.state, v.logged.born);
  }
};
// To who watches a bill: what it is now; or that it is none of his, or none.
struct BillChanged {
  static constexpr std::string_view event = "bill.changed";
  std::string_view target;
  LoggedBill logged;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("target", v.target, {.key = true});
    LoggedMembers::said(a, v.logged);
  }
};
struct BillGone {
  static constexpr std::string_view event = "bill.changed";
  std::string target;
  bool gone = true;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("target", v.target, {.key = true})("gone", v.gone, {.required = true});
  }
};

// ---------------------------------------------------------------------------------------------- steps and notices

struct StepMembers {
  static constexpr std::string_view said_as = "Step";

  template <class A, class V>
  static void said(A& a, V& v) {
    a("run", v.run, {.key = true})("type", v.type, {.key = true})("id", v.id, {.key = true});
    a("step", v.step)("action", v.action)("error", v.error)("actor", v.actor, {}, PersonMembers{});
    a("at", v.at)("offset", v.offset, {.required = true});
  }
};
struct StepView {
  StepView() = default;
  explicit StepView(const Run& told);

  static constexpr std::string_view event = "run.step";
  RunId run;
  std::string_view type, id, step, action, error;
  PersonView actor;
  std::optional<Wall> at;
  Offset offset = 0;

  template <class A, class V>
  static void said(A& a, V& v) {
    StepMembers::said(a, v);
  }
};

struct NoticeMembers {
  static constexpr std::string_view said_as = "Notice";

  template <class A, class V>
  static void said(A& a, V& v) {
    a("notice", v.notice, {.key = true})("type", v.type, {.key = true})("id", v.id, {.key = true});
    a("version", v.version, {.required = true})("no", v.no)("title", v.title)("action", v.action)("reason", v.reason);
    a("actor", v.actor, {}, PersonMembers{})("at", v.at, {.required = true})("rejection", v.rejection);
  }
};
struct NoticeView {
  NoticeView() = default;
  explicit NoticeView(const Notice& told);

  static constexpr std::string_view event = "notice";
  std::uint64_t notice = 0;
  std::string_view type, id;
  Version version = 0;
  std::string_view no, title, action, reason;
  PersonView actor;
  Wall at{};
  bool rejection = false;

  template <class A, class V>
  static void said(A& a, V& v) {
    NoticeMembers::said(a, v);
  }
};
struct NumbersRead {
  static constexpr std::string_view event = "notice.read";
  std::vector<std::uint64_t> numbers;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("notices", v.numbers, {.required = true});
  }
};
struct NoticesPage {
  std::vector<NoticeView> notices;
  std::string next;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("notices", v.notices, {.required = true}, NoticeMembers{})("next", v.next);
  }
};

// ---------------------------------------------------------------------------------------------- the to-do tree

struct EditingMembers {
  static constexpr std::string_view said_as = "Editing";

  template <class A, class V>
  static void said(A& a, V& v) {
    a("user", v.by.user)("name", v.by.name)("since", v.since, {.required = true});
  }
};
struct EditingView {
  PersonView by;
  Wall since{};
};
struct RowMembers {
  static constexpr std::string_view said_as = "Row";

  template <class A, class V>
  static void said(A& a, V& v) {
    a("group", v.group, {.key = true});
    BillMembers::said(a, v.bill, v.born, v.unordered);
    a("editing", v.editing, {}, EditingMembers{});
  }
};
struct RowView {
  RowView() = default;
  RowView(std::string_view name, const Bill& of);

  std::string_view group;
  BillView bill;
  Offset born = 0;
  bool unordered = false;
  std::optional<EditingView> editing;
};
// The state by which the row was lost; to who does not see that one, the version that he saw last, and nothing of who
// did what.
struct RemovalMembers {
  static constexpr std::string_view said_as = "Removal";

  template <class A, class V>
  static void said(A& a, V& v) {
    a("type", v.type, {.key = true})("id", v.id, {.key = true})("group", v.group, {.key = true});
    a("version", v.version, {.key = true})("born", v.born)("by", v.by, {}, PersonMembers{});
    a("action", v.action)("at", v.at)("deleted", v.deleted);
  }
};
struct RemovalView {
  std::string_view type, id, group;
  Version version = 0;
  Offset born = 0;
  PersonView by;
  std::string_view action;
  std::optional<Wall> at;
  bool deleted = false;
};
// Frames are put together from pieces that are written once for all who are shown them (session/todo_rows.h); a test
// holds them to these lines.
struct PageFrame {
  static constexpr std::string_view event = "todo.page";
  std::string reason, cursor;
  std::vector<RowView> upsert;
  std::vector<RemovalView> remove;
  Counts counts;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("reason", v.reason)("cursor", v.cursor)("upsert", v.upsert, {}, RowMembers{});
    a("remove", v.remove, {}, RemovalMembers{})("counts", v.counts);
  }
};
struct LiveFrame {
  static constexpr std::string_view event = "todo.live";
  std::string cursor;
  std::string editing;  // "all": the frame names every row that is edited
  std::vector<RowView> upsert;
  std::vector<RemovalView> remove;
  Counts counts;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("cursor", v.cursor, {.required = true})("editing", v.editing)("upsert", v.upsert, {}, RowMembers{});
    a("remove", v.remove, {}, RemovalMembers{})("counts", v.counts);
  }
};
struct TallyMembers {
  static constexpr std::string_view said_as = "Tally";

  template <class A, class V>
  static void said(A& a, V& v) {
    a("rows", v.rows, {.key = true})("sum0", v.sum0, {.key = true})("sum1", v.sum1, {.key = true});
  }
};
struct DigestFrame {
  static constexpr std::string_view event = "todo.digest";
  std::string cursor;
  Tally rows;
  std::optional<Tally> edited;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("cursor", v.cursor, {.required = true});
    TallyMembers::said(a, v.rows);
    a("edited", v.edited, {}, TallyMembers{});
  }
};

// ---------------------------------------------------------------------------------------------- answers

// One of offset, stale, differs; where it is not logged, with the version known.
struct ResultView {
  ResultView() = default;
  explicit ResultView(const PublishResult& result);

  std::optional<Offset> offset;
  bool stale = false, deleted = false, differs = false;
  std::optional<Version> version;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("offset", v.offset)("stale", v.stale)("deleted", v.deleted)("differs", v.differs)("version", v.version);
  }
};
struct PublishAnswer {
  EpochId epoch;
  std::vector<ResultView> results;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("epoch", v.epoch, {.required = true})("results", v.results, {.key = true});
  }
};
struct ResyncOpen {
  static constexpr const char* told_by = "resync";
  ResyncId resync;
  std::uint64_t bills = 0;  // named so far

  template <class A, class V>
  static void said(A& a, V& v) {
    a("resync", v.resync, {.key = true})("bills", v.bills, {.required = true});
  }
};
struct ResyncDone {
  static constexpr const char* told_by = "epoch";
  EpochId epoch;
  std::uint64_t bills = 0, left = 0;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("epoch", v.epoch, {.required = true})("bills", v.bills, {.required = true})("left", v.left, {.required = true});
  }
};
struct HistoryPage {
  EpochId epoch;
  std::vector<LoggedBill> states;
  std::vector<StepView> runs;
  Offset next = 0;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("epoch", v.epoch, {.required = true});
    said_lists(a, v);
  }
  template <class A, class V>
  static void said_lists(A& a, V& v) {
    a("states", v.states, {.required = true}, LoggedMembers{})("runs", v.runs, {}, StepMembers{});
    a("next", v.next, {.as_text = true});
  }
};
struct RowsPage {
  EpochId epoch;
  std::vector<RowView> rows;
  Offset next = 0;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("epoch", v.epoch, {.required = true})("rows", v.rows, {.required = true}, RowMembers{});
    a("next", v.next, {.as_text = true});
  }
};
struct TodoCounted {
  EpochId epoch;
  Ready<Counts> counts;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("epoch", v.epoch, {.required = true})("counts", v.counts, {.required = true});
  }
};
struct TodoBegun {
  std::string_view mode;    // snapshot or diff
  std::string_view reason;  // of a snapshot

  template <class A, class V>
  static void said(A& a, V& v) {
    a("mode", v.mode, {.required = true})("reason", v.reason);
  }
};
struct AuditTold {
  std::vector<Ready<AuditEntry>> entries;
  std::string next;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("entries", v.entries, {.required = true})("next", v.next);
  }
};

}  // namespace hf
