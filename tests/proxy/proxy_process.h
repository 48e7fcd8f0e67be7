#pragma once

// ProxyProcess is a real nginx or HAProxy with the very file of deploy/proxy, on a free port and before two addresses
// that a test names; with a certificate it speaks TLS on that port. It runs as whoever runs the test, in the
// foreground, in a temporary directory, and is ended by its process id; the kernel ends it when the thread that started
// it ends without that.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "tests/proxy/authority.h"
#include "tests/server/server_process.h"

namespace hf::test {

enum class Proxy : std::uint8_t { nginx, haproxy };

class ProxyProcess {
 public:
  // Starts it and waits until it listens; port() is 0 if it never did, log() says why.
  ProxyProcess(Proxy proxy, std::uint16_t first_node, std::uint16_t second_node,
               const std::optional<ServerCertificate>& certificate = {});
  ~ProxyProcess();
  ProxyProcess(const ProxyProcess&) = delete;
  ProxyProcess& operator=(const ProxyProcess&) = delete;

  std::uint16_t port() const noexcept { return port_; }
  std::string log() const;

 private:
  // The command that runs it with its file, which is written.
  std::string prepare(Proxy proxy, std::uint16_t port, std::uint16_t first_node, std::uint16_t second_node,
                      const std::optional<ServerCertificate>& certificate) const;

  TemporaryDirectory directory_;
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace hf::test
