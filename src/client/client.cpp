#include "holdfast/client.h"

#include <errno.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <charconv>

#include "client/client_body.h"
#include "client/http.h"
#include "client/trust.h"
#include "client/values.h"
#include "wire/json_text.h"

namespace holdfast {
namespace {

using hf::client::Core;
using hf::client::Held;
using hf::client::Reply;
using hf::client::Taken;
using hf::client::Time;
using hf::client::to_public;
using Clock = std::chrono::steady_clock;

constexpr Millis lease_min{10'000};
constexpr Millis lease_max{1'800'000};

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? std::string(name) : std::string();
}

template <class T>
Result<T> take(Result<hf::LockOutcome> outcome, auto convert) {
  if (!outcome) return tl::unexpected(std::move(outcome.error()));
  std::optional<T> value = convert(*outcome);
  if (!value) return failure(Code::unknown_outcome, "the server's answer is of another kind than the question");
  return *std::move(value);
}

}  // namespace

// ---------------------------------------------------------------------------------------------- LockHandle

struct LockHandle::State {
  Taken taken;
  std::weak_ptr<Client::Body> body;
};

LockHandle Client::Body::handle(std::weak_ptr<Body> body, Taken taken) {
  return LockHandle(std::make_unique<LockHandle::State>(LockHandle::State{std::move(taken), std::move(body)}));
}

LockHandle::LockHandle() noexcept = default;
LockHandle::LockHandle(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
LockHandle::LockHandle(LockHandle&&) noexcept = default;
LockHandle& LockHandle::operator=(LockHandle&& other) noexcept {
  if (this != &other) {
    LockHandle former(std::move(*this));
    state_ = std::move(other.state_);
  }
  return *this;
}
LockHandle::~LockHandle() {
  if (state_ == nullptr) return;
  if (state_->taken.held->lease == nullptr) {
    state_->taken.alive->store(false);
    return;
  }
  release(std::nullopt, nullptr);
}

bool LockHandle::held() const noexcept { return valid_for().count() > 0; }

Millis LockHandle::valid_for() const noexcept {
  if (state_ == nullptr || state_->taken.held->ended.load(std::memory_order_acquire)) return Millis(0);
  const std::int64_t now =
      std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
  const std::int64_t left = state_->taken.held->deadline_ns() - now;
  if (left <= 0) return Millis(0);
  return Millis(left / 1'000'000 + 1);
}

Token LockHandle::token() const noexcept {
  return state_ == nullptr ? 0 : state_->taken.held->token.load(std::memory_order_acquire);
}

const std::string& LockHandle::id() const noexcept {
  static const std::string none;
  return state_ == nullptr ? none : state_->taken.held->id;
}

LockInfo LockHandle::info() const {
  if (state_ == nullptr) return {};
  std::lock_guard guard(state_->taken.held->mutex);
  return state_->taken.held->info;
}

std::map<std::string, std::optional<std::uint64_t>> LockHandle::versions() const {
  return state_ == nullptr ? std::map<std::string, std::optional<std::uint64_t>>() : state_->taken.versions;
}

void LockHandle::on_lost(std::function<void(const Lost&)> callback) {
  if (state_ == nullptr) return;
  auto body = state_->body.lock();
  if (body == nullptr) return;
  body->post(
      [taken = state_->taken, callback = std::move(callback)](Core& core, Time) { core.on_lost(taken, callback); });
}

Result<Nothing> LockHandle::release(std::optional<std::uint64_t> version) {
  const auto state = std::move(state_);
  if (state == nullptr) return Nothing{};
  state->taken.alive->store(false);
  auto body = state->body.lock();
  if (body == nullptr) return Nothing{};
  auto result = body->wait<Nothing>([taken = state->taken, version](Core& core, Time now, Reply<Nothing> reply) {
    core.release(now, taken, version, std::move(reply));
  });
  // A closed client has ended its session, and the lock with it.
  if (!result && result.error().code == Code::session_gone) return Nothing{};
  return result;
}

void LockHandle::release(std::optional<std::uint64_t> version, Done<Nothing> done) {
  const auto state = std::move(state_);
  if (state != nullptr) state->taken.alive->store(false);
  auto body = state == nullptr ? nullptr : state->body.lock();
  if (body == nullptr) {
    if (done) done(Nothing{});
    return;
  }
  body->later<Nothing>(std::move(done), [taken = state->taken, version](Core& core, Time now, Reply<Nothing> reply) {
    core.release(now, taken, version, std::move(reply));
  });
}

// ---------------------------------------------------------------------------------------------- Client

Client::Client(std::shared_ptr<Body> body) noexcept : body_(std::move(body)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&& other) noexcept {
  if (this != &other) {
    close();
    body_ = std::move(other.body_);
  }
  return *this;
}
Client::~Client() { close(); }

Result<Client> Client::open(Options options) {
  auto urls = hf::client::parse_urls(options.url);
  if (!urls) return tl::unexpected(urls.error());
  auto trust = hf::client::trust_for(*urls, options.ca_file);
  if (!trust) return tl::unexpected(trust.error());
  if (options.lease < lease_min || options.lease > lease_max)
    return failure(Code::invalid, "a lease is 10 seconds to 30 minutes", "lease");
  if (options.deadline.count() <= 0) return failure(Code::invalid, "a deadline is longer than nothing", "deadline");
  if (options.token.empty() && !options.token_provider)
    return failure(Code::invalid, "give a token or a token_provider", "token");
  if (options.language.find_first_of("\r\n") != std::string::npos)
    return failure(Code::invalid, "a language is like zh-CN", "language");
  if (options.client.program.empty()) options.client.program = program_invocation_short_name;
  if (options.client.host.empty()) options.client.host = host_name();
  auto body = std::make_shared<Body>(std::move(options), *std::move(urls), *std::move(trust));
  body->start();
  return Client(std::move(body));
}

void Client::close() noexcept {
  if (body_ != nullptr) body_->close();
}

Result<Nothing> Client::wait_ready(Millis at_most) { return body_->wait_ready(at_most); }
Link Client::link() const noexcept { return body_->link(); }
std::string Client::session() const { return body_->session(); }
std::vector<std::string> Client::rights() const { return body_->rights(); }

namespace {

template <class T>
using Work = std::function<void(Core&, Time, Reply<T>)>;

template <class T>
Work<T> refused(Error why) {
  return [why = std::move(why)](Core& core, Time, Reply<T> reply) {
    core.refuse(Reply<hf::LockOutcome>{[done = std::move(reply.done)](Result<hf::LockOutcome> outcome) {
                                         if (!outcome && done) done(tl::unexpected(std::move(outcome.error())));
                                       },
                                       reply.direct},
                why);
  };
}

// Sends `fields`; `convert` makes the answer of the outcome, or nothing if it is not of the right kind.
template <class T, class Convert>
Work<T> operation(hf::Fields fields, Convert convert) {
  return [fields = std::move(fields), convert](Core& core, Time now, Reply<T> reply) {
    core.send(now, fields,
              Reply<hf::LockOutcome>{[done = std::move(reply.done), convert](Result<hf::LockOutcome> outcome) {
                                       if (done) done(take<T>(std::move(outcome), convert));
                                     },
                                     reply.direct});
  };
}

Error no_id(std::string field) { return failure(Code::invalid, "this is no id", std::move(field)).value(); }
std::optional<Nothing> nothing(const hf::LockOutcome&) { return Nothing{}; }

Work<bool> agree_work(const std::string& request, std::optional<std::uint64_t> version) {
  const auto id = hf::LockId::parse(request);
  if (!id) return refused<bool>(no_id("request"));
  hf::Agree fields;
  fields.wait = *id;
  fields.version = version;
  return operation<bool>(std::move(fields), [](const hf::LockOutcome& outcome) -> std::optional<bool> {
    const auto* answered = std::get_if<hf::Answered>(&outcome);
    return answered == nullptr ? std::nullopt : std::optional(answered->granted);
  });
}

Work<Nothing> refuse_work(const std::string& request, const std::string& reason) {
  const auto id = hf::LockId::parse(request);
  if (!id) return refused<Nothing>(no_id("request"));
  hf::Refuse fields;
  fields.wait = *id;
  fields.reason = reason;
  return operation<Nothing>(std::move(fields), nothing);
}

Work<Nothing> defer_work(const std::string& request, Millis by) {
  const auto id = hf::LockId::parse(request);
  if (!id) return refused<Nothing>(no_id("request"));
  hf::Defer fields;
  fields.wait = *id;
  fields.by = by;
  return operation<Nothing>(std::move(fields), nothing);
}

Work<std::vector<Request>> requests_work() {
  return operation<std::vector<Request>>(hf::ListAsks{},
                                         [](const hf::LockOutcome& outcome) -> std::optional<std::vector<Request>> {
                                           const auto* list = std::get_if<hf::AskList>(&outcome);
                                           if (list == nullptr) return std::nullopt;
                                           std::vector<Request> requests;
                                           for (const hf::AskInfo& ask : list->asks) requests.push_back(to_public(ask));
                                           return requests;
                                         });
}

Work<Verification> verify_work(const std::string& lock, Token token, const std::vector<std::string>& targets,
                               Millis min_valid) {
  const auto id = hf::LockId::parse(lock);
  auto parsed = hf::client::from_public(targets);
  if (!id) return refused<Verification>(no_id("lock"));
  if (!parsed) return refused<Verification>(to_public(parsed.error()));
  return operation<Verification>(
      hf::Verify{.caller = {}, .lock = *id, .token = token, .targets = *std::move(parsed), .min_valid = min_valid},
      [](const hf::LockOutcome& outcome) -> std::optional<Verification> {
        const auto* verified = std::get_if<hf::Verified>(&outcome);
        return verified == nullptr ? std::nullopt : std::optional(to_public(*verified));
      });
}

Work<std::vector<CheckedTarget>> check_work(const std::vector<std::string>& targets, Mode mode) {
  auto parsed = hf::client::from_public(targets);
  if (!parsed) return refused<std::vector<CheckedTarget>>(to_public(parsed.error()));
  return operation<std::vector<CheckedTarget>>(
      hf::Check{.caller = {}, .session = {}, .targets = *std::move(parsed), .mode = static_cast<hf::Mode>(mode)},
      [](const hf::LockOutcome& outcome) -> std::optional<std::vector<CheckedTarget>> {
        const auto* checked = std::get_if<hf::Checked>(&outcome);
        if (checked == nullptr) return std::nullopt;
        std::vector<CheckedTarget> items;
        for (const hf::CheckItem& item : checked->items) items.push_back(to_public(item));
        return items;
      });
}

Work<LockPage> list_work(const ListFilter& filter) {
  hf::ListLocks fields;
  fields.type = filter.type;
  fields.user = filter.user;
  fields.client = filter.client;
  if (!filter.session.empty()) {
    const auto id = hf::SessionId::parse(filter.session);
    if (!id) return refused<LockPage>(no_id("session"));
    fields.session = *id;
  }
  if (filter.kind) fields.kind = static_cast<hf::Kind>(*filter.kind);
  fields.older = filter.older;
  fields.limit = filter.limit;
  if (!filter.next.empty()) {
    const auto end = filter.next.data() + filter.next.size();
    const auto parsed = std::from_chars(filter.next.data(), end, fields.after);
    if (parsed.ec != std::errc() || parsed.ptr != end) return refused<LockPage>(no_id("next"));
  }
  return operation<LockPage>(std::move(fields), [](const hf::LockOutcome& outcome) -> std::optional<LockPage> {
    const auto* list = std::get_if<hf::LockList>(&outcome);
    if (list == nullptr) return std::nullopt;
    LockPage page;
    for (const hf::Grant& grant : list->locks) page.locks.push_back(to_public(grant));
    if (list->next != 0) page.next = std::to_string(list->next);
    return page;
  });
}

Work<Nothing> transfer_work(const std::string& lock, const std::string& to_session) {
  const auto id = hf::LockId::parse(lock);
  const auto session = hf::SessionId::parse(to_session);
  if (!id) return refused<Nothing>(no_id("lock"));
  if (!session) return refused<Nothing>(no_id("to_session"));
  hf::Transfer fields;
  fields.lock = *id;
  fields.to_session = *session;
  return operation<Nothing>(std::move(fields), nothing);
}

Work<Nothing> force_work(const std::string& lock, const std::string& reason) {
  const auto id = hf::LockId::parse(lock);
  if (!id) return refused<Nothing>(no_id("lock"));
  hf::Force fields;
  fields.lock = *id;
  fields.reason = reason;
  return operation<Nothing>(std::move(fields), nothing);
}

Work<LockInfo> extend_work(const std::string& lock, Millis ttl) {
  return [lock, ttl](Core& core, Time now, Reply<LockInfo> reply) { core.extend(now, lock, ttl, std::move(reply)); };
}
Work<Nothing> withdraw_work(const std::string& id) {
  return [id](Core& core, Time now, Reply<Nothing> reply) { core.withdraw(now, id, std::move(reply)); };
}
Work<std::uint32_t> release_all_work(const std::string& type) {
  return [type](Core& core, Time now, Reply<std::uint32_t> reply) { core.release_all(now, type, std::move(reply)); };
}
Work<std::string> call_work(const std::string& op, const std::string& fields, Client::Repeat repeat) {
  return [op, fields, repeat](Core& core, Time now, Reply<std::string> reply) {
    core.call(now, op, fields, repeat == Client::Repeat::change, std::move(reply));
  };
}
Work<Nothing> watch_work(const std::vector<std::string>& targets, bool on) {
  auto parsed = hf::client::from_public(targets);
  if (!parsed) return refused<Nothing>(to_public(parsed.error()));
  return [parsed = *std::move(parsed), on](Core& core, Time now, Reply<Nothing> reply) {
    if (on)
      core.watch(now, parsed, std::move(reply));
    else
      core.unwatch(now, parsed, std::move(reply));
  };
}

}  // namespace

// What takes a lock hands out a handle of it.
Work<LockHandle> Client::Body::taking(std::function<void(Core&, Time, Reply<Taken>)> work) {
  return [work = std::move(work), self = weak_from_this()](Core& core, Time now, Reply<LockHandle> reply) {
    work(core, now,
         Reply<Taken>{[done = std::move(reply.done), self](Result<Taken> taken) {
                        if (taken)
                          done(handle(self, *std::move(taken)));
                        else
                          done(tl::unexpected(std::move(taken.error())));
                      },
                      reply.direct});
  };
}

Result<LockHandle> Client::acquire(Acquire what) {
  return body_->wait<LockHandle>(body_->taking([what = std::move(what)](Core& core, Time now, Reply<Taken> reply) {
    core.acquire(now, what, std::move(reply));
  }));
}
void Client::acquire(Acquire what, Done<LockHandle> done) {
  body_->later<LockHandle>(std::move(done),
                           body_->taking([what = std::move(what)](Core& core, Time now, Reply<Taken> reply) {
                             core.acquire(now, what, std::move(reply));
                           }));
}
Result<LockHandle> Client::request(Ask what) {
  return body_->wait<LockHandle>(body_->taking(
      [what = std::move(what)](Core& core, Time now, Reply<Taken> reply) { core.ask(now, what, std::move(reply)); }));
}
void Client::request(Ask what, Done<LockHandle> done) {
  body_->later<LockHandle>(std::move(done),
                           body_->taking([what = std::move(what)](Core& core, Time now, Reply<Taken> reply) {
                             core.ask(now, what, std::move(reply));
                           }));
}
Result<LockHandle> Client::take_over(const std::string& lock) {
  return body_->wait<LockHandle>(
      body_->taking([lock](Core& core, Time now, Reply<Taken> reply) { core.take_over(now, lock, std::move(reply)); }));
}
void Client::take_over(const std::string& lock, Done<LockHandle> done) {
  body_->later<LockHandle>(std::move(done), body_->taking([lock](Core& core, Time now, Reply<Taken> reply) {
    core.take_over(now, lock, std::move(reply));
  }));
}

Result<bool> Client::agree(const std::string& request, std::optional<std::uint64_t> version) {
  return body_->wait<bool>(agree_work(request, version));
}
void Client::agree(const std::string& request, std::optional<std::uint64_t> version, Done<bool> done) {
  body_->later<bool>(std::move(done), agree_work(request, version));
}
Result<Nothing> Client::refuse(const std::string& request, const std::string& reason) {
  return body_->wait<Nothing>(refuse_work(request, reason));
}
void Client::refuse(const std::string& request, const std::string& reason, Done<Nothing> done) {
  body_->later<Nothing>(std::move(done), refuse_work(request, reason));
}
Result<Nothing> Client::defer(const std::string& request, Millis by) {
  return body_->wait<Nothing>(defer_work(request, by));
}
void Client::defer(const std::string& request, Millis by, Done<Nothing> done) {
  body_->later<Nothing>(std::move(done), defer_work(request, by));
}
Result<Nothing> Client::withdraw(const std::string& id) { return body_->wait<Nothing>(withdraw_work(id)); }
void Client::withdraw(const std::string& id, Done<Nothing> done) {
  body_->later<Nothing>(std::move(done), withdraw_work(id));
}
Result<std::vector<Request>> Client::requests() { return body_->wait<std::vector<Request>>(requests_work()); }
void Client::requests(Done<std::vector<Request>> done) {
  body_->later<std::vector<Request>>(std::move(done), requests_work());
}

Result<Verification> Client::verify(const std::string& lock, Token token, std::vector<std::string> targets,
                                    Millis min_valid) {
  return body_->wait<Verification>(verify_work(lock, token, targets, min_valid));
}
void Client::verify(const std::string& lock, Token token, std::vector<std::string> targets, Millis min_valid,
                    Done<Verification> done) {
  body_->later<Verification>(std::move(done), verify_work(lock, token, targets, min_valid));
}
Result<std::vector<CheckedTarget>> Client::check(std::vector<std::string> targets, Mode mode) {
  return body_->wait<std::vector<CheckedTarget>>(check_work(targets, mode));
}
void Client::check(std::vector<std::string> targets, Mode mode, Done<std::vector<CheckedTarget>> done) {
  body_->later<std::vector<CheckedTarget>>(std::move(done), check_work(targets, mode));
}
Result<LockPage> Client::list(ListFilter filter) { return body_->wait<LockPage>(list_work(filter)); }
void Client::list(ListFilter filter, Done<LockPage> done) {
  body_->later<LockPage>(std::move(done), list_work(filter));
}
Result<LockInfo> Client::extend(const std::string& lock, Millis ttl) {
  return body_->wait<LockInfo>(extend_work(lock, ttl));
}
void Client::extend(const std::string& lock, Millis ttl, Done<LockInfo> done) {
  body_->later<LockInfo>(std::move(done), extend_work(lock, ttl));
}
Result<Nothing> Client::transfer(const std::string& lock, const std::string& to_session) {
  return body_->wait<Nothing>(transfer_work(lock, to_session));
}
void Client::transfer(const std::string& lock, const std::string& to_session, Done<Nothing> done) {
  body_->later<Nothing>(std::move(done), transfer_work(lock, to_session));
}
Result<Nothing> Client::force(const std::string& lock, const std::string& reason) {
  return body_->wait<Nothing>(force_work(lock, reason));
}
void Client::force(const std::string& lock, const std::string& reason, Done<Nothing> done) {
  body_->later<Nothing>(std::move(done), force_work(lock, reason));
}
Result<std::uint32_t> Client::release_all(const std::string& type) {
  return body_->wait<std::uint32_t>(release_all_work(type));
}
void Client::release_all(const std::string& type, Done<std::uint32_t> done) {
  body_->later<std::uint32_t>(std::move(done), release_all_work(type));
}
Result<Nothing> Client::watch(std::vector<std::string> targets) {
  return body_->wait<Nothing>(watch_work(targets, true));
}
void Client::watch(std::vector<std::string> targets, Done<Nothing> done) {
  body_->later<Nothing>(std::move(done), watch_work(targets, true));
}
Result<Nothing> Client::unwatch(std::vector<std::string> targets) {
  return body_->wait<Nothing>(watch_work(targets, false));
}
Result<std::string> Client::call(const std::string& op, const std::string& fields_json, Repeat repeat) {
  return body_->wait<std::string>(call_work(op, fields_json, repeat));
}
void Client::call(const std::string& op, const std::string& fields_json, Repeat repeat, Done<std::string> done) {
  body_->later<std::string>(std::move(done), call_work(op, fields_json, repeat));
}

// ---------------------------------------------------------------------------------------------- dev_token

Result<std::string> dev_token(const std::string& url, const DevToken& who, Millis deadline,
                              const std::string& ca_file) {
  boost::json::object fields{{"user", who.user}, {"name", who.name.empty() ? who.user : who.name}};
  boost::json::array roles;
  for (const std::string& role : who.roles) roles.emplace_back(role);
  fields["roles"] = std::move(roles);
  if (!who.ns.empty()) fields["ns"] = who.ns;
  if (!who.employee.empty()) fields["employee"] = who.employee;
  boost::json::array departments;
  for (const std::string& department : who.departments) departments.emplace_back(department);
  fields["departments"] = std::move(departments);
  if (who.super) fields["super"] = true;
  boost::json::array rights;
  for (const std::string& right : who.rights) rights.emplace_back(right);
  if (!rights.empty()) fields["rights"] = std::move(rights);
  auto answer = hf::client::call_over_http({.url = url,
                                            .ca_file = ca_file,
                                            .method = "POST",
                                            .path = "/v1/dev/token",
                                            .body = boost::json::serialize(fields),
                                            .deadline = deadline});
  if (!answer) return tl::unexpected(answer.error());
  const auto value = hf::parse_json(*answer);
  const auto* object = value ? value->if_object() : nullptr;
  const auto* token = object == nullptr ? nullptr : object->if_contains("token");
  if (token == nullptr || !token->is_string()) return failure(Code::unavailable, "the server's answer holds no token");
  return std::string(token->get_string());
}

}  // namespace holdfast
