import { assert, describe } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Stream } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import { canceled, gate, script, scripted, TestError, timedOut, trace, Work, work } from "../support.ts"
import { outcomeOf, overlap, race, raceWithClose, refusalOf, together } from "./race.ts"

class Retried extends Job.make("Retried", { ...scripted, retry: { times: 3 } }) {}
class Once extends Job.make("Once", { ...scripted, unique: true }) {}

/** Between the end of the handler layer and that of the worker pool the job is not registered. */
const refusals = ["WorkerPoolClosed", "JobNotRegistered"]

describe("E. Timers under every schedule", () => {
  race(
    "E2: no deadline outlives its task, however the task ends",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const tasks = yield* Effect.forEach(
        ["a", "b", "c"],
        (id) => work(id, (self) => Effect.andThen(self.setTimeout("1 hour"), Effect.yieldNow), { timeout: "1 hour" })
      )
      yield* together(
        Effect.andThen(Effect.yieldNow, tasks[0]!.cancel()),
        tasks[1]!.setTimeout("2 hours"),
        Effect.andThen(tasks[2]!.exit, tasks[2]!.setTimeout("2 hours"))
      )
    })
  )

  race(
    "E2: a delay that ends while its task is cancelled starts nothing",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const seen = trace()
      const task = yield* work("a", () => seen.push("ran"), { delay: 10 })
      const stop = Effect.delay(Effect.andThen(task.cancel(), seen.push("canceled")), 10)
      yield* together(stop, task.exit)
      const { startedAt } = yield* task.status
      if (startedAt._tag === "None") assert.deepStrictEqual(seen.log, ["canceled"])
      assert.strictEqual(seen.log.at(-1), "canceled")
    })
  )

  race(
    "E2: a queueTimeout that passes while its task starts either keeps it from running or never fires",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const seen = trace()
      yield* work("first", () => Effect.sleep(10))
      const task = yield* work("a", () => Effect.andThen(Effect.yieldNow, seen.push("ran")), { queueTimeout: 10 })
      const exit = yield* task.exit
      if (seen.log.length === 0) assert.strictEqual(timedOut(exit).phase, "queued")
      else assert.strictEqual(outcomeOf(exit), "success")
    })
  )

  race(
    "a cancel that comes between two attempts starts no further one",
    { workers: 1 },
    [Retried],
    Effect.gen(function*() {
      const { enter, seen } = overlap()
      yield* script("a", () => Effect.andThen(enter, new TestError({ id: "a" })))
      const task = yield* Retried.dispatch({ id: "a" })
      let late: number | undefined
      const stop = Effect.gen(function*() {
        yield* task.cancel()
        late = seen.entered
      })
      yield* together(Effect.andThen(Effect.yieldNow, stop), task.exit)
      yield* Effect.sleep(1)
      assert.strictEqual(seen.inside, 0)
      assert.strictEqual(seen.peak <= 1, true)
      if (outcomeOf(yield* task.exit) === "canceled") assert.strictEqual(seen.entered, late)
      else assert.strictEqual(seen.entered, 4)
    })
  )

  race(
    "a dispatch that waits for room and is interrupted leaves no trace, or its task runs",
    { workers: 1, capacity: 1 },
    [],
    Effect.gen(function*() {
      const held = gate()
      yield* work("first", () => held.wait)
      yield* Effect.sleep(1)
      yield* work("second")
      const waiting = yield* Effect.forkChild(work("third"))
      const other = yield* Effect.forkChild(work("fourth"))
      yield* together(Fiber.interrupt(waiting), Effect.andThen(Effect.yieldNow, held.open))
      assert.strictEqual(yield* (yield* Fiber.join(other)).await, "fourth")
      const third = yield* Work.find({ id: "third" })
      if (Option.isSome(third)) assert.strictEqual(outcomeOf(yield* third.value.exit), "success")
    })
  )

  race(
    "dispatches that wait for room are admitted or refused with their pool, never lost",
    { workers: 1, capacity: 1 },
    [Once],
    Effect.gen(function*() {
      const held = gate()
      const pool = yield* TaskPool.make()
      yield* work("first", () => held.wait)
      yield* Effect.sleep(1)
      yield* work("second")
      const waiting = Effect.exit(Once.dispatch({ id: "k" }, { pool }))
      const [a, b] = yield* Effect.all([waiting, waiting, pool.cancel(), Effect.andThen(Effect.yieldNow, held.open)], {
        concurrency: "unbounded"
      })
      for (const exit of [a, b]) {
        if (Exit.isSuccess(exit)) assert.include(["success", "canceled"], outcomeOf(yield* exit.value.exit))
        else assert.strictEqual(refusalOf(exit), "PoolClosed")
      }
      yield* pool.settled
    })
  )
})

describe("G. Shutdown under every schedule", () => {
  raceWithClose(
    "G1: tasks that are queued at shutdown are cancelled and every wait returns",
    { workers: 1 },
    [],
    (close) =>
      Effect.gen(function*() {
        const seen = trace()
        yield* work("running", () => Effect.never)
        const tasks = yield* Effect.forEach(["a", "b"], (id) => work(id, () => Effect.void))
        const delayed = yield* work("c", () => Effect.void, { delay: "1 hour" })
        yield* delayed.onExit(() => Effect.andThen(Effect.yieldNow, seen.push("hook")))
        yield* together(close, ...[...tasks, delayed].map((task) => task.exit))
        for (const task of [...tasks, delayed]) assert.strictEqual(canceled(yield* task.exit).reason, "shutdown")
        assert.deepStrictEqual(seen.log, ["hook"])
      })
  )

  raceWithClose(
    "G2: running tasks in pools of pools are stopped when the shutdown ends",
    { workers: 2 },
    [],
    (close) =>
      Effect.gen(function*() {
        const { enter, seen } = overlap()
        const parent = yield* work("parent", () =>
          TaskPool.use((pool) =>
            Effect.forEach(["a", "b"], (id) =>
              work(id, () => Effect.andThen(enter, Effect.never), { pool }))
          ))
        const waiting = yield* Effect.forkChild(parent.exit)
        yield* Effect.yieldNow
        yield* close
        assert.strictEqual(seen.inside, 0)
        canceled(yield* Fiber.join(waiting))
      })
  )

  raceWithClose(
    "G3: a dispatch that races with the shutdown is refused, or its task is cancelled; every operation returns",
    { workers: 1 },
    [],
    (close) =>
      Effect.gen(function*() {
        const workerPool = yield* WorkerPool
        const dispatched = Effect.andThen(Effect.yieldNow, Effect.exit(work("a", () => Effect.never)))
        const [a, b] = yield* Effect.all([dispatched, dispatched, Effect.andThen(Effect.yieldNow, close)], {
          concurrency: "unbounded"
        })
        for (const exit of [a, b]) {
          if (Exit.isFailure(exit)) assert.include(refusals, refusalOf(exit))
          else {
            const task = exit.value
            canceled(yield* task.exit)
            yield* together(task.cancel(), task.setTimeout(1), task.setPriority(1), Stream.runDrain(task.progress))
            assert.strictEqual((yield* Effect.exit(task.send("late")))._tag, "Failure")
            assert.strictEqual((yield* Effect.exit(task.recompute))._tag, "Failure")
          }
        }
        yield* together(workerPool.drain, workerPool.global.settled, workerPool.resume, workerPool.resize(2))
        assert.strictEqual(refusalOf(yield* Effect.exit(work("late"))), "WorkerPoolClosed")
      })
  )

  raceWithClose(
    "G3: dispatchers that wait for room when the shutdown comes are refused",
    { workers: 1, capacity: 1 },
    [],
    (close) =>
      Effect.gen(function*() {
        yield* work("first", () => Effect.never)
        yield* Effect.sleep(1)
        yield* work("second")
        const waiting = yield* Effect.forkChild(Effect.exit(work("third")))
        yield* together(Effect.andThen(Effect.yieldNow, close), Fiber.await(waiting))
        const exit = yield* Fiber.join(waiting)
        if (Exit.isFailure(exit)) assert.include(refusals, refusalOf(exit))
        else canceled(yield* exit.value.exit)
      })
  )

  raceWithClose(
    "G5: live tasks finish within the grace and may dispatch until it ends",
    { workers: 1, gracePeriod: 20 },
    [],
    (close) =>
      Effect.gen(function*() {
        const parent = yield* work("parent", () =>
          Effect.andThen(
            Effect.sleep(10),
            TaskPool.use((pool) => Effect.flatMap(work("child", () => Effect.sleep(10), { pool }), (task) => task.exit))
          ))
        yield* Effect.sleep(1)
        yield* together(close, parent.exit)
        assert.include(["success", "canceled"], outcomeOf(yield* parent.exit))
      })
  )

  race(
    "G5: a drain returns when nothing is left, whatever is dispatched and cancelled meanwhile",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const { drain } = yield* WorkerPool
      const first = yield* work("a", () => Effect.andThen(work("b", () => Effect.yieldNow), Effect.yieldNow))
      yield* first.onExit(() => Effect.yieldNow)
      yield* together(drain, Effect.andThen(Effect.yieldNow, first.cancel()), drain)
      for (const task of yield* Work.tasks) assert.strictEqual((yield* task.status).state, "Exited")
    })
  )
})
