import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Scope } from "effect"
import { ChildTaskFailed, DispatchError, Job, TaskPool, WorkerPool } from "effect-tasks"
import { Explore } from "effect-tasks/testing"
import { TestClock } from "effect/testing"
import {
  awaitState,
  canceled,
  eventually,
  failure,
  gate,
  type Script,
  script,
  scripted,
  type ScriptedTask,
  settleTurns,
  stateOf,
  TestError,
  testPool,
  trace,
  withPool,
  work
} from "../support.ts"

class Once extends Job.make("Once", { ...scripted, unique: true }) {}

const never = () => Effect.never

describe("R9 A pool lives in its Scope", () => {
  it.effect("when the Scope closes, unfinished tasks are cancelled and awaited, and nothing is left", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const seen = trace()
      const tasks: Array<ScriptedTask> = []
      const pool = yield* Effect.scoped(Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        for (const id of ["a", "b", "c"]) {
          tasks.push(
            yield* work(id, () =>
              Effect.andThen(
                Effect.addFinalizer(() => Effect.andThen(Effect.yieldNow, seen.push("stopped"))),
                Effect.never
              ), { pool })
          )
        }
        yield* settleTurns
        return pool
      }))
      assert.deepStrictEqual(seen.log, ["stopped", "stopped"])
      for (const task of tasks) canceled(yield* task.exit)
      const { canceled: count, state, total } = yield* pool.status
      assert.deepStrictEqual({ count, state, total }, { count: 3, state: "done", total: 3 })
      const { busy, queued, sleeping } = yield* workerPool.status
      assert.deepStrictEqual({ busy, queued, sleeping }, { busy: 0, queued: 0, sleeping: 0 })
    }).pipe(withPool({ workers: 2 })))

  it.effect("closing waits as long as a task takes to stop", () =>
    Effect.gen(function*() {
      const finalizer = gate()
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(TaskPool.make(), scope)
      const task = yield* work("a", () => Effect.andThen(Effect.addFinalizer(() => finalizer.wait), Effect.never), {
        pool
      })
      yield* awaitState(task, "Running")
      const close = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* settleTurns
      assert.isUndefined(close.pollUnsafe())
      assert.strictEqual((yield* pool.status).state, "canceled")
      yield* finalizer.open
      yield* Fiber.join(close)
      assert.strictEqual(yield* stateOf(task), "Exited")
    }).pipe(withPool()))

  it.effect("an interrupted fiber takes the pool of its Scope with it", () =>
    Effect.gen(function*() {
      const seen = trace()
      const owner = yield* Effect.forkChild(Effect.scoped(Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        yield* work("a", () =>
          Effect.andThen(
            Effect.addFinalizer(() => Effect.andThen(Effect.sleep("1 second"), seen.push("stopped"))),
            Effect.never
          ), { pool })
        yield* pool.join
      })))
      yield* settleTurns
      const interrupt = yield* Effect.forkChild(Fiber.interrupt(owner))
      yield* settleTurns
      assert.isUndefined(interrupt.pollUnsafe())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(interrupt)
      assert.deepStrictEqual(seen.log, ["stopped"])
    }).pipe(withPool()))

  it.effect("a finished pool is left as it is", () =>
    Effect.gen(function*() {
      const [pool, status] = yield* Effect.scoped(Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        yield* work("a", undefined, { pool })
        return [pool, yield* pool.join] as const
      }))
      assert.strictEqual(status.canceled, 0)
      assert.deepStrictEqual(yield* pool.join, status)
    }).pipe(withPool()))

  it.effect("a Scope that lives on forgets a pool that is done", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      for (let n = 0; n < 3; n++) {
        const pool = yield* Scope.provide(TaskPool.make(), scope)
        yield* work("a", undefined, { pool })
        yield* pool.join
        assert.strictEqual(scope.state._tag, "Empty")
      }
      const pool = yield* Scope.provide(TaskPool.make(), scope)
      yield* work("b", never, { pool })
      yield* Scope.close(scope, Exit.void)
      assert.deepInclude(yield* pool.status, { state: "done", canceled: 1 })
    }).pipe(withPool()))

  it.effect("outside of a handler it is a root", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make({ name: "mine" })
      assert.isTrue(pool.isRoot)
      assert.isFalse(pool.isGlobal)
      assert.strictEqual(pool.name, "mine")
      assert.strictEqual(pool.root, pool)
      assert.isTrue(Option.isNone(pool.parent) && Option.isNone(pool.createdBy))
    }).pipe(withPool()))

  it.effect("inside a handler its parent is the pool of that task, which created it", () =>
    Effect.gen(function*() {
      const root = yield* TaskPool.make()
      const found: Array<TaskPool.TaskPool> = []
      const outer = yield* work("outer", () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          found.push(pool)
          yield* work("inner", () =>
            Effect.map(TaskPool.make(), (pool) => {
              found.push(pool)
            }), { pool })
          yield* pool.join
        }), { pool: root })
      yield* outer.await
      const [first, second] = found as [TaskPool.TaskPool, TaskPool.TaskPool]
      assert.deepStrictEqual(Option.map(first.parent, ({ id }) => id), Option.some(root.id))
      assert.deepStrictEqual(Option.map(second.parent, ({ id }) => id), Option.some(first.id))
      assert.deepStrictEqual([first.root.id, second.root.id, second.isRoot], [root.id, root.id, false])
      assert.deepStrictEqual(Option.map(first.createdBy, ({ id }) => id), Option.some(outer.id))
      assert.deepStrictEqual(Option.map(yield* outer.childPool, ({ id }) => id), Option.some(first.id))
    }).pipe(withPool({ workers: 1 })))

  it.effect("inside a GLOBAL task its parent is never GLOBAL", () =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      const found: Array<TaskPool.TaskPool> = []
      const task = yield* work("a", () => Effect.map(TaskPool.make(), (pool) => found.push(pool)))
      yield* task.await
      assert.isTrue(Option.isNone(found[0]!.parent))
      assert.strictEqual(found[0]!.root.id, found[0]!.id)
      assert.deepStrictEqual(Option.map(found[0]!.createdBy, ({ id }) => id), Option.some(task.id))
      assert.strictEqual((yield* global.status).total, 1)
    }).pipe(withPool()))

  it.effect("ends with its task when that succeeds and leaves work behind", () =>
    Effect.gen(function*() {
      const seen = trace()
      const children: Array<ScriptedTask> = []
      const task = yield* work("a", () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          for (const id of ["b", "c"]) {
            children.push(yield* work(id, () => Effect.onInterrupt(Effect.never, () => seen.push("stopped")), { pool }))
          }
          yield* settleTurns
          return "value"
        }))
      yield* task.onExit(() => seen.push("parent exited"))
      assert.strictEqual(yield* task.await, "value")
      assert.deepStrictEqual(seen.log, ["stopped", "parent exited"])
      for (const child of children) canceled(yield* child.exit)
    }).pipe(withPool({ workers: 2 })))

  it.effect("ends with its task when that fails", () =>
    Effect.gen(function*() {
      const children: Array<ScriptedTask> = []
      const task = yield* work("a", () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          children.push(yield* work("b", never, { pool }))
          yield* settleTurns
          return yield* new TestError({ id: "a" })
        }))
      assert.deepStrictEqual(failure(yield* task.exit), new TestError({ id: "a" }))
      assert.strictEqual(yield* stateOf(children[0]!), "Exited")
      canceled(yield* children[0]!.exit)
    }).pipe(withPool()))

  it.effect("ends with a nested Effect.scoped while the task goes on", () =>
    Effect.gen(function*() {
      const held = gate()
      const children: Array<ScriptedTask> = []
      const task = yield* work("a", () =>
        Effect.gen(function*() {
          yield* Effect.scoped(Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            const child = yield* work("b", never, { pool })
            yield* awaitState(child, "Running")
            children.push(child)
          }))
          yield* held.wait
          return "value"
        }))
      yield* eventually(
        "the child ends",
        Effect.suspend(() =>
          children.length === 0
            ? Effect.succeed(false)
            : Effect.map(stateOf(children[0]!), (state) => state === "Exited")
        )
      )
      yield* awaitState(task, "Running")
      yield* held.open
      assert.strictEqual(yield* task.await, "value")
    }).pipe(withPool()))

  it.effect("ends with its task even when its Scope lives longer", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const children: Array<ScriptedTask> = []
      const pools: Array<TaskPool.TaskPool> = []
      const task = yield* work("a", () =>
        Effect.gen(function*() {
          const pool = yield* Scope.provide(TaskPool.make(), scope)
          pools.push(pool)
          children.push(yield* work("b", never, { pool }))
          yield* settleTurns
        }))
      yield* task.await
      canceled(yield* children[0]!.exit)
      assert.strictEqual((yield* pools[0]!.status).state, "done")
      yield* Scope.close(scope, Exit.void)
    }).pipe(withPool()))

  it.effect("with one worker a task that leaves queued and sleeping work behind still ends", () =>
    Effect.gen(function*() {
      const children: Array<ScriptedTask> = []
      const task = yield* work("a", () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          const sleeper = yield* work("b", (self) => Effect.andThen(self.report(1), self.whileSleeping(Effect.never)), {
            pool
          })
          children.push(sleeper, yield* work("c", never, { pool }))
          yield* sleeper.firstProgress
          return yield* Effect.forEach(children, stateOf)
        }))
      assert.deepStrictEqual(yield* task.await, ["Sleeping", "Queued"])
      for (const child of children) canceled(yield* child.exit)
    }).pipe(withPool({ workers: 1 })))

  it.effect("a task in a pool belongs to the Scope, not to the fiber that dispatched it", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const held = gate()
      const dispatcher = yield* Effect.forkChild(
        Effect.flatMap(work("a", () => held.wait, { pool }), (task) => Effect.as(awaitState(task, "Running"), task))
      )
      const task = yield* Fiber.join(dispatcher)
      yield* settleTurns
      assert.strictEqual(yield* stateOf(task), "Running")
      yield* held.open
      yield* task.await
    }).pipe(withPool()))

  describe("TaskPool.use", () => {
    it.effect("joins after a body that succeeds, then gives its value", () =>
      Effect.gen(function*() {
        const held = gate()
        const use = yield* Effect.forkChild(TaskPool.use((pool) => Effect.as(work("a", () => held.wait, { pool }), 7)))
        yield* settleTurns
        assert.isUndefined(use.pollUnsafe())
        yield* held.open
        assert.strictEqual(yield* Fiber.join(use), 7)
      }).pipe(withPool()))

    it.effect("cancels the pool, waits and keeps the cause of a body that fails", () =>
      Effect.gen(function*() {
        const seen = trace()
        const error = yield* TaskPool.use((pool) =>
          Effect.gen(function*() {
            yield* work("a", () => Effect.onInterrupt(Effect.never, () => seen.push("stopped")), { pool })
            yield* settleTurns
            return yield* new TestError({ id: "body" })
          })
        ).pipe(Effect.flip)
        assert.deepStrictEqual(error, new TestError({ id: "body" }))
        assert.deepStrictEqual(seen.log, ["stopped"])
      }).pipe(withPool()))

    it.effect("fails as join does", () =>
      Effect.gen(function*() {
        const error = yield* TaskPool.use((pool) => work("a", () => Effect.fail(new TestError({ id: "a" })), { pool }))
          .pipe(
            Effect.flip
          )
        assert.instanceOf(error, ChildTaskFailed)
      }).pipe(withPool()))
  })

  describe("TaskPool.forEach", () => {
    const each = (ids: ReadonlyArray<string>) => TaskPool.forEach(ids, (id, pool) => work(id, undefined, { pool }))

    it.effect("gives every success in the order of the items", () =>
      Effect.gen(function*() {
        const held = gate()
        yield* script("a", () => Effect.as(held.wait, "first"))
        yield* script("c", () => Effect.as(held.open, "last"))
        assert.deepStrictEqual(yield* each(["a", "b", "c"]), ["first", "b", "last"])
      }).pipe(withPool()))

    it.effect("fails as join does", () =>
      Effect.gen(function*() {
        yield* script("b", () => Effect.fail(new TestError({ id: "b" })))
        assert.instanceOf(failure(yield* Effect.exit(each(["a", "b"]))), ChildTaskFailed)
      }).pipe(withPool()))

    it.effect("fails with the TaskCanceled of an item that was cancelled", () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(TaskPool.forEach(["a", "b"], (id, pool) =>
          id === "a" ?
            work(id, undefined, { pool }) :
            Effect.tap(work(id, never, { pool }), (task) => task.cancel({ reason: "enough" }))))
        assert.strictEqual(canceled(exit).reason, "enough")
      }).pipe(withPool()))

    it.effect("a refused dispatch cancels the pool and fails with its own error", () =>
      Effect.gen(function*() {
        let first: ScriptedTask | undefined
        const exit = yield* Effect.exit(TaskPool.forEach(["a", "b"], (id, pool) =>
          id === "a"
            ? Effect.tap(work(id, never, { pool }), (task) => Effect.sync(() => (first = task)))
            : Effect.andThen(pool.seal, work(id, undefined, { pool }))))
        assert.instanceOf(failure(exit), DispatchError)
        canceled(yield* first!.exit)
      }).pipe(withPool()))
  })

  describe("a pool that is made while its task closes is closed and awaited, when it is made", () => {
    it.effect("by a finalizer of the handler, in a Scope that lives on", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const seen = trace()
        const pools: Array<TaskPool.TaskPool> = []
        const task = yield* work("a", () =>
          Effect.addFinalizer(() =>
            Effect.gen(function*() {
              const pool = yield* Scope.provide(TaskPool.make(), scope)
              pools.push(pool)
              const child = yield* work("child", () => Effect.onInterrupt(Effect.never, () => seen.push("stopped")), {
                pool
              })
              yield* awaitState(child, "Running")
            }).pipe(Effect.orDie)
          ))
        yield* task.onExit(() => seen.push("exited"))
        assert.isTrue(Exit.isSuccess(yield* task.exit))
        assert.deepStrictEqual(seen.log, ["stopped", "exited"])
        assert.deepInclude(yield* pools[0]!.status, { state: "done", total: 1, canceled: 1 })
        yield* Scope.close(scope, Exit.void)
      }).pipe(withPool()))

    /** A detached fiber of a handler makes a pool after so many turns, in a Scope that outlives the task. */
    const detached = (turns: number) =>
      Effect.gen(function*() {
        const scope = yield* Effect.scope
        const pools: Array<TaskPool.TaskPool> = []
        const task = yield* work("a", () =>
          Effect.gen(function*() {
            const make = Effect.gen(function*() {
              for (let n = 0; n < turns; n++) yield* Effect.yieldNow
              pools.push(yield* Scope.provide(TaskPool.make(), scope))
            })
            yield* Effect.forkDetach(make, { startImmediately: true })
            yield* Effect.addFinalizer(() => Effect.yieldNow)
          }))
        yield* task.exit
        yield* settleTurns
        for (const pool of pools) {
          const { state } = yield* pool.status
          assert.strictEqual(state, Option.isSome(pool.createdBy) ? "done" : "open")
        }
        return pools.length
      })

    it.effect("by a detached fiber, in any turn", () =>
      Effect.gen(function*() {
        for (let turns = 0; turns < 20; turns++) assert.strictEqual(yield* detached(turns), 1)
      }).pipe(withPool()))

    it.effect("by a detached fiber, under any schedule", () =>
      Explore.run(
        Effect.andThen(
          TestClock.adjust(0),
          Effect.forEach([0, 1, 2, 3], detached).pipe(Effect.scoped, Effect.provide(testPool()))
        ),
        { seeds: 300 }
      ), 30_000)
  })

  describe("a closing that meets a task of its pool that waits for the closer ends that wait, then waits for the task, when that", () => {
    type Child = (wait: Effect.Effect<unknown>) => Script
    const children: ReadonlyArray<{ readonly name: string, readonly child: Child }> = [
      { name: "runs", child: (wait) => () => wait },
      { name: "waits in a region that cannot be interrupted", child: (wait) => () => Effect.uninterruptible(wait) },
      { name: "has succeeded and waits in a finalizer", child: (wait) => () => Effect.addFinalizer(() => wait) },
      {
        name: "has failed and waits in a finalizer",
        child: (wait) => () => Effect.andThen(Effect.addFinalizer(() => wait), new TestError({ id: "child" }))
      }
    ]
    for (const { child, name } of children) {
      for (const how of ["its end", "a Scope inside of it"] as const) {
        it.effect(`${name} (the closer is ${how})`, () =>
          Effect.gen(function*() {
            const seen = trace()
            const pools: Array<TaskPool.TaskPool> = []
            const closer: ScriptedTask = yield* work("closer", () => {
              const wait = Effect.suspend(() => Effect.exit(closer.exit)).pipe(
                Effect.flatMap((exit) => seen.push(Exit.isSuccess(exit) ? "the wait returns" : "the wait is ended"))
              )
              const body = Effect.gen(function*() {
                const pool = yield* TaskPool.make()
                pools.push(pool)
                yield* work("child", child(wait), { pool })
                yield* settleTurns
                return "closed"
              })
              return how === "its end" ? body : Effect.scoped(body)
            })
            yield* eventually("it has ended", Effect.map(stateOf(closer), (state) => state === "Exited"))
            assert.strictEqual(yield* closer.await, "closed")
            yield* settleTurns
            assert.notInclude(seen.log, "the wait returns")
            const [task] = yield* pools[0]!.tasks
            assert.strictEqual(yield* stateOf(task!), "Exited")
            const { canceled: count, complete, failed } = yield* pools[0]!.status
            const { exitStatus } = yield* task!.status
            assert.deepStrictEqual([complete, count, failed], [
              1,
              Option.contains(exitStatus, "canceled") ? 1 : 0,
              Option.contains(exitStatus, "error") ? 1 : 0
            ])
          }).pipe(withPool({ workers: 2 })))
      }
    }

    it.effect("however long that takes to stop", () =>
      Effect.gen(function*() {
        const slow = gate()
        let stopped = false
        const task: ScriptedTask = yield* work("a", () =>
          Effect.as(
            Effect.scoped(Effect.gen(function*() {
              const pool = yield* TaskPool.make()
              const child = yield* work("child", () =>
                Effect.ensuring(
                  Effect.suspend(() => Effect.exit(task.exit)),
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
  })

  describe("when its parent lets go of the task that made it, its parent becomes", () => {
    /** A shared task that several pools hold, oldest first, with a child pool of one task. */
    const shared = (pools: ReadonlyArray<TaskPool.TaskPool>) =>
      Effect.gen(function*() {
        const held = gate()
        const made: Array<TaskPool.TaskPool> = []
        yield* script("s", () =>
          Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            made.push(pool)
            yield* work("below", () => held.wait, { pool })
            yield* pool.join
          }))
        const task = yield* Once.dispatch({ id: "s" }, { pool: pools[0]! })
        for (const pool of pools.slice(1)) yield* Once.dispatch({ id: "s" }, { pool })
        yield* eventually("it has a child pool", Effect.sync(() => made.length === 1))
        return { below: made[0]!, held, task }
      })
    const parentOf = (pool: TaskPool.TaskPool) => Option.getOrNull(Option.map(pool.parent, ({ id }) => id))

    it.effect("the oldest pool that holds the task, each time", () =>
      Effect.gen(function*() {
        const pools = [yield* TaskPool.make(), yield* TaskPool.make(), yield* TaskPool.make(), yield* TaskPool.make()]
        const [one, two, three, four] = pools as [
          TaskPool.TaskPool,
          TaskPool.TaskPool,
          TaskPool.TaskPool,
          TaskPool.TaskPool
        ]
        const { below, held, task } = yield* shared([one, three, two, four])
        assert.strictEqual(parentOf(below), one.id)
        yield* one.cancel()
        assert.strictEqual(parentOf(below), three.id)
        yield* two.cancel()
        assert.strictEqual(parentOf(below), three.id)
        yield* three.cancel()
        assert.deepStrictEqual([parentOf(below), below.root.id, below.isRoot], [four.id, four.id, false])
        assert.strictEqual(yield* stateOf(task), "Sleeping")
        assert.deepInclude(yield* four.status, { total: 2, running: 1, sleeping: 1 })
        yield* held.open
        assert.deepInclude(yield* four.join, { total: 2, complete: 2, canceled: 0 })
      }).pipe(withPool({}, Once)))

    it.effect("none where only GLOBAL holds the task on: it is a root, and ends with its task", () =>
      Effect.gen(function*() {
        const { global } = yield* WorkerPool
        const pool = yield* TaskPool.make()
        const { below, held, task } = yield* shared([pool, global])
        yield* pool.cancel()
        assert.deepStrictEqual([parentOf(below), below.root.id, below.isRoot], [null, below.id, true])
        assert.deepStrictEqual(Option.map(below.createdBy, ({ id }) => id), Option.some(task.id))
        assert.deepInclude(yield* pool.status, { state: "done", total: 2, complete: 2, canceled: 2 })
        yield* task.cancel()
        assert.deepInclude(yield* below.status, { state: "done", canceled: 1 })
        yield* held.open
      }).pipe(withPool({}, Once)))

    it.effect("never one that is cancelled in the same step", () =>
      Effect.gen(function*() {
        const elsewhere = yield* TaskPool.make()
        const made: Array<TaskPool.TaskPool> = []
        const above = yield* work("above", () =>
          Effect.gen(function*() {
            for (const _ of [1, 2]) made.push(yield* TaskPool.make())
            yield* Effect.never
          }))
        yield* eventually("the pools are there", Effect.sync(() => made.length === 2))
        const { below, held } = yield* shared([...made, elsewhere])
        yield* above.cancel()
        assert.strictEqual(parentOf(below), elsewhere.id)
        assert.deepInclude(yield* made[0]!.status, { state: "done", total: 2, canceled: 2 })
        assert.deepInclude(yield* made[1]!.status, { state: "done", total: 1, canceled: 1 })
        yield* held.open
        assert.deepInclude(yield* elsewhere.join, { total: 2, complete: 2, canceled: 0 })
      }).pipe(withPool({}, Once)))

    it.effect("never one below the task itself", () =>
      Effect.gen(function*() {
        const { global } = yield* WorkerPool
        const [one, two] = [yield* TaskPool.make(), yield* TaskPool.make()]
        const made: Array<TaskPool.TaskPool> = []
        yield* script("s", () =>
          Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            made.push(pool)
            yield* work("back", () =>
              Effect.gen(function*() {
                const inner = yield* TaskPool.make()
                yield* Once.dispatch({ id: "s" }, { pool: inner })
                made.push(inner)
                yield* Effect.never
              }), { pool })
            yield* Effect.never
          }))
        const task = yield* Once.dispatch({ id: "s" }, { pool: one })
        yield* eventually("it is held from below", Effect.sync(() => made.length === 2))
        yield* Once.dispatch({ id: "s" }, { pool: global })
        yield* Once.dispatch({ id: "s" }, { pool: two })
        yield* one.cancel()
        assert.strictEqual(parentOf(made[0]!), two.id)
        yield* two.cancel()
        assert.isNull(parentOf(made[0]!))
        assert.strictEqual(yield* stateOf(task), "Running")
        yield* task.cancel()
      }).pipe(withPool({}, Once)))

    it.effect("another one at the same depth: its tasks still start before those of roots", () =>
      Effect.gen(function*() {
        const { global } = yield* WorkerPool
        const [busy, end, seen] = [gate(), gate(), trace()]
        const [pool, root] = [yield* TaskPool.make(), yield* TaskPool.make()]
        const made: Array<TaskPool.TaskPool> = []
        yield* script("s", (self) =>
          Effect.gen(function*() {
            made.push(yield* TaskPool.make())
            yield* self.whileSleeping(end.wait)
          }))
        const task = yield* Once.dispatch({ id: "s" }, { pool })
        yield* Once.dispatch({ id: "s" }, { pool: global })
        yield* awaitState(task, "Sleeping")
        yield* pool.cancel()
        assert.isTrue(made[0]!.isRoot)
        const hog = yield* work("hog", () => busy.wait)
        yield* awaitState(hog, "Running")
        yield* work("GLOBAL", () => seen.push("GLOBAL"))
        yield* work("root", () => seen.push("root"), { pool: root })
        yield* work("below", () => seen.push("below"), { pool: made[0]! })
        yield* busy.open
        yield* settleTurns
        assert.deepStrictEqual(seen.log, ["below", "GLOBAL", "root"])
        yield* end.open
        yield* task.await
      }).pipe(withPool({ workers: 1 }, Once)))
  })
})
