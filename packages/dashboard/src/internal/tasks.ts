/** The tasks that viewers see, built from events; the runtime forgets exited ones sooner. */
import type { Task, TaskEvent } from "effect-tasks"
import * as Cause from "effect/Cause"
import * as Option from "effect/Option"
import type { Segment, TaskRow } from "../Rows.ts"
import { summaryOf } from "./failure.ts"
import { type Bucket, bucketOf, type Jobs } from "./jobs.ts"
import { kept, text } from "./limits.ts"
import { type Payloads, scrub } from "./payload.ts"
import type { Pools } from "./pools.ts"
import type { Usage } from "./pulse.ts"
import { bounded, finite } from "./text.ts"

type Event = Extract<TaskEvent.TaskEvent, { readonly taskId: string }>

type Draft = { -readonly [Field in keyof Omit<TaskRow, "segments">]: TaskRow[Field] } & { segments: Array<Segment> }

interface Entry {
  row: Draft
  /** Whether somebody holds the row: then it is copied before it changes, at most once between two flushes. */
  isShared: boolean
  /** Events up to this one are in the row. */
  seq: number
  /** Held while it lives and until its last row is flushed, since the runtime may forget it sooner. */
  task: Task.Any | undefined
}

type Held = Entry & { readonly task: Task.Any }

export interface Attempt {
  readonly at: number
  readonly attempt: number
  readonly error: string
}

/** Reads of the runtime that take no time. */
export interface Lookup {
  readonly task: (id: string) => Task.Any | undefined
  readonly find: (ids: ReadonlyArray<string>) => ReadonlyArray<Task.Any | undefined>
  readonly payloads: Payloads
  readonly taskStatuses: (tasks: ReadonlyArray<Task.Any>) => ReadonlyArray<Task.Status>
}

export class Tasks {
  private readonly entries = new Map<string, Entry>()
  private readonly dirty = new Set<string>()
  /** Queued since the last look at the runtime. */
  private fresh: Array<Entry> = []
  /** The reports that came since the last flush. */
  private readonly reports = new Map<string, unknown>()
  private readonly retried = new Map<string, Array<Attempt>>()
  private readonly live = new Set<string>()
  /** How many exited tasks are held. */
  private held = 0
  private readonly exited: Array<string> = []
  private exitedStart = 0
  private removed: Array<string> = []
  private sweeper: IteratorObject<string> | undefined
  private readonly jobs: Jobs
  private readonly pools: Pools
  private readonly usage: Usage
  private readonly lookup: Lookup
  private readonly limit: number

  constructor(
    around: { readonly jobs: Jobs, readonly pools: Pools, readonly usage: Usage },
    lookup: Lookup,
    limit: number
  ) {
    this.jobs = around.jobs
    this.pools = around.pools
    this.usage = around.usage
    this.lookup = lookup
    this.limit = limit
  }

  get rows(): ReadonlyArray<TaskRow> {
    return Array.from(this.entries.values(), share)
  }

  row(id: string): TaskRow | undefined {
    const entry = this.entries.get(id)
    return entry === undefined ? undefined : share(entry)
  }

  attempts(id: string): ReadonlyArray<Attempt> {
    return this.retried.get(id) ?? []
  }

  /** The events of one moment: what they are about is looked up at once, before the runtime can forget it. */
  apply(events: ReadonlyArray<Event>): void {
    for (const event of events) this.applyOne(event)
    const found = this.lookup.find(this.fresh.map(({ row }) => row.id))
    for (const [i, entry] of this.fresh.entries()) {
      if (this.entries.get(entry.row.id) !== entry) continue
      entry.task = found[i]
      if (entry.row.state === "Exited") this.hold(entry)
    }
    this.fresh = []
  }

  private applyOne(event: Event): void {
    const { at, seq, taskId } = event
    if (event._tag === "TaskJoined" || event._tag === "TaskReused") return
    const entry = this.entries.get(taskId)
    if (entry !== undefined && seq <= entry.seq) return
    if (event._tag === "TaskQueued") {
      this.fresh.push(this.put(queuedRow(event), seq, undefined, at))
      return
    }
    if (entry === undefined) {
      const task = this.lookup.task(taskId)
      return task === undefined ? undefined : this.load([task], seq, at)
    }
    const from = bucketOf(entry.row)
    entry.seq = seq
    const row = edit(entry)
    switch (event._tag) {
      case "TaskStarted":
        enter(row, at, "Running", event.worker)
        row.attempt = event.attempt
        row.startedAt ??= at
        break
      case "TaskResumed":
        enter(row, at, "Running", event.worker)
        break
      case "TaskSlept":
        enter(row, at, "Sleeping", null, event.waitingFor)
        break
      case "TaskRetrying":
        this.retry(entry, { at, attempt: event.attempt - 1, error: event.error })
        row.attempt = event.attempt
        break
      case "TaskProgressed":
        this.reports.set(taskId, event.progress)
        break
      case "TaskStopping":
        enter(row, at, "Stopping", row.worker)
        break
      case "TaskExited":
        exit(row, at, event.exitStatus)
    }
    this.moved(entry, from, at)
  }

  /**
   * Takes tasks as they stand: those that came before the first event, or whose events were dropped, from `unseenFrom` on.
   */
  load(tasks: ReadonlyArray<Task.Any>, seq: number, now: number, unseenFrom?: number): void {
    for (const [i, status] of this.lookup.taskStatuses(tasks).entries()) {
      const entry = this.entries.get(status.id)
      if (entry !== undefined && entry.row.state === status.state) entry.seq = Math.max(entry.seq, seq)
      else this.put(rowOf(this.lookup.payloads, tasks[i], status, entry?.row, now, unseenFrom), seq, tasks[i], now)
    }
  }

  /** What is live here and unknown to the runtime ended unseen. */
  lose(now: number): void {
    for (const id of this.live) {
      if (this.lookup.task(id) !== undefined) continue
      const entry = this.entries.get(id)!
      const from = bucketOf(entry.row)
      exit(edit(entry), now, "unknown")
      this.moved(entry, from, now)
    }
  }

  /** Reads a few live tasks again: what they wait for, and their priority, change without an event. */
  sweep(count: number, now: number): void {
    this.sweeper ??= this.live.values()
    const ids = this.sweeper.take(count).toArray()
    if (ids.length < count) this.sweeper = undefined
    this.refresh(ids, now)
  }

  /** Reads all queued tasks again, up to a bound. */
  sweepQueued(count: number, now: number): void {
    const isQueued = (id: string) => this.entries.get(id)?.row.state === "Queued"
    this.refresh(this.live.values().take(count).filter(isQueued).toArray(), now)
  }

  refresh(ids: ReadonlyArray<string>, now: number): void {
    const entries = ids.flatMap((id) => this.entries.get(id) ?? []).filter(isHeld)
    for (const [i, status] of this.lookup.taskStatuses(entries.map(({ task }) => task)).entries()) {
      if (adjust(entries[i], status, now)) this.dirty.add(status.id)
    }
  }

  /** The rows that changed, at most so many; the others come next time. */
  flush(count: number, now: number): { readonly tasks: Array<TaskRow>, readonly removedTasks: ReadonlyArray<string> } {
    const entries: Array<Entry> = []
    for (const id of this.dirty) {
      if (entries.length >= count) break
      this.dirty.delete(id)
      const entry = this.entries.get(id)
      if (entry !== undefined) entries.push(entry)
    }
    this.complete(entries.filter(isHeld), now)
    const removedTasks = this.removed
    this.removed = []
    return { tasks: entries.map(share), removedTasks }
  }

  /** Adds what events do not tell. */
  private complete(entries: ReadonlyArray<Held>, now: number): void {
    const asked = entries.filter(({ row }) =>
      row.state === "Queued" || row.waitingFor === "retry" || row.exitStatus === "error"
    )
    const statuses = this.lookup.taskStatuses(asked.map(({ task }) => task))
    for (const [i, entry] of asked.entries()) {
      adjust(entry, statuses[i], now)
      if (entry.row.exitStatus === "error") edit(entry).error = errorOf(this.lookup.payloads, entry.task, statuses[i])
    }
    for (const entry of entries) {
      const { row: { id, key }, task } = entry
      if (key === "") edit(entry).key = this.lookup.payloads.key(task, task.key)
      if (this.reports.has(id)) edit(entry).progress = progressOf(this.lookup.payloads, task, this.reports.get(id))
      this.reports.delete(id)
      if (entry.row.state === "Exited") this.release(entry)
    }
  }

  private put(row: Draft, seq: number, task: Task.Any | undefined, at: number): Entry {
    const before = this.entries.get(row.id)
    const entry: Entry = { row, seq, isShared: false, task }
    this.entries.set(row.id, entry)
    if (before === undefined) this.pools.enter(row.poolId, task?.pool, at)
    this.moved(entry, before === undefined ? undefined : bucketOf(before.row), at)
    return entry
  }

  private moved(entry: Entry, from: Bucket | undefined, at: number): void {
    const { row } = entry
    this.jobs.moved(row, from)
    this.usage.change(at, (holdsWorker(bucketOf(row)) ? 1 : 0) - (holdsWorker(from) ? 1 : 0))
    this.dirty.add(row.id)
    if (row.state !== "Exited") this.live.add(row.id)
    else if (this.live.delete(row.id) || from === undefined) this.keep(entry)
  }

  private hold(entry: Entry): void {
    if (entry.task === undefined) return
    if (this.held < kept.unsent) this.held++
    else entry.task = undefined
  }

  private release(entry: Entry | undefined): void {
    if (entry?.task === undefined) return
    entry.task = undefined
    this.held--
  }

  /** An exited task is kept until enough others have exited. */
  private keep(entry: Entry): void {
    this.hold(entry)
    this.exited.push(entry.row.id)
    if (this.exited.length - this.exitedStart <= this.limit) return
    const oldest = this.exited[this.exitedStart++]
    const gone = this.entries.get(oldest)
    this.release(gone)
    if (gone !== undefined) this.pools.leave(gone.row.poolId)
    for (const map of [this.entries, this.dirty, this.reports, this.retried]) map.delete(oldest)
    this.removed.push(oldest)
    if (this.exitedStart <= this.limit) return
    this.exited.splice(0, this.exitedStart)
    this.exitedStart = 0
  }

  private retry(
    { row: { id }, task = this.lookup.task(id) }: Entry,
    { error, ...when }: Omit<Attempt, "error"> & { readonly error: unknown }
  ): void {
    if (task === undefined) return // nobody knows any more what of the error is secret
    const attempts = this.retried.get(id) ?? []
    const cause = Cause.fail(error)
    attempts.push({ ...when, error: summaryOf(cause, this.lookup.payloads.secretsOf(task, cause)) })
    this.retried.set(id, attempts.slice(-kept.attempts.each))
    if (this.retried.size > kept.attempts.tasks) this.retried.delete(this.retried.keys().next().value!)
  }
}

const holdsWorker = (bucket: Bucket | undefined): boolean => bucket === "running" || bucket === "stopping"

const isHeld = (entry: Entry): entry is Held => entry.task !== undefined

const share = (entry: Entry): TaskRow => {
  entry.isShared = true
  return entry.row
}

const edit = (entry: Entry): Draft => {
  if (entry.isShared) {
    entry.row = { ...entry.row, segments: entry.row.segments.slice() }
    entry.isShared = false
  }
  return entry.row
}

const queuedRow = (event: Extract<Event, { readonly _tag: "TaskQueued" }>): Draft => ({
  id: event.taskId,
  job: bounded(event.job, text.name),
  key: "",
  state: "Queued",
  waitingFor: "slot",
  waitingUntil: null,
  exitStatus: null,
  worker: null,
  priority: finite(event.priority),
  attempt: 1,
  poolId: event.poolId,
  parentTaskId: event.parentTaskId ?? null,
  queuedAt: event.at,
  startedAt: null,
  finishedAt: null,
  sleepTime: 0,
  delay: 0,
  progress: null,
  error: null,
  segments: [{ from: event.at, state: "Queued", waitingFor: null, worker: null }]
})

/** What of a wait was chosen ends where a worker, or the job's limit, is what is waited for. */
const endDelay = (row: Draft, at: number): void => {
  if (row.waitingFor === "delay") row.delay = Math.min(at, row.waitingUntil ?? at) - row.queuedAt
}

const endSleep = (row: Draft, at: number): void => {
  if (row.state === "Sleeping") row.sleepTime += Math.max(0, at - row.segments.at(-1)!.from)
}

const enter = (
  row: Draft,
  from: number,
  state: Exclude<Segment["state"], "Unknown">,
  worker: number | null,
  waitingFor: Segment["waitingFor"] = null
): void => {
  endDelay(row, from)
  endSleep(row, from)
  row.state = state
  row.worker = worker
  row.waitingFor = waitingFor
  row.waitingUntil = null
  append(row.segments, { from, state, waitingFor, worker })
}

const exit = (row: Draft, at: number, exitStatus: TaskRow["exitStatus"]): void => {
  endDelay(row, at)
  endSleep(row, at)
  row.state = "Exited"
  row.waitingFor = row.waitingUntil = null
  row.exitStatus = exitStatus
  row.finishedAt = at
  // a stop that took no time is no news, unless it is how a cancelled task ended
  const last = row.segments.at(-1)
  if (last?.state === "Stopping" && last.from === at && exitStatus !== "canceled") row.segments.pop()
}

const append = (segments: Array<Segment>, segment: Segment): void => {
  segments.push(segment)
  if (segments.length <= kept.segments) return
  // what is left out is told as unknown, from where it began
  segments.splice(1, 2, unknownFrom(segments[1].from))
}

const unknownFrom = (from: number): Segment => ({ from, state: "Unknown", waitingFor: null, worker: null })

/** What changes without an event, where both mean the same state. */
const adjust = (entry: Entry, status: Task.Status, now: number): boolean => {
  const { priority, state, waitingFor, waitingUntil } = entry.row
  if (state !== status.state || state === "Exited") return false
  const current = {
    priority: finite(status.priority),
    waitingFor: Option.getOrNull(status.waitingFor),
    waitingUntil: Option.getOrNull(status.waitingUntil)
  }
  const isSame = current.priority === priority && current.waitingFor === waitingFor &&
    current.waitingUntil === waitingUntil
  if (isSame) return false
  const row = edit(entry)
  if (current.waitingFor !== "delay") endDelay(row, now)
  Object.assign(row, current)
  return true
}

/** A row of a task that stands somewhere in its life; of the past, only what the status and earlier rows tell. */
export const rowOf = (
  payloads: Payloads,
  task: Task.Any,
  status: Task.Status,
  before: TaskRow | undefined,
  now: number,
  unseenFrom?: number
): Draft => {
  const { attempt, exitStatus, finishedAt, parentTaskId, poolId, queuedAt, sleepTime, startedAt, state } = status
  const waitingFor = Option.getOrNull(status.waitingFor)
  return {
    id: status.id,
    job: bounded(status.job, text.name),
    key: payloads.key(task, status.key),
    state,
    waitingFor,
    waitingUntil: Option.getOrNull(status.waitingUntil),
    exitStatus: Option.getOrNull(exitStatus),
    worker: state === "Sleeping" ? null : Option.getOrNull(status.worker),
    priority: finite(status.priority),
    attempt,
    poolId,
    parentTaskId: Option.getOrNull(parentTaskId),
    queuedAt,
    startedAt: Option.getOrNull(startedAt),
    finishedAt: Option.getOrNull(finishedAt),
    sleepTime,
    delay: before?.delay ?? 0,
    progress: Option.isSome(status.progress) ? progressOf(payloads, task, status.progress.value) : null,
    error: Option.contains(exitStatus, "error") ? errorOf(payloads, task, status) : null,
    segments: segmentsOf(status, before, now, unseenFrom)
  }
}

const segmentsOf = (
  status: Task.Status,
  before: TaskRow | undefined,
  now: number,
  unseenFrom: number | undefined
): Array<Segment> => {
  const { queuedAt, startedAt, state } = status
  const worker = Option.getOrNull(status.worker)
  const segments: Array<Segment> = before === undefined
    ? [{ from: queuedAt, state: "Queued", waitingFor: null, worker: null }]
    : [...before.segments]
  if ((before?.startedAt ?? null) === null && Option.isSome(startedAt)) {
    append(
      segments,
      ranInOneGo(status)
        ? { from: startedAt.value, state: "Running", waitingFor: null, worker }
        : unknownFrom(startedAt.value)
    )
  } else if (before !== undefined && unseenFrom !== undefined && before.state !== state) {
    append(segments, unknownFrom(Math.max(unseenFrom, segments.at(-1)!.from)))
  }
  const isNews = before === undefined || before.state !== state
  if (state !== "Exited" && segments.at(-1)!.state !== state && isNews) {
    const lane = state === "Sleeping" ? null : worker
    append(segments, { from: now, state, waitingFor: Option.getOrNull(status.waitingFor), worker: lane })
  }
  return segments
}

/** Then the last worker is the only one, and it was there from the start. */
const ranInOneGo = ({ attempt, sleepTime, state }: Task.Status): boolean =>
  attempt === 1 && sleepTime === 0 && (state === "Running" || state === "Exited")

const progressOf = (payloads: Payloads, task: Task.Any, progress: unknown): string =>
  bounded(scrub(payloads.json(task, "progress", progress, text.row).text, payloads.secretsOf(task)), text.row)

const errorOf = (payloads: Payloads, task: Task.Any, { exit }: Task.Status): string | null =>
  Option.isSome(exit) && exit.value._tag === "Failure"
    ? summaryOf(exit.value.cause, payloads.secretsOf(task, exit.value.cause))
    : null
