/** The program of a user who installed the packed effect-tasks: see check-package.ts. */
import { Effect, Layer, Schema } from "effect"
import { Job, JobRegistry, WorkerPool } from "effect-tasks"
import * as Testing from "effect-tasks/testing"

export class Resize extends Job.make("Resize", {
  payload: { width: Schema.Int },
  success: Schema.Int
}) {}

const ResizeLive = Resize.toLayer(({ width }) => Effect.succeed(width + 1))

const AppLive = JobRegistry.layer(ResizeLive).pipe(Layer.provideMerge(WorkerPool.layer({ workers: 1 })))

const program = Effect.gen(function*() {
  const task = yield* Resize.dispatch({ width: 2 })
  return yield* task.await
})

// a library that emits declarations can name everything that these return
export const resize = (width: number) => Resize.dispatch({ width })
export const find = (width: number) => Resize.find({ width })
export const status = Effect.flatMap(Resize.dispatch({ width: 1 }), (task) => task.status)
export const made = Testing.TestTask.make(Resize, { width: 1 })

if (Object.keys(Testing).length === 0) throw new Error("effect-tasks/testing is empty")
console.log(`resized ${await Effect.runPromise(program.pipe(Effect.provide(AppLive)))}`)
