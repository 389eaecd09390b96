/**
 * Handlers that run on threads: the side of a thread.
 *
 * @since 0.1.0
 */
import * as NodeWorkerRunner from "@effect/platform-node/NodeWorkerRunner"
import { type DispatchError, Job, type Task, type TaskError, type WorkerPool } from "effect-tasks"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { parentPort } from "node:worker_threads"
import { makeCodec } from "./internal/codec.ts"
import { serving } from "./internal/life.ts"
import { forwarded, unset } from "./internal/parent.ts"
import { type Served as ServedHandler, servedKey } from "./internal/served.ts"

/**
 * What a handler on a thread sees of its task: what of `TaskContext` means the same there. Hooks and `pool` stay on the
 * main side; register hooks on the handle.
 *
 * @category models
 * @since 0.1.0
 */
export interface ThreadTask<A = void, E = never, in out P = never, out M = never> extends
  Pick<
    Task.TaskContext<A, E, P, M>,
    "id" | "attempt" | "inbox" | "report" | "update" | "setTimeout" | "clearTimeout" | "whileSleeping"
  >
{}

/**
 * The compile-time proof that somebody serves the job with this tag: a thread, or a handler in place.
 *
 * @category models
 * @since 0.1.0
 */
export interface Serves<in out Tag extends string> {
  readonly "~@effect-tasks/threads/Serves": Tag
}

/**
 * The compile-time proof that handlers of a thread dispatch this job to the main side.
 *
 * @category models
 * @since 0.1.0
 */
export interface Asks<in out Tag extends string> {
  readonly "~@effect-tasks/threads/Asks": Tag
}

/**
 * What a thread's module exports by default: the tags that it serves and asks for. A type alone, there is no such value.
 *
 * @category models
 * @since 0.1.0
 */
export interface Served<out Tags extends string, out Asked extends string> {
  readonly "~@effect-tasks/threads/Served": { readonly serves: Tags, readonly asks: Asked }
}

/**
 * A handler that runs on a thread. One that is typed so fits `Job.toLayer` too.
 *
 * @category models
 * @since 0.1.0
 */
export type HandlerFunction<J extends Job.Any, R> = (
  payload: Job.Payload<J>,
  task: ThreadTask<Job.Success<J>, Job.Error<J>, Job.Progress<J>, Job.Message<J>>
) => Effect.Effect<Job.Success<J>, Job.Error<J> | TaskError | DispatchError, R>

type Tagged<Tag extends string> = Job.Any & { readonly tag: Tag }

/**
 * The layer that serves a job where it is built: on a thread under `Thread.serve`, in place under `Threads.toLayer`. What
 * the handler needs is built once for each thread and released when the thread closes. An Effect may give the handler: use
 * `of` for what `Effect.fn` makes.
 *
 * **Example** (A handler with a service of its thread)
 *
 * ```ts
 * import { Thread } from "@effect-tasks/threads"
 * import { Context, Effect, Layer, Schema } from "effect"
 * import { Job } from "effect-tasks"
 *
 * class Count extends Job.make("Count", { payload: { text: Schema.String }, success: Schema.Int }) {}
 *
 * class Segmenter extends Context.Service<Segmenter, Intl.Segmenter>()("Segmenter") {
 *   static readonly layer = Layer.sync(Segmenter, () => new Intl.Segmenter("en", { granularity: "word" }))
 * }
 *
 * export const CountHere = Thread.handler(
 *   Count,
 *   Effect.gen(function*() {
 *     const segmenter = yield* Segmenter
 *     return Thread.of(Count)(({ text }) => Effect.sync(() => [...segmenter.segment(text)].length))
 *   })
 * ).pipe(Layer.provide(Segmenter.layer))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const handler = <const Tag extends string, J extends Tagged<Tag>, R, EX = never, RX = never>(
  job: J & { readonly tag: Tag },
  run: HandlerFunction<J, R> | Effect.Effect<HandlerFunction<J, R>, EX, RX>
): Layer.Layer<Serves<Tag>, EX, Exclude<R | RX, Scope.Scope>> =>
  Layer.effect(
    servedKey(job.tag),
    Effect.gen(function*() {
      const handler = (typeof run === "function" ? run : yield* run) as ServedHandler["handler"]
      const context = yield* Effect.context<never>()
      return { codec: makeCodec(job), handler, context }
    })
  ) as any // the service is known by its tag, the proof is for the compiler

/**
 * The same handler, typed by the job: for what `Effect.fn` makes and an Effect returns. `Job.of` would promise it the whole
 * `TaskContext`.
 *
 * **Example** (A handler that reports)
 *
 * ```ts
 * import { Thread } from "@effect-tasks/threads"
 * import { Effect, Schema } from "effect"
 * import { Job } from "effect-tasks"
 *
 * class Sum extends Job.make("Sum", { payload: { to: Schema.Int }, success: Schema.Int, progress: Schema.Int }) {}
 *
 * export const sum = Thread.of(Sum)(Effect.fnUntraced(function*({ to }, task) {
 *   let sum = 0
 *   for (let n = 1; n <= to; n++) yield* task.report(sum += n)
 *   return sum
 * }))
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const of = <J extends Job.Any>(_job: J) => <R>(run: HandlerFunction<J, R>): HandlerFunction<J, R> => run

/**
 * Lets handlers of this thread dispatch the job: its tasks run in the main side's worker pool, below the task that asks, in
 * one pool of that task. What is dispatched without a pool goes to GLOBAL and outlives asker and thread: give children a
 * pool. The job's policies hold there, once; a `priority` of the dispatch goes with it, `delay` and time limits count here.
 *
 * **Example** (A thread whose handler fans out over others)
 *
 * ```ts
 * import { Thread } from "@effect-tasks/threads"
 * import { Effect, Layer, Schema } from "effect"
 * import { Job, TaskPool } from "effect-tasks"
 *
 * class Page extends Job.make("Page", { payload: { n: Schema.Int }, success: Schema.Int }) {}
 * class Book extends Job.make("Book", { payload: { pages: Schema.Int }, success: Schema.Int }) {}
 *
 * const BookLive = Thread.handler(Book, ({ pages }) =>
 *   TaskPool.forEach(Array.from({ length: pages }), (_, pool) => Page.dispatch({ n: 1 }, { pool })).pipe(
 *     Effect.map((sizes) => sizes.length)
 *   ))
 *
 * export default Thread.serve(BookLive.pipe(Layer.provideMerge(Thread.toParent(Page))))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const toParent = <const Tag extends string>(
  job: Tagged<Tag>
): Layer.Layer<Job.Handler<Tag> | Asks<Tag>, never, WorkerPool> => {
  // policies hold where the task runs
  const bare = Job.make(job.tag, {
    payload: job.payloadSchema,
    success: job.successSchema,
    error: job.errorSchema,
    progress: job.progressSchema,
    message: job.messageSchema,
    priority: unset
  })
  return bare.toLayer(forwarded(makeCodec(job)) as any) as any // typed by the job
}

type TagOf<ROut> = ROut extends Serves<infer Tag> ? Tag : never
type AskOf<ROut> = ROut extends Asks<infer Tag> ? Tag : never

/**
 * Serves handlers from this thread: the default export of the thread's module. Does nothing outside of a thread, so that
 * tests may import the module.
 *
 * **Example** (A module for threads)
 *
 * ```ts
 * import { Thread } from "@effect-tasks/threads"
 * import { Effect, Schema } from "effect"
 * import { Job } from "effect-tasks"
 *
 * class Double extends Job.make("Double", { payload: { n: Schema.Int }, success: Schema.Int }) {}
 *
 * export default Thread.serve(Thread.handler(Double, ({ n }) => Effect.succeed(n * 2)))
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const serve = <ROut, E>(layer: Layer.Layer<ROut, E, WorkerPool>): Served<TagOf<ROut>, AskOf<ROut>> => {
  const served = Effect.scoped(serving(layer as Layer.Layer<never, unknown, WorkerPool>))
  if (parentPort !== null) Effect.runFork(Effect.provide(served, NodeWorkerRunner.layer))
  return undefined as any // a type alone
}
