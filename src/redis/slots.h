#pragma once

// The owner of a key: the slots of a Cluster, and what its nodes and the sentinels say about the address of a master.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "redis/reply.h"
#include "redis/url.h"

namespace hf::redis {

inline constexpr std::uint16_t slots_count = 16384;

// The slot of a key: CRC16 of it, or of what stands between its first '{' and the next '}' if that is not empty.
std::uint16_t key_slot(std::string_view key) noexcept;

struct SlotRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  HostPort master;
  std::vector<HostPort> replicas;
  bool operator==(const SlotRange&) const = default;
};

// The answer to CLUSTER SLOTS. A node that does not know its own address is at `asked`, the one that was asked.
Result<std::vector<SlotRange>> parse_slots(const Reply& reply, const HostPort& asked);
// The range that holds `slot`, or null.
const SlotRange* find_slot(const std::vector<SlotRange>& ranges, std::uint16_t slot) noexcept;

struct Redirect {
  enum class Kind : std::uint8_t { moved, ask } kind = Kind::moved;
  std::uint16_t slot = 0;
  HostPort to;
  bool operator==(const Redirect&) const = default;
};

// "MOVED 866 127.0.0.1:7001" and "ASK …" as values; nothing: it is no such error. Without a host it is that of `asked`.
std::optional<Redirect> parse_redirect(const Reply& reply, const HostPort& asked);

// The answer to SENTINEL get-master-addr-by-name; not_found if the sentinel knows no master of that name.
Result<HostPort> parse_master(const Reply& reply);

}  // namespace hf::redis
