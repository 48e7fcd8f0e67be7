#pragma once

// The event by which a bill that was changed is told: all that the server asks of one (catalog/event_check.h).
//
// Pure function, thread-safe.

#include "documents/write/bill_image.h"

namespace hf::documents {

struct Happening {
  Person actor;
  std::string action, reason;
  Wall at{};
  std::string cause;  // the run
  bool created = false, deleted = false;
};

StatusEvent event_of(const Catalog& catalog, const BillImage& bill, const Happening& happening);

}  // namespace hf::documents
