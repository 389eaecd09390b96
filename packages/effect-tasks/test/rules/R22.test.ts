import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option, Queue, Scope, Stream } from "effect"
import { Job, type Task, TaskPool, WaitCycle, WorkerPool } from "effect-tasks"
import {
  awaitState,
  canceled,
  defect,
  eventually,
  gate,
  type Script,
  script,
  scripted,
  type ScriptedTask,
  settleTurns,
  stateOf,
  taskById,
  trace,
  withPool,
  work
} from "../support.ts"

class Once extends Job.make("Once", { ...scripted, unique: true }) {}
class Newest extends Job.make("Newest", { ...scripted, unique: "supersede" }) {}

const cycle = (exit: Exit.Exit<unknown, unknown>): WaitCycle => {
  const found = defect(exit)
  assert.instanceOf(found, WaitCycle)
  return found as WaitCycle
}

/** The WaitCycle this effect dies with, seen from inside. */
const cycleOf = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.map(Effect.exit(effect), cycle)

describe("R22 Wait cycles", () => {
  describe("a wait that would close a ring dies at once with WaitCycle:", () => {
    const selfWaits: ReadonlyArray<{ readonly name: string, readonly wait: (self: Task.Any) => ReturnType<Script> }> = [
      { name: "await", wait: (self) => Effect.orDie(self.await as Effect.Effect<unknown>) },
      { name: "exit", wait: (self) => self.exit },
      { name: "the join of its pool", wait: (self) => self.pool.join },
      { name: "settled of its pool", wait: (self) => self.pool.settled },
      { name: "reading of its progress to the end", wait: (self) => Stream.runDrain(self.progress) },
      {
        name: "send to its full inbox",
        wait: (self) =>
          Effect.forEach(Array.from({ length: 17 }, (_, n) => n), (n) => (self as ScriptedTask).send(`${n}`)).pipe(
            Effect.orDie
          )
      },
      {
        name: "reading of its sealed pool's changes to the end",
        wait: (self) => Effect.andThen(self.pool.seal, Stream.runDrain(self.pool.changes))
      }
    ]

    for (const { name, wait } of selfWaits) {
      it.effect(`a task's own ${name}`, () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          const task = yield* work("a", ({ id }) => Effect.flatMap(taskById(id), wait), { pool })
          yield* settleTurns
          assert.strictEqual(yield* stateOf(task), "Exited")
          const { ring } = cycle(yield* task.exit)
          assert.strictEqual(ring[0], ring[ring.length - 1])
          assert.include(ring, task.id)
        }).pipe(withPool()))
    }

    it.effect("two tasks that await each other: the second wait dies and names both", () =>
      Effect.gen(function*() {
        const held = gate()
        const one: ScriptedTask = yield* work("one", () => Effect.andThen(held.wait, Effect.suspend(() => two.exit)))
        const two: ScriptedTask = yield* work("two", () => Effect.andThen(awaitState(one, "Sleeping"), one.await))
        yield* held.open
        const { ring } = cycle(yield* two.exit)
        assert.deepStrictEqual([...ring], [two.id, one.id, two.id])
        assert.isTrue(Exit.isSuccess(yield* one.exit))
      }).pipe(withPool({ workers: 2 })))

    it.effect("three tasks, in any number of fibers", () =>
      Effect.gen(function*() {
        const tasks: Array<ScriptedTask> = []
        const ready = gate()
        for (const n of [0, 1, 2]) {
          tasks.push(
            yield* work(`${n}`, () =>
              Effect.gen(function*() {
                yield* ready.wait
                yield* Effect.forkChild(Effect.never)
                for (let i = 0; i < n * 20; i++) yield* Effect.yieldNow
                return yield* Effect.flatMap(Effect.forkChild(tasks[(n + 1) % 3]!.exit), Fiber.await)
              }))
          )
        }
        yield* ready.open
        const last = (yield* tasks[2]!.await) as Exit.Exit<unknown>
        assert.sameMembers([...new Set(cycle(last).ring)], tasks.map(({ id }) => id))
        for (const task of tasks) assert.isTrue(Exit.isSuccess(yield* task.exit))
      }).pipe(withPool({ workers: 3 })))

    it.effect("a child that awaits the parent that joins its pool", () =>
      Effect.gen(function*() {
        let child: ScriptedTask | undefined
        const parent = yield* work("parent", ({ id }) =>
          Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            child = yield* work("child", () => Effect.flatMap(taskById(id), (above) => above.exit), { pool })
            return yield* pool.settled
          }))
        assert.deepInclude(yield* parent.await, { failed: 1 })
        const { ring } = cycle(yield* child!.exit)
        assert.includeMembers([...ring], [parent.id, child!.id])
      }).pipe(withPool({ workers: 1 })))

    it.effect("a parent that joins the pool of a child that awaits it already", () =>
      Effect.gen(function*() {
        const parent = yield* work("parent", ({ id }) =>
          Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            const child = yield* work("child", () => Effect.flatMap(taskById(id), (above) => above.exit), { pool })
            yield* awaitState(child, "Sleeping")
            const found = yield* cycleOf(pool.join)
            yield* child.cancel()
            return found.ring
          }))
        assert.include((yield* parent.await) as ReadonlyArray<string>, parent.id)
      }).pipe(withPool({ workers: 2 })))

    it.effect("a hook that waits for its own task", () =>
      Effect.gen(function*() {
        const found: Array<WaitCycle> = []
        const task = yield* work("a")
        yield* task.onExit(() => Effect.map(cycleOf(task.exit), (one) => found.push(one)))
        assert.strictEqual(yield* task.await, "a")
        assert.include(found[0]?.ring ?? [], task.id)
      }).pipe(withPool()))

    it.effect("a hook that waits for a task that waits for the hook's task", () =>
      Effect.gen(function*() {
        const found: Array<WaitCycle> = []
        const task = yield* work("a")
        const other = yield* work("b", () => task.exit)
        yield* task.onExit(() =>
          Effect.andThen(awaitState(other, "Sleeping"), Effect.map(cycleOf(other.exit), (one) => found.push(one)))
        )
        yield* other.await
        assert.includeMembers([...(found[0]?.ring ?? [])], [task.id, other.id])
      }).pipe(withPool({ workers: 2 })))

    it.effect("a task that runs a late hook of another one, which waits for a task that waits for it", () =>
      Effect.gen(function*() {
        const found: Array<WaitCycle> = []
        const ended = yield* work("ended")
        yield* ended.await
        const go = gate()
        const one: ScriptedTask = yield* work("one", () =>
          Effect.andThen(
            go.wait,
            ended.onExit(() => Effect.map(cycleOf(Effect.suspend(() => two.exit)), (cycle) => found.push(cycle)))
          ))
        const two: ScriptedTask = yield* work("two", () => one.exit)
        yield* awaitState(two, "Sleeping")
        yield* go.open
        yield* settleTurns
        assert.includeMembers([...(found[0]?.ring ?? [])], [one.id, two.id])
        assert.isTrue(Exit.isSuccess(yield* two.exit))
      }).pipe(withPool()))

    it.effect("a hook that waits for its task's pool", () =>
      Effect.gen(function*() {
        const found: Array<WaitCycle> = []
        const pool = yield* TaskPool.make()
        const task = yield* work("a", undefined, { pool })
        yield* task.onExit(() => Effect.map(cycleOf(pool.settled), (one) => found.push(one)))
        assert.deepInclude(yield* pool.settled, { complete: 1 })
        assert.strictEqual(found.length, 1)
      }).pipe(withPool()))

    it.effect("a pool's finalizer that waits for the pool", () =>
      Effect.gen(function*() {
        const found: Array<WaitCycle> = []
        const pool = yield* TaskPool.make()
        yield* pool.addFinalizer(() => Effect.map(cycleOf(pool.settled), (one) => found.push(one)))
        yield* work("a", undefined, { pool })
        assert.deepInclude(yield* pool.join, { complete: 1 })
        assert.strictEqual(found.length, 1)
      }).pipe(withPool()))

    it.effect("a pool's finalizer that waits for a task that waits for the pool", () =>
      Effect.gen(function*() {
        const found: Array<WaitCycle> = []
        const pool = yield* TaskPool.make()
        const held = gate()
        yield* work("member", () => held.wait, { pool })
        const task = yield* work("waits", () => pool.settled)
        yield* awaitState(task, "Sleeping")
        yield* pool.addFinalizer(() => Effect.map(cycleOf(task.exit), (one) => found.push(one)))
        yield* held.open
        yield* task.await
        assert.include(found[0]?.ring ?? [], task.id)
      }).pipe(withPool()))

    it.effect("a child's hook that waits for the task whose end waits for it", () =>
      Effect.gen(function*() {
        const found: Array<WaitCycle> = []
        const [done, end] = [gate(), gate()]
        const parent: ScriptedTask = yield* work("parent", () =>
          Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            const child = yield* work("child", undefined, { pool })
            yield* child.onExit(() =>
              Effect.andThen(Effect.map(cycleOf(parent.exit), (one) => found.push(one)), done.open)
            )
            yield* end.wait
          }))
        yield* done.wait
        yield* end.open
        assert.isTrue(Exit.isSuccess(yield* parent.exit))
        assert.include(found[0]?.ring ?? [], parent.id)
      }).pipe(withPool()))

    it.effect("a child pool's finalizer that waits for the task whose end waits for it", () =>
      Effect.gen(function*() {
        const found: Array<WaitCycle> = []
        const parent: ScriptedTask = yield* work("parent", () =>
          Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            yield* pool.addFinalizer(() => Effect.map(cycleOf(parent.exit), (one) => found.push(one)))
            yield* pool.seal
            yield* settleTurns
          }))
        assert.isTrue(Exit.isSuccess(yield* parent.exit))
        assert.include(found[0]?.ring ?? [], parent.id)
      }).pipe(withPool()))

    it.effect("a task that waits for a pool whose finalizer waits for the task", () =>
      Effect.gen(function*() {
        const go = gate()
        const pool = yield* TaskPool.make()
        const task = yield* work("a", () => Effect.andThen(go.wait, cycleOf(pool.settled)))
        yield* pool.addFinalizer(() => task.exit)
        yield* pool.seal
        yield* settleTurns
        yield* go.open
        assert.include(((yield* task.await) as WaitCycle).ring, pool.id)
        yield* pool.settled
      }).pipe(withPool()))

    it.effect("a dispatch that joins a task into the pool that it waits for", () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        const go = gate()
        yield* script("k", () => Effect.exit(pool.settled))
        const inside = yield* work("inside", () =>
          Effect.andThen(go.wait, cycleOf(Once.dispatch({ id: "k" }, { pool }))), { pool })
        const waits = yield* Once.dispatch({ id: "k" })
        yield* awaitState(waits, "Sleeping")
        yield* go.open
        assert.include(((yield* inside.await) as WaitCycle).ring, waits.id)
        assert.deepInclude(yield* pool.settled, { total: 1, complete: 1 })
        assert.isTrue(Exit.isSuccess(yield* waits.exit))
      }).pipe(withPool({}, Once)))

    it.effect("a hook that waits for a task that is queued behind the hook's key", () =>
      Effect.gen(function*() {
        let rings: ReadonlyArray<string> = []
        const task = yield* Once.dispatch({ id: "k" })
        yield* task.onExit(() =>
          Effect.gen(function*() {
            const next = yield* Once.dispatch({ id: "k" })
            rings = (yield* cycleOf(next.exit)).ring
          })
        )
        yield* task.await
        assert.deepStrictEqual(rings, [task.id, "Once-2", task.id])
        yield* (yield* WorkerPool).drain
      }).pipe(withPool({}, Once)))

    it.effect("a finalizer that waits for a task that is queued behind the finalizer's key", () =>
      Effect.gen(function*() {
        let rings: ReadonlyArray<string> = []
        yield* script("k", () =>
          Effect.addFinalizer(() =>
            Effect.gen(function*() {
              const next = yield* Effect.orDie(Once.dispatch({ id: "k" }))
              yield* script("k", () => Effect.void)
              rings = (yield* cycleOf(next.exit)).ring
            }) as Effect.Effect<void>
          ) as any)
        const task = yield* Once.dispatch({ id: "k" })
        yield* task.exit
        assert.deepStrictEqual(rings, [task.id, "Once-2", task.id])
      }).pipe(withPool({}, Once)))

    it.effect("and a wait that closes none goes through: two that await the same, a diamond, a parent's sibling", () =>
      Effect.gen(function*() {
        const held = gate()
        const bottom = yield* work("bottom", () => Effect.as(held.wait, "up"))
        const left = yield* work("left", () => bottom.await)
        const right = yield* work("right", () => bottom.await)
        const top = yield* work("top", () => Effect.all([left.await, right.await], { concurrency: 2 }))
        yield* awaitState(top, "Sleeping")
        yield* held.open
        assert.deepStrictEqual(yield* top.await, ["up", "up"])
      }).pipe(withPool()))

    it.effect("a hook of a task that its pool has let go of closes none when it waits for the task above", () =>
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

    it.effect("a wait that was given up closes no ring", () =>
      Effect.gen(function*() {
        const go = gate()
        const never: ScriptedTask = yield* work(
          "never",
          () => Effect.andThen(go.wait, Effect.suspend(() => other.await))
        )
        const other: ScriptedTask = yield* work("other", () =>
          Effect.gen(function*() {
            const wait = yield* Effect.forkChild(never.exit, { startImmediately: true })
            yield* Effect.yieldNow
            yield* Fiber.interrupt(wait)
            yield* go.open
            return "free"
          }))
        assert.strictEqual(yield* never.await, "free")
      }).pipe(withPool({ workers: 2 })))
  })

  describe("a cancelling call neither dies nor hangs:", () => {
    it.effect("a hook that cancels the task above its own", () =>
      Effect.gen(function*() {
        const task = yield* work("above", (self) =>
          Effect.gen(function*() {
            const above = yield* taskById(self.id)
            const pool = yield* TaskPool.make()
            yield* work("below", (below) => below.onExit(() => above.cancel()), { pool })
            yield* Effect.never
          }))
        canceled(yield* task.exit)
      }).pipe(withPool()))

    const inside = (call: (self: Task.Any) => Effect.Effect<unknown, unknown, any>): Script => ({ id }) =>
      Effect.flatMap(taskById(id), (self) => Effect.andThen(Effect.orDie(call(self)), Effect.void)) as ReturnType<
        Script
      >

    it.effect("a task that cancels itself is canceled", () =>
      Effect.gen(function*() {
        const task = yield* work(
          "a",
          inside((self) => Effect.andThen(self.cancel({ reason: "mine" }), Effect.yieldNow))
        )
        assert.strictEqual(canceled(yield* task.exit).reason, "mine")
      }).pipe(withPool()))

    it.effect("a task that cancels its pool", () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        const task = yield* work("a", inside((self) => Effect.andThen(self.pool.cancel(), Effect.never)), { pool })
        canceled(yield* task.exit)
        assert.deepInclude(yield* pool.status, { state: "done", total: 1, canceled: 1 })
      }).pipe(withPool()))

    it.effect("a task that closes the Scope of its pool, or cancels GLOBAL", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const pool = yield* Scope.provide(TaskPool.make(), scope)
        const one = yield* work("one", inside(() => Effect.andThen(Scope.close(scope, Exit.void), Effect.never)), {
          pool
        })
        const two = yield* work(
          "two",
          inside(() => Effect.andThen(Effect.flatMap(WorkerPool, ({ global }) => global.cancel()), Effect.never))
        )
        for (const task of [one, two]) canceled(yield* task.exit)
        assert.deepInclude(yield* pool.settled, { state: "done", canceled: 1 })
      }).pipe(withPool()))

    it.effect("a task that closes the Scope of its pool, which another task has made", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const made: Array<TaskPool.TaskPool> = []
        const maker = yield* work("maker", (self) =>
          Effect.gen(function*() {
            const pool = yield* Scope.provide(TaskPool.make(), scope)
            made.push(pool)
            yield* work("closer", () => Scope.close(scope, Exit.void), { pool })
            yield* self.whileSleeping(Effect.never)
          }))
        yield* settleTurns
        assert.deepInclude(yield* made[0]!.status, { state: "done", total: 1, canceled: 1 })
        assert.strictEqual(yield* stateOf(maker), "Sleeping")
        yield* maker.cancel()
      }).pipe(withPool()))

    it.effect("a child that cancels its parent, or the pool its parent is in", () =>
      Effect.gen(function*() {
        for (const what of ["task", "pool"] as const) {
          const root = yield* TaskPool.make()
          const parent: ScriptedTask = yield* work("parent", () =>
            TaskPool.use((pool) =>
              work(
                "child",
                inside(() => Effect.andThen(what === "task" ? parent.cancel() : root.cancel(), Effect.never)),
                { pool }
              )
            ), { pool: root })
          canceled(yield* parent.exit)
        }
      }).pipe(withPool({ workers: 1 })))

    it.effect("two tasks that cancel each other at once", () =>
      Effect.gen(function*() {
        const go = gate()
        const tasks: Array<ScriptedTask> = []
        const call = (n: number): Script => () => Effect.andThen(go.wait, Effect.suspend(() => tasks[n]!.cancel()))
        tasks.push(yield* work("a", call(1)), yield* work("b", call(0)))
        for (const task of tasks) yield* awaitState(task, "Running")
        yield* go.open
        const exits = yield* Effect.forEach(tasks, (task) => task.exit)
        assert.isAtLeast(exits.filter(Exit.isFailure).length, 1)
        for (const exit of exits) if (Exit.isFailure(exit)) canceled(exit)
      }).pipe(withPool()))

    it.effect("a task that cancels one that awaits it, and waits until that has stopped", () =>
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

    it.effect("the recompute and the supersede of one's own task", () =>
      Effect.gen(function*() {
        let runs = 0
        for (const call of [(self: Task.Any) => self.recompute, () => Newest.dispatch({ id: "k" })]) {
          runs = 0
          yield* script("k", (self) =>
            Effect.suspend(() =>
              ++runs > 1 ? Effect.succeed("again") : inside((own) =>
                Effect.andThen(call(own), Effect.never)
              )(self)
            ))
          const task = yield* Newest.dispatch({ id: "k" })
          canceled(yield* task.exit)
          yield* (yield* WorkerPool).drain
          assert.strictEqual(runs, 2)
        }
      }).pipe(withPool({}, Newest)))

    it.effect("a hook that cancels its own task or its pool, or recomputes it", () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        let hooks = 0
        const task = yield* work("a", undefined, { pool })
        const calls: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
          task.cancel(),
          Effect.exit(task.recompute),
          pool.cancel()
        ]
        for (const call of calls) yield* task.onExit(() => Effect.andThen(call, Effect.sync(() => hooks++)))
        assert.isTrue(Exit.isSuccess(yield* task.exit))
        yield* pool.settled
        assert.strictEqual(hooks, 3)
      }).pipe(withPool()))

    it.effect("a finalizer of a pool that cancels the pool", () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        let runs = 0
        yield* pool.addFinalizer(() => Effect.andThen(pool.cancel(), Effect.sync(() => runs++)))
        yield* pool.join
        assert.strictEqual(runs, 1)
      }).pipe(withPool()))

    it.effect("drain inside a task, its child or a hook leaves out the caller's task and those above", () =>
      Effect.gen(function*() {
        const { drain } = yield* WorkerPool
        const held = gate()
        const other = yield* work("other", () => held.wait)
        const task = yield* work("parent", (self) =>
          Effect.gen(function*() {
            yield* self.onExit(() => drain)
            const pool = yield* TaskPool.make()
            yield* work("child", () => drain, { pool })
            yield* pool.join
            yield* drain
            return yield* stateOf(other)
          }))
        yield* settleTurns
        assert.strictEqual(yield* stateOf(task), "Sleeping")
        yield* held.open
        assert.strictEqual(yield* task.await, "Exited")
      }).pipe(withPool()))

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

    it.effect("a handler that closes a pool whose task cancels the handler's task", () =>
      Effect.gen(function*() {
        const task: ScriptedTask = yield* work("a", () =>
          Effect.scoped(Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            const child = yield* work("child", () => Effect.onInterrupt(Effect.never, () => task.cancel()), { pool })
            yield* awaitState(child, "Running")
          })))
        const exit = yield* task.exit
        assert.isFalse(Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause))
        yield* (yield* WorkerPool).drain
      }).pipe(withPool()))
  })

  describe("reading progress to its end, or sending to a full inbox, is a wait for that task:", () => {
    const fill = (task: ScriptedTask) =>
      Effect.forEach(Array.from({ length: 17 }, (_, n) => `${n}`), (message) => task.send(message), { discard: true })
    const read = (task: ScriptedTask) => Stream.runDrain(task.progress)
    const waits: Record<string, (task: ScriptedTask) => Effect.Effect<unknown, unknown>> = {
      "awaits it": (task) => task.exit,
      "reads its progress to the end": read,
      "sends to its full inbox": fill
    }

    for (const [first, one] of Object.entries(waits)) {
      for (const [second, two] of Object.entries(waits)) {
        if (first === "awaits it" && second === "awaits it") continue
        it.effect(`a task ${first}, and that one ${second} too: the second wait dies`, () =>
          Effect.gen(function*() {
            const a: ScriptedTask = yield* work("a", () => Effect.exit(Effect.suspend(() => one(b))))
            const b: ScriptedTask = yield* work(
              "b",
              () => Effect.andThen(awaitState(a, "Sleeping"), Effect.exit(two(a)))
            )
            yield* settleTurns
            assert.deepStrictEqual([yield* stateOf(a), yield* stateOf(b)], ["Exited", "Exited"])
            const { ring } = cycle((yield* b.await) as Exit.Exit<unknown>)
            assert.deepStrictEqual([...ring], [b.id, a.id, b.id])
            assert.isFalse(Exit.hasDies((yield* a.await) as Exit.Exit<unknown>))
          }).pipe(withPool({ workers: 2 })))
      }
    }

    for (const [what, wait] of Object.entries(waits)) {
      it.effect(`a child that ${what}, of the parent that joins its pool`, () =>
        Effect.gen(function*() {
          const parent: ScriptedTask = yield* work("parent", () =>
            Effect.flatMap(TaskPool.make(), (pool) =>
              Effect.andThen(
                work("child", () =>
                  Effect.orDie(wait(parent)), { pool }),
                pool.settled
              )))
          yield* settleTurns
          assert.strictEqual(yield* stateOf(parent), "Exited")
          assert.deepInclude(yield* parent.await, { failed: 1, complete: 1 })
        }).pipe(withPool({ workers: 1 })))

      it.effect(`a ring of three, of which one ${what}`, () =>
        Effect.gen(function*() {
          const go = gate()
          const exits: Array<Exit.Exit<unknown, unknown>> = []
          const tasks: Array<ScriptedTask> = []
          const others = [wait, (task: ScriptedTask) => task.exit, read]
          for (const n of [0, 1, 2]) {
            tasks.push(
              yield* work(`${n}`, () =>
                Effect.andThen(
                  go.wait,
                  Effect.map(Effect.exit(Effect.suspend(() => others[n]!(tasks[(n + 1) % 3]!))), (exit) =>
                    exits.push(exit))
                ))
            )
          }
          yield* settleTurns
          yield* go.open
          yield* settleTurns
          for (const task of tasks) {
            assert.strictEqual(yield* stateOf(task), "Exited")
          }
          const rings = exits.flatMap((exit) =>
            Exit.hasDies(exit) ? [cycle(exit).ring] : []
          )
          assert.strictEqual(rings.length, 1)
          assert.sameMembers([...new Set(rings[0])], tasks.map(({ id }) => id))
        }).pipe(withPool({ workers: 3 })))
    }

    it.effect("a hook that reads the progress of its own task to the end", () =>
      Effect.gen(function*() {
        const found: Array<WaitCycle> = []
        const task = yield* work("a")
        yield* task.onExit(() => Effect.map(cycleOf(read(task)), (one) => found.push(one)))
        yield* settleTurns
        assert.include(found[0]?.ring ?? [], task.id)
        assert.strictEqual(yield* task.await, "a")
      }).pipe(withPool()))

    it.effect("and one that was given up no longer is", () =>
      Effect.gen(function*() {
        const [goes, given] = [gate(), gate()]
        const b = yield* work("b", () =>
          Effect.gen(function*() {
            yield* goes.wait
            yield* settleTurns
            const a = yield* taskById("Work-2")
            return yield* Effect.orDie(a.await)
          }))
        const a = yield* work("a", () =>
          Effect.gen(function*() {
            const sending = yield* Effect.forkChild(Effect.orDie(fill(b)), { startImmediately: true })
            yield* settleTurns
            assert.isUndefined(sending.pollUnsafe())
            yield* Fiber.interrupt(sending)
            const other = yield* work("other", () => Effect.as(given.wait, "given up"))
            yield* goes.open
            return yield* other.await
          }))
        yield* awaitState(b, "Sleeping")
        yield* given.open
        yield* a.await
        assert.strictEqual(yield* b.await, "given up")
      }).pipe(withPool()))

    it.effect("and one that closes no ring goes through", () =>
      Effect.gen(function*() {
        const start = gate()
        const b = yield* work("b", (self) =>
          Effect.gen(function*() {
            yield* start.wait
            for (let n = 0; n < 17; n++) yield* self.report(Number(yield* Queue.take(self.inbox)))
          }))
        const sender = yield* work("sender", () => Effect.orDie(fill(b)))
        const reader = yield* work("reader", () => Stream.runLast(b.progress))
        yield* settleTurns
        assert.deepStrictEqual([yield* stateOf(sender), yield* stateOf(reader)], ["Sleeping", "Sleeping"])
        yield* start.open
        yield* sender.await
        assert.deepStrictEqual(yield* reader.await, Option.some(16))
      }).pipe(withPool({ workers: 3 })))
  })

  describe("a cancelling call leaves out", () => {
    it.effect("who has ended by result and waits for a task that is queued behind the caller's key", () =>
      Effect.gen(function*() {
        const seen = trace()
        const waiters: Array<ScriptedTask> = []
        yield* script("k", (self) =>
          self.onExit(() =>
            Effect.gen(function*() {
              yield* script("k", () => Effect.void)
              const next = yield* Once.dispatch({ id: "k" })
              const waiter = yield* work("waiter", () => Effect.addFinalizer(() => Effect.ignore(next.await)))
              waiters.push(waiter)
              yield* awaitState(waiter, "Stopping")
              yield* settleTurns
              yield* waiter.cancel()
              yield* seen.push("returned")
            })
          ))
        const task = yield* Once.dispatch({ id: "k" })
        yield* eventually("the waiter waits", Effect.sync(() => waiters.length === 1))
        yield* settleTurns
        yield* settleTurns
        assert.deepStrictEqual(seen.log, ["returned"])
        yield* task.await
        assert.isTrue(Exit.isSuccess(yield* waiters[0]!.exit))
      }).pipe(withPool({}, Once)))
  })

  describe("a cancelling call waits", () => {
    it.effect("also for who waits for a task that is queued behind the caller's key", () =>
      Effect.gen(function*() {
        const [held, seen] = [gate(), trace()]
        yield* script("k", (self) =>
          self.onExit(() =>
            Effect.gen(function*() {
              const next = yield* Once.dispatch({ id: "k" })
              const waiter = yield* work("waiter", () =>
                Effect.andThen(
                  Effect.addFinalizer(() => Effect.andThen(held.wait, seen.push("stopped"))),
                  next.exit
                ))
              yield* awaitState(waiter, "Sleeping")
              yield* script("k", () => Effect.void)
              yield* waiter.cancel()
              yield* seen.push("returned")
            })
          ))
        const task = yield* Once.dispatch({ id: "k" })
        yield* settleTurns
        assert.deepStrictEqual(seen.log, [])
        yield* held.open
        yield* task.await
        assert.deepStrictEqual(seen.log, ["stopped", "returned"])
      }).pipe(withPool({}, Once)))

    it.effect("for the hooks of what it takes from the queue behind the caller's key", () =>
      Effect.gen(function*() {
        const [held, seen] = [gate(), trace()]
        yield* script("k", (self) =>
          self.onExit(() =>
            Effect.gen(function*() {
              const next = yield* Once.dispatch({ id: "k" })
              yield* next.onExit(() => Effect.andThen(held.wait, seen.push("hook")))
              yield* next.cancel()
              yield* seen.push("returned")
            })
          ))
        const task = yield* Once.dispatch({ id: "k" })
        yield* settleTurns
        assert.deepStrictEqual(seen.log, [])
        yield* held.open
        yield* task.await
        assert.deepStrictEqual(seen.log, ["hook", "returned"])
      }).pipe(withPool({}, Once)))
  })

  it.effect("the end of a task lets go of a task of its pool that others hold and that waits for it", () =>
    Effect.gen(function*() {
      const [home, pools] = [yield* TaskPool.make(), [] as Array<TaskPool.TaskPool>]
      const above: ScriptedTask = yield* work("above", () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          pools.push(pool)
          yield* Once.dispatch({ id: "s" }, { pool })
          yield* settleTurns
          return "ended"
        }))
      yield* script("s", () => above.await)
      const shared = yield* Once.dispatch({ id: "s" }, { pool: home })
      yield* eventually("it has ended", Effect.map(stateOf(above), (state) => state === "Exited"))
      assert.strictEqual(yield* shared.await, "ended")
      assert.deepInclude(yield* pools[0]!.status, { state: "done", total: 1, complete: 1, canceled: 1 })
      assert.deepInclude(yield* home.join, { total: 1, complete: 1, canceled: 0 })
    }).pipe(withPool({}, Once)))

  it.effect("a ring of closings over a task that its first pool has let go ends, and costs nothing while it waits", () =>
    Effect.gen(function*() {
      const [home, go] = [yield* TaskPool.make(), gate()]
      const opens = (id: string, then: Effect.Effect<void> = Effect.never) => () =>
        Effect.flatMap(TaskPool.make(), (pool) => Effect.andThen(Once.dispatch({ id }, { pool }), then))
      yield* script("s", opens("x"))
      yield* script("x", () => Once.run({ id: "p" }))
      yield* script("p", opens("r"))
      yield* script("r", opens("k"))
      yield* script("k", opens("s", go.wait))
      const first = yield* Once.dispatch({ id: "s" }, { pool: home })
      yield* eventually("all are there", Effect.map(Once.tasks, ({ length }) => length === 5))
      yield* settleTurns
      yield* home.cancel()
      assert.notStrictEqual(yield* stateOf(first), "Exited")
      yield* go.open
      const tasks = yield* Once.tasks
      for (const task of tasks) {
        yield* eventually(`${task.id} has ended`, Effect.map(stateOf(task), (state) => state === "Exited"))
      }
    }).pipe(withPool({ workers: 8 }, Once)))
})
