#pragma once

// One HTTP request that waits for its answer, at the first server that takes it.
//
// Blocks until the answer or the deadline. Thread-safe.

#include <memory>
#include <string>
#include <vector>

#include "client/trust.h"
#include "client/url.h"
#include "holdfast/client.h"

namespace hf::client {

struct HttpQuestion {
  std::string method, path;
  std::string body;     // JSON; empty: none
  std::string headers;  // whole lines
};
struct HttpAnswer {
  int status = 0;
  std::string body;
  std::string refusal;  // what to say of this answer if its body does not say it
};
// How large a body may be: 500 locks of 1,000 targets each.
inline constexpr std::size_t http_bytes_max = 64 * 1024 * 1024;

// Asks the first of `urls` that takes the question. What was sent goes to no other, unless it asks only (GET), or the
// answer says that nothing was done (503). `unavailable` if none can be reached or the answer did not come whole.
// REQUIRES: `trust` is that of `urls`.
holdfast::Result<HttpAnswer> http_ask(const std::vector<Url>& urls, const HttpQuestion& question,
                                      const std::shared_ptr<Trust>& trust, holdfast::Millis deadline);

}  // namespace hf::client
