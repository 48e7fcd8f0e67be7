#include "session/todo_editing.h"

#include "base/assert.h"

namespace hf::session {

void TodoEditing::changed(NamespaceIndex ns, const Target& target, const Grant* grant) {
  if (target.level() != Level::bill) return;
  const bool edited = grant != nullptr && grant->mode == Mode::exclusive && grant->kind == Kind::edit;
  Space& space = spaces_[ns];
  auto at = space.marks.find(target.text());
  if (at == space.marks.end() && !edited) return;
  if (edited && (at == space.marks.end() || !at->second.now) && space.edited >= bills_max_) return;
  if (at == space.marks.end()) at = space.marks.emplace(target.text(), Mark{}).first;
  std::optional<Editor> now;
  if (edited) now = Editor{grant->user, grant->user_name, grant->acquired_at};
  set(space, at->second, std::move(now));
  weigh(ns, space, at);
}

void TodoEditing::set(Space& space, Mark& mark, std::optional<Editor> now) {
  if (mark.now == now) return;
  HF_ASSERT(!mark.now || space.edited > 0);
  space.edited += now ? 1 : 0;
  space.edited -= mark.now ? 1 : 0;
  mark.now = std::move(now);
  space.edition = ++editions_;
}

// An update owed from before somebody was told of all bills stays owed: he may have been told something outdated.
void TodoEditing::weigh(NamespaceIndex ns, Space& space, Marks::iterator at) {
  Mark& mark = at->second;
  const bool differs = mark.astray || mark.now != mark.told;
  if (differs && mark.owed == Owed::nothing) {
    mark.owed = Owed::in_line;
    mark.owed_since = space.said_all;
    ++space.owed;
    line_.emplace_back(ns, at->first);
  } else if (!differs && mark.owed == Owed::in_line && mark.owed_since == space.said_all) {
    HF_ASSERT(space.owed > 0);
    mark.owed = Owed::nothing;
    --space.owed;
  }
  if (mark.owed == Owed::nothing && !mark.now) space.marks.erase(at);
}

std::vector<TodoEditing::Question> TodoEditing::take_owed(std::size_t most) {
  std::vector<Question> taken;
  while (!line_.empty() && taken.size() < most) {
    auto next = std::move(line_.front());
    line_.pop_front();
    Mark* const mark = find_in(next.first, next.second);
    if (mark == nullptr || mark->owed != Owed::in_line) continue;
    mark->owed = Owed::asked;
    const std::uint64_t number = next_question_++;
    taken.push_back({number, next.first, next.second});
    asked_.emplace(number, std::move(next));
  }
  return taken;
}

void TodoEditing::answered(std::uint64_t number, const BillPtr& bill) {
  const auto question = asked_.extract(number);
  if (question.empty()) return;
  const auto& [ns, key] = question.mapped();
  Space& space = spaces_[ns];
  const auto at = space.marks.find(key);
  if (at == space.marks.end() || at->second.owed != Owed::asked) return;
  Mark& mark = at->second;
  if (mark.bill != bill) space.edition = ++editions_;
  mark.bill = bill;
  mark.told = mark.now;
  mark.astray = false;
  HF_ASSERT(space.owed > 0);
  mark.owed = Owed::nothing;
  --space.owed;
  weigh(ns, space, at);
}

void TodoEditing::put_back(std::uint64_t number) {
  const auto question = asked_.extract(number);
  if (question.empty()) return;
  Key& key = question.mapped();
  Mark* const mark = find_in(key.first, key.second);
  if (mark == nullptr || mark->owed != Owed::asked) return;
  mark->owed = Owed::in_line;
  line_.push_back(std::move(key));
}

void TodoEditing::now_is(NamespaceIndex ns, const BillPtr& bill) {
  Mark* const mark = find_in(ns, bill->text(Bill::key));
  if (mark == nullptr || mark->bill == bill) return;
  mark->bill = bill;
  spaces_[ns].edition = ++editions_;
}

void TodoEditing::forget_bills(NamespaceIndex ns) {
  Space& space = spaces_[ns];
  space.edition = ++editions_;
  for (auto at = space.marks.begin(); at != space.marks.end(); ++at) {
    at->second.bill.reset();
    at->second.astray = true;
    weigh(ns, space, at);
  }
}

const TodoEditing::Editor* TodoEditing::find(NamespaceIndex ns, std::string_view key) const {
  const Mark* const mark = const_cast<TodoEditing*>(this)->find_in(ns, key);
  return mark != nullptr && mark->now ? &*mark->now : nullptr;
}

const TodoEditing::Editor* TodoEditing::say(NamespaceIndex ns, std::string_view key) {
  Mark* const mark = find_in(ns, key);
  if (mark == nullptr) return nullptr;
  if (mark->now != mark->told) mark->astray = true;
  return mark->now ? &*mark->now : nullptr;
}

bool TodoEditing::is_full(NamespaceIndex ns) const {
  const auto at = spaces_.find(ns);
  return at != spaces_.end() && at->second.edited >= bills_max_;
}

bool TodoEditing::settled(NamespaceIndex ns) const {
  const auto at = spaces_.find(ns);
  return at == spaces_.end() || at->second.owed == 0;
}

std::uint64_t TodoEditing::edition(NamespaceIndex ns) const {
  const auto at = spaces_.find(ns);
  return at == spaces_.end() ? 0 : at->second.edition;
}

void TodoEditing::forget(NamespaceIndex ns) {
  Space& space = spaces_[ns];
  for (auto at = space.marks.begin(); at != space.marks.end();) {
    const auto here = at++;
    set(space, here->second, std::nullopt);
    weigh(ns, space, here);
  }
}

void TodoEditing::clear() {
  spaces_.clear();
  line_.clear();
  asked_.clear();
}

TodoEditing::Mark* TodoEditing::find_in(NamespaceIndex ns, std::string_view key) {
  const auto space = spaces_.find(ns);
  if (space == spaces_.end()) return nullptr;
  const auto at = space->second.marks.find(key);
  return at == space->second.marks.end() ? nullptr : &at->second;
}

}  // namespace hf::session
