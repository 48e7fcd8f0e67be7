// Notices: who gets them, and who has read them.
#include <algorithm>

#include "engine/page.h"
#include "engine/status_board_state.h"

namespace hf {
namespace {

std::string as_user(std::string_view user) { return std::string("u:").append(user); }
std::string as_employee(std::string_view employee) { return std::string("e:").append(employee); }

bool is_to_class(const Notice& notice) { return notice.reviewers || notice.department || !notice.roles.empty(); }

bool among(const std::vector<std::string>& persons, const std::string& person) {
  return std::ranges::find(persons, person) != persons.end();
}

}  // namespace

bool is_reader(const Audience& audience, const Notice& notice) noexcept {
  const BillFacts facts = notice.bill->facts();
  const std::string_view actor = notice.bill->text(Bill::actor);
  if (!actor.empty() && actor == audience.user()) return false;
  for (const std::string& person : notice.persons) {
    const std::string_view id = std::string_view(person).substr(2);
    const bool is_user = person.front() == 'u';
    if (id != (is_user ? audience.user() : audience.employee())) continue;
    // A rejection goes to the creator, whatever he may see by now.
    if (audience.scope_of(facts.type) || (notice.rejection && is_user && id == facts.creator)) return true;
  }
  if (!is_to_class(notice)) return false;
  if (notice.department && audience.scope_of(facts.type) && audience.in_department(facts.department)) return true;
  if (!visible(audience, facts)) return false;
  return (notice.reviewers && audience.reviews(facts.type)) ||
         std::ranges::any_of(notice.roles, [&](const std::string& role) { return audience.has_role(role); });
}

void StatusBoard::State::notify(const BillPtr& bill) {
  const auto& content = catalog().content();
  const std::string_view called = bill->text(Bill::action);
  if (called.empty()) return;
  const catalog::Action* const action = catalog().find_action_called(called);
  Notice notice;
  notice.rejection = called == "驳回" || called == "reject" || (action != nullptr && action->name == "reject");
  bool creator = false, handler = false, owner = false;
  if (options.notices && action != nullptr) {
    const Catalog::Index index = catalog().index_of(*action);
    for (const catalog::Notice& rule : content.notices) {
      if (std::ranges::find(rule.actions, index) == rule.actions.end()) continue;
      if (!std::ranges::binary_search(rule.types, bill->type_index())) continue;
      creator |= rule.creator;
      handler |= rule.handler;
      owner |= rule.owner;
      notice.reviewers |= rule.reviewers;
      notice.department |= rule.department;
      for (const Catalog::Index role : rule.roles) notice.roles.push_back(content.roles[role].name);
    }
  }
  std::ranges::sort(notice.roles);
  notice.roles.erase(std::ranges::unique(notice.roles).begin(), notice.roles.end());
  // Nobody gets a notice of what he did himself. Only a token says whose employee id the owner's is: is_reader() checks
  // that.
  const std::string_view actor = bill->text(Bill::actor);
  const auto tell = [&](const std::string& person, std::string_view id) {
    if (id.empty() || id == actor || among(notice.persons, person)) return;
    notice.persons.push_back(person);
  };
  const std::string_view made_by = bill->text(Bill::creator);
  if (creator || notice.rejection) tell(as_user(made_by), made_by);
  if (handler) tell(as_user(bill->text(Bill::handler)), bill->text(Bill::handler));
  if (owner) tell(as_employee(bill->text(Bill::owner)), bill->text(Bill::owner));
  if (notice.persons.empty() && !is_to_class(notice)) {
    // A node of the build before told its creator of it: the numbers of later notices stay the same on both.
    if (notice.rejection && !made_by.empty() && made_by == actor) ++next_notice;
    return;
  }
  HF_ASSERT(notices.empty() || notices.rbegin()->first < next_notice);
  notice.number = next_notice++;
  notice.bill = bill;
  notice.made = now();
  const auto made = std::make_shared<const Notice>(std::move(notice));
  put_notice(*made, true);
  file_notice(made);
  events->emplace_back(NoticeMade{made});
  for (const std::string& person : made->persons) {
    const auto& inbox = inboxes.find(person)->second;
    if (inbox.size() > limits().notices_per_person_max) unread(notices.find(*inbox.begin())->second, person);
  }
  if (class_notices.size() > limits().notices_to_classes_max) drop_notice(*class_notices.begin());
  if (notices.size() > limits().notices_max) drop_notice(notices.begin()->first);
}

void StatusBoard::State::file_notice(const NoticePtr& notice) {
  const bool is_new = notices.emplace(notice->number, notice).second;
  HF_ASSERT(is_new);
  for (const std::string& person : notice->persons) inboxes[person].insert(notice->number);
  if (is_to_class(*notice)) class_notices.insert(notice->number);
}

// Takes `person` off the notice's readers; a notice without readers goes.
void StatusBoard::State::unread(const NoticePtr& notice, const std::string& person) {
  auto less = std::make_shared<Notice>(*notice);
  std::erase(less->persons, person);
  const auto inbox = inboxes.find(person);
  HF_ASSERT(inbox != inboxes.end() && inbox->second.contains(less->number));
  inbox->second.erase(less->number);
  if (inbox->second.empty()) inboxes.erase(inbox);
  if (less->persons.empty() && !is_to_class(*less)) {
    drop_notice(less->number);
    return;
  }
  put_notice(*less, false);
  notices[less->number] = std::move(less);
}

void StatusBoard::State::drop_notice(std::uint64_t number) {
  const auto at = notices.find(number);
  HF_ASSERT(at != notices.end());
  for (const std::string& person : at->second->persons) {
    const auto inbox = inboxes.find(person);
    if (inbox == inboxes.end()) continue;  // unread() was there
    inbox->second.erase(number);
    if (inbox->second.empty()) inboxes.erase(inbox);
  }
  class_notices.erase(number);
  erase(Entity::status_notice, {0, number});
  notices.erase(at);
}

// Drops the marks that say nothing of any notice that is there.
void StatusBoard::State::forget_readers() {
  const std::uint64_t first = class_notices.empty() ? next_notice : *class_notices.begin();
  std::erase_if(readers, [&](const auto& each) {
    const ReadMarks& marks = each.second;
    if (marks.below > first || (!marks.numbers.empty() && *marks.numbers.rbegin() >= first)) return false;
    erase_reader(each.first);
    return true;
  });
}

OutcomeOf<ReadNotices> StatusBoard::State::run(const ReadNotices& c) {
  if (c.numbers.size() > limits().events_per_batch_max) {
    return Refusal{.code = Code::too_large, .field = "notices"};
  }
  const std::string user = as_user(c.caller.user);
  const std::string employee = as_employee(c.employee.empty() ? c.caller.user : c.employee);
  NoticesRead read{c.caller.user, employee.substr(2), {}, {}};
  const auto outcome = [&](OutcomeOf<ReadNotices>&& made) {
    if (!read.numbers.empty()) events->emplace_back(std::move(read));
    return std::move(made);
  };
  bool marked = false;
  for (const std::uint64_t number : c.numbers) {
    bool mine = false;
    for (const std::string& person : {user, employee}) {
      const auto at = notices.find(number);
      if (at == notices.end()) break;
      const NoticePtr found = at->second;
      if (!among(found->persons, person)) continue;
      unread(found, person);
      mine = true;
      if (person == employee) read.shared.push_back(number);
    }
    if (mine) read.numbers.push_back(number);
    if (!class_notices.contains(number)) continue;
    auto reader = readers.find(c.caller.user);
    if (reader == readers.end()) {
      if (readers.size() >= limits().readers_max) forget_readers();
      if (readers.size() >= limits().readers_max) {
        return outcome(Refusal{.code = Code::too_many, .detail = "Too many people have read marks."});
      }
      reader = readers.emplace(c.caller.user, ReadMarks{}).first;
    }
    if (reader->second.has(number) || !reader->second.numbers.insert(number).second) continue;
    marked = true;
    if (!mine) read.numbers.push_back(number);
  }
  if (!marked) return outcome(Done{});
  // Marks of notices that are gone are needed no more; too many of them make the oldest notices read.
  ReadMarks& marks = readers.find(c.caller.user)->second;
  marks.numbers.erase(marks.numbers.begin(),
                      marks.numbers.lower_bound(class_notices.empty() ? next_notice : *class_notices.begin()));
  while (marks.numbers.size() > limits().notices_per_person_max) {
    marks.below = *marks.numbers.begin() + 1;
    marks.numbers.erase(marks.numbers.begin());
  }
  put_reader(c.caller.user, marks);
  return outcome(Done{});
}

OutcomeOf<ListNotices> StatusBoard::State::run(const ListNotices& c) {
  const Audience& audience = *c.audience;
  std::set<std::uint64_t> found;
  const auto after = [&](const std::set<std::uint64_t>& numbers) {
    for (auto at = numbers.upper_bound(c.after); at != numbers.end(); ++at) {
      if (is_reader(audience, *notices.find(*at)->second)) found.insert(*at);
    }
  };
  for (const std::string& person : {as_user(audience.user()), as_employee(audience.employee())}) {
    const auto inbox = inboxes.find(person);
    if (inbox != inboxes.end()) after(inbox->second);
  }
  const auto reader = readers.find(audience.user());
  for (auto at = class_notices.upper_bound(c.after); at != class_notices.end(); ++at) {
    if (reader != readers.end() && reader->second.has(*at)) continue;
    if (is_reader(audience, *notices.find(*at)->second)) found.insert(*at);
  }
  NoticeList list;
  const std::size_t most = std::min(c.limit, limits().rows_per_page_max);
  Page page;
  for (const std::uint64_t number : found) {
    const NoticePtr& notice = notices.find(number)->second;
    if (list.notices.size() == most || !page.takes(notice->bill->bytes())) break;
    list.notices.push_back(notice);
  }
  return list;
}

}  // namespace hf
