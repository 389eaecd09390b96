/** R10 and R16: what pools count. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Queue } from "effect"
import { Job, type Task, TaskPool } from "effect-tasks"
import { gate, script, scripted, settleTurns, withPool, work } from "../support.ts"

class KeptOnce extends Job.make("KeptOnce", { ...scripted, unique: true, persistent: true }) {}

describe("R10 Counts", () => {
  it.effect("a pool that held a task while it ran does not count its kept result again", () =>
    Effect.gen(function*() {
      const [home, guest, above] = [yield* TaskPool.make(), yield* TaskPool.make(), yield* TaskPool.make()]
      const end = gate()
      yield* script("k", () => end.wait)
      const task = yield* KeptOnce.dispatch({ id: "k" }, { pool: home })
      yield* KeptOnce.dispatch({ id: "k" }, { pool: guest })
      yield* end.open
      yield* task.await
      for (const pool of [home, guest, above]) {
        assert.strictEqual((yield* KeptOnce.dispatch({ id: "k" }, { pool })).origin, "reused")
        assert.deepInclude(yield* pool.status, { total: 1, complete: 1 })
      }
    }).pipe(withPool({}, KeptOnce)))
})

describe("R14 Whatever outlives its task", () => {
  it.effect("finds an inbox that it first asks for then shut down", () =>
    Effect.gen(function*() {
      let context: Task.TaskContext<unknown, any, number, string> | undefined
      yield* (yield* work("a", (task) => Effect.sync(() => (context = task)))).await
      const fiber = yield* Effect.forkChild(Queue.take(context!.inbox), { startImmediately: true })
      yield* settleTurns
      assert.isDefined(fiber.pollUnsafe())
    }).pipe(withPool()))
})

class Keyed extends Job.make("Keyed", { ...scripted, key: ({ id }) => id[0]! }) {}

describe("R16 Lookup", () => {
  it.effect("find gives the newest visible task of a key, whichever of its tasks have been forgotten", () =>
    Effect.gen(function*() {
      const found = Effect.map(Keyed.find({ id: "k" }), Option.map(({ id }) => id))
      assert.isTrue(Option.isNone(yield* found))
      const end = gate()
      yield* script("k1", () => end.wait)
      const [first, second, third] = [
        yield* Keyed.dispatch({ id: "k1" }),
        yield* Keyed.dispatch({ id: "k2" }),
        yield* Keyed.dispatch({ id: "k3" })
      ]
      assert.deepStrictEqual(yield* found, Option.some(third!.id))
      yield* Effect.andThen(second!.await, third!.await)
      yield* work("other")
      yield* (yield* work("another")).await
      assert.deepStrictEqual(yield* found, Option.some(first!.id))
      yield* end.open
      yield* first!.await
      yield* Keyed.run({ id: "x" })
      yield* Keyed.run({ id: "y" })
      assert.isTrue(Option.isNone(yield* found))
    }).pipe(withPool({ history: 1 }, Keyed)))
})
