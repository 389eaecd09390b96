/** How the worker pool and the process are. */
import type { WorkerPoolStatus } from "effect-tasks"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { getHeapStatistics } from "node:v8"
import type { History, Pulse } from "../Rows.ts"
import { noHistory, record } from "./history.ts"
import type { Flow } from "./jobs.ts"
import { finite } from "./text.ts"

/** The histogram measures its own timer too. */
const resolution = 20

type Process = Pick<Pulse, "loopDelayMean" | "loopDelayP99" | "heapUsed" | "heapLimit">

/** How many workers were busy over time, by the events that made them so. */
export class Usage {
  private busy = 0
  private area = 0
  private at: number
  private since: number

  constructor(now: number) {
    this.at = this.since = now
  }

  change(at: number, difference: number): void {
    if (difference === 0) return
    this.advance(at)
    this.busy += difference
  }

  /** Begins anew: what came before was not watched. */
  restart(now: number): void {
    this.at = this.since = now
    this.area = 0
  }

  /** The mean since the last time. */
  take(now: number): number | null {
    this.advance(now)
    const mean = now > this.since ? this.area / (now - this.since) : null
    this.since = now
    this.area = 0
    return mean
  }

  /** Events are read a little later than they happen. */
  private advance(at: number): void {
    if (at <= this.at) return
    this.area += this.busy * (at - this.at)
    this.at = at
  }
}

export class PulseMeter {
  history: History = noHistory
  private readonly delay: ReturnType<typeof monitorEventLoopDelay>
  private readonly flow: Flow
  private readonly usage: Usage
  private process: Process | undefined
  private utilization: number | null = null

  constructor(flow: Flow, usage: Usage) {
    this.flow = flow
    this.usage = usage
    this.delay = monitorEventLoopDelay({ resolution })
    this.delay.enable()
  }

  stop(): void {
    this.delay.disable()
  }

  /** `sample` once a second: what is dear is measured anew, and the history grows. */
  measure(status: WorkerPoolStatus, now: number, viewers: number, sample: boolean): Pulse {
    const { seq: _, workers, ...counts } = status
    if (sample) {
      const busy = this.usage.take(now)
      this.utilization = busy === null || !Number.isFinite(workers) ? null : Math.min(1, busy / workers)
    }
    if (sample || this.process === undefined) this.process = this.measureProcess()
    const pulse: Pulse = {
      at: now,
      ...counts,
      workers: finite(workers),
      free: finite(Math.max(0, workers - status.busy)),
      utilization: this.utilization,
      ...this.flow.measure(now, status.queued + status.busy + status.sleeping),
      times: this.flow.percentiles(sample),
      ...this.process,
      viewers
    }
    if (sample) this.history = record(this.history, pulse)
    return pulse
  }

  private measureProcess(): Process {
    const { heap_size_limit, used_heap_size } = getHeapStatistics()
    const late = (nanoseconds: number) =>
      Number.isFinite(nanoseconds) ? Math.max(0, Math.round(nanoseconds / 1e4) / 100 - resolution) : 0
    const { delay } = this
    const measured = {
      loopDelayMean: delay.count === 0 ? 0 : late(delay.mean),
      loopDelayP99: delay.count === 0 ? 0 : late(delay.percentile(99)),
      heapUsed: used_heap_size,
      heapLimit: heap_size_limit
    }
    delay.reset()
    return measured
  }
}
