#pragma once

// Tickets gives each command on its way to the engine a number, and finds what belongs to the answer.
//
// A number is a place in one vector and that place's generation: taking is an index, places are used again, and an
// answer that comes twice, or for a number never given, finds nothing. No allocation once the vector has grown to the
// maximum of commands in flight. Not thread-safe.

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "store/lock_engine.h"

namespace hf::session {

template <class T>
class Tickets {
 public:
  // Never 0: that is the ticket of commands whose outcome nobody waits for.
  Ticket put(T&& value) {
    std::uint32_t place = 0;
    if (free_.empty()) {
      place = static_cast<std::uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      place = free_.back();
      free_.pop_back();
    }
    HF_ASSERT(!slots_[place].value);
    slots_[place].value.emplace(std::move(value));
    ++count_;
    HF_ASSERT(count_ + free_.size() == slots_.size());
    return (Ticket{slots_[place].generation} << 32) | (place + 1U);
  }

  // What was put under `ticket`, or nullptr; valid until the next put.
  T* find(Ticket ticket) noexcept {
    Slot* slot = slot_of(ticket);
    return slot != nullptr ? &*slot->value : nullptr;
  }

  std::optional<T> take(Ticket ticket) {
    Slot* slot = slot_of(ticket);
    if (slot == nullptr) return std::nullopt;
    std::optional<T> value = std::move(slot->value);
    HF_ASSERT(value && count_ > 0);
    slot->value.reset();
    ++slot->generation;
    free_.push_back(static_cast<std::uint32_t>(slot - slots_.data()));
    --count_;
    return value;
  }

  // Every ticket given and not taken, in the order of places.
  std::vector<Ticket> all() const {
    std::vector<Ticket> tickets;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].value) tickets.push_back((Ticket{slots_[i].generation} << 32) | (i + 1U));
    }
    return tickets;
  }

  std::size_t size() const noexcept { return count_; }

 private:
  struct Slot {
    std::optional<T> value;
    std::uint32_t generation = 1;
  };

  Slot* slot_of(Ticket ticket) noexcept {
    const auto place = static_cast<std::uint32_t>(ticket);
    if (place == 0 || place > slots_.size()) return nullptr;
    Slot& slot = slots_[place - 1];
    return slot.value && slot.generation == static_cast<std::uint32_t>(ticket >> 32) ? &slot : nullptr;
  }

  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::size_t count_ = 0;
};

}  // namespace hf::session
