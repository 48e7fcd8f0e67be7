#include "simulation/simulated_redis.h"

#include <algorithm>

#include "redis/scripts.h"

namespace hf::sim {
namespace {

using redis::Reply;

Reply text(std::string value) {
  Reply reply;
  reply.kind = Reply::Kind::text;
  reply.text = std::move(value);
  return reply;
}
Reply integer(std::uint64_t value) {
  Reply reply;
  reply.kind = Reply::Kind::integer;
  reply.integer = static_cast<std::int64_t>(value);
  return reply;
}
Reply array(std::vector<Reply> items) {
  Reply reply;
  reply.kind = Reply::Kind::array;
  reply.items = std::move(items);
  return reply;
}
Reply error(std::string why) {
  Reply reply;
  reply.kind = Reply::Kind::error;
  reply.text = std::move(why);
  return reply;
}

std::uint64_t number(const std::string& digits) { return digits.empty() ? 0 : std::stoull(digits); }

// An id of a stream, or what stands before the first.
std::pair<std::uint64_t, std::uint64_t> numbers(const std::string& id) {
  const std::size_t dash = id.find('-');
  if (dash == std::string::npos) return {};
  return {number(id.substr(0, dash)), number(id.substr(dash + 1))};
}

Reply entry_reply(const SimulatedRedis::Entry& entry) {
  std::vector<Reply> fields;
  for (const std::string& field : entry.fields) fields.push_back(text(field));
  return array({text(entry.id()), array(std::move(fields))});
}

}  // namespace

std::uint64_t SimulatedRedis::now_ms() const {
  return static_cast<std::uint64_t>(to_us(start_ + scheduler_.now()) / 1000);
}

void SimulatedRedis::restart(Memory with) {
  memory = std::move(with);
  scripts.clear();
  run_id = "run" + std::to_string(++runs_);
}

std::optional<Reply> SimulatedRedis::run(const redis::Arguments& arguments) {
  const std::string& name = arguments.at(0);
  if (name == "XREAD") return read(arguments);
  if (name == "HSET") {
    for (std::size_t i = 2; i + 1 < arguments.size(); i += 2)
      memory.hashes[arguments[1]][arguments[i]] = arguments[i + 1];
    return integer(1);
  }
  if (name == "HMGET") {
    std::vector<Reply> values;
    const auto hash = memory.hashes.find(arguments[1]);
    for (std::size_t i = 2; i < arguments.size(); ++i) {
      const bool has = hash != memory.hashes.end() && hash->second.contains(arguments[i]);
      values.push_back(has ? text(hash->second.at(arguments[i])) : Reply{});
    }
    return array(std::move(values));
  }
  if (name == "HDEL") {
    memory.hashes[arguments[1]].erase(arguments[2]);
    return integer(1);
  }
  if (name == "EXPIRE") return integer(1);
  if (name == "XRANGE") return range(arguments);
  if (name != "EVALSHA" && name != "EVAL") return error("ERR unknown command " + name);
  for (std::size_t i = 0; i < redis::script_count; ++i) {
    const redis::Script& script = redis::script_of(i);
    if (arguments[1] != (name == "EVAL" ? script.text : script.digest)) continue;
    if (name == "EVAL") scripts.insert(script.digest);
    if (!scripts.contains(script.digest)) return error("NOSCRIPT No matching script.");
    const auto keys_count = static_cast<std::ptrdiff_t>(number(arguments[2]));
    const Keys keys(arguments.begin() + 3, arguments.begin() + 3 + keys_count);
    const Keys rest(arguments.begin() + 3 + keys_count, arguments.end());
    switch (i) {
      case redis::script_append: return append(keys, rest);
      case redis::script_hello: return hello(keys, rest);
      case redis::script_open: return open(keys, rest);
      case redis::script_rebase: return rebase(keys, rest);
      case redis::script_audit: return audit(keys, rest);
      default: break;
    }
  }
  return error("NOSCRIPT No matching script.");
}

std::optional<Reply> SimulatedRedis::read(const redis::Arguments& arguments) const {
  const auto after = numbers(arguments.back());
  std::vector<Reply> entries;
  const auto place_of = [](const Entry& entry) { return std::pair(entry.ms, entry.place); };
  for (auto at = std::ranges::upper_bound(memory.log, after, {}, place_of); at != memory.log.end(); ++at) {
    if (entries.size() == 512) break;
    entries.push_back(entry_reply(*at));
  }
  if (entries.empty()) return std::nullopt;
  return array({array({text("log"), array(std::move(entries))})});
}

void SimulatedRedis::add(std::vector<std::string> fields) {
  const std::uint64_t ms = std::max(now_ms(), memory.last_ms);
  memory.last_place = ms == memory.last_ms ? memory.last_place + 1 : 0;
  memory.last_ms = ms;
  memory.log.push_back({ms, memory.last_place, std::move(fields)});
  for (const auto& work : std::exchange(waiting_, {})) scheduler_.after(Micros(0), work);
}

Reply SimulatedRedis::append(const Keys& keys, const Keys& arguments) {
  auto& meta = memory.hashes[keys[0]];
  auto& nodes = memory.hashes[keys[2]];
  if (!meta.contains("generation") || meta["generation"] != arguments[0] || meta["open"] != "1") {
    return error("CLOSED the log is not open in generation " + arguments[0]);
  }
  const auto last = nodes.find(arguments[1]);
  if (last != nodes.end() && number(last->second) >= number(arguments[2])) return integer(number(meta["number"]));
  const std::uint64_t next = number(meta["number"]) + 1;
  add({"n", std::to_string(next), "g", arguments[0], "o", arguments[1], "b", arguments[2], "d", arguments[3], "t",
       std::to_string(now_ms())});
  meta["number"] = std::to_string(next);
  nodes[arguments[1]] = arguments[2];
  return integer(next);
}

Reply SimulatedRedis::hello(const Keys& keys, const Keys& arguments) {
  auto& meta = memory.hashes[keys[0]];
  const std::uint64_t now = now_ms(), known = number(arguments[1]);
  std::uint64_t generation = number(meta["generation"]);
  if (meta["generation"].empty() || meta["run"] != run_id || known > generation) {
    generation = std::max(generation, known) + 1;
    memory.hashes.erase(keys[2]);
    meta["generation"] = std::to_string(generation);
    meta["open"] = "0";
    meta["run"] = run_id;
    meta["closed"] = std::to_string(now);
    if (meta["number"].empty()) meta["number"] = "0";
  }
  const bool open = meta["open"] == "1";
  const std::uint64_t closed = meta["closed"].empty() ? now : std::min(number(meta["closed"]), now);
  if (!open) {
    meta["closed"] = std::to_string(closed);
    memory.hashes[keys[2]][arguments[0]] =
        arguments[2] + " " + arguments[3] + " " + std::to_string(now) + " " + arguments[5];
  }
  bool found = false;
  const std::string base_last = meta["base_last"].empty() ? "0-0" : meta["base_last"];
  if (number(arguments[3]) == number(meta["base_number"]) && arguments[4] == base_last) {
    found = true;
  } else if (number(arguments[3]) > 0) {
    found = std::ranges::any_of(memory.log, [&](const Entry& entry) {
      return entry.id() == arguments[4] && entry.fields[1] == arguments[3] && entry.fields[3] == arguments[2];
    });
  }
  std::vector<Reply> reports, members;
  for (const auto& [node, report] : memory.hashes[keys[2]]) {
    reports.push_back(text(node));
    reports.push_back(text(report));
  }
  for (const auto& [node, name] : memory.hashes[keys[3]]) {
    members.push_back(text(node));
    members.push_back(text(name));
  }
  return array({integer(generation), integer(open ? 1 : 0), integer(number(meta["number"])),
                integer(number(meta["opened"])), text(meta["base"]), integer(number(meta["base_number"])),
                integer(number(meta["base_bytes"])), integer(now - closed), integer(found ? 1 : 0),
                array(std::move(reports)), integer(now), array(std::move(members))});
}

Reply SimulatedRedis::open(const Keys& keys, const Keys& arguments) {
  auto& meta = memory.hashes[keys[0]];
  if (meta["generation"] != arguments[0] || meta["open"] != "0") return error("CLOSED the log is open already");
  if (!arguments[3].empty()) {
    if (!memory.hashes.contains(arguments[3])) return error("CLOSED the image is not here");
    if (!meta["base"].empty()) memory.hashes.erase(meta["base"]);
    memory.log.clear();
    memory.last_ms = memory.last_place = 0;
    meta["base"] = arguments[3];
    meta["base_number"] = meta["number"] = arguments[4];
    meta["base_last"] = arguments[5];
    meta["base_bytes"] = arguments[6];
  }
  meta["open"] = "1";
  meta["opened"] = arguments[0];
  memory.hashes.erase(keys[2]);
  memory.hashes.erase(keys[3]);
  const std::uint64_t next = number(meta["number"]) + 1;
  meta["number"] = std::to_string(next);
  add({"n", std::to_string(next), "g", arguments[0], "o", arguments[1], "b", "0", "d", arguments[2], "t",
       std::to_string(now_ms())});
  return integer(next);
}

Reply SimulatedRedis::rebase(const Keys& keys, const Keys& arguments) {
  auto& meta = memory.hashes[keys[0]];
  if (meta["generation"] != arguments[0] || meta["open"] != "1" ||
      number(arguments[2]) <= number(meta["base_number"]) ||
      numbers(meta["audited"]) < std::pair(number(arguments[5]), number(arguments[2]))) {
    memory.hashes.erase(arguments[1]);
    return integer(0);
  }
  if (!memory.hashes.contains(arguments[1])) return integer(0);
  if (!meta["base"].empty()) memory.hashes.erase(meta["base"]);
  meta["base"] = arguments[1];
  meta["base_number"] = arguments[2];
  meta["base_last"] = arguments[3];
  meta["base_bytes"] = arguments[4];
  const auto least = numbers(arguments[3]);
  std::erase_if(memory.log, [&](const Entry& entry) { return std::pair(entry.ms, entry.place) < least; });
  return integer(1);
}

Reply SimulatedRedis::audit(const Keys& keys, const Keys& arguments) {
  auto& meta = memory.hashes[keys[0]];
  if (meta["generation"] != arguments[0] || meta["open"] != arguments[1])
    return error("CLOSED the log is not as it was");
  if (meta["audited"] != arguments[2]) return array({integer(0), text(meta["audited"])});
  if (meta["audited"].empty()) {
    memory.trail.clear();
    meta.erase("audit_trimmed");
    meta.erase("audit_bytes");
  }
  const auto place = numbers(arguments[4]);
  memory.trail.push_back(
      {place.first,
       place.second,
       {"f", arguments[3], "i", arguments[5], "t", arguments[6], "r", arguments[7], "d", arguments[8]}});
  meta["audited"] = arguments[4];
  std::uint64_t kept = number(meta["audit_bytes"]) + number(arguments[7]);
  for (int i = 0; i < 16 && memory.trail.size() > 1; ++i) {
    const Entry& first = memory.trail.front();
    const bool old = now_ms() > number(first.fields[5]) && now_ms() - number(first.fields[5]) > number(arguments[10]);
    if (kept <= number(arguments[9]) && !old) break;
    kept -= number(first.fields[7]);
    meta["audit_trimmed"] = first.id();
    memory.trail.erase(memory.trail.begin());
  }
  meta["audit_bytes"] = std::to_string(kept);
  return array({integer(1), text(arguments[4])});
}

// XRANGE key FROM TO [COUNT n] of the trail: FROM is "-", an id, or "(" and an id; TO is "+" or an id.
Reply SimulatedRedis::range(const redis::Arguments& arguments) const {
  const bool behind = arguments[2].starts_with('(');
  const auto from = numbers(behind ? arguments[2].substr(1) : arguments[2]);
  const std::uint64_t count = arguments.size() > 5 ? number(arguments[5]) : memory.trail.size();
  std::vector<Reply> entries;
  for (const Entry& entry : memory.trail) {
    const auto place = std::pair(entry.ms, entry.place);
    const bool before_end = arguments[3] == "+" || place <= numbers(arguments[3]);
    if (place < from || (behind && place == from) || !before_end || entries.size() >= count) continue;
    entries.push_back(entry_reply(entry));
  }
  return array(std::move(entries));
}

// ---------------------------------------------------------------------------------------------- the link

SimulatedLink::SimulatedLink(Scheduler& scheduler, SimulatedRedis& redis, Random& random)
    : scheduler_(scheduler), redis_(redis), random_(random) {
  connect();
}
SimulatedLink::~SimulatedLink() = default;

Micros SimulatedLink::latency(Micros& last) {
  const Micros way(20 + random_.below(static_cast<std::uint64_t>(latency_max_.count())));
  last = std::max(last, scheduler_.now() + way);
  return last - scheduler_.now();
}

void SimulatedLink::connect() {
  const std::uint64_t connection = ++connection_;
  scheduler_.after(Millis(2), guarded([this, connection] {
                     if (connection != connection_) return;
                     if (cut_ || deaf_) {
                       trouble_ = "no answer";
                       return connect();
                     }
                     standing_ = true;
                     trouble_.clear();
                     redis::ServerInfo info;
                     info.run_id = redis_.run_id;
                     info.version = "7.0.15";
                     tell([this, info, connection] {
                       if (up_ && connection == connection_) up_(info);
                       for (auto& [id, command] : pending_) {
                         if (!command.sent && standing_) transmit(id);
                       }
                     });
                   }));
}

void SimulatedLink::reconnect() {
  drop("it was asked for");
  connect();
}

void SimulatedLink::drop(const std::string& why) {
  ++connection_;
  for (const auto& [id, command] : pending_) {
    if (!command.sent) continue;
    scheduler_.after(Micros(0), guarded([this, lost = id] {
                       finish(lost, fail(Code::unknown_outcome, "the connection broke", ""));
                     }));
  }
  if (!std::exchange(standing_, false)) return;
  scheduler_.after(Micros(0), guarded([this, why] {
                     tell([this, why] {
                       if (down_) down_(why);
                     });
                   }));
}

void SimulatedLink::cut(bool on) {
  cut_ = on;
  if (on) reconnect();
}

void SimulatedLink::send(redis::Arguments arguments, Millis timeout, redis::Done done) {
  const std::uint64_t id = next_++;
  pending_[id] = {std::move(arguments), std::move(done), false};
  scheduler_.after(Micros(timeout), guarded([this, id] {
                     const auto at = pending_.find(id);
                     if (at == pending_.end()) return;
                     const bool sent = at->second.sent;
                     finish(id, fail(sent ? Code::unknown_outcome : Code::unavailable, "no answer in time", ""));
                     if (sent && standing_) reconnect();
                   }));
  if (standing_) transmit(id);
}

void SimulatedLink::transmit(std::uint64_t command) {
  Pending& pending = pending_.at(command);
  pending.sent = true;
  Micros deadline{0};
  if (pending.arguments[0] == "XREAD") deadline = scheduler_.now() + Millis(std::stoll(pending.arguments[4]));
  scheduler_.after(latency(to_last_), guarded([this, command, connection = connection_, deadline] {
                     arrived(command, connection, deadline);
                   }));
}

void SimulatedLink::arrived(std::uint64_t command, std::uint64_t connection, Micros deadline) {
  const auto at = pending_.find(command);
  // What was sent before the connection broke may have been carried out all the same.
  if (at == pending_.end() || (connection != connection_ && random_.one_in(2))) return;
  auto reply = redis_.run(at->second.arguments);
  if (!reply && scheduler_.now() < deadline) {
    // Whichever comes first; the other finds the command answered.
    const auto again = guarded([this, command, connection, deadline] {
      if (connection == connection_) arrived(command, connection, deadline);
    });
    redis_.wait(again);
    scheduler_.after(deadline - scheduler_.now(), again);
    return;
  }
  answer(command, connection, reply.value_or(redis::Reply{}));
}

void SimulatedLink::answer(std::uint64_t command, std::uint64_t connection, redis::Reply reply) {
  if (connection != connection_ || deaf_) return;
  scheduler_.after(latency(from_last_), guarded([this, command, connection, reply = std::move(reply)] {
                     if (connection == connection_ && !deaf_) finish(command, reply);
                   }));
}

void SimulatedLink::finish(std::uint64_t command, Result<redis::Reply> reply) {
  tell([this, command, reply = std::move(reply)]() mutable {
    auto node = pending_.extract(command);
    if (!node.empty()) node.mapped().done(std::move(reply));
  });
}

void SimulatedLink::tell(std::function<void()> what) {
  if (still_) {
    kept_.push_back(std::move(what));
  } else {
    what();
  }
}

void SimulatedLink::stand_still(bool on) {
  still_ = on;
  if (on) return;
  for (auto& what : std::exchange(kept_, {})) scheduler_.after(Micros(0), guarded(std::move(what)));
}

}  // namespace hf::sim
