import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Random, Schema, Semaphore } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import { Explore } from "effect-tasks/testing"
import { TestClock } from "effect/testing"

class Ping extends Job.make("Ping") {}
class Tree extends Job.make("Tree", { payload: { depth: Schema.Int }, success: Schema.Int }) {}
const TreeLive = Tree.toLayer(Effect.gen(function*() {
  return Tree.of(Effect.fnUntraced(function*({ depth }) {
    if (depth === 0) return 1
    const below = yield* TaskPool.forEach([1, 2], (_, pool) => Tree.dispatch({ depth: depth - 1 }, { pool }))
    return 1 + below[0] + below[1]
  }))
}))

/** Two fibers that check, then act; the act of one may come between those of the other. */
const lostUpdate = (pause: Effect.Effect<void>) =>
  Effect.gen(function*() {
    let count = 0
    const increment = Effect.gen(function*() {
      const seen = yield* Effect.sync(() => count)
      yield* pause
      yield* Effect.sync(() => (count = seen + 1))
    })
    yield* Effect.all([increment, increment], { concurrency: "unbounded" })
    if (count !== 2) return yield* Effect.fail(`two increments made ${count}`)
  })

/** A hand-over that only fails when the second fiber is faster than the first by two turns. */
const rareRace = Effect.gen(function*() {
  let cached: string | undefined
  let built = 0
  const build = Effect.gen(function*() {
    yield* Effect.yieldNow
    built++
    return "value"
  })
  const first = yield* Effect.forkChild(Effect.gen(function*() {
    cached ??= yield* build
  }))
  const second = yield* Effect.forkChild(Effect.gen(function*() {
    for (let i = 0; i < 4; i++) yield* Effect.yieldNow
    cached ??= yield* build
  }))
  yield* Fiber.joinAll([first, second])
  if (built !== 1) return yield* Effect.fail(`built ${built} times`)
})

const busy = Effect.repeat(Effect.yieldNow, { times: 100 })

/** Work of a hundred steps that a timeout of five milliseconds cuts off when time passes between two of them. */
const cutOff = Effect.gen(function*() {
  let done = false
  yield* Effect.timeoutOption(Effect.andThen(busy, Effect.sync(() => (done = true))), 5)
  if (!done) return yield* Effect.fail("cut off")
})

describe("Explore", () => {
  it.effect("finds a check-then-act with a yield between", () =>
    Effect.gen(function*() {
      const failed = yield* Effect.flip(Explore.run(lostUpdate(Effect.yieldNow), { seeds: 200 }))
      assert.strictEqual(failed.cause, "two increments made 1")
    }))

  it.effect("finds a check-then-act without any yield in it", () =>
    Effect.gen(function*() {
      const failed = yield* Effect.flip(Explore.run(lostUpdate(Effect.void), { seeds: 200 }))
      assert.isAbove(failed.seed, 0)
      assert.strictEqual(failed.preemptions, 1)
    }))

  it.effect("finds a race that needs one fiber to be overtaken by several turns", () =>
    Effect.gen(function*() {
      yield* Explore.run(rareRace, { seed: 0 })
      const failed = yield* Effect.flip(Explore.run(rareRace, { seeds: 200 }))
      assert.isAtMost(failed.preemptions, 6)
    }))

  it.effect("finds nothing where a semaphore guards the update", () =>
    Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(1)
      yield* Explore.run(
        Effect.gen(function*() {
          let count = 0
          const increment = semaphore.withPermits(1)(Effect.gen(function*() {
            const seen = yield* Effect.sync(() => count)
            yield* Effect.yieldNow
            yield* Effect.sync(() => (count = seen + 1))
          }))
          yield* Effect.all([increment, increment, increment], { concurrency: "unbounded" })
          assert.strictEqual(count, 3)
        }),
        { seeds: 200 }
      )
    }))

  it.effect("a failure replays by its seed and by its shrunk schedule, to the letter", () =>
    Effect.gen(function*() {
      const found = yield* Effect.flip(Explore.run(rareRace, { seeds: 200 }))
      const bySeed = yield* Effect.flip(Explore.run(rareRace, { seed: found.seed }))
      const bySchedule = yield* Effect.flip(Explore.run(rareRace, { seed: found.seed, schedule: found.schedule }))
      assert.deepStrictEqual({ ...bySeed }, { ...found })
      assert.deepStrictEqual({ ...bySchedule }, { ...found })
      assert.include(found.message, `{ seed: ${found.seed} }`)
      assert.include(found.message, found.schedule)
    }))

  it.effect("the shrunk schedule has no decision too many", () =>
    Effect.gen(function*() {
      const found = yield* Effect.flip(Explore.run(rareRace, { seeds: 200 }))
      const decisions = found.schedule.split(", ")
      for (let left = 0; left < decisions.length; left++) {
        const schedule = decisions.toSpliced(left, 1).join(", ")
        yield* Explore.run(rareRace, { seed: found.seed, schedule })
      }
    }))

  it.effect("a test that can never go on fails instead of hanging", () =>
    Effect.gen(function*() {
      const failed = yield* Effect.flip(
        Explore.run(Effect.flatMap(Deferred.make<void>(), Deferred.await), { seeds: 1 })
      )
      assert.include(failed.message, "it hangs")
    }))

  it.effect("a test that never stops fails too", () =>
    Effect.gen(function*() {
      const failed = yield* Effect.flip(Explore.run(Effect.forever(Effect.yieldNow), { seeds: 1, steps: 10_000 }))
      assert.include(failed.message, "did not end within 10000 steps")
    }))

  it.effect("time passes by itself when nothing else can happen", () =>
    Explore.run(
      Effect.gen(function*() {
        const before = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
        yield* Effect.sleep("1 day")
        const after = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
        assert.strictEqual(after - before, 86_400_000)
      }),
      { seeds: 5 }
    ))

  it.effect("a test that drives a TestClock works as it is", () =>
    Explore.run(
      Effect.gen(function*() {
        const woken: Array<number> = []
        for (const millis of [30, 10, 20]) {
          yield* Effect.forkChild(Effect.andThen(Effect.sleep(millis), Effect.sync(() => woken.push(millis))))
        }
        yield* TestClock.adjust(20)
        assert.deepStrictEqual(woken, [10, 20])
        yield* TestClock.setTime(30)
        assert.deepStrictEqual(woken, [10, 20, 30])
      }),
      { seeds: 50 }
    ))

  it.effect("where a test drives a TestClock, nothing wakes before its time has come, at no moment", () =>
    Explore.run(
      Effect.gen(function*() {
        let woken = false
        yield* Effect.forkChild(Effect.andThen(Effect.sleep(10), Effect.sync(() => (woken = true))))
        yield* busy
        assert.isFalse(woken)
        yield* TestClock.adjust(9)
        yield* busy
        assert.isFalse(woken)
        yield* TestClock.adjust(1)
        assert.isTrue(woken)
      }),
      { seeds: 100 }
    ))

  it.effect("finds a timeout that fires between two steps of a busy fiber", () =>
    Effect.gen(function*() {
      const failed = yield* Effect.flip(Explore.run(cutOff, { seeds: 20 }))
      assert.strictEqual(failed.cause, "cut off")
    }))

  it.effect("finds a short sleep that ends before the work of another fiber", () =>
    Effect.gen(function*() {
      const test = Effect.gen(function*() {
        let ready = false
        yield* Effect.forkChild(Effect.andThen(busy, Effect.sync(() => (ready = true))))
        yield* Effect.sleep(1)
        if (!ready) return yield* Effect.fail("not ready")
      })
      assert.strictEqual((yield* Effect.flip(Explore.run(test, { seeds: 20 }))).cause, "not ready")
    }))

  it.effect("that time passes is a decision: it is printed, shrinks to those that matter, and replays to the letter", () =>
    Effect.gen(function*() {
      const found = yield* Effect.flip(Explore.run(cutOff, { seeds: 20 }))
      assert.match(found.schedule, /^time \d+$/)
      assert.strictEqual(found.preemptions, 1)
      const { schedule, seed } = found
      assert.deepStrictEqual({ ...yield* Effect.flip(Explore.run(cutOff, { seed })) }, { ...found })
      assert.deepStrictEqual({ ...yield* Effect.flip(Explore.run(cutOff, { seed, schedule })) }, { ...found })
    }))

  it.effect("in the plain order time passes when nothing else can happen, and in every order when it may not race", () =>
    Effect.gen(function*() {
      yield* Explore.run(cutOff, { seed: 0 })
      yield* Explore.run(cutOff, { seeds: 100, raceTime: false })
    }))

  it.effect("time does not pass before a promise that waits for nothing but promises", () =>
    Effect.gen(function*() {
      const test = Effect.gen(function*() {
        const chain = Effect.promise(async () => {
          for (let i = 0; i < 50; i++) await Promise.resolve()
          return 7
        })
        yield* Effect.forkChild(busy)
        assert.strictEqual(yield* Effect.timeout(chain, 5), 7)
      })
      for (let turn = 1; turn < 20; turn++) yield* Explore.run(test, { schedule: `time ${turn}` })
    }))

  it.effect("a test can wait until nothing else can run", () =>
    Explore.run(
      Effect.gen(function*() {
        let done = false
        yield* Effect.forkChild(Effect.andThen(busy, Effect.sync(() => (done = true))))
        yield* TestClock.adjust(0)
        assert.isTrue(done)
        yield* Effect.sleep(1)
        yield* Effect.forkChild(Effect.andThen(busy, Effect.sync(() => (done = false))))
        yield* TestClock.adjust(0)
        assert.isFalse(done)
      }),
      { seeds: 50 }
    ))

  it.effect("two that wait until nothing else can run, one after the other, both do", () =>
    Explore.run(
      Effect.gen(function*() {
        let ran = 0
        for (let n = 1; n < 4; n++) {
          yield* Effect.forkChild(Effect.andThen(busy, Effect.sync(() => (ran = n))))
          yield* TestClock.adjust(0)
          assert.strictEqual(ran, n)
        }
      }),
      { seeds: 20 }
    ))

  it.effect("promises under way are waited for", () =>
    Explore.run(
      Effect.gen(function*() {
        const value = yield* Effect.promise(async () => {
          for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
          return 7
        })
        assert.strictEqual(value, 7)
      }),
      { seeds: 3 }
    ))

  it.effect("each run has its own Scope, layers and random numbers by its seed", () =>
    Effect.gen(function*() {
      const drawn: Array<number> = []
      let open = 0
      const test = Effect.gen(function*() {
        yield* Effect.acquireRelease(Effect.sync(() => open++), () => Effect.sync(() => open--))
        assert.strictEqual(open, 1)
        assert.strictEqual((yield* WorkerPool.use((pool) => pool.status)).dispatched, 0)
        yield* Ping.dispatch()
        drawn.push(yield* Random.next)
      }).pipe(Effect.provide(Ping.toLayer(() => Effect.void)), Effect.provide(WorkerPool.layer()))
      yield* Explore.run(test, { seeds: 3 })
      yield* Explore.run(test, { seed: 1 })
      assert.strictEqual(open, 0)
      assert.strictEqual(new Set(drawn).size, 3)
      assert.strictEqual(drawn[3], drawn[1])
    }))

  it.effect("a tree of tasks completes with one worker under every schedule", () =>
    Explore.run(
      Effect.gen(function*() {
        const task = yield* Tree.dispatch({ depth: 3 })
        assert.strictEqual(yield* task.await, 15)
      }).pipe(Effect.provide(TreeLive), Effect.provide(WorkerPool.layer({ workers: 1 }))),
      { seeds: 100 }
    ))

  it.effect("a schedule that cannot be read is refused by name", () =>
    Effect.gen(function*() {
      const defect = yield* Effect.exit(Explore.run(Effect.void, { schedule: "turn x" }))
      assert.include(String(defect), "is no decision of a schedule")
    }))
})
