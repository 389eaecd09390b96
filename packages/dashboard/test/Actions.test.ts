import { Contract, type DashboardClient } from "@effect-tasks/dashboard"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, References } from "effect"
import { TaskPool, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import { app, breath, connect, Fan, refused, view, Work } from "./support.ts"

describe("an action", () => {
  it.effect("cancels a task, with a reason", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const task = yield* Work.dispatch({ id: "a", does: "wait" })
      assert.deepStrictEqual(yield* client.cancelTask({ taskId: task.id, reason: "enough" }), {
        tasks: 1,
        below: 0,
        stopped: true
      })
      const error = yield* Effect.flip(task.await)
      assert.include(error, { _tag: "TaskCanceled", reason: "enough" })
      assert.deepStrictEqual(yield* client.cancelTask({ taskId: task.id }), { tasks: 0, below: 0, stopped: true })
      assert.deepInclude(yield* refused(client.cancelTask({ taskId: "Work-99" }), "NotFound"), {
        what: "task",
        id: "Work-99"
      })
    }).pipe(Effect.provide(app())))

  it.effect("answers although a task takes long to stop", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const workerPool = yield* WorkerPool
      const task = yield* Work.dispatch({ id: "a", does: "linger" })
      const { until } = yield* view()
      yield* until(({ tasks }) => tasks.get(task.id)?.state === "Running")
      const answer = yield* Effect.forkChild(client.cancelTask({ taskId: task.id }), { startImmediately: true })
      yield* until(({ tasks }) => tasks.get(task.id)?.state === "Stopping")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(answer), { tasks: 1, below: 0, stopped: false })
      for (let i = 0; i < 30; i++) yield* Effect.andThen(TestClock.adjust("1 second"), breath)
      assert.strictEqual((yield* Effect.flip(task.await))._tag, "TaskCanceled")
      assert.include(yield* workerPool.status, { canceled: 1 })
    }).pipe(Effect.provide(app())))

  it.effect("cancels a pool and everything below it", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const { picture, until } = yield* view()
      const fan = yield* Fan.dispatch({ width: 5, does: "wait" })
      yield* until(({ tasks }) => tasks.size === 6)
      const [pool] = [...picture.pools.values()].filter(({ name }) => name === "fan")
      assert.deepStrictEqual(yield* client.cancelPool({ poolId: pool.id, reason: "no" }), {
        tasks: 5,
        below: 0,
        stopped: true
      })
      yield* fan.exit
      yield* until(({ jobs }) => jobs.get("Work")?.canceled === 5)
      yield* refused(client.cancelPool({ poolId: "Pool-99" }), "NotFound")
    }).pipe(Effect.provide(app())))

  it.effect("cancels what a filter matches, once it says what", () =>
    Effect.gen(function*() {
      const client = yield* connect
      for (const id of ["a", "b", "c", "d"]) yield* Work.dispatch({ id, does: "wait" })
      yield* Fan.dispatch({ width: 1, does: "wait" })
      const filter = "job:Work state:queued"
      const canceled = { tasks: 2, below: 0 }
      assert.deepStrictEqual(yield* client.cancelMatching({ filter, dryRun: true }), { ...canceled, stopped: false })
      assert.deepStrictEqual(yield* client.cancelMatching({ filter, reason: "late" }), { ...canceled, stopped: true })
      const workerPool = yield* WorkerPool
      assert.include(yield* workerPool.status, { canceled: 2, busy: 2, queued: 1 })
      assert.deepStrictEqual(yield* client.cancelMatching({ filter: "key:nothing" }), {
        tasks: 0,
        below: 0,
        stopped: true
      })
      for (const nothing of ["   ", "*", "-zzz", "job:*", "\"\"", "-job:Work -job:Fan"]) {
        yield* refused(client.cancelMatching({ filter: nothing }), "InvalidFilter")
      }
      assert.deepInclude(yield* refused(client.cancelMatching({ filter: "job:Work hue:red" }), "InvalidFilter"), {
        at: 9
      })
    }).pipe(Effect.provide(app())))

  it.effect("tells beforehand what ends with it, below what is meant", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const { until } = yield* view()
      const fan = yield* Fan.dispatch({ width: 20, does: "wait" })
      yield* until(({ tasks }) => tasks.size === 21)
      const all = { tasks: 1, below: 20 }
      assert.deepStrictEqual(yield* client.cancelMatching({ filter: "job:Fan", dryRun: true }), {
        ...all,
        stopped: false
      })
      assert.deepStrictEqual(yield* client.cancelTask({ taskId: fan.id }), { ...all, stopped: true })
    }).pipe(Effect.provide(app())))

  it.effect("is on exactly the tasks that it names", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const workerPool = yield* WorkerPool
      const { until } = yield* view()
      const ids: Array<string> = []
      for (const id of ["a", "b", "c"]) ids.push((yield* Work.dispatch({ id, does: "fail" })).id)
      yield* until(({ jobs }) => jobs.get("Work")?.error === 3)
      const ran = yield* client.runTasksAgain({ taskIds: [ids[0], ids[1], "Work-99"] })
      assert.deepInclude(ran, { created: 2, joined: 0, reused: 0, refused: 0, forgotten: 1, problem: null })
      yield* until(({ jobs }) => jobs.get("Work")?.error === 5)

      const live = yield* Work.dispatch({ id: "d", does: "wait" })
      const other = yield* Work.dispatch({ id: "e", does: "wait" })
      const { tasks } = yield* client.cancelTasks({ taskIds: [live.id, ids[0], "Work-99"] })
      assert.strictEqual(tasks, 1, "ended and unknown ones are left out")
      assert.strictEqual((yield* other.status).state, "Running")
      assert.strictEqual((yield* workerPool.status).canceled, 1)
    }).pipe(Effect.provide(app())))

  it.effect("moves a queued task, and only such a one", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const tasks = yield* Effect.forEach(["a", "b", "c", "d"], (id) => Work.dispatch({ id, does: "wait" }))
      const { until } = yield* view()
      yield* client.setPriority({ taskId: tasks[3].id, priority: 9 })
      yield* until((picture) => picture.tasks.get(tasks[3].id)?.priority === 9)
      yield* tasks[0].cancel()
      yield* until((picture) => picture.tasks.get(tasks[3].id)?.state === "Running")
      assert.include(yield* refused(client.setPriority({ taskId: tasks[1].id, priority: 1 }), "Refused"), {
        code: "AlreadyStarted"
      })
      yield* refused(client.setPriority({ taskId: "no", priority: 1 }), "NotFound")
    }).pipe(Effect.provide(app())))

  it.effect("runs the work of a task again", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const workerPool = yield* WorkerPool
      const failed = yield* Work.dispatch({ id: "a", does: "fail" }, { priority: 3 })
      yield* failed.exit
      const again = yield* client.runAgain({ taskId: failed.id })
      assert.deepStrictEqual(again, { taskId: "Work-2", origin: "created" })
      const second = (yield* workerPool.task(again.taskId)).pipe((option) =>
        option._tag === "Some" ? option.value : undefined
      )!
      assert.deepStrictEqual(second.payload, { id: "a", does: "fail" })
      assert.strictEqual((yield* second.exit)._tag, "Failure")

      const edited = yield* client.runAgain({ taskId: failed.id, payload: "{\"id\":\"b\",\"does\":\"succeed\"}" })
      const third = (yield* workerPool.task(edited.taskId)).pipe((option) =>
        option._tag === "Some" ? option.value : undefined
      )!
      assert.deepInclude(yield* third.exit, { value: "done b" })
      assert.strictEqual((yield* third.status).priority, 3)
    }).pipe(Effect.provide(app())))

  it.effect("runs a task of a closed pool again outside of it", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const ids = yield* TaskPool.use((pool) =>
        Effect.map(Work.dispatch({ id: "a", does: "succeed" }, { pool }), ({ id }) => id)
      )
      const { taskId } = yield* client.runAgain({ taskId: ids })
      const { payload, row } = yield* client.inspect({ taskId })
      assert.strictEqual(row.poolId, "GLOBAL")
      assert.deepStrictEqual(JSON.parse(payload!.text), { id: "a", does: "succeed" })
    }).pipe(Effect.provide(app())))

  it.effect("refuses a payload that is no JSON or not the job's", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const task = yield* Work.dispatch({ id: "a", does: "succeed" })
      yield* task.exit
      const wrong = [
        "",
        "{",
        "null",
        "[]",
        "{\"id\":1}",
        "{\"id\":\"a\",\"does\":\"explode\"}",
        "{\"__proto__\":{\"id\":\"a\",\"does\":\"succeed\"}}"
      ]
      for (const payload of wrong) {
        const error = yield* refused(client.runAgain({ taskId: task.id, payload }), "InvalidPayload")
        assert.include(error, { job: "Work" }, payload)
      }
      const workerPool = yield* WorkerPool
      assert.strictEqual((yield* workerPool.status).dispatched, 1)
      yield* refused(client.runAgain({ taskId: "Work-9" }), "NotFound")
      // larger than the contract allows: the client does not even send it
      assert.strictEqual(
        (yield* Effect.exit(Effect.suspend(() => client.runAgain({ taskId: task.id, payload: "x".repeat(300_000) }))))
          ._tag,
        "Failure"
      )
    }).pipe(Effect.provide(app())))

  it.effect("pauses, resumes, resizes and drains", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const workerPool = yield* WorkerPool
      yield* client.pause()
      assert.isTrue((yield* workerPool.status).paused)
      const task = yield* Work.dispatch({ id: "a", does: "succeed" })
      const drained = yield* Effect.forkChild(client.drain(), { startImmediately: true })
      yield* breath
      assert.isUndefined(drained.pollUnsafe())
      yield* client.resume()
      yield* task.exit
      yield* Fiber.join(drained)
      yield* client.resize({ workers: 7 })
      assert.include(yield* workerPool.status, { paused: false, workers: 7 })
    }).pipe(Effect.provide(app())))
})

type Client = DashboardClient["Service"]

/** Every action that there is, by its name. */
const everyAction = (client: Client, taskId: string): Record<string, Effect.Effect<unknown, unknown>> => {
  const all: Record<Exclude<keyof Client, "watch" | "inspect">, Effect.Effect<unknown, unknown>> = {
    setPriority: client.setPriority({ taskId, priority: 1 }),
    runAgain: client.runAgain({ taskId }),
    pause: client.pause(),
    resume: client.resume(),
    resize: client.resize({ workers: 1 }),
    cancelTask: client.cancelTask({ taskId }),
    cancelTasks: client.cancelTasks({ taskIds: [taskId] }),
    runTasksAgain: client.runTasksAgain({ taskIds: [taskId] }),
    cancelMatching: client.cancelMatching({ filter: "job:W*" }),
    cancelPool: client.cancelPool({ poolId: "GLOBAL" }),
    drain: client.drain()
  }
  const actions = [...Contract.DashboardRpcs.requests.keys()].filter((tag) => tag !== "watch" && tag !== "inspect")
  assert.sameMembers(Object.keys(all), actions, "every action of the contract is tried")
  return all
}

describe("a read-only server", () => {
  it.effect("refuses every action, and shows all the same", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const { id: taskId } = yield* Work.dispatch({ id: "a", does: "wait" })
      for (const [action, effect] of Object.entries(everyAction(client, taskId))) {
        assert.deepInclude(yield* refused(effect, "ReadOnly"), { action })
      }
      const workerPool = yield* WorkerPool
      assert.include(yield* workerPool.status, { workers: 2, busy: 1, paused: false, dispatched: 1, canceled: 0 })
      const { picture } = yield* view()
      assert.isTrue(picture.snapshot?.readonly)
      assert.strictEqual((yield* client.inspect({ taskId })).row.state, "Running")
    }).pipe(Effect.provide(app({ dashboard: { readonly: true } }))))
})

describe("the action log", () => {
  interface Line {
    readonly level: string
    readonly message: string
    readonly annotations: Record<string, unknown>
  }
  const logged = (dashboard: { readonly readonly?: boolean }) => {
    const lines: Array<Line> = []
    const logger = Logger.make(({ fiber, logLevel, message }) => {
      const annotations = { ...fiber.getRef(References.CurrentLogAnnotations) }
      lines.push({ level: logLevel, message: String(Array.isArray(message) ? message[0] : message), annotations })
    })
    return { lines, layer: app({ dashboard }).pipe(Layer.provide(Logger.layer([logger]))) }
  }

  it.effect("says who did what, on one line, and no payload", () => {
    const { layer, lines } = logged({})
    return Effect.gen(function*() {
      const client = yield* connect
      const task = yield* Work.dispatch({ id: "a", does: "succeed" })
      yield* task.exit
      yield* client.cancelTask({ taskId: task.id, reason: "first\nINFO forged line" })
      yield* client.runAgain({ taskId: task.id, payload: "{\"id\":\"secret\",\"does\":\"succeed\"}" })
      yield* client.inspect({ taskId: task.id })
      assert.deepStrictEqual(lines.map(({ message }) => message), ["Dashboard: cancelTask", "Dashboard: runAgain"])
      for (const { annotations, level } of lines) {
        assert.strictEqual(level, "Info")
        assert.strictEqual(annotations.who, "127.0.0.1")
        assert.notInclude(String(annotations.what), "\n")
      }
      assert.deepStrictEqual(JSON.parse(String(lines[0].annotations.what)), {
        taskId: "Work-1",
        reason: "first\nINFO forged line"
      })
      assert.notInclude(JSON.stringify(lines), "secret")
    }).pipe(Effect.provide(layer))
  })

  it.effect("has a line for every action", () => {
    const { layer, lines } = logged({})
    return Effect.gen(function*() {
      const client = yield* connect
      const { id: taskId } = yield* Work.dispatch({ id: "a", does: "wait" })
      for (const [action, effect] of Object.entries(everyAction(client, taskId))) {
        lines.length = 0
        yield* Effect.exit(effect)
        assert.deepStrictEqual(lines.map(({ annotations }) => [annotations.action, annotations.who]), [[
          action,
          "127.0.0.1"
        ]])
      }
    }).pipe(Effect.provide(layer))
  })

  it.effect("has none for what is only counted", () => {
    const { layer, lines } = logged({})
    return Effect.gen(function*() {
      const client = yield* connect
      yield* client.cancelMatching({ filter: "job:Work", dryRun: true })
      assert.deepStrictEqual(lines, [])
    }).pipe(Effect.provide(layer))
  })

  it.effect("says what was refused", () => {
    const { layer, lines } = logged({ readonly: true })
    return Effect.gen(function*() {
      const client = yield* connect
      yield* refused(client.pause(), "ReadOnly")
      assert.lengthOf(lines, 1)
      assert.include(lines[0], { level: "Warn", message: "Dashboard: pause refused, the server is read-only" })
    }).pipe(Effect.provide(layer))
  })
})
