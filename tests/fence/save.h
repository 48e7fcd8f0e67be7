#pragma once

// A save of a sales order as docs/fencing.md tells an ERP to do it.

#include <functional>
#include <string>

#include "tests/fence/fence_database.h"

namespace hf::test {

enum class Under : std::uint8_t { bill, part };

inline std::string row_for(Dialect dialect, const BillAt& bill) {
  return statement(dialect == Dialect::mysql ? "A row for a bill that has none: MySQL."
                                             : "A row for a bill that has none: SQLite and PostgreSQL.",
                   bill);
}
inline std::string fence(const BillAt& bill, Under lock = Under::bill) {
  return statement(lock == Under::bill ? "A save under a lock of the bill, or of its type."
                                       : "A save under a lock of a part or of a line.",
                   bill);
}
inline std::string last(const BillAt& bill) { return statement("The last statement of the transaction.", bill); }
inline Number version_of(Connection& erp, Number id = 1001) {
  return erp.ask(statement("The version, before the bill is read. No row: 0.", {.id = id})).value_or(0);
}

// Begins the transaction and fences the bill; true: go on.
inline bool begin_save(Connection& erp, const BillAt& bill, Under lock = Under::bill) {
  if (!erp.begin()) return false;
  if (bill.version == 0) erp.execute(row_for(erp.dialect(), bill));
  return erp.execute(fence(bill, lock)) == 1;
}
inline bool end_save(Connection& erp, const BillAt& bill) { return erp.execute(last(bill)) == 1 && erp.commit(); }

// The whole of it; false: not one row, rolled back.
inline bool save(Connection& erp, const BillAt& bill, const std::string& sql, Under lock = Under::bill) {
  if (begin_save(erp, bill, lock) && erp.execute(sql) && end_save(erp, bill)) return true;
  erp.roll_back();
  return false;
}

inline std::string order(Number id, Number quantity) {
  return "INSERT INTO \"tb_SaleOrder\" VALUES (" + std::to_string(id) + ", " + std::to_string(quantity) + ")";
}
inline std::string line(Number line, Number id, Number quantity) {
  return "INSERT INTO \"tb_SaleOrderDetail\" VALUES (" + std::to_string(line) + ", " + std::to_string(id) + ", " +
         std::to_string(quantity) + ")";
}
inline std::string set_quantity(Number quantity, Number id = 1001) {
  return "UPDATE \"tb_SaleOrder\" SET \"TotalQty\" = " + std::to_string(quantity) +
         " WHERE \"SOrder_ID\" = " + std::to_string(id);
}
inline Number quantity_of(Connection& erp, Number id = 1001) {
  return erp.ask("SELECT \"TotalQty\" FROM \"tb_SaleOrder\" WHERE \"SOrder_ID\" = " + std::to_string(id)).value_or(-1);
}

}  // namespace hf::test
