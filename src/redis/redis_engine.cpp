#include "redis/redis_engine.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "engine/command_codec.h"
#include "redis/digits.h"

namespace hf::redis {
namespace {

constexpr Micros tick_after{100'000};        // without an entry, the first node appends one
constexpr Micros tick_apart{25'000};         // the next in rank waits that much longer
constexpr Micros presence_every{5'000'000};  // each node appends something that often
constexpr Micros greet_again{200'000};
constexpr Micros part_again{1'000'000};
constexpr Millis block{1000};

// Whether the command is one of these.
template <class... C>
bool holds(const Command& command) {
  return std::visit(
      [](const auto& of_family) {
        return std::visit([]<class One>(const One&) { return (std::is_same_v<One, C> || ...); }, of_family);
      },
      command);
}

// What somebody else put into the log is nobody's: it has no number, and all nodes pass over it.
bool is_ours(const std::vector<Reply>& fields) {
  constexpr std::array<std::string_view, 5> names{"n", "g", "o", "b", "d"};
  if (fields.size() < 2 * names.size()) return false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (fields[2 * i].text != names[i]) return false;
  }
  return true;
}

// What Redis' clock showed when the entry was appended; versions that tell no "t" leave it to the id.
std::optional<std::uint64_t> shown_ms(const std::vector<Reply>& fields) {
  if (fields.size() < 12 || fields[10].text != "t") return std::nullopt;
  return number_in(fields[11].text);
}

}  // namespace

Engine::Engine(EngineOptions options, Link& writer, Link& reader)
    : options_(std::move(options)),
      writer_(writer),
      reader_(reader),
      trail_(trail_options(), writer),
      replica_(options_, trail_) {
  const auto guarded = [alive = std::weak_ptr(alive_)](auto work) {
    return [alive, work](const auto& argument) {
      if (!alive.expired()) work(argument);
    };
  };
  writer_.on_up(guarded([this](const ServerInfo& info) {
    server_ = info;
    ++epoch_;
    phase_ = Phase::away;
    why_ = options_.on_server(info);
    if (!why_.empty()) return;
    phase_ = Phase::greeting;
    why_ = "Redis has been reached; the nodes are being asked.";
    opening_ = greeting_ = false;
    refused_.clear();
    greet();
  }));
  writer_.on_down(guarded([this](const std::string& why) {
    ++epoch_;
    phase_ = Phase::away;
    why_ = "Redis is away: " + why;
  }));
  reader_.on_up(guarded([this](const ServerInfo& info) {
    reader_on_ = info.run_id;
    read_on();
  }));
  reader_.on_down(guarded([](const std::string&) {}));
}

Engine::~Engine() = default;

// ------------------------------------------------------------------------------------------------- the port

std::string Engine::key(std::string_view of) const { return "hf:{" + options_.name + "}:" + std::string(of); }

AuditTrailOptions Engine::trail_options() const {
  return {.meta = key("meta"),
          .trail = key("audit"),
          .timeout = options_.timeout,
          .bytes_max = options_.audit_bytes_max,
          .age_max = options_.audit_age_max,
          .gap_after = options_.audit_gap_after,
          .random = options_.random,
          .store = options_.audit};
}

Result<NamespaceIndex> Engine::open_namespace(std::string_view name) {
  if (!replica_.knows(name) && replica_.namespaces() >= options_.namespaces_max)
    return fail(Code::too_many,
                "there are " + std::to_string(options_.namespaces_max) + " namespaces, the most that are allowed",
                "ns");
  return replica_.index_of(name);
}

void Engine::submit(NamespaceIndex ns, Ticket ticket, Command&& command, Wall clock) {
  HF_ASSERT(ns < replica_.namespaces());
  callers_clock_ = clock;
  if (holds<Tick, StatusTick>(command) && !options_.clock_of_caller) return;  // the log has its own
  ++counters_.commands;
  if (gathering_.empty()) {
    gathering_since_ = options_.monotonic();
    only_heartbeats_ = true;
  }
  only_heartbeats_ = only_heartbeats_ && holds<Heartbeat>(command);
  gathering_.push_back({ticket, ns, std::move(command)});
}

void Engine::flush() {
  if (phase_ != Phase::live || flying_) return;
  if (!joined()) {  // before anything else, so that everybody waits for this node from its first command on
    Entry entry;
    entry.kind = EntryKind::join;
    entry.name = options_.node;
    entry.rules = options_.rules;
    return append_entry(entry);
  }
  if (gathering_.empty()) return;
  if (only_heartbeats_ && options_.monotonic() - gathering_since_ < options_.heartbeats_wait) return;
  append();
}

void Engine::set_watching(bool any) { replica_.set_watching(any); }

bool Engine::ready(std::string& why) const {
  if (phase_ == Phase::live && joined() && refused_.empty()) return true;
  why = reason();
  return false;
}

std::string Engine::reason() const {
  if (phase_ == Phase::live) return refused_.empty() ? "This node is joining the others." : refused_;
  if (!writer_.is_up() && !writer_.trouble().empty()) return "Redis is away: " + writer_.trouble();
  return why_;
}

Engine::Counters Engine::counters() const noexcept {
  Counters counters = counters_;
  counters.generation = generation_;
  counters.number = replica_.place().number;
  counters.members = replica_.members().size();
  return counters;
}

void Engine::tick() {
  const Micros now = options_.monotonic();
  if ((phase_ == Phase::greeting || phase_ == Phase::closed) && now - greeted_at_ >= greet_again) greet();
  const Micros patience = options_.timeout;
  if (flying_ && now - flying_->began > patience)
    give_up("Redis did not answer in time: repeat with the same request id.");
  if (!gathering_.empty() && now - gathering_since_ > patience)
    refuse(std::exchange(gathering_, {}), Code::unavailable, reason());
  if (reads() && writer_.is_up() && reader_.is_up() && !on_one_redis() && now - parted_at_ >= part_again) {
    parted_at_ = now;
    writer_.reconnect();
    reader_.reconnect();
  }
  read_on();
  if (phase_ != Phase::live) return;
  flush();
  const Micros patient = tick_after + tick_apart * static_cast<int>(std::min<std::size_t>(replica_.rank(), 20));
  // A node that was refused asks until it is not: what others may write says nothing of what it may.
  const bool due = !refused_.empty() || now - entry_at_ >= patient || now - own_entry_at_ >= presence_every;
  if (!flying_ && !options_.clock_of_caller && due) append_entry(Entry{});
  consider_image();
  trail_.tick({.generation = generation_}, replica_.rank(), now);
}

void Engine::leave(std::function<void()> done) {
  left_ = std::move(done);
  if (phase_ != Phase::live || !joined()) {
    if (left_) std::exchange(left_, nullptr)();
    return;
  }
  Entry entry;
  entry.kind = EntryKind::leave;
  call(script_append, {key("meta"), key("log"), key("nodes")},
       {digits(generation_), options_.self.text(), digits(next_batch_++), write_entry(entry)},
       [this](const Result<Reply>&) {
         if (left_) std::exchange(left_, nullptr)();
       });
  writer_.send({"HDEL", key("members"), options_.self.text()}, options_.timeout, [](const Result<Reply>&) {});
  phase_ = Phase::away;
  why_ = "This node is leaving.";
}

void Engine::give_up(const char* why) {
  HF_ASSERT(flying_);
  const Batch batch = *std::exchange(flying_, std::nullopt);
  refuse(batch.items, Code::unknown_outcome, why);
}

void Engine::refuse(const std::vector<Replica::Item>& items, Code code, const std::string& why) {
  for (const Replica::Item& item : items) {
    // A question changes nothing: it may be asked again without doubt.
    const Code told = is_query(item.command) ? Code::unavailable : code;
    if (item.ticket == 0 || sink_ == nullptr) continue;
    sink_->on_outcome(item.ticket, refused(item.command, {.code = told, .detail = why}));
  }
  hand_out();
}

void Engine::hand_out() {
  if (sink_ != nullptr) sink_->on_turn_end();
  options_.turn();
}

// ------------------------------------------------------------------------------------------------- scripts

void Engine::call(ScriptName script, std::vector<std::string> keys, std::vector<std::string> arguments, Done done) {
  Arguments rest;
  rest.reserve(keys.size() + arguments.size() + 1);
  rest.push_back(digits(keys.size()));
  for (auto& k : keys) rest.push_back(std::move(k));
  for (auto& a : arguments) rest.push_back(std::move(a));
  call_script(
      writer_, script, std::move(rest), [timeout = options_.timeout] { return timeout; },
      [alive = std::weak_ptr(alive_), done = std::move(done)](const Result<Reply>& reply) {
        if (!alive.expired()) done(reply);
      });
}

// ------------------------------------------------------------------------------------------------- greeting

void Engine::greet() {
  if (greeting_ || opening_) return;
  greeting_ = true;
  greeted_at_ = options_.monotonic();
  call(script_hello, {key("meta"), key("log"), key("reports"), key("members")},
       {options_.self.text(), digits(generation_), digits(replica_.place().generation), digits(replica_.place().number),
        replica_.last(), options_.node},
       [this, epoch = epoch_](const Result<Reply>& answer) {
         greeting_ = false;
         if (epoch == epoch_) greeted(answer);
       });
}

void Engine::greeted(const Result<Reply>& answer) {
  if (phase_ != Phase::greeting && phase_ != Phase::closed) return;
  if (!answer) {
    why_ = "Redis does not answer: " + answer.error().detail;
    return;
  }
  if (answer->is_error()) {
    why_ = "Redis refuses: " + answer->text;
    return;
  }
  const auto greeting = Greeting::read(*answer);
  if (!greeting) {
    why_ = "Redis answers what this version does not understand.";
    return;
  }
  if (greeting->generation != generation_ && flying_) give_up("Redis was replaced: repeat with the same request id.");
  base_ = greeting->base;
  if (replaced_) return;
  if (!greeting->open) {
    phase_ = Phase::closed;
    why_ = "Redis was replaced or lost its data: the nodes are agreeing on what is held.";
    return consider_opening(*greeting);
  }
  generation_ = greeting->generation;
  redis_now_ = wall_us(greeting->now_ms * 1000);
  if (aside_ && aside_->generation == generation_ && aside_->base == base_) {
    phase_ = Phase::greeting;
    why_ = aside_->why;
    return;
  }
  aside_.reset();
  if (greeting->found) {
    base_bytes_ = greeting->base_bytes;
    return follow(replica_.place().number == greeting->base_number ? "0-0" : replica_.last(), greeting->place.number);
  }
  if (replica_.place().number != 0) reset();
  load(*greeting);
}

// ------------------------------------------------------------------------------------------------- the image

void Engine::reset() {
  ++counters_.resets;
  replica_.begin_anew();
  log_bytes_ = 0;
  if (flying_) give_up("This node lost its place in the log: repeat the request.");
  if (sink_ != nullptr) sink_->on_reset();
}

// There is something in Redis that this version cannot read. It applies nothing behind it, and is not waited for.
void Engine::step_aside(std::string why) {
  reset();
  aside_ = Aside{generation_, base_, std::move(why)};
  phase_ = Phase::greeting;
  ++epoch_;
  why_ = aside_->why;
  writer_.send({"HDEL", key("members"), options_.self.text()}, options_.timeout, [](const Result<Reply>&) {});
}

// Somebody started another process as this node: whatever this one still does, it does beside that one.
void Engine::step_aside_for_good() {
  reset();
  phase_ = Phase::greeting;
  ++epoch_;
  why_ = "Another process has joined as node " + options_.node +
         ": give each node a name of its own (server.node), then start this one again.";
}

// Reads on from a place of the log, up to where it ended when this node asked.
void Engine::follow(std::string read_from, std::uint64_t until) {
  HF_ASSERT(!reads() && phase_ != Phase::away && !replaced_);
  phase_ = Phase::following;
  ++epoch_;
  until_ = until;
  read_from_ = std::move(read_from);
  reading_ = false;
  reader_.reconnect();  // a read of an earlier place may be on its way
  if (replica_.place().number >= until_) go_live();
}

void Engine::go_live() {
  HF_ASSERT(phase_ == Phase::following && replica_.place().number >= until_);
  for (const auto& [id, member] : replica_.members()) {
    const bool gone = std::chrono::abs(redis_now_ - member.seen) > member_gone_after;
    if (id == options_.self || member.rules == options_.rules || gone) continue;
    phase_ = Phase::greeting;
    ++epoch_;
    why_ =
        "Node " + member.name + " decides by another catalog or other limits than this one: give all nodes the same.";
    return;
  }
  phase_ = Phase::live;
  missing_.reset();
  entry_at_ = options_.monotonic();
  own_entry_at_ = entry_at_;
  announce();
  // The same batch again, under the same number: if it is there already it is not appended twice.
  if (flying_) append();
}

// So that a log that is closed is not opened before this node was heard.
void Engine::announce() {
  writer_.send({"HSET", key("members"), options_.self.text(), options_.node}, options_.timeout,
               [](const Result<Reply>&) {});
}

// ------------------------------------------------------------------------------------------------- writing

// A question is asked here alone, but at its place in the log. It may sweep what is due of locks, so time passes for
// them on the other nodes, too.
Engine::Batch Engine::next_batch() {
  HF_ASSERT(!gathering_.empty());
  Batch batch;
  batch.number = next_batch_++;
  batch.began = gathering_since_;
  batch.entry.kind = EntryKind::commands;
  if (options_.clock_of_caller) batch.entry.clock_us = to_us(callers_clock_);
  batch.items.swap(gathering_);
  std::vector<bool> asked(replica_.namespaces()), decided(replica_.namespaces());
  for (const Replica::Item& item : batch.items) {
    asked[item.ns] = true;
    if (!is_query(item.command) && std::holds_alternative<LockCommand>(item.command)) decided[item.ns] = true;
  }
  std::vector<Replica::Item> ticks;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (asked[i] && !decided[i]) ticks.push_back({0, static_cast<NamespaceIndex>(i), LockCommand(Tick{})});
  }
  batch.items.insert(batch.items.begin(), std::make_move_iterator(ticks.begin()), std::make_move_iterator(ticks.end()));
  std::vector<std::size_t> section(replica_.namespaces(), SIZE_MAX);
  for (const Replica::Item& item : batch.items) {
    if (is_query(item.command)) continue;
    if (section[item.ns] == SIZE_MAX) {
      section[item.ns] = batch.entry.sections.size();
      batch.entry.sections.push_back({.ns = replica_.name_of(item.ns), .count = 0, .commands = {}});
    }
    batch.entry.sections[section[item.ns]].add(item.command);
  }
  ++counters_.batches;
  return batch;
}

void Engine::append() {
  HF_ASSERT(phase_ == Phase::live);
  if (!flying_) flying_ = next_batch();
  own_entry_at_ = options_.monotonic();
  call(script_append, {key("meta"), key("log"), key("nodes")},
       {digits(generation_), options_.self.text(), digits(flying_->number), write_entry(flying_->entry)},
       [this, number = flying_->number, epoch = epoch_](const Result<Reply>& reply) {
         if (reply && !reply->is_error()) return refused_.clear();  // the reader will meet it, or has
         if (!flying_ || flying_->number != number || epoch != epoch_) return;
         if (reply && reply->is_error("CLOSED")) {
           phase_ = Phase::greeting;
           why_ = "Redis was replaced: the nodes are agreeing on what is held.";
           ++epoch_;
         } else if (reply) {
           refused_ = "Redis refuses: " + reply->text;
         } else if (reply.error().code != Code::unavailable) {
           return;  // it may come yet: the reader will tell, or time
         }
         // It is surely not in the log: what it carried waits on, as long as its patience lasts.
         std::vector<Replica::Item> again = std::move(flying_->items);
         if (!again.empty()) gathering_since_ = flying_->began;
         flying_.reset();
         again.insert(again.end(), std::make_move_iterator(gathering_.begin()),
                      std::make_move_iterator(gathering_.end()));
         gathering_ = std::move(again);
         only_heartbeats_ = false;
       });
}

void Engine::append_entry(const Entry& entry) {
  HF_ASSERT(!flying_);  // one entry at a time: what is on its way must not be forgotten
  flying_ = Batch{next_batch_++, {}, entry, options_.monotonic()};
  append();
}

// ------------------------------------------------------------------------------------------------- reading

void Engine::read_on() {
  if (!reads() || reading_ || !reader_.is_up() || !on_one_redis()) return;
  reading_ = true;
  reader_.send({"XREAD", "COUNT", "512", "BLOCK", digits(static_cast<std::uint64_t>(block.count())), "STREAMS",
                key("log"), read_from_},
               block + options_.timeout,
               [this, alive = std::weak_ptr(alive_), epoch = epoch_](const Result<Reply>& reply) {
                 if (alive.expired() || epoch != epoch_) return;
                 reading_ = false;
                 // What waited for a connection may have been sent on one to another Redis.
                 if (reads() && on_one_redis()) read(reply);
               });
}

void Engine::read(const Result<Reply>& answer) {
  if (!answer || answer->is_error()) {
    if (answer) why_ = "Redis refuses: " + answer->text;
    return;  // tick() or the next connection reads on
  }
  if (answer->is_null() || answer->items.empty() || answer->items[0].items.size() != 2) return read_on();
  if (options_.wait_replicas == 0) return take(answer->items[0].items[1]);
  reading_ = true;
  confirm(std::make_shared<const Reply>(answer->items[0].items[1]));
}

// WAIT speaks of the writes of its own connection, so that one is made: then the replicas have all that was before it.
void Engine::confirm(const std::shared_ptr<const Reply>& entries) {
  writer_.send({"HSET", key("nodes"), "seen:" + options_.self.text(), digits(replica_.place().number)},
               options_.timeout, [](const Result<Reply>&) {});
  writer_.send(
      {"WAIT", digits(options_.wait_replicas), digits(static_cast<std::uint64_t>(options_.timeout.count()) / 2)},
      options_.timeout * 2, [this, alive = std::weak_ptr(alive_), entries, epoch = epoch_](const Result<Reply>& reply) {
        if (alive.expired() || epoch != epoch_) return;
        if (!reply || reply->kind != Reply::Kind::integer || reply->integer < options_.wait_replicas) {
          why_ = "The replicas that must have each change do not have it.";
          return confirm(entries);
        }
        reading_ = false;
        if (reads()) take(*entries);
      });
}

void Engine::take(const Reply& entries) {
  HF_ASSERT(reads() && !reading_);
  Met met = Met::known;
  for (const Reply& entry : entries.items) {
    met = take_entry(entry);
    if (met != Met::known || replaced_) break;
  }
  hand_out();
  if (replaced_) return step_aside_for_good();
  if (met == Met::unreadable)
    return step_aside("The log has an entry that this version does not understand: upgrade this node.");
  if (met != Met::known) {
    // This node does not stand where it believed to: greet again, and be told so.
    const bool came = phase_ == Phase::following;
    if (met == Met::elsewhere) reset();
    phase_ = Phase::greeting;
    ++epoch_;
    if (!came || met != Met::elsewhere) return greet();
    return want_image();  // tick() greets: another image takes its time
  }
  if (phase_ == Phase::following && replica_.place().number >= until_) go_live();
  read_on();
  flush();
}

Engine::Met Engine::take_entry(const Reply& reply) {
  if (reply.items.size() != 2) return Met::unreadable;
  const std::string& id = reply.items[0].text;
  const auto& fields = reply.items[1].items;  // n, g, o, b, d with their values, and what later versions add
  if (!is_ours(fields)) {
    read_from_ = id;
    return Met::known;
  }
  const Place place{number_in(fields[3].text), number_in(fields[1].text)};
  if (place.number <= replica_.place().number) {  // it is in the image
    read_from_ = id;
    return Met::known;
  }
  if (place.number != replica_.place().number + 1) return Met::elsewhere;
  const auto origin = Id128::parse(fields[5].text);
  const auto entry = read_entry(fields[9].text);
  if (!origin || !entry) return Met::unreadable;
  // Who lives while the log is opened did not see it close: whether its place is in that log, Redis has to say.
  if (entry->kind == EntryKind::open && phase_ == Phase::live) return Met::opening;
  if (entry->kind != EntryKind::open && place.generation != replica_.place().generation) return Met::elsewhere;
  const std::uint64_t batch = number_in(fields[7].text);
  const bool own = is_own(*origin, batch);  // what it carried is still here
  const auto commands = own ? std::vector<SectionCommands>(entry->sections.size()) : read_commands(*entry);
  if (!commands) return Met::unreadable;  // before one is applied
  read_from_ = id;
  HF_ASSERT(commands->size() == entry->sections.size());
  replica_.stand(place, id);
  entry_at_ = options_.monotonic();
  ++counters_.entries;
  counters_.bytes += fields[9].text.size();
  log_bytes_ += fields[9].text.size() + 64;
  const Wall clock = entry->clock_us != 0 ? wall_us(entry->clock_us) : clock_of(id, shown_ms(fields));
  apply(*entry, *commands, *origin, own, clock);
  replica_.end_entry(clock);
  return Met::known;
}

void Engine::apply(const Entry& entry, const std::vector<SectionCommands>& commands, const Id128& origin, bool own,
                   Wall clock) {
  const Whose whose = own ? Whose::own : Whose::others;
  replica_.hear(origin, clock);
  if (entry.kind == EntryKind::commands) {
    replica_.apply_commands(entry, commands, origin, clock);
    if (own) {
      HF_ASSERT(flying_);
      const Batch batch = std::move(*flying_);
      flying_.reset();
      replica_.apply_own(batch.items, clock);
    }
    // Here too: a log that is never idle has no ticks.
    if (!options_.clock_of_caller) bury(replica_.forget_silent(clock), whose);
    return;
  }
  apply_of_node(entry, origin, clock);
  replica_.pass_time(clock);
  bury(replica_.forget_silent(clock), whose);
  if (own) flying_.reset();
}

// What a node says of itself or of the log.
void Engine::apply_of_node(const Entry& entry, const Id128& origin, Wall clock) {
  const bool own = origin == options_.self;
  const Whose whose = own ? Whose::own : Whose::others;
  switch (entry.kind) {
    case EntryKind::join:
      replaced_ = replaced_ || (joined() && !own && entry.name == options_.node);
      bury(replica_.join(entry, origin, clock), whose);
      if (own) announce();
      break;
    case EntryKind::leave: bury(replica_.leave(origin, clock), Whose::others); break;
    case EntryKind::open: bury(replica_.open(entry, origin, clock), whose); break;
    case EntryKind::commands:
    case EntryKind::tick: break;
  }
}

// All nodes know that these are gone, and one of them tells Redis.
void Engine::bury(const Replica::Gone& gone, Whose told_by) {
  if (told_by == Whose::others) return;
  for (const Id128& node : gone)
    writer_.send({"HDEL", key("members"), node.text()}, options_.timeout, [](const Result<Reply>&) {});
}

}  // namespace hf::redis
