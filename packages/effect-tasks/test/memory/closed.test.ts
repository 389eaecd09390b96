import { describe } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import { AsyncLocalStorage } from "node:async_hooks"
import { forgotten, forgottenOnceClosed, Holds, many, pool, settleTurns, thing, type Watch } from "./memory.ts"

const numbers = Array.from({ length: many }, (_, n) => n)

class Below extends Context.Service<Below, { readonly name: string }>()("test/Below") {}
class Used extends Context.Service<Used, { readonly name: string }>()("test/Used") {}

/** A worker pool above one service, and a handler that uses another. */
const app = (watch: Watch) =>
  Holds.toLayer(Effect.gen(function*() {
    const used = yield* Used
    return Holds.of(({ n }) => n < 0 ? Effect.fail("no") : Effect.sync(() => used.name))
  })).pipe(
    Layer.provide(Layer.sync(Used, () => watch("service of a handler", { name: "used" }))),
    Layer.provideMerge(pool({ history: 1000 })),
    Layer.provide(Layer.sync(Below, () => watch("service below the worker pool", { name: "below" })))
  )

const watchMachine = (watch: Watch) =>
  Effect.map(WorkerPool, (service) => {
    watch("worker pool", service)
  })

const others = (watch: Watch, options?: { readonly pool: TaskPool.TaskPool }) =>
  Effect.forEach([...numbers, -1, -2, -3], (n) =>
    Effect.gen(function*() {
      const task = yield* Holds.dispatch({ n, x: thing() }, options)
      watch("payload of another task", task.payload)
      yield* task.exit
    }), { discard: true })

let jobs = 0

/** The first worker pool that ever runs a task of its job. */
const first = (watch: Watch) => {
  const First = Job.make(`First${++jobs}`)
  return Layer.effectDiscard(First.run()).pipe(
    Layer.provide(First.toLayer(() => Effect.void)),
    Layer.provideMerge(pool()),
    Layer.provide(Layer.sync(Below, () => watch("service below the worker pool", { name: "below" })))
  )
}

describe("R24 metrics, which stay for the life of the process,", () => {
  forgottenOnceClosed("keep nothing of the worker pool that was the first to count a job", first, watchMachine)
})

describe("R16 after a worker pool has closed", () => {
  forgottenOnceClosed(
    "nothing keeps it",
    app,
    (watch) => Effect.andThen(watchMachine(watch), others(watch))
  )

  forgottenOnceClosed("a handle keeps no other task and no service", app, (watch) =>
    Effect.gen(function*() {
      yield* watchMachine(watch)
      const task = yield* Holds.dispatch({ n: 0, x: thing() })
      yield* others(watch)
      return task
    }))

  forgottenOnceClosed(
    "the handle of a failed task keeps none either, nor one that the closing has cancelled",
    app,
    (watch) =>
      Effect.gen(function*() {
        yield* watchMachine(watch)
        const failed = yield* Holds.dispatch({ n: -1, x: thing() })
        yield* others(watch)
        yield* failed.exit
        const delayed = yield* Holds.dispatch({ n: 0, x: thing() }, { delay: "1 hour" })
        return [failed, delayed]
      })
  )

  const store = new AsyncLocalStorage<unknown>()

  /** A worker pool that is built in an async context of its own. */
  const inContext = (watch: Watch) =>
    Layer.effectContext(
      Effect.flatMap(Effect.scope, (scope) =>
        Effect.callback<Context.Context<Layer.Success<ReturnType<typeof app>>>>((resume) =>
          store.run(watch("async context of the builder", thing()), () => {
            Effect.runFork(Layer.buildWithScope(app(watch), scope)).addObserver(resume)
          })
        ))
    )

  forgottenOnceClosed(
    "a handle keeps nothing of the async context in which it was built",
    inContext,
    () => Effect.tap(Holds.dispatch({ n: 0, x: thing() }), (task) => task.exit)
  )

  forgottenOnceClosed("the handle of a pool keeps no task and no service", app, (watch) =>
    Effect.gen(function*() {
      yield* watchMachine(watch)
      const own = yield* TaskPool.make()
      yield* others(watch, { pool: own })
      yield* own.settled
      yield* others(watch)
      return own
    }))

  forgottenOnceClosed("a handle keeps none of the pools that were done", app, (watch) =>
    Effect.gen(function*() {
      const task = yield* Holds.dispatch({ n: 0, x: thing() })
      yield* task.exit
      for (const _ of numbers) yield* TaskPool.use((own) => Effect.sync(() => watch("done pool", own)))
      return task
    }))

  forgottenOnceClosed("GLOBAL keeps no task and no service", app, (watch) =>
    Effect.gen(function*() {
      yield* watchMachine(watch)
      yield* others(watch)
      return (yield* WorkerPool).global
    }))

  forgottenOnceClosed("GLOBAL keeps none of its finalizers", app, (watch) =>
    Effect.gen(function*() {
      const { global } = yield* WorkerPool
      for (const _ of numbers) {
        const seen = watch("closure of a finalizer", thing())
        yield* global.addFinalizer(() => Effect.sync(() => seen))
      }
      return global
    }))
})

describe("R16 after a handler's layer has closed", () => {
  const built = (watch: Watch, scope: Scope.Scope) =>
    Layer.buildWithScope(
      Layer.fresh(
        Holds.toLayer(Effect.gen(function*() {
          const used = yield* Used
          return watch("handler", Holds.of(() => Effect.sync(() => used.name)))
        })).pipe(Layer.provide(Layer.sync(Used, () => watch("service of a handler", { name: "used" }))))
      ),
      scope
    )

  forgotten("the worker pool keeps nothing of it", () => pool({ history: 1000 }), (watch) =>
    Effect.gen(function*() {
      for (let n = 0; n < 3; n++) {
        const scope = yield* Scope.make()
        const context = yield* built(watch, scope)
        yield* Effect.provideContext(Holds.run({ n, x: thing() }), context)
        yield* Scope.close(scope, Exit.void)
      }
    }))

  forgotten(
    "nor do the handles and the history of tasks that it ran",
    () => pool({ history: 1000 }),
    (watch) =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const context = yield* built(watch, scope)
        const ended = yield* Effect.provideContext(Holds.dispatch({ n: 1, x: thing() }), context)
        yield* ended.exit
        yield* settleTurns
        const canceled = yield* Effect.provideContext(
          Holds.dispatch({ n: 2, x: thing() }, { delay: "1 hour" }),
          context
        )
        yield* Scope.close(scope, Exit.void)
        return [ended, canceled]
      })
  )

  forgotten("nor a later layer of the same job", () => pool(), (watch) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* built(watch, scope)
      const later = yield* Effect.scope
      yield* Layer.buildWithScope(Holds.toLayer(() => Effect.void), later)
      yield* Scope.close(scope, Exit.void)
    }))
})
