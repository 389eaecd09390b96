/**
 * Limits as values: what tasks of several jobs share.
 *
 * @since 0.1.0
 */
import { SharedLimit } from "./internal/queue/limit.ts"

/**
 * A limit that the handlers of several jobs share, within one worker pool.
 *
 * @category models
 * @since 0.1.0
 */
export interface Limit {
  /** How many tasks have it at once. */
  readonly permits: number
}

/**
 * A limit of so many running tasks, an integer of at least 1, or Infinity. A task takes its permit with its slot, or neither.
 *
 * **Example** (Two jobs that share three connections)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Job, JobRegistry, Limit } from "effect-tasks"
 *
 * class Read extends Job.make("Read") {}
 * class Write extends Job.make("Write") {}
 *
 * const connections = Limit.permits(3)
 * const Live = JobRegistry.layer(
 *   Read.toLayer(() => Effect.void, { limits: [connections] }),
 *   Write.toLayer(() => Effect.void, { limits: [connections] })
 * )
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const permits = (n: number): Limit => new SharedLimit(n)
