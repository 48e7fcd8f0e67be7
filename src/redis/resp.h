#pragma once

// RESP, the protocol of Redis: bytes to replies, and commands to bytes (RESP2 and RESP3).
//
// RespParser takes bytes as they come and gives the same replies however they were split. Bytes that are not RESP, or
// pass a limit, are a permanent error: the parser cannot find the next reply, so the connection ends. Memory grows with
// the bytes received, never with an announced length. Attributes of RESP3 are read and dropped.
//
// Not thread-safe: one parser per connection.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "redis/port.h"
#include "redis/reply.h"

namespace hf::redis {

struct RespLimits {
  std::size_t depth_max = 16;                 // arrays within arrays
  std::size_t line_bytes_max = 64 << 10;      // of what is not preceded by its length: statuses, errors, numbers
  std::size_t bulk_bytes_max = 64 << 20;      // of one text
  std::size_t reply_bytes_max = 512UL << 20;  // of one reply in memory, with all in it
};

class RespParser {
 public:
  explicit RespParser(RespLimits limits = {}) : limits_(limits) {}

  // Takes bytes off the front of `bytes` until a reply is whole. Nothing: `bytes` is used up, more are needed. Fails
  // with invalid, or too_large, naming what came; from then on with each call.
  Result<std::optional<Reply>> next(std::string_view& bytes);
  // Whether it stands between two replies.
  bool idle() const noexcept { return frames_.empty() && line_.empty() && step_ == Step::line; }

 private:
  enum class Step : std::uint8_t { line, bulk, bulk_end, broken };
  struct Frame {  // an aggregate that is not whole yet
    Reply reply;
    std::size_t missing = 0;
    bool attribute = false;
  };
  struct Taken {  // of one line
    bool whole = false;
    Reply reply;
  };

  bool take_line(std::string_view& bytes);
  bool take_bulk(std::string_view& bytes);
  Result<Taken> begin(std::string_view line);
  Result<Taken> begin_bulk(char type, std::string_view length);
  Result<Taken> begin_aggregate(char type, std::string_view count);
  Result<void> charge(std::size_t bytes);
  // Puts a whole value where it belongs; the reply, if that made it whole.
  std::optional<Reply> place(Reply value);
  tl::unexpected<Error> broken(Code code, std::string detail);

  RespLimits limits_;
  Step step_ = Step::line;
  std::string line_;  // of the line that has begun
  bool line_whole_ = false;
  Reply bulk_;
  char bulk_type_ = 0;
  std::size_t bulk_missing_ = 0;
  std::size_t reply_bytes_ = 0;
  std::vector<Frame> frames_;
  Error error_{};
};

// Appends the command to `out`, as an array of texts.
void append_command(std::string& out, const Arguments& arguments);

}  // namespace hf::redis
