/** What is known while somebody watches: the runtime's events turned into rows, and rows into deltas. */
import type { TaskEvent } from "effect-tasks"
import type { Delta, Message, Position } from "../Feed.ts"
import { Jobs } from "./jobs.ts"
import { kept, lag, message } from "./limits.ts"
import { Pools } from "./pools.ts"
import { PulseMeter, Usage } from "./pulse.ts"
import { Ring } from "./ring.ts"
import type { Runtime } from "./runtime.ts"
import { Tasks } from "./tasks.ts"

/** Between two looks at what changes without an event, in ticks. */
const sweepEvery = 3

export interface About {
  readonly run: string
  readonly title: string
  readonly readonly: boolean
  readonly history: number
}

export type Why = Extract<Message, { readonly _tag: "Snapshot" }>["why"]

export class Session {
  readonly tasks: Tasks
  readonly pools: Pools
  seq: number
  /** No more events will come. */
  ended = false
  /** Grows each time that every viewer needs a new snapshot. */
  gap = 0
  /** How many events were dropped since the last flush, and in all. */
  missing = 0
  private missed = 0
  readonly jobs: Jobs
  readonly usage: Usage
  private readonly meter: PulseMeter
  private readonly ring = new Ring(lag)
  private readonly waiters = new Set<() => void>()
  private readonly runtime: Runtime
  private readonly about: About
  private readonly viewers: () => number
  private readonly watchedSince: number
  /** When events were dropped. */
  private readonly gaps: Array<{ readonly from: number, readonly to: number }> = []
  /** Since when some are lacking that have not been made up for. */
  private unseenFrom: number | undefined
  private latest: number
  private lastSample: number
  private moved = false
  private ticks = 0

  constructor(runtime: Runtime, about: About, viewers: () => number, seq: number, now: number) {
    this.runtime = runtime
    this.about = about
    this.viewers = viewers
    this.seq = seq
    this.lastSample = this.watchedSince = this.latest = now
    this.jobs = new Jobs(now)
    this.usage = new Usage(now)
    this.meter = new PulseMeter(this.jobs.all, this.usage)
    this.pools = new Pools(runtime)
    this.tasks = new Tasks(this, runtime, about.history)
  }

  take(events: ReadonlyArray<TaskEvent.TaskEvent>): void {
    const ofTasks: Array<Extract<TaskEvent.TaskEvent, { readonly taskId: string }>> = []
    for (const event of events) {
      switch (event._tag) {
        case "Missed":
          this.missing += event.count
          this.unseenFrom ??= this.latest
          break
        case "WorkersChanged":
          this.moved = true
          this.tasks.sweepQueued(message.taskRows, event.at)
          break
        case "PoolOpened":
        case "PoolSealed":
        case "PoolDone":
          this.pools.apply(event)
          break
        default:
          ofTasks.push(event)
          this.pools.mark(event.poolId)
      }
    }
    this.tasks.apply(ofTasks)
    const last = events.at(-1)
    if (last !== undefined && last._tag !== "Missed") this.latest = last.at
  }

  /** Takes everything as it stands, in steps between which others get their turn. */
  *load(now: () => number): Generator<void> {
    for (const pool of this.runtime.pools()) this.pools.load(pool, now())
    const tasks = this.runtime.tasks()
    for (let i = 0; i < tasks.length; i += message.snapshotRows) {
      const { seq } = this.runtime.status()
      this.tasks.load(tasks.slice(i, i + message.snapshotRows), seq, now(), this.unseenFrom)
      yield
    }
  }

  /** The first picture needs no deltas. */
  discardChanges(now: number): void {
    this.tasks.flush(Infinity, now)
    this.pools.flush(now, Infinity)
    this.jobs.flush(now, true)
    this.usage.restart(now)
  }

  /** Makes up for dropped events, once everything was loaded again: what is gone ended unseen. */
  makeUp(now: number): void {
    this.missed += this.missing
    this.missing = 0
    this.gaps.push({ from: this.unseenFrom ?? now, to: now })
    if (this.gaps.length > kept.gaps) this.gaps.shift()
    this.unseenFrom = undefined
    this.tasks.lose(now)
    this.pools.lose(now)
    this.discardChanges(now)
    this.seq++
    this.gap++
    this.ring.clear()
    this.wake()
  }

  /** Makes a delta of what has changed, at least one a second for the pulse, and gives the number of its rows. */
  flush(now: number): number {
    const sample = now - this.lastSample >= 1_000
    if (sample) this.lastSample = now
    if (this.ticks++ % sweepEvery === 0) {
      this.tasks.sweep(100, now)
      this.pools.sweep(50)
    }
    const { removedTasks, tasks } = this.tasks.flush(message.taskRows, now)
    const { pools, removedPools } = this.pools.flush(now, message.poolRows)
    const jobs = this.jobs.flush(now, sample)
    const quiet = [tasks, removedTasks, pools, removedPools, jobs].every(({ length }) => length === 0)
    if (quiet && !sample && !this.moved) return 0
    this.moved = false
    const pulse = this.meter.measure(this.runtime.status(), now, this.viewers(), sample)
    const delta: Delta = {
      _tag: "Delta",
      from: this.seq,
      seq: ++this.seq,
      tasks,
      removedTasks,
      pools,
      removedPools,
      jobs,
      pulse,
      sample
    }
    this.ring.push(delta)
    this.wake()
    return tasks.length
  }

  /** A whole picture; its rows are those of this moment, however long it takes to send them. */
  *snapshot(resync: boolean, why: Why, now: number): Generator<Message> {
    const { history, readonly, run, title } = this.about
    const { missed, seq } = this
    const rows = this.tasks.rows
    yield {
      _tag: "Snapshot",
      run,
      seq,
      resync,
      why,
      missed,
      title,
      readonly,
      historyLimit: history,
      tasks: rows.length,
      pools: this.pools.rows,
      jobs: this.jobs.rows,
      pulse: this.meter.measure(this.runtime.status(), now, this.viewers(), false),
      history: this.meter.history,
      watchedSince: this.watchedSince,
      gaps: [...this.gaps]
    }
    for (let i = 0; i < rows.length; i += message.snapshotRows) {
      yield { _tag: "Rows", tasks: rows.slice(i, i + message.snapshotRows) }
    }
    yield { _tag: "Ready", seq }
  }

  resumes({ run, seq }: Position): boolean {
    return run === this.about.run && (seq === this.seq || this.ring.has(seq))
  }

  since(seq: number): Delta | undefined {
    return this.ring.since(seq)
  }

  /** Calls back once there is news for who has seen all up to now. */
  onNews(callback: () => void): () => void {
    this.waiters.add(callback)
    return () => this.waiters.delete(callback)
  }

  end(now: number): void {
    if (this.ended) return
    this.flush(now)
    this.ended = true
    this.wake()
  }

  stop(): void {
    this.meter.stop()
    this.ended = true
    this.wake()
  }

  private wake(): void {
    const waiters = [...this.waiters]
    this.waiters.clear()
    for (const callback of waiters) callback()
  }
}
