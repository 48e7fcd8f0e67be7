#pragma once

// The server's messages to the person who starts it: in Chinese if his environment asks for that (LC_ALL, LC_MESSAGES,
// LANG), else in English. Logs and metrics are for machines and stay English.
//
// Reads the environment at the first call; thread-safe after it.

#include <string>
#include <string_view>

namespace hf {

// The sentence in the language of the environment.
std::string said(std::string_view english);

}  // namespace hf
