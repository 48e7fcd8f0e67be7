#include "engine/status_command_codec.h"

#include <type_traits>
#include <utility>

#include "base/assert.h"
#include "engine/change_codec.h"

namespace hf {
namespace {

template <class T, class V>
concept Is = std::is_same_v<std::remove_const_t<T>, V>;

// One list of fields for both directions, as in command_codec.cpp.
template <class A>
void each(A& a, Is<Caller> auto& v) {
  a(v.user, v.user_name, v.admin, v.hold, v.request_id, v.fingerprint);
}
template <class A>
void each(A& a, Is<Person> auto& v) {
  a(v.user, v.name);
}
template <class A>
void each(A& a, Is<BillField> auto& v) {
  a(v.name, v.value);
}
// Two flags in the byte that had one of them before there was the other: what was written then reads the same, and a
// build of then takes a byte above 1 for no command of its own.
template <class Flag>
struct TwoFlags {
  Flag &first, &second;
};
template <class Flag>
TwoFlags(Flag&, Flag&) -> TwoFlags<Flag>;
template <class A>
void each(A& a, Is<StatusEvent> auto& v) {
  TwoFlags begins_or_ends{v.deleted, v.created};
  a(v.type, v.id, v.no, v.version, v.state, v.creator, v.handler, v.owner, v.actor, v.department, v.action, v.reason,
    v.at, begins_or_ends, v.title, v.partner, v.amount, v.cause);
}
template <class A>
void each(A& a, Is<RunEvent> auto& v) {
  a(v.run, v.type, v.id, v.step, v.action, v.error, v.actor, v.at);
}
template <class A>
void each(A& a, Is<BeginEpoch> auto& v) {
  a(v.epoch, v.why);
}
template <class A>
void each(A& a, Is<Publish> auto& v) {
  a(v.caller, v.events);
}
template <class A>
void each(A& a, Is<OpenResync> auto& v) {
  a(v.caller, v.resync, v.type);
}
template <class A>
void each(A& a, Is<ResyncPage> auto& v) {
  a(v.caller, v.resync, v.events);
}
template <class A>
void each(A& a, Is<CommitResync> auto& v) {
  a(v.caller, v.resync, v.epoch);
}
template <class A>
void each(A& a, Is<DropResync> auto& v) {
  a(v.caller, v.resync);
}
template <class A>
void each(A& a, Is<ReadNotices> auto& v) {
  a(v.caller, v.employee, v.numbers);
}
template <class A>
void each(A&, Is<StatusTick> auto&) {}

constexpr std::size_t commands_written = 8;  // the alternatives before the questions
static_assert(std::is_same_v<std::variant_alternative_t<commands_written - 1, StatusCommand>, StatusTick>);
constexpr std::size_t many = 100'000;  // no list of a command is longer

class Writer {
 public:
  explicit Writer(std::string& out) : w_(out) {}
  template <class... T>
  void operator()(const T&... fields) {
    (put(fields), ...);
  }

 private:
  void put(const std::string& v) { w_.text(v); }
  void put(const Wall& v) { w_.i64(to_us(v)); }
  void put(const std::int64_t& v) { w_.i64(v); }
  void put(const bool& v) { w_.u8(v ? 1 : 0); }
  void put(const TwoFlags<const bool>& v) { w_.u8(static_cast<std::uint8_t>((v.first ? 1 : 0) | (v.second ? 2 : 0))); }
  void put(const std::uint64_t& v) { w_.varint(v); }
  template <class Tag>
  void put(const Id<Tag>& v) {
    w_.id(v.value);
  }
  template <class T>
  void put(const std::vector<T>& v) {
    w_.varint(v.size());
    for (const T& item : v) put(item);
  }
  template <class T>
  void put(const std::optional<T>& v) {
    w_.u8(v ? 1 : 0);
    if (v) put(*v);
  }
  template <class A, class B>
  void put(const std::variant<A, B>& v) {
    w_.u8(static_cast<std::uint8_t>(v.index()));
    if (v.index() == 0) {
      put(std::get<0>(v));
    } else {
      put(std::get<1>(v));
    }
  }
  template <class T>
    requires requires(Writer& a, const T& v) { each(a, v); }
  void put(const T& v) {
    each(*this, v);
  }
  ByteWriter w_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : r_(bytes) {}
  template <class... T>
  void operator()(T&... fields) {
    (get(fields), ...);
  }
  bool ok() const { return ok_ && r_.ok(); }
  std::size_t left() const { return r_.left(); }

 private:
  void get(std::string& v) { v = r_.text(); }
  void get(Wall& v) { v = wall_us(r_.i64()); }
  void get(std::int64_t& v) { v = r_.i64(); }
  void get(bool& v) { v = one_of_two() != 0; }
  void get(TwoFlags<bool>& v) {
    const std::uint8_t flags = r_.u8();
    ok_ = ok_ && flags <= 3;
    v.first = (flags & 1) != 0;
    v.second = (flags & 2) != 0;
  }
  void get(std::uint64_t& v) { v = r_.varint(); }
  template <class Tag>
  void get(Id<Tag>& v) {
    v.value = r_.id();
  }
  template <class T>
  void get(std::vector<T>& v) {
    const std::uint64_t n = r_.varint();
    ok_ = ok_ && n <= many && n <= r_.left();  // an item is a byte at least
    for (std::uint64_t i = 0; i < n && ok(); ++i) get(v.emplace_back());
  }
  template <class T>
  void get(std::optional<T>& v) {
    if (one_of_two() != 0) get(v.emplace());
  }
  template <class A, class B>
  void get(std::variant<A, B>& v) {
    if (one_of_two() == 0) {
      get(v.template emplace<0>());
    } else {
      get(v.template emplace<1>());
    }
  }
  template <class T>
    requires requires(Reader& a, T& v) { each(a, v); }
  void get(T& v) {
    each(*this, v);
  }
  std::uint8_t one_of_two() {
    const std::uint8_t n = r_.u8();
    ok_ = ok_ && n <= 1;
    return n;
  }
  ByteReader r_;
  bool ok_ = true;
};

template <std::size_t... I>
std::optional<StatusCommand> read_alternative(std::size_t index, Reader& reader, std::index_sequence<I...>) {
  std::optional<StatusCommand> command;
  const auto read = [&]<std::size_t N>() {
    std::variant_alternative_t<N, StatusCommand> value;
    each(reader, value);
    if (reader.ok()) command.emplace(std::in_place_index<N>, std::move(value));
  };
  ((index == I ? read.template operator()<I>() : void()), ...);
  return command;
}

}  // namespace

bool is_query(const StatusCommand& command) noexcept { return command.index() >= commands_written; }

void write_status_command(std::string& out, const StatusCommand& command) {
  HF_ASSERT(!is_query(command));
  out.push_back(static_cast<char>(command.index()));
  Writer writer(out);
  std::visit(
      [&](const auto& c) {
        if constexpr (requires { each(writer, c); }) each(writer, c);
      },
      command);
}

std::optional<StatusCommand> take_status_command(std::string_view& bytes) {
  if (bytes.empty()) return std::nullopt;
  const auto index = static_cast<std::uint8_t>(bytes.front());
  Reader reader(bytes.substr(1));
  auto command = read_alternative(index, reader, std::make_index_sequence<commands_written>());
  if (command) bytes.remove_prefix(bytes.size() - reader.left());
  return command;
}

}  // namespace hf
