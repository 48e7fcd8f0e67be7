#pragma once

// The completion scripts of `holdfast completion`. What a shell needs to know comes from the commands themselves, so
// it is never out of date.

#include <CLI/App.hpp>
#include <string>

namespace hf::cli {

// `shell`: "bash" or "zsh".
std::string completion(const CLI::App& app, const std::string& shell);

}  // namespace hf::cli
