import { assert, describe } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Queue } from "effect"
import { Job, type Task, TaskPool, WaitCycle, WorkerPool } from "effect-tasks"
import { canceled, gate, script, scripted, type ScriptedTask, trace, Work, work } from "../support.ts"
import { outcomeOf, overlap, race, together } from "./race.ts"

class Two extends Job.make("Two", { ...scripted, concurrency: 2 }) {}

/** A task with `width` children down to `depth`; succeeds with the number of tasks at and below it. */
const tree = (id: string, width: number, depth: number, options?: Job.DispatchOptions): Effect.Effect<
  ScriptedTask,
  any,
  any
> =>
  work(id, () => {
    if (depth === 0) return Effect.succeed(1)
    const children = Array.from({ length: width }, (_, i) => `${id}.${i}`)
    return Effect.map(
      TaskPool.forEach(children, (child, pool) => tree(child, width, depth - 1, { pool })),
      (below) => 1 + (below as Array<number>).reduce((sum, each) => sum + each, 0)
    )
  }, options)

const awaited = (tasks: ReadonlyArray<ScriptedTask>) => Effect.forEach(tasks, (task) => task.await)

describe("B. Workers and waiting under every schedule", () => {
  for (const workers of [1, 2]) {
    race(
      `B1: pools nested three deep complete on ${workers} worker(s)`,
      { workers },
      [],
      Effect.gen(function*() {
        const roots = yield* Effect.forEach(["a", "b"], (id) => tree(id, 1, 3))
        assert.deepStrictEqual(yield* awaited(roots), [4, 4])
      })
    )
  }

  race(
    "B2: a tree counts each of its tasks once in every pool above it, in every snapshot",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const root = yield* tree("a", 2, 2, { pool })
      const read = Effect.gen(function*() {
        const { complete, queued, running, sleeping, state, total } = yield* pool.status
        assert.isAtMost(complete, total)
        assert.isAtMost(total, 7)
        assert.strictEqual(queued + running + sleeping + complete, total)
        return state === "done"
      })
      yield* together(Effect.repeat(Effect.andThen(Effect.yieldNow, read), { until: (done) => done }), pool.join)
      assert.strictEqual(yield* root.await, 7)
      assert.deepInclude(yield* pool.status, { total: 7, complete: 7, progress: 1 })
    })
  )

  race(
    "B3: many waiting parents on one worker never leave it idle for ever",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const roots = yield* Effect.forEach(["a", "b", "c"], (id) => tree(id, 2, 1), { concurrency: "unbounded" })
      assert.deepStrictEqual(yield* awaited(roots), [3, 3, 3])
    })
  )

  race(
    "B3b: a resize that comes while tasks lend and claim slots neither loses one nor makes one up",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const { resize, status } = yield* WorkerPool
      const roots = yield* Effect.forEach(["a", "b", "c"], (id) => tree(id, 2, 1))
      const [values] = yield* Effect.all([
        awaited(roots),
        Effect.forEach([1, 3, 1, 2], (size) => Effect.andThen(Effect.yieldNow, resize(size)))
      ], { concurrency: "unbounded" })
      assert.deepStrictEqual(values, [3, 3, 3])
      assert.deepInclude(yield* status, { workers: 2, busy: 0 })
    })
  )

  race(
    "B5: pools that are cancelled while they are sealed and joined give no worker away",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const parent = (id: string) =>
        work(id, () =>
          Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            yield* work(`${id}.0`, () => Effect.yieldNow, { pool })
            yield* together(pool.cancel(), pool.seal, Effect.exit(pool.join))
            assert.strictEqual((yield* pool.status).state, "done")
            return "done"
          }))
      const parents = yield* Effect.forEach(["a", "b"], parent)
      assert.deepStrictEqual(yield* awaited(parents), ["done", "done"])
    })
  )

  race(
    "B7: worker ids stay apart while tasks sleep, resume, stop and start",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const tasks = yield* Effect.forEach(["a", "b", "c", "d"], (id) =>
        work(id, (self) =>
          Effect.gen(function*() {
            yield* Effect.addFinalizer(() => Effect.yieldNow)
            yield* self.whileSleeping(Effect.yieldNow)
            yield* Effect.yieldNow
            yield* self.whileSleeping(Effect.yieldNow)
          })))
      yield* together(...tasks.map((task, i) => i === 1 ? task.cancel() : task.exit))
    })
  )

  race(
    "B8: a parent's children finish before another parent starts",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      let peak = 0
      const { status } = yield* WorkerPool
      const parent = (id: string) =>
        work(id, () =>
          TaskPool.use((pool) =>
            work(`${id}.0`, () =>
              Effect.map(status, ({ sleeping }) => {
                peak = Math.max(peak, sleeping)
              }), { pool })
          ))
      yield* awaited(yield* Effect.forEach(["a", "b", "c"], parent))
      assert.isAtMost(peak, 1)
    })
  )

  race(
    "B9: a handler that interrupts itself while it is cancelled loses no worker",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const task = yield* work("a", () => Effect.andThen(Effect.yieldNow, Effect.interrupt))
      const next = yield* work("b")
      yield* together(Effect.andThen(Effect.yieldNow, task.cancel()), next.await)
      assert.include(["canceled", "error"], outcomeOf(yield* task.exit))
    })
  )

  race(
    "B10: a pause that comes with dispatches and waits holds back first starts only",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const { pause, resume, status } = yield* WorkerPool
      const root = yield* tree("a", 1, 1)
      yield* together(
        Effect.andThen(pause, Effect.andThen(Effect.yieldNow, resume)),
        Effect.flatMap(tree("b", 1, 1), (task) => task.await),
        root.await
      )
      assert.isFalse((yield* status).paused)
    })
  )

  race(
    "a wait that ends while its task is cancelled claims no slot, and leaves no claim behind",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const held = gate()
      const task = yield* work("a", (self) => Effect.as(self.whileSleeping(held.wait), "done"))
      const other = yield* work("b", () => Effect.andThen(Effect.yieldNow, Effect.yieldNow))
      yield* together(held.open, Effect.andThen(Effect.yieldNow, task.cancel()), other.await)
      assert.include(["success", "canceled"], outcomeOf(yield* task.exit))
    })
  )

  race(
    "a wait that ends while its task times out claims no slot, and leaves no claim behind",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const first = yield* work("a", (self) => Effect.as(self.whileSleeping(Effect.sleep(10)), "done"), { timeout: 10 })
      const other = yield* work("b", () => Effect.sleep(10))
      yield* together(first.exit, other.exit)
      assert.include(["success", "timeout"], outcomeOf(yield* first.exit))
      assert.strictEqual(outcomeOf(yield* other.exit), "success")
    })
  )

  race(
    "several fibers of one task that wait and go on share its one slot",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const parent = yield* work("a", (self) =>
        Effect.gen(function*() {
          const children = yield* Effect.forEach(["b", "c"], (id) => work(id, () => Effect.yieldNow))
          yield* together(
            ...children.map((child) => child.await),
            self.whileSleeping(Effect.yieldNow),
            Effect.flatMap(work("d"), (task) => task.await)
          )
          return "done"
        }))
      assert.strictEqual(yield* parent.await, "done")
    })
  )

  race(
    "a fiber that is interrupted in its wait, while others of its task wait on, takes no slot with it",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const parent = yield* work("a", (self) =>
        Effect.gen(function*() {
          const child = yield* work("b", () => Effect.yieldNow)
          const waiting = yield* Effect.forkChild(child.await)
          yield* Effect.yieldNow
          yield* together(Fiber.interrupt(waiting), self.whileSleeping(Effect.yieldNow))
          return yield* child.exit
        }))
      yield* parent.await
    })
  )

  race(
    "two tasks that begin to wait for each other never hang: one of them dies of the ring",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const tasks: Record<string, ScriptedTask> = {}
      const ready = gate()
      for (const [id, other] of [["a", "b"], ["b", "a"]] as const) {
        tasks[id] = yield* work(id, () => Effect.andThen(ready.wait, Effect.suspend(() => tasks[other]!.await)))
      }
      yield* ready.open
      const exits = yield* Effect.forEach([tasks.a!, tasks.b!], (task) => task.exit, { concurrency: "unbounded" })
      for (const exit of exits) {
        assert.isTrue(Exit.isFailure(exit) && exit.cause.reasons.every(Cause.isDieReason))
        if (Exit.isFailure(exit)) assert.instanceOf(Cause.squash(exit.cause), WaitCycle)
      }
    })
  )

  race(
    "two tasks that cancel each other both end",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const tasks: Record<string, Task.Any> = {}
      const ready = gate()
      for (const [id, other] of [["a", "b"], ["b", "a"]] as const) {
        tasks[id] = yield* work(id, () =>
          Effect.gen(function*() {
            yield* Effect.addFinalizer(() => Effect.suspend(() => tasks[other]!.cancel()))
            yield* ready.wait
            yield* tasks[other]!.cancel()
          }))
      }
      yield* ready.open
      const exits = yield* Effect.forEach([tasks.a!, tasks.b!], (task) => task.exit, { concurrency: "unbounded" })
      assert.isAtLeast(exits.filter((exit) => outcomeOf(exit) === "canceled").length, 1)
    })
  )

  race(
    "senders that fill an inbox of a task that needs their worker do not hold it",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const got = trace()
      const filled = gate()
      const receiver = yield* work("receiver", (self) =>
        Effect.gen(function*() {
          yield* self.whileSleeping(filled.wait)
          for (let i = 0; i < 17; i++) yield* got.push(yield* Queue.take(self.inbox))
        }))
      const sender = yield* work("sender", () => {
        const send = (i: number) => Effect.orDie(receiver.send(`${i}`))
        const [first, second, ...others] = Array.from({ length: 17 }, (_, i) => send(i))
        // the inbox holds 16
        return Effect.andThen(Effect.all([...others, filled.open]), together(first!, second!))
      })
      yield* together(receiver.await, sender.await)
      assert.strictEqual(new Set(got.log).size, 17)
    })
  )

  race(
    "a permit is taken and given back with the slot, whatever cancels its holder",
    { workers: 4 },
    [Two],
    Effect.gen(function*() {
      const { enter, seen } = overlap()
      const ids = ["a", "b", "c", "d"]
      for (const id of ids) {
        yield* script(id, () => Effect.andThen(enter, Effect.andThen(Effect.yieldNow, Effect.yieldNow)))
      }
      const tasks = yield* Effect.forEach(ids, (id) => Two.dispatch({ id }))
      yield* together(tasks[0]!.cancel(), Effect.andThen(Effect.yieldNow, tasks[2]!.cancel()), tasks[1]!.await)
      const ends = yield* Effect.forEach(tasks, (task) => Effect.map(task.exit, outcomeOf))
      assert.notInclude(ends, "error")
      assert.isAtMost(seen.peak, 2)
      assert.strictEqual(seen.inside, 0)
    })
  )

  race(
    "a priority that is set while the task starts or is cancelled moves at most a queued task",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const seen = trace()
      const tasks = yield* Effect.forEach(["a", "b", "c"], (id) => work(id, () => seen.push(id)))
      yield* together(tasks[2]!.setPriority(5), tasks[1]!.cancel(), tasks[1]!.setPriority(9), tasks[0]!.setPriority(-1))
      yield* Effect.forEach(tasks, (task) => task.exit)
      assert.strictEqual(new Set(seen.log).size, seen.log.length)
      assert.includeMembers(seen.log, ["a", "c"])
    })
  )

  race(
    "an interrupted run cancels the task that it owns, and no other's",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const seen = trace()
      yield* script("a", () => Effect.onExit(Effect.never, () => Effect.andThen(Effect.yieldNow, seen.push("stopped"))))
      const runs = yield* Effect.forEach([1, 2], () => Effect.forkChild(Work.run({ id: "a" })))
      yield* together(...runs.map((run) => Effect.andThen(Effect.yieldNow, Fiber.interrupt(run))))
      for (const task of yield* Work.tasks) canceled(yield* task.exit)
    })
  )
})
