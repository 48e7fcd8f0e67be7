#include "store/embedded/journal_trouble.h"

#include <cstring>
#include <filesystem>

namespace hf {

tl::unexpected<Error> journal_damaged(const std::string& path, std::string_view what) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  return fail(Code::unavailable, path + " is damaged: " + std::string(what) +
                                     ". It was left as it is. To restore: move " + directory +
                                     " away, make it anew and put the newest backup there as holdfast.db");
}

tl::unexpected<Error> journal_unreadable(const std::string& path, const Database& db) {
  switch (sqlite3_extended_errcode(db.handle()) & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return fail(Code::unavailable, path + " is in use by another program: end that one, then start again");
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_NOMEM: {
      const int cause = sqlite3_system_errno(db.handle());
      return fail(Code::unavailable, "cannot read " + path + ": " + db.message() +
                                         (cause != 0 ? std::string(" (") + std::strerror(cause) + ")" : ""));
    }
    default: return journal_damaged(path, db.message());
  }
}

}  // namespace hf
