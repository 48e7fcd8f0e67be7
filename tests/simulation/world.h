#pragma once

// World is a simulated installation with its ERP: nodes, publishers, people at their clients and the network between
// them, on one virtual clock. Everything random comes from the seed, so a seed is a history.
//
// Faults are put in by a test or by Chaos (chaos.h); settle() heals them all, publishes once more and compares every
// client with the ERP's database a second later. What was found wrong, then or by the judges on the way, is in
// `faults`.
//
// Not thread-safe.

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "simulation/erp.h"
#include "simulation/judge.h"
#include "simulation/node.h"
#include "simulation/scheduler.h"
#include "simulation/screen.h"

namespace hf::sim {

struct WorldOptions {
  std::uint64_t seed = 1;
  std::size_t nodes = 1;
  bool redis = false;  // the nodes share one; else there is one node, with a disk
  std::size_t bills = 12;
  bool deletes = false;
  StatusLimits board;
  TodoLimits todo;
  Micros latency_max{8'000};
  std::size_t window = 2048;   // bytes that the network takes for a client that does not read
  std::size_t publishers = 3;  // with one, bills are made again under the ids of those that were deleted
  Erp::Fates fates() const {
    return !deletes ? Erp::Fates::changed : publishers == 1 ? Erp::Fates::made_again : Erp::Fates::deleted;
  }
  bool tells_all = false;  // every message of a client is in the story
};

// One way between a client and a node, both directions.
struct Wire {
  struct Message {
    std::string text;
    std::uint16_t close = 0;  // else the end
  };
  std::size_t node = 0;
  std::uint64_t life = 0;  // of the node
  ConnectionId id = 0;
  std::size_t seat = 0;
  bool up_dead = false, down_dead = false;  // swallowed from now on
  bool client_gone = false, server_gone = false;
  Micros up_last{0}, down_last{0};
  std::deque<Message> held;  // arrived, not read
  std::size_t unread = 0;    // bytes
};
using WirePtr = std::shared_ptr<Wire>;

// A person at a client.
struct Seat {
  std::size_t index = 0;
  Claims claims;  // what the next token says
  Selection selection;
  std::unique_ptr<TodoScreen> screen;
  std::unique_ptr<Judge> judge;
  bool awake = true;
  bool reads = true;
  bool wants_tree = true;
  std::optional<std::size_t> node;  // only this one
  WirePtr wire;
  bool greeted = false, asks_anew = false;
  std::string session, secret;
  std::uint64_t attempts = 0;  // to take its session up; counted aloud unless it does not count
  bool counts = true;
  Micros heard{0};
  std::uint64_t auths = 0;
  std::uint16_t closed = 0;  // the newest close code
  std::size_t connects = 0;
  std::vector<std::string> sent;  // what it was told since it was last cleared, if it keeps it
  bool keeps = false;
};

class World final : public Network {
 public:
  explicit World(WorldOptions options);
  ~World() override;

  // ---- people
  Seat& add_seat(Claims claims, Selection selection = {}, std::unique_ptr<TodoScreen> screen = nullptr);
  // Goes on to keep connecting while it is awake.
  void wake(Seat& seat);
  void fall_asleep(Seat& seat);
  // The connection breaks, and both sides notice.
  void cut(Seat& seat);
  // Nobody notices.
  void black_hole(Seat& seat, bool up, bool down);
  void read(Seat& seat, bool on);
  // The token of now, at once if it is connected.
  void set_claims(Seat& seat, Claims claims);
  void select(Seat& seat, Selection selection);
  void unsubscribe(Seat& seat);
  // Takes the edit lock of a bill that it shows, or lets go of all that it has; it does not wait for the answer.
  void edit(Seat& seat, const std::string& row);
  void stop_editing(Seat& seat);
  // Takes and frees bills without a pause in between.
  void fidget(Seat& seat);
  std::string token(const Claims& claims, std::vector<std::string> rights = {}) const;
  bool all_live() const;

  // ---- publishing
  struct Batch {
    std::string id;
    std::vector<LogEvent> events;
  };
  // Commits it in the database and gives it to a publisher, with a batch id of its own.
  Batch commit(const Erp::Transaction& transaction, std::optional<std::size_t> publisher = std::nullopt);
  void publish(Batch batch, std::size_t publisher);
  bool all_published() const;
  // A state of a bill one version on, committed and to be published.
  StatusEvent change(const std::string& id, std::int64_t s, std::int64_t p = 0, const std::string& creator = "u0",
                     const std::string& department = "");
  // Replaces a type by what the database has. `done` says whether the commit was acknowledged.
  void resync(const std::string& type, std::function<void(bool)> done = [](bool) {});
  // Any request of HTTP; -1: no answer came.
  using Answered = Node::Answered;
  void request(std::string method, std::string path, const std::string& with_token, std::string body,
               Answered answered);
  std::uint64_t answers_lost_one_in = 0;  // 0: none

  // ---- nodes
  Node& node(std::size_t i) { return *nodes_[i]; }
  std::size_t nodes() const { return nodes_.size(); }
  void kill(std::size_t node, bool noticed = true);
  void start(std::size_t node);
  // Sends everybody away, stops, and starts again a second later.
  void drain(std::size_t node);

  // ---- the end
  void heal();
  void settle();
  // Empty, or the first difference between a client and the database.
  std::string difference() const;
  // The same of who edits what, against the locks that a node lists.
  std::string editing_difference(const Editors& locked) const;
  // By the bill. Empty if no node answers.
  std::optional<Editors> locked();
  bool converges_within(Micros patience) {
    return time.until([this] { return difference().empty(); }, patience);
  }

  Scheduler time;
  Random random;
  WorldOptions options;
  Erp erp;
  std::shared_ptr<const Catalog> catalog;
  SimulatedRedis redis;
  std::vector<std::unique_ptr<Seat>> seats;
  std::vector<std::string> faults;
  std::vector<std::string> story;  // what happened, for who reads a failure
  std::size_t acknowledged = 0;    // events
  Micros converged_after{0};       // the last publish, as settle() saw it
  Micros latency_max;
  void tell(std::string what);

  void to_client(std::size_t node, ConnectionId connection, std::string_view text) override;
  void close_client(std::size_t node, ConnectionId connection, std::uint16_t code) override;
  std::size_t unsent(std::size_t node, ConnectionId connection) const override;
  void fault(const std::string& what) override;

 private:
  struct Publisher {
    std::deque<Batch> queue;
    bool flying = false;
  };
  Micros latency() { return Micros(50 + random.below(static_cast<std::uint64_t>(latency_max.count()))); }
  std::optional<std::size_t> some_node();
  void connect(Seat& seat);
  void reconnect_later(Seat& seat);
  void lost(Seat& seat, WirePtr wire, std::uint16_t code);
  void say(Seat& seat, std::string text);
  void hello(Seat& seat);
  std::string seat_token(const Seat& seat) const;
  void subscribe(Seat& seat);
  void arrive(WirePtr wire);
  void heard(Seat& seat, const std::string& text);
  void watch(Seat& seat);
  void end_at_server(const WirePtr& wire);
  void pump(std::size_t publisher);
  void published(std::size_t publisher, int status, const std::string& body);
  void check_recovered(Node& node);
  void check_agreement();
  void check_notices();
  void check_editing();

  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<std::pair<std::size_t, ConnectionId>, WirePtr> wires_;
  ConnectionId next_connection_ = 0;
  std::vector<Publisher> publishers_;
  std::map<std::string, Version> acked_;
  std::map<std::string, std::set<std::string>> rejected_;  // by creator, "id@version", as far as acknowledged
  std::uint64_t next_batch_ = 0;
  std::string publisher_token_;
};

}  // namespace hf::sim
