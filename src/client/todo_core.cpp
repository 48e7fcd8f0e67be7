#include "client/todo_core.h"

#include <algorithm>
#include <boost/json.hpp>

#include "wire/edited_tally.h"
#include "wire/json_text.h"
#include "wire/said_reader.h"
#include "wire/status_said.h"

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

bool is_newer(const holdfast::TodoRow& row, std::uint64_t born, std::optional<std::uint64_t> version) {
  return row.born > born || (row.born == born && row.bill.version > version);
}

tl::unexpected<holdfast::Error> unreadable(const std::string& what) {
  return holdfast::failure(holdfast::Code::invalid, "a frame of the to-do tree cannot be read: " + what);
}

}  // namespace

struct TodoCore::Removal {
  std::string type, id, group;
  Version version = 0;
  std::uint64_t born = 0;
  holdfast::Person by;
  std::string action;
  holdfast::WallTime at{};
  bool deleted = false;
};

struct TodoCore::Frame {
  struct Counts : holdfast::TodoCounts {
    static constexpr bool taken_strictly = true;
  };
  enum class Kind : std::uint8_t { none, page, live, digest } kind = Kind::none;
  std::string reason, cursor, editing;
  Readable<holdfast::TodoRow> upsert;
  Readable<Removal> remove;
  Counts counts;
  Tally rows;
  std::optional<Tally> edited;  // of a digest that proves it
};

holdfast::Result<TodoCore::Frame> TodoCore::read(std::string_view text) const {
  const auto value = parse_json(text);
  const json::object* object = value ? value->if_object() : nullptr;
  if (object == nullptr) return unreadable("it is no JSON object");
  Frame frame;
  Findings found{.taken = Findings::Taken::kindly, .bad = {}, .mays = {}};
  SaidReader in(*object, found);
  std::string event;
  in("event", event);
  if (event == PageFrame::event) {
    frame.kind = Frame::Kind::page;
    PageFrame::said(in, frame);
  } else if (event == LiveFrame::event) {
    frame.kind = Frame::Kind::live;
    LiveFrame::said(in, frame);
  } else if (event == DigestFrame::event) {
    frame.kind = Frame::Kind::digest;
    DigestFrame::said(in, frame);
  }
  if (!found.bad.empty()) return unreadable("`" + found.bad + "` is malformed");
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
  if (frame->editing == "all") forget_editing(changes);
  for (holdfast::TodoRow& row : frame->upsert.all) put(std::move(row), changes);
  for (Removal& removal : frame->remove.all) remove(std::move(removal), changes);
  for (const auto& [type, groups] : frame->counts) {
    for (const auto& [group, count] : groups) counts_[type][group] = count;
  }
  changes.counts = std::move(frame->counts);
  // A snapshot has a row in no other form; what came otherwise is asked for anew.
  if (in_snapshot_) {
    unread_.rows += frame->upsert.unread;
  } else if (frame->upsert.unread + frame->remove.unread > 0 && !doubted_) {
    doubt();
  }
  if (frame->kind == Frame::Kind::live) in_snapshot_ = false;
  if (!doubted_) cursor_ = std::move(frame->cursor);
  if (frame->kind == Frame::Kind::live && !doubted_) live_ = true;
  return changes;
}

// At most: a row that the frame also takes away, or has twice, counts.
std::size_t TodoCore::rows_after(const Frame& frame) const {
  if (!frame.reason.empty()) return frame.upsert.all.size();
  if (rows_.size() + frame.upsert.all.size() <= limits_.rows_max) return rows_.size() + frame.upsert.all.size();
  return rows_.size() +
         static_cast<std::size_t>(std::ranges::count_if(
             frame.upsert.all, [&](const holdfast::TodoRow& row) { return !rows_.contains(key_of(row)); }));
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
  const auto at = rows_.find({removal.type, removal.group, removal.id});
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
  Tally others = digest.rows;
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
