#pragma once

// Authority is a certificate authority of a test's own: it makes a key and a certificate for a server, good or with one
// thing wrong. All files lie in a temporary directory that goes with it.

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "tests/server/server_process.h"

namespace hf::test {

// PEM files, as nginx (two) and HAProxy (one with both) take them.
struct ServerCertificate {
  std::string certificate, key, both;
  std::string nginx_lines{};  // what else stands in nginx's file
};

class Authority {
 public:
  Authority();
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  // Its own certificate, for who is to believe it.
  std::string ca_file() const { return directory_.path() + "/ca.pem"; }
  // `names`: "DNS:localhost,IP:127.0.0.1". `days`: from one day to another, today being 0.
  struct Days {
    int from = -1, to = 1;
  };
  ServerCertificate sign(const std::string& names, Days days = {-1, 1});

 private:
  struct Keys;
  TemporaryDirectory directory_;
  std::unique_ptr<Keys> keys_;
  int signed_ = 0;
};

}  // namespace hf::test
