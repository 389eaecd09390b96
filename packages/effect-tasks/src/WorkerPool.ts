/**
 * The runtime: registry, ready queue, slots, lookup.
 *
 * At most `workers` tasks run at a time. A task that waits through this library lends its slot and takes it back before
 * it goes on, so any tree of tasks completes with one worker.
 *
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import type * as model from "./internal/model.ts"
import { WorkerPoolKey } from "./internal/service.ts"
import { makeWorkerPool } from "./internal/workerPool.ts"

/**
 * The identity of the WorkerPool service, for requirements.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkerPool {
  readonly "~effect-tasks/WorkerPool": model.WorkerPoolService
}

/**
 * What `yield* WorkerPool` gives.
 *
 * @category models
 * @since 0.1.0
 */
export type { WorkerPoolService } from "./internal/model.ts"

/**
 * Options of `WorkerPool.layer`.
 *
 * @category models
 * @since 0.1.0
 */
export type { WorkerPoolOptions } from "./internal/model.ts"

/**
 * One consistent snapshot of a worker pool.
 *
 * @category models
 * @since 0.1.0
 */
export type { WorkerPoolStatus } from "./internal/model.ts"

/**
 * The WorkerPool service and its layer.
 *
 * **Details**
 *
 * `WorkerPool.layer` takes `workers` (the machine's processors unless given), `capacity` (unbounded), `onFull`
 * (`"suspend"`), `history` (1,000) and `gracePeriod` (none). Counts below 1, and NaN, count as 1; a history below 0, and
 * NaN, as 0; fractions are cut. A `gracePeriod` that is no duration kills the layer.
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
  readonly layer: (options?: model.WorkerPoolOptions) => Layer.Layer<WorkerPool>
} = Object.assign(WorkerPoolKey, {
  layer: (options: model.WorkerPoolOptions = {}): Layer.Layer<WorkerPool> =>
    Layer.effect(WorkerPoolKey, makeWorkerPool(options))
})
