/** Spans of tasks: none unless the application has a tracer of its own. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Tracer from "effect/Tracer"
import type { Rare, Run } from "../record/run.ts"

/** Where a dispatch comes from, as far as a span of the task needs to know. */
export const tracingOf = ({ cache: { span, tracer } }: Fiber.Fiber<unknown, unknown>): Rare["dispatchedIn"] =>
  tracer === undefined && span === undefined ? undefined : { span, tracer }

/** The tracer of a task: none while Effect's built-in one is in place. */
export const tracerOf = (
  { rare }: Run,
  fiber: Fiber.Fiber<unknown, unknown>
): Tracer.Tracer | undefined => {
  const tracer = fiber.cache.tracer ?? rare?.dispatchedIn?.tracer
  return tracer === Tracer.nativeTracer ? undefined : tracer
}

/** Runs the handler in a span named after its job: below the dispatcher's in an owned pool, linked to it in GLOBAL. */
export const inSpan = <A, E, R>(
  { rare, task }: Run,
  tracer: Tracer.Tracer,
  handler: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const parent = rare?.dispatchedIn?.span
  const attributes = { "task.id": task.id, "task.pool": task.pool.id, "task.attempt": task.attempt }
  const span = task.pool.isGlobal || parent === undefined
    ? { root: true, links: parent === undefined ? [] : [{ span: parent, attributes: {} }] }
    : { parent }
  return handler.pipe(
    Effect.withSpan(task.job.tag, { ...span, attributes }, { captureStackTrace: false }),
    Effect.withTracer(tracer)
  ) as Effect.Effect<A, E, R> // withSpan takes ParentSpan out of R, which a handler does not ask for
}
