/**
 * What a viewer keeps: rows of tasks, pools and jobs, and the pulse of the worker pool.
 *
 * Times are milliseconds since the epoch, lengths are milliseconds. Every text is bounded, and is data: show it as text.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * Where a task stands.
 *
 * @category models
 * @since 0.1.0
 */
export const State = Schema.Literals(["Queued", "Running", "Sleeping", "Stopping", "Exited"])

/**
 * What a waiting task waits for.
 *
 * @category models
 * @since 0.1.0
 */
export const WaitingFor = Schema.Literals([
  "slot",
  "job-concurrency",
  "pool-concurrency",
  "rate",
  "key",
  "paused",
  "delay",
  "retry",
  "children",
  "task",
  "effect",
  "elsewhere"
])

/**
 * How a task ended; "unknown" when it ended while events were dropped and the runtime has forgotten it since.
 *
 * @category models
 * @since 0.1.0
 */
export const ExitStatus = Schema.Literals(["success", "canceled", "error", "unknown"])

/**
 * One stretch of a task's life: it begins at `from` and ends where the next one begins, else at `finishedAt`, else now.
 * `worker` is the lane that it occupies; a sleeping task has lent its slot and occupies none. "Unknown": it ran and slept
 * while nobody watched, or so often that the stretches in the middle of its life are left out.
 *
 * @category models
 * @since 0.1.0
 */
export const Segment = Schema.Struct({
  from: Schema.Number,
  state: Schema.Literals(["Queued", "Running", "Sleeping", "Stopping", "Unknown"]),
  waitingFor: Schema.NullOr(WaitingFor),
  worker: Schema.NullOr(Schema.Number)
})

/**
 * One stretch of a task's life.
 *
 * @category models
 * @since 0.1.0
 */
export type Segment = typeof Segment.Type

/**
 * A task. A row replaces the earlier one with the same `id` whole.
 *
 * **Details**
 *
 * - `key`: at most 256 characters; empty where the runtime had forgotten a task before it could be asked, in a burst of
 *   very short ones.
 * - `progress`: the last report as JSON text, at most 512 characters.
 * - `error`: tag and first line of the failure, at most 512 characters; `inspect` has the whole.
 * - `waitingUntil`: when its wait ends, where time alone decides.
 * - `sleepTime`: how long it has slept since `startedAt`, up to the beginning of the sleep that it is in.
 * - `delay`: how much of its time in the queue was chosen by who dispatched it.
 * - `segments`: oldest first, at most 32; when there were more, those after the earliest become one that is "Unknown".
 *
 * @category models
 * @since 0.1.0
 */
export const TaskRow = Schema.Struct({
  id: Schema.String,
  job: Schema.String,
  key: Schema.String,
  state: State,
  waitingFor: Schema.NullOr(WaitingFor),
  waitingUntil: Schema.NullOr(Schema.Number),
  exitStatus: Schema.NullOr(ExitStatus),
  worker: Schema.NullOr(Schema.Number),
  priority: Schema.Number,
  attempt: Schema.Number,
  poolId: Schema.String,
  parentTaskId: Schema.NullOr(Schema.String),
  queuedAt: Schema.Number,
  startedAt: Schema.NullOr(Schema.Number),
  finishedAt: Schema.NullOr(Schema.Number),
  sleepTime: Schema.Number,
  delay: Schema.Number,
  progress: Schema.NullOr(Schema.String),
  error: Schema.NullOr(Schema.String),
  segments: Schema.Array(Segment)
})

/**
 * A task.
 *
 * @category models
 * @since 0.1.0
 */
export type TaskRow = typeof TaskRow.Type

/**
 * A pool, with the counts of everything below it. The tree: a pool hangs under the task `createdBy`, or is a root;
 * a task hangs under its pool. `GLOBAL` has neither parent nor creator.
 *
 * @category models
 * @since 0.1.0
 */
export const PoolRow = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  parentId: Schema.NullOr(Schema.String),
  createdBy: Schema.NullOr(Schema.String),
  state: Schema.Literals(["open", "sealed", "canceled", "done"]),
  total: Schema.Number,
  queued: Schema.Number,
  running: Schema.Number,
  sleeping: Schema.Number,
  complete: Schema.Number,
  failed: Schema.Number,
  canceled: Schema.Number,
  /** From 0 to 1. */
  progress: Schema.Number,
  openedAt: Schema.Number,
  /** When it was done. */
  doneAt: Schema.NullOr(Schema.Number),
  /** How long the unfinished ones take as the latest did, milliseconds; null while nobody can tell. */
  eta: Schema.NullOr(Schema.Number)
})

/**
 * A pool.
 *
 * @category models
 * @since 0.1.0
 */
export type PoolRow = typeof PoolRow.Type

/**
 * Median and 99th percentile of waiting (queued until started, without a chosen delay) and running (started until finished,
 * without sleeping), over the latest 500 tasks; null while there is none.
 *
 * @category models
 * @since 0.1.0
 */
export const Percentiles = Schema.Struct({
  waitP50: Schema.NullOr(Schema.Number),
  waitP99: Schema.NullOr(Schema.Number),
  runP50: Schema.NullOr(Schema.Number),
  runP99: Schema.NullOr(Schema.Number)
})

/**
 * The tasks of one job that have been seen: those visible at the start of watching and all since then.
 *
 * **Details**
 *
 * `rate` is ends per second over the last 10 seconds, or over the time that was watched; `eta` how long the unfinished ones
 * take at that rate. Null while nobody can tell. Jobs beyond 1,000 share the row "(other jobs)".
 *
 * @category models
 * @since 0.1.0
 */
export const JobRow = Schema.Struct({
  job: Schema.String,
  queued: Schema.Number,
  running: Schema.Number,
  sleeping: Schema.Number,
  stopping: Schema.Number,
  success: Schema.Number,
  error: Schema.Number,
  canceled: Schema.Number,
  unknown: Schema.Number,
  rate: Schema.NullOr(Schema.Number),
  eta: Schema.NullOr(Schema.Number),
  times: Percentiles
})

/**
 * The tasks of one job that have been seen.
 *
 * @category models
 * @since 0.1.0
 */
export type JobRow = typeof JobRow.Type

/**
 * The worker pool and the process at one moment. `free` is `workers - busy`, not below 0; `utilization` the share of the
 * workers' time that was used in the second before, where that was watched.
 *
 * @category models
 * @since 0.1.0
 */
export const Pulse = Schema.Struct({
  at: Schema.Number,
  workers: Schema.Number,
  busy: Schema.Number,
  sleeping: Schema.Number,
  free: Schema.Number,
  queued: Schema.Number,
  delayed: Schema.Number,
  dispatched: Schema.Number,
  complete: Schema.Number,
  failed: Schema.Number,
  canceled: Schema.Number,
  paused: Schema.Boolean,
  utilization: Schema.NullOr(Schema.Number),
  /** Ends per second over the last 10 seconds, or over the time that was watched; null while nobody can tell. */
  rate: Schema.NullOr(Schema.Number),
  /** How long all unfinished tasks take at that rate, milliseconds; null while nobody can tell. */
  eta: Schema.NullOr(Schema.Number),
  times: Percentiles,
  /** Mean and 99th percentile of how late the event loop was in the last second, milliseconds. */
  loopDelayMean: Schema.Number,
  loopDelayP99: Schema.Number,
  /** Bytes. */
  heapUsed: Schema.Number,
  heapLimit: Schema.Number,
  viewers: Schema.Number
})

/**
 * The worker pool and the process at one moment.
 *
 * @category models
 * @since 0.1.0
 */
export type Pulse = typeof Pulse.Type

/**
 * Samples of the pulse, oldest first: one a second for a minute, one every five seconds for five minutes, one a minute for
 * an hour. Longer ones are means, but for percentiles and loop delays, which are the worst. At most 60 of each; there are
 * none of the time before anybody watched.
 *
 * @category models
 * @since 0.1.0
 */
export const History = Schema.Tuple([Schema.Array(Pulse), Schema.Array(Pulse), Schema.Array(Pulse)])

/**
 * Samples of the pulse.
 *
 * @category models
 * @since 0.1.0
 */
export type History = typeof History.Type
