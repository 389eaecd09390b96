import { assert, describe, it } from "@effect/vitest"
import { Effect, Equal, Option } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import {
  awaitState,
  canceled,
  gate,
  script,
  scripted,
  settleTurns,
  stateOf,
  trace,
  withPool,
  Work,
  work
} from "../support.ts"

class Once extends Job.make("Once", { ...scripted, unique: true, key: () => "same" }) {}
class Twin extends Job.make("Twin", { ...scripted, unique: true, key: () => "same" }) {}
class Rejecting extends Job.make("Rejecting", { ...scripted, unique: "reject" }) {}
class Kept extends Job.make("Kept", { ...scripted, persistent: true }) {}

describe("6.3 Dedup", () => {
  it.effect("24. a dispatch of work that is running returns the same task and runs nothing new", () =>
    Effect.gen(function*() {
      const held = gate()
      let runs = 0
      yield* script("a", () => Effect.andThen(Effect.sync(() => runs++), held.wait))
      const first = yield* Once.dispatch({ id: "a" })
      yield* awaitState(first, "Running")
      const second = yield* Once.dispatch({ id: "a" })
      assert.strictEqual(second.id, first.id)
      assert.isTrue(Equal.equals(first, second))
      yield* held.open
      yield* second.await
      yield* settleTurns
      assert.strictEqual(runs, 1)
      assert.lengthOf(yield* Once.tasks, 1)
    }).pipe(withPool({}, Once)))

  it.effect("25. a dispatch of work that has finished runs again", () =>
    Effect.gen(function*() {
      let runs = 0
      yield* script("a", () => Effect.sync(() => ++runs))
      const first = yield* Once.dispatch({ id: "a" })
      assert.strictEqual(yield* first.await, 1)
      const second = yield* Once.dispatch({ id: "a" })
      assert.notStrictEqual(second.id, first.id)
      assert.strictEqual(yield* second.await, 2)
    }).pipe(withPool({}, Once)))

  it.effect("26. a job that is not unique runs the same payload twice", () =>
    Effect.gen(function*() {
      const held = gate()
      const [first, second] = [yield* work("a", () => held.wait), yield* Work.dispatch({ id: "a" })]
      assert.notStrictEqual(first.id, second.id)
      assert.strictEqual(first.key, second.key)
      yield* awaitState(first, "Running")
      yield* awaitState(second, "Running")
      yield* held.open
      yield* second.await
    }).pipe(withPool()))

  it.effect("27. two jobs with equal keys both run", () =>
    Effect.gen(function*() {
      const held = gate()
      yield* script("a", () => Effect.as(held.wait, "once"))
      yield* script("b", () => Effect.as(held.wait, "twin"))
      const once = yield* Once.dispatch({ id: "a" })
      const twin = yield* Twin.dispatch({ id: "b" })
      assert.strictEqual(once.key, twin.key)
      assert.notStrictEqual(once.id, twin.id)
      yield* awaitState(once, "Running")
      yield* awaitState(twin, "Running")
      yield* held.open
      assert.deepStrictEqual([yield* once.await, yield* twin.await], ["once", "twin"])
    }).pipe(withPool({}, Once, Twin)))

  it.effect("28. eight concurrent identical dispatches make exactly one task and all get it", () =>
    Effect.gen(function*() {
      yield* WorkerPool.use((workerPool) => workerPool.pause)
      const tasks = yield* Effect.forEach(
        Array.from({ length: 8 }, (_, i) => i),
        (i) => Effect.andThen(i % 2 === 0 ? Effect.yieldNow : Effect.void, Once.dispatch({ id: `${i}` })),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(tasks.map(({ id }) => id)).size, 1)
      assert.strictEqual(tasks.filter(({ origin }) => origin === "created").length, 1)
      assert.lengthOf(yield* Once.tasks, 1)
    }).pipe(withPool({ workers: 1 }, Once)))

  it.effect("29. a pool that joins another pool's task counts it and is not done before it", () =>
    Effect.gen(function*() {
      const held = gate()
      const [a, b] = [yield* TaskPool.make(), yield* TaskPool.make()]
      yield* script("a", () => held.wait)
      yield* Once.dispatch({ id: "a" }, { pool: a })
      yield* Once.dispatch({ id: "a" }, { pool: b })
      assert.strictEqual((yield* b.status).total, 1)
      const join = yield* Effect.forkChild(b.join)
      yield* settleTurns
      assert.isUndefined(join.pollUnsafe())
      yield* held.open
      yield* settleTurns
      assert.isDefined(join.pollUnsafe())
      assert.strictEqual((yield* a.status).complete, 1)
      assert.strictEqual((yield* b.status).complete, 1)
    }).pipe(withPool({}, Once)))

  it.effect("30. work dispatched while its cancelled predecessor still stops does not overlap it", () =>
    Effect.gen(function*() {
      const stopping = gate()
      const seen = trace()
      yield* script("a", () => Effect.ensuring(Effect.never, Effect.andThen(stopping.wait, seen.push("first stopped"))))
      yield* script("b", () => seen.push("second started"))
      const first = yield* Once.dispatch({ id: "a" })
      yield* awaitState(first, "Running")
      yield* Effect.forkChild(first.cancel())
      yield* awaitState(first, "Stopping")
      const second = yield* Once.dispatch({ id: "b" })
      assert.notStrictEqual(second.id, first.id)
      yield* settleTurns
      const { state, waitingFor } = yield* second.status
      assert.deepStrictEqual({ state, waitingFor }, { state: "Queued", waitingFor: Option.some("key") })
      yield* stopping.open
      yield* second.await
      canceled(yield* first.exit)
      assert.deepStrictEqual(seen.log, ["first stopped", "second started"])
    }).pipe(withPool({}, Once)))

  it.effect("31. the caller can tell a created task from a joined and a reused one", () =>
    Effect.gen(function*() {
      const held = gate()
      yield* script("a", () => held.wait)
      assert.strictEqual((yield* Once.dispatch({ id: "a" })).origin, "created")
      assert.strictEqual((yield* Once.dispatch({ id: "a" })).origin, "joined")
      yield* held.open
      const kept = yield* Kept.dispatch({ id: "k" })
      yield* kept.await
      assert.strictEqual(kept.origin, "created")
      assert.strictEqual((yield* Kept.dispatch({ id: "k" })).origin, "reused")
    }).pipe(withPool({}, Once, Kept)))

  it.effect("31. a rejected duplicate names the live task", () =>
    Effect.gen(function*() {
      yield* script("a", () => Effect.never)
      const first = yield* Rejecting.dispatch({ id: "a" })
      yield* awaitState(first, "Running")
      const { reason } = yield* Effect.flip(Rejecting.dispatch({ id: "a" }))
      assert.deepInclude(reason, { _tag: "DuplicateTask", taskId: first.id, key: first.key })
      assert.strictEqual(yield* stateOf(first), "Running")
    }).pipe(withPool({}, Rejecting)))
})
