// Replacing the bills of one type by what the ERP has now.
#include <algorithm>

#include "engine/status_board_state.h"

namespace hf {
namespace {

Refusal gone_refusal() {
  return {.code = Code::not_found,
          .detail = "There is no such resync of yours: it was dropped or committed. Open a new one.",
          .field = "resync"};
}

}  // namespace

OutcomeOf<OpenResync> StatusBoard::State::run(const OpenResync& c) {
  if (epoch.is_nil()) return Refusal{.code = Code::unavailable, .detail = "The log has no epoch yet."};
  if (c.resync.is_nil() || resyncs.contains(c.resync)) {
    return Refusal{.code = Code::invalid, .detail = "A resync needs an id of its own.", .field = "resync"};
  }
  if (!is_target_segment(c.type) || !catalog().accepts_type(c.type)) {
    return Refusal{.code = Code::invalid, .detail = "No such type of bill.", .field = "type"};
  }
  // Of two resyncs of a type the later one sees what is true later.
  std::erase_if(resyncs, [&](const auto& each) {
    if (each.second.type != c.type) return false;
    ++stats.resyncs_dropped;
    for (std::size_t i = 0; i < each.second.staged.size(); ++i) erase(Entity::status_staged, {each.second.number, i});
    erase(Entity::status_resync, each.first.value);
    return true;
  });
  if (resyncs.size() >= limits().resyncs_open_max) {
    return Refusal{.code = Code::too_many,
                   .detail = "At most " + std::to_string(limits().resyncs_open_max) + " resyncs are open at a time."};
  }
  ResyncRec& resync = resyncs[c.resync];
  resync.number = next_resync++;
  resync.user = c.caller.user;
  resync.type = c.type;
  resync.until = now() + limits().resync_idle_max;
  put_resync(c.resync, resync, true);
  return ResyncTaken{};
}

ResyncRec* StatusBoard::State::find_resync(const ResyncId& id, const Caller& caller) {
  const auto at = resyncs.find(id);
  return at == resyncs.end() || at->second.user != caller.user ? nullptr : &at->second;
}

OutcomeOf<ResyncPage> StatusBoard::State::run(const ResyncPage& c) {
  ResyncRec* const resync = find_resync(c.resync, c.caller);
  if (resync == nullptr) return gone_refusal();
  if (c.events.size() > limits().events_per_batch_max) {
    return Refusal{.code = Code::too_large,
                   .detail = "At most " + std::to_string(limits().events_per_batch_max) + " events a page.",
                   .field = "events"};
  }
  for (std::size_t i = 0; i < c.events.size(); ++i) {
    const std::string where = "events[" + std::to_string(i) + "].";
    if (auto refusal = refuse(c.events[i], where)) return std::move(*refusal);
    if (c.events[i].type != resync->type) {
      return Refusal{.code = Code::invalid, .detail = "It is not of the resync's type.", .field = where + "type"};
    }
  }
  if (resync->staged.size() + c.events.size() > resync_bills_max()) {
    return Refusal{.code = Code::too_many,
                   .detail = "At most " + std::to_string(resync_bills_max()) + " bills a resync."};
  }
  for (const StatusEvent& event : c.events) stage(*resync, event, Staged::by_page);
  resync->until = now() + limits().resync_idle_max;
  put_resync(c.resync, *resync, false);
  return ResyncTaken{resync->staged.size()};
}

// Of what pages and publishers say of a bill meanwhile, the highest version stays. Without versions the last one stays,
// but a page, which may have been read before, does not replace what was published; nor does it a bill that was made
// anew meanwhile. After a deletion comes only what begins the bill anew.
void StatusBoard::State::stage(ResyncRec& resync, const StatusEvent& event, Staged how) {
  Bill::Texts texts;
  std::string keep;
  bill_texts(event, texts, keep);
  HF_ASSERT(event.type == resync.type && resync.places.size() == resync.staged.size());
  const auto at = resync.places.find(texts[Bill::key]);
  const bool fresh = at == resync.places.end();
  const Version known = fresh ? 0 : resync.staged[at->second]->version();
  const bool begins = event.created && how == Staged::published;
  if (!fresh && !begins) {
    const Bill& had = *resync.staged[at->second];
    if (had.stamp().deleted || (had.stamp().anew && how == Staged::by_page)) return;
    const bool deletes_it = event.deleted && event.version && *event.version == known;
    if (event.version && *event.version <= known && !deletes_it) return;
    const auto published = static_cast<Offset>(Staged::published);
    if (!event.version && how == Staged::by_page && had.offset() == published) return;
  }
  Bill::Stamp stamp;
  stamp.offset = static_cast<Offset>(how);
  stamp.anew = begins || (!fresh && resync.staged[at->second]->stamp().anew);
  stamp.version = event.version.value_or(begins ? 1 : std::min(known + 1, version_max));
  stamp.unordered = !event.version.has_value();
  stamp.at = event.at.value_or(clock.wall());
  stamp.timed = event.at.has_value();
  stamp.deleted = event.deleted;
  BillPtr state = Bill::make(catalog(), stamp, texts);
  const std::size_t place = fresh ? resync.staged.size() : at->second;
  if (fresh) {
    resync.places.emplace(state->text(Bill::key), place);
    resync.staged.push_back(std::move(state));
  } else {
    resync.staged[place] = std::move(state);
  }
  put_staged(resync, place, fresh);
}

void StatusBoard::State::drop_resync(const ResyncId& id) {
  const auto at = resyncs.find(id);
  HF_ASSERT(at != resyncs.end());
  for (std::size_t i = 0; i < at->second.staged.size(); ++i) erase(Entity::status_staged, {at->second.number, i});
  erase(Entity::status_resync, id.value);
  resyncs.erase(at);
}

OutcomeOf<DropResync> StatusBoard::State::run(const DropResync& c) {
  if (find_resync(c.resync, c.caller) == nullptr) return gone_refusal();
  ++stats.resyncs_dropped;
  drop_resync(c.resync);
  return Done{};
}

OutcomeOf<CommitResync> StatusBoard::State::run(const CommitResync& c) {
  ResyncRec* const resync = find_resync(c.resync, c.caller);
  if (resync == nullptr) return gone_refusal();
  if (c.epoch.is_nil() || c.epoch == epoch) {
    return Refusal{.code = Code::invalid, .detail = "An epoch needs an id of its own.", .field = "epoch"};
  }
  if (bills.live() - bills_of(resync->type) + resync->staged.size() > limits().bills_max)
    return crowded(limits().bills_max, "resync");
  // What was known of the type was said of another state of the ERP: the log forgets it too.
  std::vector<BillIx> gone;
  for (BillIx i = 0; i < bills.end(); ++i) {
    if (bills[i].now && bills[i].now->type() == resync->type) gone.push_back(i);
  }
  std::ranges::sort(gone, {}, [&](BillIx i) { return bills[i].now->stamp().born; });
  std::uint64_t left = 0;
  for (const BillIx i : gone) {
    const BillRec& rec = bills[i];
    const auto take_out = [&](const Bill& state) {
      if (state.offset() <= floor) return;
      HF_ASSERT(state.offset() <= last && log_bytes >= state.bytes());
      log_bytes -= state.bytes();
      log[state.offset() - floor - 1] = {};
    };
    if (on_board(*rec.now) && !resync->places.contains(rec.now->text(Bill::key))) ++left;
    for (std::size_t n = 0; rec.past && n < rec.past->size(); ++n) take_out(*(*rec.past)[n]);
    take_out(*rec.now);
    remove_bill(i);
  }
  std::uint64_t there = 0;
  for (const BillPtr& staged : resync->staged) {
    Bill::Stamp stamp = staged->stamp();
    stamp.offset = stamp.born = ++last;
    stamp.anew = false;  // with the epoch everybody begins anew
    stamp.logged = now();
    const BillPtr state = Bill::moved(catalog(), *staged, stamp);
    install(state);
    put_bill(*state);
    if (!stamp.deleted) ++there;
  }
  ++stats.resyncs;
  drop_resync(c.resync);
  reset(c.epoch, "resync");
  return ResyncCommitted{epoch, there, left};
}

}  // namespace hf
