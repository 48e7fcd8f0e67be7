#pragma once

// How one bill comes from another: conversions, creations, and the effects by which a bill counts on another.
//
// A Making says which columns of the new bill get which value. The loader proves that each column that may not be null
// gets one, so a store never finds out by a refused INSERT.
//
// An Effect belongs to the acting bill's type and not to a conversion. So a bill made by hand counts as one that a
// conversion made, and whoever takes it back takes back what it did.
//
// Values of catalog.h, whose essay says how they hang together.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "catalog/condition.h"
#include "catalog/table.h"
#include "model/decimal.h"

namespace hf::catalog {

struct Route {
  Index from = 0, to = 0;
  Condition when;
};

struct Check {
  Condition when;
  std::string zh, en;
};

struct Copy {
  std::string to, from;
};

// Another bill that must be there, or must not.
struct BillCheck {
  enum class Want : std::uint8_t { none, some };
  enum class Otherwise : std::uint8_t { refuse, warn };
  std::vector<Index> types;    // of one table
  std::optional<Index> part;   // the part of those types that has the columns below; absent: their master has
  std::string link, biz_type;  // the columns that name the source; may be empty where `match` is not
  std::vector<Copy> match;     // columns that must be equal: to, of that bill; from, of the source
  std::vector<int> states;     // lifecycle values; empty: any bill that is not deleted
  Condition when;              // of that bill
  Want want = Want::none;
  Otherwise otherwise = Otherwise::refuse;
  std::string zh, en;
};

// Several of one column add up.
struct Product {
  std::string column;
  std::vector<std::string> factors;
};

// A column's value that comes from no column of the source.
struct Setting {
  enum class From : std::uint8_t {
    number,          // `number`; of a boolean, 0 or 1
    text,            // `text`
    now,             // @now: the time of the run
    today,           // @today: its day in the business zone
    employee,        // @employee: whom the actor is in the ERP
    source_type,     // @source.type: the code of the source's type
    source_numbers,  // @source.numbers: of all sources, with commas between
    standard,        // @standard: the key of the standard row of the lookup that the column refers to
  };
  std::string column;
  From from = From::number;
  Decimal number;
  std::string text;
};

// Where the columns of one table of the new bill get their values. A number is rounded half away to its column's scale;
// what the source has not becomes 0, false or '' in a column that may not be null.
struct Filling {
  std::vector<Copy> copies;          // of like name and by `map`, resolved: taken over as they are
  std::vector<Copy> shares;          // as much of the amount as is taken of the quantity; the last bill takes the rest
  std::vector<Setting> settings;     // whatever the source has
  std::vector<Setting> otherwise;    // for a copied column, where the source has nothing
  std::vector<std::string> by_kind;  // 0, false or '': those that may not be null and have no other rule
};

struct Link {
  std::optional<Index> part;  // of the target type
  std::string id, no, biz_type;
};

struct LineRule {
  std::optional<Index> from, to;  // parts of source and target; absent: the master
  std::vector<std::string> ordered;
  std::vector<Index> effects;  // one for each route, or none: then what is done is counted from the linked lines
  std::vector<std::string> done;
  std::string quantity, line_link;
  std::vector<Copy> match;
  int factor = 1;
  bool round_up = false, absolute = false;
  Filling filling;
  std::vector<Product> computed;
};

// A total adds the products over the lines, and then columns of the new bill's own.
struct Total {
  std::string column;
  std::vector<std::string> factors;
  std::vector<std::string> plus;
};

// What conversions and creations share.
struct Making {
  std::string name, zh, en;
  std::vector<Route> routes;
  std::optional<int> state;  // lifecycle value of the new bill
  std::optional<Link> link;
  Filling filling;                    // of the master
  std::vector<std::string> first;     // columns that only the first bill made from a source gets, like-named
  std::vector<std::string> merge_by;  // columns in which sources must be alike to become one bill; empty: one source
  std::vector<LineRule> lines;
  std::vector<Total> totals;

  const Route* route_from(Index type) const noexcept;
};

enum class ConversionKind : std::uint8_t { generate, act };
enum class Question : std::uint8_t { confirm, choose, amount, reason };

struct Conversion : Making {
  int no = 0;
  std::string identifier;
  ConversionKind kind = ConversionKind::generate;
  std::optional<Index> action;
  std::string handler;
  std::vector<Question> asks;
  std::vector<Check> require, warn;
  std::vector<BillCheck> bills;
  bool once = false;
};

struct Creation : Making {
  Index on = 0;
  std::optional<Index> undo;
  std::vector<int> undo_while;
};

// A status of the bill that is counted on, by how much of it is done: nothing, a part, all.
struct StateByDone {
  Index model = 0;
  int none = 0, part = 0, all = 0;
};

struct Effect {
  enum class Share : std::uint8_t { none, some, all };
  // A bill on the way to the one that is counted on.
  struct Step {
    Index type = 0;
    std::optional<Index> part;
    std::string link, biz_type;  // the columns of this step's bill that name the next
    std::string line;            // the column of `part` that names the next one's line; may be empty
  };
  struct Add {
    std::string column, from;
    bool minus = false;
  };
  struct Flag {
    std::string column;
    Share on = Share::some;  // true while so much is done
  };
  // Bills that are closed, and opened again, together with the one that is counted on.
  struct Companion {
    Index type = 0;
    std::string link;
  };

  std::string name;
  Index on = 0;             // action of the acting bill
  std::vector<Index> undo;  // its actions that take the effect back
  Index from = 0, to = 0;   // types: the acting bill's, and the one's that is counted on
  std::optional<Index> from_part, to_part;
  Condition when, line_when, to_when;  // of the acting bill, of its line, and of the bill that is counted on
  bool link_in_part = false;           // whether `link` and `biz_type` stand in the part
  std::string link, biz_type;          // the columns that name the first step, or the bill that is counted on
  std::string line;                    // the column that names its line; may be empty
  std::vector<Copy>
      match;           // columns that tell the line where `line` does not: to, of that line; from, of the acting one
  std::string spread;  // instead: over all lines, each up to its limit, in the order of this column
  std::vector<Step> via;
  std::vector<Add> add;
  std::string quantity;            // what counts of the acting line
  std::vector<std::string> done;   // columns whose sum is done; empty: it is the sum of all acting lines
  std::vector<std::string> limit;  // columns whose sum may be done; empty: there is no limit
  int limit_percent = 100;
  std::string over;                    // the column that says by how much done is above the limit; may be empty
  bool round_up = false;               // the limit may be passed by less than 1
  std::optional<Condition> unlimited;  // acting bills that no limit binds
  std::vector<Copy> totals;            // to: of the master that is counted on; from: of its lines, added up
  std::vector<StateByDone> close;
  std::vector<Flag> flags, bill_flags;  // booleans of the line, and of its master
  std::optional<Link> mark;             // columns of the line that name the acting bill while it counts
  std::vector<Companion> companions;
  std::string handler;
};

struct HoldRule {
  std::string name;
  Index type = 0, source = 0;
  std::string link;
  std::vector<Index> place, end, end_source, stops;  // actions
  Millis ttl{0};
};

}  // namespace hf::catalog
