import { type Thread, ThreadNotReady, Threads } from "@effect-tasks/threads"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Scope } from "effect"
import { TaskCanceled, TaskTimeout, WorkerPool } from "effect-tasks"
import { Act, Burn } from "../fixtures/jobs.ts"
import { type Acts, clean, defectOf, logging, long, made, spawn, until } from "../support.ts"

const module = (name: string) => new URL(`../fixtures/${name}.thread.ts`, import.meta.url)

const from = (make: ReturnType<typeof spawn>, options?: Threads.Options) => {
  const ThreadsLive = Threads.layer<Acts>(make, { gracePeriod: 50, ...options })
  // the fixtures' children are not asked for here
  return Layer.mergeAll(Threads.toLayer(Burn), Threads.toLayer(Act)).pipe(
    Layer.provide(ThreadsLive),
    Layer.provideMerge(WorkerPool.layer({ workers: 2, unhandled: { defect: "None" } }))
  ) as Layer.Layer<Layer.Success<ReturnType<typeof Threads.toLayer<"Burn", any, any, any, any, any>>> | WorkerPool>
}

const runs = <A, E>(make: ReturnType<typeof spawn>, effect: Effect.Effect<A, E, any>, options?: Threads.Options) =>
  clean(Effect.provide(effect, from(make, options)) as Effect.Effect<A, E>)

describe("T7 a thread that cannot start", { timeout: long }, () => {
  for (
    const [what, url, why] of [
      ["a layer that fails", module("broken"), "no database"],
      ["a module that throws", module("throws"), "a broken module"],
      ["no such module", module("none"), "none.thread.ts"]
    ] as const
  ) {
    it.live(`ends one waiting task with the defect ThreadNotReady: ${what}`, () =>
      runs(
        spawn(url),
        Effect.gen(function*() {
          const tasks = yield* Effect.all([Burn.dispatch({ millis: 1 }), Burn.dispatch({ millis: 1 })])
          for (const task of tasks) {
            const defect = defectOf(yield* task.exit)
            assert.instanceOf(defect, ThreadNotReady)
            assert.match(defect.message, /^No thread could start: /)
            assert.include(defect.message, why)
          }
          assert.strictEqual(made(), 2, "nothing starts again by itself")
        })
      ))
  }

  it.live("a function that throws makes none either", () =>
    runs(
      () => {
        throw new Error("no more threads")
      },
      Effect.gen(function*() {
        const defect = defectOf(yield* (yield* Burn.dispatch({ millis: 1 })).exit)
        assert.strictEqual(defect.message, "No thread could start: Error: no more threads")
      })
    ))

  it.live("the next task tries again", () => {
    let tries = 0
    const make = () => spawn(module(tries++ === 0 ? "broken" : "acts"))()
    return runs(
      make,
      Effect.gen(function*() {
        assert.instanceOf(defectOf(yield* (yield* Burn.dispatch({ millis: 1 })).exit), ThreadNotReady)
        assert.isAbove(yield* Burn.run({ millis: 1 }), 0)
      })
    )
  })

  it.live("ends no task that another thread boots for", () => {
    const { layer, texts } = logging()
    let tries = 0
    const make = () => spawn(module(tries++ === 0 ? "broken" : "acts"))()
    const Live = from(make, { warm: 2 }).pipe(Layer.provide(layer))
    return clean(
      Effect.gen(function*() {
        assert.isAbove(yield* Burn.run({ millis: 1 }), 0)
        yield* until(() => texts().length === 1)
        assert.match(String(texts()[0]), /^No thread could start: .*no database/)
      }).pipe(Effect.provide(Live)) as Effect.Effect<void>
    )
  })

  it.live("can be cancelled and timed out meanwhile, though its layers never end", () =>
    runs(
      spawn(module("slow")),
      Effect.gen(function*() {
        assert.instanceOf(yield* Effect.flip(Burn.run({ millis: 1 }, { timeout: 200 })), TaskTimeout)
        const task = yield* Burn.dispatch({ millis: 1 })
        yield* task.cancel()
        assert.instanceOf(yield* Effect.flip(task.await), TaskCanceled)
      })
    ))

  it.live("a module that serves other jobs is named by what it serves", () =>
    runs(
      spawn(module("other")),
      Effect.gen(function*() {
        const defect = defectOf(yield* (yield* Act.dispatch({ act: "ids" })).exit)
        assert.strictEqual(defect.message, `The thread's module serves no handler of job "Act", only of Burn`)
      })
    ))

  for (const when of ["before the task asks for one", "while one boots"] as const) {
    it.live(`is told to a handler that outlives the threads' layer, closed ${when}`, () =>
      clean(
        Effect.gen(function*() {
          const scope = yield* Scope.make()
          // the fixtures' children are not asked for here
          const ThreadsLive = Threads.layer<Acts>(spawn()) as Layer.Layer<Thread.Serves<"Burn">>
          const threads = yield* Layer.buildWithScope(ThreadsLive, scope)
          const handler = yield* Effect.provide(Threads.handler(Burn), Layer.succeedContext(threads))
          const run = Effect.gen(function*() {
            if (when === "before the task asks for one") yield* Scope.close(scope, Exit.void)
            const task = yield* Burn.dispatch({ millis: 1 })
            yield* until(() => Effect.map(task.status, ({ state }) => state !== "Queued"))
            if (when === "while one boots") yield* Scope.close(scope, Exit.void)
            assert.instanceOf(defectOf(yield* task.exit), ThreadNotReady)
          })
          yield* Effect.provide(run, Burn.toLayer(handler))
        }).pipe(Effect.provide(WorkerPool.layer({ unhandled: { defect: "None" } })))
      ))
  }
})
