import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import { type Task, TaskCanceled, TaskTimeout } from "effect-tasks"
import { Act, Burn } from "../fixtures/jobs.ts"
import { alive, bothUp, clean, live, logging, long, made, onThreads, state } from "../support.ts"

const one = { pool: { workers: 1 } }

/** Cancels it when it is in the middle of its work. */
const cancelInWork = (task: Task.Any) =>
  Effect.gen(function*() {
    yield* state(task, "Running")
    yield* Effect.sleep(50)
    yield* task.cancel({ reason: "enough" })
    return yield* task.exit
  })

const assertCanceled = (exit: Exit.Exit<unknown, unknown>) =>
  assert.deepStrictEqual(
    Exit.isFailure(exit) ? exit.cause.reasons.map((reason) => (reason as any).error instanceof TaskCanceled) : [],
    [true]
  )

describe("T5 cancel, timeout and shutdown reach the thread", { timeout: long }, () => {
  it.live("a handler that can be interrupted is: its finalizers run and the thread lives on", () => {
    const { layer, texts } = logging()
    return clean(
      Effect.gen(function*() {
        const id = yield* Burn.run({ millis: 1 })
        assertCanceled(yield* cancelInWork(yield* Act.dispatch({ act: "finalizer" })))
        assert.deepStrictEqual(texts(), ["finalized"])
        assert.strictEqual(yield* Burn.run({ millis: 1 }), id)
      }).pipe(Effect.provide(live(one).pipe(Layer.provide(layer))))
    )
  })

  it.live("a blocking loop is timed out, its thread replaced, its neighbour unharmed", () =>
    onThreads(Effect.gen(function*() {
      yield* bothUp
      const beside = yield* Burn.dispatch({ millis: 900 })
      const error = yield* Effect.flip(Act.run({ act: "spin", n: 60_000 }, { timeout: 200 }))
      assert.instanceOf(error, TaskTimeout)
      assert.strictEqual((yield* beside.status).state, "Running")
      assert.isAbove(yield* beside.await, 0)
      assert.isAbove(yield* Burn.run({ millis: 1 }), 0)
      assert.isAtLeast(made(), 2)
    })))

  for (const [act, n] of [["spin", 60_000], ["atomics", 0], ["regex", 0], ["finalizer that spins", 0]] as const) {
    it.live(`after the grace a thread is terminated: ${act}`, () =>
      onThreads(
        Effect.gen(function*() {
          const id = yield* Burn.run({ millis: 1 })
          assertCanceled(yield* cancelInWork(yield* Act.dispatch({ act, n })))
          assert.notStrictEqual(yield* Burn.run({ millis: 1 }), id)
        }),
        one
      ))
  }

  it.live("a thread that ends by itself while its task is cancelled makes no crash of it", () =>
    onThreads(
      Effect.gen(function*() {
        assertCanceled(yield* cancelInWork(yield* Act.dispatch({ act: "finalizer that exits" })))
      }),
      one
    ))

  for (const act of ["pbkdf2", "exec"]) {
    it.live(`native calls are waited for: the task is Stopping until ${act} returns`, () =>
      onThreads(
        Effect.gen(function*() {
          yield* Burn.run({ millis: 1 })
          const task = yield* Act.dispatch({ act })
          yield* state(task, "Running")
          yield* Effect.sleep(20)
          const canceling = yield* Effect.forkChild(task.cancel(), { startImmediately: true })
          yield* Effect.sleep(30)
          assert.strictEqual((yield* task.status).state, "Stopping")
          yield* Effect.asVoid(task.exit)
          assert.isDefined(canceling)
          assertCanceled(yield* task.exit)
          assert.strictEqual(alive(), 0, "stopped when it says so")
        }),
        { ...one, gracePeriod: 10 }
      ))
  }

  it.live("within a longer grace it ends by itself", () =>
    onThreads(
      Effect.gen(function*() {
        const id = yield* Burn.run({ millis: 1 })
        const task = yield* Act.dispatch({ act: "spin", n: 200 })
        assertCanceled(yield* cancelInWork(task))
        assert.strictEqual(yield* Burn.run({ millis: 1 }), id)
      }),
      { ...one, gracePeriod: "20 seconds" }
    ))

  it.live("shutdown cancels what runs, and is through when every thread has ended", () =>
    Effect.andThen(
      onThreads(Effect.gen(function*() {
        yield* bothUp
        yield* state(yield* Act.dispatch({ act: "never" }), "Running")
        yield* state(yield* Act.dispatch({ act: "spin", n: 60_000 }), "Running")
        yield* Effect.sleep(50)
      })),
      Effect.sync(() => assert.strictEqual(alive(), 0))
    ))

  it.effect("the grace is real time, whatever clock there is", () =>
    onThreads(
      Effect.gen(function*() {
        const task = yield* Act.dispatch({ act: "spin", n: 60_000 })
        yield* task.cancel()
        assertCanceled(yield* task.exit)
      }),
      one
    ))
})
