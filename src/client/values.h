#pragma once

// From the house's values to those that the SDK shows, and back where a caller hands them in.
//
// The public headers know nothing of src/; this is the one place that knows both. Enumerations have the same
// names and numbers on both sides, which values.cpp asserts at compile time. Pure functions, thread-safe.

#include <string_view>
#include <vector>

#include "base/result.h"
#include "holdfast/client.h"
#include "model/commands.h"

namespace hf::client {

holdfast::WallTime to_public(Wall time);
holdfast::LockInfo to_public(const Grant& grant);
holdfast::Conflict to_public(const Conflict& conflict);
holdfast::Request to_public(const AskInfo& ask);
holdfast::Answer to_public(const LockAnswered& answered);
holdfast::Lost to_public(const LockLost& lost);
holdfast::Verification to_public(const Verified& verified);
holdfast::CheckedTarget to_public(const CheckItem& item);
holdfast::ClientInfo to_public(const ClientInfo& client);
holdfast::LostReason to_public(EndReason reason) noexcept;
std::vector<std::string> to_public(const std::vector<Target>& targets);

// `message`: the whole message of the server that carries the refusal as its `error`; title, may and the text
// of an unknown code are read from it. Empty: none.
holdfast::Error to_public(const Refusal& refusal, std::string_view message = {});
holdfast::Error to_public(const Error& error);

ClientInfo from_public(const holdfast::ClientInfo& client);
Result<std::vector<Target>> from_public(const std::vector<std::string>& targets);

}  // namespace hf::client
