/** Tasks in pools of tasks, so deep; and the end of all of them by one cancel. */
import { Effect, type Layer } from "effect"
import { Job, TaskPool, type WorkerPool } from "effect-tasks"
import { items } from "./bodies.ts"
import type { Subject } from "./measure.ts"
import { makeApp, payload } from "./tasks.ts"

/** A task that waits for a task in a pool of its own, `n` times over. */
export class Nested extends Job.make("Nested", { payload }) {}

export const nestedLayer = (innermost: Effect.Effect<void>) =>
  Nested.toLayer(({ n }) =>
    n === 0 ? innermost : Effect.orDie(TaskPool.use((pool) => Nested.dispatch({ n: n - 1 }, { pool })))
  ) as Layer.Layer<Job.Handler<"Nested">, never, WorkerPool> // it dispatches to itself

/**
 * Cancels the outermost task of each chain of so many nested pools, whose innermost task never ends. `pools` in all, so
 * that deep and flat chains pay the same share of the collections.
 */
export const nestedCancel = (depth: number, pools = depth): Subject => {
  const chains = pools / depth
  let reached = () => {}
  const innermost = Effect.andThen(Effect.sync(() => reached()), Effect.never)
  const app = makeApp({ workers: chains }, nestedLayer(innermost))
  let cancel: Effect.Effect<unknown>
  return {
    name: String(depth),
    size: pools,
    before: async () => {
      let left = chains
      const bottom = new Promise<void>((resolve) => {
        reached = () => {
          if (--left === 0) resolve()
        }
      })
      const outermost = await app.runPromise(Effect.forEach(items(chains), () => Nested.dispatch({ n: depth })))
      cancel = Effect.forEach(outermost, (task) => task.cancel(), { discard: true })
      await bottom
    },
    run: () => app.runPromise(cancel)
  }
}
