#include "outbox/batch.h"

#include <openssl/evp.h>

#include <array>
#include <boost/json.hpp>
#include <charconv>

#include "base/assert.h"
#include "wire/json_text.h"

namespace hf::outbox {
namespace {

namespace json = boost::json;

std::optional<std::uint64_t> number_in(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr) return std::nullopt;
  json::error_code failed;
  const auto number = value->to_number<std::uint64_t>(failed);
  if (failed) return std::nullopt;
  return number;
}

std::string text_in(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  const json::string* const text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

std::optional<Verdict> verdict_in(const json::value& value) {
  const json::object* const object = value.if_object();
  if (object == nullptr) return std::nullopt;
  const auto kind = object->contains("deleted")   ? Verdict::Kind::deleted
                    : object->contains("stale")   ? Verdict::Kind::stale
                    : object->contains("differs") ? Verdict::Kind::differs
                                                  : Verdict::Kind::logged;
  const auto number = number_in(*object, kind == Verdict::Kind::logged ? "offset" : "version");
  if (!number) return std::nullopt;
  return Verdict{kind, *number};
}

}  // namespace

std::optional<std::string> unfit(const Row& row) {
  if (row.bytes > event_bytes_max) {
    return "An event has at most " + std::to_string(event_bytes_max) + " bytes of JSON, this one has " +
           std::to_string(row.bytes) + ".";
  }
  const auto event = parse_json(row.event);
  if (!event) return "It cannot be published: " + event.error().detail + ".";
  if (!event->is_object()) return "It is not an object.";
  return std::nullopt;
}

std::string batch_id_of(const std::vector<Row>& rows) {
  std::string text;
  for (const Row& row : rows) {
    text += std::to_string(row.id) + " " + std::to_string(row.event.size()) + " " + row.event + "\n";
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HF_ASSERT(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
  constexpr std::size_t taken = 16;
  constexpr std::string_view digits = "0123456789abcdef";
  std::string id = "outbox-";
  for (std::size_t i = 0; i < taken; ++i) id.append(1, digits[digest[i] >> 4]).append(1, digits[digest[i] & 15]);
  return id;
}

std::string body_of(const std::vector<Row>& rows) {
  std::string body = R"({"batch_id":")" + batch_id_of(rows) + R"(","events":[)";
  for (const Row& row : rows) {
    if (body.back() != '[') body += ',';
    body += row.event;
  }
  return body + "]}";
}

Result<std::vector<Verdict>> read_verdicts(std::string_view body, std::size_t rows) {
  const auto answer = parse_json(body);
  const json::value* const list = answer && answer->is_object() ? answer->get_object().if_contains("results") : nullptr;
  std::vector<Verdict> verdicts;
  if (list != nullptr && list->is_array()) {
    for (const json::value& one : list->get_array()) {
      const auto verdict = verdict_in(one);
      if (verdict) verdicts.push_back(*verdict);
    }
  }
  if (verdicts.size() == rows) return verdicts;
  return fail(Code::unavailable, "The server's answer was not understood.");
}

std::optional<std::size_t> place_named(std::string_view field, std::size_t rows) noexcept {
  constexpr std::string_view before = "events[";
  if (!field.starts_with(before)) return std::nullopt;
  const char* const end = field.data() + field.size();
  std::size_t place = 0;
  const auto [stop, wrong] = std::from_chars(field.data() + before.size(), end, place);
  if (wrong != std::errc() || stop == end || *stop != ']' || place >= rows) return std::nullopt;
  return place;
}

bool is_deletion(const Row& row) {
  const auto event = parse_json(row.event);
  const json::object* const object = event ? event->if_object() : nullptr;
  const json::value* const deleted = object == nullptr ? nullptr : object->if_contains("deleted");
  return deleted != nullptr && deleted->is_bool() && deleted->get_bool();
}

std::string describe(const Row& row) {
  const auto event = parse_json(row.event);
  std::string place = "row " + std::to_string(row.id);
  if (!event || !event->is_object()) return place;
  const std::string type = text_in(event->get_object(), "type");
  const std::string id = text_in(event->get_object(), "id");
  return type.empty() && id.empty() ? place : type + ":" + id + " (" + place + ")";
}

}  // namespace hf::outbox
