// What a client of Holdfast may send by WebSocket and what the server says, as docs/messages.schema.json has it. Made by tests/tidy/operations.py.

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
export interface SessionListFields {
  limit?: number;
  next?: string;
}
export interface SessionStateFields {
  session?: Id;
  limit?: number;
  next?: string;
}
export interface SessionEndFields {
  request_id?: string;
  session?: Id;
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
  stops?: string[];
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
  run?: Id;
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
export interface RunBeginFields {
  request_id?: string;
  session?: Id;
  action: string;
  bills: Target[];
  wait_ms?: number;
  client?: Client;
}
export interface RunStepFields {
  request_id?: string;
  run: Id;
  step?: string;
}
export interface RunFinishFields {
  request_id?: string;
  run: Id;
  events?: LogEvent[];
}
export interface RunFailFields {
  request_id?: string;
  run: Id;
  error: string;
}
export interface RunGetFields {
  run: Id;
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
export interface BillGetFields {
  type: string;
  bill: string;
  part?: string;
  lines?: number;
  next?: string;
}
export interface BillListFields {
  type: string;
  state?: string[];
  group?: string;
  text?: string;
  partner?: string;
  from?: string;
  until?: string;
  where?: string[];
  sort?: string;
  limit?: number;
  total?: boolean;
  next?: string;
}
export interface LookupFields {
  table: string;
  code?: string;
  text?: string;
  ids?: string[];
  type?: string;
  part?: string;
  column?: string;
  filled?: string[];
  limit?: number;
  next?: string;
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
  "session.list": SessionListFields;
  "session.state": SessionStateFields;
  "session.end": SessionEndFields;
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
  "run.begin": RunBeginFields;
  "run.step": RunStepFields;
  "run.finish": RunFinishFields;
  "run.fail": RunFailFields;
  "run.get": RunGetFields;
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
  "bill.get": BillGetFields;
  "bill.list": BillListFields;
  "lookup": LookupFields;
  "audit.list": AuditListFields;
  "catalog.get": CatalogGetFields;
  "stats.get": StatsGetFields;
}
export type Op = keyof Operations;
/** One message to the server. */
export type ClientMessage = { [O in Op]: { op: O; id?: number | string } & Operations[O] }[Op];
/** Those that take a request id: the same one again is answered as the first time. */
export type RepeatableOp =
  "hello" | "session.open" | "session.end" | "lock.acquire" | "lock.release" | "lock.extend" | "lock.transfer" | "lock.force" | "lock.request" | "lock.cancel_wait" | "lock.release_all" | "request.agree" | "request.refuse" | "request.defer" | "request.withdraw" | "run.begin" | "run.step" | "run.finish" | "run.fail" | "status.publish";

// What a server says. A member of a person is null where names are hidden.

export interface SessionHead {
  session: Id;
  user: string | null;
  user_name?: string | null;
  client?: Where | null;
  lease_ms: number;
  opened_at: string;
  expires_at: string;
  last_activity_at: string;
  seq: number;
}
export interface Where {
  program?: string;
  host?: string;
  window?: string;
}
export interface Session {
  session: Id;
  user: string | null;
  user_name?: string | null;
  client?: Where | null;
  lease_ms: number;
  opened_at: string;
  expires_at: string;
  last_activity_at: string;
  seq: number;
  locks: Grant[];
  waits: Wait[];
  requests: Request[];
  next?: string;
}
export interface Grant {
  lock: Id;
  token: number;
  targets: Target[];
  tokens?: Record<string, number>;
  mode: Mode;
  kind: Kind;
  session: Id | null;
  user: string | null;
  user_name?: string | null;
  client?: Where | null;
  owner?: string;
  label?: string;
  run?: Id;
  node?: Id;
  rule?: string;
  stops?: string[];
  reason?: string | null;
  acquired_at: string;
  expires_at: string;
  holds: number;
}
export interface Wait {
  wait: Id;
  session: Id | null;
  user: string | null;
  user_name?: string | null;
  targets: Target[];
  mode: Mode;
  kind: Kind;
  label?: string;
  since: string;
  until?: string;
  position: number;
  asking?: true;
}
export interface Request {
  request: Id;
  lock: Id;
  session: Id | null;
  user: string | null;
  user_name?: string | null;
  targets: Target[];
  mode: Mode;
  kind: Kind;
  label?: string;
  since: string;
  until?: string;
  position: number;
  message?: string | null;
  state: "asked" | "deferred" | "refused" | "unanswered";
  answer_reason?: string | null;
  answer_by?: string;
}
export interface Granted {
  lock: Id;
  token: number;
  targets: Target[];
  tokens?: Record<string, number>;
  mode: Mode;
  kind: Kind;
  session: Id | null;
  user: string | null;
  user_name?: string | null;
  client?: Where | null;
  owner?: string;
  label?: string;
  run?: Id;
  node?: Id;
  rule?: string;
  stops?: string[];
  reason?: string | null;
  acquired_at: string;
  expires_at: string;
  holds: number;
  again?: true;
  versions?: Record<string, number | null>;
}
export interface Queued {
  wait: Id;
  position: number;
}
export interface Conflict {
  target: Target;
  lock: Id;
  mode: Mode;
  label?: string;
  waiting?: { user: string | null; name?: string | null; since: string; position: number };
  holder?: { user: string | null; name?: string | null; client?: Where | null; session: Id | null; since: string; last_activity_at?: string; expires_at: string; kind: Kind; reason?: string | null };
  same_user: boolean;
  queue: number;
  may: ("read_only" | "notify" | "wait" | "request" | "transfer" | "force")[];
}
export interface Run {
  run: Id;
  state: "locking" | "running" | "done" | "failed" | "unknown";
  action: string;
  bills: Target[];
  session: Id | null;
  user: string | null;
  user_name?: string | null;
  node: Id;
  step?: string;
  error?: string | null;
  begun_at: string;
  changed_at: string;
  expires_at?: string;
  placed?: Grant[];
}
export interface Named {
  user?: string;
  name?: string;
}
export interface LoggedBill {
  offset: number;
  type: string;
  id: string;
  version: number;
  born?: number;
  no?: string;
  state?: Record<string, string | number>;
  creator?: Named;
  handler?: Named;
  owner?: Named;
  actor?: Named;
  department?: string;
  action?: string;
  reason?: string;
  at: string;
  title?: string;
  partner?: string;
  amount?: string;
  cause?: string;
  deleted?: true;
  unordered?: true;
}
export interface Step {
  run: Id;
  type: string;
  id: string;
  step?: string;
  action?: string;
  error?: string;
  actor?: Named;
  at?: string;
  offset: number;
}
export interface Row {
  group: string;
  type: string;
  id: string;
  version: number;
  born?: number;
  no?: string;
  state?: Record<string, string | number>;
  creator?: Named;
  handler?: Named;
  owner?: Named;
  actor?: Named;
  department?: string;
  action?: string;
  reason?: string;
  at: string;
  title?: string;
  partner?: string;
  amount?: string;
  cause?: string;
  deleted?: true;
  unordered?: true;
  editing?: Editing;
}
export interface Editing {
  user?: string;
  name?: string;
  since: string;
}
export interface Notice {
  notice: number;
  type: string;
  id: string;
  version: number;
  no?: string;
  title?: string;
  action?: string;
  reason?: string;
  actor?: Named;
  at: string;
  rejection?: true;
}
export interface Remainder {
  effect: string;
  ordered: string;
  done: string;
  reserved: string;
  left: string;
  reservers?: Reserver[];
}
export interface Reserver {
  type: string;
  id: string;
  no?: string;
  quantity: string;
  creator?: Named;
}
export interface BillPart {
  part: string;
  lines: BillLine[];
  next?: string;
}
export interface BillLine {
  line: string;
  fields: Record<string, string | boolean | null>;
  left?: Remainder[];
}
export interface BillLink {
  type: string;
  id: string;
  no?: string;
}
export interface BillRow {
  id: string;
  no?: string;
  version: number;
  creator?: Named;
  handler?: Named;
  fields: Record<string, string | boolean | null>;
}
export interface LookupRow {
  id: string;
  code?: string;
  name?: string;
  enabled: boolean;
  fields: Record<string, string | boolean | null>;
}
export interface AuditEntry {
  at: string;
  action: string;
  user?: string;
  holder?: string;
  lock?: Id;
  session?: Id;
  targets?: string[];
  reason?: string;
  before?: string;
  after?: string;
}
export interface Problem {
  type?: string;
  code: "locked" | "stale_version" | "not_holder" | "lock_gone" | "request_gone" | "request_id_reused" | "unauthenticated" | "session_gone" | "forbidden" | "not_found" | "invalid" | "too_large" | "too_many" | "unavailable" | "draining" | "unknown_outcome";
  title: string;
  status?: number;
  detail?: string;
  field?: string;
  deadlock?: boolean;
  conflicts_total?: number;
  conflicts?: Conflict[];
  ended?: { reason: "released" | "expired" | "max_hold" | "forced" | "handed_over" | "transferred" | "session_ended" | "engine_lost"; at: string; by?: string | null };
  target?: string;
  known_version?: number;
  retry_after_ms?: number;
}
export interface Removal {
  type: string;
  id: string;
  group: string;
  version: number;
  born?: number;
  by?: Named;
  action?: string;
  at?: string;
  deleted?: true;
}
export interface Tally {
  rows: number;
  sum0: number;
  sum1: number;
}

/** What each operation is answered with, by its name; never: by a push, or not at all. */
export interface Answers {
  "hello": never;
  "auth": { rights: string[]; expires_at?: string };
  "pong": never;
  "session.open": { session: Id; secret: Id; lease_ms: number; expires_at: string; seq: number };
  "session.heartbeat": { expires_at: string; seq: number; locks: Id[] };
  "session.list": { sessions: SessionHead[]; next?: string };
  "session.state": Session;
  "session.end": { released: number };
  "lock.acquire": Granted | { queued: { wait: Id; position: number } };
  "lock.get": Grant;
  "lock.list": { locks: Grant[]; next?: string };
  "lock.release": { already_released?: true; released?: boolean; holds?: number };
  "lock.extend": Granted;
  "lock.transfer": Granted;
  "lock.force": Record<string, never>;
  "lock.request": Granted | { request: Id; wait: Id; position: number };
  "lock.cancel_wait": Granted | Record<string, never>;
  "lock.check": { targets: { target: Target; free: boolean; mine: boolean; conflicts?: Conflict[] }[] };
  "lock.verify": { valid: boolean; valid_for_ms?: number; token?: number; tokens?: Record<string, number>; why?: string };
  "lock.release_all": { released: number };
  "request.agree": { granted: boolean; queued?: true };
  "request.refuse": Record<string, never>;
  "request.defer": Record<string, never>;
  "request.withdraw": Granted | Record<string, never>;
  "request.list": { requests: Request[]; next?: string };
  "run.begin": Granted;
  "run.step": Run;
  "run.finish": Run;
  "run.fail": Run;
  "run.get": Run;
  "watch": { targets: { target: Target; free: boolean; mine: boolean; conflicts?: Conflict[] }[] };
  "unwatch": { watched: number };
  "status.publish": { epoch: Id; results: { offset?: number; stale?: true; deleted?: true; differs?: true; version?: number }[] };
  "status.get": { epoch: Id; offset: number; type: string; id: string; version: number; born?: number; deleted: boolean; by?: Named; action?: string; reason?: string; at: string } | { epoch: Id; offset: number; type: string; id: string; version: number; born?: number; no?: string; state?: Record<string, string | number>; creator?: Named; handler?: Named; owner?: Named; actor?: Named; department?: string; action?: string; reason?: string; at: string; title?: string; partner?: string; amount?: string; cause?: string; deleted?: true; unordered?: true };
  "status.history": { epoch: Id; states: LoggedBill[]; runs?: Step[]; next?: string };
  "status.resync": { resync: Id; bills: number } | { epoch: Id; bills: number; left: number } | Record<string, never>;
  "todo.subscribe": { mode: string; reason?: string };
  "todo.unsubscribe": Record<string, never>;
  "todo.page": { epoch: Id; rows: Row[]; next?: string };
  "notice.list": { notices: Notice[]; next?: string };
  "notice.read": Record<string, never>;
  "bill.get": { type: string; id: string; no?: string; version: number; creator?: Named; handler?: Named; closed_by?: string; fields: Record<string, string | boolean | null>; left?: Remainder[]; parts: BillPart[]; sources?: BillLink[]; targets?: BillLink[]; lock?: { target: Target; free: boolean; mine: boolean; conflicts?: Conflict[] } };
  "bill.list": { bills: BillRow[]; next?: string; total?: number; more?: true };
  "lookup": { rows: LookupRow[]; next?: string };
  "audit.list": { entries: AuditEntry[]; next?: string };
  "catalog.get": { name: string; strict_types: boolean; edit_after_submit: string; types: { name: string; zh?: string; en?: string; area?: string; code: number; key: string; no?: string; parts: string[]; status: string[]; lifecycle?: string; editable_in: number[]; groups: string[]; actions: string[]; lock: { max_hold_ms: number; idle_takeover_ms: number; request_timeout_ms: number } }[]; models: { name: string; zh?: string; en?: string; kind: string; initial: number; values: { value: number; zh?: string; en?: string }[]; transitions: { from: number; to: number[] }[]; final: number[] }[]; actions: { name: string; zh?: string; en?: string; kind: string; right?: string; reason_required?: true; types?: string[] }[]; groups: { name: string; zh?: string; en?: string }[]; conversions: { name: string; zh?: string; en?: string; no: number; kind: string; action?: string; routes: { from: string; to: string }[]; asks: string[] }[]; roles: { name: string; zh?: string; en?: string; rights: string[]; tree: string[]; scope: string }[] };
  "stats.get": { locks: number; sessions: number; waits: number; requests: number; runs: number; nodes: number; granted: number; refused: number; released: number; expired: number; forced: number; handed_over: number; waited: number; deadlocks: number; clock_alarms: number; runs_begun: number; runs_done: number; runs_failed: number; runs_unknown: number; runs_settled: number; last_token: number; node: string; version: string };
}
/** What comes unasked, by its event. */
export interface Pushes {
  "welcome": { event: "welcome"; session: Id; secret: Id; node: string; lease_ms: number; seq: number; epoch: string; rights: string[]; resumed: boolean; state?: Session };
  "ping": { event: "ping"; n: number; acked: number; seq?: Record<string, number> };
  "session.state": { event: "session.state"; session: Id; user: string | null; user_name?: string | null; client?: Where | null; lease_ms: number; opened_at: string; expires_at: string; last_activity_at: string; seq: number; locks: Grant[]; waits: Wait[]; requests: Request[]; next?: string };
  "drain": { event: "drain"; retry_ms: number };
  "auth.required": { event: "auth.required"; by?: string };
  "lock.granted": { event: "lock.granted"; session: Id; seq: number; wait: Id; grant: Granted };
  "lock.waiting": { event: "lock.waiting"; session: Id; wait: Id; position: number };
  "lock.wait_ended": { event: "lock.wait_ended"; session: Id; seq: number; wait: Id; error: Problem };
  "lock.lost": { event: "lock.lost"; session: Id; seq: number; lock: Id; reason: "released" | "expired" | "max_hold" | "forced" | "handed_over" | "transferred" | "session_ended" | "engine_lost"; targets: Target[]; whole: boolean; by?: { user: string | null; name?: string | null }; note?: string | null };
  "lock.expiring": { event: "lock.expiring"; session: Id; lock: Id; expires_at: string; reason: "released" | "expired" | "max_hold" | "forced" | "handed_over" | "transferred" | "session_ended" | "engine_lost" };
  "lock.requested": { event: "lock.requested"; session: Id; seq: number; request: Request };
  "lock.answered": { event: "lock.answered"; session: Id; seq: number; request: Id; answer: string; reason?: string | null; by?: { user: string | null; name?: string | null }; answer_by?: string };
  "session.ended": { event: "session.ended"; session: Id; reason: "released" | "expired" | "max_hold" | "forced" | "handed_over" | "transferred" | "session_ended" | "engine_lost" } | { event: "session.ended"; session: Id; reason: string };
  "lock.changed": { event: "lock.changed"; target: Target; lock: Id; mode: Mode; label?: string; holder: { user: string | null; name?: string | null; client?: Where | null; session: Id | null; since: string; expires_at: string; kind: Kind; reason?: string | null } };
  "lock.free": { event: "lock.free"; target: Target };
  "bill.changed": { event: "bill.changed"; target: string; offset: number; type: string; id: string; version: number; born?: number; no?: string; state?: Record<string, string | number>; creator?: Named; handler?: Named; owner?: Named; actor?: Named; department?: string; action?: string; reason?: string; at: string; title?: string; partner?: string; amount?: string; cause?: string; deleted?: true; unordered?: true } | { event: "bill.changed"; target: string; gone: boolean };
  "run.step": { event: "run.step"; run: Id; type: string; id: string; step?: string; action?: string; error?: string; actor?: Named; at?: string; offset: number };
  "notice": { event: "notice"; notice: number; type: string; id: string; version: number; no?: string; title?: string; action?: string; reason?: string; actor?: Named; at: string; rejection?: true };
  "notice.read": { event: "notice.read"; notices: number[] };
  "todo.page": { event: "todo.page"; reason?: string; cursor?: string; upsert?: Row[]; remove?: Removal[]; counts?: Record<string, Record<string, number>> };
  "todo.live": { event: "todo.live"; cursor: string; editing?: string; upsert?: Row[]; remove?: Removal[]; counts?: Record<string, Record<string, number>> };
  "todo.digest": { event: "todo.digest"; cursor: string; rows: number; sum0: number; sum1: number; edited?: Tally };
}
export type Event = keyof Pushes;
/** One message from the server: an answer, a refusal or a push. */
export type ServerMessage =
  | { id: number | string | null; ok: Answers[Op] }
  | { id: number | string | null; error: Problem }
  | Pushes[Event];
