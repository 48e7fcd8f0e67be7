#pragma once

// Two nodes on one Redis as a Subject of the property test: each command goes to one of them, and both must tell the
// same. A restart is a Redis that says it is another one: the nodes close the log, agree and open it again.

#include "property/subject.h"
#include "tests/redis/engine_nodes.h"

namespace hf::test {

std::unique_ptr<Subject> redis_subject(const redis::Url& url, const LockTreeOptions& options);

}  // namespace hf::test
