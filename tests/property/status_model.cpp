#include "property/status_model.h"

namespace hf::test {
namespace {

std::int64_t field(const StatusEvent& event, const std::string& name) {
  for (const BillField& each : event.state) {
    if (each.name == name) return std::get<std::int64_t>(each.value);
  }
  return -1;
}

std::string key(const StatusEvent& event) { return event.type + ":" + event.id; }

}  // namespace

std::shared_ptr<const Catalog> model_catalog() {
  using namespace catalog;
  Content c;
  c.board_keep_days = 7;
  catalog::StatusModel s;
  s.name = "S";
  s.closing = {8};
  c.models.push_back(s);
  c.tables = {{"tb",
               {{.name = "S", .label = "", .kind = ColumnKind::integer},
                {.name = "P", .label = "", .kind = ColumnKind::integer}}}};
  const char* conditions[][2] = {{"draft", "S=1"}, {"due", "S=2 and P=0"}, {"back", "P=2"}};
  for (const auto& [name, when] : conditions) c.groups.push_back({name, name, name, *Condition::parse(when)});
  for (const char* name : {"A", "B"}) {
    Type type;
    type.name = name;
    type.code = static_cast<int>(c.types.size());
    type.status = {0};
    type.groups = {0};
    if (c.types.empty()) type.groups = {0, 1, 2};
    c.types.push_back(type);
  }
  const auto role = [&c](const char* name, std::vector<Index> tree, Scope scope) {
    Role made;
    made.name = name;
    made.tree = std::move(tree);
    made.scope = scope;
    c.roles.push_back(made);
  };
  role("all", {0, 1}, Scope::all);
  role("office", {0, 1}, Scope::department);
  role("seller", {0}, Scope::own);
  role("b_all", {1}, Scope::all);  // mixed is seller and b_all
  return std::make_shared<const Catalog>(std::move(c));
}

bool StatusModel::is_gone(const Known& known, Wall now) const {
  return known.event.deleted || (field(known.event, "S") == 8 && now - known.logged >= keep_closed);
}

bool StatusModel::is_deleted(const StatusEvent& event) const {
  const auto at = bills_.find(key(event));
  return at != bills_.end() && at->second.event.deleted;
}

std::optional<PublishResult::Kind> StatusModel::verdict(const StatusEvent& event, Wall now) const {
  using Kind = PublishResult::Kind;
  const auto at = bills_.find(key(event));
  if (at == bills_.end()) return Kind::logged;
  const Known& known = at->second;
  StatusEvent as_known = known.event;
  as_known.version = event.version;
  as_known.created = event.created;
  const bool same = as_known == event && event.version == known.version;
  if (event.created) {
    if (!same || known.event.deleted || known.first == false) return Kind::logged;
    if (is_gone(known, now) || !known.first) return std::nullopt;
    return Kind::stale;
  }
  if (is_gone(known, now)) return std::nullopt;
  if (!event.version || *event.version > known.version) return Kind::logged;
  if (*event.version < known.version || same) return Kind::stale;
  return event.deleted ? Kind::logged : Kind::differs;
}

std::optional<Version> StatusModel::counted_up(const StatusEvent& event, Wall now) const {
  const auto at = bills_.find(key(event));
  if (at == bills_.end() || event.created) return 1;
  if (is_gone(at->second, now)) return std::nullopt;
  return at->second.version + 1;
}

void StatusModel::publish(const StatusEvent& event, Version version, Wall now) {
  const auto at = bills_.find(key(event));
  std::optional<bool> first = at == bills_.end() || event.created;
  if (first == false && is_gone(at->second, now)) first.reset();
  bills_[key(event)] = {event, version, now, false, false, first};
}

void StatusModel::stage(const StatusEvent& event, bool published) {
  const auto resync = staged_.find(event.type);
  if (resync == staged_.end()) return;
  const auto at = resync->second.find(key(event));
  const bool begins = event.created && published;
  if (at == resync->second.end() || begins) {
    resync->second[key(event)] = {event, event.version.value_or(1), {}, published, begins};
    return;
  }
  const Known& known = at->second;
  if (known.event.deleted || (known.anew && !published)) return;
  const bool wins = event.version ? *event.version > known.version || (*event.version == known.version && event.deleted)
                                  : published || !known.published;
  if (wins) at->second = {event, event.version.value_or(known.version + 1), {}, published, known.anew};
}

void StatusModel::commit(const std::string& type, Wall now) {
  std::erase_if(bills_, [&](const auto& each) { return each.second.event.type == type; });
  for (const auto& [bill, known] : staged_.at(type)) bills_[bill] = {known.event, known.version, now};
  staged_.erase(type);
}

std::set<std::string> StatusModel::groups(const StatusEvent& event) {
  std::set<std::string> in;
  if (event.deleted) return in;
  if (field(event, "S") == 1) in.insert("draft");
  if (event.type == "B") return in;
  if (field(event, "S") == 2 && field(event, "P") == 0) in.insert("due");
  if (field(event, "P") == 2) in.insert("back");
  return in;
}

bool StatusModel::sees(const Claims& who, const StatusEvent& event) const {
  const bool his = event.creator.user == who.user || event.handler.user == who.user || event.owner.user == who.employee;
  for (const std::string& role : who.roles) {
    if (role == "all") return true;
    if (role == "b_all" && event.type == "B") return true;
    if (role == "seller" && event.type == "A" && his) return true;
    if (role != "office") continue;
    if (his) return true;
    for (const std::string& department : who.departments) {
      if (event.department == department) return true;
    }
  }
  return false;
}

std::map<std::string, Version> StatusModel::rows(const Claims& who, Wall now) const {
  std::map<std::string, Version> shown;
  for (const auto& [bill, known] : bills_) {
    if (is_gone(known, now) || !sees(who, known.event)) continue;
    for (const std::string& group : groups(known.event)) shown[bill + "/" + group] = known.version;
  }
  return shown;
}

}  // namespace hf::test
