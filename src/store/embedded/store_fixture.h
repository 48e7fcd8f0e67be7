#pragma once

// What the store's tests share: a directory that goes away, changes made by hand, and the plain meaning of
// folding, against which the journal is held.
//
// FoldedState is the last put of each key that was not erased since; replay() makes it of changes, one by one.
// Not thread-safe. For tests only.

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "engine/change_codec.h"
#include "store/embedded/journal.h"

namespace hf {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline void add_change(std::string& out, Entity entity, std::uint8_t flags, Id128 key, std::string_view body) {
  const ChangeFrame frame(out, entity, flags, key);
  out.append(body);
}

using FoldedState = std::map<StateKey, std::string>;

// Replays changes one by one; false where a fresh put finds its key.
inline bool replay(FoldedState& state, NamespaceIndex ns, std::string_view changes) {
  while (const auto change = take_change(changes)) {
    if (!is_folded(change->header.entity)) continue;
    const StateKey key{ns, change->header.entity, change->header.key};
    if ((change->header.flags & change_erase) != 0) {
      state.erase(key);
      continue;
    }
    if ((change->header.flags & change_fresh) != 0 && state.contains(key)) return false;
    state[key] = std::string(change->body);
  }
  return changes.empty();
}

// Random changes over few keys, flagged as the engine flags them.
class ChangeStream {
 public:
  explicit ChangeStream(std::uint64_t seed) : random_(seed) {}

  std::string next(NamespaceIndex ns, std::size_t count) {
    std::string changes;
    for (std::size_t i = 0; i < count; ++i) {
      const auto entity = static_cast<Entity>(1 + random_.below(8));
      const Id128 key{random_.below(3) << 62, random_.below(20)};
      const StateKey at{ns, entity, key};
      const std::string body(random_.below(one_in_ten() ? 6000 : 60), static_cast<char>('a' + random_.below(26)));
      if (!is_folded(entity)) {
        add_change(changes, entity, 0, key, body);
      } else if (there_.contains(at) && random_.one_in(2)) {
        add_change(changes, entity, change_erase, key, body);
        there_.erase(at);
      } else {
        add_change(changes, entity, there_.contains(at) ? 0 : change_fresh, key, body);
        there_[at] = true;
      }
    }
    return changes;
  }
  Random& random() { return random_; }

 private:
  bool one_in_ten() { return random_.one_in(10); }
  Random random_;
  std::map<StateKey, bool> there_;
};

}  // namespace hf
