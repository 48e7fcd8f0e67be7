// The image that the log begins with: read by a node that comes, written by the first in rank, put there again.
#include <algorithm>

#include "base/assert.h"
#include "redis/digits.h"
#include "redis/redis_engine.h"

namespace hf::redis {
namespace {

constexpr Micros look_every{1'000'000};  // whether a node that comes misses what the log begins with
constexpr std::size_t piece_bytes = 1 << 20;
constexpr std::size_t pieces_a_time = 16;

}  // namespace

std::string Engine::new_base_key() const {
  return key("base:" + digits(replica_.place().number) + ":" + options_.random().text());
}

void Engine::upload(const std::string& image, std::string base, std::function<void(bool)> done) {
  auto failed = std::make_shared<bool>(false);
  const auto sent = [alive = std::weak_ptr(alive_), failed](const Result<Reply>& reply) {
    if (!alive.expired() && (!reply || reply->is_error())) *failed = true;
  };
  for (std::size_t at = 0; at < image.size(); at += piece_bytes)
    writer_.send({"HSET", base, digits(at / piece_bytes), image.substr(at, piece_bytes)}, options_.timeout * 5, sent);
  // An image that nobody puts under a log goes away by itself.
  writer_.send({"EXPIRE", base, "600"}, options_.timeout * 5,
               [alive = std::weak_ptr(alive_), failed, sent, done = std::move(done)](const Result<Reply>& reply) {
                 sent(reply);
                 if (!alive.expired()) done(!*failed);
               });
}

void Engine::load(const Greeting& greeting) {
  HF_ASSERT(!reads() && replica_.place().number == 0);  // an image is the beginning, never something beside a state
  phase_ = Phase::loading;
  if (missing_ != greeting.base) why_ = "The state is being read from Redis.";
  base_bytes_ = greeting.base_bytes;
  if (greeting.base.empty()) return follow("0-0", greeting.place.number);
  load_piece(std::make_shared<std::string>(), greeting, 0);
}

void Engine::load_piece(std::shared_ptr<std::string> bytes, const Greeting& greeting, std::size_t at) {
  Arguments pieces{"HMGET", greeting.base};
  for (std::size_t i = at; i < at + pieces_a_time; ++i) pieces.push_back(digits(i));
  reader_.send(std::move(pieces), options_.timeout * 5,
               [this, alive = std::weak_ptr(alive_), bytes, greeting, at, epoch = epoch_](const Result<Reply>& reply) {
                 if (alive.expired() || epoch != epoch_ || phase_ != Phase::loading) return;
                 if (reply && !reply->is_error()) {
                   for (const Reply& piece : reply->items) *bytes += piece.text;
                   if (bytes->size() < greeting.base_bytes && !reply->items.empty() && !reply->items[0].is_null())
                     return load_piece(bytes, greeting, at + pieces_a_time);
                   if (bytes->size() == greeting.base_bytes) {
                     if (std::string wrong = take_image(*bytes); !wrong.empty()) return step_aside(std::move(wrong));
                     return follow("0-0", greeting.place.number);
                   }
                   want_image();
                 }
                 phase_ = Phase::greeting;
               });
}

std::string Engine::take_image(std::string_view bytes) {
  if (!is_base_image(bytes)) return "The state in Redis is of a newer version than this node: upgrade it.";
  const auto image = read_base_image(bytes);
  if (image && replica_.begin_with(*image)) return {};
  return "The image of the state in Redis is damaged, or of a newer version than this node.";
}

// What the log begins with is not there to its end. Who lives by it has the state still and puts a new image there; if
// another one took the place of that one meanwhile, nobody does anything, and this node begins again with it.
void Engine::want_image() {
  // Found again as it was: it is not just being replaced.
  if (missing_ == base_)
    why_ =
        "What the log begins with is gone from Redis. A node that lives puts it back; if none does, all is lost: "
        "delete " +
        key("*") + " to begin anew.";
  missing_ = base_;
  writer_.send({"HSET", key("meta"), "wanted", base_}, options_.timeout, [](const Result<Reply>&) {});
}

void Engine::consider_image() {
  if (replica_.rank() == 0 && !replica_.members().empty() &&
      log_bytes_ >= std::max(options_.log_bytes_max, base_bytes_))
    write_image();
  const Micros now = options_.monotonic();
  // The first in rank may have died unseen: the others look too, less often.
  if (!refused_.empty() ||
      now - looked_at_ < look_every * static_cast<int>(std::min<std::size_t>(replica_.rank(), 20) + 1))
    return;
  looked_at_ = now;
  writer_.send({"HMGET", key("meta"), "wanted", "base"}, options_.timeout,
               [this, alive = std::weak_ptr(alive_), epoch = epoch_](const Result<Reply>& reply) {
                 if (alive.expired() || epoch != epoch_ || !reply || reply->items.size() != 2) return;
                 if (!reply->items[0].is_null() && reply->items[0].text == reply->items[1].text) write_image();
               });
}

// The log may be cut as far as the trail has what its entries changed (rebase.lua looks again).
void Engine::write_image() {
  if (imaging_) return;
  imaging_ = true;
  trail_.settle(
      {.generation = generation_}, replica_.place(), SIZE_MAX,
      [this, state = replica_.image(), place = replica_.place(), last = replica_.last(), epoch = epoch_](bool audited) {
        if (audited && epoch == epoch_) return upload_image(state, place, last);
        imaging_ = false;
        log_bytes_ = 0;  // the next try comes with as much log again
      });
}

void Engine::upload_image(const std::string& state, const Place& place, const std::string& last) {
  const std::string base = new_base_key();
  ++counters_.images;
  const auto finish = [this](std::size_t size) {
    imaging_ = false;
    log_bytes_ = 0;  // after a failure too: the next try comes with as much log again
    if (size != 0) base_bytes_ = size;
  };
  upload(state, base, [this, base, place, last, size = state.size(), epoch = epoch_, finish](bool done) {
    if (!done || epoch != epoch_) return finish(0);
    call(script_rebase, {key("meta"), key("log")},
         {digits(generation_), base, digits(place.number), last, digits(size), digits(place.generation)},
         [finish, size](const Result<Reply>& reply) {
           finish(reply && reply->kind == Reply::Kind::integer && reply->integer == 1 ? size : 0);
         });
  });
}

}  // namespace hf::redis
