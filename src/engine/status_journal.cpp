// What the journal is told, and the way back from it. An image is the same changes, all of them.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

#include "engine/status_board_state.h"

namespace hf {
namespace {

Id128 reader_key(std::string_view user) {
  return {XXH64(user.data(), user.size(), 0), XXH64(user.data(), user.size(), 1)};
}

void write_texts(ByteWriter& w, const std::vector<std::string>& texts) {
  w.varint(texts.size());
  for (const std::string& text : texts) w.text(text);
}

bool read_texts(ByteReader& r, std::vector<std::string>& texts) {
  const std::uint64_t count = r.varint();
  for (std::uint64_t i = 0; i < count && r.ok(); ++i) texts.emplace_back(r.text());
  return r.ok();
}

RunPtr read_run(ByteReader& r) {
  Run run;
  run.offset = r.varint();
  run.logged = instant_us(r.i64());
  run.event.run.value = r.id();
  for (std::string* text : {&run.event.type, &run.event.id, &run.event.step, &run.event.action, &run.event.error,
                            &run.event.actor.user, &run.event.actor.name})
    *text = r.text();
  run.event.at = wall_us(r.i64());
  return r.ok() && r.at_end() ? std::make_shared<const Run>(std::move(run)) : nullptr;
}

}  // namespace

struct StatusBoard::State::Pending {
  boost::unordered_flat_map<Offset, BillPtr> states;
  std::map<Offset, RunPtr> runs;
  std::map<std::uint64_t, BatchRec> batches;
  std::map<std::uint64_t, NoticePtr> notices;
  std::map<Id128, std::pair<std::string, ReadMarks>> readers;
  std::map<Id128, ResyncRec> resyncs;
  std::map<Id128, BillPtr> staged;
  std::uint64_t catalog_key = 0;
  Instant now{};
  Wall mark{};
  bool any = false, exact = false;
};

// ---------------------------------------------------------------------------------------------- writing

void StatusBoard::State::erase(Entity entity, const Id128& key) { ChangeFrame(*journal, entity, change_erase, key); }

void StatusBoard::State::put_meta(bool exact) {
  if (!exact) meta_written = now();
  ChangeFrame frame(*journal, Entity::status_meta, 0, Id128{});
  ByteWriter& w = *frame;
  w.u8(exact ? 1 : 0);
  w.i64(to_us(now()));
  w.i64(exact ? to_us(clock.wall()) : 0);
  w.i64(to_us(meta_written));
  w.id(epoch.value);
  w.u64(catalog_key);
  for (const std::uint64_t n : {last, floor, next_batch, next_notice, next_resync, stats.logged, stats.stale,
                                stats.differs, stats.runs, stats.resyncs, stats.resyncs_dropped})
    w.varint(n);
}

bool StatusBoard::State::restore_meta(std::string_view body) {
  ByteReader r(body);
  pending->any = true;
  pending->exact = r.u8() != 0;
  pending->now = instant_us(r.i64());
  pending->mark = wall_us(r.i64());
  meta_written = instant_us(r.i64());
  epoch.value = r.id();
  pending->catalog_key = r.u64();
  for (std::uint64_t* n : {&last, &floor, &next_batch, &next_notice, &next_resync, &stats.logged, &stats.stale,
                           &stats.differs, &stats.runs, &stats.resyncs, &stats.resyncs_dropped})
    *n = r.varint();
  return r.ok() && r.at_end();
}

void StatusBoard::State::put_bill(const Bill& bill) {
  ChangeFrame frame(*journal, Entity::status_bill, change_fresh, {0, bill.offset()});
  bill.write(*frame);
}

void StatusBoard::State::put_run(const Run& run) {
  ChangeFrame frame(*journal, Entity::status_run, change_fresh, {0, run.offset});
  frame->varint(run.offset);
  frame->i64(to_us(run.logged));
  frame->id(run.event.run.value);
  for (const std::string* text : {&run.event.type, &run.event.id, &run.event.step, &run.event.action, &run.event.error,
                                  &run.event.actor.user, &run.event.actor.name})
    frame->text(*text);
  frame->i64(to_us(*run.event.at));
}

void StatusBoard::State::put_batch(const BatchRec& batch) {
  ChangeFrame frame(*journal, Entity::status_batch, change_fresh, {0, batch.number});
  frame->varint(batch.number);
  frame->text(batch.id);
  frame->u64(batch.fingerprint);
  frame->i64(to_us(batch.at));
  frame->id(batch.answer.epoch.value);
  frame->varint(batch.answer.results.size());
  for (const PublishResult& result : batch.answer.results) {
    frame->u8(static_cast<std::uint8_t>(result.kind));
    frame->varint(result.number);
  }
}

void StatusBoard::State::put_notice(const Notice& notice, bool fresh) {
  ChangeFrame frame(*journal, Entity::status_notice, fresh ? change_fresh : 0, {0, notice.number});
  frame->varint(notice.number);
  frame->i64(to_us(notice.made));
  frame->u8(
      static_cast<std::uint8_t>((notice.rejection ? 1 : 0) | (notice.reviewers ? 2 : 0) | (notice.department ? 4 : 0)));
  write_texts(*frame, notice.persons);
  write_texts(*frame, notice.roles);
  notice.bill->write(*frame);
}

void StatusBoard::State::put_reader(const std::string& user, const ReadMarks& marks) {
  ChangeFrame frame(*journal, Entity::status_reader, 0, reader_key(user));
  frame->text(user);
  frame->varint(marks.below);
  frame->varint(marks.numbers.size());
  for (const std::uint64_t number : marks.numbers) frame->varint(number);
}

void StatusBoard::State::erase_reader(const std::string& user) { erase(Entity::status_reader, reader_key(user)); }

void StatusBoard::State::put_resync(const ResyncId& id, const ResyncRec& resync, bool fresh) {
  ChangeFrame frame(*journal, Entity::status_resync, fresh ? change_fresh : 0, id.value);
  frame->varint(resync.number);
  frame->text(resync.user);
  frame->text(resync.type);
  frame->i64(to_us(resync.until));
}

void StatusBoard::State::put_staged(const ResyncRec& resync, std::size_t place, bool fresh) {
  ChangeFrame frame(*journal, Entity::status_staged, fresh ? change_fresh : 0, {resync.number, place});
  resync.staged[place]->write(*frame);
}

void StatusBoard::image(std::string& out) const { state_->put_all(out); }

void StatusBoard::State::put_all(std::string& out) {
  journal = &out;
  put_meta(true);
  std::vector<const Bill*> states;
  for (BillIx i = 0; i < bills.end(); ++i) {
    if (!bills[i].now) continue;
    states.push_back(bills[i].now.get());
    for (std::size_t n = 0; bills[i].past && n < bills[i].past->size(); ++n) {
      states.push_back((*bills[i].past)[n].get());
    }
  }
  std::ranges::sort(states, {}, [](const Bill* bill) { return bill->offset(); });
  for (const Bill* const state : states) put_bill(*state);
  for (const RunPtr& run : runs) put_run(*run);
  for (const BatchRec& batch : batches) put_batch(batch);
  for (const auto& [number, notice] : notices) put_notice(*notice, true);
  for (const auto& [user, marks] : readers) put_reader(user, marks);
  for (const auto& [id, resync] : resyncs) {
    put_resync(id, resync, true);
    for (std::size_t i = 0; i < resync.staged.size(); ++i) put_staged(resync, i, true);
  }
}

// ---------------------------------------------------------------------------------------------- reading

bool StatusBoard::recover(std::string_view changes) {
  State& s = *state_;
  if (!s.pending) s.pending = std::make_shared<State::Pending>();
  State::Pending& p = *s.pending;
  while (!changes.empty()) {
    const auto change = take_change(changes);
    if (!change) return false;
    const bool erased = (change->header.flags & change_erase) != 0;
    const Id128& key = change->header.key;
    ByteReader r(change->body);
    bool good = true;
    switch (change->header.entity) {
      case Entity::status_meta: good = s.restore_meta(change->body); break;
      case Entity::status_bill: {
        if (erased) {
          p.states.erase(key.lo);
          break;
        }
        BillPtr state = Bill::read(s.catalog(), r);
        good = state && r.at_end() && state->offset() == key.lo;
        p.states[key.lo] = std::move(state);
        break;
      }
      case Entity::status_run: {
        if (erased) {
          p.runs.erase(key.lo);
          break;
        }
        RunPtr run = read_run(r);
        good = run && run->offset == key.lo;
        p.runs[key.lo] = std::move(run);
        break;
      }
      case Entity::status_batch: {
        if (erased) {
          p.batches.erase(key.lo);
          break;
        }
        BatchRec& batch = p.batches[key.lo];
        batch.number = r.varint();
        batch.id = r.text();
        batch.fingerprint = r.u64();
        batch.at = instant_us(r.i64());
        batch.answer.epoch.value = r.id();
        const std::uint64_t count = r.varint();
        for (std::uint64_t i = 0; i < count && good && r.ok(); ++i) {
          const std::uint8_t kind = r.u8();
          good = kind <= static_cast<std::uint8_t>(PublishResult::Kind::deleted);
          batch.answer.results.push_back({static_cast<PublishResult::Kind>(kind), r.varint()});
        }
        good = good && r.ok() && r.at_end() && batch.number == key.lo;
        break;
      }
      case Entity::status_notice: {
        if (erased) {
          p.notices.erase(key.lo);
          break;
        }
        Notice notice;
        notice.number = r.varint();
        notice.made = instant_us(r.i64());
        const std::uint8_t flags = r.u8();
        notice.rejection = (flags & 1) != 0;
        notice.reviewers = (flags & 2) != 0;
        notice.department = (flags & 4) != 0;
        good = read_texts(r, notice.persons) && read_texts(r, notice.roles);
        for (const std::string& person : notice.persons) good = good && person.size() > 2;
        notice.bill = Bill::read(s.catalog(), r);
        good = good && notice.bill && r.at_end() && notice.number == key.lo;
        p.notices[key.lo] = std::make_shared<const Notice>(std::move(notice));
        break;
      }
      case Entity::status_reader: {
        if (erased) {
          p.readers.erase(key);
          break;
        }
        auto& [user, marks] = p.readers[key];
        user = r.text();
        marks = {};
        marks.below = r.varint();
        const std::uint64_t count = r.varint();
        for (std::uint64_t i = 0; i < count && r.ok(); ++i) marks.numbers.insert(r.varint());
        good = r.ok() && r.at_end();
        break;
      }
      case Entity::status_resync: {
        if (erased) {
          p.resyncs.erase(key);
          break;
        }
        ResyncRec& resync = p.resyncs[key];
        resync.number = r.varint();
        resync.user = r.text();
        resync.type = r.text();
        resync.until = instant_us(r.i64());
        good = r.ok() && r.at_end();
        break;
      }
      case Entity::status_staged: {
        if (erased) {
          p.staged.erase(key);
          break;
        }
        BillPtr state = Bill::read(s.catalog(), r);
        good = state && r.at_end();
        p.staged[key] = std::move(state);
        break;
      }
      default: break;
    }
    if (!good) return false;
  }
  return true;
}

bool StatusBoard::recovered(Wall clock, const EpochId& fresh) {
  State& s = *state_;
  const std::shared_ptr<State::Pending> p =
      s.pending ? std::exchange(s.pending, nullptr) : std::make_shared<State::Pending>();
  if (p->any && p->exact) {
    s.clock.stand_as(p->now, p->mark);
  } else {
    if (p->any) s.clock.resume(p->now);
    s.clock.advance(clock, s.options.clock_step_max);
  }
  if (!p->exact && (s.epoch.is_nil() || p->catalog_key != s.catalog_key)) s.epoch = fresh;

  if (s.floor > s.last) return false;
  std::vector<BillPtr> states;
  states.reserve(p->states.size());
  for (auto& [offset, state] : p->states) states.push_back(std::move(state));
  p->states.clear();
  std::ranges::sort(states, {}, [](const BillPtr& bill) { return bill->offset(); });
  if (!states.empty() && states.back()->offset() > s.last) return false;
  if (!p->runs.empty() && (p->runs.begin()->first <= s.floor || p->runs.rbegin()->first > s.last)) return false;
  s.log.resize(s.last - s.floor);
  for (const BillPtr& state : states) {
    BillIx i = s.find(state->text(Bill::key));
    if (i == no_index) {
      i = s.bills.make();
      s.bills[i].now = state;
      s.by_key.insert(i);
      ++s.bills_by_type.try_emplace(std::string(state->type())).first->second;
    } else {
      BillRec& rec = s.bills[i];
      if (!rec.past) rec.past = std::make_unique<Past>();
      rec.past->push(std::exchange(rec.now, state));
      s.unlink_changed(i);
    }
    s.link_newest(i);
    if (state->offset() <= s.floor) continue;
    s.log[state->offset() - s.floor - 1] = {state, nullptr, i};
    s.log_bytes += state->bytes();
  }
  for (const auto& [offset, run] : p->runs) {
    s.log[offset - s.floor - 1] = {nullptr, run, no_index};
    s.log_bytes += bytes_of(*run);
    s.runs.push_back(run);
  }
  for (BillIx i = s.oldest; i != no_index; i = s.bills[i].newer) {
    const BillRec& rec = s.bills[i];
    s.index(i, nullptr, rec.now.get());
    s.note_closed(i);
  }
  for (auto& [number, batch] : p->batches) {
    if (!s.batches.empty() && number != s.batches.back().number + 1) return false;
    if (!s.batch_by_id.emplace(batch.id, number).second) return false;
    s.batch_bytes += batch.bytes();
    s.batches.push_back(std::move(batch));
  }
  for (const auto& [number, notice] : p->notices) s.file_notice(notice);
  for (auto& [key, reader] : p->readers) s.readers.emplace(std::move(reader));
  std::map<std::uint64_t, ResyncRec*> by_number;
  for (auto& [key, resync] : p->resyncs) {
    ResyncRec& made = s.resyncs[ResyncId{key}] = std::move(resync);
    by_number[made.number] = &made;
  }
  for (auto& [key, state] : p->staged) {
    const auto at = by_number.find(key.hi);
    if (at == by_number.end() || key.lo != at->second->staged.size()) return false;
    if (!at->second->places.emplace(state->text(Bill::key), key.lo).second) return false;
    at->second->staged.push_back(std::move(state));
  }
  return true;
}

// ---------------------------------------------------------------------------------------------- check

std::string StatusBoard::check() const {
  const State& s = *state_;
  if (s.log.size() != s.last - s.floor) return "the log is not dense";
  std::uint64_t bytes = 0, runs = 0, listed = 0;
  for (std::size_t n = 0; n < s.log.size(); ++n) {
    const LogEntry& entry = s.log[n];
    if (entry.bill) {
      if (entry.bill->offset() != s.floor + n + 1) return "an entry is not at its offset";
      bytes += entry.bill->bytes();
    } else if (entry.run) {
      if (entry.run->offset != s.floor + n + 1) return "a run is not at its offset";
      bytes += bytes_of(*entry.run);
      ++runs;
    }
  }
  if (bytes != s.log_bytes) return "log_bytes is wrong";
  if (runs != s.runs.size()) return "a run is missing";
  Offset before = 0;
  ByText<std::uint64_t> of_types;
  // By type and group, then by department ("" is all of the group, a name has a '#' before it).
  std::map<std::pair<Catalog::Index, std::size_t>, std::map<std::string, Tally>> tallies;
  std::map<std::pair<std::string, int>, std::set<BillIx>> bonds;
  for (BillIx i = s.oldest; i != no_index; i = s.bills[i].newer) {
    const BillRec& rec = s.bills[i];
    ++listed;
    if (rec.now) ++of_types.try_emplace(std::string(rec.now->type())).first->second;
    if (!rec.now || rec.now->offset() <= before) return "the list of changes is out of order";
    before = rec.now->offset();
    if (s.find(rec.now->text(Bill::key)) != i) return "a bill is not found by its key";
    Offset earlier = 0;
    for (std::size_t n = 0; rec.past && n < rec.past->size(); ++n) {
      const Bill& state = *(*rec.past)[n];
      const Bill& next = n + 1 < rec.past->size() ? *(*rec.past)[n + 1] : *rec.now;
      if (state.offset() <= earlier || state.offset() >= next.offset()) return "a past is out of order";
      if (next.life() < state.life()) return "a life went back";
      if (next.life() == state.life() && next.version() < state.version()) return "a version went back";
      if (next.offset() <= s.floor) return "a past is longer than the log";
      earlier = state.offset();
    }
    const Bill& bill = *rec.now;
    for (std::size_t place = 0; (bill.groups() >> place) != 0; ++place) {
      if (((bill.groups() >> place) & 1) == 0) continue;
      const Tally row = State::tally_of(bill, s.group_name(bill.type_index(), place));
      for (const std::string& name : {std::string(), "#" + std::string(bill.text(Bill::department))}) {
        Tally& tally = tallies[{bill.type_index(), place}][name];
        tally = {tally.rows + row.rows, tally.sum0 + row.sum0, tally.sum1 + row.sum1};
      }
    }
    for (const Bond how : {created, handled, owned}) {
      if (rec.links[how].person == no_index) continue;
      bonds[{s.people[rec.links[how].person].id, how}].insert(i);
    }
  }
  if (of_types != s.bills_by_type) return "the bills of a type are not counted";
  if (listed != s.bills.live() || listed != s.by_key.size()) return "a bill is not in the list of changes";
  for (Catalog::Index type = 0; type < s.groups.size(); ++type) {
    for (std::size_t place = 0; place < s.groups[type].size(); ++place) {
      const GroupRows& group = s.groups[type][place];
      auto& expected = tallies[{type, place}];
      if (group.all != expected[""] || group.rows.size() != group.all.rows) return "a group's tally is wrong";
      if (group.departments.size() + 1 != expected.size()) return "a department's tally is left over";
      for (const auto& [name, tally] : group.departments) {
        if (tally != expected["#" + name]) return "a department's tally is wrong";
      }
      Offset born = 0;
      bool ordered = true;
      group.rows.walk(0, [&](const OrderedRows::Row& row) {
        ordered =
            ordered && row.born > born && s.bills[row.bill].now && s.bills[row.bill].now->stamp().born == row.born;
        born = row.born;
        return ordered;
      });
      if (!ordered) return "a group's rows are out of order";
    }
  }
  std::size_t people = 0;
  for (const auto& [id, i] : s.person_by_id) {
    ++people;
    std::size_t bills = 0;
    for (const Bond how : {created, handled, owned}) {
      for (BillIx b = s.people[i].first[how]; b != no_index; b = s.bills[b].links[how].next, ++bills) {
        if (!bonds[{id, how}].contains(b)) return "a person is bound to a bill of somebody else";
      }
    }
    if (bills != s.people[i].bills) return "a person's bills are counted wrong";
  }
  if (people != s.people.live()) return "a person is lost";
  std::map<std::string, std::set<std::uint64_t>> inboxes;
  std::set<std::uint64_t> to_classes;
  for (const auto& [number, notice] : s.notices) {
    if (notice->number != number || number >= s.next_notice) return "a notice is not at its number";
    for (const std::string& person : notice->persons) inboxes[person].insert(number);
    const bool to_class = notice->reviewers || notice->department || !notice->roles.empty();
    if (to_class) to_classes.insert(number);
    if (!to_class && notice->persons.empty()) return "a notice has no reader";
  }
  if (to_classes != s.class_notices || inboxes.size() != s.inboxes.size()) return "a notice is filed wrong";
  for (const auto& [person, numbers] : s.inboxes) {
    if (numbers != inboxes[person]) return "an inbox is wrong";
  }
  std::uint64_t batch_bytes = 0;
  for (const BatchRec& batch : s.batches) batch_bytes += batch.bytes();
  if (batch_bytes != s.batch_bytes || s.batches.size() != s.batch_by_id.size()) return "the batches are counted wrong";
  return {};
}

}  // namespace hf
