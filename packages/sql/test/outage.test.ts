import { Durable } from "@effect-tasks/sql"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Schema } from "effect"
import { Job } from "effect-tasks"
import { startPostgres } from "../demo/postgres.ts"
import { app, postgresAt } from "./layers.ts"

class Work extends Job.make("Work", { payload: { n: Schema.Int, millis: Schema.Int }, success: Schema.Int }) {}
const work = Durable.toLayer(Work, ({ millis, n }) => Effect.as(Effect.sleep(millis), n))

const server = Effect.acquireRelease(Effect.promise(() => startPostgres()), ({ stop }) => Effect.promise(stop))

// a server of its own, which goes and comes back, needs real time
describe("while the database is away", () => {
  it.live(
    "what runs goes on, outcomes are stored later, and a dispatch fails when it has waited long enough",
    () =>
      Effect.gen(function*() {
        const postgres = yield* server
        yield* Effect.gen(function*() {
          const running = yield* Effect.forEach([1, 2, 3], (n) => Work.dispatch({ n, millis: 700 }))
          yield* Effect.sleep(100)
          yield* Effect.promise(postgres.pause)
          const refused = yield* Effect.flip(Work.dispatch({ n: 4, millis: 1 }))
          assert.strictEqual(refused.reason._tag, "StoreUnavailable")
          assert.include(refused.message, "see to the database")
          yield* Effect.sleep(500)
          for (const task of running) {
            assert.notStrictEqual((yield* task.status).state, "Exited", "not before it is recorded")
          }
          const waiting = yield* Effect.forkChild(Work.run({ n: 5, millis: 1 }), { startImmediately: true })
          yield* Effect.promise(postgres.resume)
          assert.deepStrictEqual(
            yield* Effect.forEach(running, (task) => task.await),
            [1, 2, 3]
          )
          const late = yield* Fiber.await(waiting)
          assert.isTrue(Exit.isFailure(late) || late.value === 5)
          assert.strictEqual(yield* Work.run({ n: 6, millis: 1 }), 6)
          const durable = yield* Durable.Durable
          const { error, success } = yield* durable.counts()
          assert.deepStrictEqual([success, error], [Exit.isFailure(late) ? 4 : 5, 0], "what was refused left no row")
        }).pipe(
          Effect.provide(app(work, postgresAt(postgres.url), { durable: { dispatchTimeout: 400, grace: "1 minute" } }))
        )
      }).pipe(Effect.scoped),
    60_000
  )
})
