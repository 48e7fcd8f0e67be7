// The document store lies in a database, so its questions are answered later, and a bill comes with who holds it. If
// these fail, who asks is answered twice or never, or learns who edits what he may not know of.

#include <deque>

#include "session/hub_fixture_test.h"

namespace hf::test {
namespace {

// Keeps questions to the document store until a test answers them.
struct PaperDocuments final : DocumentReader {
  struct Asked {
    Ticket ticket = 0;
    AudiencePtr audience;
    documents::Question question;
  };
  std::deque<Asked> asked;
  std::vector<Ticket> cancelled;
  std::optional<Error> refusal;  // what every question is met with

  Result<void> ask(Ticket ticket, AudiencePtr audience, documents::Question question) override {
    if (refusal) return tl::unexpected(*refusal);
    asked.push_back({ticket, std::move(audience), std::move(question)});
    return {};
  }
  void cancel(Ticket ticket) override { cancelled.push_back(ticket); }
};

class HubDocuments : public HubTest {
 protected:
  HubDocuments() { options.documents = &store; }

  // Answers the oldest question, and lets the engine decide what that leads to.
  void answer(Result<documents::Answer> with) {
    const PaperDocuments::Asked one = std::move(store.asked.front());
    store.asked.pop_front();
    hub->on_documents(one.ticket, std::move(with), now);
    engine.pump();
  }
  static documents::Answer order() {
    documents::Bill bill;
    bill.type = "SaleOrder";
    bill.id = 9'007'199'254'740'993;
    bill.no = "SO1";
    bill.version = 3;
    bill.creator = {"li", "Li"};
    bill.fields = {{"DataStatus", std::int64_t{4}},
                   {"isdeleted", false},
                   {"TotalAmount", Decimal::of(1050, 2)},
                   {"Notes", documents::Cell()}};
    documents::Remainder left;
    left.effect = "delivers";
    left.ordered = Decimal::of(10);
    left.reserved = left.left = Decimal::of(5);
    left.reservers.push_back({"SaleOut", "SD1", 7, Decimal::of(5), {"wang", ""}});
    bill.parts.push_back({"SaleOrderDetail", {{11, {{"Quantity", Decimal::of(10)}}, {left}}}, "c1"});
    bill.targets.push_back({"SaleOut", "SD1", 7});
    return bill;
  }
  template <class Q>
  const Q& question(std::size_t i = 0) const {
    return std::get<Q>(store.asked.at(i).question);
  }

  PaperDocuments store;
  static constexpr std::string_view get = R"({"id":1,"op":"bill.get","type":"SaleOrder","bill":"9007199254740993"})";
};

TEST_F(HubDocuments, a_bill_comes_later_with_its_lines_and_its_holder) {
  start();
  const ConnectionId li = greet(token("li"));
  ask(li, R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:9007199254740993"]})");
  const ConnectionId c = greet(token("wang"));
  tell(c, get);
  ASSERT_EQ(store.asked.size(), 1U);
  EXPECT_EQ(question<documents::BillQuestion>().id, "9007199254740993");
  EXPECT_EQ(store.asked[0].audience->user(), "wang");
  EXPECT_EQ(text(ask(c, R"({"id":2,"op":"stats.get"})"), "id"), "2") << "others are answered meanwhile";
  answer(order());
  const auto got = last(c);
  EXPECT_EQ(text(got, "id"), "1");
  EXPECT_EQ(text(got, "ok.id"), "9007199254740993");
  EXPECT_EQ(text(got, "ok.version"), "3");
  EXPECT_EQ(text(got, "ok.creator.name"), "Li");
  EXPECT_EQ(text(got, "ok.fields"), R"({"DataStatus":"4","isdeleted":false,"TotalAmount":"10.50","Notes":null})");
  EXPECT_EQ(text(got, "ok.parts.0.part"), "SaleOrderDetail");
  EXPECT_EQ(text(got, "ok.parts.0.next"), "c1");
  EXPECT_EQ(text(got, "ok.parts.0.lines.0.line"), "11");
  EXPECT_EQ(text(got, "ok.parts.0.lines.0.left.0.left"), "5");
  EXPECT_EQ(text(got, "ok.parts.0.lines.0.left.0.reservers.0.no"), "SD1");
  EXPECT_EQ(text(got, "ok.targets.0.id"), "7");
  EXPECT_EQ(text(got, "ok.lock.free"), "false");
  EXPECT_EQ(text(got, "ok.lock.conflicts.0.holder.user"), "li");
  tell(li, get);
  answer(order());
  EXPECT_EQ(text(last(li), "ok.lock.mine"), "true");
}

TEST_F(HubDocuments, who_may_not_see_locks_of_the_type_is_not_told_the_holder) {
  start();
  ask(greet(token("li")), R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:9007199254740993"]})");
  const ConnectionId c = greet(token("wang", {"lock.view:SaleOut"}));
  tell(c, get);
  answer(order());
  EXPECT_EQ(text(last(c), "ok.no"), "SO1");
  EXPECT_EQ(text(last(c), "ok.lock"), "");
}

TEST_F(HubDocuments, hidden_names_are_hidden_in_a_bills_lock) {
  options.hide_names = true;
  start();
  ask(greet(token("li")), R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:9007199254740993"]})");
  const ConnectionId c = greet(token("wang"));
  tell(c, get);
  answer(order());
  EXPECT_EQ(text(last(c), "ok.lock.conflicts.0.holder.user"), "null");
}

TEST_F(HubDocuments, by_http_path_and_query_are_the_question) {
  start();
  const ExchangeId one =
      send(request("GET", "/v1/bills/SaleOrder/7?part=SaleOrderDetail&lines=5&next=c1", token("li")));
  EXPECT_EQ(
      question<documents::BillQuestion>(),
      (documents::BillQuestion{.type = "SaleOrder", .id = "7", .part = "SaleOrderDetail", .next = "c1", .lines = 5}));
  answer(order());
  EXPECT_EQ(text(answer_of(one), "no"), "SO1");
  EXPECT_EQ(status, 200);

  const ExchangeId page = send(request(
      "GET", "/v1/bills/SaleOrder?state=1&state=4&where=TotalQty>=3&sort=-SaleDate&limit=2&total=true", token("li")));
  const auto& asked = question<documents::BillListQuestion>();
  EXPECT_EQ(asked.states, (std::vector<std::string>{"1", "4"}));
  EXPECT_EQ(asked.sort, "-SaleDate");
  EXPECT_EQ(asked.limit, 2U);
  EXPECT_TRUE(asked.total);
  documents::BillPage rows{.rows = {{.id = 7, .no = "SO7", .version = 1, .creator = {}, .handler = {}, .fields = {}}},
                           .next = "c2",
                           .total = 10'000,
                           .total_is_more = true};
  answer(rows);
  EXPECT_EQ(boost::json::serialize(answer_of(page)),
            R"({"bills":[{"id":"7","no":"SO7","version":1,"fields":{}}],"next":"c2","total":10000,"more":true})");

  const ExchangeId base = send(request("GET", "/v1/lookup/Employee?ids=1&ids=2", token("li")));
  EXPECT_EQ(question<documents::LookupQuestion>().ids.size(), 2U);
  answer(documents::LookupPage{.rows = {{.id = 1, .code = "E1", .text = "Li", .enabled = false, .fields = {}}},
                               .next = {}});
  EXPECT_EQ(boost::json::serialize(answer_of(base)),
            R"({"rows":[{"id":"1","code":"E1","name":"Li","enabled":false,"fields":{}}]})");
}

TEST_F(HubDocuments, what_the_store_refuses_is_the_answer) {
  start();
  const ConnectionId c = greet(token("li"));
  tell(c, get);
  answer(fail(Code::not_found, "There is no such bill that you may see.", "id"));
  EXPECT_EQ(text(last(c), "error.code"), "not_found");
  store.refusal = Error{Code::too_many, "Later.", {}};
  EXPECT_EQ(text(ask(c, get), "error.code"), "too_many");
  EXPECT_EQ(text(last(c), "error.retry_after_ms"), "1000");
  store.refusal.reset();
  tell(c, get);
  EXPECT_EQ(store.asked.size(), 1U) << "what was refused is not on its way";
}

TEST_F(HubDocuments, a_server_without_a_store_says_how_to_have_one) {
  options.documents = nullptr;
  start();
  const auto refused = ask(greet(token("li")), get);
  EXPECT_EQ(text(refused, "error.code"), "not_found");
  EXPECT_NE(text(refused, "error.detail").find("--documents"), std::string::npos);
}

TEST_F(HubDocuments, the_store_keeps_the_bills_of_one_namespace) {
  options.namespaces = {"default", "b"};
  start();
  EXPECT_EQ(text(ask(greet(token("li", {"lock.view"}, "b")), get), "error.code"), "not_found");
  EXPECT_TRUE(store.asked.empty());
  tell(greet(token("li")), get);
  EXPECT_EQ(store.asked.size(), 1U);
}

TEST_F(HubDocuments, a_user_has_only_so_many_questions_on_their_way) {
  start();
  const ConnectionId c = greet(token("li"));
  for (std::uint32_t i = 0; i < document_questions_per_user_max; ++i) tell(c, get);
  const auto refused = ask(greet(token("li")), get);
  EXPECT_EQ(text(refused, "error.code"), "too_many");
  EXPECT_EQ(text(refused, "error.retry_after_ms"), "1000");
  tell(greet(token("wang")), get);
  EXPECT_EQ(store.asked.size(), document_questions_per_user_max + 1U) << "another user has his own";
  pass(Millis(5'000));
  EXPECT_EQ(text(ask(c, get), "error.code"), "too_many") << "what takes long still counts";
  answer(order());
  tell(c, get);
  EXPECT_EQ(store.asked.size(), document_questions_per_user_max + 1U) << "answered: he may ask again";
}

TEST_F(HubDocuments, who_has_gone_has_his_question_cancelled_and_is_not_told) {
  start();
  const ConnectionId c = greet(token("li"));
  tell(c, get);
  const ExchangeId e = send(request("GET", "/v1/bills/SaleOrder/7", token("wang")));
  hub->disconnected(c, now);
  hub->http_gone(e, now);
  EXPECT_EQ(store.cancelled, (std::vector<Ticket>{store.asked[0].ticket, store.asked[1].ticket}));
  const std::size_t told = transport.sent[c].size();
  answer(order());
  answer(order());
  EXPECT_EQ(transport.sent[c].size(), told);
  EXPECT_FALSE(transport.responses.contains(e));
}

TEST_F(HubDocuments, an_engine_that_fails_leaves_no_question_unanswered) {
  start();
  const ConnectionId c = greet(token("li"));
  tell(c, get);
  hub->on_failed("the disk");
  EXPECT_EQ(text(last(c), "error.code"), "unknown_outcome");
  const std::size_t told = transport.sent[c].size();
  answer(order());
  EXPECT_EQ(transport.sent[c].size(), told) << "the answer that comes late is nobody's";
}

}  // namespace
}  // namespace hf::test
