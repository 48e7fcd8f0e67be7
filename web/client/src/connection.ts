// Connection speaks Holdfast's protocol over one WebSocket that it keeps open (docs/protocol.md, "WebSocket").
//
// Promises:
//   1. after every drop it connects again, resumes its sessions, watches what they watched, and repeats what was not
//      answered, by the same request id;
//   2. a session's deadline is by when its newest acknowledged renewal was sent (session.ts);
//   3. a push that was missed is noticed by its number, and the session's whole state is told instead;
//   4. each call ends once, with an answer or a refusal, and nothing is thrown for what a server says.
//
// Messages are handled in the order in which they came, deflated ones among them.

import { Emitter } from "./emitter.ts";
import { readFrame } from "./frame.ts";
import { isObject, isWhole, type JsonObject, parseJson } from "./json.ts";
import type { Answers, Client, Event, Op, Operations, Pushes, Session as SessionState } from "./messages.ts";
import { type CallOp, isOfSession } from "./operations.ts";
import { answered, isPassing, type Outcome, ownRefusal, type Refusal, readRefusal, refused } from "./refusal.ts";
import { type RequestOptions, Requests } from "./requests.ts";
import { type Credentials, type SessionEvent, SessionHandle, type SessionHost } from "./session.ts";
import { platform, type Socket, type Surroundings, type WebSocketConstructor } from "./surroundings.ts";

const protocol = "holdfast.v1.json";
const dialMs = 5_000; // to connect; again for hello
const silenceMs = 15_000; // without a message the link counts as dead: pings come each 10 s
const backoffBaseMs = 1_000;
const backoffMaxMs = 30_000;
const pongsKept = 64;
const targetsPerWatch = 200;

export interface ConnectionOptions {
  url: string; // http, https, ws or wss; a path before /v1 is kept. In a browser: location.origin
  // Who this is; a function is asked before each connect, and when the server wants a fresh one. Without it the browser's
  // cookie counts.
  token?: string | (() => string | Promise<string>);
  client?: Client; // where the session runs, shown to people
  leaseMs?: number; // 10 s to 30 min; 30 s
  deadlineMs?: number; // of each call, all repeats included; 10 s
  resume?: Credentials; // a session of an earlier connection
  webSocket?: WebSocketConstructor; // where the platform has none (Node 20): that of the package ws
  surroundings?: Surroundings; // for tests
}

// Times are milliseconds since 1970, for people.
export type LinkState =
  | { state: "offline"; since: number; why?: Refusal; retryAt?: number }
  | { state: "online"; since: number; node: string; rights: string[] }
  | { state: "closed"; since: number; why: Refusal };

export interface ConnectionEvents extends Record<string, unknown> {
  link: LinkState;
  session: SessionEvent;
  push: Pushes[Event];
}

type Phase = "idle" | "waiting" | "token" | "dialing" | "hello" | "ready" | "closed";
type Done = (outcome: Outcome<unknown>, sentAt: number) => void;

export class Connection implements SessionHost {
  readonly surroundings: Surroundings;
  readonly #options: ConnectionOptions;
  readonly #url: string;
  readonly #requests: Requests;
  readonly #events = new Emitter<ConnectionEvents>();
  readonly #sessions = new Map<string, SessionHandle>();
  #main: SessionHandle | undefined; // the hello's
  #phase: Phase = "idle";
  #link: LinkState;
  #turn = 0; // of connecting: what an earlier one still brings is ignored
  #socket: Socket | undefined;
  #cancelTimer = () => {};
  #attempts = 0; // since the last welcome
  #identityFailures = 0;
  #hello = { id: "", sentAt: 0, requestId: "" };
  readonly #hellos = new Map<string, { session: SessionHandle; sentAt: number }>(); // of the other sessions
  readonly #pongs = new Map<number, { sentAt: number; sessions: SessionHandle[] }>();
  readonly #asking = new Set<SessionHandle>(); // their state
  #heardAt = 0;
  #drainMs: number | undefined;
  #inbox: Promise<void> | undefined; // while a deflated message is being read

  // Throws a TypeError for a url that is none, and without a WebSocket.
  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.surroundings = options.surroundings ?? platform(options.webSocket);
    this.#url = `${options.url.replace(/^http/, "ws").replace(/\/+$/, "")}/v1/ws`;
    new URL(this.#url);
    this.#requests = new Requests(this.surroundings, (text) => this.#socket?.send(text));
    this.#link = { state: "offline", since: this.surroundings.wall() };
    if (options.resume !== undefined) {
      this.#main = new SessionHandle(this, options.resume, options.leaseMs ?? 30_000, options.client);
      this.#sessions.set(this.#main.id, this.#main);
    }
  }

  // Begins to connect, and goes on until close(), also after a refused identity: then it tries once more.
  connect(): void {
    if (this.#phase === "closed" && this.#link.state === "closed" && this.#link.why.code === "unauthenticated") {
      this.#show({ state: "offline", since: this.surroundings.wall() });
      this.#phase = "idle";
    }
    if (this.#phase === "idle") void this.#begin();
  }

  on<E extends "link" | "session" | "push">(event: E, listener: (value: ConnectionEvents[E]) => void): () => void {
    return this.#events.on(event, listener);
  }
  onPush<E extends Event>(event: E, listener: (push: Pushes[E]) => void): () => void {
    return this.on("push", (push) => {
      if (push.event === event) listener(push as Pushes[E]);
    });
  }

  get link(): LinkState {
    return this.#link;
  }
  // When the newest message came; 0: none so far.
  get heardAt(): number {
    return this.#heardAt;
  }
  // The hello's; undefined until the first welcome.
  get session(): SessionHandle | undefined {
    return this.#main;
  }
  get sessions(): SessionHandle[] {
    return [...this.#sessions.values()];
  }

  // Asks the server. Waits for a connection if there is none; ends by its deadline: `unavailable` if nothing was sent,
  // else `unknown_outcome`.
  call<O extends CallOp>(
    op: O,
    fields: Operations[O],
    options: RequestOptions = {},
    session?: SessionHandle,
  ): Promise<Outcome<Answers[O]>> {
    return new Promise((resolve) => {
      this.request(op, fields, options, (outcome) => resolve(outcome as Outcome<Answers[O]>), session);
    });
  }

  // As call(); `done` runs before the next message is handled.
  request<O extends CallOp>(
    op: O,
    fields: Operations[O],
    options: RequestOptions,
    done: Done,
    session?: SessionHandle,
  ): void {
    const named = session !== undefined && isOfSession(op) ? { session: session.id, ...fields } : fields;
    this.#submit(op, named, options, (outcome, sentAt) => {
      const own = session ?? this.#main;
      if (outcome.ok && own !== undefined) this.#carriedOut(op, fields, own);
      done(outcome, sentAt);
    });
  }

  // Another session on this connection: one for each window.
  openSession(options: { client?: Client; leaseMs?: number } = {}): Promise<Outcome<SessionHandle>> {
    const fields: Operations["session.open"] = { lease_ms: options.leaseMs ?? this.#options.leaseMs ?? 30_000 };
    if (options.client !== undefined) fields.client = options.client;
    return new Promise((resolve) => {
      this.#submit("session.open", fields, {}, (outcome, sentAt) => {
        if (!outcome.ok) return resolve(outcome);
        const { session: id, secret, lease_ms, seq } = outcome.value as Answers["session.open"];
        const session = new SessionHandle(this, { session: id, secret, attempt: 0 }, lease_ms, options.client);
        session.welcomed(secret, seq, lease_ms);
        session.renewed(sentAt);
        this.#sessions.set(id, session);
        this.#tell({ what: "opened", session });
        resolve(answered(session));
      });
    });
  }

  // Leaves: the sessions live on until their leases end, and can be resumed by their credentials.
  close(): void {
    this.#stop(ownRefusal("session_gone", "This connection was closed."));
  }
  // Ends the sessions, and with them their locks, and closes.
  end(): void {
    const ready = this.#phase === "ready";
    for (const session of this.#sessions.values()) {
      if (ready && session.carried) this.#say({ id: this.#requests.freshId(), op: "session.end", session: session.id });
    }
    this.close();
  }

  // ------------------------------------------------------------------------------------------------ connecting

  async #begin(): Promise<void> {
    const turn = ++this.#turn;
    this.#phase = "token";
    const token = await this.#token();
    if (turn !== this.#turn) return;
    if (token.ok) this.#dial(turn, token.value);
    else this.#lost(token.refusal, 0);
  }

  // Undefined: the cookie counts.
  async #token(): Promise<Outcome<string | undefined>> {
    const { token } = this.#options;
    if (typeof token !== "function") return answered(token);
    try {
      return answered(await token());
    } catch {
      return refused(ownRefusal("unavailable", "No token could be had."));
    }
  }

  #dial(turn: number, token: string | undefined): void {
    this.#phase = "dialing";
    this.#lateAfter(dialMs, "The server cannot be reached: connecting timed out.");
    const mine = () => turn === this.#turn;
    this.#socket = this.surroundings.open(this.#url, protocol, {
      opened: () => {
        if (mine()) this.#sayHello(token);
      },
      message: (data) => this.#received(data, mine),
      closed: (code, reason) => {
        // What came before the close is handled before it.
        if (this.#inbox === undefined) {
          if (mine()) this.#closed(code, reason);
        } else {
          void this.#inbox.then(() => mine() && this.#closed(code, reason));
        }
      },
    });
  }

  #sayHello(token: string | undefined): void {
    this.#phase = "hello";
    this.#lateAfter(dialMs, "The server did not answer hello.");
    const id = this.#requests.freshId();
    this.#hello = { id, sentAt: this.surroundings.now(), requestId: this.#hello.requestId };
    if (this.#main === undefined) this.#hello.requestId ||= id;
    const who = this.#main?.nextAttempt() ?? { request_id: this.#hello.requestId };
    const { client, leaseMs } = this.#options;
    this.#say({ id, op: "hello", token, client, lease_ms: leaseMs, ...who });
  }

  #lost(why: Refusal, least: number): void {
    this.#leave();
    this.#phase = "waiting";
    this.#requests.lost(why);
    const span = Math.min(backoffMaxMs, backoffBaseMs * 2 ** Math.min(this.#attempts++, 10));
    const wait = Math.max(least, this.surroundings.random() * (this.#drainMs ?? span));
    this.#drainMs = undefined;
    this.#cancelTimer = this.surroundings.after(wait, () => void this.#begin());
    const now = this.surroundings.wall();
    const since = this.#link.state === "offline" ? this.#link.since : now;
    this.#show({ state: "offline", since, why, retryAt: now + wait });
  }

  // The link is left, whatever it still brings.
  #leave(): void {
    ++this.#turn;
    this.#cancelTimer();
    this.#socket?.close();
    this.#socket = undefined;
    this.#inbox = undefined;
    this.#pongs.clear();
    this.#hellos.clear();
    this.#asking.clear();
    for (const session of this.#sessions.values()) session.carried = false;
  }

  #stop(why: Refusal): void {
    if (this.#phase === "closed") return;
    this.#leave();
    this.#phase = "closed";
    this.#requests.end(why);
    this.#show({ state: "closed", since: this.surroundings.wall(), why });
    // Whoever signs in again finds his sessions.
    if (why.code !== "unauthenticated") for (const session of this.sessions) this.#endSession(session, "closed");
  }

  #lateAfter(ms: number, sentence: string): void {
    this.#cancelTimer();
    this.#cancelTimer = this.surroundings.after(ms, () => this.#lost(ownRefusal("unavailable", sentence), 0));
  }

  #closed(code: number, reason: string): void {
    if (code === 4001) return this.#stop(ownRefusal("session_gone", "Another window has taken this session over."));
    if (code === 4002) return this.#refuseIdentity(ownRefusal("unauthenticated", reason || "Sign in again."));
    if (code === 1012) {
      const retry = /retry_ms=(\d+)/.exec(reason)?.[1];
      if (retry !== undefined) this.#drainMs = Number(retry);
      return this.#lost(ownRefusal("draining", "The server is stopping, and another one takes over."), 0);
    }
    const least = code === 4004 ? backoffMaxMs / 2 : 0;
    this.#lost(ownRefusal("unavailable", reason || "The connection was closed."), least);
  }

  // The first refusal may be of an expired token: a fresh one is worth one more try.
  #refuseIdentity(why: Refusal): void {
    if (typeof this.#options.token === "function" && this.#identityFailures++ === 0) this.#lost(why, 0);
    else this.#stop(why);
  }

  // ------------------------------------------------------------------------------------------------ messages

  #say(message: object): void {
    this.#socket?.send(JSON.stringify(message));
  }

  #submit(op: Op, fields: object, options: RequestOptions, done: Done): void {
    if (this.#phase === "closed" && this.#link.state === "closed") return done(refused(this.#link.why), 0);
    const deadlineMs = options.deadlineMs ?? this.#options.deadlineMs ?? 10_000;
    this.#requests.submit(op, fields, { deadlineMs, ofLink: options.ofLink ?? false }, done);
  }

  #received(data: string | Uint8Array, mine: () => boolean): void {
    if (this.#inbox === undefined && typeof data === "string") {
      if (mine()) this.#message(data);
      return;
    }
    const inbox = (this.#inbox ?? Promise.resolve())
      .then(() => (typeof data === "string" ? data : readFrame(data)))
      .then(
        (text) => mine() && this.#message(text),
        (error) => mine() && this.#lost(ownRefusal("unavailable", `The server speaks another protocol: ${error}.`), 0),
      )
      .then(() => {
        if (this.#inbox === inbox) this.#inbox = undefined;
      });
    this.#inbox = inbox;
  }

  #message(text: string): void {
    let message: unknown;
    try {
      message = parseJson(text);
    } catch {
      message = undefined;
    }
    if (!isObject(message) || !isReadable(message)) {
      this.#lost(ownRefusal("unavailable", "The server speaks another protocol."), 0);
      return;
    }
    this.#heardAt = this.surroundings.wall();
    if (this.#phase === "ready") this.#lateAfter(silenceMs, "The server has gone silent.");
    if (typeof message.event === "string") return this.#pushed(message as unknown as Pushes[Event]);
    const { id } = message;
    const outcome = "error" in message ? refused(readRefusal(message.error)) : answered(message.ok);
    if (this.#phase === "hello" && !outcome.ok && (id === this.#hello.id || id === null)) {
      return this.#helloRefused(outcome.refusal);
    }
    const resumed = this.#hellos.get(id as string);
    if (resumed !== undefined && !outcome.ok)
      return this.#resumeRefused(id as string, resumed.session, outcome.refusal);
    const abandoned = this.#requests.answer(id, outcome);
    if (abandoned !== undefined && outcome.ok) this.#giveBack(abandoned, outcome.value);
  }

  // What nobody waits for any more: a lock is released, a wait cancelled, a session ended.
  #giveBack(op: Op, value: unknown): void {
    if (!isObject(value)) return;
    const { lock, session } = value;
    const wait = isObject(value.queued) ? value.queued.wait : value.wait;
    const ignored = () => undefined;
    if (op === "session.open") this.#submit("session.end", { session }, { ofLink: true }, ignored);
    if (op !== "lock.acquire" && op !== "lock.request") return;
    if (wait !== undefined) this.#submit("lock.cancel_wait", { wait }, { ofLink: true }, ignored);
    else if (lock !== undefined) this.#submit("lock.release", { lock, session }, { ofLink: true }, ignored);
  }

  #helloRefused(why: Refusal): void {
    if (!isPassing(why.code)) this.#hello.requestId = "";
    if (why.code === "session_gone" && this.#main !== undefined) {
      this.#endSession(this.#main, "expired");
      void this.#helloAnew();
    } else if (why.code === "unauthenticated") {
      this.#refuseIdentity(why);
    } else if (isPassing(why.code) || why.code === "session_gone") {
      this.#lost(why, why.retry_after_ms ?? 0);
    } else {
      this.#stop(why);
    }
  }

  // On the same connection, which knows who we are by the first hello's token or the cookie.
  async #helloAnew(): Promise<void> {
    const turn = this.#turn;
    const token = await this.#token();
    if (turn !== this.#turn) return;
    if (token.ok) this.#sayHello(token.value);
    else this.#lost(token.refusal, 0);
  }

  #resume(session: SessionHandle): void {
    const id = this.#requests.freshId();
    this.#hellos.set(id, { session, sentAt: this.surroundings.now() });
    this.#say({ id, op: "hello", ...session.nextAttempt() });
  }

  #resumeRefused(id: string, session: SessionHandle, why: Refusal): void {
    this.#hellos.delete(id);
    if (!isPassing(why.code)) return this.#endSession(session, why.code === "session_gone" ? "expired" : why.code);
    const turn = this.#turn;
    const wait = Math.max(why.retry_after_ms ?? 0, this.surroundings.random() * backoffBaseMs);
    this.surroundings.after(wait, () => {
      if (turn === this.#turn && session.ended === undefined) this.#resume(session);
    });
  }

  #welcome(told: Pushes["welcome"]): void {
    const hello = [...this.#hellos].find(([, { session }]) => session.id === told.session);
    if (this.#phase !== "hello") {
      if (hello === undefined) return;
      this.#hellos.delete(hello[0]);
      this.#back(hello[1].session, told, hello[1].sentAt);
      return;
    }
    const former = this.#main;
    if (former !== undefined && former.id !== told.session) this.#endSession(former, "expired");
    const credentials = { session: told.session, secret: told.secret, attempt: 0 };
    const session = this.#main ?? new SessionHandle(this, credentials, told.lease_ms, this.#options.client);
    this.#main = session;
    this.#sessions.set(session.id, session);
    this.#hello.requestId = "";
    this.#attempts = this.#identityFailures = 0;
    this.#drainMs = undefined;
    this.#phase = "ready";
    this.#lateAfter(silenceMs, "The server has gone silent.");
    this.#requests.opened();
    this.#show({ state: "online", since: this.surroundings.wall(), node: told.node, rights: told.rights });
    this.#back(session, told, this.#hello.sentAt);
    for (const other of this.#sessions.values()) if (other !== session && !other.carried) this.#resume(other);
  }

  #back(session: SessionHandle, told: Pushes["welcome"], sentAt: number): void {
    session.welcomed(told.secret, told.seq, told.lease_ms);
    session.renewed(sentAt);
    this.#tell({ what: told.resumed ? "resumed" : "opened", session });
    const watched = [...session.watched];
    for (let i = 0; i < watched.length; i += targetsPerWatch) {
      const targets = watched.slice(i, i + targetsPerWatch);
      this.#submit("watch", { targets, session: session.id, again: true }, { ofLink: true }, () => undefined);
    }
    if (!told.resumed) return;
    if (told.state !== undefined) this.#tell({ what: "state", session, state: told.state });
    else this.#askState(session);
  }

  // ------------------------------------------------------------------------------------------------ pushes

  #pushed(push: Pushes[Event]): void {
    if (push.event === "welcome") return this.#welcome(push);
    if (this.#phase !== "ready") return;
    const session = "session" in push ? this.#sessions.get(push.session) : undefined;
    if (session !== undefined && "seq" in push && typeof push.seq === "number") this.#saw(session, push.seq);
    if (push.event === "ping") return this.#pong(push);
    if (push.event === "drain") this.#drainMs = push.retry_ms;
    if (push.event === "auth.required" && typeof this.#options.token === "function") void this.#renewIdentity();
    if (push.event === "session.state" && session !== undefined) this.#tell({ what: "state", session, state: push });
    this.#events.emit("push", push);
    if (push.event === "session.ended" && session !== undefined) {
      const main = session === this.#main;
      this.#endSession(session, push.reason);
      if (main) this.#lost(ownRefusal("session_gone", "The server ended the session."), 0);
    }
  }

  #pong(ping: Pushes["ping"]): void {
    const acked = this.#pongs.get(ping.acked);
    for (const session of acked?.sessions ?? []) session.renewed(acked?.sentAt ?? 0);
    for (const n of [...this.#pongs.keys()]) {
      if (n <= ping.acked || this.#pongs.size >= pongsKept) this.#pongs.delete(n);
    }
    const sessions = this.sessions.filter(({ carried }) => carried);
    this.#pongs.set(ping.n, { sentAt: this.surroundings.now(), sessions });
    const idle = Object.fromEntries(sessions.map((one) => [one.id, Math.max(0, Math.round(one.idleMs()))]));
    this.#say({ op: "pong", n: ping.n, idle_ms: idle });
    for (const [id, seq] of Object.entries(ping.seq ?? {})) {
      const session = this.#sessions.get(id);
      if (session === undefined || seq <= session.seq) continue;
      session.seq = seq;
      this.#askState(session);
    }
  }

  // A push with this number came: if it is not the next, something was missed.
  #saw(session: SessionHandle, seq: number): void {
    if (seq > session.seq + 1) this.#askState(session);
    session.seq = Math.max(session.seq, seq);
  }

  // The session's state, page by page.
  #askState(session: SessionHandle): void {
    if (this.#asking.has(session)) return;
    this.#asking.add(session);
    let whole: SessionState | undefined;
    const ask = (next?: string) => {
      const fields = { session: session.id, limit: 500, ...(next === undefined ? {} : { next }) };
      this.#submit("session.state", fields, { ofLink: true }, (outcome) => {
        if (!outcome.ok) return void this.#asking.delete(session);
        const { next: more, ...page } = outcome.value as SessionState;
        whole =
          whole === undefined
            ? page
            : {
                ...page,
                locks: [...whole.locks, ...page.locks],
                waits: [...whole.waits, ...page.waits],
                requests: [...whole.requests, ...page.requests],
              };
        if (more !== undefined) return ask(more);
        this.#asking.delete(session);
        this.#tell({ what: "state", session, state: whole });
      });
    };
    ask();
  }

  async #renewIdentity(): Promise<void> {
    const turn = this.#turn;
    const token = await this.#token();
    if (turn === this.#turn && token.ok && token.value !== undefined) await this.authenticate(token.value);
  }

  // Renews the identity in place; the rights that it has now.
  authenticate(token: string): Promise<Outcome<Answers["auth"]>> {
    return new Promise((resolve) => {
      this.#submit("auth", { token }, { ofLink: true }, (outcome) => {
        if (outcome.ok && this.#link.state === "online") {
          this.#show({ ...this.#link, rights: (outcome.value as Answers["auth"]).rights });
        }
        resolve(outcome as Outcome<Answers["auth"]>);
      });
    });
  }

  // ------------------------------------------------------------------------------------------------ sessions

  renew(session: SessionHandle): void {
    if (!session.carried) return;
    const fields = { session: session.id, idle_ms: Math.max(0, Math.round(session.idleMs())) };
    this.#submit("session.heartbeat", fields, { ofLink: true }, (outcome, sentAt) => {
      if (outcome.ok) session.renewed(sentAt);
    });
  }
  over(session: SessionHandle): void {
    this.#tell({ what: "lease_over", session });
  }

  #carriedOut(op: CallOp, fields: object, session: SessionHandle): void {
    const targets = "targets" in fields && Array.isArray(fields.targets) ? (fields.targets as string[]) : [];
    if (op === "watch") for (const target of targets) session.watched.add(target);
    if (op === "unwatch") for (const target of targets) session.watched.delete(target);
    if (op !== "session.end") return;
    const named = "session" in fields ? this.#sessions.get(fields.session as string) : session;
    if (named !== undefined) this.#endSession(named, "session_ended");
  }

  #endSession(session: SessionHandle, reason: string): void {
    if (session.ended !== undefined) return;
    session.end(reason);
    this.#sessions.delete(session.id);
    if (this.#main === session) this.#main = undefined;
    this.#tell({ what: "ended", session, reason });
  }

  #tell(event: SessionEvent): void {
    this.#events.emit("session", event);
  }
  #show(link: LinkState): void {
    this.#link = link;
    this.#events.emit("link", link);
  }
}

// What the connection itself goes by must be there.
function isReadable(message: JsonObject): boolean {
  switch (message.event) {
    case "welcome":
      return typeof message.session === "string" && typeof message.secret === "string" && isWhole(message.lease_ms);
    case "ping":
      return isWhole(message.n) && isWhole(message.acked);
    case undefined:
      return "ok" in message || "error" in message;
    default:
      return true;
  }
}
