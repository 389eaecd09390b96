import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Option, Ref, Schema } from "effect"
import { type DispatchError, Job, JobRegistry, type Task, TaskPool, WaitCycle, WorkerPool } from "effect-tasks"
import { settledAs, TestWorkerPool } from "effect-tasks/testing"
import { TestClock } from "effect/testing"
import { canceled, failure, stateOf } from "../support.ts"

class Broken extends Schema.TaggedError<Broken>()("Broken", { at: Schema.Int }) {}
class Note extends Job.make("Note", { payload: { text: Schema.String }, success: Schema.String }) {}
class Parent extends Job.make("Parent", { payload: { children: Schema.Int } }) {}
class Fails extends Job.make("Fails", { error: Broken, retry: { times: 2, schedule: undefined } }) {}
class Sleeps
  extends Job.make("Sleeps", { payload: { millis: Schema.Int }, success: Schema.Int, timeout: "1 minute" })
{}
class Meets extends Job.make("Meets", { payload: { first: Schema.Boolean } }) {}

const log: Array<string> = []
const meeting = Deferred.makeUnsafe<void>()
let released = 0

const JobsLive = JobRegistry.layer(
  Note.toLayer(({ text }) => Effect.sync(() => `${text}:${log.push(text)}`)),
  Parent.toLayer(Effect.gen(function*() {
    return Parent.of(Effect.fnUntraced(function*({ children }) {
      const numbers = Array.from({ length: children }, (_, i) => i)
      yield* TaskPool.forEach(numbers, (i, pool) => Note.dispatch({ text: `child ${i}` }, { pool }))
      log.push("parent")
    }))
  })),
  Fails.toLayer((_, task) => Effect.fail(new Broken({ at: task.attempt }))),
  Sleeps.toLayer(({ millis }) =>
    Effect.ensuring(Effect.as(Effect.sleep(millis), millis), Effect.sync(() => released++))
  ),
  Meets.toLayer(({ first }) => first ? Deferred.await(meeting) : Effect.asVoid(Deferred.succeed(meeting, undefined)))
)

const provide = <A, E, RIn>(pool: Layer.Layer<A | WorkerPool, E, RIn>) => {
  log.length = 0
  released = 0
  return Effect.provide(JobsLive.pipe(Layer.provideMerge(pool)))
}

describe("live", () => {
  it.effect("has four workers on every machine", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* WorkerPool.use((pool) => pool.status)).workers, 4)
    }).pipe(provide(TestWorkerPool.layer())))

  it.effect("keeps the log of everything, beyond what a listener would buffer", () =>
    Effect.gen(function*() {
      for (let i = 0; i < 2000; i++) yield* Note.run({ text: "x" })
      const events = yield* TestWorkerPool.events
      assert.strictEqual(events.length, 8000)
      const seqs = events.map((event) => event._tag === "Missed" ? -1 : event.seq)
      assert.deepStrictEqual(seqs, seqs.map((_, i) => i + 1))
    }).pipe(provide(TestWorkerPool.layer())))

  it.effect("ids and times are the same at every run", () =>
    Effect.gen(function*() {
      const once = Effect.gen(function*() {
        yield* Sleeps.dispatch({ millis: 10 })
        yield* Note.dispatch({ text: "a" })
        yield* TestClock.adjust("1 second")
        return yield* TestWorkerPool.events
      })
      const run = Effect.suspend(() =>
        once.pipe(provide(Layer.fresh(TestWorkerPool.layer())), Effect.provide(TestClock.layer()))
      )
      const first = yield* run
      assert.deepStrictEqual(yield* run, first)
      assert.isAbove(first.length, 6)
    }))
})

describe("inline", () => {
  const inline = TestWorkerPool.layerInline()

  it.effect("a dispatch returns the exited task", () =>
    Effect.gen(function*() {
      const task = yield* Note.dispatch({ text: "a" })
      assert.strictEqual(yield* stateOf(task), "Exited")
      assert.deepStrictEqual(log, ["a"])
      assert.strictEqual(yield* task.await, "a:1")
    }).pipe(provide(inline)))

  it.effect("the dispatcher goes on whatever the outcome", () =>
    Effect.gen(function*() {
      const task = yield* Fails.dispatch()
      assert.deepStrictEqual(failure(yield* task.exit), new Broken({ at: 3 }))
    }).pipe(provide(inline)))

  it.effect("a dispatch by name runs too", () =>
    Effect.gen(function*() {
      const pool = yield* WorkerPool
      const task = yield* pool.dispatch("Note", { text: "b" })
      assert.strictEqual((yield* task.status).state, "Exited")
    }).pipe(provide(inline)))

  it.effect("tasks that dispatch tasks run depth first", () =>
    Effect.gen(function*() {
      yield* Parent.dispatch({ children: 3 })
      yield* Note.dispatch({ text: "after" })
      assert.deepStrictEqual(log, ["child 0", "child 1", "child 2", "parent", "after"])
    }).pipe(provide(inline)))

  it.effect("delays take no time", () =>
    Effect.gen(function*() {
      yield* Note.dispatch({ text: "late" }, { delay: "1 day" })
      assert.deepStrictEqual(log, ["late"])
    }).pipe(provide(inline)))

  it.effect("any number of dispatchers run beside each other", () =>
    Effect.gen(function*() {
      const fibers = yield* Effect.forEach([1, 2, 3, 4, 5, 6], (n) => Effect.forkChild(Sleeps.dispatch({ millis: n })))
      yield* TestClock.adjust(10)
      for (const fiber of fibers) yield* settledAs(yield* Fiber.join(fiber), "success")
    }).pipe(provide(inline)))

  it.effect("interrupting the dispatcher cancels the task and waits for its finalizers", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Sleeps.dispatch({ millis: 1000 }))
      yield* TestClock.adjust(1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(released, 1)
      const [task] = yield* Sleeps.tasks
      canceled(yield* task!.exit)
    }).pipe(provide(inline)))
})

describe("inline, where a dispatch would wait for itself", () => {
  /** What the child does with its handle of an ancestor. */
  let child: (
    handle: Task.Task<string, never, never, never>
  ) => Effect.Effect<unknown, DispatchError, WorkerPool | Job.Handler<"Once">>
  const seen: Array<string> = []

  class Once extends Job.make("Once", { success: Schema.String, unique: true }) {}
  class Newest extends Job.make("Newest", { success: Schema.String, unique: "supersede" }) {}
  class Child extends Job.make("Child", { payload: { of: Schema.Literals(["Once", "Newest"]) } }) {}

  const parent = (of: "Once" | "Newest") => Effect.as(Child.dispatch({ of }), `parent of ${of}`)
  const RingLive = JobRegistry.layer(
    Once.toLayer(() => parent("Once")),
    Newest.toLayer((_, task) => task.id === "Newest-1" ? parent("Newest") : Effect.succeed("newest")),
    Child.toLayer(({ of }) =>
      Effect.gen(function*() {
        const job = of === "Once" ? Once : Newest
        const handle = yield* job.dispatch()
        seen.push(`${handle.id} ${handle.origin} ${yield* stateOf(handle)}`)
        yield* child(handle)
      }).pipe(Effect.orDie)
    )
  )
  const ring = (then: typeof child = () => Effect.void) => {
    child = then
    seen.length = 0
    return Effect.provide(RingLive.pipe(Layer.provideMerge(TestWorkerPool.layerInline())))
  }

  it.effect("who joins what waits for him gets the live handle", () =>
    Effect.gen(function*() {
      const task = yield* Once.dispatch()
      assert.deepStrictEqual(seen, ["Once-1 joined Sleeping"])
      assert.deepStrictEqual(yield* task.exit, Exit.succeed("parent of Once"))
      const [below] = yield* Child.tasks
      yield* settledAs(below!, "success")
    }).pipe(ring()))

  it.effect("and so does who joins it into another pool, which holds it until it has ended", () => {
    let pool: TaskPool.TaskPool
    return Effect.gen(function*() {
      pool = yield* TaskPool.make()
      yield* Once.dispatch()
      const { complete } = yield* pool.status
      assert.strictEqual(complete, 1)
    }).pipe(
      ring(() =>
        Effect.gen(function*() {
          yield* Once.dispatch(undefined, { pool })
          assert.strictEqual((yield* pool.status).running + (yield* pool.status).sleeping, 1)
        })
      ),
      Effect.scoped
    )
  })

  it.effect("what supersedes an ancestor runs when that has ended", () =>
    Effect.gen(function*() {
      const first = yield* Newest.dispatch()
      canceled(yield* first.exit)
      const [, newest] = yield* Newest.tasks
      assert.deepStrictEqual(seen, ["Newest-3 created Queued"])
      yield* settledAs(newest!, Exit.succeed("newest"))
      const [below] = yield* Child.tasks
      yield* settledAs(below!, "success")
    }).pipe(ring()))

  it.effect("who awaits such a handle still dies of it", () =>
    Effect.gen(function*() {
      yield* Once.dispatch()
      const [below] = yield* Child.tasks
      assert.instanceOf(Cause.squash(Option.getOrThrow(Exit.getCause(yield* below!.exit))), WaitCycle)
    }).pipe(ring((handle) => handle.await as Effect.Effect<unknown>)))
})

describe("manual", () => {
  const manual = TestWorkerPool.layerManual({ workers: 2 })

  it.effect("nothing runs by itself", () =>
    Effect.gen(function*() {
      const task = yield* Note.dispatch({ text: "a" })
      yield* TestClock.adjust("1 day")
      assert.strictEqual(yield* stateOf(task), "Queued")
      assert.deepStrictEqual((yield* task.status).waitingFor, Option.some("paused"))
      assert.deepStrictEqual(log, [])
    }).pipe(provide(manual)))

  it.effect("step starts one task, the next in order, and does not wait for it", () =>
    Effect.gen(function*() {
      const low = yield* Sleeps.dispatch({ millis: 10 })
      const high = yield* Sleeps.dispatch({ millis: 10 }, { priority: 5 })
      const started = yield* TestWorkerPool.step
      assert.strictEqual(Option.getOrThrow(started).id, high.id)
      assert.strictEqual(yield* stateOf(high), "Running")
      assert.strictEqual(yield* stateOf(low), "Queued")
    }).pipe(provide(manual)))

  it.effect("step starts nothing when all workers are taken, or nothing is queued", () =>
    Effect.gen(function*() {
      assert.isTrue(Option.isNone(yield* TestWorkerPool.step))
      for (let i = 0; i < 3; i++) yield* Sleeps.dispatch({ millis: 10 })
      assert.isTrue(Option.isSome(yield* TestWorkerPool.step))
      assert.isTrue(Option.isSome(yield* TestWorkerPool.step))
      assert.isTrue(Option.isNone(yield* TestWorkerPool.step))
      yield* TestClock.adjust(10)
      assert.isTrue(Option.isSome(yield* TestWorkerPool.step))
    }).pipe(provide(manual)))

  it.effect("runNext runs one task to its end and leaves the others", () =>
    Effect.gen(function*() {
      const first = yield* Note.dispatch({ text: "a" })
      const second = yield* Note.dispatch({ text: "b" })
      assert.strictEqual(Option.getOrThrow(yield* TestWorkerPool.runNext).id, first.id)
      yield* settledAs(first, "success")
      assert.strictEqual(yield* stateOf(second), "Queued")
      yield* TestWorkerPool.runNext
      assert.deepStrictEqual(log, ["a", "b"])
      assert.isTrue(Option.isNone(yield* TestWorkerPool.runNext))
    }).pipe(provide(manual)))

  it.effect("runNext starts what the task waits for", () =>
    Effect.gen(function*() {
      const parent = yield* Parent.dispatch({ children: 3 })
      const other = yield* Note.dispatch({ text: "other" })
      yield* TestWorkerPool.runNext
      assert.strictEqual(yield* stateOf(parent), "Exited")
      assert.strictEqual(yield* stateOf(other), "Queued")
      assert.deepStrictEqual(log, ["child 0", "child 1", "child 2", "parent"])
    }).pipe(provide(manual)))

  it.effect("runNext waits for the hooks", () =>
    Effect.gen(function*() {
      const task = yield* Note.dispatch({ text: "a" })
      const seen = yield* Ref.make(false)
      yield* task.onExit(() => Effect.andThen(Effect.yieldNow, Ref.set(seen, true)))
      yield* TestWorkerPool.runNext
      assert.isTrue(yield* Ref.get(seen))
    }).pipe(provide(manual)))

  it.effect("runNext returns a task that sleeps on the clock as it stands, instead of hanging", () =>
    Effect.gen(function*() {
      yield* Sleeps.dispatch({ millis: 10 })
      const task = Option.getOrThrow(yield* TestWorkerPool.runNext)
      assert.strictEqual(yield* stateOf(task), "Running")
      yield* TestClock.adjust(10)
      assert.strictEqual(yield* stateOf(task), "Exited")
    }).pipe(provide(manual)))

  it.effect("runUntilIdle runs everything, also what is dispatched meanwhile, and returns it in order", () =>
    Effect.gen(function*() {
      yield* Parent.dispatch({ children: 2 })
      yield* Note.dispatch({ text: "other" })
      const started = yield* TestWorkerPool.runUntilIdle
      assert.deepStrictEqual(started.map((task) => task.id), ["Parent-1", "Note-4", "Note-5", "Note-2"])
      assert.strictEqual((yield* WorkerPool.use((pool) => pool.status)).complete, 4)
    }).pipe(provide(manual)))

  it.effect("runUntilIdle runs tasks that need each other beside each other", () =>
    Effect.gen(function*() {
      yield* Meets.dispatch({ first: true })
      yield* Meets.dispatch({ first: false })
      assert.lengthOf(yield* TestWorkerPool.runUntilIdle, 2)
    }).pipe(provide(manual)))

  it.effect("delayed tasks are not idle work until their time has come", () =>
    Effect.gen(function*() {
      yield* Note.dispatch({ text: "late" }, { delay: "1 hour" })
      assert.lengthOf(yield* TestWorkerPool.runUntilIdle, 0)
      yield* TestClock.adjust("1 hour")
      assert.lengthOf(yield* TestWorkerPool.runUntilIdle, 1)
    }).pipe(provide(manual)))

  it.effect("a cancelled task does not run", () =>
    Effect.gen(function*() {
      const task = yield* Note.dispatch({ text: "a" })
      yield* task.cancel()
      assert.lengthOf(yield* TestWorkerPool.runUntilIdle, 0)
      assert.isTrue(Exit.isFailure(yield* task.exit))
    }).pipe(provide(manual)))
})
