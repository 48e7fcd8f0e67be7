#pragma once

// BillWriter changes bills in the store: one transaction for one change, with the run that it belongs to.
//
// The transaction locks the rows of hf_bill of all bills that are touched, in one order, and only then reads: so of two
// who take the same remainder the second sees what the first has left. It writes guard, rows, links and events, and at
// last the run. Whatever stops it before its end, nothing of it is there.
//
// A run is decided once. Who repeats a request gets the answer of the first, and a run that was given up (give_up())
// writes nothing any more.
//
// Every call blocks, as DocumentStore's do. Not thread-safe: one writer for each store and strand; Snowflakes are
// shared.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "documents/sql/document_store.h"
#include "documents/sql/store_ledger.h"

namespace hf::documents {

inline constexpr int repeats_max = 3;  // of a transaction that met another, or touches other bills than were locked

struct WriterOptions {
  std::shared_ptr<Snowflakes> ids;
  Micros zone{0};  // of the business: the day of new numbers
};

// A run, and what whoever calls holds for it.
struct Call {
  std::string run;         // unique for ever
  std::string request_id;  // of the user; empty: he will not repeat it
  Wall now{};
  // The locks' tokens of all bills that the change touches; a bill that is not among them comes back in
  // Refusal::touched. Nothing: it is written without locks, for whoever has the store alone.
  std::optional<std::map<BillKey, std::uint64_t>> tokens;
};

// Who asks: what he may, and what he sees.
struct Asker {
  const Actor& actor;
  const Audience& audience;
};

struct EventRow {
  std::int64_t id = 0;  // of holdfast_outbox
  std::string event;
};

struct Written {
  std::vector<WrittenBill> bills;  // the bill asked for first, then those that it counts on
  std::vector<EventRow> events;    // of a repeated request: none
  bool repeated = false;           // the request was answered before: this is its answer
};

class BillWriter {
 public:
  // REQUIRES: the store outlives the writer.
  BillWriter(DocumentStore& store, std::shared_ptr<const Catalog> catalog, WriterOptions options);

  Outcome<Written> create(const Asker& asker, const Call& call, const NewBill& bill);
  Outcome<Written> save(const Asker& asker, const Call& call, const SeenBill& seen, const SaidBill& said);
  Outcome<Written> remove(const Asker& asker, const Call& call, const SeenBill& seen);
  Outcome<Written> act(const Asker& asker, const Call& call, const Deed& deed);

  // A saved draft; its undo is its deletion.
  Outcome<Written> convert(const Asker& asker, const Call& call, const Wish& wish);

  // Decides that a run whose end nobody knows has failed, unless it has ended: then its bills. `empty`: it has failed.
  Result<std::optional<std::vector<WrittenBill>>> give_up(const std::string& run, const std::string& user, Wall now);
  // Forgets runs that ended before: their requests may be repeated no more. How many.
  Result<std::size_t> forget(Wall before);

 private:
  struct Work;
  Outcome<Written> run(const Asker& asker, const Call& call, const Work& work);
  Outcome<Written> repeat(const Asker& asker, const Call& call, const Work& work, const std::string& number);
  // Nothing: the bills that it touches were not all locked; they are in `locked` now.
  Outcome<std::optional<Written>> attempt(const Asker& asker, const Call& call, const Work& work,
                                          const std::string& number, std::set<BillKey>& locked);
  Outcome<void> lock(const Call& call, const std::set<BillKey>& keys);
  Outcome<Written> write(const Asker& asker, const Call& call, const Work& work, Change change);
  Outcome<EventRow> write_event(const Asker& asker, const Call& call, const BillChange& change);
  Outcome<Written> finish(const Asker& asker, const Call& call, Written written);
  Outcome<std::optional<Written>> answered(const Asker& asker, const Call& call, const Work& work);
  Outcome<Written> decided(const Asker& asker, const Call& call, const Work& work);
  Result<std::string> draw(const catalog::Type& type, Wall now);

  DocumentStore& store_;
  std::shared_ptr<const Catalog> catalog_;
  WriterOptions options_;
};

}  // namespace hf::documents
