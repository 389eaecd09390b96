/**
 * The spans of each task, for the inspector.
 *
 * @since 0.1.0
 */
import { Task } from "effect-tasks"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import type { TaskSpan } from "./Inspection.ts"
import { text } from "./internal/limits.ts"
import { Recent, RecentSpans } from "./internal/recent.ts"
import { bounded } from "./internal/text.ts"

/**
 * Keeps names and times of the latest 100 spans that each task makes, for the latest 2,000 tasks that make any. The tracer
 * that there is goes on making the spans, and sees what it saw before.
 *
 * **When to use**
 *
 * Use to see in the inspector where the time of a task went. Provide it to the layers of the handlers and to
 * `Dashboard.layer`.
 *
 * **Details**
 *
 * Attributes and events are not kept, nor are spans that are made outside of tasks. Where the application has no tracer,
 * Effect's native one makes the spans, and one for each attempt of a task, as effect-tasks does for any other tracer. It
 * costs a little for each span, also while nobody watches.
 *
 * **Gotchas**
 *
 * Provide the application's tracer to this layer, as below: of two that stand side by side, one replaces the other. A tracer
 * that only those who dispatch have makes no spans of tasks any more.
 *
 * **Example** (Providing it to a whole application)
 *
 * ```ts no-run
 * import { Dashboard, DashboardSpans } from "@effect-tasks/dashboard"
 * import { Effect, Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 * import { OtlpSerialization, OtlpTracer } from "effect/observability"
 * import { Job, WorkerPool } from "effect-tasks"
 *
 * class Greet extends Job.make("Greet") {}
 * const GreetLive = Greet.toLayer(() => Effect.withSpan(Effect.sleep("1 second"), "thinking"))
 *
 * const TracerLive = OtlpTracer.layer({ url: "http://127.0.0.1:4318/v1/traces" }).pipe(
 *   Layer.provide([OtlpSerialization.layerJson, FetchHttpClient.layer])
 * )
 *
 * export const AppLive = Layer.merge(GreetLive, Dashboard.layer()).pipe(
 *   Layer.provideMerge(WorkerPool.layer()),
 *   Layer.provide(DashboardSpans.layer),
 *   Layer.provide(TracerLive)
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never> = Layer.unwrap(Effect.map(Effect.tracer, (tracer) => {
  const recent = new Recent<TaskSpan>()
  return Layer.merge(Layer.succeed(Tracer.Tracer, watched(tracer, recent)), Layer.succeed(RecentSpans, recent))
}))

/** The same tracer, whose spans inside tasks are written down. */
const watched = (tracer: Tracer.Tracer, recent: Recent<TaskSpan>): Tracer.Tracer => {
  /** A tracer may give the same span again and again. */
  const known = new WeakSet<Tracer.Span>()
  return Tracer.make({
    context: tracer.context,
    span: (options) => {
      const span = tracer.span(options)
      const task = currentTask()
      if (task === undefined || known.has(span)) return span
      known.add(span)
      const entry = {
        id: bounded(span.spanId, text.name),
        parentId: Option.match(options.parent, {
          onNone: () => null,
          onSome: ({ spanId }) => bounded(spanId, text.name)
        }),
        name: bounded(options.name, text.name),
        start: millisOf(options.startTime),
        end: null,
        failed: false
      }
      if (onEnd(span, (at, exit) => Object.assign(entry, { end: millisOf(at), failed: hasFailed(exit) }))) {
        recent.add(task, entry)
      }
      return span
    }
  })
}

/** None where spans have no times. */
const currentTask = (): string | undefined => {
  const fiber = Fiber.getCurrent()
  if (fiber === undefined || !fiber.getRef(References.TracerTimingEnabled)) return undefined
  return Task.currentId(fiber)
}

type End = Tracer.Span["end"]

/** Exporters know their spans by identity: so the span itself tells, not one that stands for it. Gives whether it can. */
const onEnd = (span: Tracer.Span, tell: End): boolean => {
  const { end } = span
  return Reflect.defineProperty(span, "end", {
    configurable: true,
    writable: true,
    value(this: Tracer.Span, ...[at, exit]: Parameters<End>) {
      if (this.status._tag !== "Ended") tell(at, exit)
      end.call(this, at, exit)
    }
  })
}

const millisOf = (nanos: bigint): number => Number(nanos) / 1_000_000

const hasFailed = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)
