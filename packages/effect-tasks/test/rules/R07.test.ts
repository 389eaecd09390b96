import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Queue, Scope } from "effect"
import { type DispatchError, Job, type Task, TaskPool, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
  canceled,
  elapse,
  eventually,
  type Gate,
  gate,
  type Script,
  script,
  scripted,
  type ScriptedTask,
  type Scripts,
  settleTurns,
  stateOf,
  type TestError,
  timedOut,
  trace,
  withPool,
  work
} from "../support.ts"

type Context = Task.TaskContext<unknown, TestError, number, string>

const how = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit) ? "returned" : Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "failed"

/** A tree of tasks, each waiting for its pool of children; all are collected. Leaves come last, by priority. */
const grow = (
  tasks: Array<ScriptedTask>,
  fanOut: ReadonlyArray<number>,
  leaf: Script,
  options?: Job.DispatchOptions,
  id = "root"
): Effect.Effect<ScriptedTask, DispatchError, WorkerPool | Scripts | Job.Handler<"Work">> => {
  const branch = Effect.gen(function*() {
    const pool = yield* TaskPool.make()
    const below = fanOut.slice(1)
    for (let n = 0; n < fanOut[0]!; n++) yield* grow(tasks, below, leaf, { pool, priority: below.length }, `${id}/${n}`)
    yield* pool.join
  })
  return Effect.tap(
    work(id, fanOut.length === 0 ? leaf : () => branch, options),
    (task) => Effect.sync(() => tasks.push(task))
  )
}

const states = (tasks: ReadonlyArray<ScriptedTask>) => Effect.forEach(tasks, stateOf)

/** 2 leaves run, 10 are queued, the 7 tasks above them sleep. */
const deep = (leaf: Script, options?: Job.DispatchOptions) =>
  Effect.gen(function*() {
    const workerPool = yield* WorkerPool
    const tasks: Array<ScriptedTask> = []
    const root = yield* grow(tasks, [2, 2, 3], leaf, options)
    yield* eventually("19 tasks dispatched", Effect.sync(() => tasks.length === 19))
    yield* settleTurns
    const { busy, queued, sleeping } = yield* workerPool.status
    assert.deepStrictEqual({ busy, queued, sleeping }, { busy: 2, queued: 10, sleeping: 7 })
    const before = yield* states(tasks)
    return { workerPool, tasks, root, wasQueued: tasks.filter((_, i) => before[i] === "Queued") }
  })

describe("R7 A cancel is one step over the whole subtree", () => {
  it.effect("before cancel suspends, every task below is marked and every queued one has left the queue", () =>
    Effect.gen(function*() {
      const { root, tasks, wasQueued, workerPool } = yield* deep(() => Effect.never)
      const cancel = yield* Effect.forkChild(root.cancel(), { startImmediately: true })
      for (const state of yield* states(tasks)) assert.include(["Stopping", "Exited"], state)
      for (const state of yield* states(wasQueued)) assert.strictEqual(state, "Exited")
      assert.strictEqual((yield* workerPool.status).queued, 0)
      yield* Fiber.join(cancel)
      for (const task of tasks) canceled(yield* task.exit)
    }).pipe(withPool({ workers: 2 })))

  it.effect("a timeout is the same step: the root times out, all below are canceled", () =>
    Effect.gen(function*() {
      const { root, tasks } = yield* deep(() => Effect.never, { timeout: "1 minute" })
      yield* TestClock.adjust("1 minute")
      timedOut(yield* root.exit)
      for (const task of tasks) if (task !== root) canceled(yield* task.exit)
    }).pipe(withPool({ workers: 2 })))

  it.effect("a cancel of a pool is the same step", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const { tasks, wasQueued } = yield* deep(() => Effect.never, { pool })
      const cancel = yield* Effect.forkChild(pool.cancel(), { startImmediately: true })
      for (const state of yield* states(tasks)) assert.include(["Stopping", "Exited"], state)
      for (const state of yield* states(wasQueued)) assert.strictEqual(state, "Exited")
      yield* Fiber.join(cancel)
      for (const task of tasks) canceled(yield* task.exit)
      const { canceled: count, complete, total } = yield* pool.status
      assert.deepStrictEqual({ count, complete, total }, { count: 19, complete: 19, total: 19 })
    }).pipe(withPool({ workers: 2 })))

  it.effect("no handler is interrupted before all are marked", () =>
    Effect.gen(function*() {
      const tasks: Array<ScriptedTask> = []
      const seen: Array<Task.State> = []
      const root = yield* grow(tasks, [3, 2], () =>
        Effect.onInterrupt(Effect.never, () =>
          Effect.map(states(tasks), (found) => seen.push(...found))))
      yield* eventually(
        "10 tasks dispatched",
        Effect.sync(() =>
          tasks.length === 10
        )
      )
      yield* settleTurns
      yield* root.cancel()
      assert.strictEqual(seen.length, 4 * 10)
      for (const state of seen) assert.include(["Stopping", "Exited"], state)
    }).pipe(withPool({ workers: 4 })))

  it.effect("none of the queued tasks ever starts", () =>
    Effect.gen(function*() {
      const seen = trace()
      const { root } = yield* deep(({ id }) =>
        Effect.andThen(seen.push(id), Effect.uninterruptible(Effect.sleep("1 second")))
      )
      const cancel = yield* Effect.forkChild(root.cancel())
      yield* settleTurns
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(cancel)
      yield* settleTurns
      assert.strictEqual(seen.log.length, 2)
    }).pipe(withPool({ workers: 2 })))

  it.effect("what is not below goes on", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const sibling = yield* work("sibling", () => Effect.never, { pool })
      const global = yield* work("global", () => Effect.never)
      const tasks: Array<ScriptedTask> = []
      const root = yield* grow(tasks, [2], () => Effect.never, { pool })
      yield* eventually("3 tasks dispatched", Effect.sync(() => tasks.length === 3))
      yield* settleTurns
      yield* root.cancel()
      yield* settleTurns
      assert.deepStrictEqual(yield* states([sibling, global]), ["Running", "Running"])
      assert.strictEqual((yield* pool.status).state, "open")
    }).pipe(withPool({ workers: 4 })))

  const waits: ReadonlyArray<{
    readonly name: string,
    readonly wait: (other: ScriptedTask, pool: TaskPool.TaskPool, task: Context) => ReturnType<Script>
  }> = [
    { name: "await", wait: (other) => other.await },
    { name: "exit", wait: (other) => other.exit },
    { name: "firstProgress", wait: (other) => other.firstProgress },
    { name: "join", wait: (_, pool) => pool.join },
    { name: "settled", wait: (_, pool) => pool.settled },
    {
      name: "send on a full inbox",
      wait: (other) => Effect.ignore(Effect.forEach(Array.from({ length: 17 }), () => other.send("one more")))
    },
    {
      name: "await of its own child",
      wait: () =>
        Effect.scoped(
          Effect.flatMap(TaskPool.make(), (pool) =>
            Effect.flatMap(
              work("child", () => Effect.never, { pool }),
              (child) => child.await
            ))
        )
    },
    {
      name: "join of its own pool",
      wait: () =>
        Effect.scoped(
          Effect.flatMap(TaskPool.make(), (pool) =>
            Effect.andThen(
              work("child", () => Effect.never, { pool }),
              pool.join
            ))
        )
    }
  ]
  const setting = Effect.gen(function*() {
    const pool = yield* TaskPool.make()
    const held = gate()
    const other = yield* work("other", () => held.wait, { pool })
    yield* awaitState(other, "Running")
    return { held, other, pool, seen: trace() }
  })

  it.effect.each(waits)(
    "a $name under way in an uninterruptible region ends interrupted",
    ({ wait }) =>
      Effect.gen(function*() {
        const { other, pool, seen } = yield* setting
        const task = yield* work("a", (self) =>
          Effect.uninterruptible(Effect.flatMap(Effect.exit(wait(other, pool, self)), (exit) =>
            seen.push(how(exit)))))
        yield* awaitState(task, "Sleeping")
        yield* Effect.forkChild(task.cancel())
        yield* settleTurns
        assert.deepStrictEqual(seen.log, ["interrupted"])
        canceled(yield* task.exit)
      }).pipe(withPool())
  )

  it.effect.each(waits)(
    "a $name begun after the cancel in an uninterruptible region ends interrupted",
    ({ wait }) =>
      Effect.gen(function*() {
        const { other, pool, seen } = yield* setting
        const region = gate()
        const task = yield* work("a", (self) =>
          Effect.uninterruptible(
            Effect.andThen(region.wait, Effect.exit(Effect.suspend(() => wait(other, pool, self)))).pipe(
              Effect.flatMap((exit) => seen.push(Exit.isSuccess(exit) ? "returned" : "ended"))
            )
          ))
        yield* awaitState(task, "Running")
        const cancel = yield* Effect.forkChild(task.cancel())
        yield* settleTurns
        yield* region.open
        yield* settleTurns
        assert.deepStrictEqual(seen.log, ["ended"])
        yield* Fiber.join(cancel)
      }).pipe(withPool())
  )

  it.effect.each([
    { name: "under way", before: true },
    { name: "begun after the cancel", before: false }
  ])("a whileSleeping $name in an uninterruptible region runs to its end", ({ before }) =>
    Effect.gen(function*() {
      const { seen } = yield* setting
      const [region, held] = [gate(), gate()]
      const task = yield* work("a", (self) =>
        Effect.uninterruptible(
          Effect.gen(function*() {
            if (!before) yield* region.wait
            yield* self.whileSleeping(held.wait)
            yield* seen.push("returned")
          })
        ))
      yield* awaitState(task, before ? "Sleeping" : "Running")
      const cancel = yield* Effect.forkChild(task.cancel())
      yield* settleTurns
      yield* region.open
      yield* settleTurns
      assert.deepStrictEqual(seen.log, [])
      assert.strictEqual(yield* stateOf(task), "Stopping")
      yield* held.open
      yield* Fiber.join(cancel)
      assert.deepStrictEqual(seen.log, ["returned"])
      canceled(yield* task.exit)
    }).pipe(withPool()))

  it.effect("a wait whose target ends in the same turn as the cancel does not return", () =>
    Effect.gen(function*() {
      const { held, other, seen } = yield* setting
      const task = yield* work("a", () =>
        Effect.uninterruptible(Effect.flatMap(Effect.exit(other.await), (exit) => seen.push(how(exit)))))
      yield* awaitState(task, "Sleeping")
      const cancel = yield* Effect.forkChild(task.cancel(), { startImmediately: true })
      yield* held.open
      yield* Fiber.join(cancel)
      assert.deepStrictEqual(seen.log, ["interrupted"])
    }).pipe(withPool()))

  it.effect("a wait whose target has just ended does not return when another one for it cancels the waiter", () =>
    Effect.gen(function*() {
      const end = gate()
      let went = false
      const other = yield* work("other", () => end.wait)
      yield* Effect.forkChild(Effect.andThen(other.exit, Effect.suspend(() => task.cancel())), {
        startImmediately: true
      })
      const task: ScriptedTask = yield* work("a", () => Effect.andThen(other.exit, Effect.sync(() => (went = true))))
      yield* awaitState(task, "Sleeping")
      yield* end.open
      canceled(yield* task.exit)
      assert.isFalse(went)
    }).pipe(withPool()))

  it.effect("a task has not stopped before an effect in whileSleeping that cannot be interrupted has ended", () =>
    Effect.gen(function*() {
      const { seen } = yield* setting
      const held = gate()
      const inner = Effect.uninterruptible(Effect.andThen(held.wait, seen.push("inner")))
      const task = yield* work(
        "a",
        (self) =>
          Effect.flatMap(Effect.exit(Effect.uninterruptible(self.whileSleeping(inner))), (exit) => seen.push(how(exit)))
      )
      yield* task.onExit(() => seen.push("hook"))
      yield* awaitState(task, "Sleeping")
      const cancel = yield* Effect.forkChild(task.cancel())
      yield* settleTurns
      assert.strictEqual(yield* stateOf(task), "Stopping")
      yield* held.open
      yield* Fiber.join(cancel)
      assert.include(seen.log, "inner")
      assert.notInclude(seen.log, "returned")
      assert.isBelow(seen.log.indexOf("inner"), seen.log.indexOf("hook"))
    }).pipe(withPool()))

  it.effect("a wait in a finalizer of a cancelled task does not return", () =>
    Effect.gen(function*() {
      const { other, seen } = yield* setting
      const task = yield* work("a", () =>
        Effect.andThen(
          Effect.addFinalizer(() => Effect.flatMap(Effect.exit(other.await), (exit) => seen.push(how(exit)))),
          Effect.never
        ))
      yield* awaitState(task, "Running")
      yield* task.cancel()
      assert.deepStrictEqual(seen.log, ["interrupted"])
    }).pipe(withPool()))

  it.effect("what a marked task dispatches below itself never starts", () =>
    Effect.gen(function*() {
      const seen = trace()
      const region = gate()
      const task = yield* work("a", () =>
        Effect.uninterruptible(Effect.gen(function*() {
          const before = yield* TaskPool.make()
          yield* region.wait
          yield* Effect.ignore(work("before", () => seen.push("started"), { pool: before }))
          const after = yield* TaskPool.make()
          yield* Effect.ignore(work("after", () => seen.push("started"), { pool: after }))
          yield* Effect.forEach(Array.from({ length: 50 }), () => Effect.yieldNow)
          yield* seen.push("end")
        })))
      yield* awaitState(task, "Running")
      const cancel = yield* Effect.forkChild(task.cancel())
      yield* settleTurns
      yield* region.open
      yield* Fiber.join(cancel)
      yield* settleTurns
      assert.deepStrictEqual(seen.log, ["end"])
    }).pipe(withPool()))

  it.effect("the end goes upward: children and their hooks, then the parent's Scope, then its own hooks", () =>
    Effect.gen(function*() {
      const seen = trace()
      const step = (name: string) => Effect.andThen(Effect.yieldNow, seen.push(name))
      const leave = (name: string) => Effect.addFinalizer(() => Effect.andThen(Effect.sleep("1 second"), step(name)))
      const root = yield* work("root", () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          yield* leave("root closes")
          const middle = yield* work("middle", () =>
            Effect.gen(function*() {
              const pool = yield* TaskPool.make()
              yield* leave("middle closes")
              const leaf = yield* work("leaf", () => Effect.andThen(leave("leaf closes"), Effect.never), { pool })
              yield* leaf.onExit(() => step("leaf hook"))
              yield* pool.join
            }), { pool })
          yield* middle.onExit(() => step("middle hook"))
          yield* pool.addFinalizer(() => step("pool done"))
          yield* pool.join
        }))
      yield* root.onExit(() => step("root hook"))
      yield* awaitState(root, "Sleeping")
      yield* settleTurns
      const cancel = yield* Effect.forkChild(root.cancel())
      yield* settleTurns
      yield* elapse(10_000)
      yield* Fiber.join(cancel)
      assert.deepStrictEqual(seen.log, [
        "leaf closes",
        "leaf hook",
        "middle closes",
        "middle hook",
        "pool done",
        "root closes",
        "root hook"
      ])
    }).pipe(withPool({ workers: 1 })))

  it.effect("pools that are made while others of the task end are awaited before its Scope closes too", () =>
    Effect.gen(function*() {
      const [child, late, end, seen] = [gate(), gate(), gate(), trace()]
      const task = yield* work("a", () =>
        Effect.gen(function*() {
          yield* Effect.addFinalizer(() => seen.push("Scope"))
          yield* work("child", () => Effect.uninterruptible(child.wait), { pool: yield* TaskPool.make() })
          const makes = Effect.gen(function*() {
            yield* late.wait
            const pool = yield* TaskPool.make()
            yield* work("late child", () => Effect.onInterrupt(Effect.never, () => seen.push("late child")), { pool })
            yield* settleTurns
            yield* child.open
            yield* end.wait
          })
          yield* Effect.forkDetach(Effect.scoped(makes), { startImmediately: true })
          yield* settleTurns
        }))
      yield* awaitState(task, "Stopping")
      yield* late.open
      yield* task.await
      yield* Effect.andThen(end.open, settleTurns)
      assert.deepStrictEqual(seen.log, ["late child", "Scope"])
    }).pipe(withPool()))

  it.effect("a task is not Exited while one below it still stops", () =>
    Effect.gen(function*() {
      const held = gate()
      const tasks: Array<ScriptedTask> = []
      const root = yield* grow(tasks, [1, 1], () => Effect.uninterruptible(held.wait))
      yield* eventually("3 tasks dispatched", Effect.sync(() => tasks.length === 3))
      yield* settleTurns
      const cancel = yield* Effect.forkChild(root.cancel())
      yield* settleTurns
      assert.deepStrictEqual(yield* states(tasks), ["Stopping", "Stopping", "Stopping"])
      yield* held.open
      yield* Fiber.join(cancel)
      assert.deepStrictEqual(yield* states(tasks), ["Exited", "Exited", "Exited"])
    }).pipe(withPool({ workers: 1 })))

  it.effect("an acquisition that sleeps is not cut: it runs to its end, and its release is registered", () =>
    Effect.gen(function*() {
      const [held, seen] = [gate(), trace()]
      const task = yield* work("a", (self) =>
        Effect.andThen(
          Effect.acquireRelease(
            self.whileSleeping(Effect.andThen(held.wait, seen.push("acquired"))),
            () => seen.push("released")
          ),
          Effect.never
        ))
      yield* awaitState(task, "Sleeping")
      const cancel = yield* Effect.forkChild(task.cancel())
      yield* settleTurns
      assert.strictEqual(yield* stateOf(task), "Stopping")
      yield* held.open
      yield* Fiber.join(cancel)
      assert.deepStrictEqual(seen.log, ["acquired", "released"])
      canceled(yield* task.exit)
    }).pipe(withPool({ workers: 1 })))

  it.effect("a wait inside of a whileSleeping that runs to its end ends interrupted all the same", () =>
    Effect.gen(function*() {
      const seen = trace()
      const other = yield* work("other", () => Effect.never)
      const task = yield* work("a", (self) =>
        Effect.uninterruptible(
          self.whileSleeping(
            Effect.andThen(
              Effect.flatMap(Effect.exit(other.exit), (exit) => seen.push(how(exit))),
              seen.push("end of the effect")
            )
          )
        ))
      yield* awaitState(task, "Sleeping")
      yield* awaitState(other, "Running")
      yield* Effect.forkChild(task.cancel())
      yield* settleTurns
      assert.deepStrictEqual(seen.log, ["interrupted", "end of the effect"])
      canceled(yield* task.exit)
    }).pipe(withPool({ workers: 2 })))

  describe("nothing of a user's runs in the middle of the step:", () => {
    class Fed extends Job.make("Fed", scripted) {}

    /** A task whose inbox is full and that never reads it. */
    const fed = (pool: TaskPool.TaskPool) =>
      Effect.gen(function*() {
        const task = yield* Fed.dispatch({ id: "fed" }, { pool, delay: "1 hour" })
        for (let n = 0; n < 16; n++) yield* task.send(`${n}`)
        return task
      })

    it.effect("a sender that the cancel lets go sees all of the subtree stopped", () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        const inbox = yield* fed(pool)
        const others = [
          yield* work("running", () => Effect.never, { pool }),
          yield* Fed.dispatch({ id: "queued" }, { pool, delay: "1 hour" })
        ]
        yield* awaitState(others[0]!, "Running")
        const seen: Array<unknown> = []
        yield* Effect.forkChild(
          Effect.gen(function*() {
            yield* Effect.ignore(inbox.send("suspends"))
            seen.push(...yield* states(others))
            const late = yield* Effect.exit(Fed.dispatch({ id: "late" }, { pool }))
            seen.push(late._tag)
          }),
          { startImmediately: true }
        )
        yield* pool.cancel()
        yield* settleTurns
        assert.include(["Stopping", "Exited"], seen.shift())
        assert.deepStrictEqual(seen, ["Exited", "Failure"])
      }).pipe(withPool({}, Fed)))

    it.effect("a fiber that outlives its handler and reads the inbox goes on when its task's end is over", () =>
      Effect.gen(function*() {
        const seen = trace()
        const reader = yield* work(
          "reader",
          (self) =>
            Effect.forkDetach(Effect.onInterrupt(Queue.take(self.inbox), () => seen.push("goes on")), {
              startImmediately: true
            })
        )
        yield* reader.exit
        yield* settleTurns
        assert.deepStrictEqual(seen.log, ["goes on"])
      }).pipe(withPool()))

    it.effect("a finalizer of the subtree that sends to a task of it neither stops the cancel nor is left behind", () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        const inbox = yield* fed(pool)
        const sender = yield* work("sender", () => Effect.addFinalizer(() => Effect.ignore(inbox.send("one more"))), {
          pool
        })
        const victim = yield* work("victim", () => Effect.never, { pool })
        yield* awaitState(victim, "Running")
        yield* awaitState(sender, "Stopping")
        yield* settleTurns
        const cancel = yield* Effect.forkChild(pool.cancel())
        yield* settleTurns
        assert.deepStrictEqual(cancel.pollUnsafe(), Exit.void)
        assert.deepStrictEqual(yield* states([inbox, sender, victim]), ["Exited", "Exited", "Exited"])
        assert.isTrue(Exit.isSuccess(yield* sender.exit))
        for (const task of [inbox, victim]) canceled(yield* task.exit)
        assert.deepInclude(yield* pool.status, { state: "done", total: 3, complete: 3, canceled: 2 })
      }).pipe(withPool({}, Fed)))

    it.effect("a chain of 2,000 senders that each cancel the next task neither overflows nor leaves one unsettled", () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        const tasks = yield* Effect.forEach(Array.from({ length: 2000 }), () => fed(pool))
        const senders = yield* Effect.forEach(
          tasks.slice(0, -1),
          (task, n) =>
            Effect.forkChild(Effect.andThen(Effect.ignore(task.send("suspends")), tasks[n + 1]!.cancel()), {
              startImmediately: true
            })
        )
        yield* tasks[0]!.cancel()
        yield* eventually("all have ended", Effect.map(pool.status, ({ complete }) => complete === tasks.length))
        for (const sender of senders) assert.deepStrictEqual(yield* Fiber.await(sender), Exit.void)
        for (const task of tasks) canceled(yield* task.exit)
      }).pipe(withPool({}, Fed)))
  })

  it.effect("what a cancelled sender was about to send never arrives", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const [full, read] = [gate(), gate()]
      const reader: ScriptedTask = yield* work("reader", ({ inbox }) =>
        Effect.gen(function*() {
          yield* read.wait
          const first = yield* Queue.takeAll(inbox)
          yield* settleTurns
          return [first.length, yield* Queue.size(inbox)]
        }), { pool })
      yield* awaitState(reader, "Running")
      const sender = yield* work("sender", () =>
        Effect.gen(function*() {
          for (let n = 0; n < 16; n++) yield* reader.send(`${n}`)
          yield* full.open
          yield* reader.send("late")
        }).pipe(Effect.orDie))
      yield* full.wait
      yield* awaitState(sender, "Sleeping")
      yield* sender.cancel()
      yield* read.open
      assert.deepStrictEqual(yield* reader.await, [16, 0])
    }).pipe(withPool()))

  describe("costs the same for each pool, and no stack, when", () => {
    interface Subtree {
      readonly pool: TaskPool.TaskPool
      readonly scope: Scope.Closeable
      /** Opened, the topmost handler returns. */
      readonly top: Gate
    }
    const ends: Record<string, (subtree: Subtree) => Effect.Effect<void>> = {
      "it is cancelled": ({ pool }) => pool.cancel(),
      "its Scope closes": ({ scope }) => Scope.close(scope, Exit.void),
      "its task returns": ({ top }) => top.open
    }
    const made = Effect.gen(function*() {
      const scope = yield* Scope.make()
      return { scope, pool: yield* Scope.provide(TaskPool.make(), scope), top: gate() }
    })

    for (const [how, end] of Object.entries(ends)) {
      const canceled = how === "its task returns" ? 0 : 1
      // were each to look at all others, none of these would end in a minute
      it.effect(`${how}: 200,000 pools next to each other`, () =>
        Effect.gen(function*() {
          const subtree = yield* made
          const below: Array<TaskPool.TaskPool> = []
          const all = gate()
          const maker = yield* work("maker", () =>
            Effect.gen(function*() {
              while (below.length < 200_000) below.push(yield* TaskPool.make())
              yield* all.open
              yield* subtree.top.wait
            }), { pool: subtree.pool })
          yield* all.wait
          yield* end(subtree)
          yield* maker.exit
          assert.deepInclude(yield* subtree.pool.status, { total: 1, complete: 1, canceled })
          for (const each of below) if ((yield* each.status).state !== "done") assert.fail(`${each.id} is not done`)
        }).pipe(withPool({ history: 0 })), 60_000)

      it.effect(`${how}: 20,000 pools inside one another`, () =>
        Effect.gen(function*() {
          const subtree = yield* made
          const tasks: Array<ScriptedTask> = []
          const all = gate()
          const dispatch = (pool: TaskPool.TaskPool) =>
            Effect.map(work("link", undefined, { pool }), (task) => tasks.push(task))
          yield* script("link", () =>
            Effect.gen(function*() {
              const isTop = tasks.length === 1
              if (tasks.length === 20_000) yield* all.open
              else yield* Effect.flatMap(TaskPool.make(), dispatch)
              yield* isTop ? subtree.top.wait : Effect.never
            }))
          yield* dispatch(subtree.pool)
          yield* all.wait
          yield* end(subtree)
          for (const task of tasks) yield* task.exit
          const counts = { total: 20_000, complete: 20_000, canceled: 19_999 + canceled }
          assert.deepInclude(yield* subtree.pool.status, counts)
        }).pipe(withPool({ workers: Infinity })), 60_000)
    }
  })
})
