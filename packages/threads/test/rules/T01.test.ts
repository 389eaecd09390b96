import { Threads } from "@effect-tasks/threads"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option } from "effect"
import { JobRegistry, type Task, WorkerPool } from "effect-tasks"
import { Act, Again, Burn, Fragile } from "../fixtures/jobs.ts"
import { type Acts, clean, eventsOf, long, onThreads, spawn, state } from "../support.ts"

describe("T1 a task on a thread behaves as one in place", { timeout: long }, () => {
  const outline = (act: string, n: number) =>
    Effect.gen(function*() {
      const events = yield* Effect.forkChild(eventsOf("Act-1"), { startImmediately: true })
      const task = yield* Act.dispatch({ act, n })
      const heard: Array<string> = []
      yield* task.onSuccess(() => Effect.sync(() => void heard.push("success")))
      yield* task.onFailure(() => Effect.sync(() => void heard.push("failure")))
      yield* task.onExit(() => Effect.sync(() => void heard.push("exit")))
      yield* task.exit
      const { attempt, exitStatus, progress } = yield* task.status
      return { events: yield* Fiber.join(events), heard, attempt, exitStatus, progress }
    })

  it.live("with its states, hooks, counts and events", () =>
    Effect.gen(function*() {
      const here = Act.toLayer(({ act }, task) => task.update(() => ({ done: 1 })).pipe(Effect.as(act))).pipe(
        Layer.provideMerge(WorkerPool.layer())
      )
      const inPlace = yield* Effect.provide(outline("flood", 1), here)
      assert.deepStrictEqual(yield* onThreads(outline("flood", 1)), inPlace)
      assert.deepStrictEqual(inPlace.events, [
        "TaskQueued",
        "TaskStarted",
        "TaskProgressed",
        "TaskStopping",
        "TaskExited"
      ])
    }))

  it.live("with its id, and the number of its attempt", () =>
    onThreads(Effect.gen(function*() {
      const task = yield* Act.dispatch({ act: "ids" })
      const [id, attempt, thread] = (yield* task.await) as [string, number, number]
      assert.deepStrictEqual([id, attempt], [task.id, 1])
      assert.isAbove(thread, 0)
      assert.strictEqual(yield* Act.run({ act: "text" }), "ThreadTask of Act-2, attempt 1")
    })))

  it.live("with the progress that an earlier attempt has reported", () =>
    onThreads(Effect.gen(function*() {
      const task = yield* Again.dispatch({ how: "report" })
      assert.strictEqual(yield* task.await, "reported")
      const { attempt, progress } = yield* task.status
      assert.deepStrictEqual([attempt, progress], [2, Option.some(42)])
    })))

  it.live("where its job retries", () =>
    onThreads(Effect.gen(function*() {
      assert.strictEqual(yield* Fragile.run({ failures: 2 }), 3)
      assert.strictEqual((yield* Effect.flip(Fragile.run({ failures: 9 })))._tag, "ThreadCrashed")
    })))

  it.live("where a handler is given by `Threads.handler`", () => {
    const ThreadsLive = Threads.layer<Acts>(spawn(), { gracePeriod: 50 })
    const Live = JobRegistry.layer(Burn.toLayer(Threads.handler(Burn)).pipe(Layer.provide(ThreadsLive as any))) as any
    return clean(
      Effect.gen(function*() {
        assert.isAbove(yield* Burn.run({ millis: 1 }), 0)
        const task: Task.Any = yield* Burn.dispatch({ millis: 60_000 })
        yield* state(task, "Running")
        yield* task.cancel()
      }).pipe(Effect.provide(Layer.provideMerge(Live, WorkerPool.layer()))) as Effect.Effect<void>
    )
  })
})
