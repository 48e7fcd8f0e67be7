#pragma once

// A node: configuration to objects to running, and the way back.
//
//   start    engine recovered, hub, sockets; then the two lines on standard output that say where and how fast
//   run      until SIGTERM or SIGINT: drain. Readiness goes off, the commit in hand is finished, connections are
//            closed 1012 over the drain window, nothing is freed; exit 0. A second signal exits at once
//   failure  an engine that cannot go on has its callers told unknown_outcome, then exit 70: whoever supervises
//            starts it again and it recovers from the file
//
// Blocks; the calling thread becomes the loop.

#include "server/config.h"

namespace hf {

enum class NodeExit : int { drained = 0, start_failed = 1, usage = 2, engine_failed = 70 };

// REQUIRES: check_config(config) found nothing.
NodeExit run_node(const Config& config);

}  // namespace hf
