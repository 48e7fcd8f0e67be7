// If a reply depended on how the network cut it, a lock would be granted or refused by chance.

#include "redis/resp.h"

#include <gtest/gtest.h>
#include <hiredis/hiredis.h>

#include <cmath>
#include <memory>

#include "base/random.h"

using namespace std::string_view_literals;

namespace hf::redis {
namespace {

using Kind = Reply::Kind;

// What a stream of bytes was read as.
struct Read {
  std::vector<Reply> replies;
  std::string error;
  bool idle = true;
};

// A reply as text, in which nothing is lost.
std::string shown(const Reply& reply) {
  std::string out = std::to_string(static_cast<int>(reply.kind)) + ":" + std::to_string(reply.integer) + ":" +
                    std::to_string(reply.number) + ":" + reply.text + "[";
  for (const Reply& item : reply.items) out += shown(item) + ",";
  return out + "]";
}

std::string shown(const Read& read) {
  std::string out;
  for (const Reply& reply : read.replies) out += shown(reply) + "\n";
  return out + (read.error.empty() ? read.idle ? "" : "unfinished" : "broken");
}

void feed(RespParser& parser, std::string_view bytes, Read& read) {
  while (!bytes.empty() && read.error.empty()) {
    auto reply = parser.next(bytes);
    if (!reply) {
      read.error = reply.error().detail;
    } else if (*reply) {
      read.replies.push_back(std::move(**reply));
    }
  }
  read.idle = parser.idle();
}

Read read_whole(std::string_view bytes, RespLimits limits = {}) {
  RespParser parser(limits);
  Read read;
  feed(parser, bytes, read);
  return read;
}

Read read_in_pieces(std::string_view bytes, std::size_t size, RespLimits limits = {}) {
  RespParser parser(limits);
  Read read;
  for (std::size_t i = 0; i < bytes.size(); i += size) feed(parser, bytes.substr(i, size), read);
  return read;
}

Reply only(std::string_view bytes) {
  Read read = read_whole(bytes);
  EXPECT_EQ(read.error, "") << bytes;
  EXPECT_TRUE(read.idle) << bytes;
  EXPECT_EQ(read.replies.size(), 1U) << bytes;
  return read.replies.empty() ? Reply() : std::move(read.replies.front());
}

TEST(Resp, every_kind_of_reply_is_read_as_what_it_is) {
  EXPECT_EQ(only("+OK\r\n").kind, Kind::status);
  EXPECT_EQ(only("+OK\r\n").text, "OK");
  EXPECT_TRUE(only("-MOVED 1 a:1\r\n").is_error("MOVED"));
  EXPECT_FALSE(only("-MOVEDX 1\r\n").is_error("MOVED"));
  EXPECT_EQ(only(":-42\r\n").integer, -42);
  EXPECT_EQ(only(":9223372036854775807\r\n").integer, INT64_MAX);
  EXPECT_EQ(only("$5\r\na\r\nb\0\r\n"sv.substr(0, 11)).text, std::string("a\r\nb\0", 5));
  EXPECT_EQ(only("$0\r\n\r\n").kind, Kind::text);
  EXPECT_TRUE(only("$-1\r\n").is_null());
  EXPECT_TRUE(only("*-1\r\n").is_null());
  EXPECT_EQ(only("*0\r\n").kind, Kind::array);
  const Reply list = only("*3\r\n:1\r\n*1\r\n$1\r\nx\r\n$-1\r\n");
  ASSERT_EQ(list.items.size(), 3U);
  EXPECT_EQ(list.items[1].items[0].text, "x");
  EXPECT_TRUE(list.items[2].is_null());
}

TEST(Resp, every_kind_of_the_third_version_is_read_as_what_it_is) {
  EXPECT_TRUE(only("_\r\n").is_null());
  EXPECT_EQ(only("#t\r\n").integer, 1);
  EXPECT_EQ(only("#f\r\n").kind, Kind::boolean);
  EXPECT_DOUBLE_EQ(only(",-1.5e3\r\n").number, -1500);
  EXPECT_TRUE(std::isinf(only(",inf\r\n").number));
  EXPECT_TRUE(std::isnan(only(",nan\r\n").number));
  EXPECT_EQ(only("(3492890328409238509324850943850943825024385\r\n").text,
            "3492890328409238509324850943850943825024385");
  EXPECT_TRUE(only("!8\r\nERR a\r\nb\r\n").is_error("ERR"));
  EXPECT_EQ(only("=7\r\ntxt:a b\r\n").text, "a b");
  const Reply map = only("%2\r\n+a\r\n:1\r\n+b\r\n%0\r\n");
  EXPECT_EQ(map.kind, Kind::map);
  ASSERT_EQ(map.items.size(), 4U);
  EXPECT_EQ(map.items[3].kind, Kind::map);
  EXPECT_EQ(only("~1\r\n+a\r\n").kind, Kind::array);
  EXPECT_EQ(only(">2\r\n+invalidate\r\n_\r\n").kind, Kind::push);
}

TEST(Resp, attributes_are_left_out_wherever_they_stand) {
  EXPECT_EQ(only("|1\r\n+ttl\r\n:3600\r\n:7\r\n").integer, 7);
  const Reply list = only("*2\r\n:1\r\n|1\r\n+popular\r\n*1\r\n:9\r\n:2\r\n");
  ASSERT_EQ(list.items.size(), 2U);
  EXPECT_EQ(list.items[1].integer, 2);
  EXPECT_EQ(only("|0\r\n+OK\r\n").text, "OK");
}

TEST(Resp, what_is_no_resp_is_refused_for_good) {
  for (const std::string_view bytes : {"\r\n"sv,       "x\r\n"sv,     "+OK\n"sv,
                                       ":\r\n"sv,      ":1a\r\n"sv,   ":+1\r\n"sv,
                                       ":01\r\n"sv,    ":-0\r\n"sv,   ":9223372036854775808\r\n"sv,
                                       "$-2\r\n"sv,    "$\r\n"sv,     "$1\r\nab\r\n"sv,
                                       "$1\r\na\rb"sv, "$1\r\na\n"sv, "$18446744073709551615\r\n"sv,
                                       "*-2\r\n"sv,    "*x\r\n"sv,    "%-1\r\n"sv,
                                       "#x\r\n"sv,     "_x\r\n"sv,    ",1,5\r\n"sv,
                                       ",0x10\r\n"sv,  "(12a\r\n"sv,  "=3\r\ntxt\r\n"sv,
                                       "!-1\r\n"sv,    "+a\rb\r\n"sv, "HTTP/1.1 400 Bad Request\r\n"sv,
                                       "$?\r\n"sv,     "*?\r\n"sv}) {
    RespParser parser;
    Read read;
    feed(parser, bytes, read);
    EXPECT_NE(read.error, "") << bytes;
    read.error.clear();
    feed(parser, "+OK\r\n", read);
    EXPECT_NE(read.error, "") << bytes;
    EXPECT_TRUE(read.replies.empty()) << bytes;
  }
}

TEST(Resp, what_is_cut_off_is_neither_a_reply_nor_an_error) {
  const std::string whole = "*3\r\n$5\r\nhello\r\n%1\r\n+a\r\n:1\r\n-ERR x\r\n";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Read read = read_whole(whole.substr(0, size));
    EXPECT_EQ(read.error, "") << size;
    EXPECT_TRUE(read.replies.empty()) << size;
    EXPECT_EQ(read.idle, size == 0) << size;
  }
}

TEST(Resp, no_limit_is_passed_and_each_may_be_reached) {
  const auto error_of = [](const std::string& bytes, RespLimits limits) { return read_whole(bytes, limits).error; };
  const std::string ten(10, 'x');
  EXPECT_EQ(error_of("+" + ten + "\r\n", {.line_bytes_max = 10}), "");
  EXPECT_NE(error_of("+" + ten + "x\r\n", {.line_bytes_max = 10}), "");
  EXPECT_NE(error_of("+" + std::string(100, 'x'), {.line_bytes_max = 10}), "");
  EXPECT_EQ(error_of("$10\r\n" + ten + "\r\n", {.bulk_bytes_max = 10}), "");
  EXPECT_NE(error_of("$11\r\n", {.bulk_bytes_max = 10}), "");
  EXPECT_EQ(error_of("*1\r\n*1\r\n:1\r\n", {.depth_max = 2}), "");
  EXPECT_NE(error_of("*1\r\n*1\r\n*0\r\n", {.depth_max = 2}), "");
  const std::size_t two = 2 * sizeof(Reply) + 2;
  EXPECT_EQ(error_of("*1\r\n:1\r\n", {.reply_bytes_max = two}), "");
  EXPECT_NE(error_of("*1\r\n:123\r\n", {.reply_bytes_max = two}), "");
  EXPECT_EQ(error_of(":1\r\n:2\r\n:3\r\n:4\r\n", {.reply_bytes_max = two}), "");
  EXPECT_NE(error_of("*2147483647\r\n", {}), "");
  EXPECT_NE(error_of("%4611686018427387904\r\n", {}), "");
  EXPECT_NE(error_of("$9223372036854775807\r\n", {}), "");
}

// A reply as bytes, by chance; only what RESP2 has, if `version` is 2.
std::string some_reply(Random& random, int version, int depth) {
  const auto text = [&random](std::size_t most, bool line) {
    std::string out(random.below(most + 1), '\0');
    for (char& c : out) {
      c = static_cast<char>(random.below(256));
      if (line && (c == '\r' || c == '\n')) c = ' ';
    }
    return out;
  };
  const auto number = [&random] {
    const std::uint64_t bits = random.next();
    return std::to_string(static_cast<std::int64_t>(bits) >> random.below(64));
  };
  const auto bulk = [](const std::string& type, const std::string& of) {
    return type + std::to_string(of.size()) + "\r\n" + of + "\r\n";
  };
  const std::uint64_t kind = random.below(version == 2 ? 7 : 15);
  const auto list = [&](const std::string& type, std::uint64_t per) {
    const std::uint64_t count = depth > 0 ? random.below(5) : 0;
    std::string out = type + std::to_string(count) + "\r\n";
    for (std::uint64_t i = 0; i < count * per; ++i) out += some_reply(random, version, depth - 1);
    return out;
  };
  switch (kind) {
    case 0: return "+" + text(20, true) + "\r\n";
    case 1: return "-" + text(20, true) + "\r\n";
    case 2: return ":" + number() + "\r\n";
    case 3: return bulk("$", text(random.one_in(10) ? 5000 : 20, false));
    case 4: return random.one_in(2) ? "$-1\r\n" : "*-1\r\n";
    case 5:
    case 6: return list("*", 1);
    case 7: return "_\r\n";
    case 8: return random.one_in(2) ? "#t\r\n" : "#f\r\n";
    case 9: return ",1.25\r\n";
    case 10: return bulk("!", text(20, false));
    case 11: return bulk("=", "txt:" + text(20, false));
    case 12: return list("%", 2);
    case 13: return list("~", 1);
    default: return list(">", 1);
  }
}

TEST(Resp, replies_are_the_same_however_they_are_cut) {
  Random random(20);
  for (int round = 0; round < 300; ++round) {
    std::string bytes;
    for (int i = 0; i < 4; ++i) bytes += some_reply(random, 3, 4);
    if (round % 3 == 0 && !bytes.empty()) bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    const RespLimits limits{.line_bytes_max = 64, .bulk_bytes_max = 4000};
    const std::string whole = shown(read_whole(bytes, limits));
    for (const std::size_t size : {1UL, 2UL, 3UL, 7UL, 100UL, std::size_t{1 + random.below(bytes.size())}}) {
      ASSERT_EQ(shown(read_in_pieces(bytes, size, limits)), whole) << "round " << round << ", pieces of " << size;
    }
  }
}

Reply of_hiredis(const redisReply& from) {
  Reply reply;
  switch (from.type) {
    case REDIS_REPLY_STRING: reply.kind = Kind::text; break;
    case REDIS_REPLY_STATUS: reply.kind = Kind::status; break;
    case REDIS_REPLY_ERROR: reply.kind = Kind::error; break;
    case REDIS_REPLY_INTEGER:
      reply.kind = Kind::integer;
      reply.integer = from.integer;
      break;
    case REDIS_REPLY_ARRAY: reply.kind = Kind::array; break;
    default: break;
  }
  if (from.str != nullptr) reply.text.assign(from.str, static_cast<std::size_t>(from.len));
  for (std::size_t i = 0; i < from.elements; ++i) reply.items.push_back(of_hiredis(*from.element[i]));
  return reply;
}

Read read_by_hiredis(std::string_view bytes) {
  const std::unique_ptr<redisReader, decltype(&redisReaderFree)> reader(redisReaderCreate(), redisReaderFree);
  Read read;
  redisReaderFeed(reader.get(), bytes.data(), bytes.size());
  while (true) {
    void* reply = nullptr;
    if (redisReaderGetReply(reader.get(), &reply) != REDIS_OK) {
      read.error = reader->errstr;
      return read;
    }
    if (reply == nullptr) return read;
    read.replies.push_back(of_hiredis(*static_cast<redisReply*>(reply)));
    freeReplyObject(reply);
  }
}

TEST(Resp, it_reads_what_hiredis_reads) {
  Random random(21);
  for (int round = 0; round < 1000; ++round) {
    std::string bytes;
    for (int i = 0; i < 4; ++i) bytes += some_reply(random, 2, 4);
    Read theirs = read_by_hiredis(bytes);
    ASSERT_EQ(theirs.error, "") << bytes;
    ASSERT_EQ(shown(read_whole(bytes)), shown(theirs)) << "round " << round;
  }
}

// Where they differ on what is broken, ours is the stricter.
TEST(Resp, what_it_takes_of_broken_bytes_hiredis_takes_too) {
  Random random(22);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes;
    for (int i = 0; i < 3; ++i) bytes += some_reply(random, 2, 3);
    for (std::uint64_t i = random.below(3); i < 3; ++i) {
      static constexpr std::string_view alphabet = "+-:$*\r\n0123456789x";
      bytes[random.below(bytes.size())] = alphabet[random.below(alphabet.size())];
    }
    const Read ours = read_whole(bytes);
    const Read theirs = read_by_hiredis(bytes);
    ASSERT_LE(ours.replies.size(), theirs.replies.size()) << bytes;
    for (std::size_t i = 0; i < ours.replies.size(); ++i) {
      ASSERT_EQ(shown(ours.replies[i]), shown(theirs.replies[i])) << bytes;
    }
  }
}

TEST(Resp, a_command_is_written_as_an_array_of_texts) {
  std::string out = "x";
  append_command(out, {"SET", "k", std::string("\r\n\0", 3), ""});
  EXPECT_EQ(out, std::string("x*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\n\r\n\0\r\n$0\r\n\r\n", 36));
}

}  // namespace
}  // namespace hf::redis
