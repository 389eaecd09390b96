import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Option } from "effect"
import { Job, TaskPool } from "effect-tasks"
import { gate, script, scripted, type ScriptedTask, settleTurns, stateOf, withPool, work } from "../support.ts"

class Shared extends Job.make("Shared", { ...scripted, unique: true }) {}

/** How many of these scripts ran at once, at most. */
const meter = () => {
  let running = 0
  const seen = { most: 0 }
  const run = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        seen.most = Math.max(seen.most, ++running)
      }),
      () => effect,
      () => Effect.sync(() => running--)
    )
  return { run, seen }
}

describe("R32 A pool's concurrency", () => {
  it.effect("limits the running tasks of the pool, whatever their jobs, and they say so", () =>
    Effect.gen(function*() {
      const held = gate()
      const pool = yield* TaskPool.make({ concurrency: 2 })
      const tasks = yield* Effect.forEach(["a", "b", "c"], (id) => work(id, () => held.wait, { pool }))
      const outside = yield* work("x", () => held.wait)
      yield* settleTurns
      assert.deepStrictEqual(yield* Effect.forEach([...tasks, outside], stateOf), [
        "Running",
        "Running",
        "Queued",
        "Running"
      ])
      assert.deepStrictEqual((yield* tasks[2]!.status).waitingFor, Option.some("pool-concurrency"))
      yield* held.open
      yield* pool.join
    }).pipe(Effect.scoped, withPool()))

  it.effect("counts the tasks of pools below, and no nesting deadlocks", () =>
    Effect.gen(function*() {
      const { run, seen } = meter()
      for (const leaf of ["1", "2", "3", "4"]) yield* script(leaf, () => run(Effect.yieldNow))
      yield* TaskPool.use((pool) =>
        Effect.forEach(["a", "b", "c", "d", "e"], (id) =>
          work(id, () =>
            TaskPool.forEach(["1", "2", "3", "4"], (leaf, below) =>
              work(leaf, undefined, { pool: below })), { pool })), {
        concurrency: 2
      })
      assert.strictEqual(seen.most, 2)
    }).pipe(withPool({ workers: 8 })))

  it.effect("of every limited pool above holds: the narrowest counts", () =>
    Effect.gen(function*() {
      const { run, seen } = meter()
      yield* TaskPool.use(
        (pool) =>
          work("a", () =>
            TaskPool.use((below) =>
              Effect.forEach(["1", "2", "3"], (id) =>
                work(id, () => run(Effect.yieldNow), { pool: below })), {
              concurrency: 3
            }), { pool }),
        { concurrency: 1 }
      )
      assert.strictEqual(seen.most, 1)
    }).pipe(withPool({ workers: 8 })))

  it.effect("a task that two pools share counts for the limits of its own pool only", () =>
    Effect.gen(function*() {
      const held = gate()
      yield* script("s", () => held.wait)
      const [one, two] = [yield* TaskPool.make({ concurrency: 1 }), yield* TaskPool.make({ concurrency: 1 })]
      const shared = yield* Shared.dispatch({ id: "s" }, { pool: one })
      yield* Shared.dispatch({ id: "s" }, { pool: two })
      const other = yield* work("o", () => held.wait, { pool: two })
      yield* settleTurns
      assert.deepStrictEqual(yield* Effect.forEach([shared, other], (task) => stateOf(task)), ["Running", "Running"])
      yield* held.open
      yield* one.join
      yield* two.join
    }).pipe(Effect.scoped, withPool({}, Shared)))

  it.effect("can be resized, made and lifted while tasks run", () =>
    Effect.gen(function*() {
      const held = gate()
      const pool = yield* TaskPool.make()
      const early = yield* Effect.forEach(["a", "b"], (id) => work(id, () => held.wait, { pool }))
      yield* settleTurns
      yield* pool.resize(1)
      const late = yield* Effect.forEach(["c", "d"], (id) => work(id, () => held.wait, { pool }))
      yield* settleTurns
      const states = Effect.forEach([...early, ...late], stateOf)
      assert.deepStrictEqual(yield* states, ["Running", "Running", "Queued", "Queued"])
      yield* pool.resize(3)
      yield* settleTurns
      assert.deepStrictEqual(yield* states, ["Running", "Running", "Running", "Queued"])
      yield* pool.resize(Infinity)
      yield* settleTurns
      assert.deepStrictEqual(yield* states, ["Running", "Running", "Running", "Running"])
      yield* held.open
      yield* pool.join
    }).pipe(Effect.scoped, withPool({ workers: 8 })))

  it.effect("can be made of a pool that holds the task which made it", () =>
    Effect.gen(function*() {
      const held = gate()
      let task: ScriptedTask | undefined
      yield* script("s", () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          yield* Effect.orDie(Shared.dispatch({ id: "s" }, { pool }))
          task = yield* work("below", () => held.wait, { pool })
          yield* pool.resize(1)
          yield* work("next", () => held.wait, { pool })
          yield* held.wait
        }))
      const shared = yield* Shared.dispatch({ id: "s" })
      yield* settleTurns
      assert.strictEqual(yield* stateOf(task!), "Running")
      yield* held.open
      assert.isTrue(Exit.isSuccess(yield* shared.exit))
    }).pipe(withPool({}, Shared)))

  it.effect("GLOBAL has none", () =>
    Effect.gen(function*() {
      const task = yield* work("a")
      const exit = yield* Effect.exit(task.pool.resize(2))
      assert.include(String(Exit.isFailure(exit) && exit.cause), "resize the WorkerPool, or limit its jobs")
    }).pipe(withPool()))

  it.effect("pools that move below another parent leave the limits of the one before, and take the new ones", () =>
    Effect.gen(function*() {
      const [held, inner] = [gate(), gate()]
      const tasks: Array<ScriptedTask> = []
      yield* script("s", () =>
        TaskPool.use((pool) =>
          Effect.gen(function*() {
            for (const id of ["1", "2", "3", "4"]) tasks.push(yield* work(id, () => held.wait, { pool }))
            yield* inner.wait
          })
        ))
      const states = Effect.suspend(() => Effect.forEach(tasks, stateOf))
      const [one, two] = [yield* TaskPool.make({ concurrency: 2 }), yield* TaskPool.make({ concurrency: 3 })]
      yield* Shared.dispatch({ id: "s" }, { pool: one })
      yield* Shared.dispatch({ id: "s" }, { pool: two })
      yield* settleTurns
      assert.deepStrictEqual(yield* states, ["Running", "Queued", "Queued", "Queued"]) // the maker runs too
      yield* one.cancel()
      yield* settleTurns
      assert.deepStrictEqual(yield* states, ["Running", "Running", "Running", "Queued"])
      yield* two.resize(4)
      yield* settleTurns
      assert.deepStrictEqual(yield* states, ["Running", "Running", "Running", "Running"])
      yield* inner.open
      yield* held.open
      yield* two.join
    }).pipe(Effect.scoped, withPool({ workers: 8 }, Shared)))
})
