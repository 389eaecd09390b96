import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
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

const notNumbers: ReadonlyArray<any> = [NaN, "3", null, {}, true]
const notIntegers: ReadonlyArray<any> = [...notNumbers, 1.5, -0.5, -Infinity, 2 ** 53]
const notCounts: ReadonlyArray<any> = [...notIntegers, 0, -1, 0.5]
const notDurations: ReadonlyArray<any> = [
  NaN,
  "",
  "soon",
  "5",
  "5 bananas",
  "NaN seconds",
  null,
  true,
  [1],
  [NaN, 0],
  ["1", "2"],
  { seconds: NaN },
  Symbol("s"),
  () => 5
]

const notFunctions = ["id", 5, {}, true, null]

const table: ReadonlyArray<readonly [option: string, values: ReadonlyArray<any>, options: (value: any) => any]> = [
  ["priority", [...notIntegers, Infinity], (priority) => ({ priority })],
  ["timeout", notDurations, (timeout) => ({ timeout })],
  ["queueTimeout", notDurations, (queueTimeout) => ({ queueTimeout })],
  ["concurrency", notCounts.filter((value) => typeof value !== "object"), (concurrency) => ({ concurrency })],
  ["concurrency.limit", notCounts, (limit) => ({ concurrency: { limit, key: () => "" } })],
  ["retry.times", [...notIntegers, -1], (times) => ({ retry: { times } })],
  ["retry.schedule", [{}, 5, "1 second"], (schedule) => ({ retry: { schedule } })],
  ["persistent.capacity", notCounts.filter((value) => value !== null), (capacity) => ({ persistent: { capacity } })],
  ["persistent.timeToLive", notDurations, (timeToLive) => ({ persistent: { timeToLive } })],
  ["unique", ["", "joined", 1, {}], (unique) => ({ unique })],
  ["key", notFunctions, (key) => ({ key })],
  ["label", notFunctions, (label) => ({ label })],
  ["retry.while", notFunctions, (retryWhile) => ({ retry: { while: retryWhile } })],
  ["concurrency.key", [...notFunctions, undefined], (key) => ({ concurrency: { limit: 1, key } })]
]

const label = (value: unknown): string =>
  typeof value === "object" ? JSON.stringify(value) : typeof value === "string" ? `"${value}"` : String(value)

describe("Job.make", () => {
  for (const [option, values, options] of table) {
    it(`names the job, the option, the value and the mend when ${option} can never work`, () => {
      for (const value of values) {
        let thrown: unknown
        try {
          Job.make("Bad", options(value))
        } catch (error) {
          thrown = error
        }
        assert.instanceOf(thrown, Error, label(value))
        const { message } = thrown as Error
        assert.isTrue(message.startsWith(`Job "Bad": ${option} cannot be `), message)
        assert.match(message, /; \S/)
      }
    })
  }

  it("names the value and the mend when the tag is no string", () => {
    for (const tag of [5, null, undefined, {}, ["Bad"], Symbol("s"), () => "Bad"] as ReadonlyArray<any>) {
      assert.throws(() => Job.make(tag), /^Job\.make: the tag cannot be .+; give a string$/)
    }
  })

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
  })

  it("cuts a long value in its message", () => {
    assert.throws(() => Job.make("Bad", { timeout: "x".repeat(1_000_000) as never }), /^.{1,250}$/)
  })
})

describe("A dispatch", () => {
  const options: ReadonlyArray<readonly [string, ReadonlyArray<any>]> = [
    ["priority", [...notIntegers.filter((value) => value !== undefined), Infinity]],
    ["delay", [...notDurations, Infinity, "Infinity"]],
    ["timeout", notDurations],
    ["queueTimeout", notDurations]
  ]
  for (const [option, values] of options) {
    it.effect(`dies before anything changed when ${option} can never work`, () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        yield* work("queued", () => Effect.never, { pool })
        for (const value of values) {
          const message = misuse(yield* unchanged(work("a", undefined, { pool, [option]: value })))
          assert.isTrue(message.startsWith(`Job "Work": ${option} cannot be `), message)
          const byName = WorkerPool.use(({ dispatch }) => dispatch("Work", { id: "a" }, { pool, [option]: value }))
          assert.strictEqual(misuse(yield* unchanged(byName)), message)
        }
      }).pipe(withPool({ workers: 1 })))
  }

  it.effect("dies before anything changed when pool is none", () =>
    Effect.gen(function*() {
      for (const pool of [null, 5, "GLOBAL", {}, { id: "Pool-1" }, []] as ReadonlyArray<any>) {
        assert.match(misuse(yield* unchanged(work("a", undefined, { pool }))), /pool cannot be .*; give a TaskPool/)
      }
    }).pipe(withPool()))

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

describe("A handle", () => {
  it.effect("dies of a bad priority, time limit or reason, and nothing has changed", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const task = yield* work("a", () => Effect.never, { pool, timeout: 1000 })
      const queued = yield* work("b", undefined, { pool })
      yield* awaitState(task, "Running")
      for (const each of [task, queued]) {
        for (const priority of notIntegers) {
          assert.match(misuse(yield* unchanged(each.setPriority(priority))), /priority/)
        }
        for (const limit of notDurations) assert.match(misuse(yield* unchanged(each.setTimeout(limit))), /timeout/)
        for (const reason of [5, null, {}] as ReadonlyArray<any>) {
          assert.match(misuse(yield* unchanged(each.cancel({ reason }))), /reason/)
          assert.match(misuse(yield* unchanged(pool.cancel({ reason }))), /reason/)
        }
      }
      yield* TestClock.adjust(1000)
      timedOut(yield* task.exit)
      assert.strictEqual(yield* queued.await, "b")
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

describe("A worker pool", () => {
  const refused: ReadonlyArray<readonly [option: string, values: ReadonlyArray<any>, mend: string]> = [
    ["workers", [0, -3, NaN, -Infinity, 0.5, 1.9, "4"], "give an integer of at least 1, or Infinity"],
    ["capacity", [-1, NaN, -Infinity, 0.5, 2.7, "4"], "give an integer of at least 0, or Infinity"],
    ["history", [-1, NaN, -Infinity, 2.5, "4"], "give an integer of at least 0, or Infinity"]
  ]
  for (const [option, values, mend] of refused) {
    it.effect(`refuses ${option} that could never work, and names the mend`, () =>
      Effect.gen(function*() {
        for (const value of values) {
          const layer = WorkerPool.layer({ [option]: value })
          const message = misuse(yield* Effect.exit(Effect.scoped(Layer.build(layer))))
          assert.isTrue(message.startsWith(`WorkerPool: ${option} cannot be `), message)
          assert.isTrue(message.endsWith(`; ${mend}`), message)
        }
      }))
  }

  it.effect("refuses an onFull that it does not know", () =>
    Effect.gen(function*() {
      for (const onFull of ["drop", "", 5, {}] as ReadonlyArray<any>) {
        const message = misuse(yield* Effect.exit(Effect.scoped(Layer.build(WorkerPool.layer({ onFull })))))
        assert.isTrue(message.startsWith("WorkerPool: onFull cannot be "), message)
      }
    }))

  it.effect("opens no pool with options that it does not know", () =>
    Effect.gen(function*() {
      const bad: ReadonlyArray<readonly [string, any]> = [["onFailure", "stop"], ["onFailure", 1], ["name", 5]]
      for (const [option, value] of bad) {
        const message = misuse(yield* Effect.exit(TaskPool.use(() => Effect.void, { [option]: value })))
        assert.isTrue(message.startsWith(`TaskPool: ${option} cannot be `), message)
      }
      assert.strictEqual((yield* (yield* WorkerPool).pools).length, 1)
    }).pipe(withPool()))

  it.effect("is not resized to what could never work", () =>
    Effect.gen(function*() {
      const { resize, status } = yield* WorkerPool
      for (const workers of [0, -3, NaN, 1.5]) {
        const message = misuse(yield* Effect.exit(resize(workers)))
        assert.isTrue(message.startsWith("WorkerPool: workers cannot be "), message)
      }
      assert.deepInclude(yield* status, { workers: 2, seq: 0 })
    }).pipe(withPool({ workers: 2 })))

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

  it.effect("dies when its gracePeriod can never work, and names it", () =>
    Effect.gen(function*() {
      for (const gracePeriod of notDurations) {
        const exit = yield* Effect.exit(Effect.scoped(Layer.build(WorkerPool.layer({ gracePeriod }))))
        const message = misuse(exit)
        assert.isTrue(message.startsWith("WorkerPool: gracePeriod cannot be "), message)
      }
    }))

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
