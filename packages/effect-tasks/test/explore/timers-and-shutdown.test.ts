import { assert, describe } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Option, Stream } from "effect"
import { Job, Limit, TaskPool, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  canceled,
  gate,
  script,
  scripted,
  scriptedLayer,
  type ScriptedTask,
  TestError,
  timedOut,
  trace,
  Work,
  work
} from "../support.ts"
import { outcomeOf, overlap, race, raceWithClose, refusalOf, together } from "./race.ts"

class Retried extends Job.make("Retried", { ...scripted, retry: { times: 3 } }) {}
class Once extends Job.make("Once", { ...scripted, unique: true }) {}
class Rated extends Job.make("Rated", { ...scripted, rate: { limit: 1, window: 10 } }) {}
class Keyed extends Job.make("Keyed", { ...scripted, rate: { limit: 9, window: 10, key: ({ id }) => id[0]! } }) {}
class Newest extends Job.make("Newest", { ...scripted, key: () => "one", unique: "latest", delay: 10, maxDelay: 15 }) {}

/** When tasks have started, those that have. */
const startsOf = (tasks: ReadonlyArray<ScriptedTask>) =>
  Effect.map(
    Effect.forEach(tasks, ({ status }) => status),
    (statuses) => statuses.flatMap(({ startedAt }) => Option.toArray(startedAt)).toSorted((a, b) => a - b)
  )

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

describe("E. Rates, snoozes and pauses under every schedule", () => {
  race(
    "a cancel that comes with the token of a rate: the task starts or leaves the token to the next",
    { workers: 2 },
    [Rated],
    Effect.gen(function*() {
      for (const id of ["a", "b", "c"]) yield* script(id, () => Effect.yieldNow)
      const tasks = yield* Effect.forEach(["a", "b", "c"], (id) => Rated.dispatch({ id }))
      yield* together(Effect.delay(tasks[1]!.cancel(), 10), ...tasks.map(({ exit }) => exit))
      const starts = yield* startsOf(tasks)
      assert.strictEqual(starts.length, Option.isSome((yield* tasks[1]!.status).startedAt) ? 3 : 2)
      for (const [n, start] of starts.slice(1).entries()) assert.isAtLeast(start - starts[n]!, 10)
    })
  )

  race(
    "a queueTimeout that passes when the token comes either keeps its task from running or never fires",
    { workers: 1 },
    [Rated],
    Effect.gen(function*() {
      const seen = trace()
      yield* script("a", () => Effect.void)
      yield* script("b", () => seen.push("ran"))
      yield* Rated.dispatch({ id: "a" })
      const task = yield* Rated.dispatch({ id: "b" }, { queueTimeout: 10 })
      const exit = yield* task.exit
      if (seen.log.length === 0) assert.strictEqual(timedOut(exit).phase, "queued")
      else assert.strictEqual(outcomeOf(exit), "success")
    })
  )

  race(
    "a rate that is resized while its tasks wait and are cancelled starts all that are left",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const limit = Limit.rate({ limit: 1, window: 10 })
      const Shared = Job.make("Shared", { ...scripted, limits: [limit] })
      yield* Effect.gen(function*() {
        for (const id of ["a", "b", "c", "d"]) yield* script(id, () => Effect.yieldNow)
        const tasks = yield* Effect.forEach(["a", "b", "c", "d"], (id) => Shared.dispatch({ id }))
        yield* together(Effect.andThen(Effect.yieldNow, limit.resize(3)), tasks[1]!.cancel(), limit.resize(2))
        for (const task of [tasks[0]!, tasks[2]!, tasks[3]!]) yield* task.await
      }).pipe(Effect.provide(scriptedLayer(Shared)))
    })
  )

  race(
    "a cancel that comes as a snooze ends starts no further attempt",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const { enter, seen } = overlap()
      const task = yield* work("a", (self) => Effect.andThen(enter, self.snoozes < 3 ? self.snooze(10) : Effect.void))
      let late: number | undefined
      const stop = Effect.gen(function*() {
        yield* task.cancel()
        late = seen.entered
      })
      yield* together(Effect.delay(stop, 10), task.exit)
      yield* Effect.sleep(30)
      assert.strictEqual(seen.inside, 0)
      assert.isAtMost(seen.peak, 1)
      if (outcomeOf(yield* task.exit) === "canceled") assert.strictEqual(seen.entered, late)
      else assert.strictEqual(seen.entered, 4)
    })
  )

  race(
    "a timeout that passes as a snooze ends is the end of the task",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const { enter, seen } = overlap()
      const task = yield* work("a", (self) => Effect.andThen(enter, self.snooze(10)), { timeout: 10 })
      assert.strictEqual(timedOut(yield* task.exit).phase, "running")
      const { entered } = seen
      yield* Effect.sleep(30)
      assert.deepStrictEqual([seen.entered, seen.inside], [entered, 0])
    })
  )

  race(
    "a snooze that holds its key back: nothing of the key starts meanwhile, whatever is cancelled",
    { workers: 3 },
    [Keyed],
    Effect.gen(function*() {
      let from = 0
      const hold = Effect.map(Clock.currentTimeMillis, (now) => void (from = now))
      yield* script(
        "a1",
        (self) => self.snoozes === 0 ? Effect.andThen(hold, self.snooze(20, { hold: true })) : Effect.void
      )
      for (const id of ["a2", "a3", "b1"]) yield* script(id, () => Effect.void)
      const first = yield* Keyed.dispatch({ id: "a1" })
      yield* TestClock.adjust(0) // it snoozes now, and nothing else can run
      const [a2, a3, b1] = [
        yield* Keyed.dispatch({ id: "a2" }),
        yield* Keyed.dispatch({ id: "a3" }),
        yield* Keyed.dispatch({ id: "b1" })
      ]
      yield* together(first.cancel(), b1.exit, Effect.delay(a2.cancel(), 20))
      yield* a3.await
      assert.isAtLeast(Option.getOrThrow((yield* a3.status).startedAt) - from, 20)
    })
  )

  race(
    "a job that is paused and resumed while its tasks come, wait and are cancelled: all of them end",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const dispatched = Effect.forEach(["a", "b", "c"], (id) => work(id, () => Effect.yieldNow))
      const [tasks] = yield* Effect.all([
        dispatched,
        Effect.andThen(Work.pause(), Effect.andThen(Effect.yieldNow, Work.resume)),
        Effect.andThen(Work.pause({ for: 10 }), Effect.yieldNow),
        Effect.andThen(Effect.yieldNow, Work.resume)
      ], { concurrency: "unbounded" })
      yield* together(tasks[0]!.cancel(), Work.resume)
      yield* Work.pause({ for: 10 }) // what a pause without end has left waiting goes on after this one
      yield* together(...tasks.map(({ exit }) => exit))
    })
  )

  race(
    "a dispatch that races with the delay of the task that it would replace: the newest payload runs, and nothing is lost",
    { workers: 1 },
    [Newest],
    Effect.gen(function*() {
      const seen = trace()
      for (const id of ["a", "b", "c"]) yield* script(id, () => Effect.andThen(Effect.yieldNow, seen.push(id)))
      const first = yield* Newest.dispatch({ id: "a" })
      const second = yield* Effect.delay(Newest.dispatch({ id: "b" }), 10)
      const third = yield* Effect.delay(Newest.dispatch({ id: "c" }), 5)
      for (const task of [first, second, third]) assert.strictEqual(outcomeOf(yield* task.exit), "success")
      assert.strictEqual(seen.log.at(-1), "c")
      assert.strictEqual(seen.log.length, new Set([first, second, third].map(({ id }) => id)).size)
    })
  )
})

describe("D. Many dispatches and limits of pools under every schedule", () => {
  race(
    "a dispatchAll that races with the cancel of its pool: what it has made ends, and nothing more is made",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const seen = trace()
      for (const id of ["a", "b", "c", "d"]) yield* script(id, () => Effect.andThen(seen.push(id), Effect.yieldNow))
      const pool = yield* TaskPool.make()
      const items = ["a", "b", "c", "d"].map((id) => ({ id }))
      let made: number | undefined
      const stop = Effect.gen(function*() {
        yield* pool.cancel()
        made = seen.log.length
      })
      const [exit] = yield* Effect.all([
        Effect.exit(Work.dispatchAll(items.values(), { pool, ahead: 1 })),
        Effect.andThen(Effect.yieldNow, stop)
      ], { concurrency: "unbounded" })
      if (Exit.isFailure(exit)) assert.strictEqual(refusalOf(exit), "PoolClosed")
      assert.strictEqual(seen.log.length, made)
      const { complete, total } = yield* pool.settled
      assert.strictEqual(complete, total)
    })
  )

  race(
    "a dispatchAll of a Stream that is interrupted makes no more, and its pool ends",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      let ran = 0
      const third = gate()
      yield* script(
        "a",
        () => Effect.andThen(Effect.yieldNow, Effect.suspend(() => ++ran === 3 ? third.open : Effect.void))
      )
      const items = Stream.rechunk(Stream.forever(Stream.make({ id: "a" })), 2)
      const all = yield* Effect.forkChild(Work.dispatchAll(items, { pool }))
      yield* third.wait
      const [total] = yield* Effect.all([
        Effect.andThen(Fiber.interrupt(all), Effect.map(pool.status, ({ total }) => total)),
        pool.settled
      ], { concurrency: "unbounded" })
      assert.strictEqual((yield* pool.settled).total, total)
    })
  )

  race(
    "a pool that is limited, resized and cancelled while tasks of pools below start and end",
    { workers: 4 },
    [],
    Effect.gen(function*() {
      const { enter, seen } = overlap()
      const pool = yield* TaskPool.make({ concurrency: 1 })
      for (const id of ["1", "2", "3"]) yield* script(id, () => Effect.andThen(enter, Effect.yieldNow))
      const parents = yield* Effect.forEach(
        ["a", "b"],
        (id) =>
          work(id, () =>
            TaskPool.forEach(["1", "2", "3"], (leaf, below) => work(leaf, undefined, { pool: below }), {
              concurrency: 2
            }), { pool })
      )
      yield* together(
        Effect.andThen(Effect.yieldNow, pool.resize(2)),
        parents[0]!.cancel(),
        Effect.exit(pool.join)
      )
      assert.isAtMost(seen.peak, 2)
      assert.strictEqual(outcomeOf(yield* parents[1]!.exit), "success")
    })
  )
})

describe("G. Shutdown under every schedule", () => {
  raceWithClose(
    "G1: what a rate, a pause, a hold or a snooze keeps waiting is cancelled at shutdown, and every wait returns",
    { workers: 2 },
    [Rated, Keyed],
    (close) =>
      Effect.gen(function*() {
        for (const id of ["a", "b", "c"]) yield* script(id, () => Effect.void)
        yield* script("d", (self) => self.snooze("1 hour", { hold: true }))
        const snoozing = yield* Keyed.dispatch({ id: "d" })
        yield* (yield* Rated.dispatch({ id: "a" })).exit
        const rated = yield* Rated.dispatch({ id: "b" })
        yield* Work.pause()
        const paused = yield* work("c", () => Effect.void)
        const held = yield* Keyed.dispatch({ id: "d" })
        yield* together(close, snoozing.exit, rated.exit, paused.exit, held.exit)
        for (const task of [snoozing, paused, held]) assert.strictEqual(canceled(yield* task.exit).reason, "shutdown")
        assert.include(["success", "canceled"], outcomeOf(yield* rated.exit))
      })
  )

  raceWithClose(
    "G3: a dispatchAll that races with the shutdown ends, and so does all that it has made",
    { workers: 1 },
    [],
    (close) =>
      Effect.gen(function*() {
        yield* script("a", () => Effect.yieldNow)
        const items = Array.from({ length: 4 }, () => ({ id: "a" }))
        const all = Effect.andThen(Effect.yieldNow, Effect.exit(Work.dispatchAll(items.values(), { ahead: 2 })))
        const [exit] = yield* Effect.all([all, Effect.andThen(Effect.yieldNow, close)], { concurrency: "unbounded" })
        if (Exit.isFailure(exit)) assert.include(refusals, refusalOf(exit))
      })
  )

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
