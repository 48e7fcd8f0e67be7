#pragma once

// The changes that people ask for: a new bill, a save, a deletion, an action. Each is planned from the bills as a
// ledger shows them, and is either a Change or a Refusal that names everything that is wrong.
//
// Pure functions of catalog, request and ledger; thread-safe if the ledger is.

#include "documents/write/change.h"
#include "documents/write/made.h"
#include "documents/write/transition.h"

namespace hf::documents {

// What the plans of this page ask beside a Ledger.
class BillLedger : public Ledger {
 public:
  // Whether the asker sees the bill.
  virtual Result<bool> sees(const catalog::Type& type, std::int64_t id) = 0;
  // Bills behind it: approved successors, or drafts that reserve of it.
  virtual Result<std::vector<BillLinked>> successors(const catalog::Type& type, std::int64_t id) = 0;
  virtual Result<std::vector<BillLinked>> drafts(const catalog::Type& type, std::int64_t id) = 0;
  // What a conversion has made of a bill, of the lines of one of its rules, or of the whole.
  virtual Result<GivenLines> given_lines(const catalog::Making& making, const catalog::Route& route, std::size_t rule,
                                         std::int64_t source) = 0;
  virtual Result<GivenMaster> given_master(const catalog::Making& making, const catalog::Route& route,
                                           std::int64_t source) = 0;
  // The bills that a check of a conversion is about.
  virtual Result<std::vector<BillLinked>> checked(const catalog::BillCheck& check, const BillImage& source) = 0;
  // The key of a lookup's standard row.
  virtual Result<std::optional<std::int64_t>> standard(std::string_view table) = 0;
  // An id for a bill or a line.
  virtual std::int64_t next_id() = 0;
};

// Who asks, and when.
struct Request {
  const Actor& actor;
  Wall now{};
  Micros zone{0};  // of the business
};

struct NewBill {
  std::string type;
  SaidBill said;
};

// A bill as somebody has seen it.
struct SeenBill {
  std::string type;
  std::int64_t id = 0;
  Version version = 0;
};

struct Deed {
  SeenBill bill;
  std::string action;  // by its name
  std::string reason;
  bool confirmed = false;  // he has read the question
};

inline constexpr std::size_t sources_per_wish_max = 100;

// How much is asked of one line; of a master, the part '' and the line 0.
struct WishedLine {
  BillKey bill;
  std::string part;
  std::int64_t line = 0;
  std::string quantity;
};

// Bills to make one of. Without lines, all that is left of each is taken.
struct Wish {
  std::string conversion;
  std::vector<SeenBill> sources;
  std::vector<WishedLine> lines;
  bool confirmed = false;  // he has read what the conversion warns of
};

// The type, if the actor may make bills of it. `not_found`, `forbidden`, `invalid`: field "type".
Outcome<const catalog::Type*> type_to_create(const Catalog& catalog, const Audience& audience, const Actor& actor,
                                             const std::string& type);

// REQUIRES: type_to_create() gave `type`; `number` unless the type has no prefix.
Outcome<Change> plan_create(const Catalog& catalog, const Request& request, const catalog::Type& type,
                            const SaidBill& said, const std::string& number, BillLedger& ledger);
// `not_found`, `stale_version`, and as check_action() and saved() have it.
Outcome<Change> plan_save(const Catalog& catalog, const Request& request, const SeenBill& seen, const SaidBill& said,
                          BillLedger& ledger);
Outcome<Change> plan_remove(const Catalog& catalog, const Request& request, const SeenBill& seen, BillLedger& ledger);
// The type of the bill that the conversion makes of the first source. `not_found`, `forbidden`, `invalid`.
Outcome<const catalog::Type*> type_to_convert(const Catalog& catalog, const Actor& actor, const Wish& wish,
                                              BillLedger& ledger);
// REQUIRES: type_to_convert() gave `type`. A saved draft; of a line that has too little, as check_left() has it.
Outcome<Change> plan_convert(const Catalog& catalog, const Request& request, const Wish& wish,
                             const catalog::Type& type, const std::string& number, BillLedger& ledger);
// An action that moves the bill's state. `number`: for the bill that it makes (type_created()), else empty.
Outcome<Change> plan_act(const Catalog& catalog, const Request& request, const Deed& deed, const std::string& number,
                         BillLedger& ledger);
// The type of the bill that an action may make; null: it makes none.
const catalog::Type* type_created(const Catalog& catalog, const Deed& deed);

// ---- shared by the plans

Outcome<const BillImage*> seen_bill(const Catalog& catalog, const SeenBill& seen, BillLedger& ledger);
tl::unexpected<Refusal> in_the_way(std::string sentence, std::vector<BillLinked> bills, std::string field);
// The change with the bill as it becomes, and whatever it counts on by the actions.
Outcome<Change> finished(const Catalog& catalog, BillChange changed, const std::vector<const catalog::Action*>& actions,
                         const std::vector<LinkRow>& links, BillLedger& ledger);
// The creation of the catalog that the action carries out; null: there is none.
const catalog::Creation* creation_on(const Catalog& catalog, const catalog::Type& type, const catalog::Action& action);
// Adds the bill that it makes of `source`, which has been moved.
Outcome<void> add_creation(const Catalog& catalog, const Request& request, const catalog::Creation& creation,
                           const BillImage& source, const std::string& number, BillLedger& ledger, Change& change);
// Deletes what the action takes back; refused if that has gone on.
Outcome<void> undo_creations(const Catalog& catalog, const catalog::Action& action, const BillImage& source,
                             BillLedger& ledger, Change& change);
Writing writing_of(const Request& request, BillLedger& ledger);

}  // namespace hf::documents
