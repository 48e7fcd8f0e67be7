#include "redis/slots.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace hf::redis {
namespace {

// CRC-16/XMODEM, as the Cluster specification asks for.
constexpr std::array<std::uint16_t, 256> crc_table = [] {
  std::array<std::uint16_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000U) != 0 ? (crc << 1) ^ 0x1021U : crc << 1;
    table[byte] = static_cast<std::uint16_t>(crc);
  }
  return table;
}();

std::optional<std::uint16_t> small_number(std::string_view text) {
  std::uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// A node within CLUSTER SLOTS: address, port, and what newer versions add.
std::optional<HostPort> node_of(const Reply& reply, const HostPort& asked) {
  if (reply.kind != Reply::Kind::array || reply.items.size() < 2) return std::nullopt;
  const Reply& host = reply.items[0];
  const Reply& port = reply.items[1];
  if (host.kind != Reply::Kind::text && host.kind != Reply::Kind::null) return std::nullopt;
  if (port.kind != Reply::Kind::integer || port.integer <= 0 || port.integer > 65535) return std::nullopt;
  const bool unknown = host.text.empty() || host.text == "?";
  return HostPort{unknown ? asked.host : host.text, static_cast<std::uint16_t>(port.integer)};
}

}  // namespace

std::uint16_t key_slot(std::string_view key) noexcept {
  if (const std::size_t open = key.find('{'); open != std::string_view::npos) {
    const std::size_t close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) key = key.substr(open + 1, close - open - 1);
  }
  std::uint32_t crc = 0;
  for (const char c : key) {
    crc = ((crc << 8) ^ crc_table[((crc >> 8) ^ static_cast<unsigned char>(c)) & 0xffU]) & 0xffffU;
  }
  return static_cast<std::uint16_t>(crc % slots_count);
}

Result<std::vector<SlotRange>> parse_slots(const Reply& reply, const HostPort& asked) {
  const auto wrong = [] { return fail(Code::invalid, "CLUSTER SLOTS was answered by something else."); };
  if (reply.is_error()) return fail(Code::unavailable, "CLUSTER SLOTS: " + reply.text);
  if (reply.kind != Reply::Kind::array) return wrong();
  std::vector<SlotRange> ranges;
  for (const Reply& item : reply.items) {
    if (item.kind != Reply::Kind::array || item.items.size() < 3) return wrong();
    const Reply& first = item.items[0];
    const Reply& last = item.items[1];
    if (first.kind != Reply::Kind::integer || last.kind != Reply::Kind::integer) return wrong();
    if (first.integer < 0 || first.integer > last.integer || last.integer >= slots_count) return wrong();
    SlotRange range;
    range.first = static_cast<std::uint16_t>(first.integer);
    range.last = static_cast<std::uint16_t>(last.integer);
    for (std::size_t i = 2; i < item.items.size(); ++i) {
      auto node = node_of(item.items[i], asked);
      if (!node) return wrong();
      if (i == 2) {
        range.master = std::move(*node);
      } else {
        range.replicas.push_back(std::move(*node));
      }
    }
    ranges.push_back(std::move(range));
  }
  return ranges;
}

const SlotRange* find_slot(const std::vector<SlotRange>& ranges, std::uint16_t slot) noexcept {
  for (const SlotRange& range : ranges) {
    if (range.first <= slot && slot <= range.last) return &range;
  }
  return nullptr;
}

std::optional<Redirect> parse_redirect(const Reply& reply, const HostPort& asked) {
  const bool ask = reply.is_error("ASK");
  if (!ask && !reply.is_error("MOVED")) return std::nullopt;
  std::string_view text = reply.text;
  text.remove_prefix(std::min<std::size_t>(text.size(), ask ? 4 : 6));
  const std::size_t space = text.find(' ');
  const std::size_t colon = text.rfind(':');  // the last: an IPv6 address stands without brackets
  if (space == std::string_view::npos || colon == std::string_view::npos || colon < space) return std::nullopt;
  const auto slot = small_number(text.substr(0, space));
  const auto port = small_number(text.substr(colon + 1));
  if (!slot || *slot >= slots_count || !port || *port == 0) return std::nullopt;
  const std::string_view host = text.substr(space + 1, colon - space - 1);
  const bool unknown = host.empty() || host == "?";
  return Redirect{ask ? Redirect::Kind::ask : Redirect::Kind::moved, *slot,
                  HostPort{unknown ? asked.host : std::string(host), *port}};
}

Result<HostPort> parse_master(const Reply& reply) {
  if (reply.is_error()) return fail(Code::unavailable, "The sentinel answers: " + reply.text);
  if (reply.is_null()) return fail(Code::not_found, "The sentinel knows no master of that name.");
  const bool pair = reply.kind == Reply::Kind::array && reply.items.size() == 2;
  const auto port = pair ? small_number(reply.items[1].text) : std::nullopt;
  if (!port || *port == 0 || reply.items[0].text.empty()) {
    return fail(Code::invalid, "The sentinel answers with what is no address.");
  }
  return HostPort{reply.items[0].text, *port};
}

}  // namespace hf::redis
