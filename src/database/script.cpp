#include "database/script.h"

namespace hf::database {
namespace {

// Where what begins at `at` ends: a comment, a text in quotation marks, a body between $$, or one character.
std::size_t end_of(std::string_view script, std::size_t at) {
  const auto until = [&](std::string_view mark, std::size_t from) {
    const auto found = script.find(mark, from);
    return found == std::string_view::npos ? script.size() : found + mark.size();
  };
  const std::string_view rest = script.substr(at);
  if (rest.starts_with("--")) return std::min(script.find('\n', at), script.size());
  if (rest.starts_with("$$")) return until("$$", at + 2);
  if (rest.front() == '\'' || rest.front() == '"') return until(rest.substr(0, 1), at + 1);
  return at + 1;
}

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

}  // namespace

std::vector<std::string> statements_of(std::string_view script) {
  std::vector<std::string> statements;
  std::string statement;
  const auto finish = [&] {
    while (!statement.empty() && is_blank(statement.back())) statement.pop_back();
    if (!statement.empty()) statements.push_back(std::move(statement));
    statement.clear();
  };
  for (std::size_t at = 0; at < script.size();) {
    const std::size_t end = end_of(script, at);
    const std::string_view piece = script.substr(at, end - at);
    at = end;
    if (piece == ";") {
      finish();
    } else if (!piece.starts_with("--") && !(statement.empty() && is_blank(piece.front()))) {
      statement += piece;
    }
  }
  finish();
  return statements;
}

}  // namespace hf::database
