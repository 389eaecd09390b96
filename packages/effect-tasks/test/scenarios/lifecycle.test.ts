import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Logger, Option, References } from "effect"
import { HandlerInterrupted, Job, type Task, TaskPool, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
  defect,
  failure,
  gate,
  recordEvents,
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

class Silent extends Job.make("Silent") {}
class Kept extends Job.make("Kept", { ...scripted, persistent: true }) {}

const exitStatus = (task: Pick<Task.Any, "status">) =>
  Effect.map(task.status, (status) => Option.getOrNull(status.exitStatus))

const endsAtOnce = <A, E, R>(wait: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(wait)
    yield* settleTurns
    assert.isDefined(fiber.pollUnsafe())
    return yield* Fiber.join(fiber)
  })

describe("6.4 Lifecycle", () => {
  it.effect("32. a task goes Queued, Running, Stopping, Exited; its times are set in that order", () =>
    Effect.gen(function*() {
      const events = yield* recordEvents
      const busy = yield* work("busy", () => Effect.sleep(10))
      const task = yield* work("a", () => Effect.sleep(20))
      assert.strictEqual(yield* stateOf(task), "Queued")
      yield* settleTurns
      yield* TestClock.adjust(10)
      yield* busy.await
      yield* awaitState(task, "Running")
      const running = yield* task.status
      assert.deepStrictEqual([running.startedAt, running.finishedAt], [Option.some(10), Option.none()])
      yield* settleTurns
      yield* TestClock.adjust(20)
      yield* task.await
      const { finishedAt, queuedAt, startedAt, state } = yield* task.status
      assert.deepStrictEqual([state, queuedAt, startedAt, finishedAt], ["Exited", 0, Option.some(10), Option.some(30)])
      yield* settleTurns
      const own = events.filter((event) => "taskId" in event && event.taskId === task.id)
      assert.deepStrictEqual(own.map(({ _tag }) => _tag), ["TaskQueued", "TaskStarted", "TaskStopping", "TaskExited"])
    }).pipe(withPool({ workers: 1 })))

  it.effect("33. a handler that just returns has succeeded", () =>
    Effect.gen(function*() {
      const layer = Silent.toLayer(() => Effect.void)
      const status = yield* Effect.gen(function*() {
        const task = yield* Silent.dispatch()
        assert.deepStrictEqual(yield* task.exit, Exit.void)
        return yield* exitStatus(task)
      }).pipe(Effect.provide(layer))
      assert.strictEqual(status, "success")
    }).pipe(withPool()))

  it.effect("34. a handler that fails ends as error there, with the error readable", () =>
    Effect.gen(function*() {
      const seen = trace()
      const task = yield* work("a", () => Effect.andThen(new TestError({ id: "a" }), seen.push("went on")))
      assert.deepStrictEqual(failure(yield* task.exit), new TestError({ id: "a" }))
      assert.strictEqual(yield* exitStatus(task), "error")
      assert.deepStrictEqual(yield* Effect.flip(task.await), new TestError({ id: "a" }))
      assert.deepStrictEqual(seen.log, [])
    }).pipe(withPool()))

  it.effect("35. a handler that crashes ends as error with the defect; its worker takes the next task", () =>
    Effect.gen(function*() {
      const boom = new Error("boom")
      const task = yield* work("a", () => Effect.die(boom))
      const next = yield* work("b")
      assert.strictEqual(defect(yield* task.exit), boom)
      assert.strictEqual(yield* exitStatus(task), "error")
      assert.strictEqual(yield* next.await, "b")
    }).pipe(withPool({ workers: 1 })))

  it.effect("36. a failure or crash with nothing in it is still an error", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const failed = yield* work("a", () => Effect.fail(undefined as unknown as TestError), { pool })
      const died = yield* work("b", () => Effect.die(undefined), { pool })
      assert.strictEqual(failure(yield* failed.exit), undefined)
      assert.strictEqual(defect(yield* died.exit), undefined)
      assert.deepStrictEqual([yield* exitStatus(failed), yield* exitStatus(died)], ["error", "error"])
      assert.strictEqual((yield* pool.status).failed, 2)
      assert.lengthOf(yield* pool.failures, 2)
    }).pipe(withPool()))

  it.effect("37. a handler goes on after a success, and after a failure that it handles", () =>
    Effect.gen(function*() {
      const task = yield* work("a", () =>
        Exit.void.pipe(
          Effect.andThen(Effect.ignore(new TestError({ id: "handled" }))),
          Effect.as("done")
        ))
      assert.strictEqual(yield* task.await, "done")
      assert.strictEqual(yield* exitStatus(task), "success")
    }).pipe(withPool()))

  it.effect("38. nobody sees Exited without exit, exit status and finish time, nor any of them before", () =>
    Effect.gen(function*() {
      const seen = new Set<Task.State>()
      const check = (task: Pick<ScriptedTask, "status">) =>
        Effect.map(task.status, ({ exit, exitStatus, finishedAt, state }) => {
          const ended = [exit, exitStatus, finishedAt].map((part) => part._tag === "Some")
          assert.deepStrictEqual(ended, Array.from({ length: 3 }, () => state === "Exited"))
          seen.add(state)
        })
      const ends = [Effect.yieldNow, new TestError({ id: "a" }), Effect.die("boom"), Effect.never]
      const observers = []
      for (let i = 0; i < 40; i++) {
        const self: { task?: ScriptedTask } = {}
        const task = yield* work(
          `${i}`,
          () =>
            Effect.addFinalizer(() => Effect.andThen(Effect.yieldNow, check(self.task!))).pipe(
              Effect.andThen(Effect.yieldNow),
              Effect.andThen(ends[i % 4]!)
            )
        )
        self.task = task
        yield* task.onExit(() => check(task))
        const observe = Effect.andThen(check(task), Effect.yieldNow).pipe(
          Effect.andThen(stateOf(task)),
          Effect.repeat({ until: (state) => state === "Exited" })
        )
        observers.push(yield* Effect.forkChild(observe))
        if (i % 4 === 3) yield* Effect.forkChild(Effect.andThen(awaitState(task, "Running"), task.cancel()))
      }
      yield* Fiber.joinAll(observers)
      assert.includeMembers([...seen], ["Queued", "Running", "Stopping", "Exited"])
    }).pipe(withPool()))

  it.effect("39. a task that never started has no start and a run time of 0", () =>
    Effect.gen(function*() {
      yield* work("busy", () => Effect.never)
      const task = yield* work("a")
      yield* TestClock.adjust("1 minute")
      yield* task.cancel()
      yield* TestClock.adjust("1 minute")
      const { queueTime, runTime, startedAt } = yield* task.status
      assert.deepStrictEqual({ queueTime, runTime, startedAt }, {
        queueTime: 60_000,
        runTime: 0,
        startedAt: Option.none()
      })
    }).pipe(withPool({ workers: 1 })))

  it.effect("40. waiting for what has finished, or for nothing, returns at once", () =>
    Effect.gen(function*() {
      const task = yield* work("a")
      yield* task.exit
      assert.strictEqual(yield* endsAtOnce(task.await), "a")
      assert.deepStrictEqual(yield* endsAtOnce(task.exit), Exit.succeed("a"))
      const pool = yield* TaskPool.make()
      assert.strictEqual((yield* endsAtOnce(pool.join)).total, 0)
    }).pipe(withPool()))

  it.effect("41. all waiters of a task wake when it ends", () =>
    Effect.gen(function*() {
      const held = gate()
      const task = yield* work("a", () => Effect.as(held.wait, "done"))
      const waiters = yield* Effect.forEach(Array.from({ length: 100 }), () => Effect.forkChild(task.await))
      yield* settleTurns
      assert.isTrue(waiters.every((fiber) => fiber.pollUnsafe() === undefined))
      yield* held.open
      yield* settleTurns
      assert.isTrue(waiters.every((fiber) => fiber.pollUnsafe() !== undefined))
      assert.deepStrictEqual(new Set(yield* Effect.forEach(waiters, Fiber.join)), new Set(["done"]))
    }).pipe(withPool()))

  it.effect("42. when a wait returns, the hooks have run and the pool counts the task", () =>
    Effect.gen(function*() {
      const seen = trace()
      const pool = yield* TaskPool.make()
      const task = yield* work("a", () => seen.push("handler"), { pool })
      yield* task.onSuccess(() => Effect.andThen(Effect.yieldNow, seen.push("onSuccess")))
      yield* task.onExit(() => Effect.andThen(Effect.yieldNow, seen.push("onExit")))
      yield* task.await
      assert.deepStrictEqual(seen.log, ["handler", "onExit", "onSuccess"])
      assert.strictEqual((yield* pool.status).complete, 1)
    }).pipe(withPool()))

  it.effect("43. a finished task stays readable by its id until `history` newer ones have ended", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const tasks: Array<ScriptedTask> = []
      for (let i = 0; i < 25; i++) {
        const task = yield* work(`${i}`, (self) => Effect.as(self.report(i), i))
        yield* task.await
        tasks.push(task)
      }
      const visible = yield* Effect.filter(tasks, (task) => Effect.map(workerPool.task(task.id), Option.isSome))
      assert.deepStrictEqual(visible.map(({ id }) => id), tasks.slice(15).map(({ id }) => id))
      assert.lengthOf(yield* workerPool.tasks, 10)
      const { exit, exitStatus, progress } = yield* Option.getOrThrow(yield* workerPool.task(tasks[24]!.id)).status
      assert.deepStrictEqual([exit, exitStatus, progress], [
        Option.some(Exit.succeed(24)),
        Option.some("success"),
        Option.some(24)
      ])
      assert.strictEqual(yield* tasks[0]!.await, 0)
    }).pipe(withPool({ history: 10 })))

  it.effect("43. a job can choose to keep its results beyond the history", () =>
    Effect.gen(function*() {
      let runs = 0
      yield* script("k", () => Effect.sync(() => ++runs))
      yield* (yield* Kept.dispatch({ id: "k" })).await
      for (let i = 0; i < 5; i++) yield* (yield* work(`${i}`)).await
      assert.strictEqual(yield* (yield* Kept.dispatch({ id: "k" })).await, 1)
    }).pipe(withPool({ history: 2 }, Kept)))

  it.effect("44. after a task has ended no call changes it", () =>
    Effect.gen(function*() {
      let leaked: Task.TaskContext<unknown, TestError, number, string> | undefined
      const task = yield* work("a", (self) => {
        leaked = self
        return Effect.as(self.report(1), "done")
      })
      yield* task.await
      const before = yield* task.status
      yield* task.cancel({ reason: "late" })
      yield* task.setTimeout(1)
      yield* task.setPriority(999)
      yield* leaked!.report(2)
      yield* leaked!.setTimeout(1)
      yield* Effect.exit(task.send("late"))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* task.status, before)
      assert.strictEqual(yield* task.await, "done")
    }).pipe(withPool()))

  it.effect("45. the queue time grows while a task waits and is start minus dispatch afterwards", () =>
    Effect.gen(function*() {
      const held = gate()
      yield* work("busy", () => held.wait)
      yield* settleTurns
      const task = yield* work("a")
      yield* TestClock.adjust(100)
      assert.strictEqual((yield* task.status).queueTime, 100)
      yield* TestClock.adjust(150)
      assert.strictEqual((yield* task.status).queueTime, 250)
      yield* held.open
      yield* task.await
      yield* TestClock.adjust(1000)
      const { queueTime, queuedAt, startedAt } = yield* task.status
      assert.strictEqual(queueTime, 250)
      assert.strictEqual(Option.getOrThrow(startedAt) - queuedAt, 250)
    }).pipe(withPool({ workers: 1 })))

  it.effect("46. whatever a handler does, the number of workers is the same afterwards", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const bad: Array<() => Effect.Effect<unknown, TestError>> = [
        () => Effect.die("boom"),
        () => {
          throw new Error("on the stack")
        },
        () =>
          Effect.sync(() => {
            throw new Error("in an effect")
          }),
        () => Effect.interrupt,
        () => Effect.withFiber((fiber) => Effect.andThen(Effect.sync(() => fiber.interruptUnsafe()), Effect.never)),
        () =>
          Effect.flatMap(Effect.forkChild(Effect.never), (fiber) =>
            Effect.andThen(Fiber.interrupt(fiber), Fiber.join(fiber))),
        () =>
          new TestError({ id: "a" })
      ]
      for (const [i, handler] of [...bad, ...bad].entries()) {
        const task = yield* work(`bad${i}`, handler)
        assert.isTrue(Exit.isFailure(yield* task.exit))
        assert.strictEqual(yield* exitStatus(task), "error")
      }
      const cancelled = yield* work("cancelled", () => Effect.never)
      yield* awaitState(cancelled, "Running")
      yield* cancelled.cancel()
      const { busy, workers } = yield* workerPool.status
      assert.deepStrictEqual({ busy, workers }, { busy: 0, workers: 2 })
      const after = yield* Effect.forEach(["a", "b", "c"], (id) => work(id, () => Effect.never))
      yield* settleTurns
      assert.deepStrictEqual(yield* Effect.forEach(after, stateOf), ["Running", "Running", "Queued"])
    }).pipe(withPool({ workers: 2 })))

  it.effect("46. a handler that interrupts itself ends as error, named as such", () =>
    Effect.gen(function*() {
      const task = yield* work("a", () => Effect.interrupt)
      assert.deepStrictEqual(defect(yield* task.exit), new HandlerInterrupted({ taskId: task.id, job: "Work" }))
    }).pipe(withPool()))

  it.effect("47. logs made inside a task carry its id, job and pool", () => {
    const logs: Array<ReadonlyArray<unknown>> = []
    const logger = Logger.make<unknown, void>(({ fiber, message }) => {
      if ([message].flat()[0] === "inside") {
        logs.push(Object.values(fiber.getRef(References.CurrentLogAnnotations)))
      }
    })
    return Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const task = yield* work("a", () => Effect.log("inside"), { pool })
      yield* task.await
      yield* Effect.log("inside")
      assert.includeMembers([...logs[0]!], [task.id, "Work", pool.id])
      assert.notInclude(logs[1]!, task.id)
      assert.lengthOf(yield* Work.tasks, 1)
    }).pipe(withPool(), Effect.provide(Logger.layer([logger])))
  })
})
