/**
 * Where the tasks of a job are stored beside the memory of this worker pool: what a durable tier gives, and what it gets.
 *
 * A worker pool with a backend stores a task before it accepts it and stores its outcome before the task has exited. A task
 * that somebody else runs is *parked*: an ordinary task of this worker pool, counted, held by pools and waited for, that
 * never enters the ready queue and ends when its outcome arrives. `@effect-tasks/sql` is such a backend.
 *
 * This module is unstable: it may change in any release.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as backend from "./internal/handle/backend.ts"
import type { Handler, HandlerFunction, Job, PlainSchema } from "./Job.ts"
import type { Any as AnyTask, Origin } from "./Task.ts"
import type { DispatchError, DispatchErrorReason } from "./TaskError.ts"
import type { WorkerPool } from "./WorkerPool.ts"

/**
 * Why a task was stopped. A cancel by `shutdown` is none to a backend: somebody else shall run the task.
 *
 * @category models
 * @since 0.1.0
 */
export type Stop =
  | { readonly _tag: "cancel", readonly reason: string | undefined, readonly shutdown?: true }
  | { readonly _tag: "timeout", readonly phase: "queued" | "running", readonly after: number }

/**
 * How a task ends: the result of its handler, or a stop.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = Exit.Exit<unknown, unknown> | Stop

/**
 * A task that a backend has stored and this worker pool knows.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoredTask {
  /** The id that the backend gave it. */
  readonly id: string
  /** The tag of its job. */
  readonly job: string
  /** Worked out where the job works keys out at each dispatch. */
  readonly key: string | undefined
  /** Decoded. */
  readonly payload: unknown
  /** Which attempt runs or comes next, over all lives. */
  readonly attempt: number
  /** How many of these attempts follow no failure: those that a crash or a shutdown has cut off. */
  readonly restarts: number
  /** Whether this worker pool runs it; parked otherwise. */
  readonly here: boolean
  /** The cancel or timeout that has reached it here. */
  readonly stop: Stop | undefined
  /** Whether it is on its way out: nobody can join it. */
  readonly isStopping: boolean
  /** Whether its handler has run here. */
  readonly hasStarted: boolean
  /** Whether it has exited, as far as this worker pool knows. */
  readonly hasEnded: boolean
  /** With what, or with what it is on its way out. */
  readonly outcome: Outcome | undefined
  /** What it has reported last. */
  readonly progress: Option.Option<unknown>
}

/**
 * What a stored task starts with here: `attempt` and `restarts` as in `StoredTask`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Placed {
  readonly id: string
  readonly here: boolean
  readonly attempt: number
  readonly restarts: number
}

/**
 * A checked dispatch that waits to be stored.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  /** Decoded. */
  readonly payload: unknown
  /** Worked out where the job works keys out at each dispatch. */
  readonly key: string | undefined
  readonly priority: number
  /** How deep its pool is: deeper tasks of one priority start first. */
  readonly depth: number
  /** In milliseconds, before it queues. */
  readonly delay: number
  /** In milliseconds; Infinity for none. */
  readonly timeout: number
  /** In milliseconds; Infinity for none. */
  readonly queueTimeout: number
  /** The stored task inside of which it was dispatched. */
  readonly parent: StoredTask | undefined
  /** Whether it was dispatched into a pool of that task, which a cancel of that task reaches. */
  readonly owned: boolean
  /** The stored task that this one replaces. */
  readonly replaces: StoredTask | undefined
  /** Why it would be refused now, whatever is stored. */
  readonly refusal: DispatchError | undefined
}

/**
 * A stored task that nobody dispatched here.
 *
 * @category models
 * @since 0.1.0
 */
export interface Adopted extends Placed {
  /** Decoded. */
  readonly payload: unknown
  readonly key: string | undefined
  readonly priority: number
  /** In milliseconds; Infinity for none. */
  readonly timeout: number
  /** What is left of it in milliseconds; Infinity for none. */
  readonly queueTimeout: number
  readonly parentId: string | undefined
}

/**
 * What a registration delegates to when its tasks are stored.
 *
 * `submit`, `send`, `find` and `get` run in the caller's fiber. The others are told in the middle of a transition: they
 * note what is to be done, run nothing of a user's and call nothing of the port.
 *
 * @category models
 * @since 0.1.0
 */
export interface Backend {
  /** Stores a dispatch, then has it accepted by the port; nothing is accepted before it is stored. */
  readonly submit: (request: Request) => Effect.Effect<AnyTask, DispatchError>
  /** Stores how a task that runs here ends, and calls `Port.settle` later with the outcome that stands. */
  readonly record: (task: StoredTask, outcome: Outcome) => void
  /** A parked task shall stop; whoever runs it tells its outcome. */
  readonly stopElsewhere: (task: StoredTask, stop: Stop) => void
  /** An attempt has failed; the next one, `task.attempt`, follows after so many milliseconds. */
  readonly retrying: (task: StoredTask, delay: number) => void
  /** A task that runs here has reported progress. */
  readonly reported: (task: StoredTask) => void
  /** The priority of a task that is queued has changed. */
  readonly prioritized: (task: StoredTask, priority: number) => void
  /** The progress of a parked task is wanted. */
  readonly watched: (task: StoredTask) => void
  /** Sends a message by way of the store; whether it was still to be read. None where the task's inbox here shall take it. */
  readonly send: (task: StoredTask, message: unknown) => Effect.Effect<boolean> | undefined
  /** The newest stored task of a key that this worker pool does not know. */
  readonly find: (key: string) => Effect.Effect<Option.Option<AnyTask>>
  /** The stored task with this id that this worker pool does not know. */
  readonly get: (id: string) => Effect.Effect<Option.Option<AnyTask>>
}

/**
 * What a backend needs to know of a job.
 *
 * @category models
 * @since 0.1.0
 */
export interface JobDefinition {
  readonly tag: string
  readonly unique: "join" | "reject" | "supersede" | undefined
  /** How long a success is kept for its key, in milliseconds. */
  readonly kept: { readonly timeToLive: number } | undefined
  readonly payload: PlainSchema
  readonly success: PlainSchema
  readonly error: PlainSchema
  readonly progress: PlainSchema
  readonly message: PlainSchema
  /** Reads a payload from its JSON form. */
  readonly decode: (encoded: unknown) => Exit.Exit<unknown, unknown>
}

/**
 * What a backend may do with the tasks of its registration. Each call is one step and returns at once.
 *
 * @category models
 * @since 0.1.0
 */
export interface Port {
  readonly job: JobDefinition
  /** Whether the handler takes tasks: false once its layer closes. */
  readonly isOpen: () => boolean
  /** Accepts a dispatch that is stored; or refuses it, because its pool or worker pool has closed meanwhile. */
  readonly accept: (request: Request, placed: Placed, origin: Origin) => Exit.Exit<AnyTask, DispatchError>
  /** Joins a live task that this worker pool knows. */
  readonly join: (request: Request, task: StoredTask) => Effect.Effect<AnyTask>
  /** Takes the result of a task that has ended here. */
  readonly reuse: (request: Request, task: StoredTask) => Effect.Effect<AnyTask>
  /** Refuses a dispatch. */
  readonly refusal: (reason: DispatchErrorReason) => DispatchError
  /** Takes in a stored task that nobody dispatched here. */
  readonly adopt: (adopted: Adopted) => StoredTask
  /** A parked task runs here from now on. */
  readonly claim: (task: StoredTask, attempt: number, restarts: number) => void
  /** A task that ran here runs elsewhere now: its outcome is awaited. */
  readonly park: (task: StoredTask) => void
  /** Stops a task that runs here. */
  readonly stop: (task: StoredTask, stop: Stop) => void
  /** The outcome that stands. */
  readonly settle: (task: StoredTask, outcome: Outcome) => void
  /** A parked task has reported progress. */
  readonly report: (task: StoredTask, progress: unknown) => void
  /** Puts a message into the inbox of a task that runs here; false when it is full. */
  readonly offer: (task: StoredTask, message: unknown) => boolean
  /** The handle of a task. */
  readonly handleOf: (task: StoredTask, origin: Origin) => AnyTask
}

/**
 * What a backend sees of a worker pool.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connection {
  /** How many tasks may run at once. */
  readonly workers: () => number
  /** How many of its workers are busy. */
  readonly busy: () => number
  /** How many tasks stand in the ready queue. */
  readonly ready: () => number
  /** Whether first starts are held back. */
  readonly paused: () => boolean
  /** The stored task with this id. */
  readonly find: (id: string) => StoredTask | undefined
  /** Calls a function at the end of each turn, when what could start has started, until the Scope closes. */
  readonly onTurn: (f: () => void) => Effect.Effect<void, never, Scope.Scope>
}

/**
 * The worker pool of this context.
 *
 * @category accessors
 * @since 0.1.0
 */
export const connect: Effect.Effect<Connection, never, WorkerPool> = backend.connect

/**
 * The stored task whose handler calls; none outside of one.
 *
 * @category accessors
 * @since 0.1.0
 */
export const current: Effect.Effect<Option.Option<StoredTask>> = backend.current

/**
 * The layer that runs a job here, its tasks stored by a backend: `Job.toLayer` with one thing more. The backend is made
 * after the handler and before the registration; what it acquires is released after the tasks have ended.
 *
 * **Example** (A backend that stores nothing)
 *
 * ```ts no-run
 * import { Effect, Option, Schema } from "effect"
 * import { Job } from "effect-tasks"
 * import * as Backend from "effect-tasks/Backend"
 *
 * class Echo extends Job.make("Echo", { payload: { text: Schema.String }, success: Schema.String }) {}
 *
 * let last = 0
 * const EchoLive = Backend.toLayer(Echo, ({ text }) => Effect.succeed(text), (port) =>
 *   Effect.succeed({
 *     submit: (request) =>
 *       port.accept(request, { id: `echo-${++last}`, here: true, attempt: 1, restarts: 0 }, "created"),
 *     record: (task, outcome) => queueMicrotask(() => port.settle(task, outcome)),
 *     stopElsewhere: () => {},
 *     retrying: () => {},
 *     reported: () => {},
 *     prioritized: () => {},
 *     watched: () => {},
 *     send: () => Effect.succeed(false),
 *     find: () => Effect.succeedNone,
 *     get: () => Effect.succeed(Option.none())
 *   }))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const toLayer: <
  Tag extends string,
  Payload extends PlainSchema,
  Success extends PlainSchema,
  Error extends PlainSchema,
  Progress extends PlainSchema,
  Message extends PlainSchema,
  R,
  EX = never,
  RX = never,
  EB = never,
  RB = never
>(
  job: Job<Tag, Payload, Success, Error, Progress, Message>,
  handler:
    | HandlerFunction<Payload, Success, Error, Progress, Message, R>
    | Effect.Effect<HandlerFunction<Payload, Success, Error, Progress, Message, R>, EX, RX>,
  makeBackend: (port: Port) => Effect.Effect<Backend, EB, RB>
) => Layer.Layer<Handler<Tag>, EX | EB, WorkerPool | Exclude<R | RX | RB, Scope.Scope | Handler<Tag>>> = backend.toLayer
