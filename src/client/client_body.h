#pragma once

// What Client, LockHandle and TodoView stand on: the core, its transport and the executor, tied together. For this
// module's own .cpp files.
//
// The core belongs to the transport's thread; post() takes work there from any other. Handles and views know the body
// weakly, so that they may outlive their client.

#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <random>
#include <thread>

#include "client/core.h"
#include "client/transport.h"
#include "holdfast/client.h"

namespace hf::client {

inline constexpr Millis close_max{2'000};

// Runs calls on a thread of its own. The queue outlives the thread's owner, which may be destroyed by a call.
class OwnThread final : public holdfast::Executor {
 public:
  OwnThread() : queue_(std::make_shared<Queue>()), thread_([queue = queue_] { run(*queue); }) {}
  ~OwnThread() override { stop(); }

  void post(std::function<void()> call) override {
    std::lock_guard guard(queue_->mutex);
    queue_->calls.push_back(std::move(call));
    queue_->more.notify_one();
  }
  // Runs what is queued, then ends the thread.
  void stop() {
    {
      std::lock_guard guard(queue_->mutex);
      queue_->over = true;
      queue_->more.notify_one();
    }
    if (!thread_.joinable()) return;
    if (thread_.get_id() == std::this_thread::get_id()) {
      thread_.detach();
    } else {
      thread_.join();
    }
  }

 private:
  struct Queue {
    std::mutex mutex;
    std::condition_variable more;
    std::deque<std::function<void()>> calls;
    bool over = false;
  };
  static void run(Queue& queue) {
    std::unique_lock lock(queue.mutex);
    for (;;) {
      queue.more.wait(lock, [&] { return queue.over || !queue.calls.empty(); });
      if (queue.calls.empty()) return;
      auto call = std::move(queue.calls.front());
      queue.calls.pop_front();
      lock.unlock();
      call();
      call = nullptr;
      lock.lock();
    }
  }
  std::shared_ptr<Queue> queue_;
  std::thread thread_;
};

inline std::uint64_t random_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

}  // namespace hf::client

namespace holdfast {

class Client::Body final : public hf::client::Transport::Listener, public std::enable_shared_from_this<Client::Body> {
 public:
  using Core = hf::client::Core;
  using Taken = hf::client::Taken;
  using Time = hf::client::Time;
  template <class T>
  using Reply = hf::client::Reply<T>;

  Body(Options options, std::vector<hf::client::Url> urls, std::shared_ptr<hf::client::Trust> trust)
      : provider_(options.token_provider),
        executor_(options.executor),
        addresses_(urls.size()),
        transport_(std::move(urls), std::move(trust), options.language, *this),
        core_(std::move(options), hf::client::random_seed(), addresses_) {
    if (executor_ == nullptr) executor_ = own_ = std::make_shared<hf::client::OwnThread>();
  }

  void start() {
    core_.set_transferred([self = weak_from_this()](const std::function<void(LockHandle)>& callback, Taken taken) {
      callback(handle(self, std::move(taken)));
    });
    thread_ = std::thread([this] { transport_.run(); });
    transport_.post([this] {
      core_.start(std::chrono::steady_clock::now());
      turn();
    });
  }

  // Runs `work(core, now)` on the transport's thread. False, and nothing happens, after close().
  template <class F>
  bool post(F work) {
    std::lock_guard guard(gate_);
    if (closed_) return false;
    transport_.post([this, work = std::move(work)]() mutable {
      work(core_, std::chrono::steady_clock::now());
      turn();
    });
    return true;
  }

  void close() noexcept {
    {
      std::lock_guard guard(gate_);
      if (closed_) return;
      closed_ = true;
      transport_.post([this] {
        core_.end(std::chrono::steady_clock::now());
        turn();
        transport_.stop(hf::client::close_max);
      });
    }
    thread_.join();
    if (own_ != nullptr) own_->stop();
  }

  template <class T, class F>
  void later(Done<T> done, F work) {
    auto shared = std::make_shared<Done<T>>(std::move(done));
    const bool posted = post([shared, work = std::move(work)](Core& core, Time now) mutable {
      work(core, now,
           Reply<T>{[shared](Result<T> result) {
                      if (*shared) (*shared)(std::move(result));
                    },
                    false});
    });
    if (!posted && *shared) executor_->post([shared] { (*shared)(closed()); });
  }
  template <class T, class F>
  Result<T> wait(F work) {
    auto promise = std::make_shared<std::promise<Result<T>>>();
    auto future = promise->get_future();
    const bool posted = post([promise, work = std::move(work)](Core& core, Time now) mutable {
      work(core, now, Reply<T>{[promise](Result<T> result) { promise->set_value(std::move(result)); }, true});
    });
    if (!posted) return closed();
    return future.get();
  }

  static LockHandle handle(std::weak_ptr<Body> body, Taken taken);
  std::function<void(Core&, Time, Reply<LockHandle>)> taking(std::function<void(Core&, Time, Reply<Taken>)> work);

  Result<Nothing> wait_ready(Millis at_most) {
    std::unique_lock lock(shown_mutex_);
    changed_.wait_for(lock, at_most, [&] { return link_ != Link::connecting; });
    if (link_ == Link::ready) return Nothing{};
    if (!why_.code_name.empty()) return tl::unexpected(why_);
    return failure(Code::unavailable, "no connection to the server yet");
  }
  Link link() const {
    std::lock_guard guard(shown_mutex_);
    return link_;
  }
  std::string session() const {
    std::lock_guard guard(shown_mutex_);
    return session_;
  }
  std::vector<std::string> rights() const {
    std::lock_guard guard(shown_mutex_);
    return rights_;
  }

  static tl::unexpected<Error> closed() { return failure(Code::session_gone, "this client was closed"); }

 private:
  void on_open() override {
    core_.opened(std::chrono::steady_clock::now());
    turn();
  }
  void on_text(std::string_view text) override {
    core_.message(std::chrono::steady_clock::now(), text);
    turn();
  }
  void on_closed(std::uint16_t code, std::string reason, std::string field) override {
    core_.closed(std::chrono::steady_clock::now(), code, std::move(reason), std::move(field));
    turn();
  }
  void on_timer() override {
    core_.tick(std::chrono::steady_clock::now());
    turn();
  }

  void turn() {
    hf::client::Output out = core_.take();
    show();
    if (out.drop && !out.close) transport_.drop(hf::client::Transport::Drop::now);
    if (out.connect) transport_.connect(out.address);
    if (!out.messages.empty()) transport_.send(out.messages);
    if (out.close) transport_.drop(hf::client::Transport::Drop::after_writing);
    if (out.want_token) {
      executor_->post([self = weak_from_this(), provider = provider_] {
        auto token = provider();
        if (auto body = self.lock()) {
          body->post([token = std::move(token)](Core& core, Time now) { core.token(now, token); });
        }
      });
    }
    for (hf::client::Call& call : out.calls) {
      if (call.direct)
        call.run();
      else
        executor_->post(std::move(call.run));
    }
    transport_.wake_at(core_.next());
  }

  void show() {
    std::lock_guard guard(shown_mutex_);
    if (link_ == core_.link() && session_ == core_.session_text() && why_ == core_.link_error()) return;
    link_ = core_.link();
    session_ = core_.session_text();
    rights_ = core_.rights();
    why_ = core_.link_error();
    changed_.notify_all();
  }

  std::function<Result<std::string>()> provider_;
  std::shared_ptr<Executor> executor_;
  std::shared_ptr<hf::client::OwnThread> own_;
  const std::size_t addresses_;
  hf::client::Transport transport_;
  Core core_;
  std::thread thread_;
  std::mutex gate_;
  bool closed_ = false;

  mutable std::mutex shown_mutex_;
  std::condition_variable changed_;
  Link link_ = Link::connecting;
  std::string session_;
  std::vector<std::string> rights_;
  Error why_;
};

}  // namespace holdfast
