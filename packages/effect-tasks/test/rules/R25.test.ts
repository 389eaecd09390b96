import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Schema, SchemaTransformation } from "effect"
import { DispatchError, InvalidPayload, Job, JobNotRegistered, type Task, TaskPool, WorkerPool } from "effect-tasks"
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

  describe("what the handler gets does not change with the caller's object, nor the other way:", () => {
    class Point extends Schema.Class<Point>("Point")({
      x: Schema.mutableKey(Schema.Int),
      list: Schema.mutable(Schema.Array(Schema.Int))
    }) {
      get sum(): number {
        return this.list.reduce((sum, n) => sum + n, this.x)
      }
    }
    const change = (value: any): void => {
      if (value instanceof Date) value.setTime(99)
      else if (ArrayBuffer.isView(value)) (value as Uint8Array).fill(99)
      else if (value instanceof Map) {
        for (const part of value.values()) change(part)
        value.set("changed", 99)
      } else if (value instanceof Set) value.add("changed")
      else if (value instanceof URL) value.pathname = "/changed"
      else if (Array.isArray(value)) {
        value.forEach(change)
        value.push(99)
      } else if (typeof value === "object" && value !== null) {
        for (const key of Object.keys(value)) {
          if (typeof value[key] === "object") change(value[key])
          else value[key] = 99
        }
      }
    }

    const payloads: ReadonlyArray<{
      readonly name: string,
      readonly schema: Schema.Codec<any, any>,
      readonly make: () => any,
      readonly has?: (value: any) => boolean
    }> = [
      { name: "a Date", schema: Schema.Date, make: () => new Date(7), has: (value) => value instanceof Date },
      {
        name: "bytes",
        schema: Schema.Uint8Array,
        make: () => new Uint8Array([1, 2]),
        has: (v) => v instanceof Uint8Array
      },
      { name: "a URL", schema: Schema.URL, make: () => new URL("http://a/b"), has: (value) => value instanceof URL },
      {
        name: "a Map",
        schema: Schema.ReadonlyMap(Schema.String, Schema.Date),
        make: () => new Map([["a", new Date(7)]]),
        has: (value) => value instanceof Map
      },
      {
        name: "a Set",
        schema: Schema.ReadonlySet(Schema.String),
        make: () => new Set(["a"]),
        has: (v) => v instanceof Set
      },
      {
        name: "an instance of a Schema.Class",
        schema: Point,
        make: () => new Point({ x: 1, list: [1, 2] }),
        has: (value) => value instanceof Point && value.sum === 4
      },
      { name: "lists and records", schema: Schema.Json, make: () => ({ a: [{ b: [1] }] }) },
      { name: "an optional Date", schema: Schema.optional(Schema.Date) as never, make: () => new Date(7) },
      { name: "a union", schema: Schema.Union([Schema.Date, Schema.String]), make: () => new Date(7) },
      { name: "a list of Dates", schema: Schema.Array(Schema.NullOr(Schema.Date)), make: () => [new Date(7), null] },
      {
        name: "a record of Dates",
        schema: Schema.Record(Schema.String, Schema.Date),
        make: () => ({ a: new Date(7), b: new Date(8) })
      },
      {
        name: "a struct with a record of Dates beside its fields",
        schema: Schema.StructWithRest(Schema.Struct({ name: Schema.String }), [
          Schema.Record(Schema.TemplateLiteral(["at ", Schema.String]), Schema.Date)
        ]) as never,
        make: () => ({ "name": "a", "at a": new Date(7) })
      },
      {
        name: "a tuple",
        schema: Schema.Tuple([Schema.String, Schema.Date]),
        make: () => ["a", new Date(7)]
      },
      {
        name: "a tuple with a rest of Dates",
        schema: Schema.TupleWithRest(Schema.Tuple([Schema.String]), [Schema.Date]),
        make: () => ["a", new Date(7), new Date(8)]
      },
      {
        name: "a tuple with a Date behind its rest",
        schema: Schema.TupleWithRest(Schema.Tuple([Schema.Date]), [Schema.String, Schema.Date]),
        make: () => [new Date(7), "a", "b", new Date(8)]
      },
      { name: "an unknown record", schema: Schema.Unknown, make: () => ({ a: { b: [1] } }) },
      {
        name: "an unknown Date",
        schema: Schema.Unknown,
        make: () => new Date(7),
        has: (value) => value instanceof Date
      },
      {
        name: "an unknown mix",
        schema: Schema.Unknown,
        make: () => ({ at: new Date(7), in: new Map([["a", new Set(["b"])]]), bytes: new Uint8Array([1]) }),
        has: (value) => value.at instanceof Date && value.in instanceof Map && value.bytes instanceof Uint8Array
      },
      {
        name: "an unknown mix with null and undefined",
        schema: Schema.Unknown,
        make: () => ({ none: null, nothing: undefined, at: new Date(7) })
      }
    ]
    for (const [n, { has, make, name, schema }] of payloads.entries()) {
      const Carries = Job.make(`Carries${n}`, { payload: Schema.Struct({ it: schema }), success: Schema.Unknown })
      const Whole = Job.make(`Whole${n}`, { payload: schema, success: Schema.Unknown })

      for (
        const [where, job, wrap] of [
          ["in a field", Carries, (it: any) => ({ it })],
          ["as the payload", Whole, (it: any) => it]
        ] as ReadonlyArray<readonly [string, typeof Whole, (it: any) => any]>
      ) {
        if (where === "as the payload" && name === "an optional Date") continue
        it.effect(`${name}, ${where}`, () => {
          const got: Array<any> = []
          return withHandlers(
            Effect.gen(function*() {
              const workerPool = yield* WorkerPool
              const expected = (yield* job.dispatch(wrap(make()))).key
              yield* workerPool.drain
              got.length = 0
              yield* workerPool.pause
              const mine = wrap(make())
              const task = yield* job.dispatch(mine)
              change(mine)
              assert.deepStrictEqual(task.payload, wrap(make()))
              yield* workerPool.resume
              yield* task.await
              assert.deepStrictEqual(got[0], wrap(make()))
              assert.isTrue(has === undefined || has(where === "in a field" ? got[0].it : got[0]))
              if (!expected.includes(job.tag)) assert.strictEqual(task.key, expected)
              const other = wrap(make())
              yield* job.run(other)
              change(got[1])
              assert.deepStrictEqual(other, wrap(make()))
            }),
            job.toLayer((payload) => Effect.sync(() => void got.push(payload)))
          )
        })
      }
    }

    it.effect("a Schema that stands in many places costs no more than one that stands in one", () => {
      let Deep: Schema.Codec<any, any> = Schema.Struct({ name: Schema.String })
      // looked at in each place, it would take half a minute
      for (let depth = 0; depth < 27; depth++) {
        Deep = Schema.Struct({ one: Schema.optionalKey(Deep), two: Schema.optionalKey(Deep) }) as never
      }
      const Carries = Job.make("CarriesDeep", { payload: Deep, success: Schema.Unknown })
      return withHandlers(
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* Carries.run({ one: { two: {} } }), { one: { two: {} } })
        }),
        Carries.toLayer((payload) => Effect.succeed(payload))
      )
    })

    it.effect("what is opaque is passed on as it is: instances of classes that are not Schema's own", () => {
      class Counter {
        #count = 0
        increment(): number {
          return ++this.#count
        }
      }
      const Opaque = Job.make("Opaque", { payload: { it: Schema.Unknown }, success: Schema.Int })
      return withHandlers(
        Effect.gen(function*() {
          const counter = new Counter()
          assert.strictEqual(yield* Opaque.run({ it: counter }), 1)
          assert.strictEqual(yield* Opaque.run({ it: [counter] }), 2)
          assert.strictEqual(counter.increment(), 3)
        }),
        Opaque.toLayer(({ it }) => Effect.sync(() => (Array.isArray(it) ? it[0] : it).increment()))
      )
    })

    it.effect("what is opaque is passed on as it is: functions and effects", () => {
      const Opaque = Job.make("Opaque", { payload: { body: Schema.Any }, success: Schema.Unknown })
      return withHandlers(
        Effect.gen(function*() {
          assert.strictEqual(yield* Opaque.run({ body: () => Effect.succeed(1) }), 1)
          assert.strictEqual(yield* Opaque.run({ body: Effect.as(Effect.yieldNow, 2) }), 2)
        }),
        Opaque.toLayer(({ body }) => typeof body === "function" ? body() : body)
      )
    })
  })

  describe("options that could never work are refused where they are given, as `concurrency: 0` is:", () => {
    const messageOf = (exit: Exit.Exit<unknown, unknown>): string => {
      const found = defect(exit)
      assert.instanceOf(found, Error)
      return (found as Error).message
    }
    const bad: ReadonlyArray<readonly [string, ReadonlyArray<number>]> = [
      ["workers", [0, -1, NaN, 1.5, -Infinity]],
      ["capacity", [-1, NaN, 1.5]],
      ["history", [-1, NaN]]
    ]
    for (const [option, values] of bad) {
      for (const value of values) {
        it.effect(`${option}: ${value}`, () =>
          Effect.gen(function*() {
            const build = Effect.suspend(() => Layer.build(WorkerPool.layer({ [option]: value })))
            const message = messageOf(yield* Effect.exit(Effect.scoped(build)))
            assert.include(message, `${option} cannot be ${value};`)
          }))
      }
    }

    for (const value of [0, -1, NaN, 1.5]) {
      it.effect(`resize(${value})`, () =>
        Effect.gen(function*() {
          const { resize, status } = yield* WorkerPool
          const message = messageOf(yield* Effect.exit(Effect.suspend(() => resize(value))))
          assert.match(message, new RegExp(`(workers|resize).* cannot be ${value};`))
          assert.strictEqual((yield* status).workers, 3)
          assert.strictEqual(yield* (yield* work("a")).await, "a")
        }).pipe(withPool({ workers: 3 })))
    }

    it.effect("no limit is an option", () =>
      Effect.gen(function*() {
        const { resize, status } = yield* WorkerPool
        assert.strictEqual((yield* status).workers, Infinity)
        yield* resize(2)
        assert.strictEqual((yield* status).workers, 2)
        yield* resize(Infinity)
        assert.strictEqual((yield* status).workers, Infinity)
      }).pipe(withPool({ workers: Infinity, capacity: Infinity, history: 0 })))
  })

  it.effect("a function that makes keys is called once for each dispatch, whoever asks for the key later", () =>
    Effect.gen(function*() {
      let calls = 0
      class Keyed extends Job.make("Keyed", {
        ...scripted,
        key: ({ id }) => {
          calls++
          return id
        }
      }) {}
      yield* Effect.gen(function*() {
        const task = yield* Keyed.dispatch({ id: "a" })
        assert.deepStrictEqual([task.key, (yield* task.status).key, calls], ["a", "a", 1])
      }).pipe(withPool({}, Keyed))
    }))

  describe("a job that is not registered", () => {
    const names: ReadonlyArray<readonly [given: string, meant: string | undefined]> = [
      ["ResizeImages", "ResizeImage"],
      ["resizeimage", "ResizeImage"],
      ["RezizeImage", "ResizeImage"],
      ["ResizeImg", "ResizeImage"],
      ["DownsizeImage", "DownsizeImages"],
      ["ImageResize", undefined],
      ["SendMail", undefined],
      ["Zop", "Zip"],
      ["Gup", "Zip"],
      ["Gun", undefined],
      ["", undefined]
    ]
    for (const [given, meant] of names) {
      it.effect(`is told of the nearest name: "${given}" was meant to be ${meant}`, () =>
        Effect.gen(function*() {
          for (const tag of ["ResizeImage", "DownsizeImages", "Zip", "Zap"]) {
            yield* Layer.build(Job.make(tag, scripted).toLayer(() => Effect.void))
          }
          const exit = yield* Effect.exit((yield* WorkerPool).dispatch(given, { id: "a" }))
          assert.deepStrictEqual((failure(exit) as DispatchError).reason, new JobNotRegistered({ suggestion: meant }))
        }).pipe(Effect.scoped, Effect.provide(WorkerPool.layer())))
    }
  })
})
