import { assert, describe, it } from "@effect/vitest"
import { Clock, Cron, Effect, Exit, Layer, Option, Schema, Scope } from "effect"
import { Job, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import { gate, recordLogs, settleTurns, withPool, work } from "../support.ts"

class Report extends Job.make("Report") {}
class Sized extends Job.make("Sized", { payload: { day: Schema.String } }) {}

const hours = (n: number) => n * 3_600_000

/** Starts, as hours since the epoch, of a handler that takes so long. */
const scene = (minutes: number) => {
  const starts: Array<number> = []
  const stops: Array<number> = []
  const hour = Effect.map(Clock.currentTimeMillis, (at) => at / hours(1))
  const handlers = Report.toLayer(() =>
    Effect.gen(function*() {
      yield* Effect.addFinalizer(() => Effect.map(hour, (at) => stops.push(at)))
      starts.push(yield* hour)
      yield* Effect.sleep(minutes * 60_000)
    })
  )
  return { starts, stops, handlers }
}

/** Lets time pass in steps of ten minutes. */
const pass = (millis: number) =>
  Effect.gen(function*() {
    for (let left = millis; left > 0; left -= 600_000) {
      yield* TestClock.adjust(Math.min(left, 600_000))
      yield* settleTurns
    }
  })

const cronOf = Effect.map(Effect.flatMap(WorkerPool, ({ crons }) => crons), ([cron]) => cron!)

describe("R30 Schedules", () => {
  const overlapping = (overlap: "skip" | "queue" | "supersede" | "allow", expected: ReadonlyArray<number>) =>
    it.effect(`overlap "${overlap}"`, () => {
      const { handlers, starts, stops } = scene(150)
      return Effect.gen(function*() {
        yield* pass(hours(5.5))
        assert.deepStrictEqual(starts, expected)
        const { skipped } = yield* cronOf
        assert.strictEqual(skipped, overlap === "skip" ? 3 : 0)
        if (overlap === "supersede") assert.deepStrictEqual(stops, expected.slice(1))
      }).pipe(
        Effect.provide(Report.toCron("0 * * * *", { overlap, timeZone: "UTC" }).pipe(Layer.provideMerge(handlers))),
        withPool()
      )
    })
  overlapping("skip", [1, 4])
  overlapping("queue", [1, 3.5])
  overlapping("supersede", [1, 2, 3, 4, 5])
  overlapping("allow", [1, 2, 3, 4, 5])

  it.effect("the task of a tick is live until its hooks have run", () => {
    const starts: Array<number> = []
    const handlers = Report.toLayer((_, task) =>
      Effect.gen(function*() {
        starts.push((yield* Clock.currentTimeMillis) / hours(1))
        yield* task.onExit(() => Effect.sleep(hours(1.5)))
      })
    )
    return Effect.gen(function*() {
      yield* pass(hours(4.7)) // no hook runs then
      assert.deepStrictEqual(starts, [1, 3])
    }).pipe(
      Effect.provide(Report.toCron("0 * * * *", { timeZone: "UTC" }).pipe(Layer.provideMerge(handlers))),
      withPool()
    )
  })

  it.effect("ticks that pass while one waits for room in the queue count as one, the latest", () => {
    const ticks: Array<string> = []
    const handlers = Sized.toLayer(({ day }) => Effect.sync(() => ticks.push(day)))
    const schedule = Sized.toCron("0 * * * *", {
      timeZone: "UTC",
      overlap: "allow",
      payload: (tick) => ({ day: String(tick.getTime() / hours(1)) })
    })
    return Effect.gen(function*() {
      const held = gate()
      yield* work("hog", () => held.wait)
      yield* pass(hours(3.5))
      yield* held.open
      yield* settleTurns
      assert.deepStrictEqual(ticks, ["1", "3"])
      yield* pass(hours(1))
      assert.deepStrictEqual(ticks, ["1", "3", "4"])
    }).pipe(
      Effect.provide(schedule.pipe(Layer.provideMerge(handlers))),
      withPool({ workers: 1, capacity: 0 })
    )
  })

  it.effect(`"queue" dispatches the latest tick alone when the task before has ended`, () => {
    const { handlers, starts } = scene(150)
    return Effect.gen(function*() {
      yield* pass(hours(8))
      assert.deepStrictEqual(starts, [1, 3.5, 6])
    }).pipe(
      Effect.provide(
        Report.toCron("0 * * * *", { overlap: "queue", timeZone: "UTC" }).pipe(Layer.provideMerge(handlers))
      ),
      withPool()
    )
  })

  it.effect("a local time that does not exist fires after the gap, one that comes twice fires once", () => {
    const { handlers, starts } = scene(0)
    const at = (text: string) => Date.parse(text) / hours(1)
    const schedule = Report.toCron("30 2 * * *", { timeZone: "Europe/Berlin" }).pipe(Layer.provideMerge(handlers))
    return Effect.gen(function*() {
      yield* TestClock.setTime(Date.parse("2026-03-28T12:00:00Z"))
      yield* pass(hours(24)).pipe(Effect.provide(schedule))
      assert.deepStrictEqual(starts, [at("2026-03-29T01:30:00Z")])
      yield* TestClock.setTime(Date.parse("2026-10-24T12:00:00Z"))
      yield* pass(hours(24)).pipe(Effect.provide(Layer.fresh(schedule)))
      assert.deepStrictEqual(starts.slice(1), [at("2026-10-25T00:30:00Z")])
    }).pipe(withPool())
  })

  it.effect("of New York too, and the later of two instants where that is asked for", () => {
    const { handlers, starts } = scene(0)
    const schedule = Report.toCron("30 1 * * *", { timeZone: "America/New_York", onDstOverlap: "later" })
    return Effect.gen(function*() {
      yield* TestClock.setTime(Date.parse("2026-10-31T12:00:00Z"))
      yield* pass(hours(24)).pipe(Effect.provide(schedule.pipe(Layer.provideMerge(handlers))))
      assert.deepStrictEqual(starts, [Date.parse("2026-11-01T06:30:00Z") / hours(1)])
    }).pipe(withPool())
  })

  it.effect("the payload is made of the tick, and a refused dispatch is logged and no end of the schedule", () => {
    const days: Array<string> = []
    const logs = recordLogs()
    const handlers = Sized.toLayer(({ day }) => Effect.sync(() => days.push(day)))
    const schedule = Sized.toCron("0 0 * * *", {
      timeZone: "UTC",
      payload: (tick) => ({ day: tick.getUTCDate() === 3 ? 5 as any : tick.toISOString().slice(0, 10) })
    })
    return Effect.gen(function*() {
      yield* pass(hours(24 * 4))
      assert.deepStrictEqual(days, ["1970-01-02", "1970-01-04", "1970-01-05"])
      assert.include(logs.logs.join(), "could not dispatch")
    }).pipe(Effect.provide(schedule.pipe(Layer.provideMerge(handlers))), withPool(), Effect.provide(logs.layer))
  })

  it.effect("shows name, next tick and last task; can be paused, resumed and triggered", () => {
    const { handlers, starts } = scene(0)
    return Effect.gen(function*() {
      const first = yield* cronOf
      assert.deepStrictEqual(
        [first.name, first.job, first.expression, first.next, first.paused, Option.isNone(first.last)],
        ["nightly", "Report", "0 * * * *", hours(1), false, true]
      )
      yield* first.pause
      yield* pass(hours(2))
      assert.deepStrictEqual(starts, [])
      assert.isTrue((yield* cronOf).paused)
      const task = yield* first.trigger
      yield* task.await
      assert.deepStrictEqual(Option.map((yield* cronOf).last, ({ id }) => id), Option.some(task.id))
      yield* first.resume
      yield* pass(hours(1))
      assert.deepStrictEqual(starts, [2, 3])
      assert.strictEqual((yield* cronOf).next, hours(4))
    }).pipe(
      Effect.provide(
        Report.toCron("0 * * * *", { name: "nightly", timeZone: "UTC" }).pipe(Layer.provideMerge(handlers))
      ),
      withPool()
    )
  })

  it.effect("ends with its layer, its tasks do not", () => {
    const { handlers, starts } = scene(150)
    return Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* Layer.buildWithScope(Report.toCron("0 * * * *", { timeZone: "UTC" }), scope)
      yield* pass(hours(1))
      const last = Option.getOrThrow((yield* cronOf).last)
      yield* Scope.close(scope, Exit.void)
      yield* pass(hours(4))
      assert.isTrue(Exit.isSuccess(yield* last.exit))
      assert.deepStrictEqual(starts, [1])
      assert.deepStrictEqual(yield* Effect.flatMap(WorkerPool, ({ crons }) => crons), [])
    }).pipe(Effect.provide(handlers), withPool())
  })

  it.effect("jitter delays a tick, never the next one", () => {
    const { handlers, starts } = scene(0)
    return Effect.gen(function*() {
      yield* pass(hours(6))
      assert.strictEqual(starts.length, 5)
      for (const [i, at] of starts.entries()) assert.isTrue(at >= i + 1 && at < i + 1.75, String(starts))
    }).pipe(
      Effect.provide(
        Report.toCron("0 * * * *", { jitter: "30 minutes", timeZone: "UTC" }).pipe(Layer.provideMerge(handlers))
      ),
      withPool()
    )
  })

  describe("and clocks that jump", () => {
    /** A wall that can be set, over the time of TestClock. */
    const walled = (
      test: (wall: { offset: number }, pass: (millis: number) => Effect.Effect<void>) => Effect.Effect<void, any, any>
    ) =>
      Effect.gen(function*() {
        const wall = { offset: 0 }
        const clock = yield* Clock.Clock
        const now = () => clock.currentTimeMillisUnsafe() + wall.offset
        const set: Clock.Clock = Object.assign(Object.create(clock), {
          currentTimeMillisUnsafe: now,
          currentTimeMillis: Effect.sync(now)
        })
        // time passes for the clock below, which knows nothing of the wall
        const passed = (millis: number) => Effect.provideService(pass(millis), Clock.Clock, clock)
        yield* test(wall, passed).pipe(withPool(), Effect.provideService(Clock.Clock, set)) as Effect.Effect<void>
      })

    it.effect("ticks that passed while the computer slept count as one, the latest, within a minute", () =>
      walled((wall, pass) => {
        const ticks: Array<string> = []
        const handlers = Sized.toLayer(({ day }) => Effect.sync(() => ticks.push(day)))
        const schedule = Sized.toCron("0 * * * *", {
          timeZone: "UTC",
          payload: (tick) => ({ day: String(tick.getTime() / hours(1)) })
        })
        return Effect.gen(function*() {
          yield* settleTurns // the schedule sleeps
          wall.offset = hours(5.5) // asleep
          yield* pass(60_000)
          assert.deepStrictEqual(ticks, ["5"])
          yield* pass(hours(1))
          assert.deepStrictEqual(ticks, ["5", "6"])
        }).pipe(Effect.provide(schedule.pipe(Layer.provideMerge(handlers))))
      }))

    it.effect("a wall that is set back fires no tick twice", () =>
      walled((wall, pass) => {
        const { handlers, starts } = scene(0)
        return Effect.gen(function*() {
          yield* pass(hours(1))
          wall.offset = -hours(0.5)
          yield* pass(hours(1.4))
          assert.strictEqual(starts.length, 1)
          yield* pass(hours(0.2))
          assert.strictEqual(starts.length, 2)
        }).pipe(Effect.provide(Report.toCron("0 * * * *", { timeZone: "UTC" }).pipe(Layer.provideMerge(handlers))))
      }))
  })

  it.effect("is inside of no task, though a handler builds its layer", () => {
    class Builder extends Job.make("Builder") {}
    const { handlers } = scene(0)
    const builders = Builder.toLayer(() =>
      Effect.gen(function*() {
        yield* Layer.build(Report.toCron("0 * * * *", { timeZone: "UTC" }))
        yield* pass(hours(1))
        const last = Option.getOrThrow((yield* cronOf).last)
        assert.deepStrictEqual((yield* last.status).parentTaskId, Option.none())
      }).pipe(Effect.orDie)
    )
    return Builder.run().pipe(Effect.provide(builders.pipe(Layer.provideMerge(handlers))), withPool())
  })

  it("refuses what could never fire", () => {
    assert.throws(() => Report.toCron("61 * * * *"), /Job "Report": the schedule cannot be/)
    assert.throws(() => Report.toCron("0 0 30 2 *"), /no such time ever comes/)
    assert.throws(
      () => Report.toCron("0 * * * *", { timeZone: "Mars/Olympus" }),
      /Job "Report": the schedule cannot be/
    )
    assert.throws(() => Sized.toCron("0 * * * *", { payload: { day: 5 as any } }), /the payload of its schedule/)
    // @ts-expect-error: its payload is required
    assert.throws(() => Sized.toCron("0 * * * *"), /the payload of its schedule/)
    assert.doesNotThrow(() => Report.toCron(Cron.parseUnsafe("0 * * * *")))
  })

  it.effect("two of one name die", () => {
    const { handlers } = scene(0)
    const twice = Layer.mergeAll(Report.toCron("0 * * * *"), Report.toCron("5 * * * *")).pipe(
      Layer.provideMerge(handlers)
    )
    return Effect.gen(function*() {
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(twice)))
      assert.include(String(Exit.isFailure(exit) && exit.cause), `Two schedules are named "Report"`)
    }).pipe(withPool())
  })
})
