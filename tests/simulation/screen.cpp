#include "simulation/screen.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <boost/json.hpp>

namespace hf::sim {
namespace {

std::string row_of(const boost::json::value& row) {
  const auto text = [&](const char* name) { return std::string(row.at(name).as_string().c_str()); };
  return text("type") + ":" + text("id") + "/" + text("group");
}

}  // namespace

Digest digest_of(const Rows& rows) {
  Digest digest;
  for (const auto& [row, version] : rows) {
    const std::string text = row + "@" + std::to_string(version);
    ++digest.rows;
    digest.sum0 += XXH32(text.data(), text.size(), 0);
    digest.sum1 += XXH32(text.data(), text.size(), 1);
  }
  return digest;
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
    const Digest told{said.at("rows").to_number<std::uint32_t>(), said.at("sum0").to_number<std::uint32_t>(),
                      said.at("sum1").to_number<std::uint32_t>()};
    doubts_ = told != digest_of(rows_);
    if (!doubts_) cursor_ = said.at("cursor").as_string();
    return;
  }
  if (event != "todo.page" && event != "todo.live") return;
  if (o.contains("reason")) {
    rows_.clear();
    counts_.clear();
    cursor_.clear();
    live_ = false;
  }
  if (const auto* list = o.if_contains("upsert")) {
    for (const auto& row : list->as_array()) {
      Version& version = rows_[row_of(row)];
      version = std::max(version, row.at("version").to_number<Version>());
    }
  }
  if (const auto* list = o.if_contains("remove")) {
    for (const auto& row : list->as_array()) {
      const auto at = rows_.find(row_of(row));
      if (at != rows_.end() && row.at("version").to_number<Version>() >= at->second) rows_.erase(at);
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
