// HttpClient calls Holdfast by HTTP, with the fields and answers that the operations have by WebSocket.
//
// A call that gets no answer, or a passing refusal, is repeated with the same request id until its deadline. It throws
// nothing for what a server or a network does.

import { isObject, parseJson } from "./json.ts";
import type { Answers, Operations } from "./messages.ts";
import { mayBeSentAgain, repeatId } from "./operations.ts";
import { answered, isPassing, type Outcome, ownRefusal, readRefusal, refused } from "./refusal.ts";
import { addressOf, type HttpOp, type Route, routes } from "./routes.ts";
import type { TodoCounts } from "./todo_frames.ts";

const repeatBaseMs = 50;
const repeatMaxMs = 2_000;
const waitMaxMs = 25_000; // how long an HTTP answer waits for a lock

export interface HttpOptions {
  url: string; // http or https; a path before /v1 is kept. In a browser: location.origin
  token?: string | (() => string | Promise<string>); // absent: the browser's cookie counts
  language?: string; // of sentences: zh-CN; in a browser that of the browser, else English
  deadlineMs?: number; // of each call, all repeats included; 10 s, and what it waits for a lock
  fetch?: FetchLike; // for tests
}

export type FetchLike = (
  url: string,
  init: { method: string; headers: Record<string, string>; body?: string; signal: AbortSignal },
) => Promise<{ status: number; text(): Promise<string> }>;

// By HTTP a tree is not followed: its counts now, once.
export type HttpAnswers = {
  [O in HttpOp]: O extends "todo.subscribe" ? { epoch: string; counts: TodoCounts } : Answers[O];
};

export interface Login {
  user: string;
  name: string;
  rights: string[];
  expires_at?: string;
}
export interface DevUser {
  user: string;
  name?: string;
  roles?: string[];
  rights?: string[];
  ns?: string;
  employee?: string;
  departments?: string[];
  super?: boolean;
  service?: boolean;
}

export class HttpClient {
  readonly #options: HttpOptions;
  readonly #url: string;
  readonly #fetch: FetchLike;

  constructor(options: HttpOptions) {
    this.#options = options;
    this.#url = options.url.replace(/^ws/, "http").replace(/\/+$/, "");
    this.#fetch = options.fetch ?? ((url, init) => fetch(url, init));
  }

  async call<O extends HttpOp>(
    op: O,
    fields: Operations[O],
    options: { deadlineMs?: number } = {},
  ): Promise<Outcome<HttpAnswers[O]>> {
    const known = repeatId(op);
    const repeated = known === undefined || Object.hasOwn(fields, known) ? {} : { [known]: crypto.randomUUID() };
    const waits = "wait_ms" in fields ? Math.min(waitMaxMs, Number(fields.wait_ms)) : 0;
    const deadline = options.deadlineMs ?? (this.#options.deadlineMs ?? 10_000) + waits;
    const outcome = await this.#ask(routes[op], { ...repeated, ...fields }, deadline, mayBeSentAgain(op));
    if (!outcome.ok) return outcome;
    const { status, body } = outcome.value;
    // By WebSocket a request that waits for a lock is answered so.
    return answered((op === "lock.acquire" && status === 202 ? { queued: body } : body) as HttpAnswers[O]);
  }

  // A bearer token, or a one-time code, becomes the browser's cookie.
  login(code?: string): Promise<Outcome<Login>> {
    return this.#plain<Login>({ method: "POST", path: "/v1/login" }, code === undefined ? {} : { code });
  }
  logout(): Promise<Outcome<undefined>> {
    return this.#plain<undefined>({ method: "DELETE", path: "/v1/login" }, {});
  }
  // A server that runs with --dev, on this machine, gives anybody a token.
  devToken(who: DevUser): Promise<Outcome<{ token: string }>> {
    return this.#plain<{ token: string }>({ method: "POST", path: "/v1/dev/token" }, { ...who });
  }

  async #plain<T>(route: Route, fields: Record<string, unknown>): Promise<Outcome<T>> {
    const outcome = await this.#ask(route, fields, this.#options.deadlineMs ?? 10_000, false);
    return outcome.ok ? answered(outcome.value.body as T) : outcome;
  }

  async #ask(
    route: Route,
    fields: Record<string, unknown>,
    deadlineMs: number,
    again: boolean,
  ): Promise<Outcome<{ status: number; body: unknown }>> {
    const until = performance.now() + deadlineMs;
    for (let attempt = 1; ; ++attempt) {
      const outcome = await this.#askOnce(route, fields, until - performance.now());
      if (outcome.ok || !again || !isPassing(outcome.refusal.code)) return outcome;
      const span = Math.min(repeatMaxMs, repeatBaseMs * 2 ** Math.min(attempt, 10));
      const wait = Math.max(Math.random() * span, outcome.refusal.retry_after_ms ?? 0);
      if (performance.now() + wait >= until) return outcome;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  async #askOnce(
    route: Route,
    fields: Record<string, unknown>,
    leftMs: number,
  ): Promise<Outcome<{ status: number; body: unknown }>> {
    const { path, body } = addressOf(route, fields);
    const headers: Record<string, string> = {};
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (this.#options.language !== undefined) headers["Accept-Language"] = this.#options.language;
    const { token } = this.#options;
    let bearer = typeof token === "string" ? token : undefined;
    if (typeof token === "function") {
      try {
        bearer = await token();
      } catch {
        return refused(ownRefusal("unavailable", "No token could be had."));
      }
    }
    if (bearer !== undefined) headers.Authorization = `Bearer ${bearer}`;
    const signal = AbortSignal.timeout(Math.max(1, Math.ceil(leftMs)));
    const init = { method: route.method, headers, signal, ...(body === undefined ? {} : { body }) };
    try {
      const response = await this.#fetch(`${this.#url}${path}`, init);
      const text = await response.text();
      const read = text === "" ? undefined : parseJson(text);
      if (response.status < 300) return answered({ status: response.status, body: read });
      return refused(readRefusal(isObject(read) ? read : {}, response.status));
    } catch {
      // Nobody can say whether the server has read it.
      return refused(ownRefusal("unknown_outcome", "The server gave no answer; it may have done it."));
    }
  }
}
