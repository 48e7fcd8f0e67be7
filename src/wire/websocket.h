#pragma once

// RFC 6455 framing without I/O, for both ends.
//
// A WebSocketParser takes bytes as they come and hands out whole messages and control frames. A message that
// lies whole and in one frame in the bytes fed is handed out where it lies; any other is gathered in a string
// that is freed with the message, so that an idle connection holds no buffer. Nothing is reserved on the
// strength of an announced length.
//
// What it refuses, with the close code to answer with: masking against the role, RSV bits, unknown opcodes,
// broken fragmentation and control frames (1002), text that is not UTF-8 (1007), a message over the limit or in too
// many frames (1009), too many pings without a message (4000).
//
// Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hf {

enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

namespace close_code {
inline constexpr std::uint16_t normal = 1000;
inline constexpr std::uint16_t going_away = 1001;
inline constexpr std::uint16_t protocol_error = 1002;
inline constexpr std::uint16_t none_given = 1005;  // a close frame without a code; never sent
inline constexpr std::uint16_t not_utf8 = 1007;
inline constexpr std::uint16_t too_big = 1009;
inline constexpr std::uint16_t drain = 1012;
inline constexpr std::uint16_t holdfast_protocol = 4000;
inline constexpr std::uint16_t replaced = 4001;
inline constexpr std::uint16_t unauthenticated = 4002;
inline constexpr std::uint16_t too_slow = 4003;
inline constexpr std::uint16_t limit = 4004;
// The reason beside `drain` of a node whose engine lost what it knew (a failover): what is not there any more went so.
inline constexpr std::string_view engine_lost_reason = "engine_lost";
}  // namespace close_code

inline constexpr std::uint32_t websocket_frames_max = 1024;    // of one message
inline constexpr std::uint32_t websocket_controls_max = 1024;  // pings and pongs, with no message between

// Where a parser delivers to, from inside feed(). The views are valid during the call only.
class WebSocketSink {
 public:
  virtual ~WebSocketSink() = default;
  virtual void on_message(Opcode opcode, std::string_view payload) = 0;  // text (valid UTF-8) or binary
  virtual void on_ping(std::string_view payload) = 0;                    // answer with a pong of the same payload
  virtual void on_pong(std::string_view payload) = 0;
  // The peer closes; `code` is none_given if it gave none. Nothing comes after it.
  virtual void on_close(std::uint16_t code, std::string_view reason) = 0;
};

// Whether bytes are well-formed UTF-8, fed in pieces (RFC 3629 §4).
class Utf8Check {
 public:
  // False once the bytes so far cannot begin any well-formed text.
  bool feed(std::string_view bytes) noexcept;
  // True if the bytes so far end with a whole character.
  bool complete() const noexcept { return left_ == 0; }
  void reset() noexcept { *this = Utf8Check{}; }

 private:
  std::uint8_t left_ = 0;  // bytes that the character begun still needs
  std::uint8_t low_ = 0x80;
  std::uint8_t high_ = 0xBF;
};
bool is_utf8(std::string_view text) noexcept;

class WebSocketParser {
 public:
  enum class Role : std::uint8_t { server, client };  // of the end that parses

  // A message may have up to `bytes_max` bytes.
  WebSocketParser(Role role, std::size_t bytes_max) noexcept;

  // Takes all of `bytes`, unmasking them in place, and hands out what they complete. Nothing, or the code to
  // close with; after that, after a close frame and after stop() bytes are ignored. O(bytes).
  [[nodiscard]] std::optional<std::uint16_t> feed(std::span<char> bytes, WebSocketSink& sink);

  // Nothing more is handed out, not even what is left of the bytes being fed. May be called by the sink.
  void stop() noexcept { ended_ = true; }
  bool ended() const noexcept { return ended_; }
  // Bytes on the heap now; 0 between messages.
  std::size_t buffered() const noexcept;

 private:
  std::optional<std::uint16_t> begin_frame() noexcept;
  std::optional<std::uint16_t> take_payload(std::span<char> payload, bool whole, WebSocketSink& sink);
  std::optional<std::uint16_t> take_control(std::string_view payload, WebSocketSink& sink);

  std::string message_;  // what is there of a message that did not come in one piece
  std::string control_;  // the same of a control frame
  std::size_t message_bytes_max_;
  std::uint64_t frame_left_ = 0;  // payload bytes of the frame that have not come
  std::uint64_t frame_size_ = 0;
  std::uint32_t frames_ = 0;    // of the message begun
  std::uint32_t controls_ = 0;  // since the last message
  std::uint8_t header_[14] = {};
  std::uint8_t header_size_ = 0;  // bytes of the header that are here
  bool in_payload_ = false;
  bool ended_ = false;
  bool fin_ = false;
  Role role_;
  Opcode opcode_ = Opcode::continuation;          // of the frame
  Opcode message_opcode_ = Opcode::continuation;  // of the message begun; continuation: none
  std::uint8_t mask_[4] = {};
  Utf8Check utf8_;
};

// Appends one frame. A client gives a fresh unpredictable `mask` for each frame, a server gives none.
void append_frame(std::string& out, Opcode opcode, std::string_view payload,
                  std::optional<std::uint32_t> mask = std::nullopt, bool fin = true);
// Appends a close frame; `reason` is cut to 123 bytes at a character's end. Code none_given: an empty payload.
void append_close_frame(std::string& out, std::uint16_t code, std::string_view reason,
                        std::optional<std::uint32_t> mask = std::nullopt);
// True if a peer may send `code` in a close frame (RFC 6455 §7.4).
bool is_close_code(std::uint16_t code) noexcept;

// The Sec-WebSocket-Accept for a client's Sec-WebSocket-Key (RFC 6455 §4.2.2).
std::string websocket_accept_key(std::string_view key);
// True if `key` can be a Sec-WebSocket-Key: the base64 of 16 bytes.
bool is_websocket_key(std::string_view key) noexcept;

}  // namespace hf
