// A client's message is understood or refused with a code and a field; what is understood comes back equal when
// it is written and read again, from a message and from an HTTP body.

#include "wire/messages.h"

#include "fuzz.h"

namespace hf {
namespace {

void check_refusal(const Error& error) {
  HF_ASSERT(error.code == Code::invalid || error.code == Code::too_large);
  HF_ASSERT(!error.field.empty() && !error.detail.empty());
}

// With a space before it no message is plain (wire/plain_json.h): both ways must come to the same.
void check_both_ways(const Result<ParsedMessage>& message, std::string_view text) {
  const auto other = parse_message(" " + std::string(text));
  HF_ASSERT(message.has_value() == other.has_value());
  if (!message) {
    HF_ASSERT(message.error().code == other.error().code);
    return;
  }
  HF_ASSERT(message->id == other->id && message->fields.has_value() == other->fields.has_value());
  HF_ASSERT(message->fields ? *message->fields == *other->fields
                            : message->fields.error().field == other->fields.error().field);
}

void run(std::string_view text) {
  const auto message = parse_message(text);
  if (text.size() < ParseLimits{}.message_bytes_max) check_both_ways(message, text);
  if (!message) return check_refusal(message.error());
  if (!message->fields) return check_refusal(message->fields.error());
  const Fields& fields = *message->fields;

  std::string again;
  append_message(again, message->id, fields);
  const auto back = parse_message(again);
  HF_ASSERT(back && back->fields && back->id == message->id && *back->fields == fields);
  HF_ASSERT(fingerprint_of(*back->fields) == fingerprint_of(fields));

  std::string body;
  append_fields(body, fields);
  const auto from_body = parse_fields(op_of(fields), body);
  HF_ASSERT(from_body && *from_body == fields && check_fields(*from_body));
}

// The same bytes as a query: lines of name=value after the first, which names the operation.
void run_query(std::string_view text) {
  std::size_t end = text.find('\n');
  const auto op = op_from_name(text.substr(0, end));
  if (!op || end == std::string_view::npos) return;
  auto fields = parse_fields(*op, "");
  HF_ASSERT(fields);
  while (end != std::string_view::npos) {
    text.remove_prefix(end + 1);
    end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const auto set = set_field(*fields, line.substr(0, equals), line.substr(equals + 1));
    if (!set) return check_refusal(set.error());
  }
  const auto checked = check_fields(*fields);
  if (!checked) check_refusal(checked.error());
}

}  // namespace
}  // namespace hf

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hf::run(hf::text_of(data, size));
  hf::run_query(hf::text_of(data, size));
  return 0;
}
