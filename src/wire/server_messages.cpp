#include "wire/server_messages.h"

#include "wire/answer_types.h"
#include "wire/said_reader.h"

namespace hf {
namespace {

namespace json = boost::json;
using std::string_view;

// The end of the string that begins with the quote at `at`. REQUIRES: valid JSON.
std::size_t string_end(string_view text, std::size_t at) noexcept {
  for (++at; text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at + 1;
}

// The object that stands under `key` in the object `text`, as it is written there. REQUIRES: valid JSON that
// has it.
string_view member_text(string_view text, string_view key) noexcept {
  std::size_t depth = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '"') {
      const std::size_t end = string_end(text, i);
      std::size_t next = text.find_first_not_of(" \t\r\n", end);
      if (depth == 1 && text[next] == ':' && text.substr(i + 1, end - i - 2) == key) {
        next = text.find_first_not_of(" \t\r\n", next + 1);
        std::size_t open = 0;
        for (std::size_t k = next; k < text.size();) {
          if (text[k] == '"') {
            k = string_end(text, k);
            continue;
          }
          if (text[k] == '{' || text[k] == '[') ++open;
          if ((text[k] == '}' || text[k] == ']') && --open == 0) return text.substr(next, k + 1 - next);
          ++k;
        }
      }
      i = end;
      continue;
    }
    if (text[i] == '{' || text[i] == '[') ++depth;
    if (text[i] == '}' || text[i] == ']') --depth;
    ++i;
  }
  return {};
}

tl::unexpected<Error> malformed(std::string_view why, std::string field) {
  return fail(Code::invalid, "The server's message cannot be understood: " + std::string(why), std::move(field));
}

Error malformed_member(const std::string& name) { return malformed("`" + name + "` is malformed.", name).value(); }

// Parses `body` as an object and reads it.
template <class Read>
auto read_body(string_view body, Read read) -> decltype(read(std::declval<const json::object&>())) {
  const Json parsed(body);
  const json::object* object = parsed.object();
  if (object == nullptr) return malformed("it is no JSON object.", {});
  return read(*object);
}

template <class D>
auto blank() {
  if constexpr (requires { D::blank(); }) {
    return D::blank();
  } else if constexpr (requires { typename D::Value; }) {
    return typename D::Value{};
  } else {
    return D{};
  }
}

// What D says in `object`.
template <class D>
auto read_said(const json::object& object) -> Result<decltype(blank<D>())> {
  auto value = blank<D>();
  Findings found;
  SaidReader in(object, found);
  say<D>(in, value);
  if (!found.bad.empty()) return tl::unexpected(malformed_member(found.bad));
  return value;
}

// ---------------------------------------------------------------------------------------------- pushes

template <class... D>
struct Pushes {};
using Known = Pushes<Welcome, Ping, SessionState, Drain, AuthRequired, LockGranted, LockWaiting, WaitEnded, LockLost,
                     LockExpiring, LockRequested, LockAnswered, SessionEnded, LockChanged, LockFree>;

template <class... D>
Result<Push> push_of(std::string name, const json::object& object, Pushes<D...>) {
  std::optional<Result<Push>> push;
  const auto try_one = [&]<class One>() {
    if (push || One::event != name) return;
    auto read = read_said<One>(object);
    push = read ? Result<Push>(*std::move(read)) : Result<Push>(tl::unexpected(std::move(read.error())));
  };
  // Of a session whose connection lives on; no reason of an engine.
  SessionReplaced replaced;
  Findings found;
  SaidReader in(object, found);
  if (name == SessionReplaced::event) say<Itself>(in, replaced);
  if (name != SessionReplaced::event || replaced.reason != SessionReplaced{}.reason)
    (try_one.template operator()<D>(), ...);
  return push ? *std::move(push) : Result<Push>(UnknownPush{std::move(name)});
}

// ---------------------------------------------------------------------------------------------- answers

template <class T>
struct Plain {
  using type = T;
};
template <class T>
struct Plain<ByHttp<T>> {
  using type = T;
};
template <class T>
struct Plain<BySocket<T>> {
  using type = T;
};

template <class D>
Result<LockOutcome> outcome_as(const json::object& object) {
  using Value = decltype(blank<D>());
  if constexpr (requires(const Value& v) { LockOutcome(v.outcome()); }) {
    auto read = read_said<D>(object);
    if (!read) return tl::unexpected(std::move(read.error()));
    return LockOutcome(read->outcome());
  } else if constexpr (std::is_constructible_v<LockOutcome, Value>) {
    auto read = read_said<D>(object);
    if (!read) return tl::unexpected(std::move(read.error()));
    return LockOutcome(*std::move(read));
  } else {
    return malformed("it is no answer of the lock engine.", {});
  }
}

template <class D>
struct AnswerReader {
  static Result<LockOutcome> read(const json::object& object) { return outcome_as<typename Plain<D>::type>(object); }
};
template <class... D>
struct AnswerReader<OneOf<D...>> {
  // The first that is told by a member that is there, or by none.
  static Result<LockOutcome> read(const json::object& object) {
    std::optional<Result<LockOutcome>> outcome;
    const auto try_one = [&]<class One>() {
      if (outcome) return;
      if constexpr (requires { One::told_by; }) {
        const json::value* const value = object.if_contains(One::told_by);
        if (value == nullptr || value->is_null()) return;
      }
      outcome = outcome_as<One>(object);
    };
    (try_one.template operator()<typename Plain<D>::type>(), ...);
    return outcome ? *std::move(outcome) : malformed("it is no answer of this operation.", {});
  }
};

template <class... A>
constexpr auto readers_of(const std::tuple<A...>*) {
  return std::array<Result<LockOutcome> (*)(const json::object&), sizeof...(A)>{&AnswerReader<A>::read...};
}
constexpr auto readers = readers_of(static_cast<const Answers*>(nullptr));

Result<ErrorAnswer> problem_of(const json::object& object) {
  ErrorAnswer answer;
  Findings found;
  SaidReader in(object, found);
  say<Itself>(in, answer.refusal);
  if (!found.bad.empty()) return tl::unexpected(malformed_member(found.bad));
  answer.may = std::move(found.mays);
  return answer;
}

Result<ServerMessage> message_of(const json::object& object, string_view text) {
  ServerMessage message{MessageId{}, Push{UnknownPush{}}};
  const auto member = [&](const char* name) {
    const json::value* const value = object.if_contains(name);
    return value != nullptr && !value->is_null() ? value : nullptr;
  };
  if (const json::value* const name = member("event")) {
    const json::string* const event = name->if_string();
    if (event == nullptr) return tl::unexpected(malformed_member("event"));
    auto push = push_of(std::string(text_of(*event)), object, Known{});
    if (!push) return tl::unexpected(std::move(push.error()));
    message.what = *std::move(push);
    return message;
  }
  if (const json::value* const id = member("id")) {
    if (const json::string* const s = id->if_string()) {
      message.id.emplace<std::string>(text_of(*s));
    } else if (const auto n = whole_number(*id)) {
      message.id.emplace<std::uint64_t>(*n);
    } else {
      return tl::unexpected(malformed_member("id"));
    }
  }
  const json::value* const ok = member("ok");
  const json::value* const error = member("error");
  if (ok != nullptr) {
    const string_view body = ok->is_object() ? member_text(text, "ok") : string_view();
    if (body.empty()) return tl::unexpected(malformed_member("ok"));
    message.what = OkAnswer{body};
  } else if (error != nullptr && error->is_object()) {
    auto problem = problem_of(error->get_object());
    if (!problem) return tl::unexpected(std::move(problem.error()));
    message.what = *std::move(problem);
  } else {
    return tl::unexpected(malformed_member(error != nullptr ? "error" : "event"));
  }
  return message;
}

}  // namespace

Result<ServerMessage> parse_server_message(string_view text) {
  return read_body(text, [&](const json::object& object) { return message_of(object, text); });
}

Result<LockOutcome> parse_outcome(Op op, string_view body) {
  return read_body(body, readers[static_cast<std::size_t>(op)]);
}
Result<Granted> parse_granted(string_view body) { return read_body(body, read_said<Granted>); }
Result<Grant> parse_grant(string_view body) { return read_body(body, read_said<Grant>); }
Result<ErrorAnswer> parse_problem(string_view body) { return read_body(body, problem_of); }

}  // namespace hf
