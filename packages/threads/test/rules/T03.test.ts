import { Threads } from "@effect-tasks/threads"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { Job, Limit, WorkerPool } from "effect-tasks"
import { Act, Burn, Leaf } from "../fixtures/jobs.ts"
import { clean, long, made, onThreads, spawn, state, until } from "../support.ts"

describe("T3 `size` is a limit of all jobs of the layer", { timeout: long }, () => {
  it.live("no more tasks than it says run, of all jobs together; others' jobs go on", () =>
    onThreads(
      Effect.gen(function*() {
        const burns = yield* Effect.forEach([1, 2, 3], () => Burn.dispatch({ millis: 100 }))
        const acts = yield* Effect.forEach([1, 2, 3], () => Act.dispatch({ act: "sleep", n: 100 }))
        const workerPool = yield* WorkerPool
        yield* until(() => Effect.map(workerPool.status, ({ busy }) => busy === 2))
        assert.isNull(yield* Leaf.run({ act: "nothing" }))
        assert.deepStrictEqual((yield* acts[2]!.status).waitingFor, Option.some("job-concurrency"))
        assert.strictEqual((yield* acts[2]!.status).state, "Queued")
        yield* Effect.forEach([...burns, ...acts], (task) => task.await)
        assert.isAtMost(made(), 5, "two at a time, and one for each that sleeps")
      }),
      { size: 2, pool: { workers: 8 } }
    ))

  it.live("a sleeping task lends its place and keeps its thread", () =>
    onThreads(
      Effect.gen(function*() {
        const sleepers = yield* Effect.forEach([1, 2, 3], () => Act.dispatch({ act: "sleep until told" }))
        yield* Effect.forEach(sleepers, (task) => state(task, "Sleeping"))
        assert.isAbove(yield* Burn.run({ millis: 1 }), 0)
        assert.strictEqual(made(), 4)
        yield* Effect.forEach(sleepers, (task) => task.send("go on"))
        yield* Effect.forEach(sleepers, (task) => task.await)
      }),
      { size: 1, pool: { workers: 8 } }
    ))

  it.live("starts follow the order of the queue", () =>
    onThreads(
      Effect.gen(function*() {
        const first = yield* Burn.dispatch({ millis: 50 })
        yield* state(first, "Running")
        const started: Array<string> = []
        const dispatch = (name: string, priority: number) =>
          Effect.tap(Burn.dispatch({ millis: 5 }, { priority }), (task) =>
            task.onExit(() => Effect.sync(() => void started.push(name))))
        const tasks = yield* Effect.all([
          dispatch("late", Job.Priority.Background),
          dispatch("plain", 0),
          dispatch("also plain", 0),
          dispatch("urgent", Job.Priority.Urgent)
        ])
        yield* Effect.forEach(tasks, (task) =>
          task.await)
        assert.deepStrictEqual(started, ["urgent", "plain", "also plain", "late"])
      }),
      { size: 1, pool: { workers: 8 } }
    ))

  it.live("a queued task whose timeout runs has a thread: it never waits for one while it runs", () =>
    onThreads(
      Effect.gen(function*() {
        yield* Burn.run({ millis: 1 })
        const tasks = yield* Effect.forEach([1, 2, 3, 4], () => Burn.dispatch({ millis: 150 }, { timeout: 400 }))
        yield* Effect.forEach(tasks, (task) => task.await)
      }),
      { size: 1, pool: { workers: 8 } }
    ))

  it.live("a limit as `size` is shared with whoever names it, and can be resized", () => {
    const size = Limit.permits(1)
    const ThreadsLive = Threads.layer<typeof import("../fixtures/other.thread.ts")>(
      spawn(new URL("../fixtures/other.thread.ts", import.meta.url)),
      { size }
    )
    const Live = Layer.merge(
      Burn.toLayer(Threads.handler(Burn), { limits: [size] }).pipe(Layer.provide(ThreadsLive)),
      Leaf.toLayer(() => Effect.never, { limits: [size] })
    ).pipe(Layer.provideMerge(WorkerPool.layer({ workers: 8 })))
    return clean(
      Effect.gen(function*() {
        const leaf = yield* Leaf.dispatch({ act: "never" })
        yield* state(leaf, "Running")
        const burn = yield* Burn.dispatch({ millis: 1 })
        yield* Effect.sleep(20)
        assert.deepStrictEqual((yield* burn.status).waitingFor, Option.some("job-concurrency"))
        yield* size.resize(2)
        assert.strictEqual(yield* burn.await, 1)
      }).pipe(Effect.provide(Live))
    )
  })
})
