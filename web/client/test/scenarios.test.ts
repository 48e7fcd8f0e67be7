// The scenarios of tests/scenarios/todo, which hold the C++ SDK to the same rules (src/client/todo_scenarios_test.cpp). If
// these fail, the browser shows another list of work than the terminal beside it.

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseJson } from "../src/json.ts";
import type { TodoCounts, TodoRow } from "../src/todo_frames.ts";
import { type TodoChange, TodoStore, touchedGroups } from "../src/todo_store.ts";

interface Step {
  hears?: unknown;
  hears_text?: string;
  does?: "subscribes" | "forgets_cursor";
  refused?: "invalid" | "too_large";
  changes?: { snapshot: string; rows: { what: string; row: string }[]; counts: TodoCounts };
  rows?: string[];
  row?: { key: string; members: object };
  counts?: TodoCounts;
  cursor?: string;
  live?: boolean;
  unread?: number;
  doubts?: number;
  wants_resubscribe?: boolean;
}
interface Scenario {
  about: string;
  cases: { name: string; rows_max?: number; steps: Step[] }[];
}

const folder = new URL("../../../tests/scenarios/todo/", import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith(".json"));

function shown(row: TodoRow): string {
  const born = row.born === undefined ? "" : ` born ${row.born}`;
  const by = row.editing?.user === undefined ? "" : ` by ${row.editing.user}`;
  return `${row.type}/${row.group}/${row.id}@${row.version}${born}${row.editing === undefined ? "" : ` edited${by}`}`;
}

function told({ what, row, by, action, reason, deleted }: TodoChange): object {
  const cause = what === "removed" ? undefined : row.cause;
  return { what, row: shown(row), by: by?.user, action, reason, cause, deleted };
}

function run(store: TodoStore, step: Step): void {
  const at = JSON.stringify(step);
  if (step.does === "subscribes") store.subscribing();
  if (step.does === "forgets_cursor") store.forgetCursor();
  if (step.does === undefined) {
    const fed = store.feed(step.hears_text === undefined ? step.hears : read(step.hears_text));
    if ("code" in fed) {
      expect(fed.code, at).toBe(step.refused);
      expect(fed.sentence).toMatch(/^[A-Z].*\.$/);
    } else {
      expect(step.refused, at).toBeUndefined();
      if (step.changes !== undefined) {
        const byRow = (a: { row: string }, b: { row: string }) => (a.row < b.row ? -1 : a.row > b.row ? 1 : 0);
        const rows = fed.rows.map(told) as { what: string; row: string }[];
        expect({ ...fed, rows: rows.sort(byRow) }, at).toEqual({
          ...step.changes,
          rows: [...step.changes.rows].sort(byRow),
        });
      }
      for (const { row } of fed.rows) expect(touchedGroups(fed)).toContain(`${row.type}/${row.group}`);
    }
  }
  if (step.rows !== undefined) expect([...store.rows()].map(shown).sort(), at).toEqual([...step.rows].sort());
  if (step.row !== undefined) {
    const [type = "", group = "", id = ""] = step.row.key.split("/");
    expect(store.row(type, group, id), at).toMatchObject(step.row.members);
  }
  for (const [expected, found] of [
    [step.counts, store.counts],
    [step.cursor, store.cursor],
    [step.live, store.live],
    [step.unread, store.unread],
    [step.doubts, store.doubts],
    [step.wants_resubscribe, store.wantsResubscribe],
    [store.size, [...store.rows()].length],
  ]) {
    if (expected !== undefined) expect(found, at).toEqual(expected);
  }
}

function read(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

test("there are scenarios", () => expect(names.length).toBeGreaterThanOrEqual(10));

for (const name of names) {
  const { about, cases } = JSON.parse(readFileSync(new URL(name, folder), "utf8")) as Scenario;
  describe(`${name}: ${about}`, () => {
    for (const { name, rows_max, steps } of cases) {
      test(name, () => {
        const store = new TodoStore(rows_max === undefined ? {} : { rowsMax: rows_max });
        for (const step of steps) run(store, step);
      });
    }
  });
}

test("a store that was saved and restored goes on by its cursor, and its rows are proved", () => {
  const store = new TodoStore();
  const since = "2025-11-22T09:30:00.000Z";
  store.feed({ event: "todo.page", reason: "first", counts: { SaleOrder: { unreviewed: 1 } } });
  const row = { type: "SaleOrder", group: "unreviewed", id: "1", version: 5, editing: { user: "li", since } };
  store.feed({ event: "todo.live", cursor: "c1", upsert: [row] });
  const restored = TodoStore.restored(structuredClone(store.saved()));
  expect(restored.saved()).toEqual(store.saved());
  expect([restored.cursor, restored.live]).toEqual(["c1", false]);
  restored.feed({ event: "todo.live", cursor: "c2" });
  restored.feed({ event: "todo.digest", cursor: "c3", rows: 1, sum0: 548049920, sum1: 2667630099 });
  expect([restored.cursor, restored.live, restored.doubts]).toEqual(["c3", true, 0]);
});
