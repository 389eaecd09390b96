/**
 * The assertion that nothing outlives a worker pool.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { FiberRuntimeMetrics } from "effect/Metric"
import { Census } from "../internal/census.ts"
import type { Machine } from "../internal/machine.ts"
import { failed } from "../internal/testing/expectation.ts"
import { FiberCensus, leaksOf } from "../internal/testing/leaks.ts"
import { quiet } from "../internal/testing/waits.ts"

/**
 * Runs an effect that builds worker pools (by `Effect.provide`, or in a scope of its own) and closes them, then checks that
 * nothing of them is left: no fiber of a task, hook or finalizer, no timer, no listener, no waiting dispatch, no handler
 * registration, no held key, slot or permit. What is left is named in a defect. Gives what the effect gives.
 *
 * **Example** (Finding a fiber that a handler leaks)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Job } from "effect-tasks"
 * import { expectNoLeaks, TestWorkerPool } from "effect-tasks/testing"
 *
 * class Watch extends Job.make("Watch") {}
 * const WatchLive = Watch.toLayer(() => Effect.forkDetach(Effect.never))
 *
 * const program = Watch.run().pipe(Effect.provide(WatchLive.pipe(Layer.provideMerge(TestWorkerPool.layer()))))
 *
 * const exit = await Effect.runPromiseExit(expectNoLeaks(program))
 * console.log(exit.toString().includes("1 fiber(s) of Watch-1")) // => true
 * ```
 *
 * @category assertions
 * @since 0.1.0
 */
export const expectNoLeaks = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const machines = new Set<Machine>()
    const fibers = new FiberCensus()
    const watched = effect.pipe(
      Effect.provideService(Census, machines),
      Effect.provideService(FiberRuntimeMetrics, fibers)
    )
    const check = Effect.suspend(() => {
      const left = [...[...machines].flatMap(leaksOf), ...fibers.left]
      if (left.length === 0) return Effect.void
      return failed(`The worker pool left behind:\n  ${left.join("\n  ")}`, left, [])
    })
    return Effect.tap(watched, () => Effect.andThen(quiet, check))
  })
