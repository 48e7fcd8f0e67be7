#pragma once

// What a message may say in a field, beside the field's type. Each struct that comes or goes as a message, or that lies
// in a log, names its fields once, in `fields(a, v)`:
//
//   a(4, "targets", v.targets, {.required = true})   in messages by its name, in the log by its tag
//   a(3, v.lock)                                     in the log alone: the node makes it
//   a("limit", v.limit)                              in messages alone
//
// From these lines come reading, checking, writing and hashing of messages (wire/field_visitors.h), their schemas
// (wire/schema.h) and the log's bytes (engine/field_codec.h).
//
// What a server says (answers, problems, pushes) names its members in `said(a, v)`, in the order of the text:
//
//   a.about(v.user);                                 who must not be named to others from here on
//   a("user", v.user, {.known = true, .personal = true})
//   a.when(v.valid, "valid_for_ms", v.valid_for)     only if; a member without a rule is left out where it is empty
//   a.part("by", !v.by_user.empty(), [&](auto& in) { in("user", v.by_user); })
//
// From these come writing (wire/said_writer.h), reading (wire/said_reader.h), and the schemas.

#include <cstddef>
#include <cstdint>

namespace hf {

struct FieldRule {
  bool required = false;
  std::size_t bytes_max = 0;  // of a text, and of each in a list of texts
  std::uint64_t otherwise =
      0;                  // of a whole number or a duration: what it is where it is not given, the struct's own default
  bool from_one = false;  // of a whole number: zero is no answer, as for tokens
  bool as_text = false;   // a whole number that goes as a text: a cursor
  bool hashed = true;     // false: a repeat of the request may say it otherwise

  // Of what a server says. `required` there: the member is always written.
  bool key = false;       // required, and the value is known by it: a reader refuses a value without it
  bool known = false;     // a server always has it; only a value that is not whole leaves it out
  bool personal = false;  // null where names are hidden from the reader
  bool sentence = false;  // in the reader's language
};

}  // namespace hf
