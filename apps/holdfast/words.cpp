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
  bool chinese = false;
};
Words& words() {
  static Words the;
  return the;
}
}  // namespace

const Sentences& own_sentences() {
  static const Sentences the(table, &sentences());
  return the;
}

void begin_words(std::string called_as, bool chinese) {
  words().chinese = chinese;
  if (called_as.find_first_of(" \t'\"\\$`") != std::string::npos) called_as = "'" + called_as + "'";
  if (!called_as.empty()) words().program = std::move(called_as);
}

bool speaks_chinese() noexcept { return words().chinese; }
void speak_english() noexcept { words().chinese = false; }

std::string typed(std::string_view arguments) {
  return arguments.empty() ? words().program : words().program + " " + std::string(arguments);
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
