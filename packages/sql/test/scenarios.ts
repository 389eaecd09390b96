/** What a job promises wherever its tasks are kept: one suite for every store. */
import { assert, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, type Layer, Option, Stream } from "effect"
import { type Job, TaskPool, type WorkerPool } from "effect-tasks"
import * as jobs from "./jobs.ts"
import { unique } from "./support.ts"

type Jobs =
  | "Double"
  | "Refuse"
  | "Die"
  | "Echo"
  | "Hold"
  | "HoldAlone"
  | "HoldLatest"
  | "Keep"
  | "Flaky"
  | "Steps"
  | "Inbox"
  | "Family"
  | "Child"

/** Every job, wherever it runs. */
export type Everything = WorkerPool | { [Tag in Jobs]: Job.Handler<Tag> }[Jobs]

const failureOf = (exit: Exit.Exit<unknown, unknown>): any =>
  Exit.isFailure(exit) ? Cause.squash(exit.cause) : assert.fail("it has succeeded")

export const scenarios = (layer: Layer.Layer<Everything, unknown>): void => {
  // real databases and other processes keep no test's clock
  const scenario = (name: string, body: Effect.Effect<unknown, unknown, Everything>) =>
    it.live(name, () => Effect.provide(body, layer), 30_000)

  scenario(
    "gives the result of a task",
    Effect.gen(function*() {
      const task = yield* jobs.Double.dispatch({ n: 21 })
      assert.strictEqual(yield* task.await, 42)
      const { exitStatus, state } = yield* task.status
      assert.deepStrictEqual([state, Option.getOrNull(exitStatus)], ["Exited", "success"])
    })
  )

  scenario(
    "gives many results at once",
    Effect.gen(function*() {
      const numbers = Array.from({ length: 300 }, (_, n) => n)
      const all = yield* Effect.forEach(numbers, (n) => jobs.Double.run({ n }), { concurrency: "unbounded" })
      assert.deepStrictEqual(all, numbers.map((n) => 2 * n))
    })
  )

  scenario(
    "gives a typed error as what it was",
    Effect.gen(function*() {
      const error = yield* Effect.flip(jobs.Refuse.run({ code: 7 }))
      assert.instanceOf(error, jobs.Refused)
      assert.strictEqual(error.code, 7)
    })
  )

  scenario(
    "gives a defect",
    Effect.gen(function*() {
      const task = yield* jobs.Die.dispatch({ text: "out of order" })
      assert.include(String(failureOf(yield* task.exit)), "out of order")
    })
  )

  scenario(
    "hands payloads on, whatever is in them",
    Effect.gen(function*() {
      const at = new Date("2026-01-02T03:04:05.678Z")
      for (
        const text of [
          "'; DROP TABLE effect_tasks; --",
          "NUL \0 in it",
          "half a pair \ud800",
          "\\ \" %s $1 ?1 :me",
          "é𝄞",
          "x".repeat(1_000_000)
        ]
      ) {
        assert.strictEqual(yield* jobs.Echo.run({ text, at }), `${text} ${at.toISOString()}`)
      }
    })
  )

  scenario(
    "refuses a bad payload, and nothing else happens",
    Effect.gen(function*() {
      const error = yield* Effect.flip(jobs.Double.dispatch({ n: 1.5 }))
      assert.strictEqual(error.reason._tag, "InvalidPayload")
    })
  )

  scenario(
    "cancels a task that waits for its delay",
    Effect.gen(function*() {
      const task = yield* jobs.Double.dispatch({ n: 1 }, { delay: "1 minute" })
      yield* task.cancel("not wanted")
      const error = failureOf(yield* task.exit)
      assert.deepInclude(error, { _tag: "TaskCanceled", reason: "not wanted" })
    })
  )

  scenario(
    "cancels a task that runs",
    Effect.gen(function*() {
      const task = yield* jobs.Hold.dispatch({ name: unique(), millis: 60_000 })
      yield* Effect.sleep(150)
      yield* task.cancel("enough")
      assert.deepInclude(failureOf(yield* task.exit), { _tag: "TaskCanceled", reason: "enough" })
    })
  )

  scenario(
    "runs a task after its delay",
    Effect.gen(function*() {
      const before = Date.now()
      const task = yield* jobs.Double.dispatch({ n: 4 }, { delay: 200 })
      assert.strictEqual(yield* task.await, 8)
      assert.isAtLeast(Date.now() - before, 195)
    })
  )

  scenario(
    "ends a task at its timeout",
    Effect.gen(function*() {
      const task = yield* jobs.Hold.dispatch({ name: unique(), millis: 60_000 }, { timeout: 80 })
      assert.deepInclude(failureOf(yield* task.exit), { _tag: "TaskTimeout", phase: "running", after: 80 })
    })
  )

  scenario(
    "tries again after typed failures, as often as the job says",
    Effect.gen(function*() {
      assert.strictEqual(yield* jobs.Flaky.run({ until: 3 }), 3)
      assert.strictEqual(yield* Effect.flip(jobs.Flaky.run({ until: 9 })), "attempt 3")
    })
  )

  scenario(
    "joins the live task of a key",
    Effect.gen(function*() {
      const name = unique()
      const first = yield* jobs.Hold.dispatch({ name, millis: 150 })
      const second = yield* jobs.Hold.dispatch({ name, millis: 150 })
      assert.deepStrictEqual([second.id, second.origin], [first.id, "joined"])
      assert.strictEqual(yield* second.await, name)
      const third = yield* jobs.Hold.dispatch({ name, millis: 1 })
      assert.notStrictEqual(third.id, first.id)
      yield* third.await
    })
  )

  scenario(
    "queues behind a task of the key that is being cancelled",
    Effect.gen(function*() {
      const name = unique()
      const first = yield* jobs.Hold.dispatch({ name, millis: 60_000 })
      yield* Effect.sleep(100)
      const canceling = yield* Effect.forkChild(first.cancel(), { startImmediately: true })
      const second = yield* jobs.Hold.dispatch({ name, millis: 1 })
      assert.notStrictEqual(second.id, first.id)
      assert.strictEqual(yield* second.await, name)
      yield* Fiber.join(canceling)
    })
  )

  scenario(
    "refuses another task of a key",
    Effect.gen(function*() {
      const name = unique()
      const first = yield* jobs.HoldAlone.dispatch({ name, millis: 150 })
      const { reason } = yield* Effect.flip(jobs.HoldAlone.dispatch({ name, millis: 1 }))
      assert.deepInclude(reason, { _tag: "DuplicateTask", taskId: first.id })
      yield* first.await
      yield* jobs.HoldAlone.run({ name, millis: 1 })
    })
  )

  scenario(
    "replaces a task of a key",
    Effect.gen(function*() {
      const name = unique()
      const first = yield* jobs.HoldLatest.dispatch({ name, millis: 60_000 })
      yield* Effect.sleep(100)
      const second = yield* jobs.HoldLatest.dispatch({ name, millis: 2 })
      assert.strictEqual(yield* second.await, 2)
      assert.deepInclude(failureOf(yield* first.exit), { _tag: "TaskCanceled", reason: "superseded" })
    })
  )

  scenario(
    "keeps a result as long as the job says",
    Effect.gen(function*() {
      const name = unique()
      const first = yield* jobs.Keep.run({ name })
      const again = yield* jobs.Keep.dispatch({ name })
      assert.strictEqual(again.origin, "reused")
      assert.strictEqual(yield* again.await, first)
      yield* Effect.sleep(2100)
      assert.notStrictEqual(yield* jobs.Keep.run({ name }), first)
    })
  )

  scenario(
    "joins a pool of tasks, and counts them",
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      for (let n = 0; n < 5; n++) yield* jobs.Double.dispatch({ n }, { pool })
      yield* pool.join
      const { complete, total } = yield* pool.status
      assert.deepStrictEqual([total, complete], [5, 5])
    }).pipe(Effect.scoped)
  )

  scenario(
    "tells by the join of a pool which tasks failed",
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      yield* jobs.Double.dispatch({ n: 1 }, { pool })
      const task = yield* jobs.Refuse.dispatch({ code: 3 }, { pool })
      const error: any = yield* Effect.flip(pool.join)
      assert.deepStrictEqual([error._tag, error.failures[0].taskId], ["ChildTaskFailed", task.id])
    }).pipe(Effect.scoped)
  )

  scenario(
    "cancels what is in a pool",
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const tasks = yield* Effect.forEach(
        [1, 2, 3],
        () => jobs.Hold.dispatch({ name: unique(), millis: 60_000 }, { pool })
      )
      yield* Effect.sleep(100)
      yield* pool.cancel("over")
      for (const task of tasks) assert.strictEqual(failureOf(yield* task.exit)._tag, "TaskCanceled")
    }).pipe(Effect.scoped)
  )

  scenario(
    "cancels what it runs when it is interrupted",
    Effect.gen(function*() {
      const name = unique()
      const running = yield* Effect.forkChild(jobs.Hold.run({ name, millis: 60_000 }), { startImmediately: true })
      yield* Effect.sleep(150)
      const [task] = (yield* jobs.Hold.tasks).filter(({ payload }) => payload.name === name)
      yield* Fiber.interrupt(running)
      assert.strictEqual(failureOf(yield* task.exit)._tag, "TaskCanceled")
    })
  )

  scenario(
    "runs a parent and its children",
    Effect.gen(function*() {
      assert.strictEqual(yield* jobs.Family.run({ children: 20, millis: 5 }), 190)
    })
  )

  scenario(
    "cancels the children with their parent",
    Effect.gen(function*() {
      const parent = yield* jobs.Family.dispatch({ children: 3, millis: 60_000 })
      yield* Effect.sleep(250)
      yield* parent.cancel()
      assert.strictEqual(failureOf(yield* parent.exit)._tag, "TaskCanceled")
    })
  )

  scenario(
    "shows the last progress",
    Effect.gen(function*() {
      const task = yield* jobs.Steps.dispatch({ steps: 4, millis: 20 })
      const seen = yield* Stream.runCollect(task.progress)
      assert.strictEqual([...seen].at(-1), 4)
    })
  )

  scenario(
    "delivers messages to a running task, in their order",
    Effect.gen(function*() {
      const task = yield* jobs.Inbox.dispatch({ wanted: 3 })
      for (const text of ["a", "b", "c"]) yield* task.send(text)
      assert.deepStrictEqual(yield* task.await, ["a", "b", "c"])
      assert.strictEqual((yield* Effect.flip(task.send("late")))._tag, "TaskAlreadyComplete")
    })
  )

  scenario(
    "finds a task by its payload and by its id",
    Effect.gen(function*() {
      const name = unique()
      const task = yield* jobs.Hold.dispatch({ name, millis: 50 })
      const found = yield* jobs.Hold.find({ name, millis: 50 })
      assert.strictEqual(Option.getOrThrow(found).id, task.id)
      assert.strictEqual(Option.getOrThrow(yield* jobs.Hold.get(task.id)).id, task.id)
      assert.isTrue(Option.isNone(yield* jobs.Double.get(task.id)))
      yield* task.await
    })
  )

  scenario(
    "runs hooks before the task has settled",
    Effect.gen(function*() {
      const told: Array<string> = []
      const task = yield* jobs.Hold.dispatch({ name: unique(), millis: 50 })
      yield* task.onSuccess(() => Effect.sync(() => told.push("success")))
      yield* task.onFailure(() => Effect.sync(() => told.push("failure")))
      yield* task.await
      assert.deepStrictEqual(told, ["success"])
    })
  )

  scenario(
    "queues the work of a task again",
    Effect.gen(function*() {
      const task = yield* jobs.Hold.dispatch({ name: unique(), millis: 100 })
      yield* Effect.sleep(30)
      const again = yield* task.recompute
      assert.strictEqual(yield* again.await, task.payload.name)
      assert.strictEqual(failureOf(yield* task.exit)._tag, "TaskCanceled")
    })
  )
}
