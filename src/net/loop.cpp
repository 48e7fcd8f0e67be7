#include "net/loop.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <list>
#include <utility>

namespace hf {
namespace {

namespace asio = boost::asio;

struct Repeated {
  Repeated(asio::io_context& context, Millis p, std::function<void()> w)
      : timer(context), period(p), work(std::move(w)) {}
  asio::steady_timer timer;
  Millis period;
  std::function<void()> work;
};

}  // namespace

struct Loop::State {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard = asio::make_work_guard(context);
  asio::signal_set signals{context};
  asio::steady_timer once{context};
  std::list<Repeated> repeated;
  std::function<void(int)> on_signal;
  std::function<void()> turn_end;
  bool turn_end_asked = false;

  void wait(Repeated& r) {
    r.timer.async_wait([this, &r](const boost::system::error_code& error) {
      if (error) return;
      r.work();
      const auto now = asio::steady_timer::clock_type::now();
      r.timer.expires_at(std::max(r.timer.expiry() + r.period, now));
      wait(r);
    });
  }

  void wait_signal() {
    signals.async_wait([this](const boost::system::error_code& error, int number) {
      if (error) return;
      on_signal(number);
      wait_signal();
    });
  }
};

Loop::Loop() : state_(std::make_unique<State>()) {}
Loop::~Loop() = default;

void Loop::run() { state_->context.run(); }
bool Loop::run_one(Millis patience) { return state_->context.run_one_for(patience) != 0; }
void Loop::stop() { state_->context.stop(); }
void Loop::post(std::function<void()> work) { asio::post(state_->context, std::move(work)); }

void Loop::every(Millis period, std::function<void()> work) {
  Repeated& r = state_->repeated.emplace_back(state_->context, period, std::move(work));
  r.timer.expires_after(period);
  state_->wait(r);
}

void Loop::once_at(Micros monotonic, std::function<void()> work) {
  state_->once.expires_at(std::chrono::steady_clock::time_point(monotonic));
  state_->once.async_wait([work = std::move(work)](const boost::system::error_code& error) {
    if (!error) work();
  });
}

void Loop::on_signal(std::function<void(int)> handler) {
  state_->on_signal = std::move(handler);
  boost::system::error_code ignored;  // the numbers are valid, so adding them cannot fail
  state_->signals.add(SIGTERM, ignored);
  state_->signals.add(SIGINT, ignored);
  state_->signals.add(SIGHUP, ignored);
  state_->wait_signal();
}

void Loop::set_turn_end(std::function<void()> work) { state_->turn_end = std::move(work); }

void Loop::at_turn_end() {
  if (state_->turn_end_asked || !state_->turn_end) return;
  state_->turn_end_asked = true;
  // Asio queues what is posted from a handler behind the handlers that are ready now and one look at the sockets.
  asio::post(state_->context, [this] {
    state_->turn_end_asked = false;
    state_->turn_end();
  });
}

Now Loop::now() noexcept {
  using std::chrono::duration_cast;
  return Now{wall_us(duration_cast<Micros>(std::chrono::system_clock::now().time_since_epoch()).count()),
             duration_cast<Micros>(std::chrono::steady_clock::now().time_since_epoch())};
}

boost::asio::io_context& Loop::context() noexcept { return state_->context; }

}  // namespace hf
