#pragma once

// What the commands that ask once share: questions to the server by HTTP, answers in JSON, and what arguments mean.
//
// A question or an answer goes by HTTP and takes no session: who has all his sessions open can still look, answer
// and end one of them.

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "commands.h"
#include "holdfast/client.h"

namespace hf::cli {

// The body of the answer.
inline constexpr holdfast::Millis answered_within{10'000};
holdfast::Result<std::string> send(const Arguments& a, const std::string& method, const std::string& path,
                                   const boost::json::object& fields = {}, holdfast::Millis deadline = answered_within);
// The same, parsed.
holdfast::Result<boost::json::value> ask(const Arguments& a, const std::string& method, const std::string& path,
                                         const boost::json::object& fields = {},
                                         holdfast::Millis deadline = answered_within);
holdfast::Result<holdfast::Nothing> tell(const Arguments& a, const std::string& method, const std::string& path,
                                         const boost::json::object& fields = {});
std::string query_of(const boost::json::object& fields);
// Says `sentence`, or what went wrong; the exit code.
int done(const Arguments& a, const holdfast::Result<holdfast::Nothing>& result, const std::string& sentence);

// A member as text; empty if it is not there. plain_in: fit for a terminal.
std::string text_in(const boost::json::object& object, std::string_view name);
std::string plain_in(const boost::json::object& object, std::string_view name);
// The name of a person, or his id: `user_name` and `user`.
std::string person_in(const boost::json::object& object);
// A list of texts in one line.
std::string joined(const boost::json::object& object, std::string_view name);
// The list of that name in an answer; other elements than objects are left out.
std::vector<boost::json::object> list_in(const boost::json::value& value, std::string_view name);
boost::json::array texts(const std::vector<std::string>& list);

// The id in a path; nothing but an id makes sense there.
enum class Named : std::uint8_t { lock, request, session, run };
holdfast::Result<std::string> id_of(const std::string& text, Named what);
holdfast::Result<holdfast::Millis> duration_of(const std::string& text, holdfast::Millis otherwise, const char* option);

holdfast::Result<std::vector<holdfast::CheckedTarget>> check_targets(const Arguments& a,
                                                                     const std::vector<std::string>& targets,
                                                                     bool shared = false);
boost::json::array items_of(const std::vector<holdfast::CheckedTarget>& checked);

}  // namespace hf::cli
