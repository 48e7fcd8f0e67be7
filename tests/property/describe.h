#pragma once

// Commands, outcomes and events as one line of text: to compare what two engines said, and to show a history.
//
// What is compared is what the contract fixes: sentences and fields of refusals are for people and left out.
// Two texts are equal exactly if the values are equal in what the text names.

#include <string>
#include <vector>

#include "property/random_history.h"

namespace hf::test {

std::string describe(const LockCommand& command);
std::string describe(const LockOutcome& outcome);
// Empty for what is not told to one session, or only warns.
std::string describe(const LockEvent& event);
// How many alarms there were, and one line for each recipient, in its order: who was told what. Of several positions
// told to one wait by one command only the last counts.
std::vector<std::string> describe(const std::vector<LockEvent>& events);
std::string describe(const History& history);

}  // namespace hf::test
