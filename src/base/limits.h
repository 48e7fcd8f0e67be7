#pragma once

// Every limit of the contract, its name and its default: the one place. A limit that a namespace may change
// is a member of Limits; what the wire format itself fixes is a constant.

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace hf {

inline constexpr std::size_t target_segment_bytes_max = 200;
inline constexpr std::size_t request_id_bytes_max = 64;
inline constexpr std::size_t label_bytes_max = 100;
inline constexpr std::size_t reason_bytes_max = 1024;
inline constexpr std::size_t message_bytes_max = 1024;
inline constexpr std::size_t owner_bytes_max = 200;
inline constexpr std::size_t user_bytes_max = 200;
inline constexpr std::size_t action_name_bytes_max = 64;
inline constexpr std::size_t run_step_bytes_max = 200;
inline constexpr std::size_t run_error_bytes_max = 1024;
inline constexpr std::size_t client_field_bytes_max = 200;  // each of program, host, window
inline constexpr std::size_t page_cursor_bytes_max = 64;    // of the lists of sessions and of a session's state
inline constexpr std::uint64_t token_max = (std::uint64_t{1} << 53) - 1;

// For how long a holder may rely on a lease that he has renewed: what clocks that differ, and the way, leave of it.
constexpr Millis trusted(Millis lease) { return lease - lease / 50 - Millis(500); }

struct Limits {
  std::uint32_t targets_per_acquire_max = 1000;
  std::uint32_t targets_per_wait_max = 100;
  std::uint32_t locks_per_session_max = 10'000;  // counted in targets held
  std::uint32_t waits_per_session_max = 16;
  std::uint32_t waiters_per_node_max = 10'000;
  std::uint32_t sessions_per_user_max = 20;
  std::uint32_t sessions_per_service_max = 200;
  std::uint32_t requests_in_flight_per_session_max = 64;
  std::uint32_t request_ids_per_session_max = 64;
  std::uint32_t ended_grants_max = 100'000;
  std::uint32_t deadlock_steps_max = 1000;
  std::uint32_t conflicts_told_max = 20;
  std::uint32_t list_page_max = 500;
  std::uint32_t watched_per_session_max = 200;
  std::uint32_t runs_max = 10'000;       // that have not ended, of a namespace
  std::uint32_t runs_per_user_max = 20;  // of them, of one user
  std::uint32_t runs_per_service_max = 1000;
  std::uint32_t runs_ended_max = 10'000;  // remembered, so that what is told late finds its run
  std::uint32_t hold_stops_max = 32;      // actions that a hold names
  Millis wait_max{600'000};
  Millis lease_min{10'000};
  Millis lease_max{1'800'000};
  Millis lease_websocket{30'000};
  Millis temporary_ttl{60'000};  // of a run's locks too: each step begins it anew
  Millis run_wait_max{20'000};   // less than the shortest time after which a proxy gives a request up
  Millis run_kept{86'400'000};   // an ended run
  Millis hold_ttl_max{std::chrono::hours(24 * 366)};
  Millis defer_max{300'000};
  Millis memory_age_max{600'000};  // request ids, ended grants, known versions
  Millis clock_step_max{1000};
};

// For how long the nodes that are known are waited for before a log that was closed is opened (Redis). An outage is
// this and the time until a master is there: together less than the holder of the shortest lease relies on it.
inline constexpr Millis quarantine_default = Limits{}.lease_min / 2;
static_assert(quarantine_default < trusted(Limits{}.lease_min));

}  // namespace hf
