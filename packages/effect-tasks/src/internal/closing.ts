/** Stopping pools and waiting until they have stopped. */
import * as Effect from "effect/Effect"
import { runsOf } from "./lifecycle.ts"
import { nodeOf } from "./place.ts"
import type { PoolRecord } from "./records.ts"
import { dependents } from "./ring.ts"
import { cancelPool } from "./stop.ts"
import { until } from "./waiting.ts"

/** Cancels at once, then waits for all that does not itself wait for the caller. */
export const stopAndAwait = (pool: PoolRecord, reason: string | undefined, evenMarked: boolean): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const left = dependents(nodeOf(fiber))
    const runs = runsOf(pool)
    cancelPool(pool, reason)
    const wait = { reason: "children", evenMarked, cancelling: true } as const
    if (!pool.isGlobal && !left.has(pool) && !runs.some((run) => left.has(run.task))) {
      return until(pool, { ...wait, target: pool })
    }
    const stopping = runs.filter((run) => run.marked && !left.has(run.task))
    return Effect.forEach(stopping, (run) => until(run.task, { ...wait, target: run.task }), { discard: true })
  })

/** Ends a pool with its Scope or its task. */
export const closePool = (pool: PoolRecord, reason: string): Effect.Effect<void> =>
  Effect.suspend(() => (pool.released ? Effect.void : stopAndAwait(pool, reason, true)))
