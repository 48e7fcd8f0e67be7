#include "net/address.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>

namespace hf {
namespace {

bool is_loopback_v6(const in6_addr& address) noexcept {
  if (IN6_IS_ADDR_V4MAPPED(&address)) return address.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&address);
}

}  // namespace

std::string ListenAddress::text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<ListenAddress> parse_listen_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return fail(Code::invalid, "An address to listen on is HOST:PORT, e.g. 127.0.0.1:7420.", "listen");
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);

  ListenAddress address;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size() || port.empty()) {
    return fail(Code::invalid, "The port to listen on is a number from 0 to 65535; 0 lets the system choose.",
                "listen");
  }
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  address.host = host == "localhost" ? "127.0.0.1" : std::string(host);

  in_addr v4{};
  in6_addr v6{};
  if (!bracketed && inet_pton(AF_INET, address.host.c_str(), &v4) == 1) {
    address.loopback = (ntohl(v4.s_addr) >> 24) == 127;
  } else if (bracketed && inet_pton(AF_INET6, address.host.c_str(), &v6) == 1) {
    address.loopback = is_loopback_v6(v6);
  } else {
    return fail(Code::invalid, "The host to listen on is an address, 127.0.0.1 or [::1] or 0.0.0.0, or localhost.",
                "listen");
  }
  return address;
}

}  // namespace hf
