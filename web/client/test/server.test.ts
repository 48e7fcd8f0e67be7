// The client against a real server, which is killed under it. If these fail, all that the scripted tests say is of a
// protocol that no server speaks.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import {
  Connection,
  HttpClient,
  type Outcome,
  type Pushes,
  type StatusEvent,
  type TodoRow,
  TodoStore,
  TodoTree,
  trustOf,
  type WebSocketConstructor,
} from "../src/index.ts";
import { Server } from "./server.ts";

const server = new Server();
const open: Connection[] = [];
let clerks: HttpClient; // sees what the tree must show
let erp: HttpClient;

beforeAll(async () => {
  await server.start();
  const { url } = server;
  clerks = new HttpClient({ url, token: await server.token({ user: "li", name: "Li", roles: ["editor"] }) });
  erp = new HttpClient({ url, token: await server.token({ user: "erp", roles: ["admin"] }) });
});
afterAll(async () => {
  for (const connection of open) connection.close();
  await server.remove();
});

async function connected(user: string, name: string): Promise<Connection> {
  const connection = new Connection({
    url: server.url,
    token: await server.token({ user, name, roles: ["editor"] }),
    client: { program: "workbench", host: `${user}-pc` },
    webSocket: WebSocket as unknown as WebSocketConstructor,
  });
  open.push(connection);
  connection.connect();
  await expect.poll(() => connection.link.state, { timeout: 30_000 }).toBe("online");
  return connection;
}

function value<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(`${outcome.refusal.code}: ${outcome.refusal.sentence}`);
  return outcome.value;
}

function order(id: string, version: number, more: Partial<StatusEvent> = {}): StatusEvent {
  return {
    type: "SaleOrder",
    id,
    no: `SO${id}`,
    version,
    state: { DataStatus: 2, ApprovalStatus: 0 },
    creator: { user: "li", name: "Li" },
    owner: null,
    department: null,
    actor: { user: "wang", name: "Wang" },
    action: "提交",
    ...more,
  };
}

const shown = (rows: Iterable<TodoRow>) =>
  [...rows].map((row) => `${row.type}/${row.group}/${row.id}@${row.version} ${row.no} ${row.action}`).sort();

// What the server says by HTTP that this user sees: all rows of all groups.
async function asked(): Promise<{ rows: string[]; counts: object }> {
  const { counts } = value(await clerks.call("todo.subscribe", { types: ["SaleOrder"] }));
  const rows: TodoRow[] = [];
  for (const group of Object.keys(counts.SaleOrder ?? {})) {
    let next: string | undefined;
    do {
      const page = value(await clerks.call("todo.page", { type: "SaleOrder", group, ...(next ? { next } : {}) }));
      rows.push(...page.rows);
      next = page.next;
    } while (next !== undefined);
  }
  return { rows: shown(rows), counts };
}

test("two people and one bill: one holds it, the other is told who, until it is free", async () => {
  const li = await connected("li", "Li");
  const wang = await connected("wang", "Wang");
  const freed: Pushes["lock.free"][] = [];
  wang.onPush("lock.free", (push) => freed.push(push));
  const grant = value(await li.call("lock.acquire", { targets: ["SaleOrder:1"], label: "SO1" }));
  if ("queued" in grant) throw new Error("nobody was there before");
  expect(grant).toMatchObject({ targets: ["SaleOrder:1"], user: "li", holds: 1, label: "SO1" });
  value(await wang.call("watch", { targets: ["SaleOrder:1"] }));
  const second = await wang.call("lock.acquire", { targets: ["SaleOrder:1"] });
  if (second.ok) throw new Error("two people hold one bill");
  expect(second.refusal.code).toBe("locked");
  expect(second.refusal.conflicts?.[0]).toMatchObject({
    target: "SaleOrder:1",
    holder: { user: "li", name: "Li", client: { program: "workbench", host: "li-pc" } },
    same_user: false,
  });
  expect(value(await li.call("lock.release", { lock: grant.lock, all: true }))).toMatchObject({ released: true });
  await expect.poll(() => freed.map(({ target }) => target), { timeout: 30_000 }).toContain("SaleOrder:1");
  const taken = value(await wang.call("lock.acquire", { targets: ["SaleOrder:1"] }));
  expect(taken).toMatchObject({ user: "wang" });
  const wrong = await wang.call("lock.acquire", { targets: ["SaleOrder:"] });
  expect(wrong).toMatchObject({ ok: false, refusal: { code: "invalid", field: expect.stringMatching(/targets/) } });
  li.end();
  wang.end();
});

test("a cursor goes to the server as it came, and the vectors' ones are taken or refused by their field", async () => {
  const li = await connected("li", "Li");
  const vectors = readFileSync(new URL("../../../docs/vectors/cursors.json", import.meta.url), "utf8");
  const { taken, refused } = JSON.parse(vectors) as { taken: string[]; refused: string[] };
  for (const cursor of taken) value(await li.call("todo.subscribe", { cursor }));
  for (const cursor of refused) {
    const outcome = await li.call("todo.subscribe", { cursor });
    expect(outcome, cursor).toMatchObject({ ok: false, refusal: { code: "invalid", field: "cursor" } });
  }
  // A tree that has kept such a one begins without it.
  const kept = TodoStore.restored({ cursor: refused[0] ?? "", counts: {}, rows: [] });
  const tree = new TodoTree(li, { store: kept });
  await expect.poll(() => tree.state.state, { timeout: 30_000 }).toBe("live");
  li.end();
});

test("what is published stands in the tree, and after a crash of the server the tree is again what the server says", async () => {
  const li = await connected("li", "Li");
  const tree = new TodoTree(li, { types: ["SaleOrder"] });
  await expect.poll(() => trustOf(li, tree).state, { timeout: 30_000 }).toBe("live");
  value(await erp.call("status.publish", { events: [order("1001", 1), order("1002", 1)] }));
  await expect
    .poll(() => tree.store.row("SaleOrder", "unreviewed", "1001"), { timeout: 30_000 })
    .toMatchObject({
      no: "SO1001",
      version: 1,
      actor: { user: "wang", name: "Wang" },
    });
  // Enough for deflated messages.
  const many = Array.from({ length: 200 }, (_, n) => order(`${2000 + n}`, 1));
  value(await erp.call("status.publish", { events: many }));
  await expect.poll(() => tree.store.size, { timeout: 30_000 }).toBe((await asked()).rows.length);
  const held = value(await li.call("lock.acquire", { targets: ["SaleOrder:1002"] }));
  await expect
    .poll(() => tree.store.row("SaleOrder", "unreviewed", "1002")?.editing?.user, { timeout: 30_000 })
    .toBe("li");

  const session = li.session?.id;
  await server.kill();
  await expect.poll(() => trustOf(li, tree).state, { timeout: 30_000 }).toBe("offline");
  expect(tree.store.size).toBeGreaterThan(200); // what was known is shown on
  // While it is away: a call waits for it.
  const kept = li.call("lock.check", { targets: ["SaleOrder:1002"] }, { deadlineMs: 60_000 });
  await server.start();
  value(await erp.call("status.publish", { events: [order("1001", 2, { deleted: true }), order("1003", 1)] }));
  await expect.poll(() => trustOf(li, tree).state, { timeout: 60_000 }).toBe("live");
  expect(li.session?.id).toBe(session);
  expect(value(await kept).targets).toMatchObject([{ target: "SaleOrder:1002", mine: true }]);
  await expect.poll(() => tree.store.row("SaleOrder", "unreviewed", "1003"), { timeout: 30_000 }).toBeDefined();
  await expect
    .poll(async () => ({ rows: shown(tree.store.rows()), counts: tree.store.counts }), { timeout: 30_000 })
    .toEqual(await asked());
  expect(tree.store.row("SaleOrder", "unreviewed", "1001")).toBeUndefined();
  await expect
    .poll(() => tree.store.row("SaleOrder", "unreviewed", "1002")?.editing?.user, { timeout: 30_000 })
    .toBe("li");
  expect(tree.store.doubts).toBe(0);
  if (!("queued" in held)) value(await li.call("lock.release", { lock: held.lock, all: true }));
  li.end();
});
