#include "tests/documents/write_fixture.h"

#include <atomic>

#include "documents/remainder.h"
#include "documents/sql_text.h"

namespace hf::test {

documents::Actor somebody_who_acts(const std::string& user) {
  documents::Actor actor;
  actor.person = {user, user};
  actor.employee = 17;
  for (const catalog::Action& action : erp()->content().actions) actor.rights.add("action." + action.right);
  return actor;
}

std::shared_ptr<documents::Snowflakes> snowflakes() {
  static const auto made = std::make_shared<documents::Snowflakes>(7);
  return made;
}

Writer::Writer(const StoreDatabase& database, const std::string& user, std::shared_ptr<const Catalog> catalog)
    : actor(somebody_who_acts(user)),
      audience(everybody()),
      store_(database.store(catalog)),
      writer_(store_, catalog, {snowflakes(), std::chrono::hours(8)}) {}

Call Writer::call(const std::string& request_id) {
  static std::atomic<int> runs{0};
  return {"run" + std::to_string(++runs), request_id, start, {}};
}

Outcome<Written> Writer::create(const std::string& type, const SaidBill& said) {
  return writer_.create(asker(), call(), {type, said});
}
Outcome<Written> Writer::save(const BillKey& bill, const SaidBill& said) {
  return writer_.save(asker(), call(), seen(bill), said);
}
Outcome<Written> Writer::remove(const BillKey& bill) { return writer_.remove(asker(), call(), seen(bill)); }
Outcome<Written> Writer::act(const BillKey& bill, const std::string& action, const std::string& reason) {
  return writer_.act(asker(), call(), {seen(bill), action, reason, false});
}

SeenBill Writer::seen(const BillKey& bill) {
  const std::string version =
      ask(store_, "SELECT version FROM hf_bill WHERE type = '" + bill.type + "' AND id = " + std::to_string(bill.id));
  return {bill.type, bill.id, static_cast<Version>(documents::whole_of(version).value_or(0))};
}

SaidBill Writer::said_loan(const std::vector<std::string>& quantities) {
  SaidBill said{{{"Employee_ID", "17"}}, {{"ProdBorrowingDetail", {}}}};
  int product = 0;
  for (const std::string& quantity : quantities) {
    said.parts[0].lines.push_back({{},
                                   {{"Location_ID", "5"},
                                    {"ProdDetailID", std::to_string(++product)},
                                    {"Qty", quantity},
                                    {"SubtotalPirceAmount", quantity + ".1"}}});
  }
  return said;
}

SaidBill Writer::said_return(const BillKey& loan, const std::vector<std::string>& quantities) {
  SaidBill said{{{"BorrowID", std::to_string(loan.id)}, {"BorrowNO", "BL"}}, {{"ProdReturningDetail", {}}}};
  int product = 0;
  for (const std::string& quantity : quantities) {
    ++product;
    if (quantity == "0") continue;
    said.parts[0].lines.push_back(
        {{}, {{"Location_ID", "5"}, {"ProdDetailID", std::to_string(product)}, {"Qty", quantity}}});
  }
  return said;
}

BillKey Writer::loan(const std::vector<std::string>& quantities) {
  const auto made = create("ProdBorrowing", said_loan(quantities));
  EXPECT_TRUE(made) << why(made);
  return made ? BillKey{"ProdBorrowing", made->bills.at(0).id} : BillKey();
}

BillKey Writer::give_back(const BillKey& loan, const std::vector<std::string>& quantities) {
  const auto made = create("ProdReturning", said_return(loan, quantities));
  EXPECT_TRUE(made) << why(made);
  return made ? BillKey{"ProdReturning", made->bills.at(0).id} : BillKey();
}

BillKey Writer::approved(const BillKey& bill) {
  for (const char* action : {"submit", "approve"}) {
    const auto done = act(bill, action);
    EXPECT_TRUE(done) << action << ": " << why(done);
  }
  return bill;
}

std::string why(const Refusal& refusal) {
  std::string text =
      std::string(code_name(refusal.error.code)) + " " + refusal.error.field + ": " + refusal.error.detail;
  for (const documents::FieldFault& fault : refusal.fields)
    text += "\n  " + fault.part + "." + fault.field + ": " + fault.detail;
  for (const documents::Shortage& each : refusal.shortages)
    text += "\n  " + each.bill.type + "/" + each.part + " left " + each.left.text() + ", asked " + each.asked.text();
  return text;
}

std::string master(documents::DocumentStore& store, const BillKey& bill, const std::string& column) {
  const catalog::Type& type = *erp()->find_type(bill.type);
  return ask(store, "SELECT " + documents::quoted(column) + " FROM " +
                        documents::quoted(erp()->content().tables[type.table].name) + " WHERE " +
                        documents::quoted(type.key) + " = " + std::to_string(bill.id));
}

std::string line(documents::DocumentStore& store, const BillKey& bill, std::size_t index, const std::string& column) {
  const catalog::Type& type = *erp()->find_type(bill.type);
  const catalog::Part& part = type.parts.front();
  return ask(store, "SELECT " + documents::quoted(column) + " FROM " +
                        documents::quoted(erp()->content().tables[part.table].name) + " WHERE " +
                        documents::quoted(part.parent) + " = " + std::to_string(bill.id) + " ORDER BY " +
                        documents::quoted(part.key) + " LIMIT 1 OFFSET " + std::to_string(index));
}

std::vector<std::string> broken(documents::DocumentStore& store) {
  const std::string loans =
      "\"tb_ProdBorrowingDetail\" s JOIN \"tb_ProdBorrowing\" m ON m.\"BorrowID\" = s.\"BorrowID\"";
  const auto returned = [](const std::string& states) {
    return "COALESCE((SELECT SUM(x.\"Qty\") FROM hf_link k JOIN \"tb_ProdReturningDetail\" x ON x.\"ReturnSub_ID\" = "
           "k.target_line JOIN \"tb_ProdReturning\" r ON r.\"ReturnID\" = k.target_id WHERE k.source_type = "
           "'ProdBorrowing' "
           "AND k.target_type = 'ProdReturning' AND k.source_line = s.\"BorrowDetaill_ID\" AND r.\"DataStatus\" IN (" +
           states + ") AND CAST(r.\"isdeleted\" AS integer) = 0), 0)";
  };
  const std::vector<std::pair<std::string, std::string>> questions = {
      {"1 done + reserved <= ordered",
       "SELECT COUNT(*) FROM " + loans + " WHERE s.\"ReQty\" + " + returned("1, 2") + " > s.\"Qty\""},
      {"2 done is the sum of what is approved",
       "SELECT COUNT(*) FROM " + loans + " WHERE s.\"ReQty\" <> " + returned("4, 8")},
      {"3 each link has its lines",
       "SELECT COUNT(*) FROM hf_link k WHERE k.target_type = 'ProdReturning' AND (NOT EXISTS (SELECT 1 FROM "
       "\"tb_ProdReturningDetail\" x WHERE "
       "x.\"ReturnSub_ID\" = k.target_line AND x.\"ReturnID\" = k.target_id) OR NOT EXISTS (SELECT 1 FROM "
       "\"tb_ProdBorrowingDetail\" s WHERE s.\"BorrowDetaill_ID\" = k.source_line AND s.\"BorrowID\" = k.source_id))"},
      {"3 each line of a return has one link",
       "SELECT COUNT(*) FROM \"tb_ProdReturningDetail\" x JOIN \"tb_ProdReturning\" r ON r.\"ReturnID\" = "
       "x.\"ReturnID\" "
       "WHERE CAST(r.\"isdeleted\" AS integer) = 0 AND (SELECT COUNT(*) FROM hf_link k WHERE k.target_line = "
       "x.\"ReturnSub_ID\") <> 1"},
      {"4 what an effect closed has nothing left",
       "SELECT COUNT(*) FROM " + loans +
           " JOIN hf_bill b ON b.type = 'ProdBorrowing' AND b.id = m.\"BorrowID\" WHERE b.closed_by <> '' AND "
           "(m.\"DataStatus\" <> 8 OR s.\"ReQty\" < s.\"Qty\")"},
      {"6 totals are the sums of lines",
       "SELECT COUNT(*) FROM \"tb_ProdBorrowing\" m WHERE m.\"TotalQty\" <> COALESCE((SELECT SUM(s.\"Qty\") FROM "
       "\"tb_ProdBorrowingDetail\" s WHERE s.\"BorrowID\" = m.\"BorrowID\"), 0) OR m.\"TotalAmount\" <> "
       "COALESCE((SELECT "
       "SUM(s.\"SubtotalPirceAmount\") FROM \"tb_ProdBorrowingDetail\" s WHERE s.\"BorrowID\" = m.\"BorrowID\"), 0)"},
      {"7 numbers are unique", "SELECT COUNT(*) - COUNT(DISTINCT \"BorrowNo\") FROM \"tb_ProdBorrowing\""},
      {"10 each run has its events", "SELECT COUNT(*) FROM hf_run WHERE state <> 'done'"},
  };
  std::vector<std::string> made;
  for (const auto& [name, question] : questions) {
    const std::string count = ask(store, question);
    if (count != "0") made.push_back(name + ": " + count);
  }
  // 5: the versions of a bill's events are 1 … version, each once.
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> versions;
  const auto events = store.connection().read({"SELECT event FROM holdfast_outbox ORDER BY id", {}, 1});
  EXPECT_TRUE(events);
  const auto value = [](const std::string& event, const std::string& key) {
    const std::size_t at = event.find("\"" + key + "\":");
    if (at == std::string::npos) return std::string();
    const std::string rest = event.substr(at + key.size() + 3);
    return rest.front() == '"' ? rest.substr(1, rest.find('"', 1) - 1) : rest.substr(0, rest.find_first_of(",}"));
  };
  for (const database::Row& row : *events)
    versions[{value(*row[0], "type"), value(*row[0], "id")}].push_back(value(*row[0], "version"));
  const auto bills = store.connection().read({"SELECT type, id, version FROM hf_bill", {}, 3});
  EXPECT_TRUE(bills);
  for (const database::Row& row : *bills) {
    std::vector<std::string> all;
    for (int i = 1; i <= std::stoi(*row[2]); ++i) all.push_back(std::to_string(i));
    if (versions[{*row[0], *row[1]}] != all) made.push_back("5 versions of " + *row[0] + ":" + *row[1]);
  }
  return made;
}

}  // namespace hf::test
