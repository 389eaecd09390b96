/**
 * Metrics by job: dispatches, outcomes, queue time and run time.
 *
 * They are kept as plain numbers and read when somebody looks at the registry: updating Effect's own metrics would take a
 * quarter of the time of a task that does nothing. Worker pools with the same registry count together.
 */
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import { getOrMake } from "../queue/getOrMake.ts"
import { boundaries, type Distribution, JobMetrics } from "../record/metrics.ts"
import { exitStatusOf } from "../record/outcome.ts"
import type { TaskRecord } from "../record/task.ts"

/** What the registry keeps for ever. Made by itself: a closure would keep all that is in scope where it is made. */
const counterOf = (get: () => number) => hooksOf(() => ({ count: get(), incremental: true }))
const histogramOf = (distribution: Distribution) => hooksOf(() => distribution.state)
const hooksOf = <S>(get: () => S) => ({ get, update: ignore, modify: ignore })
const ignore = () => {}

const readDispatched = (metrics: JobMetrics) => () => metrics.dispatched
const readExited = (metrics: JobMetrics, status: keyof JobMetrics["exited"]) => () => metrics.exited[status]

const register = (job: string, metrics: JobMetrics, context: Context.Context<never>): void => {
  const counter = (name: string, description: string, attributes: Record<string, string>, get: () => number) =>
    Metric.registerUnsafe(
      Metric.counter(name, { description, attributes, incremental: true }),
      context,
      counterOf(get)
    )
  const histogram = (name: string, description: string, distribution: Distribution) =>
    Metric.registerUnsafe(
      Metric.histogram(name, { description, attributes: { job }, boundaries }),
      context,
      histogramOf(distribution)
    )
  counter("effect_tasks_dispatched_total", "Accepted tasks", { job }, readDispatched(metrics))
  for (const status of ["success", "canceled", "error"] as const) {
    counter("effect_tasks_exited_total", "Ended tasks by outcome", { job, status }, readExited(metrics, status))
  }
  histogram("effect_tasks_queue_time_ms", "Time to the first start", metrics.queueTime)
  histogram("effect_tasks_run_time_ms", "Time from the first start to the end", metrics.runTime)
}

type Jobs = Map<string, JobMetrics>

/** By registry and common attributes, which make the identity of a series with the job. */
const known = new WeakMap<object, WeakMap<object, Jobs>>()

const metricsIn = (context: Context.Context<never>, job: string): JobMetrics => {
  const byAttributes = getOrMake(known, Context.get(context, Metric.MetricRegistry), () => new WeakMap<object, Jobs>())
  const jobs = getOrMake(byAttributes, Context.get(context, Metric.CurrentMetricAttributes), () => new Map() as Jobs)
  return getOrMake(jobs, job, () => {
    const metrics = new JobMetrics()
    register(job, metrics, context)
    return metrics
  })
}

const metricsOf = ({ job, machine }: TaskRecord): JobMetrics => job.metrics ??= metricsIn(machine.context, job.tag)

export const countDispatch = (task: TaskRecord): void => {
  metricsOf(task).dispatched++
}

export const countExit = (task: TaskRecord): void => {
  const metrics = metricsOf(task)
  metrics.exited[exitStatusOf(task)]++
  if (task.startedAt === undefined) return
  metrics.queueTime.add(Math.max(0, task.startedAt - task.queuedAt))
  metrics.runTime.add(Math.max(0, task.finishedAt! - task.startedAt))
}
