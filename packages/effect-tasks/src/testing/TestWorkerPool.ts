/**
 * Worker pools for tests.
 *
 * @since 0.1.0
 */
import type * as Layer from "effect/Layer"
import { WorkerPool, type WorkerPoolOptions } from "../WorkerPool.ts"

/**
 * A worker pool whose size does not depend on the machine: 4 workers unless given. Under `TestClock` the clock drives
 * every timeout, delay and retry; ids count from 1 in each pool.
 *
 * **Example** (Driving a timeout by the clock)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Job } from "effect-tasks"
 * import { TestWorkerPool } from "effect-tasks/testing"
 * import { TestClock } from "effect/testing"
 *
 * class Slow extends Job.make("Slow", { timeout: "1 second" }) {}
 * const SlowLive = Slow.toLayer(() => Effect.never)
 *
 * const program = Effect.gen(function*() {
 *   const task = yield* Slow.dispatch()
 *   yield* TestClock.adjust("1 second")
 *   const error = yield* Effect.flip(task.await)
 *   console.log(error._tag) // => TaskTimeout
 * }).pipe(Effect.provide(SlowLive.pipe(Layer.provideMerge(TestWorkerPool.layer()))))
 *
 * await Effect.runPromise(program.pipe(Effect.provide(TestClock.layer())))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: WorkerPoolOptions = {}): Layer.Layer<WorkerPool> =>
  WorkerPool.layer({ workers: 4, ...options })
