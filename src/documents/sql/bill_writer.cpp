#include "documents/sql/bill_writer.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/fingerprint.h"
#include "documents/sql_text.h"
#include "documents/write/events.h"
#include "wire/status_messages.h"

namespace hf::documents {

// A change that somebody asks for.
struct BillWriter::Work {
  std::string action;
  std::string fingerprint;              // of all that he says
  std::optional<BillKey> bill;          // that is there
  const catalog::Type* made = nullptr;  // of a bill that is to be made
  std::function<Outcome<Change>(StoreLedger& ledger, const std::string& number)> plan;

  bool draws_a_number() const { return made != nullptr && !made->prefix.empty(); }
};

namespace {

// All that is said, as one text: no two requests have the same one.
class Said {
 public:
  Said& add(std::string_view text) {
    text_ += std::to_string(text.size()) + ':';
    text_ += text;
    return *this;
  }
  Said& add(const SeenBill& seen) {
    return add(seen.type).add(std::to_string(seen.id)).add(std::to_string(seen.version));
  }
  Said& add(const std::vector<SaidField>& fields) {
    for (const SaidField& field : fields) add(field.column).add(field.text ? "=" + *field.text : std::string());
    return add("");
  }
  Said& add(const SaidBill& bill) {
    add(bill.fields);
    for (const SaidPart& part : bill.parts) {
      add(part.part);
      for (const SaidLine& line : part.lines) add(line.id ? std::to_string(*line.id) : "new").add(line.fields);
      add("");
    }
    return *this;
  }
  std::string fingerprint() const { return std::to_string(hf::fingerprint(text_)); }

 private:
  std::string text_;
};

std::string request_of(const Call& call) { return call.request_id.empty() ? call.run : call.request_id; }

}  // namespace

BillWriter::BillWriter(DocumentStore& store, std::shared_ptr<const Catalog> catalog, WriterOptions options)
    : store_(store), catalog_(std::move(catalog)), options_(std::move(options)) {}

// ---- what people ask for

Outcome<Written> BillWriter::create(const Asker& asker, const Call& call, const NewBill& bill) {
  const auto type = type_to_create(*catalog_, asker.audience, asker.actor, bill.type);
  if (!type) return tl::unexpected(type.error());
  Work work{"create", Said().add("create").add(bill.type).add(bill.said).fingerprint(), {}, *type, {}};
  work.plan = [&](StoreLedger& ledger, const std::string& number) {
    return plan_create(*catalog_, {asker.actor, call.now, options_.zone}, **type, bill.said, number, ledger);
  };
  return run(asker, call, work);
}

Outcome<Written> BillWriter::save(const Asker& asker, const Call& call, const SeenBill& seen, const SaidBill& said) {
  Work work{"save", Said().add("save").add(seen).add(said).fingerprint(), BillKey{seen.type, seen.id}, nullptr, {}};
  work.plan = [&](StoreLedger& ledger, const std::string&) {
    return plan_save(*catalog_, {asker.actor, call.now, options_.zone}, seen, said, ledger);
  };
  return run(asker, call, work);
}

Outcome<Written> BillWriter::remove(const Asker& asker, const Call& call, const SeenBill& seen) {
  Work work{"delete", Said().add("delete").add(seen).fingerprint(), BillKey{seen.type, seen.id}, nullptr, {}};
  work.plan = [&](StoreLedger& ledger, const std::string&) {
    return plan_remove(*catalog_, {asker.actor, call.now, options_.zone}, seen, ledger);
  };
  return run(asker, call, work);
}

Outcome<Written> BillWriter::act(const Asker& asker, const Call& call, const Deed& deed) {
  Work work{deed.action,
            Said().add("act").add(deed.bill).add(deed.action).add(deed.reason).fingerprint(),
            BillKey{deed.bill.type, deed.bill.id},
            type_created(*catalog_, deed),
            {}};
  work.plan = [&](StoreLedger& ledger, const std::string& number) {
    return plan_act(*catalog_, {asker.actor, call.now, options_.zone}, deed, number, ledger);
  };
  return run(asker, call, work);
}

Outcome<Written> BillWriter::convert(const Asker& asker, const Call& call, const Wish& wish) {
  Said said;
  said.add("convert").add(wish.conversion);
  for (const SeenBill& source : wish.sources) said.add(source);
  for (const WishedLine& line : wish.lines)
    said.add(line.bill.type)
        .add(std::to_string(line.bill.id))
        .add(line.part)
        .add(std::to_string(line.line))
        .add(line.quantity);
  Work work{"convert", said.fingerprint(), {}, nullptr, {}};
  if (!call.request_id.empty()) {
    // The sources may have gone on since the request was answered.
    auto before = answered(asker, call, work);
    if (!before) return tl::unexpected(std::move(before.error()));
    if (*before) return **std::move(before);
  }
  StoreLedger ledger(*catalog_, store_.connection(), asker.audience, *options_.ids, call.now);
  const auto type = type_to_convert(*catalog_, asker.actor, wish, ledger);
  if (!type) return tl::unexpected(type.error());
  work.made = *type;
  work.plan = [&](StoreLedger& within, const std::string& number) {
    return plan_convert(*catalog_, {asker.actor, call.now, options_.zone}, wish, **type, number, within);
  };
  return run(asker, call, work);
}

// ---- one transaction

Outcome<Written> BillWriter::run(const Asker& asker, const Call& call, const Work& work) {
  if (!call.request_id.empty()) {
    auto before = answered(asker, call, work);
    if (!before) return tl::unexpected(std::move(before.error()));
    if (*before) return **std::move(before);
  }
  for (int repeats = 0;; ++repeats) {
    std::string number;
    if (work.draws_a_number() && !work.made->gapless) {
      auto drawn = draw(*work.made, call.now);
      if (!drawn) return refuse(std::move(drawn.error()));
      number = *std::move(drawn);
    }
    auto written = repeat(asker, call, work, number);
    if (written || written.error().error.code != Code::unavailable) return written;
    const database::Failure failure = store_.connection().last_failure();
    const bool twice = failure == database::Failure::duplicate;
    if (twice && !work.draws_a_number())
      return refuse(Code::invalid, "Another bill has this number.", work.made != nullptr ? work.made->no : "");
    // A number that somebody typed or imported is skipped.
    if (repeats == repeats_max || (!twice && failure != database::Failure::again)) return written;
  }
}

// Attempts it until all bills that it touches were locked before they were read.
Outcome<Written> BillWriter::repeat(const Asker& asker, const Call& call, const Work& work, const std::string& number) {
  std::set<BillKey> locked;
  if (work.bill) locked.insert(*work.bill);
  for (int repeats = 0; repeats <= repeats_max; ++repeats) {
    auto made = attempt(asker, call, work, number, locked);
    if (!made) {
      store_.connection().roll_back();
      Refusal& refusal = made.error();
      if (refusal.error.code == Code::stale_version && work.bill) {
        auto current = store_.get(asker.audience, {.type = work.bill->type, .id = std::to_string(work.bill->id)});
        if (current) refusal.current = *std::move(current);
      }
      return tl::unexpected(std::move(refusal));
    }
    if (*made) return **std::move(made);
    store_.connection().roll_back();
  }
  return refuse(Code::too_many, "The bills that this touches go on changing: repeat it.");
}

Outcome<std::optional<Written>> BillWriter::attempt(const Asker& asker, const Call& call, const Work& work,
                                                    const std::string& number, std::set<BillKey>& locked) {
  database::Connection& connection = store_.connection();
  if (auto begun = connection.begin_writing(); !begun) return refuse(std::move(begun.error()));
  if (auto held = lock(call, locked); !held) return tl::unexpected(std::move(held.error()));
  StoreLedger ledger(*catalog_, connection, asker.audience, *options_.ids, call.now);
  // A gapless number is drawn when all else is sure.
  auto change = work.plan(ledger, work.draws_a_number() && number.empty() ? work.made->prefix : number);
  if (!change && change.error().error.code == Code::unavailable) return tl::unexpected(std::move(change.error()));
  std::set<BillKey> rest;
  std::set_difference(ledger.needed().begin(), ledger.needed().end(), locked.begin(), locked.end(),
                      std::inserter(rest, rest.end()));
  if (!rest.empty()) {
    locked.insert(rest.begin(), rest.end());
    // In SQLite nobody else has written since this transaction began.
    if (connection.dialect() != Dialect::sqlite) return std::optional<Written>();
    if (auto held = lock(call, rest); !held) return tl::unexpected(std::move(held.error()));
  }
  if (!change) return tl::unexpected(std::move(change.error()));
  const auto has_token = [&](const BillKey& key) { return !call.tokens || call.tokens->contains(key); };
  if (!std::all_of(locked.begin(), locked.end(), has_token)) {
    Refusal refusal;
    refusal.error = {Code::locked, "This touches bills that are not locked yet: lock them first.", {}};
    refusal.touched = locked;
    return tl::unexpected<Refusal>(std::move(refusal));
  }
  auto written = write(asker, call, work, *std::move(change));
  if (!written) return tl::unexpected(std::move(written.error()));
  return std::optional(*std::move(written));
}

Outcome<void> BillWriter::lock(const Call& call, const std::set<BillKey>& keys) {
  if (keys.empty()) return {};
  const auto rows = store_.connection().read(plan_lock(store_.connection().dialect(), keys));
  if (!rows) return refuse(rows.error());
  if (!call.tokens) return {};
  for (const LockedBill& bill : read_locked(*rows)) {
    const auto token = call.tokens->find(bill.key);
    if (token != call.tokens->end() && (bill.token > token->second || bill.part_token > token->second))
      return refuse(Code::lock_gone, "Somebody has written under a newer lock: load the bill again.");
  }
  return {};
}

Outcome<Written> BillWriter::write(const Asker& asker, const Call& call, const Work& work, Change change) {
  database::Connection& connection = store_.connection();
  const Dialect dialect = connection.dialect();
  Written written;
  for (BillChange& each : change.bills) {
    if (!each.before && work.draws_a_number() && work.made->gapless) {
      auto drawn = draw(*work.made, call.now);
      if (!drawn) return refuse(std::move(drawn.error()));
      each.after.master.set(work.made->no, *std::move(drawn));
    }
    std::optional<std::uint64_t> token;
    if (call.tokens && each.before) token = call.tokens->at(each.after.key());
    const auto rows = connection.write(plan_guard(dialect, each, token));
    if (!rows) return refuse(rows.error());
    if (*rows != 1) return refuse(Code::stale_version, "The bill has changed since you read it: load it again.");
    const WrittenBill bill{each.after.type->name, each.after.no(), each.after.id, each.after.version, each.deleted};
    written.bills.insert(each.asked ? written.bills.begin() : written.bills.end(), bill);
  }
  for (const BillChange& each : change.bills) {
    auto statements = plan_rows(*catalog_, dialect, each, call.run);
    if (!statements) return refuse(std::move(statements.error()));
    for (const database::Statement& statement : *statements) {
      if (auto done = connection.write(statement); !done) return refuse(std::move(done.error()));
    }
  }
  for (const BillChange& each : change.bills) {
    auto event = write_event(asker, call, each);
    if (!event) return tl::unexpected(std::move(event.error()));
    written.events.push_back(*std::move(event));
  }
  const RunRow row{call.run, asker.actor.person.user,  request_of(call), work.fingerprint, work.action,
                   "done",   result_of(written.bills), call.now};
  const auto decided_now = connection.write(plan_run(dialect, row));
  if (!decided_now) return refuse(decided_now.error());
  if (*decided_now != 1) return decided(asker, call, work);
  return finish(asker, call, std::move(written));
}

Outcome<EventRow> BillWriter::write_event(const Asker& asker, const Call& call, const BillChange& change) {
  const Happening happening{asker.actor.person,         change.action, change.reason, call.now, call.run,
                            !change.before.has_value(), change.deleted};
  EventRow row;
  append_log_event(row.event, event_of(*catalog_, change.after, happening));
  SqlText sql{store_.connection().dialect(), {}};
  sql.add("INSERT INTO holdfast_outbox (event) VALUES (" + sql.bind(row.event) + ") RETURNING id");
  sql.made.columns = 1;
  const auto rows = store_.connection().read(sql.made);
  if (!rows) return refuse(rows.error());
  row.id = rows->empty() ? 0 : whole_of((*rows)[0][0].value_or("")).value_or(0);
  return row;
}

// Commits. If nobody can tell whether that was done, the run's row does.
Outcome<Written> BillWriter::finish(const Asker& asker, const Call& call, Written written) {
  auto committed = store_.connection().commit();
  if (committed) return written;
  if (store_.connection().last_failure() == database::Failure::again) return refuse(std::move(committed.error()));
  const auto known = give_up(call.run, asker.actor.person.user, call.now);
  if (!known) return refuse(Code::unknown_outcome, committed.error().detail);
  if (*known) return written;
  return refuse(std::move(committed.error()));
}

// ---- runs

Outcome<std::optional<Written>> BillWriter::answered(const Asker& asker, const Call& call, const Work& work) {
  database::Connection& connection = store_.connection();
  const auto rows = connection.read(find_request(connection.dialect(), asker.actor.person.user, request_of(call)));
  if (!rows) return refuse(rows.error());
  const auto row = read_run(*rows);
  if (!row || row->state != "done") return std::optional<Written>();
  if (row->fingerprint != work.fingerprint) return refuse(Error{Code::request_id_reused, {}, {}});
  Written written;
  written.bills = read_result(row->result);
  written.repeated = true;
  return std::optional(std::move(written));
}

// Somebody else has decided the run, or answered the request, while this one was at it.
Outcome<Written> BillWriter::decided(const Asker& asker, const Call& call, const Work& work) {
  store_.connection().roll_back();
  auto before = answered(asker, call, work);
  if (!before) return tl::unexpected(std::move(before.error()));
  if (*before) return **std::move(before);
  return refuse(Code::lock_gone, "The run took too long and was given up: nothing was written. Do it again.");
}

Result<std::optional<std::vector<WrittenBill>>> BillWriter::give_up(const std::string& run, const std::string& user,
                                                                    Wall now) {
  database::Connection& connection = store_.connection();
  const RunRow failed{run, user, run, {}, {}, "failed", {}, now};
  if (auto done = connection.write(plan_run(connection.dialect(), failed)); !done)
    return tl::unexpected(std::move(done.error()));
  const auto rows = connection.read(find_run(connection.dialect(), run));
  if (!rows) return tl::unexpected(rows.error());
  const auto row = read_run(*rows);
  if (!row || row->state != "done") return std::optional<std::vector<WrittenBill>>();
  return std::optional(read_result(row->result));
}

Result<std::size_t> BillWriter::forget(Wall before) {
  return store_.connection().write(forget_runs(store_.connection().dialect(), before));
}

Result<std::string> BillWriter::draw(const catalog::Type& type, Wall now) {
  const catalog::Numbering& numbering = catalog_->content().numbering;
  const std::string day = number_day(numbering, now, options_.zone);
  database::Connection& connection = store_.connection();
  const auto rows = connection.read(plan_number(connection.dialect(), type.prefix, day));
  if (!rows) return tl::unexpected(rows.error());
  const auto count = rows->empty() ? std::nullopt : whole_of((*rows)[0][0].value_or(""));
  if (!count) return fail(Code::unavailable, "The document store gave no number.");
  return number_text(numbering, type.prefix, day, *count);
}

}  // namespace hf::documents
