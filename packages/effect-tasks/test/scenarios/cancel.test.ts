import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Stream } from "effect"
import { DispatchError, PoolCanceled, PoolClosed, TaskPool, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
  canceled,
  failure,
  gate,
  recordEvents,
  type ScriptedTask,
  settleTurns,
  stateOf,
  TestError,
  trace,
  withPool,
  Work,
  work
} from "../support.ts"

const exitStatuses = (tasks: ReadonlyArray<ScriptedTask>) =>
  Effect.forEach(tasks, (task) => Effect.map(task.status, ({ exitStatus }) => Option.getOrNull(exitStatus)))

describe("6.5 Cancel", { timeout: 30_000 }, () => {
  it.effect("48. a cancel interrupts a running task", () =>
    Effect.gen(function*() {
      const seen = trace()
      const task = yield* work("a", () => Effect.onInterrupt(Effect.never, () => seen.push("interrupted")))
      yield* awaitState(task, "Running")
      yield* task.cancel({ reason: "enough" })
      assert.deepStrictEqual(seen.log, ["interrupted"])
      assert.deepInclude(canceled(yield* task.exit), { taskId: task.id, job: "Work", reason: "enough" })
      assert.deepStrictEqual(yield* exitStatuses([task]), ["canceled"])
    }).pipe(withPool()))

  it.effect("49. a queued task that is cancelled never runs and has a finish time", () =>
    Effect.gen(function*() {
      const seen = trace()
      const held = gate()
      yield* work("busy", () => held.wait)
      const task = yield* work("a", () => seen.push("ran"))
      yield* settleTurns
      yield* TestClock.adjust(500)
      yield* task.cancel()
      const { exitStatus, finishedAt } = yield* task.status
      assert.deepStrictEqual([exitStatus, finishedAt], [Option.some("canceled"), Option.some(500)])
      yield* held.open
      yield* settleTurns
      assert.deepStrictEqual(seen.log, [])
    }).pipe(withPool({ workers: 1 })))

  it.effect("50. when a queued task is cancelled its waiters return and its pool can end", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      yield* workerPool.pause
      const pool = yield* TaskPool.make()
      const task = yield* work("a", undefined, { pool })
      const waiter = yield* Effect.forkChild(task.exit)
      const join = yield* Effect.forkChild(pool.join)
      yield* settleTurns
      assert.deepStrictEqual([waiter.pollUnsafe(), join.pollUnsafe()], [undefined, undefined])
      yield* task.cancel()
      canceled(yield* Fiber.join(waiter))
      const { canceled: count, state } = yield* Fiber.join(join)
      assert.deepStrictEqual([count, state], [1, "done"])
    }).pipe(withPool()))

  it.effect("51. … even while all workers are busy", () =>
    Effect.gen(function*() {
      const held = gate()
      const busy = yield* Effect.forEach(["x", "y"], (id) => work(id, () => Effect.uninterruptible(held.wait)))
      yield* Effect.forEach(busy, (task) => awaitState(task, "Running"))
      const pool = yield* TaskPool.make()
      const tasks = yield* Effect.forEach(["a", "b", "c"], (id) => work(id, () => held.wait, { pool }))
      const join = yield* Effect.forkChild(pool.settled)
      yield* settleTurns
      yield* Effect.forEach(tasks, (task) => task.cancel())
      assert.strictEqual((yield* Fiber.join(join)).canceled, 3)
      assert.deepStrictEqual(yield* Effect.forEach(busy, stateOf), ["Running", "Running"])
      yield* held.open
    }).pipe(withPool({ workers: 2 })))

  it.effect("52. a cancelled task that waits for children ends canceled with them, whatever its handler returns", () =>
    Effect.gen(function*() {
      const children: Array<ScriptedTask> = []
      const task = yield* work("parent", () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          for (const id of ["a", "b", "c"]) children.push(yield* work(id, () => Effect.never, { pool }))
          return yield* pool.join.pipe(Effect.exit, Effect.catchCause(() => Effect.void), Effect.as("success"))
        }))
      yield* awaitState(task, "Sleeping")
      yield* settleTurns
      yield* task.cancel()
      canceled(yield* task.exit)
      assert.deepStrictEqual(yield* exitStatuses([task, ...children]), Array.from({ length: 4 }, () => "canceled"))
    }).pipe(withPool({ workers: 2 })))

  it.effect("53. a cancel that races the start either prevents it or stops it", () =>
    Effect.gen(function*() {
      const outcomes = { prevented: 0, stopped: 0, success: 0 }
      for (let i = 0; i < 10_000; i++) {
        let started = false
        let finished = false
        const task = yield* work("a", () =>
          Effect.sync(() => {
            started = true
          }).pipe(
            Effect.andThen(Effect.yieldNow),
            Effect.andThen(Effect.sync(() => {
              finished = true
            }))
          ))
        for (let turn = 0; turn < i % 6; turn++) yield* Effect.yieldNow
        yield* task.cancel()
        const { exitStatus, startedAt } = yield* task.status
        if (Option.contains(exitStatus, "success")) {
          outcomes.success++
          assert.isTrue(finished)
        } else {
          assert.deepStrictEqual(exitStatus, Option.some("canceled"))
          if (Option.isNone(startedAt)) assert.isFalse(started)
          outcomes[started ? "stopped" : "prevented"]++
        }
      }
      assert.isAbove(outcomes.prevented, 0)
      assert.isAbove(outcomes.stopped, 0)
      assert.isAbove(outcomes.success, 0)
    }).pipe(withPool({ workers: 1 })))

  it.effect("54. cancelling twice changes nothing", () =>
    Effect.gen(function*() {
      const seen = trace()
      const task = yield* work("a", () => Effect.onInterrupt(Effect.never, () => seen.push("interrupted")))
      yield* task.onExit(() => seen.push("hook"))
      yield* awaitState(task, "Running")
      yield* Effect.all([task.cancel({ reason: "first" }), task.cancel({ reason: "second" })], {
        concurrency: "unbounded"
      })
      const before = yield* task.status
      yield* task.cancel({ reason: "third" })
      assert.deepStrictEqual(yield* task.status, before)
      assert.strictEqual(canceled(yield* task.exit).reason, "first")
      assert.deepStrictEqual(seen.log, ["interrupted", "hook"])
    }).pipe(withPool()))

  it.effect("54. cancelling a task that succeeded changes nothing and disturbs nothing it started", () =>
    Effect.gen(function*() {
      const outer = yield* TaskPool.make()
      const held = gate()
      const detached: Array<ScriptedTask> = []
      const task = yield* work("a", () =>
        Effect.gen(function*() {
          detached.push(yield* work("b", () => held.wait), yield* work("c", () => held.wait, { pool: outer }))
        }))
      yield* task.await
      const before = yield* task.status
      yield* task.cancel()
      yield* settleTurns
      assert.deepStrictEqual(yield* task.status, before)
      assert.deepStrictEqual(yield* Effect.forEach(detached, stateOf), ["Running", "Running"])
      yield* held.open
      yield* Effect.forEach(detached, (each) => each.await)
    }).pipe(withPool()))

  it.effect("55. a cancel reaches the tasks of every child pool, even while the parent's handler still stops", () =>
    Effect.gen(function*() {
      const children: Array<ScriptedTask> = []
      const held = gate()
      const task = yield* work("parent", () =>
        Effect.gen(function*() {
          for (const id of ["a", "b"]) {
            const pool = yield* TaskPool.make({ name: id })
            children.push(yield* work(id, () => Effect.never, { pool }))
          }
          yield* Effect.uninterruptible(held.wait)
        }))
      yield* settleTurns
      assert.deepStrictEqual(yield* Effect.forEach(children, stateOf), ["Running", "Running"])
      const cancel = yield* Effect.forkChild(task.cancel())
      yield* settleTurns
      assert.deepStrictEqual(yield* exitStatuses([...children, task]), ["canceled", "canceled", null])
      yield* held.open
      yield* Fiber.join(cancel)
      canceled(yield* task.exit)
    }).pipe(withPool()))

  it.effect("56. what a handler fails with after its cancel does not replace canceled", () =>
    Effect.gen(function*() {
      const failing = yield* work("a", () => Effect.onInterrupt(Effect.never, () => new TestError({ id: "late" })))
      const dying = yield* work("b", () => Effect.ensuring(Effect.never, Effect.die("late")))
      const finalizer = yield* work("c", () =>
        Effect.andThen(Effect.addFinalizer(() => Effect.die("late")), Effect.never))
      for (const task of [failing, dying, finalizer]) {
        yield* awaitState(task, "Running")
        yield* task.cancel()
        canceled(yield* task.exit)
      }
      assert.deepStrictEqual(
        yield* exitStatuses([failing, dying, finalizer]),
        Array.from({ length: 3 }, () =>
          "canceled")
      )
    }).pipe(withPool()))

  it.effect("57. waiting for a cancelled task returns when its handler has really stopped", () =>
    Effect.gen(function*() {
      const stopping = gate()
      const seen = trace()
      const task = yield* work(
        "a",
        () => Effect.ensuring(Effect.never, Effect.andThen(stopping.wait, seen.push("stopped")))
      )
      yield* awaitState(task, "Running")
      const early = yield* Effect.forkChild(Effect.andThen(task.exit, seen.push("waiter")))
      yield* settleTurns
      const cancel = yield* Effect.forkChild(Effect.andThen(task.cancel(), seen.push("cancel")))
      yield* settleTurns
      const late = yield* Effect.forkChild(Effect.andThen(task.exit, seen.push("waiter")))
      yield* settleTurns
      assert.deepStrictEqual(seen.log, [])
      yield* stopping.open
      yield* Fiber.joinAll([early, late, cancel])
      assert.strictEqual(seen.log[0], "stopped")
      assert.lengthOf(seen.log, 4)
    }).pipe(withPool()))

  it.effect("58. cancelling a pool ends its running and queued tasks, and it takes no more", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const tasks = yield* Effect.forEach(["a", "b", "c", "d", "e"], (id) => work(id, () => Effect.never, { pool }))
      yield* settleTurns
      assert.strictEqual((yield* pool.status).running, 2)
      yield* pool.cancel({ reason: "enough" })
      assert.deepStrictEqual(yield* exitStatuses(tasks), Array.from({ length: 5 }, () => "canceled"))
      const { reason } = yield* Effect.flip(work("late", undefined, { pool }))
      assert.deepStrictEqual(reason, new PoolClosed({ poolId: pool.id }))
      assert.strictEqual((yield* pool.status).canceled, 5)
    }).pipe(withPool({ workers: 2 })))

  it.effect("59. a task that a pool accepts while it is cancelled is cancelled too", () =>
    Effect.gen(function*() {
      let refusals = 0
      for (let round = 0; round < 300; round++) {
        const pool = yield* TaskPool.make()
        const accepted: Array<ScriptedTask> = []
        const dispatcher = yield* Effect.forkChild(Effect.gen(function*() {
          for (let i = 0; i < 10; i++) {
            accepted.push(yield* work("a", () => Effect.never, { pool }))
            if (i % 3 === round % 3) yield* Effect.yieldNow
          }
        }))
        for (let turn = 0; turn < round % 5; turn++) yield* Effect.yieldNow
        yield* pool.cancel()
        const exit = yield* Fiber.await(dispatcher)
        if (Exit.isFailure(exit)) {
          assert.instanceOf(failure(exit), DispatchError)
          refusals++
        }
        assert.isTrue((yield* exitStatuses(accepted)).every((status) => status === "canceled"))
        assert.strictEqual((yield* pool.status).complete, accepted.length)
      }
      assert.isAbove(refusals, 0)
    }).pipe(withPool({ workers: 2 })))

  it.effect("59. a hook of a cancelled task cannot dispatch into the cancelled pool", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const task = yield* work("a", () => Effect.never, { pool })
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      yield* task.onExit(() =>
        Effect.map(Effect.exit(work("late", undefined, { pool })), (exit) => void exits.push(exit))
      )
      yield* pool.cancel()
      assert.lengthOf(exits, 1)
      assert.instanceOf(failure(exits[0]!), DispatchError)
    }).pipe(withPool()))

  it.effect("60. cancelling an idle open pool wakes its watchers, runs its finalizers and ends it", () =>
    Effect.gen(function*() {
      const seen = trace()
      const pool = yield* TaskPool.make()
      yield* (yield* work("a", undefined, { pool })).await
      yield* pool.addFinalizer(({ state }) => seen.push(`finalizer: ${state}`))
      const watcher = yield* Effect.forkChild(Stream.runDrain(pool.changes))
      yield* settleTurns
      assert.isUndefined(watcher.pollUnsafe())
      yield* pool.cancel({ reason: "enough" })
      yield* Fiber.join(watcher)
      assert.deepStrictEqual(seen.log, ["finalizer: done"])
      assert.strictEqual((yield* pool.status).state, "done")
      assert.deepStrictEqual(yield* Effect.flip(pool.join), new PoolCanceled({ poolId: pool.id, reason: "enough" }))
    }).pipe(withPool()))

  it.effect("61. 2,000 dispatch-then-cancel pairs behind a blocked worker leave nothing behind", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const busy = yield* work("busy", () => Effect.never)
      yield* awaitState(busy, "Running")
      const seen = trace()
      for (let i = 0; i < 2000; i++) {
        const task = yield* work("a", () => seen.push("ran"))
        yield* task.cancel()
        canceled(yield* task.exit)
      }
      const { busy: slots, canceled: count, complete, queued } = yield* workerPool.status
      assert.deepStrictEqual([slots, queued, complete, count], [1, 0, 2000, 2000])
      assert.lengthOf(yield* workerPool.tasks, 101)
      yield* busy.cancel()
      yield* settleTurns
      assert.deepStrictEqual(seen.log, [])
    }).pipe(withPool({ workers: 1, history: 100 })))

  it.effect("62. cancelling or sealing GLOBAL does not close it", () =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      const task = yield* work("a", () => Effect.never)
      yield* awaitState(task, "Running")
      yield* global.seal
      yield* global.cancel()
      canceled(yield* task.exit)
      assert.strictEqual((yield* global.status).state, "open")
      assert.strictEqual(yield* (yield* work("b")).await, "b")
    }).pipe(withPool()))

  it.effect("63. a program can look at the task and decide who may cancel it", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const cancelAs = (user: string, id: string) =>
        Effect.gen(function*() {
          const task = Option.getOrThrow(yield* workerPool.task(id))
          const { id: owner } = task.payload as typeof Work.payloadSchema.Type
          if (owner !== user) return "forbidden"
          yield* task.cancel({ reason: `by ${user}` })
          return "done"
        })
      const task = yield* work("ada", () => Effect.never)
      yield* awaitState(task, "Running")
      assert.strictEqual(yield* cancelAs("bob", task.id), "forbidden")
      assert.strictEqual(yield* stateOf(task), "Running")
      assert.strictEqual(yield* cancelAs("ada", task.id), "done")
      assert.strictEqual(canceled(yield* task.exit).reason, "by ada")
    }).pipe(withPool()))

  it.effect("64. the cancel is told before the task's stream ends", () =>
    Effect.gen(function*() {
      const stopping = gate()
      const seen = trace()
      const events = yield* recordEvents
      const task = yield* work("a", (self) =>
        Effect.andThen(self.report(1), Effect.ensuring(Effect.never, stopping.wait)))
      yield* awaitState(task, "Running")
      const reader = yield* Effect.forkChild(
        Effect.andThen(
          Stream.runForEach(task.progress, (n) =>
            seen.push(`${n}`)),
          seen.push("end")
        )
      )
      yield* settleTurns
      const cancel = yield* Effect.forkChild(task.cancel())
      yield* settleTurns
      const stoppings = events.filter((event) => event._tag === "TaskStopping")
      assert.deepStrictEqual(stoppings.map(({ taskId, why }) => ({ taskId, why })), [{
        taskId: task.id,
        why: "cancel"
      }])
      assert.deepStrictEqual(seen.log, ["1"])
      yield* stopping.open
      yield* Fiber.joinAll([reader, cancel])
      assert.deepStrictEqual(seen.log, ["1", "end"])
      yield* settleTurns
      assert.deepStrictEqual(events.map(({ _tag }) => _tag).slice(-2), ["TaskStopping", "TaskExited"])
    }).pipe(withPool()))
})
