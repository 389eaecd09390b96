import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Schema } from "effect"
import { DispatchError, InvalidPayload, Job, JobNotRegistered, TaskPool, WorkerPool } from "effect-tasks"
import { awaitState, gate, scripted, settleTurns, withPool, Work, work } from "../support.ts"

class Named extends Job.make("Named", {
  payload: { n: Schema.Int.check(Schema.isGreaterThan(0, { message: "must be positive" })) },
  success: Schema.String
}) {}
class Other extends Job.make("Other", scripted) {}

const refused = (exit: Exit.Exit<unknown, DispatchError>) => {
  if (Exit.isSuccess(exit)) return assert.fail("expected a refusal")
  const error = Option.getOrThrow(Exit.findErrorOption(exit))
  assert.instanceOf(error, DispatchError)
  return error
}

const nothingHappened = Effect.gen(function*() {
  const workerPool = yield* WorkerPool
  assert.deepStrictEqual(yield* workerPool.tasks, [])
  const { complete, dispatched, queued } = yield* workerPool.status
  assert.deepStrictEqual({ complete, dispatched, queued }, { complete: 0, dispatched: 0, queued: 0 })
  assert.strictEqual((yield* workerPool.global.status).total, 0)
})

describe("6.1 Registry", () => {
  it.effect("1. a dispatch of a job that is not registered is refused and no task exists", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const far = refused(yield* Effect.exit(workerPool.dispatch("x", { id: "a" })))
      assert.strictEqual(far.job, "x")
      assert.instanceOf(far.reason, JobNotRegistered)
      const near = refused(yield* Effect.exit(workerPool.dispatch("Worl", { id: "a" })))
      assert.deepStrictEqual(near.reason, new JobNotRegistered({ suggestion: "Work" }))
      yield* nothingHappened
    }).pipe(withPool()))

  it.effect("2. a job does not take the payload of another job", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      yield* Layer.build(Named.toLayer(({ n }) => Effect.succeed(String(n))))
      const byName = refused(yield* Effect.exit(workerPool.dispatch("Named", { id: "a" })))
      assert.strictEqual(byName.job, "Named")
      assert.instanceOf(byName.reason, InvalidPayload)
      // @ts-expect-error: the payload of another job
      const typed = refused(yield* Effect.exit(Work.dispatch({ n: 1 })))
      assert.instanceOf(typed.reason, InvalidPayload)
      yield* nothingHappened
    }).pipe(withPool()))

  it.effect("3. an invalid payload is refused with the Schema's own text, and no counter moves", () =>
    Effect.gen(function*() {
      const handler = yield* Layer.build(Named.toLayer(({ n }) => Effect.succeed(String(n))))
      const pool = yield* TaskPool.make()
      const { reason } = refused(
        yield* Named.dispatch({ n: -1 }, { pool }).pipe(Effect.provide(handler), Effect.exit)
      )
      assert.instanceOf(reason, InvalidPayload)
      assert.include((reason as InvalidPayload).issue, "must be positive")
      assert.strictEqual((yield* pool.status).total, 0)
      yield* nothingHappened
    }).pipe(withPool()))

  it.effect("4. a later registration serves later dispatches; tasks queued before it keep their handler", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      yield* workerPool.pause
      const first = yield* Layer.build(Layer.fresh(Named.toLayer(({ n }) => Effect.succeed(`first ${n}`))))
      const early = yield* Named.dispatch({ n: 1 }).pipe(Effect.provide(first))
      const second = yield* Layer.build(Layer.fresh(Named.toLayer(({ n }) => Effect.succeed(`second ${n}`))))
      const late = yield* Named.dispatch({ n: 2 }).pipe(Effect.provide(second))
      yield* workerPool.resume
      assert.strictEqual(yield* early.await, "first 1")
      assert.strictEqual(yield* late.await, "second 2")
    }).pipe(withPool()))

  it.effect("4. a second definition with the same tag dies when its layer is built", () =>
    Effect.gen(function*() {
      class Twin extends Job.make("Named", { payload: { n: Schema.Int }, success: Schema.String }) {}
      yield* Layer.build(Named.toLayer(() => Effect.succeed("first")))
      const exit = yield* Effect.exit(Layer.build(Twin.toLayer(() => Effect.succeed("second"))))
      assert.isTrue(Exit.hasDies(exit))
    }).pipe(withPool()))

  it.effect("5. 100 concurrent registrations are all dispatchable", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const jobs = Array.from({ length: 100 }, (_, i) =>
        Job.make(`Job${i}`, { payload: { n: Schema.Int }, success: Schema.Int }))
      yield* Effect.forEach(
        jobs,
        (job, i) =>
          Layer.build(job.toLayer(({ n }) => Effect.andThen(Effect.yieldNow, Effect.succeed(i * n)))),
        { concurrency: "unbounded" }
      )
      for (const [i, { tag }] of jobs.entries()) {
        const task = yield* workerPool.dispatch(tag, { n: 2 })
        assert.strictEqual(yield* task.await, i * 2)
      }
    }).pipe(withPool()))

  it.effect("6. a job without a priority has the default one, which is above background", () =>
    Effect.gen(function*() {
      const { priority } = yield* (yield* work("a")).status
      assert.strictEqual(priority, Job.Priority.Default)
      assert.isAbove(priority, Job.Priority.Background)
    }).pipe(withPool()))

  it("7. a job cannot be registered without a handler", () => {
    expectTypeOf<Parameters<typeof Named.toLayer>["length"]>().toEqualTypeOf<1 | 2>()
    // @ts-expect-error: no handler
    const none = () => Named.toLayer()
    // @ts-expect-error: not a handler
    const notOne = () => Named.toLayer(undefined)
    // @ts-expect-error: an Effect of something that is not a handler
    const effect = () => Named.toLayer(Effect.succeed(undefined))
    assert.deepStrictEqual([none, notOne, effect].map((f) => typeof f), ["function", "function", "function"])
  })

  it.effect("8. look-ups in an empty system answer empty or none", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      assert.deepStrictEqual(yield* workerPool.tasks, [])
      assert.deepStrictEqual(yield* Work.tasks, [])
      assert.deepStrictEqual(yield* Named.tasks, [])
      assert.deepStrictEqual(yield* workerPool.task("Work-1"), Option.none())
      assert.deepStrictEqual(yield* workerPool.pool("nope"), Option.none())
      assert.deepStrictEqual(yield* Work.find({ id: "a" }), Option.none())
      assert.deepStrictEqual((yield* workerPool.pools).map(({ id }) => id), [workerPool.global.id])
    }).pipe(withPool()))

  it.effect("9. all ten tasks of a job are listed, and no others", () =>
    Effect.gen(function*() {
      const tasks = []
      for (let i = 0; i < 10; i++) {
        tasks.push(yield* work(`${i}`))
        yield* Other.dispatch({ id: `${i}` })
      }
      const ids = tasks.map(({ id }) => id)
      assert.deepStrictEqual((yield* Work.tasks).map(({ id }) => id), ids)
      yield* Effect.forEach(tasks, (task) => task.await)
      assert.deepStrictEqual((yield* Work.tasks).map(({ id }) => id), ids)
      assert.lengthOf(yield* Other.tasks, 10)
    }).pipe(withPool({}, Other)))

  it.effect("10. the pool that a running task of a job made is found by that job", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const held = gate()
      let made: TaskPool.TaskPool | undefined
      const task = yield* work("a", () =>
        Effect.gen(function*() {
          made = yield* TaskPool.make({ name: "children" })
          yield* held.wait
        }))
      yield* awaitState(task, "Running")
      yield* settleTurns
      const byTask = yield* Effect.forEach(yield* Work.tasks, (each) => each.childPool)
      assert.deepStrictEqual(byTask.map((pool) => Option.getOrThrow(pool).id), [made!.id])
      const byCreator = (yield* workerPool.pools).filter((pool) =>
        Option.exists(pool.createdBy, (creator) => creator.job === "Work")
      )
      assert.deepStrictEqual(byCreator.map((pool) => pool.name), ["children"])
      yield* held.open
      yield* task.await
    }).pipe(withPool()))

  it.effect("11. look-ups in a loop while tasks complete neither hang nor miss a live task", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      let looks = 0
      let finished = false
      const look = Effect.gen(function*() {
        yield* Effect.forEach(yield* Work.tasks, (task) => task.status)
        yield* Effect.forEach(yield* workerPool.pools, (pool) => pool.status)
        looks++
        yield* Effect.yieldNow
      })
      const looker = yield* Effect.forkChild(Effect.repeat(look, { until: () => finished }))
      for (let i = 0; i < 100; i++) {
        const task = yield* work(`${i}`, () =>
          Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            const child = yield* work(`${i}/child`, () => Effect.yieldNow, { pool })
            assert.isTrue((yield* Work.tasks).some(({ id }) => id === child.id))
            yield* pool.join
          }))
        assert.isTrue(Option.isSome(yield* Work.find({ id: `${i}` })))
        if (i % 10 === 0) yield* task.await
      }
      yield* workerPool.drain
      finished = true
      yield* Fiber.join(looker)
      assert.isAbove(looks, 10)
      assert.strictEqual((yield* workerPool.status).failed, 0)
    }).pipe(withPool({ history: 20 })))
})
