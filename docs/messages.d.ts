// What a client of Holdfast may send by WebSocket, as docs/messages.schema.json has it. Made by tests/tidy/operations.py.

/** 26 characters, as the server gave it. */
export type Id = string;
/** "SaleOrder:1001", or a part or line below it. */
export type Target = string;
export type Client = string | { program?: string; host?: string; window?: string };
export type Person = string | { user?: string; name?: string };
/** What a bill is now, all of it. */
export interface StatusEvent {
  type: string;
  id: string;
  no?: string;
  version?: number;
  state?: Record<string, string | number | boolean | null>;
  creator?: Person | null;
  handler?: Person;
  owner?: Person | null;
  actor?: Person;
  department?: string | null;
  action?: string;
  reason?: string;
  /** RFC 3339 */
  at?: string;
  created?: boolean;
  deleted?: boolean;
  title?: string;
  partner?: string;
  amount?: string;
  cause?: string;
}
/** A step of an action. */
export interface RunEvent {
  run: Id;
  type: string;
  id: string;
  step?: string;
  action?: string;
  error?: string;
  actor?: Person;
  at?: string;
}
export type LogEvent = StatusEvent | RunEvent;
export type Mode = "exclusive" | "shared";
export type Kind = "edit" | "temporary" | "hold";
export type TodoRows = "all" | "opened";

export interface HelloFields {
  request_id?: string;
  token?: string;
  session?: Id;
  secret?: Id;
  client?: Client;
  lease_ms?: number;
  attempt?: number;
}
export interface AuthFields {
  token: string;
}
export interface PongFields {
  n?: number;
  idle_ms?: Record<string, number>;
}
export interface SessionOpenFields {
  request_id?: string;
  client?: Client;
  lease_ms?: number;
}
export interface SessionHeartbeatFields {
  session?: Id;
  idle_ms?: number;
}
export interface SessionEndFields {
  request_id?: string;
  session?: Id;
}
export interface SessionListFields {
  limit?: number;
  next?: string;
}
export interface SessionStateFields {
  session?: Id;
  limit?: number;
  next?: string;
}
export interface LockAcquireFields {
  request_id?: string;
  session?: Id;
  targets: Target[];
  mode?: Mode;
  kind?: Kind;
  owner?: string;
  ttl_ms?: number;
  wait_ms?: number;
  if_versions?: Record<string, number>;
  label?: string;
  reason?: string;
}
export interface LockGetFields {
  lock: Id;
}
export interface LockListFields {
  type?: string;
  user?: string;
  client?: string;
  session?: Id;
  kind?: Kind;
  older_ms?: number;
  limit?: number;
  next?: string;
}
export interface LockReleaseFields {
  request_id?: string;
  session?: Id;
  owner?: string;
  lock: Id;
  token?: number;
  all?: boolean;
  targets?: Target[];
  version?: number;
  holds?: number;
}
export interface LockExtendFields {
  request_id?: string;
  session?: Id;
  lock: Id;
  ttl_ms: number;
}
export interface LockTransferFields {
  request_id?: string;
  session?: Id;
  lock: Id;
  to_session: Id;
}
export interface LockForceFields {
  request_id?: string;
  lock: Id;
  reason: string;
}
export interface LockRequestFields {
  request_id?: string;
  session?: Id;
  lock: Id;
  targets?: Target[];
  mode?: Mode;
  message?: string;
  label?: string;
  wait_ms?: number;
}
export interface LockCancelWaitFields {
  request_id?: string;
  session?: Id;
  wait: Id;
}
export interface LockCheckFields {
  targets: Target[];
  session?: Id;
  mode?: Mode;
}
export interface LockVerifyFields {
  lock: Id;
  token: number;
  targets: Target[];
  min_valid_ms?: number;
}
export interface LockReleaseAllFields {
  request_id?: string;
  session?: Id;
  type?: string;
}
export interface RequestAgreeFields {
  request_id?: string;
  request: Id;
  version?: number;
}
export interface RequestRefuseFields {
  request_id?: string;
  request: Id;
  reason?: string;
}
export interface RequestDeferFields {
  request_id?: string;
  request: Id;
  ms: number;
}
export interface RequestWithdrawFields {
  request: Id;
  session?: Id;
  request_id?: string;
}
export interface RequestListFields {
  limit?: number;
  next?: string;
}
export interface WatchFields {
  targets: Target[];
  session?: Id;
  again?: boolean;
}
export interface UnwatchFields {
  targets: Target[];
  session?: Id;
}
export interface StatusPublishFields {
  batch_id?: string;
  events: LogEvent[];
}
export interface StatusGetFields {
  type: string;
  bill: string;
}
export interface StatusHistoryFields {
  type: string;
  bill: string;
  limit?: number;
  next?: string;
}
export interface StatusResyncFields {
  resync?: Id;
  type?: string;
  events?: LogEvent[];
  commit?: boolean;
  drop?: boolean;
}
export interface TodoSubscribeFields {
  types?: string[];
  rows?: TodoRows;
  open?: string[];
  cursor?: string;
}
export interface TodoUnsubscribeFields {
}
export interface TodoPageFields {
  type: string;
  group: string;
  limit?: number;
  next?: string;
}
export interface NoticeListFields {
  limit?: number;
  next?: string;
}
export interface NoticeReadFields {
  notices: number[];
}
export interface AuditListFields {
  action?: string;
  user?: string;
  holder?: string;
  target?: string;
  lock?: string;
  session?: string;
  since?: string;
  until?: string;
  limit?: number;
  next?: string;
}
export interface CatalogGetFields {
}
export interface StatsGetFields {
}

/** What each operation takes, by its name. */
export interface Operations {
  "hello": HelloFields;
  "auth": AuthFields;
  "pong": PongFields;
  "session.open": SessionOpenFields;
  "session.heartbeat": SessionHeartbeatFields;
  "session.end": SessionEndFields;
  "session.list": SessionListFields;
  "session.state": SessionStateFields;
  "lock.acquire": LockAcquireFields;
  "lock.get": LockGetFields;
  "lock.list": LockListFields;
  "lock.release": LockReleaseFields;
  "lock.extend": LockExtendFields;
  "lock.transfer": LockTransferFields;
  "lock.force": LockForceFields;
  "lock.request": LockRequestFields;
  "lock.cancel_wait": LockCancelWaitFields;
  "lock.check": LockCheckFields;
  "lock.verify": LockVerifyFields;
  "lock.release_all": LockReleaseAllFields;
  "request.agree": RequestAgreeFields;
  "request.refuse": RequestRefuseFields;
  "request.defer": RequestDeferFields;
  "request.withdraw": RequestWithdrawFields;
  "request.list": RequestListFields;
  "watch": WatchFields;
  "unwatch": UnwatchFields;
  "status.publish": StatusPublishFields;
  "status.get": StatusGetFields;
  "status.history": StatusHistoryFields;
  "status.resync": StatusResyncFields;
  "todo.subscribe": TodoSubscribeFields;
  "todo.unsubscribe": TodoUnsubscribeFields;
  "todo.page": TodoPageFields;
  "notice.list": NoticeListFields;
  "notice.read": NoticeReadFields;
  "audit.list": AuditListFields;
  "catalog.get": CatalogGetFields;
  "stats.get": StatsGetFields;
}
export type Op = keyof Operations;
/** One message to the server. */
export type ClientMessage = { [O in Op]: { op: O; id?: number | string } & Operations[O] }[Op];
/** Those that take a request id: the same one again is answered as the first time. */
export type RepeatableOp =
  "hello" | "session.open" | "session.end" | "lock.acquire" | "lock.release" | "lock.extend" | "lock.transfer" | "lock.force" | "lock.request" | "lock.cancel_wait" | "lock.release_all" | "request.agree" | "request.refuse" | "request.defer" | "request.withdraw" | "status.publish";
