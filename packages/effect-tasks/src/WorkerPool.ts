/**
 * The runtime: registry, ready queue, slots, look-up.
 *
 * At most `workers` tasks run at a time. A task that waits through this library lends its slot and takes it back before
 * it goes on, so any tree of tasks completes with one worker.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as LogLevel from "effect/LogLevel"
import type * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import { WorkerPoolKey } from "./internal/handle/service.ts"
import { makeWorkerPool } from "./internal/handle/workerPool.ts"
import type { DispatchOptions, PlainSchema } from "./Job.ts"
import type { Any, Status, WaitingFor } from "./Task.ts"
import type { DispatchError } from "./TaskError.ts"
import type { TaskEvent } from "./TaskEvent.ts"
import type { TaskPool } from "./TaskPool.ts"

/**
 * The identity of the WorkerPool service, for requirements.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkerPool {
  readonly "~effect-tasks/WorkerPool": WorkerPoolService
}

/**
 * Options of `WorkerPool.layer`. Values that could never work kill the layer with a defect that names the option.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkerPoolOptions {
  /**
   * How many tasks run at once: an integer of at least 1, or Infinity; the machine's processors unless given. A worker is
   * a right to run, not a thread: a handler that computes without yielding stops the whole process meanwhile.
   */
  readonly workers?: number | undefined
  /**
   * How many tasks may wait for a slot, beside those for which one is free: an integer of at least 0, unbounded unless
   * given. With 0 a dispatch is a hand-over: it is accepted when a slot is free.
   */
  readonly capacity?: number | undefined
  /** What a dispatch does when the queue is full; "suspend" unless given. */
  readonly onFull?: "suspend" | "fail" | undefined
  /** How many exited tasks, and how many done pools, stay visible: an integer of at least 0, 1,000 unless given. */
  readonly history?: number | undefined
  /** How long live tasks may go on at shutdown before they are cancelled; not at all unless given. */
  readonly gracePeriod?: Duration.Input | undefined
  /**
   * What may go on in the `gracePeriod`: "finish-all" (unless given) lets queued tasks start too, "finish-running" cancels
   * at once those that no running task waits for.
   */
  readonly shutdown?: "finish-all" | "finish-running" | undefined
  /**
   * How tasks and pools are named: "short" (unless given), `Resize-1`, anew in each process, or "unique", `Resize-k3f9x2-1`,
   * which no other process gives: for ids that outlive the process, in the hands of clients for instance. An id is no
   * secret: a server checks who may see which task.
   */
  readonly ids?: "short" | "unique" | undefined
  /** At which level failures are logged that nobody could have seen. */
  readonly unhandled?: Unhandled | undefined
}

/**
 * The levels at which a failure is logged that nobody could have seen: of a task that was dispatched without a pool, not by
 * `run`, that nobody awaits or reads and that has no `onFailure` or `onExit` hook. "None" is silence.
 *
 * **Example** (A worker pool that is silent about failures with a type)
 *
 * ```ts
 * import { WorkerPool } from "effect-tasks"
 *
 * const Live = WorkerPool.layer({ unhandled: { failure: "None" } })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Unhandled {
  /** Of a defect; "Error" unless given. */
  readonly defect?: LogLevel.Severity | "None"
  /** Of a failure with a type, or a timeout; "Warn" unless given. */
  readonly failure?: LogLevel.Severity | "None"
}

/**
 * One consistent snapshot of a worker pool. `dispatched` is the sum of queued, delayed, running, sleeping, stopping and
 * complete, always.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkerPoolStatus {
  /** How many tasks may run at once. */
  readonly workers: number
  /** Slots taken. */
  readonly busy: number
  /** Tasks that run. */
  readonly running: number
  /** Tasks that wait, their slots lent. */
  readonly sleeping: number
  /** Tasks whose verdict has fallen and whose finalizers run, with a slot or without one. */
  readonly stopping: number
  /** Tasks that wait for their first start, without the delayed ones. */
  readonly queued: number
  /** Tasks that wait for their delay. */
  readonly delayed: number
  /** All tasks that were ever accepted. */
  readonly dispatched: number
  /** Tasks that have ended. */
  readonly complete: number
  /** Of the complete ones: failed, died or timed out. */
  readonly failed: number
  /** Of the complete ones: cancelled. */
  readonly canceled: number
  /** Whether first starts are held back. */
  readonly paused: boolean
  /** The sequence number of the last transition before this snapshot. */
  readonly seq: number
}

/**
 * A job that a worker pool knows: its tag and Schemas.
 *
 * @category models
 * @since 0.1.0
 */
export interface KnownJob {
  readonly tag: string
  readonly payloadSchema: PlainSchema
  readonly successSchema: PlainSchema
  readonly errorSchema: PlainSchema
  readonly progressSchema: PlainSchema
  readonly messageSchema: PlainSchema
  /** Whether it is paused, by a call or by a snooze that holds it. */
  readonly paused: boolean
}

/**
 * A schedule of a job, as it stands.
 *
 * @category models
 * @since 0.1.0
 */
export interface CronSchedule {
  /** As given, else the job's tag. */
  readonly name: string
  /** The job's tag. */
  readonly job: string
  /** The cron expression. */
  readonly expression: string
  /** When it fires next, in milliseconds since the epoch. */
  readonly next: number
  /** The task that it has dispatched last, by a tick or by `trigger`. */
  readonly last: Option.Option<Any>
  /** How many ticks it has dropped because the task before was live. */
  readonly skipped: number
  /** Whether it lets ticks pass. */
  readonly paused: boolean
  /** Lets ticks pass until it is resumed. */
  readonly pause: Effect.Effect<void>
  /** Ends its pause. */
  readonly resume: Effect.Effect<void>
  /** Dispatches now, whatever runs, with a payload of this moment. */
  readonly trigger: Effect.Effect<Any, DispatchError>
}

/**
 * A limit behind which a task stands. Moments are milliseconds since the epoch, lengths are milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export type LimitStatus =
  | {
    /** So many tasks at once. */
    readonly _tag: "Permits",
    readonly isFull: boolean,
    readonly waitingFor: WaitingFor,
    readonly limit: number,
    readonly used: number,
    /** The tasks that hold its permits, 100 at most. */
    readonly holders: ReadonlyArray<Any>
  }
  | {
    /** So many starts in a window. */
    readonly _tag: "Rate",
    readonly isFull: boolean,
    readonly waitingFor: WaitingFor,
    readonly limit: number,
    readonly window: number,
    readonly used: number,
    /** While it is full: when it has room again. */
    readonly opensAt: Option.Option<number>
  }
  | {
    /** A pause of the job. */
    readonly _tag: "Hold",
    readonly isFull: boolean,
    readonly waitingFor: WaitingFor,
    /** While it holds: when it ends; none without an end. */
    readonly opensAt: Option.Option<number>
  }

/**
 * Why a task does not run.
 *
 * @category models
 * @since 0.1.0
 */
export interface Explanation {
  readonly task: Any
  /** Its snapshot: `waitingFor` names the reason, `waitingUntil` the moment where time alone ends it. */
  readonly status: Status
  /** While it waits for a slot: its place, 1 for the next, if no limit held any back. */
  readonly place: Option.Option<number>
  /** All limits behind which it stands, full or not. */
  readonly limits: ReadonlyArray<LimitStatus>
  /** The tasks that it waits for, or that stand before it for its key; 100 at most. */
  readonly tasks: ReadonlyArray<Any>
  /** The pools that it waits for. */
  readonly pools: ReadonlyArray<TaskPool>
  /** What is paused that it needs. */
  readonly paused: { readonly workerPool: boolean, readonly job: boolean, readonly key: boolean }
}

/**
 * What `yield* WorkerPool` gives.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkerPoolService {
  /** The root of everything dispatched without a pool; never done. */
  readonly global: TaskPool
  /** Dispatches by name; the payload is decoded with the job's Schema from its JSON form: null for none. */
  dispatch(jobName: string, encodedPayload: unknown, options?: DispatchOptions): Effect.Effect<Any, DispatchError>
  /** The visible task with this id. */
  task(id: string): Effect.Effect<Option.Option<Any>>
  /** All visible tasks, in the order of their dispatch. */
  readonly tasks: Effect.Effect<ReadonlyArray<Any>>
  /** The visible pool with this id. */
  pool(id: string): Effect.Effect<Option.Option<TaskPool>>
  /** All visible pools, GLOBAL first. */
  readonly pools: Effect.Effect<ReadonlyArray<TaskPool>>
  /** The jobs that it knows, in the order in which they came. */
  readonly jobs: Effect.Effect<ReadonlyArray<KnownJob>>
  /**
   * Why the task with this id does not run: the limits with their numbers and holders, its place in the queue, whom it waits
   * for. It costs a look at every live task: for people and dashboards, not for loops.
   */
  explain(id: string): Effect.Effect<Option.Option<Explanation>>
  /** Its schedules, in the order in which they came. */
  readonly crons: Effect.Effect<ReadonlyArray<CronSchedule>>
  /** One consistent snapshot. */
  readonly status: Effect.Effect<WorkerPoolStatus>
  /** The current status and later ones, latest wins for a slow reader; ends when the worker pool closes. */
  readonly changes: Stream.Stream<WorkerPoolStatus>
  /** Everything that happens from now on; a reader who falls 4,096 behind is told how many it has missed. */
  readonly events: Stream.Stream<TaskEvent>
  /** Changes the number of workers, an integer of at least 1 or Infinity, and interrupts nothing. */
  resize(workers: number): Effect.Effect<void>
  /** Stops first starts; resuming tasks go on. */
  readonly pause: Effect.Effect<void>
  /** Ends a pause. */
  readonly resume: Effect.Effect<void>
  /** Waits until nothing is queued, delayed or live; it refuses nothing. */
  readonly drain: Effect.Effect<void>
}

/**
 * The WorkerPool service and its layer.
 *
 * **Details**
 *
 * `WorkerPool.layer` takes `workers` (the machine's processors unless given), `capacity` (unbounded), `onFull`
 * (`"suspend"`), `history` (1,000) and `gracePeriod` (none).
 *
 * **Example** (Looking at a worker pool)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { WorkerPool } from "effect-tasks"
 *
 * const program = Effect.gen(function*() {
 *   const workerPool = yield* WorkerPool
 *   yield* workerPool.resize(8)
 *   const { workers, busy } = yield* workerPool.status
 *   console.log(`${busy} of ${workers} busy`) // 0 of 8 busy
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(WorkerPool.layer({ workers: 2 }))))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export const WorkerPool: typeof WorkerPoolKey & {
  readonly layer: (options?: WorkerPoolOptions) => Layer.Layer<WorkerPool>
} = Object.assign(WorkerPoolKey, {
  layer: (options: WorkerPoolOptions = {}): Layer.Layer<WorkerPool> =>
    Layer.effect(WorkerPoolKey, makeWorkerPool(options))
})
