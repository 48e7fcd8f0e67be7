#pragma once

// TodoScreen is a client's to-do tree as the simulator knows it: messages in, rows and counts to look at. Whatever
// keeps rows by docs/protocol.md can stand behind it; ReferenceScreen is the plainest one that does, and verifies the
// digest.
//
// Not thread-safe.

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "simulation/erp.h"

namespace hf::sim {

using Counts = std::map<std::string, std::uint64_t>;  // "type/group" -> rows
using Editors = std::map<std::string, std::string>;   // row or bill -> "user@since"

class TodoScreen {
 public:
  virtual ~TodoScreen() = default;
  // A subscription was sent, as message `todo`, with cursor() unless it is empty or in doubt. Until it is answered,
  // what comes is of the former one: it must not be applied, for the rows must stay those of the cursor that was sent.
  virtual void asked() = 0;
  // One message of the server, as it came; those that are not of to-do are passed over.
  virtual void hear(std::string_view message) = 0;
  // The connection is gone.
  virtual void left() = 0;

  virtual const Rows& rows() const = 0;
  virtual const Counts& counts() const = 0;
  // The rows that say that somebody edits the bill.
  virtual const Editors& editing() const = 0;
  // Where to go on from; empty: begin anew.
  virtual const std::string& cursor() const = 0;
  // The tree follows.
  virtual bool live() const = 0;
  // A digest was not that of the rows, or of who edits them: what stands here is not to be believed. Subscribe without
  // a cursor.
  virtual bool doubts() const = 0;
};

class ReferenceScreen final : public TodoScreen {
 public:
  void asked() override { ++unanswered_; }
  void hear(std::string_view message) override;
  void left() override {
    live_ = false;
    unanswered_ = 0;
  }
  const Rows& rows() const override { return rows_; }
  const Counts& counts() const override { return counts_; }
  const Editors& editing() const override { return editing_; }
  const std::string& cursor() const override { return cursor_; }
  bool live() const override { return live_; }
  bool doubts() const override { return doubts_; }

 private:
  Rows rows_;
  std::map<std::string, std::uint64_t> born_;  // of rows whose bill was made again
  Counts counts_;
  Editors editing_;
  std::string cursor_;
  std::size_t unanswered_ = 0;
  bool live_ = false, doubts_ = false;
};

// Of a row or a removal: which of the bills that had its id it is of. A greater one is newer, whatever its version.
std::uint64_t born_of(const boost::json::object& row);

// What a digest must say of these rows.
struct Digest {
  std::uint32_t rows = 0, sum0 = 0, sum1 = 0;
  bool operator==(const Digest&) const = default;
};
Digest digest_of(const Rows& rows);
Digest digest_of(const Editors& rows);
// What a message says in these members; nothing if it has not all three.
std::optional<Digest> digest_in(const boost::json::object& said);

}  // namespace hf::sim
