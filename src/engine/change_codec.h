#pragma once

// The bodies of changes, written and read: fixed-width little-endian integers, LEB128 varints, counted strings.
//
// A ByteReader never reads past its end: after a malformed field ok() is false and every read gives zero or
// empty. Internal to the engine. Not thread-safe.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "engine/change.h"
#include "model/lock.h"
#include "model/run.h"

namespace hf {

// Little-endian machines only, as all that Debian's amd64 and arm64 run on.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
static_assert(sizeof(Id128) == 16);

class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}
  void u8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
  void u32(std::uint32_t v) { raw(v); }
  void u64(std::uint64_t v) { raw(v); }
  void i64(std::int64_t v) { raw(v); }
  void varint(std::uint64_t v) {
    char bytes[10];
    std::size_t n = 0;
    for (; v >= 0x80; v >>= 7) bytes[n++] = static_cast<char>(v | 0x80);
    bytes[n++] = static_cast<char>(v);
    out_.append(bytes, n);
  }
  void id(const Id128& v) { raw(v); }
  void text(std::string_view v) {
    varint(v.size());
    out_.append(v);
  }
  void raw_text(std::string_view v) { out_.append(v); }

 private:
  template <class T>
  void raw(T v) {
    char bytes[sizeof v];
    std::memcpy(bytes, &v, sizeof v);
    out_.append(bytes, sizeof v);
  }
  std::string& out_;
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}
  std::uint8_t u8() { return raw<std::uint8_t>(); }
  std::uint32_t u32() { return raw<std::uint32_t>(); }
  std::uint64_t u64() { return raw<std::uint64_t>(); }
  std::int64_t i64() { return raw<std::int64_t>(); }
  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t b = u8();
      v |= static_cast<std::uint64_t>(b & 0x7FU) << shift;
      if ((b & 0x80U) == 0) return v;
    }
    ok_ = false;
    return 0;
  }
  Id128 id() {
    const std::uint64_t hi = u64();
    const std::uint64_t lo = u64();
    return Id128{hi, lo};
  }
  std::string_view text() {
    const std::uint64_t n = varint();
    if (n > bytes_.size()) {
      ok_ = false;
      bytes_ = {};
      return {};
    }
    const std::string_view v = bytes_.substr(0, n);
    bytes_.remove_prefix(n);
    return v;
  }
  bool ok() const noexcept { return ok_; }
  bool at_end() const noexcept { return bytes_.empty(); }
  std::size_t left() const noexcept { return bytes_.size(); }

 private:
  template <class T>
  T raw() {
    T v{};
    if (bytes_.size() < sizeof v) {
      ok_ = false;
      bytes_ = {};
      return v;
    }
    std::memcpy(&v, bytes_.data(), sizeof v);
    bytes_.remove_prefix(sizeof v);
    return v;
  }
  std::string_view bytes_;
  bool ok_ = true;
};

// Writes one framed change: the length is put in when the frame goes out of scope.
class ChangeFrame {
 public:
  ChangeFrame(std::string& out, Entity entity, std::uint8_t flags, const Id128& key)
      : out_(out), begin_(out.size()), writer_(out) {
    char header[22] = {};  // the length comes last
    header[4] = static_cast<char>(entity);
    header[5] = static_cast<char>(flags);
    std::memcpy(header + 6, &key, sizeof key);
    out_.append(header, sizeof header);
  }
  ~ChangeFrame() {
    const auto length = static_cast<std::uint32_t>(out_.size() - begin_ - sizeof(std::uint32_t));
    std::memcpy(out_.data() + begin_, &length, sizeof length);
  }
  ChangeFrame(const ChangeFrame&) = delete;
  ChangeFrame& operator=(const ChangeFrame&) = delete;
  ByteWriter& operator*() noexcept { return writer_; }
  ByteWriter* operator->() noexcept { return &writer_; }

 private:
  std::string& out_;
  std::size_t begin_;
  ByteWriter writer_;
};

// What a change's body begins with: what was done, when, by whom.
enum class Action : std::uint8_t {
  none,
  acquire,
  reenter,
  upgrade,
  release,
  release_part,
  extend,
  transfer,
  end,
  queue,
  unqueue,
  ask,
  refuse,
  defer,
  unanswered,
  agree,
  session_open,
  session_resume,
  session_end,
  run_begin,
  run_step,
  run_finish,
  run_fail,
  run_unknown,
  run_settle,
  last = run_settle
};

struct Stamp {
  Action action = Action::none;
  Wall at{};
  std::string_view actor;
};

inline void write_stamp(ByteWriter& w, const Stamp& stamp) {
  w.u8(static_cast<std::uint8_t>(stamp.action));
  w.i64(to_us(stamp.at));
  w.text(stamp.actor);
}
inline Stamp read_stamp(ByteReader& r) {
  Stamp stamp;
  stamp.action = static_cast<Action>(r.u8());
  stamp.at = wall_us(r.i64());
  stamp.actor = r.text();
  return stamp;
}

// What the bodies of grants and waits begin with, behind the stamp: the audit trail reads it without knowing the rest.
struct LockHead {
  Mode mode = Mode::exclusive;
  Kind kind = Kind::edit;
  SessionId session;
  std::string_view user;
  Token token = 0;                        // of a wait: 0
  std::vector<std::string_view> targets;  // into the bytes that it was read from
  std::string_view reason;
};

// `text_of` gives the text of one of `targets`.
template <class Targets, class TextOf>
void write_lock_head(ByteWriter& w, const LockHead& head, const Targets& targets, TextOf text_of) {
  w.u8(static_cast<std::uint8_t>(head.mode));
  w.u8(static_cast<std::uint8_t>(head.kind));
  w.id(head.session.value);
  w.text(head.user);
  w.varint(head.token);
  w.varint(targets.size());
  for (const auto& target : targets) w.text(text_of(target));
  w.text(head.reason);
}
// False: malformed. REQUIRES: the stamp was read
inline bool read_lock_head(ByteReader& r, LockHead& head) {
  const std::uint8_t mode = r.u8();
  const std::uint8_t kind = r.u8();
  head.session.value = r.id();
  head.user = r.text();
  head.token = r.varint();
  const std::uint64_t count = r.varint();
  head.targets.clear();
  for (std::uint64_t i = 0; i < count && r.ok(); ++i) head.targets.push_back(r.text());
  head.reason = r.text();
  head.mode = static_cast<Mode>(mode);
  head.kind = static_cast<Kind>(kind);
  return r.ok() && head.mode <= Mode::exclusive && head.kind <= Kind::hold;
}

// What the body of a run begins with, behind the stamp.
struct RunHead {
  RunState state = RunState::locking;
  SessionId session;
  std::string_view user, action, step, error;
  std::vector<std::string_view> bills;  // as the texts, into the bytes that it was read from
};

inline RunHead read_run_head(ByteReader& r) {
  RunHead head;
  head.state = static_cast<RunState>(r.u8());
  if (head.state > RunState::unknown) head.state = RunState::unknown;
  head.session.value = r.id();
  head.user = r.text();
  head.action = r.text();
  head.step = r.text();
  head.error = r.text();
  const std::uint64_t count = r.varint();
  for (std::uint64_t i = 0; i < count && r.ok(); ++i) head.bills.push_back(r.text());
  return head;
}

}  // namespace hf
