// One call for the beginning, the work and the end of a run.
#include <boost/json.hpp>

#include "client/client_body.h"
#include "client/status_values.h"
#include "wire/messages.h"
#include "wire/server_messages.h"

namespace holdfast {
namespace {

constexpr Millis deadline_otherwise{10'000};

// Tells that the work failed unless it is dismissed, also where the work throws.
class FailUnlessDone {
 public:
  explicit FailUnlessDone(std::function<void(const std::string&)> fail) : fail_(std::move(fail)) {}
  FailUnlessDone(const FailUnlessDone&) = delete;
  FailUnlessDone& operator=(const FailUnlessDone&) = delete;
  ~FailUnlessDone() {
    if (fail_) fail_("the work was given up");
  }
  void now(const std::string& why) { std::exchange(fail_, nullptr)(why); }
  void dismiss() { fail_ = nullptr; }

 private:
  std::function<void(const std::string&)> fail_;
};

// As much of it as the server takes, without a broken character.
std::string at_most(std::string text, std::size_t bytes) {
  if (text.empty()) return "no reason was given";
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) --bytes;
  text.resize(bytes);
  return text;
}

}  // namespace

Result<std::string> Client::tell(const std::string& op, const std::string& fields, Millis deadline) {
  return body_->wait<std::string>(
      [op, fields, deadline](hf::client::Core& core, hf::client::Time now, hf::client::Reply<std::string> reply) {
        core.call(now, op, fields, true, std::move(reply), deadline);
      });
}

Token Run::token(const std::string& bill) const {
  const auto found = tokens_.find(bill);
  return found == tokens_.end() ? 0 : found->second;
}

Result<Nothing> Run::step(const std::string& what) {
  const boost::json::object fields{{"run", id_}, {"step", what}};
  auto told = client_.tell("run.step", boost::json::serialize(fields), deadline_);
  if (!told) return tl::unexpected(std::move(told.error()));
  return Nothing{};
}

Result<RunEnd> Client::run(const RunOf& what, const RunWork& work) {
  boost::json::object fields{{"action", what.action},
                             {"bills", boost::json::array(what.bills.begin(), what.bills.end())},
                             {"wait_ms", what.wait.count()}};
  const Millis deadline = what.deadline.count() > 0 ? what.deadline : deadline_otherwise;
  auto answer = tell("run.begin", boost::json::serialize(fields), deadline + what.wait);
  if (!answer) return tl::unexpected(std::move(answer.error()));
  const auto begun = hf::parse_granted(*answer);
  if (!begun || begun->grant.run.is_nil()) return failure(Code::unknown_outcome, "the server's answer cannot be read");
  Run run(*this, what.deadline);
  run.id_ = begun->grant.run.text();
  for (const hf::HeldTarget& held : begun->grant.targets) run.tokens_[held.target.text()] = held.token;

  FailUnlessDone failing([&](const std::string& why) {
    const boost::json::object error{{"run", run.id_}, {"error", at_most(why, hf::run_error_bytes_max)}};
    [[maybe_unused]] const auto told = tell("run.fail", boost::json::serialize(error), what.deadline);
  });
  Result<std::vector<StatusEvent>> done = work(run);
  if (!done) {
    failing.now(done.error().text());
    return tl::unexpected(std::move(done.error()));
  }
  failing.dismiss();
  hf::FinishRun finish;
  RunEnd end{run.id_, true, {}};
  finish.run = begun->grant.run;
  for (const StatusEvent& event : *done) finish.events.emplace_back(hf::client::from_public(event));
  std::string text;
  hf::append_fields(text, hf::Fields(std::move(finish)));
  if (auto told = tell("run.finish", text, what.deadline); !told) {
    end.told = false;
    end.why = std::move(told.error());
  }
  return end;
}

}  // namespace holdfast
