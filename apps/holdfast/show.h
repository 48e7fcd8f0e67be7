#pragma once

// What people read: durations, conflicts, tables. What --json prints instead is made here too.
//
// All of it is text out of values; nothing here prints. Text that came from a server is shown without control
// characters, so that no name or label can drive the terminal.

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "holdfast/client.h"

namespace hf::cli {

// Without control characters and those that turn the direction of writing.
std::string plain(std::string_view text);
// "a moment", "12 s", "4 min", "3 h", "2 days".
std::string duration(holdfast::Millis time);
std::string since(holdfast::WallTime time);
// A server's time "2026-01-01T…Z" as a duration until now; the text itself if it is none.
std::string since(std::string_view time);

// Lines: who is in the way, since when, from where, and what one may do about it.
std::string conflicts(const holdfast::Error& error);
std::string conflict(const holdfast::Conflict& conflict);

// Columns as wide as their widest cell; without a head if `head` is empty.
std::string table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows);

boost::json::object to_json(const holdfast::LockInfo& lock);
boost::json::object to_json(const holdfast::Lost& lost);
boost::json::object to_json(const holdfast::Request& request);
boost::json::object to_json(const holdfast::Error& error);

}  // namespace hf::cli
