#include "documents/write/bill_writes.h"

#include <algorithm>

namespace hf::documents {
namespace {

using catalog::Action;
using catalog::ActionKind;
using catalog::Type;

const Action* action_of(const Catalog& catalog, ActionKind kind) {
  const auto& actions = catalog.content().actions;
  const auto at =
      std::find_if(actions.begin(), actions.end(), [kind](const Action& each) { return each.kind == kind; });
  return at == actions.end() ? nullptr : &*at;
}

tl::unexpected<Refusal> not_there() { return refuse(Code::not_found, "There is no such bill that you may see.", "id"); }

Outcome<void> check_rules(const Catalog& catalog, const Type& type, const Action& action) {
  const std::string missing = rule_missing(catalog, type, action);
  if (missing.empty()) return {};
  return refuse(Code::invalid,
                "The action " + action.name + " of " + type.name + " needs " + missing +
                    " of the catalog, which this version does not carry out.",
                "action");
}

// The bills that a link names anew must be seen.
Outcome<void> check_sources(const Catalog& catalog, const std::vector<LinkRow>& links, const std::vector<LinkRow>& old,
                            BillLedger& ledger) {
  for (const LinkRow& link : links) {
    if (std::find(old.begin(), old.end(), link) != old.end()) continue;
    const auto sees = ledger.sees(*catalog.find_type(link.source.type), link.source.id);
    if (!sees) return refuse(sees.error());
    if (!*sees) return refuse(Code::not_found, "There is no such bill that you may see.", "lines");
  }
  return {};
}

void sort_by_key(Change& change) {
  std::sort(change.bills.begin(), change.bills.end(),
            [](const BillChange& a, const BillChange& b) { return a.after.key() < b.after.key(); });
}

// Adds the bills that were counted on, each as the ledger has it and as it becomes.
Outcome<void> add_counted(const Catalog& catalog, BillLedger& ledger, Images images, Change& change) {
  for (auto& [key, image] : images) {
    const auto before = ledger.bill(*catalog.find_type(key.type), key.id, Need::lock);
    if (!before) return refuse(before.error());
    if (!differs(**before, image)) continue;
    BillChange& made = change.bills.emplace_back();
    made.before = **before;
    made.after = std::move(image);
    ++made.after.version;
    // People are told that the bill was closed or opened, and nothing else was done to it.
    if (made.before->closed_by != made.after.closed_by) made.action = made.after.closed_by.empty() ? "reopen" : "close";
  }
  sort_by_key(change);
  return {};
}

}  // namespace

Writing writing_of(const Request& request, BillLedger& ledger) {
  return {request.actor.person, request.actor.employee, request.now, [&ledger] { return ledger.next_id(); }, {}};
}

// The bill, locked, if he sees it and it is as he has seen it.
Outcome<const BillImage*> seen_bill(const Catalog& catalog, const SeenBill& seen, BillLedger& ledger) {
  const Type* const type = catalog.find_type(seen.type);
  if (type == nullptr) return not_there();
  const auto bill = ledger.bill(*type, seen.id, Need::lock);
  if (!bill) return refuse(bill.error());
  const auto sees = *bill != nullptr ? ledger.sees(*type, seen.id) : Result<bool>(false);
  if (!sees) return refuse(sees.error());
  if (!*sees) return not_there();
  if ((*bill)->version != seen.version)
    return refuse(Code::stale_version, "The bill has changed since you read it: load it again.", "version");
  return *bill;
}

tl::unexpected<Refusal> in_the_way(std::string sentence, std::vector<BillLinked> bills, std::string field) {
  Refusal refusal;
  refusal.error = {Code::invalid, std::move(sentence), std::move(field)};
  refusal.in_the_way = std::move(bills);
  return tl::unexpected<Refusal>(std::move(refusal));
}

// The bill as it becomes, and whatever it counts on by `action`.
Outcome<Change> finished(const Catalog& catalog, BillChange changed, const std::vector<const Action*>& actions,
                         const std::vector<LinkRow>& links, BillLedger& ledger) {
  Images images;
  // What counts is the bill as it stood, for a deletion and an undoing, and the new bill for its making.
  const BillImage acting = changed.before ? *changed.before : changed.after;
  for (const Action* action : actions) {
    if (auto counted = count_all(catalog, {acting, links}, *action, ledger, images); !counted)
      return tl::unexpected(std::move(counted.error()));
  }
  Change change;
  changed.asked = true;
  ++changed.after.version;
  change.bills.push_back(std::move(changed));
  if (auto added = add_counted(catalog, ledger, std::move(images), change); !added)
    return tl::unexpected(std::move(added.error()));
  return change;
}

Outcome<const Type*> type_to_create(const Catalog& catalog, const Audience& audience, const Actor& actor,
                                    const std::string& name) {
  const auto type = type_seen(catalog, audience, name);
  if (!type) return refuse(type.error());
  const Action* const create = action_of(catalog, ActionKind::create);
  if (create == nullptr || !catalog.offers(**type, *create, std::nullopt))
    return refuse(Code::invalid, "Bills of " + name + " are not made by hand.", "type");
  if (auto may = check_right(actor, *create, **type); !may) return refuse(std::move(may.error()));
  if (auto rules = check_rules(catalog, **type, *create); !rules) return tl::unexpected(std::move(rules.error()));
  return *type;
}

Outcome<Change> plan_create(const Catalog& catalog, const Request& request, const Type& type, const SaidBill& said,
                            const std::string& number, BillLedger& ledger) {
  const Action& create = *action_of(catalog, ActionKind::create);
  Writing writing = writing_of(request, ledger);
  writing.number = number;
  auto bill = created(catalog, type, said, writing);
  if (!bill) return tl::unexpected(std::move(bill.error()));
  auto links = links_of(catalog, *bill, ledger);
  if (!links) return tl::unexpected(std::move(links.error()));
  if (!links->missing.empty()) {
    Refusal refusal;
    refusal.error = {Code::invalid, links->missing.front().detail, links->missing.front().field};
    refusal.fields = std::move(links->missing);
    return tl::unexpected<Refusal>(std::move(refusal));
  }
  const std::vector<LinkRow>& rows = links->rows;
  if (auto seen = check_sources(catalog, rows, {}, ledger); !seen) return tl::unexpected(std::move(seen.error()));
  if (auto left = check_left(catalog, {*bill, rows}, nullptr, ledger); !left)
    return tl::unexpected(std::move(left.error()));
  BillChange made;
  made.after = *std::move(bill);
  made.action = create.name;
  made.links = rows;
  return finished(catalog, std::move(made), {&create}, rows, ledger);
}

Outcome<Change> plan_save(const Catalog& catalog, const Request& request, const SeenBill& seen, const SaidBill& said,
                          BillLedger& ledger) {
  const auto before = seen_bill(catalog, seen, ledger);
  if (!before) return tl::unexpected(before.error());
  const Action* const save = action_of(catalog, ActionKind::save);
  if (save == nullptr) return refuse(Code::invalid, "The catalog has no action by which bills are saved.", "action");
  const Doing doing{*save, {}};
  if (auto may = check_action(catalog, request.actor, doing, **before); !may) return refuse(std::move(may.error()));
  auto bill = saved(catalog, **before, said, writing_of(request, ledger));
  if (!bill) return tl::unexpected(std::move(bill.error()));
  const auto old = ledger.links(bill->key());
  if (!old) return refuse(old.error());
  auto links = links_of(catalog, *bill, ledger);
  if (!links) return tl::unexpected(std::move(links.error()));
  links->rows = kept(std::move(links->rows), *old);
  if (auto sees = check_sources(catalog, links->rows, *old, ledger); !sees)
    return tl::unexpected(std::move(sees.error()));
  const Counter was{**before, *old};
  if (auto left = check_left(catalog, {*bill, links->rows}, &was, ledger); !left)
    return tl::unexpected(std::move(left.error()));
  if (auto given = check_given(catalog, *bill, ledger); !given) return tl::unexpected(std::move(given.error()));
  move(catalog, request.actor, doing, request.now, *bill);
  BillChange made;
  made.before = **before;
  made.after = *std::move(bill);
  made.action = save->name;
  made.links = std::move(links->rows);
  return finished(catalog, std::move(made), {}, {}, ledger);
}

Outcome<Change> plan_remove(const Catalog& catalog, const Request& request, const SeenBill& seen, BillLedger& ledger) {
  const auto before = seen_bill(catalog, seen, ledger);
  if (!before) return tl::unexpected(before.error());
  const Type& type = *(*before)->type;
  const Action* const erase = action_of(catalog, ActionKind::erase);
  if (erase == nullptr) return refuse(Code::invalid, "The catalog has no action by which bills are deleted.", "action");
  const Doing doing{*erase, {}};
  if (auto may = check_action(catalog, request.actor, doing, **before); !may) return refuse(std::move(may.error()));
  if (auto rules = check_rules(catalog, type, *erase); !rules) return tl::unexpected(std::move(rules.error()));
  auto drafts = ledger.drafts(type, seen.id);
  if (!drafts) return refuse(std::move(drafts.error()));
  if (!drafts->empty()) return in_the_way("Other bills come from it: delete them first.", *std::move(drafts), "id");
  const auto links = ledger.links((*before)->key());
  if (!links) return refuse(links.error());
  BillChange made;
  made.before = **before;
  made.after = **before;
  if (!type.deleted.empty()) made.after.master.set(type.deleted, std::int64_t{1});
  made.deleted = true;
  made.action = erase->name;
  return finished(catalog, std::move(made), {erase}, *links, ledger);
}

namespace {

// Asks before a bill is closed of which drafts still hold something.
Outcome<void> check_drafts(const Catalog& catalog, const Deed& deed, const Action& action, const BillImage& bill,
                           BillLedger& ledger) {
  const Type& type = *bill.type;
  const catalog::Move* const move = type.lifecycle ? action.move_of(*type.lifecycle) : nullptr;
  if (deed.confirmed || move == nullptr || !move->to || !catalog.content().models[*type.lifecycle].closes(*move->to))
    return {};
  auto drafts = ledger.drafts(type, bill.id);
  if (!drafts) return refuse(std::move(drafts.error()));
  if (drafts->empty()) return {};
  auto refusal = in_the_way("Drafts still hold some of it. Close it all the same?", *std::move(drafts), "confirmed");
  refusal.value().asks = true;
  return refusal;
}

Outcome<const Action*> action_to_do(const Catalog& catalog, const std::string& name) {
  const Action* const action = catalog.find_action(name);
  if (action == nullptr || action->kind != ActionKind::move)
    return refuse(Code::invalid, "There is no such action that moves a bill.", "action");
  return action;
}

}  // namespace

const Type* type_created(const Catalog& catalog, const Deed& deed) {
  const Type* const type = catalog.find_type(deed.bill.type);
  const Action* action = catalog.find_action(deed.action);
  if (type == nullptr || action == nullptr) return nullptr;
  if (action->name == "submit" && type->auto_approve_up_to.value_or(0) != 0) action = catalog.find_action("approve");
  const catalog::Creation* const creation = action != nullptr ? creation_on(catalog, *type, *action) : nullptr;
  if (creation == nullptr) return nullptr;
  return &catalog.content().types[creation->route_from(catalog.index_of(*type))->to];
}

Outcome<Change> plan_act(const Catalog& catalog, const Request& request, const Deed& deed, const std::string& number,
                         BillLedger& ledger) {
  const auto action = action_to_do(catalog, deed.action);
  if (!action) return tl::unexpected(action.error());
  const auto before = seen_bill(catalog, deed.bill, ledger);
  if (!before) return tl::unexpected(before.error());
  const BillImage& bill = **before;
  const Doing doing{**action, deed.reason};
  if (auto may = check_action(catalog, request.actor, doing, bill); !may) return refuse(std::move(may.error()));
  if ((*action)->no_successor) {
    auto successors = ledger.successors(*bill.type, bill.id);
    if (!successors) return refuse(std::move(successors.error()));
    if (!successors->empty())
      return in_the_way("An approved bill stands behind it: take that back first.", *std::move(successors), "action");
  }
  if (auto asked = check_drafts(catalog, deed, **action, bill, ledger); !asked)
    return tl::unexpected(std::move(asked.error()));
  BillChange made;
  made.before = bill;
  made.after = bill;
  move(catalog, request.actor, doing, request.now, made.after);
  std::vector<const Action*> actions = {*action};
  if (const Action* const approve = approves_itself(catalog, **action, made.after)) {
    move(catalog, request.actor, {*approve, {}, true}, request.now, made.after);
    actions.push_back(approve);
  }
  for (const Action* each : actions) {
    if (auto rules = check_rules(catalog, *bill.type, *each); !rules) return tl::unexpected(std::move(rules.error()));
  }
  const auto links = ledger.links(bill.key());
  if (!links) return refuse(links.error());
  if (actions.size() == 1 && (*action)->name == "submit") {
    if (auto left = check_left(catalog, {bill, *links}, nullptr, ledger); !left)
      return tl::unexpected(std::move(left.error()));
  }
  made.action = actions.back()->name;
  made.reason = deed.reason;
  const BillImage moved = made.after;
  auto change = finished(catalog, std::move(made), actions, *links, ledger);
  if (!change) return change;
  for (const Action* each : actions) {
    const catalog::Creation* const creation = creation_on(catalog, *bill.type, *each);
    if (creation == nullptr) continue;
    if (auto added = add_creation(catalog, request, *creation, moved, number, ledger, *change); !added)
      return tl::unexpected(std::move(added.error()));
  }
  if (is_approved(catalog, bill)) {
    if (auto undone = undo_creations(catalog, **action, bill, ledger, *change); !undone)
      return tl::unexpected(std::move(undone.error()));
  }
  sort_by_key(*change);
  return change;
}

}  // namespace hf::documents
