#include "outbox/relay.h"

#include <algorithm>

namespace hf::outbox {
namespace {

constexpr Millis at_once{0};

// A refusal of what was sent, as opposed to one of us or of now.
bool is_about_rows(Code code) noexcept {
  return code == Code::invalid || code == Code::too_large || code == Code::request_id_reused;
}

std::string text_of(const Error& error) {
  return error.detail.empty() ? std::string(code_sentence(error.code)) : error.detail;
}

}  // namespace

std::string_view name_of(RelayNews news) noexcept {
  static constexpr std::string_view names[] = {"leading",     "standing_by", "fenced_off",    "differs",      "refused",
                                               "server_away", "server_back", "database_away", "database_back"};
  return names[static_cast<std::size_t>(news)];
}

Relay::Relay(SqlOutbox outbox, RelayOptions options, Clock clock, std::uint64_t seed, Publish publish, Tell tell)
    : outbox_(std::move(outbox)),
      options_(std::move(options)),
      clock_(std::move(clock)),
      random_(seed),
      publish_(std::move(publish)),
      tell_(std::move(tell)),
      rows_next_(options_.rows_max) {}

Millis Relay::turn() { return leads() ? drain() : stand_by(); }

void Relay::stop() {
  if (leads() && !outbox_.release(fence_)) tell_(RelayNews::database_away, "The lease could not be given back.");
  fence_ = 0;
}

// ---------------------------------------------------------------------------------------------- the lease

Millis Relay::stand_by() {
  auto lease = outbox_.look();
  // Read after the look: what was seen to beat had beaten by then.
  const Time now = clock_();
  if (!lease) return database_is_away(lease.error());
  database_answered();
  const bool alive = !seen_ || seen_->fence != lease->fence || seen_->beat != lease->beat;
  if (!lease->holder.empty() && alive) {
    if (!seen_) tell_(RelayNews::standing_by, lease->holder + " relays.");
    seen_ = std::move(*lease);
    seen_at_ = now;
    return options_.beat;
  }
  const Time dead_at = seen_at_ + options_.lease;
  if (!lease->holder.empty() && now < dead_at) {
    return std::min(options_.beat, std::chrono::ceil<Millis>(dead_at - now));
  }
  return lead(*lease);
}

Millis Relay::lead(const Lease& seen) {
  const Time before = clock_();
  const auto taken = outbox_.take(seen, options_.holder);
  if (!taken) return database_is_away(taken.error());
  if (!*taken) return at_once;  // another was quicker
  // What the former holder may have published was written before it lost the lease: this look sees it.
  const auto lease = outbox_.look();
  if (!lease) return database_is_away(lease.error());
  if (lease->fence != seen.fence + 1) return at_once;
  fence_ = lease->fence;
  flight_ = lease->flight;
  beat_at_ = before;
  seen_.reset();
  publish_at_ = Time();
  tell_(RelayNews::leading, "This relay publishes, with fence " + std::to_string(fence_) + ".");
  return at_once;
}

Millis Relay::lose() {
  tell_(RelayNews::fenced_off, "Another relay took over.");
  fence_ = 0;
  flight_.clear();
  seen_.reset();
  return options_.beat;
}

// ---------------------------------------------------------------------------------------------- draining

Millis Relay::drain() {
  const Time now = clock_();
  const bool wants = now >= publish_at_;
  auto rows = !wants            ? std::vector<Row>()
              : flight_.empty() ? outbox_.read(rows_next_, options_.bytes_max)
                                : outbox_.read(flight_);
  if (!rows) return database_is_away(rows.error());
  if (!rows->empty()) return publish(*rows);
  if (wants) flight_.clear();  // its rows have gone: it was settled, and the answer of the database was lost
  const bool due = now - beat_at_ >= options_.beat;
  if (due) {
    const auto beaten = outbox_.beat(fence_);
    if (!beaten) return database_is_away(beaten.error());
    if (*beaten == Fenced::lost) return lose();
    beat_at_ = now;
  }
  if (wants || due) database_answered();
  const Millis rest = std::max(std::chrono::ceil<Millis>(publish_at_ - now), options_.poll);
  return std::min(rest, options_.beat);
}

Millis Relay::publish(const std::vector<Row>& rows) {
  std::vector<RefusedRow> refused;
  for (const Row& row : rows) {
    if (auto why = unfit(row)) refused.push_back({row.id, std::move(*why)});
  }
  if (!refused.empty()) return settle({}, refused);
  const Time now = clock_();
  const auto beaten = outbox_.beat(fence_, rows);
  if (!beaten) return database_is_away(beaten.error());
  if (*beaten == Fenced::lost) return lose();
  database_answered();
  beat_at_ = now;
  flight_.clear();
  for (const Row& row : rows) flight_.push_back(row.id);
  ++counts_.batches;
  const auto verdicts = publish_(rows, options_.publish_max);
  if (!verdicts && is_about_rows(verdicts.error().code)) return refuse(rows, verdicts.error());
  if (!verdicts) {
    server_is_away(verdicts.error());
    return at_once;
  }
  if (!server_trouble_.empty()) tell_(RelayNews::server_back, "The server takes events again.");
  server_trouble_.clear();
  server_delay_ = Millis(0);
  rows_next_ = std::min(options_.rows_max, rows_next_ * 2);
  return take(rows, *verdicts);
}

Millis Relay::take(const std::vector<Row>& rows, const std::vector<Verdict>& verdicts) {
  std::vector<Row> done;
  std::vector<RefusedRow> refused;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string version = std::to_string(verdicts[i].number);
    switch (verdicts[i].kind) {
      case Verdict::Kind::logged: ++counts_.logged; break;
      case Verdict::Kind::stale: ++counts_.stale; break;
      case Verdict::Kind::differs:
        ++counts_.differs;
        tell_(RelayNews::differs,
              describe(rows[i]) + ": the server knows version " + version + " with another content.");
        break;
      case Verdict::Kind::deleted:
        if (is_deletion(rows[i])) {
          ++counts_.stale;
          break;
        }
        refused.push_back({rows[i].id, "stale: the bill was deleted, with version " + version +
                                           ". If it was made again under its id, the event that makes it says "
                                           "\"created\":true; if it was not, delete this row."});
        continue;
    }
    done.push_back(rows[i]);
  }
  return settle(done, refused);
}

Millis Relay::refuse(const std::vector<Row>& rows, const Error& error) {
  auto place = place_named(error.field, rows.size());
  if (!place && rows.size() == 1) place = 0;
  if (place) return settle({}, {{rows[*place].id, std::string(code_name(error.code)) + ": " + text_of(error)}});
  rows_next_ = rows.size() / 2;
  return settle({}, {});
}

Millis Relay::settle(const std::vector<Row>& sent, const std::vector<RefusedRow>& refused) {
  const auto settled = outbox_.settle(fence_, sent, refused);
  if (!settled) return database_is_away(settled.error());
  if (*settled == Fenced::lost) return lose();
  flight_.clear();
  for (const RefusedRow& row : refused) {
    ++counts_.refused;
    tell_(RelayNews::refused, "Row " + std::to_string(row.id) + " stays in the outbox. " + row.why);
  }
  return at_once;
}

// ---------------------------------------------------------------------------------------------- trouble

Millis Relay::back_off(Millis& delay) {
  delay = std::clamp(delay * 2, options_.retry_min, options_.retry_max);
  const auto half = static_cast<std::uint64_t>(delay.count()) / 2;
  return Millis(static_cast<std::int64_t>(half + random_.below(half + 1)));
}

void Relay::server_is_away(const Error& error) {
  publish_at_ = clock_() + back_off(server_delay_);
  const std::string trouble = std::string(code_name(error.code)) + ": " + text_of(error);
  if (trouble != server_trouble_) tell_(RelayNews::server_away, "The rows wait. " + trouble);
  server_trouble_ = trouble;
}

Millis Relay::database_is_away(const Error& error) {
  if (error.detail != database_trouble_) tell_(RelayNews::database_away, error.detail);
  database_trouble_ = error.detail;
  return back_off(database_delay_);
}

void Relay::database_answered() {
  if (!database_trouble_.empty()) tell_(RelayNews::database_back, "The outbox's database answers again.");
  database_trouble_.clear();
  database_delay_ = Millis(0);
}

}  // namespace hf::outbox
