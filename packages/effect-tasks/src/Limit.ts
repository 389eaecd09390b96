/**
 * Limits as values: how many tasks run at once, or how many start in a window of time.
 *
 * A job names its own in `Job.make` (`concurrency`, `rate`); a value is for a limit that several jobs share, or that a
 * layer knows. It is shared within one WorkerPool by everything that names the same value.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import { LimitDefinition, toRate, toSize } from "./internal/job/limit.ts"

/**
 * One reason to hold tasks back. A task starts when all its limits have room, and takes from all in one step.
 *
 * @category models
 * @since 0.1.0
 */
export interface Limit<in P = unknown> {
  readonly "~effect-tasks/Limit": "~effect-tasks/Limit"
  /**
   * Changes how many may run, or start, from now on: an integer of at least 1, or it dies. What runs goes on, also above
   * the new limit.
   */
  resize(limit: number): Effect.Effect<void>
  /** Which payloads it tells apart. */
  readonly keyOf: ((payload: P) => string) | undefined
}

/**
 * What a rate allows: at most `limit` starts in any stretch of time as long as `window`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RateOptions<in P = unknown> {
  /** How many starts: an integer of at least 1. */
  readonly limit: number
  /** The length of the window: more than 0, and not without end. */
  readonly window: Duration.Input
  /** Tasks with the same text share a rate; all tasks unless given. */
  readonly key?: ((payload: P) => string) | undefined
}

/**
 * A limit of so many tasks at once. A task that waits gives its permit back meanwhile. It throws of anything but an integer
 * of at least 1.
 *
 * **Example** (Two GPUs for two jobs)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Job, Limit } from "effect-tasks"
 *
 * const gpus = Limit.permits(2)
 *
 * class Train extends Job.make("Train", { payload: { model: Schema.String }, limits: [gpus] }) {}
 * class Render extends Job.make("Render", { payload: { scene: Schema.String }, limits: [gpus] }) {}
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const permits = (limit: number): Limit => new LimitDefinition(toSize(limit, "permits", "Limit"))

/**
 * A limit of so many starts in any window of time, further attempts included. It throws of a `limit` that is no integer of
 * at least 1, and of a `window` of nothing or without end.
 *
 * **Example** (Two jobs that call the same peer)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Job, Limit } from "effect-tasks"
 *
 * const github = Limit.rate({ limit: 5000, window: "1 hour" })
 *
 * class ListIssues extends Job.make("ListIssues", { payload: { repository: Schema.String }, limits: [github] }) {}
 * class ListPulls extends Job.make("ListPulls", { payload: { repository: Schema.String }, limits: [github] }) {}
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const rate = <P = unknown>(options: RateOptions<P>): Limit<P> => toRate(options, "rate", "Limit")
