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
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as model from "./internal/model.ts"
import * as nursery from "./internal/nursery.ts"
import { makePool } from "./internal/poolHandle.ts"
import type { ChildTaskFailed, PoolCanceled, TaskError } from "./TaskError.ts"
import type { WorkerPool } from "./WorkerPool.ts"

/**
 * A set of tasks with one life.
 *
 * @category models
 * @since 0.1.0
 */
export type { TaskPool } from "./internal/model.ts"

/**
 * One consistent snapshot of a pool and everything below it. `progress` goes from 0 to 1, `runTime` is milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export type { PoolState, PoolStatus } from "./internal/model.ts"

/**
 * Options of a pool: its name, and whether the first failure cancels the other tasks.
 *
 * @category models
 * @since 0.1.0
 */
export type { TaskPoolOptions } from "./internal/model.ts"

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
export const isTaskPool = (u: unknown): u is model.TaskPool => Predicate.hasProperty(u, model.TaskPoolTypeId)

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
export const make: (options?: model.TaskPoolOptions) => Effect.Effect<model.TaskPool, never, WorkerPool | Scope.Scope> =
  makePool

/**
 * Opens a pool, runs the body, joins the pool and closes it: the nursery.
 *
 * **Details**
 *
 * A body that fails or is interrupted cancels the pool, waits until every task has stopped, and keeps its own cause. A
 * body that succeeds is followed by `join`, whose failure is the failure of the whole.
 *
 * @category combinators
 * @since 0.1.0
 */
export const use: <A, E, R>(
  body: (pool: model.TaskPool) => Effect.Effect<A, E, R>,
  options?: model.TaskPoolOptions
) => Effect.Effect<A, E | ChildTaskFailed | PoolCanceled, R | WorkerPool> = nursery.use

/**
 * Dispatches a task for every item, joins, and gives every success in the order of the items.
 *
 * **Details**
 *
 * Any failure gives `ChildTaskFailed`, else a cancelled item its `TaskCanceled`. A refused dispatch cancels the pool
 * and fails with its own error.
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
  dispatch: (item: Item, pool: model.TaskPool) => Effect.Effect<model.Task<A, E, P, M>, EX, R>,
  options?: model.TaskPoolOptions
) => Effect.Effect<Array<A>, EX | TaskError, R | WorkerPool> = nursery.forEach
