/** Pools whose life is one effect. */
import * as Effect from "effect/Effect"
import type { ChildTaskFailed, PoolCanceled, TaskError } from "../TaskError.ts"
import type { WorkerPool } from "../WorkerPool.ts"
import type { Task, TaskPool, TaskPoolOptions } from "./model.ts"
import { makePoolIn } from "./poolHandle.ts"

export const use = <A, E, R>(
  body: (pool: TaskPool) => Effect.Effect<A, E, R>,
  options?: TaskPoolOptions
): Effect.Effect<A, E | ChildTaskFailed | PoolCanceled, R | WorkerPool> =>
  Effect.scopedWith((scope) =>
    Effect.flatMap(makePoolIn(scope, options), (pool) => Effect.tap(body(pool), () => pool.join))
  )

export const forEach = <Item, A, E, P, M, EX, R>(
  items: Iterable<Item>,
  dispatch: (item: Item, pool: TaskPool) => Effect.Effect<Task<A, E, P, M>, EX, R>,
  options?: TaskPoolOptions
): Effect.Effect<Array<A>, EX | TaskError, R | WorkerPool> =>
  Effect.flatMap(
    use((pool) => Effect.forEach(items, (item) => dispatch(item, pool)), options),
    // the join has succeeded, so the only failures left are cancels
    (tasks) => Effect.forEach(tasks, (task) => task.await as Effect.Effect<A, TaskError>)
  )
