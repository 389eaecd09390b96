import { assert, describe } from "@effect/vitest"
import { Effect, Exit, Fiber, Option } from "effect"
import { Job, type Task, TaskPool } from "effect-tasks"
import { canceled, failure, gate, script, scripted, TestError, trace, work } from "../support.ts"
import { outcomeOf, overlap, race, refusalOf, together } from "./race.ts"

class Once extends Job.make("Once", { ...scripted, unique: true }) {}

/** A parent that waits for one child in a pool of its own. */
const parentOf = (child: Effect.Effect<unknown>, options?: Job.DispatchOptions) =>
  work(
    "parent",
    () => TaskPool.use((pool) => Effect.andThen(work("child", () => child, { pool }), Effect.succeed("done"))),
    options
  )

describe("A. Status and cancel under every schedule", () => {
  race(
    "A1: a cancel that reaches a waiting parent while its child ends is never turned into success",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const ended = trace()
      const parent = yield* parentOf(Effect.andThen(Effect.yieldNow, ended.push("child")))
      yield* together(Effect.andThen(Effect.yieldNow, parent.cancel()), parent.exit)
      const outcome = outcomeOf(yield* parent.exit)
      assert.include(["success", "canceled"], outcome)
      if (outcome === "success") assert.deepStrictEqual(ended.log, ["child"])
      const pool = yield* parent.childPool
      if (outcome === "canceled" && Option.isSome(pool)) {
        const { complete, total } = yield* pool.value.status
        assert.strictEqual(complete, total)
      }
    })
  )

  race(
    "A1: a timeout that reaches a waiting parent while its child ends is never turned into success",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const parent = yield* parentOf(Effect.sleep(10), { timeout: 10 })
      const outcome = outcomeOf(yield* parent.exit)
      assert.include(["success", "timeout"], outcome)
      const { exitStatus, state } = yield* parent.status
      assert.strictEqual(state, "Exited")
      assert.deepStrictEqual(exitStatus, Option.some(outcome === "success" ? "success" : "error"))
    })
  )

  race(
    "A2: of a result, a cancel and a timeout the first is the outcome, and all are told the same",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const see = (exit: Exit.Exit<unknown, unknown>) => Effect.sync(() => seen.push(exit))
      const task = yield* work("a", () => Effect.as(Effect.sleep(10), "done"), { timeout: 10 })
      yield* task.onExit(see)
      yield* task.onSuccess(see)
      yield* task.onFailure(see)
      yield* together(
        Effect.delay(task.cancel(), 10),
        Effect.flatMap(task.exit, see),
        Effect.flatMap(Effect.exit(task.await), see)
      )
      assert.strictEqual(seen.length, 4)
      const exit = yield* task.exit
      for (const one of seen) assert.deepStrictEqual(one, exit)
      if (outcomeOf(exit) === "success") assert.deepStrictEqual(exit, Exit.succeed("done"))
      else assert.include(["canceled", "timeout"], outcomeOf(exit))
    })
  )

  race(
    "A3: a timeout is an error in every place that tells of it",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const task = yield* work("a", () => Effect.sleep(10), { pool, timeout: 10 })
      yield* together(pool.settled, Effect.exit(pool.join))
      const outcome = outcomeOf(yield* task.exit)
      const joined = yield* Effect.exit(pool.join)
      assert.strictEqual((yield* pool.status).failed, outcome === "success" ? 0 : 1)
      assert.strictEqual((yield* pool.failures).length, outcome === "success" ? 0 : 1)
      assert.strictEqual(Exit.isSuccess(joined), outcome === "success")
    })
  )

  race(
    "A4: a cancel that races with the start either stops the handler or keeps it from running",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      let called = false
      const late: Array<string> = []
      const tasks = yield* Effect.forEach(
        ["a", "b"],
        (id) =>
          work(id, () =>
            Effect.gen(function*() {
              if (called) late.push(id)
              yield* Effect.yieldNow
              return "ran"
            }))
      )
      yield* together(...tasks.map((task) => task.cancel()), Effect.sync(() => (called = false)))
      called = true
      for (const task of tasks) {
        const { exit, startedAt } = yield* task.status
        if (startedAt._tag === "None") canceled(Option.getOrThrow(exit))
        else assert.include(["success", "canceled"], outcomeOf(Option.getOrThrow(exit)))
      }
      assert.deepStrictEqual(late, [])
    })
  )

  race(
    "A4: a task that was cancelled before its dispatcher knew of it never runs",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const ran = trace()
      const held = gate()
      const pool = yield* TaskPool.make()
      yield* work("first", () => held.wait, { pool })
      const second = yield* work("second", () => ran.push("ran"), { pool })
      yield* together(held.open, Effect.andThen(second.cancel(), ran.push("canceled")), Effect.yieldNow)
      const { startedAt } = yield* second.status
      assert.deepStrictEqual(ran.log.filter((entry) => entry === "ran").length <= 1, true)
      if (startedAt._tag === "None") assert.notInclude(ran.log, "ran")
      assert.strictEqual(ran.log.at(-1), "canceled")
      yield* pool.settled
    })
  )

  race(
    "A5: a key that is dispatched again while its task is being cancelled never runs twice at once",
    { workers: 4 },
    [Once],
    Effect.gen(function*() {
      const { enter, seen } = overlap()
      yield* script("k", (task) =>
        Effect.gen(function*() {
          yield* task.onExit(() => Effect.scoped(Effect.andThen(enter, Effect.yieldNow)))
          yield* enter
          yield* Effect.yieldNow
        }))
      const first = yield* Once.dispatch({ id: "k" })
      const again = Effect.flatMap(Once.dispatch({ id: "k" }), (task) => task.exit)
      const stop = Effect.andThen(first.cancel(), first.exit)
      yield* together(stop, again, again)
      assert.isAtMost(seen.peak, 1)
      assert.strictEqual(seen.inside, 0)
    })
  )

  race(
    "A5: a cancel returns when the handler, its finalizers and the hooks have ended",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const seen = trace()
      let ran = false
      const task = yield* work("a", () =>
        Effect.gen(function*() {
          ran = true
          yield* Effect.addFinalizer(() => Effect.andThen(Effect.yieldNow, seen.push("finalizer")))
          yield* Effect.never
        }))
      yield* task.onExit(() => Effect.andThen(Effect.yieldNow, seen.push("hook")))
      const stopped = Effect.andThen(task.exit, seen.push("stopped"))
      yield* together(Effect.andThen(task.cancel(), stopped), Effect.andThen(task.cancel(), stopped), stopped)
      // a handler that was interrupted before its first step has acquired nothing
      const ends = seen.log.filter((entry) => entry !== "stopped")
      assert.include(["finalizer,hook", "hook"], ends.join())
      if (!ran) assert.strictEqual(ends.length, 1)
      assert.deepStrictEqual(seen.log.slice(-3), ["stopped", "stopped", "stopped"])
    })
  )

  race(
    "A6: no reader sees a torn status",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const task = yield* work("a", () => Effect.andThen(Effect.yieldNow, Effect.succeed("done")))
      const read = Effect.gen(function*() {
        const { exit, exitStatus, finishedAt, startedAt, state, worker } = yield* task.status
        const exited = state === "Exited"
        assert.deepStrictEqual(
          [exit, exitStatus, finishedAt].map((part) => part._tag),
          Array(3).fill(exited ? "Some" : "None")
        )
        if (state === "Running") assert.strictEqual(worker._tag, "Some")
        assert.strictEqual(startedAt._tag === "None", state === "Queued" || (exited && worker._tag === "None"))
        yield* Effect.yieldNow
        return exited
      })
      const reader = Effect.repeat(read, { until: (exited) => exited })
      yield* together(reader, reader, Effect.andThen(Effect.yieldNow, task.cancel()))
    })
  )

  race(
    "A7: failure hooks see the cancel, the error or the timeout that is the exit",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const seen: Array<Exit.Exit<unknown, unknown>> = []
      let registered = 0
      const register = (hooks: Task.Hooks<unknown, TestError>) =>
        Effect.uninterruptible(Effect.andThen(
          hooks.onFailure((exit) => Effect.sync(() => seen.push(exit))),
          Effect.sync(() => registered++)
        ))
      const task = yield* work("a", (self) =>
        Effect.gen(function*() {
          yield* register(self)
          yield* Effect.sleep(5)
          return yield* new TestError({ id: "a" })
        }), { timeout: 5 })
      yield* register(task)
      yield* Effect.delay(task.cancel(), 5)
      const exit = yield* task.exit
      assert.include(["error", "canceled", "timeout"], outcomeOf(exit))
      assert.strictEqual(seen.length, registered)
      for (const one of seen) assert.deepStrictEqual(failure(one), failure(exit))
    })
  )

  race(
    "A8: a cancel that comes with the success of a parent leaves a settled task as it was",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const parent = yield* parentOf(Effect.void)
      const stop = Effect.gen(function*() {
        yield* Effect.repeat(Effect.andThen(Effect.yieldNow, parent.status), {
          until: ({ state }) => state !== "Queued"
        })
        yield* parent.cancel()
      })
      yield* together(stop, parent.exit)
      const exit = yield* parent.exit
      yield* parent.cancel({ reason: "late" })
      assert.deepStrictEqual(yield* parent.exit, exit)
      const pool = yield* parent.childPool
      if (outcomeOf(exit) === "success") {
        assert.deepInclude(yield* Option.getOrThrow(pool).status, { complete: 1, canceled: 0 })
      }
    })
  )

  race(
    "A9: a cancel reaches every pool of a task, also the one that it is making",
    { workers: 4 },
    [],
    Effect.gen(function*() {
      const { enter, seen } = overlap()
      const pools: Array<TaskPool.TaskPool> = []
      const parent = yield* work("parent", () =>
        Effect.gen(function*() {
          yield* Effect.addFinalizer(() => Effect.sync(() => assert.strictEqual(seen.inside, 0)))
          for (const id of ["a", "b"]) {
            const pool = yield* TaskPool.make()
            pools.push(pool)
            yield* work(id, () => Effect.andThen(enter, Effect.never), { pool })
          }
          yield* Effect.never
        }))
      yield* Effect.yieldNow
      yield* together(parent.cancel(), Effect.andThen(Effect.yieldNow, parent.cancel()))
      canceled(yield* parent.exit)
      assert.strictEqual(seen.inside, 0)
      for (const pool of pools) assert.strictEqual((yield* pool.status).state, "done")
    })
  )

  race(
    "A10: a dispatch that races with the cancel of its pool is refused, or its task is cancelled and counted",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const { enter, seen } = overlap()
      const pool = yield* TaskPool.make()
      const dispatched = (id: string) => Effect.exit(work(id, () => Effect.andThen(enter, Effect.never), { pool }))
      const stop = Effect.andThen(pool.cancel(), Effect.sync(() => assert.strictEqual(seen.inside, 0)))
      const [, ...exits] = yield* Effect.all([
        Effect.andThen(Effect.yieldNow, stop),
        dispatched("a"),
        Effect.andThen(Effect.yieldNow, dispatched("b")),
        Effect.andThen(Effect.yieldNow, dispatched("c"))
      ], { concurrency: "unbounded" })
      const accepted = exits.filter(Exit.isSuccess)
      for (const exit of exits) {
        if (Exit.isSuccess(exit)) canceled(yield* exit.value.exit)
        else assert.strictEqual(refusalOf(exit), "PoolClosed")
      }
      const count = accepted.length
      assert.deepInclude(yield* pool.status, { state: "done", total: count, complete: count, canceled: count })
    })
  )

  race(
    "A11: a join tells a pool that was cancelled from one that has completed",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      yield* work("a", () => Effect.yieldNow, { pool })
      const joining = yield* Effect.forkChild(Effect.exit(pool.join))
      yield* together(Effect.andThen(Effect.yieldNow, pool.cancel({ reason: "enough" })), Fiber.join(joining))
      const joined = yield* Fiber.join(joining)
      assert.deepStrictEqual(joined, yield* Effect.exit(pool.join))
      const { canceled: count } = yield* pool.status
      if (Exit.isSuccess(joined)) assert.strictEqual(count, 0)
      else assert.deepInclude(failure(joined), { _tag: "PoolCanceled", reason: "enough" })
    })
  )

  race(
    "A12: hooks of cancelled children that touch their parent do not hold up its cancel",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const seen = trace()
      const parent: Task.Any = yield* work(
        "parent",
        () =>
          TaskPool.use((pool) =>
            Effect.forEach(["a", "b"], (id) =>
              Effect.flatMap(
                work(id, () => Effect.never, { pool }),
                (task) =>
                  task.onExit(() =>
                    Effect.gen(function*() {
                      yield* parent.status
                      yield* parent.cancel()
                      yield* pool.cancel()
                      yield* seen.push(id)
                    })
                  )
              ))
          )
      )
      yield* together(parent.cancel(), Effect.andThen(Effect.yieldNow, parent.cancel()))
      canceled(yield* parent.exit)
      const children = yield* Effect.forEach(
        ["a", "b"],
        (id) => Effect.sync(() => seen.log.filter((one) => one === id).length)
      )
      assert.isTrue(children.every((count) => count <= 1))
    })
  )
})
