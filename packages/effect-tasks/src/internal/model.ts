/**
 * The interfaces of jobs, tasks and pools. They know each other, so they stand together; the public modules re-export
 * them under their own names.
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Equal from "effect/Equal"
import type * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Queue from "effect/Queue"
import type * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type {
  ChildTaskFailed,
  DispatchError,
  PoolCanceled,
  TaskAlreadyComplete,
  TaskError,
  TaskFailure
} from "../TaskError.ts"
import type { TaskEvent } from "../TaskEvent.ts"
import type { WorkerPool } from "../WorkerPool.ts"
import type { Definition } from "./definition.ts"
import type { State } from "./state.ts"

export const JobTypeId = "~effect-tasks/Job"
export const TaskTypeId = "~effect-tasks/Task"
export const TaskPoolTypeId = "~effect-tasks/TaskPool"

/** A Schema whose codec needs no services: payloads, keys and codecs are worked out synchronously. */
export interface PlainSchema extends Schema.Top {
  readonly DecodingServices: never
  readonly EncodingServices: never
}

export type PayloadSchema<Payload> = Payload extends PlainSchema ? Payload
  : Payload extends Schema.Struct.Fields ? Schema.Struct<Payload> extends infer S extends PlainSchema ? S : never
  : never

// ---------------------------------------------------------------------------------------------------------------------
// Job
// ---------------------------------------------------------------------------------------------------------------------

/** How a dispatch treats a live task with the same key. */
export type Uniqueness = "join" | "reject" | "supersede"

/** How long and how many results of a job are kept for reuse. */
export interface Persistence {
  /** The age at which a kept result is forgotten; no limit unless given, and 0 keeps nothing. */
  readonly timeToLive?: Duration.Input | undefined
  /** How many results are kept, least recently used out first: an integer of at least 1, 1,000 unless given. */
  readonly capacity?: number | undefined
}

/** Which typed failures are retried, how often and how late. */
export interface RetryOptions<E> {
  /** How many further attempts are made: an integer of at least 0, no limit unless given. */
  readonly times?: number | undefined
  /** The delay before each further attempt, and when to give up. */
  readonly schedule?: Schedule.Schedule<any, E> | undefined
  /** Whether this failure is worth another attempt. */
  readonly while?: ((error: E) => boolean | Effect.Effect<boolean>) | undefined
}

/** How many tasks of a job, or of each key of it, run at once. */
export interface KeyedConcurrency<P> {
  /** An integer of at least 1, or Infinity. */
  readonly limit: number
  /** Tasks with the same text share a limit. */
  readonly key: (payload: P) => string
}

/**
 * Everything that `Job.make` takes beside the tag. It throws on values that could never work, and names the option;
 * durations below 0 count as 0, those of Infinity as none.
 */
export interface JobOptions<
  Payload extends PlainSchema | Schema.Struct.Fields,
  Success extends PlainSchema,
  Error extends PlainSchema,
  Progress extends PlainSchema,
  Message extends PlainSchema
> {
  readonly payload?: Payload | undefined
  readonly success?: Success | undefined
  readonly error?: Error | undefined
  readonly progress?: Progress | undefined
  readonly message?: Message | undefined
  readonly key?: ((payload: PayloadSchema<Payload>["Type"]) => string) | undefined
  readonly unique?: boolean | Uniqueness | undefined
  readonly persistent?: boolean | Persistence | undefined
  /** An integer, higher first; 0 unless given. */
  readonly priority?: number | undefined
  readonly timeout?: Duration.Input | undefined
  readonly queueTimeout?: Duration.Input | undefined
  readonly retry?: RetryOptions<Error["Type"]> | undefined
  /** An integer of at least 1, or Infinity. */
  readonly concurrency?: number | KeyedConcurrency<PayloadSchema<Payload>["Type"]> | undefined
}

/** Job options whose types are erased. */
export type AnyJobOptions = JobOptions<any, any, any, any, any>

/** Options of one dispatch. Those that could never work kill it before anything has changed. */
export interface DispatchOptions {
  /** The pool that holds the task; GLOBAL unless given. */
  readonly pool?: TaskPool | undefined
  /** Overrides the job's priority: an integer, higher runs first. */
  readonly priority?: number | undefined
  /** How long the task waits before it queues; not without end. */
  readonly delay?: Duration.Input | undefined
  /** Overrides the job's timeout. */
  readonly timeout?: Duration.Input | undefined
  /** Overrides the job's queue timeout. */
  readonly queueTimeout?: Duration.Input | undefined
}

/** The compile-time proof that a handler of the job with this tag is provided. */
export interface Handler<in out Tag extends string> {
  readonly "~effect-tasks/Handler": Tag
}

/** A typed definition of work: tag, schemas, policies. */
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
  readonly tag: Tag
  readonly payloadSchema: Payload
  readonly successSchema: Success
  readonly errorSchema: Error
  readonly progressSchema: Progress
  readonly messageSchema: Message

  /** Dispatches a task; returns once it is accepted. */
  dispatch(
    ...args: DispatchArguments<Payload>
  ): Effect.Effect<JobTask<Success, Error, Progress, Message>, DispatchError, WorkerPool | Handler<Tag>>

  /** Dispatches a task and awaits it. It owns the task: interrupted, it cancels it and waits until it has stopped. */
  run(
    ...args: DispatchArguments<Payload>
  ): Effect.Effect<Success["Type"], Error["Type"] | TaskError | DispatchError, WorkerPool | Handler<Tag>>

  /** The newest visible task with the key of this payload. */
  find(
    ...args: PayloadArgument<Payload>
  ): Effect.Effect<Option.Option<JobTask<Success, Error, Progress, Message>>, never, WorkerPool>

  /** All visible tasks of this job, oldest first. */
  readonly tasks: Effect.Effect<ReadonlyArray<JobTask<Success, Error, Progress, Message>>, never, WorkerPool>

  /** The layer that runs this job here. */
  toLayer<R, EX = never, RX = never>(
    handler:
      | HandlerFunction<Payload, Success, Error, Progress, Message, R>
      | Effect.Effect<HandlerFunction<Payload, Success, Error, Progress, Message, R>, EX, RX>
  ): Layer.Layer<Handler<Tag>, EX, WorkerPool | Exclude<R | RX, Scope.Scope | Handler<Tag>>>

  /** The same handler, typed by the job: for handlers that an Effect returns. */
  of<R>(
    handler: HandlerFunction<Payload, Success, Error, Progress, Message, R>
  ): HandlerFunction<Payload, Success, Error, Progress, Message, R>
}

type PayloadArgument<Payload extends PlainSchema> = void extends Payload["~type.make.in"]
  ? [payload?: Payload["~type.make.in"]]
  : {} extends Payload["~type.make.in"] ? [payload?: Payload["~type.make.in"]]
  : [payload: Payload["~type.make.in"]]

type DispatchArguments<Payload extends PlainSchema> = [
  ...PayloadArgument<Payload>,
  options?: DispatchOptions | undefined
]

type JobTask<
  Success extends PlainSchema,
  Error extends PlainSchema,
  Progress extends PlainSchema,
  Message extends PlainSchema
> = Task<Success["Type"], Error["Type"], Progress["Type"], Message["Type"]>

/** What runs for a task of a job. */
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

/** What every job carries beside its public interface. */
export interface Defined {
  readonly definition: Definition
}

// ---------------------------------------------------------------------------------------------------------------------
// Task
// ---------------------------------------------------------------------------------------------------------------------

/** How a handle came about: by a new task, by joining a live one, or by reusing a kept result. */
export type Origin = "created" | "joined" | "reused"

/** The coarse outcome of a task; a failure, a defect and a timeout all read "error". */
export type ExitStatus = "success" | "canceled" | "error"

/** What a task waits for. */
export type WaitingFor =
  | "slot"
  | "job-concurrency"
  | "key"
  | "paused"
  | "delay"
  | "retry"
  | "children"
  | "task"
  | "effect"

/** One consistent snapshot of a task. Times are milliseconds since the epoch, lengths are milliseconds. */
export interface Status<out A = unknown, out E = unknown, out P = unknown> {
  readonly id: string
  readonly job: string
  readonly key: string
  readonly state: State
  readonly waitingFor: Option.Option<WaitingFor>
  readonly exit: Option.Option<Exit.Exit<A, E | TaskError>>
  readonly exitStatus: Option.Option<ExitStatus>
  readonly progress: Option.Option<P>
  readonly priority: number
  readonly attempt: number
  readonly worker: Option.Option<number>
  readonly poolId: string
  readonly parentTaskId: Option.Option<string>
  readonly queuedAt: number
  readonly startedAt: Option.Option<number>
  readonly finishedAt: Option.Option<number>
  readonly queueTime: number
  readonly runTime: number
}

/** Why somebody cancels. */
export interface CancelOptions {
  readonly reason?: string | undefined
}

/** The hooks of a task, on its handle and in its handler. */
export interface Hooks<out A, out E> {
  /** Runs once when the task has failed, timed out or was cancelled. */
  onFailure<X, R>(
    f: (exit: Exit.Failure<A, E | TaskError>) => Effect.Effect<unknown, X, R>
  ): Effect.Effect<void, never, Exclude<R, Scope.Scope>>
  /** Runs once when the task has ended, whatever its outcome. */
  onExit<X, R>(
    f: (exit: Exit.Exit<A, E | TaskError>) => Effect.Effect<unknown, X, R>
  ): Effect.Effect<void, never, Exclude<R, Scope.Scope>>
  /** Runs once when the task has succeeded. */
  onSuccess<X, R>(
    f: (exit: Exit.Success<A, E | TaskError>) => Effect.Effect<unknown, X, R>
  ): Effect.Effect<void, never, Exclude<R, Scope.Scope>>
}

/** One dispatch of a job: its handle. Handles are equal when they name the same task. */
export interface Task<out A = void, out E = never, out P = never, in M = never> extends Hooks<A, E>, Equal.Equal {
  readonly [TaskTypeId]: typeof TaskTypeId
  readonly id: string
  readonly job: string
  readonly payload: unknown
  readonly key: string
  readonly pool: TaskPool
  readonly origin: Origin

  /** The result, once handler and hooks have ended. */
  readonly await: Effect.Effect<A, E | TaskError>
  /** Like `await`, as a value. */
  readonly exit: Effect.Effect<Exit.Exit<A, E | TaskError>>
  readonly status: Effect.Effect<Status<A, E, P>>
  /** The current progress and every later one that the reader is quick enough to see; the last one always. */
  readonly progress: Stream.Stream<P>
  /** The progress at the first report, or none when the task ends without any. */
  readonly firstProgress: Effect.Effect<Option.Option<P>>
  /** The newest pool that the task has made. */
  readonly childPool: Effect.Effect<Option.Option<TaskPool>>
  /** Returns when the task has fully stopped. */
  cancel(options?: CancelOptions): Effect.Effect<void>
  /** Puts a message into the task's inbox; suspends while it is full. */
  send(message: M): Effect.Effect<void, TaskAlreadyComplete>
  /** Replaces the deadline: this long from now, or from the first start when that is still to come. */
  setTimeout(duration: Duration.Input): Effect.Effect<void>
  readonly clearTimeout: Effect.Effect<void>
  /** Moves a queued task to another priority, an integer; has no effect on a started one. */
  setPriority(priority: number): Effect.Effect<void>
  /** Cancels the task if it is live and queues the same work again, to start when this task has ended. */
  readonly recompute: Effect.Effect<Task<A, E, P, M>, DispatchError>
}

/** What a handler sees of its own task. */
export interface TaskContext<out A = void, out E = never, in out P = never, out M = never> extends Hooks<A, E> {
  readonly id: string
  /** 1 for the first attempt. */
  readonly attempt: number
  readonly pool: TaskPool
  /** The messages sent to this task, at most 16 at a time. */
  readonly inbox: Queue.Dequeue<M>
  /** Publishes the current progress. */
  report(progress: P): Effect.Effect<void>
  /** Publishes a progress made from the current one; what `f` throws kills this effect, not the task. */
  update(f: (current: Option.Option<P>) => P): Effect.Effect<void>
  setTimeout(duration: Duration.Input): Effect.Effect<void>
  readonly clearTimeout: Effect.Effect<void>
  /** Runs the effect with the task's slot lent to others. */
  whileSleeping<X, EX, R>(effect: Effect.Effect<X, EX, R>): Effect.Effect<X, EX, R>
}

// ---------------------------------------------------------------------------------------------------------------------
// TaskPool
// ---------------------------------------------------------------------------------------------------------------------

export type PoolState = "open" | "sealed" | "canceled" | "done"

/** One consistent snapshot of a pool and everything below it. `runTime` is milliseconds. */
export interface PoolStatus {
  readonly state: PoolState
  readonly total: number
  readonly queued: number
  readonly running: number
  readonly sleeping: number
  readonly complete: number
  readonly failed: number
  readonly canceled: number
  /** From 0 to 1; 0 for an empty pool. */
  readonly progress: number
  readonly runTime: number
}

export interface TaskPoolOptions {
  readonly name?: string | undefined
  /** Whether the first failure of a task of this pool cancels the others; "continue" unless given. */
  readonly onFailure?: "continue" | "cancel" | undefined
}

/** A set of tasks with one life: open, sealed, done. */
export interface TaskPool extends Equal.Equal {
  readonly [TaskPoolTypeId]: typeof TaskPoolTypeId
  readonly id: string
  readonly name: string
  readonly isGlobal: boolean
  readonly isRoot: boolean
  readonly parent: Option.Option<TaskPool>
  readonly root: TaskPool
  readonly createdBy: Option.Option<AnyTask>
  /** Takes no more tasks from outside. */
  readonly seal: Effect.Effect<void>
  /** Seals, then waits for every task. */
  readonly join: Effect.Effect<PoolStatus, ChildTaskFailed | PoolCanceled>
  /** `join` that never fails. */
  readonly settled: Effect.Effect<PoolStatus>
  /** Returns when every task has stopped. */
  cancel(options?: CancelOptions): Effect.Effect<void>
  readonly status: Effect.Effect<PoolStatus>
  /** The current status and later ones, latest wins for a slow reader; ends when the pool is done. */
  readonly changes: Stream.Stream<PoolStatus>
  /** The first 100 failures of this pool and all below it, oldest first. */
  readonly failures: Effect.Effect<ReadonlyArray<TaskFailure>>
  /** Tasks of this pool: unfinished ones, and those still in history. */
  readonly tasks: Effect.Effect<ReadonlyArray<AnyTask>>
  /** Runs once when the pool is done; at once when it already is. */
  addFinalizer<X, R>(
    f: (status: PoolStatus) => Effect.Effect<unknown, X, R>
  ): Effect.Effect<void, never, Exclude<R, Scope.Scope>>
}

/** A handle whose job is not known. */
export type AnyTask = Task<unknown, unknown, unknown, never>

// ---------------------------------------------------------------------------------------------------------------------
// WorkerPool
// ---------------------------------------------------------------------------------------------------------------------

/** One consistent snapshot of a worker pool. */
export interface WorkerPoolStatus {
  readonly workers: number
  /** Slots taken. */
  readonly busy: number
  readonly sleeping: number
  /** Without the delayed ones. */
  readonly queued: number
  readonly delayed: number
  readonly dispatched: number
  readonly complete: number
  readonly failed: number
  readonly canceled: number
  readonly paused: boolean
  /** The sequence number of the last transition before this snapshot. */
  readonly seq: number
}

export interface WorkerPoolOptions {
  /** How many tasks run at once: at least 1, the machine's processors unless given. */
  readonly workers?: number | undefined
  /** How many tasks may wait for a slot: at least 1, unbounded unless given. */
  readonly capacity?: number | undefined
  /** What a dispatch does when the queue is full; "suspend" unless given. */
  readonly onFull?: "suspend" | "fail" | undefined
  /** How many exited tasks, and how many done pools, stay visible: at least 0, 1,000 unless given. */
  readonly history?: number | undefined
  /** How long live tasks may go on at shutdown before they are cancelled; not at all unless given. */
  readonly gracePeriod?: Duration.Input | undefined
}

/** The runtime: registry, ready queue, slots, lookup. */
export interface WorkerPoolService {
  /** The root of everything dispatched without a pool; never done. */
  readonly global: TaskPool
  /** Dispatches by name; the payload is decoded with the job's Schema from its JSON form: null for none. */
  dispatch(jobName: string, encodedPayload: unknown, options?: DispatchOptions): Effect.Effect<AnyTask, DispatchError>
  /** The visible task with this id. */
  task(id: string): Effect.Effect<Option.Option<AnyTask>>
  /** All visible tasks, in the order of their dispatch. */
  readonly tasks: Effect.Effect<ReadonlyArray<AnyTask>>
  /** The visible pool with this id. */
  pool(id: string): Effect.Effect<Option.Option<TaskPool>>
  /** All visible pools, GLOBAL first. */
  readonly pools: Effect.Effect<ReadonlyArray<TaskPool>>
  /** The jobs that it knows, in the order in which they came, with the Schemas of their payloads. */
  readonly jobs: Effect.Effect<ReadonlyArray<{ readonly tag: string, readonly payloadSchema: PlainSchema }>>
  readonly status: Effect.Effect<WorkerPoolStatus>
  readonly events: Stream.Stream<TaskEvent>
  /** Changes the number of workers (at least 1) and interrupts nothing. */
  resize(workers: number): Effect.Effect<void>
  /** Stops first starts; resuming tasks go on. */
  readonly pause: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
  /** Waits until nothing is queued, delayed or live. */
  readonly drain: Effect.Effect<void>
}
