#include "catalog/audience.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

namespace hf {
namespace {

void sort_unique(std::vector<std::string>& texts) {
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
}

void append(std::string& out, std::string_view text) {
  out += std::to_string(text.size());
  out += ':';
  out += text;
}

}  // namespace

Audience::Audience(const Catalog& catalog, const Claims& claims)
    : user_(claims.user),
      employee_(claims.employee.empty() ? claims.user : claims.employee),
      departments_(claims.departments),
      roles_(claims.roles) {
  sort_unique(departments_);
  sort_unique(roles_);
  std::erase(departments_, std::string());  // a bill without a department is in nobody's
  const auto& types = catalog.content().types;
  const Catalog::Expanded expanded = catalog.expand(claims.roles, claims.rights);
  constexpr auto everything = static_cast<std::uint8_t>(1 + static_cast<std::uint8_t>(catalog::Scope::all));
  scopes_.assign(types.size(), claims.super ? everything : std::uint8_t{0});
  if (!claims.super) {
    for (const auto& seen : expanded.tree) {
      scopes_[seen.type] = static_cast<std::uint8_t>(1 + static_cast<std::uint8_t>(seen.scope));
    }
  }
  reviews_.resize(types.size());
  for (std::size_t i = 0; i < types.size(); ++i) {
    reviews_[i] = scopes_[i] != 0 && catalog.is_reviewer(expanded.rights, types[i].name);
  }

  std::string text(scopes_.begin(), scopes_.end());
  constexpr auto by_department = static_cast<std::uint8_t>(1 + static_cast<std::uint8_t>(catalog::Scope::department));
  if (std::find(scopes_.begin(), scopes_.end(), by_department) != scopes_.end()) {
    for (const std::string& department : departments_) append(text, department);
  }
  class_key_ = XXH64(text.data(), text.size(), 0);
  append(text, user_);
  append(text, employee_);
  key_ = XXH64(text.data(), text.size(), 0);
}

std::optional<catalog::Scope> Audience::scope_of(Catalog::Index type) const noexcept {
  if (type >= scopes_.size() || scopes_[type] == 0) return std::nullopt;
  return static_cast<catalog::Scope>(scopes_[type] - 1);
}

bool Audience::in_department(std::string_view department) const noexcept {
  return std::binary_search(departments_.begin(), departments_.end(), department, std::less<>());
}

bool Audience::has_role(std::string_view role) const noexcept {
  return std::binary_search(roles_.begin(), roles_.end(), role, std::less<>());
}

bool Audience::reviews(Catalog::Index type) const noexcept { return type < reviews_.size() && reviews_[type]; }

bool Audience::sees_by_class(const BillFacts& bill) const noexcept {
  const auto scope = scope_of(bill.type);
  return scope &&
         (*scope == catalog::Scope::all || (*scope == catalog::Scope::department && in_department(bill.department)));
}

bool Audience::sees_as_person(const BillFacts& bill) const noexcept {
  if (!scope_of(bill.type)) return false;
  return (!user_.empty() && (bill.creator == user_ || bill.handler == user_)) ||
         (!employee_.empty() && bill.owner == employee_);
}

bool visible(const Audience& audience, const BillFacts& bill) noexcept {
  return audience.sees_by_class(bill) || audience.sees_as_person(bill);
}

}  // namespace hf
