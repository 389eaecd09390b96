/** How effect-tasks is used here: default options, a typed struct payload, a handle per task, a pool of the caller. */
import { Effect, Layer, ManagedRuntime, Schema } from "effect"
import { Job, JobRegistry, TaskPool, WorkerPool, type WorkerPoolOptions } from "effect-tasks"
import { bodies, type Body, items } from "./bodies.ts"

export const payload = { n: Schema.Int }

/** A job whose tasks take a number and give nothing. */
export type NumberJob = Job.Job<
  any,
  Schema.Struct<typeof payload>,
  typeof Schema.Void,
  typeof Schema.Never,
  typeof Schema.Never,
  typeof Schema.Never
>

export class SyncJob extends Job.make("Sync", { payload }) {}
class PromiseJob extends Job.make("Promise", { payload }) {}
export class TurnJob extends Job.make("Turn", { payload }) {}
/** A task with a deadline that it never reaches, long enough to be set at all. */
export class TimedJob extends Job.make("Timed", { payload, timeout: "30 seconds" }) {}
class TimerJob extends Job.make("Timer", { payload }) {}

/** The plain job of each body. */
export const jobs: Record<Body["name"], NumberJob> = {
  sync: SyncJob,
  promise: PromiseJob,
  setImmediate: TurnJob,
  timer: TimerJob
}

const plain = JobRegistry.layer(
  SyncJob.toLayer(() => bodies.sync.effect),
  PromiseJob.toLayer(() => bodies.promise.effect),
  TurnJob.toLayer(() => bodies.setImmediate.effect),
  TimedJob.toLayer(() => bodies.setImmediate.effect),
  TimerJob.toLayer(() => bodies.timer.effect)
)

/** A worker pool with the plain jobs. The services of a benchmark are not worth a type each. */
export type App = ManagedRuntime.ManagedRuntime<any, never>

export const makeApp = (
  options: WorkerPoolOptions,
  more: Layer.Layer<any, never, WorkerPool> | Layer.Layer<never> = Layer.empty,
  surroundings: Layer.Layer<never> = Layer.empty
): App =>
  ManagedRuntime.make(
    Layer.mergeAll(plain, more).pipe(Layer.provideMerge(WorkerPool.layer(options)), Layer.provideMerge(surroundings))
  )

export const paused = WorkerPool.use(({ pause }) => pause)
export const resumed = WorkerPool.use(({ resume }) => resume)
export const drained = WorkerPool.use(({ drain }) => drain)

/** Dispatches so many tasks into a pool of their own and waits for all of them, whose handles are kept. */
export const runAll = (job: NumberJob, size: number, options?: (n: number) => Job.DispatchOptions) =>
  TaskPool.use((pool) => Effect.forEach(items(size), (n) => job.dispatch({ n }, { ...options?.(n), pool })))

/** Dispatches so many tasks without keeping their handles. */
export const fill = (job: NumberJob, size: number, options?: (n: number) => Job.DispatchOptions) =>
  Effect.forEach(items(size), (n) => job.dispatch({ n }, options?.(n)), { discard: true })
