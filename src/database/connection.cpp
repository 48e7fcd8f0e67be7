#include "database/connection.h"

#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <utility>

#include "database/script.h"

namespace hf::database {
namespace {

constexpr std::array<const char*, 5> postgresql_settings = {
    "SET statement_timeout = '10s'", "SET idle_in_transaction_session_timeout = '10s'",
    "SET default_transaction_isolation = 'read committed'", "SET client_encoding = 'UTF8'", "SET TIME ZONE 'UTC'"};

// Readers go on while one writes, and what is committed survives a loss of power.
constexpr std::array<const char*, 2> sqlite_settings = {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"};

// Which of the values the text names. SQLite refuses to be given one that it does not.
std::vector<bool> named_in(std::string_view text, std::size_t values) {
  std::vector<bool> named(values);
  for (std::size_t at = text.find(":v"); at != std::string_view::npos; at = text.find(":v", at + 2)) {
    std::size_t number = 0;
    const auto [end, wrong] = std::from_chars(text.data() + at + 2, text.data() + text.size(), number);
    if (wrong == std::errc() && number >= 1 && number <= values) named[number - 1] = true;
  }
  return named;
}

// The statement's values as SOCI binds them: by reference, so they outlive it.
struct Bound {
  std::vector<long long> numbers;
  std::vector<std::string> texts, names;
  std::vector<soci::indicator> given;

  explicit Bound(const std::vector<Value>& values)
      : numbers(values.size()), texts(values.size()), names(values.size()), given(values.size(), soci::i_ok) {}

  void attach(soci::statement& made, const Statement& statement) {
    const std::vector<Value>& values = statement.values;
    const std::vector<bool> named = named_in(statement.text, values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!named[i]) continue;
      names[i] = "v" + std::to_string(i + 1);
      if (const auto* number = std::get_if<std::int64_t>(&values[i])) {
        numbers[i] = *number;
        made.exchange(soci::use(numbers[i], names[i]));
        continue;
      }
      if (const auto* text = std::get_if<std::string>(&values[i])) {
        texts[i] = *text;
      } else {
        given[i] = soci::i_null;
      }
      made.exchange(soci::use(texts[i], given[i], names[i]));
    }
  }
};

// Deadlocks and conflicts of snapshots (40P01, 40001) or SQLite's busy (5) and locked (6); unique keys (23505, 19).
Failure failure_of(const std::exception& error) {
  if (const auto* big = dynamic_cast<const soci::postgresql_soci_error*>(&error)) {
    const std::string state = big->sqlstate();
    if (state == "40001" || state == "40P01") return Failure::again;
    return state == "23505" ? Failure::duplicate : Failure::other;
  }
  if (const auto* lite = dynamic_cast<const soci::sqlite3_soci_error*>(&error)) {
    const int result = lite->result() & 0xff;
    if (result == 5 || result == 6) return Failure::again;
    return result == 19 ? Failure::duplicate : Failure::other;
  }
  return Failure::other;
}

void prepare(soci::statement& made, const std::string& text) {
  made.alloc();
  made.prepare(text, soci::details::st_one_time_query);
  made.define_and_bind();
}

}  // namespace

Connection::Connection(Address address, ConnectionOptions options)
    : address_(std::move(address)), options_(std::move(options)) {}
Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

soci::session& Connection::open() {
  if (session_) return *session_;
  std::unique_ptr<soci::session> made;
  if (address_.dialect == Dialect::sqlite) {
    made = std::make_unique<soci::session>(*soci::factory_sqlite3(), "dbname=\"" + address_.where + "\" timeout=5");
    for (const char* setting : sqlite_settings) *made << setting;
  } else {
    made = std::make_unique<soci::session>(*soci::factory_postgresql(), with_timeouts(address_.where));
    *made << "SET application_name = '" + options_.name + "'";
    for (const char* setting : postgresql_settings) *made << setting;
  }
  session_ = std::move(made);
  return *session_;
}

template <class Work>
auto Connection::attempt(Work work) -> Result<decltype(work(std::declval<soci::session&>()))> {
  std::error_code unknown;
  // SQLite would make an empty database of a path that was mistyped.
  if (address_.dialect == Dialect::sqlite && options_.if_missing == IfMissing::refuse && !session_ &&
      !std::filesystem::exists(address_.where, unknown)) {
    return fail(Code::unavailable, options_.what + ": there is no file " + address_.where + ".");
  }
  try {
    return work(open());
  } catch (const std::exception& error) {
    std::string why = error.what();
    if (const auto* of_soci = dynamic_cast<const soci::soci_error*>(&error)) why = of_soci->get_error_message();
    last_failure_ = failure_of(error);
    session_.reset();
    while (!why.empty() && (why.back() == '\n' || why.back() == ' ')) why.pop_back();
    return fail(Code::unavailable, options_.what + ": " + why);
  }
}

Result<Rows> Connection::read(const Statement& statement) {
  return attempt([&](soci::session& sql) {
    Bound bound(statement.values);
    std::vector<std::string> texts(statement.columns);
    std::vector<soci::indicator> given(statement.columns, soci::i_ok);
    soci::statement made(sql);
    bound.attach(made, statement);
    for (std::size_t i = 0; i < statement.columns; ++i) made.exchange(soci::into(texts[i], given[i]));
    prepare(made, statement.text);
    Rows rows;
    for (bool more = made.execute(true); more; more = made.fetch()) {
      Row& row = rows.emplace_back(statement.columns);
      for (std::size_t i = 0; i < statement.columns; ++i) {
        if (given[i] == soci::i_ok) row[i] = texts[i];
      }
    }
    return rows;
  });
}

Result<std::size_t> Connection::write(const Statement& statement) {
  return attempt([&](soci::session& sql) {
    Bound bound(statement.values);
    soci::statement made(sql);
    bound.attach(made, statement);
    prepare(made, statement.text);
    made.execute(true);
    const long long changed = made.get_affected_rows();
    return changed > 0 ? static_cast<std::size_t>(changed) : std::size_t{0};
  });
}

Result<void> Connection::run_script(std::string_view script) {
  for (const std::string& statement : statements_of(script)) {
    if (auto done = execute(statement.c_str()); !done) return done;
  }
  return {};
}

Result<void> Connection::execute(const char* sql) {
  auto done = attempt([&](soci::session& session) {
    session << sql;
    return true;
  });
  if (!done) return tl::unexpected(std::move(done.error()));
  return {};
}

Result<void> Connection::begin_reading() {
  return execute(address_.dialect == Dialect::sqlite ? "BEGIN" : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
}

// A transaction of SQLite that reads first and writes later is refused if another wrote between.
Result<void> Connection::begin_writing() {
  return execute(address_.dialect == Dialect::sqlite ? "BEGIN IMMEDIATE" : "BEGIN");
}

Result<void> Connection::commit() { return execute("COMMIT"); }

void Connection::roll_back() noexcept {
  if (session_ && !execute("ROLLBACK")) session_.reset();
}

}  // namespace hf::database
