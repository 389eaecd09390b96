import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Option, Schema } from "effect"
import { Job, TaskPool, WaitCycle } from "effect-tasks"
import {
  defect,
  gate,
  pass,
  recordEvents,
  script,
  scripted,
  settleTurns,
  stateOf,
  timedOut,
  withPool
} from "../support.ts"

const versioned = {
  payload: { id: Schema.String, text: Schema.String },
  success: Schema.String,
  key: ({ id }: { readonly id: string }) => id,
  unique: "latest"
} as const

class Save extends Job.make("Save", { ...versioned, delay: "2 seconds", maxDelay: "5 seconds" }) {}
class Rebuild extends Job.make("Rebuild", versioned) {}
class Own extends Job.make("Own", { ...scripted, unique: "latest", concurrency: { limit: 1, key: ({ id }) => id } }) {}

describe(`R29 unique: "latest"`, () => {
  const runs: Array<string> = []
  const SaveLive = Save.toLayer(({ text }) =>
    Effect.tap(
      Effect.delay(Effect.succeed(text), "3 seconds"),
      () => Effect.map(Clock.currentTimeMillis, (at) => runs.push(`${text} at ${at}`))
    )
  )

  it.effect("debounces: a burst runs once with its newest payload, no later than maxDelay after the first", () =>
    Effect.gen(function*() {
      runs.length = 0
      const tasks = []
      for (let n = 0; n < 8; n++) {
        tasks.push(yield* Save.dispatch({ id: "doc", text: `v${n}` }))
        yield* pass("1 second")
      }
      yield* pass("20 seconds")
      assert.deepStrictEqual(runs, ["v4 at 8000", "v7 at 12000"])
      assert.deepStrictEqual(tasks.map(({ id }) => id), [...Array(5).fill("Save-1"), ...Array(3).fill("Save-2")])
      assert.deepStrictEqual(yield* Effect.forEach(tasks, (task) => task.await), [
        ...Array(5).fill("v4"),
        ...Array(3).fill("v7")
      ])
    }).pipe(Effect.provide(SaveLive), withPool()))

  it.effect("one runs and one waits with the newest payload; nobody is cancelled", () => {
    const held = gate()
    const RebuildLive = Rebuild.toLayer(({ text }) => Effect.as(held.wait, text))
    return Effect.gen(function*() {
      const events = yield* recordEvents
      const first = yield* Rebuild.dispatch({ id: "a", text: "1" })
      yield* settleTurns
      const second = yield* Rebuild.dispatch({ id: "a", text: "2" })
      const third = yield* Rebuild.dispatch({ id: "a", text: "3" })
      assert.deepStrictEqual([second.origin, third.origin], ["created", "joined"])
      assert.strictEqual(second.id, third.id)
      assert.strictEqual(second.payload.text, "3")
      assert.deepStrictEqual((yield* second.status).waitingFor, Option.some("key"))
      yield* held.open
      assert.deepStrictEqual(yield* Effect.forEach([first, second, third], (task) => task.await), ["1", "3", "3"])
      yield* settleTurns
      const replaced = events.filter(({ _tag }) => _tag === "TaskReplaced")
      assert.deepStrictEqual(replaced.map((event) => "taskId" in event && event.taskId), [second.id])
    }).pipe(Effect.scoped, Effect.provide(RebuildLive), withPool())
  })

  it.effect("joins as R15 says: it is held by both pools, and its priority is raised", () => {
    const RebuildLive = Rebuild.toLayer(({ text }) => Effect.succeed(text))
    return Effect.gen(function*() {
      yield* Rebuild.pause()
      const [one, two] = [yield* TaskPool.make(), yield* TaskPool.make()]
      const task = yield* Rebuild.dispatch({ id: "a", text: "1" }, { pool: one })
      yield* Rebuild.dispatch({ id: "a", text: "2" }, { pool: two, priority: 7 })
      assert.deepStrictEqual([(yield* one.status).total, (yield* two.status).total], [1, 1])
      assert.strictEqual((yield* task.status).priority, 7)
      yield* one.cancel()
      assert.strictEqual(yield* stateOf(task), "Queued")
      yield* Rebuild.resume
      yield* two.join
      assert.strictEqual(yield* task.await, "2")
    }).pipe(Effect.scoped, Effect.provide(RebuildLive), withPool())
  })

  it.effect("a task that waits for a slot goes back to its delay", () => {
    const SaveNow = Save.toLayer(({ text }) => Effect.succeed(text))
    return Effect.gen(function*() {
      yield* Save.pause()
      const task = yield* Save.dispatch({ id: "a", text: "1" })
      yield* pass("2 seconds")
      assert.deepStrictEqual((yield* task.status).waitingFor, Option.some("paused"))
      yield* Save.dispatch({ id: "a", text: "2" })
      assert.deepStrictEqual((yield* task.status).waitingFor, Option.some("delay"))
      yield* Save.resume
      yield* pass("2 seconds")
      assert.strictEqual(yield* task.await, "2")
    }).pipe(Effect.provide(SaveNow), withPool())
  })

  it.effect("its queueTimeout counts anew from the end of a delay that starts anew", () => {
    const SaveNow = Save.toLayer(({ text }) => Effect.succeed(text))
    return Effect.gen(function*() {
      yield* Save.pause()
      const task = yield* Save.dispatch({ id: "a", text: "1" }, { delay: 0, queueTimeout: "1 second" })
      yield* Save.dispatch({ id: "a", text: "2" })
      yield* pass("2 seconds")
      assert.strictEqual(yield* stateOf(task), "Queued")
      yield* pass("1 second")
      assert.strictEqual(timedOut(yield* task.exit).phase, "queued")
      yield* Save.resume
    }).pipe(Effect.provide(SaveNow), withPool())
  })

  it.effect("keys of limits are worked out from the new payload", () => {
    class Send extends Job.make("Send", {
      ...versioned,
      concurrency: { limit: 1, key: ({ text }: { readonly text: string }) => text }
    }) {}
    const held = gate()
    const SendLive = Send.toLayer(({ id, text }) => id === "holder" ? Effect.as(held.wait, text) : Effect.succeed(text))
    return Effect.gen(function*() {
      yield* Send.dispatch({ id: "holder", text: "busy" })
      yield* settleTurns
      const task = yield* Send.dispatch({ id: "a", text: "busy" })
      yield* settleTurns
      assert.deepStrictEqual((yield* task.status).waitingFor, Option.some("job-concurrency"))
      yield* Send.dispatch({ id: "a", text: "free" })
      assert.strictEqual(yield* task.await, "free")
      yield* held.open
    }).pipe(Effect.provide(SendLive), withPool())
  })

  it.effect("a dispatch that would stand behind a task that waits for it dies of the ring", () =>
    Effect.gen(function*() {
      yield* script("a", () => TaskPool.use((pool) => Own.dispatch({ id: "a" }, { pool })))
      const exit = yield* (yield* Own.dispatch({ id: "a" })).exit
      assert.instanceOf(defect(exit), WaitCycle)
    }).pipe(withPool({}, Own)))

  it("maxDelay without latest, or below the delay, is refused", () => {
    assert.throws(() => Job.make("Bad", { maxDelay: "1 second" }), /it bounds what unique: "latest" puts off/)
    assert.throws(
      () => Job.make("Bad", { ...versioned, delay: "2 seconds", maxDelay: "1 second" }),
      /give at least the delay/
    )
  })

  it.effect("recompute runs with the payload that the task has", () => {
    const RebuildLive = Rebuild.toLayer(({ text }) => Effect.succeed(text))
    return Effect.gen(function*() {
      yield* Rebuild.pause()
      const task = yield* Rebuild.dispatch({ id: "a", text: "1" })
      yield* Rebuild.dispatch({ id: "a", text: "2" })
      yield* Rebuild.resume
      yield* task.await
      assert.strictEqual(yield* (yield* task.recompute).await, "2")
      assert.isTrue(Exit.isSuccess(yield* task.exit))
    }).pipe(Effect.provide(RebuildLive), withPool())
  })
})
