#include "catalog/rights.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "model/target.h"

namespace hf {
namespace {

constexpr std::string_view action_prefix = "action.";

std::optional<Right> right_named(std::string_view name) {
  for (std::size_t i = 0; i < right_names.size(); ++i) {
    if (right_names[i] == name) return static_cast<Right>(i);
  }
  return std::nullopt;
}

// Inserts into a sorted vector unless it is there.
template <class T>
void insert_sorted(std::vector<T>& into, T value) {
  const auto at = std::lower_bound(into.begin(), into.end(), value);
  if (at == into.end() || *at != value) into.insert(at, std::move(value));
}

}  // namespace

bool is_action_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > action_name_bytes_max || name[0] < 'a' || name[0] > 'z') return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

RightSet::Added RightSet::add(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  const bool limited = colon != std::string_view::npos;
  const std::string_view type = limited ? text.substr(colon + 1) : std::string_view();
  if (limited && !is_target_segment(type)) return Added::not_a_right;
  const std::optional<Right> right = right_named(name);
  if (!right && !(name.starts_with(action_prefix) && is_action_name(name.substr(action_prefix.size())))) {
    return Added::not_a_right;
  }
  if (right && !limited) {
    everywhere_ |= bit(*right);
    return Added::yes;
  }
  if (size() >= rights_per_set_max) return Added::too_many;
  if (right) {
    insert_sorted(limited_, Limited{*right, std::string(type)});
  } else if (!limited) {
    insert_sorted(actions_, std::string(name.substr(action_prefix.size())));
  } else {
    insert_sorted(actions_limited_, LimitedAction{std::string(name.substr(action_prefix.size())), std::string(type)});
  }
  return Added::yes;
}

std::vector<std::string> RightSet::add_all(std::span<const std::string> texts) {
  std::vector<std::string> refused;
  for (const std::string& text : texts) {
    if (add(text) != Added::yes) refused.push_back(text);
  }
  return refused;
}

bool RightSet::allows(Right right, std::string_view type) const noexcept {
  if (allows_everywhere(right)) return true;
  const auto at =
      std::lower_bound(limited_.begin(), limited_.end(), type, [right](const Limited& has, std::string_view t) {
        return std::tuple(has.right, std::string_view(has.type)) < std::tuple(right, t);
      });
  return at != limited_.end() && at->right == right && at->type == type;
}

bool RightSet::allows_somewhere(Right right) const noexcept {
  return allows_everywhere(right) ||
         std::any_of(limited_.begin(), limited_.end(), [right](const Limited& has) { return has.right == right; });
}

bool RightSet::allows_action(std::string_view name, std::string_view type) const noexcept {
  if (std::binary_search(actions_.begin(), actions_.end(), name, std::less<>())) return true;
  const std::tuple wanted(name, type);
  const auto view = [](const LimitedAction& has) {
    return std::tuple(std::string_view(has.name), std::string_view(has.type));
  };
  const auto at = std::lower_bound(actions_limited_.begin(), actions_limited_.end(), wanted,
                                   [&view](const LimitedAction& has, const auto& want) { return view(has) < want; });
  return at != actions_limited_.end() && view(*at) == wanted;
}

std::vector<std::string> RightSet::texts() const {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < right_names.size(); ++i) {
    if (allows_everywhere(static_cast<Right>(i))) all.emplace_back(right_names[i]);
  }
  for (const Limited& has : limited_) {
    if (allows_everywhere(has.right)) continue;
    all.push_back(std::string(right_names[static_cast<std::size_t>(has.right)]) + ':' + has.type);
  }
  for (const std::string& name : actions_) all.push_back(std::string(action_prefix) + name);
  for (const LimitedAction& has : actions_limited_) {
    if (std::binary_search(actions_.begin(), actions_.end(), has.name)) continue;
    all.push_back(std::string(action_prefix) + has.name + ':' + has.type);
  }
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace hf
