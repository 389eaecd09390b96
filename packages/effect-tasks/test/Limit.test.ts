import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { Job, JobRegistry, Limit, WorkerPool } from "effect-tasks"
import { expectNoLeaks } from "effect-tasks/testing"

class Left extends Job.make("Left", { concurrency: 2 }) {}
class Right extends Job.make("Right") {}
class Free extends Job.make("Free") {}

describe("Limit.permits", () => {
  it.effect("holds back tasks of all jobs that share it, together, in the order of R18", () => {
    const shared = Limit.permits(3)
    const Live = JobRegistry.layer(
      Left.toLayer((_, task) => task.whileSleeping(Effect.never), { limits: [shared] }),
      Right.toLayer(() => Effect.never, { limits: [shared] }),
      Free.toLayer(() => Effect.void)
    ).pipe(Layer.provideMerge(WorkerPool.layer({ workers: 8 })))
    return expectNoLeaks(Effect.gen(function*() {
      const first = yield* Effect.all([Right.dispatch(), Right.dispatch(), Right.dispatch()])
      const later = yield* Right.dispatch()
      const urgent = yield* Left.dispatch(undefined, { priority: 9 })
      yield* Free.run()
      const workerPool = yield* WorkerPool
      assert.strictEqual((yield* workerPool.status).running, 3)
      assert.deepStrictEqual((yield* later.status).waitingFor, Option.some("job-concurrency"))
      yield* first[0].cancel()
      yield* Free.run()
      assert.strictEqual((yield* urgent.status).state, "Sleeping", "the urgent one went first, and lent its permit")
      assert.strictEqual((yield* later.status).state, "Running")
    }).pipe(Effect.provide(Live)))
  })
})
