/** R20: dispatchers that wait for room. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { Job, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
  gate,
  script,
  scripted,
  scriptedLayer,
  Scripts,
  settleTurns,
  withPool,
  Work,
  work
} from "../support.ts"

class Once extends Job.make("Once", { ...scripted, unique: true }) {}
class Newest extends Job.make("Newest", { ...scripted, unique: "supersede" }) {}
class Kept extends Job.make("Kept", { ...scripted, persistent: true }) {}

/** A task that holds the one worker until `go`, runs `then`, and ends at `end`; and a queued one that fills the queue. */
const full = (then: Effect.Effect<unknown, any, any>) =>
  Effect.gen(function*() {
    const [go, end] = [gate(), gate()]
    const holder = yield* work(
      "holder",
      () => go.wait.pipe(Effect.andThen(then as any), Effect.andThen(end.wait)) as any
    )
    yield* awaitState(holder, "Running")
    yield* work("filler")
    return { end, go }
  })

const suspended = <A, E, R>(dispatch: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(dispatch, { startImmediately: true })
    yield* settleTurns
    assert.isUndefined(fiber.pollUnsafe())
    return fiber
  })

describe("R20 A suspended dispatch", () => {
  it.effect("joins a task that comes to hold its key from inside another task, though there is no room", () =>
    Effect.gen(function*() {
      const { end, go } = yield* full(Once.dispatch({ id: "k" }))
      const dispatch = yield* suspended(Once.dispatch({ id: "k" }))
      yield* go.open
      yield* settleTurns
      const exit = dispatch.pollUnsafe()
      assert.isTrue(exit !== undefined && Exit.isSuccess(exit) && exit.value.origin === "joined")
      yield* end.open
    }).pipe(withPool({ workers: 1, capacity: 1 }, Once)))

  it.effect("replaces such a task of a job that supersedes", () =>
    Effect.gen(function*() {
      const { end, go } = yield* full(Newest.dispatch({ id: "k" }))
      const dispatches = [
        yield* suspended(Newest.dispatch({ id: "k" })),
        yield* suspended(Newest.dispatch({ id: "k" }))
      ]
      yield* go.open
      yield* settleTurns
      const [first, last] = [yield* Fiber.join(dispatches[0]!), yield* Fiber.join(dispatches[1]!)]
      assert.strictEqual((yield* Effect.exit(first.await))._tag, "Failure")
      yield* end.open
      assert.strictEqual(yield* last.await, "k")
    }).pipe(withPool({ workers: 1, capacity: 1 }, Newest)))

  it.effect("reuses a result that is kept while it waits", () =>
    Effect.gen(function*() {
      const kept = gate()
      yield* script("k", () => kept.wait)
      const first = yield* Kept.dispatch({ id: "k" })
      yield* awaitState(first, "Running")
      const held = gate()
      yield* awaitState(yield* work("holder", () => held.wait), "Running")
      yield* work("filler")
      const dispatch = yield* suspended(Kept.dispatch({ id: "k" }))
      yield* (yield* WorkerPool).pause
      yield* kept.open
      assert.strictEqual((yield* Fiber.join(dispatch)).origin, "reused")
      yield* (yield* WorkerPool).resume
      yield* held.open
    }).pipe(withPool({ workers: 2, capacity: 1 }, Kept)))

  it.effect("uses the newest handler of its job when its own was replaced", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust(0)
      const scope = yield* Effect.scope
      const base = yield* Layer.buildWithScope(
        scriptedLayer(Work).pipe(
          Layer.provideMerge(WorkerPool.layer({ workers: 1, capacity: 1 })),
          Layer.provideMerge(Layer.sync(Scripts, () => new Map()))
        ),
        scope
      )
      const served = (by: string) => Once.toLayer(() => Effect.succeed(by))
      const [old, late] = [yield* Scope.make(), yield* Scope.make()]
      yield* Effect.gen(function*() {
        yield* Layer.buildWithScope(Layer.fresh(served("old")), old)
        const { end, go } = yield* full(Effect.void)
        const dispatch = yield* suspended(Once.dispatch({ id: "k" }) as Effect.Effect<any, any, WorkerPool>)
        yield* Layer.buildWithScope(Layer.fresh(served("new")), late)
        yield* Scope.close(old, Exit.void)
        yield* Effect.andThen(go.open, end.open)
        assert.strictEqual(yield* (yield* Fiber.join(dispatch)).await, "new")
        yield* Scope.close(late, Exit.void)
      }).pipe(Effect.scoped, Effect.provideContext(base)) as Effect.Effect<void>
    }).pipe(Effect.scoped))
})
