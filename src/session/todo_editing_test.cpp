// Who edits a bill, as rows say it. If these fail, a bill says for ever that somebody edits it, and nobody touches it.
#include "session/todo_editing.h"

#include <array>
#include <deque>
#include <set>

#include "base/random.h"
#include "session/todo_fixture_test.h"
#include "wire/edited_tally.h"
#include "wire/json_writer.h"

namespace hf::test {
namespace {

using Texts = std::map<std::string, std::string>;

class TodoEditingRows : public TodoTest {
 protected:
  void meet() {
    begin();
    publish({bill("1", 1), bill("2", 1)});
    editor = connect();
    hello(editor, token("zhou"));
    a = follow(viewer);
    b = follow(li);
    lock();
    pass(Millis(300));
    ASSERT_EQ(client(a).editing, edited);
    ASSERT_EQ(client(b).editing, edited);
  }
  void lock() { ask(editor, R"({"id":9,"op":"lock.acquire","targets":["SaleOrder:1"]})"); }
  void release() { ask(editor, R"({"id":9,"op":"lock.release_all"})"); }
  void expect_free() {
    pass(Millis(200));
    EXPECT_TRUE(client(a).editing.empty());
    EXPECT_TRUE(client(b).editing.empty());
  }

  const Texts edited{{"SaleOrder:1/unreviewed", "zhou"}};
  ConnectionId editor = 0, a = 0, b = 0;
};

TEST_F(TodoEditingRows, say_that_a_bill_is_free_that_was_freed_taken_and_freed_again_at_once) {
  meet();
  release();
  lock();
  release();
  expect_free();
}

TEST_F(TodoEditingRows, say_that_a_bill_is_free_that_was_published_while_it_was_taken_and_freed_twice) {
  meet();
  release();
  expect_free();
  lock();
  publish({bill("1", 2)});
  release();
  lock();
  release();
  expect_free();
}

TEST_F(TodoEditingRows, say_that_a_bill_is_free_to_who_came_while_it_was_taken_and_freed_twice) {
  meet();
  release();
  expect_free();
  lock();
  const ConnectionId late = follow(viewer);
  release();
  lock();
  release();
  expect_free();
  EXPECT_TRUE(client(late).editing.empty());
}

TEST_F(TodoEditingRows, say_who_edits_also_when_the_board_could_not_be_asked_at_first) {
  begin();
  publish({bill("1", 1)});
  editor = connect();
  hello(editor, token("zhou"));
  a = follow(viewer);
  lock();
  engine.late = true;
  pass(Millis(100));
  const auto asked = std::ranges::find_if(
      engine.uncommitted, [](const auto& each) { return std::holds_alternative<StatusFound>(each.outcome); });
  ASSERT_NE(asked, engine.uncommitted.end());
  asked->outcome = Refusal{.code = Code::unavailable};
  engine.late = false;
  pass(Millis(300));
  EXPECT_EQ(client(a).editing, edited);
}

// ------------------------------------------------------------------------------------------ what digests say of it

TEST_F(TodoEditingRows, are_proved_by_each_digest_as_soon_as_they_are_told) {
  meet();
  const std::size_t before = client(a).digests_of_edited;
  pass(Millis(10'000));
  EXPECT_EQ(client(a).digests_of_edited, before + 1);
  EXPECT_EQ(text(said(a, "todo.digest").back(), "edited.rows"), "1");
  EXPECT_EQ(text(said(b, "todo.digest").back(), "edited.rows"), "1") << "of a person's own row";
  const ConnectionId other = follow(wu), second = open(viewer);
  clients[second].all_rows = false;
  subscribe(second, R"(,"rows":"opened","open":["unsubmitted"])");
  for (const ConnectionId c : {other, second}) {
    EXPECT_EQ(text(said(c, "todo.digest").back(), "edited.rows"), "0") << "a row that is not his, or not asked for";
  }
  // Every lock is told with a later tick than it comes: a digest in between would be false, or waits.
  for (int i = 0; i < 40; ++i) {
    release();
    pass(Millis(200));
    lock();
    if (i % 4 == 0) publish({bill("1", static_cast<Version>(10 + i))});
    pass(Millis(350));
  }
  EXPECT_GE(client(a).digests_of_edited, before + 3);
  EXPECT_EQ(client(a).digests, client(a).digests_of_edited);
}

TEST_F(TodoEditingRows, that_never_come_to_rest_are_not_proved_and_the_others_are_in_time) {
  meet();
  pass(Millis(10'000));
  const std::size_t digests = client(a).digests, of_edited = client(a).digests_of_edited;
  engine.late = true;  // the board answers nobody: what is edited cannot be told
  release();
  pass(Millis(11'000));
  EXPECT_EQ(client(a).digests, digests + 1);
  EXPECT_EQ(client(a).digests_of_edited, of_edited);
  EXPECT_EQ(client(a).editing, edited);
  engine.late = false;
  expect_free();
  pass(Millis(10'000));
  EXPECT_GT(client(a).digests_of_edited, of_edited);
}

TEST_F(TodoEditingRows, beyond_the_limit_are_neither_said_nor_proved) {
  options.todo.edited_bills_max = 1;
  meet();
  ask(editor, R"({"id":9,"op":"lock.acquire","targets":["SaleOrder:2"]})");
  pass(Millis(10'500));
  EXPECT_EQ(client(a).editing, edited);
  EXPECT_EQ(text(said(a, "todo.digest").back(), "edited.rows"), "1");
}

TEST_F(TodoEditingRows, are_proved_where_names_are_hidden_too) {
  options.hide_names = true;
  begin();
  publish({bill("1", 1)});
  editor = connect();
  hello(editor, token("zhou"));
  a = follow(viewer);
  lock();
  pass(Millis(10'500));
  EXPECT_EQ(client(a).editing.size(), 1u);
  EXPECT_EQ(text(said(a, "todo.digest").back(), "edited.rows"), "1");
}

// The example of docs/protocol.md, for who writes a client of his own.
TEST(EditedTally, is_that_of_the_documented_example) {
  const Wall since = *parse_time("2025-11-22T09:30:00.000Z");
  const Tally sum = edited_tally("SaleOrder:1001", "unreviewed", "li", since);
  EXPECT_EQ(sum, text_tally("SaleOrder:1001/unreviewed@li@2025-11-22T09:30:00.000Z"));
  EXPECT_EQ(sum, (Tally{1, 901156295, 3549738789}));
  EXPECT_EQ(edited_tally("SaleOrder:1001", "unreviewed", "", since), (Tally{1, 3123700427, 1116707979}))
      << "a name that is hidden";
}

// ------------------------------------------------------------------------------------------ whatever happens

// Followers who are told now and then: each row as it is when it is written.
class Crowd {
 public:
  explicit Crowd(std::uint64_t seed) : random_(seed) {}

  // What is wrong, or nothing.
  std::string live(std::size_t steps) {
    for (std::size_t i = 0; i < steps; ++i) {
      act();
      if (const std::string wrong = compare(); !wrong.empty()) return wrong + " after " + std::to_string(i) + " steps";
    }
    return {};
  }

 private:
  using TodoEditing = session::TodoEditing;
  static constexpr std::size_t bills = 3, people = 4;
  struct Person {
    bool here = false;
    std::map<std::string, TodoEditing::Editor> says;  // rows that say that somebody edits
    std::set<std::string> noted;                      // rows to write
  };
  static std::string key(std::size_t bill) { return "A:" + std::to_string(bill); }
  void write(Person& person, const std::string& key) {
    const TodoEditing::Editor* const editor = editing_.say(0, key);
    person.says.erase(key);
    if (editor != nullptr) person.says.emplace(key, *editor);
  }
  void act() {
    const std::string bill = key(random_.below(bills));
    Person& person = people_[random_.below(people)];
    switch (random_.below(8)) {
      case 0:
      case 1:
      case 2: {  // somebody takes it, or frees it
        Grant grant;
        grant.user = random_.one_in(2) ? "li" : "wang";
        grant.acquired_at = Wall(Micros(random_.below(3)));
        editing_.changed(0, *Target::parse(bill), random_.one_in(2) ? &grant : nullptr);
        return;
      }
      case 3:  // it is published: its row is told to who is concerned
        if (person.here) person.noted.insert(bill);
        return;
      case 4: {  // who comes is told all, who goes nothing
        person = {.here = !person.here};
        if (!person.here) return;
        editing_.said_all(0);
        for (std::size_t i = 0; i < bills; ++i) write(person, key(i));
        return;
      }
      case 5: {
        for (const auto& [number, ns, about] : editing_.take_owed(1 + random_.below(2)))
          asked_.emplace_back(number, about);
        return;
      }
      case 6: {  // the board answers, in order
        if (asked_.empty()) return;
        const auto [number, about] = asked_.front();
        asked_.pop_front();
        if (random_.one_in(4)) return editing_.put_back(number);
        editing_.answered(number, nullptr);
        for (Person& each : people_) {
          if (each.here) each.noted.insert(about);
        }
        return;
      }
      default:  // what is noted is written
        for (const std::string& each : std::exchange(person.noted, {})) write(person, each);
    }
  }
  std::string compare() const {
    if (!editing_.settled(0)) return {};
    for (const Person& person : people_) {
      if (!person.here || !person.noted.empty()) continue;
      for (std::size_t i = 0; i < bills; ++i) {
        const TodoEditing::Editor* const editor = editing_.find(0, key(i));
        const auto says = person.says.find(key(i));
        const bool same = says == person.says.end() ? editor == nullptr : editor != nullptr && says->second == *editor;
        if (!same) return "nothing is owed, and a row of " + key(i) + " is wrong";
      }
    }
    return {};
  }

  Random random_;
  TodoEditing editing_{bills};
  std::array<Person, people> people_;
  std::deque<std::pair<std::uint64_t, std::string>> asked_;
};

TEST(TodoEditing, owes_a_telling_while_any_row_may_say_otherwise) {
  for (std::uint64_t seed = 1; seed <= 2'000; ++seed) {
    const std::string wrong = Crowd(seed).live(200);
    ASSERT_EQ(wrong, "") << "seed " << seed;
  }
}

}  // namespace
}  // namespace hf::test
