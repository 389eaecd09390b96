/**
 * Tasks that outlive their process.
 *
 * The same jobs, dispatchers, pools and handles as in memory: `Durable.toLayer(Job, handler)` instead of
 * `Job.toLayer(handler)`, over `Durable.layer()` and a SqlClient. On SQLite tasks survive a crash of their one process; on
 * Postgres any number of processes run them, and `Durable.client(Job)` dispatches and awaits from where nothing runs.
 *
 * A durable task is started at least once, again only when its process has died, and has exactly one recorded outcome.
 *
 * @since 0.1.0
 */
import type { Job, WorkerPool } from "effect-tasks"
import * as Backend from "effect-tasks/Backend"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { DurableError } from "./DurableError.ts"
import { reach } from "./internal/fault.ts"
import type { SqlClient, SqlError } from "./internal/journal.ts"
import * as listing from "./internal/listing.ts"
import { toPolicy, toSettings } from "./internal/options.ts"
import { backendOf, make, type Parts, RuntimeId, runtimeOf, toDurableError } from "./internal/runtime.ts"
import { State, type StateName } from "./internal/schema.ts"
import { pauseChanged, taken } from "./internal/store.ts"

/**
 * What a durable layer is built with. Options that could never work kill the build and name the mend.
 *
 * @category models
 * @since 0.1.0
 */
export interface DurableOptions {
  /** Applications that share a database: neither sees the other's tasks. `"default"` unless given. */
  readonly namespace?: string | undefined
  /** The name of its table, from which the names of the others are made: `effect_tasks` unless given. */
  readonly table?: string | undefined
  /** Whether this process only dispatches and awaits: it runs nothing and takes no lock. */
  readonly clientOnly?: boolean | undefined
  /** How long the tasks of a process that is gone wait until others take them, on Postgres; 3 seconds unless given. */
  readonly grace?: Duration.Input | undefined
  /** How long a dispatch waits for a database that does not answer; 30 seconds unless given. */
  readonly dispatchTimeout?: Duration.Input | undefined
  /** How often ended tasks whose time is over are deleted; each minute unless given, `false` for never here. */
  readonly prune?: Duration.Input | false | undefined
  /** `false` where LISTEN and NOTIFY are not to be had: then each process looks four times a second. */
  readonly notify?: boolean | undefined
}

/**
 * What one job asks of its store.
 *
 * @category models
 * @since 0.1.0
 */
export interface Policy {
  /**
   * How long ended tasks stay to be looked at: successes and cancels 1 day, errors 7 days unless given. One duration is for
   * both; Infinity keeps them for ever.
   */
  readonly retention?: Duration.Input | {
    readonly success?: Duration.Input | undefined,
    readonly error?: Duration.Input | undefined
  } | undefined
  /** How many processes may die of a task before it ends as `TaskLost`: an integer of at least 1, 3 unless given. */
  readonly crashes?: number | undefined
  /** The version of its payload, which dispatched tasks carry: a runner takes those of its own and earlier ones. 1 unless given. */
  readonly version?: number | undefined
  /** Makes a payload of this version, as JSON, of one of an earlier version. */
  readonly upgrade?: ((encoded: unknown, fromVersion: number) => unknown) | undefined
}

/**
 * Where a stored task stands: `"queued"`; `"claimed"` by a node; `"delayed"`, until it is due or its next attempt is;
 * `"blocked"` behind another of its key; or how it ended.
 *
 * @category models
 * @since 0.1.0
 */
export type StoredState = StateName

/**
 * A task as it stands in the store. Moments are milliseconds since the epoch, by the clock of the database.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoredTask {
  readonly id: string
  readonly job: string
  readonly version: number
  readonly key: Option.Option<string>
  readonly state: StoredState
  readonly priority: number
  /** Which attempt runs, comes next or was the last. */
  readonly attempt: number
  /** How many processes have died while they ran it. */
  readonly crashes: number
  readonly parentId: Option.Option<string>
  /** The node that runs it. */
  readonly node: Option.Option<number>
  /** As JSON. */
  readonly payload: unknown
  /** As JSON: its result, the cause of its error, or the reason of its cancel. */
  readonly exit: unknown
  /** As JSON: what it reported last, at most a second ago. */
  readonly progress: unknown
  readonly createdAt: number
  readonly dueAt: number
  readonly finishedAt: Option.Option<number>
  readonly expiresAt: Option.Option<number>
}

/**
 * Which stored tasks: those that meet every condition that is given, oldest first.
 *
 * @category models
 * @since 0.1.0
 */
export interface Query {
  /** The tag of a job. */
  readonly job?: string | undefined
  readonly state?: StoredState | ReadonlyArray<StoredState> | undefined
  readonly key?: string | undefined
  /** The id of the task that dispatched them. */
  readonly parent?: string | undefined
  /** Dispatched at this moment or later, in milliseconds since the epoch. */
  readonly since?: number | undefined
  /** Dispatched before this moment. */
  readonly until?: number | undefined
  /** The id after which the page begins. */
  readonly after?: string | undefined
  /** At most so many; a page has 1,000 at most. */
  readonly limit?: number | undefined
}

/**
 * A page of stored tasks. `next` is the id to go on after, while there may be more.
 *
 * @category models
 * @since 0.1.0
 */
export interface Page {
  readonly tasks: ReadonlyArray<StoredTask>
  readonly next: Option.Option<string>
}

/**
 * A process that is connected. `claimed` is how many tasks it has.
 *
 * @category models
 * @since 0.1.0
 */
export interface Node {
  readonly id: number
  /** Host and process. */
  readonly name: string
  readonly startedAt: number
  readonly claimed: number
}

/**
 * What can be asked of stored tasks, whoever runs them.
 *
 * @category models
 * @since 0.1.0
 */
export interface DurableService {
  /** A task of this job by its id, live or ended; the job's layer, or its client, must be open here. */
  task<J extends Job.Any>(job: J, id: string): Effect.Effect<Option.Option<Job.Task<J>>, DurableError, WorkerPool>
  /** A page of tasks. */
  list(query?: Query): Effect.Effect<Page, DurableError>
  /** How many there are in each state. */
  counts(query?: Query): Effect.Effect<Record<StoredState, number>, DurableError>
  /** Cancels live tasks: queued ones at once, running ones by their runner, soon. How many. */
  cancel(query: Query, reason?: string): Effect.Effect<number, DurableError>
  /** Puts tasks that ended as error or canceled back as new; not where another of its key lives. How many. */
  retry(query: Query): Effect.Effect<number, DurableError>
  /** Deletes ended tasks. How many. */
  remove(query: Query): Effect.Effect<number, DurableError>
  /** Nobody starts tasks of this job any more, or of any job; what runs goes on. */
  pause(job?: string): Effect.Effect<void, DurableError>
  /** Undoes a `pause` with the same argument. */
  resume(job?: string): Effect.Effect<void, DurableError>
  /** The processes that are connected. */
  readonly nodes: Effect.Effect<ReadonlyArray<Node>, DurableError>
}

/**
 * The store of tasks in this context.
 *
 * @category services
 * @since 0.1.0
 */
export class Durable extends Context.Service<Durable, DurableService>()("effect-tasks/Durable") {}

/**
 * Connects a worker pool to the tasks of a database: makes or updates the tables, registers this process, and goes on with
 * what was left.
 *
 * Fails with a `DurableError`: `StoreUnavailable`, `AccessDenied`, `NewerDatabase`, or `FileInUse` when another process runs
 * the tasks of the file.
 *
 * **Example** (Tasks in a file)
 *
 * ```ts
 * import { Durable, Sqlite } from "@effect-tasks/sql"
 * import { Effect, Layer, Schema } from "effect"
 * import { Job, WorkerPool } from "effect-tasks"
 *
 * class Greet extends Job.make("Greet", { payload: { name: Schema.String }, success: Schema.String }) {}
 *
 * const GreetLive = Durable.toLayer(Greet, ({ name }) => Effect.succeed(`Hello, ${name}`))
 *
 * const AppLive = GreetLive.pipe(
 *   Layer.provideMerge(Durable.layer()),
 *   Layer.provideMerge(WorkerPool.layer({ workers: 2 })),
 *   Layer.provideMerge(Sqlite.layer({ file: ":memory:" })) // "tasks.db" in an application
 * )
 *
 * const program = Effect.gen(function*() {
 *   const task = yield* Greet.dispatch({ name: "Ada" }) // its row is on the disk now
 *   console.log(yield* task.await) // => Hello, Ada
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(AppLive)))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: DurableOptions = {}): Layer.Layer<Durable, DurableError, SqlClient | WorkerPool> =>
  Layer.effect(Durable, Effect.map(make(toSettings(options)), makeService))

const makeService = (parts: Parts): DurableService & { readonly [RuntimeId]: Parts } => {
  const { rereadPauses, store: { journal, tell }, waiters, window } = parts
  const ask = <A>(effect: Effect.Effect<A, SqlError>): Effect.Effect<A, DurableError> =>
    Effect.mapError(effect, toDurableError)
  const repaused = Effect.andThen(
    rereadPauses,
    Effect.sync(() => {
      tell(pauseChanged)
      window.freed()
    })
  )
  return {
    [RuntimeId]: parts,
    task: (job, id) => job.get(id) as Effect.Effect<Option.Option<any>, never, WorkerPool>, // of that very job
    list: (query = {}) =>
      ask(Effect.map(listing.list(journal, query), (tasks) => ({
        tasks,
        next: Option.map(Option.fromUndefinedOr(tasks.at(-1)), ({ id }) => id)
      }))),
    counts: (query = {}) => ask(listing.counts(journal, query)),
    cancel: (query, reason) => ask(listing.forAll(journal, query, (ids) => waiters.cancel(ids, reason))),
    retry: (query) =>
      ask(Effect.tap(
        listing.forAll(journal, query, (ids) => Effect.map(journal.requeue(ids), ({ length }) => length)),
        () =>
          Effect.sync(() => {
            tell(taken)
            window.freed()
          })
      )),
    remove: (query) =>
      ask(listing.forAll(journal, query, (ids) => Effect.map(journal.remove(ids), ({ length }) => length))),
    pause: (job = "") => ask(Effect.andThen(journal.pause({ job }), repaused)),
    resume: (job = "") => ask(Effect.andThen(journal.resume({ job }), repaused)),
    nodes: ask(Effect.map(
      journal.allNodes(),
      (rows) =>
        rows.map(({ claimed, id, name, started_at }) => ({
          id: Number(id),
          name,
          startedAt: Number(started_at),
          claimed: Number(claimed)
        }))
    ))
  }
}

type AnyJob<
  Tag extends string,
  Payload extends Job.PlainSchema,
  Success extends Job.PlainSchema,
  Error extends Job.PlainSchema,
  Progress extends Job.PlainSchema,
  Message extends Job.PlainSchema
> = Job.Job<Tag, Payload, Success, Error, Progress, Message>

/**
 * The layer that runs a job here, its tasks stored: `Job.toLayer` with a policy beside. Handlers run at least once, so what
 * they do outside of the database should bear to be done again: `task.id` is the same each time. A task that is cut off by a
 * shutdown or a crash starts again elsewhere, or at the next start; `task.attempt` grows.
 *
 * **Example** (A handler with a policy)
 *
 * ```ts no-run
 * import { Durable } from "@effect-tasks/sql"
 * import { Effect, Schema } from "effect"
 * import { Job } from "effect-tasks"
 *
 * class Charge extends Job.make("Charge", { payload: { order: Schema.String, cents: Schema.Int } }) {}
 *
 * const ChargeLive = Durable.toLayer(
 *   Charge,
 *   ({ cents, order }, task) => Effect.log(`charge ${cents} for ${order}, once for ${task.id}`),
 *   { retention: { success: "1 hour", error: "30 days" }, crashes: 5 }
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const toLayer = <
  Tag extends string,
  Payload extends Job.PlainSchema,
  Success extends Job.PlainSchema,
  Error extends Job.PlainSchema,
  Progress extends Job.PlainSchema,
  Message extends Job.PlainSchema,
  R,
  EX = never,
  RX = never
>(
  job: AnyJob<Tag, Payload, Success, Error, Progress, Message>,
  handler:
    | Job.HandlerFunction<Payload, Success, Error, Progress, Message, R>
    | Effect.Effect<Job.HandlerFunction<Payload, Success, Error, Progress, Message, R>, EX, RX>,
  policy: Policy = {}
): Layer.Layer<Job.Handler<Tag>, EX, Durable | WorkerPool | Exclude<R | RX, Scope.Scope | Job.Handler<Tag>>> => {
  const stored = Backend.toLayer(job, handler, (port) =>
    Effect.flatMap(Durable, (durable) => {
      const parts = runtimeOf(durable)
      if (parts.store.isClient) {
        return Effect.die(
          new TypeError(`Job "${job.tag}" cannot run on a Durable.layer with clientOnly: use Durable.client`)
        )
      }
      return backendOf(parts, port, toPolicy(policy, job.tag), true)
    }))
  // once it has registered it takes what was left
  return Layer.tap(stored, () => Effect.map(Durable, (durable) => runtimeOf(durable).window.freed())) as never // no more than `stored` needs
}

/**
 * The layer of a process that dispatches and awaits the tasks of a job, which others run: tasks are dispatched, joined,
 * awaited, cancelled and sent messages as if they ran here.
 *
 * @category layers
 * @since 0.1.0
 */
export const client = <
  Tag extends string,
  Payload extends Job.PlainSchema,
  Success extends Job.PlainSchema,
  Error extends Job.PlainSchema,
  Progress extends Job.PlainSchema,
  Message extends Job.PlainSchema
>(
  job: AnyJob<Tag, Payload, Success, Error, Progress, Message>,
  policy: Policy = {}
): Layer.Layer<Job.Handler<Tag>, never, Durable | WorkerPool> =>
  Backend.toLayer(
    job,
    () => Effect.die(new Error(`Job "${job.tag}" runs elsewhere`)),
    (port) =>
      Effect.flatMap(Durable, (durable) => backendOf(runtimeOf(durable), port, toPolicy(policy, job.tag), false))
  )

/** What the effect itself failed with, beside what the database may. */
class Failed {
  readonly error: unknown

  constructor(error: unknown) {
    this.error = error
  }
}

const notOurs = Symbol("the task belongs to another process")

/**
 * Runs the last step of a handler in one transaction with the outcome of its task: what it writes through the SqlClient of
 * the store and the recorded success come together or not at all, so it happens exactly once. The value is the task's
 * success. Where the task belongs to another process by now the transaction is rolled back and the handler is interrupted.
 *
 * **Example** (A payment that is booked once)
 *
 * ```ts no-run
 * import { Durable } from "@effect-tasks/sql"
 * import { Effect, Schema } from "effect"
 * import { Job } from "effect-tasks"
 * import { SqlClient } from "effect/sql/SqlClient"
 *
 * class Book extends Job.make("Book", { payload: { cents: Schema.Int } }) {}
 *
 * const BookLive = Durable.toLayer(Book, ({ cents }) =>
 *   Effect.gen(function*() {
 *     const sql = yield* SqlClient
 *     yield* Durable.completing(Effect.orDie(sql`UPDATE accounts SET cents = cents + ${cents}`).pipe(Effect.asVoid))
 *   }))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const completing = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Durable> =>
  Effect.gen(function*() {
    const { recorder, store } = runtimeOf(yield* Durable)
    const current = yield* Backend.current
    const task = Option.getOrUndefined(current)
    const claim = task === undefined ? undefined : recorder.claimOf(task.id)
    if (task === undefined || claim === undefined) {
      return yield* Effect.die(
        new Error("Durable.completing is the last step of a durable task's handler: call it inside one")
      )
    }
    const { journal, me } = store
    const written = journal.client.withTransaction(Effect.gen(function*() {
      const value = yield* Effect.mapError(effect, (error) => new Failed(error))
      reach("before-complete")
      const [row] = yield* journal.outcomes([recorder.rowOf(task, Exit.succeed(value))], me)
      return row?.state === State.success ? value : yield* Effect.fail(notOurs)
    }))
    const completed = Effect.tap(written, (value) =>
      Effect.sync(() => {
        reach("after-complete")
        recorder.complete(task.id, Exit.succeed(value))
      }))
    return yield* Effect.uninterruptible(Effect.catch(completed, (failure) =>
      failure instanceof Failed
        ? Effect.fail(failure.error as E) // the effect's own
        : failure === notOurs
        ? Effect.interrupt
        : Effect.die(failure)))
  }) as Effect.Effect<A, E, R | Durable>
