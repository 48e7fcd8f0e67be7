#pragma once

// Runs a history through an engine and the reference model side by side, with the checker looking on, and stops
// at the first step where they differ. What fails is shortened before it is shown: commands are dropped as long
// as the rest still fails.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "property/random_history.h"
#include "property/reference_model.h"
#include "property/subject.h"

namespace hf::test {

struct ComparisonOptions {
  LockTreeOptions engine;
  std::uint32_t check_every = 1;  // steps between calls of Subject::check
};

// Options that differ by the seed: small limits and short deadlines, so that they are met.
ComparisonOptions options_for(std::uint64_t seed);

struct Difference {
  std::size_t step = 0;
  std::string what;
};

// The first difference in `history`, if there is one.
std::optional<Difference> compare(const History& history, const ComparisonOptions& options,
                                  const SubjectFactory& subject);
// Makes a history of `steps` from `seed` and compares as it goes. Appends it to `history`.
std::optional<Difference> explore(std::uint64_t seed, std::size_t steps, const ComparisonOptions& options,
                                  const SubjectFactory& subject, History& history);
// A shorter history that still shows a difference. REQUIRES: `history` shows one.
History shorten(History history, const ComparisonOptions& options, const SubjectFactory& subject);

// The model itself with a rule left out, or with none.
SubjectFactory broken_subject(Broken broken);

}  // namespace hf::test
