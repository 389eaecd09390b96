/**
 * Everything about one task, on demand.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { PoolRow, TaskRow, WaitingFor } from "./Rows.ts"

/**
 * A text that was cut when it was too long. JSON that was cut does not parse.
 *
 * @category models
 * @since 0.1.0
 */
export const BoundedText = Schema.Struct({ text: Schema.String, truncated: Schema.Boolean })

/**
 * A text that was cut when it was too long.
 *
 * @category models
 * @since 0.1.0
 */
export type BoundedText = typeof BoundedText.Type

/**
 * A line that was logged inside the task, and the span it was logged in. Only where `DashboardLogs.layer` is provided.
 *
 * @category models
 * @since 0.1.0
 */
export const LogLine = Schema.Struct({
  at: Schema.Number,
  level: Schema.String,
  message: Schema.String,
  spanId: Schema.NullOr(Schema.String),
  traceId: Schema.NullOr(Schema.String)
})

/**
 * A line that was logged inside the task.
 *
 * @category models
 * @since 0.1.0
 */
export type LogLine = typeof LogLine.Type

/**
 * A span that was made inside the task. Only where `DashboardSpans.layer` is provided.
 *
 * **Details**
 *
 * - `parentId`: the span around it, where that is one of the task's, too; it comes earlier in the list.
 * - `name`: at most 256 characters.
 * - `start`, `end`: with fractions of milliseconds; `end` is null while it runs.
 * - `failed`: it ended with an error or a defect. What was only interrupted did not.
 *
 * @category models
 * @since 0.1.0
 */
export const TaskSpan = Schema.Struct({
  id: Schema.String,
  parentId: Schema.NullOr(Schema.String),
  name: Schema.String,
  start: Schema.Number,
  end: Schema.NullOr(Schema.Number),
  failed: Schema.Boolean
})

/**
 * A span that was made inside the task.
 *
 * @category models
 * @since 0.1.0
 */
export type TaskSpan = typeof TaskSpan.Type

/**
 * Why a task ended as error or was cancelled.
 *
 * @category models
 * @since 0.1.0
 */
export const FailureDetail = Schema.Struct({
  /** "failure" is a typed error, "defect" a bug. */
  kind: Schema.Literals(["failure", "defect"]),
  tag: Schema.String,
  message: Schema.String,
  /** The whole cause with stacks. */
  pretty: BoundedText,
  /** For failed children: the task where it began and the tasks above it, root first. */
  path: Schema.Array(Schema.String)
})

/**
 * Why a task ended as error or was cancelled.
 *
 * @category models
 * @since 0.1.0
 */
export type FailureDetail = typeof FailureDetail.Type

/**
 * A task that another has to do with.
 *
 * @category models
 * @since 0.1.0
 */
export const TaskRef = Schema.Struct({ id: Schema.String, job: Schema.String, key: Schema.String })

/**
 * A task that another has to do with.
 *
 * @category models
 * @since 0.1.0
 */
export type TaskRef = typeof TaskRef.Type

/**
 * A limit behind which a task stands.
 *
 * **Details**
 *
 * - `kind`: "workers" is the worker pool itself; "permits" so many at once; "rate" so many starts in `window` milliseconds; "hold"
 *   a pause of the job.
 * - `holders`: the tasks that hold it, at most 50 of `used`.
 * - `opensAt`: when it has room again, where time alone decides.
 *
 * @category models
 * @since 0.1.0
 */
export const Limit = Schema.Struct({
  kind: Schema.Literals(["workers", "permits", "rate", "hold"]),
  waitingFor: WaitingFor,
  isFull: Schema.Boolean,
  limit: Schema.NullOr(Schema.Number),
  used: Schema.NullOr(Schema.Number),
  window: Schema.NullOr(Schema.Number),
  opensAt: Schema.NullOr(Schema.Number),
  holders: Schema.Array(TaskRef)
})

/**
 * A limit behind which a task stands.
 *
 * @category models
 * @since 0.1.0
 */
export type Limit = typeof Limit.Type

/**
 * Why a task does not run.
 *
 * **Details**
 *
 * - `text`: the reason, as a sentence for people.
 * - `place`: in the queue, 1 for the next, while it waits for a slot.
 * - `until`: when the wait ends, where time alone decides.
 * - `limits`: all behind which it stands, full or not.
 * - `tasks`, `pools`: whom it waits for, or which stand before it for its key; at most 50 each.
 * - `paused`: what is paused that it needs; `pausedBy` who paused the worker pool, where that was done here.
 * - `attempt`, `lastError`: the attempt that comes next, and how the one before failed.
 *
 * @category models
 * @since 0.1.0
 */
export const Why = Schema.Struct({
  waitingFor: WaitingFor,
  text: Schema.String,
  place: Schema.NullOr(Schema.Int),
  until: Schema.NullOr(Schema.Number),
  limits: Schema.Array(Limit),
  tasks: Schema.Array(TaskRef),
  pools: Schema.Array(PoolRow),
  paused: Schema.Struct({ workerPool: Schema.Boolean, job: Schema.Boolean, key: Schema.Boolean }),
  pausedBy: Schema.NullOr(Schema.Struct({ who: Schema.String, at: Schema.Number })),
  attempt: Schema.Int,
  lastError: Schema.NullOr(Schema.String)
})

/**
 * Why a task does not run.
 *
 * @category models
 * @since 0.1.0
 */
export type Why = typeof Why.Type

/**
 * Everything about one task.
 *
 * **Details**
 *
 * - `held`: the runtime still has the task; else payload, result, error, log lines and spans are gone and only the row is left.
 * - `payload`, `progress`, `result`: JSON, indented. A `Redacted` value reads `"<redacted>"`, always.
 * - `redacted`: something of the payload was withheld. In an edited payload, `"<redacted>"` in the same place stands for
 *   the value that is there.
 * - `editable`: `payload` is the whole JSON form, which `runAgain` takes back. False when it was cut or has no JSON form.
 * - `path`: the tasks above it, root first, itself last.
 * - `children`: the tasks of its child pools, at most 500; `childCount` counts all that are known.
 * - `dispatchCall`: the task as a line of TypeScript.
 *
 * @category models
 * @since 0.1.0
 */
export const TaskDetail = Schema.Struct({
  row: TaskRow,
  held: Schema.Boolean,
  payload: Schema.NullOr(BoundedText),
  redacted: Schema.Boolean,
  editable: Schema.Boolean,
  progress: Schema.NullOr(BoundedText),
  result: Schema.NullOr(BoundedText),
  failure: Schema.NullOr(FailureDetail),
  path: Schema.Array(Schema.String),
  /** While it waits. */
  why: Schema.NullOr(Why),
  childPools: Schema.Array(PoolRow),
  children: Schema.Array(TaskRow),
  childCount: Schema.Int,
  /** Errors of attempts that were retried, oldest first, at most 20; only those seen while watching. */
  attempts: Schema.Array(Schema.Struct({ at: Schema.Number, attempt: Schema.Int, error: Schema.String })),
  logs: Schema.Array(LogLine),
  /** In the order in which they began. */
  spans: Schema.Array(TaskSpan),
  dispatchCall: Schema.String
})

/**
 * Everything about one task.
 *
 * @category models
 * @since 0.1.0
 */
export type TaskDetail = typeof TaskDetail.Type
