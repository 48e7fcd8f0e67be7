#include "client/todo_core.h"

#include <algorithm>
#include <boost/json.hpp>

#include "client/status_values.h"
#include "wire/json_text.h"

namespace hf::client {
namespace {

namespace json = boost::json;

using holdfast::TodoChange;
using holdfast::TodoChanges;

TodoKey key_of(const holdfast::TodoRow& row) { return {row.bill.type, row.group, row.bill.id}; }

Tally tally_of(const holdfast::TodoRow& row) {
  return row_tally(row.bill.type + ":" + row.bill.id, row.group, row.bill.version.value_or(0));
}

// REQUIRES: it says who edits it.
Tally edited_tally_of(const holdfast::TodoRow& row) {
  const auto since = std::chrono::duration_cast<Micros>(row.editing->since.time_since_epoch());
  return edited_tally(row.bill.type + ":" + row.bill.id, row.group, row.editing->by.user, Wall(since));
}

// The three members of a digest, or nothing.
std::optional<Tally> read_tally(const json::object& object) {
  const auto rows = read_whole(object, "rows");
  const auto sum0 = read_whole(object, "sum0");
  const auto sum1 = read_whole(object, "sum1");
  if (!rows || !sum0 || !sum1) return std::nullopt;
  return Tally{static_cast<std::uint32_t>(*rows), static_cast<std::uint32_t>(*sum0), static_cast<std::uint32_t>(*sum1)};
}

bool is_newer(const holdfast::TodoRow& row, std::uint64_t born, std::optional<std::uint64_t> version) {
  return row.born > born || (row.born == born && row.bill.version > version);
}

tl::unexpected<holdfast::Error> unreadable(std::string_view what) {
  return holdfast::failure(holdfast::Code::invalid, "a frame of the to-do tree cannot be read: " + std::string(what));
}

std::optional<holdfast::TodoCounts> read_counts(const json::value& value) {
  holdfast::TodoCounts counts;
  const json::object* types = value.if_object();
  if (types == nullptr) return std::nullopt;
  for (const auto& [type, groups_value] : *types) {
    const json::object* groups = groups_value.if_object();
    if (groups == nullptr) return std::nullopt;
    for (const auto& [group, count] : *groups) {
      const std::int64_t* number = count.if_int64();
      if (number == nullptr || *number < 0) return std::nullopt;
      counts[type][group] = static_cast<std::uint64_t>(*number);
    }
  }
  return counts;
}

}  // namespace

struct TodoCore::Removal {
  TodoKey key;
  Version version = 0;
  std::uint64_t born = 0;
  holdfast::Person by;
  std::string action;
  holdfast::WallTime at{};
  bool deleted = false;

  static std::optional<Removal> read(const json::object& object) {
    Removal removal;
    removal.key = {read_text(object, "type"), read_text(object, "group"), read_text(object, "id")};
    const auto version = read_whole(object, "version");
    if (removal.key.type.empty() || removal.key.group.empty() || removal.key.id.empty() || !version)
      return std::nullopt;
    removal.version = *version;
    removal.born = read_whole(object, "born").value_or(0);
    removal.by = read_person(object, "by");
    removal.action = read_text(object, "action");
    removal.at = read_time(object, "at").value_or(holdfast::WallTime{});
    removal.deleted = read_flag(object, "deleted");
    return removal;
  }
};

struct TodoCore::Frame {
  enum class Kind : std::uint8_t { none, page, live, digest } kind = Kind::none;
  std::string reason;
  std::string cursor;
  std::vector<holdfast::TodoRow> upsert;
  std::vector<Removal> remove;
  std::uint32_t rows_unread = 0, removals_unread = 0;
  holdfast::TodoCounts counts;
  Tally digest;
  std::optional<Tally> edited;  // of a digest that proves it
  bool all_editing = false;
};

holdfast::Result<TodoCore::Frame> TodoCore::read(std::string_view text) const {
  const auto value = parse_json(text);
  const json::object* object = value ? value->if_object() : nullptr;
  if (object == nullptr) return unreadable("it is no JSON object");
  Frame frame;
  const std::string event = read_text(*object, "event");
  if (event == "todo.page") frame.kind = Frame::Kind::page;
  if (event == "todo.live") frame.kind = Frame::Kind::live;
  if (event == "todo.digest") frame.kind = Frame::Kind::digest;
  if (frame.kind == Frame::Kind::none) return frame;
  frame.cursor = read_text(*object, "cursor");
  frame.reason = read_text(*object, "reason");
  if (frame.kind == Frame::Kind::digest) {
    const auto rows = read_tally(*object);
    if (!rows) return unreadable("a digest has rows, sum0 and sum1");
    frame.digest = *rows;
    const json::value* const edited = object->if_contains("edited");
    if (edited != nullptr && edited->is_object()) frame.edited = read_tally(edited->get_object());
    return frame;
  }
  // Counts those that cannot be read; false if it is no list.
  const auto each = [&](std::string_view name, std::uint32_t& unread, auto&& take) {
    const json::value* list = object->if_contains(name);
    if (list == nullptr) return true;
    if (!list->is_array()) return false;
    for (const json::value& one : list->get_array()) unread += one.is_object() && take(one.get_object()) ? 0 : 1;
    return true;
  };
  const bool rows_read = each("upsert", frame.rows_unread, [&](const json::object& one) {
    auto row = read_row(one);
    if (!row) return false;
    frame.upsert.push_back(*std::move(row));
    return true;
  });
  const bool removals_read = each("remove", frame.removals_unread, [&](const json::object& one) {
    auto removal = Removal::read(one);
    if (!removal) return false;
    frame.remove.push_back(*std::move(removal));
    return true;
  });
  if (!rows_read || !removals_read) return unreadable("upsert and remove are lists");
  frame.all_editing = read_text(*object, "editing") == "all";
  if (const json::value* counts = object->if_contains("counts")) {
    auto told = read_counts(*counts);
    if (!told) return unreadable("counts are whole numbers by type and group");
    frame.counts = *std::move(told);
  }
  return frame;
}

holdfast::Result<TodoChanges> TodoCore::feed(std::string_view text) {
  auto frame = read(text);
  if (!frame) {
    doubt();
    return tl::unexpected(std::move(frame.error()));
  }
  TodoChanges changes;
  if (frame->kind == Frame::Kind::none) return changes;
  if (frame->kind == Frame::Kind::digest) {
    prove(*std::move(frame));
    return changes;
  }
  if (rows_after(*frame) > limits_.rows_max) {
    doubt();
    return holdfast::failure(holdfast::Code::too_large, "the to-do tree has too many rows to keep", "rows");
  }
  if (!frame->reason.empty()) {
    begin();
    changes.snapshot = std::move(frame->reason);
  }
  if (frame->all_editing) forget_editing(changes);
  for (holdfast::TodoRow& row : frame->upsert) put(std::move(row), changes);
  for (Removal& removal : frame->remove) remove(std::move(removal), changes);
  for (const auto& [type, groups] : frame->counts) {
    for (const auto& [group, count] : groups) counts_[type][group] = count;
  }
  changes.counts = std::move(frame->counts);
  // A snapshot has a row in no other form; what came otherwise is asked for anew.
  if (in_snapshot_) {
    unread_.rows += frame->rows_unread;
  } else if (frame->rows_unread + frame->removals_unread > 0 && !doubted_) {
    doubt();
  }
  if (frame->kind == Frame::Kind::live) in_snapshot_ = false;
  if (!doubted_) cursor_ = std::move(frame->cursor);
  if (frame->kind == Frame::Kind::live && !doubted_) live_ = true;
  return changes;
}

// At most: a row that the frame also takes away, or has twice, counts.
std::size_t TodoCore::rows_after(const Frame& frame) const {
  if (!frame.reason.empty()) return frame.upsert.size();
  if (rows_.size() + frame.upsert.size() <= limits_.rows_max) return rows_.size() + frame.upsert.size();
  return rows_.size() + static_cast<std::size_t>(std::ranges::count_if(
                            frame.upsert, [&](const holdfast::TodoRow& row) { return !rows_.contains(key_of(row)); }));
}

void TodoCore::begin() {
  rows_.clear();
  sum_ = edited_ = {};
  counts_.clear();
  cursor_.clear();
  unread_ = {};
  live_ = doubted_ = wants_resubscribe_ = unread_proved_ = false;
  in_snapshot_ = true;
}

// The frame names every row that is edited: what was known before may be over.
void TodoCore::forget_editing(TodoChanges& changes) {
  edited_ = {};
  for (auto& [key, row] : rows_) {
    if (!row.editing) continue;
    row.editing.reset();
    changes.rows.push_back({TodoChange::What::changed, row, {}, {}, {}, {}, false});
  }
}

void TodoCore::count_in(const holdfast::TodoRow& row) {
  add(sum_, tally_of(row));
  if (row.editing) add(edited_, edited_tally_of(row));
}

void TodoCore::count_out(const holdfast::TodoRow& row) {
  subtract(sum_, tally_of(row));
  if (row.editing) subtract(edited_, edited_tally_of(row));
}

void TodoCore::put(holdfast::TodoRow&& row, TodoChanges& changes) {
  const auto [at, fresh] = rows_.try_emplace(key_of(row));
  holdfast::TodoRow& known = at->second;
  if (!fresh && (is_newer(known, row.born, row.bill.version) || row == known)) return;
  if (!fresh) count_out(known);
  known = std::move(row);
  count_in(known);
  const holdfast::StatusEvent& bill = known.bill;
  changes.rows.push_back({fresh ? TodoChange::What::added : TodoChange::What::changed, known, bill.actor, bill.action,
                          bill.reason, bill.at.value_or(holdfast::WallTime{}), false});
}

void TodoCore::remove(Removal&& removal, TodoChanges& changes) {
  const auto at = rows_.find(removal.key);
  if (at == rows_.end() || is_newer(at->second, removal.born, removal.version)) return;
  count_out(at->second);
  changes.rows.push_back({TodoChange::What::removed,
                          std::move(at->second),
                          std::move(removal.by),
                          std::move(removal.action),
                          {},
                          removal.at,
                          removal.deleted});
  rows_.erase(at);
}

void TodoCore::doubt() {
  cursor_.clear();
  live_ = false;
  ++doubts_;
  doubted_ = wants_resubscribe_ = true;
}

void TodoCore::prove(Frame&& digest) {
  if (doubted_) return;
  Tally others = digest.digest;
  subtract(others, sum_);
  if (unread_.rows > 0 && !unread_proved_ && others.rows == unread_.rows) {
    unread_ = others;
    unread_proved_ = true;
  }
  if (others != unread_) return doubt();
  // A row that cannot be read may be edited, too: then this proves nothing.
  if (digest.edited && unread_.rows == 0) {
    edited_differed_ = *digest.edited != edited_;
    if (edited_differed_) return doubt();
  }
  if (unread_.rows == 0 && !edited_differed_) doubts_ = 0;
  cursor_ = std::move(digest.cursor);
}

}  // namespace hf::client
