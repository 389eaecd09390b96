import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Scope } from "effect"
import { DispatchError, Job, PoolClosed, QueueFull, TaskPool, WorkerPool, WorkerPoolClosed } from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
  canceled,
  failure,
  gate,
  settleTurns,
  stateOf,
  testPool,
  withPool,
  Work,
  work
} from "../support.ts"

const reasonOf = (exit: Exit.Exit<unknown, unknown>) => {
  const error = failure(exit)
  assert.instanceOf(error, DispatchError)
  return (error as DispatchError).reason
}

const busyWorker = Effect.gen(function*() {
  const held = gate()
  const task = yield* work("busy", () => held.wait)
  yield* awaitState(task, "Running")
  return { held, task }
})

describe("6.2 Dispatch", { timeout: 30_000 }, () => {
  it.effect("12. a task without a pool runs in GLOBAL and its result is readable", () =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      const task = yield* work("a", () => Effect.succeed(42))
      assert.isTrue(task.pool.isGlobal)
      assert.strictEqual(yield* task.await, 42)
      const { exit, exitStatus, poolId } = yield* task.status
      assert.strictEqual(poolId, global.id)
      assert.deepStrictEqual(exitStatus, Option.some("success"))
      assert.deepStrictEqual(exit, Option.some(Exit.succeed(42)))
      assert.strictEqual((yield* global.status).total, 1)
    }).pipe(withPool()))

  it.effect("13. the pool's total rises before the task can start, and the task names that pool", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      let seen = 0
      const task = yield* work("a", (self) =>
        Effect.map(self.pool.status, ({ total }) => {
          seen = total
        }), { pool })
      const { queued, total } = yield* pool.status
      assert.deepStrictEqual({ state: yield* stateOf(task), queued, total }, { state: "Queued", queued: 1, total: 1 })
      assert.strictEqual(task.pool.id, pool.id)
      assert.strictEqual((yield* task.status).poolId, pool.id)
      yield* task.await
      assert.strictEqual(seen, 1)
    }).pipe(withPool()))

  it.effect("14. a sealed pool refuses tasks and its counters stay", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const held = gate()
      yield* work("a", () => held.wait, { pool })
      yield* settleTurns
      yield* pool.seal
      const before = yield* pool.status
      const reason = reasonOf(yield* Effect.exit(work("b", undefined, { pool })))
      assert.deepStrictEqual(reason, new PoolClosed({ poolId: pool.id }))
      assert.deepStrictEqual(yield* pool.status, before)
      assert.lengthOf(yield* Work.tasks, 1)
      yield* held.open
    }).pipe(withPool()))

  it.effect("15. once shutdown has begun a dispatch is refused at once, even while shutdown goes on", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(testPool({ workers: 1 }), scope)
      yield* Effect.gen(function*() {
        const held = gate()
        const busy = yield* work("busy", () => Effect.uninterruptible(held.wait))
        yield* awaitState(busy, "Running")
        const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
        yield* settleTurns
        assert.isUndefined(closing.pollUnsafe())
        const dispatching = yield* Effect.forkChild(Effect.exit(work("late")))
        yield* settleTurns
        const exit = dispatching.pollUnsafe()
        assert.isDefined(exit)
        assert.instanceOf(reasonOf(Exit.getSuccess(exit!).pipe(Option.getOrThrow)), WorkerPoolClosed)
        yield* held.open
        yield* Fiber.join(closing)
      }).pipe(Effect.provide(context))
    }))

  it.effect("16. a dispatcher that is itself interrupted ends as interrupted and dispatches nothing", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const held = gate()
      const dispatcher = yield* Effect.forkChild(
        Effect.andThen(Effect.uninterruptible(held.wait), work("a", undefined, { pool }))
      )
      yield* settleTurns
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(dispatcher))
      yield* settleTurns
      yield* held.open
      yield* Fiber.join(interrupting)
      const exit = yield* Fiber.await(dispatcher)
      assert.isTrue(Exit.hasInterrupts(exit))
      assert.isFalse(Exit.hasFails(exit))
      assert.strictEqual((yield* pool.status).total, 0)
    }).pipe(withPool()))

  it.effect("17. a GLOBAL task goes on when its dispatcher is interrupted", () =>
    Effect.gen(function*() {
      const held = gate()
      const dispatcher = yield* Effect.forkChild(Effect.andThen(work("a", () => held.wait), Effect.never))
      yield* settleTurns
      yield* Fiber.interrupt(dispatcher)
      const task = Option.getOrThrow(yield* Work.find({ id: "a" }))
      assert.strictEqual(yield* stateOf(task), "Running")
      yield* held.open
      yield* task.await
    }).pipe(withPool()))

  it.effect("17. a GLOBAL task goes on when the task that dispatched it is cancelled", () =>
    Effect.gen(function*() {
      const held = gate()
      const parent = yield* work("parent", () => Effect.andThen(work("a", () => held.wait), Effect.never))
      yield* settleTurns
      yield* parent.cancel()
      const task = Option.getOrThrow(yield* Work.find({ id: "a" }))
      assert.deepStrictEqual((yield* task.status).parentTaskId, Option.some(parent.id))
      yield* held.open
      yield* task.await
    }).pipe(withPool()))

  it.effect("18. a pool task is cancelled when the fiber that opened the pool is interrupted", () =>
    Effect.gen(function*() {
      const owner = yield* Effect.forkChild(Effect.scoped(Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        yield* work("a", () => Effect.never, { pool })
        yield* Effect.never
      })))
      yield* settleTurns
      const task = Option.getOrThrow(yield* Work.find({ id: "a" }))
      assert.strictEqual(yield* stateOf(task), "Running")
      yield* Fiber.interrupt(owner)
      assert.strictEqual(yield* stateOf(task), "Exited")
      canceled(yield* task.exit)
    }).pipe(withPool()))

  it.effect("18. a pool task belongs to its pool, not to the fiber that dispatched it", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const held = gate()
      const dispatcher = yield* Effect.forkChild(Effect.andThen(work("a", () => held.wait, { pool }), Effect.never))
      yield* settleTurns
      yield* Fiber.interrupt(dispatcher)
      yield* held.open
      assert.strictEqual((yield* pool.join).canceled, 0)
    }).pipe(withPool()))

  it("19. without a WorkerPool neither dispatch nor a pool compiles", () => {
    expectTypeOf<Effect.Services<ReturnType<typeof Work.dispatch>>>()
      .toEqualTypeOf<WorkerPool | Job.Handler<"Work">>()
    expectTypeOf<Effect.Services<ReturnType<typeof TaskPool.make>>>().toEqualTypeOf<WorkerPool | Scope.Scope>()
  })

  it.effect("19. in a worker pool that has ended a dispatch fails with its typed error, also into a new pool", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(testPool(), scope)
      yield* Scope.close(scope, Exit.void)
      yield* Effect.gen(function*() {
        assert.instanceOf(reasonOf(yield* Effect.exit(work("a"))), WorkerPoolClosed)
        const pool = yield* TaskPool.make()
        assert.instanceOf(failure(yield* Effect.exit(work("b", undefined, { pool }))), DispatchError)
      }).pipe(Effect.scoped, Effect.provide(context))
    }))

  it.effect("20. 100,000 dispatches return at once while every worker is busy, and all run", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const { held, task } = yield* busyWorker
      for (let i = 0; i < 100_000; i++) yield* Work.dispatch({ id: "a" })
      assert.strictEqual((yield* workerPool.status).queued, 100_000)
      assert.strictEqual(yield* stateOf(task), "Running")
      yield* held.open
      yield* workerPool.drain
      const { complete, failed, queued } = yield* workerPool.status
      assert.deepStrictEqual({ complete, failed, queued }, { complete: 100_001, failed: 0, queued: 0 })
    }).pipe(withPool({ workers: 1 })))

  it.effect("21. 8 racing dispatchers × 200 tasks: all 1,600 run exactly once", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const runs = new Map<string, number>()
      const dispatcher = (n: number) =>
        Effect.gen(function*() {
          for (let i = 0; i < 200; i++) {
            const id = `${n}/${i}`
            yield* work(id, () => Effect.sync(() => void runs.set(id, (runs.get(id) ?? 0) + 1)), { pool })
            if (i % (n + 1) === 0) yield* Effect.yieldNow
          }
        })
      yield* Effect.forEach(Array.from({ length: 8 }, (_, n) => n), dispatcher, { concurrency: "unbounded" })
      assert.strictEqual((yield* pool.join).complete, 1600)
      assert.strictEqual(runs.size, 1600)
      assert.isTrue([...runs.values()].every((count) => count === 1))
    }).pipe(withPool()))

  it.effect("22. a full queue refuses, if so configured", () =>
    Effect.gen(function*() {
      const { held } = yield* busyWorker
      yield* work("a")
      assert.deepStrictEqual(reasonOf(yield* Effect.exit(work("b"))), new QueueFull({ capacity: 1 }))
      assert.lengthOf(yield* Work.tasks, 2)
      yield* held.open
      yield* settleTurns
      assert.strictEqual(yield* (yield* work("b")).await, "b")
    }).pipe(withPool({ workers: 1, capacity: 1, onFull: "fail" })))

  it.effect("22. a full queue suspends the dispatcher until there is room", () =>
    Effect.gen(function*() {
      const { held } = yield* busyWorker
      yield* work("a")
      const dispatching = yield* Effect.forkChild(work("b"))
      yield* settleTurns
      assert.isUndefined(dispatching.pollUnsafe())
      assert.deepStrictEqual(yield* Work.find({ id: "b" }), Option.none())
      yield* held.open
      const task = yield* Fiber.join(dispatching)
      assert.strictEqual(yield* task.await, "b")
    }).pipe(withPool({ workers: 1, capacity: 1 })))

  it.effect("23. a dispatched task is listed before it starts: Queued, with a queue time and no worker", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      yield* busyWorker
      yield* TestClock.adjust(1234)
      const task = yield* work("a")
      assert.isTrue((yield* workerPool.tasks).some(({ id }) => id === task.id))
      const { queuedAt, startedAt, state, waitingFor, worker } = yield* Option.getOrThrow(
        yield* workerPool.task(task.id)
      ).status
      assert.deepStrictEqual({ queuedAt, startedAt, state, waitingFor, worker }, {
        queuedAt: 1234,
        startedAt: Option.none(),
        state: "Queued",
        waitingFor: Option.some("slot"),
        worker: Option.none()
      })
    }).pipe(withPool({ workers: 1 })))
})
