/**
 * Metrics by job: dispatches, outcomes, queue time and run time.
 *
 * They are kept as plain numbers and read when somebody looks at the registry: updating Effect's own metrics would take a
 * quarter of the time of a task that does nothing. Worker pools with the same registry count together.
 */
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import { getOrMake } from "./getOrMake.ts"
import type { ExitStatus } from "./model.ts"
import { exitStatusOf } from "./outcome.ts"
import type { TaskRecord } from "./records.ts"

const boundaries = Metric.exponentialBoundaries({ start: 1, factor: 4, count: 12 })

/** How many values fell below each boundary. */
class Distribution {
  private readonly counts = new Float64Array(boundaries.length)
  private count = 0
  private sum = 0
  private min = Infinity
  private max = -Infinity

  add(value: number): void {
    let bucket = 0
    while (value > boundaries[bucket]) bucket++
    this.counts[bucket]++ // the last boundary is infinite
    this.count++
    this.sum += value
    if (value < this.min) this.min = value
    if (value > this.max) this.max = value
  }

  get state(): Metric.HistogramState {
    let below = 0
    const buckets = boundaries.map((boundary, i): [number, number] => [boundary, below += this.counts[i]])
    return { buckets, count: this.count, sum: this.sum, min: this.min, max: this.max }
  }
}

export class JobMetrics {
  dispatched = 0
  readonly exited: Record<ExitStatus, number> = { success: 0, canceled: 0, error: 0 }
  readonly queueTime = new Distribution()
  readonly runTime = new Distribution()

  constructor(job: string, context: Context.Context<never>) {
    const register = <I, S>(metric: Metric.Metric<I, S>, get: () => S) =>
      Metric.registerUnsafe(metric, context, { get, update: ignore, modify: ignore })
    const counter = (name: string, description: string, attributes: Record<string, string>, get: () => number) =>
      register(
        Metric.counter(name, { description, attributes, incremental: true }),
        () => ({ count: get(), incremental: true })
      )
    const histogram = (name: string, description: string, distribution: Distribution) =>
      register(Metric.histogram(name, { description, attributes: { job }, boundaries }), () => distribution.state)
    counter("effect_tasks_dispatched_total", "Accepted tasks", { job }, () => this.dispatched)
    for (const status of ["success", "canceled", "error"] as const) {
      counter("effect_tasks_exited_total", "Ended tasks by outcome", { job, status }, () => this.exited[status])
    }
    histogram("effect_tasks_queue_time_ms", "Time to the first start", this.queueTime)
    histogram("effect_tasks_run_time_ms", "Time from the first start to the end", this.runTime)
  }
}

const ignore = () => {}

type Jobs = Map<string, JobMetrics>

/** By registry and common attributes, which make the identity of a series with the job. */
const known = new WeakMap<object, WeakMap<object, Jobs>>()

const metricsIn = (context: Context.Context<never>, job: string): JobMetrics => {
  const byAttributes = getOrMake(known, Context.get(context, Metric.MetricRegistry), () => new WeakMap<object, Jobs>())
  const jobs = getOrMake(byAttributes, Context.get(context, Metric.CurrentMetricAttributes), () => new Map() as Jobs)
  return getOrMake(jobs, job, () => new JobMetrics(job, context))
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
