// What a trust line says: may what is shown be believed, and since when not. Never a silent stale list.

import type { Connection } from "./connection.ts";
import type { Refusal } from "./refusal.ts";
import type { TodoTree } from "./todo_tree.ts";

// Times are milliseconds since 1970, for people.
export type Trust =
  // verifiedAt: when a digest last proved the tree, or, without a tree, when the server was last heard.
  | { state: "live"; since: number; verifiedAt: number }
  | { state: "catching_up"; since: number }
  | { state: "offline"; since: number; why?: Refusal; retryAt?: number }
  // For good: closed, taken over, or nobody is signed in.
  | { state: "closed"; since: number; why: Refusal };

export function trustOf(connection: Connection, tree?: TodoTree): Trust {
  const { link } = connection;
  if (link.state !== "online") return link;
  const shown = tree?.state;
  if (shown === undefined) return { state: "live", since: link.since, verifiedAt: connection.heardAt };
  if (shown.state === "closed") return shown;
  if (shown.state !== "live") return { state: "catching_up", since: shown.since };
  return { state: "live", since: shown.since, verifiedAt: shown.verifiedAt ?? shown.since };
}
