import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option } from "effect"
import { TaskPool, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import { awaitState, canceled, gate, settleTurns, stateOf, taskById, trace, withPool, work } from "../support.ts"

const cancelSelf = (id: string) => Effect.flatMap(taskById(id), (self) => self.cancel({ reason: "self" }))

describe("R6 Cancel", () => {
  it.effect("removes a queued task at once while every worker is busy: no handler, all hooks, counted", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const seen = trace()
      const pool = yield* TaskPool.make()
      const held = gate()
      const busy = yield* work("busy", () => Effect.uninterruptible(held.wait))
      yield* awaitState(busy, "Running")
      const task = yield* work("a", () => seen.push("handler"), { pool })
      yield* task.onFailure(() => seen.push("onFailure"))
      yield* task.onExit(() => seen.push("onExit"))
      yield* task.cancel({ reason: "enough" })
      assert.strictEqual(canceled(yield* task.exit).reason, "enough")
      assert.deepStrictEqual(seen.log, ["onFailure", "onExit"])
      const { canceled: count, complete, queued, total } = yield* pool.status
      assert.deepStrictEqual({ count, complete, queued, total }, { count: 1, complete: 1, queued: 0, total: 1 })
      assert.strictEqual((yield* workerPool.status).queued, 0)
      assert.strictEqual(yield* stateOf(busy), "Running")
      yield* held.open
      yield* busy.await
      yield* settleTurns
      assert.deepStrictEqual(seen.log, ["onFailure", "onExit"])
    }).pipe(withPool({ workers: 1 })))

  it.effect("of a queued task lets its joined pool end while every worker is busy", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const busy = yield* work("busy", () => Effect.never)
      yield* awaitState(busy, "Running")
      const task = yield* work("a", undefined, { pool })
      const join = yield* Effect.forkChild(pool.join)
      yield* settleTurns
      yield* task.cancel()
      assert.strictEqual((yield* Fiber.join(join)).state, "done")
    }).pipe(withPool({ workers: 1 })))

  it.effect("of a delayed or paused task removes it", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const seen = trace()
      yield* workerPool.pause
      const tasks = [
        yield* work("a", () => seen.push("a"), { delay: "1 minute" }),
        yield* work("b", () => seen.push("b"))
      ]
      for (const task of tasks) {
        yield* task.cancel()
        canceled(yield* task.exit)
      }
      const { delayed, queued } = yield* workerPool.status
      assert.deepStrictEqual([delayed, queued], [0, 0])
      yield* workerPool.resume
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(seen.log, [])
    }).pipe(withPool()))

  it.effect("of a started task interrupts it and returns when its finalizers and hooks have ended", () =>
    Effect.gen(function*() {
      const seen = trace()
      const finalizer = gate()
      const hook = gate()
      const task = yield* work(
        "a",
        () =>
          Effect.addFinalizer(() => Effect.andThen(finalizer.wait, seen.push("finalizer"))).pipe(
            Effect.andThen(Effect.onInterrupt(Effect.never, () => seen.push("interrupted")))
          )
      )
      yield* task.onExit(() => Effect.andThen(hook.wait, seen.push("hook")))
      yield* awaitState(task, "Running")
      const cancel = yield* Effect.forkChild(Effect.andThen(task.cancel(), seen.push("returned")))
      yield* settleTurns
      assert.deepStrictEqual(seen.log, ["interrupted"])
      yield* finalizer.open
      yield* settleTurns
      assert.deepStrictEqual(seen.log, ["interrupted", "finalizer"])
      yield* hook.open
      yield* Fiber.join(cancel)
      assert.deepStrictEqual(seen.log, ["interrupted", "finalizer", "hook", "returned"])
    }).pipe(withPool()))

  it.effect("of a sleeping task stops it at once, without a slot", () =>
    Effect.gen(function*() {
      const task = yield* work("a", (self) => self.whileSleeping(Effect.never))
      yield* awaitState(task, "Sleeping")
      const busy = yield* work("busy", () => Effect.never)
      yield* awaitState(busy, "Running")
      yield* task.cancel()
      canceled(yield* task.exit)
    }).pipe(withPool({ workers: 1 })))

  it.effect("waits for a handler that cannot be interrupted", () =>
    Effect.gen(function*() {
      const held = gate()
      const task = yield* work("a", () => Effect.uninterruptible(held.wait))
      yield* awaitState(task, "Running")
      const cancel = yield* Effect.forkChild(task.cancel())
      yield* settleTurns
      assert.isUndefined(cancel.pollUnsafe())
      yield* held.open
      yield* Fiber.join(cancel)
      assert.strictEqual(yield* stateOf(task), "Exited")
    }).pipe(withPool()))

  describe("from inside the task", () => {
    it.effect("stops the handler there", () =>
      Effect.gen(function*() {
        const seen = trace()
        const task = yield* work("a", ({ id }) =>
          Effect.andThen(cancelSelf(id), Effect.andThen(Effect.yieldNow, seen.push("after"))))
        assert.strictEqual(canceled(yield* task.exit).reason, "self")
        assert.deepStrictEqual(seen.log, [])
      }).pipe(withPool()))

    for (const what of ["itself", "its pool"] as const) {
      it.effect(`is interrupted before its next step (it cancels ${what})`, () =>
        Effect.gen(function*() {
          const seen = trace()
          const pool = yield* TaskPool.make()
          const task = yield* work("a", ({ id }) =>
            Effect.gen(function*() {
              yield* seen.push("before")
              yield* what === "itself" ? cancelSelf(id) : pool.cancel()
              yield* seen.push("after")
            }), { pool })
          canceled(yield* task.exit)
          assert.deepStrictEqual(seen.log, ["before"])
        }).pipe(withPool()))
    }

    it.effect("acts and returns, also where nothing can be interrupted", () =>
      Effect.gen(function*() {
        const seen = trace()
        const task = yield* work("a", ({ id }) =>
          Effect.uninterruptible(Effect.andThen(cancelSelf(id), seen.push("after"))))
        canceled(yield* task.exit)
        assert.deepStrictEqual(seen.log, ["after"])
      }).pipe(withPool()))

    it.effect("acts and returns in a fiber of the handler, and in its finalizer", () =>
      Effect.gen(function*() {
        const seen = trace()
        const forked = yield* work("a", ({ id }) =>
          Effect.gen(function*() {
            yield* Effect.forkDetach(Effect.uninterruptible(Effect.andThen(cancelSelf(id), seen.push("fiber"))))
            yield* Effect.never
          }))
        canceled(yield* forked.exit)
        yield* settleTurns
        const finalized = yield* work("b", ({ id }) =>
          Effect.as(
            Effect.addFinalizer(() =>
              Effect.ignore(Effect.andThen(Effect.orDie(cancelSelf(id)), seen.push("finalizer")))
            ),
            1
          ))
        assert.deepStrictEqual(yield* finalized.exit, Exit.succeed(1))
        assert.deepStrictEqual(seen.log, ["fiber", "finalizer"])
      }).pipe(withPool()))

    it.effect("acts and returns in its hooks, and changes nothing", () =>
      Effect.gen(function*() {
        const seen = trace()
        const task = yield* work("a")
        yield* task.onExit(() => Effect.andThen(task.cancel(), seen.push("onExit")))
        yield* task.onSuccess(() => Effect.andThen(task.cancel(), seen.push("onSuccess")))
        assert.strictEqual(yield* task.await, "a")
        assert.deepStrictEqual(seen.log, ["onExit", "onSuccess"])
      }).pipe(withPool()))

    it.effect("acts and returns in the hooks of a task that never started", () =>
      Effect.gen(function*() {
        const seen = trace()
        yield* work("busy", () => Effect.never)
        const task = yield* work("a")
        yield* task.onFailure(() => Effect.andThen(task.cancel(), seen.push("onFailure")))
        yield* task.cancel({ reason: "first" })
        assert.strictEqual(canceled(yield* task.exit).reason, "first")
        assert.deepStrictEqual(seen.log, ["onFailure"])
      }).pipe(withPool({ workers: 1 })))
  })

  it.effect("of an exited task does nothing", () =>
    Effect.gen(function*() {
      const task = yield* work("a", () => Effect.succeed("value"))
      yield* task.await
      yield* task.cancel({ reason: "late" })
      assert.deepStrictEqual(yield* task.exit, Exit.succeed("value"))
      assert.deepStrictEqual((yield* task.status).exitStatus, Option.some("success"))
    }).pipe(withPool()))

  it.effect("leaves the order of what stays queued", () =>
    Effect.gen(function*() {
      const seen = trace()
      const held = gate()
      yield* work("busy", () => held.wait)
      const tasks = yield* Effect.forEach(["a", "b", "c", "d", "e"], (id) => work(id, () => seen.push(id)))
      yield* tasks[1]!.cancel()
      yield* tasks[3]!.cancel()
      yield* held.open
      yield* tasks[4]!.await
      assert.deepStrictEqual(seen.log, ["a", "c", "e"])
    }).pipe(withPool({ workers: 1 })))

  it.effect("of an exited task does not wait for its hooks", () =>
    Effect.gen(function*() {
      const held = gate()
      const task = yield* work("a")
      yield* task.onExit(() => held.wait)
      yield* awaitState(task, "Exited")
      const cancel = yield* Effect.forkChild(task.cancel(), { startImmediately: true })
      yield* settleTurns
      assert.deepStrictEqual(cancel.pollUnsafe(), Exit.void)
      yield* held.open
      assert.strictEqual(yield* task.await, "a")
    }).pipe(withPool()))
})
