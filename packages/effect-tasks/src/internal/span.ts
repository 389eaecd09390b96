/** Spans of tasks: none unless the application has a tracer of its own. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Tracer from "effect/Tracer"
import type { Run } from "./records.ts"

/** Where a dispatch comes from, as far as a span of the task needs to know. */
export const tracingOf = ({ cache: { span, tracer } }: Fiber.Fiber<unknown, unknown>): Run["dispatchedIn"] =>
  tracer === undefined && span === undefined ? undefined : { span, tracer }

/** Runs the handler in a span named after its job: below the dispatcher's in an owned pool, linked to it in GLOBAL. */
export const traced = <A, E, R>(run: Run, handler: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const { dispatchedIn, task } = run
    const tracer = fiber.cache.tracer ?? dispatchedIn?.tracer
    if (tracer === undefined || tracer === Tracer.nativeTracer) return handler
    const parent = dispatchedIn?.span
    const attributes = { "task.id": task.id, "task.pool": task.pool.id, "task.attempt": task.attempt }
    const span = task.pool.isGlobal || parent === undefined
      ? { root: true, links: parent === undefined ? [] : [{ span: parent, attributes: {} }] }
      : { parent }
    return handler.pipe(
      Effect.withSpan(task.job.tag, { ...span, attributes }, { captureStackTrace: false }),
      Effect.withTracer(tracer)
    ) as Effect.Effect<A, E, R> // withSpan takes ParentSpan out of R, which a handler does not ask for
  })
