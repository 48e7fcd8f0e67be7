// What a call ends with: the answer, or a refusal. Both are values; nothing here throws for what a server may say.

import { isObject, isWhole } from "./json.ts";
import type { Problem } from "./messages.ts";

export type Code = Problem["code"];

// Problem has what the server said: code, title, detail, field, conflicts …
export interface Refusal extends Problem {
  sentence: string; // for people: what is wrong with this very request, or what the code means
}

export type Outcome<T> = { ok: true; value: T } | { ok: false; refusal: Refusal };

export function answered<T>(value: T): Outcome<T> {
  return { ok: true, value };
}
export function refused(refusal: Refusal): { ok: false; refusal: Refusal } {
  return { ok: false, refusal };
}

// A refusal that no server said.
export function ownRefusal(code: Code, sentence: string): Refusal {
  return { code, title: sentence, sentence };
}

// `code` is checked by the compiler to be complete.
const codes = Object.keys({
  locked: 0,
  stale_version: 0,
  not_holder: 0,
  lock_gone: 0,
  request_gone: 0,
  request_id_reused: 0,
  unauthenticated: 0,
  session_gone: 0,
  forbidden: 0,
  not_found: 0,
  invalid: 0,
  too_large: 0,
  too_many: 0,
  unavailable: 0,
  draining: 0,
  unknown_outcome: 0,
} satisfies Record<Code, 0>);

// What a server said, by WebSocket or by HTTP (then with its status). An unknown code is `invalid` for 4xx, else
// `unavailable`.
export function readRefusal(value: unknown, status?: number): Refusal {
  const problem = isObject(value) ? value : {};
  const said = isWhole(problem.status) ? problem.status : (status ?? 0);
  const unknown: Code = said >= 400 && said < 500 ? "invalid" : "unavailable";
  const code = codes.find((one) => one === problem.code) as Code | undefined;
  const title = typeof problem.title === "string" ? problem.title : `The server refused with ${status ?? "no reason"}.`;
  const detail = typeof problem.detail === "string" && problem.detail !== "" ? problem.detail : undefined;
  return { ...problem, code: code ?? unknown, title, sentence: detail ?? title };
}

// Whether the same request may be carried out a little later.
export function isPassing(code: Code): boolean {
  return code === "unavailable" || code === "unknown_outcome" || code === "too_many" || code === "draining";
}
