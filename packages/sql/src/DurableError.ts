/**
 * What can go wrong with stored tasks. The messages name the thing and the mend.
 *
 * @since 0.1.0
 */
import { StoreUnavailable } from "effect-tasks"
import * as Schema from "effect/Schema"

/**
 * The database file cannot be opened or written.
 *
 * @category errors
 * @since 0.1.0
 */
export class CannotOpen extends Schema.TaggedError<CannotOpen>()("CannotOpen", {
  file: Schema.String,
  why: Schema.String
}) {
  override get message(): string {
    return `cannot open ${this.file} (${this.why}): give a file that this process may write, in a folder that exists`
  }
}

/**
 * Another process runs the tasks of this file. A file has one runner and any number of clients.
 *
 * @category errors
 * @since 0.1.0
 */
export class FileInUse extends Schema.TaggedError<FileInUse>()("FileInUse", { file: Schema.String }) {
  override get message(): string {
    return `another process runs the tasks of ${this.file}: stop it, wait for it with whenLocked: "wait", or only ` +
      "dispatch from here with clientOnly: true"
  }
}

/**
 * A newer release of this package has changed the tables.
 *
 * @category errors
 * @since 0.1.0
 */
export class NewerDatabase extends Schema.TaggedError<NewerDatabase>()("NewerDatabase", {
  table: Schema.String,
  found: Schema.Int,
  known: Schema.Int
}) {
  override get message(): string {
    return `table ${this.table} has version ${this.found} and this release knows ${this.known}: update @effect-tasks/sql`
  }
}

/**
 * The database refused this user.
 *
 * @category errors
 * @since 0.1.0
 */
export class AccessDenied extends Schema.TaggedError<AccessDenied>()("AccessDenied", { why: Schema.String }) {
  override get message(): string {
    return `the database refused access (${this.why}): check user, password and rights`
  }
}

/**
 * Why stored tasks are not to be had.
 *
 * @category errors
 * @since 0.1.0
 */
export const DurableErrorReason = Schema.Union([CannotOpen, FileInUse, NewerDatabase, AccessDenied, StoreUnavailable])

/**
 * Why stored tasks are not to be had.
 *
 * @category errors
 * @since 0.1.0
 */
export type DurableErrorReason = typeof DurableErrorReason.Type

/**
 * Stored tasks are not to be had: a layer could not be built, or a query was not answered.
 *
 * **Example** (Waiting where another process has the file)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { DurableError, FileInUse } from "@effect-tasks/sql"
 *
 * const opened = Effect.fail(new DurableError({ reason: new FileInUse({ file: "tasks.db" }) }))
 * const outcome = opened.pipe(Effect.catchReason("DurableError", "FileInUse", ({ file }) => Effect.succeed(`busy: ${file}`)))
 *
 * console.log(Effect.runSync(Effect.orDie(outcome))) // => busy: tasks.db
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class DurableError extends Schema.TaggedError<DurableError>()("DurableError", { reason: DurableErrorReason }) {
  override get message(): string {
    return `Durable tasks: ${this.reason.message}`
  }
}

/**
 * A defect: the task took its process with it as often as its policy allows (`crashes`) and is not started again.
 *
 * @category defects
 * @since 0.1.0
 */
export class TaskLost extends Schema.TaggedError<TaskLost>()("TaskLost", {
  taskId: Schema.String,
  job: Schema.String,
  crashes: Schema.Int
}) {
  override get message(): string {
    return `Task ${this.taskId} of job "${this.job}" was lost: ${this.crashes} processes died while they ran it. ` +
      "Mend its handler, then put it back with Durable.retry"
  }
}

/**
 * A defect: what stands in the row is no payload of the job any more. The task was never started.
 *
 * @category defects
 * @since 0.1.0
 */
export class UndecodablePayload extends Schema.TaggedError<UndecodablePayload>()("UndecodablePayload", {
  taskId: Schema.String,
  job: Schema.String,
  version: Schema.Int,
  issue: Schema.String
}) {
  override get message(): string {
    return `Task ${this.taskId} of job "${this.job}" has a payload of version ${this.version} that no longer decodes: ` +
      `${this.issue}. Give the job's layer an \`upgrade\`, then put the task back with Durable.retry`
  }
}

/**
 * A defect: the row of the task is gone, so nobody can tell how it ended. `why` is `"pruned"`, or `"rolled back"`.
 *
 * @category defects
 * @since 0.1.0
 */
export class TaskForgotten extends Schema.TaggedError<TaskForgotten>()("TaskForgotten", {
  taskId: Schema.String,
  job: Schema.String,
  why: Schema.Literals(["pruned", "rolled back"])
}) {
  override get message(): string {
    const mend = this.why === "pruned"
      ? "keep it longer with a `retention`"
      : "await it after its transaction has committed"
    return `Task ${this.taskId} of job "${this.job}" is not stored any more (${this.why}): ${mend}`
  }
}

/**
 * A defect: how the task ended cannot be written down, because it does not encode or is too large.
 *
 * @category defects
 * @since 0.1.0
 */
export class UnstorableOutcome extends Schema.TaggedError<UnstorableOutcome>()("UnstorableOutcome", {
  taskId: Schema.String,
  job: Schema.String,
  issue: Schema.String
}) {
  override get message(): string {
    return `The outcome of task ${this.taskId} of job "${this.job}" cannot be stored: ${this.issue}`
  }
}
