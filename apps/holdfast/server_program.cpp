#include "server_program.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "commands.h"
#include "console.h"
#include "words.h"

namespace hf::cli {

int become_server_program(const std::string& command, const std::vector<std::string>& rest) {
  std::error_code failed;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
  const std::string program = self.parent_path() / "holdfastd";
  std::vector<std::string> words{program, command};
  words.insert(words.end(), rest.begin(), rest.end());
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  ::execv(program.c_str(), pointers.data());
  complain(complaint(tr("{}, which does this, cannot be started: {}.", program, std::strerror(errno))));
  return exit_unavailable;
}

}  // namespace hf::cli
