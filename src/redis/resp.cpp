#include "redis/resp.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

namespace hf::redis {
namespace {

constexpr std::size_t frame_bytes = sizeof(Reply);

// As Redis writes it: no sign but '-', no leading zero, nothing around it.
std::optional<std::int64_t> integer_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
  if (digits.size() < text.size() && digits == "0") return std::nullopt;
  return value;
}

std::optional<double> number_of(std::string_view text) {
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  if (text == "nan" || text == "-nan") return std::numeric_limits<double>::quiet_NaN();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  const bool digits = text.find_first_not_of("+-.eE0123456789") == std::string_view::npos;
  return digits ? std::optional(value) : std::nullopt;
}

bool is_big_number(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

Reply scalar(Reply::Kind kind, std::string_view text) {
  Reply reply;
  reply.kind = kind;
  reply.text = text;
  return reply;
}

// For people: what came, cut short and without what a terminal would act upon.
std::string shown(std::string_view line) {
  std::string out(line.substr(0, 40));
  std::ranges::replace_if(out, [](char c) { return c < ' ' || c > '~'; }, '?');
  return '"' + out + '"';
}

}  // namespace

tl::unexpected<Error> RespParser::broken(Code code, std::string detail) {
  step_ = Step::broken;
  frames_.clear();
  bulk_ = Reply();
  line_ = std::string();
  error_ = Error{code, "Redis answers with what is not RESP: " + std::move(detail), ""};
  return tl::unexpected(error_);
}

Result<void> RespParser::charge(std::size_t bytes) {
  if (bytes > limits_.reply_bytes_max - reply_bytes_)
    return broken(Code::too_large, "a reply over the limit of bytes.");
  reply_bytes_ += bytes;
  return {};
}

// True once line_ is whole.
bool RespParser::take_line(std::string_view& bytes) {
  const std::size_t end = bytes.find('\n');
  const std::size_t size = end == std::string_view::npos ? bytes.size() : end + 1;
  // No more is kept than shows that it is too long.
  line_.append(bytes.substr(0, std::min(size, limits_.line_bytes_max + 4)));
  bytes.remove_prefix(size);
  return end != std::string_view::npos;
}

bool RespParser::take_bulk(std::string_view& bytes) {
  const std::size_t size = std::min(bulk_missing_, bytes.size());
  bulk_.text.append(bytes.substr(0, size));
  bytes.remove_prefix(size);
  bulk_missing_ -= size;
  return bulk_missing_ == 0;
}

Result<std::optional<Reply>> RespParser::next(std::string_view& bytes) {
  if (step_ == Step::broken) return tl::unexpected(error_);
  while (!bytes.empty()) {
    Taken taken;
    if (step_ == Step::bulk) {
      if (!take_bulk(bytes)) break;
      step_ = Step::bulk_end;
      continue;
    }
    const bool whole = take_line(bytes);
    if (step_ == Step::bulk_end) {
      if (!std::string_view("\r\n").starts_with(line_)) return broken(Code::invalid, "a text without its end.");
      if (!whole) break;
      step_ = Step::line;
      if (bulk_type_ == '=') {  // three letters and a colon say what kind of text it is
        if (bulk_.text.size() < 4 || bulk_.text[3] != ':') return broken(Code::invalid, "a text without its format.");
        bulk_.text.erase(0, 4);
      }
      taken = Taken{true, std::exchange(bulk_, Reply())};
    } else {
      // The line's type, its text and "\r\n"; a '\r' at the end may be the first half of that.
      const std::size_t ending = line_.ends_with("\r\n") ? 2 : line_.ends_with('\r') ? 1 : 0;
      if (line_.size() - ending > limits_.line_bytes_max + 1) {
        return broken(Code::too_large, "a line over the limit of bytes.");
      }
      if (!whole) break;
      if (ending != 2) return broken(Code::invalid, "a line that ends without a carriage return.");
      auto begun = begin(std::string_view(line_).substr(0, line_.size() - 2));
      if (!begun) return tl::unexpected(begun.error());
      taken = std::move(*begun);
    }
    line_.clear();
    if (!taken.whole) continue;
    if (auto reply = place(std::move(taken.reply))) return reply;
  }
  return std::nullopt;
}

Result<RespParser::Taken> RespParser::begin(std::string_view line) {
  if (line.empty()) return broken(Code::invalid, "an empty line.");
  const char type = line.front();
  const std::string_view rest = line.substr(1);
  if (rest.find('\r') != std::string_view::npos) return broken(Code::invalid, "a carriage return within a line.");
  if (auto charged = charge(frame_bytes + rest.size()); !charged) return tl::unexpected(charged.error());
  const auto wrong = [&] { return broken(Code::invalid, shown(line) + '.'); };
  Reply reply;
  switch (type) {
    case '+': return Taken{true, scalar(Reply::Kind::status, rest)};
    case '-': return Taken{true, scalar(Reply::Kind::error, rest)};
    case '(':
      if (!is_big_number(rest)) return wrong();
      return Taken{true, scalar(Reply::Kind::text, rest)};
    case ':': {
      const auto value = integer_of(rest);
      if (!value) return wrong();
      reply.kind = Reply::Kind::integer;
      reply.integer = *value;
      return Taken{true, std::move(reply)};
    }
    case ',': {
      const auto value = number_of(rest);
      if (!value) return wrong();
      reply.kind = Reply::Kind::number;
      reply.number = *value;
      return Taken{true, std::move(reply)};
    }
    case '#':
      if (rest != "t" && rest != "f") return wrong();
      reply.kind = Reply::Kind::boolean;
      reply.integer = rest == "t" ? 1 : 0;
      return Taken{true, std::move(reply)};
    case '_':
      if (!rest.empty()) return wrong();
      return Taken{true, std::move(reply)};
    case '$':
    case '!':
    case '=': return begin_bulk(type, rest);
    case '*':
    case '~':
    case '>':
    case '%':
    case '|': return begin_aggregate(type, rest);
    default: return wrong();
  }
}

Result<RespParser::Taken> RespParser::begin_bulk(char type, std::string_view length) {
  const auto size = integer_of(length);
  if (size && *size == -1 && type == '$') return Taken{true, Reply()};
  if (!size || *size < 0) return broken(Code::invalid, "a text of " + shown(length) + " bytes.");
  if (static_cast<std::uint64_t>(*size) > limits_.bulk_bytes_max) {
    return broken(Code::too_large, "a text of " + shown(length) + " bytes.");
  }
  bulk_missing_ = static_cast<std::size_t>(*size);
  if (auto charged = charge(bulk_missing_); !charged) return tl::unexpected(charged.error());
  bulk_ = scalar(type == '!' ? Reply::Kind::error : Reply::Kind::text, {});
  bulk_type_ = type;
  step_ = bulk_missing_ == 0 ? Step::bulk_end : Step::bulk;
  return Taken{};
}

Result<RespParser::Taken> RespParser::begin_aggregate(char type, std::string_view count) {
  const auto size = integer_of(count);
  if (size && *size == -1 && type == '*') return Taken{true, Reply()};
  if (!size || *size < 0) return broken(Code::invalid, "a list of " + shown(count) + " items.");
  const bool pairs = type == '%' || type == '|';
  // What could not fit is refused before it comes.
  if (static_cast<std::uint64_t>(*size) > limits_.reply_bytes_max / frame_bytes / (pairs ? 2 : 1)) {
    return broken(Code::too_large, "a list of " + shown(count) + " items.");
  }
  Frame frame;
  frame.missing = static_cast<std::size_t>(*size) * (pairs ? 2 : 1);
  frame.attribute = type == '|';
  frame.reply.kind = type == '%' ? Reply::Kind::map : type == '>' ? Reply::Kind::push : Reply::Kind::array;
  if (frames_.size() >= limits_.depth_max) return broken(Code::too_large, "lists nested too deep.");
  if (frame.missing == 0) return frame.attribute ? Taken{} : Taken{true, std::move(frame.reply)};
  frames_.push_back(std::move(frame));
  return Taken{};
}

std::optional<Reply> RespParser::place(Reply value) {
  while (!frames_.empty()) {
    Frame& frame = frames_.back();
    if (!frame.attribute) frame.reply.items.push_back(std::move(value));
    if (--frame.missing > 0) return std::nullopt;
    value = std::move(frame.reply);
    const bool attribute = frame.attribute;
    frames_.pop_back();
    if (attribute) return std::nullopt;  // what it is about comes next
  }
  reply_bytes_ = 0;
  return value;
}

void append_command(std::string& out, const Arguments& arguments) {
  const auto append_count = [&out](char type, std::size_t count) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, count).ptr;
    out += type;
    out.append(digits, end);
    out += "\r\n";
  };
  append_count('*', arguments.size());
  for (const std::string& argument : arguments) {
    append_count('$', argument.size());
    out += argument;
    out += "\r\n";
  }
}

}  // namespace hf::redis
