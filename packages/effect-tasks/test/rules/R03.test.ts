import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Option, Schedule, Scope } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
  canceled,
  defect,
  elapse,
  eventually,
  failure,
  gate,
  recordEvents,
  script,
  scripted,
  type ScriptedTask,
  settleTurns,
  stateOf,
  TestError,
  testPool,
  timedOut,
  type Trace,
  trace,
  withPool,
  work
} from "../support.ts"

class Rejecting extends Job.make("Rejecting", { ...scripted, unique: "reject" }) {}
class Retried
  extends Job.make("Retried", { ...scripted, retry: { times: 3, schedule: Schedule.spaced("1 second") } })
{}

const twoOfEach = (task: ScriptedTask, seen: Trace) =>
  Effect.gen(function*() {
    for (const n of [1, 2]) {
      yield* task.onSuccess(() => seen.push(`onSuccess ${n}`))
      yield* task.onExit(() => seen.push(`onExit ${n}`))
      yield* task.onFailure(() => seen.push(`onFailure ${n}`))
    }
  })

const inFinalizer = (held: Effect.Effect<void>) => Effect.addFinalizer(() => held)

/** Ends a task with two of everything and returns what came in which order; the task's waiter is taken out. */
const endOf = (
  seen: Trace,
  end: Effect.Effect<unknown, TestError>,
  act: (task: ScriptedTask) => Effect.Effect<unknown>
) =>
  Effect.gen(function*() {
    const held = gate()
    const pool = yield* TaskPool.make()
    const task = yield* work("a", () =>
      Effect.gen(function*() {
        yield* Effect.addFinalizer(() => Effect.andThen(Effect.yieldNow, seen.push("finalizer 1")))
        yield* Effect.addFinalizer(() => Effect.andThen(Effect.yieldNow, seen.push("finalizer 2")))
        yield* held.wait
        return yield* end
      }), { pool })
    const waits = [
      yield* Effect.forkChild(Effect.andThen(pool.settled, seen.push("pool waiter"))),
      yield* Effect.forkChild(Effect.andThen(task.exit, seen.push("task waiter")))
    ]
    yield* twoOfEach(task, seen)
    yield* pool.addFinalizer(() => seen.push("pool finalizer 1"))
    yield* pool.addFinalizer(() => seen.push("pool finalizer 2"))
    yield* awaitState(task, "Running")
    yield* settleTurns
    yield* held.open
    yield* act(task)
    yield* Fiber.awaitAll(waits)
    const position = seen.log.indexOf("task waiter")
    assert.isBelow(position, seen.log.indexOf("pool waiter"))
    return seen.log.filter((entry) => entry !== "task waiter")
  })

describe("R3 The end has one order", () => {
  describe("the verdict", () => {
    it.effect("a cancel that comes after the result changes nothing", () =>
      Effect.gen(function*() {
        const held = gate()
        const task = yield* work("a", () => Effect.as(inFinalizer(held.wait), "result"))
        yield* awaitState(task, "Stopping")
        const cancel = yield* Effect.forkChild(task.cancel())
        yield* settleTurns
        yield* held.open
        yield* Fiber.join(cancel)
        assert.deepStrictEqual(yield* task.exit, Exit.succeed("result"))
      }).pipe(withPool()))

    it.effect("a timeout that passes after the result changes nothing", () =>
      Effect.gen(function*() {
        const task = yield* work("a", () => Effect.as(inFinalizer(Effect.sleep("1 minute")), "result"), {
          timeout: "1 second"
        })
        yield* awaitState(task, "Stopping")
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(yield* task.exit, Exit.succeed("result"))
      }).pipe(withPool()))

    it.effect("a timeout that passes after a cancel changes nothing", () =>
      Effect.gen(function*() {
        const task = yield* work("a", () => Effect.andThen(inFinalizer(Effect.sleep("1 minute")), Effect.never), {
          timeout: "1 second"
        })
        yield* awaitState(task, "Running")
        yield* Effect.forkChild(task.cancel({ reason: "first" }))
        yield* settleTurns
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(canceled(yield* task.exit).reason, "first")
      }).pipe(withPool()))

    it.effect("a cancel that comes after a timeout changes nothing", () =>
      Effect.gen(function*() {
        const held = gate()
        const task = yield* work("a", () => Effect.andThen(inFinalizer(held.wait), Effect.never), {
          timeout: "1 second"
        })
        yield* awaitState(task, "Running")
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* stateOf(task), "Stopping")
        const cancel = yield* Effect.forkChild(task.cancel())
        yield* settleTurns
        yield* held.open
        yield* Fiber.join(cancel)
        timedOut(yield* task.exit)
        assert.deepStrictEqual((yield* task.status).exitStatus, Option.some("error"))
      }).pipe(withPool()))

    it.effect("a result that comes after a cancel, from a region that cannot be interrupted, changes nothing", () =>
      Effect.gen(function*() {
        const held = gate()
        const task = yield* work("a", () => Effect.uninterruptible(Effect.as(held.wait, "result")))
        yield* awaitState(task, "Running")
        yield* Effect.forkChild(task.cancel())
        yield* settleTurns
        assert.strictEqual(yield* stateOf(task), "Stopping")
        yield* held.open
        canceled(yield* task.exit)
      }).pipe(withPool()))

    it.effect("a failure that comes after a cancel changes nothing", () =>
      Effect.gen(function*() {
        const task = yield* work("a", () => Effect.onInterrupt(Effect.never, () => Effect.die("cleanup")))
        yield* awaitState(task, "Running")
        yield* task.cancel()
        canceled(yield* task.exit)
      }).pipe(withPool()))

    it.effect("is the result of the last attempt, taken once", () =>
      Effect.gen(function*() {
        const events = yield* recordEvents
        yield* script(
          "a",
          (task) => task.attempt < 3 ? Effect.fail(new TestError({ id: "a" })) : Effect.succeed("third")
        )
        const task = yield* Retried.dispatch({ id: "a" })
        yield* settleTurns
        yield* elapse(5000)
        assert.strictEqual(yield* task.await, "third")
        yield* settleTurns
        assert.strictEqual(events.filter(({ _tag }) => _tag === "TaskStopping").length, 1)
      }).pipe(withPool({}, Retried)))

    it.effect("every started task's end passes through Stopping, which tells why", () =>
      Effect.gen(function*() {
        const events = yield* recordEvents
        const ok = yield* work("ok")
        const failed = yield* work("failed", () => Effect.fail(new TestError({ id: "failed" })))
        const stopped = yield* work("stopped", () => Effect.never)
        const late = yield* work("late", () => Effect.never, { timeout: 10 })
        yield* awaitState(stopped, "Running")
        yield* stopped.cancel()
        yield* TestClock.adjust(10)
        yield* Effect.forEach([ok, failed, stopped, late], (task) => task.exit)
        yield* settleTurns
        const why = events.flatMap((event) => event._tag === "TaskStopping" ? [`${event.taskId} ${event.why}`] : [])
        assert.sameMembers(why, [
          `${ok.id} result`,
          `${failed.id} result`,
          `${stopped.id} cancel`,
          `${late.id} timeout`
        ])
      }).pipe(withPool()))

    it.effect("a finalizer that dies turns success into error", () =>
      Effect.gen(function*() {
        const seen = trace()
        const task = yield* work("a", () => Effect.as(inFinalizer(Effect.die("broken")), "result"))
        yield* task.onFailure(() => seen.push("onFailure"))
        yield* task.onSuccess(() => seen.push("onSuccess"))
        assert.strictEqual(defect(yield* task.exit), "broken")
        assert.deepStrictEqual((yield* task.status).exitStatus, Option.some("error"))
        assert.deepStrictEqual(seen.log, ["onFailure"])
      }).pipe(withPool()))

    it.effect("a finalizer that ends interrupted changes nothing", () =>
      Effect.gen(function*() {
        const task = yield* work("a", () => Effect.as(inFinalizer(Effect.interrupt), "result"))
        assert.strictEqual(yield* task.await, "result")
      }).pipe(withPool()))

    it.effect("a finalizer that dies leaves a failure that failure, and a cancel exactly a cancel", () =>
      Effect.gen(function*() {
        const failed = yield* work(
          "a",
          () => Effect.andThen(inFinalizer(Effect.die("broken")), Effect.fail(new TestError({ id: "a" })))
        )
        const exit = yield* failed.exit
        assert.isTrue(Exit.isFailure(exit) && Option.isSome(Cause.findErrorOption(exit.cause)))
        const stopped = yield* work("b", () => Effect.andThen(inFinalizer(Effect.die("broken")), Effect.never))
        yield* awaitState(stopped, "Running")
        yield* stopped.cancel()
        canceled(yield* stopped.exit)
        assert.deepStrictEqual((yield* stopped.status).exitStatus, Option.some("canceled"))
      }).pipe(withPool()))
  })

  describe("the order", () => {
    it.effect("of a success: finalizers, onExit, onSuccess, pool finalizers, pool waiters", () =>
      Effect.gen(function*() {
        const seen = trace()
        const log = yield* endOf(seen, Effect.void, () => Effect.void)
        assert.deepStrictEqual(log, [
          "finalizer 2",
          "finalizer 1",
          "onExit 1",
          "onExit 2",
          "onSuccess 1",
          "onSuccess 2",
          "pool finalizer 1",
          "pool finalizer 2",
          "pool waiter"
        ])
        assert.isBelow(seen.log.indexOf("onSuccess 2"), seen.log.indexOf("task waiter"))
      }).pipe(withPool()))

    const unhappy = [
      { name: "failure", end: Effect.fail(new TestError({ id: "a" })), act: () => Effect.void },
      { name: "defect", end: Effect.die("boom"), act: () => Effect.void },
      { name: "cancel", end: Effect.never, act: (task: ScriptedTask) => task.cancel() },
      {
        name: "timeout",
        end: Effect.never,
        act: (task: ScriptedTask) => Effect.andThen(task.setTimeout(5), TestClock.adjust(5))
      }
    ]
    it.effect.each(unhappy)(
      "of a $name: finalizers, onFailure, onExit, pool finalizers, pool waiters",
      ({ end, act }) =>
        Effect.gen(function*() {
          const seen = trace()
          const log = yield* endOf(seen, end, act)
          assert.deepStrictEqual(log, [
            "finalizer 2",
            "finalizer 1",
            "onFailure 1",
            "onFailure 2",
            "onExit 1",
            "onExit 2",
            "pool finalizer 1",
            "pool finalizer 2",
            "pool waiter"
          ])
          assert.isBelow(seen.log.indexOf("onExit 2"), seen.log.indexOf("task waiter"))
        }).pipe(withPool())
    )

    it.effect("of a task cancelled before it started: onFailure, onExit, waiters", () =>
      Effect.gen(function*() {
        const seen = trace()
        yield* work("busy", () => Effect.never)
        const task = yield* work("a", () => seen.push("handler"))
        yield* twoOfEach(task, seen)
        const waiter = yield* Effect.forkChild(Effect.andThen(task.exit, seen.push("waiter")))
        yield* settleTurns
        yield* task.cancel()
        yield* Fiber.join(waiter)
        assert.deepStrictEqual(seen.log, ["onFailure 1", "onFailure 2", "onExit 1", "onExit 2", "waiter"])
      }).pipe(withPool({ workers: 1 })))
  })

  it.effect("before its Scope has closed a task is Stopping, uncounted, and keeps its slot", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const held = gate()
      const pool = yield* TaskPool.make()
      const task = yield* work("a", () => inFinalizer(held.wait), { pool })
      yield* awaitState(task, "Stopping")
      const { complete, running } = yield* pool.status
      assert.deepStrictEqual([complete, running], [0, 1])
      assert.strictEqual((yield* workerPool.status).busy, 1)
      assert.isTrue(Option.isNone((yield* task.status).finishedAt))
      yield* held.open
    }).pipe(withPool()))

  it.effect("Exited, finish time, the counts of every ancestor and the free slot are there before the first hook", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const held = gate()
      const seen: Array<unknown> = []
      const top = yield* TaskPool.make()
      const parent = yield* work("parent", () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          const task = yield* work("a", () => Effect.andThen(held.wait, Effect.fail(new TestError({ id: "a" }))), {
            pool
          })
          yield* task.onFailure(() =>
            Effect.gen(function*() {
              const { state, finishedAt } = yield* task.status
              const own = yield* pool.status
              const above = yield* top.status
              const { busy } = yield* workerPool.status
              seen.push(state, Option.isSome(finishedAt), own.complete, own.failed, above.complete, above.failed, busy)
            })
          )
          yield* pool.settled
          yield* Effect.never
        }), { pool: top })
      yield* awaitState(parent, "Sleeping")
      yield* held.open
      yield* awaitState(parent, "Running")
      assert.deepStrictEqual(seen, ["Exited", true, 1, 1, 1, 1, 0])
    }).pipe(withPool({ workers: 1 })))

  it.effect("a slow hook holds no slot", () =>
    Effect.gen(function*() {
      const hook = gate()
      const slow = yield* work("slow")
      yield* slow.onExit(() => hook.wait)
      const next = yield* work("next")
      assert.strictEqual(yield* next.await, "next")
      assert.strictEqual(yield* stateOf(slow), "Exited")
      yield* hook.open
    }).pipe(withPool({ workers: 1 })))

  it.effect("no wait for a task or its pool returns before the hooks have ended", () =>
    Effect.gen(function*() {
      const hook = gate()
      const pool = yield* TaskPool.make()
      const task = yield* work("a", undefined, { pool })
      yield* task.onSuccess(() => hook.wait)
      const waits = yield* Effect.forEach([task.await, task.exit, pool.join, pool.settled], (wait) =>
        Effect.andThen(awaitState(task, "Exited"), wait).pipe(Effect.forkChild))
      yield* settleTurns
      assert.deepStrictEqual(
        waits.map((fiber) =>
          fiber.pollUnsafe()
        ),
        waits.map(() => undefined)
      )
      const { state, complete, total } = yield* pool.status
      assert.deepStrictEqual([state, complete, total], ["sealed", 1, 1])
      yield* hook.open
      yield* Fiber.joinAll(waits)
      assert.strictEqual((yield* pool.status).state, "done")
    }).pipe(withPool()))

  it.effect("the key is free after the hooks, and before the waiters wake", () =>
    Effect.gen(function*() {
      const hook = gate()
      const task = yield* Rejecting.dispatch({ id: "a" })
      const refused: Array<string> = []
      yield* task.onExit(() =>
        Rejecting.dispatch({ id: "a" }).pipe(
          Effect.catch((error) => Effect.sync(() => refused.push(error.reason._tag))),
          Effect.andThen(hook.wait)
        )
      )
      const waiter = yield* Effect.forkChild(Effect.andThen(task.await, Rejecting.dispatch({ id: "a" })))
      yield* settleTurns
      assert.deepStrictEqual(refused, ["DuplicateTask"])
      const reason = (yield* Effect.flip(Rejecting.dispatch({ id: "a" }))).reason
      assert.deepInclude(reason, { _tag: "DuplicateTask", taskId: task.id })
      yield* hook.open
      assert.strictEqual((yield* Fiber.join(waiter)).origin, "created")
    }).pipe(withPool({}, Rejecting)))

  it.effect("a pool's finalizers run one after the other, before its waiters, and hold no waiter of a task", () =>
    Effect.gen(function*() {
      const seen = trace()
      const held = gate()
      const pool = yield* TaskPool.make()
      yield* pool.addFinalizer(({ complete, state }) =>
        Effect.andThen(held.wait, seen.push(`first ${complete} ${state}`))
      )
      yield* pool.addFinalizer(() => seen.push("second"))
      const task = yield* work("a", undefined, { pool })
      const join = yield* Effect.forkChild(Effect.andThen(pool.join, seen.push("waiter")))
      yield* task.await
      yield* settleTurns
      assert.deepStrictEqual(seen.log, [])
      yield* held.open
      yield* Fiber.join(join)
      assert.deepStrictEqual(seen.log, ["first 1 done", "second", "waiter"])
    }).pipe(withPool()))

  it.effect("a typed failure is the exit, unchanged", () =>
    Effect.gen(function*() {
      const task = yield* work("a", () => Effect.fail(new TestError({ id: "a" })))
      assert.deepStrictEqual(failure(yield* task.exit), new TestError({ id: "a" }))
    }).pipe(withPool()))

  describe("a cancel that comes after the result, while a finalizer waits for a pool that it has opened,", () => {
    /** A task that has succeeded, in a pool and below a task, whose finalizer waits for a child. */
    const flushing = (options?: Job.DispatchOptions) =>
      Effect.gen(function*() {
        const [open, held, seen] = [gate(), gate(), trace()]
        const scope = yield* Scope.make()
        const pool = yield* Scope.provide(TaskPool.make(), scope)
        const made: Array<ScriptedTask> = []
        const flush = (n: number) =>
          TaskPool.use((own) =>
            work(`flush ${n}`, () => Effect.andThen(held.wait, seen.push(`flushed ${n}`)), { pool: own })
          )
        const above = yield* work("above", () =>
          Effect.gen(function*() {
            const own = yield* TaskPool.make()
            made.push(
              yield* work("a", () =>
                Effect.addFinalizer(() =>
                  Effect.gen(function*() {
                    yield* flush(1)
                    yield* open.wait
                    yield* flush(2)
                    yield* seen.push("finalizer ends")
                  }).pipe(Effect.orDie)
                ), { pool: own })
            )
            yield* Effect.never
          }), { pool, ...options })
        yield* eventually("it is dispatched", Effect.sync(() => made.length === 1))
        const task = made[0]!
        yield* awaitState(task, "Stopping")
        yield* settleTurns
        return { above, close: Scope.close(scope, Exit.void), held, open, pool, seen, task }
      })

    const ways: ReadonlyArray<{
      readonly name: string,
      readonly cancel: (of: Effect.Success<ReturnType<typeof flushing>>) => Effect.Effect<unknown, never, WorkerPool>
    }> = [
      { name: "of the task", cancel: ({ task }) => task.cancel() },
      { name: "of its pool", cancel: ({ task }) => task.pool.cancel() },
      { name: "of the task above", cancel: ({ above }) => above.cancel() },
      { name: "by the timeout of the task above", cancel: ({ above }) => Effect.andThen(elapse(1000, 1), above.exit) },
      { name: "of a pool above", cancel: ({ pool }) => pool.cancel() },
      { name: "by the Scope of a pool above", cancel: ({ close }) => close },
      {
        name: "of all that runs",
        cancel: ({ above }) => WorkerPool.use(({ global }) => Effect.andThen(above.pool.cancel(), global.cancel()))
      }
    ]
    for (const { cancel, name } of ways) {
      it.effect(`${name}, waits for the end and cuts nothing short`, () =>
        Effect.gen(function*() {
          const of = yield* flushing({ timeout: "1 second" })
          const { held, open, seen, task } = of
          const canceling = yield* Effect.forkChild(cancel(of))
          yield* elapse(2000)
          assert.strictEqual(yield* stateOf(task), "Stopping")
          assert.isUndefined(canceling.pollUnsafe())
          assert.deepStrictEqual(seen.log, [])
          yield* held.open
          yield* settleTurns
          yield* open.open
          yield* settleTurns
          assert.deepStrictEqual(seen.log, ["flushed 1", "flushed 2", "finalizer ends"])
          yield* Fiber.join(canceling)
          assert.isTrue(Exit.isSuccess(yield* task.exit))
        }).pipe(withPool({ workers: 2 })))
    }

    it.effect("a shutdown ends such waits: the worker pool closes, the result stands", () =>
      Effect.gen(function*() {
        yield* TestClock.adjust(0)
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(testPool({ workers: 2 }), scope)
        const { task } = yield* Effect.provideContext(flushing(), context)
        const close = yield* Effect.forkChild(Scope.close(scope, Exit.void))
        yield* settleTurns
        assert.isDefined(close.pollUnsafe())
        assert.isTrue(Exit.isSuccess(yield* task.exit))
      }))
  })
})
