#pragma once

// The state of a whole installation as bytes: the beginning of its log (redis/redis_engine.h), and all that is left
// when its nodes have stopped.
//
//   u8 format, u64 generation, u64 number and text id of the last entry in it, varint members: id, text name, i64 seen,
//   u64 rules; varint namespaces: text name, text LockTree::image() and StatusBoard::image()

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/time.h"

namespace hf::redis {

struct BaseImage {
  struct Member {
    std::string name;
    Wall seen{};
    std::uint64_t rules = 0;  // a digest of what it decides by
    bool operator==(const Member&) const = default;
  };
  struct Tree {
    std::string ns;
    std::string image;
    bool operator==(const Tree&) const = default;
  };
  std::uint64_t generation = 0;
  std::uint64_t number = 0;
  std::string last;
  std::map<Id128, Member> members;
  std::vector<Tree> trees;
  bool operator==(const BaseImage&) const = default;
};

inline constexpr std::uint8_t base_image_format = 3;
inline constexpr std::uint8_t base_image_format_oldest = 2;  // which is read still

// Whether this version or an earlier one wrote `bytes`; otherwise a newer one did.
bool is_base_image(std::string_view bytes) noexcept;
std::string write_base_image(const BaseImage& image);
// Nothing if the bytes are malformed.
std::optional<BaseImage> read_base_image(std::string_view bytes);

}  // namespace hf::redis
