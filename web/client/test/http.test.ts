// The HTTP face. If these fail, a page asks the server what it does not know, or does twice what it was asked once.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type FetchLike, HttpClient } from "../src/http.ts";
import { addressOf, routes } from "../src/routes.ts";

const page = readFileSync(new URL("../../../docs/openapi.yaml", import.meta.url), "utf8");

test("every operation of docs/openapi.yaml has its route here, and none other", () => {
  const described = new Map<string, object>();
  let path = "";
  let method = "";
  for (const line of page.slice(0, page.indexOf("\ncomponents:")).split("\n")) {
    path = /^ {2}(\/\S+):$/.exec(line)?.[1] ?? path;
    method = /^ {4}(get|post|put|delete):$/.exec(line)?.[1]?.toUpperCase() ?? method;
    const id = /^ {6}operationId: (\S+)$/.exec(line)?.[1];
    if (id !== undefined) described.set(id, { method, path });
  }
  // Without an operation of the same name by WebSocket, or as a stream.
  const others = ["watch", "login", "logout", "login.code", "dev.token", "openapi", "health", "ready", "metrics"];
  for (const other of others) expect(described.delete(other), other).toBe(true);
  expect(routes).toEqual(Object.fromEntries(described));
});

test("fields go into the path, the query or the body", () => {
  expect(addressOf(routes["todo.page"], { type: "采购/订单", group: "g", limit: 5, next: undefined })).toEqual({
    path: `/v1/todo/${encodeURIComponent("采购/订单")}/g?limit=5`,
  });
  expect(addressOf(routes["lock.release"], { lock: "L", session: "S", all: true, targets: ["A:1", "A:2"] })).toEqual({
    path: "/v1/locks/L?session=S&all=true&targets=A%3A1&targets=A%3A2",
  });
  expect(addressOf(routes["lock.extend"], { lock: "L", session: "S", ttl_ms: 5 })).toEqual({
    path: "/v1/locks/L/extend",
    body: '{"session":"S","ttl_ms":5}',
  });
});

type Answer = { status: number; body?: object } | "broken";

function served(...answers: Answer[]) {
  const asked: { url: string; method: string; headers: Record<string, string>; body?: string }[] = [];
  const fetch: FetchLike = async (url, { signal: _, ...init }) => {
    asked.push({ url, ...init });
    const answer = answers.shift() ?? "broken";
    if (answer === "broken") throw new TypeError("network");
    return { status: answer.status, text: async () => (answer.body === undefined ? "" : JSON.stringify(answer.body)) };
  };
  return { asked, fetch };
}

describe("a call", () => {
  test("carries who asks, in which language, and comes back typed", async () => {
    const { asked, fetch } = served({ status: 200, body: { epoch: "e", counts: { SaleOrder: { unreviewed: 3 } } } });
    const http = new HttpClient({ url: "http://erp/", token: async () => "jwt", language: "zh-CN", fetch });
    const outcome = await http.call("todo.subscribe", { types: ["SaleOrder"] });
    expect(outcome.ok && outcome.value.counts.SaleOrder?.unreviewed).toBe(3);
    expect(asked).toEqual([
      {
        url: "http://erp/v1/todo?types=SaleOrder",
        method: "GET",
        headers: { Authorization: "Bearer jwt", "Accept-Language": "zh-CN" },
      },
    ]);
  });

  test("that got no answer is repeated with the same request id", async () => {
    const busy = { status: 503, body: { code: "draining", title: "The server is stopping." } };
    const { asked, fetch } = served("broken", busy, { status: 201, body: { lock: "L" } });
    const outcome = await new HttpClient({ url: "http://erp", fetch }).call("lock.acquire", {
      targets: ["A:1"],
      session: "S",
    });
    expect(outcome).toEqual({ ok: true, value: { lock: "L" } });
    const ids = asked.map(({ body }) => (JSON.parse(body ?? "") as { request_id: string }).request_id);
    expect(ids[0]).toMatch(/^.{1,64}$/);
    expect(new Set(ids).size).toBe(1);
    expect(asked[0]?.headers).toEqual({ "Content-Type": "application/json" });
  });

  test("that waits for a lock is answered as by WebSocket", async () => {
    const { fetch } = served({ status: 202, body: { wait: "W", position: 1 } });
    const outcome = await new HttpClient({ url: "http://erp", fetch }).call("lock.acquire", {
      targets: ["A:1"],
      wait_ms: 5,
    });
    expect(outcome).toEqual({ ok: true, value: { queued: { wait: "W", position: 1 } } });
  });

  test("is refused by a value, also by what is no server of ours", async () => {
    const locked = {
      type: "urn:holdfast:problem:locked",
      code: "locked",
      status: 423,
      title: "Held.",
      conflicts_total: 1,
    };
    const { fetch } = served({ status: 423, body: locked }, { status: 404 }, { status: 204 });
    const http = new HttpClient({ url: "http://erp", fetch });
    expect(await http.call("lock.acquire", { targets: ["A:1"] })).toEqual({
      ok: false,
      refusal: { ...locked, sentence: "Held." },
    });
    expect(await http.call("stats.get", {})).toMatchObject({ ok: false, refusal: { code: "invalid" } });
    expect(await http.logout()).toEqual({ ok: true, value: undefined });
  });

  test("ends at its deadline", async () => {
    const { asked, fetch } = served();
    const outcome = await new HttpClient({ url: "http://erp", fetch, deadlineMs: 300 }).call("stats.get", {});
    expect(outcome).toMatchObject({ ok: false, refusal: { code: "unknown_outcome" } });
    expect(asked.length).toBeGreaterThan(1);
    const { asked: once, fetch: broken } = served();
    await new HttpClient({ url: "http://erp", fetch: broken }).call("status.resync", { type: "SaleOrder" });
    expect(once.length).toBe(1);
  });
});
