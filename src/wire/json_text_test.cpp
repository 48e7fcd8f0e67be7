// Everybody can send JSON before anybody knows who he is: if reading cost more than its length, one message of chosen
// keys would stop a node for seconds.

#include "wire/json_text.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "wire/messages.h"

namespace hf {
namespace {

// The hash of Boost.JSON 1.81's objects.
std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return hash;
}

// `count` keys of four letters that an object of `buckets` buckets would put into one.
std::vector<std::string> colliding_keys(std::size_t count, std::uint64_t buckets) {
  std::vector<std::string> keys;
  std::string key = "aaaa";
  for (std::uint64_t n = 0; keys.size() < count; ++n) {
    std::uint64_t rest = n;
    for (char& c : key) {
      c = static_cast<char>('0' + rest % 64);
      rest /= 64;
    }
    if (rest != 0) break;
    if (key.find('\\') == std::string::npos && fnv1a(key) % buckets == 0) keys.push_back(key);
  }
  return keys;
}

std::string object_of(const std::vector<std::string>& keys) {
  std::string text = "{";
  for (const std::string& key : keys) text.append(text.size() > 1 ? ",\"" : "\"").append(key).append("\":1");
  return text + "}";
}

std::vector<std::string> numbered_keys(std::size_t count) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < count; ++i) keys.push_back("T:" + std::to_string(i));
  return keys;
}

std::string why(std::string_view text) {
  const Json json(text);
  return json.ok() ? "" : json.why();
}

TEST(Json, keys_that_share_a_bucket_are_refused_before_their_object_is_built) {
  const auto keys = colliding_keys(1024, 1024);
  ASSERT_EQ(keys.size(), 1024U);
  for (const std::string& text : {object_of(keys), "{\"a\":[{\"b\":" + object_of(keys) + "}]}"}) {
    const Json json(text);
    EXPECT_FALSE(json.ok());
    EXPECT_STREQ(json.why(), "an object in it has too many keys");
    EXPECT_LE(json.keys_read(), json_object_keys_max + 3);
    EXPECT_EQ(json.objects_built(), 0U);
    EXPECT_FALSE(parse_json(text));
  }
}

TEST(Json, the_limit_is_of_each_object) {
  const std::string most = object_of(numbered_keys(json_object_keys_max));
  EXPECT_EQ(why(most), "");
  EXPECT_EQ(why("[" + most + "," + most + ",{\"a\":" + most + "}]"), "");
  EXPECT_NE(why(object_of(numbered_keys(json_object_keys_max + 1))), "");
}

TEST(Json, a_wide_object_is_a_list_that_hashes_nothing) {
  const auto keys = colliding_keys(1024, 1024);
  for (const std::string_view name : json_wide_names) {
    const Json json("{\"" + std::string(name) + "\":" + object_of(keys) + ",\"more\":{\"a\":2}}");
    ASSERT_TRUE(json.ok()) << name << ": " << json.why();
    EXPECT_EQ(json.objects_built(), 2U) << name;
    const auto members = wide_members(*json.object()->if_contains(boost::json::string_view(name.data(), name.size())));
    ASSERT_TRUE(members) << name;
    ASSERT_EQ(members->size(), keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      EXPECT_EQ((*members)[i].first, keys[i]);
      EXPECT_EQ(whole_number(*(*members)[i].second), 1U);
    }
    EXPECT_EQ(json.object()->at("more").at("a").as_int64(), 2);
  }
}

TEST(Json, a_wide_object_has_a_limit_too) {
  const auto text = [](std::size_t keys) { return "{\"if_versions\":" + object_of(numbered_keys(keys)) + "}"; };
  EXPECT_EQ(why(text(json_wide_keys_max)), "");
  EXPECT_NE(why(text(json_wide_keys_max + 1)), "");
}

TEST(Json, what_only_looks_like_a_wide_object_is_none) {
  const Json lists(R"({"if_versions":[0,"T:1",7],"seq":[],"tokens":3,"counts":null,"x":{"y":{}}})");
  ASSERT_TRUE(lists.ok());
  for (const char* name : {"if_versions", "seq", "tokens", "counts", "x"})
    EXPECT_FALSE(wide_members(lists.object()->at(name))) << name;
  EXPECT_TRUE(lists.object()->at("x").at("y").is_object());
  const Json after(R"([{"seq":3},{"a":1},[{"seq":4}],{"b":1}])");
  ASSERT_TRUE(after.ok());
  for (const std::size_t i : {0U, 1U, 3U}) EXPECT_TRUE(after.root().at(i).is_object()) << i;
  const Json empty(R"({"seq":{}})");
  EXPECT_EQ(wide_members(empty.object()->at("seq"))->size(), 0U);
  const Json escaped(R"({"if\u005fversions":{"T\u003a1":7},"a\u0062":{"c":1}})");
  ASSERT_TRUE(escaped.ok());
  const auto members = wide_members(escaped.object()->at("if_versions"));
  ASSERT_TRUE(members);
  EXPECT_EQ(members->front().first, "T:1");
  EXPECT_TRUE(escaped.object()->at("ab").is_object());
}

TEST(Json, a_key_twice_is_refused_wherever_it_is) {
  EXPECT_EQ(why(R"({"a":1,"b":{"a":1}})"), "");
  for (const char* text : {R"({"a":1,"a":1})", R"([{"b":{"a":1,"\u0061":2}}])", R"({"seq":{"a":1,"a":2}})",
                           R"({"seq":{"a":{"b":1,"b":2}}})", R"({"seq":{"a":{"counts":{"b":1,"b":2}}}})",
                           R"({"if_versions":{},"if_versions":{}})"}) {
    EXPECT_EQ(why(text), "a key occurs twice in one object") << text;
    EXPECT_FALSE(parse_json(text)) << text;
  }
}

TEST(Json, depth_and_what_follows_are_refused_as_ever) {
  std::string deep = "1";
  for (std::size_t i = 0; i < json_depth_max; ++i) deep = i % 2 == 0 ? "[" + deep + "]" : "{\"seq\":" + deep + "}";
  EXPECT_EQ(why(deep), "");
  EXPECT_EQ(why("[" + deep + "]"), "it is nested too deep");
  EXPECT_EQ(why("{} {}"), "something follows the value");
  EXPECT_EQ(why("{\"a\":\"\xFF\"}"), "it is not JSON");
}

TEST(Json, a_tree_of_ones_own_has_objects_only) {
  const auto value = parse_json(R"({"tokens":{"T:1":5},"list":[{"counts":{"a":{"b":1}}}]})");
  ASSERT_TRUE(value);
  EXPECT_EQ(value->at("tokens").at("T:1").as_int64(), 5);
  EXPECT_EQ(value->at("list").at(0).at("counts").at("a").at("b").as_int64(), 1);
  EXPECT_TRUE(parse_json("{\"tokens\":" + object_of(numbered_keys(5000)) + "}"));
}

TEST(Messages, colliding_keys_are_malformed_and_large_versions_are_not) {
  const auto keys = colliding_keys(1024, 1024);
  const auto refused = parse_message(object_of(keys));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid);
  EXPECT_EQ(refused.error().field, "message");
  ParseLimits limits;
  limits.targets_max = 5000;
  const auto read = parse_message(
      R"({"op":"lock.acquire","targets":["T:1"],"if_versions":)" + object_of(numbered_keys(5000)) + "}", limits);
  ASSERT_TRUE(read && read->fields);
  EXPECT_EQ(std::get<Acquire>(*read->fields).if_versions.size(), 5000U);
}

}  // namespace
}  // namespace hf
