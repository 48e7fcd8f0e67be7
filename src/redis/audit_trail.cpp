#include "redis/audit_trail.h"

#include <algorithm>
#include <utility>

#include "redis/digits.h"
#include "redis/scripts.h"

namespace hf::redis {
namespace {

constexpr Micros ask_every{1'000'000};
constexpr Micros pay_again{1'000'000};
constexpr Micros append_every = std::chrono::hours(1);  // also without changes: old batches go when one is appended
constexpr Micros patience_apart{2'000'000};             // the next in rank waits that much longer for the trail to move
constexpr std::size_t batches_a_time = 4;

}  // namespace

AuditTrail::AuditTrail(AuditTrailOptions options, Link& writer) : options_(std::move(options)), writer_(writer) {}

template <class F>
auto AuditTrail::guarded(F work) {
  return [this, alive = std::weak_ptr(alive_), life = life_, work = std::move(work)](const auto&... answer) {
    if (!alive.expired() && life == life_) work(answer...);
  };
}

// ------------------------------------------------------------------------------------------------- what is decided

void AuditTrail::begin(const LogPlace& place) {
  end_payment(false);
  ++life_;
  known_from_ = known_to_ = place;
  entry_.clear();
  rows_.clear();
  lacking_bytes_ = 0;
  heard_ = checked_ = checking_ = copying_ = false;
  asked_at_ = {};
  due_since_.reset();
}

void AuditTrail::add(std::string_view ns, std::string_view changes) {
  AuditRow* row = nullptr;
  while (const auto change = take_change(changes)) {
    if (!is_audited(*change)) continue;
    if (row == nullptr) {
      const auto at = std::ranges::lower_bound(entry_, ns, {}, &AuditRow::ns);
      row = &*(at != entry_.end() && at->ns == ns ? at : entry_.insert(at, AuditRow{{}, {}, std::string(ns), {}}));
    }
    row->changes += change->whole;
  }
}

void AuditTrail::end_entry(const LogPlace& place, Wall at) {
  known_to_ = place;
  known_at_ = at;
  for (AuditRow& row : entry_) {
    row.place = place;
    row.at = at;
    lacking_bytes_ += audit_bytes(row);
    rows_.push_back(std::move(row));
  }
  entry_.clear();
}

// What the trail has need not be kept here as well.
void AuditTrail::forget(const LogPlace& until) {
  while (!rows_.empty() && rows_.front().place <= until) rows_.pop_front();
  known_from_ = std::max(known_from_, std::min(until, known_to_));
}

void AuditTrail::count_lacking() {
  lacking_bytes_ = 0;
  for (auto row = rows_.rbegin(); row != rows_.rend() && row->place > audited_; ++row)
    lacking_bytes_ += audit_bytes(*row);
}

bool AuditTrail::whole(std::string& why) const {
  if (options_.store == nullptr) {
    why = "No audit trail is kept here.";
  } else if (!trouble_.empty()) {
    why = trouble_;
  } else if (!checked_ || mirrored_ < known_from_) {
    why = "The audit trail is being read from Redis: ask again in a moment.";
  } else {
    return true;
  }
  return false;
}

// ------------------------------------------------------------------------------------------------- the copy

void AuditTrail::tick(const Log& log, std::size_t rank, Micros now) {
  if (asked_at_ == Micros{} || now - asked_at_ >= ask_every) {
    asked_at_ = now;
    ask();
  }
  if (!heard_ || payment_ || known_to_.is_nil()) return;
  if (moved_at_ == Micros{}) moved_at_ = now;
  const bool lost = audited_ < known_from_ || (checked_ && audited_ < mirrored_);  // a failover may do that
  if (!lost && !audited_.is_nil() && lacking_bytes_ < options_.batch_bytes && now - moved_at_ < append_every) {
    due_since_.reset();
    return;
  }
  if (!due_since_) due_since_ = now;
  const Micros wait = patience_apart * static_cast<int>(std::min<std::size_t>(rank, 20));
  if (now - *due_since_ < wait || now - paid_at_ < pay_again) return;
  const bool over_gap = source(false) == Source::nothing;
  if (over_gap && now - *due_since_ < wait + options_.gap_after) return;
  paid_at_ = now;
  pay(log, known_to_, SIZE_MAX, over_gap, [](bool) {});
}

void AuditTrail::ask() {
  writer_.send({"HMGET", options_.meta, "audited", "audit_trimmed"}, options_.timeout,
               guarded([this](const Result<Reply>& reply) {
                 if (!reply || reply->items.size() != 2) return;
                 const auto audited = read_audit_id(reply->items[0].text);
                 const auto trimmed = read_audit_id(reply->items[1].text);
                 if (audited && trimmed) hear(*audited, *trimmed);
               }));
}

void AuditTrail::hear(const LogPlace& audited, const LogPlace& trimmed) {
  if (audited != audited_) {
    moved_at_ = {};
    due_since_.reset();
  }
  if (checked_ && trimmed != trimmed_) options_.store->trim(trimmed);
  heard_ = true;
  audited_ = audited;
  trimmed_ = trimmed;
  if (options_.store == nullptr) {
    forget(audited_);
  } else if (checked_) {
    copy();
  } else {
    check_store();
  }
  count_lacking();
}

// A store that was left for a while, or by a node whose log was replaced, may end with what never came into this trail.
void AuditTrail::check_store() {
  if (checking_) return;
  checking_ = true;
  if (audited_.is_nil()) return replace_store();
  options_.store->cut(audited_, guarded([this](const std::optional<AuditStore::End>& end) { store_ends(end); }));
}

void AuditTrail::store_ends(const std::optional<AuditStore::End>& end) {
  if (!end || end->place.is_nil()) {
    checking_ = false;
    if (end) accept_store({});
    return;  // ask() comes again
  }
  const std::string id = audit_id(end->place);
  writer_.send({"XRANGE", options_.trail, id, id}, options_.timeout,
               guarded([this, end = *end](const Result<Reply>& reply) {
                 if (reply && !reply->is_error()) {
                   const auto there = reply->items.empty() ? std::nullopt : read_audit_entry(reply->items[0]);
                   if (!there || there->id != end.batch) return replace_store();
                   accept_store(end.place);
                 }
                 checking_ = false;
               }));
}

void AuditTrail::replace_store() {
  options_.store->set_aside(guarded([this](bool begun) {
    checking_ = false;
    if (begun) accept_store({});
  }));
}

void AuditTrail::accept_store(const LogPlace& end) {
  checked_ = true;
  mirrored_ = end;
  forget(mirrored_);
  options_.store->trim(trimmed_);
  copy();
}

void AuditTrail::copy() {
  if (copying_ || mirrored_ >= audited_) return;
  copying_ = true;
  writer_.send({"XRANGE", options_.trail, mirrored_.is_nil() ? "-" : "(" + audit_id(mirrored_), "+", "COUNT",
                digits(batches_a_time)},
               options_.timeout * 5, guarded([this](const Result<Reply>& answer) { copied(answer); }));
}

void AuditTrail::copied(const Result<Reply>& answer) {
  copying_ = answer && !answer->is_error() && !answer->items.empty();
  if (!copying_) return;  // ask() comes again
  for (std::size_t i = 0; i < answer->items.size(); ++i) {
    auto batch = read_audit_entry(answer->items[i]);
    if (!batch) {
      trouble_ = "The audit trail in Redis has what this version does not understand: upgrade this node.";
      copying_ = false;
      return;
    }
    const LogPlace to = batch->to;
    const bool last = i + 1 == answer->items.size();
    options_.store->take(*std::move(batch), trimmed_, guarded([this, to, last](bool taken) {
      if (last || !taken) copying_ = false;
      if (!taken) return;  // ask() comes again
      mirrored_ = to;
      forget(to);
      if (!last) return;
      trouble_.clear();
      copy();
    }));
    if (!copying_) return;
  }
}

// ------------------------------------------------------------------------------------------------- the trail in Redis

void AuditTrail::settle(const Log& log, const LogPlace& place, std::size_t batches_max,
                        std::function<void(bool)> done) {
  if (payment_ && payment_->log == log) {
    payment_->to = std::max(payment_->to, place);
    payment_->done.push_back(std::move(done));
    return;
  }
  end_payment(false);
  pay(log, place, batches_max, false, std::move(done));
}

// From where the next batch comes. What only the store has goes first.
AuditTrail::Source AuditTrail::source(bool over_gap) const {
  if (options_.store != nullptr && checked_ && audited_ < mirrored_ && audited_ < known_from_) return Source::store;
  if (audited_ >= known_from_ || audited_.is_nil() || over_gap) return Source::rows;
  return Source::nothing;
}

AuditBatch AuditTrail::next_batch() const {
  AuditBatch batch;
  batch.from = audited_;
  batch.id = options_.random();
  if (audited_ < known_from_) batch.from = known_from_;
  std::size_t bytes = 0;
  auto row = std::ranges::upper_bound(rows_, batch.from, {}, &AuditRow::place);
  for (; row != rows_.end(); ++row) {
    const bool full = bytes >= options_.batch_bytes;
    if (full && row->place != batch.rows.back().place) break;
    bytes += audit_bytes(*row);
    batch.rows.push_back(*row);
  }
  batch.to = row == rows_.end() ? known_to_ : batch.rows.back().place;
  return batch;
}

void AuditTrail::pay(const Log& log, const LogPlace& to, std::size_t batches_max, bool over_gap,
                     std::function<void(bool)> done) {
  payment_ = Payment{++payments_, log, to, batches_max, over_gap, {}};
  payment_->done.push_back(std::move(done));
  pay_on();
}

void AuditTrail::pay_on() {
  if (heard_ && audited_ >= payment_->to) return end_payment(true);
  const Source from = source(payment_->over_gap);
  if (payment_->batches_left == 0 || from == Source::nothing) return end_payment(false);
  --payment_->batches_left;
  if (from == Source::store) return send_stored();
  send(next_batch());
}

void AuditTrail::send_stored() {
  AuditBatch batch;
  batch.from = audited_;
  batch.to = mirrored_;  // of rows behind it, or of none, the store has nothing more to say
  batch.id = options_.random();
  options_.store->rows(
      audited_, options_.batch_bytes,
      guarded([this, batch, number = payment_->number](const std::optional<std::vector<AuditRow>>& rows) {
        if (!payment_ || payment_->number != number) return;
        if (!rows) return end_payment(false);
        if (audited_ != batch.from) return pay_on();  // another node has been faster
        AuditBatch stored = batch;
        stored.rows = *rows;
        if (!rows->empty()) stored.to = rows->back().place;
        send(std::move(stored));
      }));
}

void AuditTrail::send(AuditBatch batch) {
  std::size_t bytes = 0;
  for (const AuditRow& row : batch.rows) bytes += audit_bytes(row);
  const Wall at = batch.rows.empty() ? known_at_ : batch.rows.back().at;
  const bool gap = !audited_.is_nil() && batch.from > audited_;
  std::string data = write_audit_rows(batch.rows);
  const std::size_t stored = data.size();
  Arguments rest{"2",
                 options_.meta,
                 options_.trail,
                 digits(payment_->log.generation),
                 payment_->log.open ? "1" : "0",
                 audit_id(audited_),
                 audit_id(batch.from),
                 audit_id(batch.to),
                 batch.id.text(),
                 std::to_string(to_us(at) / 1000),
                 digits(bytes),
                 std::move(data),
                 digits(options_.bytes_max),
                 std::to_string(options_.age_max.count())};
  call_script(
      writer_, script_audit, std::move(rest), [timeout = options_.timeout] { return timeout; },
      guarded([this, gap, stored, number = payment_->number](const Result<Reply>& answer) {
        if (answer && answer->items.size() == 2 && answer->items[0].integer == 1) {
          ++counters_.batches;
          counters_.bytes += stored;
          if (gap) ++counters_.gaps;
        }
        if (payment_ && payment_->number == number) paid(answer);
      }));
}

void AuditTrail::paid(const Result<Reply>& answer) {
  if (!answer || answer->is_error() || answer->items.size() != 2) return end_payment(false);
  const auto audited = read_audit_id(answer->items[1].text);
  if (!audited) return end_payment(false);
  hear(*audited, trimmed_);
  if (payment_) pay_on();
}

void AuditTrail::end_payment(bool paid) {
  if (!payment_) return;
  const Payment ended = *std::exchange(payment_, std::nullopt);
  for (const auto& done : ended.done) done(paid);
}

}  // namespace hf::redis
