#include "load_session.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>

#include "measure.h"

namespace hf::load {
namespace {

constexpr std::size_t read_at_once = 256 * 1024;

std::string reason() { return std::strerror(errno); }

int dial(int port) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (descriptor < 0 || ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    die("cannot connect to port " + std::to_string(port), reason());
  }
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return descriptor;
}

// All of `text`; waits for the socket to take it.
void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(descriptor, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      text.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      pollfd waiting{descriptor, POLLOUT, 0};
      ::poll(&waiting, 1, -1);
    } else if (errno != EINTR) {
      die("cannot write", reason());
    }
  }
}

// A batch: a byte 1, then raw deflate.
std::string_view inflated(std::string_view batch) {
  static std::string text;
  if (batch.empty() || batch.front() != 1) die("a batch in another codec");
  z_stream z{};
  if (inflateInit2(&z, -15) != Z_OK) die("no memory");
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(batch.data() + 1));
  z.avail_in = static_cast<uInt>(batch.size() - 1);
  text.resize(std::max(text.size(), batch.size() * 8));
  int state = Z_OK;
  while (true) {
    z.next_out = reinterpret_cast<Bytef*>(text.data()) + z.total_out;
    z.avail_out = static_cast<uInt>(text.size() - z.total_out);
    state = ::inflate(&z, Z_NO_FLUSH);
    if (state != Z_OK || z.avail_out != 0) break;
    text.resize(text.size() * 2);
  }
  const std::size_t size = z.total_out;
  inflateEnd(&z);
  if (state != Z_STREAM_END) die("a batch that cannot be read");
  return std::string_view(text).substr(0, size);
}

// Appends what one blocking read gives; false at the end.
bool read_more(int descriptor, std::string& to) {
  char bytes[16 * 1024];
  const ssize_t size = ::read(descriptor, bytes, sizeof bytes);
  if (size < 0) die("cannot read", reason());
  to.append(bytes, static_cast<std::size_t>(size));
  return size > 0;
}

std::uint32_t random_word() {
  static std::mt19937 words(std::random_device{}());
  return static_cast<std::uint32_t>(words());
}

}  // namespace

std::string call_http(int port, std::string_view path, std::string_view token, std::string_view body) {
  std::string request = body.empty() ? "GET " : "POST ";
  request.append(path).append(
      " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n");
  if (!token.empty()) request.append("Authorization: Bearer ").append(token).append("\r\n");
  request.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
  const int descriptor = dial(port);
  write_all(descriptor, request);
  std::string answer;
  while (read_more(descriptor, answer)) {
  }
  ::close(descriptor);
  const std::size_t head = answer.find("\r\n\r\n");
  if (!answer.starts_with("HTTP/1.1 2") || head == std::string::npos) die("refused " + std::string(path), answer);
  return answer.substr(head + 4);
}

std::string dev_token(int port, std::string_view user, std::string_view roles) {
  std::string body = R"({"user":")";
  body.append(user).append(R"(","name":")").append(user).append(R"(","roles":[)").append(roles).append("]}");
  const std::string answer = call_http(port, "/v1/dev/token", {}, body);
  const std::string_view token = text_after(answer, R"("token":")");
  if (token.empty()) die("no token in", answer);
  return std::string(token);
}

std::string editor_token(int port, std::string_view user) { return dev_token(port, user, R"("editor")"); }

std::string_view text_after(std::string_view json, std::string_view name_quoted) {
  const std::size_t at = json.find(name_quoted);
  if (at == std::string_view::npos) return {};
  json.remove_prefix(at + name_quoted.size());
  return json.substr(0, json.find('"'));
}

LoadSession::LoadSession(int port, std::string_view token, std::uint64_t lease_ms, Opening opening)
    : socket_(dial(port)), mask_(random_word() | 1) {
  std::string upgrade =
      "GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: "
      "13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: holdfast.v1.json\r\nAuthorization: "
      "Bearer ";
  upgrade.append(token).append("\r\n\r\n");
  write_all(socket_, upgrade);
  queue(lease_ms == 0
            ? R"({"op":"hello","client":{"program":"lock_load"}})"
            : R"({"op":"hello","client":{"program":"lock_load"},"lease_ms":)" + std::to_string(lease_ms) + "}");
  while (opening == Opening::blocking && session_.empty()) {
    receive([this](std::string_view text) {
      if (!text.starts_with(R"({"event":"welcome")")) die("no welcome", text);
      session_ = text_after(text, R"("session":")");
    });
  }
  ::fcntl(socket_, F_SETFL, ::fcntl(socket_, F_GETFL) | O_NONBLOCK);
}

bool LoadSession::take_upgrade(std::string_view& bytes) {
  const std::size_t head = bytes.find("\r\n\r\n");
  if (head == std::string_view::npos) return false;
  if (!bytes.starts_with("HTTP/1.1 101 ")) die("no upgrade", bytes);
  bytes.remove_prefix(head + 4);
  upgraded_ = true;
  flush();
  return true;
}

LoadSession::~LoadSession() { ::close(socket_); }

// RFC 6455 §5.2. The mask changes with each frame, as a client's must; its strength is of no concern here.
void LoadSession::queue(std::string_view text) {
  mask_ ^= mask_ << 13;
  mask_ ^= mask_ >> 17;
  mask_ ^= mask_ << 5;
  out_.push_back(static_cast<char>(0x81));
  const std::size_t size = text.size();
  if (size < 126) {
    out_.push_back(static_cast<char>(0x80 | size));
  } else {
    const bool is_long = size > 0xFFFF;
    out_.push_back(static_cast<char>(is_long ? 0xFF : 0xFE));
    for (int shift = is_long ? 56 : 8; shift >= 0; shift -= 8) out_.push_back(static_cast<char>(size >> shift & 0xFF));
  }
  out_.append(reinterpret_cast<const char*>(&mask_), sizeof mask_);
  const std::size_t begin = out_.size();
  out_.append(text);
  char* at = out_.data() + begin;
  const std::uint64_t wide = std::uint64_t{mask_} << 32 | mask_;
  std::size_t done = 0;
  for (; done + sizeof wide <= size; done += sizeof wide) {
    std::uint64_t word = 0;
    std::memcpy(&word, at + done, sizeof word);
    word ^= wide;
    std::memcpy(at + done, &word, sizeof word);
  }
  for (; done < size; ++done) at[done] = static_cast<char>(at[done] ^ static_cast<char>(mask_ >> done % 4 * 8 & 0xFF));
}

void LoadSession::flush() {
  if (out_.empty() || !upgraded_) return;
  write_all(socket_, out_);
  out_.clear();
}

std::string_view LoadSession::read() {
  static std::string buffer(read_at_once, '\0');
  const ssize_t size = ::read(socket_, buffer.data(), buffer.size());
  if (size == 0) die("the server closed the connection");
  if (size < 0 && errno != EAGAIN && errno != EINTR) die("cannot read", reason());
  const std::string_view fresh(buffer.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
  bytes_in_ += fresh.size();
  if (in_.empty()) return fresh;
  return in_.append(fresh);
}

// RFC 6455 §5.2; a server does not mask, and ours sends nothing in pieces.
std::optional<std::string_view> LoadSession::take_text(std::string_view& bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  std::size_t size = at(1);
  std::size_t head = 2;
  if (size >= 126) {
    const std::size_t wide = size == 126 ? 2 : 8;
    if (bytes.size() < head + wide) return std::nullopt;
    size = 0;
    for (std::size_t i = 0; i < wide; ++i) size = size << 8 | at(head + i);
    head += wide;
  }
  if (bytes.size() < head + size) return std::nullopt;
  const std::string_view payload = bytes.substr(head, size);
  if (at(0) == 0x88) die("the server closes", payload.size() > 2 ? payload.substr(2) : "");
  if (at(0) != 0x81 && at(0) != 0x82) die("a frame that is neither text nor batch");
  const bool batch = at(0) == 0x82;
  bytes.remove_prefix(head + size);
  return batch ? inflated(payload) : payload;
}

void LoadSession::keep(std::string_view rest) {
  if (in_.empty()) {
    in_.assign(rest);
  } else {
    in_.erase(0, in_.size() - rest.size());
  }
}

void LoadSession::answer_ping(std::string_view text) {
  constexpr std::string_view name = R"("n":)";
  const std::size_t at = text.find(name);
  if (at == std::string_view::npos) die("a ping without n", text);
  const std::string_view rest = text.substr(at + name.size());
  ++pings_;
  queue(R"({"op":"pong","n":)" + std::string(rest.substr(0, rest.find_first_not_of("0123456789"))) +
        R"(,"idle_ms":{}})");
}

}  // namespace hf::load
