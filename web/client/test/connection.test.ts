// A connection against a scripted server and a made-up time. If these fail, a form believes in a lock that is gone, or a
// change is made twice, after nothing worse than a cable that was pulled.

import { describe, expect, test } from "vitest";
import { Connection, type ConnectionOptions, type LinkState } from "../src/connection.ts";
import type { SessionEvent } from "../src/session.ts";
import { grant, id, settled, state, World, welcome } from "./world.ts";

async function connected(options: Partial<ConnectionOptions> = {}) {
  const world = new World();
  const connection = new Connection({ url: "http://erp:7420/", token: "jwt", surroundings: world, ...options });
  const links: LinkState[] = [];
  const sessions: SessionEvent[] = [];
  connection.on("link", (link) => links.push(link));
  connection.on("session", (event) => sessions.push(event));
  connection.connect();
  await settled();
  world.socket.opens();
  if (options.resume === undefined) world.socket.says(welcome(1));
  return { world, connection, links, sessions };
}

async function dialed(world: World) {
  const known = world.sockets.length;
  for (let i = 0; i < 700 && world.sockets.length === known; ++i) {
    world.pass(50);
    await Promise.resolve();
    await Promise.resolve();
  }
  expect(world.sockets.length).toBe(known + 1);
}

// It connects again, and nobody has said anything yet.
async function reconnected(world: World) {
  await dialed(world);
  world.socket.opens();
}

describe("hello", () => {
  test("says who it is and where, and learns its session and rights", async () => {
    const { world, connection, links, sessions } = await connected({
      client: { program: "workbench" },
      leaseMs: 60_000,
    });
    expect(world.socket.url).toBe("ws://erp:7420/v1/ws");
    const hello = world.socket.last("hello");
    expect(hello).toMatchObject({ token: "jwt", client: { program: "workbench" }, lease_ms: 60_000 });
    expect(hello.request_id).toBe(hello.id);
    expect(links).toEqual([{ state: "online", since: world.start, node: "n1", rights: ["lock.edit"] }]);
    expect(sessions).toMatchObject([{ what: "opened" }]);
    expect(connection.session?.id).toBe(id(1));
  });

  test("is said again with the same request id until a welcome comes", async () => {
    const world = new World();
    new Connection({ url: "http://erp:7420", surroundings: world }).connect();
    await settled();
    world.socket.opens();
    const first = world.socket.last("hello");
    expect(first).not.toHaveProperty("token");
    world.pass(5_000);
    expect(world.socket.closed).toBe(true);
    await reconnected(world);
    expect(world.socket.last("hello").request_id).toBe(first.request_id);
    world.socket.refuses("hello", { code: "session_gone", title: "The session has ended." });
    await reconnected(world);
    expect(world.socket.last("hello").request_id).not.toBe(first.request_id);
  });

  test("a refused identity ends it, and connect() tries once more with its sessions", async () => {
    const { world, connection, links, sessions } = await connected();
    world.socket.breaks(4002, "the token has expired");
    expect(links.at(-1)).toMatchObject({ state: "closed", why: { code: "unauthenticated" } });
    world.pass(600_000);
    expect(world.sockets.length).toBe(1);
    expect(await connection.call("stats.get", {})).toMatchObject({ ok: false, refusal: { code: "unauthenticated" } });
    connection.connect();
    await settled();
    world.socket.opens();
    expect(world.socket.last("hello")).toMatchObject({ session: id(1), secret: id("s1"), attempt: 1 });
    world.socket.says(welcome(1, { resumed: true, state: state(1) }));
    expect(sessions.map(({ what }) => what)).toEqual(["opened", "lease_over", "resumed", "state"]);
  });

  test("with a function for the token the first refusal asks for a fresh one", async () => {
    let asked = 0;
    const { world, links } = await connected({ token: async () => `jwt${++asked}` });
    world.socket.breaks(4002);
    expect(links.at(-1)?.state).toBe("offline");
    await reconnected(world);
    expect(world.socket.last("hello").token).toBe("jwt2");
    world.socket.refuses("hello", { code: "unauthenticated", title: "Sign in." });
    expect(links.at(-1)).toMatchObject({ state: "closed", why: { code: "unauthenticated", sentence: "Sign in." } });
  });

  test("a token that cannot be had is asked for again", async () => {
    let asked = 0;
    const token = () => {
      if (++asked === 1) throw new Error("the ERP is away");
      return "jwt";
    };
    const world = new World();
    const connection = new Connection({ url: "http://erp", token, surroundings: world });
    connection.connect();
    await settled();
    expect(connection.link).toMatchObject({ state: "offline", why: { code: "unavailable" } });
    await dialed(world);
    world.socket.opens();
    expect(world.socket.last("hello").token).toBe("jwt");
  });

  test("what only a programmer can get wrong is thrown at once", () => {
    expect(() => new Connection({ url: "erp", surroundings: new World() })).toThrow(TypeError);
    if (!("WebSocket" in globalThis)) expect(() => new Connection({ url: "http://erp" })).toThrow(/package ws/);
  });

  test("the server asks for a fresh token in good time", async () => {
    let asked = 0;
    const { world, connection } = await connected({ token: () => `jwt${++asked}` });
    world.socket.says({ event: "auth.required" });
    await settled();
    expect(world.socket.last("auth").token).toBe("jwt2");
    world.socket.answers("auth", { rights: ["lock.view"] });
    expect(connection.link).toMatchObject({ state: "online", rights: ["lock.view"] });
  });
});

describe("after a drop", () => {
  test("it comes back after a random time that doubles, up to half a minute", async () => {
    const { world, links } = await connected();
    world.chance = 0.999;
    const waits: number[] = [];
    for (let i = 0; i < 7; ++i) {
      world.socket.breaks();
      const link = links.at(-1);
      waits.push(link?.state === "offline" ? Math.round(((link.retryAt ?? 0) - world.wall()) / 1000) : -1);
      await dialed(world);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 30, 30]);
    const since = links.map((link) => link.since);
    expect(new Set(since.slice(1)).size).toBe(1); // offline since the first drop
  });

  test("it resumes its session by the newest secret and counts its tries", async () => {
    const { world, connection, sessions } = await connected();
    world.socket.breaks();
    await reconnected(world);
    expect(world.socket.last("hello")).toMatchObject({ session: id(1), secret: id("s1"), attempt: 1 });
    world.socket.breaks();
    await reconnected(world);
    expect(world.socket.last("hello")).toMatchObject({ session: id(1), secret: id("s1"), attempt: 2 });
    world.socket.says(welcome(1, { resumed: true, secret: id("new"), state: state(1, { locks: [grant] }) }));
    expect(sessions.at(-1)).toMatchObject({ what: "state", state: { locks: [grant] } });
    expect(connection.session?.credentials).toEqual({ session: id(1), secret: id("new"), attempt: 2 });
  });

  test("what was not answered is sent again with the same request id, in its order, and ends once", async () => {
    const { world, connection } = await connected();
    const first = connection.call("lock.acquire", { targets: ["SaleOrder:1"] }, { deadlineMs: 100_000 });
    const second = connection.call("lock.get", { lock: id("L") }, { deadlineMs: 100_000 });
    const [acquire, get] = [world.socket.last("lock.acquire"), world.socket.last("lock.get")];
    expect(acquire.request_id).toBe(acquire.id);
    expect(get).not.toHaveProperty("request_id");
    world.socket.breaks();
    await reconnected(world);
    world.socket.says(welcome(1, { resumed: true, state: state(1) }));
    expect(world.socket.said.slice(1)).toEqual([acquire, get]);
    world.socket.answers("lock.acquire", grant);
    world.socket.answers("lock.acquire", { ...grant, token: 8 });
    world.socket.answers("lock.get", grant);
    expect(await first).toEqual({ ok: true, value: grant });
    expect(await second).toEqual({ ok: true, value: grant });
  });

  test("a caller's own request id and batch id are kept", async () => {
    const { world, connection } = await connected();
    void connection.call("lock.acquire", { targets: ["SaleOrder:1"], request_id: "mine" });
    void connection.call("status.publish", { events: [], batch_id: "b-17" });
    void connection.call("status.publish", { events: [] });
    expect(world.socket.last("lock.acquire").request_id).toBe("mine");
    expect(world.socket.said.filter(({ op }) => op === "status.publish")).toMatchObject([
      { batch_id: "b-17" },
      { batch_id: expect.stringMatching(/./) },
    ]);
  });

  test("a page of a resync is not sent twice", async () => {
    const { world, connection } = await connected();
    const page = connection.call("status.resync", { resync: id("R"), events: [] });
    world.socket.breaks();
    expect(await page).toMatchObject({ ok: false, refusal: { code: "unknown_outcome" } });
  });

  test("its watches are watched again, and what is gone is told", async () => {
    const { world, connection } = await connected();
    void connection.call("watch", { targets: ["SaleOrder:1", "SaleOrder:2"] });
    world.socket.answers("watch", { targets: [] });
    void connection.call("unwatch", { targets: ["SaleOrder:2"] });
    world.socket.answers("unwatch", { watched: 1 });
    world.socket.breaks();
    await reconnected(world);
    world.socket.says(welcome(1, { resumed: true, state: state(1) }));
    expect(world.socket.last("watch")).toMatchObject({ targets: ["SaleOrder:1"], session: id(1), again: true });
  });

  test("a session that has ended is followed by another one, on the same connection", async () => {
    const { world, connection, sessions } = await connected();
    world.socket.breaks();
    await reconnected(world);
    world.socket.refuses("hello", { code: "session_gone", title: "The session has ended." });
    await settled();
    expect(world.socket.last("hello")).not.toHaveProperty("session");
    world.socket.says(welcome(2));
    expect(sessions.map(({ what }) => what)).toEqual(["opened", "ended", "opened"]);
    expect(connection.session?.id).toBe(id(2));
  });

  test("a node that drains says how long to wait; a limit is waited out; a takeover ends it", async () => {
    const { world, links } = await connected();
    world.socket.says({ event: "drain", retry_ms: 4_000 });
    world.socket.breaks(1012, "retry_ms=2000");
    expect(links.at(-1)).toMatchObject({ state: "offline", retryAt: world.wall() + 1_000, why: { code: "draining" } });
    await reconnected(world);
    world.socket.breaks(4004);
    expect(links.at(-1)).toMatchObject({ state: "offline", retryAt: world.wall() + 15_000 });
    await reconnected(world);
    world.socket.breaks(4001);
    expect(links.at(-1)).toMatchObject({ state: "closed", why: { code: "session_gone" } });
    world.pass(600_000);
    expect([world.sockets.length, world.timers]).toEqual([3, 0]);
  });

  test("a server that is silent is left", async () => {
    const { world, links } = await connected();
    world.pass(10_000);
    world.socket.says({ event: "ping", n: 1, acked: 0 });
    world.pass(14_999);
    expect(links.at(-1)?.state).toBe("online");
    world.pass(1);
    expect(links.at(-1)).toMatchObject({ state: "offline", why: { code: "unavailable" } });
    expect(world.sockets[0]?.closed).toBe(true);
  });

  test("what an old socket still brings is ignored", async () => {
    const { world, connection, links } = await connected();
    world.socket.breaks();
    const [old] = world.sockets;
    await reconnected(world);
    world.socket.says(welcome(1, { resumed: true, state: state(1) }));
    const count = links.length;
    old?.says({ event: "ping", n: 9, acked: 8 });
    old?.breaks(4001);
    expect([links.length, connection.link.state]).toEqual([count, "online"]);
  });
});

describe("the lease", () => {
  test("counts from when the acknowledged pong was sent, less 2 % and half a second", async () => {
    const { world, connection, sessions } = await connected();
    expect(connection.session?.leaseLeftMs).toBe(28_900);
    world.pass(10_000);
    world.socket.says({ event: "ping", n: 1, acked: 0, seq: { [id(1)]: 0 } });
    expect(world.socket.last("pong")).toEqual({ op: "pong", n: 1, idle_ms: { [id(1)]: 0 } });
    expect(connection.session?.leaseLeftMs).toBe(18_900);
    world.pass(10_000);
    world.socket.says({ event: "ping", n: 2, acked: 1 });
    expect(connection.session?.leaseLeftMs).toBe(18_900);
    world.socket.breaks();
    world.pass(18_899);
    expect(sessions.map(({ what }) => what)).toEqual(["opened"]);
    world.pass(1);
    expect(sessions.map(({ what }) => what)).toEqual(["opened", "lease_over"]);
    expect(connection.session?.leaseLeftMs).toBe(0);
  });

  test("a short one renews itself before its pings can", async () => {
    const world = new World();
    const connection = new Connection({ url: "http://erp", leaseMs: 10_000, surroundings: world });
    connection.connect();
    await settled();
    world.socket.opens();
    world.socket.says(welcome(1, { lease_ms: 10_000 }));
    expect(connection.session?.leaseLeftMs).toBe(9_300);
    world.pass(6_975);
    expect(world.socket.last("session.heartbeat")).toMatchObject({ session: id(1), idle_ms: 0 });
    world.socket.answers("session.heartbeat", { expires_at: "", seq: 0, locks: [] });
    expect(connection.session?.leaseLeftMs).toBe(9_300);
  });

  test("a person's idleness is told, by session", async () => {
    const { world, connection } = await connected();
    if (connection.session !== undefined) connection.session.idleMs = () => 45_000.4;
    world.socket.says({ event: "ping", n: 1, acked: 0 });
    expect(world.socket.last("pong").idle_ms).toEqual({ [id(1)]: 45_000 });
  });
});

describe("sessions of windows", () => {
  async function withWindow() {
    const all = await connected();
    const opening = all.connection.openSession({ client: { window: "2" } });
    all.world.socket.answers("session.open", {
      session: id(2),
      secret: id("w"),
      lease_ms: 30_000,
      expires_at: "",
      seq: 0,
    });
    const opened = await opening;
    if (!opened.ok) throw new Error(opened.refusal.sentence);
    return { ...all, window: opened.value };
  }

  test("a request of a window names its session, one of the hello's need not", async () => {
    const { world, connection, window } = await withWindow();
    void window.call("lock.acquire", { targets: ["SaleOrder:1"] });
    expect(world.socket.last("lock.acquire").session).toBe(id(2));
    void window.call("lock.list", {});
    expect(world.socket.last("lock.list")).not.toHaveProperty("session");
    void connection.call("lock.acquire", { targets: ["SaleOrder:1"] });
    expect(world.socket.last("lock.acquire")).not.toHaveProperty("session");
  });

  test("each is resumed by its own secret, and the loss of one is not that of the others", async () => {
    const { world, connection, sessions, window } = await withWindow();
    world.socket.breaks();
    await reconnected(world);
    expect(world.socket.count("hello")).toBe(1);
    world.socket.says(welcome(1, { resumed: true, state: state(1) }));
    expect(world.socket.last("hello")).toMatchObject({ session: id(2), secret: id("w"), attempt: 1 });
    world.socket.refuses("hello", { code: "unavailable", title: "Not now." });
    world.pass(1_000);
    expect(world.socket.last("hello")).toMatchObject({ session: id(2), attempt: 2 });
    world.socket.says(welcome(2, { resumed: true, state: state(2) }));
    expect(window.leaseLeftMs).toBe(28_400); // the hello was sent half a second ago
    world.socket.says({ event: "session.ended", session: id(2), reason: "expired" });
    expect(sessions.at(-1)).toMatchObject({ what: "ended", session: window, reason: "expired" });
    expect([connection.link.state, connection.session?.id, window.leaseLeftMs]).toEqual(["online", id(1), 0]);
  });

  test("end() ends every session, close() leaves them to their leases", async () => {
    const { world, connection } = await withWindow();
    connection.end();
    expect(world.socket.said.filter(({ op }) => op === "session.end")).toMatchObject([
      { session: id(1) },
      { session: id(2) },
    ]);
    const other = await withWindow();
    other.connection.close();
    expect(other.world.socket.count("session.end")).toBe(0);
    expect([other.world.socket.closed, other.world.timers]).toEqual([true, 0]);
  });

  test("a reload resumes by the credentials that were kept", async () => {
    const { world, connection } = await connected({ resume: { session: id(5), secret: id("k"), attempt: 3 } });
    expect(world.socket.last("hello")).toMatchObject({ session: id(5), secret: id("k"), attempt: 4 });
    world.socket.says(welcome(5, { resumed: true, state: state(5), lease_ms: 60_000 }));
    expect([connection.session?.id, connection.session?.leaseMs]).toEqual([id(5), 60_000]);
  });
});

describe("pushes", () => {
  test("are told by their name, in order, deflated ones among them", async () => {
    const { world, connection } = await connected();
    const heard: number[] = [];
    connection.onPush("notice", ({ notice }) => heard.push(notice));
    const notice = (n: number) => ({ event: "notice", notice: n, type: "SaleOrder", id: "1", version: 1, at: "" });
    world.socket.says(notice(1));
    world.socket.saysDeflated(notice(2));
    world.socket.says(notice(3));
    world.socket.saysDeflated(notice(4));
    await expect.poll(() => heard).toEqual([1, 2, 3, 4]);
    world.socket.says(notice(5));
    expect(heard).toEqual([1, 2, 3, 4, 5]);
  });

  test("one that was missed is made good by the session's state, page by page", async () => {
    const { world, sessions } = await connected();
    const lost = { event: "lock.lost", session: id(1), lock: id("L"), reason: "forced", targets: [], whole: true };
    world.socket.says({ ...lost, seq: 1 });
    expect(world.socket.count("session.state")).toBe(0);
    world.socket.says({ ...lost, seq: 3 });
    world.socket.says({ ...lost, seq: 4 });
    expect(world.socket.count("session.state")).toBe(1);
    world.socket.answers("session.state", state(1, { locks: [grant], next: "p2" }));
    expect(world.socket.last("session.state").next).toBe("p2");
    world.socket.answers("session.state", state(1, { locks: [{ ...grant, lock: id("M") }] }));
    expect(sessions.at(-1)).toMatchObject({ what: "state", state: { locks: [{ lock: id("L") }, { lock: id("M") }] } });
    world.socket.says({ event: "ping", n: 1, acked: 0, seq: { [id(1)]: 5 } });
    expect(world.socket.count("session.state")).toBe(3);
  });

  test("what cannot be read ends the link, an unknown one does not", async () => {
    for (const text of ["{", "[]", "{}", '{"event":"ping","n":"x"}', Uint8Array.of(2, 0)]) {
      const { world, links } = await connected();
      world.socket.says({ event: "of.tomorrow", n: 1 });
      expect(links.at(-1)?.state).toBe("online");
      world.socket.saysText(text);
      await settled();
      expect(links.at(-1), String(text)).toMatchObject({ state: "offline", why: { code: "unavailable" } });
    }
  });
});

describe("calls", () => {
  test("a refusal is a value with its code, its sentence and what else the server said", async () => {
    const { world, connection } = await connected();
    const call = connection.call("lock.acquire", { targets: ["SaleOrder:1"] });
    const conflicts = [{ target: "SaleOrder:1", holder: { user: "wang" } }];
    const error = { code: "locked", title: "Somebody else holds it.", conflicts_total: 1, conflicts };
    world.socket.refuses("lock.acquire", error);
    expect(await call).toEqual({ ok: false, refusal: { ...error, sentence: error.title } });
    const other = connection.call("lock.get", { lock: "x" });
    world.socket.refuses("lock.get", { code: "invalid", title: "Wrong.", detail: "`lock` is no id.", field: "lock" });
    expect(await other).toMatchObject({ refusal: { code: "invalid", sentence: "`lock` is no id.", field: "lock" } });
    const strange = connection.call("lock.get", { lock: "x" }, { deadlineMs: 10 });
    world.socket.refuses("lock.get", { code: "of_tomorrow", title: "New." });
    world.pass(10);
    expect(await strange).toMatchObject({ refusal: { code: "unavailable", sentence: "New." } });
  });

  test("a passing refusal is repeated with the same id after a pause, until the deadline", async () => {
    const { world, connection } = await connected();
    const call = connection.call("lock.release", { lock: id("L"), all: true });
    world.socket.refuses("lock.release", { code: "too_many", title: "Slower.", retry_after_ms: 3_000 });
    world.pass(2_999);
    expect(world.socket.count("lock.release")).toBe(1);
    world.pass(1);
    expect(world.socket.count("lock.release")).toBe(2);
    expect(new Set(world.socket.said.slice(1).map((one) => one.request_id)).size).toBe(1);
    world.socket.refuses("lock.release", { code: "unavailable", title: "Not now.", retry_after_ms: 60_000 });
    expect(await call).toMatchObject({ refusal: { code: "unavailable", sentence: "Not now." } });
  });

  test("without a connection a call waits for one, and says so at its deadline", async () => {
    const world = new World();
    const connection = new Connection({ url: "http://erp", surroundings: world });
    const early = connection.call("stats.get", {});
    world.pass(10_000);
    expect(await early).toMatchObject({ refusal: { code: "unavailable" } });
    const call = connection.call("stats.get", {}, { deadlineMs: 60_000 });
    connection.connect();
    await settled();
    world.socket.opens();
    world.socket.says(welcome(1));
    world.socket.answers("stats.get", { locks: 3 });
    expect(await call).toEqual({ ok: true, value: { locks: 3 } });
  });

  test("what nobody waits for any more is given back when it comes", async () => {
    const { world, connection } = await connected();
    const first = connection.call("lock.acquire", { targets: ["SaleOrder:1"] }, { deadlineMs: 1_000 });
    const acquire = world.socket.last("lock.acquire");
    const second = connection.call("lock.request", { lock: id("L") }, { deadlineMs: 1_000 });
    world.pass(1_000);
    expect(await first).toMatchObject({ refusal: { code: "unknown_outcome" } });
    expect(await second).toMatchObject({ refusal: { code: "unknown_outcome" } });
    world.socket.says({ id: acquire.id, ok: grant });
    expect(world.socket.last("lock.release")).toMatchObject({ lock: grant.lock, session: id(1) });
    world.socket.answers("lock.request", { request: id("W"), wait: id("W"), position: 1 });
    expect(world.socket.last("lock.cancel_wait").wait).toBe(id("W"));
    const window = connection.openSession();
    world.pass(10_000);
    expect(await window).toMatchObject({ refusal: { code: "unknown_outcome" } });
    world.socket.answers("session.open", { session: id(2), secret: id("w"), lease_ms: 30_000, expires_at: "", seq: 0 });
    expect(world.socket.last("session.end").session).toBe(id(2));
  });

  test("up to 60 are under way at once, the others follow in their order", async () => {
    const { world, connection } = await connected();
    const calls = Array.from({ length: 70 }, (_, n) => connection.call("lock.list", { limit: n + 1 }));
    expect(world.socket.count("lock.list")).toBe(60);
    const { said } = world.socket;
    for (let i = 1; i <= 70; ++i) world.socket.says({ id: said[i]?.id, ok: { locks: [] } });
    expect(said.slice(1).map((one) => one.limit)).toEqual(Array.from({ length: 70 }, (_, n) => n + 1));
    expect(await Promise.all(calls)).toHaveLength(70);
  });

  test("too large a message, and one call too many, are refused here", async () => {
    const { world, connection } = await connected();
    const label = "审".repeat(400_000);
    expect(await connection.call("lock.force", { lock: "x", reason: label })).toMatchObject({
      refusal: { code: "too_large" },
    });
    for (let i = 0; i < 10_000; ++i) void connection.call("stats.get", {});
    expect(await connection.call("stats.get", {})).toMatchObject({ refusal: { code: "too_many" } });
    expect(world.socket.count("lock.force")).toBe(0);
  });
});
