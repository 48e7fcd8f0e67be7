// What the journal is told, and the way back from it. The bodies of grants and waits begin alike, because the
// audit trail reads them without knowing the rest (change.cpp).
#include <algorithm>

#include "engine/lock_tree_state.h"

namespace hf {
namespace {

// Where an answer is remembered: in a session's ring or, without a session, in a user's.
Id128 memory_key(const SessionId* session, std::string_view user, std::uint64_t slot) {
  const Id128 scope =
      session != nullptr ? session->value : Id128{TextHash{}(user), TextHash{}(std::string(user) + "#")};
  return Id128{scope.hi, scope.lo + (slot + 1) * 0x9E3779B97F4A7C15ULL};
}

void write_client(ByteWriter& w, const ClientInfo& client) {
  w.text(client.program);
  w.text(client.host);
  w.text(client.window);
}

ClientInfo read_client(ByteReader& r) {
  ClientInfo client;
  client.program = r.text();
  client.host = r.text();
  client.window = r.text();
  return client;
}

void write_refusal(ByteWriter& w, const Refusal& refusal) {
  w.u8(static_cast<std::uint8_t>(refusal.code));
  w.text(refusal.detail);
  w.text(refusal.field);
  w.varint(refusal.conflicts_total);
  w.u8(refusal.deadlock ? 1 : 0);
  w.u8(refusal.ended ? 1 : 0);
  if (refusal.ended) {
    w.u8(static_cast<std::uint8_t>(refusal.ended->reason));
    w.i64(to_us(refusal.ended->at));
    w.text(refusal.ended->by);
  }
  w.text(refusal.stale_target);
  w.varint(refusal.known_version);
  w.varint(static_cast<std::uint64_t>(refusal.retry_after.count()));
}

Refusal read_refusal(ByteReader& r) {
  Refusal refusal;
  refusal.code = static_cast<Code>(r.u8());
  refusal.detail = r.text();
  refusal.field = r.text();
  refusal.conflicts_total = static_cast<std::uint32_t>(r.varint());
  refusal.deadlock = r.u8() != 0;
  if (r.u8() != 0) {
    EndedInfo ended;
    ended.reason = static_cast<EndReason>(r.u8());
    ended.at = wall_us(r.i64());
    ended.by = r.text();
    refusal.ended = ended;
  }
  refusal.stale_target = r.text();
  refusal.known_version = r.varint();
  refusal.retry_after = Millis(static_cast<std::int64_t>(r.varint()));
  return refusal;
}

// How a remembered answer lies in the journal. A refusal comes back without its list of conflicts.
enum class Kept : std::uint8_t {
  lock,
  lock_again,
  released,
  released_many,
  done,
  answered,
  refusal,
  session,
  grant,
  opened
};

}  // namespace

struct LockTree::State::Pending {
  struct Piece {  // of `bytes`
    std::size_t begin = 0;
    std::size_t size = 0;
  };
  using Map = boost::unordered_flat_map<Id128, Piece, IdHash>;
  Map sessions, grants, waits, ended, memory, versions, unheard, runs, stops;
  std::string bytes;  // the bodies, one behind the other: a million allocations would cost more than the work
  std::string_view operator()(const Piece& piece) const {
    return std::string_view(bytes).substr(piece.begin, piece.size);
  }
  std::string meta, image;
  std::map<Id128, Party> gone_parties;
};

// ---------------------------------------------------------------------------------------------- writing

void LockTree::State::put_meta() {
  meta_written = now();
  ChangeFrame frame(*journal, Entity::meta, 0, Id128{});
  frame->i64(to_us(now()));
  frame->u64(last_token);
  frame->varint(starts);
}

void LockTree::State::put_session(SessionIx index, Action action, bool fresh) {
  const SessionRec& session = sessions[index];
  ChangeFrame frame(*journal, Entity::session, fresh ? change_fresh : 0, session.id.value);
  write_stamp(*frame, stamp(action));
  frame->text(session.who->user);
  frame->text(session.who->user_name);
  write_client(*frame, session.who->client);
  frame->id(session.secret.value);
  frame->id(session.former.value);
  frame->varint(static_cast<std::uint64_t>(session.lease.count()));
  frame->u8(session.service ? 1 : 0);
  frame->i64(to_us(session.opened_at));
  frame->i64(to_us(session.last_activity));
  frame->varint(session.seq);
  if (session.attempt == 0 && session.between.empty()) return;
  frame->varint(session.attempt);
  frame->varint(session.between.size());
  for (const Secret& told : session.between) frame->id(told.value);
}

void LockTree::State::erase_session(SessionIx index, EndReason reason) {
  const SessionRec& session = sessions[index];
  {
    ChangeFrame frame(*journal, Entity::session, change_erase, session.id.value);
    write_stamp(*frame, stamp(Action::session_end));
    frame->text(session.who->user);
    frame->text(name_of(reason));
  }
  if (!session.memory) return;
  for (std::uint64_t slot = 0; slot < session.memory->ring.size(); ++slot) {
    ChangeFrame(*journal, Entity::memory, change_erase, memory_key(&session.id, {}, slot));
  }
}

void LockTree::State::write_grant_head(ByteWriter& w, const GrantRec& grant, std::string_view reason) const {
  const LockHead head{grant.mode, grant.kind, grant.who->session, grant.who->user, grant.token, {}, reason};
  write_lock_head(w, head, grant.targets,
                  [this](const TargetRec& target) -> std::string_view { return nodes[target.node].text; });
}

void LockTree::State::write_wait_head(ByteWriter& w, const WaitRec& wait, std::string_view reason) const {
  const Principal& who = *sessions[wait.session].who;
  const LockHead head{wait.mode, wait.kind, who.session, who.user, 0, {}, reason};
  write_lock_head(w, head, wait.targets, [](const Target& target) { return target.text(); });
}

void LockTree::State::put_grant(GrantIx index, Action action, bool fresh, std::span<const Target> dropped) {
  const GrantRec& grant = grants[index];
  ChangeFrame frame(*journal, Entity::grant, fresh ? change_fresh : 0, grant.lock.value);
  write_stamp(*frame, stamp(action));
  write_grant_head(*frame, grant, grant.texts ? std::string_view(grant.texts->reason) : std::string_view());
  for (const TargetRec& target : grant.targets) frame->varint(target.token == grant.token ? 0 : target.token);
  frame->varint(grant.holds);
  frame->i64(to_us(grant.acquired_at));
  frame->i64(to_us(grant.own_end));
  frame->i64(to_us(grant.max_end));
  frame->text(grant.texts ? std::string_view(grant.texts->owner) : std::string_view());
  frame->text(grant.texts ? std::string_view(grant.texts->label) : std::string_view());
  // An edit lock's holder is in its session; what can outlive a session brings its own.
  const bool own = grant.kind != Kind::edit;
  frame->u8(own ? 1 : 0);
  if (own) {
    frame->text(grant.who->user_name);
    write_client(*frame, grant.who->client);
  }
  if (dropped.empty()) return;
  frame->varint(dropped.size());  // for the audit trail, which says what a part was
  for (const Target& target : dropped) frame->text(target.text());
}

void LockTree::State::erase_grant(const GrantRec& grant, EndReason reason, std::string_view note) {
  ChangeFrame frame(*journal, Entity::grant, change_erase, grant.lock.value);
  write_stamp(*frame, stamp(Action::end));
  write_grant_head(*frame, grant, note);
  frame->u8(static_cast<std::uint8_t>(reason));
}

void LockTree::State::put_wait(WaitIx index, Action action, bool fresh) {
  const WaitRec& wait = waits[index];
  ChangeFrame frame(*journal, Entity::wait, fresh ? change_fresh : 0, wait.id.value);
  write_stamp(*frame, stamp(action));
  write_wait_head(*frame, wait, wait.ask ? wait.ask->message : wait.reason);
  frame->text(wait.owner);
  frame->text(wait.label);
  frame->text(wait.reason);
  frame->varint(static_cast<std::uint64_t>(wait.ttl.count()));
  frame->varint(wait.if_versions.size());
  for (const auto& [bill, version] : wait.if_versions) {
    frame->text(bill);
    frame->varint(version);
  }
  frame->i64(wait.order);
  frame->i64(to_us(wait.until));
  frame->i64(to_us(wait.since));
  frame->u8(wait.ask ? 1 : 0);
  if (!wait.ask) return;
  frame->id(wait.ask->lock.value);
  frame->text(wait.ask->message);
  frame->u8(static_cast<std::uint8_t>(wait.ask->state));
  frame->text(wait.ask->answer_reason);
  frame->i64(to_us(wait.ask->answer_by));
  frame->varint(wait.ask->asked.size());
  for (const std::string& user : wait.ask->asked) frame->text(user);
}

void LockTree::State::erase_wait(const WaitRec& wait) {
  ChangeFrame frame(*journal, Entity::wait, change_erase, wait.id.value);
  write_stamp(*frame, stamp(Action::unqueue));
  write_wait_head(*frame, wait, {});
  frame->u8(0);
}

void LockTree::State::put_ended(std::uint64_t number) {
  const std::uint64_t slot = number % limits().ended_grants_max;
  const EndedRec& e = ended[slot];
  ChangeFrame frame(*journal, Entity::ended, 0, Id128{0, slot});
  frame->varint(number);
  frame->id(e.lock.value);
  frame->id(e.session.value);
  frame->u8(static_cast<std::uint8_t>(e.reason));
  frame->i64(to_us(e.at));
  frame->i64(to_us(e.when));
  frame->u8(e.more ? 1 : 0);
  if (!e.more) return;
  frame->text(e.more->by);
  frame->text(e.more->owner);
  frame->id(e.more->became.value);
  frame->u8(e.more->wait ? 1 : 0);
}

void LockTree::State::put_memory(SessionIx session, std::string_view user, const Remembered& entry) {
  const SessionId* id = session == no_index ? nullptr : &sessions[session].id;
  const std::uint64_t slot = entry.number % limits().request_ids_per_session_max;
  ChangeFrame frame(*journal, Entity::memory, 0, memory_key(id, user, slot));
  frame->id(id == nullptr ? Id128{} : id->value);
  frame->text(id == nullptr ? user : std::string_view());
  frame->varint(entry.number);
  frame->u64(entry.fingerprint);
  frame->text(entry.request_id);
  frame->i64(to_us(entry.at));
  frame->id(entry.lock.value);
  const LockOutcome* answer = entry.answer.get();
  const auto kept = [&](Kept kind) { frame->u8(static_cast<std::uint8_t>(kind)); };
  if (const auto& released = entry.released) {
    kept(Kept::released);
    frame->u8(static_cast<std::uint8_t>((released->released ? 1 : 0) | (released->already ? 2 : 0)));
    frame->varint(released->holds);
  } else if (answer == nullptr) {
    kept(entry.again ? Kept::lock_again : Kept::lock);
  } else if (const auto* many = std::get_if<ReleasedMany>(answer)) {
    kept(Kept::released_many);
    frame->varint(many->released);
  } else if (const auto* answered = std::get_if<Answered>(answer)) {
    kept(Kept::answered);
    frame->u8(answered->granted ? 1 : 0);
  } else if (const auto* refusal = std::get_if<Refusal>(answer)) {
    kept(Kept::refusal);
    write_refusal(*frame, *refusal);
  } else if (const auto* opened = std::get_if<SessionOpened>(answer)) {
    kept(Kept::opened);
    frame->id(opened->session.value);
    frame->varint(static_cast<std::uint64_t>(opened->lease.count()));
    frame->i64(to_us(opened->expires_at));
    frame->varint(opened->seq);
  } else if (const auto* grant = std::get_if<Grant>(answer)) {
    kept(Kept::grant);
    frame->id(grant->lock.value);
  } else {
    kept(Kept::done);
  }
}

void LockTree::State::erase_user_memory(std::string_view user, const Memory& memory) {
  for (std::uint64_t slot = 0; slot < memory.ring.size(); ++slot) {
    ChangeFrame(*journal, Entity::memory, change_erase, memory_key(nullptr, user, slot));
  }
}

void LockTree::State::put_version(const std::string& bill, const KnownVersion& known, bool erase) {
  ChangeFrame frame(*journal, Entity::version, erase ? change_erase : 0,
                    Id128{TextHash{}(bill), TextHash{}(bill + "#")});
  if (erase) return;
  frame->text(bill);
  frame->varint(known.version);
  frame->i64(to_us(known.at));
  if (known.life != 0) frame->varint(known.life);  // of most bills there is but one, and it is not written
}

void LockTree::State::put_stops(const GrantRec& grant) {
  if (!grant.texts || (grant.texts->stops.empty() && grant.texts->rule.empty())) return;
  ChangeFrame frame(*journal, Entity::stops, change_fresh, grant.lock.value);
  frame->text(grant.texts->rule);
  frame->varint(grant.texts->stops.size());
  for (const std::string& action : grant.texts->stops) frame->text(action);
}

void LockTree::State::put_unheard(const LockId& wait, const Id128& node) {
  ChangeFrame(*journal, Entity::unheard, 0, wait.value)->id(node);
}

// ---------------------------------------------------------------------------------------------- the way back

bool LockTree::recover(std::string_view changes) {
  State& s = *state_;
  if (!s.pending) s.pending = std::make_shared<State::Pending>();
  State::Pending& p = *s.pending;
  while (!changes.empty()) {
    const auto change = take_change(changes);
    if (!change) return false;
    State::Pending::Map* map = nullptr;
    switch (change->header.entity) {
      case Entity::meta: p.meta = change->body; break;
      case Entity::session: map = &p.sessions; break;
      case Entity::grant: map = &p.grants; break;
      case Entity::wait: map = &p.waits; break;
      case Entity::ended: map = &p.ended; break;
      case Entity::memory: map = &p.memory; break;
      case Entity::version: map = &p.versions; break;
      case Entity::unheard: map = &p.unheard; break;
      case Entity::run: map = &p.runs; break;
      case Entity::stops: map = &p.stops; break;
      case Entity::note: break;
      case Entity::image: p.image = change->body; break;
      default: break;  // the status board's
    }
    if (map == nullptr) continue;
    if ((change->header.flags & change_erase) != 0) {
      map->erase(change->header.key);
    } else {
      (*map)[change->header.key] = {p.bytes.size(), change->body.size()};
      p.bytes += change->body;
    }
  }
  return true;
}

bool LockTree::recovered(Wall clock, Token token_floor) {
  State& s = *state_;
  if (!s.pending) s.pending = std::make_shared<State::Pending>();
  const std::shared_ptr<State::Pending> p = s.pending;
  std::vector<LockEvent> no_events;
  std::string no_journal;
  s.events = &no_events;
  s.journal = &no_journal;
  Instant latest{};
  if (!p->meta.empty()) {
    ByteReader r(p->meta);
    latest = instant_us(r.i64());
    s.last_token = r.u64();
    s.starts = r.varint() + (p->image.empty() ? 1 : 0);
    if (!r.ok()) return false;
  }
  if (p->image.empty()) {
    if (latest != Instant{}) s.clock.resume(latest);
    s.clock.advance(clock, s.limits().clock_step_max);
  } else if (!s.begin_image(p->image)) {
    return false;
  }
  s.meta_written = Instant{};  // the first change tells of this start

  for (const auto& [key, piece] : p->runs) {
    if (!s.runs.restore(key, (*p)(piece))) return false;
  }
  for (const auto& [key, piece] : p->sessions) {
    if (!s.restore_session(key, (*p)(piece))) return false;
  }
  // In token order, which all lists of grants are in.
  struct Found {
    Token token;
    Id128 key;
    State::Pending::Piece piece;
  };
  LockHead head;
  std::vector<Found> by_token;
  by_token.reserve(p->grants.size());
  for (const auto& [key, piece] : p->grants) {
    ByteReader r((*p)(piece));
    read_stamp(r);
    if (!read_lock_head(r, head)) return false;
    by_token.push_back({head.token, key, piece});
  }
  std::ranges::sort(by_token, {}, &Found::token);
  p->grants = {};
  s.grant_by_id.reserve(by_token.size());
  s.node_by_text.reserve(by_token.size());
  s.order.reserve(by_token.size());
  for (const Found& found : by_token) {
    if (!s.restore_grant(found.key, (*p)(found.piece))) return false;
  }
  std::vector<std::pair<Id128, WaitRec>> by_order;
  for (const auto& [key, piece] : p->waits) {
    auto wait = s.read_wait(key, (*p)(piece));
    if (!wait) return false;
    by_order.emplace_back(key, *std::move(wait));
  }
  std::ranges::sort(by_order, [](const auto& a, const auto& b) {
    return std::pair(a.second.order, a.first) < std::pair(b.second.order, b.first);
  });
  for (auto& [key, wait] : by_order) s.restore_wait(std::move(wait));
  if (!s.restore_ended() || !s.restore_memories() || !s.restore_versions()) return false;
  for (const auto& [key, piece] : p->unheard) {
    if (!s.restore_unheard(key, (*p)(piece))) return false;
  }
  for (const RunRecord* run = s.runs.after(0); run != nullptr; run = s.runs.after(run->number)) {
    if (!s.check_run(*run).empty()) return false;
  }
  s.moved.clear();
  s.woken.clear();
  s.last_token = std::max(s.last_token, token_floor);
  const bool exact = p->image.empty() || s.end_image(p->image);
  s.pending.reset();
  return exact;
}

bool LockTree::State::restore_session(const Id128& key, std::string_view body) {
  ByteReader r(body);
  read_stamp(r);
  Principal who;
  who.session.value = key;
  who.user = r.text();
  who.user_name = r.text();
  who.client = read_client(r);
  const SessionIx index = sessions.make();
  SessionRec& session = sessions[index];
  session.id.value = key;
  session.secret.value = r.id();
  session.former.value = r.id();
  session.lease = Millis(static_cast<std::int64_t>(r.varint()));
  session.service = r.u8() != 0;
  session.opened_at = wall_us(r.i64());
  r.i64();
  session.last_activity = now();  // heartbeats are not journaled: nobody is idle because we were down
  // What was pushed since the session was last written is not counted: each start numbers from 2^32 higher, so the
  // first push shows a gap and the client asks for the whole state. Nothing is pushed without a change, which
  // records the start.
  session.seq = std::max(r.varint() + 1, starts << 32);
  if (!r.at_end()) {
    session.attempt = r.varint();
    const std::uint64_t between = r.varint();
    for (std::uint64_t i = 0; i < between && r.ok(); ++i) session.between.push_back(Secret{r.id()});
  }
  if (!r.ok() || who.user.empty() || session.lease <= Millis(0)) return false;
  session.who = std::make_shared<const Principal>(std::move(who));
  session.party = next_party++;
  session.lease_end = now() + session.lease;
  session.birth = next_birth++;
  session.live = true;
  session_by_id.emplace(session.id, index);
  session_by_party.emplace(session.party, index);
  users[session.who->user].sessions.push_back(index);
  schedule_session(index);
  return true;
}

bool LockTree::State::read_stops(const Id128& key, GrantTexts& texts) const {
  const auto found = pending->stops.find(key);
  if (found == pending->stops.end()) return true;
  ByteReader r((*pending)(found->second));
  texts.rule = r.text();
  const std::uint64_t count = r.varint();
  for (std::uint64_t i = 0; i < count && r.ok(); ++i) texts.stops.emplace_back(r.text());
  return r.ok() && r.at_end() && std::ranges::is_sorted(texts.stops);
}

namespace {

// Nothing: one is malformed.
std::optional<std::vector<Target>> parsed(const std::vector<std::string_view>& texts) {
  std::vector<Target> targets;
  for (const std::string_view text : texts) {
    auto target = Target::parse(text);
    if (!target) return std::nullopt;
    targets.push_back(*std::move(target));
  }
  return targets;
}

}  // namespace

bool LockTree::State::restore_grant(const Id128& key, std::string_view body) {
  ByteReader r(body);
  read_stamp(r);
  LockHead head;
  if (!read_lock_head(r, head)) return false;
  const Kind kind = head.kind;
  const SessionId session_id = head.session;
  const std::string user(head.user);
  const Token token = head.token;
  const std::size_t count = head.targets.size();
  if (count == 0 || count > limits().targets_per_acquire_max || token == 0) return false;
  if (!order.empty() && order.back().first >= token) return false;  // two grants under one token
  const auto targets = parsed(head.targets);
  if (!targets) return false;
  GrantTexts texts;
  texts.reason = head.reason;
  std::vector<Token> tokens;
  tokens.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) tokens.push_back(r.varint());
  const auto holds = static_cast<std::uint32_t>(r.varint());
  const Wall acquired_at = wall_us(r.i64());
  const Instant own_end = instant_us(r.i64());
  const Instant max_end = instant_us(r.i64());
  texts.owner = r.text();
  texts.label = r.text();
  Principal who;
  if (r.u8() != 0) {
    who.user_name = r.text();
    who.client = read_client(r);
  }
  if (!r.ok() || holds == 0 || !read_stops(key, texts)) return false;
  const auto it = session_by_id.find(session_id);
  if (kind == Kind::edit && it == session_by_id.end()) return false;

  const GrantIx index = grants.make();
  GrantRec& grant = grants[index];
  grant.lock.value = key;
  grant.token = token;
  grant.kind = kind;
  grant.mode = head.mode;
  grant.holds = holds;
  grant.acquired_at = acquired_at;
  grant.own_end = own_end;
  grant.max_end = max_end;
  grant.birth = next_birth++;
  grant.live = true;
  Party alias = 0;
  if (it != session_by_id.end() && kind != Kind::hold) {
    grant.who = sessions[it->second].who;
    grant.party = sessions[it->second].party;
  } else {
    who.session = session_id;
    who.user = user;
    grant.who = std::make_shared<const Principal>(std::move(who));
    Party& party = pending->gone_parties[session_id.value];  // of temporaries whose session is gone: still one party
    if (party == 0) party = next_party++;
    grant.party = party;
  }
  if (!texts.owner.empty()) {
    const OwnerParties& owner = use_owner(texts.owner);
    if (kind == Kind::hold) {
      grant.party = owner.hold;
    } else {
      alias = owner.alias;
    }
  }
  if (!texts.stops.empty()) alias = use_stops(texts.stops).alias;
  if (!texts.owner.empty() || !texts.label.empty() || !texts.reason.empty())
    grant.texts = std::make_unique<GrantTexts>(std::move(texts));
  for (std::uint64_t i = 0; i < count; ++i) {
    const NodeIx node = touch((*targets)[i]);
    grant.targets.push_back(TargetRec{node, tokens[i] == 0 ? token : tokens[i]});
    hold_claims(node, head.mode, grant.party, alias);
    nodes[node].direct.push_back(index);
  }
  grant_by_id.emplace(grant.lock, index);
  grant.session = no_index;
  if (kind != Kind::hold && it != session_by_id.end()) link_to_session(index, it->second);
  schedule_grant(index, true);
  order_append(index);
  last_token = std::max(last_token, token);
  return true;
}

std::optional<WaitRec> LockTree::State::read_wait(const Id128& key, std::string_view body) const {
  ByteReader r(body);
  read_stamp(r);
  LockHead head;
  if (!read_lock_head(r, head)) return std::nullopt;
  const auto session = session_by_id.find(head.session);
  if (session == session_by_id.end() || head.targets.empty() || head.targets.size() > limits().targets_per_wait_max)
    return std::nullopt;
  WaitRec wait;
  wait.id.value = key;
  wait.mode = head.mode;
  wait.kind = head.kind;
  wait.session = session->second;
  for (const std::string_view text : head.targets) {
    auto target = Target::parse(text);
    if (!target) return std::nullopt;
    wait.targets.push_back(std::move(*target));
  }
  wait.owner = r.text();
  wait.label = r.text();
  wait.reason = r.text();
  wait.ttl = Millis(static_cast<std::int64_t>(r.varint()));
  const std::uint64_t versions_count = r.varint();
  for (std::uint64_t i = 0; i < versions_count && r.ok(); ++i) {
    const std::string bill(r.text());
    wait.if_versions[bill] = r.varint();
  }
  wait.order = r.i64();
  wait.until = instant_us(r.i64());
  wait.since = wall_us(r.i64());
  if (r.u8() != 0) {
    wait.ask = std::make_unique<AskRec>();
    wait.ask->lock.value = r.id();
    wait.ask->message = r.text();
    wait.ask->state = static_cast<AskState>(r.u8());
    wait.ask->answer_reason = r.text();
    wait.ask->answer_by = instant_us(r.i64());
    const std::uint64_t asked = r.varint();
    for (std::uint64_t i = 0; i < asked && r.ok(); ++i) wait.ask->asked.emplace_back(r.text());
    if (wait.ask->state > AskState::unanswered) return std::nullopt;
  }
  if (!r.ok()) return std::nullopt;
  return wait;
}

void LockTree::State::restore_wait(WaitRec&& restored) {
  const WaitIx index = waits.make();
  WaitRec& wait = waits[index];
  wait = std::move(restored);
  wait.birth = next_birth++;
  wait.live = true;
  join_owner(index);
  next_order = std::max(next_order, wait.order + 1);
  front_order = std::min(front_order, wait.order - 1);
  insert_in_queue(index);
  wait.told = wait.position;
  sessions[wait.session].waits.push_back(index);
  wait_by_id.emplace(wait.id, index);
  schedule(wait.until, Due::wait, index, wait.birth, wait.due_stamp);
  if (wait.ask) {
    for (const std::string& user : wait.ask->asked) users[user].asked.push_back(index);
    if (wait.ask->answer_by != Instant::max())
      schedule(wait.ask->answer_by, Due::ask, index, wait.birth, wait.ask->due_stamp);
  }
}

bool LockTree::State::restore_unheard(const Id128& key, std::string_view body) {
  ByteReader r(body);
  unheard.emplace(LockId{key}, r.id());
  return r.at_end();
}

bool LockTree::State::restore_ended() {
  const Instant oldest = now() - limits().memory_age_max;
  std::vector<std::pair<std::uint64_t, EndedRec>> all_ended;
  for (const auto& [key, piece] : pending->ended) {
    ByteReader r((*pending)(piece));
    const std::uint64_t number = r.varint();
    EndedRec e;
    e.lock.value = r.id();
    e.session.value = r.id();
    e.reason = static_cast<EndReason>(r.u8());
    e.at = wall_us(r.i64());
    e.when = instant_us(r.i64());
    if (r.u8() != 0) {
      EndedRec::More more;
      more.by = r.text();
      more.owner = r.text();
      more.became.value = r.id();
      more.wait = r.u8() != 0;
      e.more = std::make_unique<const EndedRec::More>(std::move(more));
    }
    if (!r.ok() || e.reason > EndReason::engine_lost) return false;
    ended_next = std::max(ended_next, number + 1);
    if (e.when >= oldest) all_ended.emplace_back(number, std::move(e));
  }
  std::ranges::sort(all_ended, {}, [](const auto& entry) { return entry.first; });
  ended_oldest = all_ended.empty() ? ended_next : all_ended.front().first;
  ended.resize(std::min<std::uint64_t>(ended_next, limits().ended_grants_max));
  for (auto& [number, e] : all_ended) {
    if (ended_next - number > limits().ended_grants_max) return false;
    ended_by_id[e.lock] = number;
    ended[number % limits().ended_grants_max] = std::move(e);
  }
  return true;
}

// What is kept of one answer, behind its number. `gone`: what it told of is not there any more.
LockTree::State::Read LockTree::State::read_answer(ByteReader& r, Remembered& m) const {
  switch (static_cast<Kept>(r.u8())) {
    case Kept::lock: break;
    case Kept::lock_again: m.again = true; break;
    case Kept::released: {
      const std::uint8_t bits = r.u8();
      m.released = Released{(bits & 1) != 0, static_cast<std::uint32_t>(r.varint()), (bits & 2) != 0};
      break;
    }
    case Kept::released_many:
      m.answer = std::make_unique<LockOutcome>(ReleasedMany{static_cast<std::uint32_t>(r.varint())});
      break;
    case Kept::done: m.answer = std::make_unique<LockOutcome>(Done{}); break;
    case Kept::answered: m.answer = std::make_unique<LockOutcome>(Answered{r.u8() != 0}); break;
    case Kept::refusal: m.answer = std::make_unique<LockOutcome>(read_refusal(r)); break;
    case Kept::session: {
      const auto it = session_by_id.find(SessionId{r.id()});
      if (it == session_by_id.end()) return Read::gone;
      const SessionRec& opened = sessions[it->second];
      m.answer = std::make_unique<LockOutcome>(
          SessionOpened{opened.id, opened.lease, clock.wall_of(opened.lease_end), opened.seq});
      break;
    }
    case Kept::opened: {
      SessionOpened opened;
      opened.session.value = r.id();
      opened.lease = Millis(static_cast<std::int64_t>(r.varint()));
      opened.expires_at = wall_us(r.i64());
      opened.seq = r.varint();
      m.answer = std::make_unique<LockOutcome>(opened);
      break;
    }
    case Kept::grant: {
      m.lock.value = r.id();
      const auto it = grant_by_id.find(m.lock);
      if (it != grant_by_id.end()) m.answer = std::make_unique<LockOutcome>(grant_value(it->second));
      break;
    }
    default: return Read::malformed;
  }
  return r.ok() ? Read::whole : Read::malformed;
}

bool LockTree::State::restore_memories() {
  const Instant oldest = now() - limits().memory_age_max;
  for (const auto& [key, piece] : pending->memory) {
    ByteReader r((*pending)(piece));
    const SessionId session{r.id()};
    const std::string user(r.text());
    Remembered m;
    m.used = true;
    m.number = r.varint();
    m.fingerprint = r.u64();
    m.request_id = r.text();
    m.at = instant_us(r.i64());
    m.lock.value = r.id();
    const Read read = read_answer(r, m);
    if (read == Read::malformed) return false;
    if (read == Read::gone) continue;
    Memory* memory = nullptr;
    if (!session.is_nil()) {
      const auto it = session_by_id.find(session);
      if (it == session_by_id.end()) continue;
      auto& slot = sessions[it->second].memory;
      if (!slot) slot = std::make_unique<Memory>();
      memory = slot.get();
    } else {
      if (m.at < oldest) continue;
      auto& slot = users[user].memory;
      if (!slot) slot = std::make_unique<Memory>();
      memory = slot.get();
      user_memory_age.emplace_back(m.at, user);
    }
    memory->next = std::max(memory->next, m.number + 1);
    memory->place(m.number, limits().request_ids_per_session_max, TextHash{}(m.request_id)) = std::move(m);
  }
  std::ranges::sort(user_memory_age);
  return true;
}

bool LockTree::State::restore_versions() {
  for (const auto& [key, piece] : pending->versions) {
    ByteReader r((*pending)(piece));
    const std::string bill(r.text());
    const std::uint64_t version = r.varint();
    const Instant at_instant = instant_us(r.i64());
    const std::uint64_t life = r.at_end() ? 0 : r.varint();
    if (!r.ok()) return false;
    versions[bill] = KnownVersion{version, at_instant, life};
    version_age.emplace_back(at_instant, bill);
  }
  std::ranges::sort(version_age);
  return true;
}

}  // namespace hf
