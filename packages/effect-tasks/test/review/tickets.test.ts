/** R10, R12, R15, R22: tasks that several pools hold, and what is below them. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Option } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import * as Scheduler from "effect/Scheduler"
import {
  awaitState,
  canceled,
  eventually,
  gate,
  script,
  scripted,
  type ScriptedTask,
  settleTurns,
  stateOf,
  TestError,
  withPool,
  work
} from "../support.ts"

class Once extends Job.make("Once", { ...scripted, unique: true }) {}
class Kept extends Job.make("Kept", { ...scripted, unique: true, persistent: true }) {}

const counts = (pool: TaskPool.TaskPool) =>
  Effect.map(pool.status, ({ canceled, complete, failed, queued, running, sleeping, state, total }) => ({
    state,
    total,
    live: queued + running + sleeping,
    complete,
    failed,
    canceled
  }))

/** A task with a child pool of two tasks, of which the first has ended. */
const tree = (pool: TaskPool.TaskPool) =>
  Effect.gen(function*() {
    const held = gate()
    const below = yield* Deferred.make<TaskPool.TaskPool>()
    yield* script("s", () =>
      TaskPool.use((own) =>
        Effect.gen(function*() {
          yield* (yield* work("ended", undefined, { pool: own })).await
          yield* work("held", () => held.wait, { pool: own })
          yield* Deferred.succeed(below, own)
        })
      ))
    const task = yield* Once.dispatch({ id: "s" }, { pool })
    return { held, task, below: yield* Deferred.await(below) }
  })

describe("R10 what is below a shared task", () => {
  it.effect("counts in the pool that is its parent, as long as that holds the task", () =>
    Effect.gen(function*() {
      const [one, two] = [yield* TaskPool.make(), yield* TaskPool.make()]
      const { held } = yield* tree(one)
      yield* Once.dispatch({ id: "s" }, { pool: two })
      assert.deepInclude(yield* counts(one), { total: 3, live: 2, complete: 1 })
      assert.deepInclude(yield* counts(two), { total: 1, live: 1, complete: 0 })
      yield* held.open
      assert.deepInclude(yield* one.join, { total: 3, complete: 3, canceled: 0 })
      assert.deepInclude(yield* two.join, { total: 1, complete: 1, canceled: 0 })
    }).pipe(withPool({}, Once)))

  for (const which of ["first", "second"] as const) {
    it.effect(`is let go with it, in one step, when the ${which} pool is cancelled; that pool never changes again`, () =>
      Effect.gen(function*() {
        const [one, two] = [yield* TaskPool.make(), yield* TaskPool.make()]
        const [gone, kept] = which === "first" ? [one, two] : [two, one]
        const { below, held, task } = yield* tree(one)
        yield* Once.dispatch({ id: "s" }, { pool: two })
        let seen: unknown
        yield* gone.addFinalizer(({ complete, total }) => Effect.sync(() => (seen = { complete, total })))
        const { total } = yield* gone.status
        yield* gone.cancel()
        const left = yield* counts(gone)
        assert.deepStrictEqual(left, {
          state: "done",
          total,
          live: 0,
          complete: total,
          failed: 0,
          canceled: which === "first" ? 2 : 1
        })
        assert.deepStrictEqual(seen, { complete: total, total })
        assert.deepStrictEqual(Option.map(below.parent, ({ id }) => id), Option.some(kept.id))
        assert.deepStrictEqual([below.root.id, (yield* below.status).state], [kept.id, "sealed"])
        yield* held.open
        yield* task.await
        assert.deepInclude(yield* kept.join, { canceled: 0, failed: 0 })
        assert.deepStrictEqual(yield* counts(gone), left)
      }).pipe(withPool({}, Once)))
  }

  it.effect("counts on in an ancestor that reaches it otherwise", () =>
    Effect.gen(function*() {
      const top = yield* TaskPool.make()
      const go = gate()
      const inside = yield* Deferred.make<TaskPool.TaskPool>()
      yield* work("parent", () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          yield* Once.dispatch({ id: "s" }, { pool })
          yield* Deferred.succeed(inside, pool)
          yield* go.wait
        }), { pool: top })
      const { held } = yield* tree(top)
      const before = yield* counts(top)
      yield* (yield* Deferred.await(inside)).cancel()
      assert.deepStrictEqual(yield* counts(top), before)
      yield* held.open
      yield* go.open
      assert.deepInclude(yield* top.join, { canceled: 0 })
    }).pipe(withPool({}, Once)))

  it.effect("a task that is let go while its hooks run is counted as it has ended", () =>
    Effect.gen(function*() {
      const [one, two] = [yield* TaskPool.make(), yield* TaskPool.make()]
      const [fail, hook] = [gate(), gate()]
      yield* script("s", () => Effect.andThen(fail.wait, new TestError({ id: "s" })))
      const task = yield* Once.dispatch({ id: "s" }, { pool: one })
      yield* Once.dispatch({ id: "s" }, { pool: two })
      yield* task.onExit(() => hook.wait)
      yield* fail.open
      yield* awaitState(task, "Exited")
      yield* Effect.forkChild(one.cancel(), { startImmediately: true })
      assert.deepInclude(yield* counts(one), { total: 1, complete: 1, failed: 1, canceled: 0 })
      yield* hook.open
      yield* two.settled
      assert.deepInclude(yield* counts(one), { state: "done", total: 1, complete: 1, failed: 1, canceled: 0 })
    }).pipe(withPool({}, Once)))

  it.effect("hangs below the pool that holds the task on, which counts from then on what has not ended", () =>
    Effect.gen(function*() {
      const [one, two] = [yield* TaskPool.make(), yield* TaskPool.make()]
      const { held } = yield* tree(one)
      yield* Once.dispatch({ id: "s" }, { pool: two })
      yield* one.cancel()
      assert.deepInclude(yield* counts(two), { total: 2, live: 2, complete: 0 })
      yield* held.open
      assert.deepInclude(yield* two.join, { total: 2, complete: 2, canceled: 0 })
    }).pipe(withPool({}, Once)))

  it.effect("goes from one pool to another without a trace in what is above both", () =>
    Effect.gen(function*() {
      const top = yield* TaskPool.make()
      const made = yield* Deferred.make<ReadonlyArray<TaskPool.TaskPool>>()
      yield* work("parent", () =>
        Effect.gen(function*() {
          const pools = [yield* TaskPool.make(), yield* TaskPool.make()]
          yield* tree(pools[0]!)
          yield* Once.dispatch({ id: "s" }, { pool: pools[1]! })
          yield* Deferred.succeed(made, pools)
          yield* Effect.never
        }), { pool: top })
      const [one, two] = yield* Deferred.await(made)
      const before = yield* counts(top)
      yield* one!.cancel()
      assert.deepStrictEqual(yield* counts(top), before)
      assert.deepInclude(yield* counts(one!), { state: "done", total: 3, canceled: 2 })
      assert.deepInclude(yield* counts(two!), { total: 2, live: 2 })
      yield* top.cancel()
      assert.deepInclude(yield* counts(top), { state: "done", total: 4, complete: 4, canceled: 3 })
    }).pipe(withPool({}, Once)))

  it.effect("never comes to count in a pool that is cancelled in the same step", () =>
    Effect.gen(function*() {
      const [top, elsewhere] = [yield* TaskPool.make(), yield* TaskPool.make()]
      const pools: Array<TaskPool.TaskPool> = []
      yield* work("parent", () =>
        Effect.gen(function*() {
          for (const _ of [1, 2]) {
            const pool = yield* TaskPool.make()
            pools.push(pool)
            yield* tree(pool)
          }
          yield* Effect.never
        }), { pool: top })
      yield* eventually("both hold it", Effect.sync(() => pools.length === 2))
      yield* settleTurns
      yield* Once.dispatch({ id: "s" }, { pool: elsewhere })
      yield* top.cancel()
      assert.deepInclude(yield* counts(pools[0]!), { total: 3, live: 0, canceled: 2 })
      assert.deepInclude(yield* counts(pools[1]!), { total: 1, live: 0, canceled: 1 })
      assert.deepInclude(yield* counts(top), { total: 4, live: 0, canceled: 3 })
      assert.deepInclude(yield* counts(elsewhere), { total: 2, live: 2 })
    }).pipe(withPool({}, Once)))

  it.effect("a failed task whose hook waits for the task above is not counted again when its pool lets go", () =>
    Effect.gen(function*() {
      const [fail, end] = [gate(), gate()]
      const made = yield* Deferred.make<TaskPool.TaskPool>()
      yield* script("s", () => Effect.andThen(fail.wait, new TestError({ id: "s" })))
      const shared = yield* Once.dispatch({ id: "s" })
      const parent = yield* work("parent", () =>
        Effect.gen(function*() {
          const own = yield* TaskPool.make()
          yield* work("child", () =>
            Effect.gen(function*() {
              const pool = yield* TaskPool.make()
              yield* Once.dispatch({ id: "s" }, { pool })
              yield* Deferred.succeed(made, pool)
              yield* end.wait
            }), { pool: own })
          yield* Effect.never
        }))
      const pool = yield* Deferred.await(made)
      yield* shared.onExit(() => Effect.exit(parent.await))
      yield* fail.open
      yield* awaitState(shared, "Exited")
      yield* settleTurns
      yield* end.open
      yield* eventually("it has let go", Effect.map(pool.status, ({ state }) => state === "done"))
      assert.deepInclude(yield* counts(pool), { total: 1, complete: 1, failed: 1, canceled: 0 })
      yield* parent.cancel()
    }).pipe(withPool({}, Once)))

  it.effect("a kept result counts once in each pool that held it", () =>
    Effect.gen(function*() {
      const [one, two] = [yield* TaskPool.make(), yield* TaskPool.make()]
      const held = gate()
      yield* script("k", () => held.wait)
      yield* Kept.dispatch({ id: "k" }, { pool: one })
      const task = yield* Kept.dispatch({ id: "k" }, { pool: two })
      yield* held.open
      yield* task.await
      for (const pool of [one, two]) {
        assert.strictEqual((yield* Kept.dispatch({ id: "k" }, { pool })).origin, "reused")
        assert.deepInclude(yield* counts(pool), { total: 1, complete: 1 })
      }
    }).pipe(withPool({}, Kept)))
})

describe("R12 failures of a shared task", () => {
  it.effect("are listed in every pool that holds it and above each", () =>
    Effect.gen(function*() {
      const top = yield* TaskPool.make()
      const elsewhere = yield* TaskPool.make()
      const go = gate()
      yield* script("s", () =>
        TaskPool.use((own) =>
          Effect.andThen(
            go.wait,
            Effect.flatMap(work("bad", () => new TestError({ id: "bad" }), { pool: own }), (bad) => bad.await)
          )
        ))
      const task = yield* Once.dispatch({ id: "s" }, { pool: elsewhere })
      yield* work("parent", () => TaskPool.use((pool) => Once.dispatch({ id: "s" }, { pool })), { pool: top })
      yield* settleTurns
      yield* go.open
      yield* task.exit
      yield* top.settled
      const failed = (pool: TaskPool.TaskPool) => Effect.map(pool.failures, (all) => all.map(({ job }) => job))
      assert.deepStrictEqual((yield* failed(elsewhere)).slice(0, 2), ["Work", "Once"])
      assert.deepStrictEqual((yield* failed(top)).slice(0, 1), ["Once"])
    }).pipe(withPool({}, Once)))
})

describe("R15 what a run owns", () => {
  for (const ops of [3, 4, 5, 6]) {
    for (const yields of [0, 1, 2]) {
      it.effect(`never takes the task from who joins it (a yield each ${ops} steps, joined after ${yields})`, () =>
        Effect.gen(function*() {
          const workers = yield* WorkerPool
          yield* workers.pause
          const run = Effect.provideService(Once.run({ id: "s" }), Scheduler.MaxOpsBeforeYield, ops)
          const first = yield* Effect.forkChild(run)
          yield* settleTurns
          yield* Effect.forkChild(Fiber.interrupt(first))
          for (let n = 0; n < yields; n++) yield* Effect.yieldNow
          const second = yield* Once.dispatch({ id: "s" })
          yield* workers.resume
          assert.isTrue(Exit.isSuccess(yield* second.exit))
        }).pipe(withPool({}, Once)))
    }
  }

  it.effect("is nothing while another dispatch in the same pool holds the task", () =>
    Effect.gen(function*() {
      const held = gate()
      yield* script("s", () => held.wait)
      const run = yield* Effect.forkChild(Once.run({ id: "s" }), { startImmediately: true })
      const task = yield* Once.dispatch({ id: "s" })
      yield* settleTurns
      yield* Fiber.interrupt(run)
      assert.strictEqual(yield* stateOf(task), "Running")
      yield* held.open
      assert.isTrue(Exit.isSuccess(yield* task.exit))
    }).pipe(withPool({}, Once)))

  it.effect("is the hold of its own pool: that one lets go, the task goes on for the other", () =>
    Effect.gen(function*() {
      const [one, two] = [yield* TaskPool.make(), yield* TaskPool.make()]
      yield* script("s", () => Effect.never)
      const first = yield* Effect.forkChild(Once.run({ id: "s" }, { pool: one }), { startImmediately: true })
      const second = yield* Effect.forkChild(Once.run({ id: "s" }, { pool: two }), { startImmediately: true })
      yield* eventually("it runs", Effect.map(two.status, ({ running }) => running === 1))
      const [task] = yield* two.tasks
      yield* Fiber.interrupt(first)
      assert.deepInclude(yield* counts(one), { state: "open", total: 1, live: 0, complete: 1, canceled: 1 })
      assert.strictEqual(yield* stateOf(task as ScriptedTask), "Running")
      yield* Fiber.interrupt(second)
      canceled(yield* (task as ScriptedTask).exit)
      assert.deepInclude(yield* counts(two), { total: 1, complete: 1, canceled: 1 })
    }).pipe(withPool({}, Once)))

  it.effect("counts for nothing once its pool has let go", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      yield* script("s", () => Effect.never)
      yield* Once.dispatch({ id: "s" }, { pool })
      const run = yield* Effect.forkChild(Once.run({ id: "s" }), { startImmediately: true })
      yield* settleTurns
      const task = Option.getOrThrow(yield* Once.find({ id: "s" }))
      yield* pool.cancel()
      assert.strictEqual(yield* stateOf(task), "Running")
      yield* Fiber.interrupt(run)
      canceled(yield* task.exit)
    }).pipe(withPool({}, Once)))

  it.effect("is nothing any more when its own pool has let go", () =>
    Effect.gen(function*() {
      const [one, two] = [yield* TaskPool.make(), yield* TaskPool.make()]
      const held = gate()
      yield* script("s", () => held.wait)
      const run = yield* Effect.forkChild(Once.run({ id: "s" }, { pool: one }), { startImmediately: true })
      yield* settleTurns
      const task = yield* Once.dispatch({ id: "s" }, { pool: two })
      yield* one.cancel()
      yield* Fiber.interrupt(run)
      assert.deepInclude(yield* counts(one), { state: "done", total: 1, complete: 1, canceled: 1 })
      assert.strictEqual(yield* stateOf(task), "Running")
      yield* held.open
      assert.deepInclude(yield* two.join, { total: 1, complete: 1, canceled: 0 })
    }).pipe(withPool({}, Once)))

  it.effect("pools list what they held when it ended, and not what they let go", () =>
    Effect.gen(function*() {
      const [one, two] = [yield* TaskPool.make(), yield* TaskPool.make()]
      const held = gate()
      yield* script("s", () => held.wait)
      const task = yield* Once.dispatch({ id: "s" }, { pool: one })
      yield* Once.dispatch({ id: "s" }, { pool: two })
      yield* one.cancel()
      yield* held.open
      yield* task.await
      assert.deepStrictEqual((yield* two.tasks).map(({ id }) => id), [task.id])
      assert.deepStrictEqual(yield* one.tasks, [])
    }).pipe(withPool({}, Once)))
})

describe("R22 a ring of closings", () => {
  it.effect("over a shared task that its first pool has let go ends", () =>
    Effect.gen(function*() {
      const go = gate()
      const home = yield* TaskPool.make()
      const child = (id: string) => () =>
        Effect.flatMap(TaskPool.make(), (pool) => Effect.andThen(Once.dispatch({ id }, { pool }), Effect.never))
      yield* script("s", child("x"))
      yield* script("x", () => Once.run({ id: "p" }))
      yield* script("p", child("r"))
      yield* script("r", child("k"))
      yield* script("k", () =>
        Effect.flatMap(TaskPool.make(), (pool) => Effect.andThen(Once.dispatch({ id: "s" }, { pool }), go.wait)))
      const task = yield* Once.dispatch({ id: "s" }, { pool: home })
      const all = Effect.map(Once.tasks, (tasks) =>
        tasks.length)
      yield* eventually("all run", Effect.map(all, (n) => n === 5))
      yield* settleTurns
      yield* home.cancel()
      assert.notStrictEqual(yield* stateOf(task), "Exited")
      yield* go.open
      for (const each of yield* Once.tasks) yield* each.exit
    }).pipe(withPool({ workers: 8 }, Once)))
})
