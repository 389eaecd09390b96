import { assert, describe } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Scope, Stream } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import { canceled, failure, gate, script, scripted, TestError, trace, work } from "../support.ts"
import { outcomeOf, overlap, race, refusalOf, together } from "./race.ts"

class Once extends Job.make("Once", { ...scripted, unique: true }) {}

describe("D. The end of pools under every schedule", () => {
  race(
    "D1: a seal that races with the last exit completes the pool",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const task = yield* work("a", undefined, { pool })
      yield* together(task.exit, Effect.andThen(Effect.yieldNow, pool.seal), Stream.runDrain(pool.changes))
      assert.deepInclude(yield* pool.join, { state: "done", complete: 1 })
    })
  )

  race(
    "D1: an empty pool that several seal and join is done once",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const seen = trace()
      const pool = yield* TaskPool.make()
      yield* pool.addFinalizer(() => Effect.andThen(Effect.yieldNow, seen.push("finalizer")))
      const join = Effect.andThen(pool.join, seen.push("joined"))
      yield* together(pool.seal, join, join, pool.seal)
      assert.deepStrictEqual(seen.log, ["finalizer", "joined", "joined"])
    })
  )

  race(
    "D2: a cancel of a pool with nothing left releases its waiters",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      yield* Effect.flatMap(work("a", undefined, { pool }), (task) => task.exit)
      const reading = yield* Effect.forkChild(Stream.runLast(pool.changes))
      yield* together(pool.cancel(), Effect.exit(pool.join), pool.settled)
      assert.strictEqual(Option.getOrThrow(yield* Fiber.join(reading)).state, "done")
    })
  )

  race(
    "D3: a finalizer that is added while the pool ends runs exactly once, before the addition returns or the join does",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const seen = trace()
      const pool = yield* TaskPool.make()
      yield* pool.addFinalizer(() => Effect.andThen(Effect.yieldNow, seen.push("first")))
      yield* work("a", undefined, { pool })
      const add = (name: string) => pool.addFinalizer(() => Effect.andThen(Effect.yieldNow, seen.push(name)))
      yield* together(
        pool.join,
        add("b"),
        Effect.andThen(Effect.yieldNow, add("c")),
        Effect.andThen(pool.seal, add("d"))
      )
      assert.strictEqual(seen.log[0], "first")
      assert.sameMembers(seen.log, ["first", "b", "c", "d"])
    })
  )

  race(
    "D4: no wait returns before the hooks of the last task have ended",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const seen = trace()
      const pool = yield* TaskPool.make()
      const tasks = yield* Effect.forEach(
        ["a", "b"],
        (id) => work(id, (self) => self.onExit(() => Effect.andThen(Effect.yieldNow, seen.push("hook"))), { pool })
      )
      const after = seen.push("waited")
      yield* together(
        Effect.andThen(pool.join, after),
        Effect.andThen(pool.settled, after),
        Effect.andThen(Effect.forEach(tasks, (task) => task.exit), after)
      )
      assert.deepStrictEqual(seen.log, ["hook", "hook", "waited", "waited", "waited"])
    })
  )

  race(
    "D5: GLOBAL never closes, whatever seals, joins and cancels it",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      const task = yield* work("a", () => Effect.never)
      yield* together(global.seal, global.join, Effect.andThen(Effect.yieldNow, global.cancel()), global.settled)
      canceled(yield* task.exit)
      assert.strictEqual(yield* Effect.flatMap(work("b"), (next) => next.await), "b")
    })
  )

  race(
    "D7: the failure of a nested task is its parent's business, and in the list of every pool above it",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const parent = yield* work("parent", () =>
        Effect.gen(function*() {
          const below = yield* TaskPool.make()
          const task = yield* work("a", () => new TestError({ id: "a" }), { pool: below })
          const [joined] = yield* Effect.all([Effect.exit(below.join), task.exit], { concurrency: "unbounded" })
          return (failure(joined) as { readonly _tag: string })._tag
        }), { pool })
      yield* together(pool.join, parent.exit)
      assert.strictEqual(yield* parent.await, "ChildTaskFailed")
      assert.strictEqual((yield* pool.failures).length, 1)
      assert.deepInclude(yield* pool.status, { total: 2, complete: 2, failed: 1 })
    })
  )

  race(
    "D8: a task that is cancelled while it is queued still completes its pool",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const held = gate()
      const pool = yield* TaskPool.make()
      yield* work("a", () => held.wait, { pool })
      const queued = yield* work("b", undefined, { pool })
      yield* together(queued.cancel(), pool.settled, Effect.andThen(Effect.yieldNow, held.open))
      assert.deepInclude(yield* pool.status, { state: "done", total: 2, complete: 2 })
    })
  )

  race(
    "D9: waiters that give up while the pool ends hold nobody up",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const task = yield* work("a", () => Effect.yieldNow, { pool })
      const fibers = yield* Effect.forEach(
        [pool.join, pool.settled, task.exit, pool.join],
        (wait) => Effect.forkChild(wait as Effect.Effect<unknown, unknown>)
      )
      yield* together(Fiber.interrupt(fibers[0]!), Fiber.interrupt(fibers[2]!), Fiber.await(fibers[1]!))
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(fibers[3]!)))
    })
  )

  race(
    "a dispatch that races with the seal is refused, or its task is waited for",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const dispatched = Effect.exit(work("a", () => Effect.yieldNow, { pool }))
      const [exit, status] = yield* Effect.all([
        Effect.andThen(Effect.yieldNow, dispatched),
        Effect.andThen(Effect.yieldNow, pool.join)
      ], { concurrency: "unbounded" })
      if (Exit.isFailure(exit)) assert.strictEqual(refusalOf(exit), "PoolClosed")
      assert.strictEqual(status.complete, Exit.isSuccess(exit) ? 1 : 0)
    })
  )

  race(
    "what its own tasks dispatch into a sealed pool is taken as long as they live",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const task = yield* work("a", () =>
        Effect.gen(function*() {
          yield* Effect.yieldNow
          return yield* Effect.exit(work("b", undefined, { pool }))
        }), { pool })
      yield* pool.seal
      yield* together(pool.join, Effect.andThen(task.exit, Effect.exit(work("c", undefined, { pool }))))
      assert.isTrue(Exit.isSuccess((yield* task.await) as Exit.Exit<unknown>))
      assert.strictEqual((yield* pool.status).total, 2)
    })
  )

  race(
    "the first failure cancels the rest, and join reports the failures alone",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const pool = yield* TaskPool.make({ onFailure: "cancel" })
      const fail = (id: string) => Effect.andThen(Effect.yieldNow, new TestError({ id }))
      const tasks = yield* Effect.forEach(
        ["a", "b", "c"],
        (id) => Effect.exit(work(id, () => id === "c" ? Effect.never : fail(id), { pool }))
      )
      const joined = yield* Effect.exit(pool.join)
      const ends = yield* Effect.forEach(
        tasks.filter(Exit.isSuccess),
        ({ value }) => Effect.map(value.exit, outcomeOf)
      )
      const error = failure(joined) as { readonly _tag: string, readonly total: number }
      assert.strictEqual(error._tag, "ChildTaskFailed")
      assert.strictEqual(error.total, ends.filter((end) => end === "error").length)
      assert.isTrue(ends.every((end) => end === "error" || end === "canceled"))
    })
  )

  race(
    "a reader of changes sees every count go up to the last one, then the end",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const seen: Array<TaskPool.PoolStatus> = []
      const read = Stream.runForEach(
        pool.changes,
        (status) => Effect.andThen(Effect.yieldNow, Effect.sync(() => seen.push(status)))
      )
      const add = Effect.forEach(["a", "b"], (id) => work(id, () => Effect.yieldNow, { pool }))
      yield* together(read, Effect.andThen(add, pool.join))
      assert.isTrue(seen.every(({ complete }, i) => i === 0 || complete >= seen[i - 1]!.complete))
      assert.deepInclude(seen.at(-1), { state: "done", total: 2, complete: 2 })
    })
  )

  race(
    "a scope that closes while its pool is filled leaves no task behind",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(TaskPool.make(), scope)
      const fill = Effect.forEach(
        ["a", "b", "c"],
        (id) => Effect.andThen(Effect.yieldNow, Effect.exit(work(id, () => Effect.never, { pool })))
      )
      const [exits] = yield* Effect.all([fill, Effect.andThen(Effect.yieldNow, Scope.close(scope, Exit.void))], {
        concurrency: "unbounded"
      })
      for (const exit of exits) {
        if (Exit.isSuccess(exit)) canceled(yield* exit.value.exit)
        else assert.strictEqual(refusalOf(exit), "PoolClosed")
      }
    })
  )

  race(
    "a fiber that is interrupted while it makes pools leaves none open",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const making = yield* Effect.forkChild(Effect.scoped(Effect.repeat(TaskPool.make(), { times: 3 })))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(making)
      for (const pool of yield* WorkerPool.use(({ pools }) => pools)) {
        assert.strictEqual((yield* pool.status).state, pool.isGlobal ? "open" : "done")
      }
    })
  )

  race(
    "a nursery that is interrupted while it fills its pool has stopped all of it when it ends",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const { enter, seen } = overlap()
      const ids = ["a", "b", "c"]
      yield* Effect.forEach(ids, (id) => script(id, () => Effect.andThen(enter, Effect.never)))
      const running = yield* Effect.forkChild(TaskPool.forEach(ids, (id, pool) => work(id, undefined, { pool })))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(running)
      assert.strictEqual(seen.inside, 0)
    })
  )

  race(
    "a pool's cancel lets go of a task that another pool joins meanwhile, or stops it",
    { workers: 2 },
    [Once],
    Effect.gen(function*() {
      const held = gate()
      yield* script("k", () => Effect.as(held.wait, "done"))
      const [first, second] = [yield* TaskPool.make(), yield* TaskPool.make()]
      const task = yield* Once.dispatch({ id: "k" }, { pool: first })
      const join = Effect.andThen(Effect.yieldNow, Once.dispatch({ id: "k" }, { pool: second }))
      const [joined] = yield* Effect.all([join, Effect.andThen(Effect.yieldNow, first.cancel())], {
        concurrency: "unbounded"
      })
      yield* held.open
      yield* together(first.settled, second.settled)
      assert.deepInclude(yield* first.status, { total: 1, complete: 1, canceled: 1 })
      assert.deepInclude(yield* second.status, { total: 1, complete: 1, canceled: 0 })
      assert.strictEqual(outcomeOf(yield* joined.exit), "success")
      assert.strictEqual(outcomeOf(yield* task.exit), joined.id === task.id ? "success" : "canceled")
    })
  )
})
