#pragma once

// Catalog is what Holdfast knows of a company's bills: types and their tables, states and actions, to-do groups,
// conversions, roles. It is data, loaded from a file such as catalog/ruinorerp.toml (catalog_loader.h); the keys of
// that file, explained there and in docs/catalog.md, are the members here.
//
// Things refer to each other by index into the catalog's lists, in the file's order; a name is looked up once, where
// it comes in. A loaded catalog is whole, checked by the loader:
//   1. every index is valid, every named column is a column of the table it is used with;
//   2. names are unique within their list, type codes too;
//   3. every move of an action is a legal transition of its model;
//   4. a condition asks only for columns that the bills it is put to have;
//   5. a bill that is made gets a value in each column that may not be null (making.h);
//   6. what an effect does, it or another action takes back, and nothing else leaves it done.
//
// A value, immutable once made: copyable, safe to read from many threads without locking.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "catalog/condition.h"
#include "catalog/making.h"
#include "catalog/rights.h"
#include "catalog/table.h"

namespace hf {
namespace catalog {

inline constexpr std::size_t groups_per_type_max =
    31;  // the groups a bill is in are the bits of a word, which is shifted by their number

// ---- states and actions

struct StatusValue {
  int value = 0;
  std::string zh, en;
};

enum class StatusKind : std::uint8_t { lifecycle, approval, business };

struct StatusModel {
  std::string name;  // also its column's
  std::string zh, en;
  StatusKind kind = StatusKind::business;
  std::vector<StatusValue> values;
  struct Transition {
    int from = 0;
    std::vector<int> to;
  };
  std::vector<Transition> transitions;  // empty: none is checked
  int initial = 0;
  std::vector<int> editable, editable_strict, deletable, approved, closing, final;

  const StatusValue* find(int value) const noexcept;
  // True if a bill may go from `from` to `to`: staying, a listed transition, or anything if none is listed.
  bool allows(int from, int to) const noexcept;
  bool closes(int value) const noexcept;
  bool is_approved(int value) const noexcept;
};

struct Move {
  Index model = 0;
  std::vector<int> from;        // empty: a bill that is not there yet
  std::optional<int> to;        // absent: it stays
  std::optional<int> approval;  // what ApprovalStatus becomes, where the type has it
};

enum class ActionKind : std::uint8_t { create, save, erase, move, convert };

struct Action {
  std::string name;  // ASCII, also the protocol's
  std::string zh, en;
  std::vector<std::string> aliases;  // other Chinese names
  ActionKind kind = ActionKind::move;
  std::string right;  // without "action."
  bool stateless = false;
  bool creator_only = false;
  bool reason_required = false;
  bool no_successor = false;
  bool reviews = false;
  std::vector<Index> types;  // sorted; empty: all
  std::vector<Move> moves;

  const Move* move_of(Index model) const noexcept;
};

struct Group {
  std::string name, zh, en;
  Condition when;
};

// ---- types

// How an id is spelt, so that one bill has one name (session/bill_id.h).
enum class IdRule : std::uint8_t {
  text,     // Unicode's NFC, nothing invisible, no blank at its ends
  upper,    // a text without small letters
  integer,  // decimal, without zeros in front
};

struct LockPolicy {
  Millis max_hold{480 * 60'000};
  Millis idle_takeover{10 * 60'000};
  Millis request_timeout{60'000};
  bool operator==(const LockPolicy&) const = default;
};

struct Part {
  std::string name;  // its table's without "tb_": SaleOrderDetail
  Index table = 0;
  std::string key, parent;
  std::string quantity, amount;  // empty where there is none
  IdRule id = IdRule::text;      // of its lines
};

struct Successor {
  Index type = 0;
  std::optional<Index> part;  // of that type; absent: `link` stands in its master table
  std::string link;
  std::string biz_type;  // column that must hold this type's code; empty: none
};

struct Only {
  std::string column;
  int value = 0;
};

struct Type {
  std::string name, zh, en, area;
  int code = 0;
  Index table = 0;
  std::string key, no;
  IdRule id = IdRule::text;
  std::string prefix;    // of new numbers; empty: the number is typed by hand
  bool gapless = false;  // its numbers have no gaps: drawn last, one bill of the type at a time
  std::optional<Only> only;
  std::string owner, department, creator, deleted, partner, quantity, amount;  // columns; empty where there is none
  std::vector<Index> status;                                                   // models
  std::optional<Index> lifecycle;                                              // the one of them that actions move
  bool has_approval = false;                                                   // ApprovalStatus is among them
  std::vector<int> editable_in;  // lifecycle values, after edit_after_submit
  std::vector<Index> groups;
  std::vector<Part> parts;
  std::vector<Successor> successors;
  std::vector<Index> actions;  // open to it, in the catalog's order
  std::optional<std::int64_t> auto_approve_up_to;
  LockPolicy lock;
  // What an event must state besides `creator`, for somebody's rows hang on it. The Catalog works them out.
  std::vector<std::string> group_fields;             // every column that its groups ask for
  bool asks_owner = false, asks_department = false;  // a role that sees it by them, or a notice that goes to them

  const Part* find_part(std::string_view part) const noexcept;
};

// ---- people

enum class Scope : std::uint8_t { own, department, all };  // wider is greater

struct Role {
  std::string name, zh, en;
  std::vector<std::string> rights;  // expanded: each is one that RightSet takes
  std::vector<Index> tree;          // types, sorted
  Scope scope = Scope::own;
};

struct Notice {
  std::string name;
  std::vector<Index> actions;
  std::vector<Index> types;  // sorted
  bool creator = false, owner = false, handler = false, reviewers = false, department = false;
  std::vector<Index> roles;
};

struct Numbering {
  std::string date = "yyMMdd";
  int digits = 4;
};

enum class EditAfterSubmit : std::uint8_t { flexible, strict };

// Everything that the file says.
struct Content {
  std::string name;
  bool strict_types = true;
  EditAfterSubmit edit_after_submit = EditAfterSubmit::flexible;
  bool four_eyes = false;
  int board_keep_days = 7;
  IdRule id = IdRule::text, line_id = IdRule::text;  // of types and parts that say nothing else
  LockPolicy lock;
  Numbering numbering;
  std::vector<Table> tables;
  std::vector<Lookup> lookups;
  std::vector<StatusModel> models;
  std::vector<Action> actions;
  std::vector<Group> groups;
  std::vector<Type> types;
  std::vector<Conversion> conversions;
  std::vector<Creation> creations;
  std::vector<Effect> effects;
  std::vector<HoldRule> holds;
  std::vector<Role> roles;
  std::vector<Notice> notices;
};

}  // namespace catalog

class Catalog {
 public:
  using Index = catalog::Index;

  // The empty catalog, which is not strict: it accepts any type, and no role has rights.
  Catalog();
  // REQUIRES: content fulfils the invariants above; the loader sees to that.
  explicit Catalog(catalog::Content content);

  // All lists, in the file's order.
  const catalog::Content& content() const noexcept { return content_; }
  bool strict_types() const noexcept { return content_.strict_types; }

  // Null if there is none. O(1), no allocation.
  const catalog::Type* find_type(std::string_view name) const noexcept;
  const catalog::Type* find_type(int code) const noexcept;
  const catalog::Action* find_action(std::string_view name) const noexcept;
  // By name, Chinese name or alias: as a status event calls it. O(actions).
  const catalog::Action* find_action_called(std::string_view name) const noexcept;
  const catalog::Conversion* find_conversion(std::string_view name) const noexcept;
  const catalog::Role* find_role(std::string_view name) const noexcept;
  // Null if there is none. O(list).
  const catalog::StatusModel* find_model(std::string_view name) const noexcept;
  const catalog::Group* find_group(std::string_view name) const noexcept;
  const catalog::Table* find_table(std::string_view name) const noexcept;
  const catalog::Lookup* find_lookup(std::string_view name) const noexcept;

  // The index of an element of the list that it is of. REQUIRES: it belongs to this catalog.
  Index index_of(const catalog::Type& type) const noexcept;
  Index index_of(const catalog::Action& action) const noexcept;

  // True if a lock target or an event may name it: it is in the catalog, or the catalog is not strict.
  bool accepts_type(std::string_view type) const noexcept;
  bool accepts_part(std::string_view type, std::string_view part) const noexcept;
  // True if the catalog itself lists the part.
  bool has_part(std::string_view type, std::string_view part) const noexcept;

  // How locks on bills of the type behave; the catalog's default for an unknown one.
  const catalog::LockPolicy& policy(std::string_view type) const noexcept;

  // True if the action is open to a bill of the type in that lifecycle value (nullopt: the type has no lifecycle, or
  // the bill is not there yet). Rights, creator and successors are asked elsewhere. O(log actions).
  bool offers(const catalog::Type& type, const catalog::Action& action, std::optional<int> state) const noexcept;

  // What a token's roles and rights come to.
  struct Expanded {
    RightSet rights;
    std::vector<std::string> roles_unknown;   // they give nothing
    std::vector<std::string> rights_refused;  // no rights, or too many
    struct Seen {
      Index type = 0;
      catalog::Scope scope = catalog::Scope::own;
      bool operator==(const Seen&) const = default;
    };
    std::vector<Seen> tree;  // sorted by type; with the widest scope that any role gives
  };
  Expanded expand(std::span<const std::string> roles, std::span<const std::string> rights) const;

  // True if a state of `type` whose columns `fields` has is closed: some status column has a closing value.
  bool closes(const catalog::Type& type, const FieldSource& fields) const;

  // Who reviews a type: whose rights contain action.<right of "approve"> on it.
  bool is_reviewer(const RightSet& rights, std::string_view type) const noexcept;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
  };
  using Names = std::unordered_map<std::string, Index, Hash, std::equal_to<>>;

  void work_out_what_events_state();

  catalog::Content content_;
  Names types_, actions_, conversions_, roles_;
  std::unordered_map<int, Index> codes_;
};

}  // namespace hf
