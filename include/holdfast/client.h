#pragma once

// Client: one session with a Holdfast server, and the locks it holds.
//
//   auto client = holdfast::Client::open({.url = "http://127.0.0.1:7420", .token = token});
//   auto lock = client->acquire({.targets = {"SaleOrder:1001"}});
//   if (!lock) return show(lock.error());           // who holds it, since when, what you may do
//   lock->on_lost([](const holdfast::Lost& lost) { … });
//
// A client connects by itself and reconnects after every drop, resumes its session, renews all locks with one
// heartbeat, and repeats unanswered calls under the same request id, so that nothing happens twice.
//
// Promises:
//   1. The client reports a lock lost (held() false, then on_lost) before the server can grant it to anybody else. The
//      deadline is the time, by this machine's steady clock, at which it sent the newest acknowledged renewal, plus the
//      lease, less 2 % and 500 ms.
//   2. Once reported lost, a lock never becomes held again.
//   3. The client releases a lock that the server granted if nobody here holds a handle of it.
//   4. Every callback runs on the executor, one at a time, in the order of the events.
//
// held() says what is known here and now; it is no fence. Writes to a database carry LockHandle::token().
// Thread-safe: every member of Client and LockHandle may be called from any thread, also inside a callback.

#include <cstddef>
#include <functional>
#include <memory>

#include "holdfast/result.h"
#include "holdfast/run.h"
#include "holdfast/status.h"
#include "holdfast/types.h"

namespace holdfast {

template <class T>
using Done = std::function<void(Result<T>)>;

// Where callbacks run: give one that posts to your user interface's thread. post() may be called from any
// thread and must neither run `call` at once nor block nor throw; calls run one after another, in order.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void post(std::function<void()> call) = 0;
};

class LockHandle;
class TodoView;

enum class Link : std::uint8_t {
  connecting,  // first connect, or after a drop; locks are held until their deadline
  ready,       // a session is open
  closed,      // for good: replaced, signed out, or close() was called
};

struct LinkChange {
  Link link = Link::connecting;
  bool resumed = false;  // ready: the former session goes on
  Error why;             // connecting after a drop, closed
};

struct Options {
  // http, https, ws or wss; a path before /v1 is kept. Several, with commas in between, are the nodes of one
  // installation: the session goes on at the next one when a node dies, drains or cannot renew the lease.
  std::string url = "http://127.0.0.1:7420";
  // With https and wss the server's certificate is always checked. It has to be signed by an authority in this PEM
  // file, or, if this is empty, by one that the system trusts.
  std::string ca_file;
  std::string token;  // who this is
  // Called on the executor before each connect and when the server asks for a fresh token; overrides `token`.
  std::function<Result<std::string>()> token_provider;
  ClientInfo client;        // program and host are filled in where empty
  Millis lease{30'000};     // 10 s to 30 min
  Millis deadline{10'000};  // of each call, all repeats included
  std::string language;     // of error titles, e.g. "zh-CN"; empty: English
  // How long the person has not touched this session's window; called on the client's own thread with each
  // heartbeat, so it must be quick and thread-safe. None: always active.
  std::function<Millis()> idle;
  std::shared_ptr<Executor> executor;  // none: a thread of the client's own
  // How many published events may wait for the server; beyond that publish() fails with too_many.
  std::size_t outbox_events_max = 10'000;

  std::function<void(const LinkChange&)> on_link;
  // Somebody asks for a lock of this user: answer with agree, refuse or defer. The lock may be held by
  // another window of the same user.
  std::function<void(const Request&)> on_requested;
  std::function<void(const Lost&)> on_lost;  // every lock of this client, beside the handle's own
  // A lock will end soon: unless it is renewed, or, at its longest hold, in any case.
  std::function<void(const std::string& lock, LostReason reason, WallTime expires_at)> on_expiring;
  // Another window of the same user moved a lock here. Without this callback the client releases it again.
  std::function<void(LockHandle)> on_transferred_here;
  std::function<void(const WatchEvent&)> on_watch;
  // Any other push of the server ("notice", "drain", …): its name and its JSON.
  std::function<void(const std::string& event, const std::string& json)> on_event;
};

struct Acquire {
  std::vector<std::string> targets;  // 1 to 1,000: all or none
  Mode mode = Mode::exclusive;
  Millis wait{0};                                    // 0: try; else up to 10 min in the queue
  Millis ttl{0};                                     // a time to live of its own, beside the lease; 0: none
  std::map<std::string, std::uint64_t> if_versions;  // bill → the version that was read
  std::string label;                                 // the bill's number, for people
  std::string reason;
  Kind kind = Kind::edit;  // hold: needs an owner, a ttl and the right lock.hold
  std::string owner;
  Millis deadline{0};  // 0: that of the client's options; waiting comes on top
  std::function<void(const std::string& wait, std::uint32_t position)> on_waiting;
  std::function<void(const Lost&)> on_lost;
};

struct Ask {
  std::string lock;                  // the lock in the way: Conflict::lock
  std::vector<std::string> targets;  // empty: all of that lock's
  Mode mode = Mode::exclusive;
  std::string message;
  Millis wait{600'000};
  Millis deadline{0};
  std::function<void(const std::string& request, std::uint32_t position)> on_waiting;
  std::function<void(const Answer&)> on_answered;  // refused and unanswered leave the request in the queue
  std::function<void(const Lost&)> on_lost;
};

struct ListFilter {
  std::string type, user, session, client;
  std::optional<Kind> kind;
  Millis older{0};
  std::uint32_t limit = 100;  // at most 500
  std::string next;
};

struct Publish {
  std::vector<LogEvent> events;  // 1 to 1,000
  // The server publishes a batch once under its id, even if another client sends it too. Empty: the client makes up an
  // id.
  std::string batch_id;
  // 0: a call that blocks waits as long as the client's options say; one with `done` waits until it is answered.
  Millis deadline{0};
};

struct Resynced {
  std::uint64_t bills = 0;  // the type has now
  std::uint64_t left = 0;   // were not named, and left
  bool operator==(const Resynced&) const = default;
};

// A lock that this client holds. Moving the handle moves the responsibility to release the lock. A second acquire of
// the same targets gives a handle of its own. Releasing a handle takes one off the lock's count; releasing the last one
// ends the lock, whatever its count (`all` of the protocol). So a single handle always ends its lock. A handle may
// outlive its client: then it holds nothing.
class LockHandle {
 public:
  LockHandle() noexcept;
  ~LockHandle();  // releases, without waiting for the answer; a hold stays
  LockHandle(LockHandle&&) noexcept;
  LockHandle& operator=(LockHandle&&) noexcept;
  LockHandle(const LockHandle&) = delete;
  LockHandle& operator=(const LockHandle&) = delete;

  // True as long as the server cannot have granted it to anybody else. Reads two atomics and the steady clock.
  bool held() const noexcept;
  // How long held() stays true if no further renewal succeeds; 0 when it is not held.
  Millis valid_for() const noexcept;
  // The fencing token; 0 for an empty handle. An upgrade gives a new one.
  Token token() const noexcept;
  const std::string& id() const noexcept;
  // The lock as the server granted it.
  LockInfo info() const;
  // For each bill of Acquire::if_versions the version that the server knew at the grant, or nothing.
  std::map<std::string, std::optional<std::uint64_t>> versions() const;
  // Replaces the callback of this handle. Called at once (on the executor) if the lock is lost already; never
  // after release() or the destructor.
  void on_lost(std::function<void(const Lost&)> callback);
  // Releases the lock and waits for the answer. `version`: the bill's version now, for the if_versions of others. A
  // lock that ended before is no error. The handle is empty afterwards, whatever the answer.
  Result<Nothing> release(std::optional<std::uint64_t> version = std::nullopt);
  void release(std::optional<std::uint64_t> version, Done<Nothing> done);
  explicit operator bool() const noexcept { return held(); }

 private:
  friend class Client;
  struct State;
  explicit LockHandle(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

// Each call has two forms: one with `done`, which the client calls exactly once on the executor, and one that waits for
// the answer. Both end by the deadline: `unavailable` if nothing was sent, else `unknown_outcome`.
class Client {
 public:
  // Checks the options and begins to connect; fails with `invalid` only. Calls wait for the link.
  static Result<Client> open(Options options);
  ~Client();  // close()
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Waits until the session is open. The error says why it is not.
  Result<Nothing> wait_ready(Millis at_most = Millis(10'000));
  Link link() const noexcept;
  std::string session() const;  // the session's id; empty before the first welcome
  std::vector<std::string> rights() const;

  // Ends the session, which frees its locks at once, and stops. Waits at most 2 s for the server; otherwise the locks
  // end with the lease. After it returns no callback runs, except on an executor that the options gave.
  void close() noexcept;

  Result<LockHandle> acquire(Acquire what);
  void acquire(Acquire what, Done<LockHandle> done);
  // Takes a place in the queue and asks the holder. The result is the lock, or why there is none.
  Result<LockHandle> request(Ask what);
  void request(Ask what, Done<LockHandle> done);
  // The holder's answers. agree: true if the asker has it now, false if others still stand in the way.
  Result<bool> agree(const std::string& request, std::optional<std::uint64_t> version = std::nullopt);
  void agree(const std::string& request, std::optional<std::uint64_t> version, Done<bool> done);
  Result<Nothing> refuse(const std::string& request, const std::string& reason = {});
  void refuse(const std::string& request, const std::string& reason, Done<Nothing> done);
  Result<Nothing> defer(const std::string& request, Millis by);
  void defer(const std::string& request, Millis by, Done<Nothing> done);
  // Withdraws a request, or leaves the queue: `id` is the request's or the wait's. The waiting call ends with
  // request_gone.
  Result<Nothing> withdraw(const std::string& id);
  void withdraw(const std::string& id, Done<Nothing> done);
  // The requests that this user made or must answer, the oldest first: one page, 500 and about 1 MB at most.
  Result<std::vector<Request>> requests();
  void requests(Done<std::vector<Request>> done);

  // What the engine says about a lock, one's own or another's. A check, not a fence.
  Result<Verification> verify(const std::string& lock, Token token, std::vector<std::string> targets,
                              Millis min_valid = Millis(0));
  void verify(const std::string& lock, Token token, std::vector<std::string> targets, Millis min_valid,
              Done<Verification> done);
  Result<std::vector<CheckedTarget>> check(std::vector<std::string> targets, Mode mode = Mode::exclusive);
  void check(std::vector<std::string> targets, Mode mode, Done<std::vector<CheckedTarget>> done);
  Result<LockPage> list(ListFilter filter = {});
  void list(ListFilter filter, Done<LockPage> done);
  // Gives a lock of this client a time to live of its own, from now.
  Result<LockInfo> extend(const std::string& lock, Millis ttl);
  void extend(const std::string& lock, Millis ttl, Done<LockInfo> done);
  // Moves a lock between windows of the same user. take_over: "continue here", from wherever it is.
  // transfer: to another session; this client's handle of it reports `transferred`.
  Result<LockHandle> take_over(const std::string& lock);
  void take_over(const std::string& lock, Done<LockHandle> done);
  Result<Nothing> transfer(const std::string& lock, const std::string& to_session);
  void transfer(const std::string& lock, const std::string& to_session, Done<Nothing> done);
  // Ends somebody else's lock. Needs the right lock.force; the holder learns who did it and why.
  Result<Nothing> force(const std::string& lock, const std::string& reason);
  void force(const std::string& lock, const std::string& reason, Done<Nothing> done);
  // Releases all locks of this session, or those of one bill type. Their handles are empty afterwards.
  Result<std::uint32_t> release_all(const std::string& type = {});
  void release_all(const std::string& type, Done<std::uint32_t> done);

  // Watches these bills: Options::on_watch gets what each bill is, if this user may see it, and then every change,
  // until unwatch(), also after a reconnect. At most 200.
  Result<Nothing> watch(std::vector<std::string> targets);
  void watch(std::vector<std::string> targets, Done<Nothing> done);
  Result<Nothing> unwatch(std::vector<std::string> targets);

  // Publishes what bills have become; needs the right status.publish. Batches leave in the order of the calls, one
  // after the other, and wait in the client's outbox while the server is away. The outbox is in memory: write events
  // that must survive this process into a table of the database that has the bills. An answer means that the events are
  // durable, and has one result for each. Fails at once with too_many if the outbox is full, and with too_large if the
  // batch is larger than the server accepts.
  Result<std::vector<Published>> publish(Publish what);
  void publish(Publish what, Done<std::vector<Published>> done);
  // What the server knows of a bill; not_found if this user may not see it. history: newest first, `limit` (100; at
  // most 500) states a page.
  Result<BillStatus> status(const std::string& type, const std::string& id);
  void status(const std::string& type, const std::string& id, Done<BillStatus> done);
  Result<BillHistory> history(const std::string& type, const std::string& id, std::uint32_t limit = 0,
                              const std::string& next = {});
  void history(const std::string& type, const std::string& id, std::uint32_t limit, const std::string& next,
               Done<BillHistory> done);
  // Marks notices as read, by their numbers: no TodoView reports them again.
  Result<Nothing> read_notices(const std::vector<std::uint64_t>& notices);
  void read_notices(const std::vector<std::uint64_t>& notices, Done<Nothing> done);
  // Replaces all bills of a type: opens a resync, sends the bills in pages, commits. Blocks; each of its messages has
  // the deadline of the client's options. A failure leaves the board as it was. Needs the right status.publish.
  Result<Resynced> resync(const std::string& type, const std::vector<StatusEvent>& bills);

  // Does an action of the ERP's own under guard: begins a run, calls `work` on this thread, and tells how it went.
  // Refused as run.begin is, and then `work` was not called; or the error that `work` returned. Blocks.
  Result<RunEnd> run(const RunOf& what, const RunWork& work);

  // Any operation of the protocol by its name: fields and answer are JSON objects. The client gives `repeatable` calls
  // a request id and repeats them like all others. For operations that this header does not have yet.
  enum class Repeat : std::uint8_t { query, change };
  Result<std::string> call(const std::string& op, const std::string& fields_json, Repeat repeat);
  void call(const std::string& op, const std::string& fields_json, Repeat repeat, Done<std::string> done);

 private:
  friend class LockHandle;
  friend class TodoView;
  friend class Run;
  class Body;
  Result<std::string> tell(const std::string& op, const std::string& fields_json, Millis deadline);
  explicit Client(std::shared_ptr<Body> body) noexcept;
  std::shared_ptr<Body> body_;
};

// A development token of a server that runs with --dev, over HTTP. `url` and `ca_file` as in Options.
struct DevToken {
  std::string user;
  std::string name;
  std::vector<std::string> roles;
  std::string ns;
  std::string employee{};                  // the id that a bill's owner has; empty: the user
  std::vector<std::string> departments{};  // his
  bool super = false;                      // sees all bills of every type
  std::vector<std::string> rights{};       // beside those of the roles, e.g. status.publish
};
Result<std::string> dev_token(const std::string& url, const DevToken& who, Millis deadline = Millis(10'000),
                              const std::string& ca_file = {});

}  // namespace holdfast
