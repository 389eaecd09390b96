import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Stream } from "effect"
import { ChildTaskFailed, PoolCanceled, TaskPool, WorkerPool } from "effect-tasks"
import {
  awaitState,
  canceled,
  failure,
  gate,
  recordEvents,
  type Script,
  type ScriptedTask,
  settleTurns,
  stateOf,
  TestError,
  trace,
  withPool,
  Work,
  work
} from "../support.ts"

/** Counts the handlers that run: `during` is to be yielded by a handler whenever it runs its own code. */
const meter = () => {
  let now = 0
  const seen = { most: 0 }
  const during = Effect.acquireUseRelease(
    Effect.sync(() => {
      seen.most = Math.max(seen.most, ++now)
    }),
    () => Effect.yieldNow,
    () => Effect.sync(() => now--)
  )
  return { seen, during }
}

const family = (id: string, children: number, child?: Script): Script => () =>
  Effect.gen(function*() {
    const pool = yield* TaskPool.make()
    for (let i = 0; i < children; i++) yield* work(`${id}/${i}`, child, { pool })
    return (yield* pool.join).complete
  })

const exitOf = (task: ScriptedTask) => Effect.map(task.status, ({ exitStatus }) => Option.getOrNull(exitStatus))

describe("6.9 Child pools, parking", { timeout: 30_000 }, () => {
  it.effect("94. a task that fans out 3 and joins goes on when all 3 have finished", () =>
    Effect.gen(function*() {
      const seen = trace()
      const gates = [gate(), gate(), gate()]
      const task = yield* work("parent", () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          for (const [i, held] of gates.entries()) {
            yield* work(`${i}`, () => Effect.andThen(held.wait, seen.push(`${i}`)), { pool })
          }
          yield* pool.join
          yield* seen.push("parent")
        }))
      for (const held of gates.toReversed()) {
        yield* settleTurns
        assert.strictEqual(yield* stateOf(task), "Sleeping")
        yield* held.open
      }
      yield* task.await
      assert.deepStrictEqual(seen.log, ["2", "1", "0", "parent"])
    }).pipe(withPool({ workers: 3 })))

  for (const workers of [1, 2, 4, 8]) {
    it.effect(`95. 2,000 parents × 1 child with ${workers} workers do not hang`, () =>
      Effect.gen(function*() {
        const workerPool = yield* WorkerPool
        const parents = yield* TaskPool.make()
        for (let i = 0; i < 2000; i++) yield* work(`${i}`, family(`${i}`, 1), { pool: parents })
        assert.deepInclude(yield* parents.join, { complete: 4000, failed: 0, total: 4000 })
        assert.deepInclude(yield* workerPool.status, { busy: 0, queued: 0, sleeping: 0 })
      }).pipe(withPool({ workers })))
  }

  it.effect("96. a parked task reads Sleeping, and its slot does not let more than W handlers run", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const { during, seen } = meter()
      const held = gate()
      const parent = (id: string) =>
        work(id, () =>
          Effect.gen(function*() {
            yield* during
            const pool = yield* TaskPool.make()
            for (let i = 0; i < 5; i++) yield* work(`${id}/${i}`, () => Effect.andThen(during, held.wait), { pool })
            yield* pool.join
            yield* during
          }))
      const parents = yield* Effect.forEach(["a", "b", "c", "d"], parent)
      yield* settleTurns
      assert.includeMembers(yield* Effect.forEach(parents, stateOf), ["Sleeping"])
      const { busy, sleeping } = yield* workerPool.status
      assert.strictEqual(busy, 2)
      assert.isAbove(sleeping, 0)
      yield* held.open
      yield* Effect.forEach(parents, (task) => task.await)
      assert.strictEqual(seen.most, 2)
    }).pipe(withPool({ workers: 2 })))

  it.effect("97. after failures, cancels and empty pools never more, and never fewer, than W handlers run", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const { during, seen } = meter()
      const child: Script = () => Effect.andThen(during, Effect.yieldNow)
      const kinds: Array<(id: string) => Script> = [
        (id) => () => Effect.andThen(during, family(id, 3, child)(undefined as never)),
        (id) => () => Effect.andThen(family(id, 0)(undefined as never), during),
        (id) => family(id, 2, () => Effect.andThen(during, new TestError({ id }))),
        () => () => Effect.andThen(TaskPool.make(), new TestError({ id: "before any child" })),
        (id) => () =>
          Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            for (let i = 0; i < 3; i++) yield* work(`${id}/${i}`, child, { pool })
            yield* pool.cancel()
            yield* during
          }),
        () => () => Effect.andThen(TaskPool.make(), Effect.never)
      ]
      const tasks = []
      for (let i = 0; i < 120; i++) tasks.push(yield* work(`${i}`, kinds[i % kinds.length]!(`${i}`)))
      for (let i = kinds.length - 1; i < 120; i += kinds.length) {
        yield* settleTurns
        yield* tasks[i]!.cancel()
      }
      yield* workerPool.drain
      assert.strictEqual(seen.most, 3)
      assert.deepInclude(yield* workerPool.status, { busy: 0, queued: 0, sleeping: 0, workers: 3 })
      const after = yield* Effect.forEach(["a", "b", "c", "d"], (id) => work(id, () => Effect.never))
      yield* settleTurns
      assert.deepStrictEqual(yield* Effect.forEach(after, stateOf), ["Running", "Running", "Running", "Queued"])
    }).pipe(withPool({ workers: 3 })))

  it.effect("98. 2,000 rounds of fan-out on 1 worker: no round hangs", () =>
    Effect.gen(function*() {
      for (let i = 0; i < 2000; i++) {
        const task = yield* work("parent", family("parent", i % 4))
        assert.strictEqual(yield* task.await, i % 4)
      }
    }).pipe(withPool({ workers: 1 })))

  it.effect("99. child pools of tasks in a pool complete at any depth", () =>
    Effect.gen(function*() {
      const nest = (depth: number): Script => () =>
        Effect.gen(function*() {
          if (depth === 0) return 0
          const pool = yield* TaskPool.make()
          const below = [
            yield* work(`${depth}/a`, nest(depth - 1), { pool }),
            yield* work(`${depth}/b`, nest(depth - 1), { pool })
          ]
          yield* pool.join
          const counts = yield* Effect.forEach(below, (task) => task.await)
          return 2 + (counts as Array<number>).reduce((sum, n) => sum + n, 0)
        })
      for (const depth of [1, 2, 3, 6]) {
        const { complete, total } = yield* TaskPool.use((pool) =>
          Effect.gen(function*() {
            const top = yield* work("top", nest(depth), { pool })
            assert.strictEqual(yield* top.await, 2 ** (depth + 1) - 2)
            return yield* pool.join
          })
        )
        assert.deepStrictEqual([complete, total], [2 ** (depth + 1) - 1, 2 ** (depth + 1) - 1])
      }
    }).pipe(withPool({ workers: 1 })))

  it.effect("100. joining GLOBAL returns at once", () =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      const task = yield* work("a", () => Effect.never)
      yield* awaitState(task, "Running")
      assert.strictEqual((yield* global.join).running, 1)
      assert.strictEqual((yield* global.settled).state, "open")
    }).pipe(withPool()))

  it.effect("101. a pool made outside any task can be joined like any other", () =>
    Effect.gen(function*() {
      const held = gate()
      const pool = yield* TaskPool.make()
      assert.isTrue(pool.isRoot)
      assert.deepStrictEqual(pool.createdBy, Option.none())
      for (const id of ["a", "b", "c"]) yield* work(id, () => held.wait, { pool })
      const joins = [yield* Effect.forkChild(pool.join), yield* Effect.forkChild(pool.join)]
      yield* settleTurns
      assert.isTrue(joins.every((fiber) => fiber.pollUnsafe() === undefined))
      yield* held.open
      assert.deepStrictEqual((yield* Fiber.joinAll(joins)).map(({ complete }) => complete), [3, 3])
    }).pipe(withPool()))

  it.effect("102. sealing a pool whose tasks have all finished, or that had none, ends it", () =>
    Effect.gen(function*() {
      for (const tasks of [0, 3]) {
        const seen = trace()
        const pool = yield* TaskPool.make()
        yield* pool.addFinalizer(({ complete }) => seen.push(`finalizer ${complete}`))
        for (let i = 0; i < tasks; i++) yield* (yield* work(`${i}`, undefined, { pool })).await
        const watcher = yield* Effect.forkChild(Effect.andThen(Stream.runDrain(pool.changes), seen.push("watcher")))
        yield* settleTurns
        assert.deepStrictEqual(seen.log, [])
        yield* pool.seal
        yield* Fiber.join(watcher)
        assert.sameMembers(seen.log, [`finalizer ${tasks}`, "watcher"])
        assert.strictEqual((yield* pool.status).state, "done")
      }
    }).pipe(withPool()))

  it.effect("103. a pool that nobody seals stays open, and ends when its creator ends", () =>
    Effect.gen(function*() {
      const held = gate()
      const made: Array<TaskPool.TaskPool> = []
      const task = yield* work("parent", () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          made.push(pool)
          yield* (yield* work("a", undefined, { pool })).await
          yield* held.wait
        }))
      yield* settleTurns
      const watcher = yield* Effect.forkChild(Stream.runDrain(made[0]!.changes))
      yield* settleTurns
      assert.isUndefined(watcher.pollUnsafe())
      assert.strictEqual((yield* made[0]!.status).state, "open")
      yield* held.open
      yield* task.await
      yield* Fiber.join(watcher)
      assert.strictEqual((yield* made[0]!.status).state, "done")
    }).pipe(withPool()))

  it.effect("104. who joins learns how it ended: complete, failed or cancelled", () =>
    Effect.gen(function*() {
      const good = yield* TaskPool.make()
      yield* work("a", undefined, { pool: good })
      assert.deepInclude(yield* good.join, { state: "done", complete: 1, failed: 0, canceled: 0 })
      const bad = yield* TaskPool.make()
      for (const id of ["b", "c", "d"]) {
        yield* work(id, id === "d" ? undefined : () => new TestError({ id }), { pool: bad })
      }
      const error = yield* Effect.flip(bad.join)
      assert.instanceOf(error, ChildTaskFailed)
      assert.strictEqual((error as ChildTaskFailed).total, 2)
      const stopped = yield* TaskPool.make()
      yield* work("e", () => Effect.never, { pool: stopped })
      yield* stopped.cancel({ reason: "enough" })
      assert.deepStrictEqual(
        yield* Effect.flip(stopped.join),
        new PoolCanceled({ poolId: stopped.id, reason: "enough" })
      )
      assert.deepInclude(yield* stopped.settled, { state: "done", canceled: 1 })
    }).pipe(withPool()))

  it.effect("105. a parent reads which children failed and why, decides, and the siblings go on", () =>
    Effect.gen(function*() {
      const task = yield* work("parent", () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          const children: Array<ScriptedTask> = []
          for (const id of ["a", "bad", "c"]) {
            children.push(yield* work(id, () => id === "bad" ? new TestError({ id }) : settleTurns, { pool }))
          }
          const error = yield* pool.join.pipe(Effect.catchTag("PoolCanceled", Effect.die), Effect.flip, Effect.orDie)
          assert.deepStrictEqual(error.failures.map(({ taskId }) => taskId), [children[1]!.id])
          assert.deepStrictEqual(failure(Exit.failCause(error.failures[0].cause)), new TestError({ id: "bad" }))
          return yield* Effect.forEach(children, exitOf)
        }))
      assert.deepStrictEqual(yield* task.await, ["success", "error", "success"])
    }).pipe(withPool()))

  it.effect("106. sealing twice, or after a cancel, is harmless and frees its workers once", () =>
    Effect.gen(function*() {
      const events = yield* recordEvents
      const { during, seen } = meter()
      for (let i = 0; i < 5; i++) {
        const task = yield* work(`${i}`, () =>
          Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            for (const id of ["a", "b", "c"]) yield* work(id, () => during, { pool })
            yield* i % 2 === 0 ? pool.cancel() : pool.seal
            yield* pool.seal
            yield* pool.seal
            yield* pool.settled
          }))
        yield* task.await
      }
      yield* settleTurns
      assert.strictEqual(events.filter(({ _tag }) => _tag === "PoolDone").length, 5)
      assert.strictEqual(seen.most, 1)
    }).pipe(withPool({ workers: 1 })))

  it.effect("107. pool finalizers run once, in order, after the last task's hooks", () =>
    Effect.gen(function*() {
      const seen = trace()
      const pool = yield* TaskPool.make()
      yield* pool.addFinalizer(() => Effect.andThen(Effect.yieldNow, seen.push("finalizer 1")))
      yield* pool.addFinalizer(() => seen.push("finalizer 2"))
      for (const id of ["a", "b"]) {
        const task = yield* work(id, undefined, { pool })
        yield* task.onExit(() => Effect.andThen(settleTurns, seen.push("hook")))
      }
      yield* pool.join
      yield* pool.seal
      yield* pool.cancel()
      assert.deepStrictEqual(seen.log, ["hook", "hook", "finalizer 1", "finalizer 2"])
    }).pipe(withPool()))

  it.effect("107. a finalizer added after the end runs at once, and one added by a finalizer runs too", () =>
    Effect.gen(function*() {
      const seen = trace()
      const pool = yield* TaskPool.make()
      yield* pool.addFinalizer(() => Effect.andThen(pool.addFinalizer(() => seen.push("inner")), seen.push("outer")))
      yield* pool.join
      assert.sameMembers(seen.log, ["outer", "inner"])
      yield* pool.addFinalizer(({ state }) => seen.push(`late: ${state}`))
      assert.strictEqual(seen.log.at(-1), "late: done")
      assert.lengthOf(seen.log, 3)
    }).pipe(withPool()))

  it.effect("108. with 500 parents and 1 worker children finish before new parents start", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      let unfinished = 0
      let most = 0
      for (let i = 0; i < 500; i++) {
        yield* work(`${i}`, (self) =>
          Effect.acquireUseRelease(
            Effect.sync(() => {
              most = Math.max(most, ++unfinished)
            }),
            () => family(`${i}`, 2)(self),
            () => Effect.sync(() => unfinished--)
          ))
      }
      yield* workerPool.drain
      assert.strictEqual((yield* workerPool.status).complete, 1500)
      assert.isAtMost(most, 2)
    }).pipe(withPool({ workers: 1 })))

  for (const onFull of ["suspend", "fail"] as const) {
    it.effect(`109. a full queue (onFull: ${onFull}) never stops a task from fanning out`, () =>
      Effect.gen(function*() {
        const branch = (depth: number): Script => () =>
          depth === 0 ? Effect.void : Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            for (let i = 0; i < 8; i++) yield* work(`${depth}/${i}`, branch(depth - 1), { pool })
            yield* pool.join
          })
        const pool = yield* TaskPool.make()
        const top = yield* work("top", branch(3), { pool })
        yield* top.await
        assert.strictEqual((yield* pool.join).complete, 1 + 8 + 64 + 512)
      }).pipe(withPool({ workers: 1, capacity: 1, onFull })))
  }

  it.effect("110. a pool knows the task that made it, and a task its latest child pool", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const held = [gate(), gate()]
      const made: Array<TaskPool.TaskPool> = []
      const outer = yield* TaskPool.make()
      const task = yield* work("parent", () =>
        Effect.forEach(held, (each) =>
          Effect.andThen(
            each.wait,
            Effect.map(TaskPool.make(), (pool) => made.push(pool))
          )), {
        pool: outer
      })
      yield* settleTurns
      assert.deepStrictEqual(yield* task.childPool, Option.none())
      for (const [i, each] of held.entries()) {
        yield* each.open
        yield* settleTurns
        assert.strictEqual(Option.getOrThrow(yield* task.childPool).id, made[i]!.id)
        assert.strictEqual(Option.getOrThrow(made[i]!.createdBy).id, task.id)
        assert.strictEqual(Option.getOrThrow(made[i]!.parent).id, outer.id)
        assert.strictEqual(made[i]!.root.id, outer.id)
      }
      assert.isTrue(Option.isSome(yield* workerPool.pool(made[1]!.id)))
    }).pipe(withPool()))

  it.effect("111. however a creator ends, its unsealed pool closes and its children end before it", () =>
    Effect.gen(function*() {
      const ends = [Effect.void, new TestError({ id: "a" }), Effect.die("boom"), Effect.never]
      for (const [i, end] of ends.entries()) {
        const seen = trace()
        const made: Array<TaskPool.TaskPool> = []
        const children: Array<ScriptedTask> = []
        const task = yield* work("parent", () =>
          Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            made.push(pool)
            children.push(
              yield* work("a", () => Effect.ensuring(Effect.never, Effect.andThen(settleTurns, seen.push("child"))), {
                pool
              }),
              yield* work("b", () => seen.push("never"), { pool, delay: "1 minute" })
            )
            yield* awaitState(children[0]!, "Running")
            yield* end
          }))
        yield* task.onExit(() => seen.push("parent"))
        yield* settleTurns
        if (i === 3) yield* task.cancel()
        yield* task.exit
        assert.deepStrictEqual(seen.log, ["child", "parent"])
        for (const child of children) canceled(yield* child.exit)
        assert.strictEqual((yield* made[0]!.status).state, "done")
        assert.isTrue(Exit.isFailure(yield* Effect.exit(work("late", undefined, { pool: made[0]! }))))
      }
      assert.isTrue((yield* Effect.forEach(yield* Work.tasks, stateOf)).every((state) => state === "Exited"))
    }).pipe(withPool()))
})
