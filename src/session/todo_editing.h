#pragma once

// TodoEditing knows who edits which bill, for the rows of to-do trees: the exclusive edit locks of whole bills, as the
// engine tells of them. A change is noted, and asked about when the next tick comes: a bill that is taken and freed in
// between was not worth telling.
//
// It is bounded: beyond `bills_max` a locked bill is not marked. Not thread-safe.

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/status_commands.h"
#include "session/hub.h"

namespace hf::session {

class TodoEditing {
 public:
  struct Editor {
    std::string user, name;
    Wall since{};
    BillPtr bill;       // as the board had it last; null while it is not known, or not there
    bool told = false;  // rows may have said so
  };

  explicit TodoEditing(std::size_t bills_max) : bills_max_(bills_max) {}

  // What the engine tells of a target, or lists. `grant` null: it is free.
  void changed(NamespaceIndex ns, const Target& target, const Grant* grant) {
    if (target.level() != Level::bill) return;
    const bool edited = grant != nullptr && grant->mode == Mode::exclusive && grant->kind == Kind::edit;
    Editors& editors = editors_[ns];
    const auto known = editors.find(target.text());
    if (!edited) {
      if (known == editors.end()) return;
      const bool told = known->second.told;
      editors.erase(known);
      if (!told) {  // nobody has heard of it
        stirred_.erase({ns, target.text()});
        return;
      }
    } else if (known != editors.end()) {
      if (known->second.user == grant->user && known->second.since == grant->acquired_at) return;
      known->second = {grant->user, grant->user_name, grant->acquired_at, std::move(known->second.bill),
                       known->second.told};
    } else if (editors.size() >= bills_max_) {
      return;
    } else {
      editors.emplace(target.text(), Editor{grant->user, grant->user_name, grant->acquired_at, {}, false});
    }
    stir(ns, target.text());
  }
  // Up to `most` bills of which something has changed since they were taken here last, in that order.
  std::vector<std::pair<NamespaceIndex, std::string>> take_stirred(std::size_t most) {
    std::vector<std::pair<NamespaceIndex, std::string>> taken;
    while (!line_.empty() && taken.size() < most) {
      auto next = std::move(line_.front());
      line_.pop_front();
      if (stirred_.erase(next) == 0) continue;
      if (Editor* const editor = find_in(next.first, next.second)) editor->told = true;
      taken.push_back(std::move(next));
    }
    return taken;
  }
  // The board has this state of the bill now.
  void now_is(NamespaceIndex ns, const BillPtr& bill) {
    if (Editor* const editor = find_in(ns, bill->text(Bill::key))) editor->bill = bill;
  }
  // What the board says is to be asked for anew.
  void forget_bills(NamespaceIndex ns) {
    for (auto& [key, editor] : editors_[ns]) {
      editor.bill.reset();
      stir(ns, key);
    }
  }
  // Null: nobody edits it.
  const Editor* find(NamespaceIndex ns, std::string_view key) const {
    return const_cast<TodoEditing*>(this)->find_in(ns, key);
  }
  // The same, to say so in a row.
  const Editor* tell(NamespaceIndex ns, std::string_view key) {
    Editor* const editor = find_in(ns, key);
    if (editor != nullptr) editor->told = true;
    return editor;
  }
  template <class F>
  void each(NamespaceIndex ns, F&& f) const {
    const auto at = editors_.find(ns);
    if (at == editors_.end()) return;
    for (const auto& [key, editor] : at->second) f(editor);
  }
  bool is_full(NamespaceIndex ns) const {
    const auto at = editors_.find(ns);
    return at != editors_.end() && at->second.size() >= bills_max_;
  }
  // What is locked is to be listed anew; rows that said so are told again.
  void forget(NamespaceIndex ns) {
    for (const auto& [key, editor] : editors_[ns]) {
      if (editor.told) stir(ns, key);
    }
    editors_.erase(ns);
  }
  void clear() {
    editors_.clear();
    stirred_.clear();
    line_.clear();
  }

 private:
  using Editors = std::map<std::string, Editor, std::less<>>;
  void stir(NamespaceIndex ns, const std::string& key) {
    if (stirred_.emplace(ns, key).second) line_.emplace_back(ns, key);
  }
  Editor* find_in(NamespaceIndex ns, std::string_view key) {
    const auto at = editors_.find(ns);
    if (at == editors_.end()) return nullptr;
    const auto found = at->second.find(key);
    return found == at->second.end() ? nullptr : &found->second;
  }
  std::size_t bills_max_;
  std::map<NamespaceIndex, Editors> editors_;
  std::set<std::pair<NamespaceIndex, std::string>> stirred_;
  std::deque<std::pair<NamespaceIndex, std::string>> line_;  // what is not in stirred_ any more is passed over
};

}  // namespace hf::session
