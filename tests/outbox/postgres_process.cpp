#include "tests/outbox/postgres_process.h"

#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "tests/outbox/database_program.h"

namespace hf::test {
namespace {

constexpr int patience_ms = 60'000;
constexpr int step_ms = 10;

// The newest of those that Debian installs side by side.
std::string program(const std::string& name) {
  std::vector<std::string> found;
  std::error_code none;
  for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", none)) {
    const std::string path = version.path().string() + "/bin/" + name;
    if (std::filesystem::exists(path)) found.push_back(path);
  }
  return found.empty() ? name : *std::ranges::max_element(found);
}

const passwd* other_user() { return ::geteuid() == 0 ? ::getpwnam("postgres") : nullptr; }

}  // namespace

PostgresProcess::PostgresProcess() {
  std::string name = std::filesystem::temp_directory_path().string() + "/holdfast-postgres-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) return;
  directory_ = name;
  if (make_cluster()) start();
}

PostgresProcess::~PostgresProcess() {
  crash();
  std::error_code ignored;  // what cannot be removed is left to the system
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

bool PostgresProcess::make_cluster() {
  const passwd* const user = other_user();
  if (user != nullptr && ::chown(directory_.c_str(), user->pw_uid, user->pw_gid) != 0) return false;
  const pid_t pid = start_program({program("initdb"), "-D", directory_ + "/data", "-U", "erp", "-A", "trust", "-E",
                                   "UTF8", "--locale=C", "--no-sync"},
                                  directory_, user);
  int status = -1;
  return pid > 0 && ::waitpid(pid, &status, 0) == pid && status == 0;
}

bool PostgresProcess::start() {
  // Another program may take a port between our look and the server's: then another port is tried.
  for (int attempt = 0; attempt < 5; ++attempt) {
    if (port_ == 0) port_ = free_port();
    pid_ = start_program({program("postgres"), "-D", directory_ + "/data", "-p", std::to_string(port_), "-c",
                          "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"},
                         directory_, other_user());
    for (int waited = 0; pid_ > 0 && waited < patience_ms; waited += step_ms) {
      if (answers()) return true;
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
      ::poll(nullptr, 0, step_ms);
    }
    crash();
    port_ = 0;
  }
  return false;
}

void PostgresProcess::crash() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGQUIT);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string PostgresProcess::url(const std::string& database) const {
  return "postgresql://erp@127.0.0.1:" + std::to_string(port_) + "/" + database + "?connect_timeout=5";
}

bool PostgresProcess::answers() const {
  try {
    soci::session(*soci::factory_postgresql(), url());
    return true;
  } catch (const soci::soci_error&) {
    return false;
  }
}

std::string PostgresProcess::log() const {
  std::ifstream in(directory_ + "/log");
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace hf::test
