#include "redis/redis_engine.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/assert.h"
#include "engine/command_codec.h"
#include "engine/status_command_codec.h"

namespace hf::redis {
namespace {

// Tokens are microseconds of engine time or above (decision 0001): an old master that goes on alone, cut off, does not
// catch up with the new one for 19 hours.
constexpr Token reopened_by = Token{1} << 36;
constexpr Micros tick_after{100'000};        // without an entry, the first node appends one
constexpr Micros tick_apart{25'000};         // the next in rank waits that much longer
constexpr Micros presence_every{5'000'000};  // each node appends something that often
constexpr Millis member_gone_after{20'000};
constexpr Micros greet_again{200'000};
constexpr Micros look_every{1'000'000};  // whether a node that comes misses what the log begins with
constexpr Micros part_again{1'000'000};
constexpr std::size_t piece_bytes = 1 << 20;
constexpr std::size_t pieces_a_time = 16;
constexpr Millis block{1000};

Refusal refusal(Code code, std::string detail) {
  Refusal made;
  made.code = code;
  made.detail = std::move(detail);
  return made;
}

std::uint64_t number_in(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
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

// The clock of an entry is the milliseconds in its id, as versions without "t" have it, unless the id is ahead of what
// Redis' clock showed (t): an id never goes back, so once it was ahead, time would stand still until the clock is.
Wall clock_of(std::string_view id, const std::vector<Reply>& fields) {
  constexpr std::uint64_t ahead_max = 1000, ms_max = std::numeric_limits<std::int64_t>::max() / 1000;
  std::uint64_t ms = number_in(id);
  if (fields.size() >= 12 && fields[10].text == "t") {
    const std::uint64_t shown = number_in(fields[11].text);
    if (ms > shown && ms - shown > ahead_max) ms = shown;
  }
  return wall_us(static_cast<std::int64_t>(std::min(ms, ms_max)) * 1000);
}

std::string digits(std::uint64_t n) { return std::to_string(n); }

}  // namespace

Engine::Engine(EngineOptions options, Link& writer, Link& reader)
    : options_(std::move(options)), writer_(writer), reader_(reader), trail_(trail_options(), writer) {
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

std::string Engine::new_base_key() const {
  return key("base:" + digits(place_.number) + ":" + options_.random().text());
}

void Engine::begin_anew(Partition& partition) const {
  LockTreeOptions tree = options_.tree;
  tree.board_version = [&partition](std::string_view bill) { return partition.board->version_of(bill); };
  tree.board_life = [&partition](std::string_view bill) { return partition.board->life_of(bill); };
  partition.tree = std::make_unique<LockTree>(std::move(tree));
  partition.tree->set_watching(watching_);
  partition.board = std::make_unique<StatusBoard>(options_.board);
  partition.born = false;
}

NamespaceIndex Engine::index_of(std::string_view name) {
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    if (partitions_[i]->name == name) return static_cast<NamespaceIndex>(i);
  }
  auto made = std::make_unique<Partition>();
  made->name = name;
  begin_anew(*made);
  partitions_.push_back(std::move(made));
  return static_cast<NamespaceIndex>(partitions_.size() - 1);
}

Result<NamespaceIndex> Engine::open_namespace(std::string_view name) {
  const bool known = std::ranges::any_of(partitions_, [&](const auto& p) { return p->name == name; });
  if (!known && partitions_.size() >= options_.namespaces_max)
    return fail(Code::too_many,
                "there are " + std::to_string(options_.namespaces_max) + " namespaces, the most that are allowed",
                "ns");
  return index_of(name);
}

void Engine::submit(NamespaceIndex ns, Ticket ticket, Command&& command, Wall clock) {
  HF_ASSERT(ns < partitions_.size());
  callers_clock_ = clock;
  if (std::holds_alternative<Tick>(command) && !options_.clock_of_caller) return;  // the log has its own
  ++counters_.commands;
  if (gathering_.empty()) {
    gathering_since_ = options_.monotonic();
    only_heartbeats_ = true;
  }
  only_heartbeats_ = only_heartbeats_ && std::holds_alternative<Heartbeat>(command);
  gathering_.push_back({ticket, ns, std::move(command)});
}

void Engine::submit_status(NamespaceIndex ns, Ticket ticket, StatusCommand&& command, Wall clock) {
  HF_ASSERT(ns < partitions_.size());
  callers_clock_ = clock;
  if (std::holds_alternative<StatusTick>(command) && !options_.clock_of_caller) return;
  ++counters_.commands;
  if (gathering_.empty()) gathering_since_ = options_.monotonic();
  only_heartbeats_ = false;
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

void Engine::set_watching(bool any) {
  watching_ = any;
  for (const auto& partition : partitions_) partition->tree->set_watching(any);
}

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

std::vector<std::string> Engine::namespace_names() const {
  std::vector<std::string> names;
  names.reserve(partitions_.size());
  for (const auto& partition : partitions_) names.push_back(partition->name);
  return names;
}

std::string Engine::check() const {
  for (const auto& partition : partitions_) {
    std::string broken = partition->tree->check();
    if (broken.empty()) broken = partition->board->check();
    if (!broken.empty()) return partition->name + ": " + broken;
  }
  return {};
}

Engine::Counters Engine::counters() const noexcept {
  Counters counters = counters_;
  counters.generation = generation_;
  counters.number = place_.number;
  counters.members = members_.size();
  return counters;
}

std::size_t Engine::rank() const {
  return static_cast<std::size_t>(std::distance(members_.begin(), members_.find(options_.self)));
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
  const Micros patient = tick_after + tick_apart * static_cast<int>(std::min<std::size_t>(rank(), 20));
  // A node that was refused asks until it is not: what others may write says nothing of what it may.
  const bool due = !refused_.empty() || now - entry_at_ >= patient || now - own_entry_at_ >= presence_every;
  if (!flying_ && !options_.clock_of_caller && due) append_entry(Entry{});
  consider_image();
  trail_.tick({.generation = generation_}, rank(), now);
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
  const Batch batch = *std::exchange(flying_, std::nullopt);
  refuse(batch.items, Code::unknown_outcome, why);
}

void Engine::refuse(const std::vector<Item>& items, Code code, const std::string& why) {
  for (const Item& item : items) {
    // A question changes nothing: it may be asked again without doubt.
    const bool query = std::visit([](const auto& command) { return is_query(command); }, item.command);
    const Code told = query ? Code::unavailable : code;
    if (item.ticket == 0 || sink_ == nullptr) continue;
    if (std::holds_alternative<StatusCommand>(item.command))
      sink_->on_status(item.ticket, refusal(told, why));
    else
      sink_->on_outcome(item.ticket, refusal(told, why));
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
       {options_.self.text(), digits(generation_), digits(place_.generation), digits(place_.number), last_,
        options_.node},
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
    return follow(place_.number == greeting->base_number ? "0-0" : last_, greeting->place.number);
  }
  if (place_.number != 0) reset();
  load(*greeting);
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

// ------------------------------------------------------------------------------------------------- the image

std::string Engine::image() const {
  BaseImage image{
      .generation = place_.generation, .number = place_.number, .last = last_, .members = members_, .trees = {}};
  for (const auto& partition : partitions_) {
    if (!partition->born) continue;
    image.trees.push_back({partition->name, {}});
    partition->tree->image(image.trees.back().image);
    partition->board->image(image.trees.back().image);
  }
  return write_base_image(image);
}

bool Engine::begin_with(const BaseImage& image) {
  stand({image.generation, image.number}, image.last);
  trail_.begin(place_);
  members_.insert(image.members.begin(), image.members.end());
  for (const BaseImage::Tree& tree : image.trees) {
    Partition& partition = *partitions_[index_of(tree.ns)];
    begin_anew(partition);
    partition.born = true;
    if (!partition.tree->recover(tree.image) || !partition.tree->recovered(clock_of(last_, {}), 0)) return false;
    if (!partition.board->recover(tree.image) || !partition.board->recovered(clock_of(last_, {}), {})) return false;
  }
  return true;
}

std::string Engine::take_image(std::string_view bytes) {
  if (!is_base_image(bytes)) return "The state in Redis is of a newer version than this node: upgrade it.";
  const auto image = read_base_image(bytes);
  if (image && begin_with(*image)) return {};
  return "The image of the state in Redis is damaged, or of a newer version than this node.";
}

void Engine::stand(const Place& place, std::string last) {
  place_ = place;
  last_ = std::move(last);
}

void Engine::reset() {
  ++counters_.resets;
  stand({}, "0-0");
  trail_.begin(place_);
  log_bytes_ = 0;
  members_.clear();
  for (const auto& partition : partitions_) {
    begin_anew(*partition);
  }
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

void Engine::load(const Greeting& greeting) {
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

// Reads on from a place of the log, up to where it ended when this node asked.
void Engine::follow(std::string read_from, std::uint64_t until) {
  phase_ = Phase::following;
  ++epoch_;
  until_ = until;
  read_from_ = std::move(read_from);
  reading_ = false;
  reader_.reconnect();  // a read of an earlier place may be on its way
  if (place_.number >= until_) go_live();
}

void Engine::go_live() {
  for (const auto& [id, member] : members_) {
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

void Engine::append() {
  if (!flying_) {
    Batch batch;
    batch.number = next_batch_++;
    batch.began = gathering_since_;
    batch.entry.kind = EntryKind::commands;
    if (options_.clock_of_caller) batch.entry.clock_us = to_us(callers_clock_);
    batch.items.swap(gathering_);
    std::vector<std::size_t> section(partitions_.size(), SIZE_MAX);
    for (const Item& item : batch.items) {
      if (section[item.ns] == SIZE_MAX) {
        section[item.ns] = batch.entry.sections.size();
        batch.entry.sections.push_back({.ns = partitions_[item.ns]->name});
      }
      // A question is asked here alone, but at its place in the log.
      EntrySection& in = batch.entry.sections[section[item.ns]];
      if (const auto* status = std::get_if<StatusCommand>(&item.command)) {
        if (is_query(*status)) continue;
        ++in.status_count;
        write_status_command(in.status, *status);
      } else if (const Command& command = std::get<Command>(item.command); !is_query(command)) {
        ++in.count;
        write_command(in.commands, command);
      }
    }
    flying_ = std::move(batch);
    ++counters_.batches;
  }
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
         std::vector<Item> again = std::move(flying_->items);
         if (!again.empty()) gathering_since_ = flying_->began;
         flying_.reset();
         again.insert(again.end(), std::make_move_iterator(gathering_.begin()),
                      std::make_move_iterator(gathering_.end()));
         gathering_ = std::move(again);
         only_heartbeats_ = false;
       });
}

void Engine::append_entry(const Entry& entry) {
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
  writer_.send({"HSET", key("nodes"), "seen:" + options_.self.text(), digits(place_.number)}, options_.timeout,
               [](const Result<Reply>&) {});
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
  if (phase_ == Phase::following && place_.number >= until_) go_live();
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
  if (place.number <= place_.number) {  // it is in the image
    read_from_ = id;
    return Met::known;
  }
  if (place.number != place_.number + 1) return Met::elsewhere;
  const auto origin = Id128::parse(fields[5].text);
  const auto entry = read_entry(fields[9].text);
  if (!origin || !entry) return Met::unreadable;
  // Who lives while the log is opened did not see it close: whether its place is in that log, Redis has to say.
  if (entry->kind == EntryKind::open && phase_ == Phase::live) return Met::opening;
  if (entry->kind != EntryKind::open && place.generation != place_.generation) return Met::elsewhere;
  const std::uint64_t batch = number_in(fields[7].text);
  std::vector<Commands> commands;  // of others; all are read before one is applied
  for (const EntrySection& section : entry->sections) {
    Commands& in = commands.emplace_back();
    if (is_own(*origin, batch)) continue;
    std::string_view rest = section.commands;
    while (!rest.empty()) {
      auto command = take_command(rest);
      if (!command) return Met::unreadable;
      in.of_locks.push_back(*std::move(command));
    }
    rest = section.status;
    while (!rest.empty()) {
      auto command = take_status_command(rest);
      if (!command) return Met::unreadable;
      in.of_status.push_back(*std::move(command));
    }
    if (in.of_locks.size() != section.count || in.of_status.size() != section.status_count) return Met::unreadable;
  }
  read_from_ = id;
  stand(place, id);
  entry_at_ = options_.monotonic();
  ++counters_.entries;
  counters_.bytes += fields[9].text.size();
  log_bytes_ += fields[9].text.size() + 64;
  const Wall clock = entry->clock_us != 0 ? wall_us(entry->clock_us) : clock_of(id, fields);
  apply(*entry, commands, *origin, batch, clock);
  trail_.end_entry(place, clock);
  return Met::known;
}

void Engine::apply(const Entry& entry, const std::vector<Commands>& commands, const Id128& origin, std::uint64_t batch,
                   Wall clock) {
  if (const auto member = members_.find(origin); member != members_.end()) member->second.seen = clock;
  const bool own = is_own(origin, batch);
  switch (entry.kind) {
    case EntryKind::commands: {
      for (std::size_t i = 0; i < commands.size(); ++i) {
        const NamespaceIndex ns = index_of(entry.sections[i].ns);
        partitions_[ns]->born = true;
        if (partitions_[ns]->board->epoch().is_nil()) begin_epoch(ns, origin, "first", clock);
        // Questions only: time passes on the nodes too that were not asked.
        if (entry.sections[i].count == 0) decide(ns, 0, Command(Tick{}), clock);
        for (const Command& command : commands[i].of_locks) decide(ns, 0, command, clock);
        // What one batch asks of locks and of the board never meets: their order beside each other is the asker's own.
        for (const StatusCommand& command : commands[i].of_status) decide(ns, 0, command, clock);
      }
      if (own) apply_own(clock);
      // Here too: a log that is never idle has no ticks.
      if (!options_.clock_of_caller) forget_silent(clock, own ? Whose::own : Whose::others);
      return;
    }
    case EntryKind::join: apply_join(entry, origin, clock); break;
    case EntryKind::leave: forget_members({origin}, clock, Whose::others); break;
    case EntryKind::open: apply_open(entry, origin, clock); break;
    case EntryKind::tick: break;
  }
  for (std::size_t i = 0; i < partitions_.size() && !options_.clock_of_caller; ++i) {
    if (partitions_[i]->born) pass_time(static_cast<NamespaceIndex>(i), clock);
  }
  forget_silent(clock, own ? Whose::own : Whose::others);
  if (own) flying_.reset();
}

// A node that is back under its name takes the place of its former self.
void Engine::apply_join(const Entry& entry, const Id128& origin, Wall clock) {
  std::vector<Id128> former;
  for (const auto& [node, member] : members_) {
    if (node != origin && member.name == entry.name) former.push_back(node);
  }
  replaced_ = replaced_ || (joined() && origin != options_.self && entry.name == options_.node);
  const bool own = origin == options_.self;
  members_[origin] = Member{entry.name, clock, entry.rules};
  if (!former.empty()) forget_members(former, clock, own ? Whose::own : Whose::others);
  if (own) announce();
}

void Engine::apply_open(const Entry& entry, const Id128& origin, Wall clock) {
  // What differs with who opens: two sides of a cut that are both opened anew give no token twice.
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    if (!partitions_[i]->born) continue;
    if (!partitions_[i]->tree->reopen(clock, reopened_by + (origin.lo >> 32))) HF_ASSERT(false);
    // The log's tail may be gone: what clients have of it is not to be built upon.
    begin_epoch(static_cast<NamespaceIndex>(i), origin, "reopened", clock);
  }
  if (options_.on_decided) options_.on_decided({.generation = place_.generation, .number = place_.number});
  // Whoever was not heard joins anew when it comes: the next opening does not wait for it.
  forget_members(entry.unheard, clock, origin == options_.self ? Whose::own : Whose::others);
}

void Engine::forget_silent(Wall clock, Whose entry) {
  std::vector<Id128> gone;
  for (auto& [node, member] : members_) {
    member.seen = std::min(member.seen, clock);  // the clock may have been put right
    if (clock - member.seen > member_gone_after) gone.push_back(node);
  }
  if (!gone.empty()) forget_members(gone, clock, entry);
}

// These are dead, or as good as dead: all nodes know it from the same entry on, and one of them tells Redis.
void Engine::forget_members(const std::vector<Id128>& gone, Wall clock, Whose told_by) {
  for (const Id128& node : gone) {
    members_.erase(node);
    if (told_by == Whose::own)
      writer_.send({"HDEL", key("members"), node.text()}, options_.timeout, [](const Result<Reply>&) {});
  }
  if (options_.clock_of_caller) return;
  NodesLiving living;
  for (const auto& [node, member] : members_) living.nodes.push_back(node);
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    if (partitions_[i]->tree->has_unheard()) decide(static_cast<NamespaceIndex>(i), 0, Command(living), clock);
  }
}

void Engine::apply_own(Wall clock) {
  const Batch batch = std::move(*flying_);
  flying_.reset();
  for (const Item& item : batch.items)
    std::visit(
        [&]<class C>(const C& command) {
          if constexpr (std::is_same_v<C, Command>) {
            decide(item.ns, item.ticket, command, clock, Whose::own);
          } else {
            decide(item.ns, item.ticket, command, clock);
          }
        },
        item.command);
}

void Engine::decide(NamespaceIndex ns, Ticket ticket, const Command& command, Wall clock, Whose whose) {
  events_.clear();
  journal_.clear();
  Outcome outcome = partitions_[ns]->tree->apply(command, clock, events_, journal_);
  if (!journal_.empty()) trail_.add(partitions_[ns]->name, journal_);
  if (options_.on_decided)
    options_.on_decided({place_.generation, place_.number, ns, clock, &command, &outcome, &events_});
  if (sink_ == nullptr) return;
  for (Event& event : events_) sink_->on_event(ns, std::move(event));
  if (ticket != 0) {
    sink_->on_outcome(ticket, std::move(outcome));
  } else if (const auto* over = std::get_if<TakeOver>(&command);
             over != nullptr && whose == Whose::others && std::holds_alternative<hf::Done>(outcome)) {
    sink_->on_taken_elsewhere(over->session);
  }
}

void Engine::decide(NamespaceIndex ns, Ticket ticket, const StatusCommand& command, Wall clock) {
  std::vector<BoardEvent> events;
  journal_.clear();
  StatusOutcome outcome = partitions_[ns]->board->apply(command, clock, events, journal_);
  if (sink_ == nullptr) return;
  for (const BoardEvent& event : events) sink_->on_board_event(ns, event);
  if (ticket != 0) sink_->on_status(ticket, std::move(outcome));
}

void Engine::pass_time(NamespaceIndex ns, Wall clock) {
  decide(ns, 0, Command(Tick{}), clock);
  decide(ns, 0, StatusCommand(StatusTick{}), clock);
}

// The same on every node: it is made of the entry's place and its writer.
void Engine::begin_epoch(NamespaceIndex ns, const Id128& origin, const char* why, Wall clock) {
  const EpochId epoch{Id128{origin.hi ^ place_.generation, origin.lo ^ place_.number}};
  decide(ns, 0, StatusCommand(BeginEpoch{epoch, why}), clock);
}

void Engine::consider_image() {
  if (rank() == 0 && !members_.empty() && log_bytes_ >= std::max(options_.log_bytes_max, base_bytes_)) write_image();
  const Micros now = options_.monotonic();
  // The first in rank may have died unseen: the others look too, less often.
  if (!refused_.empty() || now - looked_at_ < look_every * static_cast<int>(std::min<std::size_t>(rank(), 20) + 1))
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
  trail_.settle({.generation = generation_}, place_, SIZE_MAX,
                [this, state = image(), place = place_, last = last_, epoch = epoch_](bool audited) {
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
