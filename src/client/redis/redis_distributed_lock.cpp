#include "holdfast/redis_distributed_lock.h"

#include <csignal>
#include <future>
#include <mutex>
#include <random>
#include <thread>

#include "client/lock_values.h"
#include "client/values.h"
#include "net/loop.h"
#include "net/redis_link.h"
#include "redis/scripts.h"

namespace holdfast {
namespace {

using hf::client::wrong_text;
using hf::client::wrong_ttl;
using hf::redis::Arguments;
using hf::redis::Reply;

constexpr std::size_t prefix_bytes_max = 200;
constexpr Millis timeout_max{std::chrono::minutes(10)};
constexpr std::int64_t pttl_free = -2;  // the answers of PTTL that are no time
constexpr std::int64_t pttl_endless = -1;

class RedisDistributedLock final : public DistributedLock {
 public:
  RedisDistributedLock(hf::redis::Url url, RedisDistributedLockOptions options)
      : prefix_("{" + options.prefix + "}"), timeout_(options.timeout) {
    hf::LinkOptions link;
    link.key = counter();
    link.name = "holdfast-lock";
    link_ = hf::RedisLink::open(loop_, std::move(url), std::move(link));
    // The program's signals are for the program's own threads.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { loop_.run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  ~RedisDistributedLock() override {
    loop_.post([this] {
      link_.reset();
      loop_.stop();
    });
    thread_.join();
  }
  RedisDistributedLock(const RedisDistributedLock&) = delete;
  RedisDistributedLock& operator=(const RedisDistributedLock&) = delete;

  Result<std::optional<KeyGrant>> try_acquire(const std::string& key, Millis ttl,
                                              std::optional<std::string> value) override {
    if (auto wrong = wrong_text(key, "key")) return tl::unexpected(*wrong);
    if (auto wrong = wrong_ttl(ttl)) return tl::unexpected(*wrong);
    if (value) {
      if (auto wrong = wrong_text(*value, "value")) return tl::unexpected(*wrong);
    } else {
      value = made_value();
    }
    const auto reply =
        run(hf::redis::script_key_acquire, {"2", place(key), counter(), *value, std::to_string(ttl.count())});
    if (!reply) return tl::unexpected(reply.error());
    if (reply->is_null()) return std::nullopt;
    Token token = 0;
    for (const char c : reply->text) token = token * 10 + static_cast<Token>(c - '0');
    return KeyGrant{*std::move(value), token, ttl};
  }

  Result<bool> release(const std::string& key, const std::string& value) override {
    if (auto wrong = wrong_text(key, "key")) return tl::unexpected(*wrong);
    return yes(run(hf::redis::script_key_release, {"1", place(key), value}));
  }

  Result<bool> extend(const std::string& key, Millis ttl, const std::string& value) override {
    if (auto wrong = wrong_text(key, "key")) return tl::unexpected(*wrong);
    if (auto wrong = wrong_ttl(ttl)) return tl::unexpected(*wrong);
    return yes(run(hf::redis::script_key_extend, {"1", place(key), value, std::to_string(ttl.count())}));
  }

  Result<bool> exists(const std::string& key) override {
    if (auto wrong = wrong_text(key, "key")) return tl::unexpected(*wrong);
    return yes(look({"EXISTS", place(key)}));
  }

  Result<bool> is_held_by(const std::string& key, const std::string& value) override {
    if (auto wrong = wrong_text(key, "key")) return tl::unexpected(*wrong);
    const auto reply = look({"GET", place(key)});
    if (!reply) return tl::unexpected(reply.error());
    return !reply->is_null() && reply->text == value;
  }

  Result<std::optional<Millis>> remaining(const std::string& key) override {
    if (auto wrong = wrong_text(key, "key")) return tl::unexpected(*wrong);
    const auto reply = look({"PTTL", place(key)});
    if (!reply) return tl::unexpected(reply.error());
    if (reply->integer == pttl_free) return std::nullopt;
    if (reply->integer == pttl_endless)
      return failure(Code::unavailable, "the key is there without an end, so another program has made it: remove it");
    return Millis(std::max<std::int64_t>(reply->integer, 1));
  }

 private:
  std::string place(const std::string& key) const { return prefix_ + ":key:" + key; }
  std::string counter() const { return prefix_ + ":token"; }

  static Result<bool> yes(const Result<Reply>& reply) {
    if (!reply) return tl::unexpected(reply.error());
    return reply->integer == 1;
  }

  Result<Reply> run(hf::redis::ScriptName name, Arguments rest) {
    const auto time_left = [end = std::chrono::steady_clock::now() + timeout_] {
      return std::max(std::chrono::duration_cast<Millis>(end - std::chrono::steady_clock::now()), Millis(1));
    };
    return answer_to([&](hf::redis::Done done) {
      hf::redis::call_script(*link_, name, std::move(rest), time_left, std::move(done));
    });
  }

  // A question changes nothing: without its answer surely nothing was done.
  Result<Reply> look(Arguments arguments) {
    auto reply = answer_to([&](hf::redis::Done done) { link_->send(std::move(arguments), timeout_, std::move(done)); });
    if (!reply && reply.error().code == Code::unknown_outcome) return failure(Code::unavailable, reply.error().detail);
    return reply;
  }

  // Asks on the loop and blocks until Redis has answered, or the time for it is over. An error of Redis is one of ours.
  Result<Reply> answer_to(const std::function<void(hf::redis::Done done)>& question) {
    const auto answer = std::make_shared<std::promise<hf::Result<Reply>>>();
    auto answered = answer->get_future();
    loop_.post(
        [&question, answer] { question([answer](hf::Result<Reply> reply) { answer->set_value(std::move(reply)); }); });
    hf::Result<Reply> reply = answered.get();
    if (!reply) return tl::unexpected(hf::client::to_public(reply.error()));
    if (reply->is_error()) return failure(Code::unavailable, "Redis refuses: " + reply->text);
    return *std::move(reply);
  }

  std::string made_value() {
    const std::lock_guard guard(device_mutex_);
    return hf::client::made_value(device_);
  }

  const std::string prefix_;
  const Millis timeout_;
  hf::Loop loop_;
  std::unique_ptr<hf::RedisLink> link_;  // the loop's own
  std::mutex device_mutex_;
  std::random_device device_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<DistributedLock>> make_redis_distributed_lock(const std::string& url,
                                                                     RedisDistributedLockOptions options) {
  if (options.prefix.empty() || options.prefix.size() > prefix_bytes_max ||
      options.prefix.find_first_of("{}") != std::string::npos)
    return failure(Code::invalid, "prefix is 1 to 200 bytes without { and }", "prefix");
  if (options.timeout < Millis(1) || options.timeout > timeout_max)
    return failure(Code::invalid, "timeout is 1 ms to 10 minutes", "timeout");
  auto parsed = hf::redis::parse_url(url);
  if (!parsed) return tl::unexpected(hf::client::to_public(parsed.error()));
  return std::make_unique<RedisDistributedLock>(*std::move(parsed), std::move(options));
}

}  // namespace holdfast
