#pragma once

// Who reads an answer: by which face, in which language, and what he may see.

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

#include "model/lock.h"

namespace hf {

enum class Language : std::uint8_t { en, zh };

// How an answer travels. They differ in two places: what waits is {queued:{wait, position}} by WebSocket and
// {wait, position} by HTTP; a problem has `type` and `status` by HTTP only.
enum class Face : std::uint8_t { websocket, http };

struct View {
  Face face = Face::websocket;
  Language language = Language::en;
  bool hide_names = false;  // of everybody but `user`
  std::string_view user;    // the reader
  // What the reader may do to a conflict, by right and type ("lock.edit", "SaleOrder"). Empty: nothing but
  // read and be told.
  std::function<bool(std::string_view right, std::string_view type)> allowed;
};

// What the reader of a conflict may do next, as bits.
using May = unsigned;
inline constexpr May may_read_only = 1;
inline constexpr May may_notify = 2;
inline constexpr May may_wait = 4;
inline constexpr May may_request = 8;
inline constexpr May may_transfer = 16;
inline constexpr May may_force = 32;
inline constexpr std::array<std::pair<May, std::string_view>, 6> kMays{{{may_read_only, "read_only"},
                                                                        {may_notify, "notify"},
                                                                        {may_wait, "wait"},
                                                                        {may_request, "request"},
                                                                        {may_transfer, "transfer"},
                                                                        {may_force, "force"}}};
May may_of(const Conflict& conflict, const View& view);

}  // namespace hf
