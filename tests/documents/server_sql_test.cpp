// The document store as a server serves it, over real databases: if these fail, a form shows another bill than there
// is, or a person learns of one that he may not see.
#include <gmock/gmock.h>

#include "tests/documents/store_database.h"
#include "tests/server/client.h"
#include "tests/server/people.h"

namespace hf::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Served {
 public:
  explicit Served(const std::string& url) : server_(data_.path(), {"--documents", url}) {
    EXPECT_NE(server_.port(), 0) << server_.log();
  }

  std::string token(const std::string& claims) const {
    const Answer answer = Client(server_.port()).request("POST", "/v1/dev/token", claims);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return text_at(answer.json(), "token");
  }
  Answer get(const std::string& token, const std::string& path) const {
    return Client(server_.port()).request("GET", path, "", {{"Authorization", "Bearer " + token}});
  }
  const ServerProcess& process() const { return server_; }

 private:
  TemporaryDirectory data_;
  ServerProcess server_;
};

const std::string boss = R"({"user":"boss","super":true,"rights":["lock.view","lock.edit"]})";

class ServedOnBoth : public OnBoth {
 protected:
  ServedOnBoth() : database_(GetParam()), store_(database_.prepared()), rows_(store_) {}

  // An order of 10, of which 3 are delivered and 4 are in a draft.
  void add_order() {
    rows_.add_bill("SaleOrder", 1, {"li", ""}, {{"DataStatus", "4"}, {"TotalAmount", "10.5"}});
    rows_.add_line("SaleOrder", "SaleOrderDetail", 11, 1, {{"Quantity", "10"}, {"TotalDeliveredQty", "3"}});
    rows_.add_bill("SaleOut", 2, {"wang", ""}, {{"DataStatus", "1"}});
    rows_.add_line("SaleOut", "SaleOutDetail", 20, 2, {{"Quantity", "4"}});
    rows_.link("SaleOut", 2, 20, "SaleOrder", 1, 11);
  }
  // A role that shows orders, and each of them to its own people alone.
  static std::string own_role() {
    for (const catalog::Role& role : erp()->content().roles) {
      const Audience his = somebody({.user = "li", .roles = {role.name}});
      if (his.scope_of(erp()->index_of(*erp()->find_type("SaleOrder"))) == catalog::Scope::own) return role.name;
    }
    ADD_FAILURE() << "no role";
    return {};
  }

  StoreDatabase database_;
  documents::DocumentStore store_;
  Rows rows_;
};
HF_ON_BOTH(ServedOnBoth);

TEST_P(ServedOnBoth, a_form_gets_its_bill_its_list_and_its_names) {
  add_order();
  rows_.add("tb_CustomerVendor", {{"CustomerVendor_ID", "5"},
                                  {"CVCode", "C5"},
                                  {"CVName", "Five"},
                                  {"Is_enabled", "true"},
                                  {"IsCustomer", "true"}});
  const Served server(database_.url());
  const std::string token = server.token(boss);
  const Person li(server.process().port(), "li");

  const auto bill = server.get(token, "/v1/bills/SaleOrder/1").json();
  EXPECT_EQ(text_at(bill, "no"), "SaleOrder1");
  EXPECT_EQ(text_at(bill, "version"), "1");
  EXPECT_EQ(text_at(bill, "fields.SOrder_ID"), "1");
  EXPECT_EQ(text_at(bill, "fields.TotalAmount"), "10.5000");
  EXPECT_EQ(text_at(bill, "fields.isdeleted"), "false");
  EXPECT_EQ(text_at(bill, "fields.Notes"), "null");
  EXPECT_EQ(text_at(bill, "parts.0.lines.0.line"), "11");
  const auto& left = bill.at("parts").at(0).at("lines").at(0).at("left").as_array();
  const auto* const delivers =
      std::ranges::find_if(left, [](const auto& each) { return text_at(each, "effect") == "delivery_delivers_order"; });
  ASSERT_NE(delivers, left.end());
  EXPECT_EQ(text_at(*delivers, "left"), "3");
  EXPECT_EQ(text_at(*delivers, "reservers.0.no"), "SaleOut2");
  EXPECT_EQ(text_at(*delivers, "reservers.0.creator.user"), "wang");
  EXPECT_EQ(text_at(bill, "targets.0.id"), "2");
  EXPECT_EQ(text_at(bill, "lock.free"), "true");

  const auto page = server.get(token, "/v1/bills/SaleOrder?where=TotalAmount%3E%3D10.5&state=4&total=true").json();
  EXPECT_EQ(text_at(page, "bills.0.id"), "1");
  EXPECT_EQ(text_at(page, "total"), "1");

  const auto names = server.get(token, "/v1/lookup/CustomerVendor?ids=5").json();
  EXPECT_EQ(text_at(names, "rows.0.code"), "C5");
  EXPECT_EQ(text_at(names, "rows.0.name"), "Five");
  const auto picked =
      server.get(token, "/v1/lookup/CustomerVendor?type=SaleOrder&column=CustomerVendor_ID&text=F").json();
  EXPECT_EQ(text_at(picked, "rows.0.id"), "5");
  EXPECT_THAT(server.get(token, "/metrics").body, HasSubstr("holdfast_documents_refused_total 0"));
}

TEST_P(ServedOnBoth, the_bill_says_who_edits_it) {
  add_order();
  const Served server(database_.url());
  Person li(server.process().port(), "li");
  li.open_session(server.process().port());
  ASSERT_EQ(li.acquire(server.process().port(), "SaleOrder:1").status, 201);
  const auto bill = server.get(server.token(boss), "/v1/bills/SaleOrder/1").json();
  EXPECT_EQ(text_at(bill, "lock.free"), "false");
  EXPECT_EQ(text_at(bill, "lock.conflicts.0.holder.user"), "li");
}

TEST_P(ServedOnBoth, a_bill_that_one_may_not_see_is_as_one_that_is_not_there) {
  add_order();
  rows_.add_bill("SaleOrder", 3, {"zhao", ""});
  const Served server(database_.url());
  const std::string li = server.token(R"({"user":"li","roles":[")" + own_role() + "\"]}");
  EXPECT_EQ(server.get(li, "/v1/bills/SaleOrder/1").status, 200);
  const Answer hidden = server.get(li, "/v1/bills/SaleOrder/3"), missing = server.get(li, "/v1/bills/SaleOrder/99");
  EXPECT_EQ(hidden.status, 404);
  EXPECT_EQ(hidden.body, missing.body);
  const auto page = server.get(li, "/v1/bills/SaleOrder?total=true").json();
  EXPECT_EQ(text_at(page, "total"), "1");
  EXPECT_EQ(text_at(page, "bills.0.id"), "1");
  const std::string nobody = server.token(R"({"user":"nobody"})");
  EXPECT_EQ(server.get(nobody, "/v1/bills/SaleOrder").body, server.get(nobody, "/v1/bills/NoSuch").body);
  EXPECT_EQ(server.get(nobody, "/v1/lookup/CustomerVendor").body, server.get(nobody, "/v1/lookup/NoSuch").body);
}

TEST_P(ServedOnBoth, pages_and_refusals_come_over_http) {
  for (std::int64_t id = 1; id <= 3; ++id) rows_.add_bill("SaleOrder", id, {});
  const Served server(database_.url());
  const std::string token = server.token(boss);
  const auto first = server.get(token, "/v1/bills/SaleOrder?limit=2").json();
  ASSERT_EQ(first.at("bills").as_array().size(), 2U);
  const auto second = server.get(token, "/v1/bills/SaleOrder?limit=2&next=" + text_at(first, "next")).json();
  EXPECT_EQ(text_at(second, "bills.0.id"), "1");
  EXPECT_EQ(text_at(second, "next"), "");
  for (const char* wrong : {"limit=501", "where=SOrderNo", "sort=Nothing", "state=3", "next=x"}) {
    const Answer refused = server.get(token, std::string("/v1/bills/SaleOrder?") + wrong);
    EXPECT_EQ(refused.status, 400) << wrong << refused.body;
    EXPECT_EQ(text_at(refused.json(), "code"), "invalid");
  }
  const Answer in_chinese = Client(server.process().port())
                                .request("GET", "/v1/bills/SaleOrder/99", "",
                                         {{"Authorization", "Bearer " + token}, {"Accept-Language", "zh"}});
  EXPECT_EQ(text_at(in_chinese.json(), "detail"), "没有此单据，或您无权查看。");
}

TEST_P(ServedOnBoth, a_database_of_somebody_else_refuses_the_start) {
  const StoreDatabase theirs(GetParam());
  documents::DocumentStore store = theirs.store();
  run(store, "CREATE TABLE erp_orders (id bigint)");
  const TemporaryDirectory data;
  const Ended ended = run_program(
      {holdfastd_path(), "--dev", "--listen", "127.0.0.1:0", "--data", data.path(), "--documents", theirs.url()});
  EXPECT_NE(ended.exit_code, 0);
  EXPECT_THAT(ended.errors, HasSubstr("name an empty one"));
}

TEST(Served, a_database_that_is_away_is_unavailable_and_comes_back) {
  PostgresProcess postgres;
  const Served server(postgres.url());
  const std::string token = server.token(boss);
  EXPECT_EQ(server.get(token, "/v1/bills/SaleOrder").status, 200);
  postgres.crash();
  const Answer away = server.get(token, "/v1/bills/SaleOrder");
  EXPECT_EQ(away.status, 503);
  EXPECT_THAT(away.body, Not(HasSubstr("127.0.0.1"))) << "what a database says is for the log";
  EXPECT_EQ(server.get(token, "/v1/stats").status, 200) << "everything else goes on";
  EXPECT_THAT(server.get(token, "/metrics").body, HasSubstr("holdfast_documents_failed_total 1"));
  EXPECT_THAT(server.process().log(), HasSubstr("documents_unavailable"));
  ASSERT_TRUE(postgres.start());
  for (int connection = 0; connection < 4; ++connection) static_cast<void>(server.get(token, "/v1/bills/SaleOrder"));
  EXPECT_EQ(server.get(token, "/v1/bills/SaleOrder").status, 200);
}

TEST(Served, a_file_of_sqlite_is_for_one_node_and_one_namespace) {
  const TemporaryDirectory data;
  const std::string file = "sqlite://" + data.path() + "/bills.db";
  const auto start = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {holdfastd_path(), "--dev",     "--listen",    "127.0.0.1:0",
                                          "--data",         data.path(), "--documents", file};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  };
  const Ended redis = start({"--engine", "redis", "--redis", "redis://127.0.0.1:1"});
  EXPECT_EQ(redis.exit_code, 2);
  EXPECT_THAT(redis.errors, HasSubstr("Name a PostgreSQL"));
  const Ended namespaces = start({"--namespace", "a", "--namespace", "b"});
  EXPECT_EQ(namespaces.exit_code, 2);
  EXPECT_THAT(namespaces.errors, HasSubstr("the bills of one namespace"));
}

}  // namespace
}  // namespace hf::test
