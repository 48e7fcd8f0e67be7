#pragma once

// What all commands share: lines on the terminal, the exit code for what went wrong, and a connection.
//
// Lines of several threads do not mix. What could not be written is remembered and changes the exit code.

#include <boost/json.hpp>
#include <string>

#include "commands.h"
#include "holdfast/client.h"

namespace hf::cli {

void say(const std::string& text);
void complain(const std::string& text);
// "holdfast: SENTENCE", as every complaint is told.
std::string complaint(const std::string& sentence);
void say_json(boost::json::object object);
void say_event(const char* event, boost::json::object object);
// The first error of writing, as errno has it, -1 without one; 0: none.
int output_error() noexcept;

holdfast::Options options_of(const Arguments& a);
// The error with the server's address, or with what one can do about it.
holdfast::Error at_server(const Arguments& a, holdfast::Error error);
// A client whose session is open.
holdfast::Result<holdfast::Client> connect(const Arguments& a, holdfast::Options options);

}  // namespace hf::cli
