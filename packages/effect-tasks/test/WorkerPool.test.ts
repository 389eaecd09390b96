import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { Job, WorkerPool } from "effect-tasks"

class Resize extends Job.make("Resize", { payload: { width: Schema.Int } }) {}
class Sweep extends Job.make("Sweep") {}

describe("WorkerPool.jobs", () => {
  it.effect("names each job that has or had a handler, with the Schema of its payload", () =>
    Effect.gen(function*() {
      const { jobs } = yield* WorkerPool
      assert.deepStrictEqual(yield* jobs, [])
      yield* Effect.scoped(Layer.build(Resize.toLayer(() => Effect.void)))
      yield* Layer.build(Sweep.toLayer(() => Effect.void))
      assert.deepStrictEqual(yield* jobs, [
        { tag: "Resize", payloadSchema: Resize.payloadSchema },
        { tag: "Sweep", payloadSchema: Sweep.payloadSchema }
      ])
    }).pipe(Effect.provide(WorkerPool.layer())))
})
