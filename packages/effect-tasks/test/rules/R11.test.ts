import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Stream } from "effect"
import { PoolCanceled, TaskPool } from "effect-tasks"
import { awaitState, failure, gate, recordEvents, settleTurns, stateOf, trace, withPool, work } from "../support.ts"

const never = () => Effect.never

const refused = (pool: TaskPool.TaskPool) =>
  Effect.map(Effect.flip(work("refused", undefined, { pool })), ({ job, reason }) => {
    assert.strictEqual(job, "Work")
    assert.deepInclude(reason, { _tag: "PoolClosed", poolId: pool.id })
  })

describe("R11 Seal, cancel, done", () => {
  describe("seal", () => {
    it.effect("closes a pool to those outside, and its tasks go on", () =>
      Effect.gen(function*() {
        const held = gate()
        const pool = yield* TaskPool.make()
        const task = yield* work("a", () => held.wait, { pool })
        yield* pool.seal
        yield* refused(pool)
        const { state, total } = yield* pool.status
        assert.deepStrictEqual([state, total], ["sealed", 1])
        yield* held.open
        yield* task.await
        assert.strictEqual((yield* pool.settled).complete, 1)
      }).pipe(withPool()))

    it.effect("leaves it open to its own unfinished tasks", () =>
      Effect.gen(function*() {
        const held = gate()
        const pool = yield* TaskPool.make()
        yield* work("a", () => Effect.andThen(held.wait, work("b", undefined, { pool })), { pool })
        const join = yield* Effect.forkChild(pool.join)
        yield* settleTurns
        yield* held.open
        const { complete, total } = yield* Fiber.join(join)
        assert.deepStrictEqual([complete, total], [2, 2])
      }).pipe(withPool({ workers: 1 })))

    it.effect("leaves it open to the tasks below its own", () =>
      Effect.gen(function*() {
        const held = gate()
        const pool = yield* TaskPool.make()
        yield* work("a", () =>
          TaskPool.use((own) =>
            work("b", () =>
              TaskPool.use((own) =>
                work("c", () =>
                  Effect.andThen(held.wait, work("d", undefined, { pool })), { pool: own })
              ), { pool: own })
          ), {
          pool
        })
        const join = yield* Effect.forkChild(pool.join)
        yield* settleTurns
        yield* held.open
        const { complete, total } = yield* Fiber.join(join)
        assert.deepStrictEqual([complete, total], [4, 4])
      }).pipe(withPool({ workers: 1 })))

    it.effect("closes it to tasks of other pools", () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        yield* work("keep", never, { pool })
        yield* pool.seal
        yield* (yield* work("stranger", () => Effect.orDie(Effect.mapError(refused(pool), String)))).await
      }).pipe(withPool()))

    it.effect("closes it to the hooks of its own tasks, in which there is no current task", () =>
      Effect.gen(function*() {
        const seen = trace()
        const held = gate()
        const pool = yield* TaskPool.make()
        const task = yield* work("a", () => held.wait, { pool })
        yield* task.onExit(() =>
          Effect.andThen(Effect.orDie(Effect.mapError(refused(pool), String)), seen.push("refused"))
        )
        yield* pool.seal
        yield* held.open
        yield* task.await
        assert.deepStrictEqual(seen.log, ["refused"])
      }).pipe(withPool()))

    it.effect("closes it to a finished task of its own whose fiber lives on", () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        const late = gate()
        const seen = trace()
        const held = gate()
        yield* work("keep", () => held.wait, { pool })
        const task = yield* work("a", () =>
          Effect.forkDetach(
            Effect.andThen(
              late.wait,
              Effect.andThen(Effect.orDie(Effect.mapError(refused(pool), String)), seen.push("refused"))
            )
          ), { pool })
        yield* task.await
        yield* pool.seal
        yield* late.open
        yield* settleTurns
        assert.deepStrictEqual(seen.log, ["refused"])
        yield* held.open
      }).pipe(withPool()))
  })

  describe("cancel", () => {
    it.effect("closes a pool to everyone, its own tasks included", () =>
      Effect.gen(function*() {
        const held = gate()
        const seen = trace()
        const pool = yield* TaskPool.make()
        const task = yield* work("a", () =>
          Effect.uninterruptible(
            Effect.andThen(
              held.wait,
              Effect.andThen(Effect.orDie(Effect.mapError(refused(pool), String)), seen.push("refused"))
            )
          ), {
          pool
        })
        yield* awaitState(task, "Running")
        const cancel = yield* Effect.forkChild(pool.cancel())
        yield* settleTurns
        assert.strictEqual((yield* pool.status).state, "canceled")
        yield* refused(pool)
        yield* held.open
        yield* Fiber.join(cancel)
        assert.deepStrictEqual(seen.log, ["refused"])
        assert.strictEqual((yield* pool.status).state, "done")
        yield* refused(pool)
      }).pipe(withPool()))

    it.effect("of a sealed pool still cancels, and gives the reason", () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        const task = yield* work("a", never, { pool })
        const join = yield* Effect.forkChild(pool.join)
        yield* awaitState(task, "Running")
        yield* pool.cancel({ reason: "enough" })
        const error = yield* Effect.flip(Fiber.join(join))
        assert.deepStrictEqual(error, new PoolCanceled({ poolId: pool.id, reason: "enough" }))
      }).pipe(withPool()))

    it.effect("of an empty pool makes it done, and join says that it was canceled", () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        yield* pool.cancel({ reason: "first" })
        yield* pool.cancel({ reason: "second" })
        assert.strictEqual((yield* pool.status).state, "done")
        const error = failure(yield* Effect.exit(pool.join))
        assert.deepStrictEqual(error, new PoolCanceled({ poolId: pool.id, reason: "first" }))
      }).pipe(withPool()))

    it.effect("tells the readers of changes at once, though tasks still have to stop", () =>
      Effect.gen(function*() {
        const held = gate()
        const pool = yield* TaskPool.make()
        const task = yield* work("a", () => Effect.uninterruptible(held.wait), { pool })
        yield* awaitState(task, "Running")
        const seen = trace()
        yield* Effect.forkChild(Stream.runForEach(pool.changes, ({ state }) => seen.push(state)))
        yield* settleTurns
        const cancel = yield* Effect.forkChild(pool.cancel())
        yield* settleTurns
        assert.deepStrictEqual(seen.log, ["open", "canceled"])
        yield* held.open
        yield* Fiber.join(cancel)
      }).pipe(withPool()))

    it.effect("of a done pool changes nothing", () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        yield* work("a", undefined, { pool })
        const status = yield* pool.join
        yield* pool.cancel()
        assert.deepStrictEqual(yield* pool.join, status)
      }).pipe(withPool()))
  })

  describe("done", () => {
    it.effect("a closed pool that is empty is done", () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        assert.strictEqual((yield* pool.status).state, "open")
        yield* pool.seal
        yield* settleTurns
        assert.strictEqual((yield* pool.status).state, "done")
        const { progress, total } = yield* pool.join
        assert.deepStrictEqual([progress, total], [0, 0])
      }).pipe(withPool()))

    it.effect("a pool whose tasks have all ended is open until it is closed, then done", () =>
      Effect.gen(function*() {
        const seen = trace()
        const pool = yield* TaskPool.make()
        yield* pool.addFinalizer(() => seen.push("done"))
        yield* (yield* work("a", undefined, { pool })).await
        yield* settleTurns
        assert.strictEqual((yield* pool.status).state, "open")
        assert.deepStrictEqual(seen.log, [])
        yield* (yield* work("b", undefined, { pool })).await
        yield* pool.seal
        yield* settleTurns
        assert.strictEqual((yield* pool.status).state, "done")
        assert.deepStrictEqual(seen.log, ["done"])
      }).pipe(withPool()))

    it.effect("a waiter that came before the seal wakes too", () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        yield* (yield* work("a", undefined, { pool })).await
        const waits = yield* Effect.forEach([pool.join, pool.settled, pool.join], (wait) => Effect.forkChild(wait))
        const exits = yield* Effect.forEach(waits, Fiber.await)
        for (const exit of exits) assert.isTrue(Exit.isSuccess(exit))
      }).pipe(withPool()))

    it.effect("a pool is not done while a child pool of its task lives", () =>
      Effect.gen(function*() {
        const held = gate()
        const pool = yield* TaskPool.make()
        yield* work("a", () => TaskPool.use((own) => work("b", () => held.wait, { pool: own })), { pool })
        const join = yield* Effect.forkChild(pool.join)
        yield* settleTurns
        assert.isUndefined(join.pollUnsafe())
        assert.strictEqual((yield* pool.status).state, "sealed")
        yield* held.open
        assert.strictEqual((yield* Fiber.join(join)).total, 2)
      }).pipe(withPool()))

    it.effect("happens once, whatever is called how often", () =>
      Effect.gen(function*() {
        const events = yield* recordEvents
        const seen = trace()
        const pool = yield* TaskPool.make()
        yield* pool.addFinalizer(() => seen.push("finalizer"))
        const task = yield* work("a", undefined, { pool })
        yield* Effect.all([pool.seal, pool.join, pool.seal, pool.settled], { concurrency: "unbounded" })
        yield* Effect.all([pool.cancel(), pool.seal, pool.join, pool.cancel(), task.cancel()])
        yield* settleTurns
        assert.deepStrictEqual(seen.log, ["finalizer"])
        const ours = events.flatMap((event) => "poolId" in event && event.poolId === pool.id ? [event._tag] : [])
        assert.deepStrictEqual(ours.filter((tag) => tag.startsWith("Pool")), ["PoolOpened", "PoolSealed", "PoolDone"])
      }).pipe(withPool()))
  })

  describe("a finalizer", () => {
    it.effect("added when the pool is done runs at once, with the final status", () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        yield* work("a", undefined, { pool })
        const status = yield* pool.join
        const seen: Array<TaskPool.PoolStatus> = []
        yield* pool.addFinalizer((final) => Effect.andThen(Effect.yieldNow, Effect.sync(() => seen.push(final))))
        assert.deepStrictEqual(seen, [status])
        assert.strictEqual(status.state, "done")
      }).pipe(withPool()))

    it.effect("added when the pool is done cannot be interrupted", () =>
      Effect.gen(function*() {
        const [held, seen] = [gate(), trace()]
        const pool = yield* TaskPool.make()
        yield* pool.join
        const adding = yield* Effect.forkChild(
          pool.addFinalizer(() => Effect.andThen(held.wait, seen.push("finalizer"))),
          { startImmediately: true }
        )
        const interrupting = yield* Effect.forkChild(Fiber.interrupt(adding), { startImmediately: true })
        yield* settleTurns
        assert.isUndefined(interrupting.pollUnsafe())
        yield* held.open
        yield* Fiber.join(interrupting)
        assert.deepStrictEqual(seen.log, ["finalizer"])
      }).pipe(withPool()))

    it.effect("that fails or dies skips no other and fails no waiter", () =>
      Effect.gen(function*() {
        const seen = trace()
        const pool = yield* TaskPool.make()
        yield* pool.addFinalizer(() => Effect.fail("broken"))
        yield* pool.addFinalizer(() => Effect.die("broken"))
        yield* pool.addFinalizer(() =>
          Effect.andThen(Effect.addFinalizer(() => seen.push("closed")), seen.push("third"))
        )
        yield* pool.join
        yield* pool.addFinalizer(() => Effect.die("broken"))
        assert.deepStrictEqual(seen.log, ["third", "closed"])
      }).pipe(withPool()))

    it.effect("may dispatch, without a current task", () =>
      Effect.gen(function*() {
        const seen = trace()
        const task = yield* work("a", () =>
          Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            yield* pool.addFinalizer(() =>
              Effect.flatMap(
                Effect.flatMap(work("b"), (next) => next.status),
                ({ parentTaskId }) => seen.push(parentTaskId._tag)
              )
            )
            yield* pool.join
          }))
        yield* task.await
        assert.strictEqual(yield* stateOf(task), "Exited")
        assert.deepStrictEqual(seen.log, ["None"])
      }).pipe(withPool()))
  })
})
