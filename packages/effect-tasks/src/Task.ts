/**
 * Handles of tasks.
 *
 * A task is one dispatch of a job. Its handle can be awaited, observed, fed and cancelled from anywhere; cancelled
 * means stopped: `cancel` and `await` return only when the handler, its finalizers and its hooks have ended.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import * as model from "./internal/model.ts"

/**
 * The handle of a task.
 *
 * @category models
 * @since 0.1.0
 */
export type { Task } from "./internal/model.ts"

/**
 * A handle whose job is not known.
 *
 * @category models
 * @since 0.1.0
 */
export type { AnyTask as Any } from "./internal/model.ts"

/**
 * What a handler sees of its own task.
 *
 * @category models
 * @since 0.1.0
 */
export type { TaskContext } from "./internal/model.ts"

/**
 * One consistent snapshot of a task. Times are milliseconds since the epoch, lengths are milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export type { Status } from "./internal/model.ts"

/**
 * The hooks of a task, on its handle and in its handler, and why somebody cancels.
 *
 * @category models
 * @since 0.1.0
 */
export type { CancelOptions, Hooks } from "./internal/model.ts"

/**
 * How a handle came about: by a new task, by joining a live one, or by reusing a kept result.
 *
 * @category models
 * @since 0.1.0
 */
export type { Origin } from "./internal/model.ts"

/**
 * The coarse outcome of a task; a failure, a defect and a timeout all read "error".
 *
 * @category models
 * @since 0.1.0
 */
export type { ExitStatus } from "./internal/model.ts"

/**
 * What a task waits for.
 *
 * @category models
 * @since 0.1.0
 */
export type { WaitingFor } from "./internal/model.ts"

/**
 * Where a task stands.
 *
 * @category models
 * @since 0.1.0
 */
export { type State, transitions } from "./internal/state.ts"

/**
 * Whether a value is the handle of a task.
 *
 * **Example** (Telling handles from other values)
 *
 * ```ts
 * import { Task } from "effect-tasks"
 *
 * console.log(Task.isTask({ id: "Scan-1" })) // false
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isTask = (u: unknown): u is model.AnyTask => Predicate.hasProperty(u, model.TaskTypeId)
