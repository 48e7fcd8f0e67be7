#pragma once

// HTTP/1.1 without I/O: bytes to requests, responses to bytes.
//
// A HttpReader reads one request from bytes as they come. It refuses early, by the header alone where that
// suffices: 400 malformed, 413 body over the limit, 417 an expectation it does not know, 431 header over the
// limit, 501 a transfer coding it does not know, 505 another version. After a refusal the connection has no known place
// in the stream: it must be closed.
//
// The peer chooses the sizes: the reader reserves nothing because of an announced length, and bounds everything beside
// the body, however it is split. It refuses whatever two readers might read differently: header lines that continue on
// the next one, headers that occur twice, paths whose segments are not what they look like.
//
// Not thread-safe.

#include <boost/system/error_code.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "session/hub.h"
#include "wire/answers.h"

namespace hf {

inline constexpr std::size_t http_header_lines_max = 100;
inline constexpr std::size_t http_query_fields_max = 1024;
inline constexpr std::size_t http_chunk_line_bytes_max = 256;  // a chunk's size and extensions
inline constexpr std::size_t http_trailer_bytes_max = 1024;    // behind the last chunk, and its line

struct HttpLimits {
  std::size_t header_bytes_max = 16 * 1024;
  std::size_t body_bytes_max = 1024 * 1024;  // and as much again for the chunks that it comes in
};

// What the connection needs to know about a request beside the HttpRequest.
struct HttpIncoming {
  HttpRequest request;
  bool head = false;  // HEAD: the hub sees GET, the answer has no body
  bool keep_alive = true;
  bool chunks = true;    // the peer understands chunked responses (HTTP/1.1)
  bool upgrade = false;  // it asks for a WebSocket
  std::string websocket_key;
  std::string websocket_version;
  std::string websocket_protocols;  // as offered, with commas between
};

class HttpReader {
 public:
  enum class Step : std::uint8_t {
    need_more,       // all that can be used was taken
    wants_continue,  // the peer waits for "100 Continue" before it sends the body; said once
    complete,        // see take()
    refused          // see refusal()
  };

  explicit HttpReader(const HttpLimits& limits);
  ~HttpReader();

  // Takes bytes from the front of `bytes`; the caller must pass the rest again, with more behind it.
  Step feed(std::string_view& bytes);
  // True once the header is complete.
  bool header_done() const noexcept;
  // That of the lines of the header read so far; English before any says it.
  Language language() const;
  // REQUIRES: the last step was complete.
  HttpIncoming take();
  // REQUIRES: the last step was refused.
  const HttpResponse& refusal() const noexcept { return refusal_; }

 private:
  struct Wrong {
    int status = 400;
    Code code = Code::invalid;
    std::string detail;
  };
  static Wrong wrong_of(const boost::system::error_code& error);
  Step refuse(const Wrong& wrong);
  // Of bytes that the parser has taken, and of those that it has not.
  std::optional<Wrong> refused_by_lines(std::string_view taken, std::string_view left);
  std::optional<Wrong> refused_by_chunks(std::size_t framing, std::string_view left);
  std::optional<Wrong> refused_by_header() const;
  // All of a request but its body; what comes behind the body is no part of it (RFC 9110 §6.5.1).
  std::optional<Wrong> take_header();

  struct Parser;
  std::unique_ptr<Parser> parser_;
  HttpLimits limits_;
  HttpIncoming incoming_;
  HttpResponse refusal_;
  std::size_t header_bytes_ = 0;   // taken
  std::size_t framing_bytes_ = 0;  // of chunks
  bool line_begins_ = false;       // the byte taken last was the end of a line
  bool header_taken_ = false;
  bool continue_said_ = false;
};

// How a response goes onto the wire.
struct HttpFraming {
  bool head = false;
  bool keep_alive = true;
  bool chunked = false;                // a stream: the body follows in chunks
  bool until_close = false;            // a stream for a peer without chunks: the body ends with the connection
  std::string_view allow_origin = {};  // the origin whose pages may read it in a browser, beside our own
};

// Appends the whole response, or the head of a stream. `date` is the Date header's value.
void append_response(std::string& out, const HttpResponse& response, const HttpFraming& framing, std::string_view date);
// Appends one chunk of a stream; an empty `data` appends the last one.
void append_chunk(std::string& out, std::string_view data);
// The reason phrase of a status, "Not Found".
std::string_view reason_phrase(int status) noexcept;
// An application/problem+json response. `detail` is English; in_chinese() finds what it says in Chinese.
HttpResponse problem_response(int status, Code code, std::string_view detail, Language language);
// `seconds` since 1970 as an HTTP date.
std::string http_date(std::int64_t seconds);
// The elements of a list as headers have it, without what is empty and without blanks around them.
std::vector<std::string_view> list_elements(std::string_view list);

}  // namespace hf
