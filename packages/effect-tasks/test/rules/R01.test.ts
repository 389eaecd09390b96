import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Option, Stream } from "effect"
import { Task, type TaskEvent, TaskPool, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
  elapse,
  gate,
  recordEvents,
  type ScriptedTask,
  settleTurns,
  stateOf,
  TestError,
  withPool,
  work
} from "../support.ts"

const stateAfter: { readonly [Tag in TaskEvent.TaskEvent["_tag"]]?: Task.State } = {
  TaskQueued: "Queued",
  TaskStarted: "Running",
  TaskSlept: "Sleeping",
  TaskResumed: "Running",
  TaskStopping: "Stopping",
  TaskExited: "Exited"
}

const pathOf = (events: ReadonlyArray<TaskEvent.TaskEvent>, task: { readonly id: string }): Array<Task.State> =>
  events.flatMap((event) => {
    const state = stateAfter[event._tag]
    return "taskId" in event && event.taskId === task.id && state !== undefined ? [state] : []
  })

const isWhole = (status: Task.Status): boolean => {
  const exited = status.state === "Exited"
  return Option.isSome(status.exit) === exited && Option.isSome(status.finishedAt) === exited &&
    Option.isSome(status.exitStatus) === exited
}

describe("R1 One state per task", () => {
  it("the table of transitions is the rule's", () => {
    assert.deepStrictEqual(Task.transitions, {
      Queued: ["Running", "Exited"],
      Running: ["Sleeping", "Stopping"],
      Sleeping: ["Running", "Stopping"],
      Stopping: ["Exited"],
      Exited: []
    })
  })

  it.effect("a task is Queued before a slot is free, then Running, Stopping while finalizers run, then Exited", () =>
    Effect.gen(function*() {
      const first = gate()
      const body = gate()
      const finalizer = gate()
      yield* work("first", () => first.wait)
      const task = yield* work("a", () => Effect.andThen(Effect.addFinalizer(() => finalizer.wait), body.wait))
      yield* settleTurns
      assert.strictEqual(yield* stateOf(task), "Queued")
      yield* first.open
      yield* settleTurns
      assert.strictEqual(yield* stateOf(task), "Running")
      yield* body.open
      yield* settleTurns
      assert.strictEqual(yield* stateOf(task), "Stopping")
      yield* finalizer.open
      yield* settleTurns
      assert.strictEqual(yield* stateOf(task), "Exited")
    }).pipe(withPool({ workers: 1 })))

  it.effect("a dispatched task is Queued when dispatch returns", () =>
    Effect.gen(function*() {
      const { state, startedAt, worker } = yield* (yield* work("a")).status
      assert.strictEqual(state, "Queued")
      assert.isTrue(Option.isNone(startedAt) && Option.isNone(worker))
    }).pipe(withPool()))

  it.effect("a waiting task goes through Sleeping and back to Running before it stops", () =>
    Effect.gen(function*() {
      const events = yield* recordEvents
      const held = gate()
      const task = yield* work("a", (task) => task.whileSleeping(held.wait))
      yield* awaitState(task, "Sleeping")
      yield* held.open
      yield* task.await
      yield* settleTurns
      assert.deepStrictEqual(pathOf(events, task), ["Queued", "Running", "Sleeping", "Running", "Stopping", "Exited"])
    }).pipe(withPool({ workers: 1 })))

  it.effect("a task cancelled in its sleep goes from Sleeping to Stopping", () =>
    Effect.gen(function*() {
      const events = yield* recordEvents
      const task = yield* work("a", (task) => task.whileSleeping(Effect.never))
      yield* awaitState(task, "Sleeping")
      yield* task.cancel()
      yield* settleTurns
      assert.deepStrictEqual(pathOf(events, task), ["Queued", "Running", "Sleeping", "Stopping", "Exited"])
    }).pipe(withPool()))

  it.effect("what never starts goes from Queued straight to Exited", () =>
    Effect.gen(function*() {
      const events = yield* recordEvents
      yield* work("busy", () => Effect.never)
      const task = yield* work("a")
      yield* task.cancel()
      yield* settleTurns
      assert.deepStrictEqual(pathOf(events, task), ["Queued", "Exited"])
      assert.isTrue(Option.isNone((yield* task.status).startedAt))
    }).pipe(withPool({ workers: 1 })))

  it.effect("every task of a mixed run takes only legal transitions, from Queued to Exited", () =>
    Effect.gen(function*() {
      const events = yield* recordEvents
      const kinds = [
        () => Effect.void,
        (id: string) => Effect.fail(new TestError({ id })),
        () => Effect.die("boom"),
        () => Effect.never,
        (_: string, task: Task.TaskContext<unknown, TestError, number, string>) =>
          task.whileSleeping(Effect.sleep("1 second")),
        (id: string) => TaskPool.use((pool) => work(`${id}/child`, () => Effect.sleep("1 second"), { pool }))
      ]
      const tasks: Array<ScriptedTask> = []
      for (let i = 0; i < 60; i++) {
        const kind = kinds[i % kinds.length]!
        tasks.push(yield* work(`${i}`, (task) => kind(`${i}`, task), { timeout: "10 seconds" }))
      }
      for (let i = 0; i < 60; i += 7) yield* Effect.forkChild(tasks[i]!.cancel())
      yield* elapse(300_000, 60)
      yield* Effect.forEach(tasks, (task) => task.exit)
      yield* settleTurns
      for (const task of tasks) {
        const path = pathOf(events, task)
        assert.strictEqual(path[0], "Queued")
        assert.strictEqual(path.at(-1), "Exited")
        path.slice(1).forEach((to, i) =>
          assert.isTrue(Task.transitions[path[i]!].includes(to), `${task.id}: ${path.join(" → ")}`)
        )
      }
    }).pipe(withPool({ workers: 3 })))

  it.effect("no poller sees Exited without exit, exit status and finish time, nor those before Exited", () =>
    Effect.gen(function*() {
      const seen = new Set<Task.State>()
      const torn: Array<Task.Status> = []
      const busy = gate()
      yield* work("busy", () => busy.wait)
      const task = yield* work("a", (task) =>
        Effect.addFinalizer(() => Effect.yieldNow).pipe(
          Effect.andThen(task.whileSleeping(Effect.yieldNow)),
          Effect.andThen(Effect.yieldNow)
        ))
      yield* Effect.gen(function*() {
        while (true) {
          const status = yield* task.status
          seen.add(status.state)
          if (!isWhole(status)) torn.push(status)
          yield* Effect.yieldNow
        }
      }).pipe(Effect.forkScoped)
      yield* settleTurns
      yield* busy.open
      yield* task.await
      yield* settleTurns
      assert.deepStrictEqual(torn, [])
      assert.isTrue(seen.has("Queued") && seen.has("Exited"))
    }).pipe(withPool({ workers: 1 })))

  it.effect("whoever hears of the exit, as a hook or a listener, finds exit and finish time set", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust("3 seconds")
      const { events, task: find } = yield* WorkerPool
      const found: Array<Task.Status> = []
      yield* events.pipe(
        Stream.filter((event) => event._tag === "TaskExited"),
        Stream.runForEach(({ taskId }) =>
          Effect.flatMap(
            find(taskId),
            (task) => Effect.map(Option.getOrThrow(task).status, (status) => found.push(status))
          )
        ),
        Effect.forkScoped
      )
      yield* settleTurns
      const held = gate()
      const task = yield* work("a", () => Effect.as(held.wait, 7))
      yield* task.onExit(() => Effect.map(task.status, (status) => found.push(status)))
      yield* held.open
      yield* task.await
      yield* settleTurns
      assert.strictEqual(found.length, 2)
      for (const status of found) {
        assert.strictEqual(status.state, "Exited")
        assert.deepStrictEqual(status.exit, Option.some(Exit.succeed(7)))
        assert.deepStrictEqual(status.exitStatus, Option.some("success"))
        assert.deepStrictEqual(status.finishedAt, Option.some(3000))
      }
    }).pipe(withPool()))
})
