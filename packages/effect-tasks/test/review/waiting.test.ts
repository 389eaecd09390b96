/** R17 and R22: waits, lost wake-ups, rings, drain. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, References } from "effect"
import { Job, TaskPool, WaitCycle, WorkerPool } from "effect-tasks"
import {
  awaitState,
  defect,
  gate,
  script,
  scripted,
  type ScriptedTask,
  settleTurns,
  stateOf,
  taskById,
  withPool,
  work
} from "../support.ts"

class Once extends Job.make("Once", { ...scripted, unique: true }) {}

/** Every fiber yields before every other step, so that whatever can come between two steps does. */
const yieldingAlways = Effect.provideService(References.MaxOpsBeforeYield, 3)

/** What fibers in many positions of their budget of steps do. */
const atEveryOffset = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.forEach(Array.from({ length: 64 }, (_, n) => n), (n) =>
    Effect.forkChild(
      Effect.gen(function*() {
        for (let i = 0; i < n; i++) yield* Effect.void
        return yield* effect
      }),
      { startImmediately: true }
    ))

describe("R17 Waits", () => {
  for (const what of ["exit", "settled", "drain", "firstProgress"] as const) {
    it.effect(`${what} loses no wake-up, wherever its fiber yields`, () =>
      Effect.gen(function*() {
        const { drain } = yield* WorkerPool
        const end = gate()
        const pool = yield* TaskPool.make()
        const task = yield* work("a", () => end.wait, { pool })
        const wait: Effect.Effect<unknown> = what === "exit"
          ? task.exit
          : what === "drain"
          ? drain
          : what === "settled"
          ? pool.settled
          : task.firstProgress
        const fibers = yield* atEveryOffset(wait)
        yield* end.open
        yield* settleTurns
        yield* Effect.forEach(Array.from({ length: 300 }), () => Effect.yieldNow)
        yield* Effect.forEach(Array.from({ length: 300 }), () => Effect.yieldNow)
        assert.deepStrictEqual(fibers.filter((fiber) => fiber.pollUnsafe() === undefined).length, 0)
      }).pipe(yieldingAlways, withPool()))
  }

  it.effect("a task whose fiber was interrupted in its wait goes on with one slot", () =>
    Effect.gen(function*() {
      const held = gate()
      const other = yield* work("other", () => held.wait)
      const task = yield* work("a", () =>
        Effect.gen(function*() {
          const waits = yield* Effect.forkChild(other.exit, { startImmediately: true })
          yield* Fiber.interrupt(waits)
          return "on"
        }))
      assert.strictEqual(yield* task.await, "on")
      yield* held.open
      yield* other.await
      assert.deepInclude(yield* (yield* WorkerPool).status, { busy: 0, sleeping: 0 })
    }).pipe(withPool({ workers: 2 })))
})

const ring = (exit: any) => {
  const found = defect(exit)
  assert.instanceOf(found, WaitCycle)
  return (found as WaitCycle).ring
}

describe("R22 Rings", () => {
  it.effect("a hook that waits for the task that waits for the hook's key dies", () =>
    Effect.gen(function*() {
      let rings: ReadonlyArray<string> = []
      const task = yield* Once.dispatch({ id: "k" })
      yield* task.onExit(() =>
        Effect.gen(function*() {
          const next = yield* Once.dispatch({ id: "k" })
          rings = ring(yield* Effect.exit(next.exit))
        })
      )
      yield* task.await
      assert.deepStrictEqual(rings, [task.id, "Once-2", task.id])
      yield* (yield* WorkerPool).drain
    }).pipe(withPool({}, Once)))

  it.effect("a finalizer that waits for the task that waits for the finalizer's key dies", () =>
    Effect.gen(function*() {
      let rings: ReadonlyArray<string> = []
      yield* script("k", () =>
        Effect.addFinalizer(() =>
          Effect.gen(function*() {
            const next = yield* Effect.orDie(Once.dispatch({ id: "k" }))
            if (next.id !== "Once-1") {
              yield* script("k", () => Effect.void)
              rings = ring(yield* Effect.exit(next.exit))
            }
          }) as Effect.Effect<void>
        ) as any)
      const task = yield* Once.dispatch({ id: "k" })
      yield* task.exit
      assert.deepStrictEqual(rings, [task.id, "Once-2", task.id])
    }).pipe(withPool({}, Once)))

  it.effect("a hook of a task that its pool let go of may wait for the task above", () =>
    Effect.gen(function*() {
      const elsewhere = yield* TaskPool.make()
      const [cancel, end, parentEnd] = [gate(), gate(), gate()]
      let seen: unknown
      yield* script("s", () => end.wait)
      const parent: ScriptedTask = yield* work("parent", () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          yield* Once.dispatch({ id: "s" }, { pool })
          yield* cancel.wait
          yield* pool.cancel()
          yield* parentEnd.wait
          return "parent"
        }))
      yield* settleTurns
      const shared = yield* Once.dispatch({ id: "s" }, { pool: elsewhere })
      assert.strictEqual(shared.origin, "joined")
      yield* cancel.open
      yield* settleTurns
      yield* shared.onExit(() => Effect.map(Effect.exit(parent.await), (exit) => (seen = exit)))
      yield* end.open
      yield* settleTurns
      yield* parentEnd.open
      yield* shared.await
      assert.deepInclude(seen as {}, { _tag: "Success", value: "parent" })
    }).pipe(withPool({}, Once)))

  it.effect("drain in two tasks at once ends in both", () =>
    Effect.gen(function*() {
      const { drain } = yield* WorkerPool
      const go = gate()
      const tasks = [
        yield* work("a", () => Effect.andThen(go.wait, drain)),
        yield* work("b", () => Effect.andThen(go.wait, drain))
      ]
      yield* go.open
      for (const task of tasks) yield* task.await
    }).pipe(withPool({ workers: 1 })))

  it.effect("drain in a task ends when what is left has come to wait for that task", () =>
    Effect.gen(function*() {
      const { drain } = yield* WorkerPool
      const go = gate()
      const task: ScriptedTask = yield* work("a", () =>
        Effect.andThen(awaitState(late, "Running"), Effect.as(drain, "drained")))
      const late: ScriptedTask = yield* work("late", () =>
        Effect.andThen(go.wait, task.await))
      yield* awaitState(task, "Sleeping")
      yield* go.open
      assert.strictEqual(yield* task.await, "drained")
      assert.strictEqual(yield* late.await, "drained")
    }).pipe(withPool({ workers: 2 })))

  it.effect("drain in a hook ends although a task waits for the hook's key", () =>
    Effect.gen(function*() {
      const { drain } = yield* WorkerPool
      const task = yield* Once.dispatch({ id: "k" })
      yield* task.onExit(() => Effect.andThen(Once.dispatch({ id: "k" }), drain))
      yield* task.await
      yield* drain
      assert.strictEqual(yield* stateOf(yield* taskById("Once-2")), "Exited")
    }).pipe(withPool({}, Once)))
})
