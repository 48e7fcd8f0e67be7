#pragma once

// What `--help` shows and what wrong usage is told: in the language of the user, with the program as he called it,
// with examples, and with what he may have meant.

#include <CLI/App.hpp>
#include <string>
#include <vector>

namespace hf::cli {

// The page of a command, or of the whole program.
std::string help_of(const CLI::App& app);
// `help [command [part]]`; the exit code.
int say_help(const CLI::App& app, const std::vector<std::string>& command);
// The sentence about arguments that were not understood.
std::string usage_complaint(const CLI::App& app, const CLI::ParseError& error);

}  // namespace hf::cli
