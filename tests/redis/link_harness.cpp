#include "tests/redis/link_harness.h"

namespace hf::test {

LinkHarness::LinkHarness(redis::Url url, LinkOptions options) {
  link_ = RedisLink::open(loop_, std::move(url), std::move(options));
  link_->on_up([this](const redis::ServerInfo& info) {
    const std::lock_guard lock(mutex_);
    ups_.push_back(info);
    changed_.notify_all();
  });
  link_->on_down([this](const std::string& why) {
    const std::lock_guard lock(mutex_);
    downs_.push_back(why);
    changed_.notify_all();
  });
  thread_ = std::thread([this] { loop_.run(); });
}

LinkHarness::~LinkHarness() {
  loop_.post([this] {
    link_.reset();
    loop_.stop();
  });
  thread_.join();
}

void LinkHarness::run(const std::function<void(RedisLink&)>& work) {
  std::promise<void> done;
  loop_.post([&] {
    work(*link_);
    done.set_value();
  });
  done.get_future().wait();
}

std::future<Result<redis::Reply>> LinkHarness::begin(redis::Arguments arguments, Millis timeout) {
  auto promise = std::make_shared<std::promise<Result<redis::Reply>>>();
  auto future = promise->get_future();
  loop_.post([this, promise, arguments = std::move(arguments), timeout] {
    link_->send(arguments, timeout, [promise](Result<redis::Reply> result) { promise->set_value(std::move(result)); });
  });
  return future;
}

Result<redis::Reply> LinkHarness::ask(redis::Arguments arguments, Millis timeout) {
  auto future = begin(std::move(arguments), timeout);
  if (future.wait_for(timeout + Millis(20'000)) == std::future_status::ready) return future.get();
  return fail(Code::invalid, "The link has not called back.");
}

std::string LinkHarness::text(redis::Arguments arguments, Millis timeout) {
  return shown(ask(std::move(arguments), timeout));
}

bool LinkHarness::wait_ups(std::size_t count, int patience_ms) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, Millis(patience_ms), [&] { return ups_.size() >= count; });
}

bool LinkHarness::wait_downs(std::size_t count, int patience_ms) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, Millis(patience_ms), [&] { return downs_.size() >= count; });
}

std::size_t LinkHarness::ups() {
  const std::lock_guard lock(mutex_);
  return ups_.size();
}

std::size_t LinkHarness::downs() {
  const std::lock_guard lock(mutex_);
  return downs_.size();
}

redis::ServerInfo LinkHarness::last_up() {
  const std::lock_guard lock(mutex_);
  return ups_.empty() ? redis::ServerInfo{} : ups_.back();
}

std::string LinkHarness::last_down() {
  const std::lock_guard lock(mutex_);
  return downs_.empty() ? std::string() : downs_.back();
}

std::string LinkHarness::trouble() {
  std::string trouble;
  run([&](RedisLink& link) { trouble = link.trouble(); });
  return trouble;
}

std::string shown(const Result<redis::Reply>& result) {
  if (!result) return std::string(code_name(result.error().code)) + ": " + result.error().detail;
  if (result->kind == redis::Reply::Kind::integer) return std::to_string(result->integer);
  return result->is_null() ? "null" : result->text;
}

}  // namespace hf::test
