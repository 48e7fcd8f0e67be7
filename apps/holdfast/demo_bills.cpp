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

enum Stage : std::size_t { draft, submitted, approved, rejected, closed, gone };

constexpr std::uint64_t demo_ids = 900'000'000;  // far from those that anybody makes up by hand

// In English and in Chinese.
struct Word {
  const char* english;
  const char* chinese;
  const char* in(bool is_chinese) const { return is_chinese ? chinese : english; }
};
constexpr Word partners[] = {{"Huaqiang Electronics", "华强电子"}, {"Dongfang Machinery", "东方机械"},
                             {"Changjiang Logistics", "长江物流"}, {"Mingda Hardware", "明达五金"},
                             {"Xinke Plastics", "新科塑胶"},       {"Hongyuan Textiles", "宏远纺织"},
                             {"Tiancheng Chemicals", "天成化工"},  {"Jinlong Foods", "金龙食品"},
                             {"Baichuan Trading", "百川贸易"},     {"Lanhai Shipping", "蓝海船务"}};
constexpr Word reasons[] = {{"the amount is not the contract's", "金额与合同不符"},
                            {"an attachment is missing", "缺少附件"},
                            {"add the date of delivery", "请补充交货日期"},
                            {"the price has to be confirmed again", "价格需要重新确认"}};
struct Somebody {
  const char* user;
  Word name;
};
constexpr Somebody people[] = {{"li", {"Li Lei", "李雷"}},       {"wang", {"Wang Fang", "王芳"}},
                               {"zhang", {"Zhang Wei", "张伟"}}, {"zhao", {"Zhao Min", "赵敏"}},
                               {"chen", {"Chen Jing", "陈静"}},  {"liu", {"Liu Yang", "刘洋"}},
                               {"huang", {"Huang Lei", "黄磊"}}, {"zhou", {"Zhou Ting", "周婷"}}};

}  // namespace

DemoBills::DemoBills(std::size_t count, std::uint64_t seed, std::uint64_t version, bool chinese)
    : chinese_(chinese), random_(seed), version_(version) {
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
  static constexpr Stage next[] = {submitted, approved, closed, submitted, draft, draft};
  std::size_t stage = next[stages_[i]];
  if (stages_[i] == submitted && random_.one_in(5)) stage = rejected;
  if (stages_[i] == draft && random_.one_in(10)) stage = gone;
  bill.created = false;
  if (stages_[i] == closed) {
    bill = make(i);
  } else if (stages_[i] == gone) {
    make_again(bill);
  } else if (stage == gone) {  // with the version that it has: its row was not written, but removed
    bill.deleted = true;
    bill.action = "delete";
    bill.actor = bill.creator;
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
  bill.id = std::to_string(demo_ids + made_);
  bill.no = type.prefix + ("-" + number);
  bill.version = version_;
  bill.created = true;
  bill.creator = bill.owner = somebody();
  bill.department = type.department;
  bill.partner = partners[random_.below(std::size(partners))].in(chinese_);
  const std::string cents = std::to_string(100 + random_.below(100));
  bill.amount = std::to_string(10 + random_.below(200'000)) + "." + cents.substr(1);
  bill.action = "save";
  bill.actor = bill.creator;
  bill.state = {{type.column, std::int64_t{1}}, {"ApprovalStatus", std::int64_t{0}}};
  return bill;
}

void DemoBills::make_again(holdfast::StatusEvent& bill) {
  bill.version = version_;
  bill.created = true;
  bill.deleted = false;
  bill.handler = {};
  bill.action = "save";
}

void DemoBills::reach(holdfast::StatusEvent& bill, std::size_t place, std::size_t stage) {
  const Type& type = types[place];
  const std::int64_t values[] = {1, 2, type.approved, 1, type.closed};
  const std::int64_t approvals[] = {0, 0, 1, 2, 1};
  constexpr const char* actions[] = {"save", "submit", "approve", "reject", "close"};
  bill.state = {{type.column, values[stage]}, {"ApprovalStatus", approvals[stage]}};
  bill.action = actions[stage];
  bill.actor = stage == submitted ? bill.creator : somebody();
  bill.handler = stage == submitted ? bill.creator : bill.handler;
  bill.reason = stage == rejected ? reasons[random_.below(std::size(reasons))].in(chinese_) : "";
}

holdfast::Person DemoBills::somebody() {
  const Somebody& one = people[random_.below(std::size(people))];
  return {one.user, one.name.in(chinese_)};
}

}  // namespace hf::cli
