#include "net/http_codec.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <iterator>
#include <optional>

#include "base/percent.h"
#include "base/sentences.h"
#include "wire/websocket.h"

namespace hf {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::beast::iequals;

std::string_view view(boost::beast::string_view text) noexcept { return {text.data(), text.size()}; }

// Path and query of a request target: "/p?q", or "http://host/p?q" as proxies send it (RFC 9112 §3.2.2).
std::string_view origin_form(std::string_view target) noexcept {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() < scheme.size() || !iequals(boost::beast::string_view(target.data(), scheme.size()),
                                                  boost::beast::string_view(scheme.data(), scheme.size()))) {
      continue;
    }
    target.remove_prefix(scheme.size());
    const auto end = target.find_first_of("/?");
    return end == std::string_view::npos ? std::string_view("/") : target.substr(end);
  }
  return target;
}

bool is_text(std::string_view text) noexcept { return is_utf8(text) && text.find('\0') == std::string_view::npos; }

using Complaint = const char*;  // what is wrong; null: nothing

// A path is split before it is decoded: what is decoded to '/', or goes up, is no part of a name of ours.
Complaint read_path(std::string_view raw, std::string& path) {
  if (!raw.starts_with('/')) return "A path begins with '/'.";
  while (!raw.empty()) {
    raw.remove_prefix(1);
    const auto end = raw.find('/');
    const auto segment = percent_decoded(raw.substr(0, end));
    if (!segment) return "The path has a broken %-escape.";
    const bool dots = *segment == "." || *segment == "..";
    if (dots || !is_text(*segment) || segment->find('/') != std::string::npos)
      return "A segment of a path is text in UTF-8, without '/' and zero bytes, and neither '.' nor '..'.";
    path.append("/").append(*segment);
    raw = end == std::string_view::npos ? std::string_view() : raw.substr(end);
  }
  return nullptr;
}

Complaint read_query(std::string_view text, std::vector<std::pair<std::string, std::string>>& query) {
  while (!text.empty()) {
    const auto end = text.find('&');
    const std::string_view item = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (item.empty()) continue;
    if (query.size() == http_query_fields_max) return "The query has too many fields: send them in the body.";
    const auto equals = item.find('=');
    auto name = percent_decoded(item.substr(0, equals), Plus::blank);
    auto value =
        percent_decoded(equals == std::string_view::npos ? std::string_view() : item.substr(equals + 1), Plus::blank);
    if (!name || !value) return "The query has a broken %-escape.";
    if (!is_text(*name) || !is_text(*value)) return "A query is text in UTF-8, without zero bytes.";
    query.emplace_back(std::move(*name), std::move(*value));
  }
  return nullptr;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return iequals({a.data(), a.size()}, {b.data(), b.size()});
}

// All lines of a header that is a list (RFC 9110 §5.3), as one.
template <class Message>
std::string joined(const Message& message, http::field name) {
  std::string list;
  for (auto [field, end] = message.equal_range(name); field != end; ++field) {
    if (!list.empty()) list += ',';
    list += view(field->value());
  }
  return list;
}

bool has_element(std::string_view list, std::string_view wanted) {
  const auto elements = list_elements(list);
  return std::any_of(elements.begin(), elements.end(), [wanted](auto one) { return equal_ignoring_case(one, wanted); });
}

// What proxies add; nginx does so only where it is told to, but `Via` or one of these is there with most.
constexpr std::string_view forwarded_prefix = "X-Forwarded-";

template <class Message>
bool is_forwarded(const Message& message) {
  return std::any_of(message.begin(), message.end(), [](const auto& field) {
    const std::string_view name = view(field.name_string());
    return equal_ignoring_case(name, "Forwarded") || equal_ignoring_case(name, "Via") ||
           equal_ignoring_case(name, "X-Real-IP") ||
           equal_ignoring_case(name.substr(0, forwarded_prefix.size()), forwarded_prefix);
  });
}

bool is_chunked(std::string_view coding) { return equal_ignoring_case(coding, "chunked"); }

// A list of codings none of which is written wrongly, and one of which is not known here.
bool names_unknown_coding(std::string_view codings) {
  bool unknown = false;
  while (!codings.empty()) {
    const auto comma = codings.find(',');
    std::string_view one = codings.substr(0, comma);
    codings = comma == std::string_view::npos ? std::string_view() : codings.substr(comma + 1);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    const bool name = !one.empty() && std::all_of(one.begin(), one.end(), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
    });
    if (!name) return false;
    unknown = unknown || !is_chunked(one);
  }
  return unknown;
}

}  // namespace

struct HttpReader::Parser {
  http::request_parser<http::string_body> parser;
};

HttpReader::HttpReader(const HttpLimits& limits) : parser_(std::make_unique<Parser>()), limits_(limits) {
  // The header is read before anything behind it: the trailers of a chunked body would be added to its fields. Then
  // one chunk, or one line of a chunk, is taken at a time, so that each can be measured.
  parser_->parser.eager(false);
  parser_->parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes_max));
  parser_->parser.body_limit(limits.body_bytes_max);
}

HttpReader::~HttpReader() = default;

bool HttpReader::header_done() const noexcept { return parser_->parser.is_header_done(); }

Language HttpReader::language() const {
  return language_of(joined(parser_->parser.get(), http::field::accept_language));
}

HttpReader::Wrong HttpReader::wrong_of(const boost::system::error_code& error) {
  if (error == http::error::header_limit) return {431, Code::too_large, "The header is over the size limit."};
  if (error == http::error::body_limit || error == http::error::buffer_overflow)
    return {413, Code::too_large, "The body is over the size limit."};
  if (error == http::error::bad_version) return {505, Code::invalid, "This server speaks HTTP/1.1."};
  return {400, Code::invalid, "This is no HTTP/1.1 request: " + error.message() + "."};
}

HttpReader::Step HttpReader::refuse(const Wrong& wrong) {
  refusal_ = problem_response(wrong.status, wrong.code, wrong.detail, language());
  return Step::refused;
}

// What must be right before a body is believed. A coding that somebody between reads otherwise than we do would make
// a second request of a part of this one's body (RFC 9112 §6.1, §11.2).
std::optional<HttpReader::Wrong> HttpReader::refused_by_header() const {
  const auto& message = parser_->parser.get();
  if (const auto lines = message.count(http::field::transfer_encoding); lines != 0) {
    const std::string_view coding = view(message[http::field::transfer_encoding]);
    if (message.version() < 11) return Wrong{400, Code::invalid, "HTTP/1.0 has no Transfer-Encoding."};
    if (lines != 1 || message.count(http::field::content_length) != 0)
      return Wrong{400, Code::invalid, "The length of the body is said twice."};
    if (!is_chunked(coding) && names_unknown_coding(coding))
      return Wrong{501, Code::invalid, "The one transfer coding spoken here is chunked."};
    if (!is_chunked(coding)) return Wrong{400, Code::invalid, "Transfer-Encoding is not 'chunked'."};
  }
  // A list of equal numbers is one number for Beast, and for others none.
  const std::string_view length = view(message[http::field::content_length]);
  if (length.find_first_not_of("0123456789") != std::string_view::npos)
    return Wrong{400, Code::invalid, "Content-Length is one whole number."};
  const auto expect = message.find(http::field::expect);
  if (expect != message.end() && !iequals(expect->value(), "100-continue"))
    return Wrong{417, Code::invalid, "Only 100-continue can be expected."};
  return std::nullopt;
}

// Beast forgets what it has taken of a header, and would take one without end piece by piece. It also joins a line
// that begins with a blank to the one before (RFC 9112 §5.2), where others see two.
std::optional<HttpReader::Wrong> HttpReader::refused_by_lines(std::string_view taken, std::string_view left) {
  for (const char c : taken) {
    if (line_begins_ && (c == ' ' || c == '\t'))
      return Wrong{400, Code::invalid, "A line of the header begins with a blank."};
    line_begins_ = c == '\n';
  }
  header_bytes_ += taken.size();
  const bool done = parser_->parser.is_header_done();
  if (header_bytes_ + (done ? 0 : left.size()) <= limits_.header_bytes_max) return std::nullopt;
  return Wrong{431, Code::too_large, "The header is over the size limit."};
}

// `framing`: bytes taken that are no part of the body. What is left over waits for the end of a chunk's line, or of
// the trailer.
std::optional<HttpReader::Wrong> HttpReader::refused_by_chunks(std::size_t framing, std::string_view left) {
  const bool done = parser_->parser.is_done();
  framing_bytes_ += framing;
  if (framing > (done ? http_trailer_bytes_max : http_chunk_line_bytes_max) ||
      (!done && left.size() > http_trailer_bytes_max))
    return Wrong{431, Code::too_large, "The line of a chunk, or the trailer, is over the size limit."};
  if (framing_bytes_ > limits_.body_bytes_max) return Wrong{413, Code::too_large, "The body comes in too many chunks."};
  return std::nullopt;
}

HttpReader::Step HttpReader::feed(std::string_view& bytes) {
  auto& parser = parser_->parser;
  while (!parser.is_done()) {
    if (bytes.empty()) break;
    boost::beast::error_code error;
    const std::size_t body = parser.get().body().size();
    const std::size_t used = parser.put(asio::const_buffer(bytes.data(), bytes.size()), error);
    const std::string_view taken = bytes.substr(0, used);
    bytes.remove_prefix(used);
    const bool waits = error == http::error::need_more;
    if (error && !waits) return refuse(wrong_of(error));
    const std::size_t framing = used - (parser.get().body().size() - body);
    if (auto refused = !header_taken_ ? refused_by_lines(taken, bytes)
                                      : refused_by_chunks(framing, waits ? bytes : std::string_view()))
      return refuse(*refused);
    if (waits) break;
    if (parser.is_header_done() && !header_taken_) {
      header_taken_ = true;
      if (auto refused = refused_by_header()) return refuse(*refused);
      if (auto refused = take_header()) return refuse(*refused);
    } else if (used == 0) {
      break;
    }
  }
  if (parser.is_done()) {
    incoming_.request.body = std::move(parser.get().body());
    return Step::complete;
  }
  if (parser.is_header_done() && !continue_said_) {
    const auto expect = parser.get().find(http::field::expect);
    if (expect != parser.get().end()) {
      continue_said_ = true;
      if (parser.get().version() >= 11) return Step::wants_continue;
    }
  }
  return Step::need_more;
}

std::optional<HttpReader::Wrong> HttpReader::take_header() {
  const auto& message = parser_->parser.get();
  if (message.version() != 11 && message.version() != 10)
    return Wrong{505, Code::invalid, "This server speaks HTTP/1.1."};
  if (std::distance(message.begin(), message.end()) > static_cast<std::ptrdiff_t>(http_header_lines_max))
    return Wrong{431, Code::too_large, "The header has too many lines."};
  if (message.version() == 11 && message.count(http::field::host) != 1)
    return Wrong{400, Code::invalid, "A request has one Host header."};
  // Which of two counts is read differently by proxies: nobody gets to choose.
  for (const std::string_view once : {"Host", "Authorization", "Cookie", "Origin", "Content-Length", "Content-Type",
                                      "Expect", "Idempotency-Key", "Sec-WebSocket-Key", "Sec-WebSocket-Version"}) {
    if (message.count({once.data(), once.size()}) > 1)
      return Wrong{400, Code::invalid, "A request has one " + std::string(once) + " header."};
  }

  HttpIncoming& in = incoming_;
  in.request.method = std::string(view(message.method_string()));
  in.head = in.request.method == "HEAD";
  if (in.head) in.request.method = "GET";
  in.chunks = message.version() == 11;
  const std::string connection = joined(message, http::field::connection);
  in.keep_alive = in.chunks && !has_element(connection, "close");  // an HTTP/1.0 connection ends with its answer

  const std::string_view target = origin_form(view(message.target()));
  const auto question = target.find('?');
  if (target == "*" && in.request.method == "OPTIONS") {
    in.request.path = "*";
  } else if (const Complaint wrong = read_path(question == 0 ? "/" : target.substr(0, question), in.request.path)) {
    return Wrong{400, Code::invalid, wrong};
  }
  if (question != std::string_view::npos) {
    if (const Complaint wrong = read_query(target.substr(question + 1), in.request.query))
      return Wrong{400, Code::invalid, wrong};
  }

  const auto header = [&](http::field name) { return std::string(view(message[name])); };
  in.request.host = header(http::field::host);
  in.request.if_none_match = joined(message, http::field::if_none_match);
  in.request.authorization = header(http::field::authorization);
  in.request.cookie = header(http::field::cookie);
  in.request.idempotency_key = std::string(view(message["Idempotency-Key"]));
  if (!is_text(in.request.idempotency_key)) return Wrong{400, Code::invalid, "Idempotency-Key is text in UTF-8."};
  in.request.accept_language = joined(message, http::field::accept_language);
  in.request.content_type = header(http::field::content_type);
  in.request.origin = header(http::field::origin);
  in.request.forwarded = is_forwarded(message);
  in.upgrade = in.request.method == "GET" && !in.head && in.chunks &&
               has_element(joined(message, http::field::upgrade), "websocket") && has_element(connection, "upgrade");
  if (in.upgrade) {
    in.websocket_key = header(http::field::sec_websocket_key);
    in.websocket_version = header(http::field::sec_websocket_version);
    in.websocket_protocols = joined(message, http::field::sec_websocket_protocol);
  }
  return std::nullopt;
}

HttpIncoming HttpReader::take() { return std::move(incoming_); }

void append_response(std::string& out, const HttpResponse& response, const HttpFraming& framing,
                     std::string_view date) {
  const auto number = [&out](std::size_t value) {
    char digits[20];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
    out.append(digits, end);
  };
  // A line break in a header would let its value write headers of its own.
  const auto header = [&out](std::string_view name, std::string_view value) {
    if (name.find_first_of("\r\n") != std::string_view::npos || value.find_first_of("\r\n") != std::string_view::npos)
      return;
    out.append(name).append(": ").append(value).append("\r\n");
  };
  const bool bodiless = response.status == 204 || response.status == 304 || response.status < 200;
  out += "HTTP/1.1 ";
  number(static_cast<std::size_t>(response.status));
  out.append(" ").append(reason_phrase(response.status)).append("\r\n");
  header("Date", date);
  if (!response.content_type.empty() && !bodiless) header("Content-Type", response.content_type);
  bool kept = false;  // it says itself how it may be kept
  for (const auto& [name, value] : response.headers) {
    kept = kept || name == "Cache-Control";
    header(name, value);
  }
  // Answers name sessions, tokens and people: whatever does not say otherwise is for its asker, once.
  if (!kept) header("Cache-Control", "no-store");
  header("X-Content-Type-Options", "nosniff");
  if (!framing.allow_origin.empty()) {
    header("Access-Control-Allow-Origin", framing.allow_origin);
    header("Access-Control-Expose-Headers", "ETag, Retry-After");
    header("Vary", "Origin");
  }
  if (framing.chunked) {
    header("Transfer-Encoding", "chunked");
  } else if (!framing.until_close && !bodiless) {
    out += "Content-Length: ";
    number(response.body.size());
    out += "\r\n";
  }
  if (!framing.keep_alive) header("Connection", "close");
  out += "\r\n";
  if (!framing.head && !bodiless) out += response.body;
}

void append_chunk(std::string& out, std::string_view data) {
  char digits[16];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, data.size(), 16);
  out.append(digits, end).append("\r\n").append(data).append("\r\n");
}

std::string_view reason_phrase(int status) noexcept {
  if (status == 423) return "Locked";
  const auto text = http::obsolete_reason(static_cast<http::status>(status));
  return view(text);
}

HttpResponse problem_response(int status, Code code, std::string_view detail, Language language) {
  const bool chinese = language == Language::zh;
  HttpResponse response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.refusal = code;
  response.body.append(R"({"type":"urn:holdfast:problem:)").append(code_name(code));
  response.body.append(R"(","code":")").append(code_name(code)).append(R"(","title":")");
  response.body.append(chinese ? code_sentence_zh(code) : code_sentence(code));
  response.body.append(R"(","status":)").append(std::to_string(status)).append(R"(,"detail":")");
  for (const char c : chinese ? in_chinese(detail) : std::string(detail)) {
    if (static_cast<unsigned char>(c) < 0x20) continue;
    if (c == '"' || c == '\\') response.body += '\\';
    response.body += c;
  }
  response.body += "\"}";
  return response;
}

std::string http_date(std::int64_t seconds) {
  static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto time = static_cast<std::time_t>(seconds);
  std::tm utc{};
  gmtime_r(&time, &utc);
  char text[64];
  const int size =
      std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[utc.tm_wday], utc.tm_mday,
                    months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return std::string(text, static_cast<std::size_t>(size));
}

std::vector<std::string_view> list_elements(std::string_view list) {
  std::vector<std::string_view> elements;
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!list.empty()) {
    const auto comma = list.find(',');
    std::string_view one = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    while (!one.empty() && is_blank(one.front())) one.remove_prefix(1);
    while (!one.empty() && is_blank(one.back())) one.remove_suffix(1);
    if (!one.empty()) elements.push_back(one);
  }
  return elements;
}

}  // namespace hf
