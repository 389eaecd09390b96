import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Queue, References, Schedule, Schema, type Scope, Stream } from "effect"
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
  taskById,
  TestError,
  trace,
  withPool,
  Work,
  work
} from "../support.ts"

class Delayed
  extends Job.make("Delayed", { ...scripted, retry: { times: 1, schedule: Schedule.spaced("1 second") } })
{}

class Alone extends Job.make("Alone", { ...scripted, concurrency: 1 }) {}

const ten = Array.from({ length: 10 }, (_, n) => n)

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

  for (const what of ["exit", "settled", "drain", "firstProgress"] as const) {
    it.effect(`a wait (${what}) loses no wake-up, wherever its fiber yields`, () =>
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

    it.effect("a fiber that comes to stand behind a claim does not put it back", () =>
      Effect.gen(function*() {
        const [go, first, second, third] = [gate(), gate(), gate(), gate()]
        const seen = trace()
        const a = yield* work("a", (self) =>
          Effect.all([self.whileSleeping(first.wait), self.whileSleeping(third.wait)], { concurrency: 2 }).pipe(
            Effect.andThen(seen.push("a"))
          ))
        const b = yield* work("b", (self) =>
          Effect.andThen(self.whileSleeping(second.wait), seen.push("b")))
        yield* awaitState(b, "Sleeping")
        yield* work("hog", () =>
          go.wait)
        yield* settleTurns
        for (const { open } of [first, second, third, go]) yield* Effect.andThen(open, settleTurns)
        yield* a.await
        yield* b.await
        assert.deepStrictEqual(seen.log, ["a", "b"])
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

    it.effect("with a fiber that waits on, the slot is lent again when those that went on have suspended", () =>
      Effect.gen(function*() {
        const [one, end] = [gate(), gate()]
        const task = yield* work("a", (self) =>
          Effect.gen(function*() {
            yield* Effect.forkChild(self.whileSleeping(Effect.never))
            yield* self.whileSleeping(one.wait)
            yield* end.wait
          }))
        yield* awaitState(task, "Sleeping")
        const events = yield* recordEvents
        yield* one.open
        yield* settleTurns
        assert.strictEqual(yield* stateOf(task), "Sleeping")
        const tags = events.flatMap((event) => "taskId" in event && event.taskId === task.id ? [event._tag] : [])
        assert.deepStrictEqual(tags, ["TaskResumed", "TaskSlept"])
        yield* (yield* work("other")).await
        yield* end.open
        yield* task.await
      }).pipe(withPool({ workers: 1 })))

    it.effect("one that goes on again and again while another waits collects nothing, and is forgotten at the end", () =>
      Effect.gen(function*() {
        const machine: { readonly granted: Array<unknown> } = Reflect.get(
          yield* WorkerPool,
          "~effect-tasks/Machine" // memory has no public view
        )
        const observers = (fiber: object): number => Reflect.get(fiber, "_observers").length
        const task = yield* work("a", (self) =>
          Effect.gen(function*() {
            yield* Effect.forkChild(self.whileSleeping(Effect.never))
            const again = Effect.withFiber((fiber) =>
              Effect.map(self.whileSleeping(Effect.yieldNow), () => observers(fiber))
            )
            const first = yield* Effect.andThen(again, again)
            for (let n = 0; n < 50; n++) yield* again
            return (yield* again) - first
          }))
        assert.strictEqual(yield* task.await, 0)
        yield* settleTurns
        assert.strictEqual(machine.granted.length, 0)
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

    it.effect("one that has interrupted its only waiting fiber goes on with it", () =>
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
  })

  describe("a tree completes, and no time need pass,", () => {
    for (const job of [Work, Alone] as ReadonlyArray<typeof Work>) {
      const shared = job === Work ? "the slot" : "slot and permit"
      for (const workers of [1, 4]) {
        it.effect(`when a parent awaits one child, then all others at once, and shares ${shared} (${workers} workers)`, () =>
          Effect.gen(function*() {
            yield* script("parent", () =>
              Effect.gen(function*() {
                yield* (yield* job.dispatch({ id: "first" })).await
                const rest = yield* Effect.forEach(ten, (n) => job.dispatch({ id: `${n}` }))
                return yield* Effect.all(rest.map((task) => task.await), { concurrency: "unbounded" })
              }))
            const parent = yield* job.dispatch({ id: "parent" })
            yield* settleTurns
            assert.strictEqual(yield* stateOf(parent), "Exited")
            assert.deepStrictEqual(yield* parent.await, ten.map(String))
          }).pipe(withPool({ workers }, Alone)))

        it.effect(`when it joins a fiber that awaits another child, and shares ${shared} (${workers} workers)`, () =>
          Effect.gen(function*() {
            yield* script("parent", () =>
              Effect.gen(function*() {
                const [a, b] = [yield* job.dispatch({ id: "a" }), yield* job.dispatch({ id: "b" })]
                const waiting = yield* Effect.forkChild(b.await, { startImmediately: true })
                return [yield* a.await, yield* Fiber.join(waiting)]
              }))
            const parent = yield* job.dispatch({ id: "parent" })
            yield* settleTurns
            assert.strictEqual(yield* stateOf(parent), "Exited")
            assert.deepStrictEqual(yield* parent.await, ["a", "b"])
          }).pipe(withPool({ workers }, Alone)))
      }
    }

    for (const how of ["sleeps", "yields"] as const) {
      it.effect(`when a fiber that has waited once ${how} again and again beside a wait for a child`, () =>
        Effect.gen(function*() {
          let beats = 0
          const pause = how === "sleeps" ? Effect.sleep(40) : Effect.yieldNow
          const beat = Effect.forever(Effect.andThen(Effect.sync(() => beats++), pause))
          const task = yield* work("a", () =>
            Effect.gen(function*() {
              const ready = yield* work("ready")
              const child = yield* work("child")
              yield* Effect.forkScoped(Effect.andThen(ready.await, beat), { startImmediately: true })
              return yield* child.await
            }))
          yield* settleTurns
          assert.strictEqual(yield* stateOf(task), "Exited")
          assert.strictEqual(yield* task.await, "child")
          assert.isAbove(beats, 0)
        }).pipe(withPool({ workers: 1 })))
    }
  })

  describe("a slot is the right to go on from a wait:", () => {
    it.effect("the permit is lent again with it while another fiber waits", () =>
      Effect.gen(function*() {
        const [one, end] = [gate(), gate()]
        yield* script("a", (self) =>
          Effect.gen(function*() {
            yield* Effect.forkChild(self.whileSleeping(Effect.never))
            yield* self.whileSleeping(one.wait)
            yield* end.wait
          }))
        const task = yield* Alone.dispatch({ id: "a" })
        yield* awaitState(task, "Sleeping")
        yield* one.open
        yield* settleTurns
        assert.strictEqual(yield* stateOf(task), "Sleeping")
        const other = yield* Alone.dispatch({ id: "other" })
        yield* settleTurns
        assert.strictEqual(yield* stateOf(other), "Exited")
        yield* end.open
        yield* task.await
      }).pipe(withPool({ workers: 4 }, Alone)))

    it.effect("what a fiber does beside a waiting one runs without a slot", () =>
      Effect.gen(function*() {
        const { status } = yield* WorkerPool
        const [one, busy] = [gate(), gate()]
        let steps = 0
        const task = yield* work("a", (self) =>
          Effect.gen(function*() {
            yield* Effect.forkChild(self.whileSleeping(Effect.never))
            yield* self.whileSleeping(one.wait)
            for (let n = 0; n < 1000; n++) yield* Effect.andThen(Effect.sync(() => steps++), Effect.yieldNow)
          }))
        yield* awaitState(task, "Sleeping")
        yield* one.open
        yield* eventually("it has gone on", Effect.sync(() => steps > 0))
        const other = yield* work("other", () => busy.wait)
        yield* awaitState(other, "Running")
        const before = steps
        yield* settleTurns
        assert.isAbove(steps, before)
        assert.deepInclude(yield* status, { busy: 1, sleeping: 1 })
        yield* busy.open
        yield* task.await
      }).pipe(withPool({ workers: 1 })))

    it.effect("a fiber interrupted in its wait claims one, and a cancel does not leave it standing", () =>
      Effect.gen(function*() {
        const [stop, busy, seen] = [gate(), gate(), trace()]
        const task = yield* work("a", (self) =>
          Effect.uninterruptible(
            Effect.gen(function*() {
              const waiting = yield* Effect.interruptible(self.whileSleeping(Effect.never)).pipe(
                Effect.onExit(() => seen.push("the fiber ends")),
                Effect.forkChild({ startImmediately: true })
              )
              yield* stop.wait
              yield* Fiber.interrupt(waiting)
              yield* seen.push("the region ends")
            })
          ))
        yield* awaitState(task, "Sleeping")
        const other = yield* work("other", () => busy.wait)
        yield* awaitState(other, "Running")
        yield* stop.open
        yield* settleTurns
        assert.strictEqual(yield* waitingFor(task), "slot")
        assert.deepStrictEqual(seen.log, [])
        yield* Effect.forkChild(task.cancel())
        yield* settleTurns
        assert.deepStrictEqual(seen.log, ["the fiber ends", "the region ends"])
        assert.strictEqual(yield* stateOf(task), "Exited")
        assert.strictEqual(yield* stateOf(other), "Running")
        yield* busy.open
      }).pipe(withPool({ workers: 1 })))
  })

  describe("whileSleeping", () => {
    it.effect("lends at once, also around an effect that never suspends", () =>
      Effect.gen(function*() {
        const { status } = yield* WorkerPool
        const events = yield* recordEvents
        const task = yield* work("a", (self) =>
          Effect.gen(function*() {
            const own = yield* taskById(self.id)
            const look = Effect.gen(function*() {
              return [yield* stateOf(own), (yield* status).busy] as const
            })
            return [yield* look, yield* self.whileSleeping(look), yield* look]
          }))
        assert.deepStrictEqual(yield* task.await, [["Running", 1], ["Sleeping", 0], ["Running", 1]])
        yield* settleTurns
        const tags = events.flatMap((event) => "taskId" in event && event.taskId === task.id ? [event._tag] : [])
        assert.deepStrictEqual(tags.slice(1, 4), ["TaskStarted", "TaskSlept", "TaskResumed"])
      }).pipe(withPool({ workers: 1 })))

    it.effect("lends slot and permit for the whole effect, though a wait in it has ended", () =>
      Effect.gen(function*() {
        const [inside, end] = [gate(), gate()]
        yield* script("a", (self) =>
          self.whileSleeping(
            Effect.gen(function*() {
              yield* (yield* work("quick", undefined, { priority: 1 })).await
              yield* inside.open
              yield* end.wait
            })
          ))
        const task = yield* Alone.dispatch({ id: "a" })
        yield* inside.wait
        yield* settleTurns
        assert.strictEqual(yield* stateOf(task), "Sleeping")
        const next = yield* Alone.dispatch({ id: "next" })
        yield* settleTurns
        assert.strictEqual(yield* stateOf(next), "Exited")
        yield* end.open
        yield* task.await
      }).pipe(withPool({ workers: 1 }, Alone)))

    it.effect("claims a slot before it goes on, whether its effect succeeds, fails or dies", () =>
      Effect.gen(function*() {
        const ends: ReadonlyArray<Effect.Effect<unknown, TestError>> = [
          Effect.void,
          Effect.fail(new TestError({ id: "a" })),
          Effect.die("no")
        ]
        for (const end of ends) {
          const [held, busy, seen] = [gate(), gate(), trace()]
          const task = yield* work(
            "a",
            (self) => Effect.andThen(Effect.exit(self.whileSleeping(Effect.andThen(held.wait, end))), seen.push("on"))
          )
          yield* awaitState(task, "Sleeping")
          const other = yield* work("other", () => busy.wait)
          yield* awaitState(other, "Running")
          yield* held.open
          yield* settleTurns
          assert.deepStrictEqual(seen.log, [])
          yield* busy.open
          yield* task.await
        }
      }).pipe(withPool({ workers: 1 })))
  })

  describe("a reader", () => {
    const idle = Effect.gen(function*() {
      const { status } = yield* WorkerPool
      yield* settleTurns
      const before = (yield* status).seq
      yield* elapse(1000)
      return (yield* status).seq - before
    })

    const readers: ReadonlyArray<{ readonly name: string, readonly read: Script }> = [
      {
        name: "changes of its own pool",
        read: (self) => Stream.runDrain(self.pool.changes)
      },
      {
        name: "changes of GLOBAL",
        read: () => WorkerPool.use(({ global }) => Stream.runDrain(global.changes))
      },
      {
        name: "changes of a pool above",
        read: (self) => Stream.runDrain(self.pool.root.changes)
      },
      { name: "events", read: () => WorkerPool.use(({ events }) => Stream.runDrain(events)) }
    ]
    for (const { name, read } of readers) {
      for (const count of [1, 2]) {
        it.effect(`does not wake itself or another one (${name}, ${count} tasks)`, () =>
          Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            const numbers = ten.slice(0, count)
            const readers = yield* Effect.forEach(numbers, (n) => work(`GLOBAL ${n}`, read))
            yield* work("above", () =>
              Effect.gen(function*() {
                const own = yield* TaskPool.make()
                readers.push(...yield* Effect.forEach(numbers, (n) => work(`${n}`, read, { pool: own })))
                yield* Effect.never
              }), { pool })
            yield* settleTurns
            assert.strictEqual(readers.length, 2 * count)
            for (const task of readers) assert.strictEqual(yield* stateOf(task), "Sleeping")
            assert.strictEqual(yield* idle, 0)
          }).pipe(withPool({ workers: 8 })))
      }

      it.effect(`keeps no queued task from starting (${name})`, () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          yield* work("reader", read, { pool })
          const tasks = yield* Effect.forEach(ten, (n) => work(`${n}`, undefined, { pool }))
          yield* settleTurns
          for (const task of tasks) assert.strictEqual(yield* stateOf(task), "Exited")
        }).pipe(withPool({ workers: 1 })))
    }

    it.effect("that sleeps and wakes, for whatever reason, is no news, and the next news carries it", () =>
      Effect.gen(function*() {
        const held = gate()
        const pool = yield* TaskPool.make()
        const statuses: Array<TaskPool.PoolStatus> = []
        const events = yield* recordEvents
        yield* Effect.forkScoped(
          Stream.runForEach(pool.changes, (status) => Effect.sync(() => statuses.push(status)))
        )
        const start = gate()
        const reader = yield* work("reader", (self) =>
          Effect.gen(function*() {
            yield* Effect.forkScoped(Stream.runDrain(self.pool.changes))
            yield* start.wait
            yield* self.whileSleeping(held.wait)
            yield* Effect.never
          }), { pool })
        yield* settleTurns
        const before = [events.length, statuses.length]
        yield* start.open
        yield* settleTurns
        yield* held.open
        yield* settleTurns
        assert.deepStrictEqual([events.length, statuses.length], before)
        yield* work("news", () => Effect.never, { pool })
        yield* settleTurns
        const numbers = events.flatMap((event) => event._tag === "Missed" ? [] : [event.seq])
        assert.deepStrictEqual(numbers, numbers.map((_, n) => numbers[0]! + n))
        const resumed = events.filter((event) => event._tag === "TaskResumed" && event.taskId === reader.id)
        assert.isAbove(resumed.length, 0)
        assert.deepStrictEqual(statuses.at(-1), yield* pool.status)
        yield* reader.cancel()
      }).pipe(withPool({ workers: 4 })))

    it.effect("that has read enough is news again", () =>
      Effect.gen(function*() {
        const [stop, held] = [gate(), gate()]
        const events = yield* recordEvents
        const task = yield* work("reader", (self) =>
          Effect.gen(function*() {
            const reading = yield* Effect.forkChild(Stream.runDrain(self.pool.changes), { startImmediately: true })
            yield* stop.wait
            yield* Fiber.interrupt(reading)
            yield* self.whileSleeping(held.wait)
          }))
        yield* awaitState(task, "Sleeping")
        yield* settleTurns
        const slept = () => events.filter(({ _tag }) => _tag === "TaskSlept").length
        const before = slept()
        yield* stop.open
        yield* settleTurns
        assert.isAbove(slept(), before)
        yield* held.open
        yield* task.await
      }).pipe(withPool({ workers: 1 })))
  })

  describe("a task in Stopping, entered", () => {
    const masked: ReadonlyArray<
      { readonly name: string, readonly mask: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E, Scope.Scope> }
    > = [
      { name: "an uninterruptible region", mask: Effect.uninterruptible },
      { name: "an acquisition", mask: (effect) => Effect.acquireRelease(effect, () => Effect.void) }
    ]

    for (const { mask, name } of masked) {
      for (const job of [Work, Alone] as ReadonlyArray<typeof Work>) {
        const held = job === Work ? "its slot" : "slot and permit"
        it.effect(`from Running while a fiber waits in ${name}, gives ${held} away at once`, () =>
          Effect.gen(function*() {
            const { status } = yield* WorkerPool
            const end = gate()
            yield* script("b", () => end.wait)
            yield* script("a", () =>
              Effect.gen(function*() {
                const b = yield* job.dispatch({ id: "b" }, { priority: -1 })
                yield* Effect.forkScoped(mask(b.exit), { startImmediately: true })
                yield* (yield* work("first")).exit
              }))
            const task = yield* job.dispatch({ id: "a" })
            yield* settleTurns
            assert.strictEqual(yield* stateOf(task), "Stopping")
            const b = Option.getOrThrow(yield* job.find({ id: "b" }))
            assert.strictEqual(yield* stateOf(b), "Running")
            assert.strictEqual((yield* status).busy, 1)
            yield* end.open
            yield* settleTurns
            assert.strictEqual(yield* stateOf(task), "Exited")
          }).pipe(withPool({ workers: job === Work ? 1 : 4 }, Alone)))
      }

      const ends: Record<string, Effect.Effect<unknown, TestError>> = {
        success: Effect.succeed("done"),
        failure: Effect.fail(new TestError({ id: "a" })),
        "a defect": Effect.die("no"),
        "its own interruption": Effect.interrupt
      }
      for (const [how, end] of Object.entries(ends)) {
        it.effect(`from Sleeping by ${how} while a fiber in ${name} claims a slot, lets it go on at once`, () =>
          Effect.gen(function*() {
            const { status } = yield* WorkerPool
            const [hook, busy, go, seen] = [gate(), gate(), gate(), trace()]
            const quick = yield* work("quick", (self) => self.onExit(() => hook.wait), { priority: 1 })
            const pool = yield* TaskPool.make()
            const task = yield* work("a", () =>
              Effect.gen(function*() {
                yield* Effect.forkScoped(mask(Effect.andThen(quick.exit, seen.push("goes on"))), {
                  startImmediately: true
                })
                yield* go.wait
                return yield* end
              }), { pool, priority: 2 })
            yield* awaitState(task, "Sleeping")
            const other = yield* work("other", () => busy.wait)
            yield* awaitState(other, "Running")
            yield* hook.open
            yield* settleTurns
            assert.strictEqual(yield* waitingFor(task), "slot")
            assert.deepStrictEqual(seen.log, [])
            yield* go.open
            yield* settleTurns
            assert.deepStrictEqual(seen.log, ["goes on"])
            assert.strictEqual(yield* stateOf(task), "Exited")
            assert.deepInclude(yield* pool.settled, { state: "done", complete: 1, running: 0, sleeping: 0 })
            assert.strictEqual(yield* stateOf(other), "Running")
            assert.deepInclude(yield* status, { busy: 1, sleeping: 0, queued: 0 })
            yield* busy.open
            assert.strictEqual(yield* (yield* work("next")).await, "next")
          }).pipe(withPool({ workers: 1 })))
      }
    }

    it.effect("from Sleeping, lets the task above it end", () =>
      Effect.gen(function*() {
        const [hook, busy, go] = [gate(), gate(), gate()]
        const quick = yield* work("quick", (self) => self.onExit(() => hook.wait), { priority: 1 })
        const parent = yield* work("parent", () =>
          TaskPool.use((pool) =>
            work("child", () =>
              Effect.gen(function*() {
                yield* Effect.forkScoped(Effect.acquireRelease(quick.exit, () => Effect.void), {
                  startImmediately: true
                })
                yield* go.wait
              }), { pool })
          ), { priority: 2 })
        yield* settleTurns
        const other = yield* work("other", () => busy.wait)
        yield* awaitState(other, "Running")
        yield* Effect.andThen(hook.open, Effect.andThen(settleTurns, go.open))
        yield* settleTurns
        assert.strictEqual(yield* waitingFor(parent), "slot")
        yield* busy.open
        yield* settleTurns
        assert.strictEqual(yield* stateOf(parent), "Exited")
      }).pipe(withPool({ workers: 1 })))

    it.effect("from Running by a cancel in the turn in which it goes on, gives its slot away", () =>
      Effect.gen(function*() {
        const end = gate()
        const task: ScriptedTask = yield* work("a", (self) =>
          Effect.gen(function*() {
            yield* Effect.forkScoped(Effect.uninterruptible(self.whileSleeping(end.wait)), { startImmediately: true })
            yield* (yield* work("first")).exit
            yield* task.cancel()
          }))
        yield* settleTurns
        assert.strictEqual(yield* stateOf(task), "Stopping")
        const other = yield* work("other")
        yield* settleTurns
        assert.strictEqual(yield* stateOf(other), "Exited")
        yield* end.open
        canceled(yield* task.exit)
      }).pipe(withPool({ workers: 1 })))
  })

  describe("the time that a task sleeps", () => {
    const sleepTime = (task: ScriptedTask) => Effect.map(task.status, ({ runTime, sleepTime }) => [runTime, sleepTime])

    it.effect("counts each wait until the task has its slot again, also while it lasts", () =>
      Effect.gen(function*() {
        const busy = gate()
        const task = yield* work("a", (self) =>
          Effect.gen(function*() {
            yield* Effect.sleep(5)
            yield* self.whileSleeping(Effect.sleep(20))
            yield* Effect.sleep(5)
            yield* self.whileSleeping(Effect.sleep(30))
            yield* Effect.sleep(5)
          }))
        yield* elapse(5, 1)
        yield* work("busy", () => busy.wait)
        yield* elapse(10, 1)
        assert.deepStrictEqual(yield* sleepTime(task), [15, 10])
        yield* elapse(15, 1)
        assert.deepStrictEqual(yield* sleepTime(task), [30, 25])
        yield* busy.open
        yield* elapse(5, 1)
        assert.deepStrictEqual(yield* sleepTime(task), [35, 25])
        yield* elapse(30, 1)
        yield* elapse(5, 1)
        assert.strictEqual(yield* stateOf(task), "Exited")
        yield* elapse(100, 1)
        assert.deepStrictEqual(yield* sleepTime(task), [70, 55])
      }).pipe(withPool({ workers: 1 })))

    it.effect("ends with the verdict", () =>
      Effect.gen(function*() {
        const task = yield* work("a", (self) =>
          self.whileSleeping(Effect.onInterrupt(Effect.never, () => Effect.sleep(7))))
        yield* elapse(10, 1)
        const canceling = yield* Effect.forkChild(task.cancel(), { startImmediately: true })
        yield* elapse(7, 1)
        yield* Fiber.join(canceling)
        assert.deepStrictEqual(yield* sleepTime(task), [17, 10])
      }).pipe(withPool()))
  })
})
