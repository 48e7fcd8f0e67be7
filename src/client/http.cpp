#include "client/http.h"

#include "client/http_question.h"
#include "client/trust.h"
#include "client/url.h"
#include "client/values.h"
#include "wire/server_messages.h"

namespace hf::client {

holdfast::Result<std::string> call_over_http(const HttpCall& call) {
  const auto where = parse_urls(call.url);
  if (!where) return tl::unexpected(where.error());
  const auto trust = trust_for(*where, call.ca_file);
  if (!trust) return tl::unexpected(trust.error());
  HttpQuestion question{call.method, call.path, call.body, {}};
  if ((call.token + call.language).find_first_of("\r\n") != std::string::npos)
    return holdfast::failure(holdfast::Code::invalid, "a token has no line breaks", "token");
  if (!call.token.empty()) question.headers += "Authorization: Bearer " + call.token + "\r\n";
  if (!call.language.empty()) question.headers += "Accept-Language: " + call.language + "\r\n";
  auto answer = http_ask(*where, question, *trust, call.deadline);
  if (!answer) return tl::unexpected(answer.error());
  if (answer->status / 100 == 2) return std::move(answer->body);
  if (const auto refusal = parse_problem(answer->body))
    return tl::unexpected(to_public(refusal->refusal, answer->body));
  return holdfast::failure(holdfast::Code::unavailable, std::move(answer->refusal));
}

}  // namespace hf::client
