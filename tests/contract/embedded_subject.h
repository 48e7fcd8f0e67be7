#pragma once

// The embedded engine whole, with its journal in a directory of its own, as a Subject: an answer comes once its change
// is durable, and a restart opens the file again.

#include <memory>

#include "property/subject.h"

namespace hf::test {

std::unique_ptr<Subject> embedded_subject(const LockTreeOptions& options);

}  // namespace hf::test
