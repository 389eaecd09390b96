/** What must not stay behind an ended task while its worker pool lives on. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { Job } from "effect-tasks"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { awaitState, gate, script, scripted, settleTurns, withPool, work } from "../support.ts"

class Replaced
  extends Job.make("Replaced", { ...scripted, unique: "supersede", queueTimeout: "1 hour", key: () => "k" })
{}

/** Runs a test whose clock counts the sleeps that go on. */
const countingSleeps = <A, E, R>(test: (sleeps: () => number) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.clockWith((clock) => {
    let asleep = 0
    const sleep: Clock.Clock["sleep"] = (duration) =>
      Effect.suspend(() => {
        asleep++
        return Effect.ensuring(clock.sleep(duration), Effect.sync(() => asleep--))
      })
    const counting: Clock.Clock = Object.create(clock, { sleep: { value: sleep } })
    return Effect.provideService(test(() => asleep), Clock.Clock, counting)
  })

const collect = Effect.gen(function*() {
  setFlagsFromString("--expose-gc")
  const gc = runInNewContext("gc") as () => void
  for (let n = 0; n < 5; n++) {
    yield* Effect.promise(() => new Promise(setImmediate))
    gc()
  }
})

describe("R8 Deadlines", () => {
  it.effect("a delayed task that is cancelled leaves no armed sleep", () =>
    countingSleeps((sleeps) =>
      Effect.gen(function*() {
        const task = yield* work("a", undefined, { delay: "1 hour" })
        yield* settleTurns
        assert.strictEqual(sleeps(), 1)
        yield* task.cancel()
        yield* settleTurns
        assert.strictEqual(sleeps(), 0)
      }).pipe(withPool())
    ))

  it.effect("a task that is cancelled behind its key leaves no armed sleep", () =>
    countingSleeps((sleeps) =>
      Effect.gen(function*() {
        const held = gate()
        yield* script("a", () => Effect.uninterruptible(held.wait))
        const first = yield* Replaced.dispatch({ id: "a" })
        yield* awaitState(first, "Running")
        const second = yield* Replaced.dispatch({ id: "b" })
        yield* settleTurns
        yield* second.cancel()
        yield* settleTurns
        assert.strictEqual(sleeps(), 0)
        yield* held.open
      }).pipe(withPool(undefined, Replaced))
    ))
})

describe("R16 Memory", () => {
  it.effect("who keeps the context of an ended task keeps no later task of its key", () =>
    Effect.gen(function*() {
      const kept: Array<unknown> = []
      const later: Array<WeakRef<object>> = []
      for (let n = 0; n < 20; n++) {
        yield* script(`${n}`, (task) => {
          if (n === 0) kept.push(task)
          return Effect.never
        })
        const task = yield* Replaced.dispatch({ id: `${n}` })
        if (n > 0) later.push(new WeakRef(task.payload as object))
        yield* awaitState(task, "Running")
      }
      yield* collect
      // the last one lives, and those before it may still be on some stack
      assert.isTrue(later.slice(0, 15).every((payload) => payload.deref() === undefined))
      assert.lengthOf(kept, 1)
    }).pipe(withPool({ history: 0 }, Replaced)))
})
