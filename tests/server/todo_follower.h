#pragma once

// A follower of a to-do tree on a raw socket, whose rows are kept by the SDK's core: what a client knows after a server
// died, and what the server says to it when it comes back.

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <memory>
#include <string>
#include <vector>

#include "client/todo_core.h"
#include "tests/server/people.h"
#include "wire/batch_frame.h"

namespace hf::test {

class TodoFollower {
 public:
  explicit TodoFollower(Person person) : person_(std::move(person)) {}

  // Connects and subscribes with the cursor that it has; does not wait for frames.
  void begin(std::uint16_t port, const std::string& more = {}) {
    client_ = std::make_unique<Client>(port, 60'000);
    ASSERT_EQ(text_at(person_.hello(*client_), "event"), "welcome");
    const std::string cursor = core_.cursor();
    core_.subscribing();
    mode_.clear();
    reasons_.clear();
    client_->send_text(R"({"id":"todo","op":"todo.subscribe")" + more +
                       (cursor.empty() ? "" : R"(,"cursor":")" + cursor + '"') + "}");
  }
  // Until the tree follows and its rows are proved.
  void catch_up() {
    digests_ = 0;
    while (!(core_.live() && digests_ > 0)) ASSERT_TRUE(hear()) << person_.user() << " is told no more";
  }
  void follow(std::uint16_t port) {
    begin(port);
    catch_up();
  }
  // Until `holds`, or the patience of the socket ends.
  template <class F>
  bool until(F holds) {
    while (!holds(*this)) {
      if (!hear()) return false;
    }
    return true;
  }
  // Takes the next message; false if there is none any more.
  bool hear() {
    const Received received = client_->receive();
    if (!received || received.opcode == Opcode::close) {
      close_code_ = received.close_code;
      return false;
    }
    std::string text = received.payload;
    if (received.opcode == Opcode::binary) text = read_batch(text, 64 << 20).value();
    const boost::json::value said = boost::json::parse(text);
    const std::string event = text_at(said, "event");
    if (event == "ping") client_->send_text(R"({"op":"pong","n":)" + text_at(said, "n") + "}");
    if (!text_at(said, "ok.mode").empty()) mode_ = text_at(said, "ok.mode");
    if (event == "todo.page" && !text_at(said, "reason").empty()) reasons_.push_back(text_at(said, "reason"));
    if (event == "todo.digest") ++digests_;
    const bool followed = event == "todo.live" && core_.live();
    const auto changes = core_.feed(text);
    EXPECT_TRUE(changes) << text;
    if (changes && followed) repeats_ += told(said, "upsert") + told(said, "remove") - changes->rows.size();
    EXPECT_FALSE(core_.wants_resubscribe()) << "the digest differs: " << text;
    if (changes) changes_ += changes->rows.size();
    return true;
  }
  void lose() { client_.reset(); }

  std::size_t rows() const { return core_.rows().size(); }
  std::uint64_t version_of(const std::string& type, const std::string& group, const std::string& id) const {
    const auto found = core_.rows().find({type, group, id});
    return found == core_.rows().end() ? 0 : found->second.bill.version.value_or(0);
  }
  const client::TodoCore& core() const { return core_; }
  const Person& person() const { return person_; }
  void become(Person person) { person_ = std::move(person); }
  Client& client() { return *client_; }
  const std::string& mode() const { return mode_; }                     // of the newest subscription
  const std::vector<std::string>& reasons() const { return reasons_; }  // of snapshots since it
  std::size_t changes() const { return changes_; }                      // of rows, ever
  std::size_t repeats() const { return repeats_; }                      // rows told live that were so already
  std::uint16_t close_code() const { return close_code_; }

 private:
  static std::size_t told(const boost::json::value& frame, std::string_view list) {
    const auto* const rows = frame.as_object().if_contains(list);
    return rows == nullptr ? 0 : rows->as_array().size();
  }

  Person person_;
  std::unique_ptr<Client> client_;
  client::TodoCore core_;
  std::string mode_;
  std::vector<std::string> reasons_;
  std::size_t digests_ = 0, changes_ = 0, repeats_ = 0;
  std::uint16_t close_code_ = 0;
};

// A sales order; under review, if not otherwise said.
inline constexpr std::string_view under_review = R"({"DataStatus":2,"ApprovalStatus":0})";
inline constexpr std::string_view approved = R"({"DataStatus":4,"ApprovalStatus":1})";
inline std::string order(const std::string& id, int version, std::string_view state = under_review,
                         const std::string& creator = "li", const std::string& title = {}) {
  return R"({"type":"SaleOrder","id":")" + id + R"(","no":"SO)" + id + R"(","version":)" + std::to_string(version) +
         R"(,"state":)" + std::string(state) + R"(,"creator":")" + creator +
         R"(","owner":null,"department":null,"title":")" + title + "\"}";
}
inline std::string batch(const std::vector<std::string>& events, const std::string& batch_id = {}) {
  std::string body = batch_id.empty() ? R"({"events":[)" : R"({"batch_id":")" + batch_id + R"(","events":[)";
  for (std::size_t i = 0; i < events.size(); ++i) body += (i == 0 ? "" : ",") + events[i];
  return body + "]}";
}
// Bills `from` to `to`, without it, at one version.
inline std::string orders(int from, int to, int version) {
  std::vector<std::string> events;
  for (int i = from; i < to; ++i) events.push_back(order(std::to_string(i), version));
  return batch(events);
}

}  // namespace hf::test
