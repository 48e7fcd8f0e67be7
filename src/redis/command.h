#pragma once

// What a link must know about commands: how long Redis may be silent over one, and which answers say that one was not
// carried out and may be sent again.

#include <optional>

#include "base/time.h"
#include "redis/port.h"
#include "redis/reply.h"

namespace hf::redis {

// How long Redis may wait, by the command's own words, before it answers: XREAD and XREADGROUP with BLOCK n, WAIT.
// Nothing: it answers at once, or (BLOCK 0) may never.
std::optional<Millis> blocking_time(const Arguments& arguments);

enum class Meaning : std::uint8_t {
  answer,     // the command's answer, which may be an error of its own
  moved,      // not carried out: another node owns the slot
  ask,        // not carried out: another node has these keys already, the slot is on its way there
  try_again,  // not carried out: some keys of the command are here, some there
  loading,    // not carried out: the server reads its data
  not_master  // not carried out: the server is a replica, or its Cluster does not work now
};

Meaning meaning_of(const Reply& reply);

}  // namespace hf::redis
