/** Metrics by job: dispatches, outcomes, queue time and run time. */
import * as Metric from "effect/Metric"
import { exitStatusOf } from "./outcome.ts"
import type { JobState, TaskRecord } from "./records.ts"

const boundaries = Metric.exponentialBoundaries({ start: 1, factor: 4, count: 12 })

const makeMetrics = (job: string) => {
  const exited = Metric.counter("effect_tasks_exited_total", {
    description: "Ended tasks by outcome",
    incremental: true
  })
  return {
    dispatched: Metric.withAttributes(
      Metric.counter("effect_tasks_dispatched_total", { description: "Accepted tasks", incremental: true }),
      { job }
    ),
    success: Metric.withAttributes(exited, { job, status: "success" }),
    canceled: Metric.withAttributes(exited, { job, status: "canceled" }),
    error: Metric.withAttributes(exited, { job, status: "error" }),
    queueTime: Metric.withAttributes(
      Metric.histogram("effect_tasks_queue_time_ms", { description: "Time to the first start", boundaries }),
      { job }
    ),
    runTime: Metric.withAttributes(
      Metric.histogram("effect_tasks_run_time_ms", { description: "Time from the first start to the end", boundaries }),
      { job }
    )
  }
}

export type JobMetrics = ReturnType<typeof makeMetrics>

const metricsOf = (job: JobState): JobMetrics => job.metrics ??= makeMetrics(job.tag)

export const countDispatch = (task: TaskRecord): void =>
  metricsOf(task.job).dispatched.updateUnsafe(1, task.machine.context)

export const countExit = (task: TaskRecord): void => {
  const { context } = task.machine
  const metrics = metricsOf(task.job)
  metrics[exitStatusOf(task)].updateUnsafe(1, context)
  if (task.startedAt === undefined) return
  metrics.queueTime.updateUnsafe(task.startedAt - task.queuedAt, context)
  metrics.runTime.updateUnsafe(task.finishedAt! - task.startedAt, context)
}
