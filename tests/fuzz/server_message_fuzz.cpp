// Whatever a server says, a client understands it or refuses it; what it understood settles: written and read
// again, the text stays the same.

#include "wire/server_messages.h"

#include "fuzz.h"
#include "wire/json_writer.h"

namespace hf {
namespace {

void settle_outcome(Op op, std::string_view body) {
  const auto outcome = parse_outcome(op, body);
  if (!outcome) return;
  std::string first;
  append_outcome(first, op, *outcome);
  const auto again = parse_outcome(op, first);
  HF_ASSERT(again);
  std::string second;
  append_outcome(second, op, *again);
  HF_ASSERT(first == second);
}

std::string written(const Push& push) {
  std::string out;
  std::visit(
      [&](const auto& p) {
        if constexpr (requires { encode_event(out, p); }) encode_event(out, p);
      },
      push);
  return out;
}

void run(std::string_view text) {
  const auto message = parse_server_message(text);
  if (message) {
    if (const auto* ok = std::get_if<OkAnswer>(&message->what)) {
      HF_ASSERT(ok->body.starts_with('{') && ok->body.ends_with('}'));
      for (std::size_t op = 0; op < std::variant_size_v<Fields>; ++op) settle_outcome(static_cast<Op>(op), ok->body);
    } else if (const auto* push = std::get_if<Push>(&message->what)) {
      const std::string first = written(*push);
      if (first.empty()) return;
      const auto again = parse_server_message(first);
      HF_ASSERT(again && written(std::get<Push>(again->what)) == first);
    }
  }
  if (const auto problem = parse_problem(text)) {
    const std::string first = encode_problem(problem->refusal);
    const auto again = parse_problem(first);
    HF_ASSERT(again && encode_problem(again->refusal) == first);
  }
  if (const auto time = parse_time(text)) {
    std::string shown;
    append_time(shown, *time);
    HF_ASSERT(parse_time(shown));
  }
}

}  // namespace
}  // namespace hf

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hf::run(hf::text_of(data, size));
  return 0;
}
