import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Job, type Task, TaskPool, WorkerPool } from "effect-tasks"
import { canceled, scripted, settleTurns, trace, withPool, Work, work } from "./support.ts"

class Other extends Job.make("Other", scripted) {}

const idOf = (found: Option.Option<Task.Any>) => Option.getOrUndefined(found)?.id

describe("Job.get", () => {
  it.effect("finds a visible task of the job by its id, and no other", () =>
    Effect.gen(function*() {
      const [task, other] = [yield* work("a"), yield* Other.dispatch({ id: "b" })]
      assert.strictEqual(idOf(yield* Work.get(task.id)), task.id)
      for (const id of [other.id, "Work-99", "Work", "", "GLOBAL"]) {
        assert.isTrue(Option.isNone(yield* Work.get(id)), id)
      }
      const found = Option.getOrThrow(yield* Work.get(task.id))
      assert.strictEqual(found.payload.id, "a") // typed
    }).pipe(withPool({}, Other)))

  it.effect("forgets with the history", () =>
    Effect.gen(function*() {
      const first = yield* work("a")
      yield* first.await
      assert.isTrue(Option.isSome(yield* Work.get(first.id)))
      yield* Work.run({ id: "b" })
      assert.isTrue(Option.isNone(yield* Work.get(first.id)))
    }).pipe(withPool({ history: 1 })))
})

describe("Job.is", () => {
  it.effect("tells its tasks from those of others", () =>
    Effect.gen(function*() {
      const tasks: ReadonlyArray<Task.Any> = [yield* work("a"), yield* Other.dispatch({ id: "b" })]
      assert.deepStrictEqual(tasks.map((task) => [Work.is(task), Other.is(task)]), [[true, false], [false, true]])
    }).pipe(withPool({}, Other)))
})

describe("Job.Any", () => {
  it.effect("dispatches, runs and finds", () =>
    Effect.gen(function*() {
      const any: Job.Any = Work
      const task = yield* any.dispatch({ id: "a" })
      assert.strictEqual(idOf(yield* any.get(task.id)), task.id)
      assert.strictEqual(yield* any.run({ id: "b" }), "b")
    }).pipe(withPool()))
})

describe("A reason", () => {
  it.effect("may be given as a text, to tasks and pools", () =>
    Effect.gen(function*() {
      const task = yield* work("a", () => Effect.never)
      yield* task.cancel("enough")
      assert.strictEqual(canceled(yield* task.exit).reason, "enough")
      const pool = yield* TaskPool.make()
      yield* pool.cancel("enough")
      assert.strictEqual((yield* Effect.flip(pool.join)).message, `Pool ${pool.id} was canceled: enough`)
    }).pipe(withPool()))
})

describe("R18 Priorities", () => {
  it.effect("are finite numbers: half a step is one", () =>
    Effect.gen(function*() {
      const { pause, resume } = yield* WorkerPool
      yield* pause
      const seen = trace()
      for (const priority of [0, 0.5, -0.5, 1, 0.25]) {
        yield* work(`${priority}`, () => seen.push(`${priority}`), { priority })
      }
      yield* resume
      yield* settleTurns
      assert.deepStrictEqual(seen.log, ["1", "0.5", "0.25", "0", "-0.5"])
    }).pipe(withPool({ workers: 1 })))
})

describe("R16 Unique ids", () => {
  const ids = Effect.gen(function*() {
    const pool = yield* TaskPool.make()
    const { pool: find } = yield* WorkerPool
    const task = yield* work("a", undefined, { pool })
    assert.strictEqual(idOf(yield* Work.get(task.id)), task.id)
    assert.strictEqual(Option.getOrThrow(yield* find(pool.id)), pool)
    yield* pool.join
    return [task.id, pool.id]
  })

  it.effect("hold a part that no other worker pool gives", () =>
    Effect.gen(function*() {
      const all = [...yield* withPool({ ids: "unique" })(ids), ...yield* withPool({ ids: "unique" })(ids)]
      assert.strictEqual(new Set(all).size, 4)
      for (const id of all) assert.match(id, /^(Work|Pool)-[0-9a-z]{12}-\d+$/)
      assert.deepStrictEqual(yield* withPool()(ids), ["Work-2", "Pool-1"])
    }))
})
