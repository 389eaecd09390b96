import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Act, Burn } from "../fixtures/jobs.ts"
import { bothUp, long, made, onThreads, state } from "../support.ts"

describe("T2 a thread runs one task at a time", { timeout: long }, () => {
  it.live("so tasks that run at once are on threads of their own", () =>
    onThreads(
      Effect.gen(function*() {
        yield* bothUp
        for (let i = 0; i < 5; i++) {
          const ids = yield* Effect.all([Burn.run({ millis: 30 }), Burn.run({ millis: 30 })], { concurrency: 2 })
          assert.notStrictEqual(ids[0], ids[1])
        }
      })
    ))

  it.live("and tasks that run one after the other share one", () =>
    onThreads(
      Effect.gen(function*() {
        const first = yield* Burn.run({ millis: 1 })
        for (let i = 0; i < 10; i++) assert.strictEqual(yield* Burn.run({ millis: 0 }), first)
        assert.strictEqual(made(), 1)
      }),
      { pool: { workers: 1 } }
    ))

  it.live("a task that sleeps keeps its thread", () =>
    onThreads(
      Effect.gen(function*() {
        const sleeper = yield* Act.dispatch({ act: "sleep", n: 400 })
        yield* state(sleeper, "Sleeping")
        const beside = yield* Burn.run({ millis: 1 })
        assert.notStrictEqual(yield* sleeper.await, beside)
      }),
      { pool: { workers: 1 } }
    ))

  it.live("the lease ends with the finalizers", () =>
    onThreads(
      Effect.gen(function*() {
        const slow = yield* Act.dispatch({ act: "slow finalizer", n: 200 })
        const next = yield* Burn.dispatch({ millis: 1 })
        assert.strictEqual(yield* next.await, yield* slow.await, "on the same thread, afterwards")
        assert.strictEqual((yield* slow.status).state, "Exited")
      }),
      { pool: { workers: 1 } }
    ))

  it.live("services are built once for each thread", () =>
    onThreads(
      Effect.gen(function*() {
        for (let uses = 1; uses <= 3; uses++) assert.strictEqual(yield* Act.run({ act: "service" }), uses)
      }),
      { pool: { workers: 1 } }
    ))
})
