#pragma once

// PlainJson reads the JSON that programs send nearly always, without building a tree: one flat object of texts
// without escapes, whole numbers, booleans, nulls and lists of such texts, in ASCII, each name once, at most 16
// members and 64 texts in lists.
//
// Whatever is not so is not plain, be it good JSON or bad: json_text.h has the last word on that. So a plain
// text means exactly what the tree of it would mean. All views are into the text read; nothing is allocated.
// For this module's own .cpp files.

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace hf {

class PlainJson {
 public:
  enum class Kind : std::uint8_t { null, text, number, boolean, texts };
  struct Member {
    std::string_view name;
    Kind kind = Kind::null;
    bool flag = false;
    std::uint64_t number = 0;  // up to 2^53-1
    std::string_view text;
    std::span<const std::string_view> texts;
  };

  explicit PlainJson(std::string_view text) noexcept : at_(text.data()), end_(at_ + text.size()) { ok_ = read(); }
  PlainJson(const PlainJson&) = delete;
  PlainJson& operator=(const PlainJson&) = delete;

  bool ok() const noexcept { return ok_; }
  std::span<const Member> members() const noexcept { return std::span(members_).first(count_); }
  // Null: there is none of that name.
  const Member* find(std::string_view name) const noexcept;

 private:
  bool read() noexcept;
  bool read_value(Member& member) noexcept;
  bool read_text(std::string_view& text) noexcept;
  bool read_number(std::uint64_t& number) noexcept;
  bool read_texts(std::span<const std::string_view>& texts) noexcept;
  bool take(char c) noexcept;
  bool take(std::string_view word) noexcept;

  const char* at_;
  const char* end_;
  bool ok_ = false;
  std::size_t count_ = 0;
  std::size_t texts_used_ = 0;
  std::array<Member, 16> members_;
  std::array<std::string_view, 64> texts_;
};

}  // namespace hf
