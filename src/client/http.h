#pragma once

// One question to a server by HTTP, without a session: for programs that ask once and go, such as the command line.
//
// Blocks until the answer or the deadline. Thread-safe.

#include <string>

#include "holdfast/client.h"

namespace hf::client {

struct HttpCall {
  std::string url;      // as in holdfast::Options; of several, the first that answers
  std::string ca_file;  // as in holdfast::Options
  std::string token;
  std::string language;
  std::string method = "GET";
  std::string path;  // from /v1 on, with its query
  std::string body;  // JSON; empty: none
  holdfast::Millis deadline{10'000};
};

// The body of a 2xx answer; else the refusal as it was told, or `unavailable`.
holdfast::Result<std::string> call_over_http(const HttpCall& call);

}  // namespace hf::client
