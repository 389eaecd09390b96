/**
 * Handles of tasks.
 *
 * A task is one dispatch of a job. Its handle can be awaited, observed, fed and cancelled from anywhere; cancelled
 * means stopped: `cancel` and `await` return only when the handler, its finalizers and its hooks have ended.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Equal from "effect/Equal"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { CurrentTask, taskAt } from "./internal/record/currentTask.ts"
import type { State } from "./internal/record/state.ts"
import { TaskTypeId } from "./internal/record/typeIds.ts"
import type { DispatchError, TaskAlreadyComplete, TaskError } from "./TaskError.ts"
import type { TaskPool } from "./TaskPool.ts"

/**
 * Where a task stands, and where it can go from there.
 *
 * @category models
 * @since 0.1.0
 */
export { type State, transitions } from "./internal/record/state.ts"

/**
 * How a handle came about: by a new task, by joining a live one, or by reusing a kept result.
 *
 * @category models
 * @since 0.1.0
 */
export type Origin = "created" | "joined" | "reused"

/**
 * The coarse outcome of a task; a failure, a defect and a timeout all read "error".
 *
 * @category models
 * @since 0.1.0
 */
export type ExitStatus = "success" | "canceled" | "error"

/**
 * What a task waits for.
 *
 * **Details**
 *
 * While it is queued: `"slot"` (every worker is busy), `"job-concurrency"` (a limit of its job, or one that jobs share),
 * `"pool-concurrency"` (that of a pool above it), `"rate"`, `"key"` (an earlier task of its key), `"paused"` (the worker
 * pool, its job or its key), `"delay"` (its own), `"elsewhere"` (a stored task that another process is to run). While it sleeps: `"retry"` (the pause before another attempt), `"delay"`
 * (its snooze), `"children"` (a pool), `"task"` (another task), `"effect"` (what it runs in `whileSleeping`), or a slot or
 * permit to go on.
 *
 * @category models
 * @since 0.1.0
 */
export type WaitingFor =
  | "slot"
  | "job-concurrency"
  | "pool-concurrency"
  | "rate"
  | "key"
  | "paused"
  | "delay"
  | "retry"
  | "children"
  | "task"
  | "effect"
  | "elsewhere"

/**
 * One consistent snapshot of a task. Moments are milliseconds since the epoch, lengths are milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Status<out A = unknown, out E = unknown, out P = unknown> {
  /** For people and look-ups: the job's tag and a number. */
  readonly id: string
  /** The job's tag. */
  readonly job: string
  /** The identity of the work inside its job. */
  readonly key: string
  /** Where it stands. */
  readonly state: State
  /** While it is queued or asleep: what it waits for. */
  readonly waitingFor: Option.Option<WaitingFor>
  /** Once it has exited: with what. */
  readonly exit: Option.Option<Exit.Exit<A, E | TaskError>>
  /** Once it has exited: `"success"`, `"canceled"` or `"error"`. */
  readonly exitStatus: Option.Option<ExitStatus>
  /** What it has reported last. */
  readonly progress: Option.Option<P>
  /** Higher runs first. */
  readonly priority: number
  /** Which attempt runs, or was the last: 1 without retries. */
  readonly attempt: number
  /** The worker it runs on, or ended on: the index of its slot. None while it is queued or asleep. */
  readonly worker: Option.Option<number>
  /** The pool that it was dispatched into. */
  readonly poolId: string
  /** The task that dispatched it, or made its pool. */
  readonly parentTaskId: Option.Option<string>
  /** When it was accepted. */
  readonly queuedAt: number
  /** When its first attempt began; tasks that start in one go may share a moment. */
  readonly startedAt: Option.Option<number>
  /** When all but its hooks had ended. */
  readonly finishedAt: Option.Option<number>
  /** From its acceptance to its first start, or to its end, or until now. */
  readonly queueTime: number
  /** From its first start to its end, or until now; sleeping included. */
  readonly runTime: number
  /** How much of `runTime` it slept: waited, with its slot lent to others. */
  readonly sleepTime: number
  /** While it waits for time alone: when its delay, its retry, its snooze, or what holds it back, ends. */
  readonly waitingUntil: Option.Option<number>
}

/**
 * Why somebody cancels: it stands in `TaskCanceled`, or in `PoolCanceled`.
 *
 * @category models
 * @since 0.1.0
 */
export interface CancelOptions {
  /** A few words for people. */
  readonly reason?: string | undefined
}

/**
 * The hooks of a task, on its handle and in its handler. Each runs once, after the task has ended and its slot is free;
 * one that fails is logged and stops no other. They run in the order `onFailure`, `onExit`, `onSuccess`, in each the first
 * registered first; one that is registered when all have run, runs at once.
 *
 * @category models
 * @since 0.1.0
 */
export interface Hooks<out A, out E> {
  /** Runs once when the task has failed, timed out or was cancelled. */
  onFailure<X, R>(
    f: (exit: Exit.Failure<A, E | TaskError>) => Effect.Effect<unknown, X, R>
  ): Effect.Effect<void, never, Exclude<R, Scope.Scope>>
  /** Runs once when the task has ended, whatever its outcome. */
  onExit<X, R>(
    f: (exit: Exit.Exit<A, E | TaskError>) => Effect.Effect<unknown, X, R>
  ): Effect.Effect<void, never, Exclude<R, Scope.Scope>>
  /** Runs once when the task has succeeded. */
  onSuccess<X, R>(
    f: (exit: Exit.Success<A, E | TaskError>) => Effect.Effect<unknown, X, R>
  ): Effect.Effect<void, never, Exclude<R, Scope.Scope>>
}

/**
 * One dispatch of a job: its handle. Handles are equal, and hashed, by the task that they name.
 *
 * @category models
 * @since 0.1.0
 */
export interface Task<out A = void, out E = never, out P = never, in M = never, out Payload = unknown>
  extends Hooks<A, E>, Equal.Equal
{
  readonly [TaskTypeId]: typeof TaskTypeId
  /** For people and look-ups: the job's tag and a number. */
  readonly id: string
  /** The job's tag. */
  readonly job: string
  /** What it was dispatched with. */
  readonly payload: Payload
  /** The identity of the work inside its job. */
  readonly key: string
  /** The pool that it was dispatched into. */
  readonly pool: TaskPool
  /** How this handle came about. */
  readonly origin: Origin

  /** The result, once handler and hooks have ended. */
  readonly await: Effect.Effect<A, E | TaskError>
  /** Like `await`, as a value. */
  readonly exit: Effect.Effect<Exit.Exit<A, E | TaskError>>
  /** One consistent snapshot. */
  readonly status: Effect.Effect<Status<A, E, P>>
  /** The current status and later ones, latest wins for a slow reader; ends with the task, after the status of its end. */
  readonly changes: Stream.Stream<Status<A, E, P>>
  /** The current progress and every later one that the reader is quick enough to see; the last one always. */
  readonly progress: Stream.Stream<P>
  /** The progress at the first report, or none when the task ends without any. */
  readonly firstProgress: Effect.Effect<Option.Option<P>>
  /** The newest pool that the task has made. */
  readonly childPool: Effect.Effect<Option.Option<TaskPool>>
  /** Cancels it and all below it at once; returns when it has fully stopped. */
  cancel(reason?: string | CancelOptions): Effect.Effect<void>
  /** Puts a message into the task's inbox, which holds 16; suspends while it is full. */
  send(message: M): Effect.Effect<void, TaskAlreadyComplete>
  /** Replaces the deadline: this long from now, or from the first start when that is still to come. */
  setTimeout(duration: Duration.Input): Effect.Effect<void>
  /** Lets it take as long as it takes. */
  readonly clearTimeout: Effect.Effect<void>
  /** Moves a queued task to another priority; has no effect on a started one. */
  setPriority(priority: number): Effect.Effect<void>
  /** Cancels the task if it is live and queues the same work again, to start when this task has ended. */
  readonly recompute: Effect.Effect<Task<A, E, P, M, Payload>, DispatchError>
}

/**
 * A handle whose job is not known.
 *
 * @category models
 * @since 0.1.0
 */
export type Any = Task<unknown, unknown, unknown, never>

/**
 * Options of `snooze`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SnoozeOptions {
  /** Whether the task's rate keys, or its whole job where its rates have none, wait as well. */
  readonly hold?: boolean | undefined
}

/**
 * What a handler sees of its own task: its second argument.
 *
 * @category models
 * @since 0.1.0
 */
export interface TaskContext<out A = void, out E = never, in out P = never, out M = never> extends Hooks<A, E> {
  /** The task's id. */
  readonly id: string
  /** 1 for the first attempt. */
  readonly attempt: number
  /** How often it has snoozed. */
  readonly snoozes: number
  /** The pool that the task was dispatched into. */
  readonly pool: TaskPool
  /** The messages sent to this task, at most 16 at a time. */
  readonly inbox: Queue.Dequeue<M>
  /** Publishes the current progress. */
  report(progress: P): Effect.Effect<void>
  /** Publishes a progress made from the current one; what `f` throws kills this effect, not the task. */
  update(f: (current: Option.Option<P>) => P): Effect.Effect<void>
  /** Replaces the deadline: this long from now. */
  setTimeout(duration: Duration.Input): Effect.Effect<void>
  /** Lets the task take as long as it takes. */
  readonly clearTimeout: Effect.Effect<void>
  /**
   * Ends this attempt and calls the handler again after that long: the answer to a peer that asks for patience. Its Scope
   * closes, its pools end and its hooks are dropped; it is no failure, and `attempt` does not count it. With `hold` no other
   * task of its rate keys starts before that either, or none of its job where its rates have no keys. Dies of a duration
   * without end. It has to reach the handler's own end: a fiber that snoozes must be joined, and who catches every cause
   * swallows it.
   */
  snooze(duration: Duration.Input, options?: SnoozeOptions): Effect.Effect<never>
  /**
   * Runs the effect with the task's slot, and its permit of the job's `concurrency`, lent to others: for waits on the
   * world outside. It promises that the whole task waits; what other fibers of the handler do meanwhile runs without a
   * slot.
   */
  whileSleeping<X, EX, R>(effect: Effect.Effect<X, EX, R>): Effect.Effect<X, EX, R>
}

/**
 * Whether a value is the handle of a task.
 *
 * **Example** (Telling handles from other values)
 *
 * ```ts
 * import { Task } from "effect-tasks"
 *
 * console.log(Task.isTask({ id: "Scan-1" })) // false
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isTask = (u: unknown): u is Any => Predicate.hasProperty(u, TaskTypeId)

/**
 * The id of the task that a fiber is inside of, its hooks included; none outside. For what sees fibers alone: a tracer, a
 * logger, a supervisor. Handlers have `task.id`.
 *
 * **Example** (A handler's child that tells its task)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Job, Task, WorkerPool } from "effect-tasks"
 *
 * const whose = Effect.withFiber((fiber) => Effect.succeed(Task.currentId(fiber)))
 *
 * class Tell extends Job.make("Tell") {}
 * const TellLive = Tell.toLayer(() => Effect.flatMap(whose, (id) => Effect.sync(() => console.log(id)))) // Tell-1
 *
 * await Effect.runPromise(Tell.run().pipe(Effect.provide(TellLive.pipe(Layer.provideMerge(WorkerPool.layer())))))
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const currentId = (fiber: Fiber.Fiber<any, any>): string | undefined => taskAt(fiber.getRef(CurrentTask))?.id
