/** R7, R9, R13, R15: cancels of pools that share tasks. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import {
  awaitState,
  canceled,
  eventually,
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

describe("R13 and R15 GLOBAL and shared tasks", () => {
  it.effect("GLOBAL that let go of a task holds it again when it is joined there, beside its other tasks", () =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      const pool = yield* TaskPool.make()
      yield* script("s", () => Effect.never)
      const shared = yield* Once.dispatch({ id: "s" })
      yield* Once.dispatch({ id: "s" }, { pool })
      yield* global.cancel()
      assert.notStrictEqual(yield* stateOf(shared), "Exited")
      const other = yield* work("other", () => Effect.never)
      assert.strictEqual((yield* Once.dispatch({ id: "s" })).origin, "joined")
      yield* pool.cancel()
      yield* settleTurns
      assert.notStrictEqual(yield* stateOf(shared), "Exited")
      yield* shared.cancel()
      yield* global.cancel()
      canceled(yield* other.exit)
      const { complete, queued, running, sleeping, total } = yield* global.status
      assert.deepStrictEqual({ queued, running, sleeping }, { queued: 0, running: 0, sleeping: 0 })
      assert.strictEqual(complete, total)
    }).pipe(withPool({}, Once)))

  for (const order of ["before", "after"] as const) {
    it.effect(`a cancel of GLOBAL stops a task that only it and a pool below it hold (dispatched ${order})`, () =>
      Effect.gen(function*() {
        const { global } = yield* WorkerPool
        yield* script("s", () => Effect.never)
        if (order === "before") yield* Once.dispatch({ id: "s" })
        const parent = yield* work("parent", () => TaskPool.use((pool) => Once.dispatch({ id: "s" }, { pool })))
        yield* awaitState(parent, "Sleeping")
        const shared = yield* Once.dispatch({ id: "s" })
        assert.strictEqual(shared.origin, "joined")
        yield* global.cancel()
        canceled(yield* shared.exit)
        canceled(yield* parent.exit)
      }).pipe(withPool({}, Once)))
  }

  it.effect("a cancel of GLOBAL stops shared tasks of which the pools are reached one through another", () =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      const go = gate()
      yield* script("s", () => Effect.never)
      yield* script("x", () => Effect.andThen(go.wait, TaskPool.use((pool) => Once.dispatch({ id: "s" }, { pool }))))
      const s = yield* Once.dispatch({ id: "s" })
      const x = yield* Once.dispatch({ id: "x" })
      const t = yield* work("t", () => TaskPool.use((pool) => Once.dispatch({ id: "x" }, { pool })))
      yield* go.open
      yield* awaitState(t, "Sleeping")
      yield* awaitState(x, "Sleeping")
      yield* global.cancel()
      for (const task of [s, x, t]) canceled(yield* task.exit)
    }).pipe(withPool({}, Once)))

  it.effect("a pool's cancel ends although a pool below holds the task above (a crawl that links back)", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const held = gate()
      yield* script(
        "a",
        () => TaskPool.use((below) => Effect.andThen(Once.dispatch({ id: "b" }, { pool: below }), held.wait))
      )
      yield* script(
        "b",
        () => TaskPool.use((below) => Effect.andThen(Once.dispatch({ id: "a" }, { pool: below }), held.wait))
      )
      const a = yield* Once.dispatch({ id: "a" }, { pool })
      yield* eventually("the page below links back", Effect.map(pool.status, ({ running }) => running === 2))
      yield* settleTurns
      yield* pool.cancel()
      canceled(yield* a.exit)
      assert.deepInclude(yield* pool.status, { state: "done", total: 2, complete: 2, canceled: 2 })
    }).pipe(withPool({}, Once)))

  it.effect("a pool's cancel ends although two of its tasks hold each other in their pools", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const [go, held] = [gate(), gate()]
      const linking = (to: string) => () =>
        Effect.andThen(
          go.wait,
          TaskPool.use((below) => Effect.andThen(Once.dispatch({ id: to }, { pool: below }), held.wait))
        )
      yield* script("a", linking("b"))
      yield* script("b", linking("a"))
      const tasks = [yield* Once.dispatch({ id: "a" }, { pool }), yield* Once.dispatch({ id: "b" }, { pool })]
      yield* go.open
      yield* settleTurns
      yield* pool.cancel()
      for (const task of tasks) canceled(yield* task.exit)
      assert.deepInclude(yield* pool.status, { state: "done", total: 2, complete: 2, canceled: 2 })
    }).pipe(withPool({}, Once)))

  it.effect("a task that its own pool holds can be cancelled, and time out", () =>
    Effect.gen(function*() {
      yield* script(
        "a",
        () => TaskPool.use((pool) => Effect.andThen(Once.dispatch({ id: "a" }, { pool }), Effect.never))
      )
      const task = yield* Once.dispatch({ id: "a" })
      yield* awaitState(task, "Running")
      yield* settleTurns
      yield* task.cancel()
      canceled(yield* task.exit)
    }).pipe(withPool({}, Once)))
})

describe("R9 and R6 what waits for the canceller", () => {
  it.effect("a pool's Scope awaits a task that awaits the handler's task", () =>
    Effect.gen(function*() {
      const slow = gate()
      let stopped = false
      const task: ScriptedTask = yield* work("a", ({ id }) =>
        Effect.as(
          Effect.scoped(Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            const child = yield* work("child", () =>
              Effect.ensuring(
                Effect.flatMap(taskById(id), (parent) => Effect.exit(parent.exit)),
                Effect.andThen(slow.wait, Effect.sync(() => (stopped = true)))
              ), { pool })
            yield* awaitState(child, "Sleeping")
          })),
          "closed"
        ))
      yield* settleTurns
      assert.notStrictEqual(yield* stateOf(task), "Exited")
      yield* slow.open
      assert.strictEqual(yield* task.await, "closed")
      assert.isTrue(stopped)
    }).pipe(withPool()))

  it.effect("a cancel waits for a task that awaits the canceller", () =>
    Effect.gen(function*() {
      const [go, slow] = [gate(), gate()]
      const a: ScriptedTask = yield* work("a", () =>
        Effect.andThen(go.wait, Effect.suspend(() => Effect.andThen(b.cancel(), stateOf(b)))))
      const b: ScriptedTask = yield* work("b", () =>
        Effect.ensuring(a.await, slow.wait))
      yield* awaitState(b, "Sleeping")
      yield* go.open
      yield* settleTurns
      assert.strictEqual(yield* stateOf(a), "Sleeping")
      yield* slow.open
      assert.strictEqual(yield* a.await, "Exited")
      canceled(yield* b.exit)
    }).pipe(withPool()))

  it.effect("no wait of a marked task returns normally, though what it waits for has just ended", () =>
    Effect.gen(function*() {
      const end = gate()
      let went = false
      const x = yield* work("x", () => end.wait)
      const killer = yield* Effect.forkChild(
        Effect.andThen(x.exit, Effect.suspend(() => Effect.forkChild(b.cancel(), { startImmediately: true }))),
        { startImmediately: true }
      )
      const b: ScriptedTask = yield* work("b", () => Effect.andThen(x.exit, Effect.sync(() => (went = true))))
      yield* awaitState(b, "Sleeping")
      yield* end.open
      canceled(yield* b.exit)
      assert.isFalse(went)
      assert.isDefined(killer)
    }).pipe(withPool()))
})
