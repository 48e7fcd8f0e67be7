#include "wire/websocket.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace hf {
namespace {

constexpr std::size_t kControlBytesMax = 125;

bool is_control(Opcode opcode) noexcept { return (static_cast<std::uint8_t>(opcode) & 8U) != 0; }

// XORs `bytes` with the mask, byte i with mask[(offset + i) % 4].
void unmask(std::span<char> bytes, const std::uint8_t (&mask)[4], std::uint64_t offset) noexcept {
  std::array<std::uint8_t, 8> turned;
  for (std::size_t i = 0; i < turned.size(); ++i) turned[i] = mask[(offset + i) % 4];
  const auto pattern = std::bit_cast<std::uint64_t>(turned);
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    word ^= pattern;
    std::memcpy(bytes.data() + i, &word, 8);
  }
  for (; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(static_cast<std::uint8_t>(bytes[i]) ^ turned[i % 8]);
  }
}

void drop(std::string& buffer) noexcept { std::string().swap(buffer); }

std::size_t heap_bytes(const std::string& buffer) noexcept {
  static const std::size_t kInPlace = std::string().capacity();
  return buffer.capacity() > kInPlace ? buffer.capacity() : 0;
}

}  // namespace

bool Utf8Check::feed(std::string_view bytes) noexcept {
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  while (p != end) {
    if (left_ == 0) {
      std::uint64_t word;
      while (end - p >= 8 && (std::memcpy(&word, p, 8), (word & 0x8080808080808080ULL) == 0)) p += 8;
      if (p == end) return true;
    }
    const auto c = static_cast<std::uint8_t>(*p++);
    if (left_ != 0) {
      if (c < low_ || c > high_) return false;
      --left_;
      low_ = 0x80;
      high_ = 0xBF;
      continue;
    }
    if (c < 0x80) continue;
    if (c < 0xC2 || c > 0xF4) return false;
    left_ = c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3;
    // The second byte's range keeps out overlong forms, surrogates and what lies beyond U+10FFFF.
    if (c == 0xE0) low_ = 0xA0;
    if (c == 0xED) high_ = 0x9F;
    if (c == 0xF0) low_ = 0x90;
    if (c == 0xF4) high_ = 0x8F;
  }
  return true;
}

bool is_utf8(std::string_view text) noexcept {
  Utf8Check check;
  return check.feed(text) && check.complete();
}

WebSocketParser::WebSocketParser(Role role, std::size_t bytes_max) noexcept
    : message_bytes_max_(bytes_max), role_(role) {}

std::size_t WebSocketParser::buffered() const noexcept { return heap_bytes(message_) + heap_bytes(control_); }

std::optional<std::uint16_t> WebSocketParser::feed(std::span<char> bytes, WebSocketSink& sink) {
  const auto end_with = [this](std::uint16_t code) {
    ended_ = true;
    drop(message_);
    drop(control_);
    return code;
  };
  while (!ended_) {
    if (!in_payload_) {
      std::size_t needed = 2;
      if (header_size_ >= 2) {
        const unsigned size_code = header_[1] & 0x7FU;
        needed += (size_code == 126 ? 2U : size_code == 127 ? 8U : 0U) + ((header_[1] & 0x80U) != 0 ? 4U : 0U);
      }
      const std::size_t take = std::min(needed - header_size_, bytes.size());
      std::copy_n(bytes.begin(), take, header_ + header_size_);
      header_size_ = static_cast<std::uint8_t>(header_size_ + take);
      bytes = bytes.subspan(take);
      if (header_size_ < needed) return std::nullopt;
      if (needed == 2 && ((header_[1] & 0x80U) != 0 || (header_[1] & 0x7FU) > 125)) {
        if (bytes.empty()) return std::nullopt;
        continue;
      }
      if (const auto code = begin_frame()) return end_with(*code);
    }
    const auto here = static_cast<std::size_t>(std::min<std::uint64_t>(frame_left_, bytes.size()));
    const std::span<char> payload = bytes.first(here);
    bytes = bytes.subspan(here);
    if (role_ == Role::server) unmask(payload, mask_, frame_size_ - frame_left_);
    const bool whole = here == frame_size_;
    frame_left_ -= here;
    if (const auto code = take_payload(payload, whole, sink)) return end_with(*code);
    if (frame_left_ != 0) return std::nullopt;
    in_payload_ = false;
    header_size_ = 0;
    if (bytes.empty()) break;
  }
  if (ended_) {
    drop(message_);
    drop(control_);
  }
  return std::nullopt;
}

// The header is here: decides what it means (RFC 6455 §5.2).
std::optional<std::uint16_t> WebSocketParser::begin_frame() noexcept {
  const unsigned first = header_[0];
  const unsigned size_code = header_[1] & 0x7FU;
  const bool masked = (header_[1] & 0x80U) != 0;
  if ((first & 0x70U) != 0 || masked != (role_ == Role::server)) return close_code::protocol_error;
  fin_ = (first & 0x80U) != 0;
  opcode_ = static_cast<Opcode>(first & 0x0FU);
  std::size_t at = 2;
  std::uint64_t size = size_code;
  if (size_code >= 126) {
    const std::size_t width = size_code == 126 ? 2 : 8;
    size = 0;
    for (std::size_t i = 0; i < width; ++i) size = (size << 8) | header_[at++];
    // The shortest form must be used, and the top bit is 0.
    if (size < (width == 2 ? 126U : 65536U) || (size >> 63) != 0) return close_code::protocol_error;
  }
  if (masked) std::memcpy(mask_, header_ + at, 4);

  switch (opcode_) {
    case Opcode::close:
    case Opcode::ping:
    case Opcode::pong:
      if (!fin_ || size > kControlBytesMax) return close_code::protocol_error;
      if (opcode_ != Opcode::close && ++controls_ > websocket_controls_max) return close_code::holdfast_protocol;
      break;
    case Opcode::text:
    case Opcode::binary:
      if (message_opcode_ != Opcode::continuation) return close_code::protocol_error;
      if (size > message_bytes_max_) return close_code::too_big;
      message_opcode_ = opcode_;
      frames_ = 1;
      break;
    case Opcode::continuation:
      if (message_opcode_ == Opcode::continuation) return close_code::protocol_error;
      if (size > message_bytes_max_ - message_.size()) return close_code::too_big;
      if (++frames_ > websocket_frames_max) return close_code::too_big;
      break;
    default: return close_code::protocol_error;
  }
  frame_size_ = frame_left_ = size;
  in_payload_ = true;
  return std::nullopt;
}

// `payload` is the next piece of the frame, unmasked; `whole`: all of it.
std::optional<std::uint16_t> WebSocketParser::take_payload(std::span<char> payload, bool whole, WebSocketSink& sink) {
  const std::string_view piece(payload.data(), payload.size());
  if (is_control(opcode_)) {
    if (whole) return take_control(piece, sink);
    control_.append(piece);
    if (frame_left_ != 0) return std::nullopt;
    const auto code = take_control(control_, sink);
    drop(control_);
    return code;
  }
  const bool text = message_opcode_ == Opcode::text;
  if (text && !utf8_.feed(piece)) return close_code::not_utf8;
  const bool last = fin_ && frame_left_ == 0;
  const bool in_place = whole && last && opcode_ != Opcode::continuation;
  if (!in_place) message_.append(piece);
  if (!last) return std::nullopt;
  if (text && !utf8_.complete()) return close_code::not_utf8;
  utf8_.reset();
  const Opcode opcode = message_opcode_;
  message_opcode_ = Opcode::continuation;
  controls_ = 0;
  sink.on_message(opcode, in_place ? piece : std::string_view(message_));
  drop(message_);
  return std::nullopt;
}

std::optional<std::uint16_t> WebSocketParser::take_control(std::string_view payload, WebSocketSink& sink) {
  switch (opcode_) {
    case Opcode::ping: sink.on_ping(payload); return std::nullopt;
    case Opcode::pong: sink.on_pong(payload); return std::nullopt;
    default: break;
  }
  std::uint16_t code = close_code::none_given;
  std::string_view reason;
  if (!payload.empty()) {
    if (payload.size() == 1) return close_code::protocol_error;
    code = static_cast<std::uint16_t>((static_cast<std::uint8_t>(payload[0]) << 8) |
                                      static_cast<std::uint8_t>(payload[1]));
    reason = payload.substr(2);
    if (!is_close_code(code)) return close_code::protocol_error;
    if (!is_utf8(reason)) return close_code::not_utf8;
  }
  ended_ = true;
  sink.on_close(code, reason);
  return std::nullopt;
}

void append_frame(std::string& out, Opcode opcode, std::string_view payload, std::optional<std::uint32_t> mask,
                  bool fin) {
  char header[14];
  std::size_t n = 0;
  const auto put = [&](std::uint64_t byte) { header[n++] = static_cast<char>(byte & 0xFFU); };
  put((fin ? 0x80U : 0U) | static_cast<std::uint8_t>(opcode));
  const std::uint64_t size = payload.size();
  const std::uint64_t mask_bit = mask ? 0x80U : 0U;
  if (size < 126) {
    put(mask_bit | size);
  } else {
    const bool wide = size > 0xFFFF;
    put(mask_bit | (wide ? 127U : 126U));
    for (int shift = wide ? 56 : 8; shift >= 0; shift -= 8) put(size >> shift);
  }
  std::uint8_t key[4] = {};
  if (mask) {
    for (std::size_t i = 0; i < 4; ++i) {
      key[i] = static_cast<std::uint8_t>(*mask >> (8 * i));
      put(key[i]);
    }
  }
  out.append(header, n);
  const std::size_t begin = out.size();
  out.append(payload);
  if (mask) unmask(std::span(out.data() + begin, payload.size()), key, 0);
}

void append_close_frame(std::string& out, std::uint16_t code, std::string_view reason,
                        std::optional<std::uint32_t> mask) {
  std::string payload;
  if (code != close_code::none_given) {
    std::size_t size = std::min(reason.size(), kControlBytesMax - 2);
    if (size < reason.size()) {
      while (size > 0 && (static_cast<std::uint8_t>(reason[size]) & 0xC0U) == 0x80U) --size;
    }
    payload.push_back(static_cast<char>(code >> 8));
    payload.push_back(static_cast<char>(code & 0xFF));
    payload.append(reason.substr(0, size));
  }
  append_frame(out, Opcode::close, payload, mask);
}

bool is_close_code(std::uint16_t code) noexcept {
  if (code >= 3000) return code <= 4999;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

std::string websocket_accept_key(std::string_view key) {
  std::string text(key);
  text.append("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int digest_size = 0;
  EVP_Digest(text.data(), text.size(), digest, &digest_size, EVP_sha1(), nullptr);
  unsigned char base64[2 * EVP_MAX_MD_SIZE];
  const int size = EVP_EncodeBlock(base64, digest, static_cast<int>(digest_size));
  return std::string(reinterpret_cast<const char*>(base64), static_cast<std::size_t>(size));
}

bool is_websocket_key(std::string_view key) noexcept {
  if (key.size() != 24 || !key.ends_with("==")) return false;
  return std::all_of(key.begin(), key.end() - 2, [](unsigned char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  });
}

}  // namespace hf
