// @holdfast/client: Holdfast from a browser or from Node. README.md shows how.

export {
  Connection,
  type ConnectionEvents,
  type ConnectionOptions,
  type LinkState,
} from "./connection.ts";
export { readFrame } from "./frame.ts";
export {
  type DevUser,
  type FetchLike,
  type HttpAnswers,
  HttpClient,
  type HttpOptions,
  type Login,
} from "./http.ts";
export { parseJson } from "./json.ts";
export type * from "./messages.ts";
export type { CallOp } from "./operations.ts";
export type { Code, Outcome, Refusal } from "./refusal.ts";
export type { RequestOptions } from "./requests.ts";
export { type HttpOp, type Route, routes } from "./routes.ts";
export { type Credentials, type SessionEvent, SessionHandle } from "./session.ts";
export type { Socket, SocketEvents, Surroundings, WebSocketConstructor, WebSocketLike } from "./surroundings.ts";
export type { TodoCounts, TodoRow } from "./todo_frames.ts";
export {
  type SavedTodo,
  type TodoChange,
  type TodoChanges,
  type TodoRefusal,
  TodoStore,
  touchedGroups,
} from "./todo_store.ts";
export { TodoTree, type TodoTreeEvents, type TodoTreeOptions, type TodoTreeState } from "./todo_tree.ts";
export { type Trust, trustOf } from "./trust.ts";
