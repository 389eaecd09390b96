import { Context, Cron, Effect, type Exit, Layer, type Option, Queue, Schema, type Scope, Stream } from "effect"
import {
  type ChildTaskFailed,
  type CronSchedule,
  type DispatchError,
  type Explanation,
  Job,
  JobRegistry,
  Limit,
  type PoolCanceled,
  type Task,
  type TaskAlreadyComplete,
  type TaskError,
  TaskPool,
  WorkerPool
} from "effect-tasks"
import { expectTypeOf } from "vitest"

class FileError extends Schema.TaggedError<FileError>()("FileError", { path: Schema.String }) {}
class Store extends Context.Service<Store, { readonly save: (path: string) => Effect.Effect<void> }>()("Store") {}

class Hash extends Job.make("Hash", {
  payload: { path: Schema.String, size: Schema.optionalKey(Schema.Int) },
  success: Schema.String,
  error: FileError,
  progress: Schema.Struct({ bytes: Schema.Int }),
  message: Schema.Literals(["pause", "resume"]),
  key: ({ path }) => path,
  concurrency: { limit: 2, key: ({ size }) => `${size}` },
  retry: { times: 2, while: (error) => error.path !== "" }
}) {}
class Tick extends Job.make("Tick") {}
class Lines extends Job.make("Lines", { payload: Schema.Array(Schema.String), success: Schema.Int }) {}
class Loose extends Job.make("Loose", { payload: { note: Schema.optionalKey(Schema.String) } }) {}

type HashTask = Effect.Success<ReturnType<typeof Hash.dispatch>>
type HashContext = Parameters<Parameters<typeof Hash.of>[0]>[1]
declare const hash: HashTask
declare const tick: Effect.Success<ReturnType<typeof Tick.dispatch>>
declare const pool: TaskPool.TaskPool
const payload = { path: "a" }

/** Type helpers. */
export const helpers = () => {
  expectTypeOf<Job.Payload<typeof Hash>>().toEqualTypeOf<{ readonly path: string, readonly size?: number }>()
  expectTypeOf<Job.Success<typeof Hash>>().toEqualTypeOf<string>()
  expectTypeOf<Job.Error<typeof Hash>>().toEqualTypeOf<FileError>()
  expectTypeOf<Job.Progress<typeof Hash>>().toEqualTypeOf<{ readonly bytes: number }>()
  expectTypeOf<Job.Message<typeof Hash>>().toEqualTypeOf<"pause" | "resume">()
  expectTypeOf<Job.Payload<typeof Lines>>().toEqualTypeOf<ReadonlyArray<string>>()
  expectTypeOf<Job.Payload<typeof Tick>>().toEqualTypeOf<void>()
  expectTypeOf<Job.Success<typeof Tick>>().toEqualTypeOf<void>()
  expectTypeOf<Job.Error<typeof Tick>>().toEqualTypeOf<never>()
  expectTypeOf<Job.Progress<typeof Tick>>().toEqualTypeOf<never>()
  expectTypeOf<Job.Message<typeof Tick>>().toEqualTypeOf<never>()
  expectTypeOf(Hash.tag).toEqualTypeOf<"Hash">()
  expectTypeOf(Hash).toExtend<Job.Any>()
  expectTypeOf(Job.Priority.Urgent).toEqualTypeOf<999>()
}

/** Error channels and requirements, exactly. */
export const channels = () => {
  type Runtime = WorkerPool | Job.Handler<"Hash">
  expectTypeOf(Hash.dispatch(payload)).toEqualTypeOf<
    Effect.Effect<Job.Task<typeof Hash>, DispatchError, Runtime>
  >()
  expectTypeOf<Job.Task<typeof Hash>>().toEqualTypeOf<
    Task.Task<string, FileError, { readonly bytes: number }, "pause" | "resume", Job.Payload<typeof Hash>>
  >()
  expectTypeOf(hash.payload).toEqualTypeOf<{ readonly path: string, readonly size?: number }>()
  expectTypeOf(Hash.get("Hash-1")).toEqualTypeOf<Effect.Effect<Option.Option<HashTask>, never, WorkerPool>>()
  expectTypeOf(Hash.is).guards.toEqualTypeOf<HashTask>()
  const any: Job.Any = Hash
  expectTypeOf(any.dispatch(payload, { priority: 0.5 })).toEqualTypeOf<
    Effect.Effect<Task.Any, DispatchError, WorkerPool | Job.Handler<any>>
  >()
  expectTypeOf(Hash.run(payload)).toEqualTypeOf<
    Effect.Effect<string, FileError | TaskError | DispatchError, Runtime>
  >()
  expectTypeOf(Hash.find(payload)).toEqualTypeOf<Effect.Effect<Option.Option<HashTask>, never, WorkerPool>>()
  expectTypeOf(Hash.tasks).toEqualTypeOf<Effect.Effect<ReadonlyArray<HashTask>, never, WorkerPool>>()
  expectTypeOf(hash.await).toEqualTypeOf<Effect.Effect<string, FileError | TaskError>>()
  expectTypeOf(tick.await).toEqualTypeOf<Effect.Effect<void, TaskError>>()
  expectTypeOf<Effect.Error<typeof hash.exit>>().toEqualTypeOf<never>()
  expectTypeOf(hash.recompute).toEqualTypeOf<Effect.Effect<HashTask, DispatchError>>()
  expectTypeOf(hash.cancel({ reason: "enough" })).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(hash.cancel("enough")).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(pool.join).toEqualTypeOf<Effect.Effect<TaskPool.PoolStatus, ChildTaskFailed | PoolCanceled>>()
  expectTypeOf(pool.settled).toEqualTypeOf<Effect.Effect<TaskPool.PoolStatus>>()
  expectTypeOf(TaskPool.make()).toEqualTypeOf<Effect.Effect<TaskPool.TaskPool, never, WorkerPool | Scope.Scope>>()
  expectTypeOf(TaskPool.use((pool) => Hash.dispatch(payload, { pool }))).toEqualTypeOf<
    Effect.Effect<HashTask, DispatchError | ChildTaskFailed | PoolCanceled, Runtime>
  >()
  expectTypeOf(TaskPool.forEach(["a"], (path, pool) => Hash.dispatch({ path }, { pool }))).toEqualTypeOf<
    Effect.Effect<Array<string>, DispatchError | TaskError, Runtime>
  >()
}

/** A Void payload, and one of optional fields alone, may be left out; others may not. */
export const payloads = () => {
  Tick.dispatch()
  Tick.dispatch(undefined, { priority: 1 })
  Tick.run()
  Loose.dispatch()
  Loose.dispatch({}, { delay: "1 second" })
  Lines.dispatch(["a"])
  // @ts-expect-error: no payload
  Hash.dispatch()
  // @ts-expect-error: a field is missing
  Hash.dispatch({ size: 1 })
  // @ts-expect-error: a field of another type
  Hash.run({ path: 1 })
  // @ts-expect-error: not the payload of this job
  Lines.dispatch(payload)
  // @ts-expect-error: unknown option
  Tick.dispatch(undefined, { retries: 1 })
}

/** Handlers. */
export const handlers = () => {
  const good = Hash.toLayer(({ path }, task) => {
    expectTypeOf(path).toEqualTypeOf<string>()
    expectTypeOf(task).toEqualTypeOf<
      Task.TaskContext<string, FileError, { readonly bytes: number }, "pause" | "resume">
    >()
    return Effect.succeed(path)
  })
  expectTypeOf(good).toEqualTypeOf<Layer.Layer<Job.Handler<"Hash">, never, WorkerPool>>()
  Hash.toLayer(() => new FileError({ path: "a" }))
  Hash.toLayer(() => Tick.run().pipe(Effect.as("a")))
  // @ts-expect-error: another success
  Hash.toLayer(() => Effect.succeed(1))
  // @ts-expect-error: no success
  Hash.toLayer(() => Effect.void)
  // @ts-expect-error: an error that the job does not declare
  Hash.toLayer(() => Effect.fail("boom"))
  // @ts-expect-error: a job without errors
  Tick.toLayer(() => new FileError({ path: "a" }))
  // @ts-expect-error: another payload
  Hash.toLayer((_: { readonly other: number }) => Effect.succeed("a"))
  // @ts-expect-error: progress of another shape
  Hash.toLayer((_, task) => Effect.as(task.report({ done: 1 }), "a"))
  // @ts-expect-error: no handler
  Hash.toLayer()
  // @ts-expect-error: an Effect of something else
  Hash.toLayer(Effect.succeed("a"))
}

/** `of` types the handler that an Effect returns. */
export const of = () => {
  const layer = Hash.toLayer(Effect.gen(function*() {
    const store = yield* Store
    return Hash.of(Effect.fnUntraced(function*({ path }, task) {
      expectTypeOf(path).toEqualTypeOf<string>()
      expectTypeOf(task.id).toEqualTypeOf<string>()
      yield* store.save(path)
      return path
    }))
  }))
  expectTypeOf(layer).toEqualTypeOf<Layer.Layer<Job.Handler<"Hash">, never, WorkerPool | Store>>()
  // @ts-expect-error: another success
  Hash.of(() => Effect.succeed(1))
  const failing = Hash.toLayer(Effect.gen(function*() {
    yield* Effect.fail("config" as const)
    return Hash.of(() => Effect.succeed("a"))
  }))
  expectTypeOf<Layer.Error<typeof failing>>().toEqualTypeOf<"config">()
}

/** What a handler needs shows in its layer, but for Scope and its own Handler. */
export const requirements = () => {
  const services = Hash.toLayer(({ path }) => Effect.as(Store.use((store) => store.save(path)), path))
  expectTypeOf<Layer.Services<typeof services>>().toEqualTypeOf<WorkerPool | Store>()
  const scoped = Hash.toLayer(() => Effect.as(Effect.addFinalizer(() => Effect.void), "a"))
  expectTypeOf<Layer.Services<typeof scoped>>().toEqualTypeOf<WorkerPool>()
  const opens = Tick.toLayer(() => Effect.flatMap(TaskPool.make(), (pool) => Effect.asVoid(pool.settled)))
  expectTypeOf<Layer.Services<typeof opens>>().toEqualTypeOf<WorkerPool>()
  const recursive = Tick.toLayer(() => Effect.asVoid(Tick.dispatch()))
  expectTypeOf<Layer.Services<typeof recursive>>().toEqualTypeOf<WorkerPool>()
  const other = Tick.toLayer(() => Effect.ignore(Hash.run(payload)))
  expectTypeOf<Layer.Services<typeof other>>().toEqualTypeOf<WorkerPool | Job.Handler<"Hash">>()
}

class Ping extends Job.make("Ping", { payload: { n: Schema.Int }, success: Schema.Int }) {}
class Pong extends Job.make("Pong", { payload: { n: Schema.Int }, success: Schema.Int }) {}

/** Jobs that dispatch each other satisfy each other in the registry. */
export const circles = () => {
  const ping = Ping.toLayer(({ n }) => n === 0 ? Effect.succeed(0) : Pong.run({ n: n - 1 }))
  const pong = Pong.toLayer(({ n }) => n === 0 ? Effect.succeed(1) : Ping.run({ n: n - 1 }))
  const registry = JobRegistry.layer(ping, pong)
  expectTypeOf(registry).toEqualTypeOf<
    Layer.Layer<Job.Handler<"Ping"> | Job.Handler<"Pong">, never, WorkerPool>
  >()
  const partial = JobRegistry.layer(ping, Tick.toLayer(() => Effect.void))
  expectTypeOf<Layer.Services<typeof partial>>().toEqualTypeOf<WorkerPool | Job.Handler<"Pong">>()
  const app = registry.pipe(Layer.provideMerge(WorkerPool.layer()))
  expectTypeOf<Layer.Services<typeof app>>().toEqualTypeOf<never>()
  return Effect.runPromise(Ping.run({ n: 3 }).pipe(Effect.provide(app)))
}

/** A program that dispatches does not run without the handler of its job. */
export const missing = () => {
  const workers = WorkerPool.layer()
  const ticks = Tick.toLayer(() => Effect.void).pipe(Layer.provideMerge(workers))
  Effect.runPromise(Tick.run().pipe(Effect.provide(ticks)))
  // @ts-expect-error: no WorkerPool
  Effect.runPromise(Tick.run())
  // @ts-expect-error: no handler
  Effect.runPromise(Tick.run().pipe(Effect.provide(workers)))
  // @ts-expect-error: the handler of another job
  Effect.runPromise(Hash.run(payload).pipe(Effect.provide(ticks)))
  const ignoring = Tick.toLayer(() => Effect.ignore(Hash.run(payload))).pipe(Layer.provide(workers))
  // @ts-expect-error: a handler that dispatches a job without a handler
  Effect.runPromise(Layer.launch(ignoring))
  Effect.runPromise(Layer.launch(ignoring.pipe(Layer.provide(
    Hash.toLayer(({ path }) => Effect.succeed(path)).pipe(Layer.provide(workers))
  ))))
}

/** Progress and messages. */
export const streams = () => {
  expectTypeOf(hash.progress).toEqualTypeOf<Stream.Stream<{ readonly bytes: number }>>()
  expectTypeOf(hash.firstProgress).toEqualTypeOf<Effect.Effect<Option.Option<{ readonly bytes: number }>>>()
  expectTypeOf(hash.send("pause")).toEqualTypeOf<Effect.Effect<void, TaskAlreadyComplete>>()
  expectTypeOf<HashContext["inbox"]>().toEqualTypeOf<Queue.Dequeue<"pause" | "resume">>()
  expectTypeOf<Parameters<HashContext["report"]>>().toEqualTypeOf<[{ readonly bytes: number }]>()
  // @ts-expect-error: not a message of this job
  hash.send("stop")
  // @ts-expect-error: a job without messages
  tick.send("pause")
  expectTypeOf(tick.progress).toEqualTypeOf<Stream.Stream<never>>()
  Hash.toLayer((_, task) => Effect.as(task.whileSleeping(Queue.take(task.inbox)), "a"))
}

/** Hooks take any effect and require what it requires, but for Scope. */
export const hooks = () => {
  const hook = hash.onExit((exit) => {
    expectTypeOf(exit._tag).toEqualTypeOf<"Success" | "Failure">()
    return Effect.andThen(Effect.addFinalizer(() => Effect.void), Store.use((store) => store.save("a")))
  })
  expectTypeOf(hook).toEqualTypeOf<Effect.Effect<void, never, Store>>()
  hash.onSuccess(({ value }) => Effect.succeed(value.length))
  hash.onFailure(({ cause }) => Effect.failCause(cause))
}

class Zone extends Context.Service<Zone, string>()("Zone") {}
declare const plain: Schema.Codec<string, string>
declare const zoned: Schema.Codec<string, string, Zone, Zone>

/** Schemas that need services are rejected, and so are unknown policies. */
export const definitions = () => {
  Job.make("Plain", { payload: plain, success: plain, error: plain, progress: plain, message: plain })
  Job.make("PlainField", { payload: { zone: plain } }).dispatch({ zone: "a" })
  // @ts-expect-error: a payload that needs a service
  Job.make("A", { payload: zoned })
  // @ts-expect-error: a success that needs a service
  Job.make("B", { success: zoned })
  // @ts-expect-error: an error that needs a service
  Job.make("C", { error: zoned })
  // @ts-expect-error: a field that needs a service
  Job.make("D", { payload: { zone: zoned } }).dispatch({ zone: "a" })
  // @ts-expect-error: not a way to be unique
  Job.make("E", { unique: "replace" })
  // @ts-expect-error: a key is a string
  Job.make("F", { payload: { n: Schema.Int }, key: ({ n }) => n })
  // @ts-expect-error: a key sees the payload of its job
  Job.make("G", { payload: { n: Schema.Int }, key: ({ path }) => path })
}

/** Limits are values; what they tell apart is a payload of every job that names them. */
export const limits = () => {
  const shared = Limit.permits(2)
  expectTypeOf(shared).toEqualTypeOf<Limit.Limit>()
  expectTypeOf(shared.resize(3)).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(Limit.rate({ limit: 5, window: "1 hour" })).toEqualTypeOf<Limit.Limit>()
  const byPath = Limit.rate({ limit: 1, window: 5, key: ({ path }: { readonly path: string }) => path })
  expectTypeOf(byPath).toEqualTypeOf<Limit.Limit<{ readonly path: string }>>()
  Job.make("Paths", { payload: { path: Schema.String, n: Schema.Int }, limits: [shared, byPath] })
  Hash.toLayer(() => Effect.succeed("a"), { limits: [shared, byPath] })
  // @ts-expect-error: the payload has no path to tell apart
  Job.make("A", { payload: { n: Schema.Int }, limits: [byPath] })
  // @ts-expect-error: nor has that of the job of this layer
  Lines.toLayer(() => Effect.succeed(1), { limits: [byPath] })
  // @ts-expect-error: a limit is made by this module
  Job.make("B", { limits: [{ limit: 1 }] })
  // @ts-expect-error: a rate without a window
  Limit.rate({ limit: 1 })
  // @ts-expect-error: a rate without a limit
  Limit.rate({ window: 1 })
  // @ts-expect-error: a key is a string
  Limit.rate({ limit: 1, window: 1, key: (n: number) => n })
}

/** The keys of a job's own rates see its payload. */
export const rates = () => {
  const payload = { path: Schema.String }
  Job.make("One", {
    payload,
    rate: {
      limit: 1,
      window: "1 second",
      key: (payload) => {
        expectTypeOf(payload).toEqualTypeOf<{ readonly path: string }>()
        return payload.path
      }
    }
  })
  Job.make("Two", { payload, rate: [{ limit: 1, window: 1, key: ({ path }) => path }, { limit: 5, window: [1, 0] }] })
  // @ts-expect-error: a key sees the payload of its job
  Job.make("A", { payload, rate: { limit: 1, window: 1, key: ({ other }) => other } })
  // @ts-expect-error: a key is a string
  Job.make("B", { payload: { n: Schema.Int }, rate: [{ limit: 1, window: 1, key: ({ n }) => n }] })
  // @ts-expect-error: no window
  Job.make("C", { payload, rate: { limit: 1 } })
}

/** A schedule gives its job a payload, where that needs one. */
export const schedules = () => {
  type Scheduled = Layer.Layer<never, never, WorkerPool | Job.Handler<"Hash">>
  expectTypeOf(Hash.toCron("0 3 * * *", { payload: { path: "a" } })).toEqualTypeOf<Scheduled>()
  expectTypeOf(
    Hash.toCron(Cron.parseUnsafe("0 3 * * *"), {
      payload: (tick) => {
        expectTypeOf(tick).toEqualTypeOf<Date>()
        return { path: tick.toISOString() }
      }
    })
  ).toEqualTypeOf<Scheduled>()
  Tick.toCron("0 3 * * *")
  Tick.toCron("0 3 * * *", { overlap: "supersede", timeZone: "Europe/Berlin", jitter: "1 minute" })
  Loose.toCron("0 3 * * *")
  Loose.toCron("0 3 * * *", { payload: () => ({ note: "a" }) })
  // @ts-expect-error: no payload
  Hash.toCron("0 3 * * *")
  // @ts-expect-error: options without the payload
  Hash.toCron("0 3 * * *", { overlap: "skip" })
  // @ts-expect-error: a payload of another shape
  Hash.toCron("0 3 * * *", { payload: { path: 1 } })
  // @ts-expect-error: a function that gives another shape
  Hash.toCron("0 3 * * *", { payload: () => ({ size: 1 }) })
  // @ts-expect-error: not a way to overlap
  Tick.toCron("0 3 * * *", { overlap: "queue-all" })
  expectTypeOf(WorkerPool.use(({ crons }) => crons)).toEqualTypeOf<
    Effect.Effect<ReadonlyArray<CronSchedule>, never, WorkerPool>
  >()
}

/** Many dispatches: an iterable or a Stream of payloads, whose failures and services are those of the call. */
export const bulks = () => {
  type Runtime = WorkerPool | Job.Handler<"Hash">
  expectTypeOf(Hash.dispatchAll([payload])).toEqualTypeOf<Effect.Effect<void, DispatchError, Runtime>>()
  expectTypeOf(Hash.dispatchAll(new Set([payload]), { pool, ahead: 8, delay: 5 })).toEqualTypeOf<
    Effect.Effect<void, DispatchError, Runtime>
  >()
  const stream = Stream.fromEffect(Store.use(() => Effect.fail("disk" as const))).pipe(Stream.map(() => payload))
  expectTypeOf(Hash.dispatchAll(stream)).toEqualTypeOf<
    Effect.Effect<void, DispatchError | "disk", Runtime | Store>
  >()
  // @ts-expect-error: one payload is no list of them
  Hash.dispatchAll(payload)
  // @ts-expect-error: items of another shape
  Hash.dispatchAll([{ path: 1 }])
  // @ts-expect-error: a Stream of another shape
  Hash.dispatchAll(Stream.make({ size: 1 }))
  // @ts-expect-error: unknown option
  Hash.dispatchAll([payload], { concurrency: 1 })
}

/** Pauses, snoozes, limits of pools, explanations. */
export const pauses = () => {
  expectTypeOf(Hash.pause({ for: "1 minute" })).toEqualTypeOf<Effect.Effect<void, never, WorkerPool>>()
  expectTypeOf(Hash.resume).toEqualTypeOf<Effect.Effect<void, never, WorkerPool>>()
  expectTypeOf<ReturnType<HashContext["snooze"]>>().toEqualTypeOf<Effect.Effect<never>>()
  Hash.toLayer((_, task) => task.snoozes > 3 ? Effect.succeed("a") : task.snooze("1 minute", { hold: true }))
  // @ts-expect-error: a snooze has a length
  Hash.toLayer((_, task) => task.snooze())
  expectTypeOf(pool.resize(3)).toEqualTypeOf<Effect.Effect<void>>()
  TaskPool.use(() => Effect.void, { concurrency: 2 })
  // @ts-expect-error: a pool has no keys
  TaskPool.use(() => Effect.void, { concurrency: { limit: 2, key: () => "a" } })
  expectTypeOf(WorkerPool.use(({ explain }) => explain("Hash-1"))).toEqualTypeOf<
    Effect.Effect<Option.Option<Explanation>, never, WorkerPool>
  >()
}

/** Different jobs side by side: a tuple of a tuple, a record of a record. */
export const sideBySide = () => {
  const hashing = (pool: TaskPool.TaskPool) => Hash.dispatch(payload, { pool })
  const counting = (pool: TaskPool.TaskPool) => Lines.dispatch([], { pool })
  type Requires = WorkerPool | Job.Handler<"Hash"> | Job.Handler<"Lines">
  expectTypeOf(TaskPool.all([hashing, counting])).toEqualTypeOf<
    Effect.Effect<[string, number], DispatchError | TaskError, Requires>
  >()
  expectTypeOf(TaskPool.all({ hashing, counting })).toEqualTypeOf<
    Effect.Effect<{ hashing: string, counting: number }, DispatchError | TaskError, Requires>
  >()
  expectTypeOf(TaskPool.forEachExit(["a"], (path, pool) => Hash.dispatch({ path }, { pool }))).toEqualTypeOf<
    Effect.Effect<
      Array<Exit.Exit<string, FileError | TaskError>>,
      DispatchError,
      WorkerPool | Job.Handler<"Hash">
    >
  >()
  expectTypeOf(hash.changes).toEqualTypeOf<Stream.Stream<Task.Status<string, FileError, { readonly bytes: number }>>>()
}
