#pragma once

// The commands `holdfast fence …`, as those of commands.h.

#include <string>
#include <vector>

#include "commands.h"

namespace hf::cli {

struct FenceArguments {
  std::string database;
  std::string catalog;             // triggers: the file of the types
  std::vector<std::string> types;  // none: all
};

int fence_sql(const Arguments& a, const FenceArguments& f);
int fence_triggers(const Arguments& a, const FenceArguments& f);

}  // namespace hf::cli
