/**
 * The log lines of each task, for the inspector.
 *
 * @since 0.1.0
 */
import { Task } from "effect-tasks"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import type { LogLine } from "./Inspection.ts"
import { text } from "./internal/limits.ts"
import { toJson } from "./internal/plain.ts"
import { Recent, RecentLogs } from "./internal/recent.ts"
import { bounded } from "./internal/text.ts"

/**
 * Keeps the latest 100 lines that each task logs, for the latest 2,000 tasks that log, beside whatever loggers there are.
 *
 * **When to use**
 *
 * Use to see in the inspector what a task logged. Provide it to the layers of the handlers and to `Dashboard.layer`.
 *
 * **Details**
 *
 * Lines that are logged outside of tasks are not kept. It costs a little for each line, also while nobody watches.
 *
 * **Example** (Providing it to a whole application)
 *
 * ```ts no-run
 * import { Dashboard, DashboardLogs } from "@effect-tasks/dashboard"
 * import { Effect, Layer } from "effect"
 * import { Job, WorkerPool } from "effect-tasks"
 *
 * class Greet extends Job.make("Greet") {}
 * const GreetLive = Greet.toLayer(() => Effect.log("Hello"))
 *
 * export const AppLive = Layer.merge(GreetLive, Dashboard.layer()).pipe(
 *   Layer.provideMerge(WorkerPool.layer()),
 *   Layer.provide(DashboardLogs.layer)
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never> = Layer.unwrap(Effect.sync(() => {
  const recent = new Recent<LogLine>()
  const logger = Logger.make(({ cause, date, fiber, logLevel, message }) => {
    // what the runtime says of a task is said outside of it
    const task = Task.currentId(fiber) ?? fiber.getRef(References.CurrentLogAnnotations)["task"]
    if (typeof task !== "string") return
    const span = Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
    recent.add(task, {
      at: date.getTime(),
      level: logLevel,
      message: textOf(message, cause),
      spanId: span?.spanId ?? null,
      traceId: span?.traceId ?? null
    })
  })
  return Layer.merge(Logger.layer([logger], { mergeWithExisting: true }), Layer.succeed(RecentLogs, recent))
}))

const textOf = (message: unknown, cause: Cause.Cause<unknown>): string => {
  const parts = (Array.isArray(message) ? message : [message]).map((part) =>
    typeof part === "string" ? part : toJson(part, 2_048).text
  )
  return bounded((cause.reasons.length === 0 ? parts : [...parts, Cause.pretty(cause)]).join(" "), text.log)
}
