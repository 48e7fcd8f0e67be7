#pragma once

// Page counts the bytes of a page of answers, so that no answer is larger than page_bytes_max and one row, however
// large the rows are. The client asks again for the rest.
//
// It estimates a row from its texts, which is about its size as JSON.

#include <cstddef>

#include "engine/change.h"
#include "model/commands.h"
#include "model/lock.h"

namespace hf {

inline constexpr std::size_t page_bytes_max = std::size_t{1} << 20;
// Of a session's state for a client that does not ask for pages: a WebSocket that has more unread is closed.
inline constexpr std::size_t state_bytes_max = std::size_t{6} << 20;

class Page {
 public:
  explicit Page(std::size_t bytes_max = page_bytes_max) : bytes_max_(bytes_max) {}

  // Takes a row of so many bytes, or says that the page is full. The first one always fits.
  bool takes(std::size_t bytes) noexcept {
    if (used_ != 0 && used_ + bytes > bytes_max_) return false;
    used_ += bytes;
    return true;
  }

 private:
  std::size_t bytes_max_;
  std::size_t used_ = 0;
};

inline constexpr std::size_t row_bytes = 300;  // names of members, ids and times

inline std::size_t bytes_of(const Grant& grant) noexcept {
  std::size_t bytes = row_bytes + grant.user.size() + grant.user_name.size() + grant.client.program.size() +
                      grant.client.host.size() + grant.client.window.size() + grant.owner.size() + grant.label.size() +
                      grant.reason.size();
  for (const HeldTarget& held : grant.targets) {
    bytes += held.target.text().size() + 3;
    if (held.token != grant.token) bytes += held.target.text().size() + 20;  // it comes beside the grant's
  }
  return bytes;
}

inline std::size_t bytes_of(const WaitInfo& wait) noexcept {
  std::size_t bytes = row_bytes + wait.user.size() + wait.user_name.size() + wait.label.size();
  for (const Target& target : wait.targets) bytes += target.text().size() + 3;
  return bytes;
}

inline std::size_t bytes_of(const AskInfo& ask) noexcept {
  return bytes_of(ask.wait) + ask.message.size() + ask.answer_reason.size();
}

// Of a session without what it holds and waits for.
inline std::size_t head_bytes_of(const SessionSnapshot& session) noexcept {
  return row_bytes + session.user.size() + session.user_name.size() + session.client.program.size() +
         session.client.host.size() + session.client.window.size();
}

inline std::size_t bytes_of(const AuditEntry& entry) noexcept {
  std::size_t bytes = row_bytes + entry.user.size() + entry.holder.size() + entry.reason.size() + entry.before.size() +
                      entry.after.size();
  for (const std::string& target : entry.targets) bytes += target.size() + 3;
  return bytes;
}

}  // namespace hf
