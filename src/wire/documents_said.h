#pragma once

// What a client sees of a document store: the members of bills, lines, remainders, pages and base data, each named
// once. Ids and numbers of columns go as texts: JavaScript would round them.
//
// Pure functions, thread-safe.

#include <optional>
#include <string_view>
#include <utility>

#include "model/documents.h"
#include "model/outcomes.h"
#include "wire/status_said.h"

namespace hf {

struct BillLinkMembers {
  static constexpr std::string_view said_as = "BillLink";

  template <class A, class V>
  static void said(A& a, V& v) {
    a("type", v.type, {.required = true})("id", v.id, {.required = true, .as_text = true})("no", v.no);
  }
};
struct ReserverMembers {
  static constexpr std::string_view said_as = "Reserver";

  template <class A, class V>
  static void said(A& a, V& v) {
    BillLinkMembers::said(a, v);
    a("quantity", v.quantity, {.required = true})("creator", v.creator, {}, PersonMembers{});
  }
};
struct RemainderMembers {
  static constexpr std::string_view said_as = "Remainder";

  template <class A, class V>
  static void said(A& a, V& v) {
    a("effect", v.effect, {.required = true})("ordered", v.ordered, {.required = true});
    a("done", v.done, {.required = true})("reserved", v.reserved, {.required = true});
    a("left", v.left, {.required = true})("reservers", v.reservers, {}, ReserverMembers{});
  }
};
struct BillLineMembers {
  static constexpr std::string_view said_as = "BillLine";

  template <class A, class V>
  static void said(A& a, V& v) {
    a("line", v.id, {.required = true, .as_text = true})("fields", v.fields, {.required = true});
    a("left", v.left, {}, RemainderMembers{});
  }
};
struct BillPartMembers {
  static constexpr std::string_view said_as = "BillPart";

  template <class A, class V>
  static void said(A& a, V& v) {
    a("part", v.name, {.required = true})("lines", v.lines, {.required = true}, BillLineMembers{})("next", v.next);
  }
};

// A bill, and who holds it: of a bill's lock, what lock.check says of the bill as a whole.
struct BillGot {
  documents::Bill bill;
  std::optional<CheckItem> lock;  // where the asker may see locks of the type

  template <class A, class V>
  static void said(A& a, V& v) {
    a("type", v.bill.type, {.required = true})("id", v.bill.id, {.required = true, .as_text = true});
    a("no", v.bill.no)("version", v.bill.version, {.required = true});
    a("creator", v.bill.creator, {}, PersonMembers{})("handler", v.bill.handler, {}, PersonMembers{});
    a("closed_by", v.bill.closed_by)("fields", v.bill.fields, {.required = true});
    a("left", v.bill.left, {}, RemainderMembers{})("parts", v.bill.parts, {.required = true}, BillPartMembers{});
    a("sources", v.bill.sources, {}, BillLinkMembers{})("targets", v.bill.targets, {}, BillLinkMembers{});
    a("lock", v.lock);
  }
};

struct BillRowMembers {
  static constexpr std::string_view said_as = "BillRow";

  template <class A, class V>
  static void said(A& a, V& v) {
    a("id", v.id, {.required = true, .as_text = true})("no", v.no)("version", v.version, {.required = true});
    a("creator", v.creator, {}, PersonMembers{})("handler", v.handler, {}, PersonMembers{});
    a("fields", v.fields, {.required = true});
  }
};
struct BillPageMembers {
  using Value = documents::BillPage;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("bills", v.rows, {.required = true}, BillRowMembers{})("next", v.next);
    a("total", v.total)("more", v.total_is_more);
  }
};

struct LookupRowMembers {
  static constexpr std::string_view said_as = "LookupRow";

  template <class A, class V>
  static void said(A& a, V& v) {
    a("id", v.id, {.required = true, .as_text = true})("code", v.code)("name", v.text);
    a("enabled", v.enabled, {.required = true})("fields", v.fields, {.required = true});
  }
};
struct LookupPageMembers {
  using Value = documents::LookupPage;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("rows", v.rows, {.required = true}, LookupRowMembers{})("next", v.next);
  }
};

}  // namespace hf
