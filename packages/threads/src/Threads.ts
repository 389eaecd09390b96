/**
 * Threads that run handlers: the main side.
 *
 * `Threads.toLayer(HashFile)` takes the place of `HashFile.toLayer(handler)`; the handler itself stands in a module of its
 * own (`Thread.serve`) that each thread loads. Everything else stays as it is: pools, priorities, keys, limits, retries,
 * timeouts, progress and messages live on the main side.
 *
 * @since 0.1.0
 */
import * as NodeWorker from "@effect/platform-node/NodeWorker"
import type { DispatchError, Job, Limit, TaskError, WorkerPool } from "effect-tasks"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Worker from "effect/workers/Worker"
import { jobsOf, logLine } from "./internal/asked.ts"
import { makeCodec } from "./internal/codec.ts"
import { read } from "./internal/options.ts"
import { inPlace, onThread } from "./internal/place.ts"
import { servedIn } from "./internal/served.ts"
import { type RawWorker, ThreadPool } from "./internal/threadPool.ts"
import type { Served, Serves, ThreadTask } from "./Thread.ts"

/**
 * How threads are made and ended. Values that could never work kill `layer` with a defect that names the option.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * How many tasks run on these threads at once, of all jobs together: an integer of at least 1, or what `Limit.permits`
   * makes, to share it or to resize it; the machine's processors unless given. A task that sleeps keeps its thread and lends
   * its place.
   */
  readonly size?: number | Limit.Limit | undefined
  /**
   * How long a cancelled or timed-out handler may take to stop before its thread is terminated, in real time: 1 second
   * unless given.
   */
  readonly gracePeriod?: Duration.Input | undefined
  /** How long a thread without work is kept: 1 minute unless given. */
  readonly timeToLive?: Duration.Input | undefined
  /** How many threads start with the layer, so that the first tasks need not wait for them: none unless given. */
  readonly warm?: number | undefined
}

interface ThreadsService {
  readonly pool: ThreadPool
  readonly gracePeriod: number
  readonly limit: Limit.Limit
}

const ThreadsKey = Context.Service<ThreadsService>("@effect-tasks/threads/Threads")

type ServesEach<Tag extends string> = Tag extends string ? Serves<Tag> : never
type HandlerEach<Tag extends string> = Tag extends string ? Job.Handler<Tag> : never
type ServedBy<Module extends ThreadModule> = Module["default"]["~@effect-tasks/threads/Served"]

/**
 * A module that threads load: its default export is what `Thread.serve` gives.
 *
 * @category models
 * @since 0.1.0
 */
export interface ThreadModule {
  readonly default: Served<string, string>
}

/**
 * Threads that load one module. The type says which one, nothing of it is loaded here; the function makes a thread of it,
 * with whatever options `Worker` has (`resourceLimits`, `env`, `name`). Keep the layer in a constant: two calls are two
 * sets of threads.
 *
 * **Details**
 *
 * Write `new Worker(new URL("./x.thread.ts", import.meta.url))` as it stands here: bundlers look for these very words.
 * Dies, where it is built, of an option that could never work.
 *
 * **Example** (Hashing on four threads)
 *
 * ```ts no-run
 * import { Thread, Threads } from "@effect-tasks/threads"
 * import { Effect, Layer, Schema } from "effect"
 * import { Job, WorkerPool } from "effect-tasks"
 * import { createHash } from "node:crypto"
 * import { Worker } from "node:worker_threads"
 *
 * class Hash extends Job.make("Hash", { payload: { text: Schema.String }, success: Schema.String }) {}
 *
 * // hash.thread.ts: export default
 * const served = Thread.serve(
 *   Thread.handler(Hash, ({ text }) => Effect.sync(() => createHash("sha256").update(text).digest("hex")))
 * )
 *
 * // main.ts, where the type is `typeof import("./hash.thread.ts")`
 * const ThreadsLive = Threads.layer<{ readonly default: typeof served }>(
 *   () => new Worker(new URL("./hash.thread.ts", import.meta.url)),
 *   { size: 4 }
 * )
 * const HashLive = Threads.toLayer(Hash).pipe(Layer.provide(ThreadsLive))
 *
 * await Effect.runPromise(
 *   Hash.run({ text: "abc" }).pipe(Effect.provide(HashLive.pipe(Layer.provideMerge(WorkerPool.layer()))))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <Module extends ThreadModule = never>(
  spawn: () => RawWorker,
  options: Options = {}
): Layer.Layer<ServesEach<ServedBy<Module>["serves"]>, never, HandlerEach<ServedBy<Module>["asks"]>> =>
  Layer.effect(
    ThreadsKey,
    Effect.gen(function*() {
      const { gracePeriod, size, timeToLive, warm } = read(options)
      const platform = yield* Worker.WorkerPlatform
      const context = yield* Effect.context<never>()
      const pool = new ThreadPool(platform, yield* Effect.scope, {
        spawn,
        timeToLive,
        onLoss: (text) => Effect.runForkWith(context)(Effect.logWarning(text)),
        log: (line) => logLine(context, line)
      })
      for (let i = 0; i < warm; i++) pool.warm()
      return { pool, gracePeriod, limit: size }
    })
  ).pipe(Layer.provide(NodeWorker.layerPlatform)) as any // the proofs are for the compiler: there is one service

/**
 * The layer that runs a job on threads. With the layer of `Thread.handler` in the place of threads, the handler runs in
 * place, through the same codecs and copies: for tests.
 *
 * **Example** (In a test, without threads)
 *
 * ```ts
 * import { Thread, Threads } from "@effect-tasks/threads"
 * import { Effect, Layer, Schema } from "effect"
 * import { Job, WorkerPool } from "effect-tasks"
 *
 * class Double extends Job.make("Double", { payload: { n: Schema.Int }, success: Schema.Int }) {}
 *
 * const DoubleHere = Thread.handler(Double, ({ n }) => Effect.succeed(n * 2))
 * const Live = Threads.toLayer(Double).pipe(
 *   Layer.provide(DoubleHere),
 *   Layer.provideMerge(WorkerPool.layer({ workers: 1 }))
 * )
 * console.log(await Effect.runPromise(Double.run({ n: 21 }).pipe(Effect.provide(Live)))) // => 42
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const toLayer = <
  const Tag extends string,
  Payload extends Job.PlainSchema,
  Success extends Job.PlainSchema,
  Error extends Job.PlainSchema,
  Progress extends Job.PlainSchema,
  Message extends Job.PlainSchema
>(
  job: Job.Job<Tag, Payload, Success, Error, Progress, Message>
): Layer.Layer<Job.Handler<Tag>, never, WorkerPool | Serves<Tag>> =>
  Layer.unwrap(
    Effect.gen(function*() {
      const run = yield* handler(job)
      const threads = Context.getOrUndefined(yield* Effect.context<ThreadsService>(), ThreadsKey)
      // a task takes its thread with its slot, or neither: it never waits for a thread while it runs
      return job.toLayer(run, { limits: threads === undefined ? [] : [threads.limit] })
    }) as Effect.Effect<Layer.Layer<Job.Handler<Tag>, never, WorkerPool>, never, WorkerPool | Serves<Tag>>
  )

/**
 * The handler that runs a job on threads, for whatever takes a handler and is no plain `toLayer`: a durable job, for
 * instance, or the handler of another job, which gives it its own task and so has a part of its work done on a thread.
 * `size` does not hold by itself there: give the threads a `Limit` as `size`, and the job's layer the same one.
 *
 * **Example** (A limit for both)
 *
 * ```ts
 * import { Thread, Threads } from "@effect-tasks/threads"
 * import { Effect, Layer, Schema } from "effect"
 * import { Job, Limit, WorkerPool } from "effect-tasks"
 *
 * class Double extends Job.make("Double", { payload: { n: Schema.Int }, success: Schema.Int }) {}
 *
 * const size = Limit.permits(4) // also the `size` of the threads, where there are some
 * const Live = Double.toLayer(Threads.handler(Double), { limits: [size] }).pipe(
 *   Layer.provide(Thread.handler(Double, ({ n }) => Effect.succeed(n * 2))),
 *   Layer.provideMerge(WorkerPool.layer())
 * )
 * console.log(await Effect.runPromise(Double.run({ n: 2 }).pipe(Effect.provide(Live)))) // => 4
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const handler = <
  const Tag extends string,
  Payload extends Job.PlainSchema,
  Success extends Job.PlainSchema,
  Error extends Job.PlainSchema,
  Progress extends Job.PlainSchema,
  Message extends Job.PlainSchema
>(
  job: Job.Job<Tag, Payload, Success, Error, Progress, Message>
): Effect.Effect<
  (
    payload: Payload["Type"],
    task: ThreadTask<Success["Type"], Error["Type"], Progress["Type"], Message["Type"]>
  ) => Effect.Effect<Success["Type"], Error["Type"] | TaskError | DispatchError>,
  never,
  WorkerPool | Serves<Tag>
> =>
  Effect.map(Effect.context<WorkerPool>(), (context) => {
    const codec = makeCodec(job)
    const jobs = jobsOf(context)
    const here = servedIn(context, job.tag)
    if (here !== undefined) return inPlace(codec, here, jobs)
    const threads = Context.getUnsafe(context, ThreadsKey)
    return onThread(codec, job.errorSchema, threads, jobs)
  }) as any // values are typed by the job's Schemas, which the compiler cannot follow over the port
