#pragma once

// Url is the address of a server as a user writes it: https://erp.example.com/holdfast.
//
// Pure functions, thread-safe.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/result.h"

namespace hf::client {

struct Url {
  std::string host;
  std::string port;
  std::string path;  // before /v1, without a trailing '/'
  bool tls = false;
  bool operator==(const Url&) const = default;
};
// http://host[:port][/path], https://, ws:// or wss://. invalid, with field "url", if it is none.
holdfast::Result<Url> parse_url(std::string_view text);
// One or more of them, with commas in between: the nodes of one installation.
inline constexpr std::size_t urls_max = 16;
holdfast::Result<std::vector<Url>> parse_urls(std::string_view text);

// What the header Host says.
std::string host_header(const Url& url);

}  // namespace hf::client
