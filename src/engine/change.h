#pragma once

// The journal's language. A change is one entity's new state (put) or its end (erase), with what the audit
// trail says of it. Changes are bytes, so that the store can keep, fold and drop them without knowing what
// they mean:
//
//   u32 length of what follows, u8 entity, u8 flags, 16 bytes key, then the body (varints and counted strings)
//
// Folding keeps the last change of each (entity, key): a put replaces, an erase removes. A put flagged `fresh`
// has no earlier put of that key since it last was erased, so a fresh put and its erase cancel out.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/time.h"
#include "model/audit_entry.h"

namespace hf {

enum class Entity : std::uint8_t {
  meta = 1,  // engine time, last token, counters; one key (nil)
  session = 2,
  grant = 3,
  wait = 4,
  ended = 5,    // how a grant ended; key: slot in a ring; never folded
  memory = 6,   // an answer kept for repeats; key: scope and slot in its ring
  version = 7,  // a bill's version told by a release
  note = 8,     // audit only: never folded
  image = 9,    // what the others leave out of a tree's exact state; in images only (LockTree::image)
  // Of the status board; the lock tree ignores them, and the board ignores the lock tree's.
  status_meta = 10,    // engine time, epoch, place in the log; one key (nil)
  status_bill = 11,    // one state of a bill; key: its offset
  status_run = 12,     // key: its offset
  status_batch = 13,   // an answer kept for repeats; key: its number
  status_notice = 14,  // key: its number
  status_reader = 15,  // which notices to classes a person has read; key: of the user
  status_resync = 16,  // an open one; key: its id
  status_staged = 17,  // a state of it; key: the resync's number and the place
  unheard = 18,        // the lock tree's: a wait, or the lock it became, that only one node can answer; key: the wait
  run = 19,            // the lock tree's: a run of an action; key: its id
  stops = 20,          // the lock tree's: which runs a hold stops, and by which rule it was placed; key: its lock
  last = stops,
};

// Whether folding keeps it in the state. The ends of grants are needed for ten minutes only, and every grant has
// one: they stay in the journal, whose newest part a start reads for them.
constexpr bool is_folded(Entity entity) noexcept { return entity != Entity::note && entity != Entity::ended; }

inline constexpr std::uint8_t change_erase = 1;  // else a put
inline constexpr std::uint8_t change_fresh = 2;  // a put of a key that is not in the folded state

struct ChangeHeader {
  Entity entity = Entity::note;
  std::uint8_t flags = 0;
  Id128 key;
};

// Takes the first change off `bytes`: header and body. Nothing, and `bytes` unchanged, if it is empty or malformed.
struct ChangeView {
  ChangeHeader header;
  std::string_view body;   // of the change
  std::string_view whole;  // with length and header, as it lies in `bytes`
};
std::optional<ChangeView> take_change(std::string_view& bytes) noexcept;

// The audit line of `change`, if it has one.
std::optional<AuditEntry> audit_of(const ChangeView& change);

}  // namespace hf
