// The HTTP face of each operation. A test holds the table to docs/openapi.yaml.

import type { Op } from "./messages.ts";

// What only a WebSocket can do.
export type HttpOp = Exclude<Op, "hello" | "auth" | "pong" | "watch" | "unwatch" | "todo.unsubscribe">;

export interface Route {
  method: "GET" | "POST" | "DELETE";
  path: string;
}

export const routes: Readonly<Record<HttpOp, Route>> = {
  "session.open": { method: "POST", path: "/v1/sessions" },
  "session.list": { method: "GET", path: "/v1/sessions" },
  "session.state": { method: "GET", path: "/v1/sessions/{session}" },
  "session.end": { method: "DELETE", path: "/v1/sessions/{session}" },
  "session.heartbeat": { method: "POST", path: "/v1/sessions/{session}/heartbeat" },
  "lock.acquire": { method: "POST", path: "/v1/locks" },
  "lock.list": { method: "GET", path: "/v1/locks" },
  "lock.check": { method: "POST", path: "/v1/locks/check" },
  "lock.verify": { method: "POST", path: "/v1/locks/verify" },
  "lock.release_all": { method: "POST", path: "/v1/locks/release-all" },
  "lock.get": { method: "GET", path: "/v1/locks/{lock}" },
  "lock.release": { method: "DELETE", path: "/v1/locks/{lock}" },
  "lock.extend": { method: "POST", path: "/v1/locks/{lock}/extend" },
  "lock.transfer": { method: "POST", path: "/v1/locks/{lock}/transfer" },
  "lock.force": { method: "POST", path: "/v1/locks/{lock}/force" },
  "lock.request": { method: "POST", path: "/v1/locks/{lock}/requests" },
  "request.list": { method: "GET", path: "/v1/requests" },
  "request.agree": { method: "POST", path: "/v1/requests/{request}/agree" },
  "request.refuse": { method: "POST", path: "/v1/requests/{request}/refuse" },
  "request.defer": { method: "POST", path: "/v1/requests/{request}/defer" },
  "request.withdraw": { method: "POST", path: "/v1/requests/{request}/withdraw" },
  "lock.cancel_wait": { method: "DELETE", path: "/v1/waits/{wait}" },
  "run.begin": { method: "POST", path: "/v1/runs/begin" },
  "run.step": { method: "POST", path: "/v1/runs/{run}/step" },
  "run.finish": { method: "POST", path: "/v1/runs/{run}/finish" },
  "run.fail": { method: "POST", path: "/v1/runs/{run}/fail" },
  "run.get": { method: "GET", path: "/v1/runs/{run}" },
  "status.publish": { method: "POST", path: "/v1/status" },
  "status.resync": { method: "POST", path: "/v1/status/resync" },
  "status.get": { method: "GET", path: "/v1/status/{type}/{bill}" },
  "status.history": { method: "GET", path: "/v1/status/{type}/{bill}/history" },
  "todo.subscribe": { method: "GET", path: "/v1/todo" },
  "todo.page": { method: "GET", path: "/v1/todo/{type}/{group}" },
  "notice.list": { method: "GET", path: "/v1/notices" },
  "notice.read": { method: "POST", path: "/v1/notices/read" },
  "bill.get": { method: "GET", path: "/v1/bills/{type}/{bill}" },
  "bill.list": { method: "GET", path: "/v1/bills/{type}" },
  lookup: { method: "GET", path: "/v1/lookup/{table}" },
  "audit.list": { method: "GET", path: "/v1/audit" },
  "catalog.get": { method: "GET", path: "/v1/catalog" },
  "stats.get": { method: "GET", path: "/v1/stats" },
};

// Where a call of `route` goes, and what is left for its body. A list stands in a query once for each of its values.
export function addressOf(route: Route, fields: Record<string, unknown>): { path: string; body?: string } {
  const rest = new Map(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
  let path = route.path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = rest.get(name);
    rest.delete(name);
    return encodeURIComponent(String(value ?? ""));
  });
  if (route.method === "POST") return { path, body: JSON.stringify(Object.fromEntries(rest)) };
  const query = new URLSearchParams();
  for (const [name, value] of rest) {
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one));
  }
  if (query.size > 0) path += `?${query}`;
  return { path };
}
