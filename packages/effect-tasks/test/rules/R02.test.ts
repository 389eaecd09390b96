import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option } from "effect"
import { type Task, TaskPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
  canceled,
  gate,
  recordEvents,
  type Script,
  type ScriptedTask,
  settleTurns,
  TestError,
  withPool,
  work
} from "../support.ts"

interface Path {
  readonly name: string
  readonly exitStatus: Task.ExitStatus
  readonly run: Script
  readonly act: (task: ScriptedTask) => Effect.Effect<void>
  readonly starts?: false
}

const started = (task: ScriptedTask) => awaitState(task, "Running")
const nothing = () => Effect.void
const failing: Script = () => Effect.fail(new TestError({ id: "a" }))

const paths: ReadonlyArray<Path> = [
  { name: "a success", exitStatus: "success", run: () => Effect.succeed(1), act: nothing },
  { name: "a failure", exitStatus: "error", run: failing, act: nothing },
  { name: "a defect", exitStatus: "error", run: () => Effect.die("boom"), act: nothing },
  {
    name: "a cancel while running",
    exitStatus: "canceled",
    run: () => Effect.never,
    act: (task) => Effect.andThen(started(task), task.cancel())
  },
  {
    name: "a timeout",
    exitStatus: "error",
    run: () => Effect.never,
    act: (task) => Effect.andThen(started(task), TestClock.adjust("1 minute"))
  },
  { name: "a cancel while queued", exitStatus: "canceled", run: nothing, act: (task) => task.cancel(), starts: false },
  {
    name: "a queue timeout",
    exitStatus: "error",
    run: nothing,
    act: () => TestClock.adjust("1 hour"),
    starts: false
  }
]

describe("R2 A task settles exactly once", () => {
  it.effect.each(paths)(
    "$name is one exit: one event, one run of each hook, one count",
    (path) =>
      Effect.gen(function*() {
        const events = yield* recordEvents
        const pool = yield* TaskPool.make()
        if (path.starts === false) yield* work("busy", () => Effect.never)
        yield* settleTurns
        const task = yield* work("a", path.run, { pool, timeout: "1 minute", queueTimeout: "1 hour" })
        const exits: Array<unknown> = []
        yield* task.onExit((exit) => Effect.sync(() => exits.push(exit)))
        yield* path.act(task)
        const exit = yield* task.exit
        yield* Effect.all([task.cancel(), pool.cancel(), TestClock.adjust("1 day")])
        yield* settleTurns
        assert.deepStrictEqual(exits, [exit])
        const ends = events.filter((event) => event._tag === "TaskExited" && event.taskId === task.id)
        assert.strictEqual(ends.length, 1)
        const status = yield* pool.status
        assert.deepStrictEqual([status.total, status.complete], [1, 1])
        assert.deepStrictEqual((yield* task.status).exitStatus, Option.some(path.exitStatus))
      }).pipe(withPool({ workers: 1 }))
  )

  it.effect("a result and a cancel in the same turn agree on one outcome everywhere", () =>
    Effect.gen(function*() {
      for (let turns = 0; turns < 12; turns++) {
        const held = gate()
        const hooks: Array<boolean> = []
        const task = yield* work(`${turns}`, () => Effect.as(held.wait, "done"))
        yield* task.onExit((exit) => Effect.sync(() => hooks.push(Exit.isSuccess(exit))))
        yield* awaitState(task, "Running")
        yield* held.open
        for (let i = 0; i < turns; i++) yield* Effect.yieldNow
        yield* task.cancel()
        const exit = yield* task.exit
        const status = yield* task.status
        assert.deepStrictEqual(status.exit, Option.some(exit))
        assert.deepStrictEqual(status.exitStatus, Option.some(Exit.isSuccess(exit) ? "success" : "canceled"))
        assert.deepStrictEqual(hooks, [Exit.isSuccess(exit)])
      }
    }).pipe(withPool()))

  it.effect("of several cancels at once the first gives the outcome, and all return", () =>
    Effect.gen(function*() {
      const task = yield* work("a", () => Effect.never)
      yield* awaitState(task, "Running")
      const reasons = ["first", "second", "third"]
      yield* Effect.forEach(reasons, (reason) => task.cancel({ reason }), { concurrency: "unbounded" })
      assert.strictEqual(canceled(yield* task.exit).reason, "first")
    }).pipe(withPool()))

  it.effect("all waiters, early and late, get the same exit", () =>
    Effect.gen(function*() {
      const held = gate()
      const task = yield* work("a", () => Effect.as(held.wait, { n: 1 }))
      const early = yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.forkChild(task.exit))
      yield* settleTurns
      yield* held.open
      const exits = yield* Effect.forEach(early, Fiber.join)
      exits.push(yield* task.exit)
      assert.strictEqual(new Set(exits).size, 1)
    }).pipe(withPool()))

  it.effect("after Exited no call and no passing time changes the status", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      let leaked: Task.TaskContext<unknown, TestError, number, string> | undefined
      const task = yield* work("a", (self) => {
        leaked = self
        return self.report(1)
      }, { pool, timeout: "1 minute" })
      yield* task.await
      const before = yield* task.status
      const counts = yield* pool.status
      yield* task.cancel({ reason: "late" })
      yield* task.setTimeout("1 second")
      yield* task.setPriority(9)
      yield* task.clearTimeout
      yield* leaked!.report(2)
      yield* leaked!.update(() => 3)
      yield* leaked!.setTimeout("1 second")
      yield* TestClock.adjust("2 minutes")
      yield* settleTurns
      assert.deepStrictEqual(yield* task.status, before)
      const { total, complete, failed, canceled } = yield* pool.status
      assert.deepStrictEqual([total, complete, failed, canceled], [1, 1, 0, 0])
      assert.deepStrictEqual([counts.total, counts.complete, counts.failed, counts.canceled], [1, 1, 0, 0])
    }).pipe(withPool()))
})
