import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Act, Again } from "../fixtures/jobs.ts"
import { long, onThreads, until } from "../support.ts"

describe("T11 messages", { timeout: long }, () => {
  it.live("arrive in order, whenever they were sent", () =>
    onThreads(Effect.gen(function*() {
      const task = yield* Act.dispatch({ act: "take two" })
      yield* task.send("a")
      yield* task.send("b")
      assert.deepStrictEqual(yield* task.await, ["a", "b"])
    })))

  it.live("can be taken in every way", () =>
    onThreads(Effect.gen(function*() {
      const task = yield* Act.dispatch({ act: "take all" })
      yield* task.send("a")
      yield* task.send("b")
      assert.deepStrictEqual(yield* task.await, ["a", "b"])
    })))

  it.live("the inbox of the main side stays the buffer: the 17th that nobody takes suspends `send`", () =>
    onThreads(Effect.gen(function*() {
      const task = yield* Act.dispatch({ act: "take when told", n: 18 })
      const sent: Array<string> = []
      const send = (text: string) => Effect.tap(task.send(text), () => Effect.sync(() => sent.push(text)))
      // it takes the first, and then none for a while
      yield* send("0")
      yield* task.firstProgress
      const names = Array.from({ length: 17 }, (_, i) => `${i + 1}`)
      const sending = yield* Effect.forkChild(Effect.forEach(names, send), { startImmediately: true })
      yield* until(() => sent.length >= 17)
      yield* Effect.sleep(20)
      assert.strictEqual(sent.length, 17)
      yield* Fiber.join(sending)
      assert.deepStrictEqual(yield* task.await, ["0", ...names])
    })))

  for (const how of ["leave", "crash"] as const) {
    it.live(`one that an attempt never took goes to the next attempt: ${how}`, () =>
      onThreads(Effect.gen(function*() {
        const task = yield* Again.dispatch({ how })
        yield* task.send("kept")
        assert.strictEqual(yield* task.await, "kept")
        assert.strictEqual((yield* task.status).attempt, 2)
      })))
  }

  it.live("one that it took does not", () =>
    onThreads(Effect.gen(function*() {
      const task = yield* Again.dispatch({ how: "take" })
      yield* task.send("first")
      yield* task.send("second")
      assert.strictEqual(yield* task.await, "second")
    })))
})
