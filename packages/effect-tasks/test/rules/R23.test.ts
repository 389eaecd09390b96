import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Option, Queue, Schedule, Scope } from "effect"
import { Job, type Task, type TaskError, TaskPool, WorkerPool } from "effect-tasks"
import {
  awaitState,
  canceled,
  defect,
  elapse,
  eventually,
  failure,
  gate,
  recordEvents,
  recordLogs,
  type Script,
  script,
  scripted,
  type ScriptedTask,
  settleTurns,
  stateOf,
  TestError,
  timedOut,
  trace,
  withPool,
  work
} from "../support.ts"

class Thrice extends Job.make("Thrice", { ...scripted, unique: true, retry: { times: 2 } }) {}
class Never extends Job.make("Never", { ...scripted, retry: { times: 0 } }) {}
class Spaced
  extends Job.make("Spaced", { ...scripted, unique: true, retry: { schedule: Schedule.spaced("1 second") } })
{}
class Stubborn extends Job.make("Stubborn", { ...scripted, retry: {} }) {}
class Ending extends Job.make("Ending", { ...scripted, retry: { times: 5, schedule: Schedule.recurs(1) } }) {}
class Picky extends Job.make("Picky", { ...scripted, retry: { while: ({ id }) => id === "again" } }) {}
class PickyEffect extends Job.make("PickyEffect", {
  ...scripted,
  retry: { while: ({ id }) => Effect.as(Effect.yieldNow, id === "again") }
}) {}

const waitingFor = (task: Pick<Task.Any, "status">) =>
  Effect.map(task.status, (status) => Option.getOrNull(status.waitingFor))

/** Fails every attempt before the last one. */
const untilAttempt = (last: number, body: Script = () => Effect.void): Script => (task) =>
  Effect.andThen(
    body(task),
    task.attempt < last ? new TestError({ id: `${task.attempt}` }) : Effect.succeed(task.attempt)
  )

describe("R23 Retry", () => {
  it.effect("times: that many further attempts, counted from 1", () =>
    Effect.gen(function*() {
      const attempts: Array<number> = []
      yield* script("a", (task) => {
        attempts.push(task.attempt)
        return new TestError({ id: `${task.attempt}` })
      })
      const task = yield* Thrice.dispatch({ id: "a" })
      assert.strictEqual((failure(yield* task.exit) as TestError).id, "3")
      assert.deepStrictEqual(attempts, [1, 2, 3])
      assert.deepInclude(yield* task.status, { attempt: 3, state: "Exited" })
    }).pipe(withPool({}, Thrice)))

  it.effect("the first attempt that succeeds ends the task", () =>
    Effect.gen(function*() {
      yield* script("a", untilAttempt(2))
      const task = yield* Thrice.dispatch({ id: "a" })
      assert.strictEqual(yield* task.await, 2)
      assert.strictEqual((yield* task.status).attempt, 2)
    }).pipe(withPool({}, Thrice)))

  it.effect("times: 0, and no retry at all, are one attempt", () =>
    Effect.gen(function*() {
      let runs = 0
      yield* script("a", () => Effect.suspend(() => new TestError({ id: `${++runs}` })))
      failure(yield* (yield* Never.dispatch({ id: "a" })).exit)
      failure(yield* (yield* work("a")).exit)
      assert.strictEqual(runs, 2)
    }).pipe(withPool({}, Never)))

  it.effect("ten thousand attempts that fail at once neither overflow nor lose one", () =>
    Effect.gen(function*() {
      let runs = 0
      yield* script("a", () => Effect.suspend(() => ++runs < 10_000 ? new TestError({ id: "" }) : Effect.succeed("up")))
      assert.strictEqual(yield* Stubborn.run({ id: "a" }), "up")
      assert.strictEqual(runs, 10_000)
    }).pipe(withPool({}, Stubborn)), 20_000)

  it.effect("a schedule's delay is slept, waiting for retry, to the millisecond", () =>
    Effect.gen(function*() {
      yield* script("a", untilAttempt(3))
      const task = yield* Spaced.dispatch({ id: "a" })
      for (const attempt of [1, 2]) {
        yield* awaitState(task, "Sleeping")
        assert.strictEqual(yield* waitingFor(task), "retry")
        yield* elapse(999)
        assert.deepInclude(yield* task.status, { state: "Sleeping", worker: Option.none() })
        assert.include([attempt, attempt + 1], (yield* task.status).attempt)
        yield* elapse(1)
      }
      assert.strictEqual(yield* stateOf(task), "Exited")
      assert.strictEqual(yield* task.await, 3)
    }).pipe(withPool({}, Spaced)))

  it.effect("a schedule that ends first wins over times", () =>
    Effect.gen(function*() {
      let runs = 0
      yield* script("a", () => Effect.suspend(() => new TestError({ id: `${++runs}` })))
      failure(yield* (yield* Ending.dispatch({ id: "a" })).exit)
      assert.strictEqual(runs, 2)
    }).pipe(withPool({}, Ending)))

  for (const job of [Picky, PickyEffect] as ReadonlyArray<typeof Picky>) {
    it.effect(`while sees the failure and decides (${job.tag})`, () =>
      Effect.gen(function*() {
        const errors = ["again", "again", "enough", "never"]
        let runs = 0
        yield* script("a", () => Effect.suspend(() => new TestError({ id: errors[runs++]! })))
        const task = yield* job.dispatch({ id: "a" })
        assert.strictEqual((failure(yield* task.exit) as TestError).id, "enough")
        assert.strictEqual(runs, 3)
      }).pipe(withPool({}, job)))
  }

  it.effect("a defect of a finalizer between two attempts ends the task, and the failure is not lost", () =>
    Effect.gen(function*() {
      yield* script(
        "a",
        () => Effect.andThen(Effect.addFinalizer(() => Effect.die("finalizer")), new TestError({ id: "a" }))
      )
      const task = yield* Thrice.dispatch({ id: "a" })
      const cause = yield* Effect.flip(Effect.sandbox(task.await))
      assert.deepStrictEqual(cause.reasons.map(({ _tag }) => _tag), ["Fail", "Die"])
      assert.strictEqual((yield* task.status).attempt, 1)
    }).pipe(withPool({}, Thrice)))

  const stops: Record<string, (task: ScriptedTask) => Effect.Effect<unknown>> = {
    cancel: (task) => Effect.forkChild(task.cancel(), { startImmediately: true }),
    timeout: (task) => Effect.andThen(task.setTimeout(1000), elapse(1000))
  }
  for (const [name, stop] of Object.entries(stops)) {
    it.effect(`a defect of a finalizer between two attempts is logged when a ${name} comes meanwhile`, () => {
      const { layer, logs } = recordLogs()
      return Effect.gen(function*() {
        const [closing, held] = [gate(), gate()]
        const finalizer = Effect.andThen(Effect.andThen(closing.open, held.wait), Effect.die("finalizer"))
        yield* script("a", () => Effect.andThen(Effect.addFinalizer(() => finalizer), new TestError({ id: "a" })))
        const task = yield* Thrice.dispatch({ id: "a" })
        yield* closing.wait
        yield* stop(task)
        yield* held.open
        const error = failure(yield* task.exit)
        assert.strictEqual((error as TaskError)._tag, name === "cancel" ? "TaskCanceled" : "TaskTimeout")
        yield* settleTurns
        assert.deepStrictEqual(logs.filter((line) => line.includes("finalizer")).length, 1, logs.join("\n"))
      }).pipe(withPool({}, Thrice), Effect.provide(layer))
    })
  }

  describe("is never made after", () => {
    it.effect("a defect", () =>
      Effect.gen(function*() {
        let runs = 0
        yield* script("a", () => Effect.suspend(() => Effect.die(++runs)))
        assert.strictEqual(defect(yield* (yield* Thrice.dispatch({ id: "a" })).exit), 1)
        assert.strictEqual(runs, 1)
      }).pipe(withPool({}, Thrice)))

    for (const when of ["Running", "Sleeping"] as const) {
      it.effect(`a cancel while ${when}`, () =>
        Effect.gen(function*() {
          let runs = 0
          yield* script("a", () =>
            Effect.suspend(() => ++runs === 1 && when === "Sleeping" ? new TestError({ id: "a" }) : Effect.never))
          const task = yield* Spaced.dispatch({ id: "a" })
          yield* awaitState(task, when)
          yield* task.cancel()
          canceled(yield* task.exit)
          yield* elapse(5000)
          assert.strictEqual(runs, 1)
        }).pipe(withPool({}, Spaced)))

      it.effect(`a timeout while ${when}`, () =>
        Effect.gen(function*() {
          let runs = 0
          yield* script("a", () =>
            Effect.suspend(() => ++runs === 1 && when === "Sleeping" ? new TestError({ id: "a" }) : Effect.never))
          const task = yield* Spaced.dispatch({ id: "a" }, { timeout: 500 })
          yield* awaitState(task, when)
          yield* elapse(500)
          timedOut(yield* task.exit)
          yield* elapse(5000)
          assert.strictEqual(runs, 1)
        }).pipe(withPool({}, Spaced)))
    }

    it.effect("a failure that comes after the verdict", () =>
      Effect.gen(function*() {
        let runs = 0
        yield* script("a", () =>
          Effect.suspend(() => {
            runs++
            return Effect.onInterrupt(Effect.never, () => Effect.die("late"))
          }))
        const task = yield* Thrice.dispatch({ id: "a" })
        yield* awaitState(task, "Running")
        yield* task.cancel()
        canceled(yield* task.exit)
        assert.strictEqual(runs, 1)
      }).pipe(withPool({}, Thrice)))
  })

  describe("each attempt", () => {
    it.effect("has its own Scope, closed before the next", () =>
      Effect.gen(function*() {
        const seen = trace()
        yield* script(
          "a",
          untilAttempt(3, ({ attempt }) =>
            Effect.andThen(
              seen.push(`start ${attempt}`),
              Effect.addFinalizer(() => Effect.andThen(settleTurns, seen.push(`end ${attempt}`)))
            ))
        )
        yield* Thrice.run({ id: "a" })
        assert.deepStrictEqual(seen.log, ["start 1", "end 1", "start 2", "end 2", "start 3", "end 3"])
      }).pipe(withPool({}, Thrice)))

    it.effect("has its pools closed, their tasks cancelled and awaited, before the next", () =>
      Effect.gen(function*() {
        const seen = trace()
        const children: Array<ScriptedTask> = []
        const pools: Array<TaskPool.TaskPool> = []
        yield* script(
          "a",
          untilAttempt(2, ({ attempt }) =>
            Effect.gen(function*() {
              yield* seen.push(`attempt ${attempt}`)
              const pool = yield* TaskPool.make()
              pools.push(pool)
              const child = yield* work(`child ${attempt}`, () =>
                Effect.andThen(
                  Effect.addFinalizer(() => Effect.andThen(settleTurns, seen.push(`child ${attempt} ended`))),
                  Effect.never
                ), { pool })
              children.push(child)
              yield* awaitState(child, "Running")
            }))
        )
        yield* Thrice.run({ id: "a" })
        assert.deepStrictEqual(seen.log, ["attempt 1", "child 1 ended", "attempt 2", "child 2 ended"])
        for (const child of children) canceled(yield* child.exit)
        for (const pool of pools) assert.strictEqual((yield* pool.status).state, "done")
      }).pipe(withPool({ workers: 2 }, Thrice)))

    it.effect("loses its hooks when it is retried; those on the handle stay", () =>
      Effect.gen(function*() {
        const [seen, held] = [trace(), gate()]
        yield* script(
          "a",
          untilAttempt(3, (task) =>
            Effect.gen(function*() {
              yield* held.wait
              yield* task.onExit(() => seen.push(`onExit ${task.attempt}`))
              yield* task.onFailure(() => seen.push(`onFailure ${task.attempt}`))
              yield* task.onSuccess(() => seen.push(`onSuccess ${task.attempt}`))
            }))
        )
        const task = yield* Thrice.dispatch({ id: "a" })
        yield* task.onExit(() => seen.push("handle onExit"))
        yield* task.onSuccess(() => seen.push("handle onSuccess"))
        yield* task.onFailure(() => seen.push("handle onFailure"))
        yield* held.open
        yield* task.await
        assert.deepStrictEqual(seen.log, ["handle onExit", "onExit 3", "handle onSuccess", "onSuccess 3"])
      }).pipe(withPool({}, Thrice)))

    it.effect("finds the progress and the messages that the last one left", () =>
      Effect.gen(function*() {
        const held = gate()
        yield* script("a", (task) =>
          Effect.gen(function*() {
            yield* task.update((before) => Option.getOrElse(before, () => 0) + 1)
            yield* held.wait
            const message = yield* Queue.take(task.inbox)
            if (task.attempt < 3) return yield* new TestError({ id: message })
            return message
          }))
        const task = yield* Thrice.dispatch({ id: "a" })
        for (const message of ["one", "two", "three"]) yield* task.send(message)
        yield* held.open
        assert.strictEqual(yield* task.await, "three")
        assert.deepStrictEqual((yield* task.status).progress, Option.some(3))
      }).pipe(withPool({}, Thrice)))

    it.effect("holds the same key, also in between", () =>
      Effect.gen(function*() {
        yield* script("a", untilAttempt(2))
        const task = yield* Spaced.dispatch({ id: "a" })
        yield* awaitState(task, "Sleeping")
        assert.deepInclude(yield* Spaced.dispatch({ id: "a" }), { id: task.id, origin: "joined" })
      }).pipe(withPool({}, Spaced)))
  })

  it.effect("without a delay the slot is kept: nobody runs in between", () =>
    Effect.gen(function*() {
      const events = yield* recordEvents
      const seen = trace()
      yield* script("a", untilAttempt(3, (task) => Effect.andThen(Effect.yieldNow, seen.push(`a ${task.attempt}`))))
      const task = yield* Thrice.dispatch({ id: "a" })
      yield* work("b", () => seen.push("b"), { priority: 5 })
      yield* eventually("all ran", Effect.sync(() => seen.log.length === 4))
      const own = seen.log.filter((entry) => entry !== "b")
      assert.deepStrictEqual(own, ["a 1", "a 2", "a 3"])
      assert.include([0, 3], seen.log.indexOf("b"))
      yield* task.await
      yield* settleTurns
      const tags = events.flatMap((event) => "taskId" in event && event.taskId === task.id ? [event._tag] : [])
      assert.strictEqual(tags.filter((tag) => tag === "TaskRetrying").length, 2)
      for (const tag of ["TaskSlept", "TaskResumed"] as const) assert.notInclude(tags, tag)
    }).pipe(withPool({ workers: 1 }, Thrice)))

  it.effect("with a delay the slot is lent", () =>
    Effect.gen(function*() {
      yield* script("a", untilAttempt(2))
      const task = yield* Spaced.dispatch({ id: "a" })
      yield* awaitState(task, "Sleeping")
      const { busy, sleeping } = yield* (yield* WorkerPool).status
      assert.deepStrictEqual({ busy, sleeping }, { busy: 0, sleeping: 1 })
      assert.strictEqual(yield* (yield* work("b")).await, "b")
      yield* elapse(1000)
      assert.isTrue(Exit.isSuccess(yield* task.exit))
    }).pipe(withPool({ workers: 1 }, Spaced)))

  it.effect("a task counts once in its pool, whatever its attempts", () =>
    Effect.gen(function*() {
      yield* script("a", untilAttempt(3))
      const pool = yield* TaskPool.make()
      yield* Thrice.dispatch({ id: "a" }, { pool })
      assert.deepInclude(yield* pool.join, { total: 1, complete: 1, failed: 0 })
      assert.deepStrictEqual(yield* pool.failures, [])
    }).pipe(withPool({}, Thrice)))

  it.effect("a pool that a finalizer of a failed attempt opens is closed and awaited before the next attempt", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const seen = trace()
      yield* script("a", (self) =>
        Effect.gen(function*() {
          yield* seen.push(`attempt ${self.attempt}`)
          if (self.attempt > 1) return
          yield* Effect.addFinalizer(() =>
            Effect.gen(function*() {
              const pool = yield* Scope.provide(TaskPool.make(), scope)
              const child = yield* work("child", () => Effect.onInterrupt(Effect.never, () => seen.push("stopped")), {
                pool
              })
              yield* awaitState(child, "Running")
            }).pipe(Effect.orDie)
          )
          return yield* new TestError({ id: "a" })
        }))
      const task = yield* Thrice.dispatch({ id: "a" })
      assert.isTrue(Exit.isSuccess(yield* task.exit))
      assert.deepStrictEqual(seen.log, ["attempt 1", "stopped", "attempt 2"])
      yield* Scope.close(scope, Exit.void)
    }).pipe(withPool({}, Thrice)))
})
