#include "simulation/world.h"

#include <algorithm>
#include <boost/json.hpp>

#include "simulation/sdk_screen.h"
#include "wire/jwt.h"
#include "wire/messages.h"
#include "wire/websocket.h"

namespace hf::sim {
namespace {

constexpr Millis answer_within{3'000};
constexpr Millis silent_max{25'000};  // then a client takes its connection for dead: pings come each 10 s
constexpr std::size_t story_max = 60;

std::string text_of(const boost::json::object& o, const char* name) {
  const auto* value = o.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::string list_of(const auto& texts) {
  boost::json::array list;
  for (const std::string& text : texts) list.emplace_back(text);
  return boost::json::serialize(list);
}

// As it is published: what it has not is said.
StatusEvent whole(StatusEvent change) {
  change.none = {"creator", "owner", "department"};
  return change;
}

}  // namespace

World::World(WorldOptions made)
    : random(made.seed),
      options(std::move(made)),
      catalog(test::model_catalog()),
      redis(time, wall_us(start_us)),
      latency_max(options.latency_max),
      publishers_(options.publishers) {
  publisher_token_ = token({.user = "erp"}, {"status.publish"});
  for (std::size_t i = 0; i < options.nodes; ++i) {
    NodeSetting setting;
    setting.index = i;
    setting.catalog = catalog;
    setting.board.catalog = catalog;
    setting.board.limits = options.board;
    setting.board.clock_step_max = Millis(std::chrono::hours(24 * 365));
    setting.todo = options.todo;
    if (options.redis) setting.redis = &redis;
    nodes_.push_back(std::make_unique<Node>(time, random, *this, std::move(setting)));
    nodes_.back()->start();
  }
}

World::~World() = default;

void World::tell(std::string what) {
  story.push_back(std::to_string(time.now().count() / 1000) + " ms: " + std::move(what));
  if (story.size() > story_max && !options.tells_all) story.erase(story.begin());
}

void World::fault(const std::string& what) {
  tell("FAULT " + what);
  faults.push_back(what);
}

std::string World::token(const Claims& claims, std::vector<std::string> rights) const {
  Identity identity;
  identity.user = identity.name = claims.user;
  identity.roles = claims.roles;
  identity.departments = claims.departments;
  identity.employee = claims.employee;
  identity.rights = std::move(rights);
  return sign_hs256(identity, key_id, key_secret, wall_us(start_us) + time.now(), Millis(std::chrono::hours(24 * 365)),
                    "");
}

// ---------------------------------------------------------------------------------------------- people

Seat& World::add_seat(Claims claims, Selection selection, std::unique_ptr<TodoScreen> screen) {
  seats.push_back(std::make_unique<Seat>());
  Seat& seat = *seats.back();
  seat.index = seats.size() - 1;
  seat.claims = std::move(claims);
  seat.selection = std::move(selection);
  seat.screen = std::move(screen);
  if (!seat.screen && seat.index % 2 == 1) seat.screen = std::make_unique<SdkScreen>();
  if (!seat.screen) seat.screen = std::make_unique<ReferenceScreen>();
  seat.judge =
      std::make_unique<Judge>(erp, [this, &seat](const std::string& what) { fault(seat.claims.user + ": " + what); });
  connect(seat);
  watch(seat);
  return seat;
}

void World::wake(Seat& seat) {
  seat.awake = true;
  connect(seat);
}

void World::fall_asleep(Seat& seat) {
  seat.awake = false;
  if (seat.wire) cut(seat);
}

std::optional<std::size_t> World::some_node() {
  std::vector<std::size_t> up;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i]->is_up()) up.push_back(i);
  }
  if (up.empty()) return std::nullopt;
  return up[random.below(up.size())];
}

void World::reconnect_later(Seat& seat) {
  time.after(Millis(50 + random.below(400)), [this, &seat] { connect(seat); });
}

void World::connect(Seat& seat) {
  if (!seat.awake || seat.wire) return;
  const auto node = seat.node ? seat.node : some_node();
  if (!node || !nodes_[*node]->is_up()) return reconnect_later(seat);
  seat.wire = std::make_shared<Wire>();
  seat.wire->node = *node;
  seat.wire->life = nodes_[*node]->life();
  seat.wire->id = ++next_connection_;
  seat.wire->seat = seat.index;
  seat.heard = time.now();
  seat.greeted = seat.asks_anew = false;
  ++seat.connects;
  wires_[{*node, seat.wire->id}] = seat.wire;
  const Micros way = latency();
  seat.wire->up_last = time.now() + way;
  time.after(way, [this, wire = seat.wire] {
    if (nodes_[wire->node]->life() != wire->life || wire->server_gone) return end_at_server(wire);
    nodes_[wire->node]->connected(wire->id);
  });
  hello(seat);
}

void World::hello(Seat& seat) {
  std::string text = R"({"op":"hello","lease_ms":)" + std::string(seat.index % 2 == 0 ? "10000" : "30000") +
                     R"(,"token":")" + seat_token(seat) + "\"";
  if (!seat.session.empty()) {
    text += R"(,"session":")" + seat.session + R"(","secret":")" + seat.secret + "\"";
    if (seat.counts) text += R"(,"attempt":)" + std::to_string(++seat.attempts);
  }
  seat.judge->connected(seat.claims);
  say(seat, text + "}");
}

void World::subscribe(Seat& seat) {
  if (!seat.wants_tree || !seat.greeted) return;
  seat.judge->subscribing(seat.selection);
  std::string text = R"({"id":"todo","op":"todo.subscribe")";
  if (!seat.selection.types.empty()) text += R"(,"types":)" + list_of(seat.selection.types);
  if (seat.selection.open) text += R"(,"rows":"opened","open":)" + list_of(*seat.selection.open);
  if (!seat.screen->doubts() && !seat.screen->cursor().empty()) text += R"(,"cursor":")" + seat.screen->cursor() + "\"";
  seat.screen->asked();
  say(seat, text + "}");
}

void World::unsubscribe(Seat& seat) {
  seat.wants_tree = false;
  if (seat.greeted) say(seat, R"({"id":"un","op":"todo.unsubscribe"})");
}

void World::select(Seat& seat, Selection selection) {
  seat.selection = std::move(selection);
  seat.wants_tree = true;
  subscribe(seat);
}

void World::set_claims(Seat& seat, Claims claims) {
  seat.claims = std::move(claims);
  if (!seat.wire || !seat.greeted) {
    // Whose hello is on its way comes again with the new token.
    if (seat.wire) cut(seat);
    return;
  }
  seat.judge->renewing(seat.claims);
  say(seat, R"({"id":"auth)" + std::to_string(++seat.auths) + R"(","op":"auth","token":")" + seat_token(seat) + "\"}");
}

std::string World::seat_token(const Seat& seat) const { return token(seat.claims, {"lock.view", "lock.edit"}); }

void World::edit(Seat& seat, const std::string& row) {
  const std::string bill = row.substr(0, row.rfind('/'));
  erp.edit(bill, seat.claims.user);
  say(seat, R"({"id":"lock","op":"lock.acquire","targets":[")" + bill + R"("]})");
}

void World::stop_editing(Seat& seat) { say(seat, R"({"id":"lock","op":"lock.release_all"})"); }

void World::fidget(Seat& seat) {
  if (!seat.wire || !seat.greeted || seat.screen->rows().empty()) return;
  const auto row =
      std::next(seat.screen->rows().begin(), static_cast<std::ptrdiff_t>(random.below(seat.screen->rows().size())));
  const std::string bill = row->first;
  bool edits = random.one_in(2);
  for (std::uint64_t left = 1 + random.below(5); left > 0; --left) {
    if (edits) {
      stop_editing(seat);
    } else {
      edit(seat, bill);
    }
    edits = !edits;
  }
}

// A client that hears nothing takes its connection for dead.
void World::watch(Seat& seat) {
  time.after(Millis(5'000), [this, &seat] {
    if (seat.wire && seat.reads && time.now() - seat.heard > silent_max) {
      tell(seat.claims.user + " takes its connection for dead");
      cut(seat);
    }
    watch(seat);
  });
}

void World::cut(Seat& seat) {
  const WirePtr wire = seat.wire;
  if (!wire) return;
  time.after(latency(), [this, wire] {
    if (!wire->up_dead) end_at_server(wire);
  });
  lost(seat, wire, 1006);
}

void World::end_at_server(const WirePtr& wire) {
  wires_.erase({wire->node, wire->id});
  if (std::exchange(wire->server_gone, true)) return;
  Node& node = *nodes_[wire->node];
  if (node.is_up() && node.life() == wire->life) {
    node.disconnected(wire->id);
  } else if (!wire->client_gone && !wire->down_dead) {
    lost(*seats[wire->seat], wire, 1006);
  }
}

void World::black_hole(Seat& seat, bool up, bool down) {
  if (!seat.wire) return;
  seat.wire->up_dead = seat.wire->up_dead || up;
  seat.wire->down_dead = seat.wire->down_dead || down;
}

void World::lost(Seat& seat, WirePtr wire, std::uint16_t code) {
  if (std::exchange(wire->client_gone, true) || seat.wire != wire) return;
  // Nobody else takes its session up: there is nothing that this connection could have been replaced by.
  if (code == close_code::replaced) fault(seat.claims.user + " is thrown out of where it lives");
  seat.wire.reset();
  seat.greeted = false;
  seat.reads = true;
  seat.closed = code;
  seat.screen->left();
  reconnect_later(seat);
}

void World::say(Seat& seat, std::string text) {
  const WirePtr wire = seat.wire;
  if (!wire || wire->up_dead) return;
  if (options.tells_all) tell("seat " + std::to_string(seat.index) + " says " + text);
  wire->up_last = std::max(wire->up_last, time.now() + latency());
  time.after(wire->up_last - time.now(), [this, wire, text = std::move(text)] {
    if (wire->up_dead || wire->server_gone) return;
    if (nodes_[wire->node]->life() != wire->life) return end_at_server(wire);
    nodes_[wire->node]->hear(wire->id, text);
  });
}

std::size_t World::unsent(std::size_t node, ConnectionId connection) const {
  const auto at = wires_.find({node, connection});
  return at == wires_.end() || at->second->unread <= options.window ? 0 : at->second->unread - options.window;
}

void World::to_client(std::size_t node, ConnectionId connection, std::string_view text) {
  const auto at = wires_.find({node, connection});
  if (at == wires_.end()) return;
  const WirePtr wire = at->second;
  if (wire->server_gone) return fault("sent after close: " + std::string(text));
  wire->unread += text.size();
  if (wire->down_dead) return;
  wire->down_last = std::max(wire->down_last, time.now() + latency());
  time.after(wire->down_last - time.now(), [this, wire, text = std::string(text)]() mutable {
    wire->held.push_back({std::move(text), 0});
    arrive(wire);
  });
}

void World::close_client(std::size_t node, ConnectionId connection, std::uint16_t code) {
  const auto at = wires_.find({node, connection});
  if (at == wires_.end()) return;
  const WirePtr wire = at->second;
  wires_.erase(at);
  wire->server_gone = true;
  wire->down_last = std::max(wire->down_last, time.now() + latency());
  time.after(wire->down_last - time.now(), [this, wire, code] {
    wire->held.push_back({"", code});
    arrive(wire);
  });
}

void World::arrive(WirePtr wire) {
  Seat& seat = *seats[wire->seat];
  while (!wire->held.empty() && !wire->client_gone && !wire->down_dead && seat.wire == wire && seat.reads) {
    const Wire::Message message = std::move(wire->held.front());
    wire->held.pop_front();
    wire->unread -= message.text.size();
    if (message.close != 0) return lost(seat, wire, message.close);
    heard(seat, message.text);
  }
}

void World::read(Seat& seat, bool on) {
  seat.reads = on;
  seat.heard = time.now();
  if (on && seat.wire) arrive(seat.wire);
}

void World::heard(Seat& seat, const std::string& text) {
  seat.heard = time.now();
  if (seat.keeps) seat.sent.push_back(text);
  if (options.tells_all) tell("seat " + std::to_string(seat.index) + " hears " + text);
  seat.judge->hear(text, *seat.screen);
  if (seat.screen->doubts() && seat.greeted && !seat.asks_anew) {
    seat.asks_anew = true;
    subscribe(seat);
  }
  if (text.find("\"todo.") != std::string::npos) return;
  const boost::json::value value = boost::json::parse(text);
  const auto& said = value.as_object();
  const std::string event = text_of(said, "event");
  if (text_of(said, "id") == "todo") seat.asks_anew = false;
  if (event == "ping") return say(seat, R"({"op":"pong","n":)" + boost::json::serialize(said.at("n")) + "}");
  if (event == "welcome") {
    seat.session = text_of(said, "session");
    seat.secret = text_of(said, "secret");
    seat.greeted = true;
    return subscribe(seat);
  }
  const auto* const error = said.if_contains("error");
  if (error == nullptr) return;
  if (text_of(said, "id") == "lock") return;  // somebody else has it, or the session is over
  const std::string code = text_of(error->as_object(), "code");
  if (!seat.greeted && code == "session_gone") {
    seat.session.clear();
    return hello(seat);
  }
  if (code == "invalid" && text_of(said, "id") == "todo") {
    // A subscription that another took the place of; any other is a defect.
    if (text.find("took its place") == std::string::npos) fault(seat.claims.user + ": " + text);
    return;
  }
  // Unavailable, unknown outcome, draining, too many: once more.
  cut(seat);
}

bool World::all_live() const {
  return std::ranges::all_of(seats, [](const auto& seat) {
    const bool whole = seat->wire && !seat->wire->up_dead && !seat->wire->down_dead;
    return !seat->awake || !seat->wants_tree || (whole && seat->screen->live());
  });
}

// ---------------------------------------------------------------------------------------------- publishing

void World::request(std::string method, std::string path, const std::string& with_token, std::string body,
                    Answered answered) {
  auto once = std::make_shared<Answered>(std::move(answered));
  const auto answer = [once](int status, std::string text) {
    if (*once) std::exchange(*once, nullptr)(status, std::move(text));
  };
  time.after(answer_within, [answer] { answer(-1, ""); });
  const auto node = some_node();
  if (!node) return;
  const bool lose = answers_lost_one_in != 0 && random.one_in(answers_lost_one_in);
  const bool lose_request = lose && random.one_in(2);
  HttpRequest made;
  made.method = std::move(method);
  if (const std::size_t query = path.find("?limit="); query != std::string::npos) {
    made.query.emplace_back("limit", path.substr(query + 7));
    path.resize(query);
  }
  made.path = std::move(path);
  made.authorization = "Bearer " + with_token;
  made.body = std::move(body);
  made.host = "localhost:7420";
  time.after(latency(),
             [this, node = *node, life = nodes_[*node]->life(), made = std::move(made), answer, lose, lose_request] {
               if (lose_request || nodes_[node]->life() != life) return;
               nodes_[node]->request(made, [this, answer, lose](int status, std::string text) {
                 if (lose) return;
                 time.after(latency(), [answer, status, text = std::move(text)] { answer(status, text); });
               });
             });
}

World::Batch World::commit(const Erp::Transaction& transaction, std::optional<std::size_t> publisher) {
  erp.commit(transaction);
  Batch batch{"b" + std::to_string(++next_batch_), {}};
  for (const StatusEvent& change : transaction.changes) batch.events.emplace_back(whole(change));
  if (!batch.events.empty()) publish(batch, publisher.value_or(random.below(publishers_.size())));
  return batch;
}

StatusEvent World::change(const std::string& id, std::int64_t s, std::int64_t p, const std::string& creator,
                          const std::string& department) {
  StatusEvent e;
  const std::string key = Erp::key_of(id);
  e.type = key.substr(0, 1);
  e.id = id;
  const StatusEvent* const known = erp.now(key);
  e.version = (known != nullptr ? *known->version : 0) + 1;
  e.state = {{"S", s}, {"P", p}};
  e.creator = {creator, ""};
  e.actor = {"erp", ""};
  e.department = department;
  commit(erp.begin_with(e), 0);
  return e;
}

void World::publish(Batch batch, std::size_t publisher) {
  publishers_[publisher].queue.push_back(std::move(batch));
  pump(publisher);
}

bool World::all_published() const {
  return std::ranges::all_of(publishers_, [](const Publisher& each) { return each.queue.empty(); });
}

void World::pump(std::size_t publisher) {
  Publisher& p = publishers_[publisher];
  if (p.flying || p.queue.empty()) return;
  p.flying = true;
  std::string body;
  append_fields(body, Fields(Publish{{.request_id = p.queue.front().id}, p.queue.front().events}));
  if (options.tells_all) tell("publisher " + std::to_string(publisher) + " sends " + body);
  request("POST", "/v1/status", publisher_token_, std::move(body),
          [this, publisher](int status, const std::string& text) { published(publisher, status, text); });
}

void World::published(std::size_t publisher, int status, const std::string& body) {
  Publisher& p = publishers_[publisher];
  p.flying = false;
  if (options.tells_all) {
    tell("publisher " + std::to_string(publisher) + ": " + p.queue.front().id + " is " + std::to_string(status) + " " +
         body);
  }
  if (status == 200) {
    const Batch batch = std::move(p.queue.front());
    p.queue.pop_front();
    const boost::json::value said = boost::json::parse(body);
    const auto& results = said.at("results").as_array();
    if (results.size() != batch.events.size()) fault("not every event is answered: " + body);
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i].as_object().contains("differs")) fault("one version with two contents: " + body);
      const auto* const event = std::get_if<StatusEvent>(&batch.events[i]);
      if (event == nullptr) continue;
      ++acknowledged;
      Version& known = acked_[event->type + ":" + event->id];
      known = std::max(known, *event->version);
      if (event->action == "驳回" && results[i].as_object().contains("offset")) {
        rejected_[event->creator.user].insert(event->id + "@" + std::to_string(*event->version));
      }
    }
    return pump(publisher);
  }
  if (status != -1 && status != 429 && status != 503 && status != 504) fault("publishing is refused: " + body);
  time.after(Millis(20 + random.below(200)), [this, publisher] { pump(publisher); });
}

void World::resync(const std::string& type, std::function<void(bool)> done) {
  const auto ask = [this](std::string body, Answered then) {
    request("POST", "/v1/status/resync", publisher_token_, std::move(body), std::move(then));
  };
  ask(R"({"type":")" + type + "\"}", [this, ask, type, done = std::move(done)](int opened, const std::string& text) {
    if (opened != 200) return done(false);
    const std::string id = text_of(boost::json::parse(text).as_object(), "resync");
    std::vector<LogEvent> events;
    for (const StatusEvent& bill : erp.bills_of(type)) events.emplace_back(whole(bill));
    std::string page;
    append_fields(page, Fields(Publish{{}, events}));
    ask(R"({"resync":")" + id + "\"," + page.substr(1), [ask, id, done](int taken, const std::string&) {
      if (taken != 200) return done(false);
      ask(R"({"resync":")" + id + R"(","commit":true})",
          [done](int status, const std::string&) { done(status == 200); });
    });
  });
}

// ---------------------------------------------------------------------------------------------- nodes

void World::kill(std::size_t i, bool noticed) {
  if (!nodes_[i]->is_up()) return;
  nodes_[i]->kill();
  std::vector<WirePtr> open;
  for (const auto& [key, wire] : wires_) {
    if (key.first == i) open.push_back(wire);
  }
  for (const WirePtr& wire : open) {
    if (!noticed) wire->down_dead = wire->up_dead = true;
    time.after(latency(), [this, wire] { end_at_server(wire); });
  }
}

void World::start(std::size_t i) {
  if (nodes_[i]->is_up()) return;
  nodes_[i]->start();
  check_recovered(*nodes_[i]);
}

void World::drain(std::size_t i) {
  nodes_[i]->drain(Millis(500));
  time.after(Millis(1'000), [this, i, life = nodes_[i]->life()] {
    if (nodes_[i]->life() != life) return;
    kill(i);
    start(i);
  });
}

// What was acknowledged is there again.
void World::check_recovered(Node& node) {
  if (const std::string broken = node.check(); !broken.empty()) fault("after a start: " + broken);
  if (node.durable() == nullptr) return;
  const auto everything = std::make_shared<const Audience>(*catalog, Claims{.user = "auditor", .super = true});
  for (const auto& [key, version] : acked_) {
    if (options.deletes) continue;  // of a deleted bill the board need not know any more
    std::vector<BoardEvent> events;
    std::string journal;
    const auto found = node.durable()->board().apply(GetStatus{everything, key.substr(0, 1), key.substr(2)},
                                                     node.wall(), events, journal);
    const auto* const status = std::get_if<StatusFound>(&found);
    if (status == nullptr || status->bill->version() < version) {
      fault("acknowledged and lost: " + key + "@" + std::to_string(version));
    }
  }
}

// ---------------------------------------------------------------------------------------------- the end

void World::heal() {
  answers_lost_one_in = 0;
  latency_max = Micros(2'000);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    start(i);
    nodes_[i]->skew = Micros(0);
    nodes_[i]->stall_disk(Micros(2'000));
    nodes_[i]->cut_redis(false);
    nodes_[i]->swallow_redis(false);
    nodes_[i]->stand_still(false);
  }
  for (const auto& seat : seats) {
    read(*seat, true);
    if (!seat->wants_tree) select(*seat, seat->selection);
    wake(*seat);
  }
}

std::string World::difference() const {
  for (const auto& seat : seats) {
    if (!seat->awake || !seat->wants_tree) continue;
    const std::string who = seat->claims.user + ", seat " + std::to_string(seat->index);
    if (!seat->screen->live()) return who + " does not follow";
    const Rows expected = erp.rows(seat->claims, seat->selection);
    const Rows& shown = seat->screen->rows();
    for (const auto& [row, version] : expected) {
      const auto at = shown.find(row);
      if (at == shown.end()) return who + " lacks " + row + "@" + std::to_string(version);
      if (at->second != version) {
        return who + " shows " + row + "@" + std::to_string(at->second) + ", not @" + std::to_string(version);
      }
    }
    for (const auto& [row, version] : shown) {
      if (!expected.contains(row)) return who + " still shows " + row + "@" + std::to_string(version);
    }
    Counts counted = seat->screen->counts();
    std::erase_if(counted, [](const auto& each) { return each.second == 0; });
    if (counted != erp.counts(seat->claims, seat->selection)) return who + " has other counts";
  }
  return {};
}

std::string World::editing_difference(const Editors& locked) const {
  for (const auto& seat : seats) {
    if (!seat->awake || !seat->wants_tree || !seat->screen->live()) continue;
    const std::string who = seat->claims.user + ", seat " + std::to_string(seat->index);
    const Editors& shown = seat->screen->editing();
    for (const auto& [row, version] : seat->screen->rows()) {
      const auto now = locked.find(row.substr(0, row.rfind('/')));
      const auto said = shown.find(row);
      if (now == locked.end() && said != shown.end()) return who + " shows that " + said->second + " edits " + row;
      if (now == locked.end() || (said != shown.end() && said->second == now->second)) continue;
      return who + " does not show that " + now->second + " edits " + row;
    }
  }
  return {};
}

std::optional<Editors> World::locked() {
  std::optional<std::string> answer;
  request("GET", "/v1/locks?limit=500", token({.user = "auditor"}, {"lock.view", "admin"}), "",
          [&](int status, std::string text) { answer = status == 200 ? std::move(text) : ""; });
  time.until([&] { return answer.has_value(); }, answer_within + Millis(1'000));
  if (!answer || answer->empty()) return std::nullopt;
  Editors editors;
  const boost::json::value said = boost::json::parse(*answer);
  for (const auto& lock : said.at("locks").as_array()) {
    const std::string editor =
        std::string(lock.at("user").as_string()) + "@" + std::string(lock.at("acquired_at").as_string());
    for (const auto& target : lock.at("targets").as_array()) editors[std::string(target.as_string())] = editor;
  }
  return editors;
}

// As soon as no lock has come or gone for a while.
void World::check_editing() {
  for (int tries = 0; tries < 20; ++tries) {
    const auto before = locked();
    time.run(Millis(500));
    const auto after = locked();
    if (!before || before != after) continue;
    if (const std::string wrong = editing_difference(*after); !wrong.empty()) fault(wrong);
    return;
  }
  fault("locks come and go without end");
}

// Nodes that share a log have one state.
void World::check_agreement() {
  if (!options.redis) return;
  const bool agree = time.until(
      [this] {
        return std::ranges::all_of(
            nodes_, [&](const auto& node) { return node->on_redis()->image() == nodes_[0]->on_redis()->image(); });
      },
      Millis(2'000));
  if (!agree) fault("the nodes do not agree");
}

// Every rejection that was acknowledged waits for its creator, once.
void World::check_notices() {
  for (const auto& [user, rejections] : rejected_) {
    std::string answer;
    request("GET", "/v1/notices?limit=500", token({.user = user, .employee = "-"}), "",
            [&](int status, std::string text) { answer = status == 200 ? std::move(text) : "{}"; });
    time.until([&] { return !answer.empty(); }, answer_within + Millis(1'000));
    std::multiset<std::string> listed;
    const boost::json::value said = boost::json::parse(answer);
    if (const auto* list = said.as_object().if_contains("notices")) {
      for (const auto& each : list->as_array()) {
        listed.insert(std::string(each.at("id").as_string()) + "@" +
                      std::to_string(each.at("version").to_number<Version>()));
      }
    }
    for (const std::string& each : rejections) {
      // A bill that was made again may have been rejected at one version in each of its lives.
      const std::size_t at = each.find('@');
      const auto states = erp.states(Erp::key_of(each.substr(0, at)), std::stoull(each.substr(at + 1)));
      const auto most = static_cast<std::size_t>(std::ranges::count_if(
          states, [&](const StatusEvent* state) { return state->action == "驳回" && state->creator.user == user; }));
      if (listed.count(each) < 1 || listed.count(each) > most)
        fault(user + " has " + std::to_string(listed.count(each)) + " notices of " + each);
    }
  }
}

void World::settle() {
  heal();
  if (!time.until([this] { return all_published(); }, Millis(60'000))) fault("a publisher is not served");
  if (!time.until([this] { return all_live(); }, Millis(120'000))) fault("somebody does not follow again");
  for (int i = 0; i < 3; ++i) commit(erp.begin(random, options.bills, 4, options.fates()));
  for (const auto& seat : seats) fidget(*seat);
  if (!time.until([this] { return all_published(); }, Millis(10'000))) fault("the last batch is not taken");
  const Micros published_at = time.now();
  if (!converges_within(Millis(1'000))) fault("not converged after a second: " + difference());
  converged_after = time.now() - published_at;
  check_editing();
  // And it stays so, over a digest of everybody.
  for (const auto& seat : seats) seat->judge->digests = 0;
  time.run(Millis(10'500));
  if (const std::string left = difference(); !left.empty()) fault("converged, and then not: " + left);
  for (const auto& seat : seats) {
    if (seat->judge->digests == 0) fault("no digest for " + seat->claims.user);
  }
  check_editing();
  for (const auto& node : nodes_) {
    if (const std::string broken = node->check(); !broken.empty()) fault(broken);
  }
  check_agreement();
  check_notices();
}

}  // namespace hf::sim
