#include "redis/base_image.h"

#include "engine/change_codec.h"

namespace hf::redis {

bool is_base_image(std::string_view bytes) noexcept {
  if (bytes.empty()) return false;
  const auto format = static_cast<std::uint8_t>(bytes[0]);
  return format >= base_image_format_oldest && format <= base_image_format;
}

std::string write_base_image(const BaseImage& image) {
  std::string bytes;
  ByteWriter w(bytes);
  w.u8(base_image_format);
  w.u64(image.generation);
  w.u64(image.number);
  w.text(image.last);
  w.varint(image.members.size());
  for (const auto& [id, member] : image.members) {
    w.id(id);
    w.text(member.name);
    w.i64(to_us(member.seen));
    w.u64(member.rules);
  }
  w.varint(image.trees.size());
  for (const BaseImage::Tree& tree : image.trees) {
    w.text(tree.ns);
    w.text(tree.image);
  }
  return bytes;
}

std::optional<BaseImage> read_base_image(std::string_view bytes) {
  if (!is_base_image(bytes)) return std::nullopt;
  ByteReader r(bytes);
  r.u8();
  BaseImage image;
  image.generation = r.u64();
  image.number = r.u64();
  image.last = r.text();
  const std::uint64_t members = r.varint();
  for (std::uint64_t i = 0; i < members && r.ok(); ++i) {
    const Id128 id = r.id();
    BaseImage::Member member;
    member.name = r.text();
    member.seen = wall_us(r.i64());
    member.rules = r.u64();
    image.members[id] = std::move(member);
  }
  const std::uint64_t trees = r.varint();
  for (std::uint64_t i = 0; i < trees && r.ok(); ++i) {
    BaseImage::Tree tree;
    tree.ns = r.text();
    tree.image = r.text();
    image.trees.push_back(std::move(tree));
  }
  if (!r.ok() || !r.at_end()) return std::nullopt;
  return image;
}

}  // namespace hf::redis
