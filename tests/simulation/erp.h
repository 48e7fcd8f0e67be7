#pragma once

// Erp is the publisher's side of a simulated world: a database of bills that transactions change, and what each person
// must be shown by it, said in the slowest way there is (property/status_model.h). What is committed here is the truth
// that clients are held against; what is rolled back must be seen by nobody.
//
// A bill's id cannot be mistaken for any other text (Q10007Q), so that a frame which names it is found.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "property/status_model.h"

namespace hf::sim {

using Rows = std::map<std::string, Version>;  // "type:id/group" -> version

// What a client subscribes.
struct Selection {
  std::vector<std::string> types;             // none: all
  std::optional<std::set<std::string>> open;  // rows of these groups only ("A/due"); nothing: of all
  bool operator==(const Selection&) const = default;
  bool counts(std::string_view type) const;
  bool has_rows(const std::string& group) const {
    return counts(group.substr(0, 1)) && (!open || open->contains(group));
  }
};

// "A:Q00007Q/due" -> "A/due"
std::string group_of(const std::string& row);

class Erp {
 public:
  static std::string id_of(char type, std::size_t number);
  static std::string key_of(std::string_view id) { return std::string(id[1] == '0' ? "A:" : "B:") + std::string(id); }

  struct Transaction {
    std::vector<StatusEvent> changes;
  };
  // Changes `count` bills of those that no transaction holds; each change has the bill's next version. Bills may be
  // deleted; and made again under their ids, which whoever publishes must do in the ERP's order: no version tells it.
  enum class Fates : std::uint8_t { changed, deleted, made_again };
  Transaction begin(Random& random, std::size_t bills, std::size_t count, Fates fates);
  // The same of one bill, as it is told.
  Transaction begin_with(StatusEvent change);
  void commit(const Transaction& transaction);
  void roll_back(const Transaction& transaction);

  // The bills of a type as they stand, for a resync.
  std::vector<StatusEvent> bills_of(const std::string& type) const;
  Rows rows(const Claims& who, const Selection& selection) const;
  // How many rows each group has for him, closed groups too; none is zero.
  std::map<std::string, std::uint64_t> counts(const Claims& who, const Selection& selection) const;

  // Of what was ever committed: the states of the bill with this version.
  std::vector<const StatusEvent*> states(const std::string& key, Version version) const;
  const std::vector<StatusEvent>* past(const std::string& key) const;
  const StatusEvent* now(const std::string& key) const;
  // This user has taken the bill's lock, or has tried to.
  void edit(const std::string& key, const std::string& user) { edited_[key].insert(user); }
  bool was_edited(const std::string& key) const { return edited_.contains(key); }
  bool was_edited_by(const std::string& key, const std::string& user) const {
    const auto editors = edited_.find(key);
    return editors != edited_.end() && editors->second.contains(user);
  }
  bool sees(const Claims& who, const StatusEvent& event) const { return rule_.sees(who, event); }
  // Whether he could see some state of it up to this version.
  bool ever_saw(const Claims& who, const std::string& key, Version until = UINT64_MAX) const;

 private:
  test::StatusModel rule_;
  std::map<std::string, std::vector<StatusEvent>> bills_;  // oldest first
  std::set<std::string> locked_;
  std::map<std::string, std::set<std::string>> edited_;  // by whom
};

}  // namespace hf::sim
