import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { Job, WorkerPool } from "effect-tasks"
import { drawFrom, kindFrom, termOf } from "./kinds.ts"

describe("Payloads of any Schema", () => {
  it.effect.prop(
    "are handed on as they are, and have the same default key exactly when they are equal",
    { seed: Schema.Int },
    ({ seed }) =>
      Effect.gen(function*() {
        const draw = drawFrom(seed)
        const { schema, value } = kindFrom(draw, 3)
        const Any = Job.make("Any", { payload: Schema.Struct({ it: schema }) })
        const handlers = Any.toLayer(() => Effect.never).pipe(Layer.provideMerge(WorkerPool.layer({ workers: 1 })))
        const seen: Array<readonly [term: string, key: string]> = []
        yield* Effect.gen(function*() {
          for (let n = 0; n < 12; n++) {
            const it = value()
            const before = termOf(it)
            const task = yield* Any.dispatch({ it })
            assert.strictEqual(termOf(it), before)
            seen.push([termOf(task.payload), task.key])
          }
        }).pipe(Effect.provide(handlers))
        for (const [term, key] of seen) {
          for (const [otherTerm, otherKey] of seen) {
            assert.strictEqual(key === otherKey, term === otherTerm, `${key} of ${term}, ${otherKey} of ${otherTerm}`)
          }
        }
      }),
    { timeout: 60_000, arbitrary: { runs: 150 } }
  )
})
