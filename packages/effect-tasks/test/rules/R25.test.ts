import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Schema, SchemaTransformation } from "effect"
import { DispatchError, InvalidPayload, Job, type Task, TaskPool, WorkerPool } from "effect-tasks"
import {
  defect,
  failure,
  gate,
  recordEvents,
  script,
  scripted,
  settleTurns,
  TestError,
  withPool,
  work
} from "../support.ts"

const Small = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 }))
class Checked extends Job.make("Checked", { payload: { n: Small, name: Schema.String }, success: Schema.Unknown }) {}

class Nested extends Job.make("Nested", {
  payload: { list: Schema.mutable(Schema.Array(Schema.Int)), box: Schema.Struct({ label: Schema.String }) },
  success: Schema.Unknown
}) {}

let encodes = 0
const Counted = Schema.String.pipe(
  Schema.decodeTo(
    Schema.String,
    SchemaTransformation.transform({
      decode: (text: string) => text,
      encode: (text: string) => {
        encodes++
        return text
      }
    })
  )
)
class Lazy extends Job.make("Lazy", { payload: { text: Counted } }) {}
class Canonical
  extends Job.make("Canonical", { payload: { map: Schema.Record(Schema.String, Schema.Int) }, unique: true })
{}
class DateJob extends Job.make("DateJob", { payload: { at: Schema.DateFromString }, success: Schema.String }) {}

const boom = new Error("boom")
const throws = (): never => {
  throw boom
}
class BadKey extends Job.make("BadKey", { ...scripted, unique: true, key: throws }) {}
class BadPlainKey extends Job.make("BadPlainKey", { ...scripted, key: throws }) {}
class BadLimit extends Job.make("BadLimit", { ...scripted, concurrency: { limit: 1, key: throws } }) {}
class BadWhile extends Job.make("BadWhile", { ...scripted, retry: { while: throws } }) {}
class BadWhileEffect extends Job.make("BadWhileEffect", { ...scripted, retry: { while: () => Effect.die(boom) } }) {}

const withHandlers = <A, E, R, R2>(self: Effect.Effect<A, E, R>, layer: Layer.Layer<R2, never, WorkerPool>) =>
  Effect.provide(Effect.scoped(self), Layer.provideMerge(layer, WorkerPool.layer({ workers: 1 })))

const invalid = (exit: Exit.Exit<unknown, unknown>) => {
  const error = failure(exit)
  assert.instanceOf(error, DispatchError)
  const { reason } = error as DispatchError
  assert.instanceOf(reason, InvalidPayload)
  return reason as InvalidPayload
}

describe("R25 Payloads and keys", () => {
  describe("a payload that does not fit the Schema", () => {
    const bad: ReadonlyArray<unknown> = [
      { n: 10, name: "a" },
      { n: 1.5, name: "a" },
      { n: "1", name: "a" },
      { n: 1 },
      null,
      undefined
    ]

    it.effect("is InvalidPayload with the issue's text, and nothing else happened", () => {
      let runs = 0
      return withHandlers(
        Effect.gen(function*() {
          const { status } = yield* WorkerPool
          const events = yield* recordEvents
          const pool = yield* TaskPool.make()
          yield* settleTurns
          const before = [yield* status, events.length]
          for (const payload of bad) {
            const exit = yield* Effect.exit(Checked.dispatch(payload as Job.Payload<typeof Checked>, { pool }))
            assert.isAbove(invalid(exit).issue.length, 0)
          }
          const exit = yield* Effect.exit(Checked.dispatch({ n: 1 } as Job.Payload<typeof Checked>))
          assert.include(invalid(exit).issue, "name")
          assert.strictEqual((failure(exit) as DispatchError).job, "Checked")
          yield* settleTurns
          assert.deepStrictEqual([yield* status, events.length], before)
          assert.deepInclude(yield* pool.status, { total: 0 })
          assert.deepStrictEqual(yield* Checked.tasks, [])
          assert.strictEqual(runs, 0)
        }),
        Checked.toLayer(() => Effect.sync(() => runs++))
      )
    })

    it.effect("is refused by name too, in its encoded form", () =>
      withHandlers(
        Effect.gen(function*() {
          const { dispatch } = yield* WorkerPool
          invalid(yield* Effect.exit(dispatch("DateJob", { at: 7 })))
          const task = yield* dispatch("DateJob", { at: "2020-01-02T00:00:00.000Z" })
          assert.strictEqual(yield* task.await, "2020-01-02T00:00:00.000Z")
        }),
        DateJob.toLayer(({ at }) => Effect.sync(() => at.toISOString()))
      ))
  })

  describe("the caller's object", () => {
    const nested = Nested.toLayer((payload) =>
      Effect.sync(() => {
        const seen = structuredClone(payload)
        payload.list.push(99)
        return seen
      })
    )

    it.effect("is not kept: changes after the dispatch reach nobody", () =>
      withHandlers(
        Effect.gen(function*() {
          const workerPool = yield* WorkerPool
          yield* workerPool.pause
          const list = [1, 2]
          const box = { label: "before" }
          const payload = { list, box }
          const task = yield* Nested.dispatch(payload)
          list.push(3)
          box.label = "after"
          payload.list = []
          assert.deepStrictEqual(task.payload, { list: [1, 2], box: { label: "before" } })
          yield* workerPool.resume
          assert.deepStrictEqual(yield* task.await, { list: [1, 2], box: { label: "before" } })
        }),
        nested
      ))

    it.effect("is not changed by the handler, and may be frozen", () =>
      withHandlers(
        Effect.gen(function*() {
          const list = [1, 2]
          const payload = Object.freeze({ list, box: Object.freeze({ label: "a" }) })
          yield* Nested.run(payload)
          assert.deepStrictEqual(payload, { list: [1, 2], box: { label: "a" } })
        }),
        nested
      ))
  })

  describe("the canonical-JSON key", () => {
    it.effect("is made only when something asks for it", () =>
      withHandlers(
        Effect.gen(function*() {
          encodes = 0
          const task = yield* Lazy.dispatch({ text: "a" })
          yield* task.await
          yield* Lazy.run({ text: "b" })
          assert.strictEqual(encodes, 0)
          assert.strictEqual(task.key, "{\"text\":\"a\"}")
          assert.strictEqual((yield* task.status).key, task.key)
          assert.isAbove(encodes, 0)
        }),
        Lazy.toLayer(() => Effect.void)
      ))

    it.effect("does not depend on the order of fields", () =>
      withHandlers(
        Effect.gen(function*() {
          const one = yield* Canonical.dispatch({ map: { a: 1, b: 2 } })
          const two = yield* Canonical.dispatch({ map: { b: 2, a: 1 } })
          const three = yield* Canonical.dispatch({ map: { a: 2, b: 1 } })
          assert.strictEqual(two.id, one.id)
          assert.notStrictEqual(three.id, one.id)
        }),
        Canonical.toLayer(() => Effect.never)
      ))

    it.effect("is that of the encoded payload", () =>
      withHandlers(
        Effect.gen(function*() {
          const task = yield* DateJob.dispatch({ at: new Date(0) })
          assert.strictEqual(task.key, "{\"at\":\"1970-01-01T00:00:00.000Z\"}")
        }),
        DateJob.toLayer(() => Effect.succeed(""))
      ))
  })

  for (const job of [BadKey, BadPlainKey, BadLimit] as ReadonlyArray<typeof BadKey>) {
    it.effect(`a throwing function of the payload kills the dispatch with that defect, and nothing else happened (${job.tag})`, () =>
      Effect.gen(function*() {
        const { status } = yield* WorkerPool
        const events = yield* recordEvents
        const pool = yield* TaskPool.make()
        yield* settleTurns
        const before = [yield* status, events.length]
        assert.strictEqual(defect(yield* Effect.exit(job.dispatch({ id: "a" }, { pool }))), boom)
        yield* settleTurns
        assert.deepStrictEqual([yield* status, events.length], before)
        assert.deepInclude(yield* pool.status, { total: 0 })
        assert.deepStrictEqual(yield* job.tasks, [])
        yield* pool.join
        assert.strictEqual(yield* (yield* work("b")).await, "b")
      }).pipe(withPool({}, job)))
  }

  for (const job of [BadWhile, BadWhileEffect] as ReadonlyArray<typeof BadWhile>) {
    it.effect(`a throwing retry.while kills the task with that defect (${job.tag})`, () =>
      Effect.gen(function*() {
        let runs = 0
        yield* script("a", () => Effect.suspend(() => new TestError({ id: `${++runs}` })))
        const pool = yield* TaskPool.make()
        const task = yield* job.dispatch({ id: "a" }, { pool })
        assert.strictEqual(defect(yield* task.exit), boom)
        assert.strictEqual(runs, 1)
        assert.deepInclude(yield* pool.settled, { failed: 1, complete: 1 })
        assert.strictEqual(yield* (yield* work("b")).await, "b")
      }).pipe(withPool({ workers: 1 }, job)))
  }

  it.effect("success, error, progress and messages are not checked in memory", () =>
    Effect.gen(function*() {
      const held = gate()
      const wrong = { not: "an int" }
      yield* script("a", (task) =>
        Effect.gen(function*() {
          yield* task.report(wrong as never)
          yield* held.wait
          return yield* Effect.fail(wrong as never)
        }))
      class Strict extends Job.make("Work", { success: Schema.Int }) {}
      assert.isFalse(Schema.is(Strict.successSchema)(wrong))
      const task = yield* work("a")
      yield* task.send(wrong as never)
      yield* held.open
      assert.strictEqual(failure(yield* task.exit), wrong)
      const { progress } = (yield* task.status) as Task.Status
      assert.deepInclude(progress, { value: wrong })
    }).pipe(withPool()))

  it.effect("a payload is checked and copied without needing a turn", () =>
    withHandlers(
      Effect.gen(function*() {
        const context = yield* Effect.context<WorkerPool | Job.Handler<"Checked">>()
        const task = Effect.runSyncWith(context)(Checked.dispatch({ n: 1, name: "a" }))
        assert.deepStrictEqual(task.payload, { n: 1, name: "a" })
        yield* task.await
      }),
      Checked.toLayer(() => Effect.void)
    ))
})
