#pragma once

// Directory is a new directory under the system's temporary one, removed with all in it at the end of its test.

#include <cstdlib>
#include <filesystem>
#include <string>

namespace hf::test {

class Directory {
 public:
  Directory() {
    std::string name = std::filesystem::temp_directory_path().string() + "/holdfast-unit-XXXXXX";
    path = ::mkdtemp(name.data()) != nullptr ? name : "/nonexistent";
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  std::string path;
};

}  // namespace hf::test
