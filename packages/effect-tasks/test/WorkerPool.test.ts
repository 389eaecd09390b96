import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Schema, Scope, Stream } from "effect"
import { Job, type Task, TaskPool, WorkerPool, type WorkerPoolStatus } from "effect-tasks"
import { awaitState, gate, pass, script, scripted, settleTurns, testPool, withPool, work } from "./support.ts"

class Resize extends Job.make("Resize", { payload: { width: Schema.Int } }) {}
class Sweep extends Job.make("Sweep") {}

describe("WorkerPool.jobs", () => {
  it.effect("names each job that has or had a handler, with its Schemas", () =>
    Effect.gen(function*() {
      const { jobs } = yield* WorkerPool
      assert.deepStrictEqual(yield* jobs, [])
      yield* Effect.scoped(Layer.build(Resize.toLayer(() => Effect.void)))
      yield* Layer.build(Sweep.toLayer(() => Effect.void))
      assert.deepStrictEqual(
        yield* jobs,
        [Resize, Sweep].map((job) => ({
          tag: job.tag,
          payloadSchema: job.payloadSchema,
          successSchema: job.successSchema,
          errorSchema: job.errorSchema,
          progressSchema: job.progressSchema,
          messageSchema: job.messageSchema,
          paused: false
        }))
      )
    }).pipe(Effect.provide(WorkerPool.layer())))
})

describe("WorkerPool.status", () => {
  it.effect("tells running, sleeping and stopping apart, and accounts for every task", () =>
    Effect.gen(function*() {
      const { status } = yield* WorkerPool
      const [held, finalizer] = [gate(), gate()]
      const stopping = yield* work("stopping", (self) =>
        Effect.andThen(Effect.addFinalizer(() => finalizer.wait), self.whileSleeping(Effect.never)))
      yield* awaitState(stopping, "Sleeping")
      yield* Effect.forkChild(stopping.cancel(), { startImmediately: true })
      const sleeping = yield* work("sleeping", (self) =>
        self.whileSleeping(held.wait))
      yield* awaitState(sleeping, "Sleeping")
      const running = yield* work("running", () => held.wait)
      yield* work("queued")
      yield* work("delayed", undefined, { delay: "1 hour" })
      yield* awaitState(running, "Running")
      const { busy, complete, delayed, dispatched, queued, running: run, sleeping: sleep, stopping: stop } =
        yield* status
      assert.deepStrictEqual([busy, run, sleep, stop, queued, delayed, complete, dispatched], [1, 1, 1, 1, 1, 1, 0, 5])
      yield* held.open
      yield* finalizer.open
      yield* stopping.exit
      yield* settleTurns
      assert.deepInclude(yield* status, { busy: 0, running: 0, sleeping: 0, stopping: 0, complete: 4, delayed: 1 })
    }).pipe(withPool({ workers: 1 })))
})

describe("WorkerPool.changes", () => {
  it.effect("gives the current status first, later ones, and ends with the worker pool", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(testPool(), scope)
      yield* Effect.gen(function*() {
        const { changes, pause } = yield* WorkerPool
        const seen: Array<WorkerPoolStatus> = []
        const reader = yield* Effect.forkChild(
          Stream.runForEach(changes, (status) => Effect.sync(() => seen.push(status)))
        )
        yield* settleTurns
        assert.deepStrictEqual(seen.map(({ dispatched, seq }) => [dispatched, seq]), [[0, 0]])
        yield* (yield* work("a")).exit
        yield* settleTurns
        assert.deepInclude(seen.at(-1), { dispatched: 1, complete: 1, busy: 0 })
        yield* pause
        yield* settleTurns
        assert.isTrue(seen.at(-1)!.paused)
        yield* Scope.close(scope, Exit.void)
        yield* Fiber.join(reader)
      }).pipe(Effect.provideContext(context))
    }))

  it.effect("does not wake a task that reads it for ever", () =>
    Effect.gen(function*() {
      const { changes, status } = yield* WorkerPool
      let seen = 0
      const task = yield* work("reader", () => Stream.runForEach(changes, () => Effect.sync(() => seen++)))
      yield* settleTurns
      const { seq } = yield* status
      const before = seen
      yield* settleTurns
      assert.deepStrictEqual([(yield* status).seq, seen], [seq, before])
      yield* task.cancel()
    }).pipe(withPool({ workers: 1 })))
})

describe("WorkerPool.explain", () => {
  class Limited extends Job.make("Limited", { ...scripted, concurrency: 1, unique: true }) {}
  class Rated extends Job.make("Rated", { ...scripted, rate: { limit: 1, window: "1 minute" } }) {}
  class Keyed extends Job.make("Keyed", { ...scripted, rate: { limit: 9, window: 1, key: ({ id }) => id } }) {}

  const explain = (task: Task.Any) =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      return Option.getOrThrow(yield* workerPool.explain(task.id))
    })

  it.effect("names the limit with its numbers and its holders", () =>
    Effect.gen(function*() {
      const held = gate()
      yield* script("a", () => held.wait)
      const [first, second] = [yield* Limited.dispatch({ id: "a" }), yield* Limited.dispatch({ id: "b" })]
      yield* settleTurns
      const { limits, place, status } = yield* explain(second)
      assert.deepStrictEqual(status.waitingFor, Option.some("job-concurrency"))
      assert.deepStrictEqual(place, Option.some(1))
      const [limit] = limits
      if (limit?._tag !== "Permits") return assert.fail("expected permits")
      assert.deepStrictEqual([limit.limit, limit.used, limit.isFull], [1, 1, true])
      assert.deepStrictEqual(limit.holders.map(({ id }) => id), [first.id])
      yield* held.open
      yield* second.await
    }).pipe(withPool({}, Limited)))

  it.effect("when a rate has room again", () =>
    Effect.gen(function*() {
      const [, second] = [yield* Rated.dispatch({ id: "a" }), yield* Rated.dispatch({ id: "b" })]
      yield* settleTurns
      const { limits, status } = yield* explain(second)
      assert.deepStrictEqual(limits, [{
        _tag: "Rate",
        isFull: true,
        waitingFor: "rate",
        limit: 1,
        window: 60_000,
        used: 1,
        opensAt: Option.some(60_000)
      }])
      assert.deepStrictEqual(status.waitingUntil, Option.some(60_000))
      yield* second.cancel()
    }).pipe(withPool({}, Rated)))

  it.effect("its place in the queue, over all priorities", () =>
    Effect.gen(function*() {
      const held = gate()
      yield* work("a", () => held.wait)
      yield* settleTurns
      const tasks = [yield* work("b"), yield* work("c"), yield* work("d"), yield* work("e", undefined, { priority: 1 })]
      const places = yield* Effect.forEach(tasks, (task) => Effect.map(explain(task), ({ place }) => place))
      assert.deepStrictEqual(places.map(Option.getOrNull), [2, 3, 4, 1])
      yield* held.open
    }).pipe(withPool({ workers: 1 })))

  it.effect("which tasks and pools it waits for", () =>
    Effect.gen(function*() {
      const held = gate()
      const child = yield* work("child", () => held.wait)
      const parent = yield* work("parent", () => child.await)
      const pooled = yield* work("pooled", () =>
        TaskPool.use((pool) => Effect.asVoid(work("inner", () => held.wait, { pool })), { name: "inners" }))
      yield* settleTurns
      assert.deepStrictEqual(
        (yield* explain(parent)).tasks.map(({ id }) =>
          id
        ),
        [child.id]
      )
      assert.deepStrictEqual((yield* explain(pooled)).pools.map(({ name }) => name), ["inners"])
      yield* held.open
      yield* parent.await
      yield* pooled.await
    }).pipe(withPool()))

  it.effect("the tasks before it for its key, and what is paused", () =>
    Effect.gen(function*() {
      const held = gate()
      yield* script("a", (self) => Effect.andThen(self.onExit(() => held.wait), Effect.never))
      const first = yield* Limited.dispatch({ id: "a" })
      yield* settleTurns
      yield* Effect.forkChild(first.cancel(), { startImmediately: true })
      yield* settleTurns
      const second = yield* Limited.dispatch({ id: "a" })
      yield* Limited.pause()
      const { paused, status, tasks } = yield* explain(second)
      assert.deepStrictEqual(status.waitingFor, Option.some("key"))
      assert.deepStrictEqual(tasks.map(({ id }) => id), [first.id])
      assert.deepStrictEqual(paused, { workerPool: false, job: true, key: false })
      const { jobs } = yield* WorkerPool
      assert.isTrue((yield* jobs).find(({ tag }) => tag === "Limited")!.paused)
      yield* Limited.resume
      yield* held.open
      yield* second.cancel()
    }).pipe(withPool({}, Limited)))

  it.effect("that its key is held back", () =>
    Effect.gen(function*() {
      yield* script("a", (self) => self.snoozes > 0 ? Effect.void : self.snooze("1 second", { hold: true }))
      const first = yield* Keyed.dispatch({ id: "a" })
      yield* settleTurns
      const { paused } = yield* explain(yield* Keyed.dispatch({ id: "a" }))
      assert.deepStrictEqual(paused, { workerPool: false, job: false, key: true })
      yield* pass("1 second")
      yield* first.await
    }).pipe(withPool({}, Keyed)))

  it.effect("none for an id that it does not know", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      assert.deepStrictEqual(yield* workerPool.explain("Nobody-1"), Option.none())
    }).pipe(withPool()))
})
