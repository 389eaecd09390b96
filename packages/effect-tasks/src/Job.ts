/**
 * Typed definitions of work.
 *
 * A job is a tag, the Schemas of what goes in and comes out, and the policies of its tasks. A handler is given by
 * `toLayer`; `dispatch` makes tasks of it. Whoever dispatches needs `Job.Handler<Tag>`, so a job without a handler does
 * not compile.
 *
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"
import { define } from "./internal/definition.ts"
import * as job from "./internal/job.ts"
import type * as model from "./internal/model.ts"

/**
 * A job: what `Job.make` returns.
 *
 * @category models
 * @since 0.1.0
 */
export type { Job } from "./internal/model.ts"

/**
 * Any job, for functions that take one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Any {
  readonly [model.JobTypeId]: typeof model.JobTypeId
  readonly tag: string
  readonly payloadSchema: model.PlainSchema
  readonly successSchema: model.PlainSchema
  readonly errorSchema: model.PlainSchema
  readonly progressSchema: model.PlainSchema
  readonly messageSchema: model.PlainSchema
}

/**
 * The compile-time proof that a handler of the job with this tag is provided.
 *
 * @category models
 * @since 0.1.0
 */
export type { Handler } from "./internal/model.ts"

/**
 * What runs for a task of a job, and the parts of its policies.
 *
 * @category models
 * @since 0.1.0
 */
export type {
  HandlerFunction,
  JobOptions,
  KeyedConcurrency,
  Persistence,
  RetryOptions,
  Uniqueness
} from "./internal/model.ts"

/**
 * Options of one dispatch.
 *
 * @category models
 * @since 0.1.0
 */
export type { DispatchOptions } from "./internal/model.ts"

/**
 * The decoded payload of a job.
 *
 * @category utility types
 * @since 0.1.0
 */
export type Payload<J extends Any> = J["payloadSchema"]["Type"]

/**
 * What a task of the job succeeds with.
 *
 * @category utility types
 * @since 0.1.0
 */
export type Success<J extends Any> = J["successSchema"]["Type"]

/**
 * The typed error of a job.
 *
 * @category utility types
 * @since 0.1.0
 */
export type Error<J extends Any> = J["errorSchema"]["Type"]

/**
 * What a task of the job reports while it runs.
 *
 * @category utility types
 * @since 0.1.0
 */
export type Progress<J extends Any> = J["progressSchema"]["Type"]

/**
 * What can be sent to a task of the job while it runs.
 *
 * @category utility types
 * @since 0.1.0
 */
export type Message<J extends Any> = J["messageSchema"]["Type"]

/**
 * Names for the usual priorities. Any integer is one; higher runs first.
 *
 * @category constants
 * @since 0.1.0
 */
export const Priority = {
  Background: -1,
  Default: 0,
  Medium: 1,
  High: 2,
  Urgent: 999
} as const

/**
 * Defines a job.
 *
 * **Details**
 *
 * - `payload`: struct fields or a Schema, `Schema.Void` unless given. Checked at each dispatch. It may be left out where
 *   every field is optional; a job without payload refuses any.
 * - `success`, `error`, `progress`, `message`: Schemas of the result, the typed error, the partial results and the
 *   input of a running task. Not checked in memory.
 * - `key`: the identity of the work, for `unique`, `persistent` and `find`; the canonical JSON of the payload unless
 *   given. Give one where payloads have no JSON form: without it `unique` and `persistent` jobs refuse them.
 * - `unique`: what a dispatch does when a task of this key is live: `"join"` (or `true`) returns that task, `"reject"`
 *   fails, `"supersede"` cancels it and queues behind it.
 * - `persistent`: keeps successful results, so that the next dispatch of the key returns the finished task.
 * - `priority`: an integer, higher first.
 * - `timeout`: from the first start to the end, retries and sleeping included.
 * - `queueTimeout`: the longest wait for the first start.
 * - `retry`: further attempts after typed failures.
 * - `concurrency`: how many tasks of the job, or of each key of it, run at once.
 *
 * A policy that could never work (`concurrency: 0`, `timeout: "soon"`) throws here and names the job and the option.
 *
 * **Example** (A job, its handler and a dispatch)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { Job, WorkerPool } from "effect-tasks"
 *
 * class Greet extends Job.make("Greet", {
 *   payload: { name: Schema.String },
 *   success: Schema.String
 * }) {}
 *
 * const GreetLive = Greet.toLayer(({ name }) => Effect.succeed(`Hello, ${name}`))
 *
 * const program = Effect.gen(function*() {
 *   const task = yield* Greet.dispatch({ name: "Ada" })
 *   console.log(yield* task.await) // Hello, Ada
 * })
 *
 * await Effect.runPromise(
 *   program.pipe(Effect.provide(GreetLive.pipe(Layer.provideMerge(WorkerPool.layer({ workers: 2 })))))
 * )
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <
  const Tag extends string,
  Payload extends model.PlainSchema | Schema.Struct.Fields = Schema.Void,
  Success extends model.PlainSchema = Schema.Void,
  Error extends model.PlainSchema = Schema.Never,
  Progress extends model.PlainSchema = Schema.Never,
  Message extends model.PlainSchema = Schema.Never
>(
  tag: Tag,
  options: model.JobOptions<Payload, Success, Error, Progress, Message> = {}
): model.Job<Tag, model.PayloadSchema<Payload>, Success, Error, Progress, Message> =>
  job.make(define(tag, options as model.AnyJobOptions)) as any // the definition is type-erased, the interface is not
