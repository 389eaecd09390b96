/**
 * Everything observable that happens in a worker pool, as Schema values.
 *
 * Every event but `Missed` carries `seq`, which grows with every transition, and `at`, milliseconds since the epoch.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

const stamp = { seq: Schema.Int, at: Schema.Number }
const task = { ...stamp, taskId: Schema.String, job: Schema.String, poolId: Schema.String }
const pool = { ...stamp, poolId: Schema.String }

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
 * A task was accepted.
 *
 * @category events
 * @since 0.1.0
 */
export const TaskQueued = Schema.TaggedStruct("TaskQueued", {
  ...task,
  parentTaskId: Schema.optional(Schema.String),
  priority: Schema.Number
})

/**
 * A dispatch found a live task with its key: `poolId` is the pool that now holds it too.
 *
 * @category events
 * @since 0.1.0
 */
export const TaskJoined = Schema.TaggedStruct("TaskJoined", task)

/**
 * A later dispatch of its key has given a queued task another payload.
 *
 * @category events
 * @since 0.1.0
 */
export const TaskReplaced = Schema.TaggedStruct("TaskReplaced", task)

/**
 * A dispatch found a kept result: `poolId` is the pool that counts it.
 *
 * @category events
 * @since 0.1.0
 */
export const TaskReused = Schema.TaggedStruct("TaskReused", task)

/**
 * The handler of a task starts, on this worker.
 *
 * @category events
 * @since 0.1.0
 */
export const TaskStarted = Schema.TaggedStruct("TaskStarted", {
  ...task,
  worker: Schema.Int,
  attempt: Schema.Int
})

/**
 * A task waits and has lent its slot.
 *
 * @category events
 * @since 0.1.0
 */
export const TaskSlept = Schema.TaggedStruct("TaskSlept", { ...task, waitingFor: WaitingFor })

/**
 * A sleeping task has a slot again.
 *
 * @category events
 * @since 0.1.0
 */
export const TaskResumed = Schema.TaggedStruct("TaskResumed", { ...task, worker: Schema.Int })

/**
 * An attempt failed with a typed error and another one, number `attempt`, follows.
 *
 * @category events
 * @since 0.1.0
 */
export const TaskRetrying = Schema.TaggedStruct("TaskRetrying", {
  ...task,
  attempt: Schema.Int,
  error: Schema.Defect()
})

/**
 * A task reported progress.
 *
 * @category events
 * @since 0.1.0
 */
export const TaskProgressed = Schema.TaggedStruct("TaskProgressed", { ...task, progress: Schema.Unknown })

/**
 * The verdict of a started task has fallen; its finalizers run.
 *
 * @category events
 * @since 0.1.0
 */
export const TaskStopping = Schema.TaggedStruct("TaskStopping", {
  ...task,
  why: Schema.Literals(["result", "cancel", "timeout"])
})

/**
 * A task has ended; one that ended as error says why.
 *
 * @category events
 * @since 0.1.0
 */
export const TaskExited = Schema.TaggedStruct("TaskExited", {
  ...task,
  exitStatus: Schema.Literals(["success", "canceled", "error"]),
  cause: Schema.optional(Schema.Cause(Schema.Defect(), Schema.Defect()))
})

/**
 * A pool was made.
 *
 * @category events
 * @since 0.1.0
 */
export const PoolOpened = Schema.TaggedStruct("PoolOpened", {
  ...pool,
  name: Schema.String,
  parentPoolId: Schema.optional(Schema.String),
  createdBy: Schema.optional(Schema.String)
})

/**
 * A pool takes no more tasks from outside, because it was sealed or cancelled.
 *
 * @category events
 * @since 0.1.0
 */
export const PoolSealed = Schema.TaggedStruct("PoolSealed", { ...pool, canceled: Schema.Boolean })

/**
 * A closed pool has nothing left.
 *
 * @category events
 * @since 0.1.0
 */
export const PoolDone = Schema.TaggedStruct("PoolDone", pool)

/**
 * The worker pool was resized, paused or resumed.
 *
 * @category events
 * @since 0.1.0
 */
export const WorkersChanged = Schema.TaggedStruct("WorkersChanged", {
  ...stamp,
  workers: Schema.Number,
  paused: Schema.Boolean
})

/**
 * The reader was too slow: this many events before the next one were dropped.
 *
 * @category events
 * @since 0.1.0
 */
export const Missed = Schema.TaggedStruct("Missed", { count: Schema.Int })

/**
 * Any event.
 *
 * **Example** (Reading the events of a worker pool)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { WorkerPool } from "effect-tasks"
 *
 * const logExits = Effect.gen(function*() {
 *   const workerPool = yield* WorkerPool
 *   yield* workerPool.events.pipe(
 *     Stream.runForEach((event) =>
 *       event._tag === "TaskExited" ? Effect.log(`${event.taskId}: ${event.exitStatus}`) : Effect.void
 *     )
 *   )
 * })
 * ```
 *
 * @category events
 * @since 0.1.0
 */
export const TaskEvent = Schema.Union([
  TaskQueued,
  TaskJoined,
  TaskReplaced,
  TaskReused,
  TaskStarted,
  TaskSlept,
  TaskResumed,
  TaskRetrying,
  TaskProgressed,
  TaskStopping,
  TaskExited,
  PoolOpened,
  PoolSealed,
  PoolDone,
  WorkersChanged,
  Missed
])

/**
 * Any event.
 *
 * @category events
 * @since 0.1.0
 */
export type TaskEvent = typeof TaskEvent.Type
