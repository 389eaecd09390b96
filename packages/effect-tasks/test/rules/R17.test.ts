import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Queue, Schedule, Schema, Stream } from "effect"
import { Job, Task, TaskPool, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
  canceled,
  elapse,
  eventually,
  type Gate,
  gate,
  recordEvents,
  type Script,
  script,
  scripted,
  type ScriptedTask,
  settleTurns,
  stateOf,
  TestError,
  trace,
  withPool,
  Work,
  work
} from "../support.ts"

class Delayed
  extends Job.make("Delayed", { ...scripted, retry: { times: 1, schedule: Schedule.spaced("1 second") } })
{}

const waitingFor = (task: Pick<Task.Any, "status">) =>
  Effect.map(task.status, (status) => Option.getOrNull(status.waitingFor))

/** Counts who is at work between two waits; every spin takes several turns. */
const makeProbe = () => {
  const probe = { now: 0, most: 0, spins: 0 }
  const spin = (turns: number) =>
    Effect.gen(function*() {
      probe.spins++
      probe.most = Math.max(probe.most, ++probe.now)
      for (let n = 0; n < turns; n++) yield* Effect.yieldNow
      probe.now--
    })
  return { probe, spin }
}

const random = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

describe("R17 Slots", () => {
  describe("never more than `workers` tasks in Running", () => {
    /** A random tree: tasks that spin, wait in every way for their children, fork, fail and retry nothing. */
    const grow =
      (next: () => number, spin: (turns: number) => Effect.Effect<void>, depth: number, id: string): Script => (task) =>
        Effect.gen(function*() {
          const pick = (n: number) => Math.floor(next() * n)
          yield* spin(pick(4))
          if (depth === 0 || pick(5) === 0) return id
          const count = 1 + pick(3)
          const child = (n: number) => grow(next, spin, depth - 1, `${id}/${n}`)
          const pool = yield* TaskPool.make()
          const children: Array<ScriptedTask> = []
          for (let n = 0; n < count; n++) {
            children.push(yield* work(`${id}/${n}`, child(n), pick(3) === 0 ? {} : { pool, priority: pick(3) }))
            yield* spin(pick(2))
          }
          const forked = yield* Effect.forkChild(Effect.andThen(children[0]!.exit, spin(2)))
          const waits = [
            () => Effect.exit(pool.join),
            () => pool.settled,
            () => Effect.forEach(children, (one) => one.exit, { concurrency: "unbounded" }),
            () => Effect.forEach(children, (one) => one.await),
            () => task.whileSleeping(Effect.yieldNow),
            () => children[0]!.cancel(),
            () => children[0]!.firstProgress,
            () => Stream.runDrain(pool.changes).pipe(Effect.raceFirst(pool.settled))
          ]
          yield* Effect.exit(waits[pick(waits.length)]!())
          yield* spin(pick(4))
          if (pick(2) === 0) yield* Fiber.join(forked)
          if (pick(6) === 0) return yield* new TestError({ id })
          return id
        })

    it.effect.prop(
      "under random trees, by the events and by what runs; and every tree completes",
      { seed: Schema.Int, workers: Schema.Literals([1, 2, 3]) },
      ({ seed, workers }) =>
        Effect.gen(function*() {
          const workerPool = yield* WorkerPool
          const events = yield* recordEvents
          const { probe, spin } = makeProbe()
          const next = random(seed)
          const roots = yield* Effect.forEach([0, 1, 2], (n) => work(`${n}`, grow(next, spin, 3, `${n}`)))
          const over = yield* Effect.forkChild(Effect.gen(function*() {
            while (true) {
              assert.isAtMost((yield* workerPool.status).busy, workers)
              yield* TestClock.adjust(50)
            }
          }))
          yield* Effect.forEach(roots, (root) => root.exit)
          yield* workerPool.drain
          assert.isUndefined(over.pollUnsafe())
          yield* Fiber.interrupt(over)
          assert.isAbove(probe.spins, 0)
          yield* settleTurns
          const running = new Set<string>()
          for (const event of events) {
            if (event._tag === "TaskStarted" || event._tag === "TaskResumed") running.add(event.taskId)
            if (event._tag === "TaskSlept" || event._tag === "TaskStopping") running.delete(event.taskId)
            assert.isAtMost(running.size, workers)
          }
          for (const task of yield* workerPool.tasks) assert.strictEqual(yield* stateOf(task), "Exited")
          assert.deepInclude(yield* workerPool.status, { busy: 0, sleeping: 0, queued: 0 })
        }).pipe(withPool({ workers: workers as 1 | 2 | 3 })),
      { arbitrary: { runs: 40 }, timeout: 20_000 }
    )

    it.effect("tasks that never wait in forked fibers run `workers` at a time", () =>
      Effect.gen(function*() {
        const { probe, spin } = makeProbe()
        const held = gate()
        const tasks = yield* Effect.forEach(Array.from({ length: 30 }, (_, n) => n), (n) =>
          work(`${n}`, (task) =>
            Effect.gen(function*() {
              yield* spin(3)
              yield* task.whileSleeping(n % 2 === 0 ? held.wait : Effect.yieldNow)
              yield* spin(3)
            })))
        yield* settleTurns
        yield* held.open
        yield* Effect.forEach(tasks, (task) =>
          task.await)
        assert.deepStrictEqual(probe, { now: 0, most: 3, spins: 60 })
      }).pipe(withPool({ workers: 3 })))
  })

  describe("with one worker", () => {
    it.effect("a chain of two thousand parents, each waiting for the next, completes", () =>
      Effect.gen(function*() {
        const level = (n: number): Script => () =>
          n === 0 ? Effect.succeed(0) : TaskPool.use((pool) => work(`${n - 1}`, level(n - 1), { pool })).pipe(
            Effect.flatMap((task) => task.await),
            Effect.map((below) => (below as number) + 1)
          )
        assert.strictEqual(yield* (yield* work("2000", level(2000))).await, 2000)
      }).pipe(withPool({ workers: 1 })))

    it.effect("a wide and deep tree completes", () =>
      Effect.gen(function*() {
        let leaves = 0
        const level = (n: number, id: string): Script => () =>
          n === 0 ? Effect.sync(() => leaves++) : TaskPool.use((pool) =>
            Effect.forEach(
              [0, 1, 2, 3],
              (i) => work(`${id}/${i}`, level(n - 1, `${id}/${i}`), { pool })
            )
          )
        yield* (yield* work("root", level(4, "root"))).await
        assert.strictEqual(leaves, 256)
      }).pipe(withPool({ workers: 1 })))

    it.effect("tasks that run each other's jobs complete", () =>
      Effect.gen(function*() {
        for (let n = 1; n <= 20; n++) yield* script(`${n}`, () => Effect.orDie(Work.run({ id: `${n - 1}` })))
        assert.strictEqual(yield* Work.run({ id: "20" }), "0")
      }).pipe(withPool({ workers: 1 })))
  })

  describe("with one worker, a handler that must wait lends its slot in", () => {
    /** A task that is started and asleep, and stays in its finalizer until the gate is opened. */
    const stoppable = (held: Gate) =>
      Effect.gen(function*() {
        const task = yield* work("stoppable", (self) =>
          Effect.andThen(
            Effect.addFinalizer(() => held.wait),
            Effect.andThen(self.report(1), self.whileSleeping(Effect.never))
          ))
        yield* awaitState(task, "Sleeping")
        return task
      })

    interface Case {
      readonly name: string
      readonly waits?: Task.WaitingFor
      /** Before: what the waiter needs. The waiter: what it does. `held` is opened by the task that needs the slot. */
      readonly make: (held: Gate) => Effect.Effect<Script, any, any>
    }

    const onOther = (f: (other: ScriptedTask) => ReturnType<Script>): Case["make"] => () =>
      Effect.succeed(() => Effect.flatMap(Work.find({ id: "other" }), (found) => f(Option.getOrThrow(found))))
    const onPool = (f: (pool: TaskPool.TaskPool) => ReturnType<Script>): Case["make"] => (held) =>
      Effect.succeed(() =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          yield* work("child", () => Effect.andThen(held.wait, Effect.void), { pool, priority: -5 })
          yield* pool.seal
          return yield* f(pool)
        })
      )

    const cases: ReadonlyArray<Case> = [
      { name: "await", waits: "task", make: onOther((other) => other.await) },
      { name: "exit", waits: "task", make: onOther((other) => other.exit) },
      { name: "firstProgress", waits: "task", make: onOther((other) => other.firstProgress) },
      { name: "a pull of progress", make: onOther((other) => Stream.runDrain(other.progress)) },
      { name: "run", waits: "task", make: () => Effect.succeed(() => Effect.orDie(Work.run({ id: "inner" }))) },
      { name: "join", waits: "children", make: onPool((pool) => pool.join) },
      { name: "settled", waits: "children", make: onPool((pool) => pool.settled) },
      { name: "a pull of changes", make: onPool((pool) => Stream.runDrain(pool.changes)) },
      {
        name: "whileSleeping",
        waits: "effect",
        make: (held) => Effect.succeed((self) => self.whileSleeping(held.wait))
      },
      { name: "drain", make: () => Effect.succeed(() => Effect.flatMap(WorkerPool, ({ drain }) => drain)) },
      {
        name: "cancel",
        make: (held) => Effect.map(stoppable(held), (task): Script => () => task.cancel())
      },
      {
        name: "a pool's cancel",
        make: (held) =>
          Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            const task = yield* work("member", (self) =>
              Effect.andThen(Effect.addFinalizer(() => held.wait), self.whileSleeping(Effect.never)), { pool })
            yield* awaitState(task, "Sleeping")
            return () =>
              pool.cancel()
          })
      },
      {
        name: "the closing of a pool",
        make: (held) =>
          Effect.succeed(() =>
            Effect.scoped(Effect.gen(function*() {
              const pool = yield* TaskPool.make()
              const child = yield* work("child", (self) =>
                Effect.andThen(
                  Effect.addFinalizer(() => held.wait),
                  Effect.andThen(self.report(1), self.whileSleeping(Effect.never))
                ), { pool, priority: 10 })
              yield* child.firstProgress
            }))
          )
      },
      {
        name: "send on a full inbox",
        make: (held) =>
          Effect.gen(function*() {
            const task = yield* work("fed", (self) =>
              Effect.andThen(self.whileSleeping(held.wait), self.whileSleeping(Queue.takeAll(self.inbox))))
            yield* awaitState(task, "Sleeping")
            for (let n = 0; n < 16; n++) {
              yield* task.send(`${n}`)
            }
            return () =>
              Effect.ignore(task.send("one too many"))
          })
      }
    ]

    for (const { make, name, waits } of cases) {
      it.effect(name, () =>
        Effect.gen(function*() {
          const { status } = yield* WorkerPool
          const held = gate()
          const started = gate()
          const seen = trace()
          const body = (yield* make(held)) as Script
          yield* script("waiter", (self) =>
            Effect.gen(function*() {
              yield* started.wait
              yield* body(self)
              yield* seen.push("goes on")
            }))
          const waiter = yield* Work.dispatch({ id: "waiter" }, { priority: 2 })
          yield* awaitState(waiter, "Running")
          const allow = gate()
          const other = yield* work("other", (self) =>
            Effect.gen(function*() {
              yield* allow.wait
              yield* seen.push("other runs")
              yield* self.report(1)
              yield* held.open
              yield* Effect.yieldNow
            }))
          yield* started.open
          yield* awaitState(other, "Running")
          assert.strictEqual(yield* stateOf(waiter), "Sleeping")
          if (waits !== undefined) assert.strictEqual(yield* waitingFor(waiter), waits)
          assert.strictEqual((yield* status).busy, 1)
          yield* allow.open
          assert.isTrue(Exit.isSuccess(yield* waiter.exit))
          assert.deepStrictEqual(seen.log, ["other runs", "goes on"])
        }).pipe(withPool({ workers: 1 })) as Effect.Effect<void>)
    }

    it.effect("a retry's delay", () =>
      Effect.gen(function*() {
        let attempts = 0
        yield* script("a", () => Effect.suspend(() => ++attempts > 1 ? Effect.void : new TestError({ id: "a" })))
        const task = yield* Delayed.dispatch({ id: "a" })
        yield* awaitState(task, "Sleeping")
        assert.strictEqual(yield* waitingFor(task), "retry")
        yield* (yield* work("other")).await
        yield* elapse(1000)
        assert.isTrue(Exit.isSuccess(yield* task.exit))
      }).pipe(withPool({ workers: 1 }, Delayed)))
  })

  it.effect("a wait that need not wait lends nothing", () =>
    Effect.gen(function*() {
      const events = yield* recordEvents
      const done = yield* work("done")
      yield* done.await
      const task = yield* work("a", () =>
        Effect.gen(function*() {
          yield* done.await
          yield* done.exit
          yield* done.firstProgress
          yield* done.cancel()
          const pool = yield* TaskPool.make()
          yield* pool.join
          yield* pool.settled
        }))
      yield* task.await
      yield* settleTurns
      assert.deepStrictEqual(events.filter(({ _tag }) => _tag === "TaskSlept"), [])
    }).pipe(withPool({ workers: 1 })))

  it.effect("a wait that has ended claims a slot before it goes on, and says so", () =>
    Effect.gen(function*() {
      const [held, busy, seen] = [gate(), gate(), trace()]
      const waiter = yield* work("waiter", (self) => Effect.andThen(self.whileSleeping(held.wait), seen.push("on")))
      yield* awaitState(waiter, "Sleeping")
      const other = yield* work("other", () => busy.wait)
      yield* awaitState(other, "Running")
      yield* held.open
      yield* settleTurns
      assert.strictEqual(yield* stateOf(waiter), "Sleeping")
      assert.strictEqual(yield* waitingFor(waiter), "slot")
      assert.deepStrictEqual(seen.log, [])
      yield* busy.open
      yield* waiter.await
      assert.deepStrictEqual(seen.log, ["on"])
    }).pipe(withPool({ workers: 1 })))

  describe("a task of many fibers has one slot:", () => {
    it.effect("the first wait lends it, and fibers that never waited run on", () =>
      Effect.gen(function*() {
        const [held, end] = [gate(), gate()]
        let turns = 0
        const task = yield* work("a", (self) =>
          Effect.gen(function*() {
            yield* Effect.forkChild(Effect.forever(Effect.andThen(Effect.sync(() => turns++), Effect.yieldNow)))
            yield* Effect.forkChild(self.whileSleeping(held.wait))
            yield* end.wait
          }))
        yield* awaitState(task, "Sleeping")
        yield* (yield* work("other")).await
        const before = turns
        yield* settleTurns
        assert.isAbove(turns, before)
        yield* end.open
        assert.isTrue(Exit.isSuccess(yield* task.exit))
      }).pipe(withPool({ workers: 1 })))

    it.effect("all whose waits have ended go on together when the task has claimed one", () =>
      Effect.gen(function*() {
        const { status } = yield* WorkerPool
        const events = yield* recordEvents
        const [one, two, busy, end, seen] = [gate(), gate(), gate(), gate(), trace()]
        const task = yield* work("a", (self) =>
          Effect.gen(function*() {
            yield* Effect.forkChild(Effect.andThen(self.whileSleeping(one.wait), seen.push("one")))
            yield* Effect.forkChild(Effect.andThen(self.whileSleeping(two.wait), seen.push("two")))
            yield* end.wait
          }))
        yield* awaitState(task, "Sleeping")
        const other = yield* work("other", () => busy.wait)
        yield* awaitState(other, "Running")
        yield* one.open
        yield* two.open
        yield* settleTurns
        assert.deepStrictEqual(seen.log, [])
        yield* busy.open
        yield* settleTurns
        assert.sameMembers(seen.log, ["one", "two"])
        assert.strictEqual(yield* stateOf(task), "Running")
        assert.strictEqual((yield* status).busy, 1)
        assert.strictEqual(events.filter((e) => e._tag === "TaskResumed" && e.taskId === task.id).length, 1)
        yield* end.open
        yield* task.await
      }).pipe(withPool({ workers: 1 })))

    it.effect("a fiber that waits on while the task runs lends nothing more", () =>
      Effect.gen(function*() {
        const [one, end] = [gate(), gate()]
        const task = yield* work("a", (self) =>
          Effect.gen(function*() {
            yield* Effect.forkChild(self.whileSleeping(Effect.never))
            yield* self.whileSleeping(one.wait)
            yield* end.wait
          }))
        yield* awaitState(task, "Sleeping")
        yield* one.open
        yield* awaitState(task, "Running")
        const other = yield* work("other")
        yield* settleTurns
        assert.strictEqual(yield* stateOf(other), "Queued")
        yield* end.open
        yield* other.await
      }).pipe(withPool({ workers: 1 })))

    it.effect("one that goes on again and again while another waits collects nothing, and is forgotten at the end", () =>
      Effect.gen(function*() {
        const machine: { readonly halfAsleep: Map<unknown, unknown> } = Reflect.get(
          yield* WorkerPool,
          "~effect-tasks/Machine" // memory has no public view
        )
        const observers = (fiber: object): number => Reflect.get(fiber, "_observers").length
        const task = yield* work("a", (self) =>
          Effect.gen(function*() {
            yield* Effect.forkChild(self.whileSleeping(Effect.never))
            const again = Effect.withFiber((fiber) =>
              Effect.map(self.whileSleeping(Effect.yieldNow), () => observers(fiber) + machine.halfAsleep.size)
            )
            const first = yield* Effect.andThen(again, again)
            for (let n = 0; n < 50; n++) yield* again
            return (yield* again) - first
          }))
        assert.strictEqual(yield* task.await, 0)
        assert.strictEqual(machine.halfAsleep.size, 0)
      }).pipe(withPool()))

    it.effect("when those that went on have ended, the task sleeps on with those that still wait", () =>
      Effect.gen(function*() {
        const [one, end] = [gate(), gate()]
        const task = yield* work("a", (self) =>
          Effect.gen(function*() {
            yield* Effect.forkChild(Effect.andThen(self.whileSleeping(one.wait), end.wait))
            yield* self.whileSleeping(Effect.never)
          }))
        yield* awaitState(task, "Sleeping")
        yield* settleTurns
        yield* one.open
        yield* awaitState(task, "Running")
        const other = yield* work("other")
        yield* end.open
        yield* other.await
        assert.strictEqual(yield* stateOf(task), "Sleeping")
      }).pipe(withPool({ workers: 1 })))

    it.effect("a time limit around a wait comes back when the task has a slot", () =>
      Effect.gen(function*() {
        const busy = gate()
        const never = yield* work("never", (self) => self.whileSleeping(Effect.never))
        yield* awaitState(never, "Sleeping")
        const task = yield* work("a", () => Effect.timeoutOption(never.await, "1 second"))
        yield* awaitState(task, "Sleeping")
        const other = yield* work("other", () => busy.wait)
        yield* awaitState(other, "Running")
        yield* elapse(2000)
        assert.strictEqual(yield* stateOf(task), "Sleeping")
        yield* busy.open
        assert.deepStrictEqual(yield* task.await, Option.none())
      }).pipe(withPool({ workers: 1 })))
  })

  describe("a task in Stopping", () => {
    it.effect("entered from Running keeps its slot until it settles", () =>
      Effect.gen(function*() {
        const held = gate()
        const task = yield* work("a", () => Effect.addFinalizer(() => held.wait))
        yield* awaitState(task, "Stopping")
        const other = yield* work("other")
        yield* settleTurns
        assert.strictEqual(yield* stateOf(other), "Queued")
        assert.strictEqual((yield* (yield* WorkerPool).status).busy, 1)
        yield* held.open
        yield* other.await
      }).pipe(withPool({ workers: 1 })))

    it.effect("gives its slot away for good when a finalizer waits", () =>
      Effect.gen(function*() {
        const [busy, seen] = [gate(), trace()]
        const task = yield* work("a", () =>
          Effect.addFinalizer(() =>
            Effect.gen(function*() {
              const other = yield* Effect.orDie(work("other", () => seen.push("other"), { priority: 1 }))
              yield* other.exit
              yield* seen.push("finalizer goes on")
            })
          ))
        const hog = yield* work("hog", () => Effect.andThen(seen.push("hog"), busy.wait))
        yield* task.await
        yield* awaitState(hog, "Running")
        assert.deepStrictEqual(seen.log.filter((entry) => entry !== "hog"), ["other", "finalizer goes on"])
        yield* busy.open
      }).pipe(withPool({ workers: 1 })))

    it.effect("entered from Sleeping has no slot, and its finalizers need none", () =>
      Effect.gen(function*() {
        const [held, seen] = [gate(), trace()]
        const task = yield* work("a", (self) =>
          Effect.andThen(
            Effect.addFinalizer(() => Effect.andThen(seen.push("finalizer"), held.wait)),
            self.whileSleeping(Effect.never)
          ))
        yield* awaitState(task, "Sleeping")
        const other = yield* work("other", () => Effect.never)
        yield* awaitState(other, "Running")
        const cancel = yield* Effect.forkChild(task.cancel())
        yield* eventually("the finalizer runs", Effect.sync(() => seen.log.length === 1))
        assert.strictEqual((yield* (yield* WorkerPool).status).busy, 1)
        yield* held.open
        yield* Fiber.join(cancel)
        assert.strictEqual(yield* stateOf(other), "Running")
      }).pipe(withPool({ workers: 1 })))

    it.effect("goes on at once when it was cancelled while it claimed a slot, and leaves no claim behind", () =>
      Effect.gen(function*() {
        const { status } = yield* WorkerPool
        const events = yield* recordEvents
        const [held, busy] = [gate(), gate()]
        const task = yield* work("a", (self) => self.whileSleeping(held.wait))
        yield* awaitState(task, "Sleeping")
        const other = yield* work("other", () => busy.wait)
        yield* awaitState(other, "Running")
        yield* held.open
        yield* settleTurns
        assert.strictEqual(yield* waitingFor(task), "slot")
        yield* task.cancel()
        canceled(yield* task.exit)
        assert.strictEqual(yield* stateOf(other), "Running")
        yield* busy.open
        assert.strictEqual(yield* (yield* work("next")).await, "next")
        yield* settleTurns
        const tags = events.flatMap((event) => "taskId" in event && event.taskId === task.id ? [event._tag] : [])
        assert.deepStrictEqual(tags, ["TaskQueued", "TaskStarted", "TaskSlept", "TaskStopping", "TaskExited"])
        assert.deepInclude(yield* status, { busy: 0, sleeping: 0, queued: 0 })
      }).pipe(withPool({ workers: 1 })))

    for (const wait of ["await", "exit", "firstProgress", "join"] as const) {
      it.effect(`goes on at once from an uninterruptible ${wait} that would never end`, () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          const other = yield* work("other", () => Effect.never, { pool, priority: -1 })
          const waits = { await: other.await, exit: other.exit, firstProgress: other.firstProgress, join: pool.join }
          const seen = trace()
          const task = yield* work(
            "a",
            () => Effect.uninterruptible(Effect.andThen(waits[wait], seen.push("returned")))
          )
          yield* awaitState(task, "Sleeping")
          yield* awaitState(other, "Running")
          yield* task.cancel()
          canceled(yield* task.exit)
          assert.strictEqual(yield* stateOf(other), "Running")
          assert.deepStrictEqual(seen.log, [])
        }).pipe(withPool({ workers: 1 })))
    }

    it.effect("goes on at once from an uninterruptible whileSleeping", () =>
      Effect.gen(function*() {
        const seen = trace()
        const task = yield* work(
          "a",
          (self) => Effect.uninterruptible(Effect.andThen(self.whileSleeping(Effect.never), seen.push("returned")))
        )
        yield* awaitState(task, "Sleeping")
        const other = yield* work("other", () => Effect.never)
        yield* awaitState(other, "Running")
        yield* task.cancel()
        canceled(yield* task.exit)
        assert.deepStrictEqual(seen.log, [])
        assert.strictEqual(yield* stateOf(other), "Running")
      }).pipe(withPool({ workers: 1 })))
  })
})
