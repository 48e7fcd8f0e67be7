#pragma once

// Status values of the SDK from the JSON that a server sends, and to the house's values where they are published.
//
// What a value is known by (type, id, group, version, number) must be there; of what is only shown, a member of
// another kind than expected counts as absent, so that a newer server may say more. Pure functions, thread-safe.

#include <boost/json/fwd.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "holdfast/result.h"
#include "holdfast/status.h"
#include "model/status.h"
#include "wire/json_text.h"
#include "wire/said_reader.h"

namespace hf::client {

// {type, id, version, no?, state?, …}: a row's or a known state's. Nothing without type, id and version.
std::optional<holdfast::StatusEvent> read_bill(const boost::json::object& object);
std::optional<holdfast::RunStep> read_run_step(const boost::json::object& object);
std::optional<holdfast::Notice> read_notice(const boost::json::object& object);
// The bodies of answers; nothing for what cannot be read.
template <class T>
std::optional<T> read_answer(std::string_view body) {
  const auto value = parse_json(body);
  T answer;
  if (!value || !value->is_object() || !read_kindly(value->get_object(), answer)) return std::nullopt;
  return answer;
}
std::optional<std::vector<holdfast::Published>> read_published(std::string_view body);
std::optional<holdfast::BillStatus> read_bill_status(std::string_view body);
std::optional<holdfast::BillHistory> read_history(std::string_view body);
// Those that can be read.
std::optional<std::vector<holdfast::Notice>> read_notices(std::string_view body);

// What is published. invalid, with the field, if a run is no id.
Result<LogEvent> from_public(const holdfast::LogEvent& event, std::size_t place);
StatusEvent from_public(const holdfast::StatusEvent& event);
holdfast::LogEvent to_public(const LogEvent& event);

}  // namespace hf::client
