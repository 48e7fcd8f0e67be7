// How a closed log is opened: who must report before, who opens it, and with which state.
#include <algorithm>
#include <set>

#include "base/assert.h"
#include "redis/digits.h"
#include "redis/redis_engine.h"

namespace hf::redis {
namespace {

constexpr std::int64_t report_stale_ms = 3000;
// What the opening of a log waits for; what is more (Redis forgot a long trail) is appended while the nodes serve.
constexpr std::size_t audit_batches_before_opening = 16;

// "generation number time name"
Greeting::Report read_report(std::string_view rest) {
  const auto word = [&] {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    const std::string_view taken = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return taken;
  };
  Greeting::Report report;
  report.place.generation = number_in(word());
  report.place.number = number_in(word());
  report.at_ms = static_cast<std::int64_t>(number_in(word()));
  report.name = rest;
  return report;
}

}  // namespace

std::optional<Greeting> Greeting::read(const Reply& reply) {
  if (reply.kind != Reply::Kind::array || reply.items.size() != 12) return std::nullopt;
  const auto& item = reply.items;
  Greeting g;
  g.generation = static_cast<std::uint64_t>(item[0].integer);
  g.open = item[1].integer == 1;
  g.place = {static_cast<std::uint64_t>(item[3].integer), static_cast<std::uint64_t>(item[2].integer)};
  g.base = item[4].text;
  g.base_number = static_cast<std::uint64_t>(item[5].integer);
  g.base_bytes = static_cast<std::uint64_t>(item[6].integer);
  g.closed_for_ms = item[7].integer;
  g.found = item[8].integer == 1;
  const auto& reports = item[9].items;
  for (std::size_t i = 0; i + 1 < reports.size(); i += 2) {
    if (const auto node = Id128::parse(reports[i].text)) g.reports[*node] = read_report(reports[i + 1].text);
  }
  g.now_ms = item[10].integer;
  const auto& members = item[11].items;
  for (std::size_t i = 0; i + 1 < members.size(); i += 2) {
    if (const auto node = Id128::parse(members[i].text)) g.members[*node] = members[i + 1].text;
  }
  return g;
}

bool Greeting::has_heard(const Id128& node) const {
  const auto it = reports.find(node);
  return it != reports.end() && now_ms - it->second.at_ms < report_stale_ms;
}

// Those that may know more and have not spoken. A process that came under a node's name since has taken its place: the
// former one is dead.
std::map<Id128, std::string> Engine::unheard(const Greeting& greeting) const {
  std::map<Id128, std::string> known = greeting.members;
  for (const auto& [node, member] : replica_.members()) known.insert_or_assign(node, member.name);
  std::set<std::string> spoken{options_.node};
  for (const auto& [node, report] : greeting.reports) {
    if (!greeting.has_heard(node)) continue;
    spoken.insert(report.name);
    known.erase(node);
  }
  known.erase(options_.self);
  std::erase_if(known, [&](const auto& one) { return !one.second.empty() && spoken.contains(one.second); });
  return known;
}

// The node that has read furthest opens, as soon as all that may have read further have reported.
void Engine::consider_opening(const Greeting& greeting) {
  const auto missing = unheard(greeting);
  const Millis left = options_.quarantine - Millis(greeting.closed_for_ms);
  if (!missing.empty() && left > Millis(0)) {
    std::string names;
    for (const auto& [node, name] : missing) names += (names.empty() ? "" : ", ") + (name.empty() ? node.text() : name);
    why_ = "Redis was replaced or lost its data: up to " +
           digits(static_cast<std::uint64_t>(left.count() + 999) / 1000) + " s more are given to " + names +
           " to say what it knows.";
    return;
  }
  Id128 best = options_.self;
  Place most = replica_.place();
  for (const auto& [node, report] : greeting.reports) {  // in the order of their ids: of equals the first
    if (!greeting.has_heard(node)) continue;
    if (report.place > most || (report.place == most && node < best)) {
      most = report.place;
      best = node;
    }
  }
  if (best != options_.self) return;
  open(greeting, knows_more_than(greeting));
}

// Of one generation: this node is ahead, or stands where the log took another turn. That can only be with entries that
// were on their way to the old master and that nobody was answered, for a node reads no log that it has not asked for.
bool Engine::knows_more_than(const Greeting& greeting) const {
  if (replica_.place().generation != greeting.place.generation)
    return replica_.place().generation > greeting.place.generation;
  return !greeting.found && replica_.place().number >= greeting.base_number;
}

void Engine::open(const Greeting& greeting, bool with_image) {
  HF_ASSERT(phase_ == Phase::closed && !greeting.open && !opening_);
  opening_ = true;
  Entry entry;
  entry.kind = EntryKind::open;
  entry.generation = greeting.generation;
  for (const auto& [node, name] : unheard(greeting)) entry.unheard.push_back(node);
  if (options_.clock_of_caller) entry.clock_us = to_us(callers_clock_);
  const auto finish = [this, greeting, data = write_entry(entry), epoch = epoch_](const std::string& base,
                                                                                  std::size_t bytes) {
    call(script_open, {key("meta"), key("log"), key("reports"), key("nodes")},
         {digits(greeting.generation), options_.self.text(), data, base, digits(replica_.place().number),
          replica_.last(), digits(bytes)},
         [this, epoch](const Result<Reply>&) {
           if (epoch != epoch_) return;
           opening_ = false;
           greet();  // another node may have opened it: look again
         });
  };
  if (!with_image) return finish("", 0);
  // What the image contains leaves no log entries behind: the trail is told first. If it cannot be, the log is opened
  // all the same, for people wait; then this node goes on with it as soon as it is live.
  trail_.settle({greeting.generation, false}, replica_.place(), audit_batches_before_opening,
                [this, finish, epoch = epoch_](bool) {
                  if (epoch != epoch_) return;
                  const std::string state = replica_.image();
                  const std::string base = new_base_key();
                  upload(state, base, [this, finish, base, size = state.size(), epoch](bool done) {
                    if (epoch != epoch_) return;
                    if (!done) {
                      opening_ = false;
                      return;
                    }
                    finish(base, size);
                  });
                });
}

}  // namespace hf::redis
