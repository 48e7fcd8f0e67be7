#include "simulation/sdk_screen.h"

#include "base/assert.h"
#include "wire/json_writer.h"

namespace hf::sim {

void SdkScreen::hear(std::string_view message) {
  if (message.starts_with(R"({"id":"todo")")) {
    --unanswered_;
    return core_.subscribing();
  }
  if (unanswered_ != 0) return;
  const auto changes = core_.feed(message);
  HF_ASSERT(changes.has_value());
  if (!changes->snapshot.empty()) {
    rows_.clear();
    counts_.clear();
    editing_.clear();
  }
  // Only what it says has changed: what a user's screen would show.
  for (const holdfast::TodoChange& change : changes->rows) {
    const std::string row = change.row.bill.type + ":" + change.row.bill.id + "/" + change.row.group;
    editing_.erase(row);
    if (change.what == holdfast::TodoChange::What::removed) {
      HF_ASSERT(rows_.erase(row) == 1);
      continue;
    }
    rows_[row] = change.row.bill.version.value_or(0);
    if (!change.row.editing) continue;
    std::string& editor = editing_[row] = change.row.editing->by.user + "@";
    append_time(editor, Wall(std::chrono::duration_cast<Micros>(change.row.editing->since.time_since_epoch())));
  }
  HF_ASSERT(rows_.size() == core_.rows().size());
  for (const auto& [type, groups] : changes->counts) {
    for (const auto& [group, count] : groups) counts_[type + "/" + group] = count;
  }
}

}  // namespace hf::sim
