#pragma once

// What the server's program does: `holdfast backup` and `holdfast restore` are holdfastd's own commands, which know
// the engines. The holdfastd beside this program takes its place.

#include <string>
#include <vector>

namespace hf::cli {

// Becomes `holdfastd COMMAND REST…`. Returns only if that cannot be: the exit code, and says why.
int become_server_program(const std::string& command, const std::vector<std::string>& rest);

}  // namespace hf::cli
