#include "outbox/sql_outbox.h"

#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <charconv>
#include <filesystem>

#include "database/address.h"

namespace hf::outbox {
namespace {

// No statement of ours may outlast the relay's patience.
constexpr std::array<const char*, 5> postgresql_settings = {
    "SET application_name = 'holdfast outbox'", "SET statement_timeout = '10s'",
    "SET idle_in_transaction_session_timeout = '10s'", "SET default_transaction_isolation = 'read committed'",
    "SET client_encoding = 'UTF8'"};

std::string list_of(const std::vector<RowId>& ids) {
  std::string list;
  for (const RowId id : ids) list += (list.empty() ? "" : ",") + std::to_string(id);
  return list;
}

std::vector<RowId> ids_of(const std::vector<Row>& rows) {
  std::vector<RowId> ids;
  for (const Row& row : rows) ids.push_back(row.id);
  return ids;
}

// What list_of() wrote; anything else ends it.
std::vector<RowId> ids_in(std::string_view list) {
  std::vector<RowId> ids;
  const char* at = list.data();
  const char* const end = list.data() + list.size();
  while (at < end) {
    RowId id = 0;
    const auto [stop, wrong] = std::from_chars(at, end, id);
    if (wrong != std::errc()) break;
    ids.push_back(id);
    at = stop + 1;
  }
  return ids;
}

// Cut to a length that the column and the operator's screen bear, never within a character.
std::string cut(std::string text) {
  if (text.size() <= refused_bytes_max) return text;
  std::size_t end = refused_bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text;
}

}  // namespace

// SOCI throws; nothing of it leaves this file.
struct SqlOutbox::Connection {
  Dialect dialect = Dialect::sqlite;
  std::string where;  // a path, or libpq's URL
  std::unique_ptr<soci::session> session;

  soci::session& open() {
    if (session) return *session;
    if (dialect == Dialect::sqlite) {
      session = std::make_unique<soci::session>(*soci::factory_sqlite3(), "dbname=\"" + where + "\" timeout=5");
      return *session;
    }
    auto made = std::make_unique<soci::session>(*soci::factory_postgresql(), database::with_timeouts(where));
    for (const char* setting : postgresql_settings) *made << setting;
    session = std::move(made);
    return *session;
  }

  // What `work` gives of the session; whatever goes wrong ends the connection.
  template <class Work>
  auto attempt(Work work) -> Result<decltype(work(std::declval<soci::session&>()))> {
    std::error_code unknown;
    // SQLite would make an empty database of a path that was mistyped.
    if (dialect == Dialect::sqlite && !session && !std::filesystem::exists(where, unknown)) {
      return fail(Code::unavailable, "The outbox's database: there is no file " + where + ".");
    }
    try {
      return work(open());
    } catch (const soci::soci_error& error) {
      session.reset();
      std::string why = error.get_error_message();
      while (!why.empty() && (why.back() == '\n' || why.back() == ' ')) why.pop_back();
      return fail(Code::unavailable, "The outbox's database: " + why);
    }
  }

  // `change` of the lease's row, and then `more`, as one transaction, while `fence` is the newest.
  template <class More>
  Result<Fenced> fenced(std::int64_t fence, const std::string& change, More more) {
    return attempt([&](soci::session& sql) {
      soci::transaction transaction(sql);
      long long ours = fence;
      soci::statement update =
          (sql.prepare << "UPDATE holdfast_outbox_relay SET " + change + " WHERE id = 1 AND fence = :fence",
           soci::use(ours, "fence"));
      update.execute(true);
      if (update.get_affected_rows() != 1) return Fenced::lost;  // the transaction is rolled back as it goes
      more(sql);
      transaction.commit();
      return Fenced::held;
    });
  }

  std::string size_of_event() const {
    return dialect == Dialect::postgresql ? "octet_length(event)" : "length(CAST(event AS BLOB))";
  }
  // Events that are too long stay where they are.
  std::string select(const std::string& which) const {
    const std::string size = size_of_event();
    return "SELECT id, CASE WHEN " + size + " <= " + std::to_string(event_bytes_max) +
           " THEN event ELSE '' END, CAST(" + size + " AS bigint) FROM holdfast_outbox WHERE refused IS NULL " + which;
  }
  std::vector<Row> rows_of(soci::session& sql, const std::string& query, std::uint64_t bytes_max) const {
    long long id = 0;
    std::string event;
    long long bytes = 0;
    soci::statement read = (sql.prepare << query, soci::into(id), soci::into(event), soci::into(bytes));
    read.execute();
    std::vector<Row> rows;
    std::uint64_t sum = 0;
    while (read.fetch()) {
      sum += event.size();
      if (!rows.empty() && sum > bytes_max) break;
      rows.push_back({id, event, static_cast<std::uint64_t>(bytes)});
    }
    return rows;
  }
  // Nothing: its row is missing.
  static std::optional<Lease> lease_of(soci::session& sql) {
    long long fence = 0;
    long long beat = 0;
    std::string holder;
    std::string flight;
    sql << "SELECT fence, beat, holder, flight FROM holdfast_outbox_relay WHERE id = 1", soci::into(fence),
        soci::into(beat), soci::into(holder), soci::into(flight);
    if (!sql.got_data()) return std::nullopt;
    return Lease{fence, beat, holder, ids_in(flight)};
  }
};

SqlOutbox::SqlOutbox(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
SqlOutbox::~SqlOutbox() = default;
SqlOutbox::SqlOutbox(SqlOutbox&&) noexcept = default;
SqlOutbox& SqlOutbox::operator=(SqlOutbox&&) noexcept = default;

Result<SqlOutbox> SqlOutbox::at(const std::string& url) {
  auto address = database::address_of(url, "from");
  if (!address) return tl::unexpected(std::move(address.error()));
  auto connection = std::make_unique<Connection>();
  connection->dialect = address->dialect;
  connection->where = std::move(address->where);
  return SqlOutbox(std::move(connection));
}

Result<Lease> SqlOutbox::look() {
  auto lease = connection_->attempt([](soci::session& sql) { return Connection::lease_of(sql); });
  if (!lease) return tl::unexpected(lease.error());
  if (!*lease)
    return fail(Code::unavailable, "holdfast_outbox_relay has no row: run what `holdfast outbox sql` prints.");
  return std::move(**lease);
}

Result<bool> SqlOutbox::take(const Lease& seen, const std::string& holder) {
  return connection_->attempt([&](soci::session& sql) {
    long long fence = seen.fence;
    long long beat = seen.beat;
    soci::statement update =
        (sql.prepare << "UPDATE holdfast_outbox_relay SET fence = fence + 1, beat = 0, holder = :holder "
                        "WHERE id = 1 AND fence = :fence AND beat = :beat",
         soci::use(holder, "holder"), soci::use(fence, "fence"), soci::use(beat, "beat"));
    update.execute(true);
    return update.get_affected_rows() == 1;
  });
}

Result<Fenced> SqlOutbox::beat(std::int64_t fence) {
  return connection_->fenced(fence, "beat = beat + 1", [](soci::session&) {});
}

Result<Fenced> SqlOutbox::beat(std::int64_t fence, const std::vector<Row>& flight) {
  return connection_->fenced(fence, "beat = beat + 1, flight = '" + list_of(ids_of(flight)) + "'",
                             [](soci::session&) {});
}

Result<std::vector<Row>> SqlOutbox::read(std::size_t rows, std::uint64_t bytes) {
  return connection_->attempt([&](soci::session& sql) {
    return connection_->rows_of(sql, connection_->select("ORDER BY id LIMIT " + std::to_string(rows)), bytes);
  });
}

Result<std::vector<Row>> SqlOutbox::read(const std::vector<RowId>& ids) {
  if (ids.empty()) return std::vector<Row>();
  return connection_->attempt([&](soci::session& sql) {
    return connection_->rows_of(sql, connection_->select("AND id IN (" + list_of(ids) + ") ORDER BY id"), UINT64_MAX);
  });
}

Result<Fenced> SqlOutbox::settle(std::int64_t fence, const std::vector<Row>& sent,
                                 const std::vector<RefusedRow>& refused) {
  return connection_->fenced(fence, "beat = beat + 1, flight = ''", [&](soci::session& sql) {
    if (!sent.empty()) sql << "DELETE FROM holdfast_outbox WHERE id IN (" + list_of(ids_of(sent)) + ")";
    for (const RefusedRow& row : refused) {
      const std::string why = cut(row.why);
      long long id = row.id;
      sql << "UPDATE holdfast_outbox SET refused = :why WHERE id = :id", soci::use(why, "why"), soci::use(id, "id");
    }
  });
}

Result<Fenced> SqlOutbox::release(std::int64_t fence) {
  return connection_->fenced(fence, "beat = beat + 1, holder = ''", [](soci::session&) {});
}

Result<OutboxState> SqlOutbox::state() {
  return connection_->attempt([&](soci::session& sql) {
    const std::string age = connection_->dialect == Dialect::postgresql
                                ? "EXTRACT(EPOCH FROM clock_timestamp() - MIN(written_at))"
                                : "(julianday('now') - julianday(MIN(written_at))) * 86400";
    OutboxState state;
    state.lease = Connection::lease_of(sql).value_or(Lease());
    long long waiting = 0;
    long long oldest = 0;
    long long refused = 0;
    sql << "SELECT COUNT(*), COALESCE(CAST(" + age + " AS bigint), 0) FROM holdfast_outbox WHERE refused IS NULL",
        soci::into(waiting), soci::into(oldest);
    sql << "SELECT COUNT(*) FROM holdfast_outbox WHERE refused IS NOT NULL", soci::into(refused);
    state.waiting = static_cast<std::uint64_t>(waiting);
    state.oldest_seconds = oldest;
    state.refused = static_cast<std::uint64_t>(refused);
    long long id = 0;
    std::string why;
    soci::statement read = (sql.prepare << "SELECT id, refused FROM holdfast_outbox WHERE refused IS NOT NULL "
                                           "ORDER BY id LIMIT " +
                                               std::to_string(refused_told_max),
                            soci::into(id), soci::into(why));
    read.execute();
    while (read.fetch()) state.refused_rows.push_back({id, why});
    return state;
  });
}

}  // namespace hf::outbox
