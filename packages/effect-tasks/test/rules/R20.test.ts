import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { DispatchError, Job, TaskPool, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import { AsyncLocalStorage } from "node:async_hooks"
import {
  awaitState,
  elapse,
  eventually,
  failure,
  gate,
  recordEvents,
  type Script,
  script,
  scripted,
  scriptedLayer,
  type ScriptedTask,
  Scripts,
  settleTurns,
  stateOf,
  testPool,
  trace,
  withPool,
  Work,
  work
} from "../support.ts"

class Once extends Job.make("Once", { ...scripted, unique: true }) {}
class Newest extends Job.make("Newest", { ...scripted, unique: "supersede" }) {}
class Single extends Job.make("Single", { ...scripted, unique: "reject" }) {}
class Apart extends Job.make("Apart", scripted) {}
class Kept extends Job.make("Kept", { ...scripted, persistent: true }) {}
class Alone extends Job.make("Alone", { ...scripted, concurrency: 1 }) {}
class AloneByKey extends Job.make("AloneByKey", { ...scripted, concurrency: { limit: 1, key: ({ id }) => id[0]! } }) {}

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

/** A suspended dispatch is refused when this Scope, the worker pool's, begins to close. */
const refusedByClosing = (scope: Scope.Closeable) =>
  Effect.gen(function*() {
    const held = yield* full(1)
    const dispatch = yield* suspended(work("c"))
    const close = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
    yield* settleTurns
    const exit = dispatch.pollUnsafe()
    yield* held.open
    yield* Fiber.join(close)
    if (exit === undefined) return assert.fail("it is still suspended")
    assert.strictEqual(reasonOf(exit)._tag, "WorkerPoolClosed")
  })

/** A full queue behind a task that holds the one worker until `go`, runs `then`, and ends at `end`. */
const fullBehind = (then: Effect.Effect<unknown, any, any>) =>
  Effect.gen(function*() {
    const [go, end] = [gate(), gate()]
    const holder = yield* work(
      "holder",
      () => go.wait.pipe(Effect.andThen(then as any), Effect.andThen(end.wait)) as any
    )
    yield* awaitState(holder, "Running")
    yield* work("filler")
    return { end, go }
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

    it.effect("counts what free slots are about to take no more often than its limit has room", () =>
      Effect.gen(function*() {
        yield* Alone.dispatch({ id: "a" })
        yield* Alone.dispatch({ id: "b" }, { priority: 1 })
        const exit = yield* Effect.exit(Alone.dispatch({ id: "c" }, { priority: 2 }))
        assert.strictEqual(reasonOf(exit)._tag, "QueueFull")
        yield* work("free") // a slot that no limit holds back
      }).pipe(withPool({ workers: 3, capacity: 1, onFull: "fail" }, Alone)))

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

      it.effect("the key, which a task has come to hold from inside another one: it joins that, though there is no room", () =>
        Effect.gen(function*() {
          const { end, go } = yield* fullBehind(Once.dispatch({ id: "k" }))
          const dispatch = yield* suspended(Once.dispatch({ id: "k" }))
          yield* go.open
          yield* settleTurns
          const exit = dispatch.pollUnsafe()
          assert.isTrue(exit !== undefined && Exit.isSuccess(exit) && exit.value.origin === "joined")
          yield* end.open
        }).pipe(withPool({ workers: 1, capacity: 1 }, Once)))

      it.effect("the key, and replaces such a task of a job that supersedes", () =>
        Effect.gen(function*() {
          const { end, go } = yield* fullBehind(Newest.dispatch({ id: "k" }))
          const dispatches = [
            yield* suspended(Newest.dispatch({ id: "k" })),
            yield* suspended(Newest.dispatch({ id: "k" }))
          ]
          yield* go.open
          yield* settleTurns
          const [first, last] = [yield* Fiber.join(dispatches[0]!), yield* Fiber.join(dispatches[1]!)]
          assert.strictEqual((yield* Effect.exit(first.await))._tag, "Failure")
          yield* end.open
          assert.strictEqual(yield* last.await, "k")
        }).pipe(withPool({ workers: 1, capacity: 1 }, Newest)))

      it.effect("the results, and reuses one that is kept meanwhile", () =>
        Effect.gen(function*() {
          const kept = gate()
          yield* script("k", () => kept.wait)
          const first = yield* Kept.dispatch({ id: "k" })
          yield* awaitState(first, "Running")
          const held = gate()
          yield* awaitState(yield* work("holder", () => held.wait), "Running")
          yield* work("filler")
          const dispatch = yield* suspended(Kept.dispatch({ id: "k" }))
          yield* (yield* WorkerPool).pause
          yield* kept.open
          assert.strictEqual((yield* Fiber.join(dispatch)).origin, "reused")
          yield* (yield* WorkerPool).resume
          yield* held.open
        }).pipe(withPool({ workers: 2, capacity: 1 }, Kept)))

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

    it.effect("holds the number of ready tasks that no free slot waits for at the capacity however many dispatch", () =>
      Effect.gen(function*() {
        const { drain, status } = yield* WorkerPool
        let most = 0
        const tasks: Array<ScriptedTask> = []
        const dispatchers = yield* Effect.forEach(
          Array.from({ length: 50 }, (_, n) => n),
          (n) => Effect.forkChild(Effect.map(work(`${n}`, () => Effect.yieldNow), (task) => void tasks.push(task)))
        )
        while (tasks.length < 50) {
          const { busy, queued, workers } = yield* status
          most = Math.max(most, queued - (workers - busy))
          yield* Effect.yieldNow
        }
        yield* Effect.forEach(dispatchers, Fiber.join)
        yield* drain
        assert.isAtMost(most, 3)
        assert.isTrue((yield* Effect.forEach(tasks, (task) => task.exit)).every(Exit.isSuccess))
      }).pipe(withPool({ workers: 2, capacity: 3 })))
  })

  describe("capacity", () => {
    const dispatchAll = (count: number) =>
      Effect.forEach(Array.from({ length: count }, (_, n) => n), (n) => Effect.exit(work(`${n}`, () => Effect.never)))
    const accepted = (exits: ReadonlyArray<Exit.Exit<unknown, unknown>>) => exits.map(Exit.isSuccess)

    it.effect("counts what no free slot waits for: a burst of dispatches finds all idle workers and the queue", () =>
      Effect.gen(function*() {
        const exits = yield* dispatchAll(14)
        assert.deepStrictEqual(accepted(exits), exits.map((_, n) => n < 13))
        assert.strictEqual(reasonOf(exits[13]!)._tag, "QueueFull")
        yield* settleTurns
        assert.deepInclude(yield* (yield* WorkerPool).status, { busy: 10, queued: 3 })
      }).pipe(withPool({ workers: 10, capacity: 3, onFull: "fail" })))

    it.effect("counts them also when some workers are busy, and when one sleeps", () =>
      Effect.gen(function*() {
        yield* hog
        const sleeper = yield* work("sleeper", (self) => self.whileSleeping(Effect.never))
        yield* awaitState(sleeper, "Sleeping")
        const exits = yield* dispatchAll(4)
        assert.deepStrictEqual(accepted(exits), [true, true, true, false])
      }).pipe(withPool({ workers: 3, capacity: 1, onFull: "fail" })))

    it.effect("has no free slot to count while paused, nor above its new number of workers", () =>
      Effect.gen(function*() {
        const { pause, resize, resume } = yield* WorkerPool
        yield* pause
        assert.deepStrictEqual(accepted(yield* dispatchAll(2)), [true, false])
        yield* resume
        yield* settleTurns
        yield* resize(2)
        const exits = yield* dispatchAll(3)
        assert.deepStrictEqual(accepted(exits), [true, true, false])
      }).pipe(withPool({ workers: 1, capacity: 1, onFull: "fail" })))

    it.effect("has no free slot in one that a resuming task is about to take", () =>
      Effect.gen(function*() {
        const end = gate()
        const sleeper = yield* work("sleeper", (self) => self.whileSleeping(end.wait))
        yield* awaitState(sleeper, "Sleeping")
        yield* hog
        yield* end.open
        yield* settleTurns
        assert.strictEqual(yield* stateOf(sleeper), "Sleeping")
        yield* (yield* WorkerPool).resize(2)
        assert.strictEqual(reasonOf(yield* Effect.exit(work("late")))._tag, "QueueFull")
        yield* sleeper.await
        yield* work("in time")
      }).pipe(withPool({ workers: 1, capacity: 0, onFull: "fail" })))

    describe("while a limit holds all back that are queued", () => {
      /** One that runs under its limit, and as many behind it as the queue has room for. */
      const behindLimit = (capacity: number) =>
        Effect.gen(function*() {
          const held = gate()
          yield* script("first", () => held.wait)
          const first = yield* Alone.dispatch({ id: "first" })
          yield* awaitState(first, "Running")
          for (let n = 0; n < capacity; n++) yield* Alone.dispatch({ id: `${n}` })
          assert.deepInclude(yield* (yield* WorkerPool).status, { busy: 1, queued: capacity })
          return { first, held }
        })

      it.effect("counts them, though slots are free: no slot waits for what the limit holds back", () =>
        Effect.gen(function*() {
          yield* behindLimit(2)
          assert.strictEqual(reasonOf(yield* Effect.exit(Alone.dispatch({ id: "full" })))._tag, "QueueFull")
          assert.deepInclude(yield* (yield* WorkerPool).status, { busy: 1, queued: 2 })
        }).pipe(withPool({ workers: 4, capacity: 2, onFull: "fail" }, Alone)))

      it.effect("takes what the free slots wait for: it starts, and no more than that", () =>
        Effect.gen(function*() {
          yield* behindLimit(2)
          assert.deepStrictEqual(accepted(yield* dispatchAll(4)), [true, true, true, false])
          yield* settleTurns
          assert.deepInclude(yield* (yield* WorkerPool).status, { busy: 4, queued: 2 })
        }).pipe(withPool({ workers: 4, capacity: 2, onFull: "fail" }, Alone)))

      it.effect("takes one of another key of the limit, and of this one none", () =>
        Effect.gen(function*() {
          yield* script("a1", () => Effect.never)
          yield* awaitState(yield* AloneByKey.dispatch({ id: "a1" }), "Running")
          const exits = yield* Effect.forEach(["a2", "a3", "b1"], (id) => Effect.exit(AloneByKey.dispatch({ id })))
          assert.deepStrictEqual(accepted(exits), [true, false, true])
          assert.strictEqual(yield* Exit.isSuccess(exits[2]!) ? exits[2].value.await : Effect.void, "b1")
        }).pipe(withPool({ workers: 2, capacity: 1, onFull: "fail" }, AloneByKey)))

      it.effect("suspends a dispatch until one of them has started", () =>
        Effect.gen(function*() {
          const { held } = yield* behindLimit(2)
          yield* script("0", () => Effect.never)
          const dispatch = yield* suspended(Alone.dispatch({ id: "next" }))
          yield* held.open
          const next = yield* Fiber.join(dispatch)
          yield* settleTurns
          assert.strictEqual(yield* stateOf(next), "Queued")
          assert.deepInclude(yield* (yield* WorkerPool).status, { busy: 1, queued: 2 })
        }).pipe(withPool({ workers: 4, capacity: 2 }, Alone)))
    })

    it.effect("of 0 is a hand-over: a dispatch is accepted when a slot is free, else refused", () =>
      Effect.gen(function*() {
        const exits = yield* dispatchAll(3)
        assert.deepStrictEqual(accepted(exits), [true, true, false])
        assert.deepInclude(reasonOf(exits[2]!), { _tag: "QueueFull", capacity: 0 })
        yield* settleTurns
        assert.deepInclude(yield* (yield* WorkerPool).status, { busy: 2, queued: 0 })
        assert.strictEqual(reasonOf(yield* Effect.exit(work("late")))._tag, "QueueFull")
        yield* Exit.isSuccess(exits[0]!) ? exits[0].value.cancel() : Effect.void
        assert.strictEqual(yield* (yield* work("next")).await, "next")
      }).pipe(withPool({ workers: 2, capacity: 0, onFull: "fail" })))

    it.effect("of 0 suspends a dispatch until a worker is free, one at a time", () =>
      Effect.gen(function*() {
        const { status } = yield* WorkerPool
        const held = yield* hog
        const seen = trace()
        const waiting = [
          yield* suspended(Effect.tap(work("a", () => Effect.never), () => seen.push("a"))),
          yield* suspended(Effect.tap(work("b", () => Effect.never, { priority: 1 }), () => seen.push("b")))
        ]
        assert.deepInclude(yield* status, { busy: 1, queued: 0 })
        yield* held.open
        yield* settleTurns
        assert.deepStrictEqual(seen.log, ["b"])
        assert.deepInclude(yield* status, { busy: 1, queued: 0 })
        yield* (yield* Fiber.join(waiting[1]!)).cancel()
        yield* settleTurns
        assert.deepStrictEqual(seen.log, ["b", "a"])
        assert.deepInclude(yield* status, { busy: 1, queued: 0 })
      }).pipe(withPool({ workers: 1, capacity: 0 })))

    it.effect("of 0 keeps nothing from inside a task waiting: a tree completes", () =>
      Effect.gen(function*() {
        const task = yield* work("parent", () =>
          TaskPool.forEach(["a", "b", "c"], (id, pool) => work(id, undefined, { pool })))
        yield* eventually(
          "it has ended",
          Effect.map(stateOf(task), (state) =>
            state === "Exited")
        )
        assert.deepStrictEqual(yield* task.await, ["a", "b", "c"])
      }).pipe(withPool({ workers: 1, capacity: 0 })))
  })

  it.effect("a fiber that floods the queue gives way once plenty are ready", () =>
    Effect.gen(function*() {
      let started = 0
      let most = 0
      yield* script("a", () => Effect.sync(() => started++))
      for (let dispatched = 1; dispatched <= 10_000; dispatched++) {
        yield* Work.dispatch({ id: "a" })
        most = Math.max(most, dispatched - started)
      }
      assert.isAtMost(most, 512 + 128)
    }).pipe(withPool({ workers: 1 })))

  describe("a suspended dispatcher is refused at once, though there is no room, when", () => {
    for (const how of ["is sealed", "is cancelled", "is closed with its Scope"] as const) {
      it.effect(`its pool ${how}`, () =>
        Effect.gen(function*() {
          yield* full(1)
          yield* (yield* WorkerPool).pause
          const scope = yield* Scope.make()
          const pool = yield* Scope.provide(TaskPool.make(), scope)
          const dispatch = yield* suspended(work("c", undefined, { pool }))
          const stays = yield* suspended(work("d"))
          yield* how === "is sealed"
            ? pool.seal
            : how === "is cancelled"
            ? pool.cancel()
            : Scope.close(scope, Exit.void)
          yield* settleTurns
          const exit = dispatch.pollUnsafe()
          if (exit === undefined) return assert.fail("it is still suspended")
          assert.deepInclude(reasonOf(exit), { _tag: "PoolClosed", poolId: pool.id })
          assert.isUndefined(stays.pollUnsafe())
          assert.deepInclude(yield* pool.status, { state: "done", total: 0 })
        }).pipe(withPool({ workers: 1, capacity: 1 })))
    }

    it.effect("its pool is cancelled, also the last of many, when others have been interrupted", () =>
      Effect.gen(function*() {
        yield* full(1)
        const pool = yield* TaskPool.make()
        const first = yield* suspended(work("c", undefined, { pool }))
        const second = yield* suspended(work("d", undefined, { pool }))
        yield* Fiber.interrupt(first)
        yield* pool.cancel()
        yield* settleTurns
        const exit = second.pollUnsafe()
        if (exit === undefined) return assert.fail("it is still suspended")
        assert.strictEqual(reasonOf(exit)._tag, "PoolClosed")
      }).pipe(withPool({ workers: 1, capacity: 1 })))

    for (const how of ["is sealed", "is cancelled"] as const) {
      it.effect(`its pool ${how}, also while tasks of that pool have yet to end`, () =>
        Effect.gen(function*() {
          const held = gate()
          const pool = yield* TaskPool.make()
          yield* awaitState(yield* work("member", () => Effect.uninterruptible(held.wait), { pool }), "Running")
          yield* work("filler")
          const dispatch = yield* suspended(work("c", undefined, { pool }))
          yield* how === "is sealed" ? pool.seal : Effect.forkChild(pool.cancel(), { startImmediately: true })
          yield* settleTurns
          const exit = dispatch.pollUnsafe()
          if (exit === undefined) return assert.fail("it is still suspended")
          assert.deepInclude(reasonOf(exit), { _tag: "PoolClosed", poolId: pool.id })
          assert.deepInclude(yield* pool.status, { total: 1, complete: 0 })
          yield* held.open
        }).pipe(withPool({ workers: 1, capacity: 1 })))
    }

    it.effect("the WorkerPool closes, though the layer of the job lives on", () =>
      Effect.gen(function*() {
        yield* TestClock.adjust(0)
        const [scope, handlers] = [yield* Scope.make(), yield* Scope.make()]
        const options = { workers: 1, capacity: 1, gracePeriod: "1 hour" } as const
        const base = yield* Layer.buildWithScope(
          Layer.merge(WorkerPool.layer(options), Layer.sync(Scripts, () => new Map())),
          scope
        )
        const context = yield* Effect.provideContext(
          Layer.buildWithScope(Layer.fresh(scriptedLayer(Work)), handlers),
          base
        )
        yield* refusedByClosing(scope).pipe(Effect.provideContext(Context.merge(base, context)))
        yield* Scope.close(handlers, Exit.void)
      }))

    it.effect("the task that owns its pool is cancelled, or the pool above", () =>
      Effect.gen(function*() {
        const top = yield* TaskPool.make()
        const made: Array<TaskPool.TaskPool> = []
        const owner = yield* work("owner", (self) =>
          Effect.gen(function*() {
            made.push(yield* TaskPool.make())
            yield* self.whileSleeping(Effect.never)
          }), { pool: top })
        yield* awaitState(owner, "Sleeping")
        yield* full(1)
        const dispatch = yield* suspended(work("c", undefined, { pool: made[0]! }))
        yield* top.cancel()
        yield* settleTurns
        const exit = dispatch.pollUnsafe()
        if (exit === undefined) return assert.fail("it is still suspended")
        assert.deepInclude(reasonOf(exit), { _tag: "PoolClosed", poolId: made[0]!.id })
      }).pipe(withPool({ workers: 1, capacity: 1 })))

    it.effect("the layer of its job closes", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        yield* Layer.buildWithScope(Layer.fresh(scriptedLayer(Apart)), scope)
        yield* full(1)
        const dispatch = yield* suspended(
          Apart.dispatch({ id: "a" }) as Effect.Effect<ScriptedTask, DispatchError, WorkerPool>
        )
        const stays = yield* suspended(work("d"))
        yield* Scope.close(scope, Exit.void)
        yield* settleTurns
        const exit = dispatch.pollUnsafe()
        if (exit === undefined) return assert.fail("it is still suspended")
        assert.strictEqual(reasonOf(exit)._tag, "WorkerPoolClosed")
        assert.isUndefined(stays.pollUnsafe())
      }).pipe(withPool({ workers: 1, capacity: 1 })))

    it.effect("the WorkerPool closes, with a grace", () =>
      Effect.gen(function*() {
        yield* TestClock.adjust(0)
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(
          testPool({ workers: 1, capacity: 1, gracePeriod: "1 hour" }),
          scope
        )
        yield* refusedByClosing(scope).pipe(Effect.provideContext(context))
      }))
  })

  describe("nothing runs inside a step, nor on the stack of", () => {
    it.effect("a cancel that lets a suspended sender go", () =>
      Effect.gen(function*() {
        const flag = { on: false }
        const seen: Array<boolean> = []
        const task = yield* work("a", undefined, { delay: "1 hour" })
        for (let n = 0; n < 16; n++) yield* task.send(`${n}`)
        yield* Effect.forkChild(
          Effect.andThen(Effect.ignore(task.send("suspends")), Effect.sync(() => void seen.push(flag.on))),
          { startImmediately: true }
        )
        const context = yield* Effect.context<never>()
        yield* Effect.sync(() => {
          flag.on = true
          Effect.runForkWith(context)(task.cancel())
          flag.on = false
        })
        assert.deepStrictEqual(seen, [])
        yield* settleTurns
        assert.deepStrictEqual(seen, [false])
      }).pipe(withPool()))

    it.effect("the exit of a task whose label a function makes", () =>
      Effect.gen(function*() {
        const { status } = yield* WorkerPool
        const seen: Array<number> = []
        class Labelled extends Job.make("Labelled", {
          ...scripted,
          label: () => {
            seen.push(Effect.runSync(status).seq)
            return "label"
          }
        }) {}
        yield* Layer.build(scriptedLayer(Labelled))
        const events = yield* recordEvents
        yield* script("a", () => Effect.die("no"))
        const task = yield* Labelled.dispatch({ id: "a" }) as Effect.Effect<ScriptedTask, DispatchError, WorkerPool>
        yield* task.exit
        yield* settleTurns
        const exited = events.find(({ _tag }) => _tag === "TaskExited")
        if (exited?._tag !== "TaskExited") return assert.fail("it has not ended")
        assert.isAtLeast(seen[0]!, exited.seq)
      }).pipe(Effect.scoped, withPool()))

    it.effect("a cancel of a pool that lets a suspended dispatcher go", () =>
      Effect.gen(function*() {
        const flag = { on: false }
        const seen: Array<boolean> = []
        const pool = yield* TaskPool.make()
        yield* full(1)
        yield* suspended(
          Effect.andThen(Effect.exit(work("c", undefined, { pool })), Effect.sync(() => void seen.push(flag.on)))
        )
        const context = yield* Effect.context<never>()
        yield* Effect.sync(() => {
          flag.on = true
          Effect.runForkWith(context)(pool.cancel())
          flag.on = false
        })
        assert.deepStrictEqual(seen, [])
        yield* settleTurns
        assert.deepStrictEqual(seen, [false])
      }).pipe(withPool({ workers: 1, capacity: 1 })))
  })

  describe("in the async context in which the WorkerPool was built, whoever's call schedules the turn, runs", () => {
    const store = new AsyncLocalStorage<string>()

    /** What `look` notes of each place, when each call comes from an async context of its own. */
    const seenFrom = (
      program: (look: (what: string) => Effect.Effect<void>) => {
        readonly script: Script,
        readonly calls: (task: ScriptedTask) => Record<string, Effect.Effect<unknown, unknown, WorkerPool>>
      }
    ) =>
      Effect.gen(function*() {
        const seen: Array<readonly [string, string | undefined]> = []
        const look = (what: string) => Effect.sync(() => void seen.push([what, store.getStore()]))
        const scope = yield* Scope.make()
        const context = yield* Effect.context<never>()
        const from = <A, E>(caller: string, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
          Effect.callback<A, E>((resume) =>
            store.run(caller, () => {
              Effect.runForkWith(context)(effect).addObserver(resume)
            })
          )
        const services = yield* from("the builder", Layer.buildWithScope(testPool({ workers: 1 }), scope))
        const { calls, script: run } = program(look)
        yield* Effect.provideContext(script("a", run), services)
        const task = yield* from("the dispatcher", Effect.provideContext(Work.dispatch({ id: "a" }), services))
        yield* from("another dispatcher", Effect.provideContext(work("b", () => look("another handler")), services))
        yield* settleTurns
        for (const [caller, call] of Object.entries(calls(task))) {
          yield* from(caller, Effect.provideContext(call, services))
          yield* settleTurns
        }
        yield* from("the waiter", Effect.exit(task.await))
        yield* from("the closer", Scope.close(scope, Exit.void))
        return seen
      })
    const allByBuilder = (
      seen: ReadonlyArray<readonly [string, string | undefined]>,
      ...names: ReadonlyArray<string>
    ) => {
      assert.includeMembers(seen.map(([what]) => what), [...names])
      assert.deepStrictEqual(seen, seen.map(([what]) => [what, "the builder"] as const))
    }

    it.effect("a handler, at its start and when it goes on from a wait", () =>
      Effect.gen(function*() {
        const held = gate()
        const seen = yield* seenFrom((look) => ({
          script: (self) =>
            Effect.gen(function*() {
              yield* look("start")
              const child = yield* work("child", () => Effect.andThen(look("child"), held.wait))
              yield* child.exit
              yield* look("after a wait")
              yield* self.whileSleeping(Effect.yieldNow)
              yield* look("after a sleep")
            }),
          calls: () => ({ "the opener": held.open })
        }))
        allByBuilder(seen, "start", "child", "after a wait", "after a sleep", "another handler")
      }))

    it.effect("a handler that is cancelled, and its finalizers", () =>
      Effect.gen(function*() {
        const seen = yield* seenFrom((look) => ({
          script: (self) =>
            Effect.andThen(
              Effect.addFinalizer(() => look("finalizer")),
              Effect.onInterrupt(self.whileSleeping(Effect.never), () => look("interrupted"))
            ),
          calls: (task) => ({ "the canceller": task.cancel() })
        }))
        allByBuilder(seen, "interrupted", "finalizer")
      }))

    it.effect("a hook, a pool's finalizer and a listener of events", () =>
      Effect.gen(function*() {
        const held = gate()
        const seen = yield* seenFrom((look) => ({
          script: () =>
            Effect.gen(function*() {
              const pool = yield* TaskPool.make()
              yield* pool.addFinalizer(() => look("pool's finalizer"))
              yield* held.wait
            }),
          calls: (task) => ({
            "the registrar": task.onExit(() => look("hook")),
            "the reader": WorkerPool.use(({ events }) =>
              Effect.forkDetach(
                Stream.runForEach(Stream.filter(events, ({ _tag }) => _tag === "TaskExited"), () => look("listener"))
              )
            ),
            "the opener": held.open
          })
        }))
        allByBuilder(seen.filter(([what]) => what !== "listener"), "hook", "pool's finalizer")
        const listeners = seen.flatMap(([what, where]) => what === "listener" ? [where] : [])
        assert.isAbove(listeners.length, 0)
        for (const where of listeners) assert.include(["the builder", "the reader"], where)
      }))
  })

  it.effect("a suspended dispatcher whose layer closes waits on for room where a newer layer serves, and gets its handler", () =>
    Effect.gen(function*() {
      const layer = (name: string) => Layer.fresh(Apart.toLayer(() => Effect.succeed(name)))
      const older = yield* Scope.make()
      yield* Layer.buildWithScope(layer("older"), older)
      const held = yield* full(1)
      const dispatch = yield* suspended(
        Apart.dispatch({ id: "a" }) as Effect.Effect<ScriptedTask, DispatchError, WorkerPool>
      )
      yield* Layer.build(layer("newer"))
      yield* Scope.close(older, Exit.void)
      yield* settleTurns
      assert.isUndefined(dispatch.pollUnsafe())
      assert.strictEqual((yield* (yield* WorkerPool).status).queued, 1)
      yield* held.open
      assert.strictEqual(yield* (yield* Fiber.join(dispatch)).await, "newer")
    }).pipe(withPool({ workers: 1, capacity: 1 })))

  it.effect("a suspended dispatcher waits for room with whatever layers its job has: the last of them to close answers it", () =>
    Effect.gen(function*() {
      const layer = (name: string) => Layer.fresh(Apart.toLayer(() => Effect.succeed(name)))
      const [one, two, three] = [yield* Scope.make(), yield* Scope.make(), yield* Scope.make()]
      yield* Layer.buildWithScope(layer("one"), one)
      yield* full(1)
      const dispatch = yield* suspended(
        Apart.dispatch({ id: "a" }) as Effect.Effect<ScriptedTask, DispatchError, WorkerPool>
      )
      yield* Layer.buildWithScope(layer("two"), two)
      yield* Scope.close(one, Exit.void)
      yield* Layer.buildWithScope(layer("three"), three)
      for (const scope of [three, two]) {
        yield* settleTurns
        assert.isUndefined(dispatch.pollUnsafe())
        yield* Scope.close(scope, Exit.void)
      }
      yield* settleTurns
      const exit = dispatch.pollUnsafe()
      if (exit === undefined) return assert.fail("it is still suspended")
      assert.strictEqual(reasonOf(exit)._tag, "WorkerPoolClosed")
    }).pipe(withPool({ workers: 1, capacity: 1 })))

  it.effect("runs as it is on a platform without async contexts", () =>
    Effect.suspend(() => {
      const { getBuiltinModule } = process
      process.getBuiltinModule = () => undefined as any
      const restore = Effect.sync(() => void (process.getBuiltinModule = getBuiltinModule))
      return Effect.ensuring(Effect.andThen(restore, Work.run({ id: "a" })).pipe(withPool()), restore)
    }).pipe(Effect.map((result) => assert.strictEqual(result, "a"))))
})
