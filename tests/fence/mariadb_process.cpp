#include "tests/fence/mariadb_process.h"

#include <poll.h>
#include <signal.h>
#include <soci/soci.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/outbox/database_program.h"

namespace hf::test {
namespace {

constexpr int patience_ms = 60'000;
constexpr int step_ms = 20;

const passwd* other_user() { return ::geteuid() == 0 ? ::getpwnam("nobody") : nullptr; }

}  // namespace

MariadbProcess::MariadbProcess() {
  std::string name = std::filesystem::temp_directory_path().string() + "/holdfast-mariadb-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) return;
  directory_ = name;
  if (make_files()) start();
}

MariadbProcess::~MariadbProcess() {
  end();
  std::error_code ignored;  // what cannot be removed is left to the system
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

bool MariadbProcess::make_files() {
  const passwd* const user = other_user();
  if (user != nullptr && ::chown(directory_.c_str(), user->pw_uid, user->pw_gid) != 0) return false;
  const pid_t pid = start_program({"mariadb-install-db", "--no-defaults", "--datadir=" + directory_ + "/data",
                                   "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"},
                                  directory_, user);
  int status = -1;
  return pid > 0 && ::waitpid(pid, &status, 0) == pid && status == 0;
}

bool MariadbProcess::start() {
  // Another program may take a port between our look and the server's: then another port is tried.
  for (int attempt = 0; attempt < 5; ++attempt) {
    port_ = free_port();
    pid_ = start_program(
        {"mariadbd", "--no-defaults", "--datadir=" + directory_ + "/data", "--port=" + std::to_string(port_),
         "--bind-address=127.0.0.1", "--socket=" + directory_ + "/socket", "--pid-file=" + directory_ + "/pid",
         "--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0"},
        directory_, other_user());
    for (int waited = 0; pid_ > 0 && waited < patience_ms; waited += step_ms) {
      if (answers()) return true;
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
      ::poll(nullptr, 0, step_ms);
    }
    end();
  }
  return false;
}

void MariadbProcess::end() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string MariadbProcess::parameters(const std::string& database) const {
  return "host=127.0.0.1 port=" + std::to_string(port_) + " user=root dbname=" + database;
}

bool MariadbProcess::answers() const {
  try {
    soci::session("mysql", parameters("mysql"));
    return true;
  } catch (const soci::soci_error&) {
    return false;
  }
}

std::string MariadbProcess::log() const {
  std::ifstream in(directory_ + "/log");
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace hf::test
