#pragma once

// Trust is whose signatures on a server's certificate are believed.
//
// What is in it is known to stream.h alone, so that nobody else includes Asio for it. Thread-safe.

#include <memory>
#include <string>
#include <vector>

#include "client/url.h"

namespace hf::client {

struct Trust;

// The authorities in `ca_file`, which then are the only ones; those of the system if it is empty. Null if none of
// `urls` has TLS. invalid, with field "ca_file", if the file cannot be used.
holdfast::Result<std::shared_ptr<Trust>> trust_for(const std::vector<Url>& urls, const std::string& ca_file);

}  // namespace hf::client
