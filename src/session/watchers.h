#pragma once

// Watchers knows who watches which bills.
//
// A watcher is a session or a stream of server-sent events; it watches bills. A change of any target is told to the
// watchers of its bill (a part or a line is the bill's business), a change of a whole type to the watchers of every
// bill of that type. Each watcher is named once per change, in the order of ids, so that the same calls give the same
// output. It remembers to whom a bill is shown, so that a watcher who may no longer see it learns that.
//
// Finding the watchers of a bill costs two lookups and allocates nothing. Not thread-safe.

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/lock.h"
#include "store/lock_engine.h"

namespace hf::session {

// Who listens: a session by its id, a stream by the number of its exchange.
struct Watcher {
  Id128 id;
  bool stream = false;

  static Watcher of(SessionId session) { return {session.value, false}; }
  static Watcher of_stream(std::uint64_t exchange) { return {Id128{0, exchange}, true}; }
  auto operator<=>(const Watcher&) const = default;
};

class Watchers {
 public:
  // True if the watcher did not watch `bill` before. REQUIRES: bill.level() is bill.
  bool add(NamespaceIndex ns, const Target& bill, Watcher watcher);
  // True if it did watch it.
  bool remove(NamespaceIndex ns, const Target& bill, Watcher watcher);
  void remove_all(NamespaceIndex ns, Watcher watcher);

  bool watches(NamespaceIndex ns, const Target& bill, Watcher watcher) const;
  std::size_t count(Watcher watcher) const;
  bool nobody() const noexcept { return watched_.empty(); }
  // What it watches, in the order in which it began.
  std::vector<Target> watched_by(Watcher watcher) const;
  // Sets whether the watcher is shown the bill: it was told what the bill is, or that it is gone. Returns whether it
  // was shown the bill before; initially it is not. O(bills it watches).
  bool show(Watcher watcher, std::string_view bill, bool shown);

  // Sets `out` to all watchers of `changed`.
  void watching(NamespaceIndex ns, const Target& changed, std::vector<Watcher>& out) const;
  // The same for a bill, by its text.
  void watching(NamespaceIndex ns, std::string_view type, std::string_view bill, std::vector<Watcher>& out) const;
  // Every bill that somebody watches, in order.
  std::vector<Target> watched(NamespaceIndex ns) const;

 private:
  struct TextHash {
    using is_transparent = void;
    using is_avalanching = void;
    std::size_t operator()(std::string_view text) const noexcept;
  };
  struct WatcherHash {
    using is_avalanching = void;
    std::size_t operator()(const Watcher& watcher) const noexcept { return IdHash{}(watcher.id); }
  };
  template <class T>
  using ByText = boost::unordered_flat_map<std::string, T, TextHash, std::equal_to<>>;
  using Bills = ByText<std::vector<Watcher>>;

  struct Watched {
    Target bill;
    bool shown = false;
  };

  bool unlink(NamespaceIndex ns, const Target& bill, Watcher watcher);

  std::vector<ByText<Bills>> types_;  // by namespace
  boost::unordered_flat_map<Watcher, std::vector<Watched>, WatcherHash> watched_;
};

}  // namespace hf::session
