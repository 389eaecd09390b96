import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Stream } from "effect"
import { type Task, TaskPool, WorkerPool } from "effect-tasks"
import {
  awaitState,
  gate,
  recordEvents,
  type Script,
  type ScriptedTask,
  settleTurns,
  TestError,
  trace,
  withPool,
  Work,
  work
} from "../support.ts"

const increment = (self: Task.TaskContext<unknown, TestError, number, string>) =>
  self.update((n) => Option.getOrElse(n, () => 0) + 1)

const agrees = (task: Task.Any) =>
  Effect.gen(function*() {
    const { finishedAt, queuedAt, startedAt, state, worker } = yield* task.status
    assert.strictEqual(Option.isSome(finishedAt), state === "Exited")
    if (state === "Running") assert.isTrue(Option.isSome(worker))
    if (state === "Queued") assert.isTrue(Option.isNone(startedAt))
    assert.isAtMost(queuedAt, Option.getOrElse(startedAt, () => queuedAt))
    yield* task.childPool
    yield* task.pool.status
  })

describe("6.13 Concurrency and races", { timeout: 30_000 }, () => {
  it.effect("133. concurrent reads of everything are safe and agree with each other", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      let reads = 0
      let finished = false
      const read = Effect.gen(function*() {
        for (const task of yield* workerPool.tasks) yield* agrees(task)
        const { busy, complete, delayed, dispatched, queued } = yield* workerPool.status
        assert.isAtMost(busy, 3)
        assert.isAtMost(complete + queued + delayed, dispatched)
        reads++
        yield* Effect.yieldNow
      })
      const reader = Effect.repeat(read, { until: () => finished })
      const readers = yield* Effect.forEach(Array.from({ length: 4 }), () => Effect.forkChild(reader))
      for (let i = 0; i < 100; i++) {
        const task = yield* work(`${i}`, () =>
          Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            yield* work(`${i}/a`, () => i % 3 === 0 ? new TestError({ id: "a" }) : Effect.yieldNow, { pool })
            yield* pool.settled
          }))
        if (i % 5 === 0) yield* Effect.yieldNow
        if (i % 7 === 0) yield* task.cancel()
      }
      yield* workerPool.drain
      finished = true
      yield* Fiber.joinAll(readers)
      assert.isAbove(reads, 20)
    }).pipe(withPool({ workers: 3, history: 50 })))

  it.effect("134. 100 concurrent increments lose nothing", () =>
    Effect.gen(function*() {
      const task = yield* work("a", (self) =>
        Effect.forEach(
          Array.from({ length: 100 }),
          () => Effect.andThen(Effect.yieldNow, increment(self)),
          { concurrency: "unbounded" }
        ))
      yield* task.await
      assert.deepStrictEqual((yield* task.status).progress, Option.some(100))
    }).pipe(withPool()))

  it.effect("134. 100 concurrent pools are 100 distinct pools", () =>
    Effect.gen(function*() {
      const pools = yield* Effect.forEach(
        Array.from({ length: 100 }),
        () => Effect.andThen(Effect.yieldNow, TaskPool.make()),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(pools.map(({ id }) => id)).size, 100)
    }).pipe(withPool()))

  it.effect("135. tasks that finish in the same moment complete their pool exactly once", () =>
    Effect.gen(function*() {
      const events = yield* recordEvents
      for (let round = 0; round < 200; round++) {
        const seen = trace()
        const held = gate()
        const pool = yield* TaskPool.make()
        yield* pool.addFinalizer(({ complete }) => seen.push(`${complete}`))
        const tasks = yield* Effect.forEach(["a", "b"], (id) => work(id, () => held.wait, { pool }))
        yield* Effect.forEach(tasks, (task) => awaitState(task, "Running"))
        if (round % 2 === 0) yield* pool.seal
        yield* held.open
        yield* pool.join
        yield* Effect.yieldNow
        assert.deepStrictEqual(seen.log, ["2"])
      }
      yield* settleTurns
      assert.strictEqual(events.filter(({ _tag }) => _tag === "PoolDone").length, 200)
    }).pipe(withPool()))

  it.effect("136. no two tasks that run at the same moment have the same worker", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const used = new Set<number>()
      const check = Effect.gen(function*() {
        const statuses = yield* Effect.forEach(yield* workerPool.tasks, (task) => task.status)
        const workers = statuses.filter(({ state }) => state === "Running").map(({ worker }) =>
          Option.getOrThrow(worker)
        )
        assert.strictEqual(new Set(workers).size, workers.length)
        workers.forEach((worker) => used.add(worker))
      })
      const parent = (id: string): Script => () =>
        Effect.gen(function*() {
          for (let round = 0; round < 3; round++) {
            const pool = yield* TaskPool.make()
            for (let i = 0; i < 3; i++) {
              yield* work(`${id}/${i}`, () => Effect.andThen(Effect.yieldNow, check), { pool })
            }
            yield* pool.join
            yield* check
          }
        })
      for (let i = 0; i < 20; i++) yield* work(`${i}`, parent(`${i}`))
      yield* workerPool.drain
      assert.strictEqual((yield* workerPool.status).failed, 0)
      assert.deepStrictEqual([...used].toSorted(), [0, 1, 2, 3])
    }).pipe(withPool({ workers: 4 })))

  it.effect("137. coming and going of readers while progress is reported is safe", () =>
    Effect.gen(function*() {
      const task = yield* work("a", (self) =>
        Effect.gen(function*() {
          for (let n = 0; n < 2000; n++) {
            yield* self.report(n)
            if (n % 2 === 0) yield* Effect.yieldNow
          }
        }))
      const seen: Array<number> = []
      const staying = yield* Effect.forkChild(
        Stream.runForEach(task.progress, (n) => Effect.sync(() => seen.push(n)))
      )
      for (let i = 0; i < 200; i++) {
        const reader = yield* Effect.forkChild(Stream.runDrain(task.progress))
        yield* Effect.yieldNow
        yield* Fiber.interrupt(reader)
      }
      yield* task.await
      yield* Fiber.join(staying)
      assert.strictEqual(seen.at(-1), 1999)
      assert.isTrue(seen.every((n, i) => i === 0 || n > seen[i - 1]!))
    }).pipe(withPool()))

  it.effect("138. tasks complete beside 5,000 other live pools (the guard in bench counts what a completion costs)", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const pool = yield* TaskPool.make()
      for (let i = 0; i < 5000; i++) yield* TaskPool.make()
      for (let i = 0; i < 500; i++) yield* Work.dispatch({ id: "a" }, { pool })
      yield* workerPool.drain
      assert.strictEqual((yield* pool.status).complete, 500)
      assert.isAtLeast((yield* workerPool.pools).length, 5000)
    }).pipe(withPool()))

  it.effect("139. 10,000 cancelled queued tasks with slow hooks do not delay an urgent dispatch", () =>
    Effect.gen(function*() {
      const held = gate()
      const pool = yield* TaskPool.make()
      const first = yield* work("first", () => Effect.never, { pool })
      yield* awaitState(first, "Running")
      const tasks: Array<ScriptedTask> = []
      for (let i = 0; i < 10_000; i++) {
        const task = yield* work("queued", () => Effect.never, { pool })
        yield* task.onExit(() => held.wait)
        tasks.push(task)
      }
      const cancel = yield* Effect.forkChild(pool.cancel())
      yield* Effect.yieldNow
      const urgent = yield* work("urgent", undefined, { priority: 999 })
      assert.strictEqual(yield* urgent.await, "urgent")
      assert.isUndefined(cancel.pollUnsafe())
      assert.strictEqual((yield* pool.status).complete, 10_001)
      yield* held.open
      yield* Fiber.join(cancel)
      assert.strictEqual((yield* pool.status).canceled, 10_001)
    }).pipe(withPool({ workers: 1 })))
})
