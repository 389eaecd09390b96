import { assert, describe } from "@effect/vitest"
import { Effect, Fiber, Layer, Schedule, Schema, Stream } from "effect"
import { Job, type Task, TaskPool } from "effect-tasks"
import { forgotten, giveUp, Holds, many, pool, settleTurns, thing, type Watch } from "./memory.ts"

class Retried extends Job.make("Retried", {
  payload: { n: Schema.Int, x: Schema.Unknown },
  error: Schema.String,
  retry: { schedule: Schedule.spaced("1 hour") },
  timeout: "1 hour"
}) {}

class Waits extends Job.make("Waits", {
  payload: { n: Schema.Int, x: Schema.Unknown },
  key: ({ n }) => `${n}`
}) {}

class Kept extends Job.make("Kept", {
  payload: { n: Schema.Int },
  success: Schema.Unknown,
  persistent: { timeToLive: 20, capacity: 5 }
}) {}

const numbers = Array.from({ length: many }, (_, n) => n)

/** Each task makes and meets everything a task can. */
const busy = (watch: Watch, end: () => Effect.Effect<unknown, unknown>) =>
  Holds.toLayer((_, task) =>
    Effect.gen(function*() {
      const local = watch("local of a handler", thing())
      yield* task.report(thing())
      yield* task.report(watch("progress in between", thing()))
      yield* task.report(thing())
      yield* task.onExit(() => Effect.sync(() => local))
      yield* Effect.addFinalizer(() => Effect.sync(() => local))
      yield* TaskPool.use(() => Effect.void)
      return yield* end()
    })
  ).pipe(Layer.provideMerge(pool()))

const dispatchAll = (watch: Watch, watchExit: Watch = watch) =>
  Effect.forEach(numbers, (n) =>
    Effect.gen(function*() {
      const task = yield* Holds.dispatch({ n, x: thing() })
      watch("payload", task.payload)
      watch("handle", task)
      const listener = watch("hook", () => Effect.void)
      yield* task.onExit(listener)
      yield* task.onFailure(listener)
      yield* Effect.forkChild(Stream.runDrain(task.progress))
      yield* task.send(watch("message", thing()))
      watchExit("exit", yield* task.exit)
      yield* settleTurns
    }), { discard: true })

describe("R16 a task that the history has forgotten is not kept", () => {
  forgotten(
    "when it has succeeded",
    (watch) => busy(watch, () => Effect.sync(() => watch("result", thing()))),
    dispatchAll
  )

  forgotten(
    "when it has failed",
    (watch) => busy(watch, () => Effect.suspend(() => Effect.fail(thing()))),
    (watch) => dispatchAll(watch, (_, exit) => exit) // its pool remembers the cause
  )

  forgotten(
    "when it was cancelled as it ran, and where it was cancelled as it waited for its turn",
    (watch) => busy(watch, () => Effect.never),
    (watch) =>
      Effect.forEach(numbers, (n) =>
        Effect.gen(function*() {
          const first = yield* Holds.dispatch({ n, x: thing() })
          const second = yield* Holds.dispatch({ n: n + many, x: thing() })
          for (const task of [first, second]) watch("payload", task.payload)
          yield* settleTurns
          yield* second.cancel()
          yield* first.cancel()
        }), { discard: true })
  )

  forgotten(
    "when it was cancelled in the queue and whoever holds the worker goes on",
    () => Holds.toLayer(({ n }) => n < 0 ? Effect.never : Effect.void).pipe(Layer.provideMerge(pool())),
    (watch) =>
      Effect.gen(function*() {
        yield* Holds.dispatch({ n: -1, x: undefined })
        for (const n of numbers) {
          const task = yield* Holds.dispatch({ n, x: thing() })
          watch("payload", task.payload)
          yield* task.cancel()
        }
      })
  )

  forgotten(
    "when it was cancelled in the queue behind others that still wait there",
    () => Holds.toLayer(({ n }) => n < 0 ? Effect.never : Effect.void).pipe(Layer.provideMerge(pool())),
    (watch) =>
      Effect.gen(function*() {
        yield* Holds.dispatch({ n: -1, x: undefined })
        yield* Holds.dispatch({ n: -2, x: undefined })
        const tasks = yield* Effect.forEach(numbers, (n) => Holds.dispatch({ n, x: thing() }))
        yield* Holds.dispatch({ n: -3, x: undefined })
        for (const task of tasks) {
          watch("payload", task.payload)
          yield* task.cancel()
        }
      })
  )

  forgotten(
    "when it was cancelled as its delay, its timeout or the pause before its next attempt ran",
    () => Retried.toLayer(() => Effect.fail("no")).pipe(Layer.provideMerge(pool({ workers: many }))),
    (watch) =>
      Effect.forEach(numbers, (n) =>
        Effect.gen(function*() {
          const delayed = yield* Retried.dispatch({ n, x: thing() }, { delay: "1 hour" })
          const retried = yield* Retried.dispatch({ n: n + many, x: thing() })
          for (const task of [delayed, retried]) watch("payload", task.payload)
          yield* settleTurns
          yield* delayed.cancel()
          yield* retried.cancel()
        }), { discard: true })
  )
})

describe("R16 a handle keeps its own outcome and nothing else", () => {
  forgotten(
    "of the tasks of its key, though tasks are looked up",
    () => Holds.toLayer(() => Effect.void).pipe(Layer.provideMerge(pool({ history: 2 }))),
    (watch) =>
      Effect.gen(function*() {
        let handle: unknown
        for (const n of numbers) {
          const task = yield* Holds.dispatch({ n: 0, x: thing() })
          yield* task.exit
          yield* Holds.find({ n: 0, x: undefined })
          if (n === many / 2) handle = task
          else watch("payload of another task", task.payload)
        }
        for (const n of [1, 2]) yield* Holds.run({ n, x: undefined })
        return handle
      })
  )

  const finished = (watch: Watch, kept: number) =>
    Effect.gen(function*() {
      let handle: unknown
      for (const n of numbers) {
        const task = yield* Holds.dispatch({ n, x: thing() })
        yield* task.exit
        if (n === kept) handle = task
        else watch("payload of another task", task.payload)
      }
      return handle
    })

  for (const [which, kept] of [["first", 0], ["last", many - 1], ["one in between", 9]] as const) {
    forgotten(
      `no other task of its job, when it is the ${which}`,
      () => Holds.toLayer(() => Effect.void).pipe(Layer.provideMerge(pool({ history: many }))),
      (watch) =>
        // they were neighbours in the history; others push them out of it
        Effect.tap(finished(watch, kept), () =>
          Effect.forEach(numbers, (n) => Holds.run({ n: -1 - n, x: undefined }), { discard: true }))
    )
  }

  forgotten(
    "none that failed or was cancelled in the same pool",
    () => Holds.toLayer(({ n }) => n % 2 === 0 ? Effect.fail("no") : Effect.never).pipe(Layer.provideMerge(pool())),
    (watch) =>
      Effect.gen(function*() {
        let handle: unknown
        yield* Effect.exit(TaskPool.use((own) =>
          Effect.gen(function*() {
            for (const n of numbers) {
              const task = yield* Holds.dispatch({ n, x: thing() }, { pool: own })
              yield* settleTurns
              yield* task.cancel()
              if (n === 9) handle = task
              else watch("payload of another task", task.payload)
            }
          })
        ))
        return handle
      })
  )

  forgotten(
    "no hook, whether it has run or not, no message, nothing that its handler made",
    (watch) => busy(watch, () => Effect.void),
    (watch) =>
      Effect.forEach(numbers, (n) =>
        Effect.gen(function*() {
          const task = yield* Holds.dispatch({ n, x: thing() })
          const seen = watch("closure of a hook", thing())
          yield* task.onExit(() => Effect.sync(() => seen))
          yield* task.onFailure(() => Effect.sync(() => seen))
          yield* task.send(watch("message", thing()))
          yield* task.exit
          return task
        }))
  )
})

describe("R16 a task that lives keeps nothing of what has ended", () => {
  const waitsFor = (
    watch: Watch,
    wait: (task: Task.Task<unknown, unknown, unknown, unknown>) => Effect.Effect<unknown, unknown>
  ) =>
    Holds.toLayer(({ n }) =>
      n >= 0 ? Effect.void : Effect.andThen(
        Effect.forEach(numbers, (child) =>
          Effect.gen(function*() {
            const task = yield* Holds.dispatch({ n: child, x: thing() })
            watch("payload", task.payload)
            yield* wait(task)
          }), { discard: true }),
        Effect.never
      )
    ).pipe(Layer.provideMerge(pool()))

  const parent = Effect.andThen(Holds.dispatch({ n: -1, x: undefined }), Effect.sleep(50))

  forgotten("of tasks it has awaited", (watch) => waitsFor(watch, (task) => task.await), () => parent)

  forgotten(
    "of tasks whose progress it has read",
    (watch) => waitsFor(watch, (task) => Stream.runDrain(task.progress)),
    () => parent
  )

  forgotten(
    "of waits that it gave up",
    (watch) =>
      waitsFor(watch, (task) =>
        Effect.gen(function*() {
          const waiting = yield* Effect.forkChild(task.exit)
          yield* Fiber.interrupt(waiting)
          yield* task.cancel()
        })),
    () => parent
  )

  forgotten(
    "of tasks that waited for it and were cancelled",
    () =>
      Waits.toLayer(({ n }) =>
        n < 0 ?
          Effect.never :
          Effect.flatMap(
            Waits.find({ n: -1, x: undefined }),
            (task) => task._tag === "None" ? Effect.void : Effect.asVoid(task.value.exit)
          )
      ).pipe(Layer.provideMerge(pool({ workers: 2 }))),
    (watch) =>
      Effect.gen(function*() {
        yield* Waits.dispatch({ n: -1, x: undefined })
        yield* settleTurns
        for (const n of numbers) {
          const task = yield* Waits.dispatch({ n, x: thing() })
          watch("payload", task.payload)
          yield* settleTurns
          assert.strictEqual((yield* task.status).state, "Sleeping")
          yield* task.cancel()
        }
      })
  )

  forgotten(
    "of fibers that awaited it and were interrupted",
    () => Holds.toLayer(() => Effect.never).pipe(Layer.provideMerge(pool())),
    (watch) =>
      Effect.gen(function*() {
        const task = yield* Holds.dispatch({ n: -1, x: undefined })
        yield* settleTurns
        for (const _ of numbers) {
          yield* giveUp(watch, task.exit)
          yield* giveUp(watch, task.firstProgress)
          yield* giveUp(watch, Stream.runDrain(task.progress))
        }
        return task
      })
  )
})

describe("R16 a kept result is let go", () => {
  const layer = (watch: Watch) =>
    Kept.toLayer(() => Effect.sync(() => watch("result", thing()))).pipe(Layer.provideMerge(pool()))

  forgotten("when its time to live is over, without anyone asking for its key", layer, () =>
    Effect.andThen(
      Effect.forEach([1, 2, 3], (n) => Kept.run({ n })),
      Effect.sleep(100)
    ))

  forgotten(
    "when more than its job keeps have come after it",
    (watch) =>
      Kept.toLayer(({ n }) => Effect.sync(() => n < many ? watch("result", thing()) : undefined)).pipe(
        Layer.provideMerge(pool())
      ),
    () => Effect.forEach(Array.from({ length: many + 5 }, (_, n) => n), (n) => Kept.run({ n }), { discard: true })
  )
})
