#pragma once

// Bill is one state of one bill: what a status event said, where it stands in the log, and in which groups it is.
// Once made it never changes and is shared: by the board, the log, the bill's past and the frames that tell it.
//
// One allocation: a fixed head and its texts behind it. A view that it gives lives as long as the Bill.
// Invariant: `key` is "type:id", the group bits are those of its type's groups in the catalog's order.
//
// Safe to read from many threads; the count of owners is atomic.

#include <array>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "catalog/audience.h"
#include "engine/change_codec.h"
#include "model/status.h"

namespace hf {

class Bill;
using BillPtr = boost::intrusive_ptr<const Bill>;

class Bill : public boost::intrusive_ref_counter<Bill, boost::thread_safe_counter> {
 public:
  enum Text : std::uint8_t {
    key,
    no,
    creator,
    creator_name,
    handler,
    handler_name,
    owner,
    owner_name,
    actor,
    actor_name,
    department,
    action,
    reason,
    title,
    partner,
    amount,
    cause,
    fields,
    text_count
  };
  using Texts = std::array<std::string_view, text_count>;

  struct Stamp {
    Offset offset = 0;  // where the log has it
    Offset born = 0;    // the offset with which the bill came onto the board: pages are in this order
    Version version = 0;
    Wall at{};
    Instant logged{};
    bool unordered = false;  // came without a version
    bool timed = false;      // came with its `at`
    bool deleted = false;
    bool left = false;  // left the board by time; its last statement still holds
    bool anew = false;  // created again under a known id: its versions count from `born` on
  };

  static BillPtr make(const Catalog& catalog, const Stamp& stamp, const Texts& texts);
  // The same state at another place.
  static BillPtr moved(const Catalog& catalog, const Bill& bill, const Stamp& stamp);

  const Stamp& stamp() const noexcept { return stamp_; }
  Offset offset() const noexcept { return stamp_.offset; }
  Version version() const noexcept { return stamp_.version; }
  // Which of the bills with this id it is: a greater life is newer, whatever its version.
  Offset life() const noexcept { return stamp_.anew ? stamp_.born : 0; }
  std::string_view text(Text which) const noexcept;
  std::string_view type() const noexcept { return text(key).substr(0, type_bytes_); }
  std::string_view id() const noexcept { return text(key).substr(type_bytes_ + 1u); }
  Texts texts() const noexcept;
  std::vector<BillField> state() const;
  Catalog::Index type_index() const noexcept { return type_; }
  std::uint32_t groups() const noexcept { return groups_; }  // 0 when deleted or left
  bool closed() const noexcept { return closed_; }
  BillFacts facts() const noexcept { return {type_, text(creator), text(handler), text(owner), text(department)}; }
  // The groups in which the audience sees it.
  std::uint32_t rows(const Audience& audience) const noexcept {
    return groups_ != 0 && visible(audience, facts()) ? groups_ : 0;
  }
  // Whether `other` says the same: everything but its place.
  bool same_content(const Texts& other, bool deleted, std::optional<Wall> at) const noexcept;
  std::size_t bytes() const noexcept { return sizeof(Bill) + ends_[text_count - 1]; }

  void write(ByteWriter& w) const;
  static BillPtr read(const Catalog& catalog, ByteReader& r);

  static void operator delete(void* memory) { ::operator delete(memory); }

 private:
  Bill() = default;
  const char* begin() const noexcept { return reinterpret_cast<const char*>(this + 1); }

  Stamp stamp_;
  Catalog::Index type_ = BillFacts::no_type;
  std::uint32_t groups_ = 0;
  std::array<std::uint16_t, text_count> ends_{};
  std::uint16_t type_bytes_ = 0;
  bool closed_ = false;
};

// The texts of an event: views into it and into `keep`. Nothing if it is longer than status_event_bytes_max allows.
bool bill_texts(const StatusEvent& event, Bill::Texts& texts, std::string& keep);

}  // namespace hf
