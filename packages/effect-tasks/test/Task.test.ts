import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Stream } from "effect"
import { type Task, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import { awaitState, defect, eventually, gate, settleTurns, withPool, work } from "./support.ts"

const states = (changes: Stream.Stream<{ readonly state: Task.State }>) =>
  Effect.map(Stream.runCollect(changes), (all) => all.map(({ state }) => state))

describe("Task.changes", () => {
  it.effect("gives the current status first and ends after that of the end", () =>
    Effect.gen(function*() {
      const { pause, resume } = yield* WorkerPool
      yield* pause
      const held = gate()
      const task = yield* work("a", () => held.wait)
      const reader = yield* Effect.forkChild(states(task.changes))
      yield* settleTurns
      yield* resume
      yield* awaitState(task, "Running")
      yield* held.open
      const seen = yield* Fiber.join(reader)
      assert.deepStrictEqual([seen[0], seen.at(-1)], ["Queued", "Exited"])
      assert.include(seen, "Running")
      assert.deepStrictEqual(yield* states(task.changes), ["Exited"])
    }).pipe(withPool()))

  it.effect("tells of sleeping, reports, priorities and attempts", () =>
    Effect.gen(function*() {
      const { pause, resume } = yield* WorkerPool
      yield* pause
      const [first, second] = [gate(), gate()]
      const task = yield* work("a", (self) =>
        Effect.gen(function*() {
          yield* self.report(1)
          yield* first.wait
          yield* self.whileSleeping(second.wait)
        }))
      const seen: Array<Task.Status<unknown, unknown, number>> = []
      yield* Effect.forkChild(Stream.runForEach(task.changes, (status) => Effect.sync(() => seen.push(status))))
      yield* settleTurns
      const sees = (what: string, test: (status: Task.Status<unknown, unknown, number>) => boolean) =>
        eventually(what, Effect.sync(() => test(seen.at(-1)!)))
      yield* task.setPriority(5)
      yield* sees("the priority", ({ priority }) => priority === 5)
      yield* resume
      yield* sees("the report", ({ progress }) => Option.contains(progress, 1))
      yield* first.open
      yield* sees("that it sleeps", ({ state, waitingFor }) =>
        state === "Sleeping" && Option.contains(waitingFor, "effect"))
      yield* second.open
      yield* sees("its end", ({ exit }) =>
        Option.isSome(exit))
    }).pipe(withPool()))

  it.effect("dies in the task itself, and in a task that it waits for: that could never end", () =>
    Effect.gen(function*() {
      const own: Task.Any = yield* work("own", () => Effect.suspend(() => Stream.runDrain(own.changes)))
      assert.strictEqual((defect(yield* own.exit) as { readonly _tag: string })._tag, "WaitCycle")
      const parent: Task.Any = yield* work(
        "parent",
        () =>
          Effect.flatMap(
            work("child", () => Effect.suspend(() => Stream.runDrain(parent.changes))),
            (child) => child.exit
          )
      )
      assert.isTrue(Exit.isSuccess(yield* parent.exit))
    }).pipe(withPool()))
})

describe("Status.sleepTime", () => {
  it.effect("is how much of the run time the task slept, the slot lent", () =>
    Effect.gen(function*() {
      const task = yield* work("a", (self) =>
        Effect.gen(function*() {
          yield* Effect.sleep(100)
          yield* self.whileSleeping(Effect.sleep(20))
          yield* Effect.sleep(100)
          yield* self.whileSleeping(Effect.sleep(3))
        }))
      const times = Effect.map(task.status, ({ runTime, sleepTime }) => [runTime, sleepTime])
      yield* awaitState(task, "Running")
      yield* TestClock.adjust(100)
      yield* settleTurns
      yield* TestClock.adjust(15)
      assert.deepStrictEqual(yield* times, [115, 15])
      yield* TestClock.adjust(5)
      yield* settleTurns
      yield* TestClock.adjust(100)
      yield* settleTurns
      yield* TestClock.adjust(3)
      yield* task.exit
      assert.deepStrictEqual(yield* times, [223, 23])
    }).pipe(withPool()))

  it.effect("ends with the cancel of a sleeping task", () =>
    Effect.gen(function*() {
      const task = yield* work("a", (self) => self.whileSleeping(Effect.never))
      yield* awaitState(task, "Sleeping")
      yield* TestClock.adjust(50)
      yield* task.cancel()
      yield* TestClock.adjust(50)
      assert.strictEqual((yield* task.status).sleepTime, 50)
    }).pipe(withPool()))
})
