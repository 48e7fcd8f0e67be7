#pragma once

// The limits of status sync, their names and defaults: what base/limits.h is for locks. What the wire format itself
// fixes is a constant, what a namespace may change is a member of StatusLimits.

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace hf {

inline constexpr std::size_t status_event_bytes_max = 2048;  // all its texts and fields together
inline constexpr std::size_t status_fields_max = 64;
inline constexpr std::size_t batch_id_bytes_max = 64;
inline constexpr std::uint64_t version_max = (std::uint64_t{1} << 53) - 1;

struct StatusLimits {
  std::uint32_t events_per_batch_max = 1000;
  std::uint32_t rows_per_page_max = 500;
  std::uint32_t rows_looked_at_max = 20'000;  // by one page or one diff: a sparse audience takes more pages
  std::uint32_t history_max = 500;
  std::uint32_t runs_per_diff_max = 500;  // the newest
  // The log in memory. Whatever is dropped can be asked for neither by cursor nor as history.
  std::uint64_t log_entries_max = 500'000;
  std::uint64_t log_bytes_max = 256u << 20;
  Millis log_age_max{7 * 24 * 3'600'000LL};
  std::uint32_t swept_per_command_max = 2000;  // log entries, closed bills, batches, notices: each
  // Answers to batches, for repeats.
  std::uint32_t batches_kept_max = 10'000;
  std::uint64_t batch_bytes_max = 16u << 20;
  Millis batch_age_max{24 * 3'600'000};
  // Notices.
  std::uint32_t notices_per_person_max = 500;
  std::uint32_t notices_to_classes_max = 10'000;  // to roles, reviewers, departments
  std::uint32_t notices_max = 200'000;
  std::uint32_t readers_max = 50'000;  // persons whose read marks are kept
  Millis notice_age_max{30LL * 24 * 3'600'000};
  // Bills known: on the board, or closed or deleted and not yet forgotten.
  std::uint64_t bills_per_type_max = 2'000'000;
  std::uint64_t bills_max = 5'000'000;  // of all types
  // Resyncs.
  std::uint32_t resyncs_open_max = 16;
  std::uint64_t resync_bills_max = 2'000'000;
  Millis resync_idle_max{600'000};  // since its last page
};

}  // namespace hf
