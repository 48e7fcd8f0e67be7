#include "net/redis_link.h"

#include <algorithm>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/random.h"
#include "net/os_secrets.h"
#include "net/redis_socket.h"
#include "redis/command.h"
#include "redis/resp.h"
#include "redis/server_answers.h"
#include "redis/slots.h"

namespace hf {
namespace {

using redis::Arguments;
using redis::HostPort;
using redis::Meaning;
using redis::Reply;
using redis::Url;

constexpr std::size_t write_bytes_max = 256 * 1024;  // what is not written yet is surely not carried out
constexpr Millis hold_max{200};                      // between two tries while a slot migrates
constexpr std::uint32_t redirects_max = 5;           // without an answer in between, before it waits
constexpr std::uint32_t doublings_max = 16;
constexpr Micros never = Micros::max();

struct Pending;
using Deadlines = std::multimap<Micros, Pending*>;

struct Pending {
  std::uint64_t number = 0;  // in the order of send(); 0: a probe
  Arguments arguments;
  redis::Done done;  // empty: answered, or nobody's; then only its place among the replies is left
  std::optional<Millis> blocking;
  bool sent = false;
  Deadlines::iterator deadline;
};
// Lists, because commands go from one to another whole, in order, and stay where they are in memory.
using Pendings = std::list<Pending>;

// What Redis is silent over, by a command's own words.
struct Block {
  std::uint64_t number;
  Micros sent_at;
  Millis time;
};

// What a new connection is asked before it is of use.
enum class Question : std::uint8_t { auth, select, name, info, save, master, slots };

struct Talk {
  std::unique_ptr<RedisSocket> socket;
  HostPort with;
  std::deque<Question> questions;
  bool stands = false;

  void end() {
    socket.reset();
    questions.clear();
    stands = false;
  }
};

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  fill_random(&seed, sizeof seed);
  return seed;
}

Micros now() { return Loop::now().monotonic; }

}  // namespace

class RedisLink::State : public std::enable_shared_from_this<RedisLink::State> {
 public:
  State(Loop& loop, Url url, LinkOptions options)
      : loop_(loop), url_(std::move(url)), options_(std::move(options)), random_(random_seed()), nodes_(url_.hosts) {
    HF_ASSERT(!url_.hosts.empty() || !url_.socket_path.empty());
    if (url_.connect_timeout) options_.connect_timeout = *url_.connect_timeout;
  }

  void open();
  void close();
  void send(Arguments arguments, Millis timeout, redis::Done done);
  void reconnect();
  bool is_up() const noexcept { return phase_ == Phase::up && !reconnecting_; }

  std::function<void(const redis::ServerInfo&)> up_call;
  std::function<void(const std::string&)> down_call;
  std::string trouble;

 private:
  enum class Phase : std::uint8_t { resting, seeking, greeting, up };
  enum class Rest : std::uint8_t { none, backoff };
  struct Leaving {  // the connection is of no more use; what it still has to answer is waited for
    std::string why;
    std::optional<HostPort> to;
    Micros until;
  };

  // `work` as a callback that keeps the state alive while it runs, and does nothing once the link is gone.
  template <class Work>
  auto guarded(Work work) {
    return [weak = weak_from_this(), work](auto&&... arguments) {
      const auto self = weak.lock();
      if (!self || self->over_) return;
      work(*self, std::forward<decltype(arguments)>(arguments)...);
      if (!self->over_) self->arm();
    };
  }
  void post(void (State::*work)()) {
    loop_.post(guarded([work](State& self) { (self.*work)(); }));
  }

  // Finding the master.
  void attempt();
  void seek();
  void seek_next(const std::string& why);
  void greet(const HostPort& place);
  void talk(Talk& talk, const HostPort& place);
  void opened(Talk& talk);
  void replied(Talk& talk, Reply reply);
  void ended(Talk& talk, const std::string& why);
  void answered(Talk& talk, Question question, const Reply& reply);
  void answered_seeker(Question question, const Reply& reply);
  void answered_main(Question question, const Reply& reply);
  void fail_attempt(const std::string& why);
  void remember(const std::vector<redis::SlotRange>& ranges);
  Micros backoff(std::uint32_t doublings, Millis most);

  // Commands.
  void flush();
  void ask_flush();
  bool may_send() const;
  void replied_main(Reply reply);
  void replied_aside(Reply reply);
  void sort_out(Pendings one, Reply reply, const Talk& from);
  void finish(Pending& command, Result<Reply> result);
  void hold();
  void leave(std::string why, std::optional<HostPort> to = std::nullopt);
  void go_on();
  void send_aside();
  void write_aside();
  void end_aside();
  void lose(const std::string& why, Rest rest);
  void note_block(const Pending& command);

  // Time.
  void on_timer();
  void arm();
  void expire(Micros at);
  void watch_main(Micros at);
  Micros main_given_up_at() const;
  Micros aside_given_up_at() const;
  Micros blocked_until(Micros received_at) const;

  Loop& loop_;
  Url url_;
  LinkOptions options_;
  Random random_;
  std::unique_ptr<RedisTimer> timer_;
  Micros timer_at_ = never;
  bool over_ = false;
  bool reconnecting_ = false;
  bool flush_asked_ = false;

  Phase phase_ = Phase::resting;
  Micros rest_until_{0};
  Micros attempt_until_{0};
  std::uint32_t attempts_ = 0;
  std::uint32_t redirects_ = 0;
  std::uint32_t holds_ = 0;
  std::vector<HostPort> nodes_;  // sentinels, or nodes of the Cluster: whom to ask
  std::size_t node_ = 0;         // of nodes_: who is asked next
  std::size_t nodes_asked_ = 0;  // in this attempt
  std::optional<HostPort> next_place_;

  Talk seeker_;
  Talk main_;
  Talk aside_;  // with the node that a migrating slot goes to
  redis::Standing standing_;
  Micros up_at_{0};
  Micros probed_at_{0};  // when it was asked for a sign of life that has not come; zero: it was not
  std::optional<Leaving> leaving_;
  Micros hold_until_{0};
  HostPort aside_place_;
  Micros aside_at_{0};
  bool asking_answered_ = false;
  std::deque<Block> blocks_;

  // A command is in one of these; what is in sent_ and asked_ may have been carried out, what is in the others has not.
  Pendings waiting_;
  Pendings sent_;   // on main_
  Pendings retry_;  // once sent_ has been answered
  Pendings ask_;    // for aside_, once sent_ has been answered
  Pendings asked_;  // on aside_
  Deadlines deadlines_;
  std::uint64_t numbers_ = 0;
};

// ---------------------------------------------------------------------------------------------- the owner's calls

void RedisLink::State::open() {
  timer_ = std::make_unique<RedisTimer>(loop_, guarded([](State& self) { self.on_timer(); }));
  post(&State::arm);
}

void RedisLink::State::close() {
  over_ = true;
  seeker_.end();
  main_.end();
  aside_.end();
  timer_.reset();
}

void RedisLink::State::send(Arguments arguments, Millis timeout, redis::Done done) {
  if (waiting_.size() >= options_.waiting_max) {
    loop_.post(guarded(
        [done = std::move(done)](State&) { done(fail(Code::unavailable, "Too many commands wait for Redis.")); }));
    return;
  }
  Pending& command = waiting_.emplace_back();
  command.number = ++numbers_;
  command.blocking = redis::blocking_time(arguments);
  command.arguments = std::move(arguments);
  // Nobody may want to know; without a callback it would only be a place among the replies.
  command.done = done ? std::move(done) : [](const Result<Reply>&) {};
  command.deadline = deadlines_.emplace(now() + timeout, &command);
  ask_flush();
}

void RedisLink::State::reconnect() {
  reconnecting_ = true;
  loop_.post(guarded([](State& self) {
    self.reconnecting_ = false;
    self.attempts_ = 0;
    if (self.phase_ == Phase::up) {
      self.lose("The owner asked for a new connection.", Rest::none);
      self.trouble.clear();
      return;
    }
    self.seeker_.end();
    self.main_.end();
    self.phase_ = Phase::resting;
    self.rest_until_ = Micros{0};
  }));
}

// ---------------------------------------------------------------------------------------------- finding the master

Micros RedisLink::State::backoff(std::uint32_t doublings, Millis most) {
  const Micros full =
      std::min<Micros>(options_.backoff_min * (std::int64_t{1} << std::min(doublings, doublings_max)), most);
  const auto half = static_cast<std::uint64_t>(full.count() / 2);
  const std::uint64_t jitter = random_.below(half + 1);
  return Micros(static_cast<std::int64_t>(half + jitter));
}

void RedisLink::State::attempt() {
  nodes_asked_ = 0;
  if (next_place_) return greet(*std::exchange(next_place_, std::nullopt));
  if (url_.topology != Url::Topology::standalone) return seek();
  greet(url_.hosts.empty() ? HostPort{url_.socket_path, 0} : url_.hosts.front());
}

void RedisLink::State::seek() {
  phase_ = Phase::seeking;
  attempt_until_ = now() + options_.connect_timeout;
  ++nodes_asked_;
  talk(seeker_, nodes_[node_ % nodes_.size()]);
}

// The one that was asked is of no help; when no one is, the attempt has failed.
void RedisLink::State::seek_next(const std::string& why) {
  const std::string reason = seeker_.with.text() + ": " + why;
  seeker_.end();
  ++node_;
  if (nodes_asked_ >= nodes_.size()) return fail_attempt(reason);
  trouble = reason;
  seek();
}

void RedisLink::State::greet(const HostPort& place) {
  phase_ = Phase::greeting;
  attempt_until_ = now() + options_.connect_timeout;
  talk(main_, place);
}

void RedisLink::State::talk(Talk& talk, const HostPort& place) {
  talk.end();
  talk.with = place;
  RedisSocket::Events events;
  events.opened = guarded([&talk](State& self) { self.opened(talk); });
  events.replied = guarded([&talk](State& self, Reply reply) { self.replied(talk, std::move(reply)); });
  events.ended = guarded([&talk](State& self, const std::string& why) { self.ended(talk, why); });
  events.written = guarded([&talk](State& self) {
    if (&talk == &self.main_) self.flush();
    if (&talk == &self.aside_) self.go_on();  // an answer may come before the news that all was written
  });
  talk.socket = std::make_unique<RedisSocket>(loop_, url_, place, std::move(events));
}

void RedisLink::State::opened(Talk& talk) {
  std::string bytes;
  const auto ask = [&](Question question, const Arguments& arguments) {
    redis::append_command(bytes, arguments);
    talk.questions.push_back(question);
  };
  const bool sentinel = &talk == &seeker_ && url_.topology == Url::Topology::sentinel;
  if (const auto& credentials = sentinel ? url_.sentinel_credentials : url_.credentials) {
    Arguments auth{"AUTH"};
    if (!credentials->user.empty()) auth.push_back(credentials->user);
    auth.push_back(credentials->password);
    ask(Question::auth, auth);
  }
  if (!options_.name.empty()) ask(Question::name, {"CLIENT", "SETNAME", options_.name});
  if (&talk == &main_) {
    if (url_.db != 0) ask(Question::select, {"SELECT", std::to_string(url_.db)});
    ask(Question::save, {"CONFIG", "GET", "save"});
    ask(Question::info, {"INFO"});
  } else if (sentinel) {
    ask(Question::master, {"SENTINEL", "get-master-addr-by-name", url_.master_name});
  } else if (&talk == &seeker_) {
    ask(Question::slots, {"CLUSTER", "SLOTS"});
  } else if (talk.questions.empty()) {
    talk.stands = true;
    return write_aside();
  }
  talk.socket->write(std::move(bytes));
}

void RedisLink::State::replied(Talk& talk, Reply reply) {
  if (talk.stands) return &talk == &main_ ? replied_main(std::move(reply)) : replied_aside(std::move(reply));
  if (talk.questions.empty()) return ended(talk, "It answers what it was not asked.");
  const Question question = talk.questions.front();
  talk.questions.pop_front();
  answered(talk, question, reply);
}

void RedisLink::State::ended(Talk& talk, const std::string& why) {
  if (&talk == &seeker_) return seek_next(why);
  if (&talk == &aside_) {
    trouble = talk.with.text() + ": " + why;
    return end_aside();
  }
  if (talk.stands) return lose(why, Rest::backoff);
  fail_attempt(talk.with.text() + ": " + why);
}

void RedisLink::State::answered(Talk& talk, Question question, const Reply& reply) {
  if (question == Question::auth && reply.is_error()) {
    return ended(talk, "Redis refuses the user or the password: " + reply.text);
  }
  if (&talk == &seeker_) return answered_seeker(question, reply);
  if (&talk == &main_) return answered_main(question, reply);
  if (!talk.questions.empty()) return;
  talk.stands = true;
  write_aside();
}

void RedisLink::State::answered_seeker(Question question, const Reply& reply) {
  if (question == Question::master) {
    auto master = redis::parse_master(reply);
    if (!master) return seek_next(master.error().detail);
    seeker_.end();
    return greet(*master);
  }
  if (question != Question::slots) return;
  const auto ranges = redis::parse_slots(reply, seeker_.with);
  if (!ranges) return seek_next(ranges.error().detail);
  const std::uint16_t slot = redis::key_slot(options_.key);
  const redis::SlotRange* range = redis::find_slot(*ranges, slot);
  if (range == nullptr) return seek_next("No node owns the slot " + std::to_string(slot) + ".");
  remember(*ranges);
  seeker_.end();
  greet(range->master);
}

// Whoever belongs to the Cluster now can be asked later; those of the URL stay the last resort.
void RedisLink::State::remember(const std::vector<redis::SlotRange>& ranges) {
  std::vector<HostPort> nodes{seeker_.with};
  const auto add = [&nodes](const HostPort& node) {
    if (std::ranges::find(nodes, node) == nodes.end()) nodes.push_back(node);
  };
  for (const redis::SlotRange& range : ranges) add(range.master);
  for (const redis::SlotRange& range : ranges) std::ranges::for_each(range.replicas, add);
  std::ranges::for_each(url_.hosts, add);
  nodes_ = std::move(nodes);
  node_ = 0;
}

void RedisLink::State::answered_main(Question question, const Reply& reply) {
  const auto refuse = [this](const std::string& why) { fail_attempt(main_.with.text() + ": " + why); };
  if (question == Question::select && reply.is_error()) return refuse("The database cannot be used: " + reply.text);
  if (question == Question::save) standing_.info.saves = redis::parse_saves(reply);
  if (question != Question::info) return;
  if (reply.is_error()) return refuse("It does not say who it is: " + reply.text);
  const bool saves = standing_.info.saves;
  standing_ = redis::parse_info(reply.text);
  standing_.info.saves = saves;
  standing_.info.address = main_.with.port == 0 ? main_.with.host : main_.with.text();
  if (standing_.loading) return refuse("It loads its data.");
  if (!standing_.master) return refuse("It is a replica, not the master.");
  if (url_.topology == Url::Topology::cluster && !standing_.cluster) return refuse("It is no node of a Cluster.");
  phase_ = Phase::up;
  main_.stands = true;
  up_at_ = now();
  probed_at_ = hold_until_ = Micros{0};
  trouble.clear();
  if (up_call) up_call(standing_.info);
  if (!over_) ask_flush();
}

void RedisLink::State::fail_attempt(const std::string& why) {
  seeker_.end();
  main_.end();
  trouble = why;
  phase_ = Phase::resting;
  rest_until_ = now() + backoff(attempts_++, options_.backoff_max);
  // A sentinel or node that led nowhere is not the first to be asked again.
  ++node_;
}

// ---------------------------------------------------------------------------------------------- commands

void RedisLink::State::ask_flush() {
  if (std::exchange(flush_asked_, true)) return;
  // Behind the handlers that are ready now: commands of a turn share one write.
  post(&State::flush);
}

bool RedisLink::State::may_send() const {
  return is_up() && !leaving_ && retry_.empty() && ask_.empty() && asked_.empty() && !main_.socket->is_writing() &&
         (hold_until_ == Micros{0} || hold_until_ <= now());
}

void RedisLink::State::note_block(const Pending& command) {
  if (command.blocking) blocks_.push_back(Block{command.number, now(), *command.blocking});
}

void RedisLink::State::flush() {
  flush_asked_ = false;
  if (!may_send()) return;
  std::string bytes;
  while (!waiting_.empty() && bytes.size() < write_bytes_max) {
    Pending& command = waiting_.front();
    if (!command.done) {
      waiting_.pop_front();
      continue;
    }
    redis::append_command(bytes, command.arguments);
    command.sent = true;
    note_block(command);
    sent_.splice(sent_.end(), waiting_, waiting_.begin());
  }
  if (!bytes.empty()) main_.socket->write(std::move(bytes));
}

void RedisLink::State::replied_main(Reply reply) {
  if (reply.kind == Reply::Kind::push) return;
  if (sent_.empty()) return lose("Redis answers what it was not asked.", Rest::backoff);
  Pendings one;
  one.splice(one.begin(), sent_, sent_.begin());
  sort_out(std::move(one), std::move(reply), main_);
}

void RedisLink::State::replied_aside(Reply reply) {
  if (asked_.empty()) return end_aside();
  if (!std::exchange(asking_answered_, !asking_answered_)) return;
  Pendings one;
  one.splice(one.begin(), asked_, asked_.begin());
  sort_out(std::move(one), std::move(reply), aside_);
}

// Gives the reply to whom it belongs, or, if it says that nothing was done, the command to where it goes next.
void RedisLink::State::sort_out(Pendings one, Reply reply, const Talk& from) {
  Pending& command = one.front();
  std::erase_if(blocks_, [&](const Block& block) { return block.number == command.number; });
  Meaning meaning = command.done ? redis::meaning_of(reply) : Meaning::answer;
  std::optional<redis::Redirect> redirect;
  if (meaning == Meaning::moved || meaning == Meaning::ask) {
    redirect = redis::parse_redirect(reply, from.with);
    if (!redirect) meaning = Meaning::answer;
  }
  if (meaning == Meaning::answer) {
    attempts_ = redirects_ = holds_ = 0;
    finish(command, std::move(reply));
    if (over_) return;
    return go_on();
  }
  command.sent = false;
  trouble = reply.text;
  if (&from == &aside_ || meaning == Meaning::try_again) {
    // What the target of a migration says is stale a moment later: the owner of the slot knows.
    retry_.splice(retry_.end(), one);
    hold();
  } else if (meaning == Meaning::ask) {
    aside_place_ = redirect->to;
    ask_.splice(ask_.end(), one);
  } else {
    retry_.splice(retry_.end(), one);
    if (meaning == Meaning::moved) {
      leave("The slot is with another node now: " + reply.text, redirect->to);
    } else {
      leave("Redis does not take commands: " + reply.text);
    }
  }
  go_on();
}

void RedisLink::State::finish(Pending& command, Result<Reply> result) {
  if (!command.done) return;
  deadlines_.erase(command.deadline);
  const redis::Done done = std::exchange(command.done, nullptr);
  done(std::move(result));
}

void RedisLink::State::hold() {
  if (hold_until_ > now()) return;
  hold_until_ = now() + backoff(holds_++, hold_max);
}

void RedisLink::State::leave(std::string why, std::optional<HostPort> to) {
  if (!leaving_) leaving_ = Leaving{std::move(why), std::nullopt, now() + options_.probe_timeout};
  if (to) leaving_->to = std::move(to);
}

// What comes next once all that was sent has been answered.
void RedisLink::State::go_on() {
  if (phase_ != Phase::up || !sent_.empty() || !asked_.empty()) return;
  if (leaving_) {
    const bool follow = leaving_->to && ++redirects_ <= redirects_max;
    if (follow) next_place_ = leaving_->to;
    const std::string why = leaving_->why;
    return lose(why, follow ? Rest::none : Rest::backoff);
  }
  if (!ask_.empty()) return send_aside();
  const auto by_number = [](const Pending& a, const Pending& b) { return a.number < b.number; };
  if (!retry_.empty()) waiting_.merge(retry_, by_number);
  if (!waiting_.empty()) ask_flush();
}

void RedisLink::State::send_aside() {
  if (aside_.socket && aside_.with == aside_place_) {
    if (aside_.stands) write_aside();
    return;
  }
  aside_at_ = now();
  talk(aside_, aside_place_);
}

void RedisLink::State::write_aside() {
  if (aside_.socket->is_writing() || !sent_.empty() || !asked_.empty()) return;
  std::string bytes;
  while (!ask_.empty()) {
    Pending& command = ask_.front();
    if (!command.done) {
      ask_.pop_front();
      continue;
    }
    redis::append_command(bytes, {"ASKING"});
    redis::append_command(bytes, command.arguments);
    command.sent = true;
    note_block(command);
    asked_.splice(asked_.end(), ask_, ask_.begin());
  }
  aside_at_ = now();
  asking_answered_ = false;
  if (bytes.empty()) return go_on();
  aside_.socket->write(std::move(bytes));
}

// The node that a slot migrates to is gone, or was needed long ago.
void RedisLink::State::end_aside() {
  aside_.end();
  Pendings broken = std::exchange(asked_, {});
  if (!ask_.empty() || !broken.empty()) hold();
  const auto by_number = [](const Pending& a, const Pending& b) { return a.number < b.number; };
  retry_.merge(ask_, by_number);
  for (Pending& command : broken) {
    finish(command, fail(Code::unknown_outcome, "The connection to Redis broke before it answered."));
    if (over_) return;
  }
  go_on();
}

// The connection is given up: what was sent may have been carried out, all else goes out on the next one.
void RedisLink::State::lose(const std::string& why, Rest rest) {
  trouble = why;
  main_.end();
  aside_.end();
  phase_ = Phase::resting;
  rest_until_ = rest == Rest::none ? Micros{0} : now() + backoff(attempts_++, options_.backoff_max);
  leaving_.reset();
  blocks_.clear();
  Pendings broken = std::exchange(sent_, {});
  broken.splice(broken.end(), asked_);
  const auto by_number = [](const Pending& a, const Pending& b) { return a.number < b.number; };
  retry_.merge(ask_, by_number);
  waiting_.merge(retry_, by_number);
  if (down_call) down_call(why);
  for (Pending& command : broken) {
    if (over_) return;
    finish(command, fail(Code::unknown_outcome, "The connection to Redis broke before it answered: " + why));
  }
}

// ---------------------------------------------------------------------------------------------- time

void RedisLink::State::on_timer() {
  timer_at_ = never;
  const Micros at = now();
  expire(at);
  if (over_) return;
  switch (phase_) {
    case Phase::resting:
      if (rest_until_ <= at) attempt();
      break;
    case Phase::seeking:
      if (attempt_until_ <= at) seek_next("It did not answer in time.");
      break;
    case Phase::greeting:
      if (attempt_until_ <= at) fail_attempt(main_.with.text() + ": It did not answer in time.");
      break;
    case Phase::up: watch_main(at); break;
  }
}

void RedisLink::State::expire(Micros at) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= at) {
    Pending& command = *deadlines_.begin()->second;
    if (command.sent) {
      finish(command, fail(Code::unknown_outcome, "Redis has not answered in time."));
    } else {
      const std::string why = trouble.empty() ? "It was not sent in time." : trouble;
      finish(command, fail(Code::unavailable, "Redis has not taken the command in time. " + why));
    }
    if (over_) return;
  }
  while (!waiting_.empty() && !waiting_.front().done) waiting_.pop_front();
}

Micros RedisLink::State::blocked_until(Micros received_at) const {
  if (blocks_.empty()) return Micros{0};
  return std::max(received_at, blocks_.front().sent_at) + blocks_.front().time;
}

Micros RedisLink::State::main_given_up_at() const {
  return std::max(probed_at_, blocked_until(main_.socket->received_at())) + options_.probe_timeout;
}

Micros RedisLink::State::aside_given_up_at() const {
  const Micros received_at = aside_.socket->received_at();
  if (!aside_.stands) return aside_at_ + options_.connect_timeout;
  return std::max(std::max(aside_at_, received_at), blocked_until(received_at)) + options_.probe_period +
         options_.probe_timeout;
}

void RedisLink::State::watch_main(Micros at) {
  if (leaving_ && leaving_->until <= at) {
    // What is still under way will not be told apart: it ends here.
    const std::string why = leaving_->why;
    return lose(why, Rest::backoff);
  }
  const Micros heard_at = std::max(main_.socket->received_at(), up_at_);
  if (heard_at > probed_at_) probed_at_ = Micros{0};
  if (probed_at_ == Micros{0} && heard_at + options_.probe_period <= at) {
    probed_at_ = at;
    // With a write under way there is something to be answered anyway.
    if (!main_.socket->is_writing()) {
      std::string bytes;
      redis::append_command(bytes, {"PING"});
      sent_.emplace_back();
      main_.socket->write(std::move(bytes));
    }
  } else if (probed_at_ != Micros{0} && main_given_up_at() <= at) {
    const auto silent = std::chrono::duration_cast<Millis>(at - heard_at);
    return lose("Redis has kept silent for " + std::to_string(silent.count()) + " ms.", Rest::backoff);
  }
  if (aside_.socket && aside_given_up_at() <= at) end_aside();
  if (over_ || phase_ != Phase::up) return;
  if (hold_until_ != Micros{0} && hold_until_ <= at) {
    hold_until_ = Micros{0};
    flush();
  }
}

// Sets the timer to whatever is due first. It may come too early, never too late.
void RedisLink::State::arm() {
  Micros at = deadlines_.empty() ? never : deadlines_.begin()->first;
  switch (phase_) {
    case Phase::resting: at = std::min(at, rest_until_); break;
    case Phase::seeking:
    case Phase::greeting: at = std::min(at, attempt_until_); break;
    case Phase::up: {
      const Micros heard_at = std::max(main_.socket->received_at(), up_at_);
      const bool probed = probed_at_ != Micros{0} && heard_at <= probed_at_;
      at = std::min(at, probed ? main_given_up_at() : heard_at + options_.probe_period);
      if (leaving_) at = std::min(at, leaving_->until);
      if (aside_.socket) at = std::min(at, aside_given_up_at());
      if (hold_until_ != Micros{0}) at = std::min(at, hold_until_);
      break;
    }
  }
  if (at >= timer_at_) return;
  timer_at_ = at;
  timer_->set(at);
}

// ---------------------------------------------------------------------------------------------- RedisLink

RedisLink::RedisLink(std::shared_ptr<State> state) : state_(std::move(state)) {}

std::unique_ptr<RedisLink> RedisLink::open(Loop& loop, redis::Url url, LinkOptions options) {
  auto state = std::make_shared<State>(loop, std::move(url), std::move(options));
  state->open();
  return std::unique_ptr<RedisLink>(new RedisLink(std::move(state)));
}

RedisLink::~RedisLink() { state_->close(); }

void RedisLink::send(redis::Arguments arguments, Millis timeout, redis::Done done) {
  state_->send(std::move(arguments), timeout, std::move(done));
}
void RedisLink::on_up(std::function<void(const redis::ServerInfo&)> call) { state_->up_call = std::move(call); }
void RedisLink::on_down(std::function<void(const std::string& why)> call) { state_->down_call = std::move(call); }
bool RedisLink::is_up() const { return state_->is_up(); }
void RedisLink::reconnect() { state_->reconnect(); }
const std::string& RedisLink::trouble() const noexcept { return state_->trouble; }

}  // namespace hf
