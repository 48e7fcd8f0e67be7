// What a frame of the to-do tree says, read out of JSON as the C++ SDK reads it (src/wire/said_reader.h).
//
// A row or a removal without what it is known by (type, id, group, version) is counted as unread. Of what is only
// shown, a member of another kind than expected counts as absent, so that a newer server may say more. A frame whose
// lists, counts or sums are malformed cannot be read at all.

import { isObject, isWhole, type JsonObject } from "./json.ts";
import type { Editing, Named, Removal, Row, Tally } from "./messages.ts";

// A bill in a group of its type. `at` is there unless an old server leaves it out.
export type TodoRow = Omit<Row, "at"> & { at?: string };
// type → group → how many rows this user sees in it.
export type TodoCounts = Record<string, Record<string, number>>;

export interface TodoFrame {
  kind: "page" | "live";
  reason: string;
  cursor: string;
  editingAll: boolean;
  upsert: TodoRow[];
  remove: Removal[];
  unread: number; // rows of `upsert`
  unreadRemovals: number;
  counts: TodoCounts;
}
export interface TodoDigest {
  kind: "digest";
  cursor: string;
  rows: Tally;
  edited?: Tally;
}

// Undefined if `message` is no frame of a tree; a text that names what is malformed if it cannot be read.
export function readTodo(message: unknown): TodoFrame | TodoDigest | string | undefined {
  if (!isObject(message)) return "it is no JSON object";
  switch (message.event) {
    case "todo.page":
      return readRows(message, "page");
    case "todo.live":
      return readRows(message, "live");
    case "todo.digest":
      return readDigest(message);
    default:
      return undefined;
  }
}

function readRows(message: JsonObject, kind: "page" | "live"): TodoFrame | string {
  const upsert = readList(message.upsert, readRow);
  const remove = readList(message.remove, readRemoval);
  const counts = readCounts(message.counts ?? {});
  if (upsert === undefined) return "`upsert` is malformed";
  if (remove === undefined) return "`remove` is malformed";
  if (counts === undefined) return "`counts` is malformed";
  return {
    kind,
    reason: kind === "page" ? textOf(message.reason) : "",
    cursor: textOf(message.cursor),
    editingAll: kind === "live" && message.editing === "all",
    upsert: upsert.all,
    remove: remove.all,
    unread: upsert.unread,
    unreadRemovals: remove.unread,
    counts,
  };
}

function readDigest(message: JsonObject): TodoDigest | string {
  const rows = readTally(message);
  if (rows === undefined) return "`rows`, `sum0` or `sum1` is malformed";
  const digest: TodoDigest = { kind: "digest", cursor: textOf(message.cursor), rows };
  if (isObject(message.edited)) {
    const edited = readTally(message.edited);
    if (edited === undefined) return "`edited` is malformed";
    digest.edited = edited;
  }
  return digest;
}

function readList<T>(
  value: unknown,
  readOne: (one: JsonObject) => T | undefined,
): { all: T[]; unread: number } | undefined {
  const list: unknown = value ?? [];
  if (!Array.isArray(list)) return undefined;
  const all: T[] = [];
  for (const one of list) {
    const read = isObject(one) ? readOne(one) : undefined;
    if (read !== undefined) all.push(read);
  }
  return { all, unread: list.length - all.length };
}

interface Known {
  type: string;
  id: string;
  group: string;
  version: number;
}

function readKnown(value: JsonObject): Known | undefined {
  const { type, id, group, version } = value as { [name in keyof Known]?: unknown };
  if (!isName(type) || !isName(id) || !isName(group) || !isWhole(version)) return undefined;
  return { type, id, group, version };
}

const rowTexts = ["no", "department", "action", "reason", "at", "title", "partner", "amount", "cause"] as const;
const rowPersons = ["creator", "handler", "owner", "actor"] as const;

function readRow(value: JsonObject): TodoRow | undefined {
  const known = readKnown(value);
  if (known === undefined) return undefined;
  const row: TodoRow = known;
  if (isWhole(value.born) && value.born > 0) row.born = value.born;
  for (const name of rowTexts) {
    const text = value[name];
    if (isName(text)) row[name] = text;
  }
  for (const name of rowPersons) {
    const person = readPerson(value[name]);
    if (person !== undefined) row[name] = person;
  }
  if (isObject(value.state)) row.state = readState(value.state);
  if (value.deleted === true) row.deleted = true;
  if (value.unordered === true) row.unordered = true;
  const editing = readEditing(value.editing);
  if (editing !== undefined) row.editing = editing;
  return row;
}

function readRemoval(value: JsonObject): Removal | undefined {
  const known = readKnown(value);
  if (known === undefined) return undefined;
  const removal: Removal = known;
  if (isWhole(value.born) && value.born > 0) removal.born = value.born;
  const by = readPerson(value.by);
  if (by !== undefined) removal.by = by;
  if (isName(value.action)) removal.action = value.action;
  if (isName(value.at)) removal.at = value.at;
  if (value.deleted === true) removal.deleted = true;
  return removal;
}

// Columns: those that are neither a text nor a whole number are left out.
function readState(value: JsonObject): Record<string, string | number> {
  const state: Record<string, string | number> = {};
  for (const [column, one] of Object.entries(value)) {
    if (typeof one === "string" || (typeof one === "number" && Number.isSafeInteger(one))) state[column] = one;
  }
  return state;
}

function readPerson(value: unknown): Named | undefined {
  if (!isObject(value)) return undefined;
  const person: Named = {};
  if (isName(value.user)) person.user = value.user;
  if (isName(value.name)) person.name = value.name;
  return person.user === undefined && person.name === undefined ? undefined : person;
}

function readEditing(value: unknown): Editing | undefined {
  if (!isObject(value) || !isName(value.since)) return undefined;
  return { ...readPerson(value), since: value.since };
}

function readTally(value: JsonObject): Tally | undefined {
  const { rows, sum0, sum1 } = value;
  if (!isSum(rows) || !isSum(sum0) || !isSum(sum1)) return undefined;
  return { rows, sum0, sum1 };
}

function readCounts(value: unknown): TodoCounts | undefined {
  if (!isObject(value)) return undefined;
  for (const groups of Object.values(value)) {
    if (!isObject(groups) || !Object.values(groups).every(isWhole)) return undefined;
  }
  return value as TodoCounts;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isSum(value: unknown): value is number {
  return isWhole(value) && value <= 0xffff_ffff;
}
