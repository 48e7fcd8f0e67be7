#pragma once

// RightSet is what a person may do: the rights of the token and those of its roles, as docs/locks.md §9 names them.
//
//   lock.view  lock.edit  lock.force  lock.hold  status.publish  admin      for every type
//   action.<name>                                                           e.g. action.approve
//   <any of these>:<Type>                                                   for one type only: action.approve:SaleOut
//
// A right for every type contains the same right for each type. No right implies another: `admin` does not contain
// `lock.edit`. There are no wildcards here; the catalog's roles have some and expand them when they are loaded.
//
// The set is asked on every request: allows() does not allocate and is O(log n) in the limited rights.
// Not thread-safe while rights are added; afterwards safe to read from many threads.

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"

namespace hf {

inline constexpr std::size_t rights_per_set_max = 4000;

enum class Right : std::uint8_t { lock_view, lock_edit, lock_force, lock_hold, status_publish, admin };
inline constexpr std::array<std::string_view, 6> right_names = {"lock.view", "lock.edit",      "lock.force",
                                                                "lock.hold", "status.publish", "admin"};

class RightSet {
 public:
  enum class Added : std::uint8_t { yes, not_a_right, too_many };

  // Adds the right that `text` names; adding one twice changes nothing. not_a_right: it names none, too_many: the
  // set is full; the set is as before. O(n).
  Added add(std::string_view text);
  // Adds all; returns those that were not added, in their order.
  std::vector<std::string> add_all(std::span<const std::string> texts);

  // True if the right covers bills of `type`.
  bool allows(Right right, std::string_view type) const noexcept;
  // True if the right covers every type.
  bool allows_everywhere(Right right) const noexcept { return (everywhere_ & bit(right)) != 0; }
  // True if it covers at least one type.
  bool allows_somewhere(Right right) const noexcept;
  // The same for action.<name>; `name` is without the prefix.
  bool allows_action(std::string_view name, std::string_view type) const noexcept;

  // All rights as texts, sorted, without those that a wider one contains: what `welcome.rights` says.
  std::vector<std::string> texts() const;
  bool empty() const noexcept {
    return everywhere_ == 0 && limited_.empty() && actions_.empty() && actions_limited_.empty();
  }

  bool operator==(const RightSet&) const = default;

 private:
  struct Limited {
    Right right;
    std::string type;
    auto operator<=>(const Limited&) const = default;
  };
  struct LimitedAction {
    std::string name;
    std::string type;
    auto operator<=>(const LimitedAction&) const = default;
  };

  static std::uint8_t bit(Right right) noexcept {
    return static_cast<std::uint8_t>(1u << static_cast<std::uint8_t>(right));
  }
  std::size_t size() const noexcept { return limited_.size() + actions_.size() + actions_limited_.size(); }

  std::uint8_t everywhere_ = 0;
  std::vector<Limited> limited_;                // sorted, unique
  std::vector<std::string> actions_;            // sorted, unique
  std::vector<LimitedAction> actions_limited_;  // sorted, unique
};

// True if `name` can be the name of an action: 1 to 64 of a-z, 0-9 and '_', beginning with a letter.
bool is_action_name(std::string_view name) noexcept;

}  // namespace hf
