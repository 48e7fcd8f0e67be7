#include "client/core.h"

#include <algorithm>

#include "base/assert.h"
#include "client/core_parts.h"
#include "client/values.h"

namespace hf::client {
namespace {

constexpr Millis backoff_base{100};

}  // namespace

using holdfast::LostReason;

std::int64_t Held::deadline_ns() const noexcept {
  const std::int64_t mine = own_deadline_ns.load(std::memory_order_acquire);
  return lease == nullptr ? mine : std::min(mine, lease->deadline_ns.load(std::memory_order_acquire));
}

Core::Core(holdfast::Options options, std::uint64_t seed, std::size_t addresses)
    : options_(std::move(options)), random_(seed), addresses_(addresses), token_(options_.token) {
  const std::uint64_t hi = random_.next();
  const std::uint64_t lo = random_.next();
  id_prefix_ = Id128{hi, lo}.text() + "-";
}
// A callback may well keep the handle that keeps it: whoever still holds one is told nothing more, so both can go.
Core::~Core() {
  std::vector<decltype(Held::watchers)> last_words;
  for (auto& [id, held] : locks_) last_words.push_back(std::exchange(held->watchers, {}));
}

Output Core::take() {
  Output out = std::move(out_);
  out_ = Output{};
  return out;
}

void Core::emit(std::function<void()> run, bool direct) { out_.calls.push_back({std::move(run), direct}); }

void Core::show(holdfast::Link link, bool resumed, holdfast::Error why) {
  if (shown_ == link && link != holdfast::Link::ready) return;
  shown_ = link;
  if (!options_.on_link) return;
  emit([callback = options_.on_link, change = holdfast::LinkChange{link, resumed, std::move(why)}] {
    callback(change);
  });
}

// ---------------------------------------------------------------------------------------------- the link

void Core::start(Time now) {
  if (phase_ == Phase::idle) begin_connect(now);
}

void Core::begin_connect(Time now) {
  if (options_.token_provider) {
    phase_ = Phase::token;
    link_due_ = Time::max();
    out_.want_token = true;
    return;
  }
  dial(now);
}

void Core::dial(Time now) {
  phase_ = Phase::dialing;
  link_due_ = now + dial_max;
  out_.connect = true;
  out_.address = address_;
}

void Core::token(Time now, holdfast::Result<std::string> token) {
  end_due(now);
  if (phase_ == Phase::token) {
    if (!token) {
      if (token.error().code == holdfast::Code::unauthenticated || token.error().code == holdfast::Code::forbidden) {
        stop(now, token.error(), LostReason::session_ended);
      } else {
        lost_link(now, token.error(), Millis(0), Address::same);
      }
      return;
    }
    token_ = *std::move(token);
    dial(now);
  } else if (phase_ == Phase::ready && token) {
    token_ = *std::move(token);
    quietly(now, AuthFields{token_});
  }
}

void Core::opened(Time now) {
  end_due(now);
  if (phase_ == Phase::dialing) say_hello(now);
}

void Core::say_hello(Time now) {
  phase_ = Phase::hello;
  link_due_ = now + dial_max;
  hello_sent_ = now;
  hello_id_ = ++last_id_;
  HelloFields hello;
  hello.token = token_;
  hello.session = session_;
  hello.secret = secret_;
  hello.client = from_public(options_.client);
  hello.lease = options_.lease;
  if (session_.is_nil()) {
    if (hello_request_.empty()) hello_request_ = id_prefix_ + "h" + std::to_string(hello_id_);
    hello.request_id = hello_request_;
  } else {
    hello.attempt = ++hello_attempt_;
  }
  append_message(out_.messages.emplace_back(), MessageId(hello_id_), Fields(std::move(hello)));
}

void Core::lost_link(Time now, holdfast::Error why, Millis least, Address address) {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::waiting;
  out_.drop = true;
  out_.messages.clear();
  pongs_.clear();
  early_.clear();
  early_ends_.clear();
  state_asked_ = state_again_ = false;
  in_flight_ = 0;
  for (auto it = pending_.begin(); it != pending_.end();) {
    Pending& pending = it->second;
    if (pending.abandoned || !pending.complete) {
      if (pending.claims) --claims_;
      if (pending.abandoned) orphans_ = true;
      it = pending_.erase(it);
      continue;
    }
    if (pending.in_flight) {
      pending.in_flight = false;
      unsent_.insert(it->first);
    }
    ++it;
  }
  if (address == Address::next) address_ = (address_ + 1) % addresses_;
  // Each round through the addresses waits longer than the one before.
  const std::size_t round = std::min<std::size_t>(link_attempts_++ / addresses_, 10);
  const auto span = std::min<std::int64_t>(backoff_max.count(), backoff_base.count() << round);
  std::int64_t delay = static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(span) + 1));
  if (drain_retry_) {
    delay = static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(drain_retry_->count()) + 1));
    drain_retry_.reset();
  }
  link_due_ = now + std::max(Millis(delay), least);
  link_error_ = why;
  todo_due_ = Time::max();
  show_todo(holdfast::TodoState::connecting, why);
  show(holdfast::Link::connecting, false, std::move(why));
}

void Core::closed(Time now, std::uint16_t code, std::string reason, std::string field) {
  end_due(now);
  if (phase_ == Phase::closed || phase_ == Phase::waiting || phase_ == Phase::token) return;
  if (code == close_code::replaced) {
    stop(now, own(holdfast::Code::session_gone, "another client has taken this session over"), LostReason::replaced);
  } else if (code == close_code::unauthenticated) {
    refuse_identity(now, own(holdfast::Code::unauthenticated, std::move(reason)));
  } else {
    if (code == close_code::too_big) refuse_publish_too_big(now);
    engine_lost_ = engine_lost_ || (code == close_code::drain && reason.starts_with(close_code::engine_lost_reason));
    if (reason.empty()) reason = "the connection was closed";
    const bool drained = code == close_code::drain;
    lost_link(
        now, own(drained ? holdfast::Code::draining : holdfast::Code::unavailable, std::move(reason), std::move(field)),
        Millis(0), drained || phase_ != Phase::ready ? Address::next : Address::same);
  }
}

// With a provider of tokens the first refusal may be an expired token: a fresh one is worth one more try.
void Core::refuse_identity(Time now, holdfast::Error why) {
  if (options_.token_provider && identity_failures_++ == 0) {
    lost_link(now, std::move(why), Millis(0), Address::same);
  } else {
    stop(now, std::move(why), LostReason::session_ended);
  }
}

void Core::stop(Time now, holdfast::Error why, LostReason reason) {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  link_due_ = Time::max();
  out_.drop = true;
  link_error_ = why;
  lose_all(reason);
  auto pending = std::exchange(pending_, {});
  unsent_.clear();
  outbox_.clear();
  outbox_events_ = 0;
  in_flight_ = claims_ = 0;
  due_.clear();
  for (auto& [id, one] : pending) {
    if (one.complete && !one.abandoned) one.complete(now, tl::unexpected(why));
  }
  auto waits = std::exchange(waits_, {});
  for (auto& [id, wait] : waits) answer<Taken>(wait.reply, tl::unexpected(why));
  end_todo(why);
  show(holdfast::Link::closed, false, std::move(why));
}

void Core::end(Time now) {
  end_due(now);
  if (phase_ == Phase::closed) return;
  if (phase_ == Phase::ready) append_message(out_.messages.emplace_back(), MessageId(++last_id_), Fields(EndSession{}));
  auto messages = std::move(out_.messages);
  stop(now, own(holdfast::Code::session_gone, "this client was closed"), LostReason::closed);
  out_.messages = std::move(messages);
  out_.close = true;
}

// The session is no more: its locks are lost, its waits too. The next hello opens another.
void Core::forget_session(Time, LostReason reason) {
  session_ = {};
  secret_ = {};
  hello_request_.clear();
  seq_ = 0;
  lose_all(reason);
  strange_locks_.clear();
  strange_waits_.clear();
  lost_here_.clear();
  releasing_.clear();
  requests_.clear();
  orphans_ = false;
  engine_lost_ = false;
  auto waits = std::exchange(waits_, {});
  for (auto& [id, wait] : waits) {
    answer<Taken>(wait.reply, tl::unexpected(own(holdfast::Code::session_gone, "the session ended while this waited")));
  }
}

// ---------------------------------------------------------------------------------------------- time

bool Core::leased() const {
  return std::any_of(locks_.begin(), locks_.end(), [](const auto& one) { return one.second->lease != nullptr; });
}

Time Core::next() const {
  Time next = link_due_;
  if (!due_.empty()) next = std::min(next, due_.begin()->first);
  if (leased()) next = std::min(next, lease_deadline_);
  if (phase_ == Phase::ready) next = std::min({next, beat_due_, todo_due_, away_due()});
  return next;
}

void Core::tick(Time now) {
  end_due(now);
  if (now < link_due_ || phase_ == Phase::closed) return;
  switch (phase_) {
    case Phase::waiting: begin_connect(now); break;
    case Phase::dialing:
      lost_link(now, own(holdfast::Code::unavailable, "the server cannot be reached: connecting timed out"), Millis(0),
                Address::next);
      break;
    case Phase::hello:
      lost_link(now, own(holdfast::Code::unavailable, "the server did not answer hello"), Millis(0), Address::next);
      break;
    case Phase::ready:
      lost_link(now, own(holdfast::Code::unavailable, "the server has gone silent"), Millis(0), Address::next);
      break;
    default: link_due_ = Time::max();
  }
}

void Core::end_due(Time now) {
  if (leased() && now >= lease_deadline_) {
    std::vector<std::shared_ptr<Held>> gone;
    for (const auto& [id, held] : locks_) {
      if (held->lease != nullptr) gone.push_back(held);
    }
    for (const auto& held : gone) {
      remember(lost_here_, held->lock);
      lose(held, {held->id, LostReason::deadline, {}, true, {}, {}, {}});
    }
  }
  while (!due_.empty() && due_.begin()->first <= now) {
    const Due due = due_.begin()->second;
    due_.erase(due_.begin());
    switch (due.what) {
      case Due::What::deadline: late(now, due.id); break;
      case Due::What::retry:
        if (auto it = pending_.find(due.id); it != pending_.end() && !it->second.in_flight) unsent_.insert(due.id);
        break;
      case Due::What::wait:
        if (waits_.contains(due.lock)) {
          cancel_quietly(now, due.lock);
          wait_over(now, due.lock, own(holdfast::Code::unknown_outcome, "the end of the wait was not told in time"));
        }
        break;
      case Due::What::own:
        if (auto it = locks_.find(due.lock); it != locks_.end() && now >= from_ns(it->second->own_deadline_ns.load())) {
          remember(lost_here_, due.lock);
          const auto held = it->second;
          lose(held, {held->id, LostReason::expired, {}, true, {}, {}, {}});
        }
        break;
    }
  }
  if (phase_ == Phase::ready && now >= beat_due_) beat(now);
  if (phase_ == Phase::ready && now >= todo_due_) subscribe_todo(now);
  if (phase_ == Phase::ready && now >= away_due()) {
    lost_link(now, own(holdfast::Code::unavailable, "the server does not renew the lease"), Millis(0), Address::next);
  }
  pump(now);
}

// A heartbeat of our own went out at a quarter of the lease; what has not been answered by now, another node may
// answer.
Time Core::away_due() const {
  if (addresses_ < 2 || !leased()) return Time::max();
  return lease_deadline_ - trusted(lease_length_) / 8;
}

}  // namespace hf::client
