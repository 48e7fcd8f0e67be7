#include "database/address.h"

#include <array>

namespace hf::database {
namespace {

constexpr std::string_view sqlite_prefix = "sqlite:";

constexpr std::array<std::string_view, 2> postgresql_options = {"connect_timeout=5", "tcp_user_timeout=10000"};

}  // namespace

Result<Address> address_of(const std::string& url, std::string_view field) {
  if (url.starts_with(sqlite_prefix)) {
    Address address{Dialect::sqlite, url.substr(sqlite_prefix.size())};
    // As a URL says that no host is meant.
    if (address.where.starts_with("///")) address.where.erase(0, 2);
    // SOCI has no way to write a quotation mark within one.
    if (address.where.empty() || address.where.find('"') != std::string::npos) {
      return fail(Code::invalid, "Write sqlite:PATH, without quotation marks.", std::string(field));
    }
    return address;
  }
  if (url.starts_with("postgresql://") || url.starts_with("postgres://")) return Address{Dialect::postgresql, url};
  return fail(Code::invalid, "Write sqlite:PATH or postgresql://USER@HOST/DATABASE.", std::string(field));
}

// With an option in any case: SOCI 4.0 appends a '=' to a text that has none.
std::string with_timeouts(std::string url) {
  for (const std::string_view option : postgresql_options) {
    if (url.find(option.substr(0, option.find('=') + 1)) != std::string::npos) continue;
    url.append(1, url.find('?') == std::string::npos ? '?' : '&').append(option);
  }
  return url;
}

}  // namespace hf::database
