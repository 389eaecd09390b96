/** The beat of the worker pool and of the process. */
import type { WorkerPoolStatus } from "effect-tasks"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { getHeapStatistics } from "node:v8"
import type { Pulse } from "../Rows.ts"
import type { Flow } from "./jobs.ts"
import { finite } from "./text.ts"

const kept = 60
/** The histogram measures its own timer too. */
const resolution = 20

type Process = Pick<Pulse, "loopDelayMean" | "loopDelayP99" | "heapUsed" | "heapLimit">

export class Heart {
  readonly history: Array<Pulse> = []
  private readonly delay: ReturnType<typeof monitorEventLoopDelay>
  private readonly flow: Flow
  private process: Process | undefined

  constructor(flow: Flow) {
    this.flow = flow
    this.delay = monitorEventLoopDelay({ resolution })
    this.delay.enable()
  }

  stop(): void {
    this.delay.disable()
  }

  /** `sample` once a second: what is dear is measured anew, and the history grows. */
  beat(status: WorkerPoolStatus, now: number, viewers: number, sample: boolean): Pulse {
    if (sample || this.process === undefined) this.process = this.measure()
    const { seq: _, workers, ...counts } = status
    const pulse: Pulse = {
      at: now,
      ...counts,
      workers: finite(workers),
      free: finite(Math.max(0, workers - status.busy)),
      rate: this.flow.perSecond(now),
      times: this.flow.percentiles(sample),
      ...this.process,
      viewers
    }
    if (sample) {
      this.history.push(pulse)
      if (this.history.length > kept) this.history.shift()
    }
    return pulse
  }

  private measure(): Process {
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
