import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Option } from "effect"
import { Job, type Task, TaskPool, WorkerPool } from "effect-tasks"
import {
  awaitState,
  elapse,
  gate,
  recordEvents,
  script,
  scripted,
  type ScriptedTask,
  settleTurns,
  stateOf,
  TestError,
  type Trace,
  trace,
  withPool,
  work
} from "../support.ts"

class Retried extends Job.make("Retried", { ...scripted, retry: { times: 1 } }) {}
class Limited extends Job.make("Limited", { ...scripted, concurrency: 2 }) {}

const waitingFor = (task: Pick<Task.Any, "status">) =>
  Effect.map(task.status, (status) => Option.getOrNull(status.waitingFor))
const workerOf = (task: Pick<Task.Any, "status">) => Effect.map(task.status, ({ worker }) => Option.getOrNull(worker))

/** Takes one slot until the gate is opened. */
const hog = (id = "hog") =>
  Effect.gen(function*() {
    const held = gate()
    const task = yield* work(id, () => held.wait)
    yield* awaitState(task, "Running")
    return { ...held, task }
  })

const log = (id: string, seen: Trace, options?: Job.DispatchOptions) => work(id, () => seen.push(id), options)

describe("R18 The order of starts", () => {
  it.effect("higher priority first, and equal priority first come first", () =>
    Effect.gen(function*() {
      const { open } = yield* hog()
      const seen = trace()
      for (const [id, priority] of [["a0", 0], ["a2", 2], ["a-1", -1], ["b2", 2], ["b0", 0], ["a999", 999]] as const) {
        yield* log(id, seen, { priority })
      }
      yield* open
      yield* settleTurns
      assert.deepStrictEqual(seen.log, ["a999", "a2", "b2", "a0", "b0", "a-1"])
    }).pipe(withPool({ workers: 1 })))

  it.effect("a resuming task goes before any queued one", () =>
    Effect.gen(function*() {
      const [held, seen] = [gate(), trace()]
      const sleeper = yield* work("sleeper", (self) =>
        Effect.andThen(self.whileSleeping(held.wait), seen.push("resumed")), {
        priority: -10
      })
      yield* awaitState(sleeper, "Sleeping")
      const { open } = yield* hog()
      yield* log("urgent", seen, { priority: Job.Priority.Urgent })
      yield* held.open
      yield* settleTurns
      yield* open
      yield* settleTurns
      assert.deepStrictEqual(seen.log, ["resumed", "urgent"])
    }).pipe(withPool({ workers: 1 })))

  it.effect("at equal priority the deeper pool goes first; GLOBAL and root pools are equally deep", () =>
    Effect.gen(function*() {
      const seen = trace()
      const end = gate()
      const root = yield* TaskPool.make()
      const { open } = yield* hog()
      const parent = yield* work("parent", () =>
        Effect.gen(function*() {
          const one = yield* TaskPool.make()
          yield* work("child", () =>
            Effect.gen(function*() {
              const two = yield* TaskPool.make()
              yield* log("root", seen, { pool: root })
              yield* log("global", seen)
              yield* log("depth 1", seen, { pool: one })
              yield* log("depth 2", seen, { pool: two })
              yield* log("depth 1, high", seen, { pool: one, priority: 1 })
              yield* log("root, higher", seen, { pool: root, priority: 2 })
              yield* end.wait
              yield* two.join
            }), { pool: one })
          yield* one.join
        }))
      yield* open
      yield* awaitState(parent, "Sleeping")
      yield* settleTurns
      yield* end.open
      yield* parent.await
      yield* settleTurns
      assert.deepStrictEqual(seen.log.filter((id) => !id.startsWith("root") && id !== "global"), [
        "depth 1, high",
        "depth 2",
        "depth 1"
      ])
      assert.deepStrictEqual(seen.log, ["root, higher", "depth 1, high", "depth 2", "depth 1", "root", "global"])
    }).pipe(withPool({ workers: 1 })))

  it.effect("is decided at each start: what comes late but higher goes before what has long been queued", () =>
    Effect.gen(function*() {
      const { open } = yield* hog()
      const seen = trace()
      const step = gate()
      yield* work("first", () => Effect.andThen(seen.push("first"), step.wait), { priority: 1 })
      yield* log("low", seen)
      yield* open
      yield* settleTurns
      assert.deepStrictEqual(seen.log, ["first"])
      yield* log("late", seen, { priority: 5 })
      yield* step.open
      yield* settleTurns
      assert.deepStrictEqual(seen.log, ["first", "late", "low"])
    }).pipe(withPool({ workers: 1 })))

  it.effect("is strict under hundreds of tasks in many ranks", () =>
    Effect.gen(function*() {
      const { open } = yield* hog()
      const started: Array<readonly [number, number]> = []
      const expected: Array<readonly [number, number]> = []
      for (let n = 0; n < 400; n++) {
        const priority = (n * 7919) % 13
        expected.push([priority, n])
        yield* work(`${n}`, () => Effect.sync(() => void started.push([priority, n])), { priority })
      }
      yield* open
      yield* (yield* WorkerPool).drain
      assert.deepStrictEqual(started, expected.toSorted(([p, n], [q, m]) => q - p || n - m))
    }).pipe(withPool({ workers: 1 })))

  it.effect("500 parents with one child each: a child finishes before new parents start", () =>
    Effect.gen(function*() {
      let [live, most] = [0, 0]
      const parents = yield* Effect.forEach(Array.from({ length: 500 }, (_, n) => n), (n) =>
        work(`parent ${n}`, () =>
          Effect.gen(function*() {
            most = Math.max(most, ++live)
            const child = yield* TaskPool.use((pool) =>
              work(`child ${n}`, undefined, { pool })
            )
            yield* child.await
            live--
          })))
      for (const parent of parents) yield* parent.await
      assert.isAtMost(most, 3)
    }).pipe(withPool({ workers: 1 })))

  it.effect("a long row of starts lets the event loop go on in between", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      yield* workerPool.pause
      const busy = () => {
        const end = performance.now() + 1
        while (performance.now() < end);
      }
      let started = 0
      for (let n = 0; n < 100; n++) {
        yield* work(`${n}`, () =>
          Effect.sync(() => {
            started++
            busy()
          }))
      }
      let startedBefore = Infinity
      yield* workerPool.resume
      setImmediate(() => setImmediate(() => startedBefore = started))
      yield* workerPool.drain
      assert.isBelow(startedBefore, 100)
    }).pipe(withPool()))

  describe("setPriority", () => {
    it.effect("moves a queued task, up and down", () =>
      Effect.gen(function*() {
        const { open } = yield* hog()
        const seen = trace()
        const tasks: Array<ScriptedTask> = []
        for (const id of ["a", "b", "c"]) tasks.push(yield* log(id, seen, { priority: 5 }))
        yield* tasks[2]!.setPriority(6)
        yield* tasks[0]!.setPriority(4)
        assert.strictEqual((yield* tasks[2]!.status).priority, 6)
        yield* open
        yield* settleTurns
        assert.deepStrictEqual(seen.log, ["c", "b", "a"])
      }).pipe(withPool({ workers: 1 })))

    it.effect("there and back again keeps the place among all that came before and after", () =>
      Effect.gen(function*() {
        const seen = trace()
        const first = yield* hog()
        const task = yield* log("a", seen)
        const held = gate()
        yield* script("b", () => Effect.andThen(seen.push("b"), held.wait))
        yield* script("c", () => seen.push("c"))
        yield* Limited.dispatch({ id: "b" })
        yield* Limited.dispatch({ id: "c" })
        yield* log("d", seen)
        yield* task.setPriority(-1)
        yield* first.open
        yield* settleTurns
        assert.deepStrictEqual(seen.log, ["b"])
        yield* task.setPriority(0)
        yield* held.open
        yield* settleTurns
        assert.deepStrictEqual(seen.log, ["b", "a", "c", "d"])
      }).pipe(withPool({ workers: 1 }, Limited)))

    it.effect("of a delayed task holds when it queues", () =>
      Effect.gen(function*() {
        const { open } = yield* hog()
        const seen = trace()
        const first = yield* log("first", seen, { priority: 1 })
        const late = yield* log("late", seen, { delay: 1000 })
        yield* late.setPriority(2)
        yield* elapse(1000, 1)
        yield* open
        yield* first.await
        yield* late.await
        assert.deepStrictEqual(seen.log, ["late", "first"])
      }).pipe(withPool({ workers: 1 })))

    it.effect("does nothing to a started task", () =>
      Effect.gen(function*() {
        const { open, task } = yield* hog()
        yield* task.setPriority(9)
        assert.deepInclude(yield* task.status, { state: "Running", priority: 0 })
        yield* open
        assert.isTrue(Exit.isSuccess(yield* task.exit))
      }).pipe(withPool({ workers: 1 })))
  })

  describe("pause", () => {
    it.effect("keeps queued tasks from starting until resume, and they say so", () =>
      Effect.gen(function*() {
        const workerPool = yield* WorkerPool
        yield* workerPool.pause
        assert.isTrue((yield* workerPool.status).paused)
        const task = yield* work("a")
        yield* settleTurns
        assert.strictEqual(yield* waitingFor(task), "paused")
        assert.deepInclude(yield* workerPool.status, { busy: 0, queued: 1 })
        yield* workerPool.resume
        assert.strictEqual(yield* task.await, "a")
        assert.isFalse((yield* workerPool.status).paused)
      }).pipe(withPool()))

    it.effect("lets running tasks run, sleeping ones resume and retries go on", () =>
      Effect.gen(function*() {
        const { pause } = yield* WorkerPool
        const [one, two] = [gate(), gate()]
        let attempts = 0
        const sleeper = yield* work("sleeper", (self) =>
          Effect.andThen(self.whileSleeping(one.wait), Effect.succeed("up")))
        const runner = yield* work("runner", () =>
          Effect.as(two.wait, "through"))
        yield* script(
          "retried",
          () => Effect.andThen(two.wait, ++attempts > 1 ? Effect.void : new TestError({ id: "" }))
        )
        const retried = yield* Retried.dispatch({ id: "retried" })
        for (const task of [runner, retried]) yield* awaitState(task, "Running")
        yield* awaitState(sleeper, "Sleeping")
        yield* pause
        yield* one.open
        yield* two.open
        assert.deepStrictEqual([yield* sleeper.await, yield* runner.await], ["up", "through"])
        assert.isTrue(Exit.isSuccess(yield* retried.exit))
        assert.strictEqual(attempts, 2)
      }).pipe(withPool({}, Retried)))
  })

  describe("resize", () => {
    const hold = (n: number) =>
      Effect.forEach(Array.from({ length: n }, (_, i) => `t${i}`), (id) =>
        Effect.gen(function*() {
          const held = gate()
          return { ...held, task: yield* work(id, () => held.wait) }
        }))

    it.effect("up starts more at once", () =>
      Effect.gen(function*() {
        const workerPool = yield* WorkerPool
        yield* hold(4)
        yield* settleTurns
        assert.strictEqual((yield* workerPool.status).busy, 1)
        yield* workerPool.resize(3)
        yield* settleTurns
        assert.deepInclude(yield* workerPool.status, { workers: 3, busy: 3, queued: 1 })
      }).pipe(withPool({ workers: 1 })))

    it.effect("down interrupts nothing: slots vanish as they are given back", () =>
      Effect.gen(function*() {
        const { resize, status } = yield* WorkerPool
        const held = yield* hold(5)
        yield* settleTurns
        yield* resize(1)
        yield* settleTurns
        assert.deepInclude(yield* status, { workers: 1, busy: 3, queued: 2 })
        for (const [n, busy, queued] of [[0, 2, 2], [1, 1, 2], [2, 1, 1]] as const) {
          yield* held[n]!.open
          assert.isTrue(Exit.isSuccess(yield* held[n]!.task.exit))
          yield* settleTurns
          assert.deepInclude(yield* status, { busy, queued })
        }
      }).pipe(withPool({ workers: 3 })))

    it.effect("down keeps sleeping tasks out until there is room", () =>
      Effect.gen(function*() {
        const { resize } = yield* WorkerPool
        const held = gate()
        const sleeper = yield* work("sleeper", (self) => self.whileSleeping(held.wait))
        yield* awaitState(sleeper, "Sleeping")
        const [one, two] = [yield* hog("one"), yield* hog("two")]
        yield* resize(1)
        yield* held.open
        yield* one.open
        yield* settleTurns
        assert.strictEqual(yield* stateOf(sleeper), "Sleeping")
        yield* two.open
        assert.isTrue(Exit.isSuccess(yield* sleeper.exit))
      }).pipe(withPool({ workers: 2 })))
  })

  it.effect("a worker id is the smallest free index", () =>
    Effect.gen(function*() {
      const events = yield* recordEvents
      const [a, b, c] = [yield* hog("a"), yield* hog("b"), yield* hog("c")]
      const ids = yield* Effect.forEach([a, b, c], ({ task }) => workerOf(task))
      assert.deepStrictEqual(ids, [0, 1, 2])
      for (const one of [b, a]) {
        yield* one.open
        yield* one.task.await
      }
      const [d, e] = [yield* hog("d"), yield* hog("e")]
      assert.deepStrictEqual([yield* workerOf(d.task), yield* workerOf(e.task)], [0, 1])
      yield* settleTurns
      const started = events.flatMap((event) => event._tag === "TaskStarted" ? [event.worker] : [])
      assert.deepStrictEqual(started, [0, 1, 2, 0, 1])
    }).pipe(withPool({ workers: 3 })))

  it.effect("a task that resumes may have another worker id, and a sleeping one has none", () =>
    Effect.gen(function*() {
      const [held, end] = [gate(), gate()]
      const task = yield* work("a", (self) => Effect.andThen(self.whileSleeping(held.wait), end.wait))
      yield* awaitState(task, "Sleeping")
      assert.isNull(yield* workerOf(task))
      yield* hog("b")
      yield* held.open
      yield* awaitState(task, "Running")
      assert.strictEqual(yield* workerOf(task), 1)
      yield* end.open
    }).pipe(withPool({ workers: 2 })))

  it.effect("a worker id is the smallest free index, of many workers too", () =>
    Effect.gen(function*() {
      const held = yield* Effect.forEach(Array.from({ length: 100 }, (_, n) => n), (n) => hog(`${n}`))
      assert.deepStrictEqual(yield* Effect.forEach(held, ({ task }) => workerOf(task)), held.map((_, n) => n))
      const freed = [70, 33, 99, 2, 64, 31, 32]
      for (const n of freed) {
        yield* held[n]!.open
        yield* held[n]!.task.await
      }
      const next = yield* Effect.forEach(freed, (n) => hog(`next ${n}`))
      const ids = yield* Effect.forEach(next, ({ task }) => workerOf(task))
      assert.deepStrictEqual(ids, freed.toSorted((a, b) => a - b))
    }).pipe(withPool({ workers: 100 })))
})

describe("R18 Priorities", () => {
  it.effect("are finite numbers: half a step is one", () =>
    Effect.gen(function*() {
      const { pause, resume } = yield* WorkerPool
      yield* pause
      const seen = trace()
      for (const priority of [0, 0.5, -0.5, 1, 0.25]) {
        yield* work(`${priority}`, () => seen.push(`${priority}`), { priority })
      }
      yield* resume
      yield* settleTurns
      assert.deepStrictEqual(seen.log, ["1", "0.5", "0.25", "0", "-0.5"])
    }).pipe(withPool({ workers: 1 })))
})
