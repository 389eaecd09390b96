/** R8: deadlines. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { Job } from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
  canceled,
  elapse,
  script,
  scripted,
  settleTurns,
  stateOf,
  timedOut,
  withPool,
  Work,
  work
} from "../support.ts"

describe("R8 Deadlines", () => {
  it.effect("a deadline that another one sets when it passes does not put off those in between", () =>
    Effect.gen(function*() {
      yield* script("b", () => Effect.never)
      const b = yield* Work.dispatch({ id: "b" }, { timeout: "2 seconds" })
      yield* awaitState(b, "Running")
      // after its delay it waits for a slot, at most an hour
      yield* Work.dispatch({ id: "a" }, { delay: "1 second", queueTimeout: "1 hour" })
      yield* settleTurns
      yield* TestClock.adjust("1 second")
      yield* settleTurns
      yield* TestClock.adjust("1 second")
      yield* settleTurns
      timedOut(yield* b.exit)
    }).pipe(withPool({ workers: 1 })))

  it.effect("a timeout counts from the start, also where the handler blocks the thread at first", () => {
    let ahead = 0
    const test = Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const blocking: Clock.Clock = new Proxy(clock, {
        get: (target, key) =>
          key === "currentTimeMillisUnsafe"
            ? () => clock.currentTimeMillisUnsafe() + ahead
            : key === "monotonicTimeNanosUnsafe"
            ? () => clock.monotonicTimeNanosUnsafe() + BigInt(ahead * 1e6)
            : Reflect.get(target, key, target)
      })
      yield* Effect.gen(function*() {
        yield* script("a", () => Effect.andThen(Effect.sync(() => (ahead += 5000)), Effect.never))
        const task = yield* Work.dispatch({ id: "a" }, { timeout: "10 seconds" })
        yield* awaitState(task, "Running")
        yield* elapse(4999, 1)
        assert.strictEqual(yield* stateOf(task), "Running")
        yield* elapse(1, 1)
        timedOut(yield* task.exit)
      }).pipe(withPool(), Effect.provideService(Clock.Clock, blocking))
    })
    return test
  })

  class Timed extends Job.make("Timed", { ...scripted, timeout: "1 hour", queueTimeout: "1 hour" }) {}

  it.effect("a delayed task: setTimeout before its start counts from the start, and a cancel leaves no deadline", () =>
    Effect.gen(function*() {
      yield* script("a", () => Effect.never)
      yield* script("b", () => Effect.never)
      const a = yield* Timed.dispatch({ id: "a" }, { delay: "1 minute" })
      const b = yield* Timed.dispatch({ id: "b" }, { delay: "1 minute" })
      yield* a.setTimeout("1 second")
      yield* b.cancel()
      canceled(yield* b.exit)
      yield* elapse(60_000, 1)
      yield* awaitState(a, "Running")
      yield* elapse(999, 1)
      assert.strictEqual(yield* stateOf(a), "Running")
      yield* elapse(1, 1)
      timedOut(yield* a.exit)
      yield* work("c", () => Effect.void)
    }).pipe(withPool({}, Timed)))
})
