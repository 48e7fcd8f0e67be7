#pragma once

// Judge reads along with one client and holds every message to what is promised: no row of a bill that its user may not
// see, nor any other word of it; no state that was never committed; no version that goes back on the screen; counts
// that are the rows in every live frame; digests that are true, also of who edits; and nothing told twice to who is up
// to date, but a bill whose lock came and went: some may have heard of that, others not.
//
// It knows the rights of the client's token. While an `auth` is under way both the old and the new ones may hold.
//
// Not thread-safe.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "simulation/erp.h"
#include "simulation/screen.h"

namespace hf::sim {

class Judge {
 public:
  Judge(const Erp& erp, std::function<void(const std::string&)> fault) : erp_(erp), fault_(std::move(fault)) {}

  // A new connection with a token of these claims.
  void connected(const Claims& claims);
  // A subscription is asked for. Until it is answered, frames are the former one's, and not applied.
  void subscribing(const Selection& selection);
  void renewing(const Claims& claims) { claims_.push_back(claims); }
  // Gives the message to the screen, and judges.
  void hear(std::string_view message, TodoScreen& screen);

  // Of the newest subscription: "snapshot" or "diff", and the reason; of the newest snapshot where one came unasked.
  std::string mode, reason;
  std::size_t snapshots = 0, frames = 0, upserts = 0, removals = 0, digests = 0, digests_of_edited = 0, notices = 0,
              runs = 0;

 private:
  void fault(const std::string& what, std::string_view message) { fault_(what + ": " + std::string(message)); }
  void names_nothing_hidden(std::string_view message, const boost::json::object& said);
  void rows_are_true(std::string_view message, const boost::json::object& said, const TodoScreen& screen);
  template <class F>
  bool any_claims(F&& f) const;

  const Erp& erp_;
  std::function<void(const std::string&)> fault_;
  std::vector<Claims> claims_;  // in force, and those that are asked for
  Selection selection_;
  using Newest = std::pair<std::uint64_t, Version>;  // by which of its lives, then by version
  std::map<std::string, Newest> highest_;            // of each bill ever told
  std::map<std::string, std::uint64_t> born_;        // rows: of which life they were last told
  std::map<std::string, std::string> edited_;        // rows: by whom, as it was last told
  std::size_t unanswered_ = 0;                       // subscriptions
  bool paged_ = false;  // in a snapshot, also over a break: what follows its pages may repeat them
};

}  // namespace hf::sim
