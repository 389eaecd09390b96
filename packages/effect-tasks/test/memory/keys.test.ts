/** Keys are texts, which no weak reference can watch: what they would take of the heap is measured. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { Job, TaskPool } from "effect-tasks"
import { heap, pool } from "./memory.ts"

const length = 20_000
const count = 1_000
const allowed = length * count / 4

/** A text of its own for each number. */
const longKey = (n: number): string => Buffer.alloc(length, `${n} `).toString("latin1")

const payload = { n: Schema.Int }
const key = ({ n }: { readonly n: number }) => longKey(n)

class Unique extends Job.make("Unique", { payload, key, unique: true }) {}
class Superseded extends Job.make("Superseded", { payload, key, unique: "supersede" }) {}
class Limited extends Job.make("Limited", { payload, concurrency: { limit: 1, key } }) {}
class Rated extends Job.make("Rated", { payload, rate: { limit: 1, window: 20, key } }) {}
class Expiring extends Job.make("Expiring", { payload, key, persistent: { timeToLive: 20 } }) {}

const app = Layer.mergeAll(
  Unique.toLayer(() => Effect.void),
  Superseded.toLayer(() => Effect.never),
  Limited.toLayer(() => Effect.void),
  Rated.toLayer(() => Effect.void),
  Expiring.toLayer(() => Effect.void)
).pipe(Layer.provideMerge(pool({ workers: 4 })))

const numbers = Array.from({ length: count }, (_, n) => n)

/** A test: the heap is no larger after this than it was before, though the worker pool lives on. */
const returns = (title: string, effect: Effect.Effect<unknown, unknown, Layer.Success<typeof app>>) =>
  it.live(title, () =>
    Effect.gen(function*() {
      const before = yield* heap
      const held = numbers.map(longKey)
      assert.isAbove((yield* heap) - before, allowed, "the test notices what is held on purpose")
      held.length = 0
      const empty = yield* heap
      yield* effect
      assert.isBelow((yield* heap) - empty, allowed)
    }).pipe(Effect.provide(app)))

describe("R16 keys whose tasks have ended are forgotten", () => {
  returns("of a unique job", Effect.forEach(numbers, (n) => Unique.run({ n }), { discard: true }))

  returns(
    "of tasks that superseded each other",
    Effect.forEach(numbers, (n) =>
      Effect.gen(function*() {
        yield* Superseded.dispatch({ n })
        const task = yield* Superseded.dispatch({ n })
        yield* task.cancel()
      }), { discard: true })
  )

  returns(
    "of a unique job, of which some were looked for",
    Effect.forEach(numbers, (n) => Effect.andThen(Unique.run({ n }), Unique.find({ n })), { discard: true })
  )

  returns("of a limit", Effect.forEach(numbers, (n) => Limited.run({ n }), { discard: true }))

  returns(
    "of a limit, when the tasks were cancelled as they waited for a permit",
    TaskPool.use((own) =>
      Effect.gen(function*() {
        yield* Effect.forEach(numbers, (n) => Limited.dispatch({ n }, { pool: own }), { discard: true })
        yield* Effect.forEach(numbers, (n) => Limited.dispatch({ n }, { pool: own }), { discard: true })
        yield* own.cancel()
      })
    ).pipe(Effect.exit)
  )

  returns(
    "of a rate whose windows are over, when another key comes",
    Effect.gen(function*() {
      for (const n of numbers) yield* Rated.run({ n })
      yield* Effect.sleep(40)
      yield* Rated.run({ n: count })
    })
  )

  returns(
    "of results whose time to live is over",
    Effect.andThen(Effect.forEach(numbers, (n) => Expiring.run({ n }), { discard: true }), Effect.sleep(100))
  )
})
