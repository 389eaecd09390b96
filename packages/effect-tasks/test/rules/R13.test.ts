import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import {
  awaitState,
  canceled,
  gate,
  script,
  scripted,
  settleTurns,
  stateOf,
  trace,
  withPool,
  work
} from "../support.ts"

class Once extends Job.make("Once", { ...scripted, unique: true }) {}

const never = () => Effect.never

describe("R13 GLOBAL", () => {
  it.effect("is the root of what is dispatched without a pool", () =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      const task = yield* work("a")
      assert.deepStrictEqual([global.isGlobal, global.isRoot, global.root.id], [true, true, global.id])
      assert.isTrue(Option.isNone(global.parent) && Option.isNone(global.createdBy))
      assert.strictEqual(task.pool.id, global.id)
      yield* task.await
      assert.deepInclude(yield* global.status, { complete: 1, state: "open", total: 1 })
    }).pipe(withPool()))

  it.effect("join and settled return at once, with its status, while tasks run", () =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      const task = yield* work("a", never)
      yield* awaitState(task, "Running")
      for (const wait of [global.join, global.settled]) {
        assert.deepInclude(yield* wait, { complete: 0, running: 1, state: "open", total: 1 })
      }
      assert.strictEqual(yield* stateOf(task), "Running")
    }).pipe(withPool()))

  it.effect("join inside a task returns at once too", () =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      const task = yield* work("a", () => Effect.as(Effect.andThen(global.join, global.settled), "returned"))
      assert.strictEqual(yield* task.await, "returned")
    }).pipe(withPool({ workers: 1 })))

  it.effect("seal and join do not close it", () =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      yield* global.seal
      yield* global.join
      yield* global.settled
      assert.strictEqual((yield* global.status).state, "open")
      assert.strictEqual(yield* (yield* work("a")).await, "a")
      assert.strictEqual(yield* (yield* work("b", undefined, { pool: global })).await, "b")
    }).pipe(withPool()))

  it.effect("cancel cancels the tasks it has now, queued and delayed ones too, and waits until they have stopped", () =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      const seen = trace()
      const finalizer = gate()
      const running = yield* work(
        "running",
        () => Effect.andThen(Effect.addFinalizer(() => finalizer.wait), Effect.never)
      )
      yield* awaitState(running, "Running")
      const queued = yield* work("queued", () => seen.push("started"))
      const delayed = yield* work("delayed", () => seen.push("started"), { delay: "1 hour" })
      const cancel = yield* Effect.forkChild(global.cancel({ reason: "all" }))
      yield* settleTurns
      assert.isUndefined(cancel.pollUnsafe())
      yield* finalizer.open
      yield* Fiber.join(cancel)
      for (const task of [running, queued, delayed]) canceled(yield* task.exit)
      assert.deepStrictEqual(seen.log, [])
      assert.deepInclude(yield* global.status, { canceled: 3, complete: 3, state: "open", total: 3 })
    }).pipe(withPool({ workers: 1 })))

  it.effect("cancel leaves it open: later tasks run, and join does not call it cancelled", () =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      yield* work("a", never)
      yield* global.cancel()
      yield* global.cancel()
      assert.strictEqual(yield* (yield* work("b")).await, "b")
      assert.deepInclude(yield* global.join, { state: "open", total: 2 })
    }).pipe(withPool()))

  it.effect("cancel reaches the subtree of its tasks, and no root pool", () =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      const pool = yield* TaskPool.make()
      const apart = yield* work("apart", never, { pool })
      const children: Array<Effect.Success<typeof apart.exit>> = []
      const task = yield* work("a", () =>
        TaskPool.use((own) =>
          Effect.flatMap(work("child", never, { pool: own }), (child) =>
            child.onExit((exit) =>
              Effect.sync(() => children.push(exit))
            ))
        ))
      yield* awaitState(task, "Sleeping")
      yield* settleTurns
      yield* global.cancel()
      assert.strictEqual(children.length, 1)
      canceled(children[0]!)
      assert.strictEqual(yield* stateOf(apart), "Running")
    }).pipe(withPool()))

  it.effect("that let go of a task holds it again when it is joined there, beside its other tasks", () =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      const pool = yield* TaskPool.make()
      yield* script("s", never)
      const shared = yield* Once.dispatch({ id: "s" })
      yield* Once.dispatch({ id: "s" }, { pool })
      yield* global.cancel()
      assert.notStrictEqual(yield* stateOf(shared), "Exited")
      const other = yield* work("other", never)
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
    it.effect(`cancel stops a task that it alone and a pool below it hold (dispatched ${order})`, () =>
      Effect.gen(function*() {
        const { global } = yield* WorkerPool
        yield* script("s", never)
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

  it.effect("cancel stops shared tasks of which the pools are reached one through another", () =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      const go = gate()
      yield* script("s", never)
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

  it.effect("never is done: its finalizers do not run while it lives", () =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      const seen = trace()
      yield* global.addFinalizer(() => seen.push("done"))
      yield* (yield* work("a")).await
      yield* global.seal
      yield* global.join
      yield* global.cancel()
      yield* settleTurns
      assert.deepStrictEqual(seen.log, [])
    }).pipe(withPool()))

  it.effect("join never fails, though tasks of it have failed", () =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      yield* (yield* work("a", () => Effect.die("no"))).exit
      assert.deepInclude(yield* global.join, { state: "open", failed: 1 })
    }).pipe(withPool()))
})
