import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Stream } from "effect"
import { Job, WorkerPool } from "effect-tasks"
import { Act, Leaf, Once, Tree } from "../fixtures/jobs.ts"
import {
  alive,
  bothUp,
  clean,
  crashOf,
  defectOf,
  live,
  logging,
  long,
  onThreads,
  spawn,
  state,
  until
} from "../support.ts"

const one = { pool: { workers: 1 } }

/** The only child there is by now. */
const leaf = Effect.gen(function*() {
  yield* until(() => Effect.map(Leaf.tasks, ({ length }) => length > 0))
  return (yield* Leaf.tasks)[0]!
})

describe("T13 children of a handler on a thread", { timeout: long }, () => {
  it.live("a tree of tasks on threads completes with one worker", () =>
    onThreads(
      Effect.gen(function*() {
        const root = yield* Tree.dispatch({ depth: 2 })
        assert.strictEqual(yield* root.await, 4)
        const { complete } = yield* (yield* WorkerPool).status
        assert.strictEqual(complete, 10)
        const children = Option.getOrThrow(yield* root.childPool)
        const { state, total } = yield* children.status
        assert.deepStrictEqual([state, total], ["done", 6], "all below it, in one pool")
        assert.strictEqual(Option.getOrThrow(children.createdBy).id, root.id)
      }),
      one
    ))

  it.live("cancelling a tree leaves nothing", () =>
    onThreads(Effect.gen(function*() {
      const root = yield* Tree.dispatch({ depth: 5 })
      yield* until(() => alive() > 3)
      yield* root.cancel()
      const { busy, queued, sleeping } = yield* (yield* WorkerPool).status
      assert.deepStrictEqual([busy, sleeping, queued], [0, 0, 0])
    })))

  it.live("a handler that is cancelled hears of that first, not of children that ended with it", () => {
    const { layer, texts } = logging()
    return clean(
      Effect.gen(function*() {
        yield* bothUp
        for (let i = 0; i < 100; i++) {
          const asker = yield* Act.dispatch({ act: "children for ever" })
          yield* until(() => Effect.map(asker.childPool, Option.isSome))
          yield* Effect.sleep((i % 10) / 2)
          yield* asker.cancel()
        }
        assert.deepStrictEqual(texts().filter((text) => String(text).includes("while it stopped")), [])
      }).pipe(Effect.provide(live().pipe(Layer.provide(layer))))
    )
  })

  it.live("their outcomes cross: failures as their classes, defects, time limits", () =>
    onThreads(Effect.gen(function*() {
      assert.deepStrictEqual(yield* Act.run({ act: "child that fails" }), ["Refused", true])
      assert.strictEqual(yield* Act.run({ act: "child that dies" }), true)
      assert.strictEqual(yield* Act.run({ act: "child that times out" }), "TaskTimeout")
    })))

  it.live("messages go down and progress comes up, with one worker", () =>
    onThreads(
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* Act.run({ act: "talk" }), [5, 7, 8])
      }),
      one
    ))

  it.live("the priority of a dispatch goes with it", () =>
    onThreads(
      Effect.gen(function*() {
        const priorities = yield* Effect.forkChild(
          (yield* WorkerPool).events.pipe(
            Stream.filter((event) => event._tag === "TaskQueued" && event.job === "Leaf"),
            Stream.map((event) => "priority" in event ? event.priority : undefined),
            Stream.take(4),
            Stream.runCollect
          ),
          { startImmediately: true }
        )
        yield* Act.run({ act: "priorities" })
        assert.sameMembers(
          yield* Fiber.join(priorities),
          [Job.Priority.Medium, -5, 99, 0],
          "the first is the job's own"
        )
      }),
      one
    ))

  it.live("a `run` that is interrupted cancels its task", () =>
    onThreads(Effect.gen(function*() {
      yield* Act.run({ act: "run is interrupted" })
      assert.strictEqual((yield* Effect.flip((yield* leaf).await))._tag, "TaskCanceled")
    })))

  it.live("one without a pool outlives who asked, though it was the last that it did", () =>
    onThreads(Effect.gen(function*() {
      const task = yield* Act.dispatch({ act: "detached", n: 200 })
      yield* task.exit
      const child = yield* leaf
      assert.isTrue(child.pool.isGlobal)
      assert.strictEqual(yield* child.await, 200)
    })))

  it.live("and its thread that closes, in silence", () => {
    let printed = ""
    const make = () => {
      const worker = spawn()()
      worker.stdout.on("data", (text) => printed += text)
      return worker
    }
    return onThreads(
      Effect.gen(function*() {
        yield* Act.run({ act: "detached", n: 3000 })
        const child = yield* leaf
        yield* until(() => alive() === 0)
        assert.strictEqual((yield* child.status).state, "Running")
        assert.strictEqual(yield* child.await, 3000)
        assert.notInclude(printed, "ERROR")
      }),
      { timeToLive: 10, spawn: make }
    )
  })

  it.live("and its thread that crashes", () =>
    onThreads(Effect.gen(function*() {
      const task = yield* Act.dispatch({ act: "detached, then exit", n: 2000 })
      crashOf(yield* task.exit)
      const child = yield* leaf
      assert.strictEqual((yield* child.status).state, "Running")
      assert.strictEqual(yield* child.await, 2000)
    })))

  it.live("those of one key are one task, which an interrupted `run` that joined it leaves alone", () =>
    onThreads(
      Effect.gen(function*() {
        yield* bothUp
        const askers = yield* Effect.forEach([1, 2], () => Act.dispatch({ act: "once", n: 500 }))
        assert.deepStrictEqual(yield* Effect.forEach(askers, (task) => task.await), [500, 500])
        assert.strictEqual((yield* Once.tasks).length, 1)
        const first = yield* Once.dispatch({ n: -1 })
        yield* Act.run({ act: "join, then interrupted" })
        assert.strictEqual((yield* first.status).state, "Running")
        yield* first.cancel()
      }),
      { pool: { workers: 4 } }
    ))

  it.live("a wait that could never end dies there", () =>
    onThreads(Effect.gen(function*() {
      const task = yield* Act.dispatch({ act: "wait for oneself" })
      const defect = defectOf(yield* task.exit)
      assert.strictEqual(defect.name, "WaitCycle")
      assert.include(defect.message, task.id)
    })))

  it.live("the asking task sleeps while it waits for them", () =>
    onThreads(
      Effect.gen(function*() {
        const root = yield* Tree.dispatch({ depth: 1 })
        yield* state(root, "Sleeping")
        assert.isTrue(Exit.isSuccess(yield* root.exit))
      }),
      one
    ))
})
