#include "wire/plain_json.h"

#include "base/limits.h"

namespace hf {
namespace {

// What may stand in a text as it is, and is one byte.
constexpr std::array<bool, 256> make_plain() {
  std::array<bool, 256> plain{};
  for (std::size_t c = 0x20; c < 0x80; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}
constexpr auto kPlain = make_plain();

}  // namespace

bool PlainJson::take(char c) noexcept {
  if (at_ == end_ || *at_ != c) return false;
  ++at_;
  return true;
}

bool PlainJson::take(std::string_view word) noexcept {
  if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(word)) return false;
  at_ += word.size();
  return true;
}

bool PlainJson::read() noexcept {
  if (!take('{')) return false;
  if (take('}')) return at_ == end_;
  do {
    if (count_ == members_.size()) return false;
    Member& member = members_[count_];
    if (!read_text(member.name) || find(member.name) != nullptr || !take(':') || !read_value(member)) return false;
    ++count_;
  } while (take(','));
  return take('}') && at_ == end_;
}

const PlainJson::Member* PlainJson::find(std::string_view name) const noexcept {
  for (const Member& member : members()) {
    if (member.name == name) return &member;
  }
  return nullptr;
}

bool PlainJson::read_value(Member& member) noexcept {
  if (at_ == end_) return false;
  switch (*at_) {
    case '"': member.kind = Kind::text; return read_text(member.text);
    case '[': member.kind = Kind::texts; return read_texts(member.texts);
    case 'n': member.kind = Kind::null; return take("null");
    case 't':
    case 'f':
      member.kind = Kind::boolean;
      member.flag = *at_ == 't';
      return take(member.flag ? std::string_view("true") : std::string_view("false"));
    default: member.kind = Kind::number; return read_number(member.number);
  }
}

bool PlainJson::read_text(std::string_view& text) noexcept {
  if (!take('"')) return false;
  const char* const begin = at_;
  while (at_ != end_ && kPlain[static_cast<unsigned char>(*at_)]) ++at_;
  text = std::string_view(begin, static_cast<std::size_t>(at_ - begin));
  return take('"');
}

bool PlainJson::read_number(std::uint64_t& number) noexcept {
  constexpr std::ptrdiff_t digits_max = 16;  // of 2^53-1
  const char* const begin = at_;
  number = 0;
  while (at_ != end_ && *at_ >= '0' && *at_ <= '9' && at_ - begin < digits_max) {
    number = number * 10 + static_cast<std::uint64_t>(*at_++ - '0');
  }
  const auto digits = at_ - begin;
  return digits != 0 && (digits == 1 || *begin != '0') && number <= token_max;
}

bool PlainJson::read_texts(std::span<const std::string_view>& texts) noexcept {
  const std::size_t begin = texts_used_;
  at_ += 1;
  if (!take(']')) {
    do {
      if (texts_used_ == texts_.size() || !read_text(texts_[texts_used_])) return false;
      ++texts_used_;
    } while (take(','));
    if (!take(']')) return false;
  }
  texts = std::span(texts_).subspan(begin, texts_used_ - begin);
  return true;
}

}  // namespace hf
