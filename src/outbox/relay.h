#pragma once

// Relay drains an outbox: it reads what waits there, publishes it, and removes what the server has acknowledged.
//
// Guarantees, with any number of relays at one outbox:
//   1. a row leaves the outbox only after the server's answer to it, or with the reason why the server will not have
//   it;
//   2. one of them publishes. The lease in the database beats while its holder lives; another relay takes over when it
//      has not seen it beat for `lease`, by its own clock, and from then on the former one can change nothing;
//   3. what one relay may have published is published again by the next as the same batch, before anything else: the
//      server answers it as before. So a repeat shows nothing twice, also of bills without versions;
//   4. a row that the server will not have holds up no other row.
//
// It reads no clock: `clock` is given. turn() blocks while the database and the server take their time, no longer than
// their deadlines. Not thread-safe.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "outbox/batch.h"
#include "outbox/sql_outbox.h"

namespace hf::outbox {

using Time = std::chrono::steady_clock::time_point;

struct RelayOptions {
  std::string holder;  // who we are, for people; not empty
  Millis lease{10'000};
  Millis beat{2'000};
  Millis publish_max{4'000};  // with `beat` well below `lease`: whoever publishes still holds it
  Millis poll{100};
  Millis retry_min{100};  // doubles up to retry_max while the server or the database is away, half of it by chance
  Millis retry_max{5'000};
  std::size_t rows_max = 1000;           // of a batch, as the server takes them
  std::uint64_t bytes_max = 512 * 1024;  // of its events: the server takes 1 MB, if nobody has set it lower
};

enum class RelayNews : std::uint8_t {
  leading,        // this relay publishes from now on
  standing_by,    // another one does
  fenced_off,     // another one took over
  differs,        // two publishers say different things under one version: the row was acknowledged
  refused,        // the server will not have a row: it stays, with the reason
  server_away,    // or it wants nothing of us; the rows wait
  server_back,    // after server_away
  database_away,  // tried again
  database_back,
};
std::string_view name_of(RelayNews news) noexcept;

struct RelayCounts {
  std::uint64_t logged = 0, stale = 0, differs = 0, refused = 0, batches = 0;
};

class Relay {
 public:
  using Clock = std::function<Time()>;
  // Publishes the rows and waits for the answer at most so long.
  using Publish = std::function<Result<std::vector<Verdict>>(const std::vector<Row>& rows, Millis deadline)>;
  // What an operator should know, with a sentence about this very case.
  using Tell = std::function<void(RelayNews news, const std::string& text)>;

  Relay(SqlOutbox outbox, RelayOptions options, Clock clock, std::uint64_t seed, Publish publish, Tell tell);

  // Does what is due, one batch at most. How long nothing more is to be done.
  Millis turn();
  // Lets another relay go on at once. What is in flight stays so.
  void stop();

  bool leads() const noexcept { return fence_ > 0; }
  const RelayCounts& counts() const noexcept { return counts_; }

 private:
  Millis stand_by();
  Millis drain();
  Millis publish(const std::vector<Row>& rows);
  Millis take(const std::vector<Row>& rows, const std::vector<Verdict>& verdicts);
  Millis settle(const std::vector<Row>& sent, const std::vector<RefusedRow>& refused);
  Millis refuse(const std::vector<Row>& rows, const Error& error);
  Millis lead(const Lease& seen);
  Millis lose();

  void server_is_away(const Error& error);
  Millis database_is_away(const Error& error);
  void database_answered();
  Millis back_off(Millis& delay);

  SqlOutbox outbox_;
  const RelayOptions options_;
  const Clock clock_;
  Random random_;
  const Publish publish_;
  const Tell tell_;
  RelayCounts counts_;

  std::int64_t fence_ = 0;  // 0: another relay leads
  Time beat_at_{};
  std::vector<RowId> flight_;
  std::size_t rows_next_;  // fewer after a refusal that names no row

  std::optional<Lease> seen_;  // while standing by
  Time seen_at_{};

  Time publish_at_{};  // not before
  Millis server_delay_{0};
  Millis database_delay_{0};
  std::string server_trouble_, database_trouble_;  // as told; empty: none
};

}  // namespace hf::outbox
