import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Option } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
  canceled,
  script,
  scripted,
  type ScriptedTask,
  settleTurns,
  stateOf,
  timedOut,
  trace,
  withPool,
  work
} from "../support.ts"

class Timed extends Job.make("Timed", { ...scripted, timeout: "1 second", queueTimeout: "5 seconds" }) {}

const pass = (millis: number) => Effect.andThen(settleTurns, Effect.andThen(TestClock.adjust(millis), settleTurns))

const endsAfter = (task: ScriptedTask, millis: number) =>
  Effect.gen(function*() {
    yield* pass(millis - 1)
    assert.notInclude(["Stopping", "Exited"], yield* stateOf(task))
    yield* pass(1)
    assert.strictEqual(yield* stateOf(task), "Exited")
    return timedOut(yield* task.exit)
  })

const busybody = (n: number) => (self: { setTimeout(millis: number): Effect.Effect<void> }) =>
  Effect.gen(function*() {
    for (let i = 0; i < 50; i++) {
      yield* self.setTimeout(2 + (n + i) % 5)
      yield* i % 2 === 0 ? Effect.yieldNow : Effect.sleep(1)
    }
    yield* Effect.never
  })

describe("6.6 Timeout", { timeout: 30_000 }, () => {
  it.effect("65. a handler that gives itself 100 ms and waits is interrupted after them", () =>
    Effect.gen(function*() {
      const seen = trace()
      const task = yield* work("a", (self) =>
        Effect.andThen(
          self.setTimeout("100 millis"),
          Effect.onInterrupt(Effect.never, () => seen.push("interrupted"))
        ))
      yield* endsAfter(task, 100)
      assert.deepStrictEqual(seen.log, ["interrupted"])
    }).pipe(withPool()))

  it.effect("66. a timeout is an error that says so, unlike a cancel", () =>
    Effect.gen(function*() {
      const late = yield* work("a", (self) => Effect.andThen(self.setTimeout(100), Effect.never))
      const stopped = yield* work("b", (self) => Effect.andThen(self.setTimeout(100), Effect.never))
      yield* settleTurns
      yield* stopped.cancel()
      assert.deepInclude(yield* endsAfter(late, 100), { taskId: late.id, job: "Work", phase: "running", after: 100 })
      assert.deepStrictEqual((yield* late.status).exitStatus, Option.some("error"))
      canceled(yield* stopped.exit)
      assert.deepStrictEqual((yield* stopped.status).exitStatus, Option.some("canceled"))
      assert.strictEqual(yield* late.await.pipe(Effect.catchTag("TaskTimeout", () => Effect.succeed("late"))), "late")
    }).pipe(withPool()))

  it.effect("67. a timeout that is pushed later does not fire at the earlier time", () =>
    Effect.gen(function*() {
      const task = yield* work("a", (self) =>
        Effect.gen(function*() {
          for (let file = 0; file < 3; file++) {
            yield* self.setTimeout("1 minute")
            yield* Effect.sleep("50 seconds")
          }
          yield* Effect.never
        }))
      yield* pass(50_000)
      yield* pass(50_000)
      yield* endsAfter(task, 60_000)
    }).pipe(withPool()))

  it.effect("68. an explicit call makes a timeout shorter", () =>
    Effect.gen(function*() {
      const task = yield* work("a", (self) => Effect.andThen(self.setTimeout("10 minutes"), Effect.never))
      yield* settleTurns
      yield* task.setTimeout("1 second")
      assert.strictEqual((yield* endsAfter(task, 1000)).after, 1000)
    }).pipe(withPool()))

  it.effect("68. a timeout of nothing or less fires at once", () =>
    Effect.gen(function*() {
      for (const duration of [0, -1000]) {
        const task = yield* work("a", (self) => Effect.andThen(self.setTimeout(duration), Effect.never))
        yield* pass(1)
        timedOut(yield* task.exit)
      }
    }).pipe(withPool()))

  it.effect("69. a cleared timeout never fires, and a new one works", () =>
    Effect.gen(function*() {
      yield* script("a", (self) => Effect.andThen(self.clearTimeout, Effect.never))
      const task = yield* Timed.dispatch({ id: "a" })
      yield* pass(3_600_000)
      assert.strictEqual(yield* stateOf(task), "Running")
      yield* task.setTimeout("2 seconds")
      yield* task.clearTimeout
      yield* pass(3_600_000)
      assert.strictEqual(yield* stateOf(task), "Running")
      yield* task.setTimeout("3 seconds")
      assert.strictEqual((yield* endsAfter(task, 3000)).after, 3000)
    }).pipe(withPool({}, Timed)))

  it.effect("70. a timeout after the end has no effect", () =>
    Effect.gen(function*() {
      const pending = yield* Timed.dispatch({ id: "a" })
      yield* pending.await
      const late = yield* work("b")
      yield* late.await
      const before = yield* Effect.forEach([pending, late], (task) => task.status)
      yield* late.setTimeout(10)
      yield* pass(60_000)
      assert.deepStrictEqual(yield* Effect.forEach([pending, late], (task) => task.status), before)
    }).pipe(withPool({}, Timed)))

  it.effect("71. 50,000 tasks that end before their timeouts leave no timer behind", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      let sleeping = 0
      let most = 0
      const counting: Clock.Clock = Object.assign(Object.create(clock) as Clock.Clock, {
        sleep: (duration: Parameters<typeof clock.sleep>[0]) =>
          Effect.suspend(() => {
            most = Math.max(most, ++sleeping)
            return Effect.ensuring(clock.sleep(duration), Effect.sync(() => sleeping--))
          })
      })
      yield* Effect.gen(function*() {
        const workerPool = yield* WorkerPool
        const before = sleeping
        yield* script("a", () => Effect.yieldNow)
        for (let i = 0; i < 500; i++) {
          for (let k = 0; k < 100; k++) yield* Timed.dispatch({ id: "a" })
          yield* workerPool.drain
        }
        yield* settleTurns
        assert.strictEqual(sleeping, before)
        assert.isAbove(most, before)
        assert.isBelow(most, before + 200)
        assert.strictEqual((yield* workerPool.status).failed, 0)
      }).pipe(withPool({}, Timed), Effect.provideService(Clock.Clock, counting))
    }))

  it.effect("72. 16 tasks that set and extend short timeouts all the time all end by them", () =>
    Effect.gen(function*() {
      const tasks = yield* Effect.forEach(
        Array.from({ length: 16 }, (_, n) => n),
        (n) => work(`${n}`, busybody(n))
      )
      for (let i = 0; i < 60; i++) yield* pass(1)
      for (const task of tasks) timedOut(yield* task.exit)
    }).pipe(withPool({ workers: 16 })))

  it.effect("73. a task that times out while it waits for children ends timed out, its children canceled", () =>
    Effect.gen(function*() {
      const children: Array<ScriptedTask> = []
      const parent = Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        for (const id of ["b", "c", "d"]) children.push(yield* work(id, () => Effect.never, { pool }))
        yield* pool.join
      })
      yield* script("a", () => parent)
      const task = yield* Timed.dispatch({ id: "a" })
      yield* awaitState(task, "Sleeping")
      yield* endsAfter(task, 1000)
      for (const child of children) canceled(yield* child.exit)
    }).pipe(withPool({ workers: 2 }, Timed)))

  it.effect("74. a timeout can be measured from the dispatch and from the start", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      yield* workerPool.pause
      const queued = yield* Timed.dispatch({ id: "a" })
      assert.deepInclude(yield* endsAfter(queued, 5000), { phase: "queued", after: 5000 })
      yield* script("b", () => Effect.never)
      const started = yield* Timed.dispatch({ id: "b" })
      yield* pass(4000)
      yield* workerPool.resume
      assert.deepInclude(yield* endsAfter(started, 1000), { phase: "running", after: 1000 })
      assert.deepStrictEqual((yield* queued.status).startedAt, Option.none())
      assert.isTrue(Exit.isFailure(yield* queued.exit))
    }).pipe(withPool({}, Timed)))
})
