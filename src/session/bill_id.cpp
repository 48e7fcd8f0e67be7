#include "session/bill_id.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <memory>

#include "model/plain_text.h"

namespace hf::session {
namespace {

using catalog::IdRule;

// `text` in another form of Unicode; nothing if it is no UTF-8.
std::optional<std::string> mapped(std::string_view text, int options) {
  utf8proc_uint8_t* made = nullptr;
  const auto size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &made, static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owned(made, std::free);
  if (size < 0) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(made), static_cast<std::size_t>(size));
}

constexpr int composed = UTF8PROC_STABLE | UTF8PROC_COMPOSE;

bool is_blank(char32_t c) {
  return c == ' ' || utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_ZS;
}

// Drawn as nothing, or as a blank that is none.
bool is_invisible(char32_t c) {
  constexpr char32_t blank_braille = 0x2800;
  if (c == ' ') return false;
  if (c == blank_braille || is_blank(c)) return true;
  constexpr std::array unseen{UTF8PROC_CATEGORY_CC, UTF8PROC_CATEGORY_CF, UTF8PROC_CATEGORY_CS, UTF8PROC_CATEGORY_ZL,
                              UTF8PROC_CATEGORY_ZP};
  return std::ranges::find(unseen, utf8proc_category(static_cast<utf8proc_int32_t>(c))) != unseen.end() ||
         utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->ignorable != 0;
}

std::string code_point(char32_t c) {
  std::array<char, 8> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), static_cast<std::uint32_t>(c), 16);
  std::string text(digits.data(), end.ptr);
  std::ranges::transform(text, text.begin(), [](char d) { return d >= 'a' ? static_cast<char>(d - 'a' + 'A') : d; });
  return "U+" + std::string(text.size() < 4 ? 4 - text.size() : 0, '0') + text;
}

void append(std::string& out, char32_t c) {
  std::array<utf8proc_uint8_t, 4> bytes{};
  const auto size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes.data());
  out.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(size));
}

// Without what is invisible, blanks at its ends, and (upper) small letters.
std::optional<std::string> text_form(IdRule rule, std::string_view id) {
  std::string seen;
  while (!id.empty()) {
    const char32_t c = take_character(id);
    if (c == no_character) return std::nullopt;
    if (is_blank(c)) {
      seen.push_back(' ');
    } else if (!is_invisible(c)) {
      append(seen,
             rule == IdRule::upper ? static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))) : c);
    }
  }
  const std::size_t begin = seen.find_first_not_of(' ');
  if (begin == std::string::npos) return std::nullopt;
  return mapped(std::string_view(seen).substr(begin, seen.find_last_not_of(' ') + 1 - begin), composed);
}

// What programs write where they have no id.
bool is_no_id(IdRule rule, std::string_view id) {
  constexpr std::array<std::string_view, 5> words{".", "..", "undefined", "null", "NaN"};
  constexpr std::array<std::string_view, 3> upper{"UNDEFINED", "NULL", "NAN"};
  return std::ranges::find(words, id) != words.end() ||
         (rule == IdRule::upper && std::ranges::find(upper, id) != upper.end());
}

bool is_integer(std::string_view id) {
  const std::string_view digits = id.substr(id.starts_with('-') ? 1 : 0);
  if (digits.empty() || (digits.front() == '0' && id.size() > 1)) return false;
  std::int64_t value = 0;
  const auto [end, wrong] = std::from_chars(id.data(), id.data() + id.size(), value);
  return wrong == std::errc() && end == id.data() + id.size();
}

std::optional<std::string> integer_form(std::string_view id) {
  const auto seen = text_form(IdRule::text, id);
  const auto plain = seen ? mapped(*seen, composed | UTF8PROC_COMPAT) : std::nullopt;  // full-width digits too
  if (!plain) return std::nullopt;
  std::string_view digits = *plain;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.empty() ? 0 : digits.size() - 1));
  std::string made = (negative && digits != "0" ? "-" : "") + std::string(digits);
  if (!is_integer(made)) return std::nullopt;
  return made;
}

Error refusal(std::string_view kind, const Misspelt& fault, const std::string& canonical, std::string_view field) {
  std::string detail = "This is no id of " + std::string(kind) + ": " + fault.why;
  if (!canonical.empty()) detail += " Write `" + canonical + "`.";
  return Error{Code::invalid, std::move(detail), std::string(field)};
}

}  // namespace

std::optional<Misspelt> misspelt(IdRule rule, std::string_view id) {
  if (rule == IdRule::integer) {
    if (is_integer(id)) return std::nullopt;
    return Misspelt{"an id is a whole number, without zeros, signs or blanks around it.", integer_form(id)};
  }
  if (is_no_id(rule, id)) return Misspelt{"it is what a program writes where it has none.", std::nullopt};
  const auto fault = [&](std::string why) {
    auto canonical = text_form(rule, id);
    if (canonical && is_no_id(rule, *canonical)) canonical.reset();
    return Misspelt{std::move(why), std::move(canonical)};
  };
  const auto is_plain = [rule](char c) {
    return c >= ' ' && c < 0x7F && (rule != IdRule::upper || c < 'a' || c > 'z');
  };
  const bool blank = id.starts_with(' ') || id.ends_with(' ');
  if (!blank && std::ranges::all_of(id, is_plain)) return std::nullopt;  // nearly always
  for (std::string_view rest = id; !rest.empty();) {
    const char32_t c = take_character(rest);
    if (c == no_character || is_invisible(c))
      return fault("it has a character that nobody sees, " + code_point(c) + ".");
  }
  if (blank) return fault("it begins or ends with a blank.");
  if (text_form(IdRule::text, id) != id) return fault("its characters are not composed, as Unicode's NFC has them.");
  if (text_form(rule, id) != id) return fault("it has small letters.");
  return std::nullopt;
}

std::optional<Error> refuses_bill(const Catalog& catalog, std::string_view type, std::string_view id,
                                  std::string_view field) {
  const catalog::Type* const known = catalog.find_type(type);
  if (known == nullptr) {
    if (const auto fault = misspelt(IdRule::text, type)) {
      return refusal("a type", *fault, fault->canonical.value_or(""), field);
    }
  }
  const auto fault = misspelt(known != nullptr ? known->id : IdRule::text, id);
  if (!fault) return std::nullopt;
  return refusal(type, *fault, fault->canonical.value_or(""), field);
}

std::optional<Error> refuses_target(const Catalog& catalog, const Target& target, std::string_view field) {
  if (target.level() == Level::type) {
    if (catalog.find_type(target.type()) != nullptr) return std::nullopt;
    const auto fault = misspelt(IdRule::text, target.type());
    if (!fault) return std::nullopt;
    return refusal("a type", *fault, fault->canonical.value_or(""), field);
  }
  if (auto error = refuses_bill(catalog, target.type(), target.bill_id(), field)) return error;
  if (target.part().empty()) return std::nullopt;
  const catalog::Type* const type = catalog.find_type(target.type());
  const catalog::Part* const part = type != nullptr ? type->find_part(target.part()) : nullptr;
  if (part == nullptr) {
    if (const auto fault = misspelt(IdRule::text, target.part())) {
      return refusal("a part", *fault, fault->canonical.value_or(""), field);
    }
  }
  if (target.line().empty()) return std::nullopt;
  const auto fault = misspelt(part != nullptr ? part->id : IdRule::text, target.line());
  if (!fault) return std::nullopt;
  return refusal("a line of " + std::string(target.part()), *fault, fault->canonical.value_or(""), field);
}

}  // namespace hf::session
