import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { TaskTimeout } from "effect-tasks"
import { Act, Burn } from "../fixtures/jobs.ts"
import { long, onThreads, state } from "../support.ts"

const one = { pool: { workers: 1 } }

describe("T12 what a handler asks of its task", { timeout: long }, () => {
  it.live("`setTimeout` holds, though the handler blocks ever after", () =>
    onThreads(Effect.gen(function*() {
      assert.instanceOf(yield* Effect.flip(Act.run({ act: "set timeout", n: 50 })), TaskTimeout)
    })))

  it.live("`clearTimeout` lets it take its time", () =>
    onThreads(Effect.gen(function*() {
      yield* Burn.run({ millis: 1 })
      const task = yield* Act.dispatch({ act: "clear timeout", n: 700 }, { timeout: 500 })
      assert.strictEqual(yield* task.await, "in its own time")
    })))

  it.live("`whileSleeping` lends the slot, and returns when the task has it again", () =>
    onThreads(
      Effect.gen(function*() {
        const task = yield* Act.dispatch({ act: "sleep until told" })
        yield* state(task, "Sleeping")
        assert.deepStrictEqual((yield* task.status).waitingFor, Option.some("effect"))
        assert.isAbove(yield* Burn.run({ millis: 1 }), 0)
        const beside = yield* Burn.dispatch({ millis: 300 })
        yield* state(beside, "Running")
        yield* task.send("go on")
        yield* Effect.sleep(50)
        assert.strictEqual((yield* task.status).state, "Sleeping", "there is one slot")
        assert.strictEqual(yield* task.await, "go on")
        assert.strictEqual((yield* beside.status).state, "Exited")
      }),
      one
    ))

  it.live("two that sleep resume both", () =>
    onThreads(
      Effect.gen(function*() {
        const tasks = yield* Effect.all([
          Act.dispatch({ act: "sleep", n: 100 }),
          Act.dispatch({ act: "sleep", n: 100 })
        ])
        yield* Effect.forEach(tasks, (task) => state(task, "Sleeping"), { concurrency: 2 })
        const ids = yield* Effect.forEach(tasks, (task) => task.await)
        assert.notStrictEqual(ids[0], ids[1])
      }),
      one
    ))
})
