/** Metrics by job: dispatches, outcomes, queue time and run time. */
import * as Metric from "effect/Metric"
import type { ExitStatus } from "./model.ts"
import { exitStatusOf } from "./outcome.ts"
import type { JobState, TaskRecord } from "./records.ts"

const boundaries = Metric.exponentialBoundaries({ start: 1, factor: 4, count: 12 })

/** Attributes are given at once: `Metric.withAttributes` would build a context at each update. */
const makeMetrics = (job: string) => {
  const exited = (status: ExitStatus) =>
    Metric.counter("effect_tasks_exited_total", {
      description: "Ended tasks by outcome",
      attributes: { job, status },
      incremental: true
    })
  const attributes = { job }
  return {
    dispatched: Metric.counter("effect_tasks_dispatched_total", {
      description: "Accepted tasks",
      attributes,
      incremental: true
    }),
    success: exited("success"),
    canceled: exited("canceled"),
    error: exited("error"),
    queueTime: Metric.histogram("effect_tasks_queue_time_ms", {
      description: "Time to the first start",
      attributes,
      boundaries
    }),
    runTime: Metric.histogram("effect_tasks_run_time_ms", {
      description: "Time from the first start to the end",
      attributes,
      boundaries
    })
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
  metrics.queueTime.updateUnsafe(Math.max(0, task.startedAt - task.queuedAt), context)
  metrics.runTime.updateUnsafe(Math.max(0, task.finishedAt! - task.startedAt), context)
}
