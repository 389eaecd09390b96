/**
 * The assertion that nothing outlives a worker pool.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import { toEffect } from "../internal/job/checks.ts"
import { Census } from "../internal/record/census.ts"
import { callerOf, failed } from "../internal/testing/expectation.ts"
import { begin, CurrentWatch, end } from "../internal/testing/leaks.ts"
import { StepGuard } from "../internal/testing/stepGuard.ts"
import { quiet } from "../internal/testing/waits.ts"

/**
 * Runs an effect that builds worker pools (by `Effect.provide`, or in a scope of its own) and closes them, then checks that
 * nothing of it is left: no fiber, no timer, no listener, nobody who waits for a task or pool, no waiting dispatch, no handler
 * registration, no held key, slot or permit. What is left is named in a defect. Gives what the effect gives.
 *
 * **Details**
 *
 * - A fiber is left when the effect, a handler, a hook or a finalizer has started it and it has not ended: also one that a
 *   handler detaches or starts with `Effect.runFork`. Children of the effect are ended with it, and those that it forks in
 *   the Scope around it belong to that.
 * - Of JavaScript's own timers, those are left that a handler, a hook or a finalizer sets by the global `setTimeout` or
 *   `setInterval`, and does not clear.
 * - To see these, Effect's fibers and the global timer functions are patched while an effect is watched.
 *
 * **Gotchas**
 *
 * Nobody can tell who has called where no fiber runs: what an `async` function of a handler starts after its first `await`,
 * or a callback when it is called, goes unnoticed, as do timers of `node:timers`. So do promises, files, sockets,
 * processes, and memory.
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
export const expectNoLeaks = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const site = callerOf(expectNoLeaks)
  return Effect.withFiber((fiber) => {
    toEffect(effect, "the effect", "expectNoLeaks")
    const watch = begin(fiber)
    const guard = new StepGuard(Context.get(fiber.context, Scheduler.Scheduler), watch.workerPools)
    const scope = Option.getOrUndefined(Context.getOption(fiber.context, Scope.Scope))
    // in a fiber of its own, which ends the children it has forked
    const watched = Effect.flatMap(
      Effect.forkChild(effect, { startImmediately: true, uninterruptible: "inherit" }),
      Fiber.join
    ).pipe(
      Effect.provideService(Census, watch.workerPools),
      Effect.provideService(CurrentWatch, watch),
      Effect.provideService(Scheduler.Scheduler, guard)
    )
    const check = Effect.suspend(() => {
      const left = [...watch.left(scope), ...guard.found]
      if (left.length === 0) return Effect.void
      return failed(site, `The worker pool left behind:\n  ${left.join("\n  ")}`, left, [])
    })
    return Effect.tap(watched, () => Effect.andThen(quiet, check)).pipe(Effect.ensuring(Effect.sync(() => end(watch))))
  })
}
