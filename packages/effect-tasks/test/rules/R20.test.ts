import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { DispatchError, Job, TaskPool, WorkerPool } from "effect-tasks"
import {
  awaitState,
  elapse,
  eventually,
  failure,
  gate,
  script,
  scripted,
  scriptedLayer,
  type ScriptedTask,
  Scripts,
  settleTurns,
  stateOf,
  trace,
  withPool,
  Work,
  work
} from "../support.ts"

class Once extends Job.make("Once", { ...scripted, unique: true }) {}
class Single extends Job.make("Single", { ...scripted, unique: "reject" }) {}
class Kept extends Job.make("Kept", { ...scripted, persistent: true }) {}

const hog = Effect.gen(function*() {
  const held = gate()
  const task = yield* work("hog", () => held.wait)
  yield* awaitState(task, "Running")
  return held
})

const reasonOf = (exit: Exit.Exit<unknown, unknown>) => {
  const error = failure(exit)
  assert.instanceOf(error, DispatchError)
  return (error as DispatchError).reason
}

/** Forks a dispatch that must suspend. */
const suspended = <A, E, R>(dispatch: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(dispatch, { startImmediately: true })
    yield* settleTurns
    assert.isUndefined(fiber.pollUnsafe())
    return fiber
  })

/** A worker that is busy and a queue that is full. */
const full = (capacity: number) =>
  Effect.gen(function*() {
    const held = yield* hog
    for (let n = 0; n < capacity; n++) yield* work(`filler ${n}`)
    return held
  })

/** Runs the effect to its end on this very stack; fails when it needs a turn. */
const onStack = <A, E, R>(flag: { on: boolean }, effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Effect.context<R>(), (context) =>
    Effect.suspend(() => {
      flag.on = true
      const fiber = Effect.runForkWith(context)(effect)
      flag.on = false
      const exit = fiber.pollUnsafe()
      return exit ?? Effect.die(new Error("it needs a turn of its own"))
    }))

describe("R20 Dispatch", () => {
  describe("nothing of the user's runs on the stack of", () => {
    const watched = () => {
      const flag = { on: false }
      const seen: Array<string> = []
      const note = (what: string) => Effect.sync(() => void seen.push(flag.on ? `${what} on the stack` : what))
      return { flag, note, seen }
    }

    it.effect("a dispatch: the handler starts in a turn of its own, though a worker is free", () =>
      Effect.gen(function*() {
        const { flag, note, seen } = watched()
        yield* script("a", (task) => Effect.andThen(task.onExit(() => note("hook")), note("handler")))
        const { events } = yield* WorkerPool
        yield* Effect.forkChild(Stream.runForEach(events, ({ _tag }) => note(_tag)))
        yield* settleTurns
        const task = yield* onStack(flag, Work.dispatch({ id: "a" }))
        assert.deepStrictEqual(seen, [])
        yield* task.await
        yield* settleTurns
        assert.deepStrictEqual(seen.filter((entry) => entry.endsWith("on the stack")), [])
        assert.includeMembers(seen, ["handler", "hook", "TaskQueued", "TaskExited"])
      }).pipe(withPool()))

    it.effect("a cancel of a queued task", () =>
      Effect.gen(function*() {
        const { flag, note, seen } = watched()
        yield* hog
        const task = yield* work("a")
        yield* task.onExit(() => note("hook"))
        const waiter = yield* Effect.forkChild(Effect.andThen(task.exit, note("waiter")), { startImmediately: true })
        const context = yield* Effect.context<never>()
        yield* Effect.sync(() => {
          flag.on = true
          Effect.runForkWith(context)(task.cancel())
          flag.on = false
        })
        yield* Fiber.join(waiter)
        assert.deepStrictEqual(seen, ["hook", "waiter"])
      }).pipe(withPool({ workers: 1 })))

    it.effect("a cancel of a running task", () =>
      Effect.gen(function*() {
        const { flag, note, seen } = watched()
        const task = yield* work("a", (self) =>
          Effect.andThen(
            self.onExit(() => note("hook")),
            Effect.onInterrupt(Effect.never, () => note("finalizer"))
          ))
        yield* awaitState(task, "Running")
        const context = yield* Effect.context<never>()
        yield* Effect.sync(() => {
          flag.on = true
          Effect.runForkWith(context)(task.cancel())
          flag.on = false
        })
        yield* task.exit
        assert.deepStrictEqual(seen, ["finalizer", "hook"])
      }).pipe(withPool()))

    it.effect("a report", () =>
      Effect.gen(function*() {
        const { flag, note, seen } = watched()
        const end = gate()
        const task = yield* work("a", (self) => Effect.andThen(onStack(flag, self.report(1)), end.wait))
        yield* Effect.forkChild(Stream.runForEach(task.progress, () => note("reader")), { startImmediately: true })
        yield* eventually("the reader reads", Effect.sync(() => seen.length > 0))
        assert.deepStrictEqual(seen, ["reader"])
        yield* end.open
        yield* task.await
      }).pipe(withPool()))
  })

  it.effect("returns once the task is accepted", () =>
    Effect.gen(function*() {
      yield* hog
      const task = yield* onStack({ on: false }, Work.dispatch({ id: "a" }))
      assert.strictEqual(yield* stateOf(task), "Queued")
    }).pipe(withPool({ workers: 1 })))

  it.effect(
    "a chain of 100,000 handlers that each dispatch the next neither overflows nor loses one",
    () =>
      Effect.gen(function*() {
        let runs = 0
        const end = gate()
        yield* script("link", () =>
          Effect.suspend((): Effect.Effect<unknown, never, any> =>
            ++runs === 100_000 ? end.open : Effect.orDie(Work.dispatch({ id: "link" }))
          ))
        yield* Work.dispatch({ id: "link" })
        yield* end.wait
        const { drain, status } = yield* WorkerPool
        yield* drain
        assert.strictEqual(runs, 100_000)
        assert.deepInclude(yield* status, { dispatched: 100_000, complete: 100_000, failed: 0 })
      }).pipe(withPool({ workers: 2 })),
    60_000
  )

  describe("a full queue", () => {
    it.effect("fails a dispatch with QueueFull when told to, and nothing else happens", () =>
      Effect.gen(function*() {
        const { status } = yield* WorkerPool
        const held = yield* full(2)
        const pool = yield* TaskPool.make()
        const before = yield* status
        const reason = reasonOf(yield* Effect.exit(work("c", undefined, { pool })))
        assert.deepInclude(reason, { _tag: "QueueFull", capacity: 2 })
        assert.deepStrictEqual(yield* status, before)
        assert.deepInclude(yield* pool.status, { total: 0 })
        yield* held.open
        yield* (yield* WorkerPool).drain
        assert.strictEqual(yield* (yield* work("c")).await, "c")
      }).pipe(withPool({ workers: 1, capacity: 2, onFull: "fail" })))

    it.effect("suspends a dispatch by default until a task starts", () =>
      Effect.gen(function*() {
        const { status } = yield* WorkerPool
        const held = yield* full(2)
        const pool = yield* TaskPool.make()
        const before = yield* status
        const dispatch = yield* suspended(work("c", undefined, { pool }))
        assert.deepStrictEqual(yield* status, before)
        assert.deepInclude(yield* pool.status, { total: 0 })
        yield* held.open
        assert.strictEqual(yield* (yield* Fiber.join(dispatch)).await, "c")
        assert.deepInclude(yield* pool.status, { total: 1, complete: 1 })
      }).pipe(withPool({ workers: 1, capacity: 2 })))

    it.effect("is counted by tasks ready to start: neither delayed ones nor those behind a key", () =>
      Effect.gen(function*() {
        const finalizer = gate()
        yield* Effect.addFinalizer(() => finalizer.open)
        yield* script("k", () => Effect.addFinalizer(() => finalizer.wait))
        const dying = yield* Once.dispatch({ id: "k" })
        yield* awaitState(dying, "Stopping")
        const held = gate()
        const busy = yield* work("hog", () => held.wait)
        yield* awaitState(busy, "Running")
        yield* work("late", undefined, { delay: "1 hour" })
        yield* Once.dispatch({ id: "k" })
        yield* work("ready")
        assert.strictEqual(reasonOf(yield* Effect.exit(work("full")))._tag, "QueueFull")
      }).pipe(withPool({ workers: 2, capacity: 1, onFull: "fail" }, Once)))

    it.effect("admits by priority, then first come", () =>
      Effect.gen(function*() {
        const held = yield* full(1)
        const seen = trace()
        for (const [id, priority] of [["a0", 0], ["b1", 1], ["c0", 0], ["d1", 1]] as const) {
          yield* suspended(Effect.tap(work(id, undefined, { priority }), () => seen.push(id)))
        }
        yield* held.open
        yield* eventually("all admitted", Effect.sync(() => seen.log.length === 4))
        assert.deepStrictEqual(seen.log, ["b1", "d1", "a0", "c0"])
      }).pipe(withPool({ workers: 1, capacity: 1 })))

    it.effect("lets no newcomer pass those who wait", () =>
      Effect.gen(function*() {
        yield* hog
        const queued = yield* work("queued")
        const seen = trace()
        const first = yield* suspended(Effect.tap(work("first"), () => seen.push("first")))
        const cancel = yield* Effect.forkChild(queued.cancel(), { startImmediately: true })
        const second = yield* Effect.forkChild(Effect.tap(work("second"), () => seen.push("second")), {
          startImmediately: true
        })
        yield* Fiber.join(cancel)
        yield* settleTurns
        assert.deepStrictEqual(seen.log, ["first"])
        yield* (yield* Fiber.join(first)).cancel()
        yield* Fiber.join(second)
      }).pipe(withPool({ workers: 1, capacity: 1 })))

    for (const how of ["is cancelled", "times out"] as const) {
      it.effect(`has room again when a queued task ${how}`, () =>
        Effect.gen(function*() {
          yield* hog
          const queued = yield* work("queued", undefined, { queueTimeout: 1000 })
          const dispatch = yield* suspended(work("next"))
          if (how === "is cancelled") yield* queued.cancel()
          else yield* elapse(1000, 1)
          yield* settleTurns
          assert.isDefined(dispatch.pollUnsafe())
          assert.strictEqual(yield* stateOf(yield* Fiber.join(dispatch)), "Queued")
        }).pipe(withPool({ workers: 1, capacity: 1 })))
    }

    it.effect("lets an interrupted dispatcher go without a trace", () =>
      Effect.gen(function*() {
        const { drain, status, tasks } = yield* WorkerPool
        const held = yield* full(1)
        const seen = trace()
        const before = yield* status
        const gone = yield* suspended(work("gone", () => seen.push("gone"), { priority: 5 }))
        const stays = yield* suspended(work("stays", () => seen.push("stays")))
        yield* Fiber.interrupt(gone)
        assert.deepStrictEqual(yield* status, before)
        yield* held.open
        yield* Fiber.join(stays)
        yield* drain
        assert.deepStrictEqual(seen.log, ["stays"])
        assert.strictEqual((yield* tasks).length, 3)
      }).pipe(withPool({ workers: 1, capacity: 1 })))

    for (const onFull of ["fail", "suspend"] as const) {
      it.effect(`never keeps a dispatch from inside a task or a hook waiting (${onFull})`, () =>
        Effect.gen(function*() {
          const go = gate()
          const seen = trace()
          const many = (where: string) =>
            Effect.forEach([1, 2, 3], (n) => work(`${where} ${n}`, () => seen.push(where)), { discard: true })
          const task = yield* work("a", (self) =>
            Effect.gen(function*() {
              yield* go.wait
              yield* self.onExit(() => many("hook"))
              yield* many("task")
              return "through"
            }))
          yield* awaitState(task, "Running")
          yield* work("filler")
          yield* go.open
          assert.strictEqual(yield* task.await, "through")
          yield* (yield* WorkerPool).drain
          assert.deepStrictEqual([...seen.log].toSorted(), ["hook", "hook", "hook", "task", "task", "task"])
        }).pipe(withPool({ workers: 1, capacity: 1, onFull })))

      it.effect(`never keeps a dispatch that joins or reuses waiting (${onFull})`, () =>
        Effect.gen(function*() {
          yield* Kept.run({ id: "kept" })
          const held = yield* hog
          yield* Once.dispatch({ id: "k" })
          assert.strictEqual((yield* onStack({ on: false }, Once.dispatch({ id: "k" }))).origin, "joined")
          assert.strictEqual((yield* onStack({ on: false }, Kept.dispatch({ id: "kept" }))).origin, "reused")
          yield* held.open
        }).pipe(withPool({ workers: 1, capacity: 1, onFull }, Once, Kept)))
    }

    describe("checks again at admission:", () => {
      it.effect("the key, so that the second of two suspended dispatches joins the first", () =>
        Effect.gen(function*() {
          const held = yield* full(1)
          const one = yield* suspended(Once.dispatch({ id: "k" }))
          const two = yield* suspended(Once.dispatch({ id: "k" }))
          yield* held.open
          const [first, second] = [yield* Fiber.join(one), yield* Fiber.join(two)]
          assert.deepStrictEqual([first.origin, second.origin], ["created", "joined"])
          assert.strictEqual(first.id, second.id)
        }).pipe(withPool({ workers: 1, capacity: 1 }, Once)))

      it.effect("the key, so that the second of two suspended dispatches is refused", () =>
        Effect.gen(function*() {
          const held = yield* full(1)
          yield* script("k", () => Effect.never)
          const one = yield* suspended(Single.dispatch({ id: "k" }))
          const two = yield* suspended(Single.dispatch({ id: "k" }))
          yield* held.open
          const first = yield* Fiber.join(one)
          assert.deepInclude(reasonOf(yield* Fiber.await(two)), { _tag: "DuplicateTask", taskId: first.id })
        }).pipe(withPool({ workers: 1, capacity: 1 }, Single)))

      for (const how of ["seal", "cancel"] as const) {
        it.effect(`the pool (${how})`, () =>
          Effect.gen(function*() {
            const held = yield* full(1)
            const pool = yield* TaskPool.make()
            const dispatch = yield* suspended(work("c", undefined, { pool }))
            yield* how === "seal" ? pool.seal : pool.cancel()
            yield* held.open
            assert.deepInclude(reasonOf(yield* Fiber.await(dispatch)), { _tag: "PoolClosed", poolId: pool.id })
            assert.deepInclude(yield* pool.status, { state: "done", total: 0 })
          }).pipe(withPool({ workers: 1, capacity: 1 })))
      }

      it.effect("the shutdown", () =>
        Effect.gen(function*() {
          const scope = yield* Scope.make()
          const context = yield* Layer.buildWithScope(
            scriptedLayer(Work).pipe(
              Layer.provideMerge(WorkerPool.layer({ workers: 1, capacity: 1 })),
              Layer.provideMerge(Layer.sync(Scripts, () => new Map()))
            ),
            scope
          )
          yield* Effect.gen(function*() {
            yield* full(1)
            const dispatch = yield* suspended(work("c"))
            yield* Scope.close(scope, Exit.void)
            assert.strictEqual(reasonOf(yield* Fiber.await(dispatch))._tag, "WorkerPoolClosed")
          }).pipe(Effect.provideContext(context))
        }))
    })

    it.effect("holds the number of ready tasks at the capacity however many dispatch", () =>
      Effect.gen(function*() {
        const { drain, status } = yield* WorkerPool
        let most = 0
        const tasks: Array<ScriptedTask> = []
        const dispatchers = yield* Effect.forEach(Array.from({ length: 50 }, (_, n) => n), (n) =>
          Effect.forkChild(Effect.map(work(`${n}`, () => Effect.yieldNow), (task) => void tasks.push(task))))
        while (tasks.length < 50) {
          most = Math.max(most, (yield* status).queued)
          yield* Effect.yieldNow
        }
        yield* Effect.forEach(dispatchers, Fiber.join)
        yield* drain
        assert.isAtMost(most, 3)
        assert.isTrue((yield* Effect.forEach(tasks, (task) =>
          task.exit)).every(Exit.isSuccess))
      }).pipe(withPool({ workers: 2, capacity: 3 })))
  })
})
