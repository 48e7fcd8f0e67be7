#include "words.h"

namespace hf::cli {
namespace {

constexpr Sentence table[] = {
#define HF_SENTENCE(english, chinese) {english, chinese},
#include "help.def"
#include "sentences.def"
#undef HF_SENTENCE
};

struct Words {
  std::string program = "holdfast";
  std::string options;  // that belong to it, each with a blank before it
  bool chinese = false;
};
Words& words() {
  static Words the;
  return the;
}
// As a shell takes it for one word.
std::string for_shell(const std::string& word) {
  if (word.find_first_of(" \t'\"\\$`&;|<>()*?") == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

}  // namespace

const Sentences& own_sentences() {
  static const Sentences the(table, &sentences());
  return the;
}

void begin_words(const std::string& called_as, bool chinese) {
  words().chinese = chinese;
  if (!called_as.empty()) words().program = for_shell(called_as);
}

void type_again(std::string_view option, const std::string& value) {
  if (!value.empty()) words().options += " " + std::string(option) + " " + for_shell(value);
}

bool speaks_chinese() noexcept { return words().chinese; }
void speak_english() noexcept { words().chinese = false; }

std::string typed(std::string_view arguments) {
  return words().program + words().options + (arguments.empty() ? "" : " ") + std::string(arguments);
}

std::string tr_with(std::string_view english, const std::vector<std::string>& values) {
  const std::string_view chinese = words().chinese ? own_sentences().pattern_of(english) : std::string_view();
  return filled(chinese.empty() ? english : chinese, values);
}

std::string translated(std::string_view english) {
  return words().chinese ? in_chinese(english) : std::string(english);
}

std::string after(std::string sentence, const std::string& next) {
  if (!sentence.empty() && !next.empty() && !words().chinese) sentence += ' ';
  return sentence + next;
}

std::string counted(std::uint64_t number, std::string_view one, std::string_view many) {
  return tr(number == 1 ? one : many, number);
}

}  // namespace hf::cli
