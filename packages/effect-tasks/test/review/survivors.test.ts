/** What mutants that survived the other tests got away with. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { Job } from "effect-tasks"
import { awaitState, canceled, elapse, script, scripted, withPool, work } from "../support.ts"

class Replaced extends Job.make("Replaced", { ...scripted, unique: "supersede" }) {}

describe("R15 Keys", () => {
  it.effect("a cancelled task says whether it was superseded or recomputed", () =>
    Effect.gen(function*() {
      yield* script("a", () => Effect.never)
      const first = yield* Replaced.dispatch({ id: "a" })
      yield* awaitState(first, "Running")
      yield* script("a", () => Effect.never)
      const second = yield* Replaced.dispatch({ id: "a" })
      assert.strictEqual(canceled(yield* first.exit).reason, "superseded")
      yield* awaitState(second, "Running")
      yield* script("a", () => Effect.void)
      const third = yield* second.recompute
      assert.strictEqual(canceled(yield* second.exit).reason, "recomputed")
      yield* third.await
    }).pipe(withPool({ workers: 1 }, Replaced)))
})

describe("R24 Observing", () => {
  it.effect("the run time metric knows the shortest and the longest", () =>
    Effect.gen(function*() {
      for (const millis of [20, 5, 40]) {
        yield* work("a", () => Effect.sleep(millis))
        yield* elapse(millis)
      }
      const snapshot = yield* Metric.snapshot
      const runTime = snapshot.find(({ id }) => id === "effect_tasks_run_time_ms")!.state
      assert.deepInclude(runTime, { count: 3, min: 5, max: 40, sum: 65 })
    }).pipe(withPool({ workers: 1 }), Effect.provideService(Metric.MetricRegistry, new Map())))
})
