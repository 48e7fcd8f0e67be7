#include "outbox/http_publisher.h"

#include <fstream>
#include <string>

#include "client/http.h"

namespace hf::outbox {
namespace {

Result<std::string> token_of(const ServerAddress& server) {
  if (server.token_file.empty()) return server.token;
  std::ifstream in(server.token_file);
  std::string token;
  std::getline(in, token, '\0');  // of what cannot be read, a directory say, nothing
  token.erase(token.find_last_not_of(" \t\r\n") + 1);
  if (token.empty()) return fail(Code::unauthenticated, "There is no token in " + server.token_file + ".");
  return token;
}

}  // namespace

Result<std::vector<Verdict>> publish_over_http(const ServerAddress& server, const std::vector<Row>& rows,
                                               Millis deadline) {
  auto token = token_of(server);
  if (!token) return tl::unexpected(token.error());
  const auto answer = client::call_over_http({.url = server.url,
                                              .ca_file = server.ca_file,
                                              .token = std::move(*token),
                                              .language = server.language,
                                              .method = "POST",
                                              .path = "/v1/status",
                                              .body = body_of(rows),
                                              .deadline = deadline});
  if (answer) return read_verdicts(*answer, rows.size());
  // A code that we do not know says nothing about a row, nor does what kept us from asking: the rows wait.
  const auto& error = answer.error();
  if (error.field == "url" || error.field == "ca_file") return fail(Code::unavailable, error.text(), error.field);
  if (error.field == "token") return fail(Code::unauthenticated, error.text(), error.field);
  return fail(code_from_name(error.code_name).value_or(Code::unavailable), error.text(), error.field);
}

}  // namespace hf::outbox
