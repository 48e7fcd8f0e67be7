#include <boost/json.hpp>

#include "client/client_body.h"
#include "client/status_values.h"
#include "client/values.h"
#include "model/status_limits.h"
#include "wire/json_text.h"
#include "wire/json_writer.h"
#include "wire/status_said.h"

namespace holdfast {
namespace {

using hf::client::Core;
using hf::client::Reply;
using hf::client::Time;

template <class T>
using Work = std::function<void(Core&, Time, Reply<T>)>;
using Results = std::vector<Published>;

// Within what the server reads as one message, whatever it is told besides.
constexpr std::size_t page_bytes_max = hf::client::publish_bytes_max - 1'000;
constexpr int resync_tries_max = 3;

Work<Results> publish_work(Publish what, Millis unless_given) {
  const Millis deadline = what.deadline.count() > 0 ? what.deadline : unless_given;
  return [what = std::move(what), deadline](Core& core, Time now, Reply<Results> reply) {
    core.publish(now, what.events, what.batch_id, deadline, std::move(reply));
  };
}

// Asks `op`; `read` makes the answer of its body, or nothing if it cannot.
template <class T, class Read>
Work<T> question(std::string op, const boost::json::object& fields, Read read) {
  return [op = std::move(op), text = boost::json::serialize(fields), read](Core& core, Time now, Reply<T> reply) {
    core.call(now, op, text, false,
              Reply<std::string>{[done = std::move(reply.done), read](Result<std::string> body) {
                                   if (!done) return;
                                   if (!body) return done(tl::unexpected(std::move(body.error())));
                                   std::optional<T> value = read(*body);
                                   if (!value)
                                     return done(failure(Code::unknown_outcome, "the server's answer cannot be read"));
                                   done(*std::move(value));
                                 },
                                 reply.direct});
  };
}

Work<BillStatus> status_work(const std::string& type, const std::string& id) {
  return question<BillStatus>("status.get", {{"type", type}, {"bill", id}}, hf::client::read_bill_status);
}

Work<BillHistory> history_work(const std::string& type, const std::string& id, std::uint32_t limit,
                               const std::string& next) {
  boost::json::object fields{{"type", type}, {"bill", id}};
  if (limit > 0) fields["limit"] = limit;
  if (!next.empty()) fields["next"] = next;
  return question<BillHistory>("status.history", fields, hf::client::read_history);
}

Work<Nothing> read_work(const std::vector<std::uint64_t>& notices) {
  return question<Nothing>("notice.read", {{"notices", boost::json::array(notices.begin(), notices.end())}},
                           [](const std::string&) { return std::optional(Nothing{}); });
}

// The answer to a message of a resync.
template <class T>
Result<T> tell(Client& client, const std::string& fields) {
  const auto body = client.call("status.resync", fields, Client::Repeat::query);
  if (!body) return tl::unexpected(body.error());
  auto answer = hf::client::read_answer<T>(*body);
  if (!answer) return failure(Code::unknown_outcome, "the server's answer cannot be read");
  return *std::move(answer);
}

Result<Nothing> send_pages(Client& client, const std::string& head, const std::vector<std::string>& bills) {
  std::size_t next = 0;
  while (next < bills.size()) {
    std::string page = head + R"("events":[)";
    for (std::size_t n = 0; next < bills.size() && n < hf::StatusLimits{}.events_per_batch_max; ++n, ++next) {
      if (n > 0 && page.size() + bills[next].size() > page_bytes_max) break;
      page.append(n == 0 ? "" : ",").append(bills[next]);
    }
    auto taken = tell<hf::ResyncOpen>(client, page + "]}");
    if (!taken) return tl::unexpected(std::move(taken.error()));
  }
  return Nothing{};
}

Result<Resynced> resync_once(Client& client, const std::string& type, const std::vector<std::string>& bills) {
  auto opened = tell<hf::ResyncOpen>(client, boost::json::serialize(boost::json::object{{"type", type}}));
  if (!opened) return tl::unexpected(std::move(opened.error()));
  const std::string head = R"({"resync":)" + boost::json::serialize(boost::json::string(opened->resync.text())) + ",";
  if (auto sent = send_pages(client, head, bills); !sent) {
    if (sent.error().code != Code::not_found) {
      [[maybe_unused]] const auto dropped = tell<hf::Done>(client, head + R"("drop":true})");
    }
    return tl::unexpected(std::move(sent.error()));
  }
  auto done = tell<hf::ResyncDone>(client, head + R"("commit":true})");
  if (!done) return tl::unexpected(std::move(done.error()));
  return Resynced{done->bills, done->left};
}

}  // namespace

Result<std::vector<Published>> Client::publish(Publish what) {
  return body_->wait<Results>(publish_work(std::move(what), Millis(0)));
}
void Client::publish(Publish what, Done<std::vector<Published>> done) {
  body_->later<Results>(std::move(done), publish_work(std::move(what), hf::client::forever));
}
Result<BillStatus> Client::status(const std::string& type, const std::string& id) {
  return body_->wait<BillStatus>(status_work(type, id));
}
void Client::status(const std::string& type, const std::string& id, Done<BillStatus> done) {
  body_->later<BillStatus>(std::move(done), status_work(type, id));
}
Result<BillHistory> Client::history(const std::string& type, const std::string& id, std::uint32_t limit,
                                    const std::string& next) {
  return body_->wait<BillHistory>(history_work(type, id, limit, next));
}
void Client::history(const std::string& type, const std::string& id, std::uint32_t limit, const std::string& next,
                     Done<BillHistory> done) {
  body_->later<BillHistory>(std::move(done), history_work(type, id, limit, next));
}

Result<Nothing> Client::read_notices(const std::vector<std::uint64_t>& notices) {
  return body_->wait<Nothing>(read_work(notices));
}
void Client::read_notices(const std::vector<std::uint64_t>& notices, Done<Nothing> done) {
  body_->later<Nothing>(std::move(done), read_work(notices));
}

Result<Resynced> Client::resync(const std::string& type, const std::vector<StatusEvent>& bills) {
  std::vector<std::string> written;
  written.reserve(bills.size());
  for (const StatusEvent& bill : bills) {
    if (bill.type != type)
      return failure(Code::invalid, "a resync of " + type + " has no bill of " + bill.type, "events");
    hf::append_log_event(written.emplace_back(), hf::LogEvent(hf::client::from_public(bill)));
  }
  // Unknown: it was committed and the answer lost, or another resync took its place. Doing it all again is right in
  // either case.
  auto result = resync_once(*this, type, written);
  for (int i = 1; i < resync_tries_max && !result && result.error().code == Code::not_found; ++i)
    result = resync_once(*this, type, written);
  return result;
}

}  // namespace holdfast
