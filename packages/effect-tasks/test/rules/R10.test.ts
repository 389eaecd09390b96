import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Schema, Stream } from "effect"
import { Job, type Task, TaskPool, WorkerPool } from "effect-tasks"
import {
  awaitState,
  elapse,
  eventually,
  gate,
  script,
  scripted,
  type ScriptedTask,
  settleTurns,
  stateOf,
  taskById,
  TestError,
  withPool,
  work
} from "../support.ts"

class Shared extends Job.make("Shared", { ...scripted, unique: true }) {}
class Kept extends Job.make("Kept", { ...scripted, persistent: true }) {}
class KeptShared extends Job.make("KeptShared", { ...scripted, unique: true, persistent: true }) {}

const never = () => Effect.never

const counts = (pool: TaskPool.TaskPool) =>
  Effect.map(pool.status, ({ canceled, complete, failed, queued, running, sleeping, total }) => ({
    canceled,
    complete,
    failed,
    queued,
    running,
    sleeping,
    total
  }))
type Counts = Effect.Success<ReturnType<typeof counts>>
const zero: Counts = { canceled: 0, complete: 0, failed: 0, queued: 0, running: 0, sleeping: 0, total: 0 }

const add = (a: Counts, b: Counts): Counts => ({
  canceled: a.canceled + b.canceled,
  complete: a.complete + b.complete,
  failed: a.failed + b.failed,
  queued: a.queued + b.queued,
  running: a.running + b.running,
  sleeping: a.sleeping + b.sleeping,
  total: a.total + b.total
})

/** What the tasks of the pool itself amount to, from their own statuses. */
const own = (pool: TaskPool.TaskPool) =>
  Effect.gen(function*() {
    let sum = zero
    for (const task of yield* pool.tasks) {
      const { exitStatus, state } = yield* task.status
      sum = add(sum, {
        canceled: Option.contains(exitStatus, "canceled") ? 1 : 0,
        complete: state === "Exited" ? 1 : 0,
        failed: Option.contains(exitStatus, "error") ? 1 : 0,
        queued: state === "Queued" ? 1 : 0,
        running: state === "Running" || state === "Stopping" ? 1 : 0,
        sleeping: state === "Sleeping" ? 1 : 0,
        total: 1
      })
    }
    return sum
  })

const assertSound = (status: Counts) => {
  assert.isAtLeast(Math.min(...Object.values(status)), 0)
  assert.isAtMost(status.complete, status.total)
  assert.isAtMost(status.failed + status.canceled, status.complete)
  assert.strictEqual(status.total, status.queued + status.running + status.sleeping + status.complete)
}

/** For every pool: Σ children + own = shown. */
const assertRollUp = Effect.gen(function*() {
  const pools = yield* (yield* WorkerPool).pools
  const shown = new Map<string, Counts>()
  for (const pool of pools) shown.set(pool.id, yield* counts(pool))
  for (const pool of pools) {
    const sums = pools.filter((other) => Option.exists(other.parent, ({ id }) => id === pool.id)).map(({ id }) =>
      shown.get(id)!
    )
    assertSound(shown.get(pool.id)!)
    assert.deepStrictEqual(shown.get(pool.id), sums.reduce(add, yield* own(pool)), `pool ${pool.id}`)
  }
})

describe("R10 Counts roll up", () => {
  it.effect("a task counts in its pool and in every ancestor, at dispatch and at exit", () =>
    Effect.gen(function*() {
      const held = gate()
      const top = yield* TaskPool.make()
      const pools: Array<TaskPool.TaskPool> = [top]
      const nest = (depth: number): Effect.Effect<unknown, any, any> =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          pools.push(pool)
          yield* work(`${depth}`, depth === 0 ? () => held.wait : () => nest(depth - 1) as any, { pool })
          yield* pool.join
        })
      yield* work("top", () => nest(2) as any, { pool: top })
      yield* eventually("4 pools", Effect.sync(() => pools.length === 4))
      yield* settleTurns
      const dispatched = yield* Effect.forEach(pools, counts)
      assert.deepStrictEqual(dispatched.map(({ total }) => total), [4, 3, 2, 1])
      assert.deepStrictEqual(dispatched.map(({ running }) => running), [1, 1, 1, 1])
      assert.deepStrictEqual(dispatched.map(({ sleeping }) => sleeping), [3, 2, 1, 0])
      yield* held.open
      yield* top.join
      const ended = yield* Effect.forEach(pools, counts)
      assert.deepStrictEqual(ended.map(({ complete, total }) => [complete, total]), [[4, 4], [3, 3], [2, 2], [1, 1]])
    }).pipe(withPool({ workers: 1 })))

  it.effect("the counts of a done child pool stay in its parent", () =>
    Effect.gen(function*() {
      const top = yield* TaskPool.make()
      for (const id of ["a", "b"]) {
        const task = yield* work(id, () =>
          Effect.scoped(Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            yield* work(`${id}/fails`, () => Effect.fail(new TestError({ id })), { pool })
            yield* work(`${id}/works`, undefined, { pool })
            yield* pool.settled
          })), { pool: top })
        yield* task.await
      }
      assert.deepStrictEqual(yield* counts(top), { ...zero, complete: 6, failed: 2, total: 6 })
    }).pipe(withPool()))

  it.effect("progress is complete / total, 0 when empty", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      assert.strictEqual((yield* pool.status).progress, 0)
      for (const id of ["a", "b", "c"]) yield* work(id, undefined, { pool })
      const held = yield* work("held", never, { pool })
      yield* settleTurns
      assert.strictEqual((yield* pool.status).progress, 0.75)
      yield* held.cancel()
      assert.strictEqual((yield* pool.status).progress, 1)
    }).pipe(withPool()))

  it.effect("every status that a pool publishes is one snapshot", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const seen: Array<TaskPool.PoolStatus> = []
      const reader = yield* Effect.forkChild(
        Stream.runForEach(pool.changes, (status) => Effect.sync(() => seen.push(status)))
      )
      for (let i = 0; i < 20; i++) {
        yield* work(`${i}`, (self) => self.whileSleeping(Effect.yieldNow), { pool })
        yield* Effect.yieldNow
      }
      yield* pool.join
      yield* Fiber.join(reader)
      for (const { canceled, complete, failed, progress, queued, running, sleeping, total } of seen) {
        assertSound({ canceled, complete, failed, queued, running, sleeping, total })
        assert.strictEqual(progress, total === 0 ? 0 : complete / total)
      }
      assert.strictEqual(seen.at(-1)!.complete, 20)
    }).pipe(withPool({ workers: 3 })))

  describe("readers of a pool are told of what happens far below", () => {
    /** A pool with a reader, a task in it, and the pool of that task. */
    const nested = Effect.gen(function*() {
      const top = yield* TaskPool.make()
      const made: Array<TaskPool.TaskPool> = []
      yield* work("maker", () =>
        TaskPool.use((pool) => {
          made.push(pool)
          return Effect.never
        }), { pool: top })
      const seen: Array<Counts> = []
      yield* Effect.forkChild(Stream.runForEach(top.changes, () => Effect.map(counts(top), (now) => seen.push(now))))
      yield* settleTurns
      return { top, below: made[0]!, seen }
    })

    it.effect("each time, whoever has read meanwhile", () =>
      Effect.gen(function*() {
        const { below, seen, top } = yield* nested
        for (const n of [1, 2, 3]) {
          yield* (yield* work(`${n}`, undefined, { pool: below })).exit
          yield* settleTurns
          assert.strictEqual(seen.at(-1)!.complete, n)
        }
        yield* top.cancel()
      }).pipe(withPool()))

    it.effect("though a shared task has changed there before", () =>
      Effect.gen(function*() {
        const { below, seen, top } = yield* nested
        const held = gate()
        yield* script("x", (self) => self.whileSleeping(held.wait))
        const elsewhere = yield* TaskPool.make()
        yield* Shared.dispatch({ id: "x" }, { pool: elsewhere })
        const shared = yield* Shared.dispatch({ id: "x" }, { pool: below })
        yield* awaitState(shared, "Sleeping")
        yield* settleTurns
        yield* held.open
        yield* shared.exit
        yield* settleTurns
        assert.strictEqual(seen.at(-1)!.complete, 1)
        yield* (yield* work("own", undefined, { pool: below })).exit
        yield* settleTurns
        assert.strictEqual(seen.at(-1)!.complete, 2)
        yield* top.cancel()
      }).pipe(withPool({}, Shared)))
  })

  describe("a shared task", () => {
    it.effect("counts once in each pool that holds it", () =>
      Effect.gen(function*() {
        const [a, b] = [yield* TaskPool.make(), yield* TaskPool.make()]
        const held = gate()
        yield* script("x", () => held.wait)
        const first = yield* Shared.dispatch({ id: "x" }, { pool: a })
        yield* Shared.dispatch({ id: "x" }, { pool: a })
        const joined = yield* Shared.dispatch({ id: "x" }, { pool: b })
        yield* Shared.dispatch({ id: "x" }, { pool: b })
        assert.deepStrictEqual([joined.id, joined.origin], [first.id, "joined"])
        yield* awaitState(first, "Running")
        for (const pool of [a, b]) assert.deepStrictEqual(yield* counts(pool), { ...zero, running: 1, total: 1 })
        yield* held.open
        for (const pool of [a, b]) assert.deepInclude(yield* pool.join, { complete: 1, running: 0, total: 1 })
      }).pipe(withPool({}, Shared)))

    it.effect("counts once in an ancestor of two pools that hold it", () =>
      Effect.gen(function*() {
        const top = yield* TaskPool.make()
        const held = gate()
        const pools: Array<TaskPool.TaskPool> = []
        yield* script("x", () => held.wait)
        const parent = yield* work("parent", () =>
          Effect.gen(function*() {
            for (const _ of [1, 2]) {
              const pool = yield* TaskPool.make()
              pools.push(pool)
              yield* Shared.dispatch({ id: "x" }, { pool })
            }
            for (const pool of pools) yield* pool.join
          }), { pool: top })
        yield* awaitState(parent, "Sleeping")
        yield* settleTurns
        assert.deepStrictEqual(yield* counts(top), { ...zero, running: 1, sleeping: 1, total: 2 })
        for (const pool of pools) assert.deepStrictEqual(yield* counts(pool), { ...zero, running: 1, total: 1 })
        yield* held.open
        yield* top.join
        assert.deepStrictEqual(yield* counts(top), { ...zero, complete: 2, total: 2 })
        for (const pool of pools) assert.deepStrictEqual(yield* counts(pool), { ...zero, complete: 1, total: 1 })
      }).pipe(withPool({ workers: 1 }, Shared)))

    it.effect("held by a pool and joined by its child counts once above", () =>
      Effect.gen(function*() {
        const top = yield* TaskPool.make()
        const held = gate()
        yield* script("x", () => held.wait)
        yield* Shared.dispatch({ id: "x" }, { pool: top })
        const parent = yield* work("parent", () =>
          Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            yield* Shared.dispatch({ id: "x" }, { pool })
            assert.strictEqual((yield* pool.status).total, 1)
            yield* pool.join
          }), { pool: top })
        yield* awaitState(parent, "Sleeping")
        yield* settleTurns
        assert.deepStrictEqual(yield* counts(top), { ...zero, running: 1, sleeping: 1, total: 2 })
        yield* held.open
        assert.deepInclude(yield* top.join, { complete: 2, total: 2 })
      }).pipe(withPool({ workers: 2 }, Shared)))

    it.effect("counts alone in a pool that joins it: what is below it counts through its first pool", () =>
      Effect.gen(function*() {
        const [first, second, third] = [yield* TaskPool.make(), yield* TaskPool.make(), yield* TaskPool.make()]
        const held = gate()
        yield* script("x", () =>
          TaskPool.use((pool) =>
            Effect.gen(function*() {
              yield* (yield* work("ended", undefined, { pool })).await
              yield* work("held", () => held.wait, { pool })
            })
          ))
        const task = yield* Shared.dispatch({ id: "x" }, { pool: first })
        yield* awaitState(task, "Sleeping")
        yield* settleTurns
        for (const pool of [second, third]) {
          yield* Shared.dispatch({ id: "x" }, { pool })
          assert.deepStrictEqual(yield* counts(pool), { ...zero, sleeping: 1, total: 1 })
        }
        yield* third.cancel()
        assert.deepStrictEqual(yield* counts(third), { ...zero, canceled: 1, complete: 1, total: 1 })
        assert.deepStrictEqual(yield* counts(first), { ...zero, complete: 1, running: 1, sleeping: 1, total: 3 })
        yield* held.open
        assert.deepInclude(yield* first.join, { complete: 3, canceled: 0, total: 3 })
        assert.deepInclude(yield* second.join, { complete: 1, canceled: 0, total: 1 })
      }).pipe(withPool({}, Shared)))
  })

  it.effect("a kept result adds 1 to total and complete in one step, in ancestors too", () =>
    Effect.gen(function*() {
      yield* (yield* Kept.dispatch({ id: "x" })).await
      const top = yield* TaskPool.make()
      const seen: Array<unknown> = []
      const task = yield* work("parent", () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          const before = yield* counts(top)
          const reused = yield* Kept.dispatch({ id: "x" }, { pool })
          const [after, shown] = [yield* counts(top), yield* counts(pool)]
          seen.push(reused.origin, after.total - before.total, after.complete - before.complete, shown)
        }), { pool: top })
      yield* task.await
      assert.deepStrictEqual(seen, ["reused", 1, 1, { ...zero, complete: 1, total: 1 }])
    }).pipe(withPool({}, Kept)))

  it.effect.prop(
    "in random trees, at every turn, Σ children + own = shown and 0 <= complete <= total",
    {
      nodes: Schema.Array(Schema.Struct({
        parent: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 })),
        nap: Schema.Boolean,
        outcome: Schema.Literals(["succeed", "fail", "die", "cancel itself", "leave its children"])
      })).check(Schema.isMaxLength(20)),
      cancelAt: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60 })),
      victim: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 })),
      workers: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 4 }))
    },
    ({ cancelAt, nodes, victim, workers }) =>
      Effect.gen(function*() {
        const top = yield* TaskPool.make()
        const tasks: Array<ScriptedTask> = []
        const parents = nodes.map(({ parent }, i) => parent % (i + 1)) // 0 is the top, n the node n - 1
        const grow = (parent: number, pool: TaskPool.TaskPool): Effect.Effect<void, any, any> =>
          Effect.gen(function*() {
            for (let i = 0; i < nodes.length; i++) {
              if (parents[i] !== parent) continue
              tasks.push(yield* work(`${i}`, (task) => run(i, task) as any, { pool }))
            }
          })
        const run = (i: number, task: Task.TaskContext<unknown, TestError, number, string>) =>
          Effect.gen(function*() {
            const { nap, outcome } = nodes[i]!
            yield* nap ? task.whileSleeping(Effect.yieldNow) : Effect.yieldNow
            const pool = yield* TaskPool.make()
            yield* grow(i + 1, pool)
            if (outcome === "leave its children") return
            yield* pool.settled
            if (outcome === "fail") return yield* new TestError({ id: `${i}` })
            if (outcome === "die") return yield* Effect.die(`${i}`)
            if (outcome === "cancel itself") yield* (yield* taskById(task.id)).cancel()
          })
        yield* grow(0, top)
        const done = yield* Effect.forkChild(top.settled)
        for (let turn = 0; done.pollUnsafe() === undefined; turn++) {
          assert.isBelow(turn, 5000, "the pool never ended")
          yield* assertRollUp
          if (turn === cancelAt && tasks.length > 0) yield* Effect.forkChild(tasks[victim % tasks.length]!.cancel())
          yield* Effect.yieldNow
        }
        yield* assertRollUp
        const { complete, total } = yield* Fiber.join(done)
        assert.strictEqual(complete, total)
      }).pipe(withPool({ workers })),
    { timeout: 60_000, arbitrary: { runs: 60 } }
  )

  it.effect.prop(
    "in random trees with shared tasks, at every turn, a pool counts each task in it or below it once",
    {
      nodes: Schema.Array(Schema.Struct({
        parent: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 })),
        shared: Schema.Array(Schema.Literals(["x", "y", "z"])).check(Schema.isMaxLength(3))
      })).check(Schema.isMaxLength(12)),
      workers: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 4 }))
    },
    ({ nodes, workers }) =>
      Effect.gen(function*() {
        const workerPool = yield* WorkerPool
        for (const id of ["x", "y", "z"]) {
          yield* script(id, (task) => Effect.andThen(task.whileSleeping(Effect.yieldNow), Effect.yieldNow))
        }
        const top = yield* TaskPool.make()
        const held = new Map<string, Set<string>>()
        const hold = (task: ScriptedTask, pool: TaskPool.TaskPool) => {
          for (let at = Option.some(pool); Option.isSome(at); at = at.value.parent) {
            held.set(at.value.id, (held.get(at.value.id) ?? new Set()).add(task.id))
          }
        }
        const parents = nodes.map(({ parent }, i) => parent % (i + 1)) // 0 is the top, n the node n - 1
        const grow = (parent: number, pool: TaskPool.TaskPool): Effect.Effect<void, any, any> =>
          Effect.gen(function*() {
            for (let i = 0; i < nodes.length; i++) {
              if (parents[i] === parent) hold(yield* work(`${i}`, () => run(i) as any, { pool }), pool)
            }
          })
        const run = (i: number) =>
          Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            for (const id of nodes[i]!.shared) hold(yield* Shared.dispatch({ id }, { pool }), pool)
            yield* grow(i + 1, pool)
            yield* pool.join
          })
        yield* grow(0, top)
        const done = yield* Effect.forkChild(top.join)
        for (let turn = 0; done.pollUnsafe() === undefined; turn++) {
          assert.isBelow(turn, 5000, "the pool never ended")
          for (const pool of yield* workerPool.pools) {
            const shown = yield* counts(pool)
            assertSound(shown)
            assert.strictEqual(shown.total, held.get(pool.id)?.size ?? 0, `pool ${pool.id}`)
          }
          yield* Effect.yieldNow
        }
        const { complete, failed, total } = yield* Fiber.join(done)
        assert.deepStrictEqual([complete, failed], [total, 0])
      }).pipe(withPool({ workers }, Shared)),
    { timeout: 60_000, arbitrary: { runs: 60 } }
  )

  describe("a pool that lets go of a task", () => {
    /** A shared task of two pools with a child pool: one task of it has ended, one runs, one is queued. */
    const shared = Effect.gen(function*() {
      const [first, second] = [yield* TaskPool.make(), yield* TaskPool.make()]
      const held = gate()
      const made: Array<TaskPool.TaskPool> = []
      yield* script("s", () =>
        TaskPool.use((pool) =>
          Effect.gen(function*() {
            yield* (yield* work("ended", undefined, { pool })).await
            yield* work("running", () => held.wait, { pool })
            yield* work("queued", undefined, { pool })
            made.push(pool)
          })
        ))
      const task = yield* Shared.dispatch({ id: "s" }, { pool: first })
      yield* Shared.dispatch({ id: "s" }, { pool: second })
      yield* eventually("its children run", Effect.sync(() => made.length === 1))
      yield* settleTurns
      return { below: made[0]!, first, held, second, task }
    })

    it.effect("lets go in the same step of all below it, is done, and never changes again", () =>
      Effect.gen(function*() {
        const { below, first, held, second, task } = yield* shared
        const seen: Array<TaskPool.PoolStatus> = []
        const changes: Array<TaskPool.PoolStatus> = []
        yield* first.addFinalizer((status) => Effect.sync(() => seen.push(status)))
        const reader = yield* Effect.forkChild(
          Stream.runForEach(first.changes, (status) => Effect.sync(() => changes.push(status))),
          { startImmediately: true }
        )
        assert.deepStrictEqual(yield* counts(first), {
          ...zero,
          complete: 1,
          queued: 1,
          running: 1,
          sleeping: 1,
          total: 4
        })
        yield* Effect.forkChild(first.cancel(), { startImmediately: true })
        const left = { ...zero, canceled: 3, complete: 4, total: 4 }
        assert.deepStrictEqual(yield* counts(first), left)
        yield* Fiber.join(reader)
        assert.deepInclude(seen[0], { ...left, progress: 1 })
        assert.deepInclude(changes.at(-1), { ...left, state: "done" })
        assert.strictEqual(yield* stateOf(task), "Sleeping")
        assert.deepStrictEqual(yield* counts(second), { ...zero, queued: 1, running: 1, sleeping: 1, total: 3 })
        yield* held.open
        assert.deepInclude(yield* second.join, { complete: 3, canceled: 0, total: 3 })
        assert.deepStrictEqual(yield* counts(below), { ...zero, complete: 3, total: 3 })
        assert.deepStrictEqual(yield* counts(first), left)
      }).pipe(withPool({ workers: 1 }, Shared)))

    it.effect("leaves counted what other tickets reach, in those above it", () =>
      Effect.gen(function*() {
        const top = yield* TaskPool.make()
        const pools: Array<TaskPool.TaskPool> = []
        const held = gate()
        yield* script("s", () => TaskPool.use((pool) => work("below", () => held.wait, { pool })))
        yield* work("parent", () =>
          Effect.gen(function*() {
            for (const _ of [1, 2]) {
              const pool = yield* TaskPool.make()
              pools.push(pool)
              yield* Shared.dispatch({ id: "s" }, { pool })
            }
            yield* Effect.never
          }), { pool: top })
        yield* eventually("two pools hold it", Effect.sync(() => pools.length === 2))
        yield* settleTurns
        const before = yield* counts(top)
        assert.strictEqual(before.total, 3)
        yield* pools[0]!.cancel()
        assert.deepStrictEqual(yield* counts(top), before)
        assert.deepStrictEqual(yield* counts(pools[0]!), { ...zero, canceled: 2, complete: 2, total: 2 })
        yield* pools[1]!.cancel()
        assert.deepStrictEqual(yield* counts(top), { ...zero, canceled: 2, complete: 2, running: 1, total: 3 })
      }).pipe(withPool({}, Shared)))

    it.effect("lets go of every level below it and of what is shared there, and all that counts where the task goes on", () =>
      Effect.gen(function*() {
        const [one, two, three] = [yield* TaskPool.make(), yield* TaskPool.make(), yield* TaskPool.make()]
        const held = gate()
        yield* script("below", () => held.wait)
        yield* script("s", () =>
          Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            yield* Shared.dispatch({ id: "below" }, { pool })
            yield* work("child", () =>
              Effect.gen(function*() {
                yield* work("grandchild", () => held.wait, { pool: yield* TaskPool.make() })
                yield* Effect.andThen(held.wait, settleTurns)
              }), { pool })
            yield* Effect.andThen(held.wait, Effect.andThen(settleTurns, settleTurns))
          }))
        yield* Shared.dispatch({ id: "s" }, { pool: one })
        yield* Shared.dispatch({ id: "s" }, { pool: two })
        yield* settleTurns
        yield* Shared.dispatch({ id: "below" }, { pool: three })
        assert.deepStrictEqual(yield* counts(one), { ...zero, running: 4, total: 4 })
        yield* one.cancel()
        const left = { ...zero, canceled: 4, complete: 4, total: 4 }
        assert.deepStrictEqual(yield* counts(one), left)
        assert.deepStrictEqual(yield* counts(two), { ...zero, running: 4, total: 4 })
        assert.deepStrictEqual(yield* counts(three), { ...zero, running: 1, total: 1 })
        yield* held.open
        yield* Effect.all([two.settled, three.settled])
        assert.deepStrictEqual(yield* counts(one), left)
        assert.deepStrictEqual(yield* counts(two), { ...zero, complete: 4, total: 4 })
        assert.deepStrictEqual(yield* counts(three), { ...zero, complete: 1, total: 1 })
      }).pipe(withPool({}, Shared)))

    it.effect("counts it once more when it comes to hold it again", () =>
      Effect.gen(function*() {
        const [pool, other] = [yield* TaskPool.make(), yield* TaskPool.make()]
        const held = gate()
        yield* script("s", () => held.wait)
        const run = yield* Effect.forkChild(Shared.run({ id: "s" }, { pool }), { startImmediately: true })
        yield* settleTurns
        const task = yield* Shared.dispatch({ id: "s" }, { pool: other })
        assert.strictEqual(task.origin, "joined")
        yield* Fiber.interrupt(run)
        assert.deepStrictEqual(yield* counts(pool), { ...zero, canceled: 1, complete: 1, total: 1 })
        yield* Shared.dispatch({ id: "s" }, { pool })
        assert.deepStrictEqual(yield* counts(pool), { ...zero, canceled: 1, complete: 1, running: 1, total: 2 })
        yield* held.open
        assert.deepInclude(yield* pool.join, { canceled: 1, complete: 2, total: 2 })
        assert.deepInclude(yield* other.join, { canceled: 0, complete: 1, total: 1 })
      }).pipe(withPool({}, Shared)))

    it.effect("counts what has ended as it ended, though its hooks still run", () =>
      Effect.gen(function*() {
        const [fail, leave, hook] = [gate(), gate(), gate()]
        const pools: Array<TaskPool.TaskPool> = []
        yield* script("s", () => Effect.andThen(fail.wait, new TestError({ id: "s" })))
        const task = yield* Shared.dispatch({ id: "s" })
        yield* task.onExit(() => hook.wait)
        const parent = yield* work("parent", () =>
          Effect.scoped(Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            pools.push(pool)
            yield* Shared.dispatch({ id: "s" }, { pool })
            yield* leave.wait
          })))
        yield* eventually("it is held", Effect.sync(() => pools.length === 1))
        yield* Effect.andThen(settleTurns, fail.open)
        yield* awaitState(task, "Exited")
        const ended = { ...zero, complete: 1, failed: 1, total: 1 }
        assert.deepStrictEqual(yield* counts(pools[0]!), ended)
        yield* Effect.andThen(leave.open, settleTurns)
        assert.deepStrictEqual(yield* counts(pools[0]!), ended)
        yield* hook.open
        yield* parent.await
        assert.deepStrictEqual(yield* counts(pools[0]!), ended)
      }).pipe(withPool({}, Shared)))

    it.effect("counts an ended one once, also when its hook waits for the task above", () =>
      Effect.gen(function*() {
        const [fail, leave, end] = [gate(), gate(), gate()]
        const pools: Array<TaskPool.TaskPool> = []
        yield* script("s", () => Effect.andThen(fail.wait, new TestError({ id: "s" })))
        const task = yield* Shared.dispatch({ id: "s" })
        const above = yield* work("above", () =>
          Effect.gen(function*() {
            const own = yield* TaskPool.make()
            yield* work("parent", () =>
              Effect.gen(function*() {
                const pool = yield* TaskPool.make()
                pools.push(pool)
                yield* Shared.dispatch({ id: "s" }, { pool })
                yield* leave.wait
              }), { pool: own })
            yield* end.wait
          }))
        yield* eventually("it is held", Effect.sync(() => pools.length === 1))
        yield* task.onExit(() => Effect.exit(above.await))
        yield* fail.open
        yield* awaitState(task, "Exited")
        yield* settleTurns
        yield* leave.open
        yield* eventually("it is let go", Effect.map(pools[0]!.status, ({ state }) => state === "done"))
        yield* end.open
        yield* above.await
        assert.deepStrictEqual(yield* counts(pools[0]!), { ...zero, complete: 1, failed: 1, total: 1 })
      }).pipe(withPool({}, Shared)))
  })

  it.effect("the worker pool counts each task where it stands, in one snapshot", () =>
    Effect.gen(function*() {
      const { status } = yield* WorkerPool
      const now = Effect.map(status, ({ busy, complete, delayed, queued, running, sleeping, stopping }) => ({
        queued,
        delayed,
        running,
        sleeping,
        stopping,
        complete,
        busy
      }))
      const none = { queued: 0, delayed: 0, running: 0, sleeping: 0, stopping: 0, complete: 0, busy: 0 }
      for (const round of [0, 1]) {
        const held = gate()
        const ended = { ...none, complete: 5 * round }
        assert.deepStrictEqual(yield* now, ended)
        const sleeper = yield* work("sleeper", (self) => self.whileSleeping(held.wait))
        yield* awaitState(sleeper, "Sleeping")
        const stopper = yield* work("stopper", () => Effect.addFinalizer(() => held.wait))
        yield* awaitState(stopper, "Stopping")
        const runner = yield* work("runner", () => held.wait)
        yield* awaitState(runner, "Running")
        yield* work("waits")
        yield* work("delayed", undefined, { delay: 10 })
        const there = { queued: 1, delayed: 1, running: 1, sleeping: 1, stopping: 1, busy: 2 }
        assert.deepStrictEqual(yield* now, { ...ended, ...there })
        yield* held.open
        yield* elapse(10, 1)
      }
      assert.deepStrictEqual(yield* now, { ...none, complete: 10 })
    }).pipe(withPool({ workers: 2 })))

  it.effect("a kept result counts once in each pool, also in those that shared the task", () =>
    Effect.gen(function*() {
      const [one, two, three] = [yield* TaskPool.make(), yield* TaskPool.make(), yield* TaskPool.make()]
      const held = gate()
      yield* script("x", () => held.wait)
      const task = yield* KeptShared.dispatch({ id: "x" }, { pool: one })
      yield* KeptShared.dispatch({ id: "x" }, { pool: two })
      yield* Effect.andThen(held.open, task.await)
      for (const pool of [one, two, three, three, one]) {
        assert.strictEqual((yield* KeptShared.dispatch({ id: "x" }, { pool })).origin, "reused")
      }
      for (const pool of [one, two, three]) {
        assert.deepStrictEqual(yield* counts(pool), { ...zero, complete: 1, total: 1 })
      }
    }).pipe(withPool({}, KeptShared)))
})
