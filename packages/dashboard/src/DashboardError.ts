/**
 * Why the server refuses. Beside these, a client fails with `RpcClientError` when the connection breaks or the token is
 * wrong.
 *
 * **Example** (Telling refusals apart)
 *
 * ```ts no-run
 * import { DashboardClient } from "@effect-tasks/dashboard"
 * import { Effect } from "effect"
 *
 * export const cancel = (taskId: string) =>
 *   Effect.gen(function*() {
 *     const dashboard = yield* DashboardClient
 *     const { stopped } = yield* dashboard.cancelTask({ taskId, reason: "not needed" })
 *     return stopped ? "stopped" : "still stopping"
 *   }).pipe(
 *     Effect.catchTags({
 *       NotFound: () => Effect.succeed("gone already"),
 *       ReadOnly: () => Effect.succeed("this dashboard only shows")
 *     })
 *   )
 * ```
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The server was started with `readonly`: it does nothing but show. Any action fails with it.
 *
 * @category errors
 * @since 0.1.0
 */
export class ReadOnly extends Schema.TaggedError<ReadOnly>()("ReadOnly", { action: Schema.String }) {}

/**
 * There is no such task or pool, or the runtime has forgotten it. `inspect` and what acts on one task or pool fail with it.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", {
  what: Schema.Literals(["task", "pool"]),
  id: Schema.String
}) {}

/**
 * The payload is no JSON, or the job's Schema does not take it; `issue` says why, for people. `runAgain` fails with it.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidPayload
  extends Schema.TaggedError<InvalidPayload>()("InvalidPayload", { job: Schema.String, issue: Schema.String })
{}

/**
 * The filter does not parse, or is empty; `at` is the offset in characters of the word that is wrong. `cancelMatching`
 * fails with it.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidFilter
  extends Schema.TaggedError<InvalidFilter>()("InvalidFilter", { issue: Schema.String, at: Schema.Int })
{}

/**
 * The runtime does not take a `setPriority` or `runAgain`; `reason` is one sentence for people, `code` one word for programs:
 * "AlreadyStarted", "JobNotRegistered", "QueueFull", "PoolClosed", "WorkerPoolClosed", "DuplicateTask", "NoPayload".
 *
 * @category errors
 * @since 0.1.0
 */
export class Refused extends Schema.TaggedError<Refused>()("Refused", { code: Schema.String, reason: Schema.String }) {}

/**
 * As many viewers as the server allows, `limit`, are connected. `watch` fails with it.
 *
 * @category errors
 * @since 0.1.0
 */
export class TooManyViewers extends Schema.TaggedError<TooManyViewers>()("TooManyViewers", { limit: Schema.Int }) {}
