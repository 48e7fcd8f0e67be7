#pragma once

// The errors of a journal's file, for everything that reads it.

#include <string>
#include <string_view>

#include "base/result.h"
#include "store/embedded/sqlite.h"

namespace hf {

inline constexpr int journal_busy_millis = 2'000;  // for another program, say a copying one, to leave the file

tl::unexpected<Error> journal_damaged(const std::string& path, std::string_view what);
// Why SQLite could not read: the file may be damaged, in use, or out of reach.
tl::unexpected<Error> journal_unreadable(const std::string& path, const Database& db);

}  // namespace hf
