import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Redacted, Schema } from "effect"
import { DispatchError, InvalidPayload, Job, TaskPool, WorkerPool } from "effect-tasks"
import { unreadable, untouchable } from "../faults/hostile.ts"
import { invalid, misuse, reasonOf, unchanged } from "./refusal.ts"

const Leaf = Schema.Struct({ name: Schema.String, size: Schema.Int, tags: Schema.Array(Schema.String) })
class Strict extends Job.make("Strict", {
  payload: { leaf: Leaf, at: Schema.DateFromString, map: Schema.Record(Schema.String, Schema.Number) },
  unique: true
}) {}
class Tuple extends Job.make("Tuple", { payload: Schema.Tuple([Schema.String, Schema.Number]) }) {}
class Ping extends Job.make("Ping") {}
class Loose
  extends Job.make("Loose", { payload: { any: Schema.optional(Schema.Any), text: Schema.optional(Schema.String) } })
{}
class Unchecked extends Job.make("Unchecked", { payload: { any: Schema.Any } }) {}
class KeyedAny extends Job.make("KeyedAny", { payload: { any: Schema.Any }, unique: true, persistent: true }) {}
class KeyedUnknown extends Job.make("KeyedUnknown", { payload: { any: Schema.Unknown }, unique: "reject" }) {}

const live = Layer.mergeAll(
  Strict.toLayer(() => Effect.never),
  Tuple.toLayer(() => Effect.void),
  Ping.toLayer(() => Effect.void),
  Loose.toLayer(() => Effect.void),
  Unchecked.toLayer(() => Effect.void),
  KeyedAny.toLayer(() => Effect.never),
  KeyedUnknown.toLayer(() => Effect.void)
).pipe(Layer.provideMerge(WorkerPool.layer({ workers: 2 })))

const valid = { leaf: { name: "a", size: 1, tags: [] }, at: "2020-01-01T00:00:00.000Z", map: { a: 1 } }

class Instance {
  readonly leaf = valid.leaf
  readonly map = 5
  get at(): string {
    throw new Error("getter")
  }
}

const cyclic = (): unknown => {
  const self: Record<string, unknown> = { ...valid }
  self["leaf"] = self
  return self
}

const throwsIn = (field: string): unknown =>
  Object.defineProperty({ ...valid }, field, {
    enumerable: true,
    get: () => {
      throw new Error("getter")
    }
  })

const hostile: ReadonlyArray<readonly [string, () => unknown]> = [
  ["nothing", () => undefined],
  ["null", () => null],
  ["a number", () => 5],
  ["NaN", () => NaN],
  ["a string", () => "{\"leaf\":{}}"],
  ["a symbol", () => Symbol("s")],
  ["a bigint", () => 5n],
  ["a function", () => () => valid],
  ["an array", () => [valid]],
  ["a Map", () => new Map(Object.entries(valid))],
  ["a Date", () => new Date(0)],
  ["a Promise", () => Promise.resolve(valid)],
  ["an Effect", () => Effect.succeed(valid)],
  ["an empty object", () => ({})],
  ["a wrong type below", () => ({ ...valid, leaf: { ...valid.leaf, size: "1" } })],
  [
    "a huge array of wrong things",
    () => ({ ...valid, leaf: { ...valid.leaf, tags: Array.from({ length: 100_000 }, () => 1) } })
  ],
  ["a deep nest", () => {
    let nest: unknown = {}
    for (let i = 0; i < 10_000; i++) nest = { leaf: nest }
    return { ...valid, leaf: nest }
  }],
  ["a cycle", cyclic],
  ["fields of the prototype", () => Object.create({ leaf: 1, at: 2, map: 3 })],
  ["a __proto__ of its own", () => JSON.parse(`{"__proto__":{"leaf":1},"constructor":{}}`)],
  ["a class instance", () => new Instance()],
  ["a getter that throws", () => throwsIn("leaf")],
  ["an object that throws when it is read", unreadable],
  ["an object that throws at every touch", untouchable],
  ["a revoked Proxy", () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  }]
]

/** Refused with the issue's text, or what the payload itself has thrown: it may be looked at. */
const refusedOrThrown = (exit: Exit.Exit<unknown, unknown>, name: string) => {
  const reason = reasonOf(exit)
  if (Cause.isFailReason(reason)) {
    assert.instanceOf(reason.error, DispatchError)
    assert.instanceOf((reason.error as DispatchError).reason, InvalidPayload)
  } else {
    assert.match(name, /throws|class instance|Proxy/)
  }
}

describe("A hostile payload", () => {
  for (const [name, make] of hostile) {
    it.effect(`(${name}) is refused by name and by type, and nothing has changed`, () =>
      Effect.gen(function*() {
        const { dispatch } = yield* WorkerPool
        const pool = yield* TaskPool.make()
        for (const job of ["Strict", "Tuple"]) {
          refusedOrThrown(yield* unchanged(dispatch(job, make(), { pool })), name)
        }
        refusedOrThrown(yield* unchanged(Strict.dispatch(make() as any, { pool })), name)
        refusedOrThrown(yield* unchanged(Tuple.dispatch(make() as any, { pool })), name)
        const task = yield* dispatch("Strict", valid, { pool })
        assert.strictEqual((yield* dispatch("Strict", valid)).id, task.id)
        yield* task.cancel()
      }).pipe(Effect.scoped, Effect.provide(live)))
  }

  it.effect.prop(
    "that is any JSON is refused, or taken whole",
    { json: Schema.Json },
    ({ json }) =>
      Effect.gen(function*() {
        const { dispatch, tasks } = yield* WorkerPool
        for (const job of ["Strict", "Tuple", "Ping"]) {
          const exit = yield* Effect.exit(dispatch(job, json))
          if (Exit.isSuccess(exit)) continue
          assert.instanceOf((reasonOf(exit) as Cause.Fail<DispatchError>).error.reason, InvalidPayload)
        }
        yield* unchanged(Effect.andThen(dispatch("Strict", [json]), Effect.void))
        for (const task of yield* tasks) assert.strictEqual((yield* task.status).id, task.id)
        const any = yield* dispatch("KeyedUnknown", { any: json })
        assert.deepStrictEqual(any.payload, { any: json })
        assert.strictEqual(typeof (yield* any.status).key, "string")
      }).pipe(Effect.scoped, Effect.provide(live)),
    { arbitrary: { runs: 40 } }
  )

  it.effect.prop(
    "with one field of a valid one replaced is refused, or taken whole",
    { json: Schema.Json, field: Schema.Literals(["leaf", "at", "map"]) },
    ({ field, json }) =>
      Effect.gen(function*() {
        const { dispatch } = yield* WorkerPool
        const exit = yield* Effect.exit(dispatch("Strict", { ...valid, [field]: json }))
        if (Exit.isFailure(exit)) {
          assert.instanceOf((reasonOf(exit) as Cause.Fail<DispatchError>).error.reason, InvalidPayload)
        }
      }).pipe(Effect.provide(live)),
    { arbitrary: { runs: 40 } }
  )

  it.effect("does not reach the prototype of anything", () =>
    Effect.gen(function*() {
      const { dispatch } = yield* WorkerPool
      const task = yield* dispatch("KeyedUnknown", JSON.parse(`{"any":{"__proto__":{"polluted":true}}}`))
      yield* task.status
      const map = JSON.parse(`{"__proto__":1,"constructor":2}`)
      const strict = yield* dispatch("Strict", { ...valid, map })
      assert.isUndefined(({} as Record<string, unknown>)["polluted"])
      assert.deepStrictEqual(Object.keys((strict.payload as { map: {} }).map).toSorted(), ["__proto__", "constructor"])
      assert.notStrictEqual((yield* dispatch("Strict", { ...valid, map: {} })).id, strict.id)
    }).pipe(Effect.provide(live)))
})

describe("A payload that no Schema checks", () => {
  const values: ReadonlyArray<readonly [string, () => unknown]> = [
    ["a function", () => () => 1],
    ["a symbol", () => Symbol("s")],
    ["a bigint", () => 5n],
    ["NaN", () => NaN],
    ["a Map", () => new Map([[1, 2]])],
    ["a cycle", cyclic],
    ["an object that throws when it is read", () => throwsIn("leaf")],
    ["an object that throws at every touch", untouchable]
  ]
  it.effect("a secret is in no key: a job that needs one refuses it, the id stands for it elsewhere", () => {
    const secret = { payload: { token: Schema.Redacted(Schema.String) } }
    class Told extends Job.make("Told", secret) {}
    class KeyedSecret extends Job.make("KeyedSecret", { ...secret, unique: true }) {}
    const handlers = Layer.mergeAll(Told.toLayer(() => Effect.void), KeyedSecret.toLayer(() => Effect.void))
    return Effect.gen(function*() {
      const payload = { token: Redacted.make("hush") }
      const task = yield* Told.dispatch(payload)
      assert.strictEqual((yield* task.status).key, task.id)
      assert.match(
        misuse(yield* unchanged(KeyedSecret.dispatch(payload))),
        /^Job "KeyedSecret": .*; give the job a key$/
      )
    }).pipe(Effect.provide(handlers.pipe(Layer.provideMerge(WorkerPool.layer()))))
  })

  for (const [name, make] of values) {
    it.effect(`(${name}) is handed on, and the task has a status and a key`, () =>
      Effect.gen(function*() {
        const value = make()
        const task = yield* Unchecked.dispatch({ any: value })
        yield* task.await
        assert.isTrue(Object.is((task.payload as { any: unknown }).any, value))
        assert.deepStrictEqual([task.key, (yield* task.status).key], [task.id, task.id])
      }).pipe(Effect.provide(live)))

    it.effect(`(${name}) is no key: a job that needs one refuses it, and nothing has changed`, () =>
      Effect.gen(function*() {
        for (const job of [KeyedAny, KeyedUnknown] as ReadonlyArray<typeof KeyedAny>) {
          const message = misuse(yield* unchanged(job.dispatch({ any: make() })))
          assert.match(message, new RegExp(`^Job "${job.tag}": .*; give the job a key$`))
        }
        assert.match(misuse(yield* unchanged(KeyedAny.find({ any: make() }))), /give the job a key$/)
      }).pipe(Effect.provide(live)))
  }

  it.effect("is a key where JSON can tell it", () =>
    Effect.gen(function*() {
      const one = yield* KeyedAny.dispatch({ any: { b: [1, null, { c: "d" }], a: new Date(0) } })
      const two = yield* KeyedAny.dispatch({ any: { a: new Date(0), b: [1, null, { c: "d" }] } })
      const three = yield* KeyedAny.dispatch({ any: { a: new Date(1), b: [1, null, { c: "d" }] } })
      assert.deepStrictEqual([two.id === one.id, three.id === one.id], [true, false])
    }).pipe(Effect.provide(live)))
})

describe("A job without payload", () => {
  it.effect("takes none, with or without options", () =>
    Effect.gen(function*() {
      const { dispatch, global } = yield* WorkerPool
      const tasks = [
        yield* Ping.dispatch(),
        yield* Ping.dispatch(undefined, { priority: 1 }),
        yield* dispatch("Ping", null, { pool: global })
      ]
      for (const task of tasks) yield* task.await
      yield* Ping.run()
    }).pipe(Effect.provide(live)))

  it.effect("refuses one, misplaced options too, and says where they go", () =>
    Effect.gen(function*() {
      const { dispatch } = yield* WorkerPool
      const pool = yield* TaskPool.make()
      for (const payload of [{ pool }, {}, null, 5, "a", []] as ReadonlyArray<any>) {
        const issue = invalid(yield* unchanged(Ping.dispatch(payload)))
        assert.include(issue, "takes no payload")
        assert.include(issue, "dispatch(undefined, options)")
        invalid(yield* unchanged(Ping.run(payload)))
        if (payload !== null) invalid(yield* unchanged(dispatch("Ping", payload)))
      }
    }).pipe(Effect.scoped, Effect.provide(live)))
})

describe("A payload whose fields are all optional", () => {
  it.effect("may be left out", () =>
    Effect.gen(function*() {
      const task = yield* Loose.dispatch()
      assert.deepStrictEqual(task.payload, {})
      assert.strictEqual(task.key, (yield* Loose.dispatch({})).key)
      assert.deepStrictEqual((yield* Loose.dispatch(undefined, { priority: 1 })).payload, {})
    }).pipe(Effect.provide(live)))

  it.effect("is still checked", () =>
    Effect.gen(function*() {
      invalid(yield* unchanged(Loose.dispatch(null as never)))
      invalid(yield* unchanged(Loose.dispatch({ text: 5 } as never)))
    }).pipe(Effect.provide(live)))
})
