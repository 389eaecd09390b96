import { assert, describe, it } from "@effect/vitest"
import {
  Chunk,
  Effect,
  Exit,
  HashMap,
  Layer,
  Option,
  Redacted,
  Schema,
  SchemaParser,
  SchemaTransformation
} from "effect"
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
      #secret = 4
      calls = 0
      get sum(): number {
        return this.list.reduce((sum, n) => sum + n, this.x)
      }
      get secret(): number {
        return this.#secret
      }
    }
    class Failed extends Schema.TaggedError<Failed>()("Failed", { at: Schema.Date }) {
      #times = 1
      override get message(): string {
        return `failed ${this.#times} time`
      }
    }
    class Stamp extends Date {
      label = { text: "mine" }
      get text(): string {
        return `${this.label.text} ${this.getTime()}`
      }
    }
    class Names extends Map<string, Date> {
      get text(): string {
        return [...this.keys()].join()
      }
    }
    class Dates extends Array<Date> {
      get first(): number {
        return this[0]!.getTime()
      }
    }
    const mark = Symbol("mark")
    const change = (value: any): void => {
      if (value instanceof Date) {
        value.setTime(99)
        if (value instanceof Stamp) value.label.text = "changed"
      } else if (Option.isOption(value)) change(Option.getOrThrow(value))
      else if (Chunk.isChunk(value)) Chunk.toReadonlyArray(value).forEach(change)
      else if (HashMap.isHashMap(value)) HashMap.toValues(value).forEach(change)
      else if (Redacted.isRedacted(value)) change(Redacted.value(value))
      else if (value instanceof URLSearchParams) value.append("changed", "99")
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
        for (const key of Reflect.ownKeys(value)) {
          if (typeof value[key] === "object") change(value[key])
          else if (typeof value[key] !== "function") value[key] = 99
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
        has: (value) => value instanceof Point && value.sum === 4 && value.secret === 4
      },
      {
        name: "an instance that has changed",
        schema: Point,
        make: () => {
          const point = new Point({ x: 1, list: [1, 2] })
          point.list.push(point.secret)
          return Object.assign(point, { calls: 1, more: { at: new Date(7) } })
        },
        has: (value) => value.calls === 1 && value.sum === 8 && value.more.at instanceof Date
      },
      {
        name: "an error",
        schema: Failed,
        make: () => Object.assign(new Failed({ at: new Date(7) }), { stack: "mine", more: { at: new Date(8) } }),
        has: (value) => value instanceof Failed && value.message === "failed 1 time" && value.stack === "mine"
      },
      {
        name: "a Buffer",
        schema: Schema.Uint8Array,
        make: () => Buffer.from([1, 2]),
        has: (value) => Buffer.isBuffer(value) && value.toString("hex") === "0102"
      },
      {
        name: "a Date that is a Stamp",
        schema: Schema.Date,
        make: () => new Stamp(7),
        has: (value) => value instanceof Stamp && value.text === "mine 7"
      },
      {
        name: "subclasses of what is known",
        schema: Schema.Unknown,
        make: () => ({ names: new Names([["a", new Date(7)]]), dates: Dates.of(new Date(8)) }),
        has: ({ dates, names }) =>
          names instanceof Names && names.text === "a" && dates instanceof Dates && dates.first === 8
      },
      {
        name: "fields without a name, and holes",
        schema: Schema.Unknown,
        make: () => ({ [mark]: { at: new Date(7) }, list: Object.assign([new Date(8)], { length: 3 }) }),
        has: (value) => value[mark].at instanceof Date && value.list.length === 3 && !(1 in value.list)
      },
      {
        name: "an object without prototype",
        schema: Schema.Unknown,
        make: () => Object.assign(Object.create(null), { at: new Date(7), ["__proto__"]: new Date(8) }),
        has: (value) => Object.getPrototypeOf(value) === null && value["__proto__"] instanceof Date
      },
      {
        name: "an expression and an address",
        schema: Schema.Unknown,
        make: () => ({ match: Object.assign(/a/g, { lastIndex: 5 }), query: new URLSearchParams("a=1") }),
        has: ({ match, query }) => match instanceof RegExp && match.lastIndex === 5 && query.get("a") === "1"
      },
      { name: "an Option of a Date", schema: Schema.Option(Schema.Date), make: () => Option.some(new Date(7)) },
      { name: "a Chunk of Dates", schema: Schema.Chunk(Schema.Date), make: () => Chunk.make(new Date(7), new Date(8)) },
      {
        name: "a HashMap of Dates",
        schema: Schema.HashMap(Schema.String, Schema.Date),
        make: () => HashMap.make(["a", new Date(7)])
      },
      {
        name: "secret bytes",
        schema: Schema.Redacted(Schema.Uint8Array, { disallowJsonEncode: true }),
        make: () => Redacted.make(new Uint8Array([1])),
        has: (value) => Redacted.value(value as Redacted.Redacted<Uint8Array>)[0] === 1
      },
      { name: "what a Schema takes unseen", schema: Schema.Struct({}), make: () => ({ a: [1] }) },
      {
        name: "what a recursive Schema holds",
        schema: Schema.Struct({ below: Schema.Array(Schema.suspend((): typeof Schema.Date => Schema.Date)) }),
        make: () => ({ below: [new Date(7)] })
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

    const copyOf = (schema: Schema.Codec<any, any>, value: any) => {
      const Copied = Job.make("Copied", { payload: Schema.Struct({ it: schema }) })
      return withHandlers(
        Effect.map(Copied.dispatch({ it: value }), ({ payload }) => (payload as { readonly it: any }).it),
        Copied.toLayer(() => Effect.void)
      )
    }

    it.effect("cycles, and what stands in several places, do so in the copy", () =>
      Effect.gen(function*() {
        const at = new Date(7)
        const knot: Record<string, unknown> = { at, again: [at], map: new Map() }
        knot["self"] = knot
        knot["map"] = new Map([[knot, new Set([knot])]])
        const copy = yield* copyOf(Schema.Unknown, knot)
        assert.notStrictEqual(copy, knot)
        assert.notStrictEqual(copy.at, at)
        assert.strictEqual(copy.self, copy)
        assert.strictEqual(copy.again[0], copy.at)
        assert.isTrue(copy.map.get(copy).has(copy))
      }))

    it.effect("instances that hold one instance twice do so in the copy, however often", () => {
      const Part = Schema.NullOr(Schema.suspend((): Schema.Codec<any> => Pair))
      class Pair extends Schema.Class<Pair>("Pair")({ one: Part, two: Part }) {}
      return Effect.gen(function*() {
        let pair = new Pair({ one: null, two: null })
        for (let n = 0; n < 100; n++) pair = new Pair({ one: pair, two: pair })
        const copy = yield* copyOf(Pair, pair)
        assert.notStrictEqual(copy.one, pair.one)
        assert.strictEqual(copy.one, copy.two)
        const knot = Object.assign(new Pair({ one: pair, two: null }), { two: pair })
        Object.assign(knot, { one: knot })
        const tied = yield* copyOf(Pair, knot)
        assert.notStrictEqual(tied, knot)
        assert.strictEqual(tied.one, knot) // no class can be given what it is still to make
      })
    })

    it.effect("it may be nested deeply", () =>
      Effect.gen(function*() {
        let nest: Record<string, unknown> = {}
        for (let n = 0; n < 20_000; n++) nest = { nest }
        const copy = yield* copyOf(Schema.Unknown, nest)
        assert.notStrictEqual(copy["nest"], nest["nest"])
      }))

    it.effect("what cannot be read or made again is shared, alone", () => {
      class Choosy
        extends Schema.Class<Choosy>("Choosy")({ n: Schema.mutableKey(Schema.Int.check(Schema.isGreaterThan(0))) })
      {}
      return Effect.gen(function*() {
        const at = new Date(7)
        const throws = Object.defineProperty({ at }, "bad", { enumerable: true, get: () => assert.fail("it was read") })
        const { proxy: revoked, revoke } = Proxy.revocable({}, {})
        revoke()
        const detached = new ArrayBuffer(8)
        structuredClone(detached, { transfer: [detached] })
        const choosy = new Choosy({ n: 1 })
        choosy.n = -1
        const shared = { throws, revoked, detached, choosy }
        const copy = yield* copyOf(Schema.Unknown, { at, ...shared })
        assert.notStrictEqual(copy.at, at)
        for (const name of Object.keys(shared) as Array<keyof typeof shared>) {
          assert.isTrue(copy[name] === shared[name], name)
        }
      })
    })

    it.effect("an instance of a member of a union stays one, whichever member could be made of its fields", () => {
      class First extends Schema.Class<First>("First")({ at: Schema.Date }) {}
      class Second extends Schema.Class<Second>("Second")({ at: Schema.Date }) {}
      const Either = Schema.Union([First, Schema.Union([Schema.Struct({ text: Schema.String }), Second])])
      const Later = Schema.Union([First, Schema.suspend(() => Schema.Union([Second, Later]))]) as Schema.Codec<any>
      return Effect.gen(function*() {
        for (const schema of [Either, Schema.Union([First, Second]), Schema.NullOr(Either), Later]) {
          assert.instanceOf(yield* copyOf(schema, new First({ at: new Date(7) })), First)
          assert.instanceOf(yield* copyOf(schema, new Second({ at: new Date(7) })), Second)
          assert.instanceOf(yield* copyOf(schema, { at: new Date(7) }), First)
        }
        const [one, two] = yield* copyOf(Schema.Array(Either), [new Second({ at: new Date(7) }), { text: "a" }])
        assert.instanceOf(one, Second)
        assert.deepStrictEqual(two, { text: "a" })
      })
    })

    it.effect("the copy has all fields that a default has made too many for a smaller member of the union", () => {
      const Large = Schema.Struct({
        n: Schema.Int.pipe(Schema.withConstructorDefault(Effect.succeed(1))),
        at: Schema.Date
      })
      return Effect.map(
        copyOf(Schema.Union([Schema.Struct({ n: Schema.Int }), Large]), { at: new Date(7) }),
        (copy) => assert.deepStrictEqual(copy, { n: 1, at: new Date(7) })
      )
    })

    it.effect("a class that is declared with parts gets copies of them", () => {
      class Box<A> {
        readonly extra = 1
        readonly part: A
        constructor(part: A) {
          this.part = part
        }
      }
      const Boxed = Schema.declareConstructor<Box<Date>>()(
        [Schema.Struct({ part: Schema.Date })],
        ([parts]) => (input, _, options) =>
          Effect.mapEager(SchemaParser.decodeUnknownEffect(parts)(input, options), ({ part }) => new Box(part))
      )
      return Effect.gen(function*() {
        const box = new Box(new Date(7))
        const copy = yield* copyOf(Boxed as Schema.Codec<any>, box)
        assert.deepStrictEqual(copy, box)
        assert.notStrictEqual(copy.part, box.part)
      })
    })

    it.effect("of bytes those that are seen are copied, alone", () =>
      Effect.gen(function*() {
        const { buffer } = new Uint8Array(80).fill(7)
        const views = { floats: new Float32Array(buffer, 8, 2), view: new DataView(buffer, 40, 3), bytes: buffer }
        const { bytes, floats, view } = yield* copyOf(Schema.Unknown, views)
        new Uint8Array(buffer).fill(99)
        assert.deepStrictEqual(bytes, new Uint8Array(80).fill(7).buffer)
        assert.deepStrictEqual(floats, new Float32Array(new Uint8Array(8).fill(7).buffer))
        assert.deepStrictEqual(view, new DataView(new Uint8Array(3).fill(7).buffer))
        assert.deepStrictEqual([floats.buffer.byteLength, view.buffer.byteLength], [8, 3])
      }))

    it.effect("fields of an instance are copied as its class says", () => {
      class Kept extends Schema.Class<Kept>("Kept")({ any: Schema.Any, at: Schema.Option(Schema.Date) }) {}
      return Effect.gen(function*() {
        const kept = new Kept({ any: { n: 1 }, at: Option.some(new Date(7)) })
        const copy = yield* copyOf(Kept, kept)
        assert.strictEqual(copy.any, kept.any)
        assert.deepStrictEqual(copy.at, kept.at)
        assert.notStrictEqual(Option.getOrThrow(copy.at), Option.getOrThrow(kept.at))
      })
    })

    it.effect("a function that an instance made for itself is its copy's own", () => {
      class Own extends Schema.Class<Own>("Own")({ n: Schema.Int }) {
        readonly self = (): Own => this
      }
      return Effect.map(copyOf(Own, new Own({ n: 1 })), (copy) => assert.strictEqual(copy.self(), copy))
    })

    it.effect("nor when it is dispatched by name", () => {
      const Named = Job.make("Named", {
        payload: { any: Schema.Unknown, json: Schema.Json, open: Schema.Struct({}), at: Schema.Date }
      })
      return withHandlers(
        Effect.gen(function*() {
          const { dispatch, pause, resume } = yield* WorkerPool
          yield* pause
          const make = () => ({ any: { list: [1] }, json: [{ a: 1 }], open: { a: 1 }, at: "1970-01-01T00:00:00.007Z" })
          const mine: any = make()
          const task = yield* dispatch("Named", mine)
          change(mine)
          assert.deepStrictEqual(task.payload, { ...make(), at: new Date(7) })
          yield* resume
        }),
        Named.toLayer(() => Effect.void)
      )
    })

    it.effect("values of Schema.Any and shared memory are shared", () =>
      Effect.gen(function*() {
        const any = { at: new Date(7) }
        assert.strictEqual(
          (yield* copyOf(Schema.Struct({ any: Schema.Any, at: Schema.Date }), { any, at: any.at })).any,
          any
        )
        const memory = new SharedArrayBuffer(8)
        const shared = { memory, ints: new Int32Array(memory) }
        const copy = yield* copyOf(Schema.Unknown, shared)
        assert.notStrictEqual(copy, shared)
        assert.deepStrictEqual([copy.memory === memory, copy.ints === shared.ints], [true, true])
      }))

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
