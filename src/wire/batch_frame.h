#pragma once

// A large message goes as one binary frame: a byte that names the codec (1: raw deflate, RFC 1951), then the message
// compressed. The end of a message that many are told is compressed once; what each is told before it, his cursor,
// goes in front as a block that is stored, not compressed, so that the two make one stream.
//
// Pure functions, thread-safe.

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hf {

inline constexpr char batch_codec_deflate = 1;
inline constexpr std::size_t batch_beginning_max = 65'535;  // what a stored block takes

// `text` as the blocks that end a stream.
std::string deflate_end(std::string_view text);
// Appends the frame's payload. REQUIRES: `beginning` has batch_beginning_max bytes at most.
void append_batch(std::string& out, std::string_view beginning, std::string_view deflated_end);
// The message of a frame's payload. Fails with invalid if it is none, with too_large if the message would have more
// than `bytes_max` bytes; never more than that is taken.
Result<std::string> read_batch(std::string_view payload, std::size_t bytes_max);

}  // namespace hf
