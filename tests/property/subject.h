#pragma once

// Subject is an engine as a test sees it: commands in, outcomes and events out at once, and a restart from what
// it wrote. The comparison with the model and the contract suite run against any Subject.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/lock_tree.h"
#include "model/commands.h"

namespace hf::test {

class Subject {
 public:
  virtual ~Subject() = default;
  virtual LockOutcome apply(const LockCommand& command, Wall clock, std::vector<LockEvent>& events) = 0;
  // Ends this engine and goes on with one recovered from what it wrote. Returns the engine time it had recorded,
  // the floor of its tokens and how far the events of each session are numbered now; what went wrong is the text.
  struct Restarted {
    Instant recorded{};
    Token floor = 0;
    std::vector<std::pair<SessionId, std::uint64_t>> seqs;
    std::string error;
  };
  virtual Restarted restart(Wall clock) = 0;
  // The first invariant found broken, or empty.
  virtual std::string check() = 0;
  // Its exact state (LockTree::image), for an engine that has one.
  virtual std::string image() const { return {}; }
  // True if no other decides beside it: what only it could tell somebody ends with its restart.
  virtual bool is_alone() const { return false; }
  // True if it tells who watches a target that its holders changed.
  virtual bool tells_targets() const { return true; }
};
using SubjectFactory = std::function<std::unique_ptr<Subject>(const LockTreeOptions& options)>;

// The embedded engine's tree. A restart recovers one tree from all that the journal says and one from the folded
// journal, demands the same answers of both, and goes on with one of them.
std::unique_ptr<Subject> tree_subject(const LockTreeOptions& options);

// The same beside a second tree that is made anew from the first one's image every few commands: check() tells where
// the two answered or told differently.
std::unique_ptr<Subject> twin_subject(const LockTreeOptions& options);

}  // namespace hf::test
