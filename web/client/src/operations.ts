// What a client must know of operations beside their types: which of them are repeated by which id, which name a
// session. The compiler holds the lists to the messages' own description.

import type { Op, Operations, RepeatableOp } from "./messages.ts";

// What call() takes: a connection says hello and pong itself, opens its sessions and renews its identity.
export type CallOp = Exclude<Op, "hello" | "pong" | "auth" | "session.open">;

const repeatIds: Partial<Record<Op, "request_id" | "batch_id">> = {
  hello: "request_id",
  "session.open": "request_id",
  "session.end": "request_id",
  "lock.acquire": "request_id",
  "lock.release": "request_id",
  "lock.extend": "request_id",
  "lock.transfer": "request_id",
  "lock.force": "request_id",
  "lock.request": "request_id",
  "lock.cancel_wait": "request_id",
  "lock.release_all": "request_id",
  "request.agree": "request_id",
  "request.refuse": "request_id",
  "request.defer": "request_id",
  "request.withdraw": "request_id",
  "run.begin": "request_id",
  "run.step": "request_id",
  "run.finish": "request_id",
  "run.fail": "request_id",
  "status.publish": "batch_id",
} satisfies Record<RepeatableOp, "request_id" | "batch_id">;

// The field by which a repeat is known; undefined: the operation has none.
export function repeatId(op: Op): "request_id" | "batch_id" | undefined {
  return repeatIds[op];
}

// A page of a resync may have been taken when its answer was lost, and a second one would count twice. What else has no
// id only reads, or says how something shall be.
export function mayBeSentAgain(op: Op): boolean {
  return op !== "status.resync";
}

type SessionOp = { [O in CallOp]: "session" extends keyof Operations[O] ? O : never }[CallOp];

const sessionOps: Partial<Record<Op, true>> = {
  "session.heartbeat": true,
  "session.state": true,
  "session.end": true,
  "lock.acquire": true,
  "lock.list": true,
  "lock.release": true,
  "lock.extend": true,
  "lock.transfer": true,
  "lock.request": true,
  "lock.cancel_wait": true,
  "lock.check": true,
  "lock.release_all": true,
  "request.withdraw": true,
  "run.begin": true,
  watch: true,
  unwatch: true,
  "audit.list": true,
} satisfies Record<SessionOp, true>;

// Whether the operation is of a session: of another one than the hello's, it must say so. In lists `session` selects.
export function isOfSession(op: Op): boolean {
  return sessionOps[op] === true && op !== "lock.list" && op !== "audit.list";
}
