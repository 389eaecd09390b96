import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { HandlerInterrupted } from "effect-tasks"
import { Act, Burn, Echo, Opaque, Refused, Unfit } from "../fixtures/jobs.ts"
import { alive, defectOf, long, onThreads } from "../support.ts"

describe("T8 values cross by the Schemas of their job", { timeout: long }, () => {
  it.live("as what they are", () =>
    onThreads(Effect.gen(function*() {
      const payload = {
        date: new Date(0),
        big: 2n ** 80n,
        map: new Map([["a", 1]]),
        nan: NaN,
        nothing: undefined
      }
      assert.deepStrictEqual(yield* Echo.run(payload), { ...payload, wereThemselves: true })
    })))

  it.live("errors as their classes, with all else of their cause", () =>
    onThreads(Effect.gen(function*() {
      const refused = yield* Effect.flip(Act.run({ act: "refuse" }))
      assert.instanceOf(refused, Refused)
      assert.strictEqual(refused.why, "because")
      const exit = yield* (yield* Act.dispatch({ act: "both" })).exit
      const reasons = Exit.isFailure(exit) ? exit.cause.reasons : []
      assert.deepStrictEqual(reasons.map(({ _tag }) => _tag), ["Fail", "Die"])
    })))

  it.live("defects as errors with name, message, cause and the thread's stack", () =>
    onThreads(Effect.gen(function*() {
      const died = defectOf(yield* (yield* Act.dispatch({ act: "die" })).exit)
      assert.deepStrictEqual([died.name, died.message, died.cause], ["RangeError", "a defect", "its cause"])
      assert.include(died.stack!, "acts.thread.ts")
    })))

  it.live("a handler that interrupts itself ends as one in place", () =>
    onThreads(Effect.gen(function*() {
      assert.instanceOf(defectOf(yield* (yield* Act.dispatch({ act: "interrupt" })).exit), HandlerInterrupted)
      const died = defectOf(yield* (yield* Act.dispatch({ act: "finalizer that dies" })).exit)
      assert.strictEqual(died.message, "at the end")
    })))

  for (const part of ["success", "error", "progress"]) {
    it.live(`what does not fit is a defect that names job and part, and the thread lives on: ${part}`, () =>
      onThreads(
        Effect.gen(function*() {
          const id = yield* Burn.run({ millis: 1 })
          const { message } = defectOf(yield* (yield* Unfit.dispatch({ part })).exit)
          assert.match(message, new RegExp(`^Job "Unfit": its ${part} cannot be encoded: `))
          assert.strictEqual(yield* Burn.run({ millis: 1 }), id)
          assert.strictEqual(alive(), 1)
        }),
        { pool: { workers: 1 } }
      ))
  }

  it.live("a message that does not fit is the task's defect", () =>
    onThreads(Effect.gen(function*() {
      const task = yield* Unfit.dispatch({ part: "message" })
      yield* task.send(() => 1)
      assert.match(defectOf(yield* task.exit).message, /^Job "Unfit": its message cannot be encoded: /)
    })))

  for (const part of ["payload", "progress", "success"] as const) {
    it.live(`what cannot be cloned is one too: ${part}`, () =>
      onThreads(
        Effect.gen(function*() {
          const id = yield* Burn.run({ millis: 1 })
          const task = yield* Opaque.dispatch({ part, value: part === "payload" ? () => 1 : null })
          const { message } = defectOf(yield* task.exit)
          const what = part === "success" ? "result" : part
          assert.match(message, new RegExp(`^Job "Opaque": its ${what} cannot be sent: .*could not be cloned`))
          assert.strictEqual(yield* Burn.run({ millis: 1 }), id)
        }),
        { pool: { workers: 1 } }
      ))
  }
})
