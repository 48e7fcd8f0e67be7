#include "client/stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/beast/http/error.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

namespace hf::client {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

tl::unexpected<holdfast::Error> unusable(std::string why) {
  return holdfast::failure(holdfast::Code::invalid, std::move(why), "ca_file");
}

holdfast::Error unavailable(std::string why, std::string field = {}) {
  return holdfast::failure(holdfast::Code::unavailable, std::move(why), std::move(field)).value();
}

bool is_address(const std::string& host) {
  error_code no_address;
  asio::ip::make_address(host, no_address);
  return !no_address;
}

bool was_cut_off(const error_code& failed) {
  return failed == asio::error::eof || failed == asio::error::connection_reset || failed == asio::error::broken_pipe ||
         failed == asio::ssl::error::stream_truncated;
}

// Of a certificate that was refused.
holdfast::Error distrust(long verdict, const std::string& host) {
  switch (verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return unavailable("the server's certificate does not name " + host + ": use the name that it was issued for",
                         "url");
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return unavailable("the server's certificate has expired: ask the server's operator to renew it", "url");
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return unavailable("the server's certificate is not valid yet: check this machine's clock", "url");
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return unavailable(
          "the server's certificate is not trusted: give the certificate of the authority that signed it (--ca FILE, "
          "HOLDFAST_CA, Options::ca_file)",
          "ca_file");
  }
  return unavailable(std::string("the server's certificate is refused: ") + X509_verify_cert_error_string(verdict),
                     "url");
}

}  // namespace

holdfast::Result<std::shared_ptr<Trust>> trust_for(const std::vector<Url>& urls, const std::string& ca_file) {
  std::shared_ptr<Trust> trust;
  if (std::none_of(urls.begin(), urls.end(), [](const Url& url) { return url.tls; })) return trust;
  trust = std::make_shared<Trust>();
  SSL_CTX* const context = trust->context.native_handle();
  error_code failed;
  if (ca_file.empty()) {
    trust->context.set_default_verify_paths(failed);
  } else {
    if (!std::ifstream(ca_file))
      return unusable("the authorities' file " + ca_file + " cannot be read: " + std::strerror(errno));
    trust->context.load_verify_file(ca_file, failed);
    if (failed) return unusable("the authorities' file " + ca_file + " has no certificate in PEM");
    // The user says whom to trust: that authority need not be one that has signed itself.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
  }
  if (!failed) trust->context.set_verify_mode(asio::ssl::verify_peer, failed);
  if (failed || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1)
    return holdfast::failure(holdfast::Code::other, "TLS cannot be set up: " + failed.message());
  return trust;
}

Stream::Stream(asio::io_context& io, const Url& url, Trust* trust) : url_(url), socket_(io) {
  if (url.tls) tls_.emplace(socket_, trust->context);
}

void Stream::open(const Endpoints& endpoints, Opened opened) {
  asio::async_connect(socket_, endpoints,
                      [this, opened = std::move(opened)](const error_code& failed, const Tcp::endpoint&) mutable {
                        if (failed) return opened(tl::unexpected(unavailable("cannot connect: " + failed.message())));
                        error_code ignored;
                        socket_.set_option(Tcp::no_delay(true), ignored);
                        if (!tls_) return opened(holdfast::Nothing{});
                        shake_hands(std::move(opened));
                      });
}

void Stream::shake_hands(Opened opened) {
  if (!expect_host())
    return opened(tl::unexpected(unavailable("TLS cannot be set up: " + url_.host + " is no name of a host", "url")));
  tls_->async_handshake(asio::ssl::stream_base::client, [this, opened = std::move(opened)](const error_code& failed) {
    if (!failed) return opened(holdfast::Nothing{});
    opened(tl::unexpected(refusal(failed)));
  });
}

// Whom the certificate has to name. The server is told the host if it is a name, and so can choose among its
// certificates (RFC 6066 §3).
bool Stream::expect_host() {
  SSL* const ssl = tls_->native_handle();
  X509_VERIFY_PARAM* const wanted = SSL_get0_param(ssl);
  if (is_address(url_.host)) return X509_VERIFY_PARAM_set1_ip_asc(wanted, url_.host.c_str()) == 1;
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return X509_VERIFY_PARAM_set1_host(wanted, url_.host.data(), url_.host.size()) == 1 &&
         SSL_set_tlsext_host_name(ssl, url_.host.c_str()) == 1;
}

holdfast::Error Stream::refusal(const error_code& failed) {
  const long verdict = SSL_get_verify_result(tls_->native_handle());
  if (verdict != X509_V_OK) return distrust(verdict, url_.host);
  if (was_cut_off(failed))
    return unavailable("the server ended the TLS handshake: check that this port speaks TLS", "url");
  if (failed.category() == asio::error::get_ssl_category()) {
    switch (ERR_GET_REASON(static_cast<unsigned long>(failed.value()))) {
      case SSL_R_WRONG_VERSION_NUMBER:
      case SSL_R_PACKET_LENGTH_TOO_LONG:
      case SSL_R_HTTP_REQUEST:
        return unavailable(
            "the server does not speak TLS on this port: use http:// or ws://, or the port that speaks TLS", "url");
      case SSL_R_UNSUPPORTED_PROTOCOL:
      case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        return unavailable("the server offers neither TLS 1.2 nor TLS 1.3: ask its operator to enable one", "url");
    }
  }
  return unavailable("the TLS handshake failed: " + failed.message());
}

void Stream::finish(std::function<void()> finished) {
  error_code ignored;
  socket_.cancel(ignored);
  auto half_closed = [this, finished = std::move(finished)](const error_code&) mutable {
    error_code gone;
    socket_.shutdown(Tcp::socket::shutdown_send, gone);
    throw_away(std::move(finished));
  };
  if (tls_)
    tls_->async_shutdown(std::move(half_closed));
  else
    half_closed({});
}

void Stream::throw_away(std::function<void()> finished) {
  socket_.async_read_some(asio::buffer(thrown_away_),
                          [this, finished = std::move(finished)](const error_code& failed, std::size_t) mutable {
                            if (failed) return finished();
                            throw_away(std::move(finished));
                          });
}

void Stream::close() {
  error_code ignored;
  socket_.close(ignored);
}

std::string unread_answer(const error_code& failed, const Url& url, std::string_view begins) {
  const bool is_http = begins.starts_with(std::string_view("HTTP/").substr(0, begins.size()));
  const bool ended =
      was_cut_off(failed) || failed == http::error::end_of_stream || failed == http::error::partial_message;
  if (ended && is_http) return "the server closed the connection before its answer was complete";
  if (failed == http::error::header_limit || failed == http::error::body_limit ||
      failed == http::error::buffer_overflow)
    return "the server's answer is too large";
  if (!ended && failed.category() != error_code(http::error::bad_version).category())
    return "cannot receive: " + failed.message();
  if (url.tls) return "no Holdfast server there: its answer is not HTTP";
  return "no Holdfast server there: its answer is not HTTP; if this port speaks TLS, use https:// or wss://";
}

std::optional<std::string> asks_for_tls(const Url& url, unsigned status, std::string_view location) {
  const bool sends_away = status / 100 == 3 && location.starts_with("https://");
  if (url.tls || !(status == 400 || sends_away)) return std::nullopt;
  return "the server answered HTTP status " + std::to_string(status) + ": if it wants TLS, use https:// or wss://";
}

}  // namespace hf::client
