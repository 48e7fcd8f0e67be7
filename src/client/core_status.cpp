#include <algorithm>
#include <boost/json.hpp>

#include "client/core.h"
#include "client/status_values.h"
#include "client/values.h"
#include "wire/json_text.h"
#include "wire/status_said.h"

namespace hf::client {

using holdfast::failure;
using holdfast::Nothing;
using holdfast::TodoState;

namespace {

constexpr std::uint32_t notices_per_page = 500;

holdfast::Error not_shown(std::uint32_t rows) {
  return failure(holdfast::Code::invalid,
                 "rows that this program cannot read are not shown: " + std::to_string(rows) +
                     "; it may be older than the server",
                 "upsert")
      .value();
}

}  // namespace

// ---------------------------------------------------------------------------------------------- publishing
// The outbox is part of pending_: its first publish is a call like others, the rest stand in line for it. So two never
// overtake each other, whatever is repeated.

void Core::publish(Time now, const std::vector<holdfast::LogEvent>& events, const std::string& batch_id,
                   Millis deadline, Reply<std::vector<holdfast::Published>> reply) {
  using Results = std::vector<holdfast::Published>;
  end_due(now);
  const std::size_t waiting = std::max<std::size_t>(1, events.size());
  if (waiting > options_.outbox_events_max - std::min(options_.outbox_events_max, outbox_events_)) {
    return answer<Results>(
        reply, failure(holdfast::Code::too_many,
                       "the outbox is full: " + std::to_string(outbox_events_) + " events wait for the server"));
  }
  Pending pending;
  Publish fields;
  fields.caller.request_id = batch_id.empty() ? id_prefix_ + "p" + std::to_string(last_id_ + 1) : batch_id;
  for (std::size_t i = 0; i < events.size(); ++i) {
    auto event = from_public(events[i], i);
    if (!event) return answer<Results>(reply, tl::unexpected(to_public(event.error())));
    fields.events.push_back(*std::move(event));
  }
  // Written once, however often it is sent.
  std::string whole;
  append_fields(whole, Fields(std::move(fields)));
  if (whole.size() > publish_bytes_max) {
    return answer<Results>(
        reply, failure(holdfast::Code::too_large, "a batch has up to 1,000,000 bytes: publish it in parts", "events"));
  }
  pending.fields = GetStats{};
  pending.raw_op = name_of(Op::status_publish);
  pending.raw_fields = whole.substr(1, whole.size() - 2);
  pending.in_line = !outbox_.empty();
  const std::uint64_t id = last_id_ + 1;  // what was due is done: submit() takes this one
  pending.complete = [this, reply, id, count = events.size()](Time, holdfast::Result<Answered> answered) {
    next_publish(id);
    if (!answered) return answer<Results>(reply, tl::unexpected(answered.error()));
    auto results = read_published(answered->body);
    if (!results || results->size() != count)
      return answer<Results>(reply, failure(holdfast::Code::unknown_outcome, "the server's answer cannot be read"));
    answer<Results>(reply, *std::move(results));
  };
  if (phase_ != Phase::closed) {
    outbox_.emplace(id, waiting);
    outbox_events_ += waiting;
  }
  submit(now, std::move(pending), deadline);
}

void Core::next_publish(std::uint64_t done) {
  const auto at = outbox_.find(done);
  if (at == outbox_.end()) return;
  outbox_events_ -= at->second;
  const bool first = at == outbox_.begin();
  outbox_.erase(at);
  if (first && !outbox_.empty()) unsent_.insert(outbox_.begin()->first);
}

// The server reads less than we thought. Sent again it would close every connection.
void Core::refuse_publish_too_big(Time now) {
  if (outbox_.empty()) return;
  const std::uint64_t id = outbox_.begin()->first;
  const auto at = pending_.find(id);
  if (at == pending_.end() || !at->second.in_flight) return;
  finish(now, id, failure(holdfast::Code::too_large, "the server does not read so large a batch", "events"));
}

// ---------------------------------------------------------------------------------------------- following

template <class Callback, class... Values>
void Core::tell_view(const Callback& callback, Values... values) {
  emit([callback, alive = followed_->alive, ... values = std::move(values)] {
    if (alive->load(std::memory_order_acquire)) callback(values...);
  });
}

void Core::follow(Time now, std::shared_ptr<Followed> followed, Reply<Nothing> reply) {
  end_due(now);
  if (phase_ == Phase::closed) return answer<Nothing>(reply, tl::unexpected(link_error_));
  if (followed_ != nullptr)
    return answer<Nothing>(reply, failure(holdfast::Code::invalid, "this client follows a to-do tree already"));
  followed_ = std::move(followed);
  answer<Nothing>(reply, Nothing{});
  if (phase_ == Phase::ready) subscribe_todo(now);
}

void Core::unfollow(Time now, const std::shared_ptr<Followed>& followed) {
  end_due(now);
  if (followed_ != followed) return;
  followed_.reset();
  todo_due_ = Time::max();
  if (const std::uint64_t asked = std::exchange(todo_asked_, 0); asked != 0)
    finish(now, asked, failure(holdfast::Code::session_gone, "the view is gone"));
  quietly(now, TodoUnsubscribeFields{});
}

void Core::subscribe_todo(Time now) {
  todo_due_ = Time::max();
  const holdfast::TodoOptions& options = followed_->options;
  {
    std::lock_guard guard(followed_->mutex);
    followed_->todo.subscribing();
  }
  Pending pending;
  pending.fields =
      TodoSubscribeFields{.types = options.types,
                          .rows = options.rows == holdfast::TodoOptions::Rows::all ? TodoRows::all : TodoRows::opened,
                          .open = options.open,
                          .cursor = {}};
  const std::uint64_t id = last_id_ + 1;
  pending.complete = [this, id](Time at, const holdfast::Result<Answered>& answered) {
    if (todo_asked_ == id) todo_subscribed(at, answered);
  };
  todo_asked_ = id;
  submit(now, std::move(pending), forever);
}

void Core::todo_subscribed(Time now, const holdfast::Result<Answered>& answered) {
  todo_asked_ = 0;
  if (phase_ == Phase::closed) return;  // stop() ends the tree
  TodoCore& todo = followed_->todo;
  if (answered) {
    if (todo.wants_resubscribe()) doubt_todo(now, todo.doubts());
    list_notices(now);
    return show_todo(TodoState::catching_up);
  }
  switch (answered.error().code) {
    // The connection or the session is about to change.
    case holdfast::Code::session_gone:
    case holdfast::Code::unauthenticated:
    case holdfast::Code::too_many: todo_due_ = now + resubscribe_base; return;
    default: break;
  }
  if (answered.error().field == "cursor" && !todo.cursor().empty()) {
    {
      std::lock_guard guard(followed_->mutex);
      todo.forget_cursor();
    }
    return subscribe_todo(now);
  }
  end_todo(answered.error());
}

// Those that were made while nobody listened, and have not been read. Where some were told before, all that are unread:
// what is not among them was read meanwhile.
void Core::list_notices(Time now) {
  Followed& f = *followed_;
  if (!f.options.on_notice) return;
  f.notices_missing = f.notices_unread;
  f.notices_page = f.notices_missing.empty() ? f.notices_listed : 0;
  ask_notices(now);
}

void Core::ask_notices(Time now) {
  Pending pending;
  pending.fields = ListNotices{.audience = nullptr, .after = followed_->notices_page, .limit = notices_per_page};
  pending.complete = [this, followed = followed_](Time at, const holdfast::Result<Answered>& answered) {
    if (answered && followed_ == followed) notices_listed(at, answered->body);
  };
  submit(now, std::move(pending), forever);
}

void Core::notices_listed(Time now, std::string_view body) {
  auto page = read_notices(body);
  if (!page) return;
  Followed& f = *followed_;
  const std::uint64_t before = f.notices_page;
  for (holdfast::Notice& notice : *page) {
    f.notices_missing.erase(notice.notice);
    f.notices_page = std::max(f.notices_page, notice.notice);
    tell_notice(std::move(notice), true);
  }
  // The end is an empty page.
  if (f.notices_page > before) return ask_notices(now);
  tell_notices_read(std::exchange(f.notices_missing, {}));
}

// Once, whether it was pushed or listed first.
void Core::tell_notice(holdfast::Notice&& notice, bool listed) {
  if (notice.notice <= followed_->notices_listed) return;
  auto& heard = followed_->notices_heard;
  const bool fresh = heard.insert(notice.notice).second;
  if (listed) {
    followed_->notices_listed = notice.notice;
    heard.erase(heard.begin(), heard.upper_bound(notice.notice));
  }
  if (!fresh) return;
  if (followed_->options.on_notices_read) followed_->notices_unread.insert(notice.notice);
  tell_view(followed_->options.on_notice, std::move(notice));
}

void Core::tell_notices_read(const std::set<std::uint64_t>& numbers) {
  std::vector<std::uint64_t> read;
  for (const std::uint64_t number : numbers) {
    followed_->notices_missing.erase(number);
    if (followed_->notices_unread.erase(number) > 0) read.push_back(number);
  }
  if (!read.empty()) tell_view(followed_->options.on_notices_read, std::move(read));
}

// Rows that do not fit are wrong, but nobody is served by a client that asks for them without end.
void Core::doubt_todo(Time now, std::uint32_t doubts) {
  const auto wait =
      std::min<std::int64_t>(resubscribe_max.count(), resubscribe_base.count() << std::min(doubts, 10U) >> 1);
  todo_due_ = std::min(todo_due_, doubts <= 1 ? now : now + Millis(wait));
}

bool Core::pushed_status(Time now, const std::string& name, std::string_view text) {
  if (followed_ == nullptr) return false;
  const holdfast::TodoOptions& options = followed_->options;
  if (name.starts_with("todo.")) {
    if (todo_asked_ != 0) return true;  // of a former subscription
    holdfast::TodoChanges changes;
    bool live = false;
    std::uint32_t doubts = 0, unread = 0;
    {
      std::lock_guard guard(followed_->mutex);
      TodoCore& todo = followed_->todo;
      if (auto fed = todo.feed(text)) changes = *std::move(fed);
      live = todo.live();
      unread = todo.unread();
      if (todo.wants_resubscribe()) doubts = todo.doubts();
    }
    if (changes.snapshot == "epoch") {  // another log, which counts anew
      followed_->steps_told = followed_->notices_listed = 0;
      followed_->notices_heard.clear();
      followed_->notices_unread.clear();
      followed_->notices_missing.clear();
    }
    // Not live is said before what shows it, live after.
    if (todo_asked_ == 0 && !live) show_todo(TodoState::catching_up);
    if (options.on_change && !changes.empty()) tell_view(options.on_change, std::move(changes));
    if (doubts > 0 && todo_asked_ == 0) doubt_todo(now, doubts);
    if (todo_asked_ == 0 && live) show_todo(TodoState::live, unread > 0 ? not_shown(unread) : holdfast::Error{});
    return true;
  }
  const bool wanted = (name == "notice" && options.on_notice) || (name == "notice.read" && options.on_notices_read) ||
                      (name == "run.step" && options.on_run_step);
  if (!wanted) return false;
  const auto value = parse_json(text);
  const boost::json::object* object = value ? value->if_object() : nullptr;
  if (object == nullptr) return true;
  if (name == "notice") {
    if (auto notice = read_notice(*object)) tell_notice(*std::move(notice), false);
    return true;
  }
  if (name == "notice.read") {
    NumbersRead read;
    if (read_kindly(*object, read)) tell_notices_read({read.numbers.begin(), read.numbers.end()});
    return true;
  }
  auto step = read_run_step(*object);
  if (!step || (step->offset != 0 && step->offset <= followed_->steps_told)) return true;
  followed_->steps_told = step->offset;
  tell_view(options.on_run_step, *std::move(step));
  return true;
}

void Core::show_todo(TodoState state, holdfast::Error why) {
  if (followed_ == nullptr) return;
  {
    std::lock_guard guard(followed_->mutex);
    if (followed_->state == state && followed_->why == why) return;
    followed_->state = state;
    followed_->why = why;
    followed_->changed.notify_all();
  }
  if (followed_->options.on_state) tell_view(followed_->options.on_state, state, std::move(why));
}

void Core::end_todo(holdfast::Error why) {
  show_todo(TodoState::closed, std::move(why));
  followed_.reset();
  todo_asked_ = 0;
  todo_due_ = Time::max();
}

}  // namespace hf::client
