// Every answer is written with this: one wrong escape and a client cannot read a colleague's reason, one wrong
// time and people see a lock from another day.

#include "wire/json_writer.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/random.h"

namespace hf {
namespace {

std::string shown(Wall t) {
  std::string out;
  append_time(out, t);
  return out;
}

TEST(JsonWriter, any_text_comes_back_from_another_parser_as_it_was) {
  std::string text = "plain \"quoted\" back\\slash / 单据 𠀀 \x7F";
  for (char c = 0; c < 0x20; ++c) text.push_back(c);
  std::string out;
  append_json_string(out, text);
  EXPECT_EQ(boost::json::parse(out).as_string(), text);
  for (const char c : out) EXPECT_GE(static_cast<unsigned char>(c), 0x20);
}

TEST(JsonWriter, commas_stand_between_and_nowhere_else) {
  std::string out;
  JsonWriter w(out);
  w.begin_object().field("a", "x").some("none", "").key("list").begin_array().number(1).null().boolean(false);
  w.begin_object().end_object().begin_array().end_array().signed_number(-7).end_array();
  w.key_escaped("b\"").raw("{}").key("t").time(Wall{}).end_object();
  EXPECT_EQ(out, R"({"a":"x","list":[1,null,false,{},[],-7],"b\"":{},"t":"1970-01-01T00:00:00.000Z"})");
}

TEST(JsonWriter, times_are_utc_with_milliseconds_cut) {
  EXPECT_EQ(shown(wall_us(951'827'696'789'999)), "2000-02-29T12:34:56.789Z");
  EXPECT_EQ(shown(wall_us(1'709'251'199'999'000)), "2024-02-29T23:59:59.999Z");
  EXPECT_EQ(shown(wall_us(-1)), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(shown(wall_us(4'107'542'400'000'000)), "2100-03-01T00:00:00.000Z");
  EXPECT_EQ(shown(Wall::min()), "0000-01-01T00:00:00.000Z");
  EXPECT_EQ(shown(Wall::max()), "9999-12-31T23:59:59.999Z");
}

TEST(JsonWriter, a_time_shown_is_the_time_read) {
  Random random(7);
  for (int round = 0; round < 20'000; ++round) {
    const auto ms = static_cast<std::int64_t>(random.below(315'537'897'600'000)) - 62'135'596'800'000;
    const Wall t = wall_us(ms * 1000);
    EXPECT_EQ(parse_time(shown(t)), t) << ms;
  }
}

TEST(JsonWriter, times_of_other_writers_are_read_and_what_is_no_time_is_not) {
  const Wall noon = wall_us(1'709'208'000'000'000);
  EXPECT_EQ(parse_time("2024-02-29T12:00:00Z"), noon);
  EXPECT_EQ(parse_time("2024-02-29T20:00:00+08:00"), noon);
  EXPECT_EQ(parse_time("2024-02-29T06:30:00.0-05:30"), noon);
  EXPECT_EQ(parse_time("2024-02-29T12:00:00.123456Z"), noon + Micros(123'456));
  for (const char* bad :
       {"", "2024-02-30T12:00:00Z", "2023-02-29T12:00:00Z", "2024-02-29 12:00:00Z", "2024-02-29T24:00:00Z",
        "2024-02-29T12:60:00Z", "2024-02-29T12:00:00", "2024-02-29T12:00:00.Z", "2024-02-29T12:00:00.1234567Z",
        "2024-02-29T12:00:00+08", "2024-02-29T12:00:00Zjunk", "20240229T120000Z    ", "-024-02-29T12:00:00Z"}) {
    EXPECT_EQ(parse_time(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace hf
