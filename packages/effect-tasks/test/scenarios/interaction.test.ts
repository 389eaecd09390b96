import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Queue, Scope } from "effect"
import { Job, type Task, TaskAlreadyComplete, TaskPool, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
  canceled,
  failure,
  gate,
  script,
  scripted,
  type ScriptedTask,
  settleTurns,
  stateOf,
  TestError,
  timedOut,
  trace,
  withPool,
  Work,
  work
} from "../support.ts"

class Resource extends Job.make("Resource", { ...scripted, key: ({ id }) => id.split("#")[0]! }) {}

type Context = Task.TaskContext<unknown, TestError, number, string>

const take = (self: Context) => Effect.orDie(self.whileSleeping(Queue.take(self.inbox)))

const pass = (millis: number) => Effect.andThen(settleTurns, Effect.andThen(TestClock.adjust(millis), settleTurns))

describe("6.14 Interaction with a running task", () => {
  it.effect("140. a client feeds a running task, in order", () =>
    Effect.gen(function*() {
      const upload = yield* work("a", (self) =>
        Effect.map(Effect.forEach(Array.from({ length: 40 }), () => take(self)), (chunks) => chunks.join(" ")))
      const chunks = Array.from({ length: 40 }, (_, i) =>
        `${i}`)
      for (const chunk of chunks) yield* upload.send(chunk)
      assert.strictEqual(yield* upload.await, chunks.join(" "))
    }).pipe(withPool({ workers: 1 })))

  it.effect("140. feeding a finished task fails at once, also when the feeder was waiting", () =>
    Effect.gen(function*() {
      const held = gate()
      const upload = yield* work("a", () => held.wait)
      for (let i = 0; i < 16; i++) yield* upload.send(`${i}`)
      const feeder = yield* Effect.forkChild(Effect.exit(upload.send("one too many")))
      yield* settleTurns
      assert.isUndefined(feeder.pollUnsafe())
      yield* held.open
      yield* upload.await
      const gone = new TaskAlreadyComplete({ taskId: upload.id, job: "Work" })
      assert.deepStrictEqual(failure(yield* Fiber.join(feeder)), gone)
      assert.deepStrictEqual(yield* Effect.flip(upload.send("late")), gone)
    }).pipe(withPool()))

  it.effect("140. feeding a slow task is held back after 16 messages and blocks no reader", () =>
    Effect.gen(function*() {
      const held = gate()
      const upload = yield* work(
        "a",
        (self) => Effect.andThen(held.wait, Effect.forEach(Array.from({ length: 20 }), () => take(self)))
      )
      let sent = 0
      const feeder = yield* Effect.forkChild(
        Effect.forEach(
          Array.from({ length: 20 }, (_, i) => `${i}`),
          (chunk) => Effect.andThen(upload.send(chunk), Effect.sync(() => sent++))
        )
      )
      yield* settleTurns
      assert.strictEqual(sent, 16)
      assert.strictEqual(yield* stateOf(upload), "Running")
      assert.lengthOf(yield* Work.tasks, 1)
      yield* held.open
      yield* Fiber.join(feeder)
      assert.deepStrictEqual(yield* upload.await, Array.from({ length: 20 }, (_, i) => `${i}`))
    }).pipe(withPool()))

  it.effect("141. each message of a client extends the timeout; silence ends the task", () =>
    Effect.gen(function*() {
      const upload = yield* work("a", (self) => Effect.andThen(self.setTimeout("1 minute"), Effect.forever(take(self))))
      for (let i = 0; i < 5; i++) {
        yield* pass(50_000)
        assert.strictEqual(yield* stateOf(upload), "Sleeping")
        yield* upload.setTimeout("1 minute")
        yield* upload.send(`${i}`)
      }
      yield* pass(59_999)
      assert.strictEqual(yield* stateOf(upload), "Sleeping")
      yield* pass(1)
      assert.strictEqual(timedOut(yield* upload.exit).after, 60_000)
    }).pipe(withPool()))

  it.effect("141. a client can clear the timeout", () =>
    Effect.gen(function*() {
      const upload = yield* work("a", (self) => Effect.andThen(self.setTimeout("1 minute"), take(self)))
      yield* pass(50_000)
      yield* upload.clearTimeout
      yield* pass(3_600_000)
      yield* upload.send("done")
      assert.strictEqual(yield* upload.await, "done")
    }).pipe(withPool()))

  it.effect("142. the live tasks of a resource are listed, cancelled and awaited, and do not count as failures", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const seen = trace()
      const touch = (id: string) =>
        Effect.andThen(
          script(id, () =>
            Effect.onInterrupt(Effect.never, () =>
              Effect.andThen(settleTurns, Effect.andThen(seen.push(id), new TestError({ id: "not found" }))))),
          Resource.dispatch({ id }, { pool })
        )
      const tasks = yield* Effect.forEach(["file#1", "file#2", "other#1"], touch)
      yield* Effect.forEach(tasks, (task) => awaitState(task, "Running"))
      const onFile = (yield* Resource.tasks).filter(({ key }) => key === "file")
      assert.deepStrictEqual(onFile.map(({ id }) => id), [tasks[0]!.id, tasks[1]!.id])
      yield* Effect.forEach(onFile, (task) => task.cancel({ reason: "moved" }), { concurrency: "unbounded" })
      assert.sameMembers(seen.log, ["file#1", "file#2"])
      for (const task of onFile) assert.strictEqual(canceled(yield* task.exit).reason, "moved")
      assert.deepInclude(yield* pool.status, { complete: 2, canceled: 2, failed: 0, running: 1 })
      assert.strictEqual(yield* stateOf(tasks[2]!), "Running")
    }).pipe(withPool({}, Resource)))

  it.effect("143. a follow-up pool that a hook opens is independent of the task", () =>
    Effect.gen(function*() {
      const server = yield* Effect.scope
      const outer = yield* TaskPool.make()
      const held = gate()
      const scans: Array<ScriptedTask> = []
      const pools: Array<TaskPool.TaskPool> = []
      const upload = yield* work("upload", () => Effect.never, { pool: outer })
      yield* upload.onExit(() =>
        Effect.gen(function*() {
          const pool = yield* Scope.provide(TaskPool.make({ name: "scans" }), server)
          pools.push(pool)
          for (const id of ["a", "b"]) scans.push(yield* work(id, () => held.wait, { pool }))
          yield* pool.seal
        })
      )
      yield* awaitState(upload, "Running")
      yield* upload.cancel()
      yield* settleTurns
      assert.isTrue(pools[0]!.isRoot)
      assert.deepStrictEqual([pools[0]!.parent, pools[0]!.createdBy], [Option.none(), Option.none()])
      assert.deepStrictEqual(yield* upload.childPool, Option.none())
      assert.strictEqual((yield* outer.status).total, 1)
      yield* outer.cancel()
      yield* upload.cancel()
      assert.deepStrictEqual(yield* Effect.forEach(scans, stateOf), ["Running", "Running"])
      yield* held.open
      assert.deepInclude(yield* pools[0]!.join, { complete: 2, canceled: 0 })
    }).pipe(withPool()))

  it.effect("144. a hook tells success, cancel and timeout apart and dispatches accordingly", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const seen = trace()
      const follow = (name: string) => (exit: Exit.Exit<unknown, TestError | { readonly _tag: string }>) => {
        const tag = Exit.isSuccess(exit) ? "success" : Option.getOrThrow(Exit.findErrorOption(exit))._tag
        return tag === "TaskCanceled"
          ? seen.push(`${name}: cleaned up`)
          : work(`${name}: ${tag}`, () => seen.push(`${name}: ${tag}`))
      }
      const tasks = [
        yield* work("a"),
        yield* work("b", () => Effect.never),
        yield* work("c", (self) => Effect.andThen(self.setTimeout(10), Effect.never))
      ]
      for (const task of tasks) yield* task.onExit(follow(task.key))
      yield* settleTurns
      yield* tasks[1]!.cancel()
      yield* pass(10)
      yield* workerPool.drain
      const names = tasks.map(({ key }) => key)
      assert.sameMembers(seen.log, [
        `${names[0]}: success`,
        `${names[1]}: cleaned up`,
        `${names[2]}: TaskTimeout`
      ])
    }).pipe(withPool()))
})
