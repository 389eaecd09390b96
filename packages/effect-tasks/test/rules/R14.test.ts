import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Queue, Scope } from "effect"
import { type DispatchError, type Task, TaskPool, WorkerPool } from "effect-tasks"
import {
  awaitState,
  canceled,
  eventually,
  failure,
  gate,
  recordEvents,
  type Script,
  settleTurns,
  stateOf,
  trace,
  withPool,
  work
} from "../support.ts"

const parentOf = (task: Pick<Task.Any, "status">) => Effect.map(task.status, (s) => Option.getOrNull(s.parentTaskId))

/** Starts a task that leaves this effect behind in a detached fiber, and ends it before the effect goes on. */
const leftBehind = (f: (task: Parameters<Script>[0]) => ReturnType<Script>) =>
  Effect.gen(function*() {
    const held = gate()
    let fiber: Fiber.Fiber<unknown, unknown> | undefined
    const task = yield* work("left", (self) =>
      Effect.gen(function*() {
        fiber = yield* Effect.forkDetach(Effect.scoped(Effect.andThen(held.wait, f(self))), { startImmediately: true })
      }))
    yield* task.await
    yield* held.open
    return { task, exit: Fiber.await(fiber!), fiber: fiber! }
  })

describe("R14 Whose task it is", () => {
  describe("a task dispatched without a pool", () => {
    it.effect("goes to GLOBAL, from outside and from inside a task", () =>
      Effect.gen(function*() {
        const { global } = yield* WorkerPool
        const outside = yield* work("outside")
        const task = yield* work("inside", () => Effect.andThen(TaskPool.make(), work("below")))
        const below = (yield* task.await) as Task.Any
        for (const one of [outside, task, below]) {
          assert.isTrue(one.pool.isGlobal)
          assert.strictEqual((yield* one.status).poolId, global.id)
        }
      }).pipe(withPool()))

    it.effect("survives the cancel of the task that dispatched it", () =>
      Effect.gen(function*() {
        const held = gate()
        let below: Task.Any | undefined
        const task = yield* work("a", () =>
          Effect.gen(function*() {
            below = yield* work("below", () => held.wait)
            yield* below.exit
          }))
        yield* awaitState(task, "Sleeping")
        yield* awaitState(below!, "Running")
        yield* task.cancel()
        canceled(yield* task.exit)
        assert.strictEqual(yield* stateOf(below!), "Running")
        yield* held.open
        assert.isTrue(Exit.isSuccess(yield* below!.exit))
      }).pipe(withPool()))

    it.effect("survives the end of the task that dispatched it", () =>
      Effect.gen(function*() {
        const held = gate()
        const task = yield* work("a", () => work("below", () => Effect.as(held.wait, "whole")))
        const below = (yield* task.await) as Task.Any
        yield* settleTurns
        assert.strictEqual(yield* stateOf(below), "Running")
        yield* held.open
        assert.strictEqual(yield* below.await, "whole")
      }).pipe(withPool()))

    it.effect("survives the interruption of the fiber that dispatched it", () =>
      Effect.gen(function*() {
        const held = gate()
        let task: Task.Any | undefined
        const fiber = yield* Effect.forkChild(Effect.gen(function*() {
          task = yield* work("a", () => held.wait)
          yield* task.await
        }))
        yield* eventually("dispatched", Effect.sync(() => task !== undefined))
        yield* Fiber.interrupt(fiber)
        yield* settleTurns
        assert.strictEqual(yield* stateOf(task!), "Running")
        yield* held.open
        assert.isTrue(Exit.isSuccess(yield* task!.exit))
      }).pipe(withPool()))
  })

  it.effect("a task records which task dispatched it, in GLOBAL and in a pool", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const task = yield* work("a", () => Effect.all([work("b"), work("c", undefined, { pool })]))
      const below = (yield* task.await) as ReadonlyArray<Task.Any>
      assert.deepStrictEqual(yield* Effect.forEach(below, parentOf), [task.id, task.id])
      assert.isNull(yield* parentOf(task))
    }).pipe(withPool()))

  it.effect("a fiber forked in a handler is inside the task", () =>
    Effect.gen(function*() {
      const task = yield* work("a", () => Effect.flatMap(Effect.forkChild(work("b")), Fiber.join))
      assert.strictEqual(yield* parentOf((yield* task.await) as Task.Any), task.id)
    }).pipe(withPool()))

  describe("a pool's task", () => {
    it.effect("survives the fiber that dispatched it", () =>
      Effect.gen(function*() {
        const held = gate()
        const pool = yield* TaskPool.make()
        const fiber = yield* Effect.forkChild(
          Effect.andThen(work("a", () => held.wait, { pool }), Effect.never),
          { startImmediately: true }
        )
        yield* eventually("dispatched", Effect.map(pool.status, ({ total }) => total === 1))
        yield* Fiber.interrupt(fiber)
        yield* settleTurns
        assert.deepInclude(yield* pool.status, { running: 1, canceled: 0 })
        yield* held.open
        assert.deepInclude(yield* pool.join, { complete: 1, canceled: 0, failed: 0 })
      }).pipe(withPool()))

    it.effect("ends with the pool's Scope, whoever dispatched it", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const pool = yield* Scope.provide(TaskPool.make(), scope)
        const task = yield* work("dispatcher", () => work("a", () => Effect.never, { pool }))
        const inPool = (yield* task.await) as Task.Any
        yield* awaitState(inPool, "Running")
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(yield* stateOf(inPool), "Exited")
        canceled(yield* inPool.exit)
      }).pipe(withPool()))
  })

  describe("a finalizer, while the task is Stopping, is inside it:", () => {
    it.effect("it dispatches as that task, and its pools are the task's", () =>
      Effect.gen(function*() {
        let dispatched: Task.Any | undefined
        let pool: TaskPool.TaskPool | undefined
        const task = yield* work("a", () =>
          Effect.addFinalizer(() =>
            Effect.orDie(Effect.gen(function*() {
              dispatched = yield* work("b")
              yield* TaskPool.use((made) => Effect.sync(() => void (pool = made)))
            }))
          ))
        yield* task.await
        assert.strictEqual(yield* parentOf(dispatched!), task.id)
        assert.strictEqual(Option.getOrThrow(pool!.createdBy).id, task.id)
      }).pipe(withPool()))
  })

  describe("what still carries the context of an exited task is outside it:", () => {
    it.effect("its reports do nothing", () =>
      Effect.gen(function*() {
        const { exit, task } = yield* leftBehind((self) => Effect.andThen(self.report(1), self.update(() => 2)))
        assert.isTrue(Exit.isSuccess(yield* exit))
        assert.deepStrictEqual((yield* task.status).progress, Option.none())
      }).pipe(withPool()))

    it.effect("its dispatches have no parent and its pools are roots", () =>
      Effect.gen(function*() {
        let made: TaskPool.TaskPool | undefined
        let dispatched: Task.Any | undefined
        const { exit } = yield* leftBehind(() =>
          Effect.gen(function*() {
            dispatched = yield* work("b")
            made = yield* TaskPool.make()
          })
        )
        assert.isTrue(Exit.isSuccess(yield* exit))
        assert.isNull(yield* parentOf(dispatched!))
        assert.isTrue(made!.isRoot)
        assert.isTrue(Option.isNone(made!.createdBy))
      }).pipe(withPool()))

    it.effect("its dispatches are held back by a full queue", () =>
      Effect.gen(function*() {
        const go = gate()
        const { exit } = yield* leftBehind(() => Effect.andThen(go.wait, work("late")))
        yield* settleTurns
        yield* work("busy", () => Effect.never)
        yield* go.open
        assert.strictEqual((failure(yield* exit) as DispatchError).reason._tag, "QueueFull")
      }).pipe(withPool({ workers: 1, capacity: 0, onFull: "fail" })))

    it.effect("an inbox that it is the first to ask for is shut down", () =>
      Effect.gen(function*() {
        const { fiber } = yield* leftBehind((self) => Queue.take(self.inbox))
        yield* settleTurns
        assert.isDefined(fiber.pollUnsafe())
      }).pipe(withPool()))

    it.effect("a finalizer that it adds to the task's Scope runs at once", () =>
      Effect.gen(function*() {
        const [held, seen] = [gate(), trace()]
        const late = Effect.andThen(held.wait, Effect.addFinalizer(() => seen.push("finalizer")))
        const task = yield* work("left", () => Effect.forkDetach(late, { startImmediately: true }))
        yield* task.await
        yield* held.open
        yield* settleTurns
        assert.deepStrictEqual(seen.log, ["finalizer"])
      }).pipe(withPool()))

    it.effect("its waits go on though the task was cancelled", () =>
      Effect.gen(function*() {
        const [held, end] = [gate(), gate()]
        const other = yield* work("other", () => end.wait)
        let fiber: Fiber.Fiber<unknown, unknown> | undefined
        const task = yield* work("left", () =>
          Effect.gen(function*() {
            fiber = yield* Effect.forkDetach(Effect.andThen(held.wait, other.await), { startImmediately: true })
            return yield* Effect.never
          }))
        yield* awaitState(task, "Running")
        yield* task.cancel()
        yield* held.open
        yield* settleTurns
        yield* end.open
        assert.isTrue(Exit.isSuccess(yield* Fiber.await(fiber!)))
      }).pipe(withPool()))

    it.effect("its waits lend nothing and need no slot", () =>
      Effect.gen(function*() {
        const { status } = yield* WorkerPool
        const events = yield* recordEvents
        const busy = gate()
        const other = yield* work("other", () => busy.wait)
        yield* awaitState(other, "Running")
        const held = gate()
        const { fiber } = yield* leftBehind((self) =>
          Effect.andThen(self.whileSleeping(held.wait), Effect.andThen(other.await, Effect.succeed("late")))
        ).pipe(Effect.tap(() => settleTurns))
        const third = yield* work("third", () => Effect.never)
        yield* awaitState(third, "Running")
        assert.deepInclude(yield* status, { busy: 2, sleeping: 0 })
        yield* held.open
        yield* settleTurns
        assert.isUndefined(fiber.pollUnsafe())
        const fourth = yield* work("fourth", () => Effect.never)
        yield* busy.open
        assert.isTrue(Exit.isSuccess(yield* Fiber.await(fiber)))
        yield* awaitState(fourth, "Running")
        assert.deepStrictEqual(events.filter(({ _tag }) => _tag === "TaskSlept" || _tag === "TaskResumed"), [])
      }).pipe(withPool({ workers: 2 })))
  })
})
