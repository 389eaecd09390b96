/** What a TestClock does not drive, under assertions that move it on. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { Job, JobRegistry } from "effect-tasks"
import { dispatched, dispatchedTimes, Explore, notDispatched, settledAs, TestWorkerPool } from "effect-tasks/testing"
import { failureOf } from "./failureOf.ts"

/** Ends after so many real milliseconds: never sooner than as many sleeps of a millisecond that began after it. */
const real = (millis: number) => Effect.promise(() => new Promise<void>((resolve) => setTimeout(resolve, millis)))

class Brief extends Job.make("Brief", { timeout: "1 second" }) {}
class Lasts extends Job.make("Lasts", { payload: { millis: Schema.Int } }) {}
class Done extends Job.make("Done") {}
class Hangs extends Job.make("Hangs") {}

const provide = Effect.provide(
  JobRegistry.layer(
    Brief.toLayer(() => real(5)),
    Lasts.toLayer(({ millis }) => Effect.andThen(real(millis), Effect.asVoid(Done.dispatch()))),
    Done.toLayer(() => Effect.void),
    Hangs.toLayer(() => Effect.never)
  ).pipe(Layer.provideMerge(TestWorkerPool.layer()))
)

const now = Effect.clockWith((clock) => clock.currentTimeMillis)

describe("real work under a TestClock", () => {
  it.effect("what is short is over before the clock moves", () =>
    Effect.gen(function*() {
      yield* settledAs(yield* Lasts.dispatch({ millis: 5 }), "success", { within: "10 seconds" })
      assert.strictEqual(yield* now, 0)
    }).pipe(provide))

  it.effect("a timeout beside short real work does not fire", () =>
    Effect.gen(function*() {
      yield* settledAs(yield* Brief.dispatch(), "success", { within: "10 minutes" })
    }).pipe(provide))

  it.effect("what takes a while ends, although the clock has come to its deadline", () =>
    Effect.gen(function*() {
      yield* settledAs(yield* Lasts.dispatch({ millis: 75 }), "success", { within: "10 seconds" })
      yield* Lasts.dispatch({ millis: 75 })
      yield* dispatchedTimes(Done, 2, undefined, { within: "10 seconds" })
    }).pipe(provide))

  it.effect("nothing dispatched means that too", () =>
    Effect.gen(function*() {
      yield* Lasts.dispatch({ millis: 75 })
      const error = yield* failureOf(notDispatched(Done, undefined, { within: "10 seconds" }))
      assert.include(error.message, "but there were:\n  Done-2")
    }).pipe(provide))

  it.effect("under Explore no real time passes, so seeds replay", () => {
    const test = Effect.gen(function*() {
      yield* Hangs.dispatch()
      yield* notDispatched(Done, undefined, { within: "10 seconds" })
    }).pipe(provide)
    // whose live clock is the TestClock of this test, which never moves
    return Explore.run(test, { seeds: 20 })
  })
})

describe("a failure names what a TestClock cannot move", () => {
  const hint = "it.live"

  it.effect("where the task runs on", () =>
    Effect.gen(function*() {
      const task = yield* Hangs.dispatch()
      assert.include((yield* failureOf(settledAs(task, "success", { within: "1 minute" }))).message, hint)
      assert.include((yield* failureOf(dispatched(Done, undefined, { within: "1 minute" }))).message, hint)
      assert.include((yield* failureOf(dispatchedTimes(Done, 1, undefined, { within: "1 minute" }))).message, hint)
    }).pipe(provide))

  it.effect("and only there", () =>
    Effect.gen(function*() {
      assert.notInclude((yield* failureOf(dispatched(Done, undefined, { within: "1 minute" }))).message, hint)
      yield* Hangs.dispatch()
      assert.notInclude((yield* failureOf(dispatched(Done))).message, hint)
      assert.notInclude((yield* failureOf(dispatchedTimes(Hangs, 0, undefined, { within: 1 }))).message, hint)
      const late = yield* Done.dispatch(undefined, { delay: "1 hour" })
      assert.notInclude((yield* failureOf(settledAs(late, "success"))).message, hint)
    }).pipe(provide))

  it.live("and only under a test clock", () =>
    Effect.gen(function*() {
      const task = yield* Hangs.dispatch()
      assert.notInclude((yield* failureOf(settledAs(task, "success", { within: 1 }))).message, hint)
    }).pipe(provide))
})
