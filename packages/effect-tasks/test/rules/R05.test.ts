import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Logger, Option, References, Stream } from "effect"
import {
  ChildTaskFailed,
  DispatchError,
  HandlerInterrupted,
  Job,
  PoolCanceled,
  TaskCanceled,
  TaskPool,
  TaskTimeout
} from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
  canceled,
  defect,
  elapse,
  failure,
  gate,
  recordLogs,
  type Script,
  script,
  scripted,
  type ScriptedTask,
  settleTurns,
  TestError,
  timedOut,
  withPool,
  Work,
  work
} from "../support.ts"

class Shared extends Job.make("Shared", { ...scripted, unique: true }) {}

const exitStatus = (task: ScriptedTask) => Effect.map(task.status, (status) => Option.getOrThrow(status.exitStatus))

describe("R5 Outcomes", () => {
  const defects: ReadonlyArray<{ readonly name: string, readonly run: Script }> = [
    { name: "Effect.die", run: () => Effect.die("boom") },
    {
      name: "a throw inside an effect",
      run: () =>
        Effect.sync(() => {
          throw "boom"
        })
    },
    {
      name: "a throw of the handler function itself",
      run: () => {
        throw "boom"
      }
    }
  ]
  it.effect.each(defects)(
    "$name ends the task as error with that defect, and the only worker goes on",
    ({ run }) =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        for (let i = 0; i < 5; i++) {
          const task = yield* work(`${i}`, run, { pool })
          assert.strictEqual(defect(yield* task.exit), "boom")
          assert.strictEqual(yield* exitStatus(task), "error")
        }
        assert.strictEqual(yield* (yield* work("next")).await, "next")
        const { canceled, failed } = yield* pool.status
        assert.deepStrictEqual([failed, canceled], [5, 0])
      }).pipe(withPool({ workers: 1 }))
  )

  it.effect("a typed failure is an error with exactly that failure", () =>
    Effect.gen(function*() {
      const task = yield* work("a", () => Effect.fail(new TestError({ id: "a" })))
      assert.deepStrictEqual(failure(yield* task.exit), new TestError({ id: "a" }))
      assert.strictEqual(yield* exitStatus(task), "error")
    }).pipe(withPool()))

  describe("another task's end let through", () => {
    it.effect("a TaskCanceled of another task is an error carrying it", () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        const other = yield* work("other", () => Effect.never)
        const task = yield* work("a", () => other.await, { pool })
        yield* awaitState(task, "Sleeping")
        yield* other.cancel()
        const error = failure(yield* task.exit)
        assert.instanceOf(error, TaskCanceled)
        assert.strictEqual((error as TaskCanceled).taskId, other.id)
        assert.strictEqual(yield* exitStatus(task), "error")
        const { canceled, failed } = yield* pool.status
        assert.deepStrictEqual([failed, canceled], [1, 0])
      }).pipe(withPool()))

    it.effect("a TaskTimeout of another task is an error carrying it", () =>
      Effect.gen(function*() {
        const other = yield* work("other", () => Effect.never, { timeout: 10 })
        const task = yield* work("a", () => other.await)
        yield* awaitState(task, "Sleeping")
        yield* TestClock.adjust(10)
        const error = failure(yield* task.exit)
        assert.instanceOf(error, TaskTimeout)
        assert.strictEqual((error as TaskTimeout).taskId, other.id)
      }).pipe(withPool()))

    it.effect("a ChildTaskFailed or PoolCanceled is an error carrying it", () =>
      Effect.gen(function*() {
        const failed = yield* work("failed", () =>
          TaskPool.use((pool) => work("child", () => Effect.fail(new TestError({ id: "child" })), { pool })))
        assert.instanceOf(failure(yield* failed.exit), ChildTaskFailed)
        assert.strictEqual(yield* exitStatus(failed), "error")
        const stopped = yield* work("stopped", () =>
          TaskPool.use((pool) => pool.cancel()))
        assert.instanceOf(failure(yield* stopped.exit), PoolCanceled)
        assert.strictEqual(yield* exitStatus(stopped), "error")
      }).pipe(withPool()))

    it.effect("a TaskCanceled that the handler made up, even with its own id, is an error", () =>
      Effect.gen(function*() {
        const task = yield* work("a", ({ id }) => Effect.fail(new TaskCanceled({ taskId: id, job: "Work" })))
        assert.strictEqual(canceled(yield* task.exit).taskId, task.id)
        assert.strictEqual(yield* exitStatus(task), "error")
      }).pipe(withPool()))
  })

  const interruptions: ReadonlyArray<{ readonly name: string, readonly run: Script }> = [
    { name: "interrupts itself", run: () => Effect.interrupt },
    {
      name: "joins an interrupted fiber",
      run: () =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(Effect.never)
          yield* Fiber.interrupt(fiber)
          return yield* Fiber.join(fiber)
        })
    }
  ]
  it.effect.each(interruptions)(
    "a handler that $name ends as error with HandlerInterrupted",
    ({ run }) =>
      Effect.gen(function*() {
        const task = yield* work("a", run)
        const found = defect(yield* task.exit)
        assert.instanceOf(found, HandlerInterrupted)
        assert.deepInclude(found, { taskId: task.id, job: "Work" })
        assert.strictEqual(yield* exitStatus(task), "error")
      }).pipe(withPool())
  )

  describe("the exit of a cancelled task is exactly Fail(TaskCanceled)", () => {
    const endings: ReadonlyArray<{ readonly name: string, readonly run: Script }> = [
      { name: "that simply stops", run: () => Effect.never },
      { name: "whose interrupt handler dies", run: () => Effect.onInterrupt(Effect.never, () => Effect.die("broken")) },
      {
        name: "whose finalizer dies",
        run: () => Effect.acquireUseRelease(Effect.void, () => Effect.never, () => Effect.die("broken"))
      },
      {
        name: "whose Scope's finalizer dies",
        run: () => Effect.andThen(Effect.addFinalizer(() => Effect.die("broken")), Effect.never)
      },
      {
        name: "that turns the interrupt into a failure",
        run: () => Effect.onExit(Effect.never, () => Effect.fail(new TestError({ id: "a" })))
      },
      {
        name: "that turns the interrupt into a value",
        run: () => Effect.catchCause(Effect.never, () => Effect.succeed("survived"))
      }
    ]
    it.effect.each(endings)("one $name", ({ run }) =>
      Effect.gen(function*() {
        const task = yield* work("a", run)
        yield* awaitState(task, "Running")
        yield* task.cancel({ reason: "enough" })
        assert.deepStrictEqual(
          failure(yield* task.exit),
          new TaskCanceled({ taskId: task.id, job: "Work", reason: "enough" })
        )
        assert.strictEqual(yield* exitStatus(task), "canceled")
      }).pipe(withPool()))

    it.effect("what else its cause held is logged", () => {
      const { logs, layer } = recordLogs()
      return Effect.gen(function*() {
        const task = yield* work("a", () => Effect.onInterrupt(Effect.never, () => Effect.die(new Error("broken"))))
        yield* awaitState(task, "Running")
        yield* task.cancel()
        yield* settleTurns
        assert.isTrue(logs.some((line) => line.includes("broken")), logs.join("\n"))
      }).pipe(withPool(), Effect.provide(layer))
    })

    it.effect("without a reason there is none", () =>
      Effect.gen(function*() {
        const task = yield* work("a", () => Effect.never)
        yield* task.cancel()
        assert.deepStrictEqual(failure(yield* task.exit), new TaskCanceled({ taskId: task.id, job: "Work" }))
      }).pipe(withPool()))
  })

  it.effect("the exit of a timed-out task is exactly Fail(TaskTimeout), what else it held is logged", () => {
    const { logs, layer } = recordLogs()
    return Effect.gen(function*() {
      const task = yield* work("a", () => Effect.onInterrupt(Effect.never, () => Effect.die(new Error("broken"))), {
        timeout: "1 second"
      })
      yield* awaitState(task, "Running")
      yield* TestClock.adjust("1 second")
      assert.deepInclude(timedOut(yield* task.exit), { taskId: task.id, job: "Work", phase: "running", after: 1000 })
      assert.strictEqual(yield* exitStatus(task), "error")
      assert.isTrue(logs.some((line) => line.includes("broken")), logs.join("\n"))
    }).pipe(withPool(), Effect.provide(layer))
  })

  it.effect("an Exit never carries an interrupt, though the handler's cause holds one beside a failure", () =>
    Effect.gen(function*() {
      const task = yield* work(
        "a",
        () => Effect.failCause(Cause.combine(Cause.fail(new TestError({ id: "a" })), Cause.interrupt(1)))
      )
      const exit = yield* task.exit
      assert.isFalse(Exit.hasInterrupts(exit))
      assert.deepStrictEqual(failure(exit), new TestError({ id: "a" }))
    }).pipe(withPool()))

  describe("a failure that nobody could have seen is logged, once", () => {
    const fails = () => new TestError({ id: "a" })
    const dies = () => Effect.die(new Error("boom"))
    const loud = { unhandled: {} }

    /** The levels and messages of what is logged about a task that was dispatched so. */
    const logged = (run: Effect.Effect<unknown, unknown, any>, options: Parameters<typeof withPool>[0] = loud) =>
      Effect.suspend(() => {
        const lines: Array<readonly [level: string, message: string, annotations: unknown]> = []
        const logger = Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
          lines.push([logLevel, `${message}`, { ...fiber.getRef(References.CurrentLogAnnotations) }])
        })
        const test = Effect.andThen(Effect.exit(run), settleTurns).pipe(withPool(options, Shared))
        return Effect.as(Effect.provide(test, Logger.layer([logger])), lines) as Effect.Effect<typeof lines>
      })

    it.effect("a typed failure as a warning, with the task's id, label, job and pool", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* logged(work("a", fails)), [
          ["Warn", "Work-1 (id a) failed, and nothing awaits it", { task: "Work-1", job: "Work", pool: "GLOBAL" }]
        ])
      }))

    it.effect("a defect as an error, a timeout as a warning", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual((yield* logged(work("a", dies))).map(([level]) => level), ["Error"])
        const slow = Effect.andThen(work("a", () => Effect.never, { timeout: "1 second" }), elapse(1000))
        assert.deepStrictEqual((yield* logged(slow)).map(([level]) => level), ["Warn"])
      }))

    it.effect("at the levels that are asked for, or not at all", () =>
      Effect.gen(function*() {
        const options = { unhandled: { defect: "Fatal", failure: "None" } } as const
        assert.deepStrictEqual((yield* logged(work("a", dies), options)).map(([level]) => level), ["Fatal"])
        assert.deepStrictEqual(yield* logged(work("a", fails), options), [])
      }))

    const dispatch = (options?: Job.DispatchOptions) => work("a", fails, options)
    const seen: ReadonlyArray<readonly [string, Effect.Effect<unknown, unknown, any>]> = [
      ["of a task that is awaited", Effect.flatMap(dispatch(), (task) => task.await)],
      ["of a run", Effect.andThen(script("a", fails), Work.run({ id: "a" }))],
      [
        "of a run that yields before it awaits",
        Effect.andThen(script("a", fails), Work.run({ id: "a" })).pipe(
          Effect.provideService(References.MaxOpsBeforeYield, 4)
        )
      ],
      [
        "whose changes are read",
        Effect.flatMap(
          dispatch(),
          (task) =>
            Effect.andThen(Effect.forkChild(Stream.runDrain(task.changes), { startImmediately: true }), settleTurns)
        )
      ],
      [
        "whose progress is read",
        Effect.flatMap(
          dispatch(),
          (task) => Effect.andThen(Effect.forkChild(task.firstProgress, { startImmediately: true }), settleTurns)
        )
      ],
      ["in a pool of its own", Effect.flatMap(TaskPool.make(), (pool) => dispatch({ pool }))],
      [
        "of a task that another pool holds too",
        Effect.gen(function*() {
          yield* script("a", fails)
          yield* Shared.dispatch({ id: "a" })
          yield* Shared.dispatch({ id: "a" }, { pool: yield* TaskPool.make() })
        })
      ],
      ["with an onFailure hook", Effect.flatMap(dispatch(), (task) => task.onFailure(() => Effect.void))],
      [
        "with an onExit hook of its handler",
        work("a", (self) => Effect.andThen(self.onExit(() => Effect.void), fails()))
      ],
      ["that was cancelled", Effect.flatMap(work("a", () => Effect.never), (task) => task.cancel())]
    ]
    for (const [name, run] of seen) {
      it.effect(`and not that ${name}`, () =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* logged(run), [])
        }))
    }

    it.effect("but that of a task whose cancel came too late is", () =>
      Effect.gen(function*() {
        const held = gate()
        const late = Effect.gen(function*() {
          const task = yield* work("a", () => Effect.andThen(Effect.addFinalizer(() => held.wait), fails()))
          yield* awaitState(task, "Stopping")
          yield* Effect.forkChild(task.cancel())
          yield* settleTurns
          yield* held.open
        })
        assert.lengthOf(yield* logged(late), 1)
      }))

    it.effect("but that of a task with an onSuccess hook is", () =>
      Effect.gen(function*() {
        const run = Effect.flatMap(dispatch(), (task) => task.onSuccess(() => Effect.void))
        assert.lengthOf(yield* logged(run), 1)
      }))
  })

  it.effect("a DispatchError that the handler lets through is a defect", () =>
    Effect.gen(function*() {
      const closed = yield* TaskPool.make()
      yield* closed.seal
      const task = yield* work("a", () => work("b", undefined, { pool: closed }))
      const found = defect(yield* task.exit)
      assert.instanceOf(found, DispatchError)
      assert.strictEqual((found as DispatchError).reason._tag, "PoolClosed")
      assert.strictEqual(yield* exitStatus(task), "error")
    }).pipe(withPool()))

  it.effect("await fails with the same error that exit holds", () =>
    Effect.gen(function*() {
      const held = gate()
      const task = yield* work("a", () => Effect.andThen(held.wait, Effect.fail(new TestError({ id: "a" }))))
      const waiter = yield* Effect.forkChild(Effect.flip(task.await))
      yield* settleTurns
      yield* held.open
      assert.strictEqual(yield* Fiber.join(waiter), failure(yield* task.exit))
    }).pipe(withPool()))
})
