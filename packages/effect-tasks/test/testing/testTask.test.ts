import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, Schema } from "effect"
import { Job, JobRegistry, WorkerPool } from "effect-tasks"
import { dispatchedTimes, expectNoLeaks, TestTask, TestWorkerPool } from "effect-tasks/testing"

class Shrink extends Job.make("Shrink", {
  payload: { photo: Schema.String },
  success: Schema.String,
  unique: true
}) {}
class Other extends Job.make("Other") {}

const AppLive = JobRegistry.layer(
  Shrink.toLayer(({ photo }) => Effect.succeed(`small ${photo}`)),
  Other.toLayer(() => Effect.void)
)
const provide = (options?: Parameters<typeof TestWorkerPool.layer>[0]) =>
  Effect.provide(AppLive.pipe(Layer.provideMerge(TestWorkerPool.layer(options))))

const cat = { photo: "cat.jpg" }
const running = TestTask.make(Shrink, cat, { state: "Running" })
const exited = TestTask.make(Shrink, cat, { exit: Exit.succeed("tiny") })

describe("TestTask", () => {
  it.effect("is found by its id, in its job and in its worker pool", () =>
    Effect.gen(function*() {
      const pool = yield* WorkerPool
      for (const make of [running, exited]) {
        const task = yield* make
        const found = Option.getOrThrow(yield* Shrink.get(task.id))
        assert.deepStrictEqual(yield* found.status, yield* task.status)
        assert.strictEqual(Option.getOrThrow(yield* pool.task(task.id)).id, task.id)
        assert.isTrue(Option.isNone(yield* Other.get(task.id)))
      }
    }).pipe(provide()))

  it.effect("is found whatever its id looks like, and beside real tasks", () =>
    Effect.gen(function*() {
      const real = yield* Shrink.dispatch(cat)
      const task = yield* running
      yield* Shrink.run({ photo: "dog.jpg" })
      for (const { id } of [real, task]) assert.strictEqual(Option.getOrThrow(yield* Shrink.get(id)).id, id)
    }).pipe(provide({ ids: "unique" })))

  it.effect("is not found in another worker pool, nor when its own has closed", () =>
    Effect.gen(function*() {
      const [task, pool] = yield* Effect.all([running, WorkerPool]).pipe(provide())
      assert.isTrue(Option.isNone(yield* pool.task(task.id)))
      assert.isTrue(Option.isNone(yield* Effect.provide(Shrink.get(task.id), TestWorkerPool.layer())))
    }))

  it.effect("is in nobody's way: not counted, listed, joined, told of or waited for", () =>
    expectNoLeaks(
      Effect.gen(function*() {
        const pool = yield* WorkerPool
        const before = [yield* pool.status, yield* pool.global.status]
        yield* running
        yield* exited
        assert.deepStrictEqual([yield* pool.status, yield* pool.global.status], before)
        assert.lengthOf(yield* pool.tasks, 0)
        assert.lengthOf(yield* Shrink.tasks, 0)
        assert.isTrue(Option.isNone(yield* Shrink.find(cat)))
        assert.lengthOf(yield* TestWorkerPool.events, 0)
        yield* dispatchedTimes(Shrink, 0)
        yield* pool.drain
        const real = yield* Shrink.dispatch(cat)
        assert.strictEqual(real.origin, "created")
        assert.strictEqual(yield* real.await, "small cat.jpg")
        assert.strictEqual(Option.getOrThrow(yield* Shrink.find(cat)).id, real.id)
      }).pipe(provide())
    ))

  it.effect("takes no place in the history, and stays when real tasks leave it", () =>
    Effect.gen(function*() {
      const first = yield* Shrink.dispatch(cat)
      yield* first.await
      const task = yield* exited
      assert.isTrue(Option.isSome(yield* Shrink.get(first.id)))
      const second = yield* Shrink.dispatch({ photo: "dog.jpg" })
      yield* second.await
      assert.isTrue(Option.isNone(yield* Shrink.get(first.id)))
      assert.isTrue(Option.isSome(yield* Shrink.get(second.id)))
      assert.isTrue(Option.isSome(yield* Shrink.get(task.id)))
    }).pipe(provide({ history: 1 })))
})
