import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Queue } from "effect"
import { type Task, TaskCanceled, TaskTimeout } from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
  gate,
  recordLogs,
  type ScriptedTask,
  settleTurns,
  stateOf,
  TestError,
  trace,
  withPool,
  work
} from "../support.ts"

const outcome = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return `success ${String(exit.value)}`
  const reason = exit.cause.reasons[0]!
  if (Cause.isDieReason(reason)) return `defect ${String(reason.defect)}`
  if (!Cause.isFailReason(reason)) return "interrupt"
  if (reason.error instanceof TaskCanceled) return `cancel ${reason.error.reason}`
  if (reason.error instanceof TaskTimeout) return `timeout ${reason.error.after}`
  return reason.error instanceof TestError ? `failure ${reason.error.id}` : "another"
}

/** One task of each outcome, with hooks set before any of them starts. */
const oneOfEach = (register: (task: ScriptedTask) => Effect.Effect<void>) =>
  Effect.gen(function*() {
    const tasks = [
      yield* work("success"),
      yield* work("failure", () => new TestError({ id: "failure" })),
      yield* work("defect", () => Effect.die("boom")),
      yield* work("cancel", () => Effect.never),
      yield* work("timeout", (self) => Effect.andThen(self.setTimeout(100), Effect.never))
    ]
    yield* Effect.forEach(tasks, register)
    yield* settleTurns
    yield* tasks[3]!.cancel({ reason: "enough" })
    yield* TestClock.adjust(100)
    return yield* Effect.forEach(tasks, (task) => task.exit)
  })

const ordered = (task: Task.TaskContext<unknown, TestError, number, string>, seen: ReturnType<typeof trace>) =>
  Effect.gen(function*() {
    yield* task.onSuccess(() => seen.push("success 1"))
    yield* task.onExit(() => Effect.andThen(Effect.yieldNow, seen.push("exit 1")))
    yield* task.onFailure(() => Effect.andThen(Effect.yieldNow, seen.push("failure 1")))
    yield* task.onExit(() => seen.push("exit 2"))
    yield* task.onFailure(() => seen.push("failure 2"))
    yield* task.onSuccess(() => seen.push("success 2"))
  })

describe("6.7 Cleanup, error cleanup, post action", () => {
  it.effect("75. an exit hook runs after success, failure, defect, cancel and timeout", () =>
    Effect.gen(function*() {
      const seen = trace()
      const exits = yield* oneOfEach((task) => task.onExit((exit) => seen.push(outcome(exit))))
      assert.sameMembers(seen.log, [
        "success success",
        "failure failure",
        "defect boom",
        "cancel enough",
        "timeout 100"
      ])
      assert.sameMembers(seen.log, exits.map(outcome))
    }).pipe(withPool({ workers: 5 })))

  it.effect("76. hooks run in the order registered: failure hooks, exit hooks, success hooks", () =>
    Effect.gen(function*() {
      const [good, bad] = [trace(), trace()]
      const success = yield* work("a", (self) => ordered(self, good))
      const failure = yield* work("b", (self) => Effect.andThen(ordered(self, bad), new TestError({ id: "b" })))
      yield* success.exit
      yield* failure.exit
      assert.deepStrictEqual(good.log, ["exit 1", "exit 2", "success 1", "success 2"])
      assert.deepStrictEqual(bad.log, ["failure 1", "failure 2", "exit 1", "exit 2"])
    }).pipe(withPool()))

  it.effect("77. a failure hook does not run after success, and tells failure, timeout and cancel apart", () =>
    Effect.gen(function*() {
      const seen = trace()
      yield* oneOfEach((task) => task.onFailure((exit) => seen.push(outcome(exit))))
      assert.sameMembers(seen.log, ["failure failure", "defect boom", "cancel enough", "timeout 100"])
    }).pipe(withPool({ workers: 5 })))

  it.effect("78. a success hook runs after success alone, with the result", () =>
    Effect.gen(function*() {
      const seen = trace()
      yield* oneOfEach((task) => task.onSuccess((exit) => seen.push(outcome(exit))))
      assert.deepStrictEqual(seen.log, ["success success"])
    }).pipe(withPool({ workers: 5 })))

  it.effect("78. a success hook set after the end runs at once and may use the task freely", () =>
    Effect.gen(function*() {
      const seen = trace()
      const task = yield* work("a", (self) => Effect.as(self.report(1), "done"))
      const use = Effect.gen(function*() {
        yield* seen.push(yield* stateOf(task))
        yield* task.setTimeout(10)
        yield* task.setPriority(3)
        yield* task.cancel()
        yield* task.onExit(() => seen.push("nested"))
      })
      yield* task.onSuccess(() => use)
      assert.strictEqual(yield* task.await, "done")
      yield* task.onSuccess((exit) => Effect.andThen(use, seen.push(outcome(exit))))
      assert.deepStrictEqual(seen.log, ["Exited", "nested", "Exited", "nested", "success done"])
    }).pipe(withPool()))

  it.effect("79. several success hooks each run once", () =>
    Effect.gen(function*() {
      const seen = trace()
      const task = yield* work("a")
      for (const name of ["x", "y", "z"]) yield* task.onSuccess(() => seen.push(name))
      yield* task.await
      yield* settleTurns
      assert.deepStrictEqual(seen.log, ["x", "y", "z"])
    }).pipe(withPool()))

  it.effect("80. a hook set from outside always runs exactly once, however fast the task", () =>
    Effect.gen(function*() {
      const runs = Array.from({ length: 2000 }, () => 0)
      for (let i = 0; i < runs.length; i++) {
        const task = yield* work("a")
        for (let turn = 0; turn < i % 7; turn++) yield* Effect.yieldNow
        yield* task.onExit(() => Effect.sync(() => runs[i]!++))
        if (i % 2 === 0) yield* task.await
      }
      yield* settleTurns
      assert.isTrue(runs.every((count) => count === 1))
    }).pipe(withPool({ workers: 2 })))

  it.effect("81. a hook that crashes is logged and prevents no other hook", () => {
    const { layer, logs } = recordLogs()
    return Effect.gen(function*() {
      const seen = trace()
      const task = yield* work("a")
      yield* task.onExit(() => Effect.die("exit hook boom"))
      yield* task.onExit(() => new TestError({ id: "exit hook failure" }))
      yield* task.onExit(() => seen.push("exit"))
      yield* task.onSuccess((): Effect.Effect<void> => {
        throw new Error("success hook boom")
      })
      yield* task.onSuccess(() => seen.push("success"))
      assert.strictEqual(yield* task.await, "a")
      assert.deepStrictEqual(seen.log, ["exit", "success"])
      assert.include(logs.join("\n"), "exit hook boom")
      assert.include(logs.join("\n"), "TestError")
      assert.include(logs.join("\n"), "success hook boom")
    }).pipe(withPool(), Effect.provide(layer))
  })

  it.effect("82. a cancel does not interrupt hooks, and they see that it happened", () =>
    Effect.gen(function*() {
      const held = gate()
      const seen = trace()
      const task = yield* work("a", () => Effect.never)
      yield* task.onExit((exit) => Effect.andThen(held.wait, seen.push(outcome(exit))))
      yield* awaitState(task, "Running")
      const cancels = [yield* Effect.forkChild(task.cancel({ reason: "first" }))]
      yield* awaitState(task, "Exited")
      cancels.push(yield* Effect.forkChild(task.cancel({ reason: "second" })))
      yield* settleTurns
      assert.deepStrictEqual(seen.log, [])
      yield* held.open
      yield* Fiber.joinAll(cancels)
      assert.deepStrictEqual(seen.log, ["cancel first"])
    }).pipe(withPool()))

  it.effect("83. a slow hook does not hold up other tasks", () =>
    Effect.gen(function*() {
      const held = gate()
      const slow = yield* work("a")
      yield* slow.onExit(() => held.wait)
      const next = yield* work("b")
      assert.strictEqual(yield* next.await, "b")
      assert.strictEqual(yield* stateOf(slow), "Exited")
      const waiter = yield* Effect.forkChild(slow.await)
      yield* settleTurns
      assert.isUndefined(waiter.pollUnsafe())
      yield* held.open
      yield* Fiber.join(waiter)
    }).pipe(withPool({ workers: 1 })))

  it.effect("84. a failed copy removes its partial file", () =>
    Effect.gen(function*() {
      const files = new Set<string>()
      const copy = (name: string, end: Effect.Effect<void, TestError>) =>
        work(name, (self) =>
          Effect.gen(function*() {
            yield* self.onFailure(() => Effect.sync(() => files.delete(name)))
            files.add(name)
            yield* end
          }))
      const tasks = [
        yield* copy("good", Effect.void),
        yield* copy("bad", new TestError({ id: "bad" })),
        yield* copy("stopped", Effect.never)
      ]
      yield* settleTurns
      assert.deepStrictEqual([...files], ["good", "stopped"])
      yield* tasks[2]!.cancel()
      assert.deepStrictEqual([...files], ["good"])
    }).pipe(withPool()))

  it.effect("84. a finished scan flushes pending messages, then unsubscribes its listeners", () =>
    Effect.gen(function*() {
      const listeners = new Set(["ada", "bob"])
      const delivered: Array<string> = []
      const pending = yield* Queue.unbounded<string>()
      const flush = Effect.gen(function*() {
        for (const message of yield* Queue.clear(pending)) {
          yield* Effect.yieldNow
          for (const listener of listeners) delivered.push(`${listener}: ${message}`)
        }
      })
      const scan = yield* work("scan", (self) =>
        Effect.gen(function*() {
          yield* self.onExit(() => flush)
          yield* self.onExit(() => Effect.sync(() => listeners.clear()))
          yield* Queue.offerAll(pending, ["found", "done"])
        }))
      yield* scan.await
      assert.deepStrictEqual(delivered, ["ada: found", "bob: found", "ada: done", "bob: done"])
      assert.strictEqual(listeners.size, 0)
    }).pipe(withPool()))
})
