import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Job, type Task, TaskPool } from "effect-tasks"
import { canceled, scripted, withPool, Work, work } from "./support.ts"

class Other extends Job.make("Other", scripted) {}

const idOf = (found: Option.Option<Task.Any>) => Option.getOrUndefined(found)?.id

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
