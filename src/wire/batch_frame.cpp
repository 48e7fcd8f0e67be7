#include "wire/batch_frame.h"

#include <zlib.h>

#include <algorithm>

#include "base/assert.h"

namespace hf {
namespace {

constexpr int raw_window_bits = -15;  // no header, no checksum: the frame is inside TCP and TLS
constexpr int memory_level = 8;

Bytef* bytes_of(std::string_view text) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // zlib does not write there
}

}  // namespace

std::string deflate_end(std::string_view text) {
  z_stream z{};
  HF_ASSERT(deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, raw_window_bits, memory_level, Z_DEFAULT_STRATEGY) ==
            Z_OK);
  std::string out(deflateBound(&z, static_cast<uLong>(text.size())), '\0');
  z.next_in = bytes_of(text);
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = bytes_of(out);
  z.avail_out = static_cast<uInt>(out.size());
  HF_ASSERT(deflate(&z, Z_FINISH) == Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

void append_batch(std::string& out, std::string_view beginning, std::string_view deflated_end) {
  HF_ASSERT(beginning.size() <= batch_beginning_max);
  out.push_back(batch_codec_deflate);
  if (!beginning.empty()) {
    const auto low = static_cast<unsigned char>(beginning.size() & 0xFF);
    const auto high = static_cast<unsigned char>(beginning.size() >> 8);
    // RFC 1951 §3.2.4: not the last block, stored; its length, and the same inverted.
    for (const unsigned byte : {0U, unsigned{low}, unsigned{high}, low ^ 0xFFU, high ^ 0xFFU})
      out.push_back(static_cast<char>(byte));
    out.append(beginning);
  }
  out.append(deflated_end);
}

Result<std::string> read_batch(std::string_view payload, std::size_t bytes_max) {
  if (payload.empty() || payload.front() != batch_codec_deflate)
    return fail(Code::invalid, "The batch is in a codec that is not known here.");
  payload.remove_prefix(1);
  z_stream z{};
  HF_ASSERT(inflateInit2(&z, raw_window_bits) == Z_OK);
  z.next_in = bytes_of(payload);
  z.avail_in = static_cast<uInt>(payload.size());
  std::string out;
  int state = Z_OK;
  while (state == Z_OK && out.size() <= bytes_max) {
    const std::size_t had = out.size();
    out.resize(std::min(std::max(had * 2, payload.size() * 4 + 1024), bytes_max + 1));
    z.next_out = bytes_of(out) + had;
    z.avail_out = static_cast<uInt>(out.size() - had);
    state = inflate(&z, Z_NO_FLUSH);
    out.resize(out.size() - z.avail_out);
    if (state == Z_OK && z.avail_out != 0) break;  // the stream wants more than there is
  }
  const bool whole = state == Z_STREAM_END && z.avail_in == 0;
  inflateEnd(&z);
  if (out.size() > bytes_max) return fail(Code::too_large, "The batch is larger than is taken here.");
  if (!whole) return fail(Code::invalid, "The batch is not one whole compressed message.");
  return out;
}

}  // namespace hf
