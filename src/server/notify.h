#pragma once

// Tells systemd how the node is (sd_notify(3), Type=notify): one datagram to the socket it names. Without such a
// socket, which is how people start it, nothing happens.
//
// Not thread-safe: reads the environment.

#include <string_view>

#include "base/time.h"

namespace hf {

// `state`: "READY=1", "STOPPING=1", "WATCHDOG=1".
void notify_service_manager(std::string_view state) noexcept;
// How often systemd wants to hear WATCHDOG=1; 0: not at all.
Micros watchdog_period() noexcept;

}  // namespace hf
