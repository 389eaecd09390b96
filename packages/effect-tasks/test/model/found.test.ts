/** Faults that the random programs found, each as the shortest program that shows it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Queue } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import { elapse, gate, script, scripted, settleTurns, stateOf, TestError, trace, withPool, work } from "../support.ts"

class Shared extends Job.make("Shared", { ...scripted, unique: "join" }) {}

class Again extends Job.make("Again", { ...scripted, retry: { times: 1 } }) {}

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

describe("R7 A stop", () => {
  it.effect("interrupts a handler whose wait has ended before it goes on, also one that stands in line for a slot", () =>
    Effect.gen(function*() {
      const [end, held] = [gate(), gate()]
      let wentOn = false
      const first = yield* work("first", () => end.wait)
      const waiting = yield* work(
        "waiting",
        () => Effect.andThen(Effect.exit(first.await), Effect.sync(() => (wentOn = true)))
      )
      yield* work("third", () => held.wait)
      yield* settleTurns
      yield* WorkerPool.use(({ resize }) => resize(1))
      yield* end.open
      yield* settleTurns
      assert.strictEqual(yield* stateOf(waiting), "Sleeping")
      yield* waiting.cancel()
      assert.isFalse(wentOn)
      yield* held.open
    }).pipe(withPool({ workers: 2 })))

  it.effect("that comes while a failed attempt closes keeps the hooks of that attempt, as no other follows", () =>
    Effect.gen(function*() {
      const [end, held] = [gate(), gate()]
      const seen = trace()
      const first = yield* work("first", () => end.wait)
      yield* script("again", (self) =>
        Effect.gen(function*() {
          yield* self.onExit(() => seen.push("hook"))
          yield* Effect.addFinalizer(() => Effect.exit(first.await))
          return yield* new TestError({ id: "again" })
        }))
      const task = yield* Again.dispatch({ id: "again" })
      yield* work("third", () => held.wait)
      yield* settleTurns
      yield* WorkerPool.use(({ resize }) => resize(1))
      yield* end.open
      yield* settleTurns
      assert.strictEqual(yield* stateOf(task), "Sleeping")
      yield* task.cancel()
      assert.strictEqual((yield* task.status).attempt, 1)
      assert.deepStrictEqual(seen.log, ["hook"])
      yield* held.open
    }).pipe(withPool({ workers: 2 }, Again)))

  it.effect("ends a send interrupted, though the stop has ended the task that it was for too", () =>
    Effect.gen(function*() {
      let sent: Exit.Exit<unknown, unknown> | undefined
      const pool = yield* TaskPool.make()
      yield* work("sender", () =>
        Effect.gen(function*() {
          const receiver = yield* work("receiver", undefined, { pool, delay: 1000 })
          for (let n = 0; n < 16; n++) yield* Effect.orDie(receiver.send("message"))
          yield* Effect.onExit(Effect.orDie(receiver.send("late")), (exit) => Effect.sync(() => (sent = exit)))
        }), { pool })
      yield* settleTurns
      yield* pool.cancel()
      assert.isTrue(sent !== undefined && Exit.hasInterrupts(sent))
    }).pipe(withPool({ workers: 1 })))
})

describe("R10 Counts", () => {
  it.effect("the end of a task lets all its pools go of a shared task in one step", () =>
    Effect.gen(function*() {
      const [end, shared] = [gate(), gate()]
      yield* script("shared", () =>
        Effect.gen(function*() {
          const below = yield* TaskPool.make()
          yield* work("below", () => shared.wait, { pool: below })
          yield* shared.wait
        }))
      yield* Shared.dispatch({ id: "shared" })
      const pools: Array<TaskPool.TaskPool> = []
      const parent = yield* work("parent", () =>
        Effect.gen(function*() {
          for (const _ of [1, 2]) {
            const pool = yield* TaskPool.make()
            pools.push(pool)
            yield* Shared.dispatch({ id: "shared" }, { pool })
          }
          yield* end.wait
        }))
      yield* settleTurns
      yield* end.open
      yield* parent.exit
      // what is below the task never hung below one of them: nothing that was above it let go
      assert.deepStrictEqual(yield* Effect.forEach(pools, ({ status }) => Effect.map(status, ({ total }) => total)), [
        1,
        1
      ])
      yield* shared.open
    }).pipe(withPool({ workers: 3 }, Shared)))
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
