// Any bytes fed in any pieces say the same as fed whole, and what was said comes back when it is framed anew.
// Byte 0: the role; byte 1: how the bytes are cut.

#include "wire/websocket.h"

#include <algorithm>
#include <vector>

#include "base/random.h"
#include "fuzz.h"

namespace hf {
namespace {

constexpr std::size_t kMessageBytesMax = 300;

struct Said {
  Opcode opcode;
  std::uint16_t code;
  std::string payload;
  bool operator==(const Said&) const = default;
};

struct Recorder final : WebSocketSink {
  std::vector<Said> said;
  void on_message(Opcode opcode, std::string_view payload) override {
    HF_ASSERT(payload.size() <= kMessageBytesMax);
    HF_ASSERT(opcode == Opcode::binary || is_utf8(payload));
    said.push_back({opcode, 0, std::string(payload)});
  }
  void on_ping(std::string_view payload) override { said.push_back({Opcode::ping, 0, std::string(payload)}); }
  void on_pong(std::string_view payload) override { said.push_back({Opcode::pong, 0, std::string(payload)}); }
  void on_close(std::uint16_t code, std::string_view reason) override {
    HF_ASSERT(is_utf8(reason));
    said.push_back({Opcode::close, code, std::string(reason)});
  }
};

struct Heard {
  std::vector<Said> said;
  std::optional<std::uint16_t> code;
  bool operator==(const Heard&) const = default;
};

Heard hear(WebSocketParser::Role role, std::string_view bytes, std::uint64_t cut_seed) {
  WebSocketParser parser(role, kMessageBytesMax);
  Recorder recorder;
  Random random(cut_seed);
  Heard heard;
  while (!bytes.empty() && !heard.code) {
    const std::uint64_t size = cut_seed == 0 ? bytes.size() : 1 + random.below(1 + cut_seed % 16);
    // A copy of its own: a read past the piece is then a read past the heap block.
    std::vector<char> piece(bytes.begin(),
                            bytes.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(size, bytes.size())));
    heard.code = parser.feed(piece, recorder);
    HF_ASSERT(parser.buffered() <= 2 * kMessageBytesMax + 1024);
    bytes.remove_prefix(piece.size());
  }
  heard.said = std::move(recorder.said);
  return heard;
}

void run(std::string_view input) {
  if (input.size() < 2) return;
  const auto role = (input[0] & 1) != 0 ? WebSocketParser::Role::server : WebSocketParser::Role::client;
  const auto cut = static_cast<unsigned char>(input[1]);
  const Heard whole = hear(role, input.substr(2), 0);
  HF_ASSERT(hear(role, input.substr(2), 1 + cut) == whole);

  const std::optional<std::uint32_t> mask =
      role == WebSocketParser::Role::server ? std::optional(0x12345678U + cut) : std::nullopt;
  std::string again;
  for (const Said& said : whole.said) {
    if (said.opcode == Opcode::close) {
      append_close_frame(again, said.code, said.payload, mask);
    } else {
      append_frame(again, said.opcode, said.payload, mask);
    }
  }
  const Heard back = hear(role, again, cut);
  HF_ASSERT(back.said == whole.said && !back.code);
}

}  // namespace
}  // namespace hf

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hf::run(hf::text_of(data, size));
  return 0;
}
