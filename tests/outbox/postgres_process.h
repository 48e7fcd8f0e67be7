#pragma once

// A PostgreSQL for tests: a cluster of its own in a temporary directory, on a free port of 127.0.0.1.
//
// It is ended by its process id when its object goes, and by the kernel when the thread that started it ends without
// that. As root it runs as the user postgres, for it runs as root for nobody. Databases trust whoever connects.

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace hf::test {

class PostgresProcess {
 public:
  // Makes the cluster, starts it and waits until it answers; is_running() is false if it never did.
  PostgresProcess();
  ~PostgresProcess();
  PostgresProcess(const PostgresProcess&) = delete;
  PostgresProcess& operator=(const PostgresProcess&) = delete;

  // Starts it again on the same directory and port.
  bool start();
  // Ends it as a crash does: no connection is told anything, what was committed stays.
  void crash();

  bool is_running() const noexcept { return pid_ > 0; }
  // postgresql://… of a database of that name.
  std::string url(const std::string& database = "postgres") const;
  bool answers() const;
  std::string log() const;

 private:
  bool make_cluster();

  std::string directory_;
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace hf::test
