/**
 * Pools of tasks with one life: open, sealed, done.
 *
 * A pool lives in the Scope that made it: when that closes, what is unfinished is cancelled and awaited, so no task is
 * orphaned. A pool made inside a handler is a child of that task: its progress rolls up to every ancestor and a cancel
 * of the task reaches it.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Equal from "effect/Equal"
import type * as Exit from "effect/Exit"
import type * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as nursery from "./internal/handle/nursery.ts"
import { makePool } from "./internal/handle/pool.ts"
import { TaskPoolTypeId } from "./internal/record/typeIds.ts"
import type { Any, CancelOptions, Task } from "./Task.ts"
import type { ChildTaskFailed, PoolCanceled, TaskError, TaskFailure } from "./TaskError.ts"
import type { WorkerPool } from "./WorkerPool.ts"

/**
 * Whether a pool takes tasks, and why not: sealed takes none from outside, canceled none at all, done has none left.
 *
 * @category models
 * @since 0.1.0
 */
export type PoolState = "open" | "sealed" | "canceled" | "done"

/**
 * One consistent snapshot of a pool and everything below it. `total` is the sum of queued, running, sleeping and
 * complete, always.
 *
 * @category models
 * @since 0.1.0
 */
export interface PoolStatus {
  /** Whether it takes tasks. */
  readonly state: PoolState
  /** All tasks that it has ever held. */
  readonly total: number
  /** Those that have not started, delayed ones and those that wait for a key or permit included. */
  readonly queued: number
  /** Those that run or are stopping. */
  readonly running: number
  /** Those that wait, their slots lent. */
  readonly sleeping: number
  /** Those that have ended, and those that it has let go of. */
  readonly complete: number
  /** Of the complete ones: failed, died or timed out. */
  readonly failed: number
  /** Of the complete ones: cancelled, or let go of. */
  readonly canceled: number
  /** The complete part, from 0 to 1; 0 for an empty pool. */
  readonly progress: number
  /** From its opening until it was done, or until now, in milliseconds. */
  readonly runTime: number
}

/**
 * Options of a pool.
 *
 * @category models
 * @since 0.1.0
 */
export interface TaskPoolOptions {
  /** How people call it, in errors, logs and the dashboard; its id unless given. */
  readonly name?: string | undefined
  /** Whether the first failure of a task of this pool cancels the others; "continue" unless given. */
  readonly onFailure?: "continue" | "cancel" | undefined
  /**
   * How many tasks of this pool and of every pool below it run at once: an integer of at least 1, or Infinity. A task that
   * waits gives its permit back meanwhile, so that no nesting can deadlock. No limit unless given.
   */
  readonly concurrency?: number | undefined
}

/**
 * A set of tasks with one life. Pools are equal, and hashed, by what they name.
 *
 * @category models
 * @since 0.1.0
 */
export interface TaskPool extends Equal.Equal {
  readonly [TaskPoolTypeId]: typeof TaskPoolTypeId
  /** For look-ups: "GLOBAL", or "Pool-" and a number. */
  readonly id: string
  /** For people: as given, else the id. */
  readonly name: string
  /** Whether it is the pool of everything that is dispatched without a pool. */
  readonly isGlobal: boolean
  /** Whether it has no parent. */
  readonly isRoot: boolean
  /** The pool above: one that holds the task that made this one. */
  readonly parent: Option.Option<TaskPool>
  /** The pool at the top. */
  readonly root: TaskPool
  /** The task that made it, while that is visible. */
  readonly createdBy: Option.Option<Any>
  /** Takes no more tasks but those of its own unfinished tasks and of the tasks below them. */
  readonly seal: Effect.Effect<void>
  /**
   * Seals, then waits for every task. Fails with `ChildTaskFailed` when a task of the pool itself has ended as error, else
   * with `PoolCanceled` when the pool was cancelled.
   */
  readonly join: Effect.Effect<PoolStatus, ChildTaskFailed | PoolCanceled>
  /** `join` that never fails. */
  readonly settled: Effect.Effect<PoolStatus>
  /** Another `concurrency` from now on; stops nothing that runs. GLOBAL has none: it dies there. */
  resize(concurrency: number): Effect.Effect<void>
  /** Cancels every task at once; returns when all have stopped. */
  cancel(reason?: string | CancelOptions): Effect.Effect<void>
  /** One consistent snapshot. */
  readonly status: Effect.Effect<PoolStatus>
  /** The current status and later ones, latest wins for a slow reader; ends when the pool is done. Does not seal. */
  readonly changes: Stream.Stream<PoolStatus>
  /** The first 100 failures of this pool and all below it, oldest first. */
  readonly failures: Effect.Effect<ReadonlyArray<TaskFailure>>
  /** Tasks of this pool: unfinished ones, and those still in history. */
  readonly tasks: Effect.Effect<ReadonlyArray<Any>>
  /** Runs once when the pool is done; at once when it already is. GLOBAL's run when the worker pool closes. */
  addFinalizer<X, R>(
    f: (status: PoolStatus) => Effect.Effect<unknown, X, R>
  ): Effect.Effect<void, never, Exclude<R, Scope.Scope>>
}

/**
 * Whether a value is a pool.
 *
 * **Example** (Telling pools from other values)
 *
 * ```ts
 * import { TaskPool } from "effect-tasks"
 *
 * console.log(TaskPool.isTaskPool("GLOBAL")) // false
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isTaskPool = (u: unknown): u is TaskPool => Predicate.hasProperty(u, TaskPoolTypeId)

/**
 * Opens a pool in the current Scope.
 *
 * **Details**
 *
 * Inside a handler it is a child of the running task; elsewhere, and in hooks, it is a root pool. When the Scope
 * closes, an unfinished pool is cancelled and awaited.
 *
 * **Example** (Fanning out inside a handler)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { Job, JobRegistry, TaskPool, WorkerPool } from "effect-tasks"
 *
 * class Square extends Job.make("Square", { payload: { n: Schema.Int }, success: Schema.Int }) {}
 * class Sum extends Job.make("Sum", { payload: { upTo: Schema.Int }, success: Schema.Int }) {}
 *
 * const SquareLive = Square.toLayer(({ n }) => Effect.succeed(n * n))
 * const SumLive = Sum.toLayer(Effect.fnUntraced(function*({ upTo }) {
 *   const pool = yield* TaskPool.make({ name: "squares" })
 *   const tasks = yield* Effect.forEach(Array.from({ length: upTo }, (_, n) => n + 1), (n) => Square.dispatch({ n }, { pool }))
 *   yield* pool.join
 *   const squares = yield* Effect.forEach(tasks, (task) => task.await)
 *   return squares.reduce((sum, square) => sum + square, 0)
 * }))
 *
 * const AppLive = JobRegistry.layer(SquareLive, SumLive).pipe(Layer.provideMerge(WorkerPool.layer({ workers: 1 })))
 *
 * console.log(await Effect.runPromise(Sum.run({ upTo: 3 }).pipe(Effect.provide(AppLive)))) // 14
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (options?: TaskPoolOptions) => Effect.Effect<TaskPool, never, WorkerPool | Scope.Scope> = makePool

/**
 * Opens a pool, runs the body, joins the pool and closes it: the nursery.
 *
 * **Details**
 *
 * A body that succeeds is followed by `join`, whose failure is the failure of the whole. A body that fails or is
 * interrupted cancels the pool, waits until every task has stopped, and keeps its own cause; the `ChildTaskFailed` of
 * tasks that had failed before it stands beside it.
 *
 * A pool that is cancelled, by its `onFailure: "cancel"` or by a call, interrupts the body. The whole then fails with the
 * pool's verdict: `ChildTaskFailed` when a task has failed, else `PoolCanceled`.
 *
 * **Example** (The first failure stops the rest, and the body too)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { Job, TaskPool, WorkerPool } from "effect-tasks"
 *
 * class Step extends Job.make("Step", { payload: { name: Schema.String }, error: Schema.String }) {}
 * const StepLive = Step.toLayer(({ name }) => (name === "lint" ? Effect.fail("3 problems") : Effect.never))
 *
 * const program = TaskPool.use((pool) =>
 *   Effect.gen(function*() {
 *     yield* Step.dispatch({ name: "build" }, { pool })
 *     yield* Step.dispatch({ name: "lint" }, { pool })
 *     return yield* Effect.never // an HTTP server, say
 *   }), { onFailure: "cancel" })
 *
 * const AppLive = StepLive.pipe(Layer.provideMerge(WorkerPool.layer()))
 * const error = await Effect.runPromise(Effect.flip(program).pipe(Effect.provide(AppLive)))
 * console.log(error._tag) // ChildTaskFailed
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const use: <A, E, R>(
  body: (pool: TaskPool) => Effect.Effect<A, E, R>,
  options?: TaskPoolOptions
) => Effect.Effect<A, E | ChildTaskFailed | PoolCanceled, R | WorkerPool> = nursery.use

/**
 * Dispatches a task for every item, joins, and gives every success in the order of the items.
 *
 * **Details**
 *
 * Any failure gives `ChildTaskFailed`, else a cancelled item its `TaskCanceled`. A refused dispatch cancels the pool
 * and fails with its own error, unless the pool was cancelled before: then its verdict is the failure, as in `use`.
 *
 * **Example** (One task for each item)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { Job, TaskPool, WorkerPool } from "effect-tasks"
 *
 * class Double extends Job.make("Double", { payload: { n: Schema.Int }, success: Schema.Int }) {}
 * const DoubleLive = Double.toLayer(({ n }) => Effect.succeed(n * 2))
 *
 * const doubled = TaskPool.forEach([1, 2, 3], (n, pool) => Double.dispatch({ n }, { pool }))
 * const AppLive = DoubleLive.pipe(Layer.provideMerge(WorkerPool.layer()))
 *
 * console.log(await Effect.runPromise(doubled.pipe(Effect.provide(AppLive)))) // [ 2, 4, 6 ]
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const forEach: <Item, A, E, P, M, EX, R>(
  items: Iterable<Item>,
  dispatch: (item: Item, pool: TaskPool) => Effect.Effect<Task<A, E, P, M>, EX, R>,
  options?: TaskPoolOptions
) => Effect.Effect<Array<A>, EX | TaskError, R | WorkerPool> = nursery.forEach

/**
 * Dispatches a task for every item, waits for all, and gives every Exit in the order of the items: for "what went well,
 * and what did not". Only a refused dispatch fails it.
 *
 * **Details**
 *
 * With `onFailure: "cancel"` the tasks after the first failure end with `TaskCanceled`; items that had not been
 * dispatched by then get a `PoolCanceled`.
 *
 * **Example** (Results and errors together)
 *
 * ```ts
 * import { Effect, Exit, Layer, Schema } from "effect"
 * import { Job, TaskPool, WorkerPool } from "effect-tasks"
 *
 * class Half extends Job.make("Half", { payload: { n: Schema.Int }, success: Schema.Int, error: Schema.String }) {}
 * const HalfLive = Half.toLayer(({ n }) => (n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail("odd")))
 *
 * const halves = TaskPool.forEachExit([2, 3, 4], (n, pool) => Half.dispatch({ n }, { pool }))
 * const AppLive = HalfLive.pipe(Layer.provideMerge(WorkerPool.layer()))
 *
 * const exits = await Effect.runPromise(halves.pipe(Effect.provide(AppLive)))
 * console.log(exits.map((exit) => Exit.isSuccess(exit) ? exit.value : "failed")) // [ 1, 'failed', 2 ]
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const forEachExit: <Item, A, E, P, M, EX, R>(
  items: Iterable<Item>,
  dispatch: (item: Item, pool: TaskPool) => Effect.Effect<Task<A, E, P, M>, EX, R>,
  options?: TaskPoolOptions
) => Effect.Effect<Array<Exit.Exit<A, E | TaskError>>, EX, R | WorkerPool> = nursery.forEachExit

/**
 * A dispatch into a pool that is yet to be opened.
 *
 * @category models
 * @since 0.1.0
 */
export type Dispatcher = (pool: TaskPool) => Effect.Effect<Task<any, any, any, never>, any, any>

type Dispatched<D> = D extends (pool: TaskPool) => Effect.Effect<infer T, infer EX, infer R>
  ? T extends Task<infer A, any, any, never> ? { readonly success: A, readonly error: EX, readonly services: R } : never
  : never

/**
 * Dispatches tasks of different jobs, joins, and gives their successes: a tuple of a tuple, a record of a record. Fails as
 * `forEach` does.
 *
 * **Example** (Two jobs side by side)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { Job, JobRegistry, TaskPool, WorkerPool } from "effect-tasks"
 *
 * class Build extends Job.make("Build", { success: Schema.String }) {}
 * class Lint extends Job.make("Lint", { success: Schema.Int }) {}
 * const JobsLive = JobRegistry.layer(Build.toLayer(() => Effect.succeed("dist")), Lint.toLayer(() => Effect.succeed(0)))
 *
 * const both = TaskPool.all({
 *   folder: (pool) => Build.dispatch(undefined, { pool }),
 *   problems: (pool) => Lint.dispatch(undefined, { pool })
 * })
 *
 * const AppLive = JobsLive.pipe(Layer.provideMerge(WorkerPool.layer()))
 * console.log(await Effect.runPromise(both.pipe(Effect.provide(AppLive)))) // { folder: 'dist', problems: 0 }
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const all: <const D extends ReadonlyArray<Dispatcher> | { readonly [name: string]: Dispatcher }>(
  dispatches: D,
  options?: TaskPoolOptions
) => Effect.Effect<
  { -readonly [K in keyof D]: Dispatched<D[K]>["success"] },
  Dispatched<D[keyof D]>["error"] | TaskError,
  Dispatched<D[keyof D]>["services"] | WorkerPool
> = nursery.all as any // the types of each part are lost where they are collected
