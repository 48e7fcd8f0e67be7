// TodoTree follows the to-do tree of a connection's user, and keeps it in a TodoStore.
//
// It subscribes as soon as there is a connection, goes on by the cursor after every interruption, and subscribes anew
// when what came does not fit: at once, then with growing pauses, up to a minute. A connection follows one tree.

import type { Connection } from "./connection.ts";
import { Emitter } from "./emitter.ts";
import type { Operations } from "./messages.ts";
import { isPassing, type Outcome, ownRefusal, type Refusal } from "./refusal.ts";
import { type TodoChanges, TodoStore } from "./todo_store.ts";

const resubscribeBaseMs = 500;
const resubscribeMaxMs = 60_000;

export interface TodoTreeOptions {
  types?: string[]; // absent: all that this user's tree shows
  rows?: "all" | "opened"; // of which groups there are rows; of the others there are counts only
  open?: string[]; // the groups, with "opened": unreviewed, or SaleOrder/unreviewed
  store?: TodoStore; // one that was restored
}

// Times are milliseconds since 1970, for people.
export type TodoTreeState =
  | { state: "offline"; since: number; why?: Refusal }
  | { state: "catching_up"; since: number }
  // verifiedAt: when a digest last proved the rows; absent: not yet. unread: rows that this program is too old to read.
  | { state: "live"; since: number; verifiedAt?: number; unread: number }
  | { state: "closed"; since: number; why: Refusal };

export interface TodoTreeEvents extends Record<string, unknown> {
  state: TodoTreeState;
  changes: TodoChanges; // of one frame: show them as a whole
}

const followed = new WeakMap<Connection, TodoTree>();

export class TodoTree {
  readonly store: TodoStore;
  readonly #connection: Connection;
  readonly #subscription: Operations["todo.subscribe"];
  readonly #events = new Emitter<TodoTreeEvents>();
  #state: TodoTreeState;
  #asked = 0; // the subscription that is under way; 0: none
  #newest = 0;
  #cancelTimer = () => {};
  readonly #leave: (() => void)[];

  // Follows until close(). If the connection follows a tree already, that one is closed.
  constructor(connection: Connection, options: TodoTreeOptions = {}) {
    followed.get(connection)?.close();
    followed.set(connection, this);
    const { store, ...subscription } = options;
    this.store = store ?? new TodoStore();
    this.#connection = connection;
    this.#subscription = subscription;
    this.#state = { state: "offline", since: connection.surroundings.wall() };
    this.#leave = [
      connection.on("link", (link) => {
        if (link.state === "online" && this.#asked === 0) this.#subscribe();
        else if (link.state === "offline") this.#offline(link.why);
        else if (link.state === "closed") this.#end(link.why);
      }),
      connection.on("push", (push) => {
        if (push.event.startsWith("todo.")) this.#heard(push);
      }),
    ];
    if (connection.link.state === "online") this.#subscribe();
    if (connection.link.state === "closed") this.#end(connection.link.why);
  }

  on<E extends "state" | "changes">(event: E, listener: (value: TodoTreeEvents[E]) => void): () => void {
    return this.#events.on(event, listener);
  }
  get state(): TodoTreeState {
    return this.#state;
  }

  close(): void {
    if (this.#state.state === "closed") return;
    this.#end(ownRefusal("session_gone", "This tree was closed."));
    const online = this.#connection.link.state === "online";
    if (online) this.#connection.request("todo.unsubscribe", {}, { ofLink: true }, () => undefined);
  }

  #subscribe(): void {
    this.#cancelTimer();
    this.store.subscribing();
    const asked = ++this.#newest;
    this.#asked = asked;
    this.#show("catching_up");
    const { cursor } = this.store;
    const fields = cursor === "" ? this.#subscription : { ...this.#subscription, cursor };
    this.#connection.request(
      "todo.subscribe",
      fields,
      { ofLink: true, deadlineMs: Number.POSITIVE_INFINITY },
      (outcome) => {
        if (this.#asked === asked) this.#subscribed(outcome);
      },
    );
  }

  #subscribed(outcome: Outcome<unknown>): void {
    this.#asked = 0;
    if (outcome.ok) return this.#again();
    const { code, field } = outcome.refusal;
    if (field === "cursor" && this.store.cursor !== "") {
      this.store.forgetCursor();
      this.#subscribe();
    } else if (this.#connection.link.state !== "online") {
      // It subscribes when there is a link again.
    } else if (code === "session_gone" || code === "unauthenticated" || isPassing(code)) {
      this.#subscribeIn(resubscribeBaseMs);
    } else {
      this.#end(outcome.refusal);
    }
  }

  #heard(push: unknown): void {
    if (this.#asked !== 0) return; // of a former subscription
    const fed = this.store.feed(push);
    const { live } = this.store;
    // Not live is said before what shows it, live after.
    if (!live) this.#show("catching_up");
    if (!("code" in fed)) {
      const quiet = fed.snapshot === "" && fed.rows.length === 0 && Object.keys(fed.counts).length === 0;
      if (!quiet) this.#events.emit("changes", fed);
    }
    this.#again();
    if (live && this.#asked === 0) this.#show("live", isDigest(push));
  }

  // Rows that do not fit are wrong, but nobody is served by a client that asks for them without end.
  #again(): void {
    if (!this.store.wantsResubscribe) return;
    const { doubts } = this.store;
    const wait = Math.min(resubscribeMaxMs, (resubscribeBaseMs * 2 ** Math.min(doubts, 10)) / 2);
    if (doubts <= 1) this.#subscribe();
    else this.#subscribeIn(wait);
  }

  #subscribeIn(ms: number): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#connection.surroundings.after(ms, () => {
      if (this.#connection.link.state === "online") this.#subscribe();
    });
  }

  #offline(why: Refusal | undefined): void {
    this.#cancelTimer();
    this.#asked = 0;
    if (this.#state.state === "offline") return;
    this.#set({ state: "offline", since: this.#now(), ...(why === undefined ? {} : { why }) });
  }

  #end(why: Refusal): void {
    if (this.#state.state === "closed") return;
    for (const leave of this.#leave) leave();
    this.#cancelTimer();
    this.#asked = 0;
    followed.delete(this.#connection);
    this.#set({ state: "closed", since: this.#now(), why });
  }

  #show(state: "catching_up" | "live", proved = false): void {
    const same = this.#state.state === state;
    const since = same ? this.#state.since : this.#now();
    if (state === "catching_up") {
      if (!same) this.#set({ state, since });
      return;
    }
    const { unread } = this.store;
    const former = this.#state.state === "live" ? this.#state : undefined;
    const verifiedAt = proved ? this.#now() : former?.verifiedAt;
    if (former !== undefined && former.unread === unread && former.verifiedAt === verifiedAt) return;
    this.#set({ state, since, unread, ...(verifiedAt === undefined ? {} : { verifiedAt }) });
  }

  #set(state: TodoTreeState): void {
    this.#state = state;
    this.#events.emit("state", state);
  }
  #now(): number {
    return this.#connection.surroundings.wall();
  }
}

function isDigest(push: unknown): boolean {
  return (push as { event: string }).event === "todo.digest";
}
