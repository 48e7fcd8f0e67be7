// A to-do tree that follows over a connection that breaks. If these fail, somebody looks at an old list and the trust line
// beside it says that it is live.

import { expect, test } from "vitest";
import { Connection } from "../src/connection.ts";
import { type TodoChanges, TodoStore } from "../src/todo_store.ts";
import { TodoTree, type TodoTreeOptions, type TodoTreeState } from "../src/todo_tree.ts";
import { trustOf } from "../src/trust.ts";
import { settled, state, World, welcome } from "./world.ts";

const row = (id: string, version: number) => ({ type: "SaleOrder", group: "unreviewed", id, version });
const counts = (n: number) => ({ SaleOrder: { unreviewed: n } });
// Of SaleOrder:1/unreviewed@5.
const digest = { event: "todo.digest", rows: 1, sum0: 548049920, sum1: 2667630099 };
const wrong = { ...digest, sum0: 1 };

async function following(options: TodoTreeOptions = {}) {
  const world = new World();
  const connection = new Connection({ url: "http://erp", surroundings: world });
  connection.connect();
  await settled();
  const tree = new TodoTree(connection, options);
  const states: TodoTreeState[] = [];
  const changes: TodoChanges[] = [];
  tree.on("state", (one) => states.push(one));
  tree.on("changes", (one) => changes.push(one));
  world.socket.opens();
  world.socket.says(welcome(1));
  return { world, connection, tree, states, changes };
}

function catchUp(world: World, cursor = "c1") {
  world.socket.answers("todo.subscribe", { mode: "snapshot", reason: "first" });
  world.socket.says({ event: "todo.page", reason: "first", counts: counts(1) });
  world.socket.says({ event: "todo.live", cursor, upsert: [row("1", 5)] });
}

async function back(world: World) {
  world.pass(1_000);
  await settled();
  world.socket.opens();
  world.socket.says(welcome(1, { resumed: true, state: state(1) }));
}

test("it subscribes, catches up, is live, and says when its rows were proved", async () => {
  const { world, connection, tree, states, changes } = await following({ types: ["SaleOrder"], rows: "all" });
  expect(world.socket.last("todo.subscribe")).toMatchObject({ types: ["SaleOrder"], rows: "all" });
  expect(world.socket.last("todo.subscribe")).not.toHaveProperty("cursor");
  expect(trustOf(connection, tree)).toEqual({ state: "catching_up", since: world.start });
  world.pass(100);
  catchUp(world);
  expect(trustOf(connection, tree)).toEqual({ state: "live", since: world.wall(), verifiedAt: world.wall() });
  world.pass(200);
  world.socket.says({ ...digest, cursor: "c2" });
  expect(states.map((one) => one.state)).toEqual(["catching_up", "live", "live"]);
  expect(trustOf(connection, tree)).toEqual({ state: "live", since: world.start + 100, verifiedAt: world.wall() });
  expect(changes.map(({ snapshot, rows }) => [snapshot, rows.length])).toEqual([
    ["first", 0],
    ["", 1],
  ]);
});

test("it goes on by its cursor, and frames before the answer belong to the former subscription", async () => {
  const { world, connection, tree, states } = await following();
  catchUp(world);
  world.pass(50);
  world.socket.breaks();
  expect(trustOf(connection, tree)).toMatchObject({
    state: "offline",
    since: world.wall(),
    why: { code: "unavailable" },
  });
  await back(world);
  expect(world.socket.last("todo.subscribe").cursor).toBe("c1");
  world.socket.says({ event: "todo.live", cursor: "old", upsert: [row("9", 1)] });
  expect([tree.store.cursor, tree.store.size]).toEqual(["c1", 1]);
  world.socket.answers("todo.subscribe", { mode: "diff" });
  expect(trustOf(connection, tree).state).toBe("catching_up");
  world.socket.says({ event: "todo.live", cursor: "c2", upsert: [row("2", 1)] });
  expect([tree.store.cursor, tree.store.size]).toEqual(["c2", 2]);
  expect(states.map((one) => one.state)).toEqual(["catching_up", "live", "offline", "catching_up", "live"]);
});

test("a digest that differs is answered by a new subscription at once, then ever more rarely", async () => {
  const { world, connection, tree } = await following();
  catchUp(world);
  const waits: number[] = [];
  for (let i = 0; i < 10; ++i) {
    const asked = world.socket.count("todo.subscribe");
    world.socket.says({ ...wrong, cursor: "x" });
    expect(trustOf(connection, tree).state).toBe("catching_up");
    let waited = 0;
    for (; world.socket.count("todo.subscribe") === asked && waited < 100_000; waited += 500) {
      world.socket.says({ event: "ping", n: waited, acked: 0 });
      world.pass(500);
    }
    waits.push(waited);
    expect(world.socket.last("todo.subscribe")).not.toHaveProperty("cursor");
    catchUp(world);
  }
  expect(waits).toEqual([0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  world.socket.says({ ...digest, cursor: "c2" });
  world.socket.says({ ...wrong, cursor: "x" });
  expect(world.socket.count("todo.subscribe")).toBe(12);
});

test("a cursor that the server does not take is forgotten, another refusal closes the tree", async () => {
  const { world, tree } = await following({ store: TodoStore.restored({ cursor: "bad", counts: {}, rows: [] }) });
  expect(world.socket.last("todo.subscribe").cursor).toBe("bad");
  world.socket.refuses("todo.subscribe", { code: "invalid", title: "Wrong.", field: "cursor" });
  expect(world.socket.last("todo.subscribe")).not.toHaveProperty("cursor");
  world.socket.refuses("todo.subscribe", { code: "too_many", title: "Slower." });
  world.pass(500);
  expect(world.socket.count("todo.subscribe")).toBe(3);
  world.socket.refuses("todo.subscribe", { code: "invalid", title: "There is no such type.", field: "types" });
  expect(tree.state).toMatchObject({ state: "closed", why: { code: "invalid", sentence: "There is no such type." } });
});

test("a connection that ends closes its tree; a second tree closes the first", async () => {
  const { world, connection, tree } = await following();
  catchUp(world);
  const second = new TodoTree(connection);
  expect(tree.state.state).toBe("closed");
  expect(world.socket.count("todo.unsubscribe")).toBe(1);
  connection.close();
  expect(new TodoTree(connection).state.state).toBe("closed");
  expect([second.state.state, trustOf(connection, second).state, world.timers]).toEqual(["closed", "closed", 0]);
});

test("rows that cannot be read are said to be missing", async () => {
  const { world, tree } = await following();
  world.socket.answers("todo.subscribe", { mode: "snapshot", reason: "first" });
  world.socket.says({ event: "todo.page", reason: "first", upsert: [row("1", 5), 7] });
  world.socket.says({ event: "todo.live", cursor: "c1" });
  expect(tree.state).toMatchObject({ state: "live", unread: 1 });
});
