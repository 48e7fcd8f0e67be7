#pragma once

// The commands `holdfast outbox …`, as those of commands.h.

#include <string>

#include "commands.h"

namespace hf::cli {

struct OutboxArguments {
  std::string from;        // where the outbox lies
  std::string token_file;  // instead of a token
  std::string lease;
  std::string database;  // sql: for which
};

// Runs until it is told to end by a signal; what goes wrong meanwhile is said and tried again.
int outbox_relay(const Arguments& a, const OutboxArguments& o);
int outbox_status(const Arguments& a, const OutboxArguments& o);
int outbox_sql(const Arguments& a, const OutboxArguments& o);

}  // namespace hf::cli
