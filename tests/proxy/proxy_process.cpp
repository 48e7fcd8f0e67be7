#include "tests/proxy/proxy_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>

namespace hf::test {
namespace {

constexpr int start_patience_ms = 20'000;
constexpr int port_tries_max = 20;  // somebody else may take a free port before the proxy does

std::string read_all(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

std::uint16_t free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  const bool bound = ::bind(socket, reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
                     ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(socket);
  return bound ? ntohs(address.sin_port) : std::uint16_t{0};
}

bool listens(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  const bool connected = ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(socket);
  return connected;
}

bool has_ended(pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) == pid; }

// Replaces what must be there once: a test with another file than the one that is shipped would show nothing.
bool replace(std::string& text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  if (at == std::string::npos || text.find(from, at + 1) != std::string::npos) return false;
  text.replace(at, from.size(), to);
  return true;
}

pid_t run(const std::string& command, const std::string& log) {
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    // Between fork and exec only what is safe in a signal handler: other threads of the test may hold locks.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(126);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(out);
  return pid;
}

// How docs/proxies.md says to give them TLS.
std::string listening(const std::string& address, const std::optional<ServerCertificate>& certificate) {
  if (!certificate) return "listen " + address + ";";
  return "listen " + address + " ssl;\n  ssl_certificate " + certificate->certificate + ";\n  ssl_certificate_key " +
         certificate->key + ";" + certificate->nginx_lines;
}
std::string binding(const std::string& address, const std::optional<ServerCertificate>& certificate) {
  return "bind " + address + (certificate ? " ssl crt " + certificate->both : std::string()) + "\n";
}

}  // namespace

std::string ProxyProcess::prepare(Proxy proxy, std::uint16_t port, std::uint16_t first_node, std::uint16_t second_node,
                                  const std::optional<ServerCertificate>& certificate) const {
  const bool nginx = proxy == Proxy::nginx;
  std::string text =
      read_all(std::string(HF_SOURCE_DIR) + (nginx ? "/deploy/proxy/nginx.conf" : "/deploy/proxy/haproxy.cfg"));
  const std::string address = "127.0.0.1:" + std::to_string(port);
  const std::string first = "127.0.0.1:" + std::to_string(first_node);
  const std::string second = "127.0.0.1:" + std::to_string(second_node);
  const bool aimed = replace(text, "127.0.0.1:7420", first) && replace(text, "127.0.0.1:7421", second) &&
                     (nginx ? replace(text, "listen 80;", listening(address, certificate))
                            : replace(text, "bind :80\n", binding(address, certificate)));
  if (!aimed) return "echo 'the file of deploy/proxy has no such addresses'; exit 1";
  const std::string in = directory_.path();
  if (!nginx) {
    std::ofstream(in + "/haproxy.cfg") << text;
    return "exec /usr/sbin/haproxy -db -f " + in + "/haproxy.cfg";
  }
  std::ofstream(in + "/holdfast.conf") << text;
  // One process: it ends with us, whatever happens, and needs no user of its own.
  std::ofstream outer(in + "/nginx.conf");
  outer << "daemon off;\nmaster_process off;\npid " << in << "/nginx.pid;\nerror_log " << in
        << "/error.log;\nevents {}\nhttp {\n  access_log off;\n";
  for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
    outer << "  " << kind << "_temp_path " << in << "/" << kind << ";\n";
  outer << "  include " << in << "/holdfast.conf;\n}\n";
  return "exec /usr/sbin/nginx -p " + in + " -e " + in + "/error.log -c " + in + "/nginx.conf";
}

ProxyProcess::ProxyProcess(Proxy proxy, std::uint16_t first_node, std::uint16_t second_node,
                           const std::optional<ServerCertificate>& certificate) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(start_patience_ms);
  for (int tries = 0; tries < port_tries_max; ++tries) {
    const std::uint16_t port = free_port();
    pid_ = run(prepare(proxy, port, first_node, second_node, certificate), directory_.path() + "/output.log");
    while (pid_ > 0 && std::chrono::steady_clock::now() < until) {
      if (has_ended(pid_)) {
        pid_ = -1;
      } else if (listens(port)) {
        port_ = port;
        return;
      } else {
        ::poll(nullptr, 0, 5);
      }
    }
    if (pid_ > 0) return;
  }
}

ProxyProcess::~ProxyProcess() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string ProxyProcess::log() const {
  return read_all(directory_.path() + "/output.log") + read_all(directory_.path() + "/error.log");
}

}  // namespace hf::test
