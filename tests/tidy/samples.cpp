// Writes an example of each answer, push and problem with the wire's own encoders, for operations.py, which holds them
// to the schemas.

#include "samples.h"

#include <string>
#include <tuple>

#include "wire/answer_types.h"
#include "wire/answers.h"
#include "wire/said_writer.h"

namespace hf {
namespace {

enum class Fill : std::uint8_t { all, all_the_other_way, needed_only };

// Puts something into each member.
class Filler {
 public:
  static constexpr bool reads = true;

  explicit Filler(Fill how) noexcept : how_(how) {}

  void about(std::string_view) noexcept {}
  void about_if_any(std::string_view) noexcept {}
  void about_others() noexcept {}
  void mark(bool, const char*) noexcept {}
  void may(const Conflict&) noexcept {}

  template <class T, class D = Itself>
  Filler& operator()(const char*, T& out, const FieldRule& rule = {}, D by = {}) {
    if (how_ != Fill::needed_only || rule.required || rule.key || rule.known) put(out, by);
    return *this;
  }
  template <class T, class D = Itself>
  Filler& when(bool, const char* name, T& out, D by = {}) {
    return (*this)(name, out, {}, by);
  }
  template <class Members>
  void part(const char*, bool, Members members) {
    members(*this);
  }
  template <class First, class Second>
  void either(bool& is_first, const char*, First first, const char*, Second second) {
    is_first = how_ == Fill::all;
    first(*this);
    second(*this);
  }
  void problem(const char*, Refusal& out) { put(out, Itself{}); }
  void code(Code& out) noexcept { out = how_ == Fill::all_the_other_way ? Code::too_many : Code::locked; }
  void held(std::vector<HeldTarget>& out, Token token) {
    put(out.emplace_back().target, Itself{});
    out.back().token = token + (how_ == Fill::all ? 1 : 0);
  }
  void fences(std::vector<HeldTarget>& out) {
    if (how_ != Fill::needed_only) held(out, 7);
  }

 private:
  void put(std::string& out, Itself) { out = "SaleOrder:1"; }
  void put(std::string_view& out, Itself) { out = "SaleOrder:1"; }
  void put(Target& out, Itself) { out = Target::from_text("SaleOrder:1"); }
  template <class Tag>
  void put(Id<Tag>& out, Itself) {
    out = Id<Tag>{Id128{1, 2}};
  }
  void put(Id128& out, Itself) { out = Id128{1, 2}; }
  void put(bool& out, Itself) { out = how_ != Fill::all_the_other_way; }
  void put(Mode& out, Itself) { out = Mode::shared; }
  void put(Kind& out, Itself) { out = Kind::hold; }
  void put(EndReason& out, Itself) { out = EndReason::forced; }
  void put(AskState& out, Itself) { out = AskState::deferred; }
  void put(RunState& out, Itself) { out = RunState::running; }
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  void put(T& out, Itself) {
    out = 7;
  }
  void put(Millis& out, Itself) { out = Millis(30'000); }
  void put(Wall& out, Itself) { out = wall_us(1'700'000'000'000'000); }
  template <class T>
  void put(Ready<T>& out, Itself by) {
    T value{};
    put(value, by);
    if constexpr (Says<Itself, T>) {
      append_said(out.json, value);
    } else {
      std::string whole;
      JsonWriter w(whole);
      const View view;
      SaidWriter writer(w, view);
      writer("x", value);
      out.json = whole.substr(std::string_view(R"("x":)").size());
    }
  }
  template <class T, class D>
  void put(std::optional<T>& out, D by) {
    put(out.emplace(), by);
  }
  template <class T, class D>
  void put(std::vector<T>& out, D by) {
    put(out.emplace_back(), by);
  }
  template <class T>
  void put(std::map<std::string, T>& out, Itself by) {
    put(out["SaleOrder:1"], by);
  }
  void put(std::map<std::string, std::optional<std::uint64_t>>& out, Itself) {
    out["SaleOrder:1"] = 7;
    out["SaleOrder:2"] = std::nullopt;
  }
  void put(std::vector<std::pair<SessionId, std::uint64_t>>& out, Itself) {
    out.emplace_back(SessionId{Id128{1, 2}}, 7);
  }
  void put(std::vector<BillField>& out, Itself) {
    out = {{"DataStatus", std::int64_t{-1}}, {"Memo", std::string("x")}};
  }
  void put(Decimal& out, Itself) { out = Decimal::of(-105, 1); }
  void put(std::vector<documents::BillField>& out, Itself) {
    out = {{"SOrder_ID", documents::Cell(std::int64_t{7})},
           {"isdeleted", documents::Cell(false)},
           {"TotalAmount", documents::Cell(Decimal::of(105, 1))},
           {"Notes", documents::Cell()}};
  }
  template <class T, class D>
    requires Says<D, T>
  void put(T& out, D) {
    say<D>(*this, out);
  }

  Fill how_;
};

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

// Calls `take` with a value and a view for each way to fill the one and to look at it.
template <class D, class Take>
void each_sample(Face face, Take take) {
  for (const Fill how : {Fill::all, Fill::all_the_other_way, Fill::needed_only}) {
    auto value = blank<D>();
    Filler filler(how);
    say<D>(filler, value);
    for (const bool hide_names : {false, true}) {
      View view;
      view.face = face;
      view.hide_names = hide_names;
      view.user = "somebody";
      view.allowed = [](std::string_view, std::string_view) { return true; };
      take(value, view);
    }
  }
}

class Samples {
 public:
  explicit Samples(std::string& out) : out_(out) {}

  template <class D>
  void answer(Op op, Face face) {
    each_sample<D>(face, [&](const auto& value, const View& view) {
      begin("op", name_of(op), face);
      if constexpr (requires { LockOutcome(value.outcome()); }) {
        // With what the engine does not know.
        append_said(out_, value, view);
      } else if constexpr (requires { LockOutcome(value); }) {
        append_outcome(out_, op, LockOutcome(value), view);
      } else {
        append_said<D>(out_, value, view);
      }
      end();
    });
  }
  template <class D>
  void push() {
    each_sample<D>(Face::websocket, [&](const auto& value, const View& view) {
      begin("event", D::event, Face::websocket);
      append_push<D>(out_, value, view);
      end();
    });
  }
  void problem(Face face) {
    each_sample<Refusal>(face, [&](const Refusal& value, const View& view) {
      begin("problem", code_name(value.code), face);
      append_problem(out_, value, view);
      end();
    });
  }

 private:
  void begin(std::string_view what, std::string_view name, Face face) {
    out_.append(out_.back() == '[' ? "\n{\"" : ",\n{\"").append(what).append("\":\"").append(name);
    out_.append("\",\"by\":\"").append(face == Face::http ? "http" : "websocket").append("\",\"body\":");
  }
  void end() { out_.push_back('}'); }

  std::string& out_;
};

template <class A>
struct AnswerSamples {
  static void append(Samples& samples, Op op) {
    samples.answer<A>(op, Face::websocket);
    samples.answer<A>(op, Face::http);
  }
};
template <class A>
struct AnswerSamples<ByHttp<A>> {
  static void append(Samples& samples, Op op) { samples.answer<A>(op, Face::http); }
};
template <class A>
struct AnswerSamples<BySocket<A>> {
  static void append(Samples& samples, Op op) { samples.answer<A>(op, Face::websocket); }
};
template <class... A>
struct AnswerSamples<OneOf<A...>> {
  static void append([[maybe_unused]] Samples& samples, [[maybe_unused]] Op op) {
    (AnswerSamples<A>::append(samples, op), ...);
  }
};

template <class... A>
void append_answers(Samples& samples, const std::tuple<A...>*) {
  std::size_t op = 0;
  (AnswerSamples<A>::append(samples, static_cast<Op>(op++)), ...);
}

}  // namespace

void append_samples(std::string& out) {
  out.push_back('[');
  Samples samples(out);
  append_answers(samples, static_cast<const Answers*>(nullptr));
  each_push([&]<class D>() { samples.push<D>(); });
  samples.problem(Face::websocket);
  samples.problem(Face::http);
  out.push_back(']');
}

}  // namespace hf
