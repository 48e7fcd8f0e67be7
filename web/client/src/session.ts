// A session: who edits, and the lease that its locks live by. A connection carries one or more of them, in a browser one
// for each window.
//
// The lease's deadline is when the newest acknowledged renewal was *sent*, plus the lease - 2 % - 500 ms, by a clock that
// never goes back. When it has passed the session's locks count as lost, whatever the server may still say.

import type { Answers, Client, Operations, Session as SessionState } from "./messages.ts";
import type { CallOp } from "./operations.ts";
import type { Outcome } from "./refusal.ts";
import type { RequestOptions } from "./requests.ts";
import type { Surroundings } from "./surroundings.ts";

// By which a session is resumed, also by another program or after a reload. New after every welcome, and a secret.
export interface Credentials {
  session: string;
  secret: string;
  attempt: number;
}

export type SessionEvent =
  | { what: "opened"; session: SessionHandle }
  // Back on a connection; its whole state follows as "state".
  | { what: "resumed"; session: SessionHandle }
  // What it holds, waits for and is asked for: after a resume, and when a push was missed.
  | { what: "state"; session: SessionHandle; state: SessionState }
  // Nothing has renewed the lease in time: its locks count as lost. A resume may find them again.
  | { what: "lease_over"; session: SessionHandle }
  // No more, or carried on elsewhere (replaced).
  | { what: "ended"; session: SessionHandle; reason: string };

export interface SessionHost {
  readonly surroundings: Surroundings;
  call<O extends CallOp>(
    op: O,
    fields: Operations[O],
    options: RequestOptions,
    session: SessionHandle,
  ): Promise<Outcome<Answers[O]>>;
  renew(session: SessionHandle): void; // by a heartbeat of its own
  over(session: SessionHandle): void;
}

export class SessionHandle {
  readonly id: string;
  readonly client: Client | undefined;
  leaseMs: number;
  // How long the person has not touched this session's window; the server tells others.
  idleMs: () => number = () => 0;
  readonly #host: SessionHost;
  #secret: string;
  #attempt: number;
  #deadline = Number.NEGATIVE_INFINITY;
  #cancelOver = () => {};
  #cancelRenew = () => {};

  // Its connection's own.
  seq = 0;
  carried = true; // by the present link
  ended: string | undefined;
  readonly watched = new Set<string>();

  constructor(host: SessionHost, credentials: Credentials, leaseMs: number, client: Client | undefined) {
    this.#host = host;
    this.id = credentials.session;
    this.#secret = credentials.secret;
    this.#attempt = credentials.attempt;
    this.leaseMs = leaseMs;
    this.client = client;
  }

  // As Connection.call, for this session.
  call<O extends CallOp>(op: O, fields: Operations[O], options: RequestOptions = {}): Promise<Outcome<Answers[O]>> {
    return this.#host.call(op, fields, options, this);
  }

  // How long its locks are sure to live, in milliseconds; 0: they count as lost.
  get leaseLeftMs(): number {
    return this.ended === undefined ? Math.max(0, this.#deadline - this.#host.surroundings.now()) : 0;
  }
  get credentials(): Credentials {
    return { session: this.id, secret: this.#secret, attempt: this.#attempt };
  }

  // For a hello that resumes it.
  nextAttempt(): { session: string; secret: string; attempt: number } {
    return { session: this.id, secret: this.#secret, attempt: ++this.#attempt };
  }
  welcomed(secret: string, seq: number, leaseMs: number): void {
    this.#secret = secret;
    this.leaseMs = leaseMs;
    this.seq = Math.max(this.seq, seq);
    this.carried = true;
  }
  // The server has acknowledged a renewal that was sent at `sentAt`.
  renewed(sentAt: number): void {
    const trusted = this.leaseMs - this.leaseMs / 50 - 500;
    const deadline = sentAt + trusted;
    if (this.ended !== undefined || deadline <= this.#deadline) return;
    this.#deadline = deadline;
    this.#cancelTimers();
    const left = deadline - this.#host.surroundings.now();
    this.#cancelOver = this.#host.surroundings.after(left, () => this.#host.over(this));
    this.#renewIn(left - trusted / 4, trusted / 8);
  }
  end(reason: string): void {
    this.ended = reason;
    this.carried = false;
    this.#cancelTimers();
  }

  // Pings renew a lease of 30 s well ahead of time; a shorter one, or one whose pings come late, renews itself.
  #renewIn(ms: number, again: number): void {
    this.#cancelRenew = this.#host.surroundings.after(Math.max(0, ms), () => {
      this.#host.renew(this);
      this.#renewIn(again, again);
    });
  }
  #cancelTimers(): void {
    this.#cancelOver();
    this.#cancelRenew();
  }
}
