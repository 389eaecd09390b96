/**
 * Typed definitions of work.
 *
 * A job is a tag, the Schemas of what goes in and comes out, and the policies of its tasks. A handler is given by
 * `toLayer`; `dispatch` makes tasks of it. Whoever dispatches needs `Job.Handler<Tag>`, so a job without a handler does
 * not compile.
 *
 * @since 0.1.0
 */
import type * as Cron from "effect/Cron"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as job from "./internal/handle/job.ts"
import { define } from "./internal/job/definition.ts"
import type { JobTypeId } from "./internal/record/typeIds.ts"
import type { Limit, RateOptions } from "./Limit.ts"
import type { Any as AnyTask, Task as TaskHandle, TaskContext } from "./Task.ts"
import type { DispatchError, TaskError } from "./TaskError.ts"
import type { TaskPool } from "./TaskPool.ts"
import type { WorkerPool } from "./WorkerPool.ts"

/**
 * A Schema whose codec needs no services: payloads, keys and codecs are worked out synchronously.
 *
 * @category models
 * @since 0.1.0
 */
export interface PlainSchema extends Schema.Top {
  readonly DecodingServices: never
  readonly EncodingServices: never
}

/**
 * How a dispatch treats a live task with the same key: returns that task, fails, cancels it and queues behind it, or gives a
 * queued one its payload.
 *
 * @category models
 * @since 0.1.0
 */
export type Uniqueness = "join" | "reject" | "supersede" | "latest"

/**
 * How long and how many results of a job are kept for reuse.
 *
 * @category models
 * @since 0.1.0
 */
export interface Persistence {
  /** The age at which a kept result is forgotten; no limit unless given, and 0 keeps nothing. */
  readonly timeToLive?: Duration.Input | undefined
  /** How many results are kept, least recently used out first: an integer of at least 1, 1,000 unless given. */
  readonly capacity?: number | undefined
}

/**
 * Which typed failures are retried, how often and how late.
 *
 * @category models
 * @since 0.1.0
 */
export interface RetryOptions<E> {
  /** How many further attempts are made: an integer of at least 0, no limit unless given. */
  readonly times?: number | undefined
  /** The delay before each further attempt, and when to give up. */
  readonly schedule?: Schedule.Schedule<any, E> | undefined
  /** Whether this failure is worth another attempt. */
  readonly while?: ((error: E) => boolean | Effect.Effect<boolean>) | undefined
}

/**
 * How many tasks of each key of a job run at once.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyedConcurrency<P> {
  /** An integer of at least 1, or Infinity. */
  readonly limit: number
  /** Tasks with the same text share a limit. */
  readonly key: (payload: P) => string
}

type PayloadSchema<Payload> = Payload extends PlainSchema ? Payload
  : Payload extends Schema.Struct.Fields ? Schema.Struct<Payload> extends infer S extends PlainSchema ? S : never
  : never

/**
 * Everything that `Job.make` takes beside the tag. It throws on values that could never work and on options that there are
 * not, and names the option; durations below 0 count as 0, those of Infinity as none.
 *
 * @category models
 * @since 0.1.0
 */
export interface JobOptions<
  Payload extends PlainSchema | Schema.Struct.Fields,
  Success extends PlainSchema,
  Error extends PlainSchema,
  Progress extends PlainSchema,
  Message extends PlainSchema
> {
  /**
   * Struct fields or a Schema; none unless given. Checked at each dispatch and copied: what the handler gets does not
   * change with the caller's object. Shared are values of `Schema.Any`, functions, shared memory, and objects that cannot
   * be read again or whose class is neither Schema's own nor a Date, bytes, a Map or the like. It may be left out where
   * every field is optional; a job without payload refuses any.
   */
  readonly payload?: Payload | undefined
  /** What a task succeeds with; nothing unless given. Not checked in memory. */
  readonly success?: Success | undefined
  /** What it fails with; nothing unless given. Not checked in memory. */
  readonly error?: Error | undefined
  /** What it reports while it runs; nothing unless given. Not checked in memory. */
  readonly progress?: Progress | undefined
  /** What can be sent to it while it runs; nothing unless given. Not checked in memory. */
  readonly message?: Message | undefined
  /**
   * The identity of the work, for `unique`, `persistent` and `find`; the canonical text of the payload unless given: equal
   * payloads have the same, unlike ones never do. Give one where payloads hold what has no text, functions for instance, or
   * secrets (`Redacted`), for keys are shown: without it `unique` and `persistent` jobs refuse them.
   */
  readonly key?: ((payload: PayloadSchema<Payload>["Type"]) => string) | undefined
  /**
   * What a dispatch does when a task of its key is live: `"join"` (or `true`) returns that task, `"reject"` fails,
   * `"supersede"` cancels it and queues behind it, `"latest"` gives a queued one its payload and queues behind a started
   * one: at most one runs and one waits, with the newest payload. Not at all unless given.
   */
  readonly unique?: boolean | Uniqueness | undefined
  /** Keeps successful results, so that the next dispatch of the key returns the finished task; `true` keeps 1,000. */
  readonly persistent?: boolean | Persistence | undefined
  /** An integer, higher first; 0 unless given. */
  readonly priority?: number | undefined
  /** How a person names a task, in errors, logs and the dashboard; made from the payload unless given. */
  readonly label?: ((payload: PayloadSchema<Payload>["Type"]) => string) | undefined
  /** From the first start to the end, retries and sleeping included; no limit unless given. */
  readonly timeout?: Duration.Input | undefined
  /** The longest wait for the first start, after the delay; no limit unless given. */
  readonly queueTimeout?: Duration.Input | undefined
  /** Further attempts after typed failures; none unless given. */
  readonly retry?: RetryOptions<Error["Type"]> | undefined
  /**
   * How many tasks of the job, or of each key of it, run at once: an integer of at least 1, or Infinity. A task that waits
   * gives its permit back meanwhile: this is no mutual exclusion across a wait.
   */
  readonly concurrency?: number | KeyedConcurrency<PayloadSchema<Payload>["Type"]> | undefined
  /**
   * How many tasks of the job, or of each key of it, start in a window of time, further attempts included; several windows
   * are a list. Tasks without room are passed over and keep their places.
   */
  readonly rate?:
    | RateOptions<PayloadSchema<Payload>["Type"]>
    | ReadonlyArray<RateOptions<PayloadSchema<Payload>["Type"]>>
    | undefined
  /** Limits that it shares with other jobs. */
  readonly limits?: ReadonlyArray<Limit<PayloadSchema<Payload>["Type"]>> | undefined
  /** How long a task waits before it queues, where its dispatch does not say: not without end; not at all unless given. */
  readonly delay?: Duration.Input | undefined
  /**
   * With `unique: "latest"`: how long after its first dispatch a task may be put off by later ones. At least the delay; no
   * limit unless given.
   */
  readonly maxDelay?: Duration.Input | undefined
}

/**
 * Job options whose types are erased.
 *
 * @category models
 * @since 0.1.0
 */
export type AnyJobOptions = JobOptions<any, any, any, any, any>

/**
 * Options of one dispatch. Those that could never work kill it before anything has changed.
 *
 * @category models
 * @since 0.1.0
 */
export interface DispatchOptions {
  /** The pool that holds the task; GLOBAL unless given. */
  readonly pool?: TaskPool | undefined
  /** Overrides the job's priority: a finite number, higher runs first. */
  readonly priority?: number | undefined
  /** Overrides the job's delay: how long the task waits before it queues; not without end. */
  readonly delay?: Duration.Input | undefined
  /** Overrides the job's timeout. */
  readonly timeout?: Duration.Input | undefined
  /** Overrides the job's queue timeout. */
  readonly queueTimeout?: Duration.Input | undefined
}

/**
 * Options of `dispatchAll`.
 *
 * @category models
 * @since 0.1.0
 */
export interface DispatchAllOptions extends DispatchOptions {
  /** How many of its tasks may wait unstarted, behind keys, limits or delays: an integer of at least 1; 64 unless given. */
  readonly ahead?: number | undefined
}

/**
 * Options of a handler's layer.
 *
 * @category models
 * @since 0.1.0
 */
export interface HandlerOptions<in P = unknown> {
  /** What the layer knows to be scarce, beside the limits of the job: threads, connections. */
  readonly limits?: ReadonlyArray<Limit<P>> | undefined
}

/**
 * How long a job is paused.
 *
 * @category models
 * @since 0.1.0
 */
export interface PauseOptions {
  /** Until it is resumed unless given. */
  readonly for?: Duration.Input | undefined
}

/**
 * Options of `toCron` beside the payload.
 *
 * @category models
 * @since 0.1.0
 */
export interface CronSettings {
  /** How people call the schedule; the job's tag unless given. Two of one name die. */
  readonly name?: string | undefined
  /** Whose wall clock the expression means, such as "Europe/Berlin"; that of the machine unless given. */
  readonly timeZone?: string | DateTime.TimeZone | undefined
  /** Which of the two instants of a local time that comes twice fires; "earlier" unless given. */
  readonly onDstOverlap?: Cron.DstOverlapPolicy | undefined
  /**
   * What a tick does while the task of the one before is live: "skip" drops it, "queue" dispatches the latest one when that
   * task has ended, "supersede" cancels the task and dispatches when it has stopped, "allow" dispatches. "skip" unless
   * given.
   */
  readonly overlap?: "skip" | "queue" | "supersede" | "allow" | undefined
  /** How late a tick may fire, at random; it delays no other. Not at all unless given. */
  readonly jitter?: Duration.Input | undefined
  /** How its tasks are dispatched. */
  readonly dispatch?: DispatchOptions | undefined
}

/**
 * Options of `toCron`.
 *
 * @category models
 * @since 0.1.0
 */
export interface CronOptions<out P> extends CronSettings {
  /** What each of its tasks is dispatched with, or how it is made of the tick. */
  readonly payload?: P | ((tick: Date) => P) | undefined
}

/**
 * The compile-time proof that a handler of the job with this tag is provided.
 *
 * @category models
 * @since 0.1.0
 */
export interface Handler<in out Tag extends string> {
  readonly "~effect-tasks/Handler": Tag
}

/**
 * A job: what `Job.make` returns, to be extended by a class of its name.
 *
 * @category models
 * @since 0.1.0
 */
export interface Job<
  in out Tag extends string,
  in out Payload extends PlainSchema,
  in out Success extends PlainSchema,
  in out Error extends PlainSchema,
  in out Progress extends PlainSchema,
  in out Message extends PlainSchema
> {
  new(_: never): {}
  readonly [JobTypeId]: typeof JobTypeId
  /** Its name, the same wherever it is spoken of. */
  readonly tag: Tag
  /** The Schema of its payload. */
  readonly payloadSchema: Payload
  /** The Schema of what a task succeeds with. */
  readonly successSchema: Success
  /** The Schema of its typed error. */
  readonly errorSchema: Error
  /** The Schema of what a task reports. */
  readonly progressSchema: Progress
  /** The Schema of what can be sent to a task. */
  readonly messageSchema: Message

  /**
   * Dispatches a task; returns once it is accepted. Fails with a `DispatchError` whose reason says why it was refused;
   * nothing else has happened then.
   */
  dispatch(
    ...args: DispatchArguments<Payload>
  ): Effect.Effect<JobTask<Payload, Success, Error, Progress, Message>, DispatchError, WorkerPool | Handler<Tag>>

  /**
   * Dispatches a task of each item, lazily: the items stand in the queue as one entry, and each becomes a task when its turn
   * has come and a worker is free. Returns when the last one has been made; interrupted, it makes no more. Items whose number
   * is known (anything with a `length` or `size`) count in the pool at once; those that are never made count as canceled. It
   * takes no capacity. It fails with a `DispatchError` when the pool or the layer closes, and of a payload that does not fit;
   * the tasks that it has made go on. A Stream is pulled one chunk ahead.
   */
  dispatchAll<E = never, R = never>(
    items: Iterable<Payload["~type.make.in"]> | Stream.Stream<Payload["~type.make.in"], E, R>,
    options?: DispatchAllOptions
  ): Effect.Effect<void, DispatchError | E, WorkerPool | Handler<Tag> | R>

  /**
   * Dispatches a task and awaits it. It owns what it dispatched: interrupted, it cancels the task and waits until it has
   * stopped, unless another dispatch or pool holds it too.
   */
  run(
    ...args: DispatchArguments<Payload>
  ): Effect.Effect<Success["Type"], Error["Type"] | TaskError | DispatchError, WorkerPool | Handler<Tag>>

  /** The newest visible task with the key of this payload. */
  find(
    ...args: PayloadArgument<Payload>
  ): Effect.Effect<Option.Option<JobTask<Payload, Success, Error, Progress, Message>>, never, WorkerPool>

  /** The visible task with this id; none when that is a task of another job. */
  get(id: string): Effect.Effect<Option.Option<JobTask<Payload, Success, Error, Progress, Message>>, never, WorkerPool>

  /** Whether a task is one of this job. */
  is(task: AnyTask): task is JobTask<Payload, Success, Error, Progress, Message>

  /** All visible tasks of this job, oldest first. */
  readonly tasks: Effect.Effect<ReadonlyArray<JobTask<Payload, Success, Error, Progress, Message>>, never, WorkerPool>

  /**
   * Starts no task of the job, nor another attempt, until `resume` or for that long; a later pause replaces it. What runs
   * goes on, dispatches are accepted, and queue timeouts count. `drain` and `join` wait for its tasks. It is not the worker
   * pool's pause: both must be off. It outlives the job's layers.
   */
  pause(options?: PauseOptions): Effect.Effect<void, never, WorkerPool>

  /** Ends the pause of the job, whether a call or a task's snooze has begun it. */
  readonly resume: Effect.Effect<void, never, WorkerPool>

  /**
   * The layer that runs this job here. Its tasks end before anything that the handler needs is released. An Effect may
   * give the handler: an arrow function is typed as it stands, what `Effect.fn` makes is typed by `of`.
   */
  toLayer<R, EX = never, RX = never>(
    handler:
      | HandlerFunction<Payload, Success, Error, Progress, Message, R>
      | Effect.Effect<HandlerFunction<Payload, Success, Error, Progress, Message, R>, EX, RX>,
    options?: HandlerOptions<Payload["Type"]>
  ): Layer.Layer<Handler<Tag>, EX, WorkerPool | Exclude<R | RX, Scope.Scope | Handler<Tag>>>

  /**
   * A layer that dispatches by the clock on the wall, as long as it lives: its tasks go on when it closes. A tick is the time
   * that follows the tick before, never one after now: there is no drift, and no tick fires twice. Ticks that passed while
   * the computer slept count as one, the latest. A refused dispatch is logged, and the schedule goes on. It throws of an
   * expression or zone that cannot be, and of a payload that does not fit.
   */
  toCron(
    expression: string | Cron.Cron,
    ...args: CronArguments<Payload>
  ): Layer.Layer<never, never, WorkerPool | Handler<Tag>>

  /** The same handler, typed by the job: for what `Effect.fn` makes and an Effect returns. */
  of<R>(
    handler: HandlerFunction<Payload, Success, Error, Progress, Message, R>
  ): HandlerFunction<Payload, Success, Error, Progress, Message, R>
}

type PayloadArgument<Payload extends PlainSchema> = void extends Payload["~type.make.in"]
  ? [payload?: Payload["~type.make.in"]]
  : {} extends Payload["~type.make.in"] ? [payload?: Payload["~type.make.in"]]
  : [payload: Payload["~type.make.in"]]

type CronArguments<Payload extends PlainSchema> = [] extends PayloadArgument<Payload>
  ? [options?: CronOptions<Payload["~type.make.in"]>]
  : [options: CronOptions<Payload["~type.make.in"]> & { readonly payload: unknown }]

type DispatchArguments<Payload extends PlainSchema> = [
  ...PayloadArgument<Payload>,
  options?: DispatchOptions | undefined
]

type JobTask<
  Payload extends PlainSchema,
  Success extends PlainSchema,
  Error extends PlainSchema,
  Progress extends PlainSchema,
  Message extends PlainSchema
> = TaskHandle<Success["Type"], Error["Type"], Progress["Type"], Message["Type"], Payload["Type"]>

/**
 * What runs for a task of a job.
 *
 * @category models
 * @since 0.1.0
 */
export type HandlerFunction<
  Payload extends PlainSchema,
  Success extends PlainSchema,
  Error extends PlainSchema,
  Progress extends PlainSchema,
  Message extends PlainSchema,
  R
> = (
  payload: Payload["Type"],
  task: TaskContext<Success["Type"], Error["Type"], Progress["Type"], Message["Type"]>
) => Effect.Effect<Success["Type"], Error["Type"] | TaskError | DispatchError, R>

/**
 * Any job, for functions that take one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Any {
  readonly [JobTypeId]: typeof JobTypeId
  readonly tag: string
  readonly payloadSchema: PlainSchema
  readonly successSchema: PlainSchema
  readonly errorSchema: PlainSchema
  readonly progressSchema: PlainSchema
  readonly messageSchema: PlainSchema
  dispatch(payload?: any, options?: DispatchOptions): Effect.Effect<AnyTask, DispatchError, WorkerPool | Handler<any>>
  run(payload?: any, options?: DispatchOptions): Effect.Effect<any, any, WorkerPool | Handler<any>>
  get(id: string): Effect.Effect<Option.Option<AnyTask>, never, WorkerPool>
}

/**
 * The handle of a task of a job, as its dispatch gives it.
 *
 * **Example** (A function that takes tasks of one job)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Job } from "effect-tasks"
 *
 * class Resize extends Job.make("Resize", { payload: { path: Schema.String }, success: Schema.Int }) {}
 *
 * const describe = (task: Job.Task<typeof Resize>) =>
 *   Effect.map(task.await, (bytes) => `${task.payload.path}: ${bytes} bytes`)
 * ```
 *
 * @category utility types
 * @since 0.1.0
 */
export type Task<J extends Any> = TaskHandle<Success<J>, Error<J>, Progress<J>, Message<J>, Payload<J>>

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
 * Names for the usual priorities. Any finite number is one; higher runs first.
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
 * `JobOptions` says what each option does. A policy that could never work (`concurrency: 0`, `timeout: "soon"`) and a
 * misspelt one (`concurency: 4`) throw here and name the job, the option and the mend.
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
  Payload extends PlainSchema | Schema.Struct.Fields = Schema.Void,
  Success extends PlainSchema = Schema.Void,
  Error extends PlainSchema = Schema.Never,
  Progress extends PlainSchema = Schema.Never,
  Message extends PlainSchema = Schema.Never
>(
  tag: Tag,
  options: JobOptions<Payload, Success, Error, Progress, Message> = {}
): Job<Tag, PayloadSchema<Payload>, Success, Error, Progress, Message> =>
  job.make(define(tag, options as AnyJobOptions)) as any // the definition is type-erased, the interface is not
