/** What must compile, and what must not. */
import { Thread, Threads } from "@effect-tasks/threads"
import { Context, Effect, Layer, Schema } from "effect"
import { Job, JobRegistry, type Task, WorkerPool } from "effect-tasks"
import { expectTypeOf } from "vitest"

class FileError extends Schema.TaggedError<FileError>()("FileError", { path: Schema.String }) {}
class Hash extends Job.make("Hash", {
  payload: { path: Schema.String },
  success: Schema.String,
  error: FileError,
  progress: Schema.Int,
  message: Schema.Boolean
}) {}
class Other extends Job.make("Other") {}
class Child extends Job.make("Child", { payload: { n: Schema.Int }, success: Schema.Int }) {}
class Db extends Context.Service<Db, { readonly n: number }>()("Db") {}
declare const DbLive: Layer.Layer<Db>

// one function for both places
const hash = Thread.of(Hash)(({ path }, task) => Effect.as(task.report(1), path))
Hash.toLayer(hash)
Thread.handler(Hash, hash)
const ofJob = Hash.of(({ path }) => Effect.succeed(path))
// @ts-expect-error: what `Job.of` types may ask for the whole TaskContext
Thread.handler(Hash, ofJob)

const HashHere = Thread.handler(
  Hash,
  Effect.fnUntraced(function*({ path }, task) {
    expectTypeOf(task.report).parameter(0).toEqualTypeOf<number>()
    expectTypeOf(task.inbox).toEqualTypeOf<Task.TaskContext<string, FileError, number, boolean>["inbox"]>()
    const { n } = yield* Db
    return path + (yield* Effect.orDie(Child.run({ n })))
  })
)
expectTypeOf(HashHere).toEqualTypeOf<
  Layer.Layer<Thread.Serves<"Hash">, never, Db | WorkerPool | Job.Handler<"Child">>
>()

// the failure of the Effect that gives a handler is that of its layer
const Failing = Thread.handler(Hash, Effect.as(Effect.fail("no wasm" as const), hash))
expectTypeOf(Failing).toEqualTypeOf<Layer.Layer<Thread.Serves<"Hash">, "no wasm">>()

// @ts-expect-error: a service and a job that the module does not provide
Thread.serve(HashHere)
// @ts-expect-error: a job that the module does not provide
Thread.serve(HashHere.pipe(Layer.provide(DbLive)))
const served = Thread.serve(HashHere.pipe(Layer.provide(DbLive), Layer.provideMerge(Thread.toParent(Child))))
expectTypeOf(served).toEqualTypeOf<Thread.Served<"Hash", "Child">>()

type Module = { readonly default: typeof served }
declare const spawn: () => { terminate(): unknown }
const ThreadsLive = Threads.layer<Module>(spawn)
expectTypeOf(ThreadsLive).toEqualTypeOf<Layer.Layer<Thread.Serves<"Hash">, never, Job.Handler<"Child">>>()
expectTypeOf(Threads.toLayer(Hash)).toEqualTypeOf<
  Layer.Layer<Job.Handler<"Hash">, never, WorkerPool | Thread.Serves<"Hash">>
>()
expectTypeOf<Effect.Services<ReturnType<typeof Threads.handler<"Hash", any, any, any, any, any>>>>().toEqualTypeOf<
  WorkerPool | Thread.Serves<"Hash">
>()

const HashLive = Threads.toLayer(Hash).pipe(Layer.provide(ThreadsLive))
expectTypeOf(HashLive).toEqualTypeOf<Layer.Layer<Job.Handler<"Hash">, never, WorkerPool | Job.Handler<"Child">>>()
const ChildLive = Child.toLayer(({ n }) => Effect.succeed(n))
const Live = JobRegistry.layer(HashLive, ChildLive).pipe(Layer.provideMerge(WorkerPool.layer()))
export const complete = () => Hash.run({ path: "" }).pipe(Effect.provide(Live), Effect.runPromise)

// a child job without a handler on the main side
const Childless = HashLive.pipe(Layer.provideMerge(WorkerPool.layer()))
// @ts-expect-error: Job.Handler<"Child">
export const childless = () => Hash.run({ path: "" }).pipe(Effect.provide(Childless), Effect.runPromise)

// a job on threads may dispatch itself
const Circular = JobRegistry.layer(
  Threads.toLayer(Child).pipe(
    Layer.provide(Threads.layer<{ readonly default: Thread.Served<"Child", "Child"> }>(spawn))
  )
).pipe(Layer.provideMerge(WorkerPool.layer()))
export const circular = () => Child.run({ n: 1 }).pipe(Effect.provide(Circular), Effect.runPromise)

// a job that the module does not serve
const OtherLive = Threads.toLayer(Other).pipe(
  Layer.provide(ThreadsLive),
  Layer.provide(ChildLive),
  Layer.provideMerge(WorkerPool.layer())
)
// @ts-expect-error: Thread.Serves<"Other">
export const notServed = () => Other.run().pipe(Effect.provide(OtherLive), Effect.runPromise)

// threads whose module is not named serve nothing
const Nameless = Threads.toLayer(Hash).pipe(
  Layer.provide(Threads.layer(spawn)),
  Layer.provideMerge(WorkerPool.layer())
)
// @ts-expect-error: Thread.Serves<"Hash">
export const nameless = () => Hash.run({ path: "" }).pipe(Effect.provide(Nameless), Effect.runPromise)
// @ts-expect-error: a module that serves nothing
Threads.layer<{ readonly default: number }>(spawn)
// @ts-expect-error: what cannot be terminated is no thread
Threads.layer<Module>(() => ({}))
// @ts-expect-error: there is no such option
Threads.layer<Module>(spawn, { sise: 1 })

// hooks and pools of a task stay on the main side
Thread.handler(Hash, ({ path }, task) => {
  // @ts-expect-error: no hooks
  void task.onExit
  // @ts-expect-error: no pool
  void task.pool
  return Effect.succeed(path)
})
type Whole = Task.TaskContext<string, FileError, number, boolean>
// @ts-expect-error: a handler that wants the whole context
Thread.handler(Hash, ({ path }, task: Whole) => Effect.as(task.onExit(() => Effect.void), path))
// @ts-expect-error: the wrong success
Thread.handler(Hash, () => Effect.succeed(1))
// @ts-expect-error: the wrong error
Thread.handler(Hash, () => Effect.fail("no"))
// @ts-expect-error: the wrong progress
Thread.handler(Hash, (_, task) => Effect.as(task.report("1"), ""))
// @ts-expect-error: the wrong payload
Thread.handler(Hash, ({ name }) => Effect.succeed(name))
