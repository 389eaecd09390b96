import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Schema, Scope, Stream } from "effect"
import { DispatchError, InvalidPayload, Job, PoolClosed, TaskPool, WaitCycle, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import { defect, failure, gate, script, scripted, settleTurns, stateOf, withPool, Work, work } from "../support.ts"

class Unique extends Job.make("Unique", { ...scripted, unique: true }) {}
class Kept extends Job.make("Kept", { ...scripted, persistent: true }) {}
class Newest extends Job.make("Newest", { ...scripted, key: ({ id }) => id, unique: "latest" }) {}
class Reloaded extends Job.make("Reloaded", { payload: { id: Schema.String } }) {}
class PerKey extends Job.make("PerKey", { ...scripted, concurrency: { limit: 1, key: ({ id }) => id[0]! } }) {}

const ids = (count: number, prefix = "") => Array.from({ length: count }, (_, i) => ({ id: `${prefix}${i}` }))

/** What has not a known number of items. */
const lazily = function*<A>(items: Iterable<A>, seen: { made: number, closed: boolean } = { made: 0, closed: false }) {
  try {
    for (const item of items) {
      seen.made++
      yield item
    }
  } finally {
    seen.closed = true
  }
}

const busy = (count: number) =>
  Effect.gen(function*() {
    const held = gate()
    yield* Effect.forEach(ids(count, "busy"), ({ id }) => work(id, () => held.wait))
    yield* settleTurns
    return held
  })

const counts = (pool: TaskPool.TaskPool) =>
  Effect.map(pool.status, ({ canceled, complete, queued, total }) => ({ total, queued, complete, canceled }))

describe("R31 dispatchAll", () => {
  it.effect("makes a task when a slot is free for it, in order, and returns when the last one is made", () =>
    Effect.gen(function*() {
      const held = yield* busy(2)
      const seen = { made: 0, closed: false }
      const all = yield* Effect.forkChild(Work.dispatchAll(lazily(ids(100), seen)), { startImmediately: true })
      yield* settleTurns
      assert.strictEqual(seen.made, 0)
      yield* held.open
      yield* Fiber.join(all)
      assert.deepStrictEqual(seen, { made: 100, closed: true })
      yield* (yield* WorkerPool).drain
      const tasks = yield* Work.tasks
      assert.deepStrictEqual(tasks.slice(2).map(({ payload }) => payload.id), ids(100).map(({ id }) => id))
    }).pipe(withPool({ workers: 2 })))

  it.effect("stands where it was dispatched: later tasks come after its items, higher ones before", () =>
    Effect.gen(function*() {
      const held = yield* busy(1)
      const all = yield* Effect.forkChild(Work.dispatchAll(ids(3)), { startImmediately: true })
      const order: Array<string> = []
      const note = (id: string) => () => Effect.sync(() => order.push(id))
      for (const { id } of ids(3)) yield* script(id, note(id))
      yield* work("later", note("later"))
      yield* work("urgent", note("urgent"), { priority: 5 })
      yield* held.open
      yield* Fiber.join(all)
      yield* (yield* WorkerPool).drain
      assert.deepStrictEqual(order, ["urgent", "0", "1", "2", "later"])
    }).pipe(withPool({ workers: 1 })))

  it.effect("items whose number is known count in the pool at once, of others each when it is made", () =>
    Effect.gen(function*() {
      const held = yield* busy(1)
      const [known, unknown] = [yield* TaskPool.make(), yield* TaskPool.make()]
      const fibers = [
        yield* Effect.forkChild(Work.dispatchAll(ids(5), { pool: known }), { startImmediately: true }),
        yield* Effect.forkChild(Work.dispatchAll(new Set(ids(5)), { pool: known }), { startImmediately: true }),
        yield* Effect.forkChild(Work.dispatchAll(lazily(ids(5)), { pool: unknown }), { startImmediately: true })
      ]
      assert.deepStrictEqual(yield* counts(known), { total: 10, queued: 10, complete: 0, canceled: 0 })
      assert.deepStrictEqual(yield* counts(unknown), { total: 0, queued: 0, complete: 0, canceled: 0 })
      const { dispatched, queued, running } = yield* (yield* WorkerPool).status
      assert.deepStrictEqual({ dispatched, queued, running }, { dispatched: 11, queued: 10, running: 1 })
      yield* held.open
      yield* Effect.forEach(fibers, Fiber.join)
      yield* known.join
      yield* unknown.join
      assert.deepStrictEqual(yield* counts(known), { total: 10, queued: 0, complete: 10, canceled: 0 })
      assert.deepStrictEqual(yield* counts(unknown), { total: 5, queued: 0, complete: 5, canceled: 0 })
    }).pipe(Effect.scoped, withPool({ workers: 1 })))

  it.effect("its pool is not done before, sealed or not", () =>
    Effect.gen(function*() {
      const held = yield* busy(1)
      const pool = yield* TaskPool.make()
      const all = yield* Effect.forkChild(Work.dispatchAll(lazily(ids(200)), { pool }), { startImmediately: true })
      yield* pool.seal
      yield* held.open
      const { complete } = yield* pool.join
      assert.strictEqual(complete, 200)
      yield* Fiber.join(all)
    }).pipe(Effect.scoped, withPool({ workers: 1 })))

  it.effect("a cancel of the pool ends it: items never made are canceled, and total never falls", () =>
    Effect.gen(function*() {
      yield* busy(1)
      const pool = yield* TaskPool.make()
      const seen = { made: 0, closed: false }
      const all = yield* Effect.forkChild(
        Effect.exit(Work.dispatchAll(ids(50), { pool })),
        { startImmediately: true }
      )
      const lazy = yield* Effect.forkChild(Effect.exit(Work.dispatchAll(lazily(ids(5), seen), { pool })), {
        startImmediately: true
      })
      yield* pool.cancel()
      assert.deepStrictEqual(yield* counts(pool), { total: 50, queued: 0, complete: 50, canceled: 50 })
      for (const fiber of [all, lazy]) {
        const error = failure(yield* Fiber.join(fiber)) as DispatchError
        assert.instanceOf(error.reason, PoolClosed)
      }
      assert.strictEqual(seen.made, 0)
    }).pipe(Effect.scoped, withPool({ workers: 1 })))

  it.effect("interrupted, it makes no more; what it has made goes on", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const held = gate()
      for (const { id } of ids(10)) yield* script(id, () => held.wait)
      const all = yield* Effect.forkChild(Work.dispatchAll(ids(10), { pool }), { startImmediately: true })
      yield* settleTurns
      yield* Fiber.interrupt(all)
      assert.deepStrictEqual(yield* counts(pool), { total: 10, queued: 0, complete: 8, canceled: 8 })
      yield* held.open
      const { canceled, complete } = yield* pool.join
      assert.deepStrictEqual([complete, canceled], [10, 8])
    }).pipe(Effect.scoped, withPool({ workers: 2 })))

  it.effect("a payload that does not fit fails the call, and an iterator that throws kills it; tasks already made go on", () =>
    Effect.gen(function*() {
      const bad = [{ id: "a" }, { id: 5 as any }, { id: "c" }]
      const invalid = failure(yield* Effect.exit(Work.dispatchAll(bad))) as DispatchError
      assert.instanceOf(invalid.reason, InvalidPayload)
      const throwing = function*() {
        yield { id: "d" }
        throw new Error("no more")
      }
      assert.include(String(defect(yield* Effect.exit(Work.dispatchAll(throwing())))), "no more")
      yield* (yield* WorkerPool).drain
      assert.deepStrictEqual((yield* Work.tasks).map(({ payload }) => payload.id), ["a", "d"])
      const { canceled, complete } = yield* (yield* WorkerPool).status
      assert.deepStrictEqual([complete, canceled], [4, 2])
    }).pipe(withPool({ workers: 1 })))

  it.effect("at most `ahead` of its tasks wait unstarted behind keys", () =>
    Effect.gen(function*() {
      const held = gate()
      yield* script("a-holder", () => held.wait)
      yield* PerKey.dispatch({ id: "a-holder" })
      yield* settleTurns
      const seen = { made: 0, closed: false }
      const all = yield* Effect.forkChild(PerKey.dispatchAll(lazily(ids(100, "a"), seen), { ahead: 7 }), {
        startImmediately: true
      })
      yield* settleTurns
      assert.strictEqual(seen.made, 7)
      yield* held.open
      yield* Fiber.join(all)
      assert.strictEqual(seen.made, 100)
    }).pipe(withPool({}, PerKey)))

  it.effect("delays, priorities and timeouts are those of each task", () =>
    Effect.gen(function*() {
      yield* Work.dispatchAll(ids(3), { delay: "1 second", priority: 3 })
      const [task] = yield* Work.tasks
      assert.strictEqual((yield* task!.status).priority, 3)
      assert.deepStrictEqual((yield* task!.status).waitingFor, Option.some("delay"))
      yield* TestClock.adjust("1 second")
      yield* (yield* WorkerPool).drain
    }).pipe(withPool()))

  it.effect("takes no capacity, and others find theirs", () =>
    Effect.gen(function*() {
      const held = yield* busy(1)
      const all = yield* Effect.forkChild(Work.dispatchAll(ids(100)), { startImmediately: true })
      yield* settleTurns
      const other = yield* work("other")
      assert.strictEqual(yield* stateOf(other), "Queued")
      yield* held.open
      yield* Fiber.join(all)
    }).pipe(withPool({ workers: 1, capacity: 1, onFull: "fail" })))

  it.effect("an item that joins a task of the pool counts once, as a dispatch of it would", () =>
    Effect.gen(function*() {
      const held = gate()
      yield* script("a", () => held.wait)
      const pool = yield* TaskPool.make()
      yield* Unique.dispatchAll([{ id: "a" }, { id: "a" }, { id: "b" }], { pool })
      yield* held.open
      yield* pool.join
      assert.deepStrictEqual(yield* counts(pool), { total: 2, queued: 0, complete: 2, canceled: 0 })
      const again = yield* TaskPool.make()
      yield* Kept.run({ id: "k" })
      yield* Kept.dispatchAll([{ id: "k" }, { id: "k" }], { pool: again })
      yield* again.join
      assert.deepStrictEqual(yield* counts(again), { total: 1, queued: 0, complete: 1, canceled: 0 })
    }).pipe(Effect.scoped, withPool({ workers: 2 }, Unique, Kept)))

  it.effect("inside a handler it sleeps: a tree completes with one worker", () =>
    Effect.gen(function*() {
      const parent = yield* work("parent", () => TaskPool.use((pool) => Work.dispatchAll(ids(200), { pool })))
      yield* parent.await
      assert.strictEqual((yield* (yield* WorkerPool).status).complete, 201)
    }).pipe(withPool({ workers: 1 })))

  it.effect("an item that would stand behind who dispatches it dies of the ring", () =>
    Effect.gen(function*() {
      yield* script("a", () => TaskPool.use((pool) => Unique.dispatchAll([{ id: "a" }], { pool })))
      assert.instanceOf(defect(yield* (yield* Unique.dispatch({ id: "a" })).exit), WaitCycle)
    }).pipe(withPool({ workers: 1 }, Unique)))

  describe("of a Stream", () => {
    it.effect("pulls one chunk ahead, and makes all its items", () =>
      Effect.gen(function*() {
        const held = yield* busy(1)
        let pulled = 0
        const items = Stream.range(0, 99).pipe(
          Stream.rechunk(10),
          Stream.mapArray((chunk) => {
            pulled += chunk.length
            return chunk
          }),
          Stream.map((n) => ({ id: String(n) }))
        )
        const pool = yield* TaskPool.make()
        const all = yield* Effect.forkChild(Work.dispatchAll(items, { pool }), { startImmediately: true })
        yield* settleTurns
        assert.strictEqual(pulled, 20)
        yield* held.open
        yield* Fiber.join(all)
        assert.strictEqual((yield* pool.join).complete, 100)
      }).pipe(Effect.scoped, withPool({ workers: 1 })))

    it.effect("its failure is the call's; tasks already made go on", () =>
      Effect.gen(function*() {
        const items = Stream.concat(Stream.succeed({ id: "a" }), Stream.fail("broken" as const))
        const exit = yield* Effect.exit(Work.dispatchAll(items))
        assert.strictEqual(failure(exit), "broken")
        yield* (yield* WorkerPool).drain
      }).pipe(withPool()))

    it.effect("that never ends is ended by the pool's cancel", () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        const all = yield* Effect.forkChild(Effect.exit(Work.dispatchAll(Stream.never, { pool })), {
          startImmediately: true
        })
        yield* settleTurns
        yield* pool.cancel()
        assert.isTrue(Exit.isFailure(yield* Fiber.join(all)))
      }).pipe(Effect.scoped, withPool()))
  })

  it.effect("goes on with the newest layer of its job when an older one closes", () =>
    Effect.gen(function*() {
      const served: Array<string> = []
      const held = gate()
      const serve = (by: string) =>
        Layer.build(
          Reloaded.toLayer(({ id }) => Effect.andThen(held.wait, Effect.sync(() => served.push(`${by} ${id}`))))
        )
      const older = yield* Scope.make()
      yield* Scope.provide(serve("older"), older)
      const all = yield* Effect.forkChild(
        Reloaded.dispatchAll(ids(3)) as Effect.Effect<void, DispatchError, WorkerPool>, // its layers come by hand
        { startImmediately: true }
      )
      yield* settleTurns
      yield* serve("newer")
      yield* Scope.close(older, Exit.void)
      yield* held.open
      yield* Fiber.join(all)
      yield* (yield* WorkerPool).drain
      assert.deepStrictEqual(served, ["newer 1", "newer 2"])
    }).pipe(Effect.scoped, withPool({ workers: 1 })))

  it.effect("a length that is no count counts nothing", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const held = yield* busy(1)
      for (const length of [-2, 1.5, NaN, "3"]) {
        yield* Effect.forkChild(Work.dispatchAll(Object.assign(lazily(ids(1)), { length }), { pool }), {
          startImmediately: true
        })
        assert.strictEqual((yield* pool.status).total, 0)
      }
      yield* held.open
      yield* pool.join
      assert.deepStrictEqual(yield* counts(pool), { total: 4, queued: 0, complete: 4, canceled: 0 })
    }).pipe(Effect.scoped, withPool({ workers: 1 })))

  it.effect("a pool whose cancel ends it is told of as canceled before it is done", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      yield* Effect.forkChild(
        Stream.runForEach((yield* WorkerPool).events, ({ _tag }) => Effect.sync(() => told.push(_tag))),
        { startImmediately: true }
      )
      const held = yield* busy(1)
      const pool = yield* TaskPool.make()
      yield* Effect.forkChild(Effect.exit(Work.dispatchAll(ids(2), { pool })), { startImmediately: true })
      yield* pool.seal
      yield* pool.cancel()
      yield* settleTurns
      assert.deepStrictEqual(told.slice(-3), ["PoolSealed", "PoolSealed", "PoolDone"])
      yield* held.open
    }).pipe(Effect.scoped, withPool({ workers: 1 })))

  describe("and a drain inside a task", () => {
    it.effect("waits for items of which nobody knows how many there are", () =>
      Effect.gen(function*() {
        const made = { made: 0, closed: false }
        const held = gate()
        yield* script("drains", () => Effect.andThen(held.wait, Effect.flatMap(WorkerPool, ({ drain }) => drain)))
        const drains = yield* Work.dispatch({ id: "drains" })
        yield* settleTurns
        const all = yield* Effect.forkChild(Work.dispatchAll(lazily(ids(3), made)), { startImmediately: true })
        yield* held.open
        yield* drains.await
        assert.strictEqual(made.made, 3)
        yield* Fiber.join(all)
      }).pipe(withPool({ workers: 1 })))

    it.effect("leaves out those that wait for that task", () =>
      Effect.gen(function*() {
        const held = gate()
        yield* script("drains", () => Effect.andThen(held.wait, Effect.flatMap(WorkerPool, ({ drain }) => drain)))
        const drains = yield* Newest.dispatch({ id: "drains" })
        yield* settleTurns
        const items = [{ id: "drains" }, { id: "last" }]
        const all = yield* Effect.forkChild(Newest.dispatchAll(items, { ahead: 1 }), { startImmediately: true })
        yield* settleTurns
        yield* script("drains", () => Effect.void)
        yield* held.open
        yield* drains.await
        yield* Fiber.join(all)
        yield* (yield* WorkerPool).drain
      }).pipe(withPool({}, Newest)))

    it.effect("leaves out the items that its own Stream would bring", () =>
      Effect.gen(function*() {
        yield* script("drains", () => {
          const drain = Stream.fromEffect(Effect.flatMap(WorkerPool, ({ drain }) => Effect.as(drain, { id: "after" })))
          return Work.dispatchAll(drain)
        })
        yield* (yield* Work.dispatch({ id: "drains" })).await
        yield* (yield* WorkerPool).drain
      }).pipe(withPool({})))
  })

  it.effect("refuses what cannot work", () =>
    Effect.gen(function*() {
      const refusals = [
        yield* Effect.exit(Work.dispatchAll(5 as any)),
        yield* Effect.exit(Work.dispatchAll([], { ahead: 0 })),
        yield* Effect.exit(Work.dispatchAll([], { delay: "Infinity" as any }))
      ]
      assert.deepStrictEqual(refusals.map((exit) => String(defect(exit)).slice(0, 30)), [
        `Error: Job "Work": the items c`,
        `Error: Job "Work": ahead canno`,
        `Error: Job "Work": delay canno`
      ])
    }).pipe(withPool()))

  it.effect("a cancel of GLOBAL ends it", () =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      const held = yield* busy(1)
      const all = yield* Effect.forkChild(Effect.exit(Work.dispatchAll(ids(3))), { startImmediately: true })
      yield* settleTurns
      yield* global.cancel()
      const exit = yield* Fiber.join(all)
      assert.instanceOf((failure(exit) as DispatchError).reason, PoolClosed)
      yield* held.open
    }).pipe(withPool({ workers: 1 })))

  it.effect("an iterator that it has begun and leaves is closed", () =>
    Effect.gen(function*() {
      const seen = { made: 0, closed: false }
      yield* Work.pause()
      const all = yield* Effect.forkChild(Work.dispatchAll(lazily(ids(3), seen), { ahead: 1 }), {
        startImmediately: true
      })
      yield* settleTurns
      assert.deepStrictEqual(seen, { made: 1, closed: false })
      yield* Fiber.interrupt(all)
      yield* settleTurns
      assert.deepStrictEqual(seen, { made: 1, closed: true })
      yield* Work.resume
    }).pipe(withPool()))

  it.effect("a drain waits for items that are no tasks yet", () =>
    Effect.gen(function*() {
      const { drain, pause, resume } = yield* WorkerPool
      yield* pause
      const all = yield* Effect.forkChild(Work.dispatchAll([{ id: "a" }].values()), { startImmediately: true })
      const drained = yield* Effect.forkChild(drain, { startImmediately: true })
      yield* settleTurns
      assert.isUndefined(drained.pollUnsafe())
      yield* resume
      yield* Fiber.join(all)
      yield* Fiber.join(drained)
    }).pipe(withPool()))

  it.effect("an empty list returns at once", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      yield* Work.dispatchAll([], { pool })
      assert.strictEqual((yield* pool.join).total, 0)
    }).pipe(Effect.scoped, withPool()))

  it("types the items by the job's payload", () => {
    class Counted extends Job.make("Counted", { payload: { n: Schema.Int } }) {}
    // @ts-expect-error: not its payload
    const wrong = () => Counted.dispatchAll([{ n: "1" }])
    assert.isFunction(wrong)
  })
})
