#include "model/lock.h"

#include <array>

#include "model/run.h"

namespace hf {
namespace {

constexpr std::array<std::string_view, 2> kModes{"shared", "exclusive"};
constexpr std::array<std::string_view, 3> kKinds{"edit", "temporary", "hold"};
constexpr std::array<std::string_view, 8> kReasons{"released",    "expired",     "max_hold",      "forced",
                                                   "handed_over", "transferred", "session_ended", "engine_lost"};
constexpr std::array<std::string_view, 4> kAskStates{"asked", "deferred", "refused", "unanswered"};
constexpr std::array<std::string_view, 5> kRunStates{"locking", "running", "done", "failed", "unknown"};

template <class E, std::size_t N>
std::optional<E> find(const std::array<std::string_view, N>& names, std::string_view name) noexcept {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<E>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view name_of(Mode mode) noexcept { return kModes[static_cast<std::size_t>(mode)]; }
std::string_view name_of(Kind kind) noexcept { return kKinds[static_cast<std::size_t>(kind)]; }
std::string_view name_of(EndReason reason) noexcept { return kReasons[static_cast<std::size_t>(reason)]; }
std::string_view name_of(AskState state) noexcept { return kAskStates[static_cast<std::size_t>(state)]; }
std::string_view name_of(RunState state) noexcept { return kRunStates[static_cast<std::size_t>(state)]; }
std::optional<Mode> mode_from_name(std::string_view name) noexcept { return find<Mode>(kModes, name); }
std::optional<Kind> kind_from_name(std::string_view name) noexcept { return find<Kind>(kKinds, name); }

}  // namespace hf
