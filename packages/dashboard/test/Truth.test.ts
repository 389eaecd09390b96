/** What is shown must be so, or be said not to be known. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Job, TaskPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import { app, breath, tick, view, Work } from "./support.ts"

class Nap extends Job.make("Nap", { payload: { busy: Schema.Int, asleep: Schema.Int } }) {}
const NapLive = Nap.toLayer(({ asleep, busy }, task) =>
  Effect.andThen(Effect.sleep(busy), task.whileSleeping(Effect.sleep(asleep)))
)

class Restless extends Job.make("Restless") {}
const RestlessLive = Restless.toLayer((_, task) =>
  Effect.forEach(Array.from({ length: 40 }), () => task.whileSleeping(Effect.sleep(10)), { discard: true })
)

/** Lets time pass in small steps, in which what was read is told. */
const pass = (millis: number) =>
  Effect.forEach(Array.from({ length: Math.ceil(millis / 100) }), () => Effect.andThen(tick, breath), { discard: true })

class Slow extends Job.make("Slow", { payload: { id: Schema.Int } }) {}
const SlowLive = Slow.toLayer(() => Effect.sleep(100))

describe("a rate", () => {
  it.effect(
    "is not known in the first second, then right within a tenth, and the time left with it",
    () =>
      Effect.gen(function*() {
        // what ended before says nothing of the speed now
        yield* Effect.forEach(Array.from({ length: 400 }), (_, i) => Work.dispatch({ id: `${i}`, does: "succeed" }))
        yield* tick
        const total = 3_000
        const { picture, until } = yield* view()
        assert.include(picture.pulse, { rate: null, eta: null })
        assert.include(picture.jobs.get("Work"), { rate: null, eta: null, success: 400 })
        yield* Effect.forEach(Array.from({ length: total }), (_, id) => Slow.dispatch({ id }), { discard: true })
        let passed = 0
        for (const at of [1_100, 3_000, 10_000, 60_000]) {
          yield* pass(at - passed)
          passed = at
          yield* until(({ pulse }) => pulse!.at >= at - 1_000 && pulse!.rate !== null)
          const { eta, rate } = picture.jobs.get("Slow")!
          assert.approximately(rate!, 40, 4, `after ${at} ms`)
          assert.approximately(picture.pulse!.rate!, 40, 4, `of all after ${at} ms`)
          const left = (total - at / 1_000 * 40) / 40 * 1_000
          assert.approximately(eta!, left, left / 6, `left after ${at} ms`)
        }
      }).pipe(Effect.provide(app({ pool: { workers: 4 }, jobs: SlowLive }))),
    60_000
  )
})

describe("a task", () => {
  it.effect("has a place for as long as it is kept: its pool stays as long as any of its tasks", () =>
    Effect.gen(function*() {
      const { picture, until } = yield* view()
      const total = 300
      for (let i = 0; i < total; i++) {
        yield* TaskPool.use((pool) => Work.dispatch({ id: `${i}`, does: "succeed" }, { pool }))
        if (i % 50 === 0) yield* tick
      }
      yield* until(({ jobs }) => jobs.get("Work")?.success === total)
      yield* until(({ tasks }) => tasks.size === 40)
      for (const { poolId } of picture.tasks.values()) assert.isTrue(picture.pools.has(poolId), poolId)
    }).pipe(Effect.provide(app({ dashboard: { history: 40 } }))))

  it.effect("has its pool, too, where the runtime keeps more tasks than done pools", () =>
    Effect.gen(function*() {
      for (let i = 0; i < 200; i++) {
        yield* TaskPool.use((pool) => Work.dispatch({ id: `${i}`, does: "succeed" }, { pool }))
      }
      const { picture } = yield* view()
      assert.strictEqual(picture.tasks.size, 200)
      for (const { poolId } of picture.tasks.values()) assert.isTrue(picture.pools.has(poolId), poolId)
    }).pipe(Effect.provide(app())))

  it.effect("runs apart from sleeping, and waits apart from a delay that was chosen", () =>
    Effect.gen(function*() {
      const { picture, until } = yield* view()
      const task = yield* Nap.dispatch({ busy: 300, asleep: 5_000 }, { delay: "20 seconds" })
      yield* pass(26_000)
      yield* until(({ tasks }) => tasks.get(task.id)?.state === "Exited")
      const row = picture.tasks.get(task.id)!
      assert.approximately(row.sleepTime, 5_000, 1)
      assert.approximately(row.delay, 20_000, 1)
      yield* until(({ jobs }) => jobs.get("Nap")?.times.runP50 !== null)
      const { times } = picture.jobs.get("Nap")!
      assert.approximately(times.runP50!, 300, 50, "five seconds of sleep are no run")
      assert.isBelow(times.waitP50!, 500, "nor is a chosen delay a wait")
    }).pipe(Effect.provide(app({ jobs: NapLive }))), 30_000)

  it.effect("keeps its first and its latest stretches, and tells what is between as unknown", () =>
    Effect.gen(function*() {
      const { picture, until } = yield* view()
      const task = yield* Restless.dispatch()
      yield* Effect.forEach(Array.from({ length: 60 }), () => Effect.andThen(TestClock.adjust(10), breath))
      yield* until(({ tasks }) => tasks.get(task.id)?.state === "Exited")
      const { segments } = picture.tasks.get(task.id)!
      assert.isAtMost(segments.length, 32)
      assert.deepStrictEqual(segments.slice(0, 2).map(({ state }) => state), ["Queued", "Unknown"])
      assert.isEmpty(segments.slice(2).filter(({ state }) => state === "Unknown"))
    }).pipe(Effect.provide(app({ jobs: RestlessLive }))))
})

describe("utilization", () => {
  it.effect("is told each second, for the second before", () =>
    Effect.gen(function*() {
      const { picture, until } = yield* view()
      assert.isNull(picture.pulse!.utilization)
      yield* Work.dispatch({ id: "a", does: "wait" })
      yield* pass(2_500)
      yield* until(({ pulse }) => pulse!.utilization !== null && Math.abs(pulse!.utilization - 0.5) < 0.01)
    }).pipe(Effect.provide(app())))
})

describe("the time before watching", () => {
  it.effect("is told apart", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust("1 minute")
      const { picture } = yield* view()
      assert.strictEqual(picture.snapshot!.watchedSince, 60_000)
      assert.deepStrictEqual(picture.snapshot!.gaps, [])
    }).pipe(Effect.provide(app())))
})

describe("the time left of a pool", () => {
  it.effect("is unknown until something has ended, then as long as it takes", () =>
    Effect.gen(function*() {
      const { picture, until } = yield* view()
      yield* Effect.gen(function*() {
        yield* Effect.forkChild(TaskPool.use((pool) =>
          Effect.forEach(Array.from({ length: 400 }, (_, id) => id), (id) => Slow.dispatch({ id }, { pool }))
        ))
        yield* until(({ pools }) =>
          [...pools.values()].some(({ total }) => total === 400)
        )
        const pool = () => [...picture.pools.values()].find(({ total }) => total === 400)!
        assert.isNull(pool().eta)
        // twenty a second
        yield* pass(10_000)
        yield* until(() => pool().eta !== null)
        const { complete, eta, total } = pool()
        assert.approximately(eta!, (total - complete) * 50, (total - complete) * 8)
      })
    }).pipe(Effect.provide(app({ jobs: SlowLive }))), 30_000)
})

describe("pools", () => {
  it.effect("that no kept task is in are bounded", () =>
    Effect.gen(function*() {
      const { picture, until } = yield* view()
      const kept = yield* TaskPool.use((pool) => Work.dispatch({ id: "kept", does: "succeed" }, { pool }))
      for (let i = 0; i < 5_600; i++) {
        yield* TaskPool.use(() => Effect.void)
        if (i % 200 === 0) yield* Effect.andThen(tick, breath)
      }
      const last = yield* Work.dispatch({ id: "last", does: "wait" })
      yield* until(({ pools, tasks }) => tasks.has(last.id) && pools.size > 5_000)
      yield* pass(3_000)
      assert.isAtMost(picture.pools.size, 5_010)
      assert.isTrue(picture.pools.has((yield* kept.status).poolId), "it has a task that is kept")
    }).pipe(Effect.provide(app())), 30_000)
})
