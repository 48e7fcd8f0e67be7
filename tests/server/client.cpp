#include "tests/server/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/json/parse.hpp>
#include <cerrno>
#include <cstdlib>

namespace hf::test {
namespace {

boost::json::value parse(const std::string& text) {
  boost::system::error_code error;
  auto value = boost::json::parse(text, error);
  return error ? boost::json::value() : value;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return text;
}

}  // namespace

boost::json::value Answer::json() const { return parse(body); }
boost::json::value Received::json() const { return parse(payload); }

Client::Client(std::uint16_t port, int patience_ms) : patience_ms_(patience_ms) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  timeval patience{patience_ms / 1000, (patience_ms % 1000) * 1000};
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(socket_);
    socket_ = -1;
  }
}

Client::~Client() {
  if (socket_ >= 0) ::close(socket_);
}

bool Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void Client::shut() { ::shutdown(socket_, SHUT_WR); }

void Client::reset() {
  const linger now{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(socket_);
  socket_ = -1;
}

bool Client::has_something(int within_ms) {
  if (!in_.empty() || taken_ < received_.size()) return true;
  pollfd wait{socket_, POLLIN, 0};
  return ::poll(&wait, 1, within_ms) > 0;
}

bool Client::fill() {
  pollfd wait{socket_, POLLIN, 0};
  if (socket_ < 0 || ::poll(&wait, 1, patience_ms_) <= 0) return false;
  std::array<char, 64 * 1024> block;
  const ssize_t got = ::recv(socket_, block.data(), block.size(), 0);
  if (got <= 0) return false;
  in_.append(block.data(), static_cast<std::size_t>(got));
  return true;
}

Answer Client::request(std::string_view method, std::string_view path, std::string_view body, const Headers& headers) {
  std::string bytes;
  bytes.append(method).append(" ").append(path).append(" HTTP/1.1\r\nHost: 127.0.0.1\r\n");
  for (const auto& [name, value] : headers) bytes.append(name).append(": ").append(value).append("\r\n");
  if (!body.empty()) bytes.append("Content-Type: application/json\r\n");
  if (!body.empty() || method == "POST" || method == "PUT")
    bytes.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  bytes.append("\r\n").append(body);
  if (!send(bytes)) return {};
  return read_answer(method == "HEAD");
}

Answer Client::read_answer(bool head) {
  std::size_t end = 0;
  while ((end = in_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill()) return {};
  }
  Answer answer;
  if (in_.size() > 12) answer.status = std::atoi(in_.c_str() + 9);
  std::size_t at = in_.find("\r\n") + 2;
  while (at < end) {
    const std::size_t line_end = in_.find("\r\n", at);
    const std::string line = in_.substr(at, line_end - at);
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) answer.headers[lower(line.substr(0, colon))] = line.substr(colon + 2);
    at = line_end + 2;
  }
  in_.erase(0, end + 4);
  const bool streamed = answer.headers.contains("transfer-encoding");
  if (head || streamed || answer.status == 101 || answer.status == 100 || answer.status == 204) return answer;
  const auto length = static_cast<std::size_t>(std::atoll(answer.headers["content-length"].c_str()));
  while (in_.size() < length) {
    if (!fill()) return {};
  }
  answer.body = in_.substr(0, length);
  in_.erase(0, length);
  return answer;
}

std::optional<std::string> Client::read_to_end() {
  for (;;) {
    pollfd wait{socket_, POLLIN, 0};
    if (::poll(&wait, 1, patience_ms_) <= 0) return std::nullopt;
    std::array<char, 64 * 1024> block;
    const ssize_t got = ::recv(socket_, block.data(), block.size(), 0);
    if (got <= 0) return std::move(in_);
    in_.append(block.data(), static_cast<std::size_t>(got));
  }
}

std::optional<std::string> Client::read_line() {
  std::size_t end = 0;
  while ((end = in_.find('\n')) == std::string::npos) {
    if (!fill()) return std::nullopt;
  }
  std::string line = in_.substr(0, end);
  in_.erase(0, end + 1);
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

bool Client::upgrade(const Headers& headers, std::string_view path) {
  std::string bytes = "GET ";
  bytes.append(path);
  bytes +=
      " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: "
      "13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: holdfast.v1.json\r\n";
  for (const auto& [name, value] : headers) bytes.append(name).append(": ").append(value).append("\r\n");
  if (!send(bytes + "\r\n")) return false;
  answer_ = read_answer();
  return answer_.status == 101 && answer_.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" &&
         answer_.headers["sec-websocket-protocol"] == "holdfast.v1.json";
}

void Client::send_text(std::string_view text) { send_frame(Opcode::text, text); }

void Client::send_frame(Opcode opcode, std::string_view payload, bool fin) {
  std::string bytes;
  append_frame(bytes, opcode, payload, 0x12345678U, fin);
  send(bytes);
}

Received Client::receive() {
  while (taken_ == received_.size()) {
    received_.clear();
    taken_ = 0;
    if (in_.empty() && !fill()) return {};
    std::string bytes;
    bytes.swap(in_);
    if (parser_.feed(std::span(bytes), *this)) return {};
  }
  return std::move(received_[taken_++]);
}

Received Client::receive_with(std::string_view key, const boost::json::value& value) {
  for (;;) {
    Received message = receive();
    if (!message || message.opcode == Opcode::close) return message;
    const auto json = message.json();
    const auto* object = json.if_object();
    const auto* found =
        object != nullptr ? object->if_contains(boost::json::string_view(key.data(), key.size())) : nullptr;
    if (found != nullptr && *found == value) return message;
  }
}

void Client::on_message(Opcode opcode, std::string_view payload) {
  received_.push_back(Received{opcode, std::string(payload), 0});
}
void Client::on_ping(std::string_view payload) { received_.push_back(Received{Opcode::ping, std::string(payload), 0}); }
void Client::on_pong(std::string_view payload) { received_.push_back(Received{Opcode::pong, std::string(payload), 0}); }
void Client::on_close(std::uint16_t code, std::string_view reason) {
  received_.push_back(Received{Opcode::close, std::string(reason), code});
}

}  // namespace hf::test
