/** Stopping pools and waiting until they have stopped. */
import * as Effect from "effect/Effect"
import { runsOf } from "./lifecycle.ts"
import type { PoolRecord } from "./records.ts"
import { cancelPool, letGo } from "./stop.ts"
import { until } from "./waiting.ts"

/** Cancels at once, then waits for all that does not itself wait for the caller. */
export const stopAndAwait = (pool: PoolRecord, reason: string | undefined, evenMarked: boolean): Effect.Effect<void> =>
  Effect.suspend(() => {
    cancelPool(pool, reason)
    const wait = { reason: "children", evenMarked } as const
    const each = Effect.suspend(() =>
      Effect.forEach(
        runsOf(pool).filter((run) => run.marked),
        ({ task }) => until(task, { ...wait, instead: (dependents) => dependents.has(task) ? Effect.void : undefined }),
        { discard: true }
      )
    )
    if (pool.isGlobal) return each
    return until(pool, {
      ...wait,
      instead: (dependents) => {
        if (evenMarked) letGoOf(pool, dependents)
        if (pool.ready) return Effect.void
        return dependents.has(pool) || runsOf(pool).some(({ task }) => dependents.has(task)) ? each : undefined
      }
    })
  })

/** The end of a task cannot wait for shared tasks that wait for it: its pool lets go of them. */
const letGoOf = (pool: PoolRecord, dependents: ReadonlySet<unknown>): void => {
  for (const run of pool.guests ?? []) if (dependents.has(run.task)) letGo(pool, run)
}

/** Ends a pool with its Scope or its task. */
export const closePool = (pool: PoolRecord, reason: string): Effect.Effect<void> =>
  Effect.suspend(() => (pool.released ? Effect.void : stopAndAwait(pool, reason, true)))
