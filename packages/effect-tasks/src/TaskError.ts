/**
 * Every error a caller of effect-tasks can see.
 *
 * They are Schema classes, so they can be caught by tag, compared in tests and sent over a wire. The messages name the
 * job and the mend.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Schema from "effect/Schema"

/**
 * A task was cancelled: by a call, its pool, its parent, a superseding task or a shutdown.
 *
 * **Example** (Treating a cancelled task as a normal outcome)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { TaskCanceled } from "effect-tasks"
 *
 * const outcome = Effect.fail(new TaskCanceled({ taskId: "Upload-1", job: "Upload", reason: "enough" })).pipe(
 *   Effect.catchTag("TaskCanceled", (error) => Effect.succeed(`canceled: ${error.reason}`))
 * )
 *
 * console.log(Effect.runSync(outcome)) // canceled: enough
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskCanceled extends Schema.TaggedError<TaskCanceled>()("TaskCanceled", {
  taskId: Schema.String,
  job: Schema.String,
  reason: Schema.optional(Schema.String)
}) {
  override get message(): string {
    return `Task ${this.taskId} was canceled${this.reason === undefined ? "" : `: ${this.reason}`}`
  }
}

/**
 * A timeout of a task passed: its `queueTimeout` while it waited for its first start (`phase: "queued"`), or its
 * `timeout` after that (`phase: "running"`). `after` is the length of that timeout in milliseconds.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskTimeout extends Schema.TaggedError<TaskTimeout>()("TaskTimeout", {
  taskId: Schema.String,
  job: Schema.String,
  phase: Schema.Literals(["queued", "running"]),
  after: Schema.Number
}) {
  override get message(): string {
    return `Task ${this.taskId} timed out after ${this.after} ms ${this.phase}`
  }
}

/**
 * One failed task of a pool: which (`taskId`, and `label` in words), what it was dispatched with (`payload`, as long as
 * the pool is joined or the task is remembered), where it stands in the tree (`path`: task ids from the root to the task
 * itself) and why it failed.
 *
 * @category models
 * @since 0.1.0
 */
export class TaskFailure extends Schema.Class<TaskFailure>("effect-tasks/TaskFailure")({
  taskId: Schema.String,
  job: Schema.String,
  label: Schema.String,
  payload: Schema.Defect(),
  path: Schema.Array(Schema.String),
  cause: Schema.Cause(Schema.Defect(), Schema.Defect())
}) {}

/**
 * Tasks of the joined pool ended as error. `failures` holds the first 100 of them, oldest first; `total` counts all that
 * failed, `tasks` those that the pool has held. The first failure is the `cause`.
 *
 * @category errors
 * @since 0.1.0
 */
export class ChildTaskFailed extends Schema.TaggedError<ChildTaskFailed>()("ChildTaskFailed", {
  poolId: Schema.String,
  poolName: Schema.String,
  failures: Schema.NonEmptyArray(TaskFailure),
  total: Schema.Int,
  tasks: Schema.optionalKey(Schema.Int)
}) {
  override get message(): string {
    const { failures: [{ cause, label, taskId }], poolId, poolName, tasks = this.total, total } = this
    const pool = poolName === poolId ? poolId : JSON.stringify(poolName)
    const first = `${label === "" ? taskId : `${taskId} (${label})`}: ${whyOf(cause)}`
    return `${total} of ${tasks} task${tasks === 1 ? "" : "s"} of pool ${pool} failed${
      total === 1 ? "" : ", first"
    }: ${first}`
  }

  /** Why the first one failed, however deep below, for what prints errors with their causes. */
  override get cause(): unknown {
    return rootOf(this.failures[0].cause)
  }
}

const rootOf = (cause: Cause.Cause<unknown>): unknown => {
  let error = Cause.squash(cause)
  for (;;) {
    if (error instanceof ChildTaskFailed) error = Cause.squash(error.failures[0].cause)
    else if (hasComeOverWire(error)) error = error.cause
    else return error
  }
}

/** What failed inside of an error goes over a wire as an Error with the same name, message and cause. */
const hasComeOverWire = (error: unknown): error is Error =>
  error instanceof Error && error.name === "ChildTaskFailed" && error.cause !== undefined

const longest = 300

/** Why something failed, on one line. */
const whyOf = (cause: Cause.Cause<unknown>): string => {
  try {
    const [line] = textOf(rootOf(cause)).split("\n", 1)
    return line.length <= longest ? line : `${line.slice(0, longest - 1)}…`
  } catch {
    return "with something that cannot be shown"
  }
}

const textOf = (error: unknown): string => {
  if (error instanceof Error) return error.message === "" ? error.name : `${error.name}: ${error.message}`
  return typeof error === "object" ? JSON.stringify(error) : String(error)
}

/**
 * The joined pool was itself cancelled (not merely some of its tasks).
 *
 * @category errors
 * @since 0.1.0
 */
export class PoolCanceled extends Schema.TaggedError<PoolCanceled>()("PoolCanceled", {
  poolId: Schema.String,
  reason: Schema.optional(Schema.String)
}) {
  override get message(): string {
    return `Pool ${this.poolId} was canceled${this.reason === undefined ? "" : `: ${this.reason}`}`
  }
}

/**
 * A message was sent to a task that has ended.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskAlreadyComplete extends Schema.TaggedError<TaskAlreadyComplete>()("TaskAlreadyComplete", {
  taskId: Schema.String,
  job: Schema.String
}) {
  override get message(): string {
    return `Task ${this.taskId} has ended and takes no messages`
  }
}

/**
 * No handler layer of the job is provided to this worker pool. `suggestion` is the nearest registered name.
 *
 * @category errors
 * @since 0.1.0
 */
export class JobNotRegistered extends Schema.TaggedError<JobNotRegistered>()("JobNotRegistered", {
  suggestion: Schema.optional(Schema.String)
}) {
  override get message(): string {
    return this.suggestion === undefined
      ? "no handler is registered: provide the job's toLayer to this WorkerPool"
      : `no handler is registered, did you mean "${this.suggestion}"?`
  }
}

/**
 * The payload does not fit the job's Schema; `issue` is the Schema's own text.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidPayload extends Schema.TaggedError<InvalidPayload>()("InvalidPayload", {
  issue: Schema.String
}) {
  override get message(): string {
    return `the payload is invalid: ${this.issue}`
  }
}

/**
 * The pool is sealed, cancelled or done and takes no tasks from here.
 *
 * @category errors
 * @since 0.1.0
 */
export class PoolClosed extends Schema.TaggedError<PoolClosed>()("PoolClosed", {
  poolId: Schema.String
}) {
  override get message(): string {
    return `pool ${this.poolId} is closed: dispatch before it is sealed or joined, or open another pool`
  }
}

/**
 * The worker pool, or the job's handler layer, is shutting down.
 *
 * @category errors
 * @since 0.1.0
 */
export class WorkerPoolClosed extends Schema.TaggedError<WorkerPoolClosed>()("WorkerPoolClosed", {}) {
  override get message(): string {
    return "the worker pool is shutting down"
  }
}

/**
 * The ready queue holds `capacity` tasks beside those for which a worker is free, and `onFull` is `"fail"`.
 *
 * @category errors
 * @since 0.1.0
 */
export class QueueFull extends Schema.TaggedError<QueueFull>()("QueueFull", {
  capacity: Schema.Number
}) {
  override get message(): string {
    const why = this.capacity === 0 ? "no worker is free" : `the queue holds ${this.capacity} tasks`
    return `${why}: dispatch later, or use onFull: "suspend"`
  }
}

/**
 * A task with this key is live and the job is `unique: "reject"`. `taskId` names that task.
 *
 * @category errors
 * @since 0.1.0
 */
export class DuplicateTask extends Schema.TaggedError<DuplicateTask>()("DuplicateTask", {
  taskId: Schema.String,
  key: Schema.String
}) {
  override get message(): string {
    return `task ${this.taskId} with the same key is not yet done`
  }
}

/**
 * The store of the job's tasks could not take the dispatch: `why` says what it answered, or that it did not for so long.
 *
 * @category errors
 * @since 0.1.0
 */
export class StoreUnavailable extends Schema.TaggedError<StoreUnavailable>()("StoreUnavailable", {
  why: Schema.String
}) {
  override get message(): string {
    return `the store of its tasks is not available (${this.why}): see to the database, then dispatch again`
  }
}

/**
 * Why a dispatch was refused.
 *
 * @category errors
 * @since 0.1.0
 */
export const DispatchErrorReason = Schema.Union([
  JobNotRegistered,
  InvalidPayload,
  PoolClosed,
  WorkerPoolClosed,
  QueueFull,
  DuplicateTask,
  StoreUnavailable
])

/**
 * Why a dispatch was refused.
 *
 * @category errors
 * @since 0.1.0
 */
export type DispatchErrorReason = typeof DispatchErrorReason.Type

/**
 * A dispatch was refused and nothing else happened: no task exists, no counter moved.
 *
 * **Example** (Handling one reason)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { DispatchError, QueueFull } from "effect-tasks"
 *
 * const refused = Effect.fail(new DispatchError({ job: "Resize", reason: new QueueFull({ capacity: 10 }) }))
 * const outcome = refused.pipe(
 *   Effect.catchReason("DispatchError", "QueueFull", ({ capacity }) => Effect.succeed(`busy: ${capacity} waiting`))
 * )
 *
 * console.log(Effect.runSync(Effect.orDie(outcome))) // busy: 10 waiting
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class DispatchError extends Schema.TaggedError<DispatchError>()("DispatchError", {
  job: Schema.String,
  reason: DispatchErrorReason
}) {
  override get message(): string {
    return `Cannot dispatch job "${this.job}": ${this.reason.message}`
  }
}

/**
 * What `await` can fail with beside the job's own error.
 *
 * @category errors
 * @since 0.1.0
 */
export const TaskError = Schema.Union([TaskCanceled, TaskTimeout, ChildTaskFailed, PoolCanceled])

/**
 * What `await` can fail with beside the job's own error.
 *
 * @category errors
 * @since 0.1.0
 */
export type TaskError = typeof TaskError.Type

/**
 * A defect: this wait could never have ended, because what it waits for waits for the caller. `ring` names the tasks
 * and pools of the circle by id, beginning and ending with the caller; each waits for the next. `names` tells them with
 * the labels of tasks and the names of pools.
 *
 * @category defects
 * @since 0.1.0
 */
export class WaitCycle extends Schema.TaggedError<WaitCycle>()("WaitCycle", {
  ring: Schema.Array(Schema.String),
  names: Schema.optionalKey(Schema.Array(Schema.String))
}) {
  override get message(): string {
    return `This wait can never end: ${(this.names ?? this.ring).join(" → ")}`
  }
}

/**
 * A defect: a handler ended interrupted although nobody cancelled its task, for example by joining a fiber that was
 * interrupted.
 *
 * @category defects
 * @since 0.1.0
 */
export class HandlerInterrupted extends Schema.TaggedError<HandlerInterrupted>()("HandlerInterrupted", {
  taskId: Schema.String,
  job: Schema.String
}) {
  override get message(): string {
    return `The handler of ${this.taskId} ended interrupted, but nobody canceled the task`
  }
}
