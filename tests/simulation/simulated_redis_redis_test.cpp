// SimulatedRedis does by hand what the scripts do in a real server: here both are asked the same, by chance, and must
// answer alike. If they part, the simulator shows what no Redis does.

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "redis/audit_batch.h"
#include "redis/scripts.h"
#include "simulation/simulated_redis.h"
#include "tests/redis/redis_process.h"

namespace hf::sim {
namespace {

using redis::Arguments;
using redis::Reply;

std::string key(const std::string& of) { return "hf:{x}:" + of; }

// "generation number time name" without the time.
std::string report_of(const std::string& text) {
  const std::size_t time = text.find(' ', text.find(' ') + 1);
  return text.substr(0, time) + text.substr(text.find(' ', time + 1));
}

// What must be alike of an answer: times and ids are each server's own.
std::string shown(const Reply& reply, bool hello) {
  if (reply.is_error()) return reply.text.substr(0, reply.text.find(' '));
  if (reply.kind == Reply::Kind::integer) return std::to_string(reply.integer);
  if (reply.kind != Reply::Kind::array) return reply.text;
  std::string text = "[";
  for (std::size_t i = 0; i < reply.items.size(); ++i) {
    if (hello && (i == 7 || i == 10)) continue;
    const Reply& item = reply.items[i];
    if (hello && (i == 9 || i == 11)) {  // hashes come in any order
      std::vector<std::string> parts;
      for (std::size_t part = 0; part < item.items.size(); part += 2) {
        std::string one = item.items[part].text + "=";
        if (i == 11) one += item.items[part + 1].text;
        if (i == 9) one += report_of(item.items[part + 1].text);
        parts.push_back(one);
      }
      std::ranges::sort(parts);
      for (const std::string& part : parts) text += part + ";";
    } else {
      text += shown(item, false);
    }
    text += ",";
  }
  return text + "]";
}

class BothRedises : public ::testing::Test {
 protected:
  struct Entry {
    std::string simulated, real;  // ids
    std::uint64_t number = 0;
    std::string generation;
  };

  Reply simulate(const Arguments& arguments) { return simulated.run(arguments).value_or(Reply{}); }
  // Asks both; the arguments may differ in ids. The simulated one's answer.
  Reply ask(const Arguments& to_simulated, const Arguments& to_real, bool hello = false) {
    const Reply a = simulate(to_simulated), b = real.command(to_real);
    EXPECT_EQ(shown(a, hello), shown(b, hello)) << to_real[0] << " " << step;
    return a;
  }
  Reply script(redis::ScriptName name, Arguments rest, Arguments rest_real, bool hello = false) {
    const auto call = [&](const char* by, const std::string& what, const Arguments& with) {
      Arguments all{by, what};
      all.insert(all.end(), with.begin(), with.end());
      return all;
    };
    const redis::Script& known = redis::script_of(name);
    Reply answer = ask(call("EVALSHA", known.digest, rest), call("EVALSHA", known.digest, rest_real), hello);
    if (answer.is_error("NOSCRIPT"))
      answer = ask(call("EVAL", known.text, rest), call("EVAL", known.text, rest_real), hello);
    ++(answer.is_error() || (name == redis::script_rebase && answer.integer == 0) ||
               (name == redis::script_audit && answer.items.at(0).integer == 0)
           ? refused
           : done)[name];
    return answer;
  }
  // The log as both have it, entry by entry.
  void read() {
    const Arguments all{"XREAD", "COUNT", "512", "STREAMS", key("log"), "0-0"};
    const Reply a = simulate(all), b = real.command(all);
    entries.clear();
    ASSERT_EQ(a.items.empty(), b.items.empty()) << step;
    if (a.items.empty()) return;
    const auto &left = a.items[0].items[1].items, &right = b.items[0].items[1].items;
    ASSERT_EQ(left.size(), right.size()) << step;
    for (std::size_t i = 0; i < left.size(); ++i) {
      const auto &x = left[i].items[1].items, &y = right[i].items[1].items;
      ASSERT_EQ(x.size(), y.size());
      for (std::size_t field = 0; field + 1 < x.size(); ++field) EXPECT_EQ(x[field].text, y[field].text) << step;
      entries.push_back({left[i].items[0].text, right[i].items[0].text, std::stoull(x[1].text), x[3].text});
    }
  }
  Entry some_entry() {
    if (entries.empty() || random.one_in(5)) return {"0-0", "0-0", 0, "0"};
    return entries[random.below(entries.size())];
  }
  std::string some_generation() { return std::to_string(random.one_in(5) ? random.below(4) : generation); }
  std::string some_node() { return "node" + std::to_string(random.below(3)); }
  std::string upload() {
    if (random.one_in(6)) return key("base:none");
    const std::string base = key("base:" + std::to_string(++bases));
    ask({"HSET", base, "0", "image"}, {"HSET", base, "0", "image"});
    ask({"EXPIRE", base, "600"}, {"EXPIRE", base, "600"});
    return base;
  }

  void hello() {
    const Entry at = some_entry();
    const std::string node = some_node(), known = some_generation();
    const auto arguments = [&](const std::string& last) {
      return Arguments{"4",
                       key("meta"),
                       key("log"),
                       key("reports"),
                       key("members"),
                       node,
                       known,
                       at.generation,
                       std::to_string(at.number),
                       last,
                       "name of " + node};
    };
    const Reply answer = script(redis::script_hello, arguments(at.simulated), arguments(at.real), true);
    generation = static_cast<std::uint64_t>(answer.items.at(0).integer);
  }
  void append() {
    const Arguments arguments{"3",
                              key("meta"),
                              key("log"),
                              key("nodes"),
                              some_generation(),
                              some_node(),
                              std::to_string(1 + random.below(++batches)),
                              "data"};
    script(redis::script_append, arguments, arguments);
  }
  void open() {
    const Entry at = some_entry();
    const std::string base = random.one_in(2) ? upload() : "";
    const std::string of = some_generation();
    const auto arguments = [&](const std::string& last) {
      return Arguments{"4",  key("meta"), key("log"), key("reports"), key("nodes"),
                       of,   "node1",     "data",     base,           std::to_string(at.number),
                       last, "5"};
    };
    script(redis::script_open, arguments(at.simulated), arguments(at.real));
  }
  void rebase() {
    const Entry at = some_entry();
    const std::string base = upload(), of = some_generation();
    const auto arguments = [&](const std::string& last) {
      return Arguments{"2", key("meta"), key("log"), of, base, std::to_string(at.number), last, "5", at.generation};
    };
    script(redis::script_rebase, arguments(at.simulated), arguments(at.real));
  }
  // A batch up to some entry, or a few places on; sometimes by somebody who is behind.
  void audit() {
    const Entry at = some_entry();
    const std::uint64_t ahead = random.below(3);
    const std::string to = random.one_in(3) || at.number == 0
                               ? std::to_string(std::max<std::uint64_t>(generation, 1)) + "-" + std::to_string(++places)
                               : at.generation + "-" + std::to_string(at.number + ahead);
    const Reply known = simulate({"HMGET", key("meta"), "audited"});
    const std::string expected = random.one_in(4) ? "1-1" : known.items.at(0).text;
    if (!redis::read_audit_id(to) || *redis::read_audit_id(to) <= redis::read_audit_id(expected).value()) return;
    const std::string old = random.one_in(3) ? "1000" : "9999999999999";  // its changes' time
    const Arguments arguments{"2",
                              key("meta"),
                              key("audit"),
                              some_generation(),
                              random.one_in(5) ? "0" : "1",
                              expected,
                              expected,
                              to,
                              "id",
                              old,
                              "100",
                              "changes",
                              "450",
                              "3600000"};
    script(redis::script_audit, arguments, arguments);
    const Arguments all{"XRANGE", key("audit"), "-", "+"},
        some{"XRANGE", key("audit"), "(" + expected, "+", "COUNT", "2"};
    ask(all, all);
    if (!expected.empty()) ask(some, some);
    const Arguments fields{"HMGET", key("meta"), "audited", "audit_trimmed", "audit_bytes"};
    ask(fields, fields);
  }
  void change_hash() {
    const std::string member = some_node();
    if (random.one_in(2)) {
      const Arguments set{"HSET", key("members"), member, "name"};
      simulate(set);
      real.command(set);
    } else if (random.one_in(2)) {
      const Arguments left{"HDEL", key("members"), member};
      simulate(left);
      real.command(left);
    } else {
      const Arguments get{"HMGET", key("meta"), "generation", "open", "number", "base", "base_number", "wanted"};
      ask(get, get);
    }
  }

  const test::RedisProcess real;
  Scheduler scheduler;
  SimulatedRedis simulated{scheduler, wall_us(1'760'000'000'000'000)};
  Random random{20261122};
  std::vector<Entry> entries;
  std::uint64_t generation = 0, batches = 1, bases = 0, places = 0;
  std::map<redis::ScriptName, int> done, refused;
  int step = 0;
};

TEST_F(BothRedises, answer_the_scripts_alike_whatever_they_are_asked) {
  for (step = 0; step < 2'500 && !HasFailure(); ++step) {
    scheduler.run(Millis(1 + random.below(5)));
    switch (random.below(15)) {
      case 0:
      case 1:
      case 2: hello(); break;
      case 3:
      case 4: open(); break;
      case 5: rebase(); break;
      case 6: change_hash(); break;
      case 7:
        if (random.one_in(8)) {
          simulated.memory = {};
          EXPECT_EQ(real.command({"FLUSHALL"}).text, "OK");
        } else if (random.one_in(4)) {  // as if another process had it now
          const Arguments other{"HSET", key("meta"), "run", "another"};
          simulate(other);
          real.command(other);
        }
        break;
      case 8:
      case 9:
      case 10: audit(); break;
      default: append(); break;
    }
    read();
  }
  for (const auto name : {redis::script_append, redis::script_open, redis::script_rebase, redis::script_audit}) {
    EXPECT_GE(done[name], 20) << "script " << name << " was hardly ever carried out";
    EXPECT_GE(refused[name], 20) << "script " << name << " was hardly ever refused";
  }
}

}  // namespace
}  // namespace hf::sim
