// A made-up world for a connection: sockets whose server is the test, and a clock that moves when the test says so.

import { deflateRawSync } from "node:zlib";
import type { Socket, SocketEvents, Surroundings } from "../src/surroundings.ts";

export type Said = Record<string, unknown> & { op: string; id?: string };

export class ScriptedSocket implements Socket {
  readonly said: Said[] = [];
  closed = false;
  readonly url: string;
  readonly #events: SocketEvents;

  constructor(url: string, events: SocketEvents) {
    this.url = url;
    this.#events = events;
  }
  send(text: string): void {
    this.said.push(JSON.parse(text) as Said);
  }
  close(): void {
    this.closed = true;
  }

  opens(): void {
    this.#events.opened();
  }
  says(message: object): void {
    this.#events.message(JSON.stringify(message));
  }
  saysDeflated(message: object): void {
    const stream = deflateRawSync(JSON.stringify(message));
    this.#events.message(Uint8Array.of(1, ...stream));
  }
  saysText(data: string | Uint8Array): void {
    this.#events.message(data);
  }
  breaks(code = 1006, reason = ""): void {
    this.#events.closed(code, reason);
  }
  answers(op: string, ok: object): void {
    this.says({ id: this.last(op).id, ok });
  }
  refuses(op: string, error: object): void {
    this.says({ id: this.last(op).id, error });
  }
  // The newest message of that operation.
  last(op: string): Said {
    const found = this.said.findLast((one) => one.op === op);
    if (found === undefined) throw new Error(`no ${op} was sent, but ${this.said.map((one) => one.op)}`);
    return found;
  }
  count(op: string): number {
    return this.said.filter((one) => one.op === op).length;
  }
}

interface Timer {
  at: number;
  run: () => void;
}

export class World implements Surroundings {
  readonly sockets: ScriptedSocket[] = [];
  readonly start = Date.parse("2025-11-22T09:30:00.000Z");
  #now = 1_000_000;
  #timers = new Set<Timer>();
  chance = 0.5;

  open(url: string, _protocol: string, events: SocketEvents): Socket {
    const socket = new ScriptedSocket(url, events);
    this.sockets.push(socket);
    return socket;
  }
  now(): number {
    return this.#now;
  }
  wall(): number {
    return this.start + this.#now - 1_000_000;
  }
  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }
  random(): number {
    return this.chance;
  }

  // Time passes, and what is due runs at its time.
  pass(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      let next: Timer | undefined;
      for (const timer of this.#timers) if (next === undefined || timer.at < next.at) next = timer;
      if (next === undefined || next.at > until) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = until;
  }
  // Passed by tests that want nothing to be left: no timer of a closed connection.
  get timers(): number {
    return this.#timers.size;
  }
  // The newest one.
  get socket(): ScriptedSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("nobody has connected");
    return socket;
  }
}

export function id(n: number | string): string {
  return `${n}`.padStart(26, "0");
}

export function welcome(session: number, more: object = {}): object {
  return {
    event: "welcome",
    session: id(session),
    secret: id(`s${session}`),
    node: "n1",
    lease_ms: 30_000,
    seq: 0,
    epoch: id("e"),
    rights: ["lock.edit"],
    resumed: false,
    ...more,
  };
}

export function state(session: number, more: object = {}): object {
  return { session: id(session), user: "li", lease_ms: 30_000, seq: 0, locks: [], waits: [], requests: [], ...more };
}

export const grant = {
  lock: id("L"),
  token: 7,
  targets: ["SaleOrder:1"],
  mode: "exclusive",
  kind: "edit",
  session: id(1),
  user: "li",
  acquired_at: "2025-11-22T09:30:00.000Z",
  expires_at: "2025-11-22T09:30:30.000Z",
  holds: 1,
};

// What is awaited inside has run.
export async function settled(): Promise<void> {
  for (let i = 0; i < 20; ++i) await new Promise((resolve) => setImmediate(resolve));
}
