import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Layer, Option, Schema, Tracer } from "effect"
import { Job, Limit } from "effect-tasks"
import { TestWorkerPool } from "effect-tasks/testing"
import {
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
  Work,
  work
} from "../support.ts"

class One extends Job.make("One", { ...scripted, rate: { limit: 1, window: "1 second" } }) {}
class Two extends Job.make("Two", { ...scripted, rate: { limit: 2, window: "1 second" } }) {}
class PerKey extends Job.make("PerKey", {
  ...scripted,
  rate: { limit: 1, window: "1 second", key: ({ id }) => id[0]! }
}) {}
class Both extends Job.make("Both", {
  ...scripted,
  rate: [{ limit: 2, window: "1 second" }, { limit: 3, window: "10 seconds" }]
}) {}
class Tries extends Job.make("Tries", { ...scripted, rate: { limit: 1, window: "1 second" }, retry: { times: 2 } }) {}
class Patient extends Job.make("Patient", {
  ...scripted,
  rate: { limit: 1, window: "1 minute" },
  queueTimeout: "5 seconds"
}) {}
class Narrow extends Job.make("Narrow", { ...scripted, rate: { limit: 2, window: "1 second" }, concurrency: 1 }) {}

/** When each task started, in the order of starts. */
const recorded = (ids: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const starts: Array<readonly [id: string, at: number]> = []
    const note = (id: string) => Effect.tap(Clock.currentTimeMillis, (at) => Effect.sync(() => starts.push([id, at])))
    for (const id of ids) yield* script(id, () => note(id))
    return { starts, note }
  })

describe("R26 Rates", () => {
  it.effect("never more starts than the limit in any window: at t + window the place of a start at t is free", () =>
    Effect.gen(function*() {
      const { starts } = yield* recorded(["a", "b", "c", "d", "e"])
      yield* Two.dispatch({ id: "a" })
      yield* settleTurns
      yield* pass("600 millis")
      const [, late] = [
        yield* Two.dispatch({ id: "b" }),
        yield* Two.dispatch({ id: "c" }),
        yield* Two.dispatch({ id: "d" })
      ]
      yield* settleTurns
      assert.strictEqual(yield* waitingFor(late), "rate")
      yield* pass("399 millis")
      assert.strictEqual(starts.length, 2)
      yield* pass("1 millis")
      yield* pass("599 millis")
      assert.strictEqual(starts.length, 3)
      yield* pass("1 millis")
      assert.deepStrictEqual(starts, [["a", 0], ["b", 600], ["c", 1000], ["d", 1600]])
    }).pipe(withPool({}, Two)))

  it.effect("with a key, a key that has room starts while another waits", () =>
    Effect.gen(function*() {
      const { starts } = yield* recorded(["a1", "a2", "b1"])
      for (const id of ["a1", "a2", "b1"]) yield* PerKey.dispatch({ id })
      yield* settleTurns
      assert.deepStrictEqual(starts, [["a1", 0], ["b1", 0]])
      yield* pass("1 second")
      assert.deepStrictEqual(starts.at(-1), ["a2", 1000])
    }).pipe(withPool({}, PerKey)))

  it.effect("a key that has no task left is remembered until its window is over, and then forgotten", () =>
    Effect.gen(function*() {
      const { starts } = yield* recorded(["a1", "a2", "b1"])
      const first = yield* PerKey.dispatch({ id: "a1" })
      yield* first.await
      yield* pass("400 millis")
      const second = yield* PerKey.dispatch({ id: "a2" })
      yield* settleTurns
      assert.strictEqual(yield* stateOf(second), "Queued")
      yield* pass("600 millis")
      assert.deepStrictEqual(starts, [["a1", 0], ["a2", 1000]])
    }).pipe(withPool({}, PerKey)))

  it.effect("several windows hold together", () =>
    Effect.gen(function*() {
      const { starts } = yield* recorded(["a", "b", "c", "d"])
      for (const id of ["a", "b", "c", "d"]) yield* Both.dispatch({ id })
      yield* settleTurns
      yield* pass("1 second")
      yield* pass("8 seconds")
      assert.deepStrictEqual(starts, [["a", 0], ["b", 0], ["c", 1000]])
      yield* pass("1 second")
      assert.deepStrictEqual(starts.at(-1), ["d", 10_000])
    }).pipe(withPool({}, Both)))

  it.effect("a task without room is passed over, keeps its place, and the next token goes to the highest priority", () =>
    Effect.gen(function*() {
      const { starts } = yield* recorded(["a", "b", "c", "d", "x"])
      for (const id of ["a", "b", "c"]) yield* Two.dispatch({ id })
      yield* Two.dispatch({ id: "d" }, { priority: 5 })
      yield* work("x")
      yield* settleTurns
      assert.deepStrictEqual(starts.map(([id]) => id), ["d", "a", "x"])
      yield* pass("1 second")
      assert.deepStrictEqual(starts.map(([id]) => id), ["d", "a", "x", "b", "c"])
    }).pipe(withPool({ workers: 1 }, Two)))

  it.effect("another attempt is a start: it lends its slot until it has its token", () =>
    Effect.gen(function*() {
      const attempts: Array<number> = []
      yield* script("a", ({ attempt }) =>
        Effect.gen(function*() {
          attempts.push(yield* Clock.currentTimeMillis)
          return attempt < 3 ? yield* new TestError({ id: "again" }) : "done"
        }))
      const task = yield* Tries.dispatch({ id: "a" })
      yield* settleTurns
      assert.strictEqual(yield* stateOf(task), "Sleeping")
      assert.strictEqual(yield* waitingFor(task), "rate")
      assert.deepStrictEqual((yield* task.status).waitingUntil, Option.some(1000))
      yield* (yield* work("other")).await // on the only worker
      yield* pass("1 second")
      yield* pass("1 second")
      assert.deepStrictEqual(attempts, [0, 1000, 2000])
      assert.strictEqual(yield* task.await, "done")
    }).pipe(withPool({ workers: 1 }, Tries)))

  it.effect("a start counts from the call of its handler, whatever has run since its token", () =>
    Effect.gen(function*() {
      const starts: Array<string> = []
      let passed = 0n
      const clock = yield* Clock.Clock
      const ahead: Clock.Clock = Object.assign(Object.create(clock), {
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe() + passed
      })
      const slow = Tracer.make({
        span: (options) => {
          if (starts.length === 0) passed = 500_000_000n
          return new Tracer.NativeSpan(options)
        }
      })
      const test = Effect.gen(function*() {
        for (const id of ["a", "b"]) {
          yield* script(id, () => Effect.sync(() => starts.push(id)))
          yield* One.dispatch({ id })
        }
        yield* settleTurns
        yield* pass("999 millis")
        assert.strictEqual(starts.length, 1)
        yield* pass("1 millis")
        assert.strictEqual(starts.length, 2)
      })
      yield* test.pipe(withPool({}, One), Effect.withTracer(slow), Effect.provideService(Clock.Clock, ahead))
    }))

  it.effect("a resume is no start", () =>
    Effect.gen(function*() {
      yield* script("a", (self) => Effect.andThen(self.whileSleeping(Effect.sleep(100)), Effect.succeed("done")))
      const tasks = [yield* Two.dispatch({ id: "a" }), yield* Two.dispatch({ id: "a" })]
      yield* settleTurns
      yield* pass("100 millis")
      assert.deepStrictEqual(yield* Effect.forEach(tasks, (task) => task.await), ["done", "done"])
    }).pipe(withPool({ workers: 1 }, Two)))

  it.effect("a start that is cancelled has used its token, a queued task that is cancelled has not", () =>
    Effect.gen(function*() {
      const { starts } = yield* recorded(["c", "d"])
      yield* script("a", () => Effect.never)
      const first = yield* Two.dispatch({ id: "a" })
      yield* settleTurns
      yield* first.cancel()
      const [second, third] = [yield* Two.dispatch({ id: "a" }), yield* Two.dispatch({ id: "b" })]
      yield* third.cancel()
      yield* settleTurns
      yield* Two.dispatch({ id: "c" })
      yield* second.cancel()
      yield* settleTurns
      assert.deepStrictEqual(starts, [])
      yield* pass("1 second")
      assert.deepStrictEqual(starts, [["c", 1000]])
    }).pipe(withPool({}, Two)))

  it.effect("the rate and the concurrency are taken in one step or none", () =>
    Effect.gen(function*() {
      const held = gate()
      yield* script("a", () => held.wait)
      const [, second] = [yield* Narrow.dispatch({ id: "a" }), yield* Narrow.dispatch({ id: "b" })]
      yield* settleTurns
      assert.strictEqual(yield* waitingFor(second), "job-concurrency")
      yield* pass("5 seconds")
      yield* held.open
      yield* second.await // the token that it could not take was not lost, nor taken
      assert.strictEqual((yield* second.status).queueTime, 5000)
    }).pipe(withPool({}, Narrow)))

  it.effect("queueTimeout counts those that wait", () =>
    Effect.gen(function*() {
      yield* Patient.dispatch({ id: "a" })
      const second = yield* Patient.dispatch({ id: "b" })
      yield* settleTurns
      assert.deepStrictEqual((yield* second.status).waitingUntil, Option.some(60_000))
      yield* pass("5 seconds")
      timedOut(yield* second.exit)
    }).pipe(withPool({}, Patient)))

  describe("A limit as a value", () => {
    const shared = Limit.rate({ limit: 1, window: "1 second" })
    class Lists extends Job.make("Lists", { ...scripted, limits: [shared] }) {}
    class Reads extends Job.make("Reads", { ...scripted, limits: [shared] }) {}

    it.effect("is shared by all jobs that name it", () =>
      Effect.gen(function*() {
        const { starts } = yield* recorded(["a", "b"])
        yield* Lists.dispatch({ id: "a" })
        yield* Reads.dispatch({ id: "b" })
        yield* settleTurns
        assert.deepStrictEqual(starts, [["a", 0]])
        yield* pass("1 second")
        assert.deepStrictEqual(starts, [["a", 0], ["b", 1000]])
      }).pipe(withPool({}, Lists, Reads)))

    const permits = Limit.permits(1)
    class Left extends Job.make("Left", { ...scripted, limits: [permits, permits] }) {}
    class Right extends Job.make("Right", { ...scripted, limits: [permits] }) {}

    it.effect("of permits limits what runs, is taken once though named twice, and can be resized while tasks wait", () =>
      Effect.gen(function*() {
        const held = gate()
        for (const id of ["a", "b", "c"]) yield* script(id, () => held.wait)
        const tasks = [
          yield* Left.dispatch({ id: "a" }),
          yield* Right.dispatch({ id: "b" }),
          yield* Left.dispatch({ id: "c" })
        ]
        yield* settleTurns
        assert.deepStrictEqual(yield* Effect.forEach(tasks, stateOf), ["Running", "Queued", "Queued"])
        assert.strictEqual(yield* waitingFor(tasks[1]!), "job-concurrency")
        yield* permits.resize(3)
        yield* settleTurns
        assert.deepStrictEqual(yield* Effect.forEach(tasks, stateOf), ["Running", "Running", "Running"])
        yield* permits.resize(1)
        yield* held.open
        yield* Effect.forEach(tasks, (task) => task.await)
      }).pipe(withPool({}, Left, Right)))

    it.effect("that a layer knows holds the tasks that this layer serves", () => {
      const one = Limit.permits(1)
      class Threaded extends Job.make("Threaded", { payload: { id: Schema.String } }) {}
      return Effect.gen(function*() {
        const held = gate()
        const layer = Threaded.toLayer(() => held.wait, { limits: [one] })
        yield* Effect.gen(function*() {
          const tasks = [yield* Threaded.dispatch({ id: "a" }), yield* Threaded.dispatch({ id: "b" })]
          yield* settleTurns
          assert.deepStrictEqual(yield* Effect.forEach(tasks, (task) => stateOf(task)), ["Running", "Queued"])
          yield* held.open
          yield* Effect.forEach(tasks, (task) => task.await)
        }).pipe(Effect.provide(layer))
      }).pipe(withPool())
    })

    it.effect("of a rate that shrinks says when it has room again", () => {
      const calls = Limit.rate({ limit: 3, window: "1 second" })
      class Calls extends Job.make("Calls", { ...scripted, limits: [calls] }) {}
      return Effect.gen(function*() {
        for (const id of ["a", "b", "c"]) {
          yield* Calls.run({ id })
          yield* pass("100 millis")
        }
        yield* calls.resize(1)
        const last = yield* Calls.dispatch({ id: "d" })
        yield* settleTurns
        const { waitingUntil } = yield* last.status
        assert.deepStrictEqual(waitingUntil, Option.some(1200))
        yield* pass("899 millis")
        assert.strictEqual(yield* stateOf(last), "Queued")
        yield* pass("1 millis")
        assert.strictEqual(yield* stateOf(last), "Exited")
      }).pipe(withPool({}, Calls))
    })

    it.effect("cannot be resized to nothing", () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(permits.resize(0))
        assert.include(String(Exit.isFailure(exit) && exit.cause), "Limit: the limit cannot be 0")
      }))
  })

  it.effect("a key that throws kills the dispatch, and nothing else has happened", () => {
    class Throws extends Job.make("Throws", {
      ...scripted,
      rate: {
        limit: 1,
        window: 1,
        key: () => {
          throw new Error("no key")
        }
      }
    }) {}
    return Effect.gen(function*() {
      const exit = yield* Effect.exit(Throws.dispatch({ id: "a" }))
      assert.include(String(Exit.isFailure(exit) && exit.cause), "no key")
      assert.deepStrictEqual(yield* Throws.tasks, [])
    }).pipe(withPool({}, Throws))
  })

  describe("A dispatcher that waits for room", () => {
    for (const by of ["rate", "pause"]) {
      it.effect(`is admitted when the ${by} has passed, though nothing else happens`, () =>
        Effect.gen(function*() {
          const { starts } = yield* recorded(["a", "b", "c"])
          yield* Two.dispatch({ id: "a" })
          yield* Two.dispatch({ id: "b" })
          yield* settleTurns
          if (by === "pause") yield* Two.pause({ for: "1 second" })
          const fiber = yield* Effect.forkChild(Two.dispatch({ id: "c" }), { startImmediately: true })
          yield* pass("999 millis")
          assert.isUndefined(fiber.pollUnsafe())
          yield* pass("1 millis")
          assert.isDefined(fiber.pollUnsafe())
          assert.deepStrictEqual(starts.at(-1), ["c", 1000])
        }).pipe(withPool({ capacity: 0 }, Two)))
    }

    it.effect("lets the next one in when it is interrupted", () =>
      Effect.gen(function*() {
        for (const id of ["a", "b"]) yield* Two.run({ id })
        const first = yield* Effect.forkChild(Two.dispatch({ id: "c" }), { startImmediately: true })
        const next = yield* Effect.forkChild(Work.dispatch({ id: "d" }), { startImmediately: true })
        yield* settleTurns
        assert.isUndefined(next.pollUnsafe())
        yield* Fiber.interrupt(first)
        yield* settleTurns
        assert.isDefined(next.pollUnsafe())
      }).pipe(withPool({ capacity: 0 }, Two)))

    it.effect("leaves no timer behind when it is interrupted", () =>
      Effect.gen(function*() {
        yield* Two.dispatch({ id: "a" })
        yield* Two.dispatch({ id: "b" })
        const fiber = yield* Effect.forkChild(Two.dispatch({ id: "c" }), { startImmediately: true })
        yield* settleTurns
        yield* Fiber.interrupt(fiber)
      }).pipe(withPool({ capacity: 0 }, Two)))
  })

  it.effect("is unknown to inline test pools, in which delays take no time", () =>
    Effect.gen(function*() {
      for (const id of ["a1", "a2", "a3"]) assert.strictEqual(yield* PerKey.run({ id }), id)
    }).pipe(
      Effect.provide(
        scriptedLayer(PerKey).pipe(
          Layer.provideMerge(TestWorkerPool.layerInline()),
          Layer.provide(Layer.sync(Scripts, () => new Map()))
        )
      )
    ))

  it.effect("other jobs are not held up", () =>
    Effect.gen(function*() {
      for (const id of ["a", "b", "c"]) yield* Two.dispatch({ id })
      assert.strictEqual(yield* Work.run({ id: "x" }), "x")
    }).pipe(withPool({ workers: 1 }, Two)))
})
