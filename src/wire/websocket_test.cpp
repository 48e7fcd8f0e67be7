// Framing stands between every client and the lock tree: a frame taken for another, or text cut at the wrong
// byte, would break connections of browsers that did nothing wrong, or let one message pass for two.

#include "wire/websocket.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace hf {
namespace {

using Role = WebSocketParser::Role;

struct Recorder final : WebSocketSink {
  std::vector<std::string> said;
  WebSocketParser* stop_at_message = nullptr;

  void on_message(Opcode opcode, std::string_view payload) override {
    said.push_back((opcode == Opcode::text ? "text " : "binary ") + std::string(payload));
    if (stop_at_message != nullptr) stop_at_message->stop();
  }
  void on_ping(std::string_view payload) override { said.push_back("ping " + std::string(payload)); }
  void on_pong(std::string_view payload) override { said.push_back("pong " + std::string(payload)); }
  void on_close(std::uint16_t code, std::string_view reason) override {
    said.push_back("close " + std::to_string(code) + " " + std::string(reason));
  }
};

constexpr std::uint32_t kMask = 0x5AC30FF1;

std::string frame(Opcode opcode, std::string_view payload, bool fin = true) {
  std::string out;
  append_frame(out, opcode, payload, kMask, fin);
  return out;
}

struct Heard {
  std::vector<std::string> said;
  std::optional<std::uint16_t> code;
  bool operator==(const Heard&) const = default;
};

// Feeds `bytes` to a server's parser in pieces of `piece` bytes.
Heard hear(std::string bytes, std::size_t piece = SIZE_MAX, std::size_t bytes_max = 1 << 20, Role role = Role::server) {
  WebSocketParser parser(role, bytes_max);
  Recorder recorder;
  Heard heard;
  for (std::size_t at = 0; at < bytes.size() && !heard.code; at += std::min(piece, bytes.size() - at)) {
    heard.code = parser.feed(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)), recorder);
  }
  heard.said = std::move(recorder.said);
  return heard;
}

TEST(WebSocket, a_message_comes_out_as_it_went_in_at_every_length_of_header_and_from_either_end) {
  for (const std::size_t size : {0UL, 1UL, 7UL, 8UL, 125UL, 126UL, 65535UL, 65536UL, 70001UL}) {
    const std::string payload(size, 'x');
    EXPECT_EQ(hear(frame(Opcode::text, payload)).said, std::vector<std::string>{"text " + payload}) << size;
    std::string from_server;
    append_frame(from_server, Opcode::binary, payload);
    EXPECT_EQ(hear(from_server, SIZE_MAX, 1 << 20, Role::client).said, std::vector<std::string>{"binary " + payload})
        << size;
  }
}

TEST(WebSocket, bytes_fed_in_any_pieces_say_the_same_as_bytes_fed_at_once) {
  std::string bytes = frame(Opcode::text, "客户甲 holds it") + frame(Opcode::text, "frag", false) +
                      frame(Opcode::ping, "are you there") + frame(Opcode::continuation, "", false) +
                      frame(Opcode::continuation, "mented 单据") + frame(Opcode::binary, std::string(300, '\0')) +
                      frame(Opcode::pong, "");
  append_close_frame(bytes, 1000, "bye", kMask);
  const Heard whole = hear(bytes);
  ASSERT_EQ(whole.said.size(), 6U);
  EXPECT_EQ(whole.said[1], "ping are you there");
  EXPECT_EQ(whole.said[2], "text fragmented 单据");
  EXPECT_EQ(whole.said[5], "close 1000 bye");
  for (std::size_t piece = 1; piece < 40; ++piece) EXPECT_EQ(hear(bytes, piece), whole) << piece;
}

TEST(WebSocket, an_idle_connection_holds_no_buffer) {
  WebSocketParser parser(Role::server, 1 << 20);
  Recorder recorder;
  std::string bytes = frame(Opcode::text, std::string(5000, 'a'));
  EXPECT_EQ(parser.feed(std::span(bytes).first(3000), recorder), std::nullopt);
  EXPECT_GT(parser.buffered(), 0U);
  EXPECT_EQ(parser.feed(std::span(bytes).subspan(3000), recorder), std::nullopt);
  EXPECT_EQ(recorder.said.size(), 1U);
  EXPECT_EQ(parser.buffered(), 0U);
  EXPECT_LE(sizeof(WebSocketParser), 144U);
}

TEST(WebSocket, an_announced_length_reserves_nothing) {
  WebSocketParser parser(Role::server, std::size_t{1} << 40);
  Recorder recorder;
  std::string bytes("\x82\xFF\0\0\0\x40\0\0\0\0mask", 14);
  bytes += "only this";
  EXPECT_EQ(parser.feed(bytes, recorder), std::nullopt);
  EXPECT_LT(parser.buffered(), 100U);
}

TEST(WebSocket, a_frame_that_breaks_the_rules_is_a_protocol_error) {
  const auto code = [](std::string bytes, Role role = Role::server) {
    return hear(std::move(bytes), SIZE_MAX, 1 << 20, role).code;
  };
  std::string unmasked;
  append_frame(unmasked, Opcode::text, "hi");
  EXPECT_EQ(code(unmasked), 1002) << "a client must mask";
  EXPECT_EQ(code(frame(Opcode::text, "hi"), Role::client), 1002) << "a server must not";
  for (const unsigned bit : {0x40U, 0x20U, 0x10U}) {
    std::string reserved = frame(Opcode::text, "hi");
    reserved[0] = static_cast<char>(static_cast<unsigned char>(reserved[0]) | bit);
    EXPECT_EQ(code(reserved), 1002) << "reserved bit " << bit;
  }
  for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
    EXPECT_EQ(code(frame(static_cast<Opcode>(opcode), "")), 1002) << "opcode " << opcode;
  }
  EXPECT_EQ(code(frame(Opcode::ping, "hi", false)), 1002) << "a control frame in fragments";
  EXPECT_EQ(code(frame(Opcode::ping, std::string(126, 'x'))), 1002) << "a control frame of 126 bytes";
  EXPECT_EQ(code(frame(Opcode::ping, std::string(125, 'x'))), std::nullopt);
  EXPECT_EQ(code(frame(Opcode::continuation, "x")), 1002) << "nothing to continue";
  EXPECT_EQ(code(frame(Opcode::text, "x", false) + frame(Opcode::text, "y")), 1002) << "a message within a message";
  EXPECT_EQ(code(std::string("\x81\xFE\0\x05mask.....", 13)), 1002) << "a length longer than it needs";
  EXPECT_EQ(code(std::string("\x81\xFF\x80\0\0\0\0\0\0\0mask", 14)), 1002) << "a length with its top bit set";
}

TEST(WebSocket, text_that_is_not_utf8_is_refused_and_text_cut_within_a_character_is_not) {
  for (const char* bad : {"\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\x80", "abc\xE5\x8D",
                          "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "12345678\xFF"}) {
    EXPECT_EQ(hear(frame(Opcode::text, bad)).code, 1007) << bad;
    EXPECT_FALSE(is_utf8(bad));
    EXPECT_EQ(hear(frame(Opcode::binary, bad)).code, std::nullopt);
  }
  const std::string character = "𠀀";
  EXPECT_EQ(
      hear(frame(Opcode::text, character.substr(0, 2), false) + frame(Opcode::continuation, character.substr(2))).said,
      std::vector<std::string>{"text 𠀀"});
  EXPECT_EQ(hear(frame(Opcode::text, character.substr(0, 2), false) + frame(Opcode::continuation, "a")).code, 1007);
}

TEST(WebSocket, a_message_may_be_as_large_as_the_limit_and_not_one_byte_larger) {
  EXPECT_EQ(hear(frame(Opcode::text, std::string(100, 'x')), SIZE_MAX, 100).said.size(), 1U);
  EXPECT_EQ(hear(frame(Opcode::text, std::string(101, 'x')), SIZE_MAX, 100).code, 1009);
  const std::string first = frame(Opcode::text, std::string(60, 'x'), false);
  EXPECT_EQ(hear(first + frame(Opcode::continuation, std::string(40, 'x')), SIZE_MAX, 100).said.size(), 1U);
  EXPECT_EQ(hear(first + frame(Opcode::continuation, std::string(41, 'x')), SIZE_MAX, 100).code, 1009);
  EXPECT_EQ(hear(first + std::string("\x80\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFFmask", 14), SIZE_MAX, 100).code, 1009)
      << "a length near 2^63 does not wrap around";
}

TEST(WebSocket, a_close_frame_needs_a_code_that_a_peer_may_send_and_a_reason_in_utf8) {
  const auto heard = [](std::string_view payload) { return hear(frame(Opcode::close, payload)); };
  EXPECT_EQ(heard("").said, std::vector<std::string>{"close 1005 "});
  EXPECT_EQ(heard(std::string_view("\x0F\xA1replaced")).said, std::vector<std::string>{"close 4001 replaced"});
  EXPECT_EQ(heard("\x03").code, 1002);
  EXPECT_EQ(heard(std::string_view("\x03\xED")).code, 1002) << "1005 is never sent";
  EXPECT_EQ(heard(std::string_view("\x03\xEE")).code, 1002) << "1006 is never sent";
  EXPECT_EQ(heard(std::string_view("\x03\xE7")).code, 1002) << "999";
  EXPECT_EQ(heard(std::string_view("\x13\x88")).code, 1002) << "5000";
  EXPECT_EQ(heard(std::string_view("\x03\xE8\xFF")).code, 1007);
}

TEST(WebSocket, nothing_is_handed_out_after_a_close_a_refusal_or_a_stop) {
  std::string closed;
  append_close_frame(closed, 1000, "", kMask);
  EXPECT_EQ(hear(closed + frame(Opcode::text, "late")).said.size(), 1U);

  WebSocketParser parser(Role::server, 100);
  Recorder recorder;
  recorder.stop_at_message = &parser;
  std::string bytes = frame(Opcode::text, "one") + frame(Opcode::text, "two");
  EXPECT_EQ(parser.feed(bytes, recorder), std::nullopt);
  EXPECT_EQ(recorder.said, std::vector<std::string>{"text one"});

  WebSocketParser broken(Role::server, 100);
  Recorder after;
  std::string bad = frame(Opcode::continuation, "x");
  EXPECT_EQ(broken.feed(bad, after), 1002);
  std::string good = frame(Opcode::text, "x");
  EXPECT_EQ(broken.feed(good, after), std::nullopt);
  EXPECT_TRUE(after.said.empty());
}

TEST(WebSocket, a_close_reason_is_cut_at_a_character_and_stays_one_control_frame) {
  std::string reason;
  while (reason.size() < 200) reason += "锁";
  std::string out;
  append_close_frame(out, 4003, reason);
  const Heard heard = hear(out, SIZE_MAX, 100, Role::client);
  ASSERT_EQ(heard.said.size(), 1U) << heard.code.value_or(0);
  EXPECT_EQ(heard.said[0], "close 4003 " + reason.substr(0, 123));
}

TEST(WebSocket, the_accept_key_is_the_one_that_the_rfc_gives_as_its_example) {
  EXPECT_EQ(websocket_accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_TRUE(is_websocket_key("dGhlIHNhbXBsZSBub25jZQ=="));
  EXPECT_FALSE(is_websocket_key("dGhlIHNhbXBsZSBub25jZQ"));
  EXPECT_FALSE(is_websocket_key("dGhlIHNhbXBsZSBub25j\r\n=="));
}

TEST(WebSocket, utf8_in_any_pieces_is_judged_as_the_whole) {
  Random random(20240229);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (std::uint64_t n = random.below(12); n > 0; --n) {
      constexpr std::string_view kPieces[] = {"a", "eightbyt", "é", "单", "𠀀", "\x80", "\xE5", "\xF0\x9F"};
      text += kPieces[random.one_in(4) ? random.below(8) : random.below(5)];
    }
    Utf8Check check;
    bool ok = true;
    for (std::size_t at = 0; at < text.size() && ok;) {
      const std::size_t n = 1 + random.below(5);
      ok = check.feed(std::string_view(text).substr(at, n));
      at += n;
    }
    EXPECT_EQ(ok && check.complete(), is_utf8(text)) << round;
  }
}

// Frames cost more than their bytes: no peer may send them without end between two messages.
TEST(WebSocket, frames_of_a_message_and_pings_between_messages_are_counted) {
  const auto code_of = [](const std::string& bytes) { return hear(bytes).code; };
  const auto message_in = [](std::uint32_t frames) {
    std::string bytes;
    append_frame(bytes, Opcode::text, "", 1U, false);
    for (std::uint32_t i = 2; i < frames; ++i) append_frame(bytes, Opcode::continuation, "", 1U, false);
    append_frame(bytes, Opcode::continuation, "x", 1U, true);
    return bytes;
  };
  EXPECT_EQ(code_of(message_in(websocket_frames_max) + message_in(websocket_frames_max)), std::nullopt);
  EXPECT_EQ(code_of(message_in(websocket_frames_max + 1)), close_code::too_big);
  std::string pings;
  for (std::uint32_t i = 0; i < websocket_controls_max; ++i)
    append_frame(pings, i % 2 == 0 ? Opcode::ping : Opcode::pong, "", 1U);
  EXPECT_EQ(code_of(pings + message_in(2) + pings), std::nullopt);
  std::string one;
  append_frame(one, Opcode::ping, "", 1U);
  EXPECT_EQ(code_of(pings + one), close_code::holdfast_protocol);
  append_close_frame(pings, 1000, "", 1U);
  EXPECT_EQ(code_of(pings), std::nullopt) << "taking leave is no flood";
}

}  // namespace
}  // namespace hf
