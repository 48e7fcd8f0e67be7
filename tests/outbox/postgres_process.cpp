#include "tests/outbox/postgres_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

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

pid_t start_program(const std::vector<std::string>& arguments, const std::string& directory) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const passwd* const user = other_user();
  const int log = ::open((directory + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(log, 1);
    ::dup2(log, 2);
    if (user != nullptr && (::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0)) ::_exit(126);
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);  // a change of user forgets it
    if (::getppid() != parent || ::chdir(directory.c_str()) != 0) ::_exit(126);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(log);
  return pid;
}

std::uint16_t free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(socket, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(socket);
  return ntohs(address.sin_port);
}

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
                                  directory_);
  int status = -1;
  return pid > 0 && ::waitpid(pid, &status, 0) == pid && status == 0;
}

bool PostgresProcess::start() {
  // Another program may take a port between our look and the server's: then another port is tried.
  for (int attempt = 0; attempt < 5; ++attempt) {
    if (port_ == 0) port_ = free_port();
    pid_ = start_program({program("postgres"), "-D", directory_ + "/data", "-p", std::to_string(port_), "-c",
                          "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"},
                         directory_);
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
