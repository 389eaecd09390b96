import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { Job, WorkerPool } from "effect-tasks"
import {
  gate,
  pass,
  script,
  scripted,
  scriptedLayer,
  settleTurns,
  stateOf,
  TestError,
  timedOut,
  waitingFor,
  withPool,
  work
} from "../support.ts"

class Paused extends Job.make("Paused", { ...scripted, queueTimeout: "1 minute" }) {}
class Tries extends Job.make("Tries", { ...scripted, retry: { times: 3 } }) {}
class Limited extends Job.make("Limited", { ...scripted, concurrency: 1 }) {}

describe("R28 Pausing a job", () => {
  it.effect("holds its tasks back, those queued before and after, until it is resumed; other jobs go on", () =>
    Effect.gen(function*() {
      const before = yield* Paused.dispatch({ id: "a" })
      const other = yield* work("o")
      yield* Paused.pause()
      const after = yield* Paused.dispatch({ id: "b" })
      yield* settleTurns
      assert.deepStrictEqual(yield* Effect.forEach([before, after], waitingFor), ["paused", "paused"])
      assert.strictEqual(yield* other.await, "o")
      assert.strictEqual(yield* (yield* work("x")).await, "x")
      yield* Paused.resume
      yield* before.await
      yield* after.await
    }).pipe(withPool({ workers: 1 }, Paused)))

  it.effect("what runs goes on, sleeps and resumes", () =>
    Effect.gen(function*() {
      const held = gate()
      yield* script("a", (self) => self.whileSleeping(held.wait))
      const task = yield* Limited.dispatch({ id: "a" })
      yield* settleTurns
      yield* Limited.pause()
      yield* held.open
      yield* task.await
    }).pipe(withPool({}, Limited)))

  it.effect("a permit that was taken before the pause is given back once", () =>
    Effect.gen(function*() {
      const held = gate()
      yield* script("a", () => held.wait)
      const [first, second, third] = [
        yield* Limited.dispatch({ id: "a" }),
        yield* Limited.dispatch({ id: "b" }),
        yield* Limited.dispatch({ id: "c" })
      ]
      yield* settleTurns
      yield* Limited.pause()
      yield* held.open
      yield* first.await
      yield* Limited.resume
      yield* second.await
      yield* third.await
    }).pipe(withPool({}, Limited)))

  it.effect("further attempts wait too", () =>
    Effect.gen(function*() {
      const held = gate()
      yield* script("a", ({ attempt }) =>
        attempt > 1 ? Effect.succeed(attempt) : Effect.andThen(held.wait, new TestError({ id: "a" })))
      const task = yield* Tries.dispatch({ id: "a" })
      yield* settleTurns
      yield* Tries.pause()
      yield* held.open
      yield* settleTurns
      assert.deepStrictEqual([yield* stateOf(task), yield* waitingFor(task)], ["Sleeping", "paused"])
      yield* Tries.resume
      assert.strictEqual(yield* task.await, 2)
    }).pipe(withPool({ workers: 1 }, Tries)))

  it.effect("for a while ends by itself; a later pause replaces it", () =>
    Effect.gen(function*() {
      yield* Paused.pause({ for: "1 second" })
      const task = yield* Paused.dispatch({ id: "a" })
      yield* settleTurns
      assert.deepStrictEqual((yield* task.status).waitingUntil, Option.some(1000))
      yield* Paused.pause({ for: "3 seconds" })
      yield* pass("1 second")
      assert.strictEqual(yield* stateOf(task), "Queued")
      yield* Paused.pause({ for: "1 second" })
      yield* pass("1 second")
      yield* task.await
    }).pipe(withPool({}, Paused)))

  it.effect("queueTimeout counts", () =>
    Effect.gen(function*() {
      yield* Paused.pause()
      const task = yield* Paused.dispatch({ id: "a" })
      yield* settleTurns
      yield* pass("1 minute")
      timedOut(yield* task.exit)
    }).pipe(withPool({}, Paused)))

  it.effect("outlives the layers of the job", () =>
    Effect.gen(function*() {
      class Again extends Job.make("Again", scripted) {}
      yield* Again.pause().pipe(Effect.provide(scriptedLayer(Again)))
      yield* Effect.gen(function*() {
        const task = yield* Again.dispatch({ id: "a" })
        yield* settleTurns
        assert.strictEqual(yield* waitingFor(task), "paused")
        yield* Again.resume
        yield* task.await
      }).pipe(Effect.provide(Layer.fresh(scriptedLayer(Again))))
    }).pipe(withPool()))

  it.effect("is not the worker pool's: both must be off", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      yield* Paused.pause()
      yield* workerPool.pause
      const task = yield* Paused.dispatch({ id: "a" })
      yield* settleTurns
      yield* workerPool.resume
      yield* settleTurns
      assert.strictEqual(yield* stateOf(task), "Queued")
      yield* workerPool.pause
      yield* Paused.resume
      yield* settleTurns
      assert.strictEqual(yield* stateOf(task), "Queued")
      yield* workerPool.resume
      yield* task.await
    }).pipe(withPool({}, Paused)))

  it.effect("a paused job's task can be cancelled, and is closed with its layer", () =>
    Effect.gen(function*() {
      yield* Paused.pause()
      const task = yield* Paused.dispatch({ id: "a" })
      yield* Paused.dispatch({ id: "b" })
      yield* settleTurns
      yield* task.cancel()
      assert.strictEqual(yield* stateOf(task), "Exited")
    }).pipe(withPool({}, Paused)))
})
