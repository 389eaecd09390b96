/**
 * What a viewer's stream carries: a snapshot, then sequence-numbered deltas, at most 20 messages with news a second.
 *
 * **How to follow it.** On `Snapshot` forget everything, take its pools, jobs, pulse and history, and add the rows of the
 * `Rows` that follow; at `Ready` the picture is whole. Apply each `Delta` whole: put rows in place of those with the same
 * id, then remove. Remember `run` and the last `seq`; after a reconnect, give both to `watch`: a `Resumed` says that the
 * deltas go on where they ended, a `Snapshot` that they could not.
 *
 * **Example** (Keeping the tasks of an application)
 *
 * ```ts
 * import { Contract } from "@effect-tasks/dashboard"
 *
 * const tasks = new Map<string, Contract.TaskRow>()
 * let position: Contract.Position = { run: "", seq: 0 }
 *
 * export const apply = (message: Contract.Message): void => {
 *   switch (message._tag) {
 *     case "Snapshot":
 *       tasks.clear()
 *       position = { run: message.run, seq: message.seq }
 *       break
 *     case "Rows":
 *       for (const task of message.tasks) tasks.set(task.id, task)
 *       break
 *     case "Delta":
 *       for (const task of message.tasks) tasks.set(task.id, task)
 *       for (const id of message.removedTasks) tasks.delete(id)
 *       position = { ...position, seq: message.seq }
 *   }
 * }
 *
 * apply({ _tag: "Rows", tasks: [] })
 * console.log(tasks.size, position.seq) // => 0 0
 * ```
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { History, JobRow, PoolRow, Pulse, TaskRow } from "./Rows.ts"

/**
 * Where a viewer stopped: the run of the server, and the last sequence number that it applied.
 *
 * @category models
 * @since 0.1.0
 */
export const Position = Schema.Struct({ run: Schema.String.check(Schema.isMaxLength(64)), seq: Schema.Int })

/**
 * Where a viewer stopped.
 *
 * @category models
 * @since 0.1.0
 */
export type Position = typeof Position.Type

/**
 * The beginning of a whole picture; `tasks` rows follow in `Rows`, then `Ready`.
 *
 * **Details**
 *
 * `resync` is false only for the first picture of a viewer that asked for no position. `why`: "first"; "behind" (the
 * viewer could not keep up, or was away for too long); "missed" (the server itself could not keep up with the runtime:
 * `missed` events were dropped, and what they told may be lacking in `segments`); "restarted" (another run of the server).
 *
 * @category messages
 * @since 0.1.0
 */
export const Snapshot = Schema.TaggedStruct("Snapshot", {
  run: Schema.String,
  seq: Schema.Int,
  resync: Schema.Boolean,
  why: Schema.Literals(["first", "behind", "missed", "restarted"]),
  missed: Schema.Int,
  /** The title that the application gave. */
  title: Schema.String,
  readonly: Schema.Boolean,
  /** How many exited tasks are kept. */
  historyLimit: Schema.Int,
  tasks: Schema.Int,
  pools: Schema.Array(PoolRow),
  jobs: Schema.Array(JobRow),
  pulse: Pulse,
  history: History,
  /** Since when events have been read, and when some were dropped since: what happened at other times nobody knows. */
  watchedSince: Schema.Number,
  gaps: Schema.Array(Schema.Struct({ from: Schema.Number, to: Schema.Number }))
})

/**
 * Some of the tasks of a snapshot, in the order in which they were first seen.
 *
 * @category messages
 * @since 0.1.0
 */
export const Rows = Schema.TaggedStruct("Rows", { tasks: Schema.Array(TaskRow) })

/**
 * The snapshot is whole.
 *
 * @category messages
 * @since 0.1.0
 */
export const Ready = Schema.TaggedStruct("Ready", { seq: Schema.Int })

/**
 * The deltas go on after this sequence number.
 *
 * @category messages
 * @since 0.1.0
 */
export const Resumed = Schema.TaggedStruct("Resumed", { run: Schema.String, seq: Schema.Int })

/**
 * What changed after `from` up to `seq`; `from` is always the `seq` of the message before. `sample`: append `pulse` to
 * the history, see `History`.
 *
 * @category messages
 * @since 0.1.0
 */
export const Delta = Schema.TaggedStruct("Delta", {
  from: Schema.Int,
  seq: Schema.Int,
  tasks: Schema.Array(TaskRow),
  removedTasks: Schema.Array(Schema.String),
  pools: Schema.Array(PoolRow),
  removedPools: Schema.Array(Schema.String),
  jobs: Schema.Array(JobRow),
  pulse: Pulse,
  sample: Schema.Boolean
})

/**
 * What changed.
 *
 * @category messages
 * @since 0.1.0
 */
export type Delta = typeof Delta.Type

/**
 * Any message of a viewer's stream.
 *
 * @category messages
 * @since 0.1.0
 */
export const Message = Schema.Union([Snapshot, Rows, Ready, Resumed, Delta])

/**
 * Any message of a viewer's stream.
 *
 * @category messages
 * @since 0.1.0
 */
export type Message = typeof Message.Type
