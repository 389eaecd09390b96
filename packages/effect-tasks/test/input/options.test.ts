import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import { TestWorkerPool } from "effect-tasks/testing"
import {
  awaitState,
  canceled,
  elapse,
  gate,
  script,
  scripted,
  settleTurns,
  TestError,
  timedOut,
  withPool,
  work
} from "../support.ts"
import { misuse, unchanged } from "./refusal.ts"
import { type Call, notObjects, places, type Scene, table } from "./refused.ts"

/** How a refusal shows what was given: the beginning of it. */
const shown = (value: unknown): string =>
  typeof value === "string" || (typeof value === "object" && value !== null)
    ? JSON.stringify(value).slice(0, 1)
    : String(value).slice(0, 100)

const makeScene = Effect.gen(function*() {
  const pool = yield* TaskPool.make()
  let context: Scene["context"] | undefined
  const task = yield* work("held", (its) => {
    context = its
    return Effect.never
  }, { pool })
  yield* awaitState(task, "Running")
  return { task, context: context!, pool }
})

type Case = readonly [given: unknown, option: string, value: unknown, mend: string]

/** Each message names who refuses what and says the mend, and nothing has changed. */
const refuses = (title: string, call: Call, cases: ReadonlyArray<Case>) =>
  it.effect(`${call.name} refuses ${title}`, () =>
    Effect.gen(function*() {
      const scene = yield* makeScene
      for (const [given, option, value, mend] of cases) {
        const message = misuse(yield* unchanged(Effect.suspend(() => call.of(given, scene))))
        assert.isTrue(message.startsWith(`${call.subject}: ${option} cannot be ${shown(value)}`), message)
        assert.isTrue(message.endsWith(`; ${mend}`), `${message} has not the mend: ${mend}`)
      }
    }).pipe(withPool()))

describe("What could never work is refused where it is given:", () => {
  for (const [call, options, within] of table) {
    const names = Object.keys(options)
    const path = (name: string) => within === undefined ? name : `${within}.${name}`
    const none = "there is no such option,"
    for (const [name, refused] of Object.entries(options)) {
      const cases = refused.flatMap(([values, mend]) =>
        values.map((value): Case => [{ [name]: value }, path(name), value, mend])
      )
      refuses(`a bad ${name}`, call, cases)
    }
    refuses("options whose name has a letter too many", call, [
      ...names.map((name): Case => [{ [`z${name}`]: 1 }, path(`z${name}`), 1, `${none} did you mean ${path(name)}?`]),
      [{ whatever: undefined }, path("whatever"), undefined, `${none} only ${names.join(", ")}`]
    ])
    if (within !== undefined) continue
    const bad = notObjects.filter((value) => typeof value !== "string" || !call.takesText)
    const mend = `give an object of ${names.join(", ")}`
    refuses("options that are no object", call, bad.map((value) => [value, "the options", value, mend]))
  }

  for (const [call, place, refused] of places) {
    const cases = refused.flatMap(([values, mend]) => values.map((value): Case => [value, place, value, mend]))
    refuses(`what is no ${place}`, call, cases)
  }
})

describe("Job.make", () => {
  it("takes everything that can work", () => {
    for (const priority of [-5, 0, 7, Number.MAX_SAFE_INTEGER]) Job.make("Good", { priority })
    for (const timeout of [0, -1, Infinity, "Infinity", "-Infinity", "1 second", [1, 5], { minutes: 1 }, 5n] as const) {
      Job.make("Good", { timeout, queueTimeout: timeout, persistent: { timeToLive: timeout } })
    }
    for (const count of [1, 5, Infinity]) {
      Job.make("Good", { concurrency: count, persistent: { capacity: count }, retry: { times: count } })
    }
    Job.make("Good", { retry: { times: 0 } })
    for (const unique of [true, false, undefined, "join", "reject", "supersede"] as const) Job.make("Good", { unique })
    for (const payload of [{}, { id: Schema.optionalKey(Schema.String) }, Schema.Void, TestError]) {
      Job.make("Good", { payload, success: TestError })
    }
  })

  it("takes options that are no literals: of a class, with a prototype, without one", () => {
    class Options {
      readonly priority = 7
      get timeout() {
        return 5
      }
    }
    const { definition } = Job.make("Good", new Options() as {}) as never as { readonly definition: any }
    assert.deepInclude(definition, { priority: 7, timeouts: { timeout: 5, queueTimeout: Infinity } })
    Job.make("Good", Object.create({ priority: 7 }))
    Job.make("Good", Object.assign(Object.create(null), { priority: 7 }))
  })

  it("takes durations of a class that has the units", () => {
    class Duration {
      readonly months = 0
      get seconds() {
        return 5
      }
    }
    const { definition } = Job.make("Good", { timeout: new Duration() }) as never as { readonly definition: any }
    assert.strictEqual(definition.timeouts.timeout, 5000)
  })

  const messages: ReadonlyArray<readonly [options: any, message: string]> = [
    [{ concurency: 4 }, `Job "Bad": concurency cannot be 4; there is no such option, did you mean concurrency?`],
    [{ retry: { time: 3 } }, `Job "Bad": retry.time cannot be 3; there is no such option, did you mean retry.times?`],
    [
      { persistent: { ttl: 5 } },
      `Job "Bad": persistent.ttl cannot be 5; there is no such option, only timeToLive, capacity`
    ],
    [{ retry: 3 }, `Job "Bad": retry cannot be 3; give an object of times, schedule, while`],
    [
      { timeout: { secs: NaN } },
      `Job "Bad": timeout cannot be {"secs":"[NaN]"}; ` +
      "give numbers of weeks, days, hours, minutes, seconds, milliseconds, microseconds, nanoseconds"
    ],
    [
      { success: { id: String } },
      `Job "Bad": success cannot be {"id":"[String]"}; give a Schema, such as Schema.Struct({ … })`
    ]
  ]
  for (const [options, message] of messages) {
    it(`says: ${message}`, () => assert.throws(() => Job.make("Bad", options), message))
  }

  it("cuts a long value in its message", () => {
    assert.throws(() => Job.make("Bad", { timeout: "x".repeat(1_000_000) as never }), /^.{1,250}$/)
  })
})

describe("A dispatch", () => {
  it.effect("dies before anything changed when pool is one of another worker pool", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make().pipe(Effect.provide(WorkerPool.layer(), { local: true }))
      assert.match(misuse(yield* unchanged(work("a", undefined, { pool }))), /another WorkerPool/)
    }).pipe(withPool()))

  it.effect("does not mix up the order when priorities are bad", () =>
    Effect.gen(function*() {
      const held = gate()
      const order: Array<number> = []
      yield* work("held", () => held.wait)
      for (const priority of [3, NaN, 1, NaN, 4, 1, NaN, 5, 9, 2, 6]) {
        yield* Effect.exit(work(`${priority}`, () => Effect.sync(() => order.push(priority)), { priority }))
      }
      yield* held.open
      yield* settleTurns
      assert.deepStrictEqual(order, [9, 6, 5, 4, 3, 2, 1, 1])
    }).pipe(withPool({ workers: 1 })))

  it.effect("with durations below 0 counts them as 0", () =>
    Effect.gen(function*() {
      const held = gate()
      yield* work("held", () => held.wait)
      const late = yield* work("late", undefined, { queueTimeout: -5 })
      yield* elapse(1)
      timedOut(yield* late.exit)
      yield* held.open
      const delayed = yield* work("delayed", undefined, { delay: -5 })
      assert.strictEqual(yield* delayed.await, "delayed")
    }).pipe(withPool({ workers: 1 })))
})

describe("A key", () => {
  class Numbered extends Job.make("Numbered", { ...scripted, unique: true, key: (() => 5) as never }) {}
  class Unkeyed extends Job.make("Unkeyed", { ...scripted, unique: true, key: (() => undefined) as never }) {}
  class Limited extends Job.make("Limited", { ...scripted, concurrency: { limit: 1, key: (() => null) as never } }) {}
  const jobs = [[Numbered, "key"], [Unkeyed, "key"], [Limited, "concurrency.key"]] as ReadonlyArray<
    [typeof Numbered, string]
  >
  for (const [job, option] of jobs) {
    it.effect(`that is no string kills the dispatch before anything changed (${job.tag})`, () =>
      Effect.gen(function*() {
        const message = misuse(yield* unchanged(job.dispatch({ id: "a" })))
        assert.isTrue(message.startsWith(`Job "${job.tag}": the result of ${option} cannot be `), message)
      }).pipe(withPool({}, job)))
  }
})

describe("What a function of the user returns", () => {
  const results: ReadonlyArray<readonly [Effect.Effect<unknown, any, any>, message: string]> = [
    [TaskPool.use((() => 5) as never), "The body of a pool: the result cannot be 5; return an Effect"],
    [TaskPool.forEach([1], (() => 5) as never), "The dispatch of an item: the result cannot be 5; return an Effect"],
    [
      TaskPool.forEachExit([1], (() => 5) as never),
      "The dispatch of an item: the result cannot be 5; return an Effect"
    ],
    [
      TaskPool.forEach([1], () => Effect.succeed(5 as never)),
      "TaskPool: the task of an item cannot be 5; return what dispatch gives"
    ],
    [
      TaskPool.all({ first: () => Effect.succeed(null as never) }),
      "TaskPool: the task of an item cannot be null; return what dispatch gives"
    ]
  ]
  for (const [call, message] of results) {
    it.effect(`is refused: ${message}`, () =>
      Effect.gen(function*() {
        assert.strictEqual(misuse(yield* Effect.exit(call)), message)
        assert.strictEqual(yield* (yield* work("a")).await, "a")
      }).pipe(withPool()))
  }
})

describe("A worker pool", () => {
  it.effect("takes undefined as not given", () =>
    Effect.gen(function*() {
      const workers = (layer: Layer.Layer<WorkerPool>) =>
        Effect.map(Effect.provide(Effect.flatten(WorkerPool.use((_) => Effect.succeed(_.status))), layer), (_) =>
          _.workers)
      const given = { workers: undefined, capacity: undefined, onFull: undefined, history: undefined }
      assert.strictEqual(yield* workers(TestWorkerPool.layer(given)), 4)
      assert.strictEqual(yield* workers(TestWorkerPool.layerManual({ ...given, gracePeriod: undefined })), 4)
      assert.strictEqual(yield* workers(WorkerPool.layer(given)), yield* workers(WorkerPool.layer()))
      assert.strictEqual(yield* workers(TestWorkerPool.layerInline({ history: 5 })), Infinity)
    }))

  it.effect("takes a text for the options of a cancel", () =>
    Effect.gen(function*() {
      const task = yield* work("a", () => Effect.never)
      yield* task.cancel("enough" as {})
      canceled(yield* task.exit)
    }).pipe(withPool()))

  it.effect("may have workers without limit", () =>
    Effect.gen(function*() {
      const held = gate()
      for (let i = 0; i < 5; i++) yield* work(`${i}`, () => held.wait)
      yield* settleTurns
      assert.deepInclude(yield* (yield* WorkerPool).status, { workers: Infinity, busy: 5, queued: 0 })
      yield* held.open
    }).pipe(withPool({ workers: Infinity })))

  for (const [given, is] of [[0, 0], [2, 2], [Infinity, 5]] as const) {
    it.effect(`with a history of ${given} remembers ${is} of five`, () =>
      Effect.gen(function*() {
        for (let i = 0; i < 5; i++) yield* (yield* work(`${i}`)).await
        assert.strictEqual((yield* (yield* WorkerPool).tasks).length, is)
      }).pipe(withPool({ history: given })))
  }

  it.effect("with a gracePeriod below 0 has none", () =>
    Effect.gen(function*() {
      const task = yield* work("a", () => Effect.never)
      yield* awaitState(task, "Running")
    }).pipe(withPool({ gracePeriod: -1000 })))
})

describe("Policies at their edges", () => {
  class Once extends Job.make("Once", { ...scripted, retry: { times: 0 } }) {}
  it.effect("retry.times 0 makes one attempt", () =>
    Effect.gen(function*() {
      yield* script("a", () => new TestError({ id: "a" }))
      const task = yield* Once.dispatch({ id: "a" })
      yield* task.exit
      assert.strictEqual((yield* task.status).attempt, 1)
    }).pipe(withPool({}, Once)))

  class Fleeting extends Job.make("Fleeting", { ...scripted, persistent: { timeToLive: 0 } }) {}
  it.effect("a timeToLive of 0 keeps nothing", () =>
    Effect.gen(function*() {
      yield* (yield* Fleeting.dispatch({ id: "a" })).await
      assert.strictEqual((yield* Fleeting.dispatch({ id: "a" })).origin, "created")
    }).pipe(withPool({}, Fleeting)))

  class Boundless extends Job.make("Boundless", {
    payload: Schema.Struct({ id: Schema.String }),
    concurrency: Infinity,
    retry: { times: Infinity },
    persistent: { capacity: Infinity, timeToLive: Infinity }
  }) {}
  it.effect("Infinity is no limit", () =>
    Effect.gen(function*() {
      const first = yield* Boundless.dispatch({ id: "a" })
      yield* first.await
      assert.strictEqual((yield* Boundless.dispatch({ id: "a" })).origin, "reused")
    }).pipe(
      Effect.provide(
        Boundless.toLayer(() => Effect.void).pipe(Layer.provideMerge(WorkerPool.layer({ workers: Infinity })))
      )
    ))
})
