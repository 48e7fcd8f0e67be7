// lock_load: load on a holdfastd over WebSocket, in closed loops, from one thread; one line of JSON when done.
//
//   lock_load --port P,… --pids SERVER,… --mode MODE [--clients N] [--seconds S] [--peer NAME --scenario NAME --run N]
//
// Several ports are nodes over one Redis: clients take them in turns. --redis PID,… is the Redis that works for them:
// what it costs counts with the servers', and is told as cpu_s_redis too.
//
//   pairs    each of N clients keeps --inflight P pairs going: acquire a new bill, release it, again
//   batch    the same with --keys K bills in one acquire
//   bill     the same with a bill that has --details D lines; first it is shown that the bill's lock keeps others
//            from each of them
//   lines    the same with those D lines named one by one
//   contend  all N clients want one bill and wait for it; each holds it --hold-ms once a round; --rounds rounds.
//            Percentiles are of the hand-off: from just before a release is sent until the next holder knows. Over
//            several ports they line up one by one, so that each hand-off crosses from one node to the next; one that
//            does not is not counted
//   idle     opens N connections with a session each, answers pings for --settle seconds, tells what they weigh
//   fill     takes --locks L locks, one bill each, over sessions of 10,000, and leaves them to their leases
//   stay     N clients with --keys K locks each, one bill each, do nothing but answer their pings; what that costs in
//            --seconds. They come within one period of pings, so that the pings are spread over it
//
// A pair's latency is from before the acquire is sent until the release is answered. request_id goes along as the
// SDK sends it; --no-request-id leaves it out.

#include <charconv>
#include <memory>

#include "load_session.h"
#include "measure.h"
#include "poller.h"

namespace hf::load {
namespace {

constexpr std::size_t sessions_per_user = 20;
constexpr int locks_per_session = 10'000;
constexpr std::int64_t warm_up_ns = 300'000'000;
constexpr std::int64_t ping_period_ns = 10 * second_ns;  // the server's; an SDK renews its lease by them
constexpr std::size_t samples_expected = 4'000'000;

struct Options {
  std::vector<int> ports;
  std::string mode, peer, scenario, run;
  std::vector<int> pids, redis_pids;
  int clients = 1;
  int in_flight = 1;
  int keys = 1;
  int details = 50;
  int rounds = 20;
  int locks = 1'000'000;
  double seconds = 4;
  double hold_ms = 5;
  double settle_s = 12;
  bool request_id = true;
};

// Opens the clients' links, one user for every 20, on the ports in turns.
class Opener {
 public:
  explicit Opener(const Options& options, std::uint64_t lease_ms = 0)
      : options_(options), lease_ms_(lease_ms), tokens_(options.ports.size()) {}
  std::unique_ptr<LoadSession> open() {
    const std::size_t at = opened_ % options_.ports.size();
    if (opened_ % sessions_per_user < options_.ports.size()) {
      const std::string user = "load-" + salt_ + std::to_string(opened_ / sessions_per_user);
      tokens_[at] = editor_token(options_.ports[at], user);
    }
    ++opened_;
    return std::make_unique<LoadSession>(options_.ports[at], tokens_[at], lease_ms_);
  }

 private:
  const Options& options_;
  std::uint64_t lease_ms_;
  std::string salt_ = random_text(6);
  std::vector<std::string> tokens_;
  std::size_t opened_ = 0;
};

std::vector<std::unique_ptr<LoadSession>> open_links(const Options& options, int count, std::uint64_t lease_ms = 0) {
  std::vector<std::unique_ptr<LoadSession>> links;
  Opener opener(options, lease_ms);
  for (int i = 0; i < count; ++i) links.push_back(opener.open());
  return links;
}

// Writes requests as the SDK does: a running id, and a request_id of the client's own prefix and that number.
class RequestWriter {
 public:
  explicit RequestWriter(bool with_request_id)
      : prefix_(with_request_id ? R"(,"request_id":")" + random_text(26) + "-" : "") {}

  // `targets` is the inside of a JSON list of texts, with its quotes.
  const std::string& acquire(std::uint64_t id, std::string_view targets, std::string_view more = {}) {
    begin(id, R"(,"op":"lock.acquire","targets":[)");
    text_.append(targets).append("]");
    return end(id, more);
  }
  const std::string& release(std::uint64_t id, std::string_view lock) {
    begin(id, R"(,"op":"lock.release","lock":")");
    text_.append(lock).append("\"");
    return end(id, {});
  }

 private:
  void begin(std::uint64_t id, std::string_view op) {
    text_.assign(R"({"id":)");
    append_number(text_, id);
    text_.append(op);
  }
  const std::string& end(std::uint64_t id, std::string_view more) {
    if (!prefix_.empty()) {
      text_.append(prefix_);
      append_number(text_, id);
      text_ += '"';
    }
    return text_.append(more).append("}");
  }
  std::string prefix_;
  std::string text_;
};

// An answer: which request's, and what stands behind `"ok":`. A refusal ends the program.
struct Answer {
  std::uint64_t id = 0;
  std::string_view ok;
};
Answer read_answer(std::string_view text) {
  constexpr std::string_view head = R"({"id":)";
  constexpr std::string_view ok = R"(,"ok":)";
  Answer answer;
  if (!text.starts_with(head)) die("neither answer nor push", text);
  const auto [end, error] = std::from_chars(text.data() + head.size(), text.data() + text.size(), answer.id);
  answer.ok = text.substr(static_cast<std::size_t>(end - text.data()));
  if (error != std::errc() || !answer.ok.starts_with(ok)) die("refused", text);
  answer.ok.remove_prefix(ok.size());
  return answer;
}
bool is_push(std::string_view text) { return text.starts_with(R"({"event":")"); }

constexpr std::string_view lock_name = R"("lock":")";

// ---------------------------------------------------------------------------------------------- pairs

// What one pair locks, as the inside of a JSON list.
class TargetWriter {
 public:
  explicit TargetWriter(const Options& options) : bill_(R"("SaleOrder:)" + random_digits(8)) {
    if (options.mode == "batch") bills_ = options.keys;
    if (options.mode == "lines") lines_ = options.details;
  }
  int targets() const { return lines_ > 0 ? lines_ : bills_; }
  const std::string& next() {
    text_.clear();
    ++number_;
    for (int i = 0; i < targets(); ++i) {
      if (i > 0) text_ += ',';
      text_ += bill_;
      append_number(
          text_, lines_ > 0 ? number_ : number_ * static_cast<std::uint64_t>(bills_) + static_cast<std::uint64_t>(i));
      if (lines_ > 0) {
        text_ += "/SaleOrderDetail/";
        append_number(text_, static_cast<std::uint64_t>(i) + 1);
      }
      text_ += '"';
    }
    return text_;
  }

 private:
  std::string bill_;
  std::string text_;
  std::uint64_t number_ = 0;
  int bills_ = 1;
  int lines_ = 0;
};

class Pairs {
 public:
  explicit Pairs(const Options& options)
      : options_(options), targets_(options), links_(open_links(options, options.clients)) {
    poller_.add(links_);
    const auto per_link = static_cast<std::size_t>(options.in_flight);
    slots_.resize(links_.size() * per_link);
    for (std::size_t i = 0; i < links_.size(); ++i) writers_.emplace_back(options.request_id);
    for (std::size_t i = 0; i < slots_.size(); ++i) slots_[i].id = i % per_link;
    pair_.reserve(samples_expected);
    acquire_.reserve(samples_expected);
  }

  void run() {
    run_for(warm_up_ns);
    pair_.clear();
    acquire_.clear();
    pairs_ = 0;
    const CostMeter meter(options_.pids, options_.redis_pids);
    run_for(static_cast<std::int64_t>(options_.seconds * 1e9));
    JsonLine line = begin_line(options_, options_.clients, static_cast<double>(pairs_), meter.cost(), pair_);
    line.number("in_flight", options_.in_flight, 0).number("keys", targets_.targets(), 0);
    line.number("acq_p50_us", acquire_.percentile_us(50)).number("acq_p95_us", acquire_.percentile_us(95));
    line.number("acq_p99_us", acquire_.percentile_us(99))
        .text("request_id", options_.request_id ? "yes" : "no")
        .print();
  }

 private:
  // One closed loop. Its requests' ids are its place on the link, modulo the loops there are.
  struct Slot {
    std::uint64_t id = 0;
    std::int64_t began = 0;
    bool acquiring = false;
  };

  void run_for(std::int64_t ns) {
    stop_at_ = now_ns() + ns;
    const auto per_link = static_cast<std::size_t>(options_.in_flight);
    for (std::size_t i = 0; i < slots_.size(); ++i) begin(i / per_link, slots_[i], now_ns());
    for (const auto& link : links_) link->flush();
    going_ = slots_.size();
    while (going_ > 0) {
      poller_.turn([this](std::size_t index) { receive(index); }, [] {});
    }
  }

  void receive(std::size_t index) {
    LoadSession& link = *links_[index];
    std::int64_t now = 0;
    link.receive([&](std::string_view text) {
      if (is_push(text)) return;
      if (now == 0) now = now_ns();
      answered(index, read_answer(text), now);
    });
    link.flush();
  }

  void answered(std::size_t index, const Answer& answer, std::int64_t now) {
    const auto per_link = static_cast<std::size_t>(options_.in_flight);
    Slot& slot = slots_[index * per_link + answer.id % per_link];
    if (slot.acquiring) {
      const std::string_view lock = text_after(answer.ok, lock_name);
      if (lock.empty()) die("granted without a lock", answer.ok);
      acquire_.add(now - slot.began);
      slot.acquiring = false;
      slot.id += per_link;
      links_[index]->queue(writers_[index].release(slot.id, lock));
      return;
    }
    pair_.add(now - slot.began);
    ++pairs_;
    if (now < stop_at_) {
      begin(index, slot, now);
    } else {
      --going_;
    }
  }

  void begin(std::size_t index, Slot& slot, std::int64_t now) {
    slot.began = now;
    slot.acquiring = true;
    slot.id += static_cast<std::uint64_t>(options_.in_flight);
    links_[index]->queue(writers_[index].acquire(slot.id, targets_.next()));
  }

  const Options& options_;
  TargetWriter targets_;
  std::vector<std::unique_ptr<LoadSession>> links_;
  Poller poller_;
  std::vector<RequestWriter> writers_;
  std::vector<Slot> slots_;
  Samples pair_, acquire_;
  std::int64_t stop_at_ = 0;
  std::size_t going_ = 0;
  std::uint64_t pairs_ = 0;
};

// Ends the program unless a lock of a bill keeps every other session from each of its lines.
void check_bill_covers_lines(const Options& options) {
  const auto links = open_links(options, 2);
  const std::string bill = "SaleOrder:" + random_digits(12);
  RequestWriter holder(false);
  RequestWriter other(false);
  const auto ask = [](LoadSession& link, const std::string& text) {
    std::string answer;
    link.queue(text);
    link.flush();
    while (answer.empty()) {
      link.receive([&](std::string_view got) {
        if (!is_push(got)) answer = got;
      });
    }
    return answer;
  };
  const std::string granted = ask(*links[0], holder.acquire(1, "\"" + bill + "\""));
  const std::string_view lock = text_after(read_answer(granted).ok, lock_name);
  for (int line = 1; line <= options.details; ++line) {
    const std::string answer =
        ask(*links[1], other.acquire(1, "\"" + bill + "/SaleOrderDetail/" + std::to_string(line) + "\""));
    if (answer.find(R"("code":"locked")") == std::string::npos) die("a line of a held bill was granted", answer);
  }
  read_answer(ask(*links[0], holder.release(2, lock)));
}

// ---------------------------------------------------------------------------------------------- contend

class Contend {
 public:
  explicit Contend(const Options& options)
      : options_(options), links_(open_links(options, options.clients)), release_ids_(links_.size()) {
    poller_.add(links_);
    for (std::size_t i = 0; i < links_.size(); ++i) writers_.emplace_back(options.request_id);
  }

  void run() {
    run_round();  // warms up
    hand_off_.clear();
    rounds_ms_.clear();
    waits_median_ms_.clear();
    waits_max_ms_.clear();
    pushes_ = hand_offs_ = 0;
    const CostMeter meter(options_.pids, options_.redis_pids);
    for (int i = 0; i < options_.rounds; ++i) run_round();
    const double ops = static_cast<double>(options_.rounds) * options_.clients;
    JsonLine line = begin_line(options_, options_.clients, ops, meter.cost(), hand_off_);
    line.number("hand_offs", static_cast<double>(hand_offs_), 0);
    line.number("round_ms", median(rounds_ms_)).number("wait_median_ms", median(waits_median_ms_));
    line.number("wait_max_ms", median(waits_max_ms_)).number("hold_ms", options_.hold_ms);
    line.number("pushes", static_cast<double>(pushes_), 0).print();
  }

 private:
  void run_round() {
    const std::string bill = "\"SaleOrder:" + random_digits(9) + "\"";
    waits_.clear();
    last_release_ = 0;
    left_ = links_.size();
    began_ = now_ns();
    in_line_ = 0;
    for (std::size_t i = 0; i < links_.size(); ++i) {
      links_[i]->queue(writers_[i].acquire(++id_, bill, R"(,"wait_ms":60000)"));
      links_[i]->flush();
      while (one_by_one_ && in_line_ <= i) {
        poller_.turn([this](std::size_t index) { receive(index); }, [] {});
      }
    }
    if (one_by_one_) {
      began_ = now_ns();
      hold(began_);
    }
    while (left_ > 0) {
      poller_.turn([this](std::size_t index) { receive(index); }, [this] { release(); });
    }
    rounds_ms_.push_back(static_cast<double>(now_ns() - began_) / 1e6);
    waits_median_ms_.push_back(waits_.percentile_us(50) / 1000);
    waits_max_ms_.push_back(waits_.percentile_us(100) / 1000);
  }

  void receive(std::size_t index) {
    links_[index]->receive([&](std::string_view text) {
      const std::int64_t now = now_ns();
      if (is_push(text)) {
        ++pushes_;
        if (text.starts_with(R"({"event":"lock.granted")")) granted(index, text_after(text, lock_name), now);
        return;
      }
      const Answer answer = read_answer(text);
      if (answer.id == release_ids_[index]) {
        --left_;
        return;
      }
      ++in_line_;
      if (!answer.ok.starts_with(R"({"queued")")) granted(index, text_after(answer.ok, lock_name), now);
    });
    links_[index]->flush();
  }

  void granted(std::size_t index, std::string_view lock, std::int64_t now) {
    if (lock.empty()) die("granted without a lock");
    if (!lock_.empty()) die("two hold one bill");
    if (last_release_ != 0 && (!one_by_one_ || node_of(index) != node_of(holder_))) {
      hand_off_.add(now - last_release_);
      ++hand_offs_;
    }
    waits_.add(now - began_);
    holder_ = index;
    lock_ = lock;
    if (!one_by_one_ || in_line_ == links_.size()) hold(now);
  }

  void hold(std::int64_t from) { poller_.set_alarm(from + static_cast<std::int64_t>(options_.hold_ms * 1e6)); }
  std::size_t node_of(std::size_t index) const { return index % options_.ports.size(); }

  void release() {
    if (lock_.empty()) return;
    release_ids_[holder_] = ++id_;
    const std::string& text = writers_[holder_].release(id_, lock_);
    lock_.clear();
    last_release_ = now_ns();
    links_[holder_]->queue(text);
    links_[holder_]->flush();
  }

  const Options& options_;
  const bool one_by_one_ = options_.ports.size() > 1;
  std::vector<std::unique_ptr<LoadSession>> links_;
  Poller poller_;
  std::vector<RequestWriter> writers_;
  Samples hand_off_, waits_;
  std::vector<double> rounds_ms_, waits_median_ms_, waits_max_ms_;
  std::vector<std::uint64_t> release_ids_;  // of each link; its answer may come after the next holder's release
  std::uint64_t id_ = 0, pushes_ = 0, hand_offs_ = 0;
  std::int64_t began_ = 0, last_release_ = 0;
  std::size_t left_ = 0, holder_ = 0, in_line_ = 0;
  std::string lock_;
};

// ---------------------------------------------------------------------------------------------- idle, fill, stay

void run_idle(const Options& options) {
  const Use before = use_of(options.pids);
  const CostMeter opening(options.pids);
  const auto links = open_links(options, options.clients);
  const CostMeter::Cost opened = opening.cost();
  const double rss_opened = use_of(options.pids).rss_mb;
  Poller poller;
  poller.add(links);
  const CostMeter settling(options.pids);
  const std::int64_t until = now_ns() + static_cast<std::int64_t>(options.settle_s * 1e9);
  std::uint64_t reads = 0;
  while (now_ns() < until) {
    poller.turn(
        [&](std::size_t index) {
          ++reads;
          links[index]->receive([](std::string_view) {});
          links[index]->flush();
        },
        [] {});
  }
  const CostMeter::Cost settled = settling.cost();
  const auto kb_each = [&](double rss_mb) { return (rss_mb - before.rss_mb) * 1024 / options.clients; };
  Samples none;
  JsonLine line = begin_line(options, options.clients, options.clients, opened, none);
  line.number("kb_per_connection", kb_each(settled.server_rss_mb), 2)
      .number("kb_per_connection_opened", kb_each(rss_opened), 2);
  line.number("settle_s", settled.seconds).number("settle_cpu_s_server", settled.server_cpu_s, 2);
  line.number("reads", static_cast<double>(reads), 0).print();
}

class Fill {
 public:
  explicit Fill(const Options& options)
      : options_(options),
        targets_(options),
        meter_(options.pids, options.redis_pids),
        links_(open_links(options, (options.locks + locks_per_session - 1) / locks_per_session, lease_ms)) {
    poller_.add(links_);
    for (std::size_t i = 0; i < links_.size(); ++i) writers_.emplace_back(options.request_id);
  }

  void run() {
    asked_.resize(links_.size());
    for (std::size_t i = 0; i < links_.size(); ++i) {
      for (int k = 0; k < in_flight; ++k) ask(i);
      links_[i]->flush();
    }
    while (granted_ < options_.locks) {
      poller_.turn(
          [this](std::size_t index) {
            links_[index]->receive([&](std::string_view text) {
              if (is_push(text)) return;
              read_answer(text);
              ++granted_;
              ask(index);
            });
            links_[index]->flush();
          },
          [] {});
    }
    const CostMeter::Cost cost = meter_.cost();
    Samples none;
    JsonLine line = begin_line(options_, static_cast<double>(links_.size()), granted_, cost, none);
    line.number("bytes_per_lock", (cost.server_rss_mb - cost.server_rss_mb_before) * 1024 * 1024 / granted_, 0).print();
  }

 private:
  static constexpr int in_flight = 32;
  static constexpr std::uint64_t lease_ms = 1'800'000;

  void ask(std::size_t index) {
    if (asked_[index] == locks_per_session || asked_all_ == options_.locks) return;
    ++asked_all_;
    links_[index]->queue(writers_[index].acquire(static_cast<std::uint64_t>(++asked_[index]), targets_.next()));
  }

  const Options& options_;
  TargetWriter targets_;
  CostMeter meter_;
  std::vector<std::unique_ptr<LoadSession>> links_;
  Poller poller_;
  std::vector<RequestWriter> writers_;
  std::vector<int> asked_;
  int asked_all_ = 0;
  int granted_ = 0;
};

// Sessions that hold and do nothing else: what they cost is their heartbeats, one a session for all its locks.
class Stay {
 public:
  explicit Stay(const Options& options) : options_(options), opener_(options) {}

  void run() {
    const auto clients = static_cast<std::size_t>(options_.clients);
    const std::int64_t began = now_ns();
    for (std::size_t i = 0; i < clients; ++i) {
      const std::int64_t due = began + ping_period_ns * static_cast<std::int64_t>(i) / options_.clients;
      do {
        turn(now_ns() < due ? 1 : 0);
      } while (now_ns() < due);
      open();
    }
    while (granted_ < clients * static_cast<std::size_t>(options_.keys)) turn(100);
    const double opening_s = static_cast<double>(now_ns() - began) / 1e9;
    // Once round: the pings are as far apart as they were made to be.
    stay(now_ns() + ping_period_ns);
    const std::uint64_t before = pings();
    const CostMeter meter(options_.pids, options_.redis_pids);
    stay(now_ns() + static_cast<std::int64_t>(options_.seconds * 1e9));
    const CostMeter::Cost cost = meter.cost();
    Samples none;
    JsonLine line = begin_line(options_, options_.clients, static_cast<double>(pings() - before), cost, none);
    line.number("locks", static_cast<double>(granted_), 0).number("opening_s", opening_s).print();
  }

 private:
  void open() {
    links_.push_back(opener_.open());
    LoadSession& link = *links_.back();
    RequestWriter writer(options_.request_id);
    for (int k = 0; k < options_.keys; ++k)
      link.queue(writer.acquire(static_cast<std::uint64_t>(k) + 1, bills_.next()));
    link.flush();
    poller_.add(link, links_.size() - 1);
  }
  void stay(std::int64_t until) {
    while (now_ns() < until) turn(1);
  }
  void turn(int patience_ms) {
    poller_.turn(
        [this](std::size_t index) {
          links_[index]->receive([this](std::string_view text) {
            if (is_push(text)) die("a push to a session that only stays", text);
            if (text_after(read_answer(text).ok, lock_name).empty()) die("granted without a lock", text);
            ++granted_;
          });
          links_[index]->flush();
        },
        [] {}, patience_ms);
  }
  std::uint64_t pings() const {
    std::uint64_t sum = 0;
    for (const auto& link : links_) sum += link->pings();
    return sum;
  }

  const Options& options_;
  Opener opener_;
  TargetWriter bills_{options_};
  std::vector<std::unique_ptr<LoadSession>> links_;
  Poller poller_;
  std::size_t granted_ = 0;
};

Options read_options(int count, char** values) {
  const Arguments given(count, values,
                        {"port", "mode", "clients", "inflight", "keys", "details", "seconds", "rounds", "hold-ms",
                         "settle", "locks", "no-request-id", "pids", "redis", "peer", "scenario", "run"});
  Options options;
  options.ports = given.whole_list("port");
  if (options.ports.empty()) options.ports = {7420};
  options.mode = given.text("mode", "pairs");
  options.peer = given.text("peer", "holdfast");
  options.scenario = given.text("scenario");
  options.run = given.text("run", "1");
  options.pids = given.whole_list("pids");
  options.redis_pids = given.whole_list("redis");
  options.clients = given.whole("clients", options.mode == "contend" ? 50 : options.mode == "idle" ? 5000 : 1);
  options.in_flight = given.whole("inflight", options.in_flight);
  options.keys = given.whole("keys", options.mode == "stay" ? 10 : 100);
  options.details = given.whole("details", options.details);
  options.rounds = given.whole("rounds", options.rounds);
  options.locks = given.whole("locks", options.locks);
  options.seconds = given.number("seconds", options.seconds);
  options.hold_ms = given.number("hold-ms", options.hold_ms);
  options.settle_s = given.number("settle", options.settle_s);
  options.request_id = given.text("no-request-id").empty();
  if (options.clients < 1 || options.in_flight < 1 || options.keys < 1 || options.details < 1 || options.locks < 1)
    die("counts are 1 or more");
  if (options.in_flight > 64) die("a session may have 64 requests in flight");
  if (options.mode == "stay" && options.keys > 64) die("a client that stays takes 64 locks or fewer");
  return options;
}

int run(int count, char** values) {
  const Options options = read_options(count, values);
  raise_descriptors();
  const std::string& mode = options.mode;
  if (mode == "bill") check_bill_covers_lines(options);
  if (mode == "pairs" || mode == "batch" || mode == "bill" || mode == "lines") {
    Pairs(options).run();
  } else if (mode == "contend") {
    Contend(options).run();
  } else if (mode == "idle") {
    run_idle(options);
  } else if (mode == "fill") {
    Fill(options).run();
  } else if (mode == "stay") {
    Stay(options).run();
  } else {
    die("there is no mode " + mode, "pairs, batch, bill, lines, contend, idle, fill, stay");
  }
  return 0;
}

}  // namespace
}  // namespace hf::load

int main(int count, char** values) { return hf::load::run(count, values); }
