#include "base/sentences.h"

#include <algorithm>

namespace hf {
namespace {

constexpr std::string_view hole = "{}";
constexpr int depth_max = 4;  // of sentences within sentences

constexpr Sentence all[] = {
#define HF_ERROR(name, number, status, en, zh) {en, zh},
#include "base/errors.def"
#undef HF_ERROR
#define HF_SENTENCE(english, chinese) {english, chinese},
#include "base/chinese/answers.def"
#include "base/chinese/bill_writing.def"
#include "base/chinese/client.def"
#include "base/chinese/documents.def"
#include "base/chinese/operation.def"
#undef HF_SENTENCE
};

std::vector<std::string_view> pieces_of(std::string_view pattern) {
  std::vector<std::string_view> pieces;
  for (std::size_t at = 0; (at = pattern.find(hole)) != std::string_view::npos;) {
    pieces.push_back(pattern.substr(0, at));
    pattern.remove_prefix(at + hole.size());
  }
  pieces.push_back(pattern);
  return pieces;
}

// What stands in `text` at the holes between `pieces`; nothing if the text is another one.
std::optional<std::vector<std::string>> parts_of(std::string_view text, const std::vector<std::string_view>& pieces) {
  if (!text.starts_with(pieces.front())) return std::nullopt;
  text.remove_prefix(pieces.front().size());
  std::vector<std::string> parts;
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    const bool is_last = i + 1 == pieces.size();
    if (is_last && (!text.ends_with(pieces[i]) || text.size() < pieces[i].size())) return std::nullopt;
    const std::size_t at = is_last ? text.size() - pieces[i].size() : text.find(pieces[i]);
    if (at == std::string_view::npos) return std::nullopt;
    parts.emplace_back(text.substr(0, at));
    text.remove_prefix(at + pieces[i].size());
  }
  return parts;
}

}  // namespace

std::string filled(std::string_view pattern, std::span<const std::string> values) {
  std::string out;
  std::size_t next = 0;
  while (!pattern.empty()) {
    const std::size_t at = pattern.find('{');
    out += pattern.substr(0, at);
    if (at == std::string_view::npos) break;
    pattern.remove_prefix(at);
    std::size_t size = 0;
    std::size_t which = values.size();
    if (pattern.starts_with(hole)) {
      which = next++;
      size = hole.size();
    } else if (pattern.size() > 2 && pattern[1] >= '0' && pattern[1] <= '9' && pattern[2] == '}') {
      which = static_cast<std::size_t>(pattern[1] - '0');
      size = 3;
    }
    if (which < values.size()) {
      out += values[which];
    } else {
      size = std::max<std::size_t>(size, 1);
      out += pattern.substr(0, size);
    }
    pattern.remove_prefix(size);
  }
  return out;
}

bool reads_chinese(const char* lc_all, const char* lc_messages, const char* lang) noexcept {
  for (const char* value : {lc_all, lc_messages, lang}) {
    if (value != nullptr && *value != '\0') return std::string_view(value).starts_with("zh");
  }
  return false;
}

Sentences::Sentences(std::span<const Sentence> table, const Sentences* others) : table_(table), others_(others) {
  for (const Sentence& one : table_) {
    whole_.emplace(one.english, one.chinese);
    if (one.english.find(hole) == std::string_view::npos) continue;
    Pattern pattern{pieces_of(one.english), one.chinese};
    for (const std::string_view piece : pattern.pieces) pattern.weight += piece.size();
    patterns_.push_back(std::move(pattern));
  }
  // Of the same weight the first in the alphabet, so that each run finds the same.
  std::ranges::sort(patterns_, [](const Pattern& a, const Pattern& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.pieces < b.pieces;
  });
}

std::string_view Sentences::pattern_of(std::string_view english) const {
  const auto found = whole_.find(english);
  if (found != whole_.end()) return found->second;
  return others_ == nullptr ? std::string_view() : others_->pattern_of(english);
}

std::optional<std::string> Sentences::chinese_of(std::string_view english) const { return found(english, 0); }

std::optional<std::string> Sentences::found(std::string_view english, int depth) const {
  if (english.empty() || depth > depth_max) return std::nullopt;
  if (const auto known = pattern_of(english); !known.empty()) return std::string(known);
  for (const Pattern& pattern : patterns_) {
    auto parts = parts_of(english, pattern.pieces);
    if (!parts) continue;
    for (std::string& part : *parts) {
      if (auto chinese = found(part, depth + 1)) part = *std::move(chinese);
    }
    return filled(pattern.chinese, *parts);
  }
  return others_ == nullptr ? std::nullopt : others_->found(english, depth);
}

const Sentences& sentences() {
  static const Sentences known(all);
  return known;
}

std::string in_chinese(std::string_view english) {
  std::string out;
  while (true) {
    const std::size_t end = english.find('\n');
    const std::string_view line = english.substr(0, end);
    auto chinese = sentences().chinese_of(line);
    out += chinese ? *std::move(chinese) : std::string(line);
    if (end == std::string_view::npos) return out;
    out += '\n';
    english.remove_prefix(end + 1);
  }
}

}  // namespace hf
