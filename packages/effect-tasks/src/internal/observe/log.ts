/** Logs: what a task logs says which task. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
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
  const current = fiber.getRef(References.CurrentLogAnnotations)
  const given = othersIn.get(current) ?? current
  if (given === current && Object.keys(own).every((name) => name in given)) return
  fiber.setContext(Context.add(fiber.context, References.CurrentLogAnnotations, { ...own, ...given }))
})

/** What is beside the annotations that are made at the reading. */
const othersIn = new WeakMap<Annotations, Annotations>()

/**
 * For loggers that a handler puts in the place of those given, the annotator with them: annotations of the task that the
 * reading fiber is inside of, beside others.
 */
const atReading = (others: Annotations): Annotations => {
  const now = (): Annotations => {
    const task = taskAt(Fiber.getCurrent()?.getRef(CurrentTask))
    return task === undefined ? others : { ...annotationsOf(task), ...others }
  }
  const annotations = new Proxy({}, {
    get: (_, name) => Reflect.get(now(), name),
    has: (_, name) => Reflect.has(now(), name),
    ownKeys: () => Reflect.ownKeys(now()),
    getOwnPropertyDescriptor: (_, name) => Reflect.getOwnPropertyDescriptor(now(), name)
  })
  othersIn.set(annotations, others)
  return annotations
}

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
    Context.add(context, References.CurrentLogAnnotations, atReading(others)),
    Logger.CurrentLoggers,
    loggers
  )
}
