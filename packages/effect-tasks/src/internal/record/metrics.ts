/** The numbers behind a job's metrics. */
import * as Metric from "effect/Metric"
import type { ExitStatus } from "../../Task.ts"

export const boundaries = Metric.exponentialBoundaries({ start: 1, factor: 4, count: 12 })

/** How many values fell below each boundary. */
export class Distribution {
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
}
