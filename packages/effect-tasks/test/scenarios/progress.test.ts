import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Stream } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import { gate, script, scripted, type ScriptedTask, settleTurns, TestError, withPool, work } from "../support.ts"

class Once extends Job.make("Once", { ...scripted, unique: true }) {}

const counts = (pool: TaskPool.TaskPool) => Effect.map(pool.status, ({ complete, total }) => [complete, total])

const consistent = ({ complete, progress, queued, running, sleeping, total, ...status }: TaskPool.PoolStatus) => {
  assert.strictEqual(total, queued + running + sleeping + complete)
  assert.isAtMost(status.failed + status.canceled, complete)
  assert.isAtLeast(Math.min(queued, running, sleeping, complete), 0)
  assert.strictEqual(progress, total === 0 ? 0 : complete / total)
}

describe("6.10 Progress roll-up", () => {
  it.effect("112. a new pool reads 0 of 0; with 5 of 10 done a half; its run time grows", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      assert.deepStrictEqual(yield* pool.status, {
        state: "open",
        total: 0,
        queued: 0,
        running: 0,
        sleeping: 0,
        complete: 0,
        failed: 0,
        canceled: 0,
        progress: 0,
        runTime: 0
      })
      for (let i = 0; i < 10; i++) yield* work(`${i}`, () => i < 5 ? Effect.void : Effect.never, { pool })
      yield* settleTurns
      assert.strictEqual((yield* pool.status).progress, 0.5)
      yield* TestClock.adjust(1000)
      const { runTime } = yield* pool.status
      yield* TestClock.adjust(500)
      assert.strictEqual((yield* pool.status).runTime - runTime, 500)
    }).pipe(withPool()))

  it.effect("113. complete counts successes, failures and cancels; failed counts failures", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      yield* work("a", undefined, { pool })
      yield* work("b", () => new TestError({ id: "b" }), { pool })
      yield* work("c", () => Effect.die("boom"), { pool })
      const late = yield* work("d", (self) => Effect.andThen(self.setTimeout(10), Effect.never), { pool })
      const stopped = yield* work("e", () => Effect.never, { pool })
      yield* settleTurns
      yield* stopped.cancel()
      yield* TestClock.adjust(10)
      yield* late.exit
      const { canceled, complete, failed, progress, total } = yield* pool.settled
      assert.deepStrictEqual([total, complete, failed, canceled, progress], [5, 5, 3, 1, 1])
    }).pipe(withPool({ workers: 5 })))

  it.effect("114. a child pool's totals and completions show in every ancestor", () =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      const held = gate()
      const pools: Array<TaskPool.TaskPool> = []
      const top = yield* TaskPool.make()
      const middle = Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        pools.push(pool)
        for (let i = 0; i < 3; i++) yield* work(`leaf${i}`, () => i === 0 ? Effect.void : held.wait, { pool })
        yield* pool.join
      })
      yield* work("top", () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          pools.push(pool)
          yield* work("middle", () => middle, { pool })
          yield* pool.join
        }), { pool: top })
      yield* settleTurns
      assert.deepStrictEqual(yield* Effect.forEach([...pools.toReversed(), top], counts), [[1, 3], [1, 4], [1, 5]])
      yield* held.open
      yield* top.join
      assert.deepStrictEqual(yield* Effect.forEach([...pools.toReversed(), top], counts), [[3, 3], [4, 4], [5, 5]])
      assert.strictEqual((yield* global.status).total, 0)
    }).pipe(withPool()))

  it.effect("115. each task counts once in every ancestor, however many pools hold it", () =>
    Effect.gen(function*() {
      const held = gate()
      const pools: Array<TaskPool.TaskPool> = []
      yield* script("shared", () => held.wait)
      const scan = (id: string) => () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          pools.push(pool)
          yield* Once.dispatch({ id: "shared" }, { pool })
          yield* Once.dispatch({ id: "shared" }, { pool })
          yield* work(`${id}/own`, undefined, { pool })
          yield* pool.join
        })
      const top = yield* TaskPool.make()
      yield* Once.dispatch({ id: "shared" }, { pool: top })
      yield* work("a", scan("a"), { pool: top })
      yield* work("b", scan("b"), { pool: top })
      yield* settleTurns
      assert.deepStrictEqual(yield* Effect.forEach([...pools, top], counts), [[1, 2], [1, 2], [2, 5]])
      yield* held.open
      yield* top.join
      assert.deepStrictEqual(yield* Effect.forEach([...pools, top], counts), [[2, 2], [2, 2], [5, 5]])
    }).pipe(withPool({}, Once)))

  it.effect("115. progress is never above 1 and never counts a task that has not ended", () =>
    Effect.gen(function*() {
      const seen: Array<TaskPool.PoolStatus> = []
      const top = yield* TaskPool.make()
      const watcher = yield* Effect.forkChild(
        Stream.runForEach(top.changes, (status) => Effect.sync(() => seen.push(status)))
      )
      yield* settleTurns
      for (let i = 0; i < 10; i++) {
        yield* work(`${i}`, () =>
          Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            for (let k = 0; k < 5; k++) yield* work(`${i}/${k}`, () => settleTurns, { pool })
            yield* pool.join
          }), { pool: top })
      }
      yield* top.join
      yield* Fiber.join(watcher)
      assert.isAbove(seen.length, 5)
      seen.forEach(consistent)
      assert.deepInclude(seen.at(-1)!, { state: "done", complete: 60, total: 60 })
    }).pipe(withPool()))

  it.effect("116. failures show in the pool itself and in every ancestor", () =>
    Effect.gen(function*() {
      const pools: Array<TaskPool.TaskPool> = []
      const tasks: Array<ScriptedTask> = []
      const top = yield* TaskPool.make()
      const parent = yield* work("parent", () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          pools.push(pool)
          tasks.push(yield* work("bad", () => new TestError({ id: "bad" }), { pool }))
          yield* work("good", undefined, { pool })
          yield* pool.settled
        }), { pool: top })
      yield* parent.await
      for (const pool of [pools[0]!, top]) {
        assert.strictEqual((yield* pool.status).failed, 1)
        const failures = yield* pool.failures
        assert.deepStrictEqual(failures.map(({ job, path, taskId }) => ({ job, path, taskId })), [
          { job: "Work", path: [parent.id, tasks[0]!.id], taskId: tasks[0]!.id }
        ])
      }
    }).pipe(withPool()))

  it.effect("117. failures of GLOBAL tasks show in its status", () =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      const task = yield* work("a", () => new TestError({ id: "a" }))
      yield* task.exit
      assert.deepInclude(yield* global.status, { complete: 1, failed: 1, state: "open" })
      assert.deepStrictEqual((yield* global.failures).map(({ taskId }) => taskId), [task.id])
    }).pipe(withPool()))

  it.effect("118. a status is one snapshot, and run time stops at the end", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const tasks = []
      for (let i = 0; i < 30; i++) {
        const task = yield* work(`${i}`, () =>
          i % 3 === 0
            ? Effect.gen(function*() {
              const children = yield* TaskPool.make()
              for (let k = 0; k < 3; k++) yield* work(`${i}/${k}`, () => Effect.yieldNow, { pool: children })
              yield* children.join
            })
            : i % 3 === 1
            ? new TestError({ id: "bad" })
            : Effect.never, { pool, ...(i % 5 === 0 ? { delay: 5 } : {}) })
        tasks.push(task)
        consistent(yield* pool.status)
      }
      for (let turn = 0; turn < 300; turn++) {
        consistent(yield* pool.status)
        yield* Effect.yieldNow
        if (turn % 10 === 0) yield* TestClock.adjust(1)
      }
      yield* pool.cancel()
      const end = yield* pool.status
      consistent(end)
      assert.strictEqual(end.complete, end.total)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* pool.status).runTime, end.runTime)
      assert.isAbove(end.runTime, 0)
    }).pipe(withPool({ workers: 12 })))

  it.effect("119. a parent still shows done and total of its child pool when the children are forgotten", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const held = gate()
      const task = yield* work("parent", () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          for (let i = 0; i < 5; i++) yield* work(`${i}`, undefined, { pool })
          yield* pool.join
          yield* held.wait
        }))
      yield* settleTurns
      yield* Effect.forEach(["x", "y", "z"], (id) => Effect.flatMap(work(id), (other) => other.await))
      const pool = Option.getOrThrow(yield* task.childPool)
      assert.deepStrictEqual(yield* pool.tasks, [])
      assert.lengthOf(yield* workerPool.tasks, 3)
      assert.deepInclude(yield* pool.status, { complete: 5, total: 5, progress: 1 })
      yield* held.open
    }).pipe(withPool({ history: 2 })))
})
