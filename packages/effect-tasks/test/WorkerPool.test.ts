import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Schema, Scope, Stream } from "effect"
import { Job, WorkerPool, type WorkerPoolStatus } from "effect-tasks"
import { awaitState, gate, settleTurns, testPool, withPool, work } from "./support.ts"

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
