#pragma once

// What each operation is answered with: the column `answer` of HF_OPS (wire/messages.h). Where that differs from what
// the engine says, the struct that a client sees is here.

#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "model/outcomes.h"
#include "wire/catalog_view.h"
#include "wire/documents_said.h"
#include "wire/messages.h"
#include "wire/pushes.h"
#include "wire/said.h"
#include "wire/status_said.h"

namespace hf {

// The answer is one of these. Each but the last has `told_by`: the member that no other has.
template <class... T>
struct OneOf {};
// By that face alone.
template <class T>
struct ByHttp {};
template <class T>
struct BySocket {};
// A push answers it, or nothing.
using NoAnswer = OneOf<>;

struct OpenedSession {
  SessionOpened opened;
  Secret secret;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("session", v.opened.session, {.key = true})("secret", v.secret, {.known = true});
    a("lease_ms", v.opened.lease, {.required = true});
    a("expires_at", v.opened.expires_at, {.known = true})("seq", v.opened.seq, {.required = true});
  }
  SessionOpened outcome() const { return opened; }
};

// What waits, by WebSocket.
struct QueuedInside {
  using Value = Queued;
  static constexpr const char* told_by = "queued";

  template <class A, class V>
  static void said(A& a, V& v) {
    a.part("queued", true, [&](auto& in) { Queued::said(in, v); });
  }
};
// A request has the id of its wait.
struct QueuedRequest {
  using Value = Queued;
  static constexpr const char* told_by = "request";

  template <class A, class V>
  static void said(A& a, V& v) {
    a("request", v.wait, {.required = true})("wait", v.wait, {.key = true});
    a("position", v.position, {.required = true});
  }
};

// The namespace's own numbers, and this node's name and version.
struct StatsAnswer {
  Stats stats;
  std::string node, version;

  template <class A, class V>
  static void said(A& a, V& v) {
    Stats::said(a, v.stats);
    a("node", v.node, {.required = true})("version", v.version, {.required = true});
  }
  Stats outcome() const { return stats; }
};

struct Renewal {  // of an identity: auth
  std::vector<std::string> rights;
  std::optional<Wall> expires_at;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("rights", v.rights, {.required = true})("expires_at", v.expires_at);
  }
};
struct WatchedCount {
  std::uint64_t watched = 0;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("watched", v.watched, {.required = true});
  }
};

using Acquired = OneOf<Granted, BySocket<QueuedInside>, ByHttp<Queued>>;
using Requested = OneOf<Granted, QueuedRequest>;
using Withdrawn = OneOf<Granted, Done>;
using BillAnswer = OneOf<DeletedBill, KnownBill>;
using ResyncAnswer = OneOf<ResyncOpen, ResyncDone, Done>;
using TodoAnswer = OneOf<BySocket<TodoBegun>, ByHttp<TodoCounted>>;

// The type of `op`'s answer: Answer<Op::lock_get> is Grant.
template <class First, class... A>
struct AnswersOf {
  using type = std::tuple<A...>;
};
#define HF_OP(name, wire, fields, answer, mutating, http) , answer
using Answers = AnswersOf<void HF_OPS(HF_OP)>::type;
#undef HF_OP
template <Op op>
using Answer = std::tuple_element_t<static_cast<std::size_t>(op), Answers>;

// Calls `take` with each push: what it says, and its `event`.
template <class Take>
void each_push(Take take) {
  const auto each = [&]<class... D>(std::tuple<D...>*) { (take.template operator()<D>(), ...); };
  each(static_cast<
       std::tuple<Welcome, Ping, SessionState, Drain, AuthRequired, LockGranted, LockWaiting, WaitEnded, LockLost,
                  LockExpiring, LockRequested, LockAnswered, SessionEnded, SessionReplaced, LockChanged, LockFree,
                  BillChanged, BillGone, StepView, NoticeView, NumbersRead, PageFrame, LiveFrame, DigestFrame>*>(
      nullptr));
}

}  // namespace hf
