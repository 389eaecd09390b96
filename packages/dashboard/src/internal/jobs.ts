/** Counts, rates and times by job. */
import type { JobRow, TaskRow } from "../Rows.ts"

/** No program has so many; a bound all the same. */
const mostJobs = 1_000
const sampled = 500
const window = 10

export type Bucket = "queued" | "running" | "sleeping" | "stopping" | "success" | "error" | "canceled" | "unknown"

const buckets = { Queued: "queued", Running: "running", Sleeping: "sleeping", Stopping: "stopping" } as const

export const bucketOf = ({ exitStatus, state }: Pick<TaskRow, "exitStatus" | "state">): Bucket =>
  state === "Exited" ? exitStatus ?? "unknown" : buckets[state]

/** The latest lengths of time, overwritten in turn. */
class Latest {
  private readonly values: Array<number> = []
  private next = 0

  add(value: number): void {
    this.values[this.next] = value
    this.next = (this.next + 1) % sampled
  }

  get percentiles(): readonly [number | null, number | null] {
    const sorted = this.values.toSorted((a, b) => a - b)
    const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? null
    return [at(0.5), at(0.99)]
  }
}

/** Ends by second, over the last ten whole seconds or as many as there were. */
class Rate {
  private readonly seconds = new Map<number, number>()
  private readonly since: number

  constructor(now: number) {
    this.since = now
  }

  add(at: number): void {
    const second = Math.floor(at / 1_000)
    this.seconds.set(second, (this.seconds.get(second) ?? 0) + 1)
  }

  perSecond(now: number): number {
    const oldest = Math.floor(now / 1_000) - window
    let ends = 0
    for (const [second, count] of this.seconds) {
      if (second <= oldest) this.seconds.delete(second)
      else ends += count
    }
    return Math.round(ends / Math.min(window, Math.max(1, (now - this.since) / 1_000)) * 10) / 10
  }
}

/** The times and the rate of a job, or of all. */
export class Flow {
  private readonly waits = new Latest()
  private readonly runs = new Latest()
  private readonly rate: Rate
  private times: JobRow["times"] = { waitP50: null, waitP99: null, runP50: null, runP99: null }
  private isStale = false

  constructor(now: number) {
    this.rate = new Rate(now)
  }

  ended({ finishedAt, queuedAt, startedAt }: TaskRow): void {
    if (finishedAt === null) return
    this.isStale = true
    this.rate.add(finishedAt)
    if (startedAt === null) return
    this.waits.add(startedAt - queuedAt)
    this.runs.add(finishedAt - startedAt)
  }

  perSecond(now: number): number {
    return this.rate.perSecond(now)
  }

  /** Sorting is for once a second. */
  percentiles(fresh: boolean): JobRow["times"] {
    if (!fresh || !this.isStale) return this.times
    this.isStale = false
    const [waitP50, waitP99] = this.waits.percentiles
    const [runP50, runP99] = this.runs.percentiles
    return this.times = { waitP50, waitP99, runP50, runP99 }
  }
}

interface Job {
  readonly counts: Record<Bucket, number>
  readonly flow: Flow
  row: JobRow | undefined
}

export class Jobs {
  readonly all: Flow
  private readonly jobs = new Map<string, Job>()
  private readonly dirty = new Set<string>()
  private readonly now: number

  constructor(now: number) {
    this.now = now
    this.all = new Flow(now)
  }

  /** A task has come, or stands elsewhere than before. */
  moved(row: TaskRow, from: Bucket | undefined): void {
    const job = this.of(row.job)
    const to = bucketOf(row)
    if (job === undefined || from === to) return
    if (from !== undefined) job.counts[from]--
    job.counts[to]++
    this.dirty.add(row.job)
    if (row.state === "Exited") {
      job.flow.ended(row)
      this.all.ended(row)
    }
  }

  /** The rows that changed; `fresh` once a second, when rates and times are worked out anew. */
  flush(now: number, fresh: boolean): ReadonlyArray<JobRow> {
    const changed: Array<JobRow> = []
    for (const name of fresh ? this.jobs.keys() : this.dirty) {
      const job = this.jobs.get(name)!
      const row = rowOf(name, job, now, fresh)
      if (job.row !== undefined && same(job.row, row)) continue
      job.row = row
      changed.push(row)
    }
    this.dirty.clear()
    return changed
  }

  get rows(): ReadonlyArray<JobRow> {
    return [...this.jobs.values()].flatMap(({ row }) => row ?? [])
  }

  private of(name: string): Job | undefined {
    const known = this.jobs.get(name)
    if (known !== undefined || this.jobs.size >= mostJobs) return known
    const counts = { queued: 0, running: 0, sleeping: 0, stopping: 0, success: 0, error: 0, canceled: 0, unknown: 0 }
    const job: Job = { counts, flow: new Flow(this.now), row: undefined }
    this.jobs.set(name, job)
    return job
  }
}

const rowOf = (job: string, { counts, flow, row }: Job, now: number, fresh: boolean): JobRow => {
  const rate = fresh || row === undefined ? flow.perSecond(now) : row.rate
  const unfinished = counts.queued + counts.running + counts.sleeping + counts.stopping
  const eta = unfinished > 0 && rate > 0 ? Math.round(unfinished / rate * 1_000) : null
  return { job, ...counts, rate, eta, times: flow.percentiles(fresh) }
}

const same = (a: JobRow, b: JobRow): boolean =>
  (Object.keys(b) as Array<keyof JobRow>).every((field) => a[field] === b[field])
