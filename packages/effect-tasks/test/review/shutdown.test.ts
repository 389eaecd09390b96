/** R21: shutdown. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Schema, Scope } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import { awaitState, canceled, elapse, gate, settleTurns } from "../support.ts"

class A extends Job.make("A", {}) {}
class B extends Job.make("B", {}) {}
class C extends Job.make("C", {}) {}

const start = (options?: Parameters<typeof WorkerPool.layer>[0]) =>
  Effect.gen(function*() {
    yield* TestClock.adjust(0)
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(WorkerPool.layer({ workers: 4, ...options }), scope)
    const run = <X, E>(effect: Effect.Effect<X, E, any>) =>
      Effect.provideContext(effect, context) as Effect.Effect<X, E, Scope.Scope>
    const serve = (layer: Layer.Layer<any, never, any>) =>
      Effect.gen(function*() {
        const own = yield* Scope.make()
        yield* run(Layer.buildWithScope(Layer.fresh(layer), own))
        return Scope.close(own, Exit.void)
      })
    return { close: Scope.close(scope, Exit.void), run, serve }
  })

const closing = (close: Effect.Effect<void>) =>
  Effect.tap(Effect.forkChild(close, { startImmediately: true }), () => settleTurns)

describe("R21 Shutdown", () => {
  it.effect("a layer that is built while another one closes starts no new grace", () =>
    Effect.gen(function*() {
      const { close, run, serve } = yield* start({ gracePeriod: "10 seconds" })
      const closeA = yield* serve(A.toLayer(() => Effect.never))
      const closeB = yield* serve(B.toLayer(() => Effect.never))
      const a = yield* run(A.dispatch())
      const b = yield* run(B.dispatch())
      yield* awaitState(b, "Running")
      yield* closing(closeA)
      yield* elapse(5000, 1)
      const closeC = yield* serve(C.toLayer(() => Effect.void))
      yield* elapse(5000, 1)
      canceled(yield* a.exit)
      const closed = yield* closing(closeB)
      assert.isDefined(closed.pollUnsafe())
      canceled(yield* b.exit)
      yield* Effect.andThen(closeC, close)
    }))

  it.effect("a layer that is built when others have closed has a grace of its own", () =>
    Effect.gen(function*() {
      const { close, run, serve } = yield* start({ gracePeriod: "10 seconds" })
      yield* yield* serve(A.toLayer(() => Effect.never))
      yield* elapse(60_000, 1)
      const closeB = yield* serve(B.toLayer(() => Effect.never))
      const b = yield* run(B.dispatch())
      yield* awaitState(b, "Running")
      const closed = yield* closing(closeB)
      yield* elapse(9999, 1)
      assert.isUndefined(closed.pollUnsafe())
      yield* elapse(1, 1)
      assert.isDefined(closed.pollUnsafe())
      canceled(yield* b.exit)
      yield* close
    }))

  it.effect("the finalizers of pools, those of done ones too, have run when the worker pool has closed", () =>
    Effect.gen(function*() {
      const { close, run } = yield* start()
      const pools = yield* Scope.make()
      const [slow, ran] = [gate(), [] as Array<string>]
      for (const name of ["done", "open"]) {
        const pool = yield* run(Scope.provide(TaskPool.make({ name }), pools))
        yield* pool.addFinalizer(() => Effect.andThen(slow.wait, Effect.sync(() => ran.push(name))))
        if (name === "done") yield* Effect.forkChild(pool.join, { startImmediately: true })
      }
      const closed = yield* closing(close)
      assert.isUndefined(closed.pollUnsafe())
      yield* slow.open
      yield* settleTurns
      assert.isDefined(closed.pollUnsafe())
      assert.deepStrictEqual(ran.toSorted(), ["done", "open"])
      yield* Scope.close(pools, Exit.void)
    }))

  it.effect("a tag may come back with another definition, which keeps results as it says", () =>
    Effect.gen(function*() {
      const { close, run, serve } = yield* start()
      yield* yield* serve(Job.make("Again", { success: Schema.Int }).toLayer(() => Effect.succeed(1)))
      const Again = Job.make("Again", { success: Schema.Int, persistent: true })
      const closeAgain = yield* serve(Again.toLayer(() => Effect.succeed(2)))
      assert.strictEqual(yield* run(Again.run()), 2)
      assert.strictEqual((yield* run(Again.dispatch())).origin, "reused")
      yield* Effect.andThen(closeAgain, close)
    }))
})
