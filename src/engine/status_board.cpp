// Commands: publishing, repeats, epochs, and what time takes away.
#include "engine/status_board.h"

#include <algorithm>
#include <map>
#include <set>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine/field_codec.h"
#include "engine/status_board_state.h"
#include "model/target.h"

namespace hf {

std::string group_rules(const Catalog& catalog) {
  const auto& content = catalog.content();
  std::string text;
  const auto put = [&text](std::string_view part) { text.append(part).append(1, '\n'); };
  for (const auto& type : content.types) {
    put(type.name);
    for (const auto group : type.groups) {
      put(content.groups[group].name);
      put(content.groups[group].when.text());
    }
    for (const auto model : type.status) {
      put(content.models[model].name);
      for (const int value : content.models[model].closing) put(std::to_string(value));
    }
  }
  return text;
}

std::string notice_rules(const Catalog& catalog) {
  const auto& content = catalog.content();
  std::string text = std::to_string(content.board_keep_days) + '\n';
  const auto put = [&text](std::string_view part) { text.append(part).append(1, '\n'); };
  const auto put_all = [&text](const std::vector<Catalog::Index>& list) {
    for (const Catalog::Index index : list) text.append(std::to_string(index)).append(1, ',');
    text.append(1, '\n');
  };
  for (const auto& action : content.actions) {
    for (const std::string& name : {action.name, action.zh, action.en}) put(name);
    for (const std::string& alias : action.aliases) put(alias);
  }
  for (const auto& role : content.roles) put(role.name);
  for (const auto& notice : content.notices) {
    put_all(notice.actions);
    put_all(notice.types);
    for (const bool to : {notice.creator, notice.owner, notice.handler, notice.reviewers, notice.department})
      put(to ? "+" : "-");
    put_all(notice.roles);
  }
  return text;
}

Refusal crowded(std::uint64_t bills_max, std::string field) {
  return {.code = Code::too_many,
          .detail = "The board has as many bills as it may, " + std::to_string(bills_max) +
                    ": publish the end of those that are closed, or resync the type with those that are open.",
          .field = std::move(field)};
}

namespace {

Refusal invalid(std::string field, std::string detail) {
  return Refusal{.code = Code::invalid, .detail = std::move(detail), .field = std::move(field)};
}

bool is_key(const Catalog& catalog, std::string_view type, std::string_view id, std::string& field) {
  field = !is_target_segment(type) || !catalog.accepts_type(type) ? "type" : "id";
  return field == "id" && is_target_segment(id);
}

std::string key_of(std::string_view type, std::string_view id) { return std::string(type).append(1, ':').append(id); }

}  // namespace

StatusBoard::State::State(StatusBoardOptions o)
    : options(std::move(o)), by_key(0, RecHash{this}, RecEqual{this}), groups(catalog().content().types.size()) {
  const std::string rules = group_rules(catalog());
  catalog_key = XXH64(rules.data(), rules.size(), 0);
  keep_closed = std::chrono::hours(24) * catalog().content().board_keep_days;
  for (std::size_t i = 0; i < groups.size(); ++i) groups[i].resize(catalog().content().types[i].groups.size());
}

StatusBoard::StatusBoard(StatusBoardOptions options) : state_(std::make_unique<State>(std::move(options))) {}
StatusBoard::~StatusBoard() = default;
StatusBoard::StatusBoard(StatusBoard&&) noexcept = default;
StatusBoard& StatusBoard::operator=(StatusBoard&&) noexcept = default;

const EpochId& StatusBoard::epoch() const noexcept { return state_->epoch; }
Offset StatusBoard::last_offset() const noexcept { return state_->last; }
Offset StatusBoard::floor() const noexcept { return state_->floor; }
std::optional<Version> StatusBoard::version_of(std::string_view bill) const {
  const BillIx at = state_->find(bill);
  if (at == no_index || state_->bills[at].now->stamp().deleted) return std::nullopt;
  return state_->bills[at].now->version();
}
BillLife StatusBoard::life_of(std::string_view bill) const {
  const BillIx at = state_->find(bill);
  if (at == no_index) return {};
  const Bill& now = *state_->bills[at].now;
  return {now.life(), now.stamp().deleted};
}
Instant StatusBoard::now() const noexcept { return state_->now(); }

BoardStats StatusBoard::stats() const {
  BoardStats stats = state_->stats;
  stats.bills = state_->bills.live();
  for (const auto& [type, count] : state_->bills_by_type)
    stats.bills_of_fullest_type = std::max(stats.bills_of_fullest_type, count);
  stats.log_entries = state_->log.size();
  stats.log_bytes = state_->log_bytes;
  stats.notices = state_->notices.size();
  stats.closing = state_->closed.size();
  return stats;
}

void StatusBoard::seal(std::string& journal) {
  state_->journal = &journal;
  state_->put_meta(false);
}

StatusOutcome StatusBoard::apply(const StatusCommand& command, Wall clock, std::vector<BoardEvent>& events,
                                 std::string& journal) {
  State& s = *state_;
  if (EngineClock::is_absurd(clock)) {
    return Refusal{.code = Code::unavailable,
                   .detail = "The server's clock is outside the years 2024 to 2100: set it."};
  }
  s.events = &events;
  s.journal = &journal;
  // A question leaves the board as it is, also what is due: one node may answer it alone.
  const auto decide = [&] {
    return std::visit([&](const auto& c) { return widened<StatusOutcome>(s.run(c)); }, command);
  };
  if (is_unlogged(command)) return decide();
  HF_ASSERT(!s.pending);
  const std::size_t journal_begin = journal.size();
  const Offset last_before = s.last;
  const Offset floor_before = s.floor;
  s.clock.advance(clock, s.options.clock_step_max);  // the lock tree raises the alarms
  s.sweep();
  StatusOutcome outcome = decide();
  // Time alone is recorded now and then, so that what ages does so across restarts too.
  if (journal.size() != journal_begin || s.now() - s.meta_written >= std::chrono::minutes(1)) s.put_meta(false);
  HF_ASSERT(s.last >= last_before && s.floor >= floor_before);
  s.assert_counts();
  return outcome;
}

// What every command leaves true, as far as it costs nothing to see. check() looks at the rest.
void StatusBoard::State::assert_counts() const noexcept {
  HF_ASSERT(floor <= last && log.size() == last - floor && runs.size() <= log.size());
  HF_ASSERT(bills.live() == by_key.size() && bills_by_type.size() <= bills.live());
  HF_ASSERT((newest == no_index) == (bills.live() == 0) && (oldest == no_index) == (bills.live() == 0));
  HF_ASSERT(newest == no_index || (bills[newest].newer == no_index && bills[newest].now->offset() <= last));
  HF_ASSERT(oldest == no_index || bills[oldest].older == no_index);
  HF_ASSERT(people.live() == person_by_id.size());
  HF_ASSERT(batches.size() == batch_by_id.size());
  HF_ASSERT(class_notices.size() <= notices.size());
}

// ---------------------------------------------------------------------------------------------- epochs

OutcomeOf<BeginEpoch> StatusBoard::State::run(const BeginEpoch& c) {
  if (c.epoch.is_nil() || c.epoch == epoch) return invalid("epoch", "An epoch needs an id of its own.");
  reset(c.epoch, c.why);
  return Done{};
}

void StatusBoard::State::reset(const EpochId& next, std::string why) {
  HF_ASSERT(!next.is_nil() && next != epoch);
  epoch = next;
  put_meta(false);
  events->emplace_back(BoardReset{epoch, std::move(why)});
}

// ---------------------------------------------------------------------------------------------- publishing

OutcomeOf<Publish> StatusBoard::State::run(const Publish& c) {
  if (epoch.is_nil()) return Refusal{.code = Code::unavailable, .detail = "The log has no epoch yet."};
  if (c.events.size() > limits().events_per_batch_max) {
    return Refusal{.code = Code::too_large,
                   .detail = "At most " + std::to_string(limits().events_per_batch_max) + " events a batch.",
                   .field = "events"};
  }
  if (c.caller.request_id.size() > batch_id_bytes_max) return invalid("batch_id", "It is too long.");
  for (std::size_t i = 0; i < c.events.size(); ++i) {
    const std::string where = "events[" + std::to_string(i) + "].";
    auto refusal = std::visit([&](const auto& event) { return refuse(event, where); }, c.events[i]);
    if (refusal) return std::move(*refusal);
  }
  std::string batch;
  if (!c.caller.request_id.empty()) {
    batch.append(c.caller.user).append(1, '\0').append(c.caller.request_id);
    if (const BatchRec* const known = find_batch(batch)) {
      if (known->fingerprint != c.caller.fingerprint) {
        return Refusal{.code = Code::request_id_reused, .field = "batch_id"};
      }
      return known->answer;
    }
  }
  if (auto refusal = refuse_crowd(c.events)) return std::move(*refusal);
  Published answer{epoch, {}};
  answer.results.reserve(c.events.size());
  for (const LogEvent& event : c.events) {
    const auto* const status = std::get_if<StatusEvent>(&event);
    answer.results.push_back(status != nullptr ? log_status(*status, c.caller) : log_run(std::get<RunEvent>(event)));
  }
  if (!batch.empty()) remember(std::move(batch), c.caller.fingerprint, answer);
  return answer;
}

bool StatusBoard::State::has_room(std::size_t more) const {
  return resyncs.empty() && bills.live() + more <= limits().bills_max && more <= limits().bills_per_type_max &&
         std::ranges::all_of(bills_by_type,
                             [&](const auto& type) { return type.second + more <= limits().bills_per_type_max; });
}

std::optional<Refusal> StatusBoard::State::refuse_crowd(const std::vector<LogEvent>& new_events) const {
  if (has_room(new_events.size())) return std::nullopt;
  struct Fresh {
    std::set<std::string_view> on_board, in_resync;
  };
  std::map<std::string_view, Fresh> by_type;
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < new_events.size(); ++i) {
    const auto* const event = std::get_if<StatusEvent>(&new_events[i]);
    if (event == nullptr) continue;
    const std::string key = key_of(event->type, event->id);
    Fresh& fresh = by_type[event->type];
    if (find(key) == no_index && fresh.on_board.insert(event->id).second) ++all;
    bool of_type = bills_of(event->type) + fresh.on_board.size() > limits().bills_per_type_max;
    for (const auto& [id, resync] : resyncs) {
      if (resync.type != event->type) continue;
      if (!resync.places.contains(key)) fresh.in_resync.insert(event->id);
      of_type = of_type || resync.staged.size() + fresh.in_resync.size() > resync_bills_max();
    }
    if (of_type || bills.live() + all > limits().bills_max) {
      return crowded(of_type ? limits().bills_per_type_max : limits().bills_max, "events[" + std::to_string(i) + "]");
    }
  }
  return std::nullopt;
}

std::optional<Refusal> StatusBoard::State::refuse(const StatusEvent& event, const std::string& where) const {
  std::string field;
  if (!is_key(catalog(), event.type, event.id, field)) {
    return invalid(where + field, "No such type of bill, or no id.");
  }
  if (event.version && *event.version > version_max) return invalid(where + "version", "At most 2^53-1.");
  if (event.created && event.deleted) {
    return invalid(where + "created", "An event begins a bill or deletes it. Send two, the deletion first.");
  }
  if (event.state.size() > status_fields_max) {
    return invalid(where + "state", "At most " + std::to_string(status_fields_max) + " fields.");
  }
  Bill::Texts texts;
  std::string keep;
  if (!bill_texts(event, texts, keep)) {
    return Refusal{.code = Code::too_large,
                   .detail = "An event has at most " + std::to_string(status_event_bytes_max) + " bytes.",
                   .field = where.substr(0, where.size() - 1)};
  }
  return std::nullopt;
}

std::optional<Refusal> StatusBoard::State::refuse(const RunEvent& event, const std::string& where) const {
  std::string field;
  if (!is_key(catalog(), event.type, event.id, field)) {
    return invalid(where + field, "No such type of bill, or no id.");
  }
  if (event.step.size() + event.action.size() + event.error.size() + event.actor.user.size() + event.actor.name.size() >
      status_event_bytes_max) {
    return Refusal{.code = Code::too_large,
                   .detail = "An event has at most " + std::to_string(status_event_bytes_max) + " bytes.",
                   .field = where.substr(0, where.size() - 1)};
  }
  return std::nullopt;
}

PublishResult StatusBoard::State::log_status(const StatusEvent& event, const Caller& caller) {
  using Kind = PublishResult::Kind;
  // What a resync will put in the bill's place must know of it, whatever the board says.
  for (auto& [id, resync] : resyncs) {
    if (resync.type == event.type) stage(resync, event, Staged::published);
  }
  const std::string key = key_of(event.type, event.id);
  const BillIx at = find(key);
  const BillPtr known = at == no_index ? nullptr : bills[at].now;
  Bill::Texts texts;
  std::string keep;
  bill_texts(event, texts, keep);
  const auto refused = [&](PublishResult::Kind kind) {
    ++(kind == Kind::differs ? stats.differs : stats.stale);
    if (kind == Kind::differs) events->emplace_back(VersionDiffers{key, known->version(), caller.user});
    return PublishResult{kind, known->version()};
  };
  Bill::Stamp stamp;
  stamp.unordered = !event.version.has_value();
  const bool same = known && known->same_content(texts, event.deleted, event.at);
  if (event.created) {
    stamp.version = event.version.value_or(1);
    // The same beginning again is a repeat of it.
    const bool begins = known && known->offset() == known->stamp().born;
    if (begins && same && event.version && *event.version == known->version()) return refused(Kind::stale);
  } else {
    stamp.version = event.version ? *event.version : known ? known->version() + 1 : 1;
    if (known && known->stamp().deleted) return refused(Kind::deleted);
    const bool at_known = known && stamp.version == known->version();
    // A row that is deleted keeps the version that it had.
    if (at_known && !same && !event.deleted) return refused(Kind::differs);
    if (known && (stamp.version < known->version() || (at_known && !event.deleted))) return refused(Kind::stale);
  }
  if (stamp.version > version_max) return refused(Kind::stale);
  stamp.offset = ++last;
  stamp.anew = known && (event.created || known->stamp().anew);
  stamp.born = known && !event.created ? known->stamp().born : stamp.offset;
  stamp.at = event.at.value_or(clock.wall());
  stamp.timed = event.at.has_value();
  stamp.logged = now();
  stamp.deleted = event.deleted;
  HF_ASSERT(!known || stamp.anew || stamp.version >= known->version());
  const BillPtr state = Bill::make(catalog(), stamp, texts);
  install(state);
  put_bill(*state);
  ++stats.logged;
  events->emplace_back(StatusChanged{known, state});
  notify(state);
  return {Kind::logged, state->offset()};
}

PublishResult StatusBoard::State::log_run(const RunEvent& event) {
  Run run{++last, now(), event};
  if (!run.event.at) run.event.at = clock.wall();
  const auto made = std::make_shared<const Run>(std::move(run));
  append({nullptr, made, no_index});
  put_run(*made);
  ++stats.runs;
  const BillIx bill = find(key_of(event.type, event.id));
  const bool there = bill != no_index && on_board(*bills[bill].now);
  events->emplace_back(RunTold{made, there ? bills[bill].now : nullptr});
  return {PublishResult::Kind::logged, made->offset};
}

// ---------------------------------------------------------------------------------------------- repeats

const BatchRec* StatusBoard::State::find_batch(std::string_view id) const {
  const auto at = batch_by_id.find(id);
  if (at == batch_by_id.end()) return nullptr;
  HF_ASSERT(!batches.empty() && at->second >= batches.front().number);
  const BatchRec& found = batches[at->second - batches.front().number];
  HF_ASSERT(found.number == at->second && found.id == id);
  return &found;
}

void StatusBoard::State::remember(std::string id, std::uint64_t fingerprint, const Published& answer) {
  batches.push_back({next_batch++, std::move(id), fingerprint, now(), answer});
  const BatchRec& batch = batches.back();
  const bool is_new = batch_by_id.emplace(batch.id, batch.number).second;
  HF_ASSERT(is_new);
  batch_bytes += batch.bytes();
  put_batch(batch);
  while (batches.size() > limits().batches_kept_max || batch_bytes > limits().batch_bytes_max) drop_batch();
}

void StatusBoard::State::drop_batch() {
  HF_ASSERT(!batches.empty());
  const BatchRec& batch = batches.front();
  erase(Entity::status_batch, {0, batch.number});
  const std::size_t forgotten = batch_by_id.erase(batch.id);
  HF_ASSERT(forgotten == 1 && batch_bytes >= batch.bytes());
  batch_bytes -= batch.bytes();
  batches.pop_front();
}

// ---------------------------------------------------------------------------------------------- time

void StatusBoard::State::sweep() {
  const std::uint32_t most = limits().swept_per_command_max;
  for (std::uint32_t n = 0; n < most && trim(); ++n) {
  }
  for (std::uint32_t n = 0; n < most && sweep_closed(); ++n) {
  }
  for (std::uint32_t n = 0; n < most && !batches.empty() && now() - batches.front().at > limits().batch_age_max; ++n) {
    drop_batch();
  }
  for (std::uint32_t n = 0;
       n < most && !notices.empty() && now() - notices.begin()->second->made > limits().notice_age_max; ++n) {
    drop_notice(notices.begin()->first);
  }
  std::vector<ResyncId> silent;
  for (const auto& [id, resync] : resyncs) {
    if (resync.until <= now()) silent.push_back(id);
  }
  for (const ResyncId& id : silent) {
    ++stats.resyncs_dropped;
    drop_resync(id);
  }
}

// Takes one bill off the board that has been closed for long enough. False if there is none. Entries that are no
// longer true are passed over uncounted: a board made from an image has none of them.
bool StatusBoard::State::sweep_closed() {
  while (!closed.empty()) {
    const auto [offset, i] = closed.front();
    const BillPtr state = bills[i].now;
    if (is_newest({offset, i})) {
      if (now() - state->stamp().logged < keep_closed) return false;
      if (state->groups() != 0) {
        closed.pop_front();
        Bill::Stamp stamp = state->stamp();
        stamp.offset = ++last;
        stamp.logged = now();
        stamp.at = clock.wall();
        stamp.timed = false;
        stamp.left = true;
        const BillPtr gone = Bill::moved(catalog(), *state, stamp);
        install(gone);
        put_bill(*gone);
        events->emplace_back(StatusChanged{state, gone});
        return true;
      }
      if (offset <= floor) {
        closed.pop_front();
        remove_bill(i);
        return true;
      }
    }
    closed.pop_front();  // if it is true still, it goes when the log drops it
  }
  return false;
}

}  // namespace hf
