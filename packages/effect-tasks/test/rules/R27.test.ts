import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber, Layer, Option } from "effect"
import { Tracer } from "effect"
import { Job, type Task, TaskPool } from "effect-tasks"
import { TestWorkerPool } from "effect-tasks/testing"
import {
  canceled,
  gate,
  pass,
  script,
  scripted,
  scriptedLayer,
  Scripts,
  settleTurns,
  stateOf,
  TestError,
  timedOut,
  waitingFor,
  withPool,
  work
} from "../support.ts"

class Keyed extends Job.make("Keyed", {
  ...scripted,
  rate: [{ limit: 10, window: "1 second", key: ({ id }) => id[0]! }, { limit: 100, window: "1 second" }]
}) {}
class Plain extends Job.make("Plain", scripted) {}
class Timed extends Job.make("Timed", { ...scripted, timeout: "5 seconds" }) {}
class Tries extends Job.make("Tries", { ...scripted, retry: { times: 1 } }) {}

/** Snoozes that often, then succeeds with the times of its attempts. */
const snoozing = (times: number, duration: "1 second" | "10 seconds" = "1 second", hold = false) => {
  const calls: Array<number> = []
  return (self: Task.TaskContext<unknown, TestError, number, string>) =>
    Effect.gen(function*() {
      calls.push(yield* Clock.currentTimeMillis)
      if (self.snoozes < times) yield* self.snooze(duration, { hold })
      return { attempt: self.attempt, calls }
    })
}

describe("R27 Snooze", () => {
  it.effect("ends the attempt, lends the slot and calls the handler again; no attempt is counted", () =>
    Effect.gen(function*() {
      yield* script("a", snoozing(2))
      const task = yield* Plain.dispatch({ id: "a" })
      yield* settleTurns
      assert.strictEqual(yield* stateOf(task), "Sleeping")
      assert.strictEqual(yield* waitingFor(task), "delay")
      assert.deepStrictEqual((yield* task.status).waitingUntil, Option.some(1000))
      assert.strictEqual(yield* (yield* work("b")).await, "b")
      yield* pass("1 second")
      yield* pass("1 second")
      assert.deepStrictEqual(yield* task.await, { attempt: 1, calls: [0, 1000, 2000] })
    }).pipe(withPool({ workers: 1 }, Plain)))

  it.effect("closes the Scope of the attempt, ends its pools and drops its hooks", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const note = (text: string) => Effect.sync(() => seen.push(text))
      yield* script("a", (self) =>
        Effect.gen(function*() {
          yield* Effect.addFinalizer((exit) => note(`closed ${self.snoozes}: ${exit._tag}`))
          yield* self.onExit(() => note(`hook of ${self.snoozes}`))
          const pool = yield* TaskPool.make()
          const child = yield* work(`child ${self.snoozes}`, () => Effect.never, { pool })
          yield* child.onExit((exit) => note(`child ${self.snoozes} ${exit._tag}`))
          if (self.snoozes === 0) yield* self.snooze("1 second")
          return "done"
        }))
      const task = yield* Plain.dispatch({ id: "a" })
      yield* settleTurns
      assert.deepStrictEqual(seen, ["child 0 Failure", "closed 0: Success"])
      yield* pass("1 second")
      yield* task.await
      assert.deepStrictEqual(seen.slice(2), ["child 1 Failure", "closed 1: Success", "hook of 1"])
    }).pipe(withPool({}, Plain)))

  it.effect("is no failure: neither the retry policy nor onFailure sees it", () =>
    Effect.gen(function*() {
      const failures: Array<unknown> = []
      yield* script("a", (self) =>
        Effect.gen(function*() {
          yield* self.onFailure((exit) => Effect.sync(() => failures.push(exit)))
          if (self.snoozes === 0) yield* self.snooze("1 second")
          if (self.attempt === 1) return yield* new TestError({ id: "a" })
          return [self.attempt, self.snoozes]
        }))
      const task = yield* Tries.dispatch({ id: "a" })
      yield* settleTurns
      yield* pass("1 second")
      assert.deepStrictEqual(yield* task.await, [2, 1])
      assert.deepStrictEqual(failures, [])
    }).pipe(withPool({}, Tries)))

  it.effect("the timeout runs on", () =>
    Effect.gen(function*() {
      yield* script("a", snoozing(100))
      const task = yield* Timed.dispatch({ id: "a" })
      yield* settleTurns
      for (let second = 0; second < 5; second++) yield* pass("1 second")
      timedOut(yield* task.exit)
    }).pipe(withPool({}, Timed)))

  it.effect("a cancel ends it, and nothing is logged of the snooze", () =>
    Effect.gen(function*() {
      yield* script("a", snoozing(1))
      const task = yield* Plain.dispatch({ id: "a" })
      yield* settleTurns
      yield* task.cancel()
      canceled(yield* task.exit)
    }).pipe(withPool({}, Plain)))

  it.effect("that comes after a cancel holds nobody back", () =>
    Effect.gen(function*() {
      const held = gate()
      yield* script("a", (self) =>
        Effect.uninterruptible(Effect.andThen(held.wait, self.snooze("1 second", { hold: true }))))
      const task = yield* Plain.dispatch({ id: "a" })
      yield* settleTurns
      const stopped = yield* Effect.forkChild(task.cancel(), { startImmediately: true })
      yield* held.open
      yield* Fiber.join(stopped)
      assert.strictEqual(yield* (yield* Plain.dispatch({ id: "b" })).await, "b")
    }).pipe(withPool({}, Plain)))

  it.effect("each lasts as long as it says", () =>
    Effect.gen(function*() {
      const task = yield* work("a", (self) =>
        self.snoozes === 0 ? self.snooze("1 second") : self.snoozes === 1 ? self.snooze("5 seconds") : Effect.void)
      yield* pass("1 second")
      yield* pass("4 seconds")
      assert.strictEqual(yield* stateOf(task), "Sleeping")
      yield* pass("1 second")
      yield* task.await
    }).pipe(withPool()))

  it.effect("of a fiber that is joined takes effect; the others of the attempt are interrupted", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      yield* script("a", (self) =>
        self.snoozes > 0 ? Effect.succeed("done") : Effect.all([
          Effect.onInterrupt(Effect.never, () => Effect.sync(() => seen.push("interrupted"))),
          Effect.andThen(Effect.yieldNow, self.snooze("1 second"))
        ], { concurrency: "unbounded" }))
      const task = yield* Plain.dispatch({ id: "a" })
      yield* settleTurns
      assert.deepStrictEqual(seen, ["interrupted"])
      yield* pass("1 second")
      assert.strictEqual(yield* task.await, "done")
    }).pipe(withPool({}, Plain)))

  it.effect("what else the attempt dies of comes before", () =>
    Effect.gen(function*() {
      yield* script("a", (self) => Effect.ensuring(self.snooze("1 second"), Effect.die("broken")))
      const exit = yield* (yield* Plain.dispatch({ id: "a" })).exit
      assert.deepStrictEqual(Exit.isFailure(exit) && exit.cause.reasons.map((reason) => reason._tag), ["Die"])
      assert.strictEqual(Exit.isFailure(exit) && Cause.squash(exit.cause), "broken")
    }).pipe(withPool({}, Plain)))

  it.effect("who catches every cause swallows it", () =>
    Effect.gen(function*() {
      yield* script("a", (self) => Effect.catchCause(self.snooze("1 second"), () => Effect.succeed("caught")))
      assert.strictEqual(yield* (yield* Plain.dispatch({ id: "a" })).await, "caught")
    }).pipe(withPool({}, Plain)))

  it.effect("one that was swallowed says nothing of a later one, in this attempt or the next", () =>
    Effect.gen(function*() {
      const calls: Array<number> = []
      yield* script("a", (self) =>
        Effect.gen(function*() {
          calls.push(yield* Clock.currentTimeMillis)
          if (self.snoozes > 0) return
          yield* Effect.exit(self.snooze("1 second", { hold: true }))
          if (self.attempt === 1) return yield* new TestError({ id: "a" })
          return yield* self.snooze("10 seconds")
        }))
      const task = yield* Tries.dispatch({ id: "a" })
      yield* settleTurns
      yield* pass("9999 millis")
      assert.deepStrictEqual(calls, [0, 0])
      yield* Tries.run({ id: "not held" })
      yield* pass("1 millis")
      yield* task.await
      assert.deepStrictEqual(calls, [0, 0, 10_000])
    }).pipe(withPool({}, Tries)))

  it.effect("fibers that snooze together sleep as long as the longest, and one that holds holds", () =>
    Effect.gen(function*() {
      yield* script("a", (self) =>
        self.snoozes > 0 ? Effect.void : Effect.all([
          Effect.ensuring(Effect.never, Effect.ignore(self.snooze("10 seconds"))),
          self.snooze("1 second", { hold: true })
        ], { concurrency: "unbounded" }))
      const task = yield* Plain.dispatch({ id: "a" })
      yield* settleTurns
      const held = yield* Plain.dispatch({ id: "b" })
      yield* settleTurns
      assert.strictEqual(yield* waitingFor(held), "paused")
      yield* pass("9999 millis")
      assert.strictEqual(yield* stateOf(task), "Sleeping")
      yield* pass("1 millis")
      yield* task.await
    }).pipe(withPool({}, Plain)))

  it.effect("holds nothing in an inline test pool, where delays take no time", () =>
    Effect.gen(function*() {
      yield* script("a", snoozing(1, "1 second", true))
      const task = yield* Plain.run({ id: "a" })
      assert.deepStrictEqual(task, { attempt: 1, calls: [0, 0] })
    }).pipe(
      Effect.provide(
        scriptedLayer(Plain).pipe(
          Layer.provideMerge(TestWorkerPool.layerInline()),
          Layer.provideMerge(Layer.sync(Scripts, () => new Map()))
        )
      )
    ))

  it.effect("the span of its attempt has not failed", () => {
    const ends: Array<string> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        const { end } = span
        span.end = (time, exit) => {
          ends.push(`${options.name} ${exit._tag}`)
          end.call(span, time, exit)
        }
        return span
      }
    })
    return Effect.gen(function*() {
      yield* script("a", snoozing(1))
      const task = yield* Plain.dispatch({ id: "a" })
      yield* settleTurns
      yield* pass("1 second")
      yield* task.await
      assert.deepStrictEqual(ends, ["Plain Success", "Plain Success"])
    }).pipe(withPool({}, Plain), Effect.withTracer(tracer))
  })

  it.effect("dies of a duration without end", () =>
    Effect.gen(function*() {
      yield* script("a", (self) => self.snooze("Infinity" as any))
      yield* script("b", (self) => self.snooze(NaN))
      for (const id of ["a", "b"]) {
        const exit = yield* (yield* Plain.dispatch({ id })).exit
        assert.include(String(Exit.isFailure(exit) && Cause.squash(exit.cause)), "snooze cannot be")
      }
    }).pipe(withPool({}, Plain)))

  describe("with hold", () => {
    it.effect("no other start of its keyed rates happens before that moment, and other keys go on", () =>
      Effect.gen(function*() {
        yield* script("a1", snoozing(1, "1 second", true))
        const first = yield* Keyed.dispatch({ id: "a1" })
        yield* settleTurns
        const [same, other] = [yield* Keyed.dispatch({ id: "a2" }), yield* Keyed.dispatch({ id: "b1" })]
        assert.strictEqual(yield* other.await, "b1")
        assert.strictEqual(yield* waitingFor(same), "paused")
        assert.deepStrictEqual((yield* same.status).waitingUntil, Option.some(1000))
        yield* pass("1 second")
        assert.strictEqual(yield* same.await, "a2")
        yield* first.await
      }).pipe(withPool({}, Keyed)))

    it.effect("nothing of its job starts where its rates have no keys; what runs goes on", () =>
      Effect.gen(function*() {
        const held = gate()
        yield* script("r", () => held.wait)
        yield* script("a", snoozing(1, "1 second", true))
        const running = yield* Plain.dispatch({ id: "r" })
        yield* settleTurns
        const queued = yield* Plain.dispatch({ id: "q" }, { delay: 1 })
        const first = yield* Plain.dispatch({ id: "a" })
        yield* settleTurns
        yield* pass("1 millis")
        assert.strictEqual(yield* waitingFor(queued), "paused")
        yield* held.open
        yield* running.await
        yield* pass("998 millis")
        assert.strictEqual(yield* stateOf(queued), "Queued")
        yield* pass("1 millis")
        yield* queued.await
        yield* first.await
      }).pipe(withPool({}, Plain)))

    for (const [what, job] of [["job", Plain], ["key", Keyed]] as const) {
      it.effect(`the hold of a ${what} gets no shorter by another snooze`, () =>
        Effect.gen(function*() {
          const both = gate()
          const snoozeOnce = (duration: "10 seconds" | "1 second") => (self: Task.TaskContext<any, any, any, any>) =>
            self.snoozes > 0 ? Effect.void : Effect.andThen(both.wait, self.snooze(duration, { hold: true }))
          yield* script("a1", snoozeOnce("10 seconds"))
          yield* script("a2", snoozeOnce("1 second"))
          const tasks = yield* Effect.forEach(["a1", "a2"], (id) => (job as typeof Plain).dispatch({ id }))
          yield* settleTurns
          yield* both.open
          yield* settleTurns
          yield* pass("9 seconds")
          assert.deepStrictEqual(yield* Effect.forEach(tasks, stateOf), ["Sleeping", "Sleeping"])
          yield* pass("1 second")
          yield* Effect.forEach(tasks, (task) => task.await)
        }).pipe(withPool({}, Plain, Keyed)))
    }

    it.effect("a key is held when its last task has gone and its windows are over", () =>
      Effect.gen(function*() {
        yield* script("a1", snoozing(1, "10 seconds", true))
        const first = yield* Keyed.dispatch({ id: "a1" })
        yield* settleTurns
        yield* first.cancel()
        yield* pass("2 seconds")
        yield* (yield* Keyed.dispatch({ id: "b1" })).await
        const next = yield* Keyed.dispatch({ id: "a2" })
        yield* settleTurns
        assert.strictEqual(yield* waitingFor(next), "paused")
        yield* pass("8 seconds")
        yield* next.await
      }).pipe(withPool({}, Keyed)))
  })
})
