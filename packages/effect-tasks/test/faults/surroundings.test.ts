import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Logger, Tracer } from "effect"
import { Job, TaskPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
  elapse,
  gate,
  scripted,
  settleTurns,
  stateOf,
  TestError,
  timedOut,
  withPool,
  work
} from "../support.ts"
import { defectIn } from "./hostile.ts"
import { unharmed } from "./unharmed.ts"

const toss = (): never => {
  throw new Error("boom")
}

describe("A clock", () => {
  const hour = 3_600_000

  it.effect("that jumps far forward ends what was due, once, and nothing else", () =>
    unharmed((pool) =>
      Effect.gen(function*() {
        const limited = yield* work("limited", () => Effect.never, { pool, timeout: hour })
        const delayed = yield* work("delayed", undefined, { pool, delay: hour })
        const endless = yield* work("endless", () => Effect.never, { pool, queueTimeout: 1000 * hour })
        yield* awaitState(limited, "Running")
        yield* TestClock.setTime(100 * hour)
        yield* settleTurns
        timedOut(yield* limited.exit)
        yield* awaitState(endless, "Running")
        yield* endless.cancel()
        assert.strictEqual(yield* delayed.await, "delayed")
      })
    ))

  it.effect("that jumps to the end of time fires every deadline and hurts nobody", () =>
    unharmed((pool) =>
      Effect.gen(function*() {
        const limited = yield* work("limited", () => Effect.never, { pool, timeout: hour })
        yield* awaitState(limited, "Running")
        yield* TestClock.setTime(Number.MAX_SAFE_INTEGER)
        timedOut(yield* limited.exit)
      })
    ))

  it.effect("that is set back ends no task early, and new ones on time", () =>
    unharmed((pool) =>
      Effect.gen(function*() {
        yield* TestClock.setTime(10 * hour)
        const before = yield* work("before", () => Effect.never, { pool, timeout: hour })
        yield* awaitState(before, "Running")
        yield* TestClock.setTime(0)
        yield* settleTurns
        assert.strictEqual(yield* stateOf(before), "Running")
        const { queueTime, runTime } = yield* before.status
        assert.deepStrictEqual([queueTime, runTime], [0, 0])
        const after = yield* work("after the jump", undefined, { pool, delay: 1000 })
        yield* elapse(1000, 10)
        yield* before.cancel()
        assert.strictEqual(yield* after.await, "after the jump")
      })
    ))

  /** A wall clock that can be set, over a time that goes on. */
  const settable = Effect.gen(function*() {
    const clock = yield* Clock.Clock
    let shift = 0
    const wall = () => clock.currentTimeMillisUnsafe() + shift
    const shifted: Clock.Clock = {
      ...clock, // a TestClock, which has more to it
      currentTimeMillisUnsafe: wall,
      currentTimeMillis: Effect.sync(wall),
      currentTimeNanosUnsafe: () => BigInt(wall()) * 1_000_000n,
      currentTimeNanos: Effect.sync(() => BigInt(wall()) * 1_000_000n)
    }
    return { clock: shifted, set: (by: number) => Effect.sync(() => void (shift += by)) }
  })

  for (const by of [hour, -hour]) {
    it.effect(`whose wall is set by ${by} ms leaves every deadline where it was`, () =>
      Effect.flatMap(settable, ({ clock, set }) =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          const long = yield* work("long", () => Effect.never, { pool, timeout: hour / 2 })
          const short = yield* work("short", () => Effect.never, { pool, timeout: 1000 })
          const delayed = yield* work("delayed", undefined, { pool, delay: 2000 })
          yield* awaitState(short, "Running")
          yield* set(by)
          yield* elapse(999, 10)
          assert.strictEqual(yield* stateOf(short), "Running")
          yield* elapse(1)
          timedOut(yield* short.exit)
          assert.strictEqual(yield* stateOf(long), "Running")
          assert.strictEqual(yield* stateOf(delayed), "Queued")
          yield* elapse(1000, 10)
          assert.strictEqual(yield* delayed.await, "delayed")
          assert.strictEqual(yield* stateOf(long), "Running")
          yield* elapse(hour / 2)
          timedOut(yield* long.exit)
        }).pipe(withPool({ workers: 2 }), Effect.provideService(Clock.Clock, clock))))
  }
})

describe("A logger that throws", () => {
  const broken = Logger.layer([Logger.make(toss)])

  it.effect("leaves handlers that log, die and fail with their own ends", () =>
    unharmed((pool) =>
      Effect.gen(function*() {
        const logging = yield* work("logging", () => Effect.logError("a"), { pool })
        assert.instanceOf(defectIn(yield* logging.exit), Error)
        const failing = yield* work("failing", () => new TestError({ id: "a" }), { pool })
        assert.isTrue(Exit.isFailure(yield* failing.exit))
      })
    ).pipe(Effect.provide(broken)))

  it.effect("while a cancelled task dies leaves it cancelled", () =>
    unharmed((pool) =>
      Effect.gen(function*() {
        const task = yield* work("faulty", () => Effect.onInterrupt(Effect.never, toss), { pool })
        yield* awaitState(task, "Running")
        yield* task.cancel()
        assert.isTrue(Exit.isFailure(yield* task.exit))
        assert.deepInclude(yield* pool.status, { canceled: 1, failed: 0 })
      })
    ).pipe(Effect.provide(broken)))

  it.effect("does not let the shutdown go before what cannot be interrupted has ended", () =>
    Effect.gen(function*() {
      const held = gate()
      let ended = false
      const shutdown = yield* Effect.forkChild(
        Effect.gen(function*() {
          const task = yield* work("stubborn", () =>
            Effect.uninterruptible(Effect.andThen(held.wait, Effect.sync(() => ended = true))))
          yield* awaitState(task, "Running")
        }).pipe(withPool())
      )
      yield* settleTurns
      yield* elapse(60_000, 12)
      assert.isUndefined(shutdown.pollUnsafe())
      yield* held.open
      yield* Fiber.join(shutdown)
      assert.isTrue(ended)
    }).pipe(Effect.provide(broken)))
})

describe("A tracer that throws", () => {
  const throwsAt = (at: "span" | "end" | "attribute" | "context"): Tracer.Tracer => ({
    span: (options) => {
      if (at === "span") return toss()
      const span = new Tracer.NativeSpan(options)
      if (at === "end") span.end = toss
      if (at === "attribute") span.attribute = toss
      return span
    },
    ...(at === "context"
      ? { context: (primitive: any, fiber: any) => primitive["~effect/Effect/evaluate"](fiber) }
      : {})
  })

  for (const at of ["span", "end", "attribute"] as const) {
    it.effect(`in ${at} ends the traced task as it may, and hurts nobody`, () => {
      class Traced extends Job.make("Traced", scripted) {}
      return unharmed((pool) =>
        Effect.gen(function*() {
          const task = yield* Effect.withTracer(Traced.dispatch({ id: "a" }, { pool }), throwsAt(at))
          yield* task.exit
          assert.deepInclude(yield* pool.status, { total: 1, complete: 1 })
        }), Traced)
    })
  }
})
