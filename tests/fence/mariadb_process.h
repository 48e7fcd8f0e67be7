#pragma once

// A MariaDB for tests: a server of its own in a temporary directory, on a free port of 127.0.0.1.
//
// It is ended by its process id when its object goes, and by the kernel when the thread that started it ends without
// that. As root it runs as the user nobody. Its root needs no password.

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace hf::test {

class MariadbProcess {
 public:
  // Makes its files, starts it and waits until it answers; is_running() is false if it never did.
  MariadbProcess();
  ~MariadbProcess();
  MariadbProcess(const MariadbProcess&) = delete;
  MariadbProcess& operator=(const MariadbProcess&) = delete;

  bool is_running() const noexcept { return pid_ > 0; }
  std::uint16_t port() const noexcept { return port_; }
  // What SOCI connects to a database of that name by.
  std::string parameters(const std::string& database) const;
  std::string log() const;

 private:
  bool make_files();
  bool start();
  bool answers() const;
  void end();

  std::string directory_;
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace hf::test
