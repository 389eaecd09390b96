import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Option, Schema } from "effect"
import { ChildTaskFailed, Job, PoolCanceled, TaskCanceled, TaskPool } from "effect-tasks"
import { awaitState, canceled, failure, gate, settleTurns, TestError, withPool, work } from "./support.ts"

const fails = (id: string) => () => Effect.fail(new TestError({ id }))

describe("TaskPool.forEachExit", () => {
  it.effect("gives every exit in the order of the items, and fails for none", () =>
    Effect.gen(function*() {
      const exits = yield* TaskPool.forEachExit(
        ["a", "b", "c"],
        (id, pool) => work(id, id === "b" ? fails(id) : undefined, { pool, priority: id === "c" ? 1 : 0 })
      )
      assert.deepStrictEqual(exits, [Exit.succeed("a"), Exit.fail(new TestError({ id: "b" })), Exit.succeed("c")])
    }).pipe(withPool({ workers: 1 })))

  it.effect("gives the exits of cancelled and timed-out tasks, and of those that die", () =>
    Effect.gen(function*() {
      const exits = yield* TaskPool.forEachExit(["a", "b"], (id, pool) =>
        Effect.tap(
          work(id, () => id === "a" ? Effect.never : Effect.die("broken"), { pool }),
          (task) => id === "a" ? task.cancel({ reason: "enough" }) : Effect.void
        ))
      assert.strictEqual(canceled(exits[0]!).reason, "enough")
      assert.deepStrictEqual(exits[1], Exit.die("broken"))
    }).pipe(withPool()))

  it.effect("with onFailure \"cancel\" gives those that were not dispatched any more a PoolCanceled", () =>
    Effect.gen(function*() {
      const exits = yield* TaskPool.forEachExit(
        ["a", "b", "c"],
        (id, pool) => id === "c" ? Effect.never : work(id, id === "a" ? fails(id) : () => Effect.never, { pool }),
        { onFailure: "cancel" }
      )
      assert.deepStrictEqual(exits[0], Exit.fail(new TestError({ id: "a" })))
      assert.instanceOf(failure(exits[1]!), TaskCanceled)
      assert.instanceOf(failure(exits[2]!), PoolCanceled)
    }).pipe(withPool()))

  it.effect("fails with what the dispatch fails with, once the other tasks have stopped", () =>
    Effect.gen(function*() {
      const held = gate()
      const all = yield* Effect.forkChild(Effect.exit(TaskPool.forEachExit(
        [1, 2],
        (n, pool) =>
          n === 1
            ? Effect.tap(
              Effect.orDie(work("a", () => Effect.onInterrupt(Effect.never, () => held.wait), { pool })),
              (task) => awaitState(task, "Running")
            )
            : Effect.fail("no")
      )))
      yield* settleTurns
      assert.isUndefined(all.pollUnsafe())
      yield* held.open
      yield* settleTurns
      assert.deepStrictEqual(all.pollUnsafe(), Exit.succeed(Exit.fail("no")))
    }).pipe(withPool()))

  it.effect("of no items gives none", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* TaskPool.forEachExit([], (id: string, pool) => work(id, undefined, { pool })), [])
    }).pipe(withPool()))
})

describe("TaskPool.all", () => {
  class Size extends Job.make("Size", { success: Schema.Int }) {}

  it.effect("gives the successes of a tuple as a tuple, and of a record as a record", () =>
    Effect.gen(function*() {
      const size = (pool: TaskPool.TaskPool) => Size.dispatch(undefined, { pool })
      const name = (pool: TaskPool.TaskPool) => work("a", undefined, { pool })
      const tuple = yield* TaskPool.all([size, name])
      const [first, second] = tuple
      assert.deepStrictEqual([first + 1, second], [8, "a"])
      const record = yield* TaskPool.all({ size, name })
      assert.deepStrictEqual(record, { size: 7, name: "a" })
    }).pipe(Effect.provide(Size.toLayer(() => Effect.succeed(7))), withPool({ workers: 1 })))

  it.effect("fails as forEach does", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(TaskPool.all({
        good: (pool) => work("good", undefined, { pool }),
        bad: (pool) => work("bad", fails("bad"), { pool })
      }))
      assert.instanceOf(error, ChildTaskFailed)
    }).pipe(withPool()))
})

describe("A failure of a pool", () => {
  it.effect("says what failed: id, label and payload, though the history has forgotten the task", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(TaskPool.use(
        (pool) => work("lost", fails("lost"), { pool }),
        { name: "matrix" }
      ))
      assert.instanceOf(error, ChildTaskFailed)
      const { failures: [first], poolName } = error as ChildTaskFailed
      assert.strictEqual(poolName, "matrix")
      assert.deepStrictEqual([first.job, first.label, first.payload], ["Work", "id lost", { id: "lost" }])
    }).pipe(withPool({ history: 0 })))

  it.effect("is labelled by the job where the job says how", () => {
    class Named extends Job.make("Named", {
      payload: { id: Schema.String },
      error: Schema.String,
      label: ({ id }) => `the ${id} one`
    }) {}
    return Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      yield* (yield* Named.dispatch({ id: "third" }, { pool })).exit
      assert.deepStrictEqual((yield* pool.failures).map(({ label }) => label), ["the third one"])
    }).pipe(Effect.provide(Named.toLayer(() => Effect.fail("no"))), withPool())
  })

  it.effect("has no label where the job's function throws", () => {
    class Throws extends Job.make("Throws", {
      error: Schema.String,
      label: () => {
        throw new Error("no label")
      }
    }) {}
    return Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      yield* (yield* Throws.dispatch(undefined, { pool })).exit
      assert.deepStrictEqual((yield* pool.failures).map(({ label }) => label), [""])
    }).pipe(Effect.provide(Throws.toLayer(() => Effect.fail("no"))), withPool())
  })
})

describe("TaskPool.createdBy", () => {
  it.effect("is the task that made the pool, as long as that is visible", () =>
    Effect.gen(function*() {
      const kept: Array<TaskPool.TaskPool> = []
      const maker = yield* work("maker", () => TaskPool.use((pool) => Effect.sync(() => kept.push(pool))))
      yield* maker.exit
      assert.deepStrictEqual(Option.map(kept[0]!.createdBy, ({ id }) => id), Option.some(maker.id))
      for (const id of ["a", "b"]) yield* (yield* work(id)).exit
      assert.isTrue(Option.isNone(kept[0]!.createdBy))
    }).pipe(withPool({ history: 2 })))

  it.effect("is there while the maker runs", () =>
    Effect.gen(function*() {
      const held = gate()
      const maker = yield* work("maker", () => TaskPool.use(() => held.wait))
      yield* awaitState(maker, "Running")
      const pool = Option.getOrThrow(yield* maker.childPool)
      assert.deepStrictEqual(Option.map(pool.createdBy, ({ id }) => id), Option.some(maker.id))
      yield* held.open
    }).pipe(withPool({ history: 0 })))
})
