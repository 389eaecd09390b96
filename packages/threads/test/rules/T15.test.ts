import { Thread, Threads } from "@effect-tasks/threads"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Queue } from "effect"
import { JobRegistry, TaskCanceled, TaskPool, TaskTimeout, WorkerPool } from "effect-tasks"
import { expectNoLeaks, Explore, TestWorkerPool } from "effect-tasks/testing"
import { TestClock } from "effect/testing"
import { Act, Again, Burn, Bytes, Echo, Leaf, Refused, Unfit } from "../fixtures/jobs.ts"
import { defectOf, logging } from "../support.ts"

const BurnHere = Thread.handler(Burn, ({ millis }) => Effect.as(Effect.sleep(millis), millis))
const ActHere = Thread.handler(
  Act,
  Effect.fnUntraced(function*({ act, n = 0 }, task) {
    switch (act) {
      case "never":
        return yield* Effect.never
      case "inbox":
        return yield* Queue.take(task.inbox)
      case "refuse":
        return yield* new Refused({ why: "here" })
      case "sleep":
        return yield* Effect.as(task.whileSleeping(Effect.sleep(n)), null)
      case "timeout":
        yield* task.setTimeout(n)
        return yield* Effect.never
      case "log":
        return yield* Effect.as(Effect.logInfo("here"), null)
      case "child":
        return yield* TaskPool.use((pool) => Effect.flatMap(Leaf.dispatch({ act: "" }, { pool }), (leaf) => leaf.await))
      default:
        yield* task.report({ done: 1 })
        yield* task.report({ done: 2 })
        return task.id
    }
  })
)
const AgainHere = Thread.handler(
  Again,
  Effect.fnUntraced(function*(_, task) {
    if (task.attempt === 1) return yield* new Refused({ why: "first" })
    return yield* Queue.take(task.inbox)
  })
)
const EchoHere = Thread.handler(
  Echo,
  (payload) => Effect.succeed({ ...payload, wereThemselves: payload.map instanceof Map })
)
const BytesHere = Thread.handler(Bytes, ({ bytes }) => Effect.succeed({ bytes, first: bytes[0]! }))
const UnfitHere = Thread.handler(Unfit, () => Effect.succeed(() => 1))

const handlers = JobRegistry.layer(
  Threads.toLayer(Burn).pipe(Layer.provide(BurnHere)),
  Threads.toLayer(Act).pipe(Layer.provide(ActHere)),
  Threads.toLayer(Again).pipe(Layer.provide(AgainHere)),
  Threads.toLayer(Echo).pipe(Layer.provide(EchoHere)),
  Threads.toLayer(Bytes).pipe(Layer.provide(BytesHere)),
  Threads.toLayer(Unfit).pipe(Layer.provide(UnfitHere)),
  Leaf.toLayer(() => Effect.succeed("leaf"))
)

const here = <A, E>(
  effect: Effect.Effect<A, E, Layer.Success<typeof handlers> | WorkerPool>,
  options = { workers: 2 }
) => expectNoLeaks(Effect.provide(effect, handlers.pipe(Layer.provideMerge(TestWorkerPool.layer(options)))))

describe("T15 in place, for tests", () => {
  it.effect("time is the TestClock's", () =>
    here(Effect.gen(function*() {
      const task = yield* Burn.dispatch({ millis: 1000 }, { timeout: 500 })
      yield* TestClock.adjust(500)
      assert.instanceOf(yield* Effect.flip(task.await), TaskTimeout)
      const other = yield* Burn.dispatch({ millis: 1000 })
      yield* TestClock.adjust(1000)
      assert.strictEqual(yield* other.await, 1000)
      const own = yield* Act.dispatch({ act: "timeout", n: 100 })
      yield* TestClock.adjust(100)
      assert.instanceOf(yield* Effect.flip(own.await), TaskTimeout)
    })))

  it.effect("values go through the codecs and are copies", () =>
    here(Effect.gen(function*() {
      const payload = { date: new Date(1), big: 1n, map: new Map([["a", 1]]), nan: NaN, nothing: undefined }
      assert.deepStrictEqual(yield* Echo.run(payload), { ...payload, wereThemselves: true })
      const bytes = new Uint8Array([1, 2, 3])
      const result = yield* Bytes.run({ bytes })
      assert.deepStrictEqual(result.bytes, bytes)
      assert.notStrictEqual(result.bytes.buffer, bytes.buffer)
      const refused = yield* Effect.flip(Act.run({ act: "refuse" }))
      assert.instanceOf(refused, Refused)
      const unfit = defectOf(yield* (yield* Unfit.dispatch({ part: "" })).exit)
      assert.include(unfit.message, `Job "Unfit": its success cannot be encoded`)
    })))

  it.effect("progress, messages, retries and sleep are as on a thread", () =>
    here(
      Effect.gen(function*() {
        const act = yield* Act.dispatch({ act: "" })
        assert.strictEqual(yield* act.await, act.id)
        assert.deepStrictEqual((yield* act.status).progress, Option.some({ done: 2 }))
        const asked = yield* Act.dispatch({ act: "inbox" })
        yield* asked.send("hello")
        assert.strictEqual(yield* asked.await, "hello")
        const again = yield* Again.dispatch({ how: "leave" })
        yield* again.send("kept")
        assert.strictEqual(yield* again.await, "kept")
        const sleeper = yield* Act.dispatch({ act: "sleep", n: 1000 })
        const beside = yield* Act.dispatch({ act: "" })
        assert.strictEqual(yield* beside.await, beside.id)
        assert.strictEqual((yield* sleeper.status).state, "Sleeping")
        yield* TestClock.adjust(1000)
        yield* sleeper.await
      }),
      { workers: 1 }
    ))

  it.effect("children need no way to the main side", () =>
    here(
      Effect.gen(function*() {
        const task = yield* Act.dispatch({ act: "child" })
        assert.strictEqual(yield* task.await, "leaf")
        assert.isTrue(Option.isSome(yield* task.childPool))
      }),
      { workers: 1 }
    ))

  it.effect("logs are lines of the task", () => {
    const { layer, lines } = logging()
    return Effect.gen(function*() {
      const task = yield* Act.dispatch({ act: "log" })
      yield* task.await
      assert.deepStrictEqual(lines.map(({ annotations, message }) => [message, annotations["task"]]), [
        [["here"], task.id]
      ])
    }).pipe(Effect.provide(handlers.pipe(Layer.provideMerge(TestWorkerPool.layer()), Layer.provide(layer))))
  })

  it.effect("inline, a dispatch returns a task that has ended", () =>
    Effect.gen(function*() {
      const task = yield* Act.dispatch({ act: "" })
      assert.strictEqual((yield* task.status).state, "Exited")
    }).pipe(Effect.provide(handlers.pipe(Layer.provideMerge(TestWorkerPool.layerInline())))))

  it.effect("by hand, tasks run when they are told", () =>
    Effect.gen(function*() {
      const task = yield* Act.dispatch({ act: "" })
      assert.strictEqual((yield* task.status).state, "Queued")
      yield* TestWorkerPool.runUntilIdle
      assert.strictEqual((yield* task.status).state, "Exited")
    }).pipe(Effect.provide(handlers.pipe(Layer.provideMerge(TestWorkerPool.layerManual())))))

  it.effect(
    "under 200 schedules of cancels, messages, progress and children nothing hangs, nothing is lost",
    () =>
      Explore.run(
        Effect.gen(function*() {
          const canceled = yield* Act.dispatch({ act: "never" })
          const canceling = yield* Effect.forkChild(canceled.cancel())
          const asked = yield* Act.dispatch({ act: "inbox" })
          const again = yield* Again.dispatch({ how: "leave" })
          const sending = yield* Effect.forkChild(again.send("kept"))
          const parent = yield* Act.dispatch({ act: "child" })
          const reports = yield* Act.dispatch({ act: "" })
          yield* asked.send("x")
          yield* Fiber.joinAll([canceling, sending])
          assert.instanceOf(yield* Effect.flip(canceled.await), TaskCanceled)
          assert.strictEqual(yield* asked.await, "x")
          assert.strictEqual(yield* again.await, "kept")
          assert.strictEqual(yield* parent.await, "leaf")
          yield* reports.await
          assert.deepStrictEqual((yield* reports.status).progress, Option.some({ done: 2 }))
          const { busy, complete, dispatched } = yield* (yield* WorkerPool).status
          assert.deepStrictEqual([busy, complete], [0, dispatched])
        }).pipe(Effect.provide(handlers.pipe(Layer.provideMerge(WorkerPool.layer({ workers: 2 }))))),
        { seeds: 200 }
      ),
    60_000
  )

  it.effect("a cancel at any moment stops it", () =>
    here(Effect.gen(function*() {
      for (let turns = 0; turns < 10; turns++) {
        const task = yield* Act.dispatch({ act: "inbox" })
        for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
        yield* task.cancel()
        assert.instanceOf(yield* Effect.flip(task.await), TaskCanceled)
      }
    })))
})
