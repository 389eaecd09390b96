/**
 * What a person reads, in files: a change of wording is seen in review. `vitest -u` writes them anew.
 */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Console, Effect, Exit, Layer, Logger, Schema } from "effect"
import { Job, JobRegistry, TaskPool, WorkerPool } from "effect-tasks"
import {
  dispatched,
  dispatchedTimes,
  expectNoLeaks,
  Explore,
  notDispatched,
  settledAs,
  TestWorkerPool
} from "effect-tasks/testing"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"

class StepFailed extends Schema.TaggedError<StepFailed>()("StepFailed", { code: Schema.Int }) {
  override get message(): string {
    return `step test exited with ${this.code}`
  }
}
class Test extends Job.make("Test", { payload: { node: Schema.Int, os: Schema.String }, error: StepFailed }) {}
class Slow extends Job.make("Slow", { payload: { path: Schema.String } }) {}
class Once extends Job.make("Once", { payload: { path: Schema.String }, unique: "reject" }) {}
class Ring extends Job.make("Ring", { payload: { url: Schema.String }, unique: true, key: ({ url }) => url }) {}
class Absent extends Job.make("Tset") {}

const handlers = JobRegistry.layer(
  Test.toLayer(({ node, os }) =>
    os === "win"
      ? Effect.fail(new StepFailed({ code: 2 }))
      : node === 0
      ? Effect.die(new TypeError("bad"))
      : Effect.log("ok")
  ),
  Slow.toLayer(() => Effect.never),
  Once.toLayer(() => Effect.never),
  Ring.toLayer(({ url }) =>
    TaskPool.use((pool) => Ring.dispatch({ url: url === "/a" ? "/b" : "/a" }, { pool }), { name: `links of ${url}` })
      .pipe(
        Effect.asVoid
      )
  )
)

const cells = [[24, "linux"], [24, "win"], [26, "win"]] as const

const matrix = TaskPool.use(
  (pool) => Effect.forEach(cells, ([node, os]) => Test.dispatch({ node, os }, { pool })),
  { name: "matrix" }
)

const situations: Record<string, Effect.Effect<unknown, unknown, any>> = {
  "a task that failed": Test.run({ node: 24, os: "win" }),
  "a task that died": Test.run({ node: 0, os: "linux" }),
  "a task that was cancelled": Effect.flatMap(
    Slow.dispatch({ path: "/a" }),
    (task) => Effect.andThen(task.cancel("enough"), task.await)
  ),
  "a task that timed out": Effect.gen(function*() {
    const task = yield* Slow.dispatch({ path: "/a" }, { timeout: "1 second" })
    yield* Effect.forkChild(TestClock.adjust("1 second"))
    return yield* task.await
  }),
  "a pool with one failure": TaskPool.use((pool) => Test.dispatch({ node: 24, os: "win" }, { pool })),
  "a pool with failures": matrix,
  "a pool that was cancelled": Effect.flatMap(
    TaskPool.make(),
    (pool) => Effect.andThen(pool.cancel("enough"), pool.join)
  ),
  "a ring": Ring.run({ url: "/a" }),
  "a job without a handler": Effect.scoped(Absent.dispatch()),
  "a payload that does not fit": Test.dispatch({ node: "24" as never, os: "win" }),
  "a duplicate": Effect.andThen(Once.dispatch({ path: "/a" }), Once.dispatch({ path: "/a" })),
  "a pool that is closed": Effect.gen(function*() {
    const pool = yield* TaskPool.make({ name: "matrix" })
    yield* pool.seal
    yield* Test.dispatch({ node: 24, os: "linux" }, { pool })
  }),
  "a queue that is full": Effect.gen(function*() {
    const { pause } = yield* WorkerPool
    yield* pause
    for (let n = 0; n < 3; n++) yield* Test.dispatch({ node: n, os: "linux" })
  })
}

const lostUpdate = Effect.gen(function*() {
  let count = 0
  const increment = Effect.gen(function*() {
    const seen = yield* Effect.sync(() => count)
    yield* Effect.sync(() => (count = seen + 1))
  })
  yield* Effect.all([increment, increment], { concurrency: "unbounded" })
  if (count !== 2) return yield* Effect.die(new Error(`two increments made ${count}`))
})

/** What assertions of the test kit say when they do not hold. */
const failing: Record<string, Effect.Effect<unknown, unknown, any>> = {
  "dispatched, of nothing": dispatched(Slow),
  "dispatched, of others": Effect.andThen(
    Effect.forEach(cells, ([node, os]) => Test.dispatch({ node, os })),
    dispatched(Test, { node: 22 })
  ),
  "dispatched, within a time": dispatched(Slow, { path: "/a" }, { within: "1 second" }),
  "dispatched, within a time that a handler does not see": Effect.andThen(
    Slow.dispatch({ path: "/a" }),
    dispatched(Slow, { path: "/b" }, { within: "1 second" })
  ),
  "notDispatched": Effect.andThen(Test.dispatch({ node: 24, os: "linux" }), notDispatched(Test, { os: "linux" })),
  "notDispatched, within a time": Effect.andThen(
    Test.dispatch({ node: 24, os: "linux" }),
    notDispatched(Test, undefined, { within: "1 second" })
  ),
  "dispatchedTimes, too few": Effect.andThen(Test.dispatch({ node: 24, os: "linux" }), dispatchedTimes(Test, 2)),
  "dispatchedTimes, too many": Effect.andThen(
    Effect.forEach(cells, ([node, os]) => Test.dispatch({ node, os })),
    dispatchedTimes(Test, 1, { node: 24 })
  ),
  "dispatchedTimes, within a time": dispatchedTimes(Slow, 1, undefined, { within: "1 second" }),
  "settledAs, another status": Effect.flatMap(
    Test.dispatch({ node: 24, os: "linux" }),
    (task) => settledAs(task, "canceled")
  ),
  "settledAs, a failure": Effect.flatMap(Test.dispatch({ node: 24, os: "win" }), (task) => settledAs(task, "success")),
  "settledAs, a defect": Effect.flatMap(
    Test.dispatch({ node: 0, os: "linux" }),
    (task) => settledAs(task, Exit.succeed(undefined))
  ),
  "settledAs, a task that was cancelled": Effect.flatMap(
    Slow.dispatch({ path: "/a" }),
    (task) => Effect.andThen(task.cancel("enough"), settledAs(task, "success"))
  ),
  "settledAs, not in time": Effect.flatMap(Slow.dispatch({ path: "/a" }), (task) => settledAs(task, "success")),
  "settledAs, not started": Effect.flatMap(
    Slow.dispatch({ path: "/a" }, { delay: "1 hour" }),
    (task) => settledAs(task, "success", { within: "1 minute" })
  ),
  "Explore.run": Explore.run(lostUpdate, { seeds: 200 })
}

/** What is left behind is told by who runs the worker pool. */
const leaking: Record<string, Effect.Effect<unknown, unknown, any>> = {
  "expectNoLeaks, a fiber and a timer": Effect.flatMap(
    Test.dispatch({ node: 24, os: "linux" }),
    (task) =>
      task.onExit(() =>
        Effect.andThen(Effect.forkDetach(Effect.never), Effect.sync(() => void setTimeout(() => {}, 1e6).unref()))
      )
  )
}

const inPool = <A, E>(effect: Effect.Effect<A, E, any>, options?: Parameters<typeof WorkerPool.layer>[0]) =>
  Effect.scoped(effect as Effect.Effect<A, E, WorkerPool>).pipe(
    Effect.provide(
      handlers.pipe(Layer.provideMerge(WorkerPool.layer({ workers: 2, capacity: 2, onFull: "fail", ...options })))
    ),
    Effect.provideServiceEffect(Console.Console, Effect.succeed(console))
  )

/** Lines that stand in the files of this checkout, or of Effect, say nothing of the wording. */
const withoutFrames = (text: string) => text.replaceAll(/\n *at [^\n]*/g, "")

const golden = (name: string, text: string) => Effect.promise(() => expect(text).toMatchFileSnapshot(`${name}.txt`))

describe("The words of", () => {
  it.effect("errors, as Cause.pretty prints them", () =>
    Effect.gen(function*() {
      const texts: Array<string> = []
      for (const [name, situation] of Object.entries(situations)) {
        const exit = yield* Effect.exit(inPool(situation)).pipe(Effect.provide(Logger.layer([])))
        texts.push(`# ${name}\n${Exit.isFailure(exit) ? withoutFrames(Cause.pretty(exit.cause)) : "succeeded"}`)
      }
      yield* golden("errors", `${texts.join("\n\n")}\n`)
    }))

  it.effect("assertions of the test kit that do not hold", () =>
    Effect.gen(function*() {
      const texts: Array<string> = []
      const add = (name: string, exit: Exit.Exit<unknown, unknown>) =>
        texts.push(`# ${name}\n${Exit.isFailure(exit) ? withoutFrames(Cause.pretty(exit.cause)) : "succeeded"}`)
      const layer = handlers.pipe(Layer.provideMerge(TestWorkerPool.layer({ workers: 2 })))
      const inTestPool = (effect: Effect.Effect<unknown, unknown, any>) =>
        Effect.scoped(effect as Effect.Effect<unknown, unknown, WorkerPool>).pipe(Effect.provide(layer))
      for (const [name, assertion] of Object.entries(failing)) add(name, yield* Effect.exit(inTestPool(assertion)))
      for (const [name, left] of Object.entries(leaking)) {
        add(name, yield* Effect.exit(expectNoLeaks(inTestPool(left))))
      }
      yield* golden("assertions", `${texts.join("\n\n")}\n`)
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("handles, as console.log and templates print them", () =>
    Effect.gen(function*() {
      const text = yield* inPool(Effect.gen(function*() {
        const pool = yield* TaskPool.make({ name: "matrix" })
        const task = yield* Test.dispatch({ node: 24, os: "linux" }, { pool })
        const before = [task, pool, yield* WorkerPool, Test].map((handle) => `${inspect(handle)}\n${handle}`)
        yield* pool.settled
        return [...before, inspect(task), inspect(pool)].join("\n")
      }))
      yield* golden("handles", `${text}\n`)
    }))

  const loggers = {
    formatSimple: Logger.formatSimple,
    formatLogFmt: Logger.formatLogFmt,
    formatJson: Logger.formatJson
  }
  for (const [name, logger] of Object.entries(loggers)) {
    it.effect(`logs under ${name}`, () =>
      Effect.gen(function*() {
        const lines: Array<string> = []
        const layer = Logger.layer([Logger.map(logger as Logger.Logger<unknown, string>, (line) => lines.push(line))])
        const program = Effect.gen(function*() {
          const pool = yield* TaskPool.make({ name: "matrix" })
          yield* (yield* Test.dispatch({ node: 24, os: "linux" }, { pool })).await
          yield* Test.dispatch({ node: 24, os: "win" })
          yield* Test.dispatch({ node: 0, os: "linux" })
          yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow)
          yield* Slow.dispatch({ path: "/a" })
          yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow)
        })
        const clean = (line: string) =>
          withoutFrames(line).replaceAll(/(\\n *at [^"\\]*)+/g, "").replaceAll(/#\d+/g, "#1")
        yield* inPool(program).pipe(Effect.provide(layer))
        yield* golden(`logs-${name}`, `${lines.map(clean).join("\n")}\n`)
      }))
  }
})
