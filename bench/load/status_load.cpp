// status_load: publishers and to-do trees of a holdfastd over WebSocket, from one thread and by one clock; one line of
// JSON when done.
//
//   status_load --port P[,Q] --pids SERVER,… --mode MODE [--clients N] [--seconds S] [--peer NAME --scenario NAME --run
//   N]
//
// With two ports the publisher is at the first node and all trees are at the second. --redis PID: the Redis between.
// Each client is a person of his own who sees all expense claims (the finance tree) and his own sales orders.
//
//   latency  an event for everybody each 1/--rate s; percentiles are from just before it is sent until it is read
//   fanout   --rounds times an event for everybody, --gap-ms apart; percentiles are until the last client has read it
//   sustain  rounds of an event for everybody and --own events for one person each, in one batch, --window rounds on
//            their way: the most that the server carries; an op is a row read by a client
//   fixed    the same rounds, --rate of them a second
//   idle     --clients trees that nothing happens to; what each weighs
//   accept   --clients publishers with --inflight batches of --batch events each; an op is an event accepted
//   bulk     one batch of --batch bills seen by --clients people, --rounds times; bytes a bill and person on the wire
//   storm    --clients come back at once by their cursors, --batch rows having changed; seconds until the last is live
//   recover  a client sees 10 events, is away for 1,000, comes back by its cursor; --rounds trials; lost, and twice

#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <memory>

#include "load_session.h"
#include "measure.h"
#include "poller.h"

namespace hf::load {
namespace {

constexpr std::uint64_t bills_in_turn = 200;  // shared ones: none is published again while it is on its way
constexpr std::size_t opening_at_once = 200;
constexpr int recover_seen = 10, recover_missed = 1000;

struct Options {
  std::vector<int> ports;
  std::string mode, peer, scenario, run;
  std::vector<int> pids, redis_pids;
  int clients, rounds, batch, in_flight, own, window;
  double seconds, rate, gap_ms, settle_s;
};

// What a publisher says. The number of the round is the bill's `no`, by which it is known when it comes back.
class EventWriter {
 public:
  std::string shared(std::uint64_t round) {
    return event("ExpenseClaim", "1" + std::to_string(round % bills_in_turn), "S" + std::to_string(round), "erp");
  }
  std::string own(std::uint64_t round, std::size_t place, std::string_view person) {
    return event("SaleOrder", std::to_string(place), "O" + std::to_string(round), person);
  }
  std::string numbered(std::uint64_t bill, std::uint64_t round) {
    return event("ExpenseClaim", "2" + std::to_string(bill), "S" + std::to_string(round), "erp");
  }

 private:
  std::string event(std::string_view type, const std::string& id, const std::string& no, std::string_view creator) {
    std::string text = R"({"type":")";
    text.append(type).append(R"(","id":")").append(salt_).append(id).append(R"(","no":")").append(no);
    text.append(R"(","version":)").append(std::to_string(++versions_[std::string(type) + id]));
    text.append(R"(,"state":{"DataStatus":2,"ApprovalStatus":0},"creator":{"user":")").append(creator);
    text.append(
        R"("},"owner":null,"department":null,"actor":{"user":"U00001234","name":"Zhang Xiaoming"},"action":"提交","at":"2026-11-22T09:30:00.000Z"})");
    return text;
  }
  std::string salt_ = random_digits(6);
  std::map<std::string, std::uint64_t> versions_;
};

std::string publishing(std::uint64_t id, std::string_view events) {
  std::string text = R"({"id":)" + std::to_string(id) + R"(,"op":"status.publish","events":[)";
  return text.append(events).append("]}");
}

// Calls for each row that the frame puts in: whether it is everybody's, and its round. Removals have no number.
template <class F>
void each_row(std::string_view frame, F&& f) {
  constexpr std::string_view name = R"("no":")";
  for (std::size_t at = frame.find(name); at != std::string_view::npos; at = frame.find(name, at)) {
    at += name.size();
    const bool shared = frame[at] == 'S';
    std::uint64_t round = 0;
    std::from_chars(frame.data() + at + 1, frame.data() + frame.size(), round);
    f(shared, round);
  }
}

bool is_answer(std::string_view text) { return text.starts_with(R"({"id":)"); }
void expect_done(std::string_view text) {
  if (text.find(R"("ok":)") == std::string_view::npos) die("refused", text);
}

// The people with their trees.
class Trees {
 public:
  explicit Trees(const Options& options) : options_(options), salt_(random_text(5)) {
    for (int i = 0; i < options.clients; ++i) {
      people_.push_back("p" + salt_ + std::to_string(i));
      tokens_.push_back(dev_token(options.ports.back(), people_.back(), R"("sales","finance")"));
    }
    links_.resize(people_.size());
    cursors_.resize(people_.size());
  }
  std::size_t size() const { return links_.size(); }
  const std::string& person(std::size_t i) const { return people_[i]; }
  std::uint64_t bytes_in() const {
    std::uint64_t sum = 0;
    for (const auto& link : links_) sum += link->bytes_in();
    return sum;
  }

  // Opens all and waits until each is live, by its cursor if it has one. Calls `on_live(index, frames)` for each with
  // what came before it was.
  template <class OnFrame>
  void open(Poller& poller, OnFrame&& on_frame) {
    std::vector<bool> live(size());
    std::size_t opened = 0, done = 0;
    while (done < size()) {
      for (; opened < size() && opened - done < opening_at_once; ++opened) {
        links_[opened] =
            std::make_unique<LoadSession>(options_.ports.back(), tokens_[opened], 0, LoadSession::Opening::later);
        std::string subscribe = R"({"id":1,"op":"todo.subscribe","types":["ExpenseClaim","SaleOrder"])";
        if (!cursors_[opened].empty()) subscribe.append(R"(,"cursor":")").append(cursors_[opened]).append("\"");
        links_[opened]->queue(subscribe.append("}"));
        poller.add(*links_[opened], opened);
      }
      receive(poller, [&](std::size_t i, std::string_view frame) {
        on_frame(i, frame);
        if (!live[i] && frame.starts_with(R"({"event":"todo.live")")) {
          live[i] = true;
          ++done;
        }
      });
    }
  }
  void close() {
    for (auto& link : links_) link.reset();
  }
  void add_publisher(const LoadSession& publisher, Poller& poller) {
    publisher_ = const_cast<LoadSession*>(&publisher);
    poller.add(publisher, size());
  }

  // One turn of the poller: frames of trees to `on_frame`, the publisher's answers are checked and counted.
  template <class OnFrame>
  void receive(
      Poller& poller, OnFrame&& on_frame, const std::function<void()>& on_alarm = [] {}, int patience_ms = 100) {
    poller.turn(
        [&](std::size_t i) {
          LoadSession& link = i < size() ? *links_[i] : *publisher_;
          link.receive([&](std::string_view text) {
            if (is_answer(text)) {
              expect_done(text);
              if (i == size()) ++published_;
              return;
            }
            if (i == size() || !text.starts_with(R"({"event":"todo.)")) return;
            const std::string_view cursor = text_after(text, R"("cursor":")");
            if (!cursor.empty()) cursors_[i] = cursor;
            on_frame(i, text);
          });
          link.flush();
        },
        on_alarm, patience_ms);
  }
  std::uint64_t published() const { return published_; }

 private:
  const Options& options_;
  std::string salt_;
  std::vector<std::string> people_, tokens_, cursors_;
  std::vector<std::unique_ptr<LoadSession>> links_;
  LoadSession* publisher_ = nullptr;
  std::uint64_t published_ = 0;
};

class Load {
 public:
  explicit Load(const Options& options)
      : options_(options),
        trees_(options),
        publisher_(options.ports.front(), dev_token(options.ports.front(), "erp", R"("admin")")) {
    trees_.add_publisher(publisher_, poller_);
  }

  // latency, fanout, sustain, fixed
  void rounds() {
    open();
    const bool closed = options_.mode == "sustain";
    const std::int64_t gap = static_cast<std::int64_t>(
        options_.mode == "fanout" ? options_.gap_ms * 1e6 : static_cast<double>(second_ns) / options_.rate);
    const bool counted = options_.mode == "fanout";
    const auto go = [&](std::int64_t ns, int rounds) {
      const std::int64_t until = now_ns() + ns;
      int begun = 0;
      const auto may_begin = [&] { return counted ? begun < rounds : now_ns() < until; };
      const auto begin = [&] {
        ++begun;
        begin_round();
      };
      if (closed) {
        for (int i = 0; i < options_.window; ++i) begin();
        on_round_ = [&] {
          if (may_begin()) begin();
        };
      } else {
        on_round_ = [&] {
          if (counted && may_begin()) poller_.set_alarm(now_ns() + gap);
        };
        if (counted) poller_.set_alarm(now_ns() + gap);
      }
      std::int64_t due = now_ns();
      if (!closed && !counted) poller_.set_alarm(due);
      while (may_begin() || !left_.empty()) {
        trees_.receive(
            poller_, [&](std::size_t, std::string_view frame) { read(frame); },
            [&] {
              if (!may_begin()) return;
              begin();
              due += gap;
              if (!counted) poller_.set_alarm(due);
            },
            5);
      }
    };
    go(300'000'000, 3);
    each_.clear();
    last_.clear();
    rows_ = 0;
    const CostMeter meter(options_.pids, options_.redis_pids);
    go(static_cast<std::int64_t>(options_.seconds * 1e9), options_.rounds);
    const auto cost = meter.cost();
    Samples& told = options_.mode == "latency" ? each_ : last_;
    JsonLine line = begin_line(options_, options_.clients, static_cast<double>(rows_), cost, told);
    line.number("each_p50_us", each_.percentile_us(50)).number("each_p99_us", each_.percentile_us(99)).print();
  }

  void idle() {
    const CostMeter meter(options_.pids, options_.redis_pids);
    open();
    const std::int64_t until = now_ns() + static_cast<std::int64_t>(options_.settle_s * 1e9);
    while (now_ns() < until) trees_.receive(poller_, [](std::size_t, std::string_view) {});
    const auto cost = meter.cost();
    const double kb = (cost.server_rss_mb - cost.server_rss_mb_before) * 1024 / options_.clients;
    Samples none;
    begin_line(options_, options_.clients, options_.clients, cost, none).number("kb_per_connection", kb, 2).print();
  }

  void bulk() {
    open();
    std::uint64_t bytes = 0;
    Samples none;
    const CostMeter meter(options_.pids, options_.redis_pids);
    for (int round = 0; round < options_.rounds; ++round) {
      const std::uint64_t before = trees_.bytes_in();
      rows_ = 0;
      publish_all(options_.batch, static_cast<std::uint64_t>(round));
      const auto all = static_cast<std::uint64_t>(options_.batch) * trees_.size();
      while (rows_ < all) trees_.receive(poller_, [&](std::size_t, std::string_view frame) { count(frame); });
      bytes += trees_.bytes_in() - before;
    }
    const double rows = double(options_.rounds) * options_.batch * options_.clients;
    begin_line(options_, options_.clients, rows, meter.cost(), none)
        .number("bytes_per_row", static_cast<double>(bytes) / rows, 2)
        .print();
  }

  void storm() {
    open();
    trees_.close();
    publish_all(options_.batch, 1);
    while (trees_.published() == 0) trees_.receive(poller_, [](std::size_t, std::string_view) {});
    rows_ = 0;
    const CostMeter meter(options_.pids, options_.redis_pids);
    trees_.open(poller_, [&](std::size_t, std::string_view frame) { count(frame); });
    const auto cost = meter.cost();
    const auto all = static_cast<std::uint64_t>(options_.batch) * trees_.size();
    if (rows_ != all) die("rows came " + std::to_string(rows_), "not " + std::to_string(all));
    Samples none;
    begin_line(options_, options_.clients, options_.clients, cost, none).print();
  }

  void recover() {
    std::uint64_t lost = 0, twice = 0;
    Samples times;
    const CostMeter meter(options_.pids, options_.redis_pids);
    for (int trial = 0; trial < options_.rounds; ++trial) {
      open();
      publish_all(recover_seen, 0);
      rows_ = 0;
      while (rows_ < recover_seen) trees_.receive(poller_, [&](std::size_t, std::string_view frame) { count(frame); });
      trees_.close();
      const std::uint64_t before = trees_.published();
      publish_all(recover_missed, 0, 100);
      while (trees_.published() < before + recover_missed / 100)
        trees_.receive(poller_, [](std::size_t, std::string_view) {});
      rows_ = 0;
      const std::int64_t began = now_ns();
      trees_.open(poller_, [&](std::size_t, std::string_view frame) { count(frame); });
      times.add(now_ns() - began);
      const std::int64_t late = now_ns() + second_ns / 5;
      while (now_ns() < late) trees_.receive(poller_, [&](std::size_t, std::string_view frame) { count(frame); });
      if (rows_ < recover_missed) lost += recover_missed - rows_;
      if (rows_ > recover_missed) twice += rows_ - recover_missed;
      trees_.close();
    }
    JsonLine line =
        begin_line(options_, options_.clients, double(options_.rounds) * recover_missed, meter.cost(), times);
    line.number("lost", static_cast<double>(lost), 0).number("dup", static_cast<double>(twice), 0).print();
  }

 private:
  void open() {
    trees_.open(poller_, [](std::size_t, std::string_view) {});
    // What was told until everybody was there is not measured.
    const std::int64_t until = now_ns() + second_ns / 2;
    while (now_ns() < until) trees_.receive(poller_, [](std::size_t, std::string_view) {});
  }

  void begin_round() {
    const std::uint64_t round = next_round_++;
    left_[round] = {trees_.size() + static_cast<std::size_t>(options_.own), now_ns()};
    std::string events = events_.shared(round);
    for (int i = 0; i < options_.own; ++i) {
      events.append(",").append(events_.own(round, next_own_, trees_.person(next_own_)));
      next_own_ = (next_own_ + 1) % trees_.size();
    }
    publisher_.queue(publishing(++next_id_, events));
    publisher_.flush();
  }

  void read(std::string_view frame) {
    std::int64_t now = 0;
    each_row(frame, [&](bool, std::uint64_t round) {
      const auto found = left_.find(round);
      if (found == left_.end()) return;
      if (now == 0) now = now_ns();
      ++rows_;
      each_.add(now - found->second.began);
      if (--found->second.rows > 0) return;
      last_.add(now - found->second.began);
      left_.erase(found);
      on_round_();
    });
  }
  void count(std::string_view frame) {
    each_row(frame, [&](bool, std::uint64_t) { ++rows_; });
  }

  // Bills that are not those of rounds, in batches.
  void publish_all(int bills, std::uint64_t round, int batch = 1000) {
    for (int from = 0; from < bills; from += batch) {
      std::string events;
      for (int bill = from; bill < std::min(bills, from + batch); ++bill) {
        if (!events.empty()) events.push_back(',');
        events += events_.numbered(static_cast<std::uint64_t>(bill), round);
      }
      publisher_.queue(publishing(++next_id_, events));
    }
    publisher_.flush();
  }

  struct Round {
    std::size_t rows;
    std::int64_t began;
  };
  const Options& options_;
  Trees trees_;
  Poller poller_;
  LoadSession publisher_;
  EventWriter events_;
  std::map<std::uint64_t, Round> left_;
  std::function<void()> on_round_;
  std::uint64_t next_round_ = 0, next_id_ = 0;
  std::size_t next_own_ = 0;
  std::uint64_t rows_ = 0;
  Samples each_, last_;
};

// Publishers only.
void accept(const Options& options) {
  std::vector<std::unique_ptr<LoadSession>> links;
  Poller poller;
  std::vector<EventWriter> writers(static_cast<std::size_t>(options.clients));
  for (std::size_t i = 0; i < writers.size(); ++i) {
    links.push_back(std::make_unique<LoadSession>(
        options.ports.front(), dev_token(options.ports.front(), "erp" + std::to_string(i), R"("admin")")));
  }
  poller.add(links);
  std::uint64_t next = 0, accepted = 0, on_way = 0;
  Samples batches;
  std::map<std::uint64_t, std::int64_t> began;
  const auto begin = [&](std::size_t i) {
    std::string events;
    for (int bill = 0; bill < options.batch; ++bill) {
      if (bill > 0) events.push_back(',');
      events += writers[i].numbered(
          (next * static_cast<std::uint64_t>(options.batch) + static_cast<std::uint64_t>(bill)) % 20'000, next);
    }
    ++on_way;
    began[++next] = now_ns();
    links[i]->queue(publishing(next, events));
  };
  const auto go = [&](std::int64_t ns) {
    const std::int64_t until = now_ns() + ns;
    for (std::size_t i = 0; i < links.size(); ++i) {
      for (int k = 0; k < options.in_flight; ++k) begin(i);
      links[i]->flush();
    }
    while (on_way > 0) {
      poller.turn(
          [&](std::size_t i) {
            links[i]->receive([&](std::string_view text) {
              if (!is_answer(text)) return;
              expect_done(text);
              std::uint64_t id = 0;
              std::from_chars(text.data() + 6, text.data() + text.size(), id);
              batches.add(now_ns() - began[id]);
              began.erase(id);
              --on_way;
              accepted += static_cast<std::uint64_t>(options.batch);
              if (now_ns() < until) begin(i);
            });
            links[i]->flush();
          },
          [] {});
    }
  };
  go(300'000'000);
  accepted = 0;
  batches.clear();
  const CostMeter meter(options.pids, options.redis_pids);
  go(static_cast<std::int64_t>(options.seconds * 1e9));
  begin_line(options, options.clients, static_cast<double>(accepted), meter.cost(), batches).print();
}

int run(int count, char** values) {
  const Arguments given(count, values,
                        {"port", "mode", "clients", "inflight", "batch", "rounds", "rate", "gap-ms", "own", "window",
                         "seconds", "settle", "pids", "redis", "peer", "scenario", "run"});
  Options options;
  options.ports = given.whole_list("port");
  if (options.ports.empty()) options.ports = {7420};
  options.mode = given.text("mode", "latency");
  options.peer = given.text("peer", "holdfast");
  options.scenario = given.text("scenario");
  options.run = given.text("run", "1");
  options.pids = given.whole_list("pids");
  options.redis_pids = given.whole_list("redis");
  const std::string& mode = options.mode;
  const std::map<std::string, int> clients{{"fanout", 1000}, {"sustain", 1000}, {"fixed", 1000}, {"idle", 5000},
                                           {"accept", 4},    {"bulk", 200},     {"storm", 5000}, {"recover", 1}};
  const auto usual = clients.find(mode);
  options.clients = given.whole("clients", usual == clients.end() ? 1 : usual->second);
  options.rounds = given.whole("rounds", mode == "fanout" ? 30 : 5);
  options.batch = given.whole("batch", mode == "accept" ? 100 : mode == "storm" ? 50 : 1000);
  options.in_flight = given.whole("inflight", 2);
  options.own = given.whole("own", mode == "sustain" || mode == "fixed" ? 20 : 0);
  options.window = given.whole("window", 4);
  options.seconds = given.number("seconds", 3);
  options.rate = given.number("rate", mode == "fixed" ? 10 : 100);
  options.gap_ms = given.number("gap-ms", 50);
  options.settle_s = given.number("settle", 12);
  if (options.clients < 1 || options.rounds < 1 || options.batch < 1 || options.in_flight < 1 || options.window < 1)
    die("counts are 1 or more");
  raise_descriptors();
  if (mode == "accept") {
    accept(options);
    return 0;
  }
  Load load(options);
  if (mode == "latency" || mode == "fanout" || mode == "sustain" || mode == "fixed") {
    load.rounds();
  } else if (mode == "idle") {
    load.idle();
  } else if (mode == "bulk") {
    load.bulk();
  } else if (mode == "storm") {
    load.storm();
  } else if (mode == "recover") {
    load.recover();
  } else {
    die("there is no mode " + mode, "latency, fanout, sustain, fixed, idle, accept, bulk, storm, recover");
  }
  return 0;
}

}  // namespace
}  // namespace hf::load

int main(int count, char** values) { return hf::load::run(count, values); }
