#pragma once

// What people read, in English and in Chinese.
//
// Inside the program all sentences are English: an error is made with its English sentence, whoever will read it. Where
// a sentence goes out to a person who reads Chinese, in_chinese() finds it in the tables of base/chinese/, by its
// pattern: in "`{}` is missing." the {} stands for any text, which goes into the Chinese sentence at {} or, where the
// order differs, at {0}, {1} and so on. A part that is a sentence of the tables itself becomes Chinese, too. A sentence
// that no table has stays as it is; tests/tidy/sentences.py finds those in the sources.
//
// Thread-safe: the tables do not change.

#include <cstddef>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hf {

struct Sentence {
  std::string_view english;
  std::string_view chinese;
};

// `pattern` with its {} in turn, or {0}, {1} …, replaced by `values`. What has no value stays.
std::string filled(std::string_view pattern, std::span<const std::string> values);

// Whether a person with these variables of the environment reads Chinese: the first that is set and not empty
// decides. Null where one is not set.
bool reads_chinese(const char* lc_all, const char* lc_messages, const char* lang) noexcept;

// A table of sentences. Looks into `others` for a sentence that it lacks.
class Sentences {
 public:
  explicit Sentences(std::span<const Sentence> table, const Sentences* others = nullptr);

  // The Chinese pattern of an English one, letter by letter; empty if there is none. O(log n).
  std::string_view pattern_of(std::string_view english) const;
  // The Chinese of a sentence as people read it; nothing if no pattern fits. Of several that fit, the one with the
  // most text of its own counts. O(n).
  std::optional<std::string> chinese_of(std::string_view english) const;
  std::span<const Sentence> table() const noexcept { return table_; }

 private:
  struct Pattern {
    std::vector<std::string_view> pieces;  // what stands before, between and after the {}
    std::string_view chinese;
    std::size_t weight = 0;  // bytes of the pieces
  };
  std::optional<std::string> found(std::string_view english, int depth) const;

  std::span<const Sentence> table_;
  const Sentences* others_;
  std::map<std::string_view, std::string_view> whole_;
  std::vector<Pattern> patterns_;  // the heaviest first
};

// Every sentence of the server and the SDK.
const Sentences& sentences();
// The Chinese of `english`, line by line; a line that no table has stays as it is.
std::string in_chinese(std::string_view english);

}  // namespace hf
