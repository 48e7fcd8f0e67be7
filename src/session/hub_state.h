#pragma once

// The inside of Hub: its tables and the steps between a message and its answer. Private to src/session.
//
//   sockets.cpp      a connection's life: hello, auth, pings, closing
//   exchanges.cpp    an HTTP request's life: route, identity, fields, waiting, streams, sign-in
//   operations.cpp   each operation once, for both faces: rights, then a command for the engine
//   run_operations.cpp   runs of an ERP's actions, and the holds that they place
//   audit_list.cpp   questions about the audit trail, which a disk answers
//   documents.cpp    questions about bills and base data, which a database answers
//   outcomes.cpp     what the engine answered, back to whom it concerns
//   watched_bills.cpp  what watched bills are, to who watches them and sees them
//   owed.cpp         what nobody was told of is taken back
//   events.cpp       what the engine tells, to the sessions, streams and waiting requests it concerns
//   todo_operations.cpp   the operations of status sync, both ways; to-do rows are TodoDelivery's
//
// A Call is who asks and how to answer; an Errand is a Call whose command is on its way to the engine. The hub
// keeps a session only while a connection carries it or a request of it is on its way: the engine knows the rest.

#include <boost/unordered/unordered_flat_map.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fingerprint.h"
#include "session/connection.h"
#include "session/hub.h"
#include "session/identities.h"
#include "session/positions.h"
#include "session/tickets.h"
#include "session/todo_delivery.h"
#include "session/watchers.h"
#include "wire/answers.h"
#include "wire/documents_said.h"
#include "wire/messages.h"

namespace hf {
namespace session {

// The caller, and how to answer him.
struct Call {
  Face face = Face::websocket;
  Language language = Language::en;
  bool repeatable = false;  // it has a request id: its effect is not undone when its caller has gone
  bool again = false;       // watch: the caller may still show these bills from before
  std::uint64_t peer = 0;   // connection or exchange
  MessageId id;             // of a WebSocket message
  BearerPtr who;
  SessionId session;  // the connection's own; nil by HTTP
  std::string request_id;
  std::uint64_t fingerprint = 0;
};

// The connection that asks; 0: it is an exchange.
inline ConnectionId asker_of(const Call& call) noexcept { return call.face == Face::websocket ? call.peer : 0; }

enum class Step : std::uint8_t {
  answer,       // tell the asker
  hello,        // a session opened or resumed by hello: attach, then welcome
  open,         // a session opened by session.open: attach if a connection asked
  pong,         // one session renewed for a pong
  watch,        // what the watched bills are now; from here on they are watched
  ask_types,    // the lock's types decide whether the parked command may go
  audit,        // a page of the audit trail: tell the asker
  run_look,     // what the run is that the parked command finishes
  run_events,   // its events are on the board: now the parked command goes
  documents,    // of the document store: tell the asker; of a bill, look at its lock first
  bill_lock,    // who holds a bill that was read: tell the asker both
  owed,         // a command of the hub itself: repeated until the engine has decided it
  status,       // of the status board: tell the asker
  todo,         // of the status board: tell the to-do delivery
  locks,        // a page of all locks: tell the to-do delivery
  bill,         // what a watched bill is now: tell its watchers
  locks_again,  // who holds watched bills that may be viewed again: tell their watcher
};

struct Errand {
  Call call;
  Op op = Op::stats_get;
  Step step = Step::answer;
  Right right = Right::lock_edit;              // ask_types
  bool gone = false;                           // the exchange was closed by its peer
  bool resumed = false;                        // hello
  SessionId session;                           // that the command is for; nil: none
  SessionId counted;                           // under which it is in flight; nil: none
  SessionId opened;                            // hello, open, pong
  LockId made;                                 // the lock or wait that the command would make
  Secret secret;                               // hello, open
  std::uint64_t n = 0;                         // pong
  TodoAsker asker;                             // todo
  ResyncId resync;                             // status: the one opened
  std::string_view group;                      // status: of a page, the catalog's text
  TodoSelectionPtr selection;                  // status: of counts
  std::shared_ptr<documents::Bill> bill = {};  // bill_lock
};

// A session that a connection carries, or that has requests in flight.
struct Live {
  ConnectionId connection = 0;  // 0: none
  std::uint64_t seq = 0;        // the newest heard of
  std::uint32_t in_flight = 0;
  NamespaceIndex ns = 0;
  bool resumed = false;  // by the connection's hello: its window may show what it watched from before
};

// What a person has of this node, by whatever connections.
struct Person {
  Allowance allowance;
  std::uint32_t streams = 0;
  // Questions that are not answered yet: about the audit trail, and to the document store.
  std::uint32_t audits = 0, document_questions = 0;
};

// An HTTP request that is not answered yet.
struct Exchange {
  enum class State : std::uint8_t { asked, waiting, streaming };
  State state = State::asked;
  bool repeatable = false;
  Ticket ticket = 0;  // asked
  LockId wait;        // waiting
  std::uint32_t position = 1;
  SessionId session;
  BearerPtr who;
  Language language = Language::en;
};

// The command that undoes a request without a request id: if its answer does not arrive, nobody would ever learn of its
// effect.
struct Undelivered {
  BearerPtr who;
  LockCommand undo;
  std::optional<LockCommand> heard;  // goes to the engine once it has arrived
};

inline Refusal refusal_of(Code code, std::string detail = {}, std::string field = {}) {
  Refusal refusal;
  refusal.code = code;
  refusal.detail = std::move(detail);
  refusal.field = std::move(field);
  return refusal;
}

inline Error forbidden(Right right, std::string_view type) {
  std::string detail = "You lack the right " + std::string(right_names[static_cast<std::size_t>(right)]);
  if (!type.empty()) detail.append(" for ").append(type);
  detail += '.';
  return Error{Code::forbidden, std::move(detail), {}};
}

// RFC 9110 §8.8.3.
inline std::string entity_tag(std::string_view body) {
  return "\"" + Id128{fingerprint(body), body.size()}.text() + "\"";
}

// After how long one who has reached a limit may ask again.
constexpr Millis retry_soon{100};    // there are too many requests
constexpr Millis retry_later{1000};  // there are too many streams, connections or questions at work

// Commands of the hub itself, which undo whatever nobody was told of. The engine must decide each of them, whatever
// happens on the way; sending one twice is harmless.
struct Owed {
  BearerPtr who;
  LockCommand command;
};
constexpr std::size_t owed_max = 100'000;  // beyond it the oldest is dropped, and ends with its session

// Things that are due a fixed time after they began: the queue is its own order.
struct Due {
  Micros at{0};
  std::uint64_t id = 0;
};

}  // namespace session

struct Hub::State {
  using Bearer = session::Bearer;
  using BearerPtr = session::BearerPtr;
  using Call = session::Call;
  using Connection = session::Connection;
  using Due = session::Due;
  using Errand = session::Errand;
  using Exchange = session::Exchange;
  using Live = session::Live;
  using Owed = session::Owed;
  using Step = session::Step;
  using Undelivered = session::Undelivered;
  using Watcher = session::Watcher;

  State(HubOptions o, const Catalog& c, LockEngine& e, Transport& t, SecretSource& s);

  // ---- hub.cpp
  void tick();
  void drain(Millis window);
  void fail_all(std::string why);
  bool ready(std::string& why) const;

  // ---- sockets.cpp
  void connected(ConnectionId id, const WebSocketOpened& opened);
  void leaving(ConnectionId id);
  void message(ConnectionId id, std::string_view text);
  void hello(ConnectionId id, Connection& c, const MessageId& message, HelloFields& f);
  void auth(ConnectionId id, Connection& c, const MessageId& message, const AuthFields& f);
  void tell_name(const Connection& c);
  void pong(ConnectionId id, Connection& c, const PongFields& f);
  void ping(ConnectionId id, Connection& c);
  bool expired(const Bearer& who) const;
  void forget_connection(ConnectionId id);
  void shut(ConnectionId id, std::uint16_t code, std::string_view reason);
  void send_error(ConnectionId id, const MessageId& message, const Error& error, Language language);
  void send_refusal(ConnectionId id, const MessageId& message, const Refusal& refusal, const View& view);
  // The connection belongs to the person now. False, and it is being closed with 4004, if he has too many.
  bool belongs(ConnectionId id, const MessageId& message, const Bearer& who, Language language);
  std::string drain_reason() const;
  void connections_due();

  // ---- attach.cpp: which connection carries which session
  void attach(ConnectionId id, Connection& c, SessionId session, std::uint64_t seq);
  // The session leaves the connection that carries it, which stays.
  void detach(SessionId session);
  void hello_answered(Errand& errand, LockOutcome& outcome);
  void open_answered(Errand& errand, LockOutcome& outcome);
  void pong_answered(const Errand& errand, const LockOutcome& outcome);
  void uncount(SessionId counted);
  // The secret of a session that a request opens: the same for the same request id, so that a repeat answers with it
  // too.
  Secret new_secret(const Call& call);

  // ---- exchanges.cpp
  void http(ExchangeId id, HttpRequest& request);
  void http_gone(ExchangeId id);
  // The caller, and his token: that of the Authorization header, or of the cookie if the origin is our own.
  session::SignedIn bearer_of(const HttpRequest& request, std::string_view& token);
  // Answers a failed sign-in, and counts it.
  void respond_failed(ExchangeId id, const HttpRequest& request, const SignInError& error, Language language);
  // Nothing, or why the person may send no further request now, whatever the number of his connections.
  std::optional<Refusal> refuses_to_hear(const Bearer& who, ConnectionId connection);
  bool may_ask(const Bearer& who);
  // Whether he, or this connection of his, has as much unread as he may.
  bool is_unread(const Bearer& who, ConnectionId connection) const;
  static Refusal unread_refusal();
  // Whether the answer to a question would only add to the unread bytes: then it becomes a refusal.
  bool is_answer_unwanted(const Call& call, Op op) const;
  void end_streaming(const Exchange& exchange, ExchangeId id);
  // `undo`: undoes the request if the answer does not arrive.
  void respond(ExchangeId id, int status, std::string body, std::optional<LockCommand> undo = {});
  void respond(ExchangeId id, HttpResponse response);
  void respond_refusal(ExchangeId id, const Refusal& refusal, const View& view);
  void respond_error(ExchangeId id, const Error& error, Language language);
  void wait_on(const Errand& errand, const Queued& queued);
  void exchanges_due();
  void begin_stream(const Call& call, const Checked& now_state);
  void end_stream(ExchangeId id);

  // ---- sign_in.cpp
  void dev_token(ExchangeId id, const HttpRequest& request, Language language);
  void login(ExchangeId id, const HttpRequest& request, Language language);
  void login_code(ExchangeId id, const HttpRequest& request, Language language);
  void logout(ExchangeId id, const HttpRequest& request, Language language);

  // ---- operations.cpp
  void perform(Call& call, Fields& fields);
  // The session of the command: the one named, or the connection's. Nil, and refused, if there is none.
  SessionId session_for(const Call& call, SessionId named);
  Caller caller_of(const Call& call) const;
  // The same; the request id leaves the call, which needs it no more.
  Caller take_caller(Call& call) const;
  // Nothing, or why these targets are refused to a caller who needs `right` on them.
  enum class Ids : std::uint8_t { as_spelt, as_kept };  // as_kept: targets that a store may have from before
  std::optional<Error> refuses(const Call& call, const std::vector<Target>& targets, Right right,
                               Ids ids = Ids::as_spelt) const;
  // As refuses(), of a filter; empty: none.
  std::optional<Error> refuses_type(std::string_view type) const;
  std::optional<Error> refuses_new_work() const;
  bool sees(const Bearer& who, const Grant& grant) const;
  bool sees(const Bearer& who, const RunInfo& run) const;
  View view_of(Face face, Language language, const Bearer& who) const;
  // Under which entry of `sessions` a request is in flight: the session itself if its own connection asks, else an
  // entry for this caller alone, so that nobody uses up the limit of another's session.
  SessionId counted_under(const Call& call, SessionId session) const;
  // Sends the call's command, counted under the errand's session; or refuses it.
  void submit(Call& call, Errand&& errand, Command&& command);
  void submit(Call& call, Op op, SessionId session, LockCommand&& command, Step step = Step::answer);
  // Of a command that names its session.
  template <class C>
  void submit_for_session(Call& call, Op op, C& command) {
    const SessionId session = command.session;
    submit(call, op, session, LockCommand(std::move(command)));
  }
  // Asks for the lock's types first: `right` must cover them before `command` may go. If `right` is lock.hold and does
  // not cover them, the engine decides: the lock may be the caller's own edit lock.
  void submit_if_types_allow(Call& call, Op op, SessionId session, Right right, LockCommand command);
  void refuse(const Call& call, const Error& error, Millis retry_after = Millis{0});
  void refuse(const Call& call, const Refusal& refusal);
  void answer_body(const Call& call, std::string body);
  void load_catalog_body();
  std::string stats_body(const Stats& stats) const;
  // What each operation does.
#define HF_OP(name, wire, fields, answer, mutating, http) void operate(Call& call, fields& f);
  HF_OPS(HF_OP)
#undef HF_OP

  // ---- audit_list.cpp
  void on_audit(Ticket ticket, Result<AuditAnswer>&& answer);
  void audit_answered(const Errand& errand, Ticket ticket, Result<AuditAnswer>&& answer);
  // Of a connection or exchange that is gone.
  void cancel_audits(Face face, std::uint64_t peer);

  // ---- run_operations.cpp
  std::optional<Error> refuses_run(const Call& call, const BeginRun& f, std::string_view right) const;
  // It waits for its locks: whoever asked is answered when they are granted or the wait has ended.
  void run_waits(Errand&& errand, const Queued& queued);
  void run_waited(const LockId& wait, const LockOutcome& outcome);
  void run_waits_end(SessionId session);  // nil: all of them, for the engine's state was lost
  void run_asker_gone(ExchangeId id);
  LockCommand undo_run(const BearerPtr& who, RunId run) const;
  Ticket park_finish(Call& call, Step step, FinishRun&& finish);
  FinishRun take_finish(Ticket ticket);
  void run_looked(Ticket ticket, Errand& errand, const LockOutcome& outcome);
  void run_published(Ticket ticket, Errand& errand, const StatusOutcome& outcome);
  void finish_run(Call& call, FinishRun&& finish);
  void add_holds(FinishRun& finish, const RunInfo& run) const;

  // ---- documents.cpp
  void ask_documents(Call& call, Op op, documents::Question&& question);
  void on_documents(Ticket ticket, Result<documents::Answer>&& answer);
  void documents_answered(Errand& errand, Ticket ticket, Result<documents::Answer>&& answer);
  void look_at_lock(Call& call, documents::Bill&& bill);
  void bill_lock_answered(Errand& errand, LockOutcome& outcome);
  void answer_bill(const Call& call, const BillGot& got);
  // Of a connection or exchange that is gone.
  void cancel_documents(Face face, std::uint64_t peer);

  // ---- todo_operations.cpp
  std::optional<Error> refuses_publishing(const Call& call, const std::vector<LogEvent>& events) const;
  void submit_status(Call& call, Errand&& errand, StatusCommand&& command);
  void status_answered(Errand& errand, StatusOutcome&& outcome);
  void answer_status(const Errand& errand, StatusOutcome& outcome);
  // Tells the followers of trees who edits what: all locks now, then each change.
  void learn_locks(NamespaceIndex ns, Token after);
  void locks_listed(const Errand& errand, const LockOutcome& outcome);
  // The call that began the connection's subscription, unless it was answered.
  std::optional<Call> take_subscribing(ConnectionId connection);
  void supersede_subscribing(ConnectionId connection);

  // ---- outcomes.cpp
  // An errand leaves for the engine, and comes back: counts the requests of its connection.
  Ticket send_errand(Errand&& errand);
  void errand_done(ConnectionId asker);
  void on_outcome(Ticket ticket, Outcome&& outcome);
  void bring(Errand& errand, Ticket ticket, LockOutcome& outcome);
  void bring(Errand& errand, Ticket ticket, StatusOutcome& outcome);
  void answer(Errand& errand, LockOutcome& outcome);
  // The command that undoes `outcome` for a request that nobody can repeat; nothing if there is nothing to undo.
  std::optional<LockCommand> undo_of(const Errand& errand, const LockOutcome& outcome) const;
  LockCommand undo_grant(const BearerPtr& who, const Grant& grant) const;
  LockCommand undo_wait(const BearerPtr& who, SessionId session, LockId wait) const;
  void undo(const BearerPtr& who, LockCommand&& command);
  void types_answered(Ticket ticket, Errand& errand, LockOutcome& outcome);
  void watch_answered(Errand& errand, LockOutcome& outcome);

  // ---- owed.cpp: what nobody was told is taken back
  void owe(const BearerPtr& who, LockCommand command);
  void owed_answered(Ticket ticket, const LockOutcome& outcome);
  void say_owed_again();
  // The answer to a wait that only this node can answer is on its way: tells the engine once it has arrived.
  void hears(ExchangeId id, const Exchange& exchange);
  void http_delivered(ExchangeId id);
  Caller own_caller(const BearerPtr& who) const;

  // The engine's state was replaced: closes all connections, so that clients come back and fetch the new state.
  void reset();
  void end_waits();
  void taken_elsewhere(SessionId session);
  void tell_replaced(ConnectionId former, SessionId session);

  // ---- events.cpp
  void on_event(NamespaceIndex ns, const LockEvent& event);
  void push(SessionId session, std::uint64_t seq, const LockEvent& event);
  void tell_positions();
  void session_ended(const SessionEnded& ended, const LockEvent& event);
  void wait_granted(const LockGranted& granted);
  void wait_ended(const WaitEnded& ended);
  void end_waits_of(SessionId session);
  void target_changed(NamespaceIndex ns, const TargetChanged& changed);
  void tell_locks(const TargetChanged& changed);  // to those in `watching`
  // Sends each connection in `watching` its text, once; null: nothing.
  template <class TextFor>
  void tell_watching(std::string_view name, const TextFor& text_for);

  // ---- watched_bills.cpp
  void on_event(NamespaceIndex ns, const BoardEvent& event);
  // Whoever sees the bill is told what it is; whoever was shown it and no longer sees it is told that it is gone.
  enum class Look : std::uint8_t {
    changed,  // the bill may have changed; or a watch has just begun
    again,    // a watch has begun in a window that may still show the bill: if its user does not see it, it is gone
    recheck,  // his rights have changed: he is not told again what he is already shown
  };
  // Asks what a watched bill is, and tells `watcher`, or else all its watchers.
  struct WatchedBill {
    NamespaceIndex ns = 0;
    Target bill;
    std::optional<session::Watcher> watcher;
    Look look = Look::changed;
  };
  void ask_bill(WatchedBill asked);
  void bill_found(Ticket ticket, const StatusOutcome& outcome);
  // Tells those in `watching`; `bill` null: it is not there.
  void tell_bill(std::string_view key, const Bill* bill, Look look);
  const Bearer& bearer_of(const Watcher& watcher) const;
  // The connection's rights were `former`'s before.
  void recheck_watched(const Connection& c, const Bearer& former);
  void locks_again(const Errand& errand, const LockOutcome& outcome);

  // The to-do delivery's port to the hub.
  struct TodoLink final : session::TodoPort {
    explicit TodoLink(State& s) : hub(s) {}
    void ask(NamespaceIndex ns, const session::TodoAsker& asker, StatusCommand&& command) override;
    void begun(ConnectionId connection, SnapshotReason snapshot) override;
    void refused(ConnectionId connection, const Refusal& refusal) override;
    void tell(ConnectionId connection, std::string_view text) override;
    void tell_batch(ConnectionId connection, std::string_view payload) override;
    std::size_t unsent(ConnectionId connection) const override;
    void wake_at(Micros monotonic) override;
    void end(ConnectionId connection, End why) override;
    State& hub;
  };

  HubOptions options;
  const Catalog& catalog;
  LockEngine& engine;
  Transport& transport;
  SecretSource& secrets;
  session::Identities identities;
  Id128 open_key;  // secrets of repeatable session.open are made from it

  Now now;
  boost::unordered_flat_map<ConnectionId, Connection> connections;
  boost::unordered_flat_map<SessionId, Live, IdHash> sessions;
  boost::unordered_flat_map<ExchangeId, Exchange> exchanges;
  boost::unordered_flat_map<LockId, boost::container::small_vector<ExchangeId, 1>, IdHash> waits;
  boost::unordered_flat_map<PersonKey, session::Person> people;    // callers of late, and those with a stream
  boost::unordered_flat_map<ExchangeId, Undelivered> undelivered;  // answered, and on the way to the peer
  session::Tickets<Errand> errands;
  boost::unordered_flat_map<LockId, std::vector<Errand>, IdHash> beginnings;  // of runs that wait for their locks
  boost::unordered_flat_map<Ticket, LockCommand> parked;
  std::vector<Ticket> audits;                    // of the errands: those that options.audit has
  std::vector<Ticket> document_tickets;          // those that options.documents has
  std::optional<NamespaceIndex> documents_ns;    // whose bills options.documents has
  boost::unordered_flat_map<Ticket, Owed> owed;  // on their way
  std::deque<Owed> owed_again;                   // could not be decided; sent again at the next tick
  TodoLink todo_link{*this};
  session::TodoDelivery todo;
  boost::unordered_flat_map<ConnectionId, Call> subscribing;  // not answered yet
  std::vector<bool> locks_known;                              // by namespace: the locks have been listed, or are being
  bool locks_unlisted = false;                                // a listing was refused: try again after a while
  static constexpr Micros board_tick{1'000'000};              // how often the board sweeps what is due, at least
  Micros board_due{0};
  session::Positions positions;
  session::Watchers watchers;
  boost::unordered_flat_map<Ticket, WatchedBill> bills_asked;
  std::vector<WatchedBill> bills_unanswered;  // to be asked for again
  AudiencePtr everybody;                      // sees everything, for the hub's own questions
  // Whether the engine makes events for watchers. It stops only a while after the last one left, because a watch may be
  // on its way.
  static constexpr Micros watching_kept{60'000'000};
  bool watching_on = false;
  Micros watching_since{0};
  void somebody_watches();

  std::deque<Due> hellos;      // connection
  std::deque<Due> pings;       // connection
  std::deque<Due> http_waits;  // exchange
  std::deque<Due> streams;     // exchange
  std::deque<Due> drains;      // connection

  bool draining = false;
  Millis drain_retry{1000};  // over how long those sent away should spread their return
  bool engine_ready = true;
  std::string failed;        // why the engine has failed; empty: it has not
  std::string catalog_body;  // made once, at the first question
  std::string catalog_etag;
  const std::string openapi_etag;
  std::string scratch;
  std::vector<Watcher> watching;
  std::vector<ConnectionId> told;
};

}  // namespace hf
