/** What limits and the dispatch of very many cost, and what of them is kept. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Schema, Scope } from "effect"
import { Job, Limit, TaskPool, WorkerPool } from "effect-tasks"
import { forgotten, heap, Holds, many, pool, settleTurns, thing } from "./memory.ts"

const numbers = Array.from({ length: many }, (_, n) => n)

const payload = { key: Schema.String }
const key = ({ key }: { readonly key: string }) => key

describe("R26 the keys of a rate", () => {
  const count = 100_000

  class Short extends Job.make("Short", { payload, rate: { limit: 1, window: "10 millis", key } }) {}
  class Long extends Job.make("Long", { payload, rate: { limit: 1, window: "1 hour", key } }) {}
  const app = Layer.mergeAll(Short.toLayer(() => Effect.void), Long.toLayer(() => Effect.void)).pipe(
    Layer.provideMerge(pool({ workers: 4 }))
  )

  const keys = function*() {
    for (let n = 0; n < count; n++) yield { key: `key ${n}` }
  }

  it.live(
    "100,000 that come and go leave nothing when their windows are over and another one comes",
    () =>
      Effect.gen(function*() {
        const { drain } = yield* WorkerPool
        const grown = <R>(
          run: (payload: { readonly key: string }) => Effect.Effect<void, unknown, R>,
          all: Effect.Effect<void, unknown, R>
        ) =>
          Effect.gen(function*() {
            yield* Effect.andThen(run({ key: "first" }), Effect.sleep(20)) // what is made once
            const before = yield* heap
            yield* all
            yield* drain
            yield* Effect.sleep(20) // longer than the short window
            yield* run({ key: "last" })
            return ((yield* heap) - before) / count
          })
        assert.isBelow(yield* grown(Short.run, Short.dispatchAll(keys())), 10)
        assert.isAbove(yield* grown(Long.run, Long.dispatchAll(keys())), 100, "the test notices what is remembered")
      }).pipe(Effect.provide(app)),
    60_000
  )
})

describe("R31 items that wait", () => {
  const count = 200_000

  it.live("cost less than 10 bytes each", () =>
    Effect.gen(function*() {
      yield* Holds.dispatch({ n: -1, x: undefined }) // has the only worker
      yield* settleTurns
      const items = Array.from({ length: count }, (_, n) => ({ n, x: undefined }))
      const before = yield* heap
      const all = yield* Effect.forkChild(Holds.dispatchAll(items), { startImmediately: true })
      yield* settleTurns
      assert.isBelow(((yield* heap) - before) / count, 10)
      assert.strictEqual((yield* (yield* WorkerPool).global.status).total, count + 1)
      yield* Fiber.interrupt(all)
      const empty = yield* heap
      yield* Effect.forEach(items.slice(0, 20_000), (item) => Holds.dispatch(item), { discard: true })
      assert.isAbove(((yield* heap) - empty) / 20_000, 100, "the test notices what tasks cost")
    }).pipe(Effect.provide(Holds.toLayer(() => Effect.never).pipe(Layer.provideMerge(pool())))), 60_000)

  const app = () => Holds.toLayer(({ n }) => n < 0 ? Effect.never : Effect.void).pipe(Layer.provideMerge(pool()))

  forgotten("are not kept once all are made", app, (watch) =>
    Effect.forEach(numbers, (n) =>
      Effect.gen(function*() {
        const x = watch("item", thing())
        yield* Holds.dispatchAll(watch("items", [{ n, x }]))
        yield* settleTurns
      }), { discard: true }))

  forgotten("are not kept when the call is interrupted, or its pool cancelled", app, (watch) =>
    Effect.gen(function*() {
      yield* Holds.dispatch({ n: -1, x: undefined })
      yield* settleTurns
      for (const n of numbers) {
        const items = () => watch("items", [{ n, x: watch("item", thing()) }])
        const all = yield* Effect.forkChild(Holds.dispatchAll(items()), { startImmediately: true })
        yield* Fiber.interrupt(all)
        yield* Effect.exit(TaskPool.use((own) =>
          Effect.gen(function*() {
            const all = yield* Effect.forkChild(Effect.exit(Holds.dispatchAll(items(), { pool: own })), {
              startImmediately: true
            })
            yield* own.cancel()
            yield* Fiber.join(all)
          })
        ))
      }
    }))
})

describe("R26, R32 limits", () => {
  forgotten(
    "of a layer that has closed are not kept, nor their keys",
    () => pool(),
    (watch) =>
      Effect.forEach(numbers, (n) =>
        Effect.gen(function*() {
          const seen = watch("what a key sees", thing())
          const rate = Limit.rate({ limit: 1, window: "1 hour", key: () => `${Object.keys(seen).length}` })
          const limits = [watch("rate", rate), watch("permits", Limit.permits(1))]
          const scope = yield* Scope.make()
          const layer = Layer.fresh(Holds.toLayer(() => Effect.void, { limits }))
          const context = yield* Layer.buildWithScope(layer, scope)
          yield* Effect.provideContext(Holds.run({ n, x: watch("payload", thing()) }), context)
          yield* Scope.close(scope, Exit.void)
        }), { discard: true })
  )

  forgotten(
    "of pools that have ended are not kept, nor their tasks",
    () => Holds.toLayer(() => Effect.void).pipe(Layer.provideMerge(pool())),
    (watch) =>
      Effect.forEach(numbers, (n) =>
        TaskPool.use((own) =>
          Effect.gen(function*() {
            watch("task", yield* Holds.dispatch({ n, x: watch("payload", thing()) }, { pool: own }))
            yield* Holds.dispatch({ n: n + many, x: watch("payload", thing()) }, { pool: own })
          }), { concurrency: 1 }), { discard: true })
  )
})
