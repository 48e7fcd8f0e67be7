#pragma once

// Publishes rows at a server by HTTP: one POST /v1/status that waits for its answer.
//
// Blocks until the answer or the deadline. Thread-safe.

#include <string>
#include <vector>

#include "base/time.h"
#include "outbox/batch.h"

namespace hf::outbox {

struct ServerAddress {
  std::string url;
  std::string ca_file;  // as in holdfast::Options
  std::string token;
  std::string token_file;  // read anew for each batch, so that a token can be renewed; empty: `token` counts
  std::string language;
};

// What the server said to each row, or its refusal: `unavailable`, too, where nobody can say whether it was done.
Result<std::vector<Verdict>> publish_over_http(const ServerAddress& server, const std::vector<Row>& rows,
                                               Millis deadline);

}  // namespace hf::outbox
