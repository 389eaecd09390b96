/** Logs: what a task logs says which task. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { CurrentTask, taskAt } from "../record/currentTask.ts"
import type { TaskRecord } from "../record/task.ts"

/** A logger that throws stops nothing. */
export const logSafely = (log: Effect.Effect<void>): Effect.Effect<void> => Effect.catchCause(log, () => Effect.void)

type Annotations = Readonly<Record<string, unknown>>

/** Which task a line comes from. */
export const annotationsOf = ({ id, job, pool }: TaskRecord): Annotations => ({
  task: id,
  job: job.tag,
  pool: pool.name
})

/**
 * Stands before the loggers of a handler and gives the annotations of the task to the fiber that logs: a task that logs
 * nothing pays nothing, and they are there for loggers that read them later too.
 */
const annotator = Logger.make<unknown, void>(({ fiber }) => {
  const task = taskAt(fiber.getRef(CurrentTask))
  if (task === undefined) return
  const own = annotationsOf(task)
  const given = fiber.getRef(References.CurrentLogAnnotations)
  if (Object.keys(own).every((name) => name in given)) return
  fiber.setContext(Context.add(fiber.context, References.CurrentLogAnnotations, { ...own, ...given }))
})

/** A context whose logs say that they come from this task. */
export const annotatedFor = (context: Context.Context<never>, task: TaskRecord): Context.Context<never> => {
  const given = Context.get(context, References.CurrentLogAnnotations)
  return Context.add(context, References.CurrentLogAnnotations, { ...given, ...annotationsOf(task) })
}

/** A context whose logs say which task they come from, though it may itself be that of a task. */
export const annotated = (context: Context.Context<never>): Context.Context<never> => {
  const { job: _, pool: __, task: ___, ...others } = Context.get(context, References.CurrentLogAnnotations)
  const loggers = new Set([annotator, ...Context.get(context, Logger.CurrentLoggers)])
  return Context.add(
    Context.add(context, References.CurrentLogAnnotations, others),
    Logger.CurrentLoggers,
    loggers
  )
}
