// TodoStore keeps what a follower of a to-do tree shows: its rows, its counts and the cursor that they belong to, out of
// the frames that the server sends ("To-do" in docs/protocol.md) and out of nothing else. It is TodoCore of the C++ SDK
// (src/client/todo_core.h), held to the same rules by the same files (tests/scenarios/todo).
//
// Invariants:
//   1. all that can be read of a frame is applied at once, then its cursor holds; what is no frame changes nothing;
//   2. a row's version never falls but with a snapshot's beginning;
//   3. rows, and who edits them, are as the newest digest proved them to be, or wantsResubscribe.
//
// What does not fit (a digest that differs, a frame that cannot be read) ends in a subscription without a cursor: until
// that snapshot begins, rows are shown on, but no cursor of theirs is kept. A row or a removal that cannot be read is
// passed over. It ends so too, but for a row of a snapshot, which would have it again: that one is `unread`, and the
// digests prove the others. Pure: no clock, no socket, no timer.

import { sameJson } from "./json.ts";
import type { Named, Removal } from "./messages.ts";
import { add, editedTally, emptyTally, rowTally, sameTally, subtract, type Tally } from "./tally.ts";
import { readTodo, type TodoCounts, type TodoDigest, type TodoFrame, type TodoRow } from "./todo_frames.ts";

export interface TodoChange {
  what: "added" | "changed" | "removed";
  row: TodoRow; // removed: as it was
  by?: Named; // who did it, by what, why and when
  action?: string;
  reason?: string;
  at?: string;
  deleted?: true; // removed: the bill was deleted
}

// What one frame changed: show it as a whole.
export interface TodoChanges {
  snapshot: string; // not empty: a snapshot begins and everything shown before is gone. first, trimmed, epoch, audience
  rows: TodoChange[];
  counts: TodoCounts; // the groups whose count the frame has
}

export interface TodoStoreLimits {
  rowsMax: number;
}

// What is kept of a store between two runs of a page; plain data, for IndexedDB.
export interface SavedTodo {
  cursor: string;
  counts: TodoCounts;
  rows: TodoRow[];
}

// Why a frame was refused: it cannot be read, or has more rows than can be kept. Then wantsResubscribe.
export interface TodoRefusal {
  code: "invalid" | "too_large";
  sentence: string;
}

type Groups = Map<string, Map<string, TodoRow>>;

export class TodoStore {
  readonly #limits: TodoStoreLimits;
  readonly #types = new Map<string, Groups>();
  #size = 0;
  #sum: Tally = emptyTally(); // of all rows
  #edited: Tally = emptyTally(); // of those that say who edits them
  #unread: Tally = emptyTally(); // of those that cannot be read; its sums as the first digest after the snapshot had them
  #unreadProved = false;
  #counts: TodoCounts = {};
  #cursor = "";
  #doubts = 0;
  #live = false;
  #wantsResubscribe = false;
  #doubted = false; // until a snapshot begins
  #inSnapshot = false; // until it is whole
  #editedDiffered = false; // since a digest proved who edits

  constructor(limits: Partial<TodoStoreLimits> = {}) {
    this.#limits = { rowsMax: 2_000_000, ...limits };
  }

  // A store as it was saved: a subscription with its cursor brings what has changed since.
  static restored(saved: SavedTodo, limits: Partial<TodoStoreLimits> = {}): TodoStore {
    const store = new TodoStore(limits);
    for (const row of saved.rows) store.#put(row, []);
    store.#counts = structuredClone(saved.counts);
    store.#cursor = saved.cursor;
    return store;
  }
  saved(): SavedTodo {
    return { cursor: this.#cursor, counts: structuredClone(this.#counts), rows: [...this.rows()] };
  }

  // One message of the server, as parseJson() read it. What it has changed: nothing, if it is no frame of a tree, or
  // repeats what is known. O(its rows).
  feed(message: unknown): TodoChanges | TodoRefusal {
    const frame = readTodo(message);
    const changes: TodoChanges = { snapshot: "", rows: [], counts: {} };
    if (frame === undefined) return changes;
    if (typeof frame === "string") {
      this.#doubt();
      return { code: "invalid", sentence: `A frame of the to-do tree cannot be read: ${frame}.` };
    }
    if (frame.kind === "digest") {
      this.#prove(frame);
      return changes;
    }
    if (this.#rowsAfter(frame) > this.#limits.rowsMax) {
      this.#doubt();
      return { code: "too_large", sentence: "The to-do tree has too many rows to keep." };
    }
    this.#apply(frame, changes);
    return changes;
  }

  // All rows, or those of a type, or of a group of it; those of a group in the order in which they came.
  *rows(type?: string, group?: string): IterableIterator<TodoRow> {
    for (const [ofType, groups] of this.#types) {
      if (type !== undefined && type !== ofType) continue;
      for (const [ofGroup, rows] of groups) {
        if (group === undefined || group === ofGroup) yield* rows.values();
      }
    }
  }
  row(type: string, group: string, id: string): TodoRow | undefined {
    return this.#types.get(type)?.get(group)?.get(id);
  }
  get size(): number {
    return this.#size;
  }
  get counts(): Readonly<TodoCounts> {
    return this.#counts;
  }
  // Where to go on after an interruption; empty: with a snapshot.
  get cursor(): string {
    return this.#cursor;
  }
  // Caught up: the tree follows.
  get live(): boolean {
    return this.#live;
  }
  // Rows that the user has and rows() lacks, for they cannot be read. Counts count them.
  get unread(): number {
    return this.#unread.rows;
  }
  // How often what came did not fit, since a digest has proved that every row is here, and says who edits it.
  get doubts(): number {
    return this.#doubts;
  }

  // Subscribe now, with the cursor, which is empty. True until subscribing().
  get wantsResubscribe(): boolean {
    return this.#wantsResubscribe;
  }
  // A subscription with the cursor is on its way: what comes from now on catches up first.
  subscribing(): void {
    this.#live = this.#wantsResubscribe = false;
  }
  // The server does not know the cursor.
  forgetCursor(): void {
    this.#cursor = "";
  }

  #apply(frame: TodoFrame, changes: TodoChanges): void {
    if (frame.reason !== "") {
      this.#begin();
      changes.snapshot = frame.reason;
    }
    if (frame.editingAll) this.#forgetEditing(changes.rows);
    for (const row of frame.upsert) this.#put(row, changes.rows);
    for (const removal of frame.remove) this.#remove(removal, changes.rows);
    for (const [type, groups] of Object.entries(frame.counts)) {
      this.#counts[type] = { ...this.#counts[type], ...groups };
    }
    changes.counts = frame.counts;
    // A snapshot has a row in no other form; what came otherwise is asked for anew.
    if (this.#inSnapshot) {
      this.#unread.rows += frame.unread;
    } else if (frame.unread + frame.unreadRemovals > 0 && !this.#doubted) {
      this.#doubt();
    }
    if (frame.kind === "live") this.#inSnapshot = false;
    if (!this.#doubted) this.#cursor = frame.cursor;
    if (frame.kind === "live" && !this.#doubted) this.#live = true;
  }

  // At most: a row that the frame also takes away, or has twice, counts.
  #rowsAfter(frame: TodoFrame): number {
    if (frame.reason !== "") return frame.upsert.length;
    const most = this.#size + frame.upsert.length;
    if (most <= this.#limits.rowsMax) return most;
    return this.#size + frame.upsert.filter((row) => this.row(row.type, row.group, row.id) === undefined).length;
  }

  #begin(): void {
    this.#types.clear();
    this.#size = 0;
    this.#sum = emptyTally();
    this.#edited = emptyTally();
    this.#unread = emptyTally();
    this.#counts = {};
    this.#cursor = "";
    this.#live = this.#doubted = this.#wantsResubscribe = this.#unreadProved = false;
    this.#inSnapshot = true;
  }

  // The frame names every row that is edited: what was known before may be over.
  #forgetEditing(changes: TodoChange[]): void {
    this.#edited = emptyTally();
    for (const row of [...this.rows()]) {
      if (row.editing === undefined) continue;
      const { editing: _, ...idle } = row;
      this.#groupOf(row.type, row.group).set(row.id, idle);
      changes.push({ what: "changed", row: idle });
    }
  }

  #groupOf(type: string, group: string): Map<string, TodoRow> {
    const groups = emplaced(this.#types, type, () => new Map<string, Map<string, TodoRow>>());
    return emplaced(groups, group, () => new Map<string, TodoRow>());
  }

  #countIn(row: TodoRow): void {
    add(this.#sum, rowTally(row.type, row.id, row.group, row.version));
    if (row.editing !== undefined) add(this.#edited, editedTallyOf(row));
  }
  #countOut(row: TodoRow): void {
    subtract(this.#sum, rowTally(row.type, row.id, row.group, row.version));
    if (row.editing !== undefined) subtract(this.#edited, editedTallyOf(row));
  }

  #put(row: TodoRow, changes: TodoChange[]): void {
    const group = this.#groupOf(row.type, row.group);
    const known = group.get(row.id);
    if (known !== undefined && (isNewer(known, row) || sameJson(known, row))) return;
    if (known === undefined) ++this.#size;
    else this.#countOut(known);
    group.set(row.id, row);
    this.#countIn(row);
    const { actor: by, action, reason, at } = row;
    changes.push({ what: known === undefined ? "added" : "changed", row, ...present({ by, action, reason, at }) });
  }

  #remove(removal: Removal, changes: TodoChange[]): void {
    const group = this.#types.get(removal.type)?.get(removal.group);
    const row = group?.get(removal.id);
    if (group === undefined || row === undefined || isNewer(row, removal)) return;
    this.#countOut(row);
    group.delete(removal.id);
    --this.#size;
    const { by, action, at, deleted } = removal;
    changes.push({ what: "removed", row, ...present({ by, action, at, deleted }) });
  }

  #doubt(): void {
    this.#cursor = "";
    this.#live = false;
    ++this.#doubts;
    this.#doubted = this.#wantsResubscribe = true;
  }

  #prove(digest: TodoDigest): void {
    if (this.#doubted) return;
    const others = { ...digest.rows };
    subtract(others, this.#sum);
    if (this.#unread.rows > 0 && !this.#unreadProved && others.rows === this.#unread.rows) {
      this.#unread = others;
      this.#unreadProved = true;
    }
    if (!sameTally(others, this.#unread)) {
      this.#doubt();
      return;
    }
    // A row that cannot be read may be edited, too: then this proves nothing.
    if (digest.edited !== undefined && this.#unread.rows === 0) {
      this.#editedDiffered = !sameTally(digest.edited, this.#edited);
      if (this.#editedDiffered) {
        this.#doubt();
        return;
      }
    }
    if (this.#unread.rows === 0 && !this.#editedDiffered) this.#doubts = 0;
    this.#cursor = digest.cursor;
  }
}

// The groups that a frame touched, as "type/group": those with rows that came, went or changed, and those with a count.
export function touchedGroups(changes: TodoChanges): Set<string> {
  const touched = new Set<string>();
  for (const { row } of changes.rows) touched.add(`${row.type}/${row.group}`);
  for (const [type, groups] of Object.entries(changes.counts)) {
    for (const group of Object.keys(groups)) touched.add(`${type}/${group}`);
  }
  return touched;
}

function isNewer(row: TodoRow, than: { born?: number; version: number }): boolean {
  const born = row.born ?? 0;
  const other = than.born ?? 0;
  return born > other || (born === other && row.version > than.version);
}

function editedTallyOf(row: TodoRow): Tally {
  return editedTally(row.type, row.id, row.group, row.editing?.user ?? "", row.editing?.since ?? "");
}

function emplaced<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const value = make();
  map.set(key, value);
  return value;
}

// `object` without the members that are undefined.
function present<T extends object>(object: T): { [name in keyof T]?: Exclude<T[name], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [name in keyof T]?: Exclude<T[name], undefined>;
  };
}
