/**
 * What goes wrong with threads.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The thread of a task has ended under it: by an uncaught exception, an unhandled rejection, `process.exit`, or memory used
 * up. The task ends as error with this as a defect; a job whose `error` Schema takes it fails with it instead, so that
 * `retry` and `catchTag` see it. Never the outcome of a cancel or timeout, which end threads on purpose.
 *
 * **Example** (A job that is tried again when its thread has crashed)
 *
 * ```ts
 * import { ThreadCrashed } from "@effect-tasks/threads"
 * import { Schema } from "effect"
 * import { Job } from "effect-tasks"
 *
 * class Parse extends Job.make("Parse", {
 *   payload: { path: Schema.String },
 *   error: ThreadCrashed,
 *   retry: { times: 2 }
 * }) {}
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class ThreadCrashed extends Schema.TaggedError<ThreadCrashed>()("ThreadCrashed", {
  taskId: Schema.String,
  job: Schema.String,
  /** The number of the thread among those of its layer, the first is 0. */
  thread: Schema.Int,
  reason: Schema.String
}) {
  override get message(): string {
    return `Thread ${this.thread} ended while it ran ${this.taskId}: ${this.reason}`
  }
}

/**
 * A defect: no thread could start for the task, because the module is missing or throws, or because one of its layers
 * fails. The reason says which. The next task tries again.
 *
 * **Example** (Its text)
 *
 * ```ts
 * import { ThreadNotReady } from "@effect-tasks/threads"
 *
 * console.log(new ThreadNotReady({ reason: "Error: no database" }).message) // => No thread could start: Error: no database
 * ```
 *
 * @category defects
 * @since 0.1.0
 */
export class ThreadNotReady extends Schema.TaggedError<ThreadNotReady>()("ThreadNotReady", {
  reason: Schema.String
}) {
  override get message(): string {
    return `No thread could start: ${this.reason}`
  }
}
