#include "engine/command_codec.h"

#include <array>
#include <type_traits>
#include <utility>

#include "engine/change_codec.h"

namespace hf {
namespace {

template <class T, class V>
concept Is = std::is_same_v<std::remove_const_t<T>, V>;

// One list of fields for both directions: `a(field, …)` writes with a Writer and reads with a Reader.
template <class A>
void each(A& a, Is<ClientInfo> auto& v) {
  a(v.program, v.host, v.window);
}
template <class A>
void each(A& a, Is<Caller> auto& v) {
  a(v.user, v.user_name, v.admin, v.hold, v.request_id, v.fingerprint);
}
template <class A>
void each(A& a, Is<OpenSession> auto& v) {
  a(v.caller, v.session, v.secret, v.client, v.lease, v.service);
}
template <class A>
void each(A& a, Is<ResumeSession> auto& v) {
  a(v.caller, v.session, v.secret, v.next_secret);
}
template <class A>
void each(A& a, Is<EndSession> auto& v) {
  a(v.caller, v.session);
}
template <class A>
void each(A& a, Is<Heartbeat> auto& v) {
  a(v.caller, v.session, v.idle);
}
template <class A>
void each(A& a, Is<Acquire> auto& v) {
  a(v.caller, v.session, v.lock, v.targets, v.mode, v.kind, v.owner, v.ttl, v.wait, v.if_versions, v.label, v.reason);
}
template <class A>
void each(A& a, Is<Release> auto& v) {
  a(v.caller, v.session, v.owner, v.lock, v.token, v.all, v.targets, v.version);
}
template <class A>
void each(A& a, Is<Extend> auto& v) {
  a(v.caller, v.session, v.lock, v.ttl);
}
template <class A>
void each(A& a, Is<Transfer> auto& v) {
  a(v.caller, v.session, v.lock, v.to_session);
}
template <class A>
void each(A& a, Is<Force> auto& v) {
  a(v.caller, v.lock, v.reason);
}
template <class A>
void each(A& a, Is<ReleaseAll> auto& v) {
  a(v.caller, v.session, v.type);
}
template <class A>
void each(A& a, Is<Ask> auto& v) {
  a(v.caller, v.session, v.lock, v.wait, v.targets, v.mode, v.message, v.label, v.wait_for);
}
template <class A>
void each(A& a, Is<Agree> auto& v) {
  a(v.caller, v.wait, v.version);
}
template <class A>
void each(A& a, Is<Refuse> auto& v) {
  a(v.caller, v.wait, v.reason);
}
template <class A>
void each(A& a, Is<Defer> auto& v) {
  a(v.caller, v.wait, v.by);
}
template <class A>
void each(A& a, Is<CancelWait> auto& v) {
  a(v.caller, v.session, v.wait);
}
template <class A>
void each(A&, Is<Tick> auto&) {}
template <class A>
void each(A& a, Is<GetLock> auto& v) {
  a(v.caller, v.lock);
}
template <class A>
void each(A& a, Is<ListLocks> auto& v) {
  a(v.caller, v.type, v.user, v.client, v.session, v.kind, v.older, v.limit, v.after);
}
template <class A>
void each(A& a, Is<Check> auto& v) {
  a(v.caller, v.session, v.targets, v.mode);
}
template <class A>
void each(A& a, Is<Verify> auto& v) {
  a(v.caller, v.lock, v.token, v.targets, v.min_valid);
}
template <class A>
void each(A& a, Is<GetSession> auto& v) {
  a(v.caller, v.session);
}
template <class A>
void each(A& a, Is<ListSessions> auto& v) {
  a(v.caller, v.limit);
}
template <class A>
void each(A& a, Is<ListAsks> auto& v) {
  a(v.caller, v.limit, v.after);
}
template <class A>
void each(A& a, Is<ListWaits> auto& v) {
  a(v.caller, v.limit);
}
template <class A>
void each(A&, Is<GetStats> auto&) {}
template <class A>
void each(A& a, Is<TakeOver> auto& v) {
  a(v.caller, v.session, v.secret);
}
template <class A>
void each(A& a, Is<Heard> auto& v) {
  a(v.caller, v.session, v.wait);
}
template <class A>
void each(A& a, Is<NodesLiving> auto& v) {
  a(v.nodes);
}

// What later builds have added to a command lies behind its first layout, and the index says so: what has none of it
// is written as ever, and a node that does not know it refuses the command.
constexpr std::uint8_t has_more = 0x80;

template <class A>
void each_more(A& a, Is<Release> auto& v) {
  a(v.holds, v.exact);
}
template <class A>
void each_more(A& a, Is<ResumeSession> auto& v) {
  a(v.attempt);
}
template <class A>
void each_more(A& a, Is<Acquire> auto& v) {
  a(v.node);
}
template <class C>
concept HasMore = std::is_same_v<C, Release> || std::is_same_v<C, ResumeSession> || std::is_same_v<C, Acquire>;
bool says_more(const Release& c) { return c.holds || c.exact; }
bool says_more(const ResumeSession& c) { return c.attempt != 0; }
bool says_more(const Acquire& c) { return !c.node.is_nil(); }
static_assert(std::variant_size_v<Command> < has_more);

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
  void put(const Id128& v) { w_.id(v); }
  void put(const Target& v) { w_.text(v.text()); }
  template <class Tag>
  void put(const Id<Tag>& v) {
    w_.id(v.value);
  }
  void put(const Millis& v) { w_.i64(v.count()); }
  template <class T>
    requires std::is_integral_v<T> || std::is_enum_v<T>
  void put(const T& v) {
    w_.varint(static_cast<std::uint64_t>(v));
  }
  template <class T>
  void put(const std::vector<T>& v) {
    w_.varint(v.size());
    for (const T& item : v) put(item);
  }
  void put(const std::map<std::string, std::uint64_t>& v) {
    w_.varint(v.size());
    for (const auto& [key, value] : v) {
      put(key);
      put(value);
    }
  }
  template <class T>
  void put(const std::optional<T>& v) {
    w_.u8(v ? 1 : 0);
    if (v) put(*v);
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
  void get(Id128& v) { v = r_.id(); }
  void get(Target& v) {
    auto target = Target::parse(r_.text());
    ok_ = ok_ && target.has_value();
    if (target) v = std::move(*target);
  }
  template <class Tag>
  void get(Id<Tag>& v) {
    v.value = r_.id();
  }
  void get(Millis& v) { v = Millis(r_.i64()); }
  void get(bool& v) {
    const std::uint64_t n = r_.varint();
    ok_ = ok_ && n <= 1;
    v = n != 0;
  }
  void get(Mode& v) { get_enum(v, Mode::exclusive); }
  void get(Kind& v) { get_enum(v, Kind::hold); }
  template <class E>
  void get_enum(E& v, E last) {
    const std::uint64_t n = r_.varint();
    ok_ = ok_ && n <= static_cast<std::uint64_t>(last);
    v = ok_ ? static_cast<E>(n) : E{};
  }
  template <class T>
    requires std::is_unsigned_v<T> && (!std::is_same_v<T, bool>)
  void get(T& v) {
    const std::uint64_t n = r_.varint();
    v = static_cast<T>(n);
    ok_ = ok_ && v == n;
  }
  std::size_t count() {
    const std::uint64_t n = r_.varint();
    ok_ = ok_ && n <= many && n <= r_.left();  // an item is a byte at least
    return ok_ ? n : 0;
  }
  template <class T>
  void get(std::vector<T>& v) {
    const std::size_t n = count();
    for (std::size_t i = 0; i < n && ok(); ++i) get(v.emplace_back());
  }
  void get(std::map<std::string, std::uint64_t>& v) {
    const std::size_t n = count();
    for (std::size_t i = 0; i < n && ok(); ++i) {
      std::string key;
      get(key);
      get(v[std::move(key)]);
    }
  }
  template <class T>
  void get(std::optional<T>& v) {
    if (r_.u8() != 0) get(v.emplace());
  }
  template <class T>
    requires requires(Reader& a, T& v) { each(a, v); }
  void get(T& v) {
    each(*this, v);
  }
  ByteReader r_;
  bool ok_ = true;
};

template <std::size_t... I>
std::optional<Command> read_alternative(std::uint8_t first, Reader& reader, std::index_sequence<I...>) {
  std::optional<Command> command;
  const bool more = (first & has_more) != 0;
  const std::size_t index = first & ~has_more;
  const auto read = [&]<std::size_t N>() {
    using C = std::variant_alternative_t<N, Command>;
    C value;
    each(reader, value);
    if constexpr (HasMore<C>) {
      if (more) each_more(reader, value);
    } else if (more) {
      return;
    }
    if (reader.ok()) command.emplace(std::in_place_index<N>, std::move(value));
  };
  ((index == I ? read.template operator()<I>() : void()), ...);
  return command;
}

}  // namespace

void write_command(std::string& out, const Command& command) {
  std::visit(
      [&]<class C>(const C& c) {
        bool more = false;
        if constexpr (HasMore<C>) more = says_more(c);
        out.push_back(static_cast<char>(command.index() | (more ? has_more : 0)));
        Writer writer(out);
        each(writer, c);
        if constexpr (HasMore<C>) {
          if (more) each_more(writer, c);
        }
      },
      command);
}

std::optional<Command> take_command(std::string_view& bytes) {
  if (bytes.empty()) return std::nullopt;
  const auto first = static_cast<std::uint8_t>(bytes.front());
  Reader reader(bytes.substr(1));
  auto command = read_alternative(first, reader, std::make_index_sequence<std::variant_size_v<Command>>());
  if (command) bytes.remove_prefix(bytes.size() - reader.left());
  return command;
}

bool is_query(const Command& command) noexcept {
  return std::visit(
      []<class C>(const C&) {
        return std::is_same_v<C, GetLock> || std::is_same_v<C, ListLocks> || std::is_same_v<C, Check> ||
               std::is_same_v<C, Verify> || std::is_same_v<C, GetSession> || std::is_same_v<C, ListSessions> ||
               std::is_same_v<C, ListAsks> || std::is_same_v<C, ListWaits> || std::is_same_v<C, GetStats>;
      },
      command);
}

}  // namespace hf
