import { assert, describe } from "@effect/vitest"
import { Effect, Exit, Option } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import { gate, script, scripted, trace, Work, work } from "../support.ts"
import { outcomeOf, race, together } from "./race.ts"

class Once extends Job.make("Once", { ...scripted, unique: true }) {}

describe("C. What the original deadlocks on, under every schedule", () => {
  race(
    "C1: deadlines that are set and cleared while they fire leave one outcome and no timer",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const tasks = yield* Effect.forEach(["a", "b"], (id) =>
        work(id, (self) =>
          Effect.gen(function*() {
            yield* Effect.sleep(5)
            yield* self.setTimeout(5)
            yield* Effect.sleep(5)
            yield* self.clearTimeout
            return "done"
          }), { timeout: 5 }))
      const set = Effect.forEach(tasks, (task) => task.setTimeout(5), { concurrency: "unbounded" })
      yield* together(
        Effect.delay(set, 5),
        Effect.delay(set, 5),
        Effect.delay(set, 10),
        ...tasks.map((task) => task.exit)
      )
      for (const task of tasks) {
        assert.include(["success", "timeout"], outcomeOf(yield* task.exit))
        yield* task.setTimeout(1)
      }
    })
  )

  race(
    "C1: a deadline that was cleared or replaced never fires",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      let cleared = false
      const task = yield* work("a", () => Effect.as(Effect.sleep(20), "done"), { timeout: 10 })
      const clear = Effect.gen(function*() {
        yield* task.clearTimeout
        cleared = (yield* task.status).state === "Running"
      })
      yield* together(Effect.delay(clear, 10), task.exit)
      if (cleared) assert.strictEqual(outcomeOf(yield* task.exit), "success")
    })
  )

  race(
    "C2: an update that throws ends its task alone, whoever reads or reports meanwhile",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const task = yield* work("a", (self) =>
        together(
          self.report(1),
          Effect.andThen(
            Effect.yieldNow,
            self.update(() => {
              throw new Error("no number")
            })
          ),
          Effect.andThen(Effect.yieldNow, self.update((n) => Option.getOrElse(n, () => 0) + 1))
        ))
      const other = yield* work("b", () => Effect.ignore(task.await))
      yield* together(task.exit, other.exit, task.firstProgress, task.status)
      assert.strictEqual(outcomeOf(yield* task.exit), "error")
    })
  )

  race(
    "C3: lookups by job, key, id and pool agree with what completes meanwhile",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const pool = yield* TaskPool.make()
      const tasks = yield* Effect.forEach(["a", "b", "c"], (id) => work(id, () => Effect.yieldNow, { pool }))
      const look = Effect.gen(function*() {
        assert.strictEqual((yield* Work.tasks).length, 3)
        assert.strictEqual((yield* pool.tasks).length, 3)
        const found = Option.getOrThrow(yield* Work.find({ id: "b" }))
        assert.strictEqual(found.id, tasks[1]!.id)
        yield* Option.getOrThrow(yield* workerPool.task(found.id)).status
        yield* Effect.yieldNow
      })
      yield* together(Effect.repeat(look, { times: 4 }), pool.join, tasks[2]!.exit)
    })
  )

  race(
    "C4: a hook that registers hooks on its own task, while others do, loses none",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const seen = trace()
      const task = yield* work("a", () => Effect.yieldNow)
      const hook = (name: string) => task.onExit(() => Effect.andThen(task.status, seen.push(name)))
      yield* task.onExit(() => Effect.andThen(hook("inner"), Effect.yieldNow))
      yield* together(hook("b"), Effect.andThen(Effect.yieldNow, hook("c")), Effect.andThen(task.exit, hook("d")))
      assert.sameMembers(seen.log, ["inner", "b", "c", "d"])
    })
  )

  race(
    "C5: a finalizer that adds finalizers and completes other pools loses none",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const seen = trace()
      const pool = yield* TaskPool.make()
      const add = (name: string) => pool.addFinalizer(() => seen.push(name))
      yield* pool.addFinalizer(() =>
        Effect.andThen(add("inner"), TaskPool.use((other) => work("b", () => Effect.yieldNow, { pool: other })))
      )
      yield* work("a", () => Effect.yieldNow, { pool })
      yield* together(
        pool.join,
        Effect.andThen(Effect.yieldNow, add("b")),
        Effect.andThen(pool.settled, add("c")),
        Effect.andThen(Effect.yieldNow, pool.cancel())
      ).pipe(Effect.exit)
      yield* pool.settled
      yield* add("d")
      assert.sameMembers([...new Set(seen.log)], seen.log)
      assert.includeMembers(seen.log, ["inner", "d"])
    })
  )

  race(
    "a dispatch that would close a ring through a pool dies at once, or its wait does",
    { workers: 2 },
    [Once],
    Effect.gen(function*() {
      const ready = gate()
      yield* script(
        "k",
        () => Effect.andThen(ready.wait, Effect.flatMap(Work.dispatch({ id: "a" }), (task) => task.exit))
      )
      const holder = yield* Once.dispatch({ id: "k" })
      const parent = yield* work(
        "p",
        () => TaskPool.use((pool) => Effect.andThen(ready.open, Effect.exit(Once.dispatch({ id: "k" }, { pool }))))
      )
      yield* together(holder.exit, parent.exit, holder.cancel())
      for (const task of [holder, parent]) assert.isDefined(Exit.isExit(yield* task.exit))
    })
  )
})
