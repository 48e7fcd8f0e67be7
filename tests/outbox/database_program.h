#pragma once

// How the databases of tests start: programs of Debian's, each in a directory of its own, as a user that may run them.

#include <pwd.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace hf::test {

// Starts the program in `directory`, with what it says in the file "log" there. The kernel ends it with the thread that
// started it. As `user`, unless that is null. -1: it could not be started.
pid_t start_program(const std::vector<std::string>& arguments, const std::string& directory, const passwd* user);

// A port of 127.0.0.1 that is free now. Another program may take it before ours does.
std::uint16_t free_port();

}  // namespace hf::test
