import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Option, Scope, Stream } from "effect"
import { TaskPool, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
  canceled,
  gate,
  type ScriptedTask,
  settleTurns,
  stateOf,
  testPool,
  trace,
  withPool,
  work
} from "../support.ts"

/** A worker pool that the test closes itself. */
const closable = (options?: Parameters<typeof testPool>[0]) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(testPool(options), scope)
    return { provide: Effect.provide(context), close: Scope.close(scope, Exit.void) }
  })

const returns = <A, E, R>(name: string, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(Effect.exit(effect))
    yield* settleTurns
    assert.isDefined(fiber.pollUnsafe(), `${name} does not return`)
  })

describe("6.11 Shutdown", () => {
  it.effect("120. with a worker blocked and tasks queued, shutdown ends when the running task does, at once", () =>
    Effect.gen(function*() {
      const { close, provide } = yield* closable({ workers: 1 })
      yield* provide(Effect.gen(function*() {
        const held = gate()
        const busy = yield* work("busy", () => Effect.uninterruptible(held.wait))
        const queued = yield* Effect.forEach(["a", "b", "c"], (id) => work(id))
        yield* awaitState(busy, "Running")
        const closing = yield* Effect.forkChild(close)
        yield* settleTurns
        assert.isUndefined(closing.pollUnsafe())
        yield* held.open
        yield* Fiber.join(closing)
        assert.isTrue((yield* Effect.forEach([busy, ...queued], stateOf)).every((state) => state === "Exited"))
      }))
    }))

  it.effect("121. a task queued at shutdown ends canceled: its waiters return and its hooks run", () =>
    Effect.gen(function*() {
      const { close, provide } = yield* closable({ workers: 1 })
      yield* provide(Effect.gen(function*() {
        const seen = trace()
        yield* work("busy", () => Effect.never)
        const tasks = [yield* work("a", () => seen.push("ran")), yield* work("b", undefined, { delay: "1 hour" })]
        const waiters = []
        for (const task of tasks) {
          yield* task.onExit(() => seen.push("hook"))
          waiters.push(yield* Effect.forkChild(task.exit))
        }
        yield* settleTurns
        yield* close
        assert.deepStrictEqual(seen.log, ["hook", "hook"])
        for (const exit of yield* Fiber.joinAll(waiters)) assert.strictEqual(canceled(exit).reason, "shutdown")
      }))
    }))

  it.effect("122. running and sleeping tasks of every pool are interrupted at shutdown, and awaited", () =>
    Effect.gen(function*() {
      const { close, provide } = yield* closable()
      yield* provide(Effect.scoped(Effect.gen(function*() {
        const seen = trace()
        const pool = yield* TaskPool.make()
        const children: Array<ScriptedTask> = []
        const stop = Effect.ensuring(Effect.never, Effect.andThen(settleTurns, seen.push("stopped")))
        const tasks = [
          yield* work("global", () => stop),
          yield* work("pool", () => stop, { pool }),
          yield* work("parent", () =>
            Effect.gen(function*() {
              const child = yield* TaskPool.make()
              children.push(yield* work("child", () => stop, { pool: child }))
              yield* child.join
            }), { pool })
        ]
        yield* awaitState(tasks[2]!, "Sleeping")
        yield* settleTurns
        yield* close
        assert.deepStrictEqual(seen.log, ["stopped", "stopped", "stopped"])
        for (const task of [...tasks, ...children]) canceled(yield* task.exit)
      })))
    }))

  it.effect("123. after shutdown no operation blocks", () =>
    Effect.gen(function*() {
      const { close, provide } = yield* closable({ workers: 1 })
      yield* provide(Effect.scoped(Effect.gen(function*() {
        const workerPool = yield* WorkerPool
        const pool = yield* TaskPool.make()
        const running = yield* work("a", () => Effect.never, { pool })
        const queued = yield* work("b", undefined, { pool })
        yield* awaitState(running, "Running")
        yield* close
        for (const task of [running, queued]) {
          yield* returns("await", task.await)
          yield* returns("exit", task.exit)
          yield* returns("status", task.status)
          yield* returns("progress", Stream.runDrain(task.progress))
          yield* returns("firstProgress", task.firstProgress)
          yield* returns("childPool", task.childPool)
          yield* returns("cancel", task.cancel())
          yield* returns("send", task.send("late"))
          yield* returns("setTimeout", task.setTimeout(10))
          yield* returns("clearTimeout", task.clearTimeout)
          yield* returns("setPriority", task.setPriority(1))
          yield* returns("recompute", task.recompute)
          yield* returns("onExit", task.onExit(() => Effect.void))
        }
        yield* returns("dispatch", work("c"))
        yield* returns("dispatch into the pool", work("d", undefined, { pool }))
        yield* returns("make", TaskPool.make())
        for (const each of [pool, workerPool.global]) {
          yield* returns("seal", each.seal)
          yield* returns("join", each.join)
          yield* returns("settled", each.settled)
          yield* returns("cancel", each.cancel())
          yield* returns("status", each.status)
          yield* returns("changes", Stream.runDrain(each.changes))
          yield* returns("failures", each.failures)
          yield* returns("tasks", each.tasks)
          yield* returns("addFinalizer", each.addFinalizer(() => Effect.void))
        }
        yield* returns("tasks", workerPool.tasks)
        yield* returns("pools", workerPool.pools)
        yield* returns("status", workerPool.status)
        yield* returns("events", Stream.runDrain(workerPool.events))
        yield* returns("resize", workerPool.resize(4))
        yield* returns("pause", workerPool.pause)
        yield* returns("resume", workerPool.resume)
        yield* returns("drain", workerPool.drain)
      })))
    }))

  it.effect("124. drain finishes the queued and delayed work and refuses nothing", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const held = gate()
      const tasks = [
        yield* work("a", () => held.wait),
        yield* work("b", () => work("more")),
        yield* work("c", undefined, { delay: "1 minute" })
      ]
      const drain = yield* Effect.forkChild(workerPool.drain)
      yield* settleTurns
      tasks.push(yield* work("late"))
      yield* held.open
      yield* settleTurns
      assert.isUndefined(drain.pollUnsafe())
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(drain)
      const statuses = yield* Effect.forEach(tasks, (task) => task.status)
      assert.isTrue(statuses.every(({ exitStatus }) => Option.contains(exitStatus, "success")))
      assert.deepInclude(yield* workerPool.status, { complete: 5, dispatched: 5, busy: 0 })
    }).pipe(withPool({ workers: 1 })))

  it.effect("124. shutdown lets live tasks finish for its grace period, then cancels the rest", () =>
    Effect.gen(function*() {
      const { close, provide } = yield* closable({ workers: 1, gracePeriod: "10 seconds" })
      yield* provide(Effect.gen(function*() {
        const short = yield* work("short", () => Effect.sleep("4 seconds"))
        const queued = yield* work("queued", () => Effect.sleep("4 seconds"))
        const long = yield* work("long", () => Effect.sleep("4 seconds"))
        yield* settleTurns
        const closing = yield* Effect.forkChild(close)
        for (let second = 0; second < 10; second++) {
          yield* settleTurns
          assert.isUndefined(closing.pollUnsafe())
          yield* TestClock.adjust("1 second")
        }
        yield* Fiber.join(closing)
        assert.isTrue(Exit.isSuccess(yield* short.exit))
        assert.isTrue(Exit.isSuccess(yield* queued.exit))
        assert.strictEqual(canceled(yield* long.exit).reason, "shutdown")
      }))
    }))

  it.effect("125. a worker pool always has workers: fewer than 1, or NaN, is refused", () =>
    Effect.gen(function*() {
      for (const workers of [0, -3, Number.NaN]) {
        const exit = yield* Effect.exit(Effect.scoped(Layer.build(WorkerPool.layer({ workers }))))
        assert.include(String(Exit.isFailure(exit) && Cause.squash(exit.cause)), "workers cannot be")
      }
    }))

  it.effect("125. a layer used twice is one worker pool", () =>
    Effect.gen(function*() {
      const layer = WorkerPool.layer({ workers: 1 })
      const inside = yield* Effect.gen(function*() {
        const outer = yield* WorkerPool
        const inner = yield* Effect.provide(Effect.service(WorkerPool), layer)
        return [outer, inner]
      }).pipe(Effect.provide(layer))
      assert.strictEqual(inside[0], inside[1])
    }))
})
