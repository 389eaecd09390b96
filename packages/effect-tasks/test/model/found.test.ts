/** Faults that the random programs found, each as the shortest program that shows it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Queue } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import { elapse, gate, script, scripted, settleTurns, stateOf, trace, withPool, work } from "../support.ts"

class Shared extends Job.make("Shared", { ...scripted, unique: "join" }) {}

describe("R8 Deadlines", () => {
  it.effect("a deadline that is set while another fires does not hold up an earlier one", () =>
    Effect.gen(function*() {
      yield* work("first", () => Effect.never, { delay: 20, queueTimeout: 40 })
      const second = yield* work("second", () => Effect.never, { delay: 30 })
      yield* elapse(20)
      assert.strictEqual(yield* stateOf(second), "Queued")
      yield* elapse(10)
      yield* settleTurns
      assert.strictEqual(yield* stateOf(second), "Running")
    }).pipe(withPool({ workers: 2 })))

  it.effect("tasks whose delays end at the same time start in the order of their dispatch", () =>
    Effect.gen(function*() {
      const seen = trace()
      for (const id of ["a", "b", "c"]) yield* work(id, () => seen.push(id), { delay: 20 })
      yield* work("first", () => seen.push("first"), { delay: 10 })
      yield* elapse(20)
      assert.deepStrictEqual(seen.log, ["first", "a", "b", "c"])
    }).pipe(withPool({ workers: 1 })))
})

describe("R7 Cancel", () => {
  it.effect("a message that is sent right after a cancel does not let the reader of the inbox go on", () =>
    Effect.gen(function*() {
      let read = false
      const task = yield* work("a", (self) => Effect.andThen(Queue.take(self.inbox), Effect.sync(() => (read = true))))
      yield* settleTurns
      const stopped = yield* Effect.forkChild(task.cancel(), { startImmediately: true })
      yield* task.send("late")
      yield* Fiber.join(stopped)
      assert.isFalse(read)
    }).pipe(withPool()))
})

describe("R21 Drain", () => {
  it.effect("returns when the hook of the last task has ended and nobody else waits for anything", () =>
    Effect.gen(function*() {
      const { drain } = yield* WorkerPool
      const slow = gate()
      const task = yield* work("a")
      yield* task.onExit(() => slow.wait)
      const drained = yield* Effect.forkChild(drain, { startImmediately: true })
      yield* settleTurns
      assert.isUndefined(drained.pollUnsafe())
      yield* slow.open
      yield* settleTurns
      assert.isDefined(drained.pollUnsafe())
    }).pipe(withPool({ workers: 1 })))
})

describe("R11 A sealed pool", () => {
  it.effect("takes what a task dispatches that is below one of its own by sharing", () =>
    Effect.gen(function*() {
      const [opened, end] = [gate(), gate()]
      const shared = yield* Shared.dispatch({ id: "shared" })
      const pool = yield* TaskPool.make()
      yield* script("shared", () => Effect.andThen(opened.wait, work("late", undefined, { pool })))
      yield* work("own", () =>
        Effect.gen(function*() {
          const below = yield* TaskPool.make()
          yield* Shared.dispatch({ id: "shared" }, { pool: below })
          yield* end.wait
        }), { pool })
      yield* pool.seal
      yield* settleTurns
      yield* opened.open
      yield* settleTurns
      yield* end.open
      assert.isTrue(Exit.isSuccess(yield* shared.exit))
      assert.strictEqual((yield* pool.settled).total, 3)
    }).pipe(withPool({ workers: 3 }, Shared)))
})
