import { Dashboard, DashboardLogs } from "@effect-tasks/dashboard"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schedule, Schema } from "effect"
import { Job, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import { app, connect, Fan, refused, tick, token, view, Work } from "./support.ts"

class Narrow extends Job.make("Narrow", {
  payload: { id: Schema.String, does: Schema.Literals(["wait"]) },
  concurrency: 1
}) {}
const NarrowLive = Narrow.toLayer(() => Effect.never)

class Flaky
  extends Job.make("Flaky", { error: Schema.String, retry: { times: 3, schedule: Schedule.spaced("30 seconds") } })
{}
const FlakyLive = Flaky.toLayer(() => Effect.fail("not yet"))

describe("inspect", () => {
  it.effect("shows a task's payload, progress, result and place", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const task = yield* Work.dispatch({ id: "a", does: "report" })
      yield* task.firstProgress
      const running = yield* client.inspect({ taskId: task.id })
      assert.include(running, { held: true, redacted: false, editable: true, result: null, failure: null })
      assert.deepStrictEqual(JSON.parse(running.payload!.text), { id: "a", does: "report" })
      assert.deepStrictEqual(JSON.parse(running.progress!.text), { done: 1, of: 2 })
      assert.strictEqual(running.dispatchCall, "yield* Work.dispatch({\n  \"id\": \"a\",\n  \"does\": \"report\"\n})")
      yield* Work.run({ id: "b", does: "succeed" })
      assert.strictEqual((yield* client.inspect({ taskId: "Work-2" })).result?.text, "\"done b\"")
      yield* refused(client.inspect({ taskId: "Work-3" }), "NotFound")
    }).pipe(Effect.provide(app())))

  it.effect("shows why a task failed, and where it began", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const fail = yield* Work.dispatch({ id: "a", does: "fail" })
      const die = yield* Work.dispatch({ id: "b", does: "die" })
      yield* Effect.all([fail.exit, die.exit])
      const failure = (yield* client.inspect({ taskId: fail.id })).failure!
      assert.deepInclude(failure, { kind: "failure", tag: "WorkError", message: "{\"id\":\"a\"}", path: [fail.id] })
      const defect = (yield* client.inspect({ taskId: die.id })).failure!
      assert.deepInclude(defect, { kind: "defect", tag: "Error", message: "b is broken" })
      assert.include(defect.pretty.text, "support.ts")
    }).pipe(Effect.provide(app())))

  it.effect("shows what a task waits for, and its children", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const { picture, until } = yield* view()
      const fan = yield* Fan.dispatch({ width: 3, does: "wait" })
      yield* until(({ tasks }) => tasks.size === 4 && tasks.get(fan.id)?.state === "Sleeping")
      const detail = yield* client.inspect({ taskId: fan.id })
      const [pool] = detail.childPools
      assert.include(detail.why, { waitingFor: "children" })
      assert.deepStrictEqual(detail.why?.pools.map(({ id, total }) => [id, total]), [[pool.id, 3]])
      assert.strictEqual(detail.childCount, 3)
      assert.deepStrictEqual(detail.children.map(({ id }) => id), ["Work-3", "Work-4", "Work-5"])
      assert.deepStrictEqual(detail.row.segments, picture.tasks.get(fan.id)?.segments)
      const waiting = yield* client.inspect({ taskId: "Work-5" })
      assert.deepStrictEqual(waiting.path, [fan.id, "Work-5"])
      assert.include(waiting.why, { waitingFor: "slot", place: 1 })
      const [workers] = waiting.why!.limits
      assert.include(workers, { kind: "workers", limit: 2, used: 2, isFull: true })
      assert.deepStrictEqual(workers.holders.map(({ id }) => id), ["Work-3", "Work-4"])
      const workerPool = yield* WorkerPool
      yield* workerPool.pause
      const paused = (yield* client.inspect({ taskId: "Work-5" })).why
      assert.deepInclude(paused, { waitingFor: "paused", pausedBy: null })
      yield* client.resume()
      yield* client.pause()
      assert.deepInclude((yield* client.inspect({ taskId: "Work-5" })).why?.pausedBy, { who: "127.0.0.1" })
      assert.isNull((yield* client.inspect({ taskId: "Work-3" })).why, "it runs")
    }).pipe(Effect.provide(app())))

  it.effect("shows limits with their numbers and holders, what stands before it, and when it is due", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const whyOf = (id: string) => Effect.map(client.inspect({ taskId: id }), ({ why }) => why!)
      const first = yield* Narrow.dispatch({ id: "a", does: "wait" })
      const second = yield* Narrow.dispatch({ id: "b", does: "wait" })
      yield* Effect.yieldNow
      const limited = yield* whyOf(second.id)
      assert.include(limited, { waitingFor: "job-concurrency" })
      const [limit] = limited.limits
      assert.include(limit, { kind: "permits", limit: 1, used: 1, isFull: true })
      assert.deepStrictEqual(limit.holders.map(({ id }) => id), [first.id])

      const delayed = yield* Work.dispatch({ id: "c", does: "wait" }, { delay: "1 minute" })
      assert.include(yield* whyOf(delayed.id), { waitingFor: "delay", until: 60_000 })

      const { until } = yield* view()
      const again = yield* Flaky.dispatch()
      yield* until(({ tasks }) => tasks.get(again.id)?.waitingFor === "retry")
      const retry = yield* whyOf(again.id)
      assert.include(retry, { waitingFor: "retry", attempt: 2, lastError: "not yet" })
      assert.isAbove(retry.until!, 0)
      yield* until(({ tasks }) => tasks.get(again.id)?.waitingUntil === retry.until)
    }).pipe(Effect.provide(app({ jobs: Layer.merge(NarrowLive, FlakyLive) }))))

  it.effect("still has the row of what the runtime has forgotten", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const { until } = yield* view()
      // one at a time: of what the runtime forgets before anybody reads of it, the key is not known
      for (const id of ["a", "b", "c"]) yield* Effect.andThen(Work.run({ id, does: "succeed" }), tick)
      yield* until(({ jobs }) => jobs.get("Work")?.success === 3)
      const detail = yield* client.inspect({ taskId: "Work-1" })
      assert.include(detail, { held: false, payload: null, editable: false })
      assert.include(detail.row, { exitStatus: "success", key: "{\"does\":\"succeed\",\"id\":\"a\"}" })
      yield* refused(client.runAgain({ taskId: "Work-1" }), "NotFound")
    }).pipe(Effect.provide(app({ pool: { history: 1 } }))))

  class Chatty extends Job.make("Chatty", { error: Schema.String, retry: { times: 1 } }) {}
  const ChattyLive = Chatty.toLayer((_, task) =>
    Effect.andThen(Effect.logWarning("attempt", task.attempt), Effect.fail(`try ${task.attempt}`))
  )
  const chatty = Layer.merge(ChattyLive, Dashboard.layer({ port: 0, token, announce: () => Effect.void })).pipe(
    Layer.provideMerge(WorkerPool.layer()),
    Layer.provide(DashboardLogs.layer)
  )

  it.effect("shows attempts and log lines", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const { until } = yield* view()
      yield* TestClock.adjust(1)
      const task = yield* Chatty.dispatch()
      yield* until(({ tasks }) => tasks.get(task.id)?.state === "Exited")
      const { attempts, logs, row } = yield* client.inspect({ taskId: task.id })
      assert.strictEqual(row.attempt, 2)
      assert.deepStrictEqual(attempts.map(({ attempt, error }) => [attempt, error]), [[1, "try 1"]])
      assert.deepStrictEqual(logs.map(({ level, message }) => [level, message]), [
        ["Warn", "attempt 1"],
        ["Warn", "attempt 2"],
        ["Warn", "Chatty-1 failed, and nothing awaits it Error: try 2"]
      ])
    }).pipe(Effect.provide(chatty)))
})
