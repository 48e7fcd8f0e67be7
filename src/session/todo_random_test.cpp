// Whatever is published, whoever comes, goes, reads slowly or is given other rights, and however late commits are: when
// it is quiet again, each tree shows what the board says for its user, and each digest on the way was that of its rows.
#include "base/random.h"
#include "session/todo_fixture_test.h"

namespace hf::test {
namespace {

class TodoRandom : public TodoTest {
 protected:
  struct Seat {
    Who who;
    ConnectionId connection = 0;  // 0: away
    TodoClient kept;              // while away
  };
  std::vector<Seat> seats;

  Who somebody(Random& random, const std::string& user) {
    static const std::vector<std::vector<std::string>> roles = {{"viewer"},           {"sales"},     {"manager"},
                                                                {"sales", "manager"}, {"warehouse"}, {}};
    static const std::vector<std::vector<std::string>> departments = {{}, {"D1"}, {"D2"}, {"D1", "D2"}};
    Who who{user, roles[random.below(roles.size())]};
    who.departments = departments[random.below(departments.size())];
    who.employee = random.one_in(2) ? "E-" + user : "";
    return who;
  }
  StatusEvent some_bill(Random& random) {
    StatusEvent e = bill(std::to_string(random.below(12)), std::nullopt, std::int64_t{1} << random.below(3),
                         static_cast<std::int64_t>(random.below(3)));
    static const std::vector<std::string> types = {"SaleOrder", "SaleOrder", "SaleOut", "PurOrder"};
    const auto person = [&] { return "u" + std::to_string(random.below(5)); };
    e.type = types[random.below(types.size())];
    e.creator = {person(), ""};
    e.handler = {random.one_in(3) ? person() : "", ""};
    e.owner = {random.one_in(3) ? "E-" + person() : "", ""};
    e.department = "D" + std::to_string(random.below(4));
    e.deleted = random.one_in(10);
    e.created = !e.deleted && random.one_in(5);
    return e;
  }
  void sit_down(Random& random, Seat& seat) {
    seat.connection = open(seat.who);
    TodoClient& c = clients[seat.connection];
    const std::size_t read = c.read;
    c = seat.kept;
    c.read = read;
    c.audience = audience_of(seat.who);
    c.digests = 0;
    hub->message(seat.connection,
                 R"({"id":"todo","op":"todo.subscribe")" +
                     (c.cursor.empty() || random.one_in(8) ? "" : with_cursor(c.cursor)) + "}",
                 now);
  }
  void stand_up(Seat& seat) {
    listen();
    hub->disconnected(seat.connection, now);
    seat.kept = clients[seat.connection];
    clients.erase(seat.connection);
    transport.backlog.erase(seat.connection);
    seat.connection = 0;
  }
  void resync(Random& random) {
    const auto ask_for = [&](const std::string& body) {
      const ExchangeId e = ++exchanges;
      hub->http(e, request("POST", "/v1/status/resync", publisher, body), now);
      while (!transport.responses.contains(e) && engine.commit()) {
      }
      return answer_of(e);
    };
    const std::string id = text(ask_for(R"({"type":"SaleOrder"})"), "resync");
    std::vector<LogEvent> page;
    for (int i = 0; i < 6; ++i) {
      StatusEvent e = some_bill(random);
      e.type = "SaleOrder";
      page.emplace_back(e);
    }
    ask_for(R"({"resync":")" + id + "\"," + publish_body(page).substr(1));
    ask_for(R"({"resync":")" + id + R"(","commit":true})");
    EXPECT_EQ(status, 200);
  }

  void run(std::uint64_t seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    options.todo.rows_per_page = 1 + static_cast<std::uint32_t>(random.below(4));
    options.todo.questions_max = 1 + static_cast<std::uint32_t>(random.below(4));
    if (random.one_in(2)) options.todo.bills_per_frame_max = 1 + static_cast<std::uint32_t>(random.below(3));
    if (random.one_in(3)) engine.board_limits.log_entries_max = 20;
    begin();
    for (int i = 0; i < 5; ++i) seats.push_back({somebody(random, "u" + std::to_string(i)), 0, {}});
    seats.push_back({viewer, 0, {}});
    engine.late = true;
    for (int step = 0; step < 400; ++step) {
      Seat& seat = seats[random.below(seats.size())];
      switch (random.below(16)) {
        case 0:
        case 1:
        case 2:
        case 3:
        case 4: {
          std::vector<LogEvent> events;
          for (std::uint64_t n = 1 + random.below(4); n > 0; --n) events.emplace_back(some_bill(random));
          publish_only(events);
          break;
        }
        case 5:
        case 6: seat.connection == 0 ? sit_down(random, seat) : stand_up(seat); break;
        case 7:
          if (seat.connection != 0) {
            transport.backlog[seat.connection] = random.one_in(2) ? options.todo.unsent_bytes_max + 1 : 0;
          }
          break;
        case 8:
          if (random.one_in(3)) {
            seat.who = somebody(random, seat.who.user);
            if (seat.connection != 0) {
              tell(seat.connection, R"({"id":9,"op":"auth","token":")" + token_of(seat.who) + "\"}");
              clients[seat.connection].audience = audience_of(seat.who);
            }
          }
          break;
        case 9:
          advance(Millis(100));
          hub->tick(now);
          break;
        case 10:
          if (random.one_in(10)) resync(random);
          break;
        case 11: hub->on_turn_end(); break;
        default:
          for (std::uint64_t n = random.below(6); n > 0; --n) engine.commit();
          break;
      }
      listen();
      if (HasFailure()) return;
    }
    engine.late = false;
    transport.backlog.clear();
    for (Seat& seat : seats) {
      if (seat.connection == 0) sit_down(random, seat);
    }
    engine.pump();
    pass(Millis(10'200));
    listen();
    for (const Seat& seat : seats) {
      const TodoClient& c = clients[seat.connection];
      EXPECT_TRUE(c.live) << seat.who.user;
      EXPECT_EQ(c.rows, board_rows(seat.who)) << seat.who.user;
      EXPECT_GE(c.digests, 1u) << seat.who.user;
    }
    EXPECT_EQ(engine.states[0].board().check(), "");
  }
};

class TodoRandomSeed : public TodoRandom, public ::testing::WithParamInterface<std::uint64_t> {};

TEST_P(TodoRandomSeed, every_tree_shows_what_the_board_says_when_it_is_quiet) { run(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Seeds, TodoRandomSeed, ::testing::Range<std::uint64_t>(1, 201));

}  // namespace
}  // namespace hf::test
