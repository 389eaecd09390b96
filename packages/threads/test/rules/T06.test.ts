import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Act, Burn, Fragile } from "../fixtures/jobs.ts"
import { bothUp, crashOf, long, onThreads } from "../support.ts"

describe("T6 a thread that ends under a task", { timeout: long }, () => {
  for (
    const [act, reason] of [
      ["exit", "The worker has exited with code: 7"],
      ["throw", "TypeError: from a timer"],
      ["reject", "TypeError: nobody cares"],
      ["overflow", "RangeError: Maximum call stack size exceeded"],
      ["memory", "ERR_WORKER_OUT_OF_MEMORY"]
    ] as const
  ) {
    it.live(`ends it with ThreadCrashed, and is replaced: ${act}`, () =>
      onThreads(Effect.gen(function*() {
        yield* bothUp
        const beside = yield* Burn.dispatch({ millis: 400 })
        const task = yield* Act.dispatch({ act })
        const crashed = crashOf(yield* task.exit)
        assert.include(crashed.reason, reason)
        assert.deepStrictEqual([crashed.taskId, crashed.job], [task.id, "Act"])
        assert.match(crashed.message, new RegExp(`^Thread ${crashed.thread} ended while it ran ${task.id}: `))
        assert.isAbove(yield* beside.await, 0, "no other task notices")
        assert.isAbove(yield* Burn.run({ millis: 1 }), 0)
      })))
  }

  it.live("is not one whose library says something of its own on the port", () =>
    onThreads(Effect.gen(function*() {
      assert.strictEqual(yield* Act.run({ act: "say on the port" }), "alive")
    })))

  it.live("fails a job whose error takes ThreadCrashed, which is retried", () =>
    onThreads(Effect.gen(function*() {
      const task = yield* Fragile.dispatch({ failures: 1 })
      assert.strictEqual(yield* task.await, 2)
      const { job, reason } = yield* Effect.flip(Fragile.run({ failures: 9 })) as Effect.Effect<any>
      assert.deepStrictEqual([job, reason], ["Fragile", "The worker has exited with code: 1"])
    })))

  it.live("has its children cancelled and awaited first", () =>
    onThreads(Effect.gen(function*() {
      const task = yield* Act.dispatch({ act: "child, then exit" })
      crashOf(yield* task.exit)
      const { canceled, state, total } = yield* Option.getOrThrow(yield* task.childPool).status
      assert.deepStrictEqual([total, canceled, state], [1, 1, "done"])
    })))
})
