import { assert, describe } from "@effect/vitest"
import { Effect, Layer, Schema, Stream } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import { forgotten, giveUp, Holds, many, pool, settleTurns, thing } from "./memory.ts"

const numbers = Array.from({ length: many }, (_, n) => n)

/** Fails for odd numbers. */
const failing = (options?: Parameters<typeof pool>[0]) =>
  Holds.toLayer(({ n }) => n % 2 === 1 ? Effect.fail({ failed: n }) : Effect.void).pipe(
    Layer.provideMerge(pool(options))
  )

const fails = (n: number) => 2 * n + 1

describe("R16 the failures that pools remember are ids and causes, not tasks", () => {
  forgotten("in GLOBAL, for as long as the worker pool lives", () => failing(), (watch) =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      yield* Effect.forEach(numbers, (n) =>
        Effect.gen(function*() {
          const task = yield* Holds.dispatch({ n: fails(n), x: thing() })
          watch("payload", task.payload)
          yield* task.exit
        }), { discard: true })
      const failures = yield* global.failures
      assert.lengthOf(failures, many)
      assert.strictEqual(failures[0]!.taskId, "Holds-1")
      return global
    }))

  forgotten(
    "though a stack that nobody has read leads to the payload",
    () =>
      Holds.toLayer(({ n, x }) =>
        Effect.sync(() => {
          const fail = () => {
            throw new Error(`${n}`, { cause: typeof x })
          }
          fail()
        })
      ).pipe(Layer.provideMerge(pool())),
    (watch) =>
      Effect.gen(function*() {
        const { global } = yield* WorkerPool
        yield* Effect.forEach(numbers, (n) =>
          Effect.gen(function*() {
            const task = yield* Holds.dispatch({ n, x: thing() })
            watch("payload", task.payload)
            yield* task.exit
          }), { discard: true })
        return global
      })
  )

  forgotten(
    "in a pool that is done and that somebody keeps, and in those above it",
    () => failing(),
    (watch) =>
      Effect.gen(function*() {
        const own = yield* TaskPool.make({ name: "own" })
        yield* Effect.forEach(
          numbers,
          (n) =>
            Effect.map(Holds.dispatch({ n: fails(n), x: thing() }, { pool: own }), (task) =>
              void watch("payload", task.payload)),
          { discard: true }
        )
        yield* own.settled
        const failures = yield* own.failures
        assert.strictEqual(failures.length, many)
        assert.isTrue(failures.every(({ cause }) =>
          cause.reasons[0]?._tag === "Fail"
        ))
        return [own, failures]
      })
  )

  forgotten("in pools that the history remembers", () => failing({ history: 10 }), (watch) =>
    Effect.gen(function*() {
      yield* Effect.forEach(numbers, (n) =>
        Effect.exit(TaskPool.use((own) =>
          Effect.forEach([1, 2, 3], (m) =>
            Effect.map(Holds.dispatch({ n: fails(3 * n + m), x: thing() }, { pool: own }), (task) =>
              void watch("payload", task.payload)))
        )), { discard: true })
      // ten later tasks, so that the history remembers none of those
      yield* Effect.forEach(numbers, (n) =>
        Holds.run({ n: 1000 + 2 * n, x: undefined }), { discard: true })
    }))

  forgotten("and no more causes than a hundred", () => failing(), (watch) =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      for (let n = 0; n < 100; n++) yield* Effect.exit(Holds.run({ n: fails(n), x: undefined }))
      yield* Effect.forEach(numbers, (n) =>
        Effect.map(Effect.flip(Holds.run({ n: fails(1000 + n), x: undefined })), (error) =>
          void watch("error", error)), { discard: true })
      assert.lengthOf(yield* global.failures, 100)
      return global
    }))
})

class Makes extends Job.make("Makes", { payload: { x: Schema.Unknown }, success: Schema.Unknown }) {}
class Nested extends Job.make("Nested", { payload: { n: Schema.Int, x: Schema.Unknown } }) {}

describe("R16 a pool that is done keeps nothing, and nothing keeps it", () => {
  forgotten(
    "in a Scope that lives on",
    () => failing(),
    (watch) =>
      Effect.forEach(numbers, (n) =>
        Effect.gen(function*() {
          const own = watch("pool", yield* TaskPool.make())
          const seen = watch("closure of a finalizer", thing())
          yield* own.addFinalizer(() => Effect.sync(() => seen))
          yield* Effect.forkChild(Stream.runDrain(own.changes))
          watch("payload", (yield* Holds.dispatch({ n: 2 * n, x: thing() }, { pool: own })).payload)
          yield* own.join
          yield* settleTurns
        }), { discard: true })
  )

  forgotten(
    "in a task that goes on",
    () => Nested.toLayer(() => Effect.void).pipe(Layer.provideMerge(pool())),
    (watch) => {
      const body = Effect.gen(function*() {
        yield* Effect.forEach(numbers, (n) =>
          TaskPool.use((own) =>
            Effect.gen(function*() {
              watch("pool", own)
              watch("payload", (yield* Nested.dispatch({ n, x: thing() }, { pool: own })).payload)
            })
          ), { discard: true })
        yield* TaskPool.use(() => Effect.void) // the newest is what `childPool` gives
        yield* Effect.never
      })
      const Parent = Job.make("Parent")
      return Effect.gen(function*() {
        const context = yield* Layer.build(Parent.toLayer(() => body as Effect.Effect<never>))
        const parent = yield* Effect.provideContext(Parent.dispatch(), context)
        yield* Effect.sleep(50)
        return parent
      })
    }
  )

  forgotten(
    "in a task of a pool that nobody reads",
    () => Nested.toLayer(() => Effect.void).pipe(Layer.provideMerge(pool())),
    (watch) => {
      const body = Effect.gen(function*() {
        yield* Effect.forEach(numbers, (n) =>
          TaskPool.use((own) => {
            watch("pool", own)
            return Nested.dispatch({ n, x: thing() }, { pool: own })
          }), { discard: true })
        yield* TaskPool.use(() => Effect.void) // the newest is what `childPool` gives
        yield* Effect.never
      })
      const Parent = Job.make("Parent")
      return Effect.gen(function*() {
        const context = yield* Layer.build(Parent.toLayer(() => body as Effect.Effect<never>))
        const above = yield* TaskPool.make()
        yield* Effect.provideContext(Parent.dispatch(undefined, { pool: above }), context)
        yield* Effect.sleep(50)
        return above
      })
    }
  )

  forgotten(
    "with the task that made it, when its handle is all that somebody keeps",
    (watch) =>
      Makes.toLayer((payload) => {
        watch("payload of the maker", payload)
        return TaskPool.use((own) => Effect.succeed(own))
      }).pipe(Layer.provideMerge(pool())),
    () => Effect.forEach(numbers, () => Makes.run({ x: thing() }))
  )

  forgotten("with the members of it, whose handle somebody keeps", () => failing(), (watch) =>
    Effect.gen(function*() {
      const own = yield* TaskPool.make()
      yield* Effect.forEach(numbers, (n) =>
        Effect.map(Holds.dispatch({ n: 2 * n, x: thing() }, { pool: own }), (task) =>
          void watch("payload", task.payload)), { discard: true })
      yield* own.join
      return own
    }))

  forgotten("of tasks that ended in it while it is open", () => failing(), (watch) =>
    Effect.gen(function*() {
      const own = yield* TaskPool.make()
      yield* Effect.forEach(numbers, (n) =>
        Effect.gen(function*() {
          const task = yield* Holds.dispatch({ n: 2 * n, x: thing() }, { pool: own })
          watch("payload", task.payload)
          yield* task.exit
        }), { discard: true })
      return own
    }))

  forgotten(
    "of a fiber that waited for it and was interrupted",
    () => Holds.toLayer(() => Effect.never).pipe(Layer.provideMerge(pool())),
    (watch) =>
      Effect.gen(function*() {
        const own = yield* TaskPool.make()
        yield* Holds.dispatch({ n: 0, x: undefined }, { pool: own })
        for (const _ of numbers) {
          yield* giveUp(watch, own.settled)
          yield* giveUp(watch, Stream.runDrain(own.changes))
        }
        return own
      })
  )
})

describe("R16 readers that have ended are not kept", () => {
  const reads = (name: string, read: Effect.Effect<Stream.Stream<unknown>, never, WorkerPool>) =>
    forgotten(name, () => failing(), (watch) =>
      Effect.gen(function*() {
        const stream = yield* read
        const context = yield* Effect.context<WorkerPool | Job.Handler<"Holds">>()
        for (const n of numbers) {
          const read = Stream.runForEach(stream, () => Effect.sync(() => n))
          const run = Effect.provideContext(Holds.run({ n: 2 * n, x: undefined }), context)
          yield* giveUp(watch, Effect.andThen(Effect.forkChild(run), read))
        }
      }))

  forgotten(
    "nor the events that they no longer read",
    (watch) =>
      Holds.toLayer((_, task) =>
        Effect.forEach(numbers, () => Effect.andThen(task.report(watch("progress", thing())), task.report(thing())))
      ).pipe(Layer.provideMerge(pool())),
    (watch) =>
      Effect.gen(function*() {
        const { events } = yield* WorkerPool
        yield* giveUp(watch, Stream.runDrain(events))
        yield* Effect.forEach([0, 1], (n) => Holds.run({ n, x: undefined }), { discard: true })
      })
  )

  reads("of events", WorkerPool.use(({ events }) => Effect.succeed(events)))

  reads("of the changes of GLOBAL", WorkerPool.use(({ global }) => Effect.succeed(global.changes)))
})

describe("R20 dispatchers that gave up are not kept", () => {
  class Keyed extends Job.make("Keyed", { payload: { n: Schema.Int }, key: ({ n }) => `${n}`, unique: true }) {}

  forgotten(
    "when they waited for room and were interrupted",
    () => Keyed.toLayer(() => Effect.never).pipe(Layer.provideMerge(pool({ capacity: 1 }))),
    (watch) =>
      Effect.gen(function*() {
        const context = yield* Effect.context<WorkerPool | Job.Handler<"Keyed">>()
        yield* Keyed.dispatch({ n: -1 })
        yield* settleTurns
        yield* Keyed.dispatch({ n: -2 })
        for (const n of numbers) yield* giveUp(watch, Effect.provideContext(Keyed.dispatch({ n }), context))
      })
  )
})
