#include "simulation/chaos.h"

#include <algorithm>

namespace hf::sim {
namespace {

constexpr Millis apart_max{250};            // of two actions
constexpr std::uint64_t still_max = 9'000;  // milliseconds that a process is stopped for
constexpr Millis settles_after{12'000};     // a Redis that forgot: quarantine and the opening
constexpr std::size_t repeats_kept = 32;

}  // namespace

WorldOptions random_options(std::uint64_t seed, bool redis) {
  Random random(seed ^ 0x5EED);
  WorldOptions options;
  options.seed = seed;
  options.redis = redis;
  options.nodes = redis ? 2 + random.below(2) : 1;
  options.bills = 4 + random.below(16);
  const bool small_log = random.one_in(3);
  options.deletes = !small_log && random.one_in(3);
  if (options.deletes && random.one_in(2)) options.publishers = 1;
  if (small_log) options.board.log_entries_max = 10 + random.below(40);
  options.board.rows_looked_at_max = 2 + static_cast<std::uint32_t>(random.below(20));
  options.todo.rows_per_page = 1 + static_cast<std::uint32_t>(random.below(5));
  options.todo.questions_max = 1 + static_cast<std::uint32_t>(random.below(4));
  if (random.one_in(2)) options.todo.bills_per_frame_max = 1 + static_cast<std::uint32_t>(random.below(4));
  options.todo.unsent_bytes_max = 2'000 + random.below(4'000);
  options.todo.behind_max = Millis(4'000);
  options.latency_max = Micros(500 + random.below(30'000));
  if (random.one_in(50)) {
    options.bills = 1'200;  // whose transactions of all bills are bulks of a thousand
    options.todo = {};
    options.board.rows_looked_at_max = StatusLimits{}.rows_looked_at_max;
  }
  return options;
}

Chaos::Chaos(World& world) : world_(world), random_(world.random) {
  const std::size_t people = 3 + random_.below(3);
  for (std::size_t i = 0; i < people; ++i) {
    world_.add_seat(somebody(random_, random_.one_in(4) ? 0 : i), some_selection(random_));
  }
}

Claims Chaos::somebody(Random& random, std::size_t person) {
  static const std::vector<std::vector<std::string>> roles = {
      {"all"}, {"office"}, {"seller"}, {"seller", "b_all"}, {}, {"office", "b_all"}};
  static const std::vector<std::vector<std::string>> departments = {{}, {"D1"}, {"D2"}, {"D1", "D2"}};
  Claims claims;
  claims.user = "u" + std::to_string(person);
  claims.employee = "e" + std::to_string(person);
  claims.roles = roles[random.below(roles.size())];
  claims.departments = departments[random.below(departments.size())];
  return claims;
}

Selection Chaos::some_selection(Random& random) {
  Selection selection;
  if (random.one_in(4)) selection.types = {random.one_in(3) ? "B" : "A"};
  if (random.one_in(4)) selection.open = {random.one_in(2) ? "A/due" : "A/back", "B/draft"};
  return selection;
}

void Chaos::rage(Micros span) {
  const Micros end = world_.time.now() + span;
  next(end);
  // The longest transaction that is open then.
  world_.time.run(span + Micros(Millis(6'100)));
}

void Chaos::next(Micros end) {
  const auto most = static_cast<std::uint64_t>(Micros(apart_max).count());
  world_.time.after(Micros(1 + random_.below(most)), [this, end] {
    if (world_.time.now() >= end) return;
    act();
    next(end);
  });
}

void Chaos::act() {
  switch (random_.below(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5: return transact();
    case 6:
      if (!sent_.empty()) {  // again: under its own id, or what it says under another
        World::Batch again = sent_[random_.below(sent_.size())];
        if (random_.one_in(2)) again.id.clear();
        world_.publish(std::move(again), random_.below(world_.options.publishers));
      }
      return;
    case 7:
    case 8:
    case 9:
    case 10:
    case 11: return disturb_seat();
    case 12:
    case 13: return disturb_node();
    case 14:
      world_.latency_max = Micros(500 + random_.below(random_.one_in(4) ? 400'000 : 20'000));
      world_.answers_lost_one_in = random_.one_in(3) ? 2 + random_.below(5) : 0;
      return;
    default:
      if (world_.options.redis && !random_.one_in(3)) return disturb_redis();
      // A resync forgets what was deleted, with its version: a state on its way from before would count as new.
      if (!world_.options.deletes && random_.one_in(3)) {
        const std::string type = random_.one_in(2) ? "A" : "B";
        world_.tell("resync of " + type);
        world_.resync(type);
      }
      return;
  }
}

void Chaos::transact() {
  const std::size_t all = std::min<std::size_t>(world_.options.bills, 1'000);
  const std::size_t count = random_.one_in(12) ? all : 1 + random_.below(4);
  const Erp::Transaction open = world_.erp.begin(random_, world_.options.bills, count, world_.options.fates());
  const Micros takes(random_.below(random_.one_in(8) ? 6'000'000 : 50'000));
  world_.time.after(takes, [this, open] {
    if (random_.one_in(6)) return world_.erp.roll_back(open);
    World::Batch batch = world_.commit(open);
    if (!batch.events.empty() && random_.one_in(6)) tell_run(open.changes.front());
    if (world_.options.deletes || batch.events.empty())
      return;  // an older state, of a bill that is deleted and forgotten, counts as new
    sent_.push_back(std::move(batch));
    if (sent_.size() > repeats_kept) sent_.erase(sent_.begin());
  });
}

// A step of an action on the bill, by somebody who may see it or not.
void Chaos::tell_run(const StatusEvent& bill) {
  RunEvent run{.type = bill.type, .id = bill.id, .step = "writing", .action = "审核"};
  run.run = RunId{Id128{1, 1 + random_.next() % 1'000}};
  run.actor = {"u" + std::to_string(random_.below(4)), ""};
  world_.publish({"", {run}}, random_.below(world_.options.publishers));
}

void Chaos::disturb_seat() {
  Seat& seat = *world_.seats[random_.below(world_.seats.size())];
  const std::string& who = seat.claims.user;
  switch (random_.below(15)) {
    case 0:
    case 1: return world_.cut(seat);
    case 2:
      if (random_.one_in(3)) {
        world_.tell(who + " falls silent");
        world_.black_hole(seat, random_.one_in(2), true);
      }
      return;
    case 3:
    case 4: return world_.read(seat, !seat.reads);
    case 5: world_.tell(who + " sleeps"); return world_.fall_asleep(seat);
    case 6: return world_.wake(seat);
    case 7:
    case 8: {
      Claims other = somebody(random_, 0);
      other.user = seat.claims.user;
      other.employee = seat.claims.employee;
      world_.tell(who + " has other rights");
      return world_.set_claims(seat, std::move(other));
    }
    case 9: return world_.select(seat, some_selection(random_));
    case 10: return world_.select(seat, seat.selection);
    case 11:
    case 12:
    case 13: return world_.fidget(seat);
    default: return world_.unsubscribe(seat);
  }
}

void Chaos::disturb_node() {
  const std::size_t i = random_.below(world_.nodes());
  Node& node = world_.node(i);
  if (!node.is_up()) {
    world_.tell("node " + std::to_string(i) + " starts");
    return world_.start(i);
  }
  std::size_t ready = 0;
  for (std::size_t each = 0; each < world_.nodes(); ++each) ready += world_.node(each).ready() ? 1 : 0;
  const bool opening = world_.time.now() - redis_forgot_ < settles_after;
  const bool indispensable = world_.options.redis && (ready < 2 || opening);
  switch (random_.below(7)) {
    case 6: {
      if (indispensable || !world_.options.redis) return;
      world_.tell("node " + std::to_string(i) + " stands still");
      node.stand_still(true);
      world_.time.after(Millis(100 + random_.below(still_max)), [this, i, life = node.life()] {
        if (world_.node(i).life() == life) world_.node(i).stand_still(false);
      });
      return;
    }
    case 0:
      if (indispensable) return;
      world_.tell("node " + std::to_string(i) + " dies");
      node_died_ = world_.time.now();
      return world_.kill(i, !random_.one_in(4));
    case 1: node.skew = Millis(static_cast<std::int64_t>(random_.below(1'200'000)) - 600'000); return;
    case 2: return node.stall_disk(Micros(random_.one_in(3) ? 800'000 : 2'000));
    case 3:
      if (indispensable || !random_.one_in(3)) return;
      world_.tell("node " + std::to_string(i) + " drains");
      node_died_ = world_.time.now();
      return world_.drain(i);
    case 4: {
      const bool on = random_.one_in(2) && !opening;
      if (world_.options.redis)
        world_.tell("node " + std::to_string(i) + (on ? " is cut off Redis" : " has Redis again"));
      return node.cut_redis(on);
    }
    default: {
      const bool on = random_.one_in(3) && !opening;
      if (on && world_.options.redis) world_.tell("node " + std::to_string(i) + " hears no answers of Redis");
      return node.swallow_redis(on);
    }
  }
}

bool Chaos::redis_may_forget() const {
  if (world_.time.now() - node_died_ < settles_after || world_.time.now() - redis_forgot_ < settles_after) return false;
  for (std::size_t i = 0; i < world_.nodes(); ++i) {
    if (!world_.node(i).ready() || !world_.node(i).has_redis()) return false;
  }
  return true;
}

void Chaos::disturb_redis() {
  if (!has_dump_ || random_.one_in(3)) {
    dump_ = world_.redis.memory;
    has_dump_ = true;
    return;
  }
  if (!redis_may_forget()) return;
  redis_forgot_ = world_.time.now();
  for (std::size_t i = 0; i < world_.nodes(); ++i) {
    const auto stands = world_.node(i).on_redis()->counters();
    world_.tell("node " + std::to_string(i) + " stands at " + std::to_string(stands.generation) + ", " +
                std::to_string(stands.number));
  }
  if (random_.one_in(3)) {
    world_.tell("Redis is flushed");
    world_.redis.memory = {};
  } else {
    world_.tell("Redis is another process, with an old dump");
    world_.redis.restart(dump_);
  }
  // A flush is met by who asks next; another process breaks all connections.
  for (std::size_t i = 0; i < world_.nodes(); ++i) {
    world_.node(i).cut_redis(true);
    world_.time.after(Millis(10 + random_.below(500)), [this, i, life = world_.node(i).life()] {
      if (world_.node(i).life() == life) world_.node(i).cut_redis(false);
    });
  }
}

}  // namespace hf::sim
