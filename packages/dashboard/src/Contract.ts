/**
 * The contract between the server and whoever watches: the page, and scripts through `DashboardClient`.
 *
 * It is spoken over a WebSocket at `/rpc`, JSON lines, Schema on every message. This module and what it imports run in a
 * browser: they know neither Node nor the runtime.
 *
 * @since 0.1.0
 */
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcMiddleware from "effect/rpc/RpcMiddleware"
import * as Schema from "effect/Schema"
import { InvalidFilter, InvalidPayload, NotFound, ReadOnly, Refused, TooManyViewers } from "./DashboardError.ts"
import { Message, Position } from "./Feed.ts"
import { TaskDetail } from "./Inspection.ts"
import { taken } from "./internal/limits.ts"
import { trusted } from "./internal/trusted.ts"

export * from "./DashboardError.ts"
export * from "./Feed.ts"
export * from "./Inspection.ts"
export * from "./Rows.ts"

/**
 * The most that the server takes: characters of an edited `payload`, a whole `message`, the `reason` of a cancel, a `filter`,
 * an `id`; and how many `ids` in one request. More fails on the client, by its Schema, and is refused by the server.
 *
 * @category constants
 * @since 0.1.0
 */
export const limits = taken

const Id = Schema.String.check(Schema.isMaxLength(limits.id))
const Ids = Schema.Array(Id).check(Schema.isMaxLength(limits.ids))
const Reason = Schema.optionalKey(Schema.String.check(Schema.isMaxLength(limits.reason)))

/**
 * What a cancel did: how many unfinished tasks were meant, how many more unfinished ones are `below` them and end with them, and
 * whether all had stopped a second later. A task that takes longer is not forgotten: its rows tell.
 *
 * @category models
 * @since 0.1.0
 */
export const Canceled = Schema.Struct({ tasks: Schema.Int, below: Schema.Int, stopped: Schema.Boolean })

/**
 * What a cancel did.
 *
 * @category models
 * @since 0.1.0
 */
export type Canceled = typeof Canceled.Type

/**
 * What became of many tasks that were to run again: how many run as new tasks, joined a live one, reused a result, were refused,
 * or are no longer held by the runtime; and the first `problem` in words.
 *
 * @category models
 * @since 0.1.0
 */
export const RanAgain = Schema.Struct({
  created: Schema.Int,
  joined: Schema.Int,
  reused: Schema.Int,
  refused: Schema.Int,
  forgotten: Schema.Int,
  problem: Schema.NullOr(Schema.String)
})

/**
 * What became of many tasks that were to run again.
 *
 * @category models
 * @since 0.1.0
 */
export type RanAgain = typeof RanAgain.Type

/**
 * The guard in front of every action: refuses where the server is `readonly`, and logs who does what.
 *
 * @category middleware
 * @since 0.1.0
 */
export class ActionGuard extends RpcMiddleware.Service<ActionGuard>()("@effect-tasks/dashboard/ActionGuard", {
  error: ReadOnly
}) {}

const Actions = RpcGroup.make(
  /** Cancels a task and everything below it. */
  Rpc.make("cancelTask", { payload: { taskId: Id, reason: Reason }, success: Canceled, error: NotFound }),
  /** Cancels every task of a pool and below it. */
  Rpc.make("cancelPool", { payload: { poolId: Id, reason: Reason }, success: Canceled, error: NotFound }),
  /** Cancels these tasks and everything below them; those that have ended or are unknown are left out. */
  Rpc.make("cancelTasks", { payload: { taskIds: Ids, reason: Reason }, success: Canceled }),
  /**
   * Cancels every unfinished task that the filter matches, and what is below, or only counts them. A filter that says nothing,
   * such as an empty one, `*` or `-job:Scan` alone, is refused.
   */
  Rpc.make("cancelMatching", {
    payload: {
      filter: Schema.String.check(Schema.isMaxLength(limits.filter)),
      reason: Reason,
      dryRun: Schema.optionalKey(Schema.Boolean)
    },
    success: Canceled,
    error: InvalidFilter
  }),
  /** Moves a queued task: higher runs first. */
  Rpc.make("setPriority", {
    payload: { taskId: Id, priority: Schema.Int },
    error: Schema.Union([NotFound, Refused])
  }),
  /**
   * Runs the work of a task again, with the same payload or an edited one (JSON text, checked by the job's Schema). A live
   * task is cancelled first when its payload is the same. Gives the id of the task: a new one, or by the job's policy a
   * live one that it joined or a kept result that it reused.
   */
  Rpc.make("runAgain", {
    payload: {
      taskId: Id,
      payload: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(limits.payload)))
    },
    success: Schema.Struct({ taskId: Schema.String, origin: Schema.Literals(["created", "joined", "reused"]) }),
    error: Schema.Union([NotFound, InvalidPayload, Refused])
  }),
  /** Runs the work of ended tasks again, each with the payload it had. */
  Rpc.make("runTasksAgain", { payload: { taskIds: Ids }, success: RanAgain }),
  /** Stops first starts. */
  Rpc.make("pause"),
  /** Starts again. */
  Rpc.make("resume"),
  /** Changes the number of workers; interrupts nothing. */
  Rpc.make("resize", { payload: { workers: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 })) } }),
  /** Returns when nothing is queued or live; interrupting the call only stops the wait. */
  Rpc.make("drain")
).middleware(ActionGuard)

/**
 * Everything that can be asked of the server.
 *
 * **Details**
 *
 * - `watch`: the stream of a viewer, see `Message`. Ends when the worker pool closes.
 * - `inspect`: everything about one task.
 * - the actions: `cancelTask`, `cancelPool`, `cancelTasks`, `cancelMatching`, `setPriority`, `runAgain`, `runTasksAgain`,
 *   `pause`, `resume`, `resize`, `drain`. Each fails with `ReadOnly` where the server only shows.
 *
 * **Example** (Listing the requests)
 *
 * ```ts
 * import { Contract } from "@effect-tasks/dashboard"
 *
 * const requests = [...Contract.DashboardRpcs.requests.keys()]
 * console.log(requests.slice(0, 3).join(" ")) // => watch inspect cancelTask
 * ```
 *
 * @category rpcs
 * @since 0.1.0
 */
export class DashboardRpcs extends RpcGroup.make(
  Rpc.make("watch", {
    payload: { resume: Schema.optionalKey(Position) },
    success: trusted(Message),
    error: TooManyViewers,
    stream: true
  }),
  Rpc.make("inspect", { payload: { taskId: Id }, success: TaskDetail, error: NotFound })
).merge(Actions) {}
