/** Counts, rates and times by job. */
import type { JobRow, TaskRow } from "../Rows.ts"
import { kept, leastForEta, rateWindow } from "./limits.ts"

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
    this.next = (this.next + 1) % kept.times
  }

  get percentiles(): readonly [number | null, number | null] {
    const sorted = this.values.toSorted((a, b) => a - b)
    const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? null
    return [at(0.5), at(0.99)]
  }
}

/** How finely ends are counted: what falls out of the window falls out in steps of this, and the window with it. */
const grain = 100

/** What ended while it was watched, over the last seconds, or as many as there were. */
export class Rate {
  private readonly counts = new Map<number, number>()
  private readonly since: number

  constructor(since: number) {
    this.since = since
  }

  /** What ended until then was not watched. */
  add(at: number): void {
    if (at <= this.since) return
    const slot = Math.floor(at / grain)
    this.counts.set(slot, (this.counts.get(slot) ?? 0) + 1)
  }

  /** The ends of the window, and how long the window is. */
  measure(now: number): { readonly ends: number, readonly watched: number } {
    const first = Math.ceil((now - rateWindow) / grain)
    let ends = 0
    for (const [slot, count] of this.counts) {
      if (slot < first) this.counts.delete(slot)
      else ends += count
    }
    return { ends, watched: now - Math.max(this.since, first * grain) }
  }
}

/** The times and the rate of a job, or of all. */
export class Flow {
  private readonly waits = new Latest()
  private readonly runs = new Latest()
  private readonly rate: Rate
  private times: JobRow["times"] = { waitP50: null, waitP99: null, runP50: null, runP99: null }
  private isStale = false

  constructor(since: number) {
    this.rate = new Rate(since)
  }

  ended({ delay, exitStatus, finishedAt, queuedAt, sleepTime, startedAt }: TaskRow): void {
    if (finishedAt === null || exitStatus === "unknown") return
    this.isStale = true
    this.rate.add(finishedAt)
    if (startedAt === null) return
    this.waits.add(Math.max(0, startedAt - queuedAt - delay))
    this.runs.add(Math.max(0, finishedAt - startedAt - sleepTime))
  }

  /** Ends per second, and how long so many tasks will take; null where nobody can tell yet. */
  measure(now: number, unfinished: number): { readonly rate: number | null, readonly eta: number | null } {
    const { ends, watched } = this.rate.measure(now)
    if (watched < leastForEta.time) return { rate: null, eta: null }
    const perSecond = ends / watched * 1_000
    return {
      rate: Math.round(perSecond * 10) / 10,
      eta: unfinished === 0 || ends < leastForEta.ends ? null : Math.round(unfinished / perSecond * 1_000)
    }
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

/** The row of those that have none of their own. */
const otherJobs = "(other jobs)"

export class Jobs {
  readonly all: Flow
  private readonly jobs = new Map<string, Job>()
  private readonly dirty = new Set<string>()
  private readonly since: number

  constructor(since: number) {
    this.since = since
    this.all = new Flow(since)
  }

  /** A task has come, or stands elsewhere than before. */
  moved(row: TaskRow, from: Bucket | undefined): void {
    const name = this.jobs.has(row.job) || this.jobs.size < kept.jobs - 1 ? row.job : otherJobs
    const job = this.of(name)
    const to = bucketOf(row)
    if (from === to) return
    if (from !== undefined) job.counts[from]--
    job.counts[to]++
    this.dirty.add(name)
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

  private of(name: string): Job {
    const known = this.jobs.get(name)
    if (known !== undefined) return known
    const counts = { queued: 0, running: 0, sleeping: 0, stopping: 0, success: 0, error: 0, canceled: 0, unknown: 0 }
    const job: Job = { counts, flow: new Flow(this.since), row: undefined }
    this.jobs.set(name, job)
    return job
  }
}

const rowOf = (job: string, { counts, flow, row }: Job, now: number, fresh: boolean): JobRow => {
  const unfinished = counts.queued + counts.running + counts.sleeping + counts.stopping
  const { eta, rate } = fresh || row === undefined ? flow.measure(now, unfinished) : row
  return { job, ...counts, rate, eta: unfinished === 0 ? null : eta, times: flow.percentiles(fresh) }
}

const same = (a: JobRow, b: JobRow): boolean =>
  (Object.keys(b) as Array<keyof JobRow>).every((field) => a[field] === b[field])
