#include "client/http.h"

#include "client/transport.h"
#include "client/values.h"
#include "wire/server_messages.h"

namespace hf::client {

holdfast::Result<std::string> call_over_http(const HttpCall& call) {
  const auto where = parse_urls(call.url);
  if (!where) return tl::unexpected(where.error());
  HttpQuestion question{call.method, call.path, call.body, {}};
  if ((call.token + call.language).find_first_of("\r\n") != std::string::npos)
    return holdfast::failure(holdfast::Code::invalid, "a token has no line breaks", "token");
  if (!call.token.empty()) question.headers += "Authorization: Bearer " + call.token + "\r\n";
  if (!call.language.empty()) question.headers += "Accept-Language: " + call.language + "\r\n";
  auto answer = http_ask(*where, question, call.deadline);
  if (!answer) return tl::unexpected(answer.error());
  if (answer->status / 100 == 2) return std::move(answer->body);
  if (const auto refusal = parse_problem(answer->body))
    return tl::unexpected(to_public(refusal->refusal, answer->body));
  return holdfast::failure(holdfast::Code::unavailable,
                           "the server answered HTTP status " + std::to_string(answer->status));
}

std::string url_escaped(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain)
      out += c;
    else
      out.append("%").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
  }
  return out;
}

}  // namespace hf::client
