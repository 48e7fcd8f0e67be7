// What is typed must be typed right: messages, answers and pushes as a client writes and reads them. Each line that
// must not pass says so; tsc complains of one that passes.

import type { Answers, ClientMessage, Conflict, Grant, Problem, Pushes, ServerMessage } from "../../docs/messages";

const grant: Grant = {
  lock: "0000000000000000000000000a",
  token: 17,
  targets: ["SaleOrder:1001"],
  mode: "exclusive",
  kind: "edit",
  session: null,
  user: null,
  acquired_at: "2024-02-29T12:00:00.000Z",
  expires_at: "2024-02-29T12:00:30.000Z",
  holds: 1,
};
// @ts-expect-error a lock is held at least once
const uncounted: Grant = { ...grant, holds: undefined };

const request: ClientMessage = { op: "lock.acquire", id: 7, targets: ["SaleOrder:1001"], wait_ms: 5000 };
const granted: Answers["lock.acquire"] = { ...grant, again: true, versions: { "SaleOrder:1001": null } };
const queued: Answers["lock.acquire"] = { queued: { wait: grant.lock, position: 2 } };
const released: Answers["lock.release"] = { released: false, holds: 1 };
const done: Answers["lock.force"] = {};
// @ts-expect-error hello is answered by the push welcome
const hello: Answers["hello"] = {};
const opened: Answers["todo.subscribe"] = { mode: "snapshot", reason: "first" };
const page: Answers["todo.page"] = {
  epoch: grant.lock,
  rows: [{ group: "unreviewed", type: "SaleOrder", id: "1", version: 7, at: "2024-02-29T12:00:00.000Z" }],
};

const lost: Pushes["lock.lost"] = {
  event: "lock.lost",
  session: "0000000000000000000000000b",
  seq: 3,
  lock: grant.lock,
  reason: "forced",
  targets: ["SaleOrder:1001"],
  whole: true,
  by: { user: null },
};
// @ts-expect-error there is no such reason
const bored: Pushes["lock.lost"] = { ...lost, reason: "boredom" };
const gone: Pushes["bill.changed"] = { event: "bill.changed", target: "SaleOrder:1", gone: true };

const conflict: Conflict = {
  target: "SaleOrder:1001",
  lock: grant.lock,
  mode: "exclusive",
  holder: { user: "li", session: null, since: "2024-02-29T12:00:00.000Z", expires_at: "2024-02-29T12:00:30.000Z", kind: "edit" },
  same_user: false,
  queue: 0,
  may: ["read_only", "wait"],
};
const problem: Problem = { code: "locked", title: "Locked.", conflicts_total: 1, conflicts: [conflict] };
// @ts-expect-error there is no such code
const unheard: Problem = { code: "teapot", title: "I am a teapot." };

function sentence(message: ServerMessage): string {
  if (!("event" in message)) {
    if ("ok" in message) return `${message.id}`;
    return message.error.code === "locked" ? `${message.error.conflicts_total}` : message.error.title;
  }
  switch (message.event) {
    case "lock.granted": return message.grant.lock;
    case "lock.lost": return message.whole ? message.lock : message.targets.join();
    case "ping": return `${message.n}`;
    case "todo.live": return message.cursor;
    default: return message.event;
  }
}

export { bored, done, gone, granted, hello, opened, page, queued, released, request, sentence, uncounted, unheard, problem };
