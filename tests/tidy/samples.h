#pragma once

// Examples of what a server says, as its encoders write it.

#include <string>

namespace hf {

// Appends a list of {op, event or problem: its name, by: http or websocket, body}.
void append_samples(std::string& out);

}  // namespace hf
