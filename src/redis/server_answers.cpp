#include "redis/server_answers.h"

#include <charconv>

namespace hf::redis {
namespace {

std::uint32_t count_of(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

}  // namespace

Standing parse_info(std::string_view text) {
  Standing out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t colon = line.find(':');
    if (line.starts_with('#') || colon == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = line.substr(colon + 1);
    if (name == "run_id") out.info.run_id = value;
    if (name == "redis_version") out.info.version = value;
    if (name == "maxmemory_policy") out.info.maxmemory_policy = value;
    if (name == "aof_enabled") out.info.aof = value == "1";
    if (name == "connected_slaves") out.info.replicas = count_of(value);
    if (name == "role") out.master = value == "master";
    if (name == "loading") out.loading = value == "1";
    if (name == "loading_eta_seconds") out.loading_eta_s = count_of(value);
    if (name == "cluster_enabled") out.cluster = value == "1";
  }
  return out;
}

bool parse_saves(const Reply& reply) {
  return reply.items.size() == 2 && reply.items[0].text == "save" && !reply.items[1].text.empty();
}

}  // namespace hf::redis
