import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Option } from "effect"
import { ChildTaskFailed, PoolCanceled, type TaskFailure, TaskPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
  canceled,
  gate,
  type ScriptedTask,
  settleTurns,
  stateOf,
  TestError,
  trace,
  withPool,
  work
} from "../support.ts"

const never = () => Effect.never
const failing = () => Effect.fail(new TestError({ id: "boom" }))

const joinFailure = (pool: TaskPool.TaskPool) =>
  Effect.map(Effect.flip(pool.join), (error) => {
    assert.instanceOf(error, ChildTaskFailed)
    return error as ChildTaskFailed
  })
const errorOf = ({ cause }: TaskFailure) => Option.getOrNull(Cause.findErrorOption(cause))

describe("R12 join and onFailure look at the pool's own tasks", () => {
  it.effect("join fails with what failed and why", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      yield* work("ok", undefined, { pool })
      const task = yield* work("a", failing, { pool })
      const { failures, poolId, total } = yield* joinFailure(pool)
      assert.deepStrictEqual([poolId, total, failures.length], [pool.id, 1, 1])
      assert.deepInclude(failures[0], { taskId: task.id, job: "Work" })
      assert.deepStrictEqual(failures[0].path, [task.id])
      assert.deepStrictEqual(errorOf(failures[0]), new TestError({ id: "boom" }))
    }).pipe(withPool()))

  it.effect("failures, defects and timeouts fail it, oldest first", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const late = yield* work("late", never, { pool, timeout: "1 second" })
      const failed = yield* work("failed", failing, { pool })
      yield* failed.exit
      const died = yield* work("died", () => Effect.die("broken"), { pool })
      yield* died.exit
      yield* TestClock.adjust("1 second")
      const { failures, total } = yield* joinFailure(pool)
      assert.strictEqual(total, 3)
      assert.deepStrictEqual(failures.map(({ taskId }) => taskId), [failed.id, died.id, late.id])
      assert.strictEqual((yield* pool.settled).failed, 3)
    }).pipe(withPool()))

  it.effect("every join of the pool fails, also later ones", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      yield* work("a", failing, { pool })
      assert.deepStrictEqual(yield* joinFailure(pool), yield* joinFailure(pool))
    }).pipe(withPool()))

  it.effect("a failure that a parent handled does not fail the pool above", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make({ onFailure: "cancel" })
      const children: Array<ScriptedTask> = []
      const parent = yield* work("parent", () =>
        Effect.gen(function*() {
          const own = yield* TaskPool.make()
          const child = yield* work("child", failing, { pool: own })
          children.push(child)
          yield* Effect.ignore(own.join)
          yield* Effect.ignore(child.await)
          return "handled"
        }), { pool })
      const { canceled, failed, total } = yield* pool.join
      assert.deepStrictEqual([total, failed, canceled], [2, 1, 0])
      assert.strictEqual(yield* parent.await, "handled")
      const [only] = yield* pool.failures
      assert.deepStrictEqual(only!.path, [parent.id, children[0]!.id])
    }).pipe(withPool()))

  it.effect("a failure that a parent lets through is the parent's own", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const parent = yield* work("parent", () => TaskPool.use((own) => work("child", failing, { pool: own })), { pool })
      const { failures, total } = yield* joinFailure(pool)
      assert.deepStrictEqual([total, failures.map(({ taskId }) => taskId)], [1, [parent.id]])
      assert.instanceOf(errorOf(failures[0]), ChildTaskFailed)
      assert.strictEqual((yield* pool.failures).length, 2)
    }).pipe(withPool({ workers: 1 })))

  it.effect("a cancelled task does not fail it", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make({ onFailure: "cancel" })
      const task = yield* work("a", never, { pool })
      const other = yield* work("b", () => Effect.sleep("1 second"), { pool })
      yield* awaitState(task, "Running")
      yield* task.cancel()
      yield* TestClock.adjust("1 second")
      const { canceled: count, complete, failed } = yield* pool.join
      assert.deepStrictEqual([complete, failed, count], [2, 0, 1])
      yield* other.await
    }).pipe(withPool()))

  it.effect("by default a failure stops nothing", () =>
    Effect.gen(function*() {
      const held = gate()
      const pool = yield* TaskPool.make()
      const other = yield* work("other", () => held.wait, { pool })
      yield* (yield* work("a", failing, { pool })).exit
      yield* settleTurns
      assert.strictEqual(yield* stateOf(other), "Running")
      const next = yield* work("next", undefined, { pool })
      assert.strictEqual(yield* next.await, "next")
      yield* held.open
      assert.strictEqual((yield* joinFailure(pool)).total, 1)
    }).pipe(withPool()))

  describe("with onFailure: \"cancel\"", () => {
    it.effect("the first failure cancels the rest, queued ones never start, and join reports the failure alone", () =>
      Effect.gen(function*() {
        const seen = trace()
        const held = gate()
        const pool = yield* TaskPool.make({ onFailure: "cancel" })
        const running = yield* work("running", never, { pool })
        const failed = yield* work("failed", () => Effect.andThen(held.wait, failing()), { pool })
        const queued = yield* work("queued", () => seen.push("started"), { pool })
        const delayed = yield* work("delayed", () => seen.push("started"), { pool, delay: "1 second" })
        yield* awaitState(failed, "Running")
        yield* held.open
        const { failures, total } = yield* joinFailure(pool)
        assert.deepStrictEqual([total, failures.map(({ taskId }) => taskId)], [1, [failed.id]])
        for (const task of [running, queued, delayed]) canceled(yield* task.exit)
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(seen.log, [])
        const { canceled: count, complete, failed: failedCount } = yield* pool.status
        assert.deepStrictEqual([complete, failedCount, count], [4, 1, 3])
      }).pipe(withPool({ workers: 2 })))

    const ends = [
      { name: "defect", run: () => Effect.die("broken") },
      { name: "timeout", run: () => Effect.never }
    ]
    it.effect.each(ends)("a $name is such a failure", ({ run }) =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make({ onFailure: "cancel" })
        const other = yield* work("other", never, { pool })
        yield* awaitState(other, "Running")
        yield* work("a", run, { pool, timeout: "1 second" })
        yield* settleTurns
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* joinFailure(pool)).total, 1)
        canceled(yield* other.exit)
      }).pipe(withPool()))

    it.effect("of failures in the same turn join reports as many as the pool counts", () =>
      Effect.gen(function*() {
        const held = gate()
        const pool = yield* TaskPool.make({ onFailure: "cancel" })
        const fails = () => Effect.andThen(held.wait, failing())
        const first = yield* work("a", fails, { pool })
        const second = yield* work("b", () => Effect.uninterruptible(fails()), { pool })
        yield* awaitState(second, "Running")
        yield* held.open
        const { failures, total } = yield* joinFailure(pool)
        const status = yield* pool.settled
        assert.strictEqual(total, failures.length)
        assert.strictEqual(failures[0].taskId, first.id)
        assert.deepStrictEqual([status.failed, status.failed + status.canceled], [total, 2])
      }).pipe(withPool()))

    it.effect("it does not reach the pools above", () =>
      Effect.gen(function*() {
        const top = yield* TaskPool.make({ onFailure: "cancel" })
        const other = yield* work("other", never, { pool: top })
        const parent = yield* work("parent", () =>
          TaskPool.use((own) =>
            Effect.andThen(work("rest", never, { pool: own }), work("child", failing, { pool: own })), {
            onFailure: "cancel"
          }).pipe(Effect.ignore), { pool: top })
        yield* parent.await
        yield* settleTurns
        assert.strictEqual(yield* stateOf(other), "Running")
        const { canceled, complete, failed, total } = yield* top.status
        assert.deepStrictEqual([total, complete, failed, canceled], [4, 3, 1, 1])
      }).pipe(withPool()))
  })

  it.effect("a cancelled pool fails join with PoolCanceled, unless one of its tasks failed", () =>
    Effect.gen(function*() {
      const stopped = yield* TaskPool.make()
      yield* work("a", never, { pool: stopped })
      yield* stopped.cancel({ reason: "enough" })
      const error = yield* Effect.flip(stopped.join)
      assert.deepStrictEqual(error, new PoolCanceled({ poolId: stopped.id, reason: "enough" }))
      const both = yield* TaskPool.make()
      yield* (yield* work("b", failing, { pool: both })).exit
      yield* work("c", never, { pool: both })
      yield* both.cancel()
      assert.strictEqual((yield* joinFailure(both)).total, 1)
    }).pipe(withPool()))

  it.effect("settled never fails", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      yield* work("a", failing, { pool })
      yield* (yield* work("b", never, { pool })).cancel()
      const { canceled: count, complete, failed, state } = yield* pool.settled
      assert.deepStrictEqual([state, complete, failed, count], ["done", 2, 1, 1])
    }).pipe(withPool()))

  it.effect("the first 100 failures are kept, all are counted", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const ids: Array<string> = []
      for (let i = 0; i < 130; i++) ids.push((yield* work(`${i}`, failing, { pool })).id)
      const { failures, total } = yield* joinFailure(pool)
      assert.strictEqual(total, 130)
      assert.deepStrictEqual(failures.map(({ taskId }) => taskId), ids.slice(0, 100))
      assert.strictEqual((yield* pool.failures).length, 100)
      assert.strictEqual((yield* pool.status).failed, 130)
    }).pipe(withPool({ workers: 1 })))

  it.effect("a path leads from the root task to the failed one", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const path: Array<string> = []
      const nest = (depth: number): Effect.Effect<unknown, any, any> =>
        depth === 0 ?
          failing() :
          Effect.ignore(
            TaskPool.use((own) =>
              Effect.map(work(`${depth}`, () => nest(depth - 1) as any, { pool: own }), ({ id }) => path.push(id))
            )
          )
      const root = yield* work("root", () => nest(3) as any, { pool })
      yield* pool.join
      const [found] = yield* pool.failures
      assert.strictEqual(path.length, 3)
      assert.deepStrictEqual(found!.path, [root.id, ...path])
      assert.strictEqual(found!.taskId, path.at(-1))
    }).pipe(withPool({ workers: 1 })))
})
