/** The program of a consumer of durable tasks: stores one in a file, and finds it there after a restart. */
import { Durable, Sqlite } from "@effect-tasks/sql"
import { Effect, Layer, Option, Schema } from "effect"
import { Job, WorkerPool } from "effect-tasks"

class Double extends Job.make("Double", { payload: { n: Schema.Int }, success: Schema.Int }) {}

const AppLive = Durable.toLayer(Double, ({ n }) => Effect.succeed(2 * n)).pipe(
  Layer.provideMerge(Durable.layer()),
  Layer.provideMerge(WorkerPool.layer({ workers: 1 })),
  Layer.provideMerge(Sqlite.layer({ file: "tasks.db" }))
)

const first = Effect.gen(function*() {
  const task = yield* Double.dispatch({ n: 21 })
  yield* task.await
  return task.id
})
const id = await Effect.runPromise(first.pipe(Effect.provide(AppLive)))

const second = Effect.flatMap(Double.get(id), (task) => Option.getOrThrow(task).await)
console.log(`after a restart: ${await Effect.runPromise(second.pipe(Effect.provide(AppLive)))}`)
