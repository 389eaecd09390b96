/** The program of a user who installed the packed effect-tasks: see check-package.ts. */
import { Effect, Layer, Schema } from "effect"
import { Job, JobRegistry, WorkerPool } from "effect-tasks"
import * as Testing from "effect-tasks/testing"

class Resize extends Job.make("Resize", {
  payload: { width: Schema.Int },
  success: Schema.Int
}) {}

const ResizeLive = Resize.toLayer(({ width }) => Effect.succeed(width + 1))

const AppLive = JobRegistry.layer(ResizeLive).pipe(Layer.provideMerge(WorkerPool.layer({ workers: 1 })))

const program = Effect.gen(function*() {
  const task = yield* Resize.dispatch({ width: 2 })
  return yield* task.await
})

if (Object.keys(Testing).length === 0) throw new Error("effect-tasks/testing is empty")
console.log(`resized ${await Effect.runPromise(program.pipe(Effect.provide(AppLive)))}`)
