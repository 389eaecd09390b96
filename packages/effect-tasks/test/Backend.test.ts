import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Schema } from "effect"
import { Job, type Task, TaskPool, WorkerPool } from "effect-tasks"
import * as Backend from "effect-tasks/Backend"

class Work extends Job.make("Work", {
  payload: { n: Schema.Int },
  success: Schema.Int,
  error: Schema.String,
  retry: { times: 1 }
}) {}

type Handler = (
  payload: { readonly n: number },
  task: { readonly attempt: number }
) => Effect.Effect<number, string>

/** A store in the hand of the test: what is recorded stands when the test says so. */
const makeStore = () => {
  const asked: Array<string> = []
  const records: Array<{ readonly task: Backend.StoredTask, readonly outcome: Backend.Outcome }> = []
  let port: Backend.Port | undefined
  let last = 0
  const layer = (here: boolean, handler: Handler = ({ n }) => Effect.succeed(n)) =>
    Backend.toLayer(Work, handler, (given) => {
      port = given
      return Effect.succeed<Backend.Backend>({
        submit: (request) =>
          request.refusal === undefined
            ? given.accept(request, { id: `stored${++last}`, here, attempt: 1, restarts: 0 }, "created")
            : Effect.fail(request.refusal),
        record: (task, outcome) => void records.push({ task, outcome }),
        stopElsewhere: ({ id }, stop) => void asked.push(`stop ${id} ${stop._tag === "cancel" ? stop.reason : ""}`),
        retrying: ({ attempt, id }, delay) => void asked.push(`retry ${id} ${attempt} ${delay}`),
        reported: ({ id }) => void asked.push(`progress ${id}`),
        prioritized: ({ id }, priority) => void asked.push(`priority ${id} ${priority}`),
        watched: ({ id }) => void asked.push(`watch ${id}`),
        send: () => undefined,
        find: () => Effect.succeedNone,
        get: () => Effect.succeedNone
      })
    })
  const settle = () => {
    for (const { outcome, task } of records.splice(0)) port!.settle(task, outcome)
  }
  const parked = (pool: Backend.Connection, id: string) => pool.find(id)!
  return { asked, records, layer, settle, parked, port: () => port! }
}

const provided = <A, E>(
  body: Effect.Effect<A, E, WorkerPool | Job.Handler<"Work">>,
  jobs: Layer.Layer<Job.Handler<"Work">, never, WorkerPool>
) => Effect.provide(body, jobs.pipe(Layer.provideMerge(WorkerPool.layer({ workers: 1 }))))

const stateOf = (task: Task.Any) => Effect.map(task.status, ({ state }) => state)

describe("a job with a backend", () => {
  it.effect("has exited when its outcome is recorded, and holds no slot meanwhile", () => {
    const store = makeStore()
    return provided(
      Effect.gen(function*() {
        const first = yield* Work.dispatch({ n: 1 })
        const second = yield* Work.dispatch({ n: 2 })
        yield* Effect.yieldNow
        assert.strictEqual(first.id, "stored1")
        assert.deepStrictEqual(store.records.map(({ task }) => task.id), ["stored1", "stored2"], "with one worker")
        assert.strictEqual(yield* stateOf(first), "Stopping")
        store.settle()
        assert.deepStrictEqual([yield* first.await, yield* second.await], [1, 2])
        assert.isTrue(Option.isSome(yield* Work.get("stored1")))
      }),
      store.layer(true)
    )
  })

  it.effect("takes the outcome that stands, though it is another one", () => {
    const store = makeStore()
    return provided(
      Effect.gen(function*() {
        const task = yield* Work.dispatch({ n: 1 })
        yield* Effect.yieldNow
        store.port().settle(store.records[0].task, Exit.succeed(99))
        assert.strictEqual(yield* task.await, 99)
      }),
      store.layer(true)
    )
  })

  it.effect("waits for a parked task like for any other, and never runs it", () => {
    const store = makeStore()
    return provided(
      Effect.gen(function*() {
        const connection = yield* Backend.connect
        const pool = yield* TaskPool.make()
        const task = yield* Work.dispatch({ n: 1 }, { pool })
        const joined = yield* Effect.forkChild(pool.join, { startImmediately: true })
        yield* Effect.yieldNow
        const { state, waitingFor } = yield* task.status
        assert.deepStrictEqual([state, waitingFor], ["Queued", Option.some("elsewhere")])
        assert.isUndefined(joined.pollUnsafe())
        store.port().settle(store.parked(connection, task.id), Exit.succeed(7))
        yield* Fiber.join(joined)
        assert.strictEqual(yield* task.await, 7)
        assert.deepStrictEqual(store.records, [])
      }).pipe(Effect.scoped),
      store.layer(false)
    )
  })

  it.effect("asks who runs a parked task to stop it, once", () => {
    const store = makeStore()
    return provided(
      Effect.gen(function*() {
        const connection = yield* Backend.connect
        const task = yield* Work.dispatch({ n: 1 })
        const canceling = yield* Effect.forkChild(task.cancel("enough"), { startImmediately: true })
        yield* Effect.forkChild(task.cancel("again"), { startImmediately: true })
        assert.deepStrictEqual(store.asked, ["stop stored1 enough"])
        assert.isUndefined(canceling.pollUnsafe(), "not before it has stopped")
        store.port().settle(store.parked(connection, task.id), { _tag: "cancel", reason: "enough" })
        yield* Fiber.join(canceling)
        assert.include(String(yield* task.exit), "enough")
      }),
      store.layer(false)
    )
  })

  it.effect("runs a parked task once it is claimed, as the attempt that it is", () => {
    const store = makeStore()
    return provided(
      Effect.gen(function*() {
        const connection = yield* Backend.connect
        const task = yield* Work.dispatch({ n: 1 })
        store.port().claim(store.parked(connection, task.id), 4, 3)
        yield* Effect.yieldNow
        store.settle()
        assert.strictEqual(yield* task.await, 4)
      }),
      store.layer(false, (_, { attempt }) => Effect.succeed(attempt))
    )
  })

  it.effect("counts failures, not restarts, against its retries, and tells of each attempt", () => {
    const store = makeStore()
    return provided(
      Effect.gen(function*() {
        const connection = yield* Backend.connect
        const task = yield* Work.dispatch({ n: 1 })
        store.port().claim(store.parked(connection, task.id), 5, 4)
        yield* Effect.yieldNow
        yield* Effect.yieldNow
        store.settle()
        assert.strictEqual(yield* Effect.flip(task.await), "attempt 6")
        assert.deepStrictEqual(store.asked, ["retry stored1 6 0"])
      }),
      store.layer(false, (_, { attempt }) => Effect.fail(`attempt ${attempt}`))
    )
  })

  it.effect("is let go of by a shutdown, with what waits for it", () => {
    const store = makeStore()
    const handler = ({ n }: { readonly n: number }) =>
      n > 0
        ? Effect.never
        : Effect.orDie(Effect.flatMap(Work.dispatch({ n: 1 }), (task) => Effect.as(Effect.exit(task.await), 0)))
    return Effect.gen(function*() {
      const running = yield* Effect.forkChild(
        provided(Effect.andThen(Work.dispatch({ n: 0 }), Effect.never), store.layer(true, handler as never))
      )
      yield* Effect.yieldNow
      yield* Effect.yieldNow
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(running), { startImmediately: true })
      for (let i = 0; i < 20 && store.records.length < 2; i++) yield* Effect.yieldNow
      assert.deepStrictEqual(
        store.records.map(({ outcome, task }) => [task.id, outcome]),
        ["stored1", "stored2"].map((id) => [id, { _tag: "cancel", reason: "shutdown", shutdown: true } as const])
      )
      store.settle()
      yield* Fiber.join(interrupting)
    })
  })
})
