#include "simulation/screen.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <boost/json.hpp>
#include <tuple>

namespace hf::sim {
namespace {

std::string row_of(const boost::json::value& row) {
  const auto text = [&](const char* name) { return std::string(row.at(name).as_string().c_str()); };
  return text("type") + ":" + text("id") + "/" + text("group");
}

void add(Digest& digest, const std::string& text) {
  ++digest.rows;
  digest.sum0 += XXH32(text.data(), text.size(), 0);
  digest.sum1 += XXH32(text.data(), text.size(), 1);
}

}  // namespace

std::uint64_t born_of(const boost::json::object& row) {
  const auto* const born = row.if_contains("born");
  return born != nullptr ? born->to_number<std::uint64_t>() : 0;
}

Digest digest_of(const Rows& rows) {
  Digest digest;
  for (const auto& [row, version] : rows) add(digest, row + "@" + std::to_string(version));
  return digest;
}

Digest digest_of(const Editors& rows) {
  Digest digest;
  for (const auto& [row, editor] : rows) add(digest, row + "@" + editor);
  return digest;
}

std::optional<Digest> digest_in(const boost::json::object& said) {
  std::uint32_t numbers[3] = {};
  for (std::size_t i = 0; i < 3; ++i) {
    static constexpr const char* names[] = {"rows", "sum0", "sum1"};
    const auto* const number = said.if_contains(names[i]);
    if (number == nullptr) return std::nullopt;
    numbers[i] = number->to_number<std::uint32_t>();
  }
  return Digest{numbers[0], numbers[1], numbers[2]};
}

void ReferenceScreen::hear(std::string_view message) {
  const boost::json::value said = boost::json::parse(message);
  const auto& o = said.as_object();
  if (const auto* id = o.if_contains("id"); id != nullptr && id->is_string() && id->as_string() == "todo") {
    --unanswered_;
    live_ = doubts_ = false;
    return;
  }
  if (!o.contains("event") || unanswered_ != 0) return;
  const std::string_view event = o.at("event").as_string();
  if (event == "todo.digest") {
    doubts_ = digest_in(o) != digest_of(rows_);
    if (const auto* edited = o.if_contains("edited")) {
      doubts_ = doubts_ || digest_in(edited->as_object()) != digest_of(editing_);
    }
    if (!doubts_) cursor_ = said.at("cursor").as_string();
    return;
  }
  if (event != "todo.page" && event != "todo.live") return;
  if (o.contains("editing")) editing_.clear();
  if (o.contains("reason")) {
    editing_.clear();
    rows_.clear();
    born_.clear();
    counts_.clear();
    cursor_.clear();
    live_ = false;
  }
  if (const auto* list = o.if_contains("upsert")) {
    for (const auto& row : list->as_array()) {
      const std::string name = row_of(row);
      const auto known = std::pair(born_[name], rows_[name]);
      const auto told = std::pair(born_of(row.as_object()), row.at("version").to_number<Version>());
      if (told < known) continue;
      std::tie(born_[name], rows_[name]) = told;
      editing_.erase(name);
      const auto* const by = row.as_object().if_contains("editing");
      if (by == nullptr) continue;
      const auto* const user = by->as_object().if_contains("user");
      editing_[name] = std::string(user != nullptr ? std::string_view(user->as_string()) : "") + "@" +
                       std::string(by->at("since").as_string());
    }
  }
  if (const auto* list = o.if_contains("remove")) {
    for (const auto& row : list->as_array()) {
      const auto at = rows_.find(row_of(row));
      if (at == rows_.end() || std::pair(born_of(row.as_object()), row.at("version").to_number<Version>()) <
                                   std::pair(born_[at->first], at->second)) {
        continue;
      }
      born_.erase(at->first);
      editing_.erase(at->first);
      rows_.erase(at);
    }
  }
  if (const auto* types = o.if_contains("counts")) {
    for (const auto& type : types->as_object()) {
      for (const auto& group : type.value().as_object()) {
        counts_[std::string(type.key()) + "/" + std::string(group.key())] = group.value().to_number<std::uint64_t>();
      }
    }
  }
  if (const auto* cursor = o.if_contains("cursor")) cursor_ = cursor->as_string();
  if (event == "todo.live") live_ = true;
}

}  // namespace hf::sim
