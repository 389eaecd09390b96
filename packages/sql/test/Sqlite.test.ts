import { Durable, Sqlite } from "@effect-tasks/sql"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { Job, WorkerPool } from "effect-tasks"

class Double extends Job.make("Double", { payload: { n: Schema.Int }, success: Schema.Int, error: Schema.String }) {}
const live = Durable.toLayer(Double, ({ n }) => n < 0 ? Effect.fail("negative") : Effect.succeed(2 * n))
const app = live.pipe(
  Layer.provideMerge(Durable.layer()),
  Layer.provideMerge(WorkerPool.layer({ workers: 4 })),
  Layer.provideMerge(Sqlite.layer({ file: ":memory:" }))
)
describe("smoke", () => {
  it.effect("runs", () =>
    Effect.gen(function*() {
      const task = yield* Double.dispatch({ n: 2 })
      assert.strictEqual(yield* task.await, 4)
      const many = yield* Effect.forEach(Array.from({ length: 100 }, (_, n) => n), (n) => Double.dispatch({ n }), {
        concurrency: "unbounded"
      })
      const all = yield* Effect.forEach(many, (t) => t.await)
      assert.deepStrictEqual(all[99], 198)
      assert.strictEqual(yield* Effect.flip(Double.run({ n: -1 })), "negative")
      const durable = yield* Durable.Durable
      console.log(yield* durable.counts())
    }).pipe(Effect.provide(app)))
})
