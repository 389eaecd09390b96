/** Rows of the target table: a listener, metrics and a tracer. */
import { Effect, Fiber, Layer, Metric, Schedule, Stream, Tracer } from "effect"
import { WorkerPool } from "effect-tasks"
import { bodies, items } from "../bodies.ts"
import { type Estimate, estimate, interleave, least, type Measured, ratio, seriesOf, type Subject } from "../measure.ts"
import type { Case } from "../result.ts"
import { type App, makeApp, runAll, TurnJob } from "../tasks.ts"

/** What a program without metrics would have: a registry that finds a hook for every metric and keeps nothing. */
const silence = (): Layer.Layer<never> => {
  const nothing = () => {}
  const hooks = { get: nothing, update: nothing, modify: nothing }
  const registry = new Map<string, any>()
  registry.get = () => ({ hooks })
  return Layer.succeed(Metric.MetricRegistry)(registry)
}

type Jobs = Layer.Layer<any> | Layer.Layer<never>

export const metricsOff = (jobs: Jobs = Layer.empty): App => makeApp({ workers: 64 }, jobs, silence())

export const metricsOn = (jobs: Jobs = Layer.empty): App =>
  makeApp({ workers: 64 }, jobs, Layer.succeed(Metric.MetricRegistry)(new Map()))

export const tracer = Tracer.make({ span: (options) => new Tracer.NativeSpan(options) })

/** Keeps this effect running beside the runs of a subject. */
export const beside = (app: App, effect: Effect.Effect<unknown, never, any>): Pick<Subject, "after" | "before"> => {
  let fiber: Fiber.Fiber<unknown, unknown> | undefined
  return {
    before: async () => {
      fiber = app.runFork(effect)
      // until it listens
      await app.runPromise(Effect.sleep(1))
    },
    after: () => Effect.runPromise(Fiber.interrupt(fiber!))
  }
}

export const listen = WorkerPool.use(({ events }) => Stream.runForEach(events, () => Effect.void))

const readMetrics = Effect.repeat(Metric.snapshot, Schedule.spaced("100 millis"))

const subjects = (size: number): ReadonlyArray<Subject> => {
  const [silent, metered, listened, traced] = [metricsOff(), metricsOn(), metricsOn(), metricsOn()]
  const run = (app: App) => () => app.runPromise(runAll(TurnJob, size))
  const eachOf = (effect: Effect.Effect<void>) => () =>
    Effect.runPromise(Effect.forEach(items(size), () => effect, { concurrency: 64, discard: true }))
  return [
    { name: "metrics off", size, run: run(silent) },
    { name: "plain", size, run: run(metered) },
    { name: "metrics read", size, run: run(metered), ...beside(metered, readMetrics) },
    { name: "one listener", size, run: run(listened), ...beside(listened, listen) },
    { name: "tracer", size, run: () => traced.runPromise(Effect.withTracer(runAll(TurnJob, size), tracer)) },
    { name: "bare", size, run: eachOf(bodies.setImmediate.effect) },
    {
      name: "bare, span",
      size,
      run: eachOf(Effect.withTracer(
        bodies.setImmediate.effect.pipe(Effect.withSpan("Turn", {}, { captureStackTrace: false })),
        tracer
      ))
    }
  ]
}

/** How many per cent more. */
const excess = (measured: Measured, name: string, base: string): Estimate => {
  const { best, high, low, median } = ratio(seriesOf(measured, name), seriesOf(measured, base))
  const percent = (times: number) => (times - 1) * 100
  return { best: percent(best), high: percent(high), low: percent(low), median: percent(median) }
}

/** What the tracer adds to a task, against what a span adds to the same effect without one. */
const spans = (measured: Measured): Estimate => {
  const [traced, plain, span, bare] = ["tracer", "plain", "bare, span", "bare"].map((name) =>
    seriesOf(measured, name).wall
  )
  const ratios = traced!.map((value, round) => (value - plain![round]!) / (span![round]! - bare![round]!))
  const best = (least(traced!) - least(plain!)) / (least(span!) - least(bare!))
  return { ...estimate(ratios), best }
}

export const observers: Case = {
  name: "observers",
  about: "one event listener, metrics on, tracer on",
  target: true,
  run: async ({ full, rounds }) => {
    const measured = await interleave(subjects(full ? 50_000 : 10_000), rounds + 2)
    const percent = (name: string, value: Estimate, atMost: number) => ({
      name,
      unit: "percent" as const,
      value,
      bound: { atMost }
    })
    const metrics = excess(measured, "metrics read", "metrics off")
    return {
      noise: measured.noise,
      targets: [
        percent("one event listener, more than without", excess(measured, "one listener", "plain"), 25),
        { ...percent("metrics on and read, more than a silent registry", metrics, 10), further: true },
        {
          name: "what a tracer adds, in spans",
          unit: "times",
          value: spans(measured),
          bound: { atMost: 1.5 },
          further: true
        }
      ]
    }
  }
}
