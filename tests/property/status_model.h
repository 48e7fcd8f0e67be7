#pragma once

// StatusModel says what every person must see, in the slowest and plainest way, written from the contract of status
// sync: a map of bills, a loop over all of them, conditions and scopes spelled out by hand. It knows nothing of logs,
// cursors, indices or Bill.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/status_outcomes.h"

namespace hf::test {

// Two types, three groups and four roles, small enough to be said twice: as a catalog and by the model.
//   A: 未提交 S=1, 未审核 S=2 and P=0, 被驳回 P=2; B: 未提交 S=1.       S=8 closes, for a week.
//   all: A and B, all; office: A and B, department; seller: A own; mixed: A own, B all.
std::shared_ptr<const Catalog> model_catalog();

class StatusModel {
 public:
  static constexpr Micros keep_closed = std::chrono::hours(24 * 7);
  struct Known {
    StatusEvent event;
    Version version = 0;
    Wall logged{};
    bool published = false;            // of a staged one: not by a page
    bool anew = false;                 // of a staged one: made anew meanwhile
    std::optional<bool> first = true;  // it began its bill; nothing: perhaps
  };

  // What must be answered; nothing if the bill is gone: then a board may know its version still, or not. Of a deleted
  // one, what does not begin it anew is refused by it as long as it knows.
  std::optional<PublishResult::Kind> verdict(const StatusEvent& event, Wall now) const;
  bool is_deleted(const StatusEvent& event) const;
  // The version that an event without one gets, if that is certain.
  std::optional<Version> counted_up(const StatusEvent& event, Wall now) const;
  void publish(const StatusEvent& event, Version version, Wall now);

  void open(const std::string& type) { staged_[type].clear(); }
  void drop(const std::string& type) { staged_.erase(type); }
  bool is_open(const std::string& type) const { return staged_.contains(type); }
  void stage(const StatusEvent& event, bool published);
  void commit(const std::string& type, Wall now);

  // The rows that a person must be shown, as "type:id/group", with their versions.
  std::map<std::string, Version> rows(const Claims& who, Wall now) const;
  bool sees(const Claims& who, const StatusEvent& event) const;
  static std::set<std::string> groups(const StatusEvent& event);

 private:
  bool is_gone(const Known& known, Wall now) const;
  std::map<std::string, Known> bills_;                          // "type:id"
  std::map<std::string, std::map<std::string, Known>> staged_;  // by type
};

}  // namespace hf::test
