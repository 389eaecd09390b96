import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Schema } from "effect"
import { Job, JobNotRegistered, TaskPool, WorkerPool } from "effect-tasks"
import { scripted, type ScriptedTask, settleTurns, testPool, withPool, work } from "../support.ts"
import { refusal, unchanged } from "./refusal.ts"

const hostile: ReadonlyArray<string> = [
  "",
  " ",
  "-",
  "--",
  "0",
  "-1",
  "A-1",
  "A--1",
  "A-01",
  "A-1e0",
  "Pool",
  "Pool-1",
  "GLOBAL",
  "__proto__",
  "constructor",
  "prototype",
  "hasOwnProperty",
  "toString",
  "valueOf",
  "NUL\0inside",
  "\0",
  "line\nbreak",
  "\ud800",
  "\udfff\ud800",
  "a\u0301",
  "\u00e1",
  "\u202eright to left",
  "🦄",
  "x".repeat(1_000_000)
]

const short = (name: string) => JSON.stringify(name.length > 20 ? `${name.slice(0, 20)}…` : name)

describe("A hostile job name", () => {
  it.effect("that nobody has registered is JobNotRegistered, and nothing has changed", () =>
    Effect.gen(function*() {
      const { dispatch } = yield* WorkerPool
      for (const name of hostile) {
        const reason = refusal(yield* unchanged(dispatch(name, { id: "a" })))
        assert.instanceOf(reason, JobNotRegistered)
      }
    }).pipe(withPool()))

  it.effect.prop(
    "that nobody has registered is JobNotRegistered, whatever it is",
    { name: Schema.String },
    ({ name }) =>
      Effect.gen(function*() {
        if (name === "Work") return
        const { dispatch } = yield* WorkerPool
        assert.instanceOf(refusal(yield* unchanged(dispatch(name, { id: "a" }))), JobNotRegistered)
      }).pipe(withPool()),
    { arbitrary: { runs: 30 } }
  )

  for (const name of hostile) {
    it.effect(`${short(name)} is a name like any other where it is registered`, () => {
      class Odd extends Job.make(name, { ...scripted, unique: true, concurrency: 1 }) {}
      class Other extends Job.make(`${name}-1`, scripted) {}
      return Effect.gen(function*() {
        const { dispatch, task: find, tasks } = yield* WorkerPool
        const one = yield* Odd.dispatch({ id: "a" })
        const two = yield* Other.dispatch({ id: "a" })
        const named = yield* dispatch(name, { id: "b" })
        assert.deepStrictEqual([one.job, two.job, named.job], [name, `${name}-1`, name])
        for (const each of [one, two, named]) {
          yield* each.await
          assert.strictEqual(Option.getOrThrow(yield* find(each.id)).id, each.id)
        }
        assert.deepStrictEqual((yield* tasks).map(({ id }) => id), [one.id, two.id, named.id])
        assert.deepStrictEqual((yield* Odd.tasks).map(({ id }) => id), [one.id, named.id])
      }).pipe(Effect.provide(testPool({}, Odd, Other)))
    })
  }

  it.effect("does not make a wrong name slow to refuse", () => {
    const long = "y".repeat(1_000_000)
    class Long extends Job.make(long, scripted) {}
    return Effect.gen(function*() {
      const { dispatch } = yield* WorkerPool
      assert.instanceOf(refusal(yield* unchanged(dispatch(`${long}!`, {}))), JobNotRegistered)
    }).pipe(withPool({}, Long))
  })
})

describe("A hostile key", () => {
  class Keyed extends Job.make("Keyed", { ...scripted, unique: true, persistent: true, key: ({ id }) => id }) {}
  class Limited extends Job.make("Limited", { ...scripted, concurrency: { limit: 1, key: ({ id }) => id } }) {}

  it.effect("is told from every other, joined, kept and found", () =>
    Effect.gen(function*() {
      const { pause, resume } = yield* WorkerPool
      yield* pause
      const tasks: Array<ScriptedTask> = []
      for (const id of hostile) tasks.push(yield* Keyed.dispatch({ id }))
      assert.strictEqual(new Set(tasks.map(({ id }) => id)).size, hostile.length)
      for (const [i, id] of hostile.entries()) {
        const again = yield* Keyed.dispatch({ id })
        assert.deepStrictEqual([again.id, again.origin, again.key], [tasks[i]!.id, "joined", id])
      }
      yield* resume
      for (const [i, id] of hostile.entries()) {
        assert.strictEqual(yield* tasks[i]!.await, id)
        assert.strictEqual((yield* Keyed.dispatch({ id })).origin, "reused")
        assert.strictEqual(Option.getOrThrow(yield* Keyed.find({ id })).id, tasks[i]!.id)
      }
    }).pipe(withPool({}, Keyed)))

  it.effect("limits only itself", () =>
    Effect.gen(function*() {
      for (const id of hostile) {
        for (let i = 0; i < 2; i++) yield* Limited.dispatch({ id })
      }
      yield* (yield* WorkerPool).drain
      const { complete, failed } = yield* (yield* WorkerPool).status
      assert.deepStrictEqual([complete, failed], [2 * hostile.length, 0])
    }).pipe(withPool({}, Limited)))
})

describe("An id", () => {
  class A extends Job.make("A", scripted) {}
  class A1 extends Job.make("A-1", scripted) {}
  class Pool extends Job.make("Pool", scripted) {}

  const near = (id: string): ReadonlyArray<string> => {
    const number = id.slice(id.lastIndexOf("-") + 1)
    const name = id.slice(0, id.lastIndexOf("-"))
    return [
      `${name}-0${number}`,
      `${name}- ${number}`,
      `${name}-${number} `,
      `${name}-+${number}`,
      `${name}--${number}`,
      `${name}-${number}.0`,
      `${name}-${number}e0`,
      `${name}-0x${number}`,
      `${name}-${number}\0`,
      `${name}-${number}-`,
      `${name}${number}`,
      `${name.toLowerCase()}-${number}`,
      ` ${id}`,
      number,
      `-${number}`,
      name
    ]
  }
  const nobody = [
    ...hostile.filter((id) => id !== "GLOBAL"),
    "Pool-",
    "Pool-0",
    "Pool-1e0",
    "Pool--1",
    "Pool-NaN",
    "Pool-Infinity",
    "GLOBAL-0"
  ]

  it.effect("finds its own task or pool, and no other string finds any", () =>
    Effect.gen(function*() {
      const { pool: findPool, task: find } = yield* WorkerPool
      const known = [
        yield* A.dispatch({ id: "a" }),
        yield* A1.dispatch({ id: "a" }), // A-1-2
        yield* Pool.dispatch({ id: "a" }), // Pool-3
        yield* TaskPool.make(), // Pool-4
        yield* A.dispatch({ id: "a" })
      ]
      assert.deepStrictEqual(known.map(({ id }) => id), ["A-1", "A-1-2", "Pool-3", "Pool-4", "A-5"])
      const ids = new Set(known.map(({ id }) => id))
      for (const [i, { id }] of known.entries()) {
        const [task, pool] = [yield* find(id), yield* findPool(id)]
        assert.strictEqual(Option.isSome(task), i !== 3)
        assert.strictEqual(Option.isSome(pool), i === 3)
        assert.strictEqual((Option.isSome(task) ? task : Option.getOrThrow(pool as Option.Option<any>)).id ?? id, id)
      }
      for (const id of [...known.flatMap(({ id }) => near(id)), ...nobody]) {
        if (ids.has(id)) continue
        assert.isTrue(Option.isNone(yield* find(id)), short(id))
        assert.isTrue(Option.isNone(yield* findPool(id)), short(id))
      }
      assert.isTrue(Option.getOrThrow(yield* findPool("GLOBAL")).isGlobal)
      assert.isTrue(Option.isNone(yield* find("GLOBAL")))
    }).pipe(withPool({}, A, A1, Pool)))

  it.effect.prop(
    "that is any string finds nothing, or what has it",
    { id: Schema.String },
    ({ id }) =>
      Effect.gen(function*() {
        const { pool, task } = yield* WorkerPool
        yield* work("a")
        assert.isTrue(Option.isNone(yield* task(id)) || id === "Work-1")
        assert.isTrue(Option.isNone(yield* pool(id)) || id === "GLOBAL")
      }).pipe(withPool()),
    { arbitrary: { runs: 50 } }
  )
})

it.effect("A hostile pool name is only a name", () =>
  Effect.gen(function*() {
    for (const name of hostile) {
      const pool = yield* TaskPool.make({ name })
      yield* work("a", undefined, { pool })
      assert.strictEqual((yield* pool.join).complete, 1)
      assert.strictEqual(pool.name, name)
    }
    yield* settleTurns
  }).pipe(withPool()))

it.effect("Two handler layers of one hostile name die when the second is built", () => {
  class One extends Job.make("__proto__", scripted) {}
  class Two extends Job.make("__proto__", scripted) {}
  return Effect.gen(function*() {
    const layer = Layer.mergeAll(One.toLayer(() => Effect.void), Two.toLayer(() => Effect.void))
    const exit = yield* Effect.exit(Effect.scoped(Layer.build(layer)))
    assert.strictEqual(exit._tag, "Failure")
  }).pipe(withPool())
})
