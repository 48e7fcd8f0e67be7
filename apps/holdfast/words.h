#pragma once

// What this program says to people, in the language of their environment.
//
// Every sentence for people goes through tr(): its English is the key, and sentences.def has the Chinese. What a
// library says, such as the detail of an error, goes through translated().
//
// main() calls begin_words() before anything is said; afterwards thread-safe.

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/sentences.h"

namespace hf::cli {

// `called_as`: the program's name as its user typed it, for hints.
void begin_words(const std::string& called_as, bool chinese);
bool speaks_chinese() noexcept;
// From now on, whatever the environment says. Before any thread is started.
void speak_english() noexcept;
// What a user types to run this program with `arguments`: "build/bin/holdfast agree 0123".
std::string typed(std::string_view arguments);
// An option that the user gave and needs again for what a hint tells him to type: "--as Li".
void type_again(std::string_view option, const std::string& value);

std::string tr_with(std::string_view english, const std::vector<std::string>& values);
inline std::string text_of(std::string_view text) { return std::string(text); }
inline std::string text_of(std::integral auto number) { return std::to_string(number); }
// The sentence with its {} filled in turn.
template <class... Value>
std::string tr(std::string_view english, const Value&... values) {
  return tr_with(english, {text_of(values)...});
}
// A sentence that a library has made.
std::string translated(std::string_view english);
// One sentence after the other; Chinese has no blank between them.
std::string after(std::string sentence, const std::string& next);
// The table of this program's own sentences.
const Sentences& own_sentences();
// "1 bill", "7 bills": the word itself is a key, and Chinese has one form.
std::string counted(std::uint64_t number, std::string_view one, std::string_view many);

}  // namespace hf::cli
