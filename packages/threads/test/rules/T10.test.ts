import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Stream } from "effect"
import { Act } from "../fixtures/jobs.ts"
import { eventsOf, long, onThreads } from "../support.ts"

describe("T10 progress", { timeout: long }, () => {
  it.live("a flood reaches the main side as a few, the last of them always", () =>
    onThreads(Effect.gen(function*() {
      const events = yield* Effect.forkChild(eventsOf("Act-1"), { startImmediately: true })
      const task = yield* Act.dispatch({ act: "flood", n: 1000 })
      const seen = yield* Stream.runCollect(task.progress)
      assert.deepStrictEqual(seen.at(-1), { done: 1000 })
      const told = (yield* Fiber.join(events)).filter((tag) => tag === "TaskProgressed")
      assert.isAtMost(told.length, 20)
      assert.isAtLeast(told.length, 2)
    })))

  it.live("the last comes before a failure too", () =>
    onThreads(Effect.gen(function*() {
      const task = yield* Act.dispatch({ act: "report and die" })
      yield* task.exit
      assert.deepStrictEqual((yield* task.status).progress, Option.some({ done: 9 }))
    })))

  it.live("`update` sees the thread's latest", () =>
    onThreads(Effect.gen(function*() {
      const task = yield* Act.dispatch({ act: "update" })
      yield* task.await
      assert.deepStrictEqual((yield* task.status).progress, Option.some({ done: 2 }))
    })))
})
