#pragma once

// What a bill does to the bills it counts on: which of their lines it names (its links), whether enough of them is
// left, and what they become when it is approved or taken back. The effects of the catalog say how; document/counting.h
// does the sums of one line.
//
// The plan asks a Ledger for what it needs. The ledger is of one transaction and notes which bills must be locked; a
// plan is valid if they all were before it asked.
//
// Pure functions of catalog, bills and ledger; thread-safe if the ledger is.

#include <map>
#include <span>
#include <vector>

#include "documents/remainder.h"
#include "documents/write/bill_image.h"

namespace hf::documents {

// A line of a bill, and the line of another that it takes from. A master is the part '' and the line 0.
struct LinkRow {
  std::string target_part;
  std::int64_t target_line = 0;
  BillKey source;
  std::string source_part;
  std::int64_t source_line = 0;
  std::string conversion;  // that made the line; empty: somebody wrote it
  auto operator<=>(const LinkRow&) const = default;
};

// The links that a bill has after a save: those that its columns name, each made by what made it before.
std::vector<LinkRow> kept(std::vector<LinkRow> links, std::span<const LinkRow> before);

enum class Need : std::uint8_t {
  look,  // at its columns that lead on to another bill
  lock,  // for what is counted or decided by it
};

class Ledger {
 public:
  virtual ~Ledger() = default;
  // Null: there is no such bill. The bill is valid as long as the ledger.
  virtual Result<const BillImage*> bill(const catalog::Type& type, std::int64_t id, Need need) = 0;
  // What all bills but `except` have of the lines of a bill (remainder.h).
  virtual Result<Sums> taken(const catalog::Effect& effect, std::int64_t bill, Taking taking, std::int64_t except) = 0;
  // Who reserves, by line, as far as the asker sees them.
  virtual Result<std::map<std::int64_t, std::vector<Reserver>>> reservers(const catalog::Effect& effect,
                                                                          std::int64_t bill) = 0;
  // The bill's links to what it takes from.
  virtual Result<std::vector<LinkRow>> links(const BillKey& target) = 0;
};

// The links that the bill's columns name, sorted. A line that names no bill, or none of its lines, has none.
struct Links {
  std::vector<LinkRow> rows;
  std::vector<FieldFault> missing;  // columns that name a bill that is not there
};
Outcome<Links> links_of(const Catalog& catalog, const BillImage& bill, Ledger& ledger);

// A bill that counts on others, in hand.
struct Counter {
  const BillImage& bill;
  std::span<const LinkRow> links;
};

using Images = std::map<BillKey, BillImage>;

// Refuses with every line of which less is left than the bill takes. `invalid`: an amount is no number that fits.
// `raised`: only lines of which it takes more than `before` did are asked; no `before`: all.
Outcome<void> check_left(const Catalog& catalog, const Counter& counter, const Counter* before, Ledger& ledger);

// Lets the bill count as `action` does, or takes it back; `changed` gets the bills that it counts on, as they become.
// Refused as check_left(), and if a bill that is counted on is neither approved nor closed by an effect.
// REQUIRES: `bill` is as it stood before the action; the effects of the action have no handler (transition.h).
Outcome<void> count_all(const Catalog& catalog, const Counter& counter, const catalog::Action& action, Ledger& ledger,
                        Images& changed);

// Refuses if the bill, after a save, has less of a line than others have of it, or lacks a line that they name.
Outcome<void> check_given(const Catalog& catalog, const BillImage& bill, Ledger& ledger);

}  // namespace hf::documents
