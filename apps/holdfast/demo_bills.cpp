#include "demo_bills.h"

#include <iterator>

namespace hf::cli {
namespace {

struct Type {
  const char* name;
  const char* prefix;
  const char* column;     // of its lifecycle
  std::int64_t approved;  // its values; draft is 1, submitted 2
  std::int64_t closed;
  const char* department;
};

// Of the ERP's catalog, which is what a server has unless it is told otherwise.
constexpr Type types[] = {
    {"SaleOrder", "SO", "DataStatus", 4, 8, "sales"},
    {"SaleOut", "SOD", "DataStatus", 4, 8, "sales"},
    {"SaleReturn", "SR", "DataStatus", 4, 8, "sales"},
    {"PurOrder", "PO", "DataStatus", 4, 8, "purchase"},
    {"PurEntry", "PE", "DataStatus", 4, 8, "purchase"},
    {"BuyingRequisition", "RQ", "DataStatus", 4, 8, "purchase"},
    {"ManufacturingOrder", "MO", "DataStatus", 4, 8, "production"},
    {"MaterialRequisition", "MR", "DataStatus", 4, 8, "production"},
    {"StockTransfer", "ST", "DataStatus", 4, 8, "stock"},
    {"ExpenseClaim", "EC", "DataStatus", 4, 8, "finance"},
    {"PreReceived", "PR", "PrePaymentStatus", 3, 9, "finance"},
    {"Receivable", "AR", "ARAPStatus", 3, 5, "finance"},
};

enum Stage : std::size_t { draft, submitted, approved, rejected, closed };

constexpr const char* partners[] = {"华强电子", "东方机械", "长江物流", "明达五金", "新科塑胶",
                                    "宏远纺织", "天成化工", "金龙食品", "百川贸易", "蓝海船务"};
constexpr const char* reasons[] = {"金额与合同不符", "缺少附件", "请补充交货日期", "价格需要重新确认"};

}  // namespace

DemoBills::DemoBills(std::size_t count, std::uint64_t seed, std::uint64_t version) : random_(seed), version_(version) {
  types_.resize(count);
  stages_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    types_[i] = random_.below(std::size(types));
    bills_.push_back(make(i));
    static constexpr Stage usual[] = {draft, draft, submitted, submitted, submitted, approved, approved, rejected};
    const Stage stage = usual[random_.below(std::size(usual))];
    if (stage != draft) reach(bills_[i], types_[i], stage);
    stages_[i] = stage;
  }
}

const holdfast::StatusEvent& DemoBills::move() {
  const std::size_t i = random_.below(bills_.size());
  holdfast::StatusEvent& bill = bills_[i];
  static constexpr Stage next[] = {submitted, approved, closed, submitted, draft};
  std::size_t stage = next[stages_[i]];
  if (stages_[i] == submitted && random_.one_in(5)) stage = rejected;
  if (stages_[i] == closed) {
    bill = make(i);
  } else {
    bill.version = *bill.version + 1;
    reach(bill, types_[i], stage);
  }
  stages_[i] = stage;
  return bill;
}

holdfast::StatusEvent DemoBills::make(std::size_t place) {
  const Type& type = types[types_[place]];
  std::string number = std::to_string(++made_);
  number.insert(0, number.size() < 5 ? 5 - number.size() : 0, '0');
  holdfast::StatusEvent bill;
  bill.type = type.name;
  bill.id = "demo-" + number;
  bill.no = type.prefix + ("-" + number);
  bill.version = version_;
  bill.creator = bill.owner = somebody();
  bill.department = type.department;
  bill.partner = partners[random_.below(std::size(partners))];
  const std::string cents = std::to_string(100 + random_.below(100));
  bill.amount = std::to_string(10 + random_.below(200'000)) + "." + cents.substr(1);
  bill.action = "保存";
  bill.actor = bill.creator;
  bill.state = {{type.column, std::int64_t{1}}, {"ApprovalStatus", std::int64_t{0}}};
  return bill;
}

void DemoBills::reach(holdfast::StatusEvent& bill, std::size_t place, std::size_t stage) {
  const Type& type = types[place];
  const std::int64_t values[] = {1, 2, type.approved, 1, type.closed};
  const std::int64_t approvals[] = {0, 0, 1, 2, 1};
  constexpr const char* actions[] = {"保存", "提交", "审核", "驳回", "结案"};
  bill.state = {{type.column, values[stage]}, {"ApprovalStatus", approvals[stage]}};
  bill.action = actions[stage];
  bill.actor = stage == submitted ? bill.creator : somebody();
  bill.handler = stage == submitted ? bill.creator : bill.handler;
  bill.reason = stage == rejected ? reasons[random_.below(std::size(reasons))] : "";
}

const holdfast::Person& DemoBills::somebody() {
  static const std::vector<holdfast::Person> people{{"li", "李雷"},    {"wang", "王芳"}, {"zhang", "张伟"},
                                                    {"zhao", "赵敏"},  {"chen", "陈静"}, {"liu", "刘洋"},
                                                    {"huang", "黄磊"}, {"zhou", "周婷"}};
  return people[random_.below(people.size())];
}

}  // namespace hf::cli
