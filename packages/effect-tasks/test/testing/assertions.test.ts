import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Schema } from "effect"
import { Job, JobRegistry } from "effect-tasks"
import {
  dispatched,
  dispatchedTimes,
  expectNoLeaks,
  notDispatched,
  settledAs,
  TestTask,
  TestWorkerPool
} from "effect-tasks/testing"
import { failureOf } from "./failureOf.ts"

class Refused extends Schema.TaggedError<Refused>()("Refused", { to: Schema.String }) {}
class Mail extends Job.make("Mail", {
  payload: { to: Schema.String, body: Schema.Struct({ subject: Schema.String, tags: Schema.Array(Schema.String) }) },
  error: Refused,
  key: ({ to }) => to,
  unique: true
}) {}
class Ping extends Job.make("Ping", { success: Schema.Int }) {}
class Later extends Job.make("Later", { payload: { millis: Schema.Int } }) {}

const JobsLive = JobRegistry.layer(
  Mail.toLayer(({ to }) => to.includes("@") ? Effect.void : Effect.fail(new Refused({ to }))),
  Ping.toLayer(() => Effect.succeed(7)),
  Later.toLayer(Effect.gen(function*() {
    return Later.of(({ millis }) => Effect.andThen(Effect.sleep(millis), Effect.asVoid(Ping.dispatch())))
  }))
)
const mail = (to: string) => ({ to, body: { subject: "Hello", tags: ["a", "b"] } })
const provide = Effect.provide(JobsLive.pipe(Layer.provideMerge(TestWorkerPool.layer())))

describe("dispatched", () => {
  it.effect("gives the task, found by the fields that matter, however deep", () =>
    Effect.gen(function*() {
      const task = yield* Mail.dispatch(mail("ada@x"))
      assert.strictEqual((yield* dispatched(Mail)).id, task.id)
      assert.strictEqual((yield* dispatched(Mail, { to: "ada@x" })).id, task.id)
      assert.strictEqual((yield* dispatched(Mail, { body: { subject: "Hello", tags: ["a", "b"] } })).id, task.id)
    }).pipe(provide))

  it.effect("fails with what was dispatched instead, as text and as a diff", () =>
    Effect.gen(function*() {
      yield* Mail.dispatch(mail("ada@x"))
      const error = yield* failureOf(dispatched(Mail, { to: "bob@x" }))
      assert.strictEqual(error.name, "AssertionError")
      assert.include(error.message, `Expected a dispatch of Mail with {"to":"bob@x"}`)
      assert.include(error.message, "Mail-1")
      assert.include(error.message, "ada@x")
      assert.deepStrictEqual(error.actual, [mail("ada@x")])
      assert.deepStrictEqual(error.expected, [{ to: "bob@x" }])
    }).pipe(provide))

  it.effect("arrays are compared whole", () =>
    Effect.gen(function*() {
      yield* Mail.dispatch(mail("ada@x"))
      yield* failureOf(dispatched(Mail, { body: { subject: "Hello", tags: ["a"] } }))
    }).pipe(provide))

  it.effect("says none when nothing was", () =>
    Effect.gen(function*() {
      assert.include((yield* failureOf(dispatched(Ping))).message, "none")
    }).pipe(provide))

  it.effect("waits within a time, which passes by itself", () =>
    Effect.gen(function*() {
      yield* Later.dispatch({ millis: 500 })
      yield* failureOf(dispatched(Ping))
      const task = yield* dispatched(Ping, undefined, { within: "1 second" })
      assert.strictEqual(task.id, "Ping-2")
    }).pipe(provide))

  it.effect("fails when the time has passed, and not before", () =>
    Effect.gen(function*() {
      yield* Later.dispatch({ millis: 1001 })
      const error = yield* failureOf(dispatched(Ping, undefined, { within: "1 second" }))
      assert.include(error.message, `within "1 second"`)
      const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      assert.strictEqual(now, 1000)
    }).pipe(provide))

  it.live("waits on the live clock too", () =>
    Effect.gen(function*() {
      yield* Later.dispatch({ millis: 5 })
      yield* dispatched(Ping, undefined, { within: "5 seconds" })
      yield* failureOf(dispatched(Ping, undefined, { within: 1 }).pipe(Effect.andThen(dispatchedTimes(Ping, 2))))
    }).pipe(provide))
})

describe("notDispatched", () => {
  it.effect("holds for other payloads and fails with those found", () =>
    Effect.gen(function*() {
      yield* Mail.dispatch(mail("ada@x"))
      yield* notDispatched(Mail, { to: "bob@x" })
      yield* notDispatched(Ping)
      const error = yield* failureOf(notDispatched(Mail))
      assert.include(error.message, "Expected no dispatch of Mail, but there were:\n  Mail-1")
    }).pipe(provide))

  it.effect("watches for as long as it is told to", () =>
    Effect.gen(function*() {
      yield* Later.dispatch({ millis: 500 })
      yield* notDispatched(Ping, undefined, { within: 400 })
      yield* failureOf(notDispatched(Ping, undefined, { within: 400 }))
    }).pipe(provide))
})

describe("dispatchedTimes", () => {
  it.effect("counts every accepted dispatch, joining ones too, and not refused ones", () =>
    Effect.gen(function*() {
      yield* Mail.dispatch(mail("ada@x"))
      yield* Mail.dispatch(mail("ada@x"))
      yield* Effect.exit(Mail.dispatch({ to: 1 } as never))
      yield* dispatchedTimes(Mail, 2)
      yield* dispatchedTimes(Mail, 0, { to: "bob@x" })
      const error = yield* failureOf(dispatchedTimes(Mail, 1))
      assert.strictEqual(error.actual, 2)
      assert.strictEqual(error.expected, 1)
    }).pipe(provide))

  it.effect("waits for so many", () =>
    Effect.gen(function*() {
      for (const millis of [100, 200, 300]) yield* Later.dispatch({ millis })
      yield* dispatchedTimes(Ping, 3, undefined, { within: "1 second" })
    }).pipe(provide))
})

describe("settledAs", () => {
  it.effect("takes a status or an exit and gives the exit", () =>
    Effect.gen(function*() {
      const ping = yield* Ping.dispatch()
      assert.deepStrictEqual(yield* settledAs(ping, "success"), Exit.succeed(7))
      yield* settledAs(ping, Exit.succeed(7))
      const refused = yield* Mail.dispatch(mail("nobody"))
      yield* settledAs(refused, "error")
      yield* settledAs(refused, Exit.fail(new Refused({ to: "nobody" })))
    }).pipe(provide))

  it.effect("fails with both exits", () =>
    Effect.gen(function*() {
      const ping = yield* Ping.dispatch()
      const error = yield* failureOf(settledAs(ping, Exit.succeed(8)))
      assert.include(error.message, "Expected Ping-1 to end as success with 8, but it ended as success with 7")
      assert.deepStrictEqual(error.actual, Exit.succeed(7))
      assert.deepStrictEqual(error.expected, Exit.succeed(8))
      assert.strictEqual((yield* failureOf(settledAs(ping, "canceled"))).actual, "success")
    }).pipe(provide))

  it.effect("says where a task stands that has not ended in time", () =>
    Effect.gen(function*() {
      const task = yield* TestTask.make(Ping, undefined, { state: "Running" })
      assert.include(
        (yield* failureOf(settledAs(task, "success", { within: "1 minute" }))).message,
        `to end as success within "1 minute", but it is Running`
      )
    }).pipe(provide))
})

describe("a failed assertion", () => {
  /** The first line of a stack: function, file and line, without the column. */
  const topOf = (error: Error) => error.stack?.split("\n").find((line) => /^ +at /.test(line))?.replace(/:\d+\)?$/, "")

  it.effect("starts its stack at the line of the test that calls it", () =>
    Effect.gen(function*() {
      const ping = yield* Ping.dispatch()
      // each on one line with an error that knows it
      const calls: ReadonlyArray<readonly [Error, Effect.Effect<unknown, never, TestWorkerPool.EventLog>]> = [
        [new Error(), dispatched(Mail)],
        [new Error(), notDispatched(Ping)],
        [new Error(), dispatchedTimes(Ping, 2)],
        [new Error(), settledAs(ping, "error")],
        [new Error(), settledAs(ping, Exit.succeed(8))],
        [new Error(), expectNoLeaks(Effect.forkDetach(Effect.never))]
      ]
      for (const [here, assertion] of calls) {
        const error = yield* failureOf(assertion)
        assert.strictEqual(topOf(error), topOf(here))
        assert.isTrue(error.stack?.startsWith(`AssertionError: ${error.message}\n`))
      }
    }).pipe(provide))
})
