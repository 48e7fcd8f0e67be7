#pragma once

// Audience says what one person may see of the bills' states: the types that his tree shows, the row scope of each,
// and who he is. visible() is the one rule: snapshots, diffs, live frames, counts and presence ask it and nothing else.
//
// It has two parts. The class part (types, scopes, departments) is the same for many people, so that a frame made for
// it serves them all: class_key() names it. The personal part is what a person sees beyond it in the types that his
// tree shows: bills that he created, handles or owns. A bill of a type that his tree does not show he does not see.
//
// `own` is nobody's class: it is the personal part alone. The owner of a bill is compared with the token's `employee`,
// creator and handler with its `sub`; a token without `employee` has the same id for both.
//
// A value, immutable once made: safe to read from many threads.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"

namespace hf {

// What the rule asks of a bill.
struct BillFacts {
  static constexpr Catalog::Index no_type = UINT32_MAX;  // one that the catalog does not know: shown to nobody
  Catalog::Index type = no_type;
  std::string_view creator, handler, owner, department;
};

// What a token says of a person.
struct Claims {
  std::string user, employee;
  std::vector<std::string> departments, roles, rights;
  bool super = false;  // sees every bill of every type
};

class Audience {
 public:
  // The audience that sees nothing.
  Audience() = default;
  // REQUIRES: facts put to it have types of the same catalog.
  Audience(const Catalog& catalog, const Claims& claims);

  const std::string& user() const noexcept { return user_; }
  const std::string& employee() const noexcept { return employee_; }
  const std::vector<std::string>& departments() const noexcept { return departments_; }  // sorted, unique

  // The row scope of a type; nothing if the tree does not show it.
  std::optional<catalog::Scope> scope_of(Catalog::Index type) const noexcept;
  bool in_department(std::string_view department) const noexcept;
  bool has_role(std::string_view role) const noexcept;
  bool reviews(Catalog::Index type) const noexcept;  // has action.approve on it and is shown it

  // The parts of visible().
  bool sees_by_class(const BillFacts& bill) const noexcept;
  bool sees_as_person(const BillFacts& bill) const noexcept;

  // Equal for audiences with the same class part; different, but for a 64-bit hash, for others. The same on every node.
  std::uint64_t class_key() const noexcept { return class_key_; }
  // The same for the whole audience: a cursor made for one is not served to another.
  std::uint64_t key() const noexcept { return key_; }

 private:
  std::string user_, employee_;
  std::vector<std::string> departments_, roles_;
  std::vector<std::uint8_t> scopes_;  // by type: 0 not shown, else 1 + Scope
  std::vector<bool> reviews_;         // by type
  std::uint64_t class_key_ = 0, key_ = 0;
};

// Whether the audience may see the bill.
bool visible(const Audience& audience, const BillFacts& bill) noexcept;

}  // namespace hf
