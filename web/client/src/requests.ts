// Requests under way: sent, sent again with the same id, answered, given up. Each one's `done` is called once.
//
// A request that is not answered when its link breaks is sent again on the next one. With a request id the server
// answers a repeat as it answered the first time; what has none only reads, or may be said twice. The exception
// (mayBeSentAgain) ends with unknown_outcome.

import type { Op } from "./messages.ts";
import { mayBeSentAgain, repeatId } from "./operations.ts";
import { isPassing, type Outcome, ownRefusal, type Refusal, refused } from "./refusal.ts";
import type { Surroundings } from "./surroundings.ts";

export const inFlightMax = 60; // the server allows 64 a session
export const pendingMax = 10_000;
export const messageBytesMax = 1_000_000; // the server reads up to 1 MiB, and closes the connection beyond
const repeatBaseMs = 50;
const repeatMaxMs = 2_000;

export interface RequestOptions {
  deadlineMs?: number; // all repeats included; that of the connection if absent, Infinity: none
  ofLink?: boolean; // ends with the link, is not repeated
}

interface Pending {
  readonly id: string;
  readonly op: Op;
  readonly text: string; // the message, written once however often it is sent
  readonly done: (outcome: Outcome<unknown>, sentAt: number) => void;
  readonly deadline: number;
  readonly ofLink: boolean;
  state: "unsent" | "in_flight" | "waits";
  sentAt: number; // the last time; 0: never
  attempts: number;
  lastRefusal?: Refusal;
  cancel: () => void; // its timers
  cancelRetry: () => void;
}

export class Requests {
  readonly #surroundings: Surroundings;
  readonly #send: (text: string) => void;
  readonly #prefix: string;
  readonly #pending = new Map<string, Pending>();
  #unsent = new Set<Pending>(); // in the order in which they are to be sent
  readonly #abandoned = new Map<string, Op>(); // given up on this link; their answers may still come
  #newest = 0;
  #inFlight = 0;
  #open = false;
  #noLink: Refusal = ownRefusal("unavailable", "There is no connection to the server yet.");

  constructor(surroundings: Surroundings, send: (text: string) => void) {
    this.#surroundings = surroundings;
    this.#send = send;
    const part = () => Math.floor(surroundings.random() * 36 ** 6).toString(36);
    this.#prefix = `${part()}${part()}-`;
  }

  // An id that nobody else uses, for a message or a repeat.
  freshId(): string {
    return `${this.#prefix}${++this.#newest}`;
  }

  submit(op: Op, fields: object, options: Required<RequestOptions>, done: Pending["done"]): void {
    if (this.#pending.size >= pendingMax) {
      done(refused(ownRefusal("too_many", "Too many calls are unanswered.")), 0);
      return;
    }
    const id = this.freshId();
    const known = repeatId(op);
    const repeated = known === undefined || Object.hasOwn(fields, known) ? {} : { [known]: id };
    const text = JSON.stringify({ id, op, ...fields, ...repeated });
    if (text.length * 3 > messageBytesMax && new TextEncoder().encode(text).length > messageBytesMax) {
      done(refused(ownRefusal("too_large", "A message has up to 1,000,000 bytes: send it in parts.")), 0);
      return;
    }
    const pending: Pending = {
      id,
      op,
      text,
      done,
      deadline: this.#surroundings.now() + options.deadlineMs,
      ofLink: options.ofLink,
      state: "unsent",
      sentAt: 0,
      attempts: 0,
      cancel: () => undefined,
      cancelRetry: () => undefined,
    };
    if (options.deadlineMs !== Number.POSITIVE_INFINITY) {
      pending.cancel = this.#surroundings.after(options.deadlineMs, () => this.#late(pending));
    }
    this.#pending.set(id, pending);
    this.#unsent.add(pending);
    this.#pump();
  }

  // A link with a session is there.
  opened(): void {
    this.#open = true;
    this.#pump();
  }

  // The link is gone, or was never there: what is unanswered waits for the next one.
  lost(why: Refusal): void {
    this.#open = false;
    this.#noLink = why;
    this.#inFlight = 0;
    this.#abandoned.clear();
    this.#unsent = new Set(this.#pending.values());
    for (const pending of [...this.#pending.values()]) {
      const sent = pending.state === "in_flight";
      pending.cancelRetry();
      pending.state = "unsent";
      if (pending.ofLink) {
        this.#finish(pending, refused(why));
      } else if (sent && !mayBeSentAgain(pending.op)) {
        this.#finish(pending, refused(ownRefusal("unknown_outcome", "The connection broke before the answer came.")));
      }
    }
  }

  // There will be no other link.
  end(why: Refusal): void {
    this.#open = false;
    this.#noLink = why;
    for (const pending of [...this.#pending.values()]) this.#finish(pending, refused(why));
  }

  // The operation of a request that was given up before this answer came; undefined if somebody got it, or nobody asked.
  answer(id: unknown, outcome: Outcome<unknown>): Op | undefined {
    const pending = this.#pending.get(id as string);
    if (pending === undefined) {
      const op = this.#abandoned.get(id as string);
      this.#abandoned.delete(id as string);
      return op;
    }
    const repeated =
      !outcome.ok && isPassing(outcome.refusal.code) && !pending.ofLink && this.#retry(pending, outcome.refusal);
    if (!repeated) this.#finish(pending, outcome);
    this.#pump();
    return undefined;
  }

  #pump(): void {
    if (!this.#open) return;
    for (const pending of this.#unsent) {
      if (this.#inFlight >= inFlightMax) return;
      this.#unsent.delete(pending);
      pending.state = "in_flight";
      pending.sentAt = this.#surroundings.now();
      ++pending.attempts;
      ++this.#inFlight;
      this.#send(pending.text);
    }
  }

  #retry(pending: Pending, refusal: Refusal): boolean {
    const span = Math.min(repeatMaxMs, repeatBaseMs * 2 ** Math.min(pending.attempts, 10));
    const wait = Math.max(this.#surroundings.random() * span, refusal.retry_after_ms ?? 0);
    if (this.#surroundings.now() + wait >= pending.deadline) return false;
    --this.#inFlight;
    pending.state = "waits";
    pending.lastRefusal = refusal;
    pending.cancelRetry = this.#surroundings.after(wait, () => {
      pending.state = "unsent";
      this.#unsent.add(pending);
      this.#pump();
    });
    return true;
  }

  #late(pending: Pending): void {
    const unanswered = ownRefusal("unknown_outcome", "The server has not answered in time; it may have done it.");
    if (pending.state === "waits" && pending.lastRefusal !== undefined) {
      this.#finish(pending, refused(pending.lastRefusal));
    } else if (pending.sentAt > 0) {
      if (pending.state === "in_flight" && this.#abandoned.size < pendingMax)
        this.#abandoned.set(pending.id, pending.op);
      this.#finish(pending, refused(unanswered));
    } else {
      this.#finish(pending, refused(this.#open ? ownRefusal("unavailable", "The server is too slow.") : this.#noLink));
    }
    this.#pump();
  }

  #finish(pending: Pending, outcome: Outcome<unknown>): void {
    if (!this.#pending.delete(pending.id)) return;
    this.#unsent.delete(pending);
    if (pending.state === "in_flight" && this.#open) --this.#inFlight;
    pending.cancel();
    pending.cancelRetry();
    pending.done(outcome, pending.sentAt);
  }
}
